/* Evaluating a query on columns.
 *
 * Why not the naive matcher on records: building a record touches every column of a block; here a
 * leaf touches its own, and where a column is a dictionary of values (all fields are) it is asked
 * once per distinct value, not once per row.
 *
 * Shape: eval() takes the rows that are still in question as bits and leaves those for which the
 * node holds. AND narrows, OR asks only about what no kid has taken yet, NOT subtracts. A leaf
 * keeps its verdict for each value of its column (verdicts) while the block is open, so that a
 * block may be asked in pieces.
 *
 * Invariants: (1) what a leaf says about a value is the naive matcher's word; (2) a leaf holds for
 * a record if it holds for one value at its path, so columns of the same path are joined by OR;
 * (3) bits outside [from, to) are never changed; (4) a row for which a regular expression ran into
 * its limits does not match, whatever stands around that leaf. */
#include "store/filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "store/codec/bits.h"
#include "store/filter_text.h"

enum { UNKNOWN = 0, NO = 1, YES = 2, GAVE_UP = 3, STOPPED = 4, SCRATCH_BYTES = 16 * 1024 };

/* Going over the text of so many rows costs as much as asking one of them. */
enum { SCAN_SHARE = 4 };

struct filter {
    matcher *m;
    query *q;
    plan plan;
    al_arena *arena;   /* of the plan */
    al_arena *scratch; /* for values inside nested JSON */
    row_bits *temps;   /* two for each level of the tree */
    uint32_t n_temps;
    row_bits gave_up;
};

typedef struct slot { /* one leaf on one column of the open block */
    bool is_known;
    const block_col *col; /* NULL: the block has no such column */
    uint8_t *verdict;     /* per value, and NO behind the last */
    bool is_decided;      /* each is YES or NO */
} slot;

struct verdicts {
    al_arena *arena;
    uint32_t n_texts;
    filter_text *texts; /* leaves that ask messages */
    uint32_t n_slots;
    slot slots[];
};

/* One call of filter_rows. */
typedef struct run {
    filter *f;
    verdicts *known;
    const struct known *lex;
    uint32_t block; /* number of the block in lex */
    block_view *view;
    uint32_t word_from;
    uint32_t word_to;
    row_bits *gave_up; /* rows that some leaf could not decide */
    bool has_given_up;
    al_err *err;
} run;

/* ---- Bits */

void row_bits_fill(row_bits *b, uint32_t from, uint32_t to)
{
    assert(to <= BLOCK_ROWS_MAX);
    for (uint32_t row = from; row < to;) {
        if (row % 64 == 0 && to - row >= 64) {
            b->words[row / 64] = UINT64_MAX;
            row += 64;
        } else {
            row_bits_set(b, row++);
        }
    }
}

uint32_t row_bits_next(const row_bits *b, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint64_t rest = b->words[from / 64] >> (from % 64);
        if (rest) {
            uint32_t row = from + (uint32_t)__builtin_ctzll(rest);
            return row < to ? row : to;
        }
        from += 64 - from % 64;
    }
    return to;
}

uint32_t row_bits_last(const row_bits *b, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t last = to - 1;
        uint64_t rest = b->words[last / 64] << (63 - last % 64);
        if (rest) {
            uint32_t back = (uint32_t)__builtin_clzll(rest);
            return last - from >= back ? last - back : UINT32_MAX;
        }
        to = last - last % 64;
    }
    return UINT32_MAX;
}

uint32_t row_bits_count(const row_bits *b, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t row = from; row < to;) {
        if (row % 64 == 0 && to - row >= 64) {
            n += (uint32_t)__builtin_popcountll(b->words[row / 64]);
            row += 64;
        } else {
            n += row_bits_has(b, row++);
        }
    }
    return n;
}

static bool is_empty(const run *r, const row_bits *b)
{
    for (uint32_t w = r->word_from; w < r->word_to; w++)
        if (b->words[w])
            return false;
    return true;
}

