/* A record's number is how many stand in front of it, as a line's number in a file. They need not
 * all be looked at: the server counts those before a time, and only the rows from there to the
 * hit are walked over by their ids. Hits near to each other go on in the same walk.
 * Why a second: rows are ordered by id, counted by time. An id is its record's time or a free
 * number just above it, so that a run of equal times reaches as many ns behind its time as it has
 * records; a thousand million would be needed to reach over one second. */
#include "cli/grep_number.h"

#include "base/clock.h"
#include "record/timestamp.h"

enum { TIME_BYTES = 64 };

void grep_number_init(grep_number *n, const grep_source *s)
{
    grep_rows_init(&n->rows, s);
    n->rows.all.needs_fields = false;
    n->has_place = false;
    n->n_before = 0;
}

void grep_number_done(grep_number *n)
{
    grep_rows_done(&n->rows);
}

/* Goes to the rows of the second in front of `id`. */
static al_code jump(grep_number *n, uint64_t id, al_err *err)
{
    grep_source *all = &n->rows.all;
    int64_t from_ns = (int64_t)id - AL_NS_PER_S;
    AL_CLEANUP(al_buf_done) al_buf since;
    al_buf_init(&since, TIME_BYTES);
    n->n_before = 0;
    n->has_place = true;
    if (from_ns > 0) {
        rec_time_format(&since, from_ns);
        all->until = al_buf_slice(&since);
        al_code c = grep_source_count(all, &n->n_before, err);
        all->until = (al_slice){0};
        if (c)
            return c;
    }
    return grep_rows_from(&n->rows, al_buf_slice(&since), err);
}

static al_code next_page(grep_number *n, al_err *err)
{
    n->n_before += n->rows.n;
    return grep_rows_fetch(&n->rows, err);
}

static bool is_far(const grep_number *n, uint64_t id)
{
    uint64_t last = n->rows.n ? n->rows.rows[n->rows.n - 1].id : 0;
    return !n->has_place || id - last > 2 * (uint64_t)AL_NS_PER_S;
}

al_code grep_number_of(grep_number *n, uint64_t id, uint64_t *ret, al_err *err)
{
    al_code c = AL_OK;
    bool has_jumped = false;
    const grep_row *row = grep_rows_peek(&n->rows);
    while (!row || row->id < id) {
        if (row) {
            n->rows.at++;
        } else if (!has_jumped && is_far(n, id)) {
            c = jump(n, id, err);
            has_jumped = true;
        } else if (grep_rows_has_more(&n->rows)) {
            c = next_page(n, err);
        } else {
            break;
        }
        if (c)
            return c;
        row = grep_rows_peek(&n->rows);
    }
    if (!row || row->id != id)
        return al_fail(err, AL_NOT_FOUND, "record %llu went while its number was looked for",
                       (unsigned long long)id);
    *ret = n->n_before + n->rows.at + 1;
    return AL_OK;
}
