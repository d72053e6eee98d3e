/* The k-way merge behind every search.
 *
 * Why: rows must come in order of id over all units of all indexes, and a search for the newest
 * hundred must not open what lies further back. So a source (one unit) has a key, which is either a
 * row that matches, or only a bound: "whatever I have comes here or later". A heap holds the
 * sources by key. When the first of them is a bound, that source works a little (opens its
 * directory, decodes a block, decides a window of rows) and gets a later key; when it is a row,
 * that is the next row of the answer.
 *
 * Invariants: (1) no row of a source that is still to come lies before its key; (2) so when the
 * first key is a row, it is the next one of all; (3) work on a source always moves its key on, or
 * makes it a row, unless time is over; (4) a source's rows are decided in its own order, each once
 * per opening of its block; (5) an answer ends only before a row, never at a mere bound: the next
 * one then begins by deciding that row, so going on from `reached` always gets further.
 *
 * Far back: a source of which two blocks in a row held nothing has the next ones looked through
 * (look_ahead): who asks and the helpers of the pool decide whole blocks, more of them each time,
 * and those without a match are passed. Blocks that have one are decided again when they come
 * first, so order, windows and `reached` are what they were.
 *
 * `step` below is +1 ascending, -1 descending; "first", "next", "behind" mean in the order asked.
 */
#include "store/cursor.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/scan.h"
#include "store/views.h"

enum {
    WINDOW_FIRST = 128,
    WINDOW_MAX = 4096,
    AHEAD_AFTER = 2, /* blocks without a match: then helpers look through the next ones */
    AHEAD_FIRST = 4,
    AHEAD_MAX = 64,
};

typedef enum source_state {
    SOURCE_CLOSED, /* key: bound by the unit's ids; nothing was read */
    SOURCE_BLOCK,  /* key: bound by the ids of block `block`, which was not looked into */
    SOURCE_ROWS,   /* key: row `row` of the open block, not decided */
    SOURCE_HIT,    /* key: row `row`, which matches */
} source_state;

typedef struct source {
    const unit *u;
    unit_blocks blocks;
    const known *lex;  /* of the unit's lexicon; NULL: it has none */
    bool knows_blocks; /* that was asked which blocks may match */
    source_state state;
    uint32_t index_no;
    uint32_t number; /* of the source: its key among the views */
    uint64_t key;    /* id */
    uint64_t min_id; /* bounds of what is asked of this unit, both included */
    uint64_t max_id;
    uint32_t block;
    uint32_t row;  /* next row in question, or the hit */
    uint32_t from; /* rows [from, to) of the block are asked for */
    uint32_t to;
    uint32_t known_from; /* rows [known_from, known_to) of the open block are decided */
    uint32_t known_to;
    uint32_t window;
    bool has_hit;     /* some row of it matched */
    uint32_t n_idle;  /* blocks left since the last match */
    uint32_t n_ahead; /* blocks to look through at once, the next time */
    int64_t ahead;    /* the last of those that were looked through; -1: none were */
    uint64_t *empty;  /* blocks that were found to have no match, a bit each; NULL: none */
} source;

struct cursor {
    reading *rd;
    views *views;
    bool is_descending;
    bool is_rare; /* some block had no match: it pays to ask lexicons which blocks may */
    source *sources;
    source **heap;
    size_t n_heap;
    source *given; /* whose row was returned last; not in the heap */
    eng_pos begin; /* where reading began, or the row that was given last */
};

/* ---- Order */

static bool is_before(const cursor *c, const source *a, const source *b)
{
    if (a->key != b->key)
        return (a->key < b->key) != c->is_descending;
    if (a->index_no != b->index_no)
        return (a->index_no < b->index_no) != c->is_descending;
    return a->state < b->state; /* a bound before a row: it may still turn out to be earlier */
}

