#pragma once
/* wal_priv.h: what wal.c (writing) and wal_replay.c (reading) share. */
#include "store/wal.h"

typedef struct wal_file {
    uint64_t number;
    uint64_t first_seq; /* of its first frame, were there one */
    uint64_t last_seq;  /* first_seq - 1: none */
    uint64_t bytes;     /* that count: up to the end of its last whole frame */
    bool has_marks;
    bool is_empty; /* found without frames: its creation may have been cut off */
    bool is_bad;   /* damaged: becomes *.bad instead of being deleted */
} wal_file;

enum { WAL_FILES_MAX = 1 << 20 };

/* Headers name the file before in 32 bits. Numbers are given one by one, so only a stray file comes
 * anywhere near. */
#define WAL_NUMBER_MAX ((uint64_t)UINT32_MAX)

/* What the file `end` says: bytes of the newest log file and its last frame that are on disk. It is
 * rewritten after each sync and itself synced only now and then: it may be behind, never ahead. */
typedef struct wal_end {
    uint64_t number; /* of the log file; 0: not known */
    uint64_t bytes;
    uint64_t seq;
} wal_end;

struct wal {
    const al_io *io;
    int dir;
    const uint8_t *store_id;
    wal_file *files; /* ascending; the last one is in use once `file` is open */
    size_t n_files;
    size_t files_cap;
    uint64_t number_max;  /* greatest number of any log file seen or tried */
    uint64_t seq;         /* of the last frame */
    wal_source *file;     /* the one in use; NULL: not started */
    uint64_t last_off;    /* of the last frame in it */
    int end_fd;           /* -1: not open */
    bool must_rotate;     /* the file in use is not trusted any more, or may have a successor */
    uint64_t fresh_bytes; /* of the file in use, without header and checkpoints */
    uint64_t syncs;
};

/* The new last entry, or NULL without memory. */
wal_file *wal_add_file(wal *w, const wal_file *f);
