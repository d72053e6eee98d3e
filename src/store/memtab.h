#pragma once
/* memtab.h: a fresh segment: one block of an acknowledged log frame, kept in memory in its encoded
 * form with its ids decoded. Immutable and refcounted; any thread. */
#include "base/err.h"
#include "store/blob.h"
#include "store/block.h"
#include "store/positions.h"

typedef struct memtab {
    atomic_uint refs;
    /* immutable */
    uint32_t index_id;
    uint64_t frame; /* sequence of the log frame it is a part of; from 1 */
    uint32_t
        frame_row; /* of its first row: row i has the arrival position (frame, frame_row + i) */
    int64_t arrival_ns; /* wall clock when the frame was made */
    block_info info;
    blob *block;
    uint64_t *ids; /* info.n_rows, ascending */
} memtab;

/* Takes a reference on `block` and decodes its ids. `info.first_row` is set to 0. */
AL_CHECK al_code memtab_new(blob *block, block_view *scratch, const memtab *head, memtab **ret,
                            al_err *err);
memtab *memtab_ref(memtab *m);
memtab *memtab_unref(memtab *m);
/* Bytes it holds in memory. */
size_t memtab_bytes(const memtab *m);

typedef struct memtab_list {
    memtab **at; /* references */
    size_t n;
    size_t cap;
} memtab_list;

/* Adds one with a copy of the block; `head` and `scratch` as for memtab_new. */
AL_CHECK al_code memtab_list_add(memtab_list *l, al_slice block, block_view *scratch,
                                 const memtab *head, al_err *err);
void memtab_list_done(memtab_list *l);

AL_DEFINE_CLEANUP(memtab, memtab_unref);
