#pragma once
/* column_values.h: the values at a path in the rows of a block, column by column: what `values` and
 * a histogram's `by` count. Arrays count by their elements; the message has the path `message`.
 * One thread at a time. */
#include "store/scan.h"

typedef struct column_values {
    al_arena *arena;        /* of the path */
    al_arena *scratch;      /* of values inside nested JSON */
    const plan_head *heads; /* columns that the path can stand in; none for the message */
    uint32_t n_heads;
    bool is_message;
    /* of the block */
    const al_slice *messages;
    const block_col **cols; /* those that the block has, n_cols */
    const plan_head **col_heads;
    uint32_t n_cols;
} column_values;

/* `path` stays the caller's. AL_NOMEM. */
AL_CHECK al_code column_values_init(column_values *cv, al_slice path, al_err *err);
void column_values_done(column_values *cv);
/* Looks at a block; valid until the view opens another. AL_CORRUPT. */
AL_CHECK al_code column_values_open(column_values *cv, block_view *view, al_err *err);
/* Visits the values in value `v` of column number `col`. AL_NOMEM: some were not visited. */
AL_CHECK al_code column_values_visit(column_values *cv, uint32_t col, const value *v,
                                     rec_value_fn *fn, void *ctx);
/* Visits the values of one row, over all columns. AL_NOMEM. */
AL_CHECK al_code column_values_row(column_values *cv, uint32_t row, rec_value_fn *fn, void *ctx);
