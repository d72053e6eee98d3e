#pragma once
/* wal_source.h: an open log file, shared by who appends to it and who reads frames back.
 * Refcounted, any thread. It can be read as long as someone holds it, also when its name is gone.
 */
#include <stdatomic.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

typedef struct wal_source {
    atomic_uint refs;
    /* immutable */
    const al_io *io;
    int fd;
    uint64_t number; /* of the log file */
} wal_source;

/* Takes the descriptor, also when there is no memory: then NULL, and it is closed. */
wal_source *wal_source_new(const al_io *io, int fd, uint64_t number);
wal_source *wal_source_ref(wal_source *s);
wal_source *wal_source_unref(wal_source *s);

AL_DEFINE_CLEANUP(wal_source, wal_source_unref);
