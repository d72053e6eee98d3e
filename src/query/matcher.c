/* The naive row matcher: what every node means, once and for all. Engines may be faster, never
 * different.
 * What a value's text is: a string its bytes, a number its spelling, true and false the words, a
 * nested object its compact JSON; null has none. An array is looked at element by element, nested
 * ones too; for `=` and for existing, it is also a value itself.
 * The name `message` stands for the record's message, which is no field.
 * Limits: a regular expression that ran into one, or memory that ended, makes the whole answer
 * "does not match", not only its leaf: under NOT that would turn into a match. So does the caller's
 * wish to stop, which is looked at every few milliseconds of work (pace.h).
 * Memory: after the first rows nothing is allocated, unless a leaf has more than
 * SCRATCH_BLOCK_BYTES of values inside nested JSON decoded. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "query/pace.h"
#include "query/tree.h"

enum {
    SCRATCH_BLOCK_BYTES = 16 * 1024,
    BYTES_PER_UNIT = 64 /* of the pace */,
    SCAN_BYTES_PER_UNIT = 256
};

struct matcher {
    query *q;
    al_arena *memory; /* of text_fields */
    al_slice *text_fields;
    size_t n_text_fields;
    al_arena *scratch;
    pace pace;
    regex_scratch *regexes;
    highlight *found; /* 4 * HIGHLIGHTS_MAX: all so far, one leaf's, room to merge; made at need */
};

matcher *matcher_free(matcher *m)
{
    if (!m)
        return NULL;
    (void)query_unref(m->q);
    (void)al_arena_free(m->memory);
    (void)al_arena_free(m->scratch);
    (void)regex_scratch_free(m->regexes);
    free(m->found);
    free(m);
    return NULL;
}

al_code matcher_new(query *q, const al_slice *text_fields, size_t n_text_fields, matcher **ret,
                    al_err *err)
{
    *ret = NULL;
    AL_CLEANUP(matcher_freep) matcher *m = al_zalloc(1, sizeof *m);
    if (!m)
        return al_fail(err, AL_NOMEM, "matcher");
    m->q = query_ref(q);
    m->memory = al_arena_new(SCRATCH_BLOCK_BYTES / 16);
    m->scratch = al_arena_new(SCRATCH_BLOCK_BYTES);
    m->regexes = regex_scratch_new(&m->pace);
    if (!m->memory || !m->scratch || !m->regexes)
        return al_fail(err, AL_NOMEM, "matcher");
    m->text_fields = al_arena_alloc(m->memory, n_text_fields, sizeof *m->text_fields);
    if (!m->text_fields)
        return al_fail(err, AL_NOMEM, "matcher");
    for (size_t i = 0; i < n_text_fields; i++) {
        m->text_fields[i] = al_arena_copy(m->memory, text_fields[i]);
        if (!m->text_fields[i].ptr)
            return al_fail(err, AL_NOMEM, "matcher");
    }
    m->n_text_fields = n_text_fields;
    *ret = AL_TAKE(m);
    return AL_OK;
}

void matcher_stop_if(matcher *m, bool (*must_stop)(void *ctx), void *ctx)
{
    m->pace = (pace){.must_stop = must_stop, .ctx = ctx, .units_left = PACE_UNITS};
}

/* ---- One text, one value */

/* Before a text is looked into n times. */
static bool may_go_on(matcher *m, size_t bytes, uint32_t n, al_code *ret_code)
{
    if (pace_go(&m->pace, (1 + (uint64_t)bytes / BYTES_PER_UNIT) * n))
        return true;
    *ret_code = AL_CANCELLED;
    return false;
}

/* The next place; highlights share the steps of their regular expressions. */
static bool find_next(matcher *m, const ast_node *leaf, al_slice text, size_t from,
                      bool takes_empty, regex_span *ret, al_code *ret_code)
{
    const tree_node *n = tree_node_of(leaf);
    return n->re ? regex_find(n->re, m->regexes, text, from, takes_empty, ret, ret_code)
                 : literal_find(n->needle, text, from, &ret->start, &ret->end);
}

static bool stands_in(matcher *m, const ast_node *leaf, al_slice text, al_code *ret_code)
{
    regex_span at;
    if (!may_go_on(m, text.len, 1, ret_code))
        return false;
    const literal *needed = tree_node_of(leaf)->needed;
    if (needed && !literal_find(needed, text, 0, &at.start, &at.end))
        return false;
    regex_allow(m->regexes, text.len);
    return find_next(m, leaf, text, 0, true, &at, ret_code);
}

/* May text be looked for in it? An array's elements are values of their own. */
static bool holds_text(const value *v)
{
    return v->type != VAL_NULL && v->type != VAL_ARRAY;
}