static void copy_bits(const run *r, row_bits *to, const row_bits *from)
{
    memcpy(to->words + r->word_from, from->words + r->word_from,
           (r->word_to - r->word_from) * sizeof to->words[0]);
}

/* ---- Leaves */

typedef struct asking {
    run *r;
    const ast_node *leaf;
    uint8_t verdict;
} asking;

static uint8_t verdict_of(bool holds, al_code c)
{
    if (c)
        return c == AL_CANCELLED ? STOPPED : GAVE_UP;
    return holds ? YES : NO;
}

static rec_visit ask_value(void *ctx, const value *v, bool is_element)
{
    asking *a = ctx;
    if (is_element)
        return REC_VISIT_MORE; /* the matcher has asked the elements with their array */
    al_code c = AL_OK;
    bool holds = matcher_leaf_matches(a->r->f->m, a->leaf, v, &c);
    a->verdict = verdict_of(holds, c);
    return a->verdict == NO ? REC_VISIT_MORE : REC_VISIT_STOP;
}

/* Does the leaf hold for what stands at the head's path inside this value of its column? */
static uint8_t ask_column_value(run *r, const ast_node *leaf, const plan_head *head, const value *v)
{
    if (head->name.len == head->path.len) {
        al_code c = AL_OK;
        bool holds = matcher_leaf_matches(r->f->m, leaf, v, &c);
        return verdict_of(holds, c);
    }
    if (v->type != VAL_ARRAY && v->type != VAL_OBJECT)
        return NO; /* a path leads on only through objects */
    const field f = {.name = head->name, .val = *v};
    const record one = {.fields = &f, .n_fields = 1};
    asking a = {.r = r, .leaf = leaf, .verdict = NO};
    if (rec_values_at(&one, head->path, r->f->scratch, ask_value, &a) == REC_NOMEM)
        return GAVE_UP;
    return a.verdict;
}

static al_code open_slot(run *r, const plan_head *head, slot **ret)
{
    assert(head->slot < r->known->n_slots);
    slot *s = &r->known->slots[head->slot];
    *ret = s;
    if (s->is_known)
        return AL_OK;
    al_code c = block_view_field(r->view, head->name, &s->col, r->err);
    if (c)
        return c;
    if (s->col) {
        s->verdict = al_arena_alloc(r->known->arena, s->col->n_values + 1, 1);
        if (!s->verdict)
            return al_fail(r->err, AL_NOMEM, "filter");
        memset(s->verdict, UNKNOWN, s->col->n_values);
        s->verdict[s->col->n_values] = NO;
    }
    s->is_known = true;
    return AL_OK;
}

/* A row was decided: taken, or not decidable. */
static void take_row(run *r, uint32_t row, uint8_t verdict, row_bits *in, row_bits *out)
{
    if (verdict == NO)
        return;
    row_bits_unset(in, row);
    if (verdict == YES) {
        row_bits_set(out, row);
        return;
    }
    row_bits_set(r->gave_up, row);
    r->has_given_up = true;
}

/* Asks all values of a column that has less of them than rows are in question. *ret_is_any: some
 * row may match. */
static al_code ask_values(run *r, const ast_node *leaf, const plan_head *head, slot *s,
                          const row_bits *in, bool *ret_is_any)
{
    *ret_is_any = true;
    if (s->col->n_values > row_bits_count(in, r->word_from * 64, r->word_to * 64))
        return AL_OK;
    *ret_is_any = false;
    uint32_t n_sure = 0;
    for (uint32_t v = 0; v < s->col->n_values; v++) {
        if (s->verdict[v] == UNKNOWN)
            s->verdict[v] = ask_column_value(r, leaf, head, &s->col->values[v]);
        if (s->verdict[v] == STOPPED) {
            s->verdict[v] = UNKNOWN;
            return AL_CANCELLED;
        }
        *ret_is_any |= s->verdict[v] != NO;
        n_sure += s->verdict[v] == YES || s->verdict[v] == NO;
    }
    s->is_decided = n_sure == s->col->n_values;
    return AL_OK;
}

