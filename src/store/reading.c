/* What every question has in common. See reading.h.
 *
 * Budgets: rows are decided in pieces and spent after each. Where time counts, a piece that takes
 * longer than PIECE_MAX_NS is given up (what was learned about values of its columns stays) and a
 * smaller one tried; one that was quick makes the next larger. So cheap rows go by thousands and
 * dear ones singly, and little work is lost when time runs out in the middle.
 * Getting further: one row always is decided, so that a caller who goes on from `reached` comes to
 * an end. If that row alone takes FIRST_ROW_NS longer than there was time, the query gives it up as
 * it does a record that is too much work for a regular expression.
 *
 * Damage: one broken file must not hide the others. What cannot be read is named in the answer and
 * reported to the store, which checks the file and sets it aside; the question goes on. */
#include "store/reading.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
    ARENA_BLOCK_BYTES = 32 * 1024,
    PIECE_FIRST_ROWS = 256,
    PIECE_MOST_ROWS = 4096,
    PIECE_SHRINKS = 16, /* times, when it was too much */
    PIECE_QUICK_NS = 1000 * 1000,
    PIECE_MAX_NS = 4 * 1000 * 1000,
    FIRST_ROW_NS = 1000 * 1000 * 1000,
};

struct reading_lexicons {
    filter *const *filters; /* of who began: they outlive those of parts */
    pthread_mutex_t lock;   /* also while one is made: others of this question will want it too */
    /* under lock */
    size_t n;
    size_t cap;
    struct lexicon_entry {
        uint32_t index_no;
        const segment *seg;
        known *k; /* NULL: there is nothing to know */
    } * at;
};

static bool has_to_stop(void *ctx);

al_code reading_need(reading *rd, uint32_t index_no, al_err *err)
{
    const store_pin *pin = rd->pin;
    if (!rd->filters)
        rd->filters = al_zalloc(pin->n + 1, sizeof(filter *));
    if (!rd->filters)
        return al_fail(err, AL_NOMEM, "begin to read");
    if (index_no >= pin->n || rd->filters[index_no])
        return AL_OK;
    const pin_index *p = &pin->at[index_no];
    al_code c =
        filter_new(rd->scope->q, p->text_fields, p->n_text_fields, &rd->filters[index_no], err);
    if (!c && rd->budget)
        filter_stop_if(rd->filters[index_no], has_to_stop, rd);
    return c;
}

static al_code open_filters(reading *rd, al_err *err)
{
    al_code c = reading_need(rd, 0, err); /* the array also without an index */
    for (uint32_t i = 1; i < rd->pin->n && !c; i++)
        c = reading_need(rd, i, err);
    return c;
}

/* ---- Lexicons */

