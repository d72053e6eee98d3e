#pragma once
/* store_impl.h: the store as its writing side sees it. Readers see store_priv.h only.
 * Threads: doc/threads.md. Lock order: queue lock, then `lock`; neither is held over I/O. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/thread.h"
#include "store/file_header.h"
#include "store/ids.h"
#include "store/manifest.h"
#include "store/partition.h"
#include "store/seg_env.h"
#include "store/snapshot_priv.h"
#include "store/store_priv.h"
#include "store/wal.h"

/* What is searched by bare text; shared with readers. Refcounted, immutable. */
typedef struct text_fields {
    atomic_uint refs;
    size_t n;
    al_arena *arena;
    al_slice *names;
} text_fields;

text_fields *text_fields_new(const al_slice *names, size_t n);
text_fields *text_fields_ref(text_fields *t);
text_fields *text_fields_unref(text_fields *t);

/* One index. Lives until the store is closed, also when it was dropped. */
typedef struct sindex sindex;
struct sindex {
    /* immutable */
    uint32_t id;
    char name[ENG_INDEX_NAME_MAX + 1];
    bool is_rebuilt;                   /* opening: its manifest is made anew (rebuild.c) */
    atomic_uint_least64_t seg_id_next; /* mergers take numbers here */
    /* guarded by store.lock */
    bool is_open; /* engine_index_open was called */
    bool is_dropped;
    uint32_t intervals;
    bool keeps_positions;
    uint64_t max_bytes;
    text_fields *text;
    snapshot *snap;
    int64_t last_append_ns; /* al_mono_ns */
    uint64_t compact_frame; /* merge what was committed up to this frame now */
    bool wants_wide;        /* compact: merge all segments that can be */
    bool may_merge_segs;    /* its segments changed since merge_pick said no */
    int64_t retry_at_ns;    /* al_mono_ns: not before, a merge failed */
    int64_t retry_ns;       /* how long the last wait was; 0: the last merge did not fail */
    /* committer only (after open) */
    uint64_t covered;
    uint64_t generation;
};

enum { SUSPECTS_MAX = 64 }; /* damaged segments that wait for a check; others are reported again */

/* One append on its way. */
typedef struct item item;
struct item {
    item *next;
    sindex *ix; /* NULL: marks or barrier only */
    rec_batch *batch;
    size_t bytes;    /* of memory, for the queue's bound */
    eng_ids_fn *ids; /* or NULL */
    eng_done_fn *done;
    void *ctx;
    al_slice marks; /* in `bytes_of_marks` */
    uint8_t bytes_of_marks[];
};

/* Work for the committer besides appends. */
typedef struct call call;
struct call {
    call *next;
    al_code (*fn)(store *st, void *arg, al_err *err);
    void *arg;
    bool is_done; /* guarded by the queue lock */
    al_code code;
    al_err err;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of who may touch what */
struct store {
    engine base; /* first */
    /* immutable after open */
    const al_io *io;
    int store_dir;
    int log_dir;
    int lock_fd;
    eng_hooks hooks;
    uint8_t store_id[STORE_ID_BYTES];
    seg_env *env;
    pool *pool;
    spare_views spare_views;
    uint64_t queue_bytes_max;
    uint64_t tail_bytes_max;
    int64_t idle_ns; /* < 0: never */
    int64_t (*now_ns)(void *ctx);
    void *now_ctx;
    void (*note)(void *ctx, const char *text);
    void *note_ctx;

    /* ---- queue lock */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_changed; /* the committer waits */
    pthread_cond_t call_done;
    item *queue_first;
    item *queue_last;
    size_t queue_items;
    uint64_t queue_bytes;
    call *calls_first;
    call *calls_last;
    bool is_stopping; /* no more appends */
    bool is_draining; /* the committer ends when both lists are empty */
    bool wants_room;  /* an append was refused: has_room is owed */

    /* ---- lock: the list of indexes, what is visible, and what mergers look at */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the merger, and compact, wait */
    sindex **indexes;
    size_t n_indexes;
    size_t indexes_cap;
    eng_arrival end;
    uint64_t tail_bytes; /* of all snapshots */
    uint64_t tail_log_bytes;
    uint64_t log_first; /* oldest frame in the log */
    uint64_t log_bytes;
    uint64_t merge_failures;
    al_err merge_err;                /* the last */
    bool wants_try_now;              /* compact does not wait for a merger that backs off */
    bool wants_forget;               /* covered log files may exist */
    segment *suspects[SUSPECTS_MAX]; /* reported as damaged, to be checked; references */
    size_t n_suspects;

    /* ---- committer only (after open) */
    wal *wal;
    root root; /* names; entries are owned */
    ids *ids;
    block_builder *builder;
    block_view *view;
    al_buf frame;
    al_buf encoded;
    int64_t looked_at_disk_ns;
    int64_t tidied_ns;

    /* ---- atomic */
    atomic_uint_least64_t min_free_bytes;
    atomic_bool drops_when_low;
    atomic_bool is_low;
    atomic_bool is_ending; /* cancels merges */
    atomic_uint_least64_t free_bytes;
    atomic_uint_least64_t frames_appended;
    atomic_uint_least64_t records_appended;
    atomic_uint_least64_t syncs;
    atomic_uint_least64_t merges;
    atomic_uint_least64_t bytes_written;
    atomic_uint_least64_t quarantined;

