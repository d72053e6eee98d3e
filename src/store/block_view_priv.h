#pragma once
/* block_view_priv.h: the view's insides, shared by the files that make it. */
#include "store/block.h"
#include "store/block_ids.h"
#include "store/codec/packed.h"
#include "store/codec/pfor.h"
#include "store/field_view.h"

typedef struct stored_col {
    packed part;
    al_slice bytes; /* stored; nothing in them yet unless has_bytes */
    bool is_present;
    bool has_bytes;
    bool is_decoded;
    bool is_homed;  /* FMT_COL_HOMED */
    bool is_opened; /* then: `view` is right */
    field_view view;
    block_col col;          /* of a field, once decoded */
    const uint32_t *shapes; /* numbers of the shapes that list this field */
    uint32_t n_shapes;
} stored_col;

typedef struct shape {
    const uint32_t *cols;
    uint32_t n;
} shape;

struct block_view {
    packer *pack;
    al_arena *arena;
    blob *hold;          /* NULL: the bytes are the caller's, or `own` */
    block_source source; /* .read NULL: all bytes are there */
    uint8_t *own;        /* for what `source` gives */
    size_t own_cap;
    al_slice bytes;
    block_info info;
    lexicon *lex; /* NULL: blocks need none */
    stored_col ids, times, message, shapes, templates, slots, texts, tuples, row_shapes;
    uint64_t decoded; /* see field_block */
    uint32_t n_tuples;
    unsigned tuple_width;
    const uint8_t *tuple_refs;
    const uint16_t *row_tuple; /* of all rows; NULL: not unpacked */
    msg_view split;
    block_ids id_list;
    pfor off_list;   /* id - time of each row, when there is a column of times */
    uint64_t *id;    /* of the rows of groups in has_id */
    int64_t *time;   /* ... in has_time */
    uint64_t has_id; /* bit per group */
    uint64_t has_time;
    al_slice *msg;
    uint32_t n_rows_written; /* messages of `split` written one by one */
    shape *shape;
    uint32_t n_shapes;
    uint32_t *row_shape;
    stored_col *fields;
    al_slice *names;
    uint8_t *kinds;
    size_t n_fields;
    field *row_fields; /* of the last record given out */
    size_t row_fields_cap;
};

/* ---- block_view.c */

/* The raw bytes of a column: where they are when stored as they are, else unpacked in the arena. */
AL_CHECK al_code block_view_load(block_view *v, stored_col *c, al_rd *ret, al_err *err);
/* AL_CORRUPT. */
al_code block_view_damaged(al_err *err, const char *what);

/* ---- block_view_fields.c: homes, shapes and fields. */

/* Puts those fields of the row that are wanted into row_fields. */
AL_CHECK al_code block_view_row_fields(block_view *v, uint32_t row, const block_want *want,
                                       uint32_t *ret_n, al_err *err);