/* Of 64 rows, whichever are in question: without a branch. */
static uint64_t decided_word(const slot *s, const uint32_t *values)
{
    uint8_t is[64];
    for (unsigned at = 0; at < 64; at++) {
        uint32_t v = AL_MIN(values[at], s->col->n_values); /* BLOCK_NO_VALUE is the greatest */
        is[at] = s->verdict[v] == YES;
    }
    return bits_of_bytes(is);
}

/* Of 64 rows. */
static al_code take_word(run *r, const ast_node *leaf, const plan_head *head, slot *s, uint32_t w,
                         row_bits *in, row_bits *out)
{
    const uint32_t *values = s->col->row_value + (size_t)w * 64;
    uint64_t yes = 0;
    uint64_t gave_up = 0;
    if (s->is_decided && in->words[w] == UINT64_MAX) {
        yes = decided_word(s, values);
        in->words[w] &= ~yes;
        out->words[w] |= yes;
        return AL_OK;
    }
    for (uint64_t rest = in->words[w]; rest; rest &= rest - 1) {
        unsigned at = (unsigned)__builtin_ctzll(rest);
        uint32_t v = values[at];
        if (v == BLOCK_NO_VALUE)
            continue;
        if (s->verdict[v] == UNKNOWN)
            s->verdict[v] = ask_column_value(r, leaf, head, &s->col->values[v]);
        if (s->verdict[v] == STOPPED) {
            s->verdict[v] = UNKNOWN;
            return AL_CANCELLED;
        }
        yes |= (uint64_t)(s->verdict[v] == YES) << at;
        gave_up |= (uint64_t)(s->verdict[v] == GAVE_UP) << at;
    }
    in->words[w] &= ~(yes | gave_up);
    out->words[w] |= yes;
    r->gave_up->words[w] |= gave_up;
    r->has_given_up |= gave_up != 0;
    return AL_OK;
}

/* Moves the rows for which a column says yes from `in` to `out`. */
static al_code take_column(run *r, const ast_node *leaf, const plan_head *head, row_bits *in,
                           row_bits *out)
{
    slot *s = NULL;
    bool is_any = false;
    al_code c = open_slot(r, head, &s);
    if (!c && s->col)
        c = ask_values(r, leaf, head, s, in, &is_any);
    if (c || !is_any)
        return c;
    for (uint32_t w = r->word_from; w < r->word_to; w++) {
        c = take_word(r, leaf, head, s, w, in, out);
        if (c)
            return c;
    }
    return AL_OK;
}

/* Whose text holds place `at` of `texts`, in rows from `row` on; empty ones have no place. */
static uint32_t row_at(const al_slice *messages, uint32_t row, uint32_t end, const uint8_t *at)
{
    uint32_t step = 1; /* the last row that begins at or before it, found by doubling and halving */
    while (end - row > step && messages[row + step].ptr <= at) {
        row += step;
        step *= 2;
    }
    for (; step; step /= 2)
        if (end - row > step && messages[row + step].ptr <= at)
            row += step;
    return row;
}

static al_code ask_message(run *r, const ast_node *leaf, al_slice message, uint32_t row,
                           row_bits *in, row_bits *out)
{
    const value v = {.type = VAL_STRING, .text = message};
    al_code code = AL_OK;
    bool holds = matcher_leaf_matches(r->f->m, leaf, &v, &code);
    if (code == AL_CANCELLED)
        return code;
    take_row(r, row, verdict_of(holds, code), in, out);
    return AL_OK;
}

