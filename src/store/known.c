/* Asking the lexicon of a segment.
 *
 * Why: a segment of a million messages has a thousand or two of templates and some hundred thousand
 * distinct values. A literal stands in a message inside its template's fixed text, inside one slot,
 * or over the edge of a slot (literal_holes.h); so templates and values are asked once, and their
 * lists of blocks say where to look, often even how many rows match.
 *
 * Invariants: (1) a block without KNOWN_BLOCK_ bits for a leaf has no text in which its literal
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

enum { ARENA_BYTES = 16 * 1024, LITERAL_BYTES_MAX = 512 /* that are asked of sieves */ };

/* A leaf while it is being asked about. */
typedef struct text {
    known_text is;
    const ast_node *leaf;
    bool is_whole; /* it looks for whole values */
    lex_keys runs; /* of the literal */
    /* Of the words of the literal, or of itself: without all of any of them no text that is in no
     * lexicon has a part of it. 0: such texts are asked. */
    size_t n_words;
    lex_keys *words;
    uint8_t *templates;
    uint64_t *values;
    uint8_t *blocks;
    uint32_t *rows;
    uint8_t *value_blocks;  /* a bit for each block whose messages have a value that holds it */
    uint8_t *number_blocks; /* ... of which a number in no lexicon may hold it */
    bool has_number_block;
    uint32_t *value_rows; /* of each block: with its only value that holds the literal; or MANY */
} text;

#define MANY UINT32_MAX

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

typedef void text_fn(void *ctx, uint32_t number, al_slice text);

/* Calls `fn` for each text of the chunk that holds the literal. */
static void search_chunk(const literal *l, const lex_chunk *c, text_fn *fn, void *ctx)
{
    const scan_word *word = literal_scan_word(l);
    if (word->bytes.n == 0) {
        for (uint32_t k = 0; k < c->n; k++)
            if (holds(l, lex_chunk_text(c, k)))
                fn(ctx, c->first + k, lex_chunk_text(c, k));
        return;
    }
    literal_scan s;
    literal_scan_begin(&s, word, c->texts);
    uint32_t k = 0;
    for (size_t at = literal_scan_next(&s, 0); at < c->texts.len; at = literal_scan_next(&s, at)) {
        while (c->ends[k] - c->begin <= at)
            k++;
        if (holds(l, lex_chunk_text(c, k)))
            fn(ctx, c->first + k, lex_chunk_text(c, k));
        at = c->ends[k] - c->begin;
    }
}

/* The bytes of a literal, for sieves. */
typedef struct spelled {
    uint8_t bytes[LITERAL_BYTES_MAX];
    size_t len;
} spelled;

static al_slice spell(const literal *l, spelled *to)
{
    to->len = literal_put(l, to->bytes, sizeof to->bytes);
    return (al_slice){to->bytes, to->len};
}

static lex_keys keys_of(const literal *l)
{
    spelled s;
    return lex_keys_of(spell(l, &s));
}

/* ... of all values, chunk by chunk. */
static al_code each_value(known *k, const literal *l, text_fn *fn, void *ctx, al_err *err)
{
    spelled s;
    bool has_letters = false;
    lex_keys keys = keys_of(l);
    al_code c = lexicon_may_have_letters(k->lex, spell(l, &s), &has_letters, err);
    for (uint32_t i = 0; i < lexicon_chunks(k->lex) && has_letters && !c; i++) {
        lex_chunk chunk;
        bool may = false;
        c = lexicon_may_hold(k->lex, i, &keys, &may, err);
        if (!c && may)
            c = lexicon_chunk(k->lex, i, &chunk, err);
        if (!c && may)
            search_chunk(l, &chunk, fn, ctx);
    }
    return c;
}

/* ---- Templates */

