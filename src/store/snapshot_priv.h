#pragma once
/* snapshot_priv.h: making snapshots: the committer's side. */
#include "store/snapshot.h"

/* The merged segments of an index; changes rarely, so snapshots share it. Refcounted, immutable
 * once it is in a snapshot. */
typedef struct seg_list {
    atomic_uint refs;
    size_t n;
    segment *segs[]; /* references */
} seg_list;

/* References are taken. NULL without memory. */
seg_list *seg_list_new(segment *const *segs, size_t n);
seg_list *seg_list_unref(seg_list *l);

struct snapshot {
    atomic_uint refs;
    /* immutable */
    seg_list *segs;
    uint64_t first_frame; /* positions are known from here on */
    uint64_t max_id;
    uint64_t n_rows;
    uint64_t tail_rows;
    uint64_t tail_raw_bytes;
    uint64_t tail_log_bytes; /* encoded */
    uint64_t tail_bytes;     /* in memory */
    size_t n_mems;
    memtab *mems[]; /* references, in order of commit */
};

/* `old` without its first n_drop memtabs, with n_add more behind, over `segs`. References are
 * taken. NULL without memory. */
snapshot *snapshot_make(const snapshot *old, size_t n_drop, memtab *const *add, size_t n_add,
                        seg_list *segs);

unit unit_of_memtab(memtab *m);
unit unit_of_segment(segment *s);
