#pragma once
/* memtab.h: a fresh segment: one block of an acknowledged log frame. Its ids are kept; the block
 * itself is read from the log, so that a long tail costs little memory. Immutable once it is
 * visible, and refcounted; any thread. */
#include "base/err.h"
#include "store/blob.h"
#include "store/block.h"
#include "store/block_ids.h"
#include "store/positions.h"
#include "store/wal_source.h"

typedef struct memtab {
    atomic_uint refs;
    /* immutable */
    uint32_t index_id;
    uint64_t frame; /* sequence of the log frame it is a part of; from 1 */
    uint32_t
        frame_row; /* of its first row: row i has the arrival position (frame, frame_row + i) */
    int64_t arrival_ns; /* wall clock when the frame was made */
    block_info info;
    uint8_t *ids_bytes; /* the ids are kept packed, 2 or 3 bytes each */
    size_t ids_len;
    block_ids ids;   /* in ids_bytes */
    wal_source *log; /* the block's file, where it stands at `off`; NULL: in `block` */
    uint64_t off;
    blob *block; /* NULL: in the log */
    /* Merger's thread: the block in the log turned out to be damaged; it is left out. */
    bool is_damaged;
} memtab;

/* Keeps the ids of `block`, but not its bytes: memtab_put_log or memtab_put_block come before
 * anything else. Of `head` the index and the arrival are taken. */
AL_CHECK al_code memtab_new(al_slice block, block_view *scratch, const memtab *head, memtab **ret,
                            al_err *err);
/* Where its block is: in the log (takes a reference), or here (a copy). */
void memtab_put_log(memtab *m, wal_source *log, uint64_t off);
AL_CHECK al_code memtab_put_block(memtab *m, al_slice block, al_err *err);
memtab *memtab_ref(memtab *m);
memtab *memtab_unref(memtab *m);
/* Ids ascend strictly. Each call decodes the 256 rows around. */
uint64_t memtab_id(const memtab *m, uint32_t row);
/* First row whose id is >= `id`; n_rows if none. */
uint32_t memtab_find(const memtab *m, uint64_t id);
/* The ids of group g (rows from g * BLOCK_GROUP); returns how many. */
uint32_t memtab_ids(const memtab *m, uint32_t g, uint64_t ret[BLOCK_GROUP]);
/* Bytes it holds in memory. */
size_t memtab_bytes(const memtab *m);
/* Opens its block. AL_CORRUPT when it is not what was written, AL_IO, AL_NOMEM. */
AL_CHECK al_code memtab_open(const memtab *m, block_view *view, al_err *err);

typedef struct memtab_list {
    memtab **at; /* references */
    size_t n;
    size_t cap;
} memtab_list;

/* Adds one; `head` and `scratch` as for memtab_new. With head->log the block stands there at
 * head->off, else it is copied. */
AL_CHECK al_code memtab_list_add(memtab_list *l, al_slice block, block_view *scratch,
                                 const memtab *head, al_err *err);
void memtab_list_done(memtab_list *l);

AL_DEFINE_CLEANUP(memtab, memtab_unref);