/* Rows [first, last] at once; they are many of those in `in`. */
static al_code scan_messages(run *r, literal_scan *s, const ast_node *leaf,
                             const al_slice *messages, uint32_t first, uint32_t last, row_bits *in,
                             row_bits *out)
{
    const uint8_t *begin = s->texts.ptr;
    uint32_t row = first;
    for (size_t at = literal_scan_next(s, 0); at < s->texts.len; at = literal_scan_next(s, at)) {
        row = row_at(messages, row, last + 1, begin + at);
        if (row_bits_has(in, row)) {
            al_code c = ask_message(r, leaf, messages[row], row, in, out);
            if (c)
                return c;
        }
        at = (size_t)(messages[row].ptr - begin) + messages[row].len;
    }
    return AL_OK;
}

/* Messages that stand as templates. */
static al_code take_templates(run *r, const plan_node *node, msg_view *split, row_bits *in,
                              row_bits *out)
{
    const known_text *known = known_text_of(r->lex, node->text_no);
    filter_text *f = &r->known->texts[node->text_no];
    filter_text_asks asks = {.numbers = known_asks_block_numbers(r->lex, node->text_no, r->block)};
    al_code c = AL_OK;
    if (!f->is_open)
        c = known_asks_slots(r->lex, node->text_no, r->block, &asks.slots, r->err);
    if (!c && !f->is_open)
        c = filter_text_open(f, known, asks, split, r->known->arena, r->err);
    for (uint32_t w = r->word_from; w < r->word_to && f->is_any && !c; w++) {
        uint64_t ask = 0;
        uint64_t yes = 0;
        for (uint64_t rest = in->words[w]; rest; rest &= rest - 1) {
            unsigned at = (unsigned)__builtin_ctzll(rest);
            uint8_t says = filter_text_says(f, w * 64 + at);
            yes |= (uint64_t)(says == KNOWN_YES) << at;
            ask |= (uint64_t)(says == KNOWN_ASK) << at;
        }
        in->words[w] &= ~yes;
        out->words[w] |= yes;
        for (; ask && !c; ask &= ask - 1) {
            al_slice message;
            uint32_t row = w * 64 + (unsigned)__builtin_ctzll(ask);
            c = block_view_message(r->view, row, &message, r->err);
            if (!c)
                c = ask_message(r, node->ast, message, row, in, out);
        }
    }
    return c;
}

/* The message as a text, or as the value of the field that is called so in queries. */
static al_code take_messages(run *r, const plan_node *node, row_bits *in, row_bits *out)
{
    const ast_node *leaf = node->ast;
    const al_slice *messages = NULL;
    msg_view *split = NULL;
    al_code c = block_view_templates(r->view, &split, r->err);
    if (!c && split && r->lex && plan_has_text(leaf) &&
        known_text_of(r->lex, node->text_no)->literal)
        return take_templates(r, node, split, in, out);
    if (!c)
        c = block_view_messages(r->view, &messages, r->err);
    if (c)
        return c;
    uint32_t end = r->word_to * 64;
    uint32_t first = row_bits_next(in, r->word_from * 64, end);
    uint32_t last = row_bits_last(in, r->word_from * 64, end);
    if (first == end)
        return AL_OK;
    if (!split && row_bits_count(in, first, last + 1) >= (last - first) / SCAN_SHARE) {
        const uint8_t *begin = messages[first].ptr;
        al_slice texts = {begin, (size_t)(messages[last].ptr - begin) + messages[last].len};
        literal_scan s;
        if (matcher_scan(r->f->m, leaf, texts, &s, &c))
            return scan_messages(r, &s, leaf, messages, first, last, in, out);
        if (c)
            return c;
    }
    for (uint32_t row = first; row < end && !c; row = row_bits_next(in, row + 1, end))
        c = ask_message(r, leaf, messages[row], row, in, out);
    return c;
}

/* ---- The tree. `in` is consumed: it may be changed; `out` gets the rows that match. Temporaries:
 * two a level. */

static al_code eval(run *r, const plan_node *node, uint32_t level, row_bits *in, row_bits *out);

