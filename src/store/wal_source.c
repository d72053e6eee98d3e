/* Log files that are read while they are written to. See wal_source.h for the contract. */
#include "store/wal_source.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

wal_source *wal_source_new(const al_io *io, int fd, uint64_t number)
{
    wal_source *s = al_alloc(1, sizeof *s);
    if (!s) {
        io->close(io, fd);
        return NULL;
    }
    *s = (wal_source){.io = io, .fd = fd, .number = number};
    atomic_init(&s->refs, 1);
    return s;
}

wal_source *wal_source_ref(wal_source *s)
{
    unsigned old = atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return s;
}

wal_source *wal_source_unref(wal_source *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        s->io->close(s->io, s->fd);
        free(s);
    }
    return NULL;
}
