#pragma once
/* backup_priv.h: what the files of backup share. One thread. */
#include "store/backup.h"
#include "store/manifest.h"
#include "store/names.h"

typedef struct backup_log { /* a log file, held open: it may be given back */
    uint64_t number;
    int fd;
    uint64_t bytes; /* copied */
} backup_log;

typedef struct backup_pending { /* a file that cannot be linked, held open */
    uint32_t index_id;
    int fd;
    char name[NAME_BYTES];
} backup_pending;

typedef struct backup_index {
    uint32_t id;
    al_buf bytes; /* of its manifest, as they are */
    manifest man;
    bool is_read;        /* the manifest checks out */
    bool is_dropped;     /* meanwhile */
    uint64_t n_log_rows; /* that are in the log alone */
} backup_index;

/* So many files are held open for copying; behind them the copy is made in another round. */
enum { BACKUP_PENDING_MAX = 256, BACKUP_CHUNK_BYTES = 1 << 20 };

typedef struct backup {
    const store_backup_options *o;
    const al_io *io;
    int from; /* store/ of both sides, and the logs in them */
    int to;
    int from_log;
    int to_log;
    uint8_t *chunk;
    /* of this try */
    root root;
    backup_index *indexes;
    size_t n_indexes;
    backup_log *logs; /* ascending */
    size_t n_logs;
    size_t logs_cap;
    uint8_t end[64]; /* of the log, as it was at first */
    size_t end_bytes;
    backup_pending pending[BACKUP_PENDING_MAX];
    size_t n_pending;
    bool is_cut; /* there was more to copy than may be held open */
    al_buf findings;
    size_t n_damaged;
    uint64_t done_bytes;
    uint64_t total_bytes;
    store_backup_sum sum;
} backup;

/* Something does not check out: damage, or the owner was just changing it. Counts in this try. */
void backup_doubt(backup *b, const char *file, const char *fmt, ...) AL_PRINTF(3, 4);
AL_CHECK al_code backup_progress(backup *b, uint64_t bytes, al_err *err);

/* ---- backup_files.c */

/* A whole small file. AL_NOT_FOUND, AL_CORRUPT (also: larger than max), AL_IO, AL_NOMEM. */
AL_CHECK al_code backup_read_file(backup *b, int dir, const char *name, size_t max, al_buf *out,
                                  al_err *err);
/* A second name, or a place among those that are copied by backup_copy_pending. AL_EXISTS: it is
 * there already. AL_NOT_FOUND. */
AL_CHECK al_code backup_take(backup *b, uint32_t index_id, int from_dir, int to_dir,
                             const char *name, al_err *err);
AL_CHECK al_code backup_copy_pending(backup *b, al_err *err);
void backup_drop_pending(backup *b);
/* The file's first `bytes`, new under `name` in `dir`, synced. AL_CORRUPT: it has not so many. */
AL_CHECK al_code backup_copy(backup *b, int fd, uint64_t bytes, int dir, const char *name,
                             al_err *err);
/* What was set aside as damaged, best effort: it counts for nothing. */
AL_CHECK al_code backup_take_aside(backup *b, int from_dir, int to_dir, al_err *err);
/* Unlinks every name in `dir` for which `keeps` says no; NULL: all. */
AL_CHECK al_code backup_sweep(backup *b, int dir, bool (*keeps)(void *ctx, const char *name),
                              void *ctx, al_err *err);

/* ---- backup_log.c */

/* Opens the log files that are not held yet. */
AL_CHECK al_code backup_hold_logs(backup *b, al_err *err);
void backup_drop_logs(backup *b);
AL_CHECK al_code backup_read_end(backup *b, al_err *err);
/* Copies what is held and looks at the copy as the next start will; doubts what does not fit. */
AL_CHECK al_code backup_copy_log(backup *b, al_err *err);
