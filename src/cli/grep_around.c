/* Two walks, merged by id: the hits, which come pushed by grep_pages, and all rows of the index,
 * which are pulled up to each hit (grep_rows). Rows in between are held, the last `before` of them,
 * until a hit shows that they are wanted.
 *
 * Walk or jump? Where hits are near to each other, reading all rows between them is far cheaper
 * than asking for each hit's neighbours; where 50 hits are in 100 million rows, it would never
 * end. How many rows lie between is not known before they are read. So:
 * - At most WALK_ROWS (and twice `before`) are read on the way to a hit; then we jump to it. They
 *   cost about as much as a jump, so that the worst is twice the best.
 * - A walk that ended in vain teaches: ids are times, and where a hit is farther in time than `far`
 *   we jump at once. `far` becomes an eighth of the distance walked in vain and grows by a quarter
 *   with each jump made at once, so that in a sparse index one hit in about ten tries to walk, and
 *   in a dense one a few look-ups after a sparse stretch all walk again.
 * Rows behind a hit are wanted anyway and are always walked.
 *
 * A gap is where a row was dropped: a jump goes to one row more in front than is wanted, so that
 * either rows printed already come again, and nothing is between, or the surplus row is dropped. */
#include "cli/grep_around.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/grep_pages.h"
#include "cli/grep_rows.h"
#include "cli/json_pick.h"

enum { HIT_ROWS = 500 /* of a page of hits */, WALK_ROWS = 1000, SLACK_ROWS = 1000 };
#define HELD_BYTES_MAX ((size_t)8 << 30)

typedef struct held_row {
    size_t begin, len; /* in held_bytes */
    uint64_t id;
} held_row;

typedef struct around {
    const around_job *job;
    grep_rows rows;
    bool has_place;    /* rows stands somewhere */
    uint64_t place;    /* id of the row passed last */
    uint64_t far;      /* jump over larger distances of ids */
    uint64_t last;     /* id of the row printed last; 0: none */
    uint64_t left;     /* rows behind the last hit still to print */
    al_buf held_bytes; /* rows that may come to be in front of a hit */
    held_row *held;
    size_t held_cap, n_held;
    bool has_dropped; /* a row since the last one printed */
    uint64_t n;       /* hits */
    bool is_over;
    al_code code;
    al_err *err;
} around;

/* ---- Rows held */

static void drop_all(around *a)
{
    al_buf_clear(&a->held_bytes);
    a->n_held = 0;
}

/* Keeps the last `before`. Not with every row, as it moves them. */
static void drop_surplus(around *a)
{
    size_t n_gone = a->n_held - (size_t)AL_MIN(a->job->before, a->n_held);
    if (n_gone == 0)
        return;
    a->has_dropped = true;
    if (n_gone == a->n_held) {
        drop_all(a);
        return;
    }
    size_t begin = a->held[n_gone].begin;
    a->n_held -= n_gone;
    a->held_bytes.len -= begin;
    memmove(a->held_bytes.ptr, a->held_bytes.ptr + begin, a->held_bytes.len);
    memmove(a->held, a->held + n_gone, a->n_held * sizeof a->held[0]);
    for (size_t i = 0; i < a->n_held; i++)
        a->held[i].begin -= begin;
}

static al_code hold(around *a, const grep_row *row)
{
    if (a->job->before == 0) {
        a->has_dropped = true;
        return AL_OK;
    }
    if (a->n_held >= a->job->before && a->n_held - a->job->before >= a->job->before + SLACK_ROWS)
        drop_surplus(a);
    if (a->n_held == a->held_cap) {
        held_row *more =
            al_grow(a->held, &a->held_cap, a->n_held, sizeof *more, 64, SIZE_MAX / sizeof *more);
        if (!more)
            return al_fail(a->err, AL_NOMEM, "no memory for %zu rows in front of a hit", a->n_held);
        a->held = more;
    }
    a->held[a->n_held++] = (held_row){a->held_bytes.len, row->text.len, row->id};
    al_buf_slice_put(&a->held_bytes, row->text);
    if (al_buf_code(&a->held_bytes))
        return al_fail(a->err, AL_LIMIT, "%zu rows in front of a hit are too long to hold",
                       a->n_held);
    return AL_OK;
}

/* ---- Printing */

