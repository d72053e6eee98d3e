/* A record's number is how many stand in front of it, as a line's number in a file. They need not
 * all be looked at: the server counts those before a time, and only the rows from there to the
 * hit are walked over by their ids. Hits near to each other go on in the same walk.
 * Why a second: rows are ordered by id, counted by time. An id is its record's time or a free
 * number just above it, so that a run of equal times reaches as many ns behind its time as it has
 * records; a thousand million would be needed to reach over one second. */
#include "cli/grep_number.h"

#include "base/checked.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/grep_pages.h"
#include "cli/json_pick.h"
#include "record/timestamp.h"

enum { FIRST_ROWS = 100, PAGE_BYTES_MAX = 1 << 30, CURSOR_BYTES_MAX = 4096, TIME_BYTES = 64 };

void grep_number_init(grep_number *n, const grep_source *s)
{
    n->all = *s;
    n->all.query = n->all.since = n->all.until = (al_slice){0};
    n->all.needs_fields = false;
    al_buf_init(&n->since, TIME_BYTES);
    al_buf_init(&n->page, PAGE_BYTES_MAX);
    al_buf_init(&n->cursor, CURSOR_BYTES_MAX);
    n->n_ids = n->at = n->n_asked = 0;
    n->n_before = 0;
}

void grep_number_done(grep_number *n)
{
    al_buf_done(&n->since);
    al_buf_done(&n->page);
    al_buf_done(&n->cursor);
}

static void take_id(void *ctx, al_slice hit)
{
    grep_number *n = ctx;
    if (n->n_ids < NUMBER_PAGE_ROWS_MAX)
        n->ids[n->n_ids++] = json_pick_id(hit);
}

/* The rows from `since`, or behind the page at hand. */
static al_code take_page(grep_number *n, al_err *err)
{
    json_token next;
    al_buf more;
    al_buf_init(&more, CURSOR_BYTES_MAX + TIME_BYTES);
    al_buf_printf(&more, "&order=asc&format=json&limit=%zu&cursor=", n->n_asked);
    al_buf_slice_put(&more, al_buf_slice(&n->cursor));
    al_buf_u8(&more, '\0');
    n->all.since = n->cursor.len ? (al_slice){0} : al_buf_slice(&n->since); /* a cursor knows it */
    al_code c = al_buf_code(&more)
                    ? al_fail(err, AL_INVALID, CLI_NOT_ALCO)
                    : grep_source_page(&n->all, (const char *)more.ptr, &n->page, err);
    al_buf_done(&more);
    if (c)
        return c;
    n->n_before += n->n_ids;
    n->n_ids = n->at = 0;
    json_pick_items(al_buf_slice(&n->page), "hits", take_id, n);
    al_buf_clear(&n->cursor);
    if (json_pick(al_buf_slice(&n->page), "next", &next) && next.type == VAL_STRING)
        cli_put_escaped(&n->cursor, next.raw);
    return AL_OK;
}

/* Stands before the rows of the second in front of `id`. */
static al_code jump(grep_number *n, uint64_t id, al_err *err)
{
    uint64_t count = 0;
    int64_t from_ns = (int64_t)id - AL_NS_PER_S;
    al_buf_clear(&n->since);
    al_buf_clear(&n->cursor);
    n->n_ids = n->at = 0;
    n->n_asked = FIRST_ROWS;
    n->n_before = 0;
    if (from_ns <= 0)
        return take_page(n, err);
    rec_time_format(&n->since, from_ns);
    n->all.since = (al_slice){0};
    n->all.until = al_buf_slice(&n->since);
    al_code c = grep_source_count(&n->all, &count, err);
    n->all.until = (al_slice){0};
    n->n_before = count;
    return c ? c : take_page(n, err);
}

al_code grep_number_of(grep_number *n, uint64_t id, uint64_t *ret, al_err *err)
{
    bool has_jumped = false;
    for (;;) {
        while (n->at < n->n_ids && n->ids[n->at] < id)
            n->at++;
        if (n->at < n->n_ids)
            break;
        uint64_t last = n->n_ids ? n->ids[n->n_ids - 1] : 0;
        bool is_far = !has_jumped && id - last > 2 * (uint64_t)AL_NS_PER_S;
        if (!is_far && n->n_ids && n->cursor.len == 0)
            break; /* no more rows */
        n->n_asked = AL_MIN(n->n_asked * 2, (size_t)NUMBER_PAGE_ROWS_MAX);
        al_code c = is_far ? jump(n, id, err) : take_page(n, err);
        if (c)
            return c;
        has_jumped = has_jumped || is_far;
        if (n->n_ids == 0)
            break;
    }
    if (n->at == n->n_ids || n->ids[n->at] != id)
        return al_fail(err, AL_NOT_FOUND, "record %llu went while its number was looked for",
                       (unsigned long long)id);
    *ret = n->n_before + n->at + 1;
    return AL_OK;
}