static void sift_down(cursor *c, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t kid = 2 * at + 1; kid <= 2 * at + 2 && kid < c->n_heap; kid++)
            if (is_before(c, c->heap[kid], c->heap[least]))
                least = kid;
        if (least == at)
            return;
        source *t = c->heap[at];
        c->heap[at] = c->heap[least];
        c->heap[least] = t;
        at = least;
    }
}

static void push(cursor *c, source *s)
{
    size_t at = c->n_heap++;
    c->heap[at] = s;
    while (at > 0 && is_before(c, c->heap[at], c->heap[(at - 1) / 2])) {
        size_t up = (at - 1) / 2;
        source *t = c->heap[at];
        c->heap[at] = c->heap[up];
        c->heap[up] = t;
        at = up;
    }
}

static void pop(cursor *c)
{
    assert(c->n_heap > 0);
    c->heap[0] = c->heap[--c->n_heap];
    sift_down(c, 0);
}

/* ---- One source */

static bool block_is_asked(const cursor *c, const source *s, uint32_t i)
{
    const block_info *b = &s->blocks.blocks[i];
    if (s->empty && s->empty[i / 64] >> (i % 64) & 1)
        return false;
    return b->max_id >= s->min_id && b->min_id <= s->max_id &&
           reading_has_some_times(c->rd, b->min_ns, b->max_ns) &&
           (!s->knows_blocks || known_may_match(s->lex, i));
}

/* Goes to the first asked block at or behind number `i`; false when there is none. */
static bool to_block(const cursor *c, source *s, int64_t i)
{
    int64_t step = c->is_descending ? -1 : 1;
    for (; i >= 0 && i < s->blocks.n_blocks; i += step) {
        if (!block_is_asked(c, s, (uint32_t)i))
            continue;
        const block_info *b = &s->blocks.blocks[i];
        s->state = SOURCE_BLOCK;
        s->block = (uint32_t)i;
        s->key = c->is_descending ? AL_MIN(b->max_id, s->max_id) : AL_MAX(b->min_id, s->min_id);
        return true;
    }
    return false;
}

