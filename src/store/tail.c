/* Rows in order of arrival.
 *
 * Every row knows where it stood in the log (frame and row), also after it was merged: positions
 * are kept for a good hour as runs, "rows 10..19 of this unit are rows 3..12 of frame 77". A tail
 * collects the runs behind its place from all units, sorts them and reads the rows.
 *
 * Memory: when there are more runs than RUNS_MAX, the first RUNS_MAX of them in order are taken,
 * then the units are gone through again for the next ones.
 *
 * Invariants: (1) a snapshot holds whole frames, so once all rows up to its end were given the
 * place is "behind all of frame `end`", which stays good when the positions of that frame are
 * forgotten; (2) a place is refused when rows behind it may have lost their positions: a tail has
 * no gap, or it says so; (3) rows that cannot be read are passed, and named in the answer. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/views.h"

enum { RUNS_MAX = 32768, ARENA_BLOCK_BYTES = 64 * 1024 };

typedef struct tail_unit {
    const unit *u;
    unit_blocks blocks;
    uint32_t index_no;
} tail_unit;

typedef struct tail_run { /* rows of a unit that arrived one after the other */
    eng_arrival at;       /* of the first */
    uint32_t unit_no;
    uint32_t first_row;
    uint32_t n_rows;
} tail_run;

typedef struct tail {
    reading rd;
    views *views;
    tail_unit *units;
    uint32_t n_units;
    al_arena *scratch; /* runs of one unit */
    tail_run *runs;    /* a heap with the last on top while collecting; then sorted */
    size_t n_runs;
    bool has_more; /* runs were left for the next round */
    eng_arrival reached;
    eng_tail_fn *fn;
    void *ctx;
    bool is_stopped;
} tail;

static void tail_done(tail *t)
{
    for (uint32_t i = 0; i < t->n_units; i++)
        unit_close(&t->units[i].blocks);
    (void)views_free(t->views);
    (void)al_arena_free(t->scratch);
    free(t->runs);
    reading_close(&t->rd);
}

static int compare_arrival(eng_arrival a, eng_arrival b)
{
    if (a.frame != b.frame)
        return a.frame < b.frame ? -1 : 1;
    return a.row < b.row ? -1 : a.row > b.row;
}

/* ---- Units */

static al_code add_units(tail *t, uint32_t no, const unit *units, size_t n, al_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const unit *u = &units[i];
        tail_unit *tu = &t->units[t->n_units];
        if (!reading_has_some_times(&t->rd, u->min_ns, u->max_ns))
            continue;
        *tu = (tail_unit){.u = u, .index_no = no};
        al_code c = unit_open(u, &tu->blocks, err);
        if (c) {
            c = reading_damage(&t->rd, u, c, err);
            if (c)
                return c;
            continue;
        }
        t->n_units++; /* now tail_done closes it */
        if (!reading_may_match(&t->rd, no, u, &tu->blocks)) {
            unit_close(&tu->blocks);
            t->n_units--;
        }
    }
    return AL_OK;
}

static al_code open_units(tail *t, eng_arrival after, al_err *err)
{
    const store_pin *pin = t->rd.pin;
    const unit **lists = al_arena_alloc(t->rd.arena, pin->n, sizeof(unit *));
    size_t *counts = al_arena_alloc(t->rd.arena, pin->n, sizeof *counts);
    if (!lists || !counts)
        return al_fail(err, AL_NOMEM, "tail");
    size_t total = 0;
    for (size_t i = 0; i < pin->n; i++) {
        al_code c = snapshot_select_arrived(pin->at[i].snap, after.frame, t->rd.arena, &lists[i],
                                            &counts[i]);
        if (c)
            return al_fail(err, c, "tail");
        total += counts[i];
    }
    t->units = al_arena_alloc(t->rd.arena, total + 1, sizeof *t->units);
    if (!t->units)
        return al_fail(err, AL_NOMEM, "tail");
    al_code c = AL_OK;
    for (uint32_t i = 0; i < pin->n && !c; i++)
        c = add_units(t, i, lists[i], counts[i], err);
    return c;
}

