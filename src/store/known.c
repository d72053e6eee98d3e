/* Asking the lexicon of a segment.
 *
 * Why: a segment of a million messages has a thousand or two of templates and some hundred thousand
 * distinct values. A literal stands in a message inside its template's fixed text, inside one slot,
 * or over the edge of a slot (literal_holes.h); so templates and values are asked once, and their
 * lists of blocks say where to look, often even how many rows match.
 *
 * Invariants: (1) a block without KNOWN_BLOCK_ bits for a leaf has no message in which its literal
 * stands; (2) with KNOWN_BLOCK_YES alone exactly known_text.rows of them have it. What is in no
 * lexicon (texts that found no room, numbers) counts as "may". */
#include "store/known.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "query/literal_holes.h"
#include "store/msg/split.h"

enum { ARENA_BYTES = 16 * 1024 };

/* A leaf while it is being asked about. */
typedef struct text {
    known_text is;
    uint8_t *templates;
    uint64_t *values;
    uint8_t *blocks;
    uint32_t *rows;
} text;

struct known {
    bool has_blocks;
    const plan *plan;
    lexicon *lex;
    al_arena *arena;
    text *texts; /* plan->n_texts */
};

known *known_free(known *k)
{
    if (!k)
        return NULL;
    (void)lexicon_unref(k->lex);
    (void)al_arena_free(k->arena);
    free(k);
    return NULL;
}

const known_text *known_text_of(const known *k, uint32_t text_no)
{
    assert(text_no < k->plan->n_texts);
    return &k->texts[text_no].is;
}

/* ---- Many texts at once */

static bool holds(const literal *l, al_slice s)
{
    size_t start;
    size_t end;
    return literal_find(l, s, 0, &start, &end);
}

/* Calls `fn` for each text of the chunk that holds the literal. */
static void each_holding(const literal *l, const lex_chunk *c, void (*fn)(text *t, uint32_t number),
                         text *t)
{
    const scan_word *word = literal_scan_word(l);
    if (word->bytes.n == 0) {
        for (uint32_t k = 0; k < c->n; k++)
            if (holds(l, lex_chunk_text(c, k)))
                fn(t, c->first + k);
        return;
    }
    literal_scan s;
    literal_scan_begin(&s, word, c->texts);
    uint32_t k = 0;
    for (size_t at = literal_scan_next(&s, 0); at < c->texts.len; at = literal_scan_next(&s, at)) {
        while (c->ends[k] - c->begin <= at)
            k++;
        if (holds(l, lex_chunk_text(c, k)))
            fn(t, c->first + k);
        at = c->ends[k] - c->begin;
    }
}

/* ---- Templates */

static void note_held(text *t, uint32_t number)
{
    t->templates[number] = t->is.is_leaf ? KNOWN_YES : KNOWN_ASK;
}

static uint8_t ask_template(const text *t, const literal_holes *holes, al_slice s)
{
    switch (literal_in_holes(holes, s, MSG_MARK)) {
    case HOLES_ALWAYS:
        return t->is.is_leaf ? KNOWN_YES : KNOWN_ASK;
    case HOLES_MAYBE:
        return KNOWN_ASK;
    case HOLES_NEVER:
        break;
    }
    return msg_marks(s) > MSG_VARIABLES_MAX ? KNOWN_ASK : KNOWN_NO; /* the rest of a long message */
}

static al_code ask_templates(known *k, text *t, al_err *err)
{
    lex_chunk all;
    bool is_plain = false;
    al_code c = lexicon_all_templates(k->lex, &all, &is_plain, err);
    if (c)
        return c;
    memset(t->templates, KNOWN_NO, all.n);
    if (is_plain && literal_is_word(t->is.literal)) { /* it cannot stand over the edge of a slot */
        each_holding(t->is.literal, &all, note_held, t);
        return AL_OK;
    }
    literal_holes holes;
    literal_holes_make(&holes, t->is.literal);
    for (uint32_t i = 0; i < all.n; i++)
        t->templates[i] = ask_template(t, &holes, lex_chunk_text(&all, i));
    return AL_OK;
}