static void print_row(around *a, al_slice row, uint64_t id, bool is_hit)
{
    a->is_over = a->is_over || !a->job->print(a->job->ctx, row, is_hit);
    a->last = id;
    a->has_dropped = false;
}

static void print_group(around *a, al_slice hit, uint64_t id)
{
    drop_surplus(a);
    if (a->last == 0 || a->has_dropped)
        a->job->gap(a->job->ctx);
    for (size_t i = 0; i < a->n_held && !a->is_over; i++) {
        const held_row *h = &a->held[i];
        print_row(a, (al_slice){a->held_bytes.ptr + h->begin, h->len}, h->id, false);
    }
    drop_all(a);
    print_row(a, hit, id, true);
    a->left = a->job->after;
}

/* ---- The way to a hit */

/* Passes the row at hand, which is no hit. */
static al_code pass(around *a, const grep_row *row)
{
    al_code c = AL_OK;
    if (row->id <= a->last) { /* behind a jump: printed already */
    } else if (a->left) {
        a->left--;
        print_row(a, row->text, row->id, false);
    } else {
        c = hold(a, row);
    }
    a->place = row->id;
    a->rows.at++;
    return c;
}

static al_code jump(around *a, uint64_t id)
{
    drop_all(a);
    a->has_place = true;
    return grep_rows_jump(&a->rows, id, a->job->before + 1, a->job->after, a->err);
}

/* Of rows that are not fetched yet; see above. */
static bool should_jump(around *a, uint64_t distance, uint64_t n_walked)
{
    if (!a->has_place)
        return true;
    if (a->left)
        return false;
    if (n_walked >= WALK_ROWS + 2 * a->job->before) {
        a->far = distance / 8 + 1;
        return true;
    }
    if (n_walked || distance < a->far)
        return false;
    a->far += AL_MIN(a->far / 4 + 1, UINT64_MAX - a->far);
    return true;
}

/* Passes all rows in front of the hit, and the hit itself. */
static al_code go_to(around *a, uint64_t id)
{
    bool has_jumped = false;
    uint64_t n_walked = 0; /* rows fetched on this way */
    uint64_t distance = id - a->place;
    al_code c = AL_OK;
    while (!c && !a->is_over) {
        const grep_row *row = grep_rows_peek(&a->rows);
        if (row && row->id >= id) {
            a->rows.at += row->id == id;
            break;
        }
        if (row) {
            c = pass(a, row);
        } else if (!has_jumped && should_jump(a, distance, n_walked)) {
            c = jump(a, id);
            has_jumped = true;
        } else if (grep_rows_has_more(&a->rows)) {
            c = grep_rows_fetch(&a->rows, a->err);
            n_walked += a->left ? 0 : a->rows.n;
        } else {
            break;
        }
    }
    a->place = id;
    return c;
}

static bool take_hit(void *ctx, al_slice hit)
{
    around *a = ctx;
    uint64_t id = json_pick_id(hit);
    a->code = go_to(a, id);
    if (a->code || a->is_over)
        return false;
    print_group(a, hit, id);
    a->n++;
    return !a->is_over && a->n != a->job->max;
}

/* The rows behind the last hit. */
static al_code finish(around *a)
{
    al_code c = AL_OK;
    while (!c && a->left && !a->is_over) {
        const grep_row *row = grep_rows_peek(&a->rows);
        if (row)
            c = pass(a, row);
        else if (grep_rows_has_more(&a->rows))
            c = grep_rows_fetch(&a->rows, a->err);
        else
            break;
    }
    return c;
}

al_code grep_around(const around_job *job, uint64_t *ret_n, al_err *err)
{
    around a = {.job = job, .err = err, .far = UINT64_MAX};
    grep_rows_init(&a.rows, job->source);
    al_buf_init(&a.held_bytes, HELD_BYTES_MAX);
    unsigned n_hits = job->max ? (unsigned)AL_MIN(job->max, (uint64_t)HIT_ROWS) : HIT_ROWS;
    al_code c = grep_pages(job->source, n_hits, take_hit, &a, err);
    if (!c)
        c = a.code;
    if (!c)
        c = finish(&a);
    *ret_n = a.n;
    grep_rows_done(&a.rows);
    al_buf_done(&a.held_bytes);
    free(a.held);
    return c;
}