/* Invariant 2. */
static bool can_resume(const tail *t, eng_arrival after)
{
    const store_pin *pin = t->rd.pin;
    if (after.frame > pin->end.frame)
        return false; /* not a place of ours */
    for (size_t i = 0; i < pin->n; i++) {
        uint64_t first = snapshot_first_frame(pin->at[i].snap);
        bool is_just_behind = after.frame + 1 == first && after.row == UINT32_MAX;
        if (first > 1 && after.frame < first && !is_just_behind)
            return false;
    }
    return true;
}

/* ---- Runs */

static void heap_swap(tail_run *a, tail_run *b)
{
    tail_run t = *a;
    *a = *b;
    *b = t;
}

static void sift_down(tail *t)
{
    for (size_t at = 0;;) {
        size_t most = at;
        for (size_t kid = 2 * at + 1; kid <= 2 * at + 2 && kid < t->n_runs; kid++)
            if (compare_arrival(t->runs[kid].at, t->runs[most].at) > 0)
                most = kid;
        if (most == at)
            return;
        heap_swap(&t->runs[at], &t->runs[most]);
        at = most;
    }
}

static void keep_run(tail *t, tail_run run)
{
    if (t->n_runs == RUNS_MAX) {
        t->has_more = true;
        if (compare_arrival(run.at, t->runs[0].at) > 0)
            return;
        t->runs[0] = run;
        sift_down(t);
        return;
    }
    size_t at = t->n_runs++;
    t->runs[at] = run;
    for (; at > 0 && compare_arrival(t->runs[(at - 1) / 2].at, t->runs[at].at) < 0;
         at = (at - 1) / 2)
        heap_swap(&t->runs[(at - 1) / 2], &t->runs[at]);
}

/* Keeps what of the run lies behind t->reached. */
static void keep_behind(tail *t, uint32_t unit_no, const pos_run *p)
{
    eng_arrival at = {.frame = p->frame, .row = p->row};
    uint32_t skip = 0;
    if (p->frame < t->reached.frame || p->n_rows == 0)
        return;
    if (p->frame == t->reached.frame && p->row <= t->reached.row) {
        if (t->reached.row - p->row >= p->n_rows - 1)
            return;
        skip = t->reached.row - p->row + 1;
    }
    at.row += skip;
    keep_run(t, (tail_run){.at = at,
                           .unit_no = unit_no,
                           .first_row = p->first_row + skip,
                           .n_rows = p->n_rows - skip});
}

static int by_arrival(const void *a, const void *b)
{
    return compare_arrival(((const tail_run *)a)->at, ((const tail_run *)b)->at);
}

static al_code collect(tail *t, al_err *err)
{
    t->n_runs = 0;
    t->has_more = false;
    for (uint32_t i = 0; i < t->n_units; i++) {
        const pos_run *runs = NULL;
        size_t n = 0;
        al_arena_reset(t->scratch);
        al_code c = reading_check(&t->rd);
        if (c)
            return c;
        c = unit_positions(t->units[i].u, t->scratch, &runs, &n, err);
        if (c == AL_NOT_FOUND)
            continue; /* all of it is older than what can_resume allowed */
        if (c)
            c = reading_damage(&t->rd, t->units[i].u, c, err);
        if (c)
            return c;
        for (size_t k = 0; k < n; k++)
            keep_behind(t, i, &runs[k]);
    }
    if (t->n_runs)
        qsort(t->runs, t->n_runs, sizeof *t->runs, by_arrival);
    return AL_OK;
}

/* ---- Rows */