/* ---- Values */

static void note_value_held(text *t, uint32_t number)
{
    t->values[number / 64] |= UINT64_C(1) << (number % 64);
    t->is.values = t->values;
}

static al_code ask_values(known *k, text *t, al_err *err)
{
    for (uint32_t i = 0; i < lexicon_chunks(k->lex); i++) {
        lex_chunk chunk;
        al_code c = lexicon_chunk(k->lex, i, &chunk, err);
        if (c)
            return c;
        each_holding(t->is.literal, &chunk, note_value_held, t);
    }
    return AL_OK;
}

/* ---- Texts */

static al_code make_text(known *k, const plan_node *leaf, const known_names *names, al_err *err)
{
    text *t = &k->texts[leaf->text_no];
    *t = (text){.templates = al_arena_alloc(k->arena, lexicon_templates(k->lex), 1),
                .values = al_arena_alloc(k->arena, lexicon_values(k->lex) / 64 + 1, 8),
                .blocks = al_arena_alloc(k->arena, lexicon_blocks(k->lex) + 1, 1),
                .rows = al_arena_alloc(k->arena, lexicon_blocks(k->lex) + 1, sizeof *t->rows)};
    if (!t->templates || !t->values || !t->blocks || !t->rows)
        return al_fail(err, AL_NOMEM, "search");
    memset(t->templates, KNOWN_ASK, lexicon_templates(k->lex));
    memset(t->values, 0, (lexicon_values(k->lex) / 64 + 1) * 8);
    memset(t->blocks, 0, lexicon_blocks(k->lex) + 1);
    memset(t->rows, 0, (lexicon_blocks(k->lex) + 1) * sizeof *t->rows);
    t->is.literal = query_leaf_literal(leaf->ast, &t->is.is_leaf);
    t->is.may_be_number = t->is.literal && literal_may_be_number(t->is.literal);
    for (uint32_t i = 0; i < leaf->n_heads; i++)
        t->is.has_heads |= names->has(names->ctx, leaf->heads[i].name);
    t->is.templates = t->templates;
    t->is.blocks = t->blocks;
    t->is.rows = t->rows;
    al_code c = t->is.literal ? ask_templates(k, t, err) : AL_OK;
    if (!c && t->is.literal)
        c = ask_values(k, t, err);
    return c;
}

static al_code make_texts(known *k, const plan_node *node, const known_names *names, al_err *err)
{
    if (node->asks_message)
        return make_text(k, node, names, err);
    for (uint32_t i = 0; i < node->n_kids; i++) {
        al_code c = make_texts(k, node->kids[i], names, err);
        if (c)
            return c;
    }
    return AL_OK;
}

al_code known_new(const plan *p, lexicon *lex, const known_names *names, known **ret, al_err *err)
{
    AL_CLEANUP(known_freep) known *k = al_zalloc(1, sizeof *k);
    if (!k)
        return al_fail(err, AL_NOMEM, "search");
    k->plan = p;
    k->lex = lexicon_ref(lex);
    k->arena = al_arena_new(ARENA_BYTES);
    k->texts = k->arena ? al_arena_alloc(k->arena, p->n_texts + 1, sizeof *k->texts) : NULL;
    if (!k->texts)
        return al_fail(err, AL_NOMEM, "search");
    al_code c = make_texts(k, p->root, names, err);
    if (!c)
        *ret = AL_TAKE(k);
    return c;
}

/* ---- Blocks */

static void note_template(void *ctx, uint32_t number, uint32_t block, uint32_t rows)
{
    const known *k = ctx;
    for (uint32_t i = 0; i < k->plan->n_texts; i++) {
        text *t = &k->texts[i];
        if (!t->is.literal || t->templates[number] == KNOWN_NO)
            continue;
        bool is_yes = t->templates[number] == KNOWN_YES;
        t->blocks[block] |= is_yes ? KNOWN_BLOCK_YES : KNOWN_BLOCK_ELSE;
        t->rows[block] += is_yes ? rows : 0;
    }
}

