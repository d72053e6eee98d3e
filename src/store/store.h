#pragma once
/* store.h: the embedded engine: opens a data directory and gives an engine (query/engine.h). */
#include "base/io.h"
#include "query/engine.h"

enum { STORE_MEMORY_MIN = 8 << 20 }; /* the least budget: a smaller one counts as this */

/* One finding of a check. */
typedef struct store_finding {
    const char *file; /* relative to the data directory */
    const char *text; /* lowercase sentence */
    bool is_damage;   /* false: worth knowing only (a left-over file, a torn end of the log) */
} store_finding;

typedef struct store_options {
    const char *path; /* the data directory; made when absent. The store lives in path/store. */
    const al_io *io;  /* NULL: al_io_posix; must outlive the engine */
    uint64_t memory_bytes;   /* budget for queues, fresh segments and caches; 0: 256 MiB */
    uint64_t min_free_bytes; /* appends stop below; UINT64_MAX: 1 GiB; 0: never */
    bool drops_when_low;     /* below min_free the oldest segments are dropped instead */
    /* While opening: one sentence for each thing that was found damaged and what becomes of it. */
    void (*note)(void *ctx, const char *text); /* may be NULL */
    void *note_ctx;
    /* Tests: the wall clock (NULL: al_now_ns) and how long after its last record an index is merged
     * (0: TAIL_IDLE_S; negative: only when full or told to). */
    int64_t (*now_ns)(void *ctx);
    void *now_ctx;
    int64_t idle_ns;
} store_options;

/* Opens, replays the log (hooks->mark, hooks->field_seen) and starts the store's threads. `hooks`
 * is copied (NULL: none). AL_EXISTS: another process owns the directory (named). AL_CORRUPT: root
 * does not check out. AL_TOO_NEW. Damaged segments and log files are set aside, and answers that
 * miss them are partial; damaged manifests are rebuilt (doc/format.md section 8). */
AL_CHECK al_code store_open(const store_options *o, const eng_hooks *hooks, engine **ret,
                            al_err *err);

/* Both options anew for a store that is open; they hold from its next look at the disk, within a
 * second while input is stopped. Any thread. */
void store_set_min_free(engine *e, uint64_t min_free_bytes, bool drops_when_low);

typedef struct store_verified {
    uint64_t n_indexes;
    uint64_t n_segments;
    uint64_t n_rows;     /* in segments */
    uint64_t n_log_rows; /* in the log alone */
    uint64_t n_frames;
    uint64_t n_damaged;
} store_verified;

/* Reads and checks every byte under the data directory without changing any; no engine may have it
 * open (AL_EXISTS). AL_OK also with damage: see ret->n_damaged. */
AL_CHECK al_code store_verify(const char *path, const al_io *io,
                              void (*found)(void *ctx, const store_finding *f), void *ctx,
                              store_verified *ret, al_err *err);

/* Names of the indexes that the store in this data directory holds, in the arena; changes nothing.
 * AL_NOT_FOUND: there is no store. AL_CORRUPT: its root is damaged. */
AL_CHECK al_code store_index_names(const char *path, al_arena *arena, const char ***ret,
                                   size_t *ret_n, al_err *err);
