/* The loop behind count, histogram and values: unit by unit, block by block.
 *
 * Blocks outside the time range are not read; a block inside it of which every row matches (a query
 * for everything) is told by its directory entry alone, so counting and most of a histogram read
 * nothing. Rows of other blocks are decided some thousand at a time, so that budgets and a client
 * that went away are noticed.
 *
 * Threads: who asks goes through the blocks; once the first one that had to be opened is done,
 * helpers of the pool take blocks as well, each a worker with filters, an open block and results of
 * its own. What is next is under `lock`, which is held while the next unit's directory is read:
 * only threads of this one question wait for it. An opened unit lives until its last block is done.
 *
 * Invariants: (1) each block is taken by one worker; (2) a worker's results are touched by its
 * thread, and by the caller's once no helper is inside; (3) the first row is decided by the caller:
 * helpers begin behind it. */
#include "store/scan.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/thread.h"

enum { PIECE_ROWS = 2048, ARENA_BLOCK_BYTES = 16 * 1024 };

/* A unit of which blocks are being looked at. */
typedef struct open_unit {
    unit u; /* its segment or memtab is pinned */
    unit_blocks blocks;
    uint32_t index_no;
    unsigned refs;  /* under the scan's lock */
    bool is_listed; /* its blocks are the caller's */
} open_unit;

typedef struct scan scan;

typedef struct worker {
    scan *s;
    reading *rd; /* the caller's, or `part` */
    void *ctx;
    bool is_ready;
    decided d; /* one block open at a time */
    reading part;
    eng_answer answer;
    al_err err;
} worker;

struct scan {
    /* immutable */
    reading *rd;
    const scan_options *opt;
    scan_fn *fn;
    void *ctx;
    const scan_list *list; /* NULL: all of the reading */
    pool *pool;            /* NULL: nobody may help */
    worker *helpers;
    unsigned n_helpers;
    /* the caller's thread */
    pool_job job;
    bool has_joined;
    /* under lock: what is next */
    pthread_mutex_t lock;
    al_arena *arena; /* of units */
    uint32_t index_no;
    const unit *units; /* of this index; NULL: not yet known */
    size_t n_units;
    size_t unit_at;
    open_unit *now; /* units[unit_at]; NULL: not opened */
    uint32_t block_at;
    open_unit *listed; /* of `list` */
    uint32_t list_at;
    /* under lock: no more blocks are given */
    bool is_ending;
    al_code code; /* the first failure */
    al_err err;
};

/* ---- What is next */

static void unref_locked(const scan *s, open_unit *o)
{
    if (!o || --o->refs)
        return;
    if (!o->is_listed) {
        reading_forget(s->rd, o->index_no, &o->u);
        unit_close(&o->blocks);
    }
    free(o);
}

static bool has_column(const scan_options *opt, const unit *u, const unit_blocks *blocks)
{
    for (uint32_t i = 0; i < opt->n_heads; i++)
        if (unit_may_have_name(u, blocks, opt->heads[i].name))
            return true;
    return opt->n_heads == 0;
}

/* Of units[unit_at]; s->now stays NULL when there is nothing to look at. */
static al_code open_unit_locked(scan *s, worker *w, al_err *err)
{
    open_unit *o = al_zalloc(1, sizeof *o);
    if (!o)
        return al_fail(err, AL_NOMEM, "scan");
    *o = (open_unit){.u = s->units[s->unit_at], .index_no = s->index_no, .refs = 1};
    al_code c = unit_open(&o->u, &o->blocks, err);
    if (c) {
        c = reading_damage(w->rd, &o->u, c, err);
    } else if (reading_may_match(w->rd, s->index_no, &o->u, &o->blocks) &&
               has_column(s->opt, &o->u, &o->blocks)) {
        s->now = AL_TAKE(o);
        s->block_at = 0;
    }
    unref_locked(s, o);
    return c ? c : reading_spend(w->rd, 0); /* opening many takes time too */
}

static al_code select_locked(scan *s, worker *w, al_err *err)
{
    const reading *rd = w->rd;
    al_arena_reset(s->arena);
    s->unit_at = 0;
    al_code c = snapshot_select(rd->pin->at[s->index_no].snap, rd->scope->from_ns, rd->scope->to_ns,
                                s->arena, &s->units, &s->n_units);
    return c ? al_fail(err, c, "scan") : AL_OK;
}

/* The first block of the open unit, from the present one on, that has times of the scope. */
static bool to_block_locked(scan *s)
{
    const unit_blocks *b = &s->now->blocks;
    while (s->block_at < b->n_blocks &&
           !reading_has_some_times(s->rd, b->blocks[s->block_at].min_ns,
                                   b->blocks[s->block_at].max_ns))
        s->block_at++;
    return s->block_at < b->n_blocks;
}

static open_unit *next_listed_locked(scan *s, uint32_t *ret_block)
{
    if (s->list_at == s->list->n)
        return NULL;
    *ret_block = s->list->at[s->list_at++];
    s->listed->refs++;
    return s->listed;
}

