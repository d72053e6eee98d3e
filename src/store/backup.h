#pragma once
/* backup.h: a copy of a store as of one moment, also while another process writes to it. */
#include "base/io.h"
#include "store/store.h"

typedef struct store_backup_options {
    const char *from; /* a data directory; a store may have it open */
    const char *to;   /* a directory; store/ is made in it, or goes on where a copy broke off */
    const al_io *io;  /* NULL: al_io_posix */
    /* Copies what stands beside the store, when all of that but its list of indexes is there; of
     * these it knows as many or, if some were dropped just now, more. May come again; may be NULL.
     */
    al_code (*beside)(void *ctx, al_err *err);
    /* Bytes, now and then. False: stop, with AL_CANCELLED. May be NULL. */
    bool (*progress)(void *ctx, uint64_t done, uint64_t total);
    /* What is damaged in `from`; the copy has the rest. May be NULL. */
    void (*found)(void *ctx, const store_finding *f);
    void *ctx;
} store_backup_options;

typedef struct store_backup_sum {
    char store_id[2 * 16 + 1]; /* in hex */
    uint64_t last_frame;
    uint64_t n_rows; /* in segments and in the log */
    uint64_t n_indexes;
    uint64_t n_segments;
    uint64_t n_linked; /* files that share their bytes with those of `from` */
    uint64_t n_copied;
    uint64_t n_damaged;
    uint64_t n_tries; /* 1: `from` held still */
} store_backup_sum;

/* Afterwards `to`/store is what a kill -9 of the owner at some moment after the call began would
 * have left for its next start, and is on disk: whatever was acknowledged before the call is in it,
 * once. Segments are hard links where that is possible; log and lists are copies. Ids stay, and so
 * does the store's. AL_NOT_FOUND with a message: there is no store. AL_CORRUPT: its root is
 * damaged. AL_AGAIN with a message: it never held still. AL_TOO_NEW, AL_IO, AL_CANCELLED; after a
 * failure `to` holds part of a copy. */
AL_CHECK al_code store_backup(const store_backup_options *o, store_backup_sum *ret, al_err *err);