    pthread_t committer;
    pthread_t merger;
    bool has_committer;
    bool has_merger;
};

static inline store *store_of(engine *e)
{
    return (store *)e;
}

static inline int64_t store_now(const store *st)
{
    return st->now_ns ? st->now_ns(st->now_ctx) : al_now_ns();
}

/* ---- committer.c */
void *committer_run(void *store_ptr);
/* Runs `fn` on the committer's thread and waits for its answer. Not from that thread. */
AL_CHECK al_code committer_call(store *st, al_code (*fn)(store *, void *, al_err *), void *arg,
                                al_err *err);
AL_CHECK al_code store_append(engine *e, const eng_append *a, al_err *err);

/* ---- commit.c: committer's thread */
/* Makes the items durable and visible and reports each done; frees them. */
void commit_items(store *st, item *first);

/* ---- publish.c: committer's thread: manifests and what is visible */
/* The index's segments become `segs` (references are taken), its first n_drop memtabs are covered;
 * `covered` the new frame. Saves the manifest first. Segments that are no longer listed are marked
 * dropped. On failure nothing changed in memory (on disk it may have). */
AL_CHECK al_code publish_segments(store *st, sindex *ix, segment *const *segs, size_t n,
                                  size_t n_drop, uint64_t covered, al_err *err);
/* Only what is visible: a new snapshot for the index. Caller holds `lock`. */
void publish_snapshot_locked(store *st, sindex *ix, snapshot *next);
typedef struct index_change { /* arguments of the calls below */
    const eng_index_settings *settings;
    const char *name;
} index_change;
al_code publish_index_open(store *st, void *change, al_err *err);
al_code publish_index_drop(store *st, void *change, al_err *err);
/* Every index that is open and not dropped, by name; NULL. Caller holds `lock`. */
sindex *store_find_locked(store *st, const char *name);

/* ---- damage.c */
/* Has the segment checked again and, if it is damaged, set aside. Any thread; does not block. */
void damage_report(store *st, segment *s);
/* Does that for what was reported. Merger's thread. AL_IO, AL_NOMEM: setting aside failed. */
AL_CHECK al_code damage_check(store *st, al_err *err);
/* The block of a fresh segment did not check out when it was merged: when it still does not, it is
 * left out of merges from now on and its log file will be kept as *.bad. Merger's thread. */
AL_CHECK al_code damage_check_block(store *st, memtab *m, al_err *err);
/* Closing, without threads. */
void damage_forget(store *st);

/* ---- merger.c */
enum { PARTITIONS_MAX = 64 }; /* of one merge */
void *merger_run(void *store_ptr);
/* Segments (references) of the oldest frames of `s`, as many as one merge may hold; *ret_n_mems of
 * its memtabs. Nothing is published. On failure, too, those that were made are given. Opening. */
AL_CHECK al_code merger_take_oldest(store *st, sindex *ix, snapshot *s,
                                    segment *ret_made[PARTITIONS_MAX], size_t *ret_n_made,
                                    size_t *ret_n_mems, al_err *err);

/* ---- forget.c: merger's thread */
/* Deletes the log files that nothing needs any more. */
AL_CHECK al_code forget_covered(store *st, al_err *err);

/* ---- retention.c: committer's thread */
/* Drops what is too old or too much and forgets old positions. */
void retention_tidy(store *st);
/* Refreshes is_low at most every 100 ms. */
void retention_look_at_disk(store *st, bool now);

/* ---- store.c */
/* Tells store_options.note, with "index NAME: " in front unless `index` is NULL. Opening. */
void store_note(const store *st, const char *index, const char *fmt, ...) AL_PRINTF(3, 4);

/* ---- recover.c, in this order, before the threads start */
/* Directories and root; makes them in an empty directory. */
AL_CHECK al_code recover_open(store *st, al_err *err);
/* Everything else; needs st->env. */
AL_CHECK al_code recover_indexes(store *st, al_err *err);

/* ---- belongs.c, after recover_open */
/* AL_CORRUPT: the root contradicts everything else, or an index's directory has another's name.
 * Changes nothing. */
AL_CHECK al_code belongs_check(store *st, al_err *err);

/* ---- rebuild.c: a manifest made anew, opening */
/* Which segments of the index count, from the files of its directory (made when absent); damaged
 * ones are set aside. Frames, and what is in the log, are for rebuild_finish. */
AL_CHECK al_code rebuild_manifest(store *st, const root_entry *e, manifest *ret, al_err *err);
/* Adds the rows of a log frame's block that stand in no segment of `s`; `v` is open on the block,
 * `head` as for memtab_new. AL_CORRUPT, AL_NOMEM, AL_IO. */
AL_CHECK al_code rebuild_keep_missing(store *st, const snapshot *s, block_view *v, al_slice block,
                                      const memtab *head, memtab_list *list, al_err *err);
/* Makes segments of the index's tail, sets the old manifest aside and publishes the new one. */
AL_CHECK al_code rebuild_finish(store *st, sindex *ix, al_err *err);

/* ---- pin.c has the functions of store_priv.h */
