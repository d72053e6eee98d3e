#pragma once
/* merge.h: rows of several units into one segment, in id order; and the choice of what to merge.
 * Streams: one decoded block per input that is under way. Never publishes anything. */
#include <stdatomic.h>

#include "store/partition.h"
#include "store/seg_writer.h"
#include "store/snapshot.h"

/* Rows [from_row, to_row) of a unit. */
typedef struct merge_input {
    unit u; /* borrowed */
    uint32_t from_row;
    uint32_t to_row;
} merge_input;

/* Adds the rows of all inputs to `w` in id order. AL_CANCELLED: *cancel; AL_CORRUPT: *ret_bad is
 * the number of the input that does not check out, or n when it is none of them alone. */
AL_CHECK al_code merge_run(const merge_input *inputs, size_t n, seg_writer *w,
                           const atomic_bool *cancel, size_t *ret_bad, al_err *err);

/* The inputs that one partition gets from memtabs (but damaged ones), and which partitions there
 * are. */
/* Distinct partitions of the rows of `mems`, in no order. Returns how many (<= max), or max + 1. */
size_t merge_partitions(memtab *const *mems, size_t n, part_key *ret, size_t max);
/* Inputs for partition `key`; `ret` has room for 2 * n. Returns how many. */
size_t merge_inputs_of(memtab *const *mems, size_t n, part_key key, merge_input *ret);

/* How many of the first memtabs of a tail (n >= 1, by frame) to merge at once: whole frames, no
 * more rows than fit one segment unless one frame has more. `is_full`: up to where a day ends, if
 * at least half of that is before it; the rest waits for more of its own day. Fewer, when frames of
 * the same time would hold too much memory at once. */
size_t merge_take(memtab *const *mems, size_t n, bool is_full);

/* Which segments of one index are worth merging: fills picked with indexes into `segs` (of one
 * partition, together <= SEG_ROWS_MAX rows) and returns how many; 0: none. `inputs_min`: fewer of
 * like size are left alone; 2 merges all that can be. Pure. */
size_t merge_pick(const seg_summary *const *segs, size_t n, size_t inputs_min,
                  size_t picked[MERGE_INPUTS_MAX]);