static uint32_t block_of_row(const unit_blocks *b, uint32_t row)
{
    uint32_t lo = 0;
    uint32_t hi = b->n_blocks;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (b->blocks[mid].first_row <= row)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static al_code give_row(tail *t, const tail_unit *tu, decided *d, uint32_t row, al_err *err)
{
    static const block_want all = {.is_all = true};
    record rec;
    al_code c = block_view_record(d->view, row, &all, &rec, err);
    if (c)
        return c;
    const eng_row out = {
        .index = t->rd.pin->at[tu->index_no].name, .index_no = tu->index_no, .rec = &rec};
    t->is_stopped = t->fn(t->ctx, &out, t->reached) == ENG_STOP;
    return AL_OK;
}

/* The part of a run that stands in one block, or what of it there is time for; *ret_n: how many
 * rows that are. */
static al_code give_part(tail *t, const tail_run *run, uint32_t done, uint32_t *ret_n, al_err *err)
{
    const tail_unit *tu = &t->units[run->unit_no];
    uint32_t row = run->first_row + done;
    uint32_t block = block_of_row(&tu->blocks, row);
    const block_info *info = &tu->blocks.blocks[block];
    uint32_t from = row - info->first_row;
    if (from >= info->n_rows)
        return al_fail(err, AL_CORRUPT, "position of row %u, which is not there", row);
    uint32_t to = AL_MIN(info->n_rows, from + (run->n_rows - done));
    *ret_n = to - from;
    decided *d = NULL;
    bool is_new = false;
    const view_source source = {
        .number = run->unit_no, .index_no = tu->index_no, .u = tu->u, .blocks = &tu->blocks};
    al_code c = views_get(t->views, &source, block, &d, &is_new, err);
    uint32_t n = 0;
    if (!c)
        c = reading_decide(&t->rd, d, from, to, false, &n, err);
    for (uint32_t i = from; i < from + n && !c && !t->is_stopped; i++) {
        t->reached = (eng_arrival){.frame = run->at.frame, .row = run->at.row + done + (i - from)};
        if (row_bits_has(&d->bits, i))
            c = give_row(t, tu, d, i, err);
    }
    if (!c)
        *ret_n = n; /* else all of it is passed */
    return c;
}

static al_code give_run(tail *t, const tail_run *run, al_err *err)
{
    for (uint32_t done = 0; done < run->n_rows && !t->is_stopped && !t->rd.is_out;) {
        uint32_t n = run->n_rows - done;
        al_code c = give_part(t, run, done, &n, err);
        if (c)
            c = reading_damage(&t->rd, t->units[run->unit_no].u, c, err);
        if (c)
            return c;
        done += n;
        if (!t->is_stopped && done) /* also when they could not be read */
            t->reached = (eng_arrival){.frame = run->at.frame, .row = run->at.row + done - 1};
    }
    return AL_OK;
}

static al_code give_all(tail *t, al_err *err)
{
    do {
        al_code c = collect(t, err);
        for (size_t i = 0; i < t->n_runs && !c && !t->is_stopped && !t->rd.is_out; i++)
            c = give_run(t, &t->runs[i], err);
        if (c)
            return c;
    } while (t->has_more && !t->is_stopped && !t->rd.is_out);
    if (!t->is_stopped && !t->rd.is_out) /* invariant 1 */
        t->reached = (eng_arrival){.frame = t->rd.pin->end.frame, .row = UINT32_MAX};
    return AL_OK;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is engine.h's */
al_code store_tail(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                   eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached, eng_partial *ret_partial,
                   al_err *err)
{
    eng_answer answer;
    AL_CLEANUP(tail_done) tail t = {.fn = fn, .ctx = ctx, .reached = after};
    al_code c = reading_open(&t.rd, e, s, b, &answer, err);
    if (c)
        return c;
    if (!can_resume(&t, after))
        return al_fail(err, AL_NOT_FOUND,
                       "the place is not ours, or too old to go on without a gap");
    reading_resume(&t.rd, after.frame);
    t.views = views_new(&t.rd);
    t.scratch = al_arena_new(ARENA_BLOCK_BYTES);
    t.runs = al_alloc(RUNS_MAX, sizeof *t.runs);
    if (!t.views || !t.scratch || !t.runs)
        return al_fail(err, AL_NOMEM, "tail");
    c = open_units(&t, after, err);
    if (!c)
        c = give_all(&t, err);
    if (c)
        return c;
    *ret_reached = t.reached;
    if (ret_partial)
        *ret_partial = answer.partial;
    return AL_OK;
}