static void note_held(void *ctx, uint32_t number, al_slice ignored)
{
    (void)ignored;
    text *t = ctx;
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

/* ---- Over the edge of a slot
 * Where slots stand for whole words, a literal of several words stands over the edge of one only if
 * a slot ends or begins with one of them. Mostly none does: slots have a digit or a NUL. */

static al_code know_edges(known *k, const text *t, literal_holes *holes, al_err *err)
{
    size_t n = 0;
    const literal *const *words = literal_words(t->is.literal, &n);
    literal_holes_of_words(holes);
    for (size_t i = 0; i < n; i++) {
        spelled s;
        al_slice word = spell(words[i], &s);
        bool begins = true;
        bool ends = true;
        al_code c = lexicon_may_have_edge(k->lex, word, false, &begins, err);
        if (!c)
            c = lexicon_may_have_edge(k->lex, word, true, &ends, err);
        if (c)
            return c;
        literal_holes_begin(holes, i, begins);
        literal_holes_end(holes, i, ends);
    }
    return AL_OK;
}

static void note_word(void *ctx, uint32_t number, al_slice ignored)
{
    (void)ignored;
    text *t = ctx;
    t->templates[number] = KNOWN_ASK;
}

static al_code ask_each_template(known *k, text *t, const lex_chunk *all, al_err *err)
{
    size_t n_words = 0;
    const literal *const *words = literal_words(t->is.literal, &n_words);
    literal_holes *holes = al_arena_alloc(k->arena, 1, sizeof *holes);
    if (!holes)
        return al_fail(err, AL_NOMEM, "search");
    literal_holes_make(holes, t->is.literal);
    bool is_plain = lexicon_is_plain(k->lex) && n_words && !literal_has(t->is.literal, MSG_MARK);
    al_code c = is_plain ? know_edges(k, t, holes, err) : AL_OK;
    if (c)
        return c;
    t->is.holes = is_plain ? holes : NULL;
    /* It stands in fixed text, at least one of its words, or in slots alone. */
    bool needs_word = is_plain && literal_holes_need_word(holes);
    for (size_t i = 0; i < n_words && needs_word; i++)
        search_chunk(words[i], all, note_word, t);
    for (uint32_t i = 0; i < all->n; i++)
        if (!needs_word || t->templates[i] != KNOWN_NO)
            t->templates[i] = ask_template(t, holes, lex_chunk_text(all, i));
    return AL_OK;
}

static al_code ask_templates(known *k, text *t, al_err *err)
{
    bool may_hold = false;
    lex_keys keys = keys_of(t->is.literal);
    al_code c = lexicon_may_hold(k->lex, LEX_TEMPLATES, &keys, &may_hold, err);
    memset(t->templates, KNOWN_NO, lexicon_templates(k->lex));
    /* A word never stands over the edge of a slot. */
    bool is_inside = lexicon_is_plain(k->lex) && literal_is_word(t->is.literal);
    lex_chunk all;
    bool is_done = is_inside && !may_hold;
    if (!c && !is_done)
        c = lexicon_all_templates(k->lex, &all, err);
    if (c || is_done)
        return c;
    if (is_inside)
        search_chunk(t->is.literal, &all, note_held, t);
    return is_inside ? AL_OK : ask_each_template(k, t, &all, err);
}

/* ---- Values */

static void note_value_held(void *ctx, uint32_t number, al_slice ignored)
{
    (void)ignored;
    text *t = ctx;
    t->is.first_value = t->is.values ? AL_MIN(t->is.first_value, number) : number;
    t->is.last_value = AL_MAX(t->is.last_value, number);
    t->values[number / 64] |= UINT64_C(1) << (number % 64);
    t->is.values = t->values;
}

static al_code ask_values(known *k, text *t, al_err *err)
{
    /* Slots have no white space, and nothing else that is no part of a word but '.' and '-'. */
    if (lexicon_is_plain(k->lex) && !literal_fits_hole(t->is.literal) &&
        !(t->is.heads & SEG_FIELD_WHOLE))
        return AL_OK;
    return each_value(k, t->is.literal, note_value_held, t, err);
}

/* Those that a field must be equal to. */
static al_code find_values(known *k, text *t, const ast_node *leaf, al_err *err)
{
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        uint32_t number = 0;
        al_code c = lexicon_find(k->lex, leaf->values[i], &number, err);
        if (c && c != AL_NOT_FOUND)
            return c;
        if (!c)
            note_value_held(t, number, (al_slice){0});
    }
    return AL_OK;
}

