#pragma once
/* scan.h: all matching rows of a scope block by block, in no order: for what only counts. Who asks
 * works with the helpers of the store's pool; results are put together as if one had done it all.
 */
#include "store/reading.h"

/* Rows of one block. */
typedef struct scan_block {
    uint32_t index_no;
    const block_info *info;
    const unit *u;
    /* All rows of the block match, and nothing had to be decoded to know it: then `view` is NULL
     * unless scan_options.needs_view. */
    bool is_whole;
    bool is_counted; /* n_matches of its rows match; nothing else is known of them */
    uint32_t n_matches;
    block_view *view;
    const row_bits *bits; /* of the rows [0, n_rows) that were looked at; right also when is_whole
                             and there is a view */
    uint32_t n_rows;
} scan_block;

typedef al_code scan_fn(void *ctx, const scan_block *b, al_err *err);

/* Whether a block that matches as a whole has to be opened for `fn` all the same. */
typedef bool scan_needs_fn(void *ctx, const block_info *info);

/* A context for one more thread, beside the caller's `ctx`; NULL without memory. May be called by
 * several threads at once: reads of `ctx` only what does not change in a scan. */
typedef void *scan_part_fn(void *ctx);
/* At the end, by the caller's thread: adds the part to `ctx` (unless `counts` is false: the scan
 * has failed) and frees it. AL_LIMIT, AL_NOMEM. */
typedef al_code scan_join_fn(void *ctx, void *part, bool counts, al_err *err);

typedef struct scan_options {
    scan_needs_fn *needs_view; /* NULL: never */
    const plan_head *heads;    /* only units with one of these columns; n_heads 0: all */
    uint32_t n_heads;
    bool takes_counts; /* blocks may come as is_counted */
    scan_part_fn *part;
    scan_join_fn *join;
} scan_options;

/* Calls `fn` for each block that may hold matching rows, until the budget is used up
 * (reading.is_out) or `fn` fails (its code is returned, except damage: AL_CORRUPT and AL_IO are
 * noted in the answer, and the scan goes on with the next block). `fn` gets `ctx` or a part of it,
 * each from one thread. Sets answer->is_at_end. A budget of rows is kept exactly: then nobody
 * helps. */
AL_CHECK al_code scan_run(reading *rd, const scan_options *opt, scan_fn *fn, void *ctx,
                          al_err *err);

/* Some blocks of one unit; all borrowed. */
typedef struct scan_list {
    const unit *u;
    const unit_blocks *blocks;
    uint32_t index_no;
    const uint32_t *at; /* numbers of blocks, in the order in which they are begun */
    uint32_t n;
} scan_list;

/* As scan_run for these, by who has looked at rows before; leaves answer->is_at_end alone. */
AL_CHECK al_code scan_blocks(reading *rd, const scan_list *list, const scan_options *opt,
                             scan_fn *fn, void *ctx, al_err *err);
/* Would anybody help? */
bool scan_has_help(const reading *rd);