/* *ret NULL: there is no more, or no more may be begun. The caller has a reference. */
static al_code next_locked(scan *s, worker *w, open_unit **ret, uint32_t *ret_block, al_err *err)
{
    *ret = NULL;
    while (!s->is_ending && !w->rd->is_out && s->index_no < s->rd->pin->n) {
        al_code c = reading_need(w->rd, s->index_no, err);
        if (!c && s->list) {
            *ret = next_listed_locked(s, ret_block);
            return AL_OK;
        }
        if (!c && !s->units)
            c = select_locked(s, w, err);
        if (c)
            return c;
        if (s->unit_at == s->n_units) {
            s->index_no++;
            s->units = NULL;
        } else if (!s->now) {
            c = open_unit_locked(s, w, err);
            s->unit_at += s->now == NULL;
        } else if (to_block_locked(s)) {
            *ret = s->now;
            *ret_block = s->block_at++;
            s->now->refs++;
            return AL_OK;
        } else {
            unref_locked(s, s->now);
            s->now = NULL;
            s->unit_at++;
        }
        if (c)
            return c;
    }
    return AL_OK;
}

/* ---- One block */

/* Is everything said of a block without opening it? */
static al_code ask_lexicon(worker *w, const open_unit *o, uint32_t i, scan_block *b,
                           bool *ret_is_done, al_err *err)
{
    al_code c = reading_known(w->rd, o->index_no, &o->u, &o->blocks, true, &w->d.lex, err);
    if (c || !w->d.lex)
        return c;
    if (!known_may_match(w->d.lex, i)) {
        *ret_is_done = true;
        return reading_spend(w->rd, 0);
    }
    b->is_counted = w->s->opt->takes_counts &&
                    reading_has_all_times(w->rd, b->info->min_ns, b->info->max_ns) &&
                    known_count(w->d.lex, i, &b->n_matches);
    if (!b->is_counted)
        return AL_OK;
    *ret_is_done = true;
    c = reading_spend(w->rd, 0);
    return c ? c : w->s->fn(w->ctx, b, err);
}

static al_code open_block(worker *w, const open_unit *o, uint32_t i, al_err *err)
{
    verdicts_clear(w->d.known);
    w->d.block = i;
    return unit_open_block(&o->u, &o->blocks, i, w->d.view, false, err);
}

static al_code decide_block(worker *w, scan_block *b, al_err *err)
{
    uint32_t n_rows = b->n_rows;
    b->n_rows = 0;
    while (b->n_rows < n_rows && !w->rd->is_out) {
        uint32_t n = 0;
        uint32_t to = AL_MIN(b->n_rows + PIECE_ROWS, n_rows);
        al_code c = reading_decide(w->rd, &w->d, b->n_rows, to, false, &n, err);
        if (c)
            return c;
        b->n_rows += n;
    }
    return AL_OK;
}

static al_code to_index(worker *w, uint32_t no, al_err *err)
{
    if (w->d.known && w->d.index_no == no)
        return AL_OK;
    (void)verdicts_free(w->d.known);
    w->d.index_no = no;
    w->d.known = verdicts_new(w->rd->filters[no]);
    return w->d.known ? AL_OK : al_fail(err, AL_NOMEM, "scan");
}

static al_code scan_block_of(worker *w, const open_unit *o, uint32_t i, al_err *err)
{
    reading *rd = w->rd;
    const scan_options *opt = w->s->opt;
    const block_info *info = &o->blocks.blocks[i];
    scan_block b = {.index_no = o->index_no,
                    .info = info,
                    .u = &o->u,
                    .n_rows = info->n_rows,
                    .bits = &w->d.bits};
    b.is_whole = filter_plan(rd->filters[b.index_no])->is_all &&
                 reading_has_all_times(rd, info->min_ns, info->max_ns);
    if (b.is_whole && !(opt->needs_view && opt->needs_view(w->ctx, info))) {
        al_code c = reading_spend(rd, 0); /* not looked at */
        return c ? c : w->s->fn(w->ctx, &b, err);
    }
    bool is_done = false;
    al_code c = ask_lexicon(w, o, i, &b, &is_done, err);
    if (c || is_done)
        return c;
    c = to_index(w, o->index_no, err);
    if (!c)
        c = open_block(w, o, i, err);
    if (!c)
        c = decide_block(w, &b, err);
    if (c)
        return c;
    b.view = w->d.view;
    b.is_whole = b.is_whole && b.n_rows == info->n_rows;
    return w->s->fn(w->ctx, &b, err);
}

/* ---- Workers */

static void worker_done(worker *w)
{
    spare_views_give(store_spare_views(w->rd->e), w->d.view);
    (void)verdicts_free(w->d.known);
}

static al_code worker_ready(worker *w, al_err *err)
{
    if (w->is_ready)
        return AL_OK;
    if (!w->d.view)
        w->d.view = spare_views_take(store_spare_views(w->rd->e));
    if (!w->ctx)
        w->ctx = w->s->opt->part(w->s->ctx);
    if (!w->d.view || !w->ctx)
        return al_fail(err, AL_NOMEM, "scan");
    w->is_ready = true;
    return AL_OK;
}

