/* Open files of segments: at most OPEN_FILES_MAX, least recently used closed first.
 * Invariant: a slot in use (users > 0) keeps its descriptor; a reader that finds all slots in use
 * opens one of its own and closes it when done. Threads: one lock, no I/O under it but close. */
#include "store/seg_env.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "store/limits.h"
#include "store/names.h"

typedef struct slot {
    int fd; /* -1: free */
    uint32_t index_id;
    uint64_t seg_id;
    unsigned users;
    bool is_dropped;
    uint64_t last_use;
} slot;

struct seg_env {
    /* immutable */
    const al_io *io;
    int store_dir;
    uint8_t store_id[STORE_ID_BYTES];
    cache *cache;
    pthread_mutex_t lock;
    /* guarded by lock */
    uint64_t uses;
    slot slots[OPEN_FILES_MAX];
};

seg_env *seg_env_new(const al_io *io, int store_dir, const uint8_t store_id[STORE_ID_BYTES],
                     size_t cache_bytes)
{
    seg_env *e = al_zalloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->io = io;
    e->store_dir = store_dir;
    memcpy(e->store_id, store_id, STORE_ID_BYTES);
    (void)pthread_mutex_init(&e->lock, NULL);
    for (size_t i = 0; i < OPEN_FILES_MAX; i++)
        e->slots[i].fd = -1;
    e->cache = cache_new(cache_bytes);
    return e->cache ? e : seg_env_free(e);
}

seg_env *seg_env_free(seg_env *e)
{
    if (!e)
        return NULL;
    for (size_t i = 0; i < OPEN_FILES_MAX; i++)
        if (e->slots[i].fd >= 0)
            e->io->close(e->io, e->slots[i].fd);
    (void)cache_free(e->cache);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
    return NULL;
}

cache *seg_env_cache(seg_env *e)
{
    return e->cache;
}

const uint8_t *seg_env_store_id(const seg_env *e)
{
    return e->store_id;
}

const al_io *seg_env_io(const seg_env *e)
{
    return e->io;
}

al_code seg_env_index_dir(seg_env *e, uint32_t index_id, bool create, int *ret_fd, al_err *err)
{
    char name[NAME_BYTES];
    names_format(name, NAME_INDEX, index_id);
    return e->io->open_dir(e->io, e->store_dir, name, create, ret_fd, err);
}

static bool take_open(seg_env *e, uint32_t index_id, uint64_t seg_id, seg_fd *ret)
{
    AL_LOCKED(&e->lock);
    for (int i = 0; i < OPEN_FILES_MAX; i++) {
        slot *s = &e->slots[i];
        if (s->fd < 0 || s->seg_id != seg_id || s->index_id != index_id || s->is_dropped)
            continue;
        s->users++;
        s->last_use = ++e->uses;
        *ret = (seg_fd){.fd = s->fd, .slot = i};
        return true;
    }
    return false;
}

/* Keeps `fd` open in a slot, closing the one not used for longest; slot -1 when all are in use. */
static seg_fd keep_open(seg_env *e, uint32_t index_id, uint64_t seg_id, int fd)
{
    AL_LOCKED(&e->lock);
    int best = -1;
    for (int i = 0; i < OPEN_FILES_MAX; i++) {
        const slot *s = &e->slots[i];
        if (s->fd >= 0 && s->users > 0)
            continue;
        if (best < 0 ||
            (e->slots[best].fd >= 0 && (s->fd < 0 || s->last_use < e->slots[best].last_use)))
            best = i;
    }
    if (best >= 0) {
        slot *s = &e->slots[best];
        if (s->fd >= 0)
            e->io->close(e->io, s->fd);
        *s = (slot){
            .fd = fd, .index_id = index_id, .seg_id = seg_id, .users = 1, .last_use = ++e->uses};
    }
    return (seg_fd){.fd = fd, .slot = best};
}

al_code seg_env_get(seg_env *e, uint32_t index_id, uint64_t seg_id, seg_fd *ret, al_err *err)
{
    if (take_open(e, index_id, seg_id, ret))
        return AL_OK;
    int dir = -1;
    al_code c = seg_env_index_dir(e, index_id, false, &dir, err);
    if (c)
        return c;
    char name[NAME_BYTES];
    names_format(name, NAME_SEG, seg_id);
    int fd = -1;
    c = e->io->open(e->io, dir, name, AL_OPEN_READ, &fd, err);
    e->io->close(e->io, dir);
    if (c)
        return c;
    *ret = keep_open(e, index_id, seg_id, fd);
    return AL_OK;
}

void seg_env_put(seg_env *e, seg_fd f)
{
    if (f.slot < 0) {
        e->io->close(e->io, f.fd);
        return;
    }
    AL_LOCKED(&e->lock);
    slot *s = &e->slots[f.slot];
    if (--s->users == 0 && s->is_dropped) {
        e->io->close(e->io, s->fd);
        s->fd = -1;
    }
}

void seg_env_drop(seg_env *e, uint32_t index_id, uint64_t seg_id)
{
    AL_LOCKED(&e->lock);
    for (int i = 0; i < OPEN_FILES_MAX; i++) {
        slot *s = &e->slots[i];
        if (s->fd < 0 || s->seg_id != seg_id || s->index_id != index_id)
            continue;
        s->is_dropped = true;
        if (s->users == 0) {
            e->io->close(e->io, s->fd);
            s->fd = -1;
        }
    }
}
