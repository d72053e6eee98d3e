#pragma once
/* lex_priv.h: the builder's insides, shared by the two files that make it. */
#include "store/lex/lex_builder.h"

/* Distinct texts with numbers, found by hash. */
typedef struct lex_text {
    uint32_t off;
    uint32_t len;
} lex_text;

typedef struct lex_table {
    uint64_t *slots; /* 0: empty; else upper half of the hash and the number + 1 */
    size_t n_slots;  /* power of two, or 0 */
    lex_text *texts;
    size_t texts_cap;
    uint32_t n;
    al_buf bytes;
} lex_table;

/* What a value did in the block where it was used last. */
typedef struct lex_use {
    uint32_t block;
    uint32_t last_row; /* + 1, so that two slots of one row count once */
    uint32_t rows;
    uint8_t uses;
} lex_use;

enum { LEX_RECENT = 1024 };

typedef struct lex_posting {
    uint32_t number;
    uint32_t block;
    uint32_t rows;
    uint8_t uses; /* LEX_USE_ */
} lex_posting;

typedef struct lex_postings {
    lex_posting *at;
    size_t cap;
    size_t n;
} lex_postings;

/* Keys for a filter: at most `max` different ones, some of them twice. */
typedef struct lex_key_set {
    uint64_t *at;
    size_t cap;
    size_t n;
    size_t max;
    bool is_full; /* there were more */
    bool lacks_memory;
    uint64_t recent[LEX_RECENT]; /* the same come again and again */
} lex_key_set;

/* A grams_fn, ctx: lex_key_set. False: full, or without memory. */
bool lex_key_add(void *ctx, uint64_t key);
void lex_keys_begin(lex_key_set *k, size_t max);

typedef struct lex_block {
    uint32_t first_value; /* values below it appeared in earlier blocks */
    uint32_t flags;
} lex_block;

struct lex_builder {
    lex_table values;
    lex_table templates;
    uint8_t longest[LEX_TEMPLATES_MAX][2]; /* of templates: bytes of their longest number, of their
                                              longest with a point */
    lex_use *uses;                         /* of values */
    size_t uses_cap;
    lex_postings value_postings; /* in blocks before the last use */
    lex_postings template_postings;
    lex_block *blocks;
    size_t blocks_cap;
    uint32_t n_blocks;
    lex_key_set outside;    /* of numbers and texts of the present block that are in no lexicon */
    al_buf outside_lens;    /* of each block before: how long its filter is */
    al_buf outside_filters; /* one behind the other */
};

static inline al_slice lex_table_text(const lex_table *t, uint32_t i)
{
    return (al_slice){t->bytes.ptr ? t->bytes.ptr + t->texts[i].off : NULL, t->texts[i].len};
}

/* No slot stands right beside a letter, a digit or a byte from 0x80, and there are not more than
 * MSG_VARIABLES_MAX. */
bool lex_template_is_plain(al_slice template);

/* Ends the present block: its filter of what is outside. AL_NOMEM. */
AL_CHECK al_code lex_end_block(lex_builder *b);