static bool equals(const ast_node *leaf, const value *v)
{
    al_slice text = rec_value_text(v);
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        if (al_slice_eq(leaf->values[i], text))
            return true;
        if (v->type != VAL_NUMBER)
            continue;
        bool is_ok = false;
        int order = rec_number_cmp(text, leaf->values[i], &is_ok);
        if (is_ok && order == 0)
            return true;
    }
    return false;
}

/* Numbers, and strings that spell one: many senders quote all values. */
static bool compares(const ast_node *leaf, const value *v)
{
    if (v->type != VAL_NUMBER && v->type != VAL_STRING)
        return false;
    bool is_ok = false;
    int order = rec_number_cmp(v->text, leaf->text, &is_ok);
    if (!is_ok)
        return false;
    switch (leaf->compare) {
    case AST_LESS:
        return order < 0;
    case AST_LESS_EQUAL:
        return order <= 0;
    case AST_GREATER:
        return order > 0;
    case AST_GREATER_EQUAL:
        break;
    }
    return order >= 0;
}

/* A value by itself: an array's elements are values of their own. */
static bool holds_for(matcher *m, const ast_node *leaf, const value *v, al_code *ret_code)
{
    if (leaf->kind == AST_EXISTS)
        return true;
    if (leaf->kind == AST_EQUALS)
        return may_go_on(m, v->text.len, leaf->n_values, ret_code) && equals(leaf, v);
    if (leaf->kind == AST_COMPARE)
        return may_go_on(m, v->text.len, 1, ret_code) && compares(leaf, v);
    return holds_text(v) && stands_in(m, leaf, rec_value_text(v), ret_code);
}

/* ---- Fields */

typedef struct search {
    matcher *m;
    const ast_node *leaf;
    bool holds;
    al_code code;
} search;

static rec_visit visit(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    search *s = ctx;
    s->holds = holds_for(s->m, s->leaf, v, &s->code);
    return s->holds || s->code ? REC_VISIT_STOP : REC_VISIT_MORE;
}

static bool field_holds(matcher *m, const ast_node *leaf, const record *r, al_slice path,
                        al_code *ret_code)
{
    search s = {.m = m, .leaf = leaf};
    if (al_slice_eq(path, AL_LIT("message"))) {
        value message = {.type = VAL_STRING, .text = r->message};
        (void)visit(&s, &message, false);
    } else {
        if (rec_values_at(r, path, m->scratch, visit, &s) == REC_NOMEM)
            s.code = AL_NOMEM;
    }
    if (s.code)
        *ret_code = s.code;
    return s.holds;
}

bool matcher_leaf_matches(matcher *m, const ast_node *leaf, const value *v, al_code *ret_code)
{
    *ret_code = AL_OK;
    if (v->type != VAL_ARRAY)
        return holds_for(m, leaf, v, ret_code);
    field only = {.name = AL_LIT("a"), .val = *v};
    record r = {.fields = &only, .n_fields = 1};
    return field_holds(m, leaf, &r, only.name, ret_code);
}

const literal *query_leaf_literal(const ast_node *leaf, bool *ret_is_leaf)
{
    const tree_node *n = tree_node_of(leaf);
    *ret_is_leaf = n->needle != NULL;
    return n->needle ? n->needle : n->needed;
}

bool matcher_scan(matcher *m, const ast_node *leaf, al_slice texts, literal_scan *ret,
                  al_code *ret_code)
{
    *ret_code = AL_OK;
    bool is_leaf = false;
    const literal *needle = query_leaf_literal(leaf, &is_leaf);
    const scan_word *word = needle ? literal_scan_word(needle) : NULL;
    if (!word || word->bytes.n == 0)
        return false;
    if (!pace_go(&m->pace, 1 + texts.len / SCAN_BYTES_PER_UNIT)) {
        *ret_code = AL_CANCELLED;
        return false;
    }
    literal_scan_begin(ret, word, texts);
    return true;
}

/* ---- Rows */

static bool text_holds(matcher *m, const ast_node *leaf, const record *r, al_code *ret_code)
{
    if (stands_in(m, leaf, r->message, ret_code))
        return true;
    for (size_t i = 0; i < m->n_text_fields && !*ret_code; i++)
        if (field_holds(m, leaf, r, m->text_fields[i], ret_code))
            return true;
    return false;
}

/* What it returns once *ret_code is set does not count. */
static bool holds(matcher *m, const ast_node *n, const record *r, al_code *ret_code)
{
    switch (n->kind) {
    case AST_ALL:
        return true;
    case AST_AND:
    case AST_OR:
        for (uint32_t i = 0; i < n->n_kids && !*ret_code; i++)
            if (holds(m, n->kids[i], r, ret_code) == (n->kind == AST_OR))
                return n->kind == AST_OR;
        return n->kind == AST_AND;
    case AST_NOT:
        return !holds(m, n->kids[0], r, ret_code);
    case AST_TEXT:
    case AST_REGEX:
        return text_holds(m, n, r, ret_code);
    case AST_EXISTS:
    case AST_EQUALS:
    case AST_CONTAINS:
    case AST_FIELD_REGEX:
    case AST_COMPARE:
        break;
    }
    return field_holds(m, n, r, n->name, ret_code);
}