static row_bits *temp(const run *r, uint32_t level, uint32_t which)
{
    assert(2 * level + which < r->f->n_temps);
    return &r->f->temps[2 * level + which];
}

static void clear_bits(const run *r, row_bits *b)
{
    memset(b->words + r->word_from, 0, (r->word_to - r->word_from) * sizeof b->words[0]);
}

static al_code eval_leaf(run *r, const plan_node *node, row_bits *in, row_bits *out)
{
    clear_bits(r, out);
    if (node->asks_message) {
        al_code c = take_messages(r, node, in, out);
        if (c)
            return c;
    }
    bool asks_heads =
        !r->lex || !plan_has_text(node->ast) || known_asks_heads(r->lex, node->text_no, r->block);
    for (uint32_t i = 0; asks_heads && i < node->n_heads; i++) {
        if (is_empty(r, in))
            break;
        al_code c = take_column(r, node->ast, &node->heads[i], in, out);
        if (c)
            return c;
    }
    return AL_OK;
}

static al_code eval_and(run *r, const plan_node *node, uint32_t level, row_bits *in, row_bits *out)
{
    copy_bits(r, out, in);
    for (uint32_t i = 0; i < node->n_kids && !is_empty(r, out); i++) {
        row_bits *left = temp(r, level, 0);
        copy_bits(r, left, out);
        al_code c = eval(r, node->kids[i], level + 1, left, out);
        if (c)
            return c;
    }
    return AL_OK;
}

static al_code eval_or(run *r, const plan_node *node, uint32_t level, row_bits *in, row_bits *out)
{
    clear_bits(r, out);
    for (uint32_t i = 0; i < node->n_kids && !is_empty(r, in); i++) {
        row_bits *asked = temp(r, level, 0);
        row_bits *got = temp(r, level, 1);
        copy_bits(r, asked, in);
        al_code c = eval(r, node->kids[i], level + 1, asked, got);
        if (c)
            return c;
        for (uint32_t w = r->word_from; w < r->word_to; w++) {
            out->words[w] |= got->words[w];
            in->words[w] &= ~got->words[w];
        }
    }
    return AL_OK;
}

static al_code eval_not(run *r, const plan_node *node, uint32_t level, row_bits *in, row_bits *out)
{
    row_bits *asked = temp(r, level, 0);
    row_bits *got = temp(r, level, 1);
    copy_bits(r, asked, in);
    al_code c = eval(r, node->kids[0], level + 1, asked, got);
    for (uint32_t w = r->word_from; w < r->word_to; w++)
        out->words[w] = in->words[w] & ~got->words[w];
    return c;
}

static al_code eval(run *r, const plan_node *node, uint32_t level, row_bits *in, row_bits *out)
{
    switch (node->ast->kind) {
    case AST_ALL:
        copy_bits(r, out, in);
        return AL_OK;
    case AST_AND:
        return eval_and(r, node, level, in, out);
    case AST_OR:
        return eval_or(r, node, level, in, out);
    case AST_NOT:
        return eval_not(r, node, level, in, out);
    case AST_TEXT:
    case AST_REGEX:
    case AST_EXISTS:
    case AST_EQUALS:
    case AST_CONTAINS:
    case AST_FIELD_REGEX:
    case AST_COMPARE:
        return eval_leaf(r, node, in, out);
    }
    return AL_OK;
}

