#pragma once
/* filter.h: a query on the columns of blocks: which rows match. One thread at a time. */
#include "store/block.h"
#include "store/known.h"
#include "store/plan.h"

enum { FILTER_WORDS = BLOCK_ROWS_MAX / 64 };

/* Rows of one block, a bit each. */
typedef struct row_bits {
    uint64_t words[FILTER_WORDS];
} row_bits;

void row_bits_fill(row_bits *b, uint32_t from, uint32_t to); /* exactly [from, to) */
static inline bool row_bits_has(const row_bits *b, uint32_t row)
{
    return b->words[row / 64] >> (row % 64) & 1;
}
static inline void row_bits_set(row_bits *b, uint32_t row)
{
    b->words[row / 64] |= UINT64_C(1) << (row % 64);
}
static inline void row_bits_unset(row_bits *b, uint32_t row)
{
    b->words[row / 64] &= ~(UINT64_C(1) << (row % 64));
}
/* First row in [from, to) that is set, or `to`. */
uint32_t row_bits_next(const row_bits *b, uint32_t from, uint32_t to);
/* Last row in [from, to) that is set, or UINT32_MAX. */
uint32_t row_bits_last(const row_bits *b, uint32_t from, uint32_t to);
uint32_t row_bits_count(const row_bits *b, uint32_t from, uint32_t to);

/* The query on one index: its text fields are part of what it means. Takes a reference on q;
 * `text_fields` stay the caller's and must outlive it. AL_NOMEM. */
typedef struct filter filter;
AL_CHECK al_code filter_new(query *q, const al_slice *text_fields, size_t n_text_fields,
                            filter **ret, al_err *err);
filter *filter_free(filter *f);
/* As matcher_stop_if. */
void filter_stop_if(filter *f, bool (*must_stop)(void *ctx), void *ctx);
const plan *filter_plan(const filter *f);

/* What is already known about the values of one block. Belongs to one filter and is used for one
 * open block after another. */
typedef struct verdicts verdicts;
/* NULL without memory. */
verdicts *verdicts_new(const filter *f);
verdicts *verdicts_free(verdicts *v);
void verdicts_clear(verdicts *v); /* another block is opened */

/* Rows of one open block, decided in pieces. */
typedef struct decided {
    block_view *view; /* open */
    verdicts *known;
    const known *lex; /* what the lexicon of the view's segment says; NULL: it has none */
    uint32_t block;   /* which block of the segment it is */
    uint32_t index_no;
    row_bits bits; /* right for the rows that were asked about */
} decided;

/* Takes the rows of [from, to) that do not match out of d->bits; the others and rows outside stay.
 * *ret_gave_up (never set to false here): a regular expression ran into its limits, some row that
 * was taken out might match. AL_CANCELLED: it was told to stop, and the bits of [from, to) say
 * nothing. AL_CORRUPT: a column of the block does not check out. AL_NOMEM. */
AL_CHECK al_code filter_rows(filter *f, decided *d, uint32_t from, uint32_t to, bool *ret_gave_up,
                             al_err *err);

AL_DEFINE_CLEANUP(filter, filter_free);
AL_DEFINE_CLEANUP(verdicts, verdicts_free);