/* ---- Texts */

static al_code make_keys(known *k, text *t, al_err *err)
{
    spelled s;
    size_t n = 0;
    const literal *const *words = literal_words(t->is.literal, &n);
    t->runs = lex_keys_of_runs(spell(t->is.literal, &s));
    t->words = al_arena_alloc(k->arena, n + 1, sizeof *t->words);
    if (!t->words)
        return al_fail(err, AL_NOMEM, "search");
    bool is_word = literal_is_word(t->is.literal);
    bool knows =
        lexicon_is_plain(k->lex) && (n || is_word) && !literal_has(t->is.literal, MSG_MARK);
    t->n_words = !knows ? 0 : is_word ? 1 : n;
    for (size_t i = 0; i < t->n_words; i++) {
        t->words[i] = lex_keys_of_runs(spell(is_word ? t->is.literal : words[i], &s));
        if (t->words[i].n == 0) /* it might stand anywhere */
            t->n_words = 0;
    }
    return AL_OK;
}

static al_code make_text(known *k, const plan_node *leaf, const known_names *names, al_err *err)
{
    text *t = &k->texts[leaf->text_no];
    uint32_t n_blocks = lexicon_blocks(k->lex);
    *t = (text){.templates = al_arena_alloc(k->arena, lexicon_templates(k->lex), 1),
                .values = al_arena_alloc(k->arena, lexicon_values(k->lex) / 64 + 1, 8),
                .blocks = al_arena_alloc(k->arena, n_blocks + 1, 1),
                .rows = al_arena_alloc(k->arena, n_blocks + 1, sizeof *t->rows),
                .value_blocks = al_arena_alloc(k->arena, n_blocks / 8 + 1, 1),
                .number_blocks = al_arena_alloc(k->arena, n_blocks / 8 + 1, 1),
                .value_rows = al_arena_alloc(k->arena, n_blocks + 1, sizeof *t->value_rows)};
    if (!t->templates || !t->values || !t->blocks || !t->rows || !t->value_blocks ||
        !t->number_blocks || !t->value_rows)
        return al_fail(err, AL_NOMEM, "search");
    memset(t->templates, KNOWN_ASK, lexicon_templates(k->lex));
    memset(t->values, 0, ((size_t)lexicon_values(k->lex) / 64 + 1) * sizeof *t->values);
    t->is.asks_message = leaf->asks_message;
    t->leaf = leaf->ast;
    t->is_whole = leaf->ast->kind == AST_EQUALS;
    t->is.literal = query_leaf_literal(leaf->ast, &t->is.is_leaf);
    if (t->is.literal && make_keys(k, t, err))
        return AL_NOMEM;
    if (t->is.literal && literal_may_be_number(t->is.literal)) {
        al_code c = lexicon_numbers(k->lex, &t->is.longest, err);
        if (c)
            return c;
    }
    for (uint32_t i = 0; i < leaf->n_heads; i++)
        t->is.heads |= names->uses(names->ctx, leaf->heads[i].name);
    t->is.templates = t->templates;
    t->is.blocks = t->blocks;
    t->is.rows = t->rows;
    if (t->is_whole) /* values are looked for when blocks are asked for */
        return AL_OK;
    al_code c = t->is.literal ? ask_templates(k, t, err) : AL_OK;
    if (!c && t->is.literal)
        c = ask_values(k, t, err);
    return c;
}

