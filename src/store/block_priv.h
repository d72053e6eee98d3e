#pragma once
/* block_priv.h: the builder's insides, shared by the files that make it. */
#include "store/block.h"
#include "store/codec/packed.h"
#include "store/field_put.h"

/* A hash table of numbers; what they mean and when they are equal is the user's business. */
typedef struct numtab {
    int32_t *slots; /* EMPTY or a number */
    size_t n_slots; /* power of two, or 0 */
    size_t n_used;
} numtab;

typedef struct block_fields block_fields;

typedef struct column {
    al_slice name; /* in the builder's arena */
    field_value *entries;
    uint64_t *hashes;
    size_t entries_cap;
    size_t hashes_cap;
    size_t n_entries;
    al_buf bytes; /* of all entries */
    uint32_t *refs;
    size_t refs_cap;
    size_t n_refs;
    numtab tab;
    uint32_t last_row; /* + 1, of the last row that has it: a record's names are unique */
} column;

typedef struct shape {
    uint32_t first; /* in shape_cols */
    uint32_t n;
} shape;

struct block_builder {
    packer *pack;
    al_arena *arena; /* names */
    uint32_t n_rows;
    size_t raw_bytes;
    uint64_t *ids;
    int64_t *times;
    uint32_t *row_shape;
    lex_builder *lex; /* borrowed; NULL: messages are text, in `lens` and `messages` */
    msg_builder *templates;
    block_fields *fields; /* with a lexicon: puts their columns */
    al_buf lens;          /* of messages; with a lexicon what is in slots, then */
    al_buf messages;      /* texts that the lexicon did not take */
    column *cols;
    size_t cols_cap;
    size_t n_cols;
    size_t n_cols_made; /* columns [n_cols, n_cols_made) only keep memory */
    uint64_t *col_hashes;
    size_t col_hashes_cap;
    numtab col_tab;
    shape *shapes;
    size_t shapes_cap;
    size_t n_shapes;
    uint64_t *shape_hashes;
    size_t shape_hashes_cap;
    numtab shape_tab;
    uint32_t *shape_cols;
    size_t shape_cols_cap;
    size_t n_shape_cols;
    uint32_t *row_cols; /* of the row being added */
    size_t row_cols_cap;
    al_buf raw; /* scratch of encode */
    al_buf dir;
    al_buf stored;
};

/* Ends the column whose bytes are in b->raw: compressed if that pays, or as it is. `name`: of a
 * field. AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code block_put_column(block_builder *b, uint8_t kind, al_slice name);

/* ---- block_fields.c: columns of fields and shapes in a block with a lexicon. */

/* NULL without memory. */
block_fields *block_fields_new(void);
block_fields *block_fields_free(block_fields *f);
/* Where msg_builder_encode puts the template of each row. */
uint16_t *block_fields_templates(block_fields *f);
/* Puts them all; adds to *n how many columns that are. AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code block_fields_put(block_builder *b, uint32_t n_templates, size_t *n);