al_code filter_rows(filter *f, decided *d, uint32_t from, uint32_t to, bool *ret_gave_up,
                    al_err *err)
{
    row_bits *bits = &d->bits;
    assert(from <= to);
    assert(to <= block_view_info(d->view)->n_rows);
    if (f->plan.is_all || from == to)
        return AL_OK;
    run r = {.f = f,
             .known = d->known,
             .lex = d->lex,
             .block = d->block,
             .view = d->view,
             .word_from = from / 64,
             .word_to = (to + 63) / 64,
             .gave_up = &f->gave_up,
             .err = err};
    row_bits *in = temp(&r, 0, 0);
    row_bits *out = temp(&r, 0, 1);
    clear_bits(&r, r.gave_up);
    for (uint32_t w = r.word_from; w < r.word_to; w++) {
        uint64_t asked = UINT64_MAX;
        if (w == from / 64)
            asked &= UINT64_MAX << (from % 64);
        if (w == to / 64) /* to % 64 is not 0, else w ends before it */
            asked &= ~(UINT64_MAX << (to % 64));
        in->words[w] = bits->words[w] & asked;
        bits->words[w] &= ~asked;
    }
    al_code c = eval(&r, f->plan.root, 1, in, out);
    *ret_gave_up |= r.has_given_up;
    if (c)
        return c;
    for (uint32_t w = r.word_from; w < r.word_to; w++) /* invariants 3 (out has no others) and 4 */
        bits->words[w] |= out->words[w] & ~r.gave_up->words[w];
    return AL_OK;
}

/* ---- Life */

static uint32_t depth_of(const plan_node *node)
{
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < node->n_kids; i++) {
        uint32_t d = depth_of(node->kids[i]);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

al_code filter_new(query *q, const al_slice *text_fields, size_t n_text_fields, filter **ret,
                   al_err *err)
{
    AL_CLEANUP(filter_freep) filter *f = al_zalloc(1, sizeof *f);
    if (!f)
        return al_fail(err, AL_NOMEM, "filter");
    f->q = query_ref(q);
    f->arena = al_arena_new(SCRATCH_BYTES);
    f->scratch = al_arena_new(SCRATCH_BYTES);
    if (!f->arena || !f->scratch)
        return al_fail(err, AL_NOMEM, "filter");
    al_code c = matcher_new(q, text_fields, n_text_fields, &f->m, err);
    if (c)
        return c;
    if (plan_new(query_root(q), text_fields, n_text_fields, f->arena, &f->plan))
        return al_fail(err, AL_NOMEM, "filter");
    f->n_temps = 2 * (depth_of(f->plan.root) + 1);
    f->temps = al_zalloc(f->n_temps, sizeof *f->temps);
    if (!f->temps)
        return al_fail(err, AL_NOMEM, "filter");
    *ret = AL_TAKE(f);
    return AL_OK;
}

filter *filter_free(filter *f)
{
    if (!f)
        return NULL;
    (void)matcher_free(f->m);
    (void)al_arena_free(f->arena);
    (void)al_arena_free(f->scratch);
    (void)query_unref(f->q);
    free(f->temps);
    free(f);
    return NULL;
}

void filter_stop_if(filter *f, bool (*must_stop)(void *ctx), void *ctx)
{
    matcher_stop_if(f->m, must_stop, ctx);
}

const plan *filter_plan(const filter *f)
{
    return &f->plan;
}

verdicts *verdicts_new(const filter *f)
{
    verdicts *v = al_zalloc(1, sizeof *v + f->plan.n_slots * sizeof v->slots[0]);
    if (!v)
        return NULL;
    v->n_slots = f->plan.n_slots;
    v->n_texts = f->plan.n_texts;
    v->texts = al_zalloc(v->n_texts + 1, sizeof *v->texts);
    if (!v->texts)
        return verdicts_free(v);
    v->arena = al_arena_new(SCRATCH_BYTES);
    return v->arena ? v : verdicts_free(v);
}

verdicts *verdicts_free(verdicts *v)
{
    if (!v)
        return NULL;
    (void)al_arena_free(v->arena);
    free(v->texts);
    free(v);
    return NULL;
}

void verdicts_clear(verdicts *v)
{
    al_arena_reset(v->arena);
    memset(v->slots, 0, v->n_slots * sizeof v->slots[0]);
    memset(v->texts, 0, v->n_texts * sizeof v->texts[0]);
}
