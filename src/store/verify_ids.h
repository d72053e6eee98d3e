#pragma once
/* verify_ids.h: does an id stand twice in an index? Within a segment ids ascend strictly (whoever
 * read it checked that); this looks across segments. One thread. */
#include "store/block.h"
#include "store/segment.h"

enum { VERIFY_IDS = 1 << 20 }; /* ids in memory at once (16 bytes each) */
_Static_assert(VERIFY_IDS > 2 * INDEX_SEGMENTS_MAX, "one of each segment, and room for more");

/* `id` stands in both. */
typedef void verify_ids_fn(void *ctx, uint64_t id, const segment *a, const segment *b);

/* Reads the ids of all segments whose ranges overlap, each block about once, and tells every id
 * that stands in several, ascending, by pairs. Reorders `segs`, which were found sound. `room` ids
 * are held in memory: more than 2 * n of them. AL_CORRUPT, AL_IO, AL_NOMEM. */
AL_CHECK al_code verify_ids(segment **segs, size_t n, block_view *view, size_t room,
                            verify_ids_fn *fn, void *ctx, al_err *err);