bool matcher_matches(matcher *m, const record *r, al_code *ret_code)
{
    *ret_code = AL_OK;
    bool is_match = holds(m, m->q->root, r, ret_code);
    return is_match && !*ret_code;
}

/* ---- Highlights */

/* All places of one leaf, up to HIGHLIGHTS_MAX. */
static size_t find_all(matcher *m, const ast_node *leaf, al_slice text, highlight *ret)
{
    size_t n = 0;
    al_code code = AL_OK;
    for (size_t from = 0; n < HIGHLIGHTS_MAX && from < text.len;) {
        regex_span at;
        if (!may_go_on(m, text.len - from, 1, &code) ||
            !find_next(m, leaf, text, from, false, &at, &code) || code)
            break;
        if (at.end > at.start)
            ret[n++] = (highlight){(uint32_t)at.start, (uint32_t)(at.end - at.start)};
        from = AL_MAX(at.end, from + 1); /* \K may lead to an empty one, an empty text too */
    }
    return n;
}

static void put_merged(highlight *all, size_t *n, highlight h)
{
    assert(all);
    highlight *last = *n ? &all[*n - 1] : NULL;
    if (last && h.start < last->start + last->length) {
        uint32_t end = AL_MAX(h.start + h.length, last->start + last->length);
        last->length = end - last->start;
    } else {
        all[(*n)++] = h;
    }
}

/* Merges the sorted `more` into the sorted `all`; keeps the first HIGHLIGHTS_MAX. */
static void merge(highlight *all, size_t *n, const highlight *more, size_t n_more, highlight *room)
{
    size_t n_out = 0;
    size_t i = 0;
    size_t k = 0;
    while (i < *n || k < n_more) {
        bool takes_more = i == *n || (k < n_more && more[k].start < all[i].start);
        put_merged(room, &n_out, takes_more ? more[k++] : all[i++]);
    }
    *n = AL_MIN(n_out, (size_t)HIGHLIGHTS_MAX);
    memcpy(all, room, *n * sizeof *all);
}

typedef struct highlighting {
    matcher *m;
    al_slice name; /* of the field that the text is the value of */
    al_slice text;
    highlight *all;
    size_t n;
    highlight *of_leaf;
    highlight *room;
} highlighting;

static bool is_bare_text_field(const matcher *m, al_slice name)
{
    if (al_slice_eq(name, AL_LIT("message")))
        return true;
    for (size_t i = 0; i < m->n_text_fields; i++)
        if (al_slice_eq(name, m->text_fields[i]))
            return true;
    return false;
}

static bool looks_into(const highlighting *h, const ast_node *n)
{
    if (n->kind == AST_TEXT || n->kind == AST_REGEX)
        return is_bare_text_field(h->m, h->name);
    return (n->kind == AST_CONTAINS || n->kind == AST_FIELD_REGEX) && al_slice_eq(n->name, h->name);
}

static void gather(highlighting *h, const ast_node *n, bool is_positive)
{
    for (uint32_t i = 0; i < n->n_kids; i++)
        gather(h, n->kids[i], is_positive == (n->kind != AST_NOT));
    if (!is_positive || !looks_into(h, n))
        return;
    size_t n_leaf = find_all(h->m, n, h->text, h->of_leaf);
    if (n_leaf)
        merge(h->all, &h->n, h->of_leaf, n_leaf, h->room);
}

static size_t highlights_in(matcher *m, al_slice name, al_slice text, highlight *ret, size_t max)
{
    if (!m->found)
        m->found = al_alloc((size_t)4 * HIGHLIGHTS_MAX, sizeof *m->found);
    if (!m->found || text.len > UINT32_MAX)
        return 0;
    highlighting h = {
        .m = m,
        .name = name,
        .text = text,
        .all = m->found,
        .of_leaf = m->found + HIGHLIGHTS_MAX,
        .room = m->found + (size_t)2 * HIGHLIGHTS_MAX,
    };
    regex_allow(m->regexes, text.len);
    gather(&h, m->q->root, true);
    size_t n = AL_MIN(h.n, max);
    if (n)
        memcpy(ret, h.all, n * sizeof *ret);
    return n;
}

size_t matcher_highlights(matcher *m, const record *r, highlight *ret, size_t max)
{
    return highlights_in(m, AL_LIT("message"), r->message, ret, max);
}

size_t matcher_field_highlights(matcher *m, const field *f, highlight *ret, size_t max)
{
    return f->val.type == VAL_STRING ? highlights_in(m, f->name, f->val.text, ret, max) : 0;
}