static al_code make_texts(known *k, const plan_node *node, const known_names *names, al_err *err)
{
    if (plan_has_text(node->ast))
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

static bool has_bit(const uint8_t *bits, uint32_t at)
{
    return bits[at / 8] >> (at % 8) & 1;
}

static void set_bit(uint8_t *bits, uint32_t at)
{
    bits[at / 8] |= (uint8_t)(1U << (at % 8));
}

static void note_template(void *ctx, uint32_t number, const lex_use_in *use)
{
    const known *k = ctx;
    for (uint32_t i = 0; i < k->plan->n_texts; i++) {
        text *t = &k->texts[i];
        if (!t->is.literal ||
            (t->templates[number] == KNOWN_NO &&
             !(has_bit(t->number_blocks, use->block) && known_asks_numbers(&t->is, number))))
            continue;
        bool is_yes = t->templates[number] == KNOWN_YES;
        bool in_message = t->is.asks_message && use->rows;
        if (in_message || use->uses & t->is.heads)
            t->value_rows[use->block] = MANY;
        if (use->uses & t->is.heads)
            t->blocks[use->block] |= KNOWN_BLOCK_HEADS;
        if (!in_message)
            continue;
        t->blocks[use->block] |= is_yes ? KNOWN_BLOCK_YES : KNOWN_BLOCK_ELSE;
        t->rows[use->block] += is_yes ? use->rows : 0;
    }
}

static void note_value(void *ctx, uint32_t number, const lex_use_in *use)
{
    (void)number;
    text *t = ctx;
    uint32_t rows = t->is.asks_message ? use->rows : 0;
    bool in_heads = use->uses & t->is.heads;
    if (!rows && !in_heads)
        return;
    t->value_rows[use->block] = t->blocks[use->block] || in_heads ? MANY : rows;
    if (rows)
        set_bit(t->value_blocks, use->block);
    t->blocks[use->block] |= (rows ? KNOWN_BLOCK_ELSE : 0) | (in_heads ? KNOWN_BLOCK_HEADS : 0);
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

/* May a text of the block that is in no lexicon have the literal, or a word of it at its edge? */
static al_code may_have_text(const known *k, const text *t, uint32_t block, bool *ret, al_err *err)
{
    *ret = t->n_words == 0;
    for (size_t i = 0; i < t->n_words && !*ret; i++) {
        al_code c = lexicon_may_have_outside(k->lex, block, &t->words[i], ret, err);
        if (c)
            return c;
    }
    return AL_OK;
}

/* KNOWN_BLOCK_ bits of where only the block itself tells. */
static al_code may_hide(const known *k, const text *t, uint32_t block, uint8_t *ret, al_err *err)
{
    uint32_t flags = 0;
    al_code c = lexicon_block_flags(k->lex, block, &flags, err);
    bool may_text = false;
    if (!c && flags)
        c = may_have_text(k, t, block, &may_text, err);
    bool knows = t->is.literal || t->is_whole;
    bool in_heads = !knows || t->is.heads & SEG_FIELD_OUTSIDE ||
                    (flags & LEX_BLOCK_HAS_FIELD_TEXT && may_text) ||
                    (t->is.heads & SEG_FIELD_SPLIT && t->is_whole);
    bool in_message = !t->is.literal || (flags & LEX_BLOCK_HAS_TEXT && may_text);
    *ret = (uint8_t)((in_heads && t->is.heads ? KNOWN_BLOCK_HEADS : 0) |
                     (in_message && t->is.asks_message ? KNOWN_BLOCK_ELSE : 0));
    return c;
}

al_code known_asks_slots(const known *k, uint32_t text_no, uint32_t block, bool *ret, al_err *err)
{
    assert(text_no < k->plan->n_texts);
    const text *t = &k->texts[text_no];
    uint8_t hides = 0;
    al_code c = may_hide(k, t, block, &hides, err);
    bool has_value = k->has_blocks ? has_bit(t->value_blocks, block) : t->is.values != NULL;
    *ret = has_value || hides & KNOWN_BLOCK_ELSE;
    return c;
}

bool known_asks_block_numbers(const known *k, uint32_t text_no, uint32_t block)
{
    assert(text_no < k->plan->n_texts);
    const text *t = &k->texts[text_no];
    return t->is.longest && (!k->has_blocks || has_bit(t->number_blocks, block));
}

bool known_asks_heads(const known *k, uint32_t text_no, uint32_t block)
{
    assert(text_no < k->plan->n_texts);
    return !k->has_blocks || k->texts[text_no].blocks[block] & KNOWN_BLOCK_HEADS;
}

static al_code ask_blocks(known *k, text *t, al_err *err)
{
    for (uint32_t b = 0; b < lexicon_blocks(k->lex); b++) {
        uint8_t hides = 0;
        al_code c = may_hide(k, t, b, &hides, err);
        if (c)
            return c;
        t->blocks[b] |= hides; /* and value_rows stays MANY */
        bool has_number = true;
        c = t->is.longest ? lexicon_may_have_outside(k->lex, b, &t->runs, &has_number, err) : AL_OK;
        if (c)
            return c;
        if (has_number)
            set_bit(t->number_blocks, b);
        t->has_number_block |= has_number;
    }
    al_code c = t->is_whole ? find_values(k, t, t->leaf, err) : AL_OK;
    for (uint32_t i = 0; t->is.values && !c && i < lexicon_chunks(k->lex); i++)
        if (has_values(k, t, i))
            c = lexicon_value_blocks(k->lex, i, t->values, note_value, t, err);
    return c;
}

static void forget_blocks(text *t, uint32_t n)
{
    memset(t->blocks, 0, n + 1);
    memset(t->rows, 0, (n + 1) * sizeof *t->rows);
    memset(t->value_blocks, 0, n / 8 + 1);
    memset(t->number_blocks, 0, n / 8 + 1);
    memset(t->value_rows, 0xff, (n + 1) * sizeof *t->value_rows); /* MANY */
}

/* Templates whose blocks some text asks for. Of many texts there is none. */
static bool wants_templates(const known *k, uint64_t *ret)
{
    bool any = false;
    for (uint32_t i = 0; i < k->plan->n_texts; i++) {
        const text *t = &k->texts[i];
        for (uint32_t n = 0; t->is.literal && n < lexicon_templates(k->lex); n++) {
            bool is_wanted = t->templates[n] != KNOWN_NO ||
                             (t->has_number_block && known_asks_numbers(&t->is, n));
            ret[n / 64] |= (uint64_t)is_wanted << (n % 64);
            any |= is_wanted;
        }
    }
    return any;
}

al_code known_blocks(known *k, al_err *err)
{
    if (k->has_blocks)
        return AL_OK;
    size_t n_words = (size_t)lexicon_templates(k->lex) / 64 + 1;
    AL_CLEANUP(al_freep) uint64_t *wanted = al_zalloc(n_words, sizeof *wanted);
    al_code c = AL_OK;
    if (!wanted)
        return al_fail(err, AL_NOMEM, "search");
    for (uint32_t i = 0; i < k->plan->n_texts && !c; i++) {
        forget_blocks(&k->texts[i], lexicon_blocks(k->lex)); /* of an attempt before this one */
        c = ask_blocks(k, &k->texts[i], err);
    }
    if (!c && wants_templates(k, wanted))
        c = lexicon_template_blocks(k->lex, wanted, note_template, k, err);
    k->has_blocks = !c;
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
    return !plan_has_text(node->ast) || k->texts[node->text_no].blocks[block];
}

bool known_may_match(const known *k, uint32_t block)
{
    return block >= lexicon_blocks(k->lex) || may_match(k, k->plan->root, block);
}

bool known_count(const known *k, uint32_t block, uint32_t *ret)
{
    const plan_node *root = k->plan->root;
    if (!root->asks_message || !plan_has_text(root->ast) || block >= lexicon_blocks(k->lex))
        return false;
    const known_text *t = &k->texts[root->text_no].is;
    const text *x = &k->texts[root->text_no];
    if (t->blocks[block] == KNOWN_BLOCK_ELSE && t->is_leaf && x->value_rows[block] != MANY) {
        *ret = x->value_rows[block];
        return true;
    }
    *ret = t->rows[block];
    return !(t->blocks[block] & ~KNOWN_BLOCK_YES);
}