static void end_locked(scan *s, al_code c, const al_err *err)
{
    if (c && !s->code) {
        s->code = c;
        s->err = *err;
    }
    s->is_ending = true;
}

/* Takes a block and does it. False: there is no more to begin. */
static bool work(worker *w)
{
    scan *s = w->s;
    al_err *err = &w->err;
    open_unit *o = NULL;
    uint32_t block = 0;
    al_code c = worker_ready(w, err);
    {
        AL_LOCKED(&s->lock);
        if (!c)
            c = next_locked(s, w, &o, &block, err);
        if (c || !o) {
            end_locked(s, c, err);
            return false;
        }
    }
    c = scan_block_of(w, o, block, err);
    if (c == AL_CORRUPT || c == AL_IO)
        c = reading_damage(w->rd, &o->u, c, err);
    AL_LOCKED(&s->lock);
    unref_locked(s, o);
    if (c || w->rd->is_out)
        end_locked(s, c, err);
    return !s->is_ending;
}

static bool help(void *ctx, unsigned helper)
{
    scan *s = ctx;
    assert(helper < s->n_helpers);
    return work(&s->helpers[helper]);
}

/* Without memory for them nobody helps. */
static void call_helpers(scan *s)
{
    s->n_helpers = pool_size(s->pool);
    s->helpers = al_zalloc(s->n_helpers, sizeof *s->helpers);
    if (!s->helpers)
        return;
    for (unsigned i = 0; i < s->n_helpers; i++) {
        worker *w = &s->helpers[i];
        w->s = s;
        w->rd = &w->part;
        reading_part(w->rd, s->rd, &w->answer);
    }
    s->job = (pool_job){.step = help, .ctx = s};
    pool_join(s->pool, &s->job);
}

static al_code join_helpers(scan *s, al_code c, al_err *err)
{
    if (!s->helpers)
        return c;
    for (unsigned i = 0; i < s->n_helpers; i++) {
        worker *w = &s->helpers[i];
        reading_join(s->rd, w->rd);
        worker_done(w);
        al_code joined = w->ctx ? s->opt->join(s->ctx, w->ctx, c == AL_OK, err) : AL_OK;
        c = c ? c : joined;
    }
    free(s->helpers);
    return c;
}

/* ---- Face */

/* Rows are counted exactly by one thread only, and a test's clock belongs to it. */
bool scan_has_help(const reading *rd)
{
    const eng_budget *b = rd->budget;
    return !(b && (b->rows_max || b->now_ns));
}

static al_code run(scan *s, al_err *err)
{
    AL_CLEANUP(worker_done) worker me = {.s = s, .rd = s->rd, .ctx = s->ctx};
    while (work(&me))
        if (s->pool && !s->helpers && s->rd->answer->rows_looked_at) /* invariant 3 */
            call_helpers(s);
    if (s->helpers)
        pool_leave(s->pool, &s->job); /* from here on all is ours */
    if (s->code)
        *err = s->err;
    return join_helpers(s, s->code, err);
}

static al_code run_all(scan *s, al_err *err)
{
    if (s->opt->part && scan_has_help(s->rd))
        s->pool = store_pool(s->rd->e);
    s->arena = al_arena_new(ARENA_BLOCK_BYTES);
    if (!s->arena) {
        unref_locked(s, s->listed);
        return al_fail(err, AL_NOMEM, "scan");
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    al_err mine = {0};
    al_code c = s->rd->is_out ? AL_OK : run(s, &mine);
    if (c && err)
        *err = mine;
    unref_locked(s, s->now);
    unref_locked(s, s->listed);
    (void)pthread_mutex_destroy(&s->lock);
    (void)al_arena_free(s->arena);
    return c;
}

al_code scan_run(reading *rd, const scan_options *opt, scan_fn *fn, void *ctx, al_err *err)
{
    scan s = {.rd = rd, .opt = opt, .fn = fn, .ctx = ctx};
    al_code c = run_all(&s, err);
    if (!c)
        rd->answer->is_at_end = !rd->is_out;
    return c;
}

/* NOLINTNEXTLINE(readability-function-size): as scan_run, and what of it */
al_code scan_blocks(reading *rd, const scan_list *list, const scan_options *opt, scan_fn *fn,
                    void *ctx, al_err *err)
{
    open_unit *o = al_zalloc(1, sizeof *o);
    if (!o)
        return al_fail(err, AL_NOMEM, "scan");
    *o = (open_unit){.u = *list->u,
                     .blocks = *list->blocks,
                     .index_no = list->index_no,
                     .is_listed = true,
                     .refs = 1};
    scan s = {.rd = rd,
              .opt = opt,
              .fn = fn,
              .ctx = ctx,
              .list = list,
              .index_no = list->index_no,
              .listed = o};
    return run_all(&s, err);
}
