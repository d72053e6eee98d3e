/* The cache of blocks, directories and positions.
 * Shape: open hashing with chains, and one list in order of use. Invariants: (1) every entry is in
 * its chain and in the list; (2) `bytes` is the sum of the entries' and never above bytes_max.
 * Threads: one lock; nothing is read or freed under it but entries themselves. */
#include "store/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

enum { N_CHAINS = 4096, ENTRY_OVERHEAD_BYTES = 128 };

typedef struct entry entry;
struct entry {
    cache_key key;
    void *p;
    const cache_kind *kind;
    size_t bytes;
    entry *chain;
    entry *newer;
    entry *older;
};

struct cache {
    pthread_mutex_t lock;
    size_t bytes_max; /* immutable */
    /* guarded by lock */
    size_t bytes;
    entry *newest;
    entry *oldest;
    entry *chains[N_CHAINS];
};

cache *cache_new(size_t bytes_max)
{
    cache *c = al_zalloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->bytes_max = bytes_max;
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

static entry **chain_of(cache *c, const cache_key *k)
{
    uint64_t h = k->seg_id * UINT64_C(0x9e3779b97f4a7c15);
    h ^= ((uint64_t)k->index_id << 32 | k->item) * UINT64_C(0xc2b2ae3d27d4eb4f);
    return &c->chains[(h >> 40) % N_CHAINS];
}

static void list_remove(cache *c, entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void list_add_newest(cache *c, entry *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

/* Takes the oldest entry out; the caller frees it. */
static entry *evict_locked(cache *c)
{
    entry *e = c->oldest;
    entry **at = chain_of(c, &e->key);
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    list_remove(c, e);
    c->bytes -= e->bytes;
    return e;
}

static void entry_free(entry *e)
{
    (void)e->kind->unref(e->p);
    free(e);
}

cache *cache_free(cache *c)
{
    if (!c)
        return NULL;
    while (c->oldest)
        entry_free(evict_locked(c));
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

/* For so many bytes more; what has to go for them is the caller's. */
static entry *make_room_locked(cache *c, size_t bytes)
{
    entry *evicted = NULL;
    while (c->oldest && c->bytes + bytes > c->bytes_max) {
        entry *old = evict_locked(c);
        old->chain = evicted;
        evicted = old;
    }
    return evicted;
}

static void free_entries(entry *evicted)
{
    while (evicted) {
        entry *next = evicted->chain; /* NOLINT(clang-analyzer-unix.Malloc): each is in one list */
        entry_free(evicted);
        evicted = next;
    }
}

static entry *find_locked(cache *c, const cache_key *k)
{
    for (entry *e = *chain_of(c, k); e; e = e->chain)
        if (e->key.index_id == k->index_id && e->key.seg_id == k->seg_id && e->key.item == k->item)
            return e;
    return NULL;
}

void *cache_get(cache *c, const cache_key *key)
{
    AL_LOCKED(&c->lock);
    entry *e = find_locked(c, key);
    if (!e)
        return NULL;
    list_remove(c, e);
    list_add_newest(c, e);
    return e->kind->ref(e->p);
}

void cache_put(cache *c, const cache_key *key, void *p, const cache_kind *kind, size_t bytes)
{
    bytes += ENTRY_OVERHEAD_BYTES;
    if (bytes > c->bytes_max / 4)
        return;
    entry *e = al_zalloc(1, sizeof *e);
    if (!e)
        return;
    *e = (entry){.key = *key, .p = kind->ref(p), .kind = kind, .bytes = bytes};
    entry *evicted = NULL;
    {
        AL_LOCKED(&c->lock);
        if (find_locked(c, key)) { /* another reader was faster */
            evicted = e;
        } else {
            evicted = make_room_locked(c, bytes);
            entry **at = chain_of(c, key);
            e->chain = *at;
            *at = e;
            list_add_newest(c, e);
            c->bytes += bytes;
        }
    }
    free_entries(evicted);
}

void cache_grow(cache *c, const cache_key *key, size_t bytes)
{
    entry *evicted = NULL;
    {
        AL_LOCKED(&c->lock);
        entry *e = find_locked(c, key);
        if (!e)
            return;
        e->bytes += bytes;
        c->bytes += bytes;
        evicted = make_room_locked(c, 0); /* perhaps of itself */
    }
    free_entries(evicted);
}
