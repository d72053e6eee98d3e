#pragma once
/* positions.h: where rows stand in the order of commits: run-length coded arrival positions
 * (doc/format.md section 6). Pure: no I/O. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/* Rows [first_row, first_row + n_rows) of a unit are rows [row, row + n_rows) of log frame `frame`.
 */
typedef struct pos_run {
    uint64_t frame; /* 0: not known any more (too old) */
    uint32_t row;
    uint32_t first_row;
    uint32_t n_rows;
} pos_run;

/* Of all rows of a segment, in the order of its rows. Refcounted, immutable, any thread. */
typedef struct positions positions;

const pos_run *positions_runs(const positions *p, size_t *ret_n);
positions *positions_ref(positions *p);
positions *positions_unref(positions *p);

/* ---- Making them: one thread. */
typedef struct pos_builder {
    pos_run *runs;
    size_t n;
    size_t cap;
    uint32_t n_rows;
} pos_builder;

void pos_builder_init(pos_builder *b);
void pos_builder_done(pos_builder *b);
/* The next row of the segment. AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code pos_builder_add(pos_builder *b, uint64_t frame, uint32_t row);

void positions_encode(const pos_run *runs, size_t n, al_buf *out);
/* `n_rows`: of the segment; the runs must cover exactly those. */
AL_CHECK al_code positions_decode(al_slice bytes, uint32_t n_rows, positions **ret, al_err *err);

AL_DEFINE_CLEANUP(positions, positions_unref);