/* The block where the asked ids begin: the blocks of a unit ascend, so it is found by halving. */
static int64_t first_block(const cursor *c, const source *s)
{
    uint32_t lo = 0;
    uint32_t hi = s->blocks.n_blocks;
    uint64_t id = c->is_descending ? s->max_id : s->min_id;
    while (lo < hi) { /* first block that ends at or behind id */
        uint32_t mid = lo + (hi - lo) / 2;
        if (s->blocks.blocks[mid].max_id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!c->is_descending)
        return lo;
    return lo < s->blocks.n_blocks ? lo : (int64_t)s->blocks.n_blocks - 1;
}

/* False: the source has nothing. */
static al_code open_source(cursor *c, source *s, bool *ret_has, al_err *err)
{
    al_code code = unit_open(s->u, &s->blocks, err);
    if (!code)
        code = reading_known(c->rd, s->index_no, s->u, &s->blocks, c->is_rare, &s->lex, err);
    if (code)
        return code;
    s->knows_blocks = s->lex && c->is_rare;
    *ret_has = reading_may_match(c->rd, s->index_no, s->u, &s->blocks) &&
               to_block(c, s, first_block(c, s));
    return AL_OK;
}

static bool next_block(cursor *c, source *s)
{
    s->n_idle++;
    c->is_rare |= s->n_idle > 1 || !s->has_hit;
    if (c->is_rare && s->lex && !s->knows_blocks) {
        al_err ignored; /* it is only a help */
        s->knows_blocks =
            !reading_known(c->rd, s->index_no, s->u, &s->blocks, true, &s->lex, &ignored);
    }
    return to_block(c, s, (int64_t)s->block + (c->is_descending ? -1 : 1));
}

/* The open block of the source; opens it (again) when needed, and then knows of no row. */
static al_code view_of(cursor *c, source *s, decided **ret, al_err *err)
{
    bool is_new = false;
    const view_source from = {.number = s->number,
                              .index_no = s->index_no,
                              .is_in_order = true,
                              .u = s->u,
                              .blocks = &s->blocks,
                              .lex = s->lex};
    al_code code = views_get(c->views, &from, s->block, ret, &is_new, err);
    if (!code && is_new)
        s->known_from = s->known_to = s->row;
    return code;
}

static al_code open_block(cursor *c, source *s, bool *ret_has, al_err *err)
{
    decided *d = NULL;
    al_code code = view_of(c, s, &d, err);
    if (code)
        return code;
    uint32_t n_rows = block_view_info(d->view)->n_rows;
    code = block_view_find(d->view, s->min_id, &s->from, err);
    s->to = n_rows;
    if (!code && s->max_id < UINT64_MAX)
        code = block_view_find(d->view, s->max_id + 1, &s->to, err);
    if (code)
        return code;
    if (s->from >= s->to) {
        *ret_has = next_block(c, s);
        return AL_OK;
    }
    s->state = SOURCE_ROWS;
    s->row = c->is_descending ? s->to - 1 : s->from;
    s->known_from = s->known_to = s->row;
    *ret_has = true;
    return block_view_id(d->view, s->row, &s->key, err);
}

/* Decides a window of rows that begins with row `s->row`, or what of it there is time for. */
static al_code decide_window(cursor *c, source *s, decided *d, al_err *err)
{
    uint32_t n = s->window;
    uint32_t from = s->row;
    uint32_t to = s->row + 1;
    s->window = AL_MIN(s->window * 2, (uint32_t)WINDOW_MAX);
    if (c->is_descending)
        from = to - s->from > n ? to - n : s->from;
    else
        to = s->to - from > n ? from + n : s->to;
    s->known_from = s->known_to = s->row;
    al_code code = reading_decide(c->rd, d, from, to, c->is_descending, &n, err);
    if (code)
        return code;
    s->known_from = c->is_descending ? to - n : from;
    s->known_to = c->is_descending ? to : from + n;
    return AL_OK;
}

/* From row `s->row` on: to the next row that matches, or to the first that is not decided. */
static al_code to_row(cursor *c, source *s, decided *d, bool *ret_has, al_err *err)
{
    bool is_behind = false; /* the window is at its end without a match */
    if (c->is_descending) {
        uint32_t hit = row_bits_last(&d->bits, s->known_from, s->row + 1);
        is_behind = hit == UINT32_MAX;
        if (is_behind && s->known_from == s->from) {
            *ret_has = next_block(c, s);
            return AL_OK;
        }
        s->row = is_behind ? s->known_from - 1 : hit;
    } else {
        uint32_t hit = row_bits_next(&d->bits, s->row, s->known_to);
        is_behind = hit == s->known_to;
        if (is_behind && s->known_to == s->to) {
            *ret_has = next_block(c, s);
            return AL_OK;
        }
        s->row = hit;
    }
    s->state = is_behind ? SOURCE_ROWS : SOURCE_HIT;
    s->has_hit |= !is_behind;
    if (!is_behind && s->n_idle) {
        s->n_idle = 0;
        s->n_ahead = AL_MAX(s->n_ahead / 2, (uint32_t)AHEAD_FIRST);
    }
    *ret_has = true;
    return block_view_id(d->view, s->row, &s->key, err);
}

static al_code decide_rows(cursor *c, source *s, bool *ret_has, al_err *err)
{
    decided *d = NULL;
    al_code code = view_of(c, s, &d, err);
    if (!code && (s->row < s->known_from || s->row >= s->known_to))
        code = decide_window(c, s, d, err);
    if (!code && s->known_from == s->known_to) { /* time is over: the row stays in question */
        *ret_has = true;
        return AL_OK;
    }
    return code ? code : to_row(c, s, d, ret_has, err);
}

/* ---- Far back */

typedef struct ahead {
    const block_info *blocks;
    bool *is_empty; /* a block each: written by the one thread that has it */
} ahead;

static al_code note_empty(void *ctx, const scan_block *b, al_err *err)
{
    (void)err;
    const ahead *a = ctx;
    a->is_empty[b->info - a->blocks] =
        !b->is_whole && b->n_rows == b->info->n_rows && row_bits_count(b->bits, 0, b->n_rows) == 0;
    return AL_OK;
}

static void *ahead_part(void *ctx)
{
    return ctx;
}

static al_code ahead_join(void *ctx, void *part, bool counts, al_err *err)
{
    (void)ctx;
    (void)part;
    (void)counts;
    (void)err;
    return AL_OK;
}

static bool wants_ahead(const cursor *c, const source *s)
{
    bool is_behind = s->ahead < 0 || (c->is_descending ? s->block < s->ahead : s->block > s->ahead);
    return s->n_idle >= AHEAD_AFTER && is_behind && !c->rd->is_out && scan_has_help(c->rd);
}

/* Looks through the next blocks, `s->block` first, and goes to the first that may have a match. */
static al_code look_ahead(cursor *c, source *s, bool *ret_has, al_err *err)
{
    uint32_t at[AHEAD_MAX];
    uint32_t n = 0;
    int64_t step = c->is_descending ? -1 : 1;
    s->n_ahead = AL_MIN(AL_MAX(s->n_ahead * 2, (uint32_t)AHEAD_FIRST), (uint32_t)AHEAD_MAX);
    for (int64_t i = s->block; i >= 0 && i < s->blocks.n_blocks && n < s->n_ahead; i += step)
        if (block_is_asked(c, s, (uint32_t)i))
            at[n++] = (uint32_t)i;
    assert(n > 0);
    s->ahead = at[n - 1];
    AL_CLEANUP(al_freep) bool *is_empty = al_zalloc(s->blocks.n_blocks, sizeof *is_empty);
    if (!s->empty)
        s->empty = al_zalloc((s->blocks.n_blocks + 63) / 64, sizeof *s->empty);
    if (!is_empty || !s->empty)
        return al_fail(err, AL_NOMEM, "search");
    const scan_list list = {
        .u = s->u, .blocks = &s->blocks, .index_no = s->index_no, .at = at, .n = n};
    const scan_options opt = {.part = ahead_part, .join = ahead_join};
    ahead a = {.blocks = s->blocks.blocks, .is_empty = is_empty};
    al_code code = scan_blocks(c->rd, &list, &opt, note_empty, &a, err);
    for (uint32_t i = 0; i < n && !code; i++)
        if (is_empty[at[i]])
            s->empty[at[i] / 64] |= UINT64_C(1) << (at[i] % 64);
    *ret_has = !code && to_block(c, s, s->block);
    return code;
}

/* Behind the hit that was given. */
static al_code leave_hit(cursor *c, source *s, bool *ret_has, al_err *err)
{
    if (s->row == (c->is_descending ? s->from : s->to - 1)) {
        *ret_has = next_block(c, s);
        return AL_OK;
    }
    s->row = c->is_descending ? s->row - 1 : s->row + 1;
    s->state = SOURCE_ROWS;
    decided *d = NULL;
    al_code code = view_of(c, s, &d, err);
    if (code)
        return code;
    if (s->row >= s->known_from && s->row < s->known_to)
        return to_row(c, s, d, ret_has, err);
    *ret_has = true;
    return block_view_id(d->view, s->row, &s->key, err);
}

/* Moves the key on (invariant 3). What cannot be read is left out of the answer. */
static al_code work_on(cursor *c, source *s, bool *ret_has, al_err *err)
{
    al_code code = AL_OK;
    *ret_has = false;
    switch (s->state) {
    case SOURCE_CLOSED:
        code = open_source(c, s, ret_has, err);
        break;
    case SOURCE_BLOCK:
        code = wants_ahead(c, s) ? look_ahead(c, s, ret_has, err) : open_block(c, s, ret_has, err);
        break;
    case SOURCE_ROWS:
        code = decide_rows(c, s, ret_has, err);
        break;
    case SOURCE_HIT:
        code = leave_hit(c, s, ret_has, err);
        break;
    }
    if (!code)
        return AL_OK;
    code = reading_damage(c->rd, s->u, code, err);
    *ret_has = !code && s->state != SOURCE_CLOSED && next_block(c, s);
    return code;
}

static void source_done(cursor *c, source *s)
{
    reading_forget(c->rd, s->index_no, s->u);
    unit_close(&s->blocks);
    free(s->empty);
    s->empty = NULL;
}

/* ---- The merge */

/* Puts the source whose row was given last back among the others. */
static al_code take_back(cursor *c, al_err *err)
{
    source *s = c->given;
    c->given = NULL;
    if (!s)
        return AL_OK;
    bool has = false;
    al_code code = work_on(c, s, &has, err);
    if (has)
        push(c, s);
    else
        source_done(c, s);
    return code;
}

/* Works until a row comes first. AL_NOT_FOUND: never, or the budget is used up before. */
static al_code first_hit(cursor *c, source **ret, al_err *err)
{
    while (c->n_heap) {
        source *s = c->heap[0];
        if (s->state == SOURCE_HIT) { /* invariant 2 */
            *ret = s;
            return AL_OK;
        }
        if (c->rd->is_out && s->state == SOURCE_ROWS) /* invariant 5 */
            return AL_NOT_FOUND;
        bool has = false;
        al_code code = reading_check(c->rd);
        if (!code)
            code = work_on(c, s, &has, err);
        if (code)
            return code;
        if (has) {
            sift_down(c, 0);
        } else {
            pop(c);
            source_done(c, s);
        }
    }
    return AL_NOT_FOUND;
}

static al_code record_of(cursor *c, source *s, record *ret, al_err *err)
{
    static const block_want all = {.is_all = true};
    decided *d = NULL;
    al_code code = view_of(c, s, &d, err);
    return code ? code : block_view_record(d->view, s->row, &all, ret, err);
}

al_code cursor_next(cursor *c, eng_row *ret, record *ret_rec, al_err *err)
{
    al_code code = reading_check(c->rd); /* also while rows are given that are long decided */
    if (!code)
        code = take_back(c, err);
    while (!code) {
        source *s = NULL;
        code = first_hit(c, &s, err);
        if (code)
            return code;
        code = record_of(c, s, ret_rec, err);
        if (!code) {
            pop(c);
            c->given = s;
            c->begin = (eng_pos){.id = s->key, .index_no = s->index_no};
            *ret = (eng_row){
                .index = c->rd->pin->at[s->index_no].name, .index_no = s->index_no, .rec = ret_rec};
            return AL_OK;
        }
        code = reading_damage(c->rd, s->u, code, err);
        pop(c);
        if (!code && next_block(c, s))
            push(c, s);
        else
            source_done(c, s);
    }
    return code;
}

/* The place just before a source's key. */
static eng_pos before_key(const cursor *c, const source *s)
{
    eng_pos p = {.id = s->key, .index_no = s->index_no};
    if (c->is_descending) {
        p.index_no++; /* fits: a scope has at most ENG_SCOPE_INDEXES_MAX */
    } else if (p.index_no > 0) {
        p.index_no--;
    } else {
        p.index_no = UINT32_MAX;
        p.id--; /* ids are at least 1, or nothing stands before id 0 anyway */
    }
    return p;
}

bool cursor_reached(const cursor *c, eng_pos *ret)
{
    if (c->given) {
        *ret = c->begin;
        return true;
    }
    if (!c->n_heap)
        return false;
    const source *s = c->heap[0];
    if (!c->is_descending && s->key == 0 && s->index_no == 0)
        *ret = c->begin; /* nothing lies before */
    else
        *ret = before_key(c, s);
    return true;
}

/* ---- Begin */

/* The ids that are asked of index `no`; false when there are none. A row's id is at least its time,
 * so none below `from` is in the range. */
static bool id_bounds(const cursor *c, uint32_t no, const eng_pos *after, uint64_t *ret_min,
                      uint64_t *ret_max)
{
    const eng_scope *scope = c->rd->scope;
    *ret_min = scope->from_ns > 0 ? (uint64_t)scope->from_ns : 0;
    *ret_max = UINT64_MAX;
    if (!after)
        return true;
    if (c->is_descending) {
        bool takes_same = no < after->index_no;
        if (!takes_same && after->id == 0)
            return false;
        *ret_max = takes_same ? after->id : after->id - 1;
    } else {
        bool takes_same = no > after->index_no;
        if (!takes_same && after->id == UINT64_MAX)
            return false;
        *ret_min = AL_MAX(*ret_min, takes_same ? after->id : after->id + 1);
    }
    return *ret_min <= *ret_max;
}

static void add_source(cursor *c, const unit *u, uint32_t no, size_t *n, uint64_t min_id,
                       uint64_t max_id)
{
    if (u->max_id < min_id || u->min_id > max_id)
        return;
    source *s = &c->sources[*n];
    *s = (source){.u = u,
                  .state = SOURCE_CLOSED,
                  .index_no = no,
                  .number = (uint32_t)*n,
                  .min_id = min_id,
                  .max_id = max_id,
                  .window = WINDOW_FIRST,
                  .ahead = -1};
    s->key = c->is_descending ? AL_MIN(u->max_id, max_id) : AL_MAX(u->min_id, min_id);
    ++*n;
    push(c, s);
}

static al_code add_sources(cursor *c, const eng_pos *after, al_err *err)
{
    reading *rd = c->rd;
    const unit **units = al_arena_alloc(rd->arena, rd->pin->n, sizeof(unit *));
    size_t *counts = al_arena_alloc(rd->arena, rd->pin->n, sizeof *counts);
    if (!units || !counts)
        return al_fail(err, AL_NOMEM, "search");
    size_t total = 0;
    for (size_t i = 0; i < rd->pin->n; i++) {
        al_code code = snapshot_select(rd->pin->at[i].snap, rd->scope->from_ns, rd->scope->to_ns,
                                       rd->arena, &units[i], &counts[i]);
        if (code)
            return al_fail(err, code, "search");
        total += counts[i];
    }
    c->sources = al_alloc(total + 1, sizeof *c->sources);
    c->heap = al_alloc(total + 1, sizeof(source *));
    if (!c->sources || !c->heap)
        return al_fail(err, AL_NOMEM, "search");
    size_t n = 0;
    for (uint32_t i = 0; i < rd->pin->n; i++) {
        uint64_t min_id = 0;
        uint64_t max_id = 0;
        if (!id_bounds(c, i, after, &min_id, &max_id))
            continue;
        for (size_t k = 0; k < counts[i]; k++)
            add_source(c, &units[i][k], i, &n, min_id, max_id);
    }
    return AL_OK;
}

al_code cursor_new(reading *rd, bool is_descending, const eng_pos *after, cursor **ret, al_err *err)
{
    AL_CLEANUP(cursor_freep) cursor *c = al_zalloc(1, sizeof *c);
    if (!c)
        return al_fail(err, AL_NOMEM, "search");
    c->rd = rd;
    c->is_descending = is_descending;
    if (after)
        c->begin = *after;
    c->views = views_new(rd);
    if (!c->views)
        return al_fail(err, AL_NOMEM, "search");
    al_code code = add_sources(c, after, err);
    if (code)
        return code;
    *ret = AL_TAKE(c);
    return AL_OK;
}

cursor *cursor_free(cursor *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_heap; i++)
        source_done(c, c->heap[i]);
    if (c->given)
        source_done(c, c->given);
    (void)views_free(c->views);
    free(c->sources);
    free(c->heap);
    free(c);
    return NULL;
}