static reading_lexicons *lexicons_new(void)
{
    reading_lexicons *l = al_zalloc(1, sizeof *l);
    if (l)
        (void)pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void lexicons_free(reading_lexicons *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        (void)known_free(l->at[i].k);
    free(l->at);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct lexicon_entry *find_locked(reading_lexicons *l, uint32_t index_no, const segment *seg)
{
    for (size_t i = l->n; i-- > 0;)
        if (l->at[i].seg == seg && l->at[i].index_no == index_no)
            return &l->at[i];
    return NULL;
}

typedef struct names {
    const unit *u;
    const unit_blocks *b;
} names;

static bool has_name(void *ctx, al_slice name)
{
    const names *n = ctx;
    return unit_may_have_name(n->u, n->b, name);
}

static uint8_t uses_of(void *ctx, al_slice name)
{
    const names *n = ctx;
    return seg_index_uses(n->b->index, name);
}

static al_code make_known(const plan *p, const unit *u, const unit_blocks *b, known **ret,
                          al_err *err)
{
    AL_CLEANUP(lexicon_unrefp) lexicon *lex = NULL;
    names n = {.u = u, .b = b};
    al_code c = seg_lexicon(u->seg, b->index, &lex, err);
    return c || !lex ? c : known_new(p, lex, &(known_names){uses_of, &n}, ret, err);
}

static al_code add_known_locked(reading_lexicons *l, uint32_t index_no, const unit *u,
                                const unit_blocks *b, struct lexicon_entry **ret, al_err *err)
{
    struct lexicon_entry *grown = al_grow(l->at, &l->cap, l->n, sizeof *grown, 16, SIZE_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "search");
    l->at = grown;
    AL_CLEANUP(known_freep) known *k = NULL;
    al_code c = make_known(filter_plan(l->filters[index_no]), u, b, &k, err);
    if (c)
        return c;
    *ret = &l->at[l->n++];
    **ret = (struct lexicon_entry){.index_no = index_no, .seg = u->seg, .k = AL_TAKE(k)};
    return AL_OK;
}

al_code reading_known(reading *rd, uint32_t index_no, const unit *u, const unit_blocks *b,
                      bool with_blocks, const known **ret, al_err *err)
{
    reading_lexicons *l = rd->lexicons;
    *ret = NULL;
    if (!u->seg || filter_plan(l->filters[index_no])->n_texts == 0)
        return AL_OK;
    AL_LOCKED(&l->lock);
    struct lexicon_entry *e = find_locked(l, index_no, u->seg);
    al_code c = e ? AL_OK : add_known_locked(l, index_no, u, b, &e, err);
    assert(c || e);
    if (!c && with_blocks && e->k)
        c = known_blocks(e->k, err);
    if (!c)
        *ret = e->k;
    return c;
}

void reading_forget(reading *rd, uint32_t index_no, const unit *u)
{
    reading_lexicons *l = rd->lexicons;
    AL_LOCKED(&l->lock);
    struct lexicon_entry *e = u->seg ? find_locked(l, index_no, u->seg) : NULL;
    if (!e)
        return;
    (void)known_free(e->k);
    *e = l->at[--l->n];
}

/* ---- What cannot be read at all */

static bool is_noted(const eng_partial *p, const char *part)
{
    for (size_t i = 0; i < p->n; i++)
        if (strncmp(p->reasons[i].part, part, sizeof p->reasons[0].part - 1) == 0)
            return true;
    return false;
}

static void note_once(reading *rd, const char *part, const char *why)
{
    if (!is_noted(&rd->answer->partial, part))
        eng_partial_add(&rd->answer->partial, part, why);
}

typedef struct missing {
    reading *rd;
    uint64_t frame;
} missing;

static void note_quarantined(void *ctx, segment *seg)
{
    const missing *m = ctx;
    if (m->frame == 0 || seg_summary_of(seg)->max_frame > m->frame)
        note_once(m->rd, seg_name(seg), "damaged and set aside");
}

/* What is set aside and has rows behind `frame`. */
static void note_missing(reading *rd, uint64_t frame)
{
    missing m = {.rd = rd, .frame = frame};
    for (size_t i = 0; i < rd->pin->n; i++) {
        const pin_index *p = &rd->pin->at[i];
        snapshot_damaged(p->snap, rd->scope->from_ns, rd->scope->to_ns, note_quarantined, &m);
    }
}

/* ---- Beginning and end */

al_code reading_open(reading *rd, engine *e, const eng_scope *scope, const eng_budget *budget,
                     eng_answer *answer, al_err *err)
{
    *answer = (eng_answer){0};
    *rd = (reading){.e = e,
                    .scope = scope,
                    .budget = budget,
                    .answer = answer,
                    .piece_rows = budget && budget->deadline_ns ? PIECE_FIRST_ROWS : UINT32_MAX};
    rd->arena = al_arena_new(ARENA_BLOCK_BYTES);
    rd->lexicons = lexicons_new();
    if (!rd->arena || !rd->lexicons)
        return al_fail(err, AL_NOMEM, "begin to read");
    al_code c = store_pin_new(e, scope->indexes, scope->n_indexes, &rd->pin, err);
    if (c)
        return c;
    note_missing(rd, 0);
    c = open_filters(rd, err);
    rd->lexicons->filters = rd->filters;
    return c;
}

void reading_resume(reading *rd, uint64_t frame)
{
    rd->is_resumed = true;
    rd->answer->partial = (eng_partial){0};
    note_missing(rd, frame);
}

static void free_filters(reading *rd)
{
    for (size_t i = 0; rd->filters && i < rd->pin->n; i++)
        (void)filter_free(rd->filters[i]);
    free(rd->filters);
}

void reading_part(reading *rd, const reading *of, eng_answer *answer)
{
    *answer = (eng_answer){0};
    *rd = (reading){.e = of->e,
                    .scope = of->scope,
                    .budget = of->budget,
                    .answer = answer,
                    .pin = of->pin,
                    .lexicons = of->lexicons,
                    .is_resumed = of->is_resumed,
                    .is_part = true,
                    .piece_rows =
                        of->budget && of->budget->deadline_ns ? PIECE_FIRST_ROWS : UINT32_MAX};
}

void reading_join(reading *of, reading *part)
{
    const eng_partial *missing = &part->answer->partial;
    for (size_t i = 0; i < missing->n; i++)
        note_once(of, missing->reasons[i].part, missing->reasons[i].why);
    of->answer->rows_looked_at += part->answer->rows_looked_at;
    of->is_out |= part->is_out;
    free_filters(part);
}

void reading_close(reading *rd)
{
    assert(!rd->is_part);
    lexicons_free(rd->lexicons); /* they look at plans of filters */
    free_filters(rd);
    (void)store_pin_free(rd->pin);
    (void)al_arena_free(rd->arena);
}

/* ---- Budget */

al_code reading_check(const reading *rd)
{
    const eng_budget *b = rd->budget;
    return b && b->cancel && atomic_load(b->cancel) ? AL_CANCELLED : AL_OK;
}

al_code reading_spend(reading *rd, uint64_t n)
{
    const eng_budget *b = rd->budget;
    rd->answer->rows_looked_at += n;
    if (!b || rd->is_out)
        return AL_OK;
    if (reading_check(rd))
        return AL_CANCELLED;
    if (b->rows_max && rd->answer->rows_looked_at >= b->rows_max) {
        rd->is_out = true;
        if (!rd->is_resumed)
            eng_partial_add(&rd->answer->partial, "rows",
                            "as many were looked at as one query may");
    } else if (b->deadline_ns && eng_budget_now(b) >= b->deadline_ns) {
        rd->is_out = true;
        if (!rd->is_resumed)
            eng_partial_add(&rd->answer->partial, "time",
                            "the time that one query may take ran out");
    }
    return AL_OK;
}

/* ---- What is missing */

al_code reading_damage(reading *rd, const unit *u, al_code c, const al_err *err)
{
    assert(c != AL_OK);
    if (c == AL_NOMEM || c == AL_CANCELLED)
        return c;
    char part[64];
    if (u->seg)
        (void)snprintf(part, sizeof part, "%s", seg_name(u->seg));
    else
        (void)snprintf(part, sizeof part, "log frame %llu", (unsigned long long)u->mem->frame);
    note_once(rd, part, err && err->msg[0] ? err->msg : al_code_name(c));
    if (c == AL_CORRUPT)
        store_report_damage(rd->e, u);
    return AL_OK;
}

/* ---- Times and names */

bool reading_has_some_times(const reading *rd, int64_t min_ns, int64_t max_ns)
{
    const eng_scope *s = rd->scope;
    return max_ns >= s->from_ns && (min_ns < s->to_ns || s->to_ns == INT64_MAX);
}

bool reading_may_match(const reading *rd, uint32_t index_no, const unit *u, const unit_blocks *b)
{
    names n = {.u = u, .b = b};
    return plan_may_match(filter_plan(rd->filters[index_no]), has_name, &n);
}

/* ---- Rows */

/* Where times ascend, the range is a run of rows. */
static al_code by_ascending_time(const reading *rd, decided *d, uint32_t from, uint32_t to,
                                 al_err *err)
{
    const eng_scope *s = rd->scope;
    uint32_t first = 0;
    uint32_t end = block_view_info(d->view)->n_rows;
    al_code c = AL_OK;
    if (s->from_ns > 0)
        c = block_view_find(d->view, (uint64_t)s->from_ns, &first, err);
    if (!c && s->to_ns < INT64_MAX)
        c = block_view_find(d->view, (uint64_t)AL_MAX(s->to_ns, INT64_C(0)), &end, err);
    for (uint32_t row = from; row < to && !c; row++)
        if (row >= first && row < end)
            row_bits_set(&d->bits, row);
        else
            row_bits_unset(&d->bits, row);
    return c;
}

/* Sets the bits of [from, to) whose times are in the range. */
static al_code by_time(const reading *rd, decided *d, uint32_t from, uint32_t to, al_err *err)
{
    const block_info *info = block_view_info(d->view);
    if (reading_has_all_times(rd, info->min_ns, info->max_ns)) {
        row_bits_fill(&d->bits, from, to);
        return AL_OK;
    }
    if (block_view_times_are_ids(d->view))
        return by_ascending_time(rd, d, from, to, err);
    const int64_t *times = NULL;
    al_code c = block_view_times(d->view, &times, err);
    if (c)
        return c;
    for (uint32_t row = from; row < to; row++)
        if (reading_has_time(rd, times[row]))
            row_bits_set(&d->bits, row);
        else
            row_bits_unset(&d->bits, row);
    return AL_OK;
}

/* One row always is decided: by who began, not by parts. */
static bool has_looked(const reading *rd)
{
    return rd->is_part || rd->answer->rows_looked_at > 0;
}

/* Asked by the filter every few milliseconds of work on a piece. */
static bool has_to_stop(void *ctx)
{
    reading *rd = ctx;
    const eng_budget *b = rd->budget;
    bool is_first = rd->n_in_piece == 1 && !has_looked(rd);
    rd->stop = STOP_NOT;
    if (reading_check(rd)) {
        rd->stop = STOP_CANCEL;
    } else if (b->deadline_ns) {
        int64_t now_ns = eng_budget_now(b);
        int64_t more_ns = is_first ? FIRST_ROW_NS : 0;
        if (rd->n_in_piece > 1 && now_ns - rd->piece_ns >= PIECE_MAX_NS)
            rd->stop = STOP_PIECE;
        else if (now_ns >= b->deadline_ns && now_ns - rd->piece_ns >= more_ns)
            rd->stop = rd->n_in_piece > 1 && !has_looked(rd) ? STOP_PIECE : STOP_TIME;
    }
    return rd->stop != STOP_NOT;
}

static void note_gave_up(reading *rd)
{
    note_once(rd, "regular expression", "gave up on some records: too much work for one text");
}

/* AL_CANCELLED with rd->stop: it was left undecided. */
static al_code decide_piece(reading *rd, decided *d, uint32_t from, uint32_t to, al_err *err)
{
    bool gave_up = false;
    bool is_timed = rd->budget && rd->budget->deadline_ns;
    rd->stop = STOP_NOT;
    rd->n_in_piece = to - from;
    rd->piece_ns = is_timed ? eng_budget_now(rd->budget) : 0;
    al_code c = by_time(rd, d, from, to, err);
    if (!c)
        c = filter_rows(rd->filters[d->index_no], d, from, to, &gave_up, err);
    if (gave_up)
        note_gave_up(rd);
    if (!c && is_timed && eng_budget_now(rd->budget) - rd->piece_ns < PIECE_QUICK_NS)
        rd->piece_rows = AL_MIN(rd->piece_rows * 2, (uint32_t)PIECE_MOST_ROWS);
    return c;
}

/* A piece was left undecided: a smaller one may be tried, or time is over. */
static al_code piece_stopped(reading *rd, decided *d, uint32_t row, al_err *err)
{
    if (rd->stop == STOP_PIECE) {
        rd->piece_rows = AL_MAX(rd->n_in_piece / PIECE_SHRINKS, 1U);
        return AL_OK;
    }
    if (rd->stop != STOP_TIME)
        return al_fail(err, AL_CANCELLED, "whoever asked has left");
    if (has_looked(rd))
        return reading_spend(rd, 0);
    row_bits_unset(&d->bits, row); /* the first row, alone */
    note_gave_up(rd);
    return reading_spend(rd, 1);
}

al_code reading_decide(reading *rd, decided *d, uint32_t from, uint32_t to, bool is_downwards,
                       uint32_t *ret_n, al_err *err)
{
    assert(from < to);
    *ret_n = 0;
    while (*ret_n < to - from && !rd->is_out) {
        uint32_t n = AL_MIN(rd->piece_rows, to - from - *ret_n);
        uint32_t begin = is_downwards ? to - *ret_n - n : from + *ret_n;
        uint64_t n_before = rd->answer->rows_looked_at;
        al_code c = decide_piece(rd, d, begin, begin + n, err);
        if (c == AL_CANCELLED)
            c = piece_stopped(rd, d, begin, err);
        else if (!c)
            c = reading_spend(rd, n);
        if (c)
            return c;
        *ret_n += (uint32_t)(rd->answer->rows_looked_at - n_before);
    }
    return AL_OK;
}
