#pragma once
/* snapshot.h: all rows of one index at one moment, as an immutable list of units. A unit is a fresh
 * segment (memtab: one block) or a merged one; both read the same way. Refcounted; any thread.
 *
 * Within a unit ids ascend; units may overlap in ids (late records), every row stands in one unit.
 */
#include "base/arena.h"
#include "store/memtab.h"
#include "store/segment.h"

typedef struct unit { /* borrowed from its snapshot */
    memtab *mem;      /* one of both is set */
    segment *seg;
    uint64_t min_id;
    uint64_t max_id;
    int64_t min_ns;
    int64_t max_ns;
    uint64_t n_rows;
    uint64_t max_frame; /* no row of it was committed behind this frame */
} unit;

typedef struct snapshot snapshot;

snapshot *snapshot_ref(snapshot *s);
snapshot *snapshot_unref(snapshot *s);

/* The units with times in [from_ns, to_ns) (to_ns INT64_MAX: inclusive), ascending by min_id, in
 * the arena. Damaged (quarantined) segments are left out: see snapshot_damaged. */
AL_CHECK al_code snapshot_select(const snapshot *s, int64_t from_ns, int64_t to_ns, al_arena *arena,
                                 const unit **ret, size_t *ret_n);
/* The units with rows committed behind `frame` (or in it, behind its first row), in no order. */
AL_CHECK al_code snapshot_select_arrived(const snapshot *s, uint64_t frame, al_arena *arena,
                                         const unit **ret, size_t *ret_n);
/* Quarantined segments with times in the range: what the answer is missing. Calls `fn` for each. */
void snapshot_damaged(const snapshot *s, int64_t from_ns, int64_t to_ns,
                      void (*fn)(void *ctx, segment *seg), void *ctx);
/* Rows committed in frames >= this one have known positions; a tail cannot resume before it. */
uint64_t snapshot_first_frame(const snapshot *s);

/* ---- The blocks of a unit, whichever kind it is. */
typedef struct unit_blocks {
    const block_info *blocks; /* ascending ids */
    uint32_t n_blocks;
    seg_index *index; /* NULL for a memtab */
} unit_blocks;

AL_CHECK al_code unit_open(const unit *u, unit_blocks *ret, al_err *err);
void unit_close(unit_blocks *b); /* also for AL_CLEANUP; zeroed is fine */
/* False: no row of the unit has this top-level field (true may be wrong for a memtab). */
bool unit_may_have_name(const unit *u, const unit_blocks *b, al_slice name);
/* Looks at block `i` with `view`. As seg_open_block. */
AL_CHECK al_code unit_open_block(const unit *u, const unit_blocks *b, uint32_t i, block_view *view,
                                 bool keeps, al_err *err);
/* The arrival runs of its rows in the arena, in row order; first_row counts over all its blocks
 * (block_info.first_row). AL_NOT_FOUND: they are not known any more. */
AL_CHECK al_code unit_positions(const unit *u, al_arena *arena, const pos_run **ret, size_t *ret_n,
                                al_err *err);

AL_DEFINE_CLEANUP(snapshot, snapshot_unref);