static void note_value(void *ctx, uint32_t number, uint32_t block, uint32_t rows)
{
    const text *t = ctx;
    if (t->values[number / 64] >> (number % 64) & 1 && (rows || t->is.has_heads))
        t->blocks[block] |= KNOWN_BLOCK_ELSE;
}

/* Has any value of the chunk its bit set? */
static bool has_values(const known *k, const text *t, uint32_t chunk)
{
    uint32_t from = chunk * LEX_CHUNK_VALUES;
    uint32_t to = AL_MIN(lexicon_values(k->lex), from + LEX_CHUNK_VALUES);
    uint64_t any = 0;
    for (uint32_t i = from / 64; i < (to + 63) / 64; i++)
        any |= t->values[i];
    return any;
}

/* Is the literal where only the block itself tells? */
static al_code may_hide(const known *k, const text *t, uint32_t block, bool *ret, al_err *err)
{
    uint32_t flags = 0;
    al_code c = lexicon_block_flags(k->lex, block, &flags, err);
    *ret = !t->is.literal || t->is.may_be_number || flags & LEX_BLOCK_HAS_TEXT;
    return c;
}

al_code known_asks_slots(const known *k, uint32_t text_no, uint32_t block, bool *ret, al_err *err)
{
    assert(text_no < k->plan->n_texts);
    const text *t = &k->texts[text_no];
    *ret = k->has_blocks ? t->blocks[block] & KNOWN_BLOCK_ELSE : t->is.values != NULL;
    return *ret ? AL_OK : may_hide(k, t, block, ret, err);
}

static al_code ask_blocks(known *k, text *t, al_err *err)
{
    for (uint32_t b = 0; b < lexicon_blocks(k->lex); b++) {
        bool hides = false;
        al_code c = may_hide(k, t, b, &hides, err);
        if (c)
            return c;
        t->blocks[b] |= hides ? KNOWN_BLOCK_ELSE : 0;
    }
    al_code c = AL_OK;
    for (uint32_t i = 0; t->is.values && !c && i < lexicon_chunks(k->lex); i++)
        if (has_values(k, t, i))
            c = lexicon_value_blocks(k->lex, i, note_value, t, err);
    return c;
}

al_code known_blocks(known *k, al_err *err)
{
    al_code c = AL_OK;
    for (uint32_t i = 0; i < k->plan->n_texts && !c && !k->has_blocks; i++)
        c = ask_blocks(k, &k->texts[i], err);
    if (!c && !k->has_blocks)
        c = lexicon_template_blocks(k->lex, note_template, k, err);
    k->has_blocks |= !c;
    return c;
}

/* ---- Asking */

static bool may_match(const known *k, const plan_node *node, uint32_t block)
{
    switch (node->ast->kind) {
    case AST_AND:
        for (uint32_t i = 0; i < node->n_kids; i++)
            if (!may_match(k, node->kids[i], block))
                return false;
        return true;
    case AST_OR:
        for (uint32_t i = 0; i < node->n_kids; i++)
            if (may_match(k, node->kids[i], block))
                return true;
        return false;
    case AST_ALL:
    case AST_NOT:
        return true;
    case AST_TEXT:
    case AST_REGEX:
    case AST_EXISTS:
    case AST_EQUALS:
    case AST_CONTAINS:
    case AST_FIELD_REGEX:
    case AST_COMPARE:
        break;
    }
    if (!node->asks_message)
        return true;
    const known_text *t = &k->texts[node->text_no].is;
    return t->has_heads || t->blocks[block];
}

bool known_may_match(const known *k, uint32_t block)
{
    return block >= lexicon_blocks(k->lex) || may_match(k, k->plan->root, block);
}

bool known_count(const known *k, uint32_t block, uint32_t *ret)
{
    const plan_node *root = k->plan->root;
    if (!root->asks_message || block >= lexicon_blocks(k->lex))
        return false;
    const known_text *t = &k->texts[root->text_no].is;
    *ret = t->rows[block];
    return !t->has_heads && !(t->blocks[block] & KNOWN_BLOCK_ELSE);
}
