/* The cache of blocks, directories and positions.
 * Shape: open hashing with chains, and two lists in order of use: of what is cheap, of what is
 * dear. Invariants: (1) every entry is in its chain and in its list; (2) the `bytes` of a list
 * are the sum of its entries', both together never above bytes_max.
 * Threads: one lock; nothing is read or freed under it but entries themselves. */
#include "store/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

enum {
    N_CHAINS = 4096,
    ENTRY_OVERHEAD_BYTES = 128,
    CHEAP_SHARE = 4, /* of the whole, no more than one in so many bytes */
};

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

typedef struct use_list {
    entry *newest;
    entry *oldest;
    size_t bytes;
} use_list;

struct cache {
    pthread_mutex_t lock;
    size_t bytes_max; /* immutable */
    /* guarded by lock */
    use_list cheap;
    use_list dear;
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

static use_list *list_of(cache *c, const entry *e)
{
    return e->kind->is_cheap ? &c->cheap : &c->dear;
}

static void list_remove(cache *c, entry *e)
{
    use_list *l = list_of(c, e);
    *(e->newer ? &e->newer->older : &l->newest) = e->older;
    *(e->older ? &e->older->newer : &l->oldest) = e->newer;
}

static void list_add_newest(cache *c, entry *e)
{
    use_list *l = list_of(c, e);
    e->newer = NULL;
    e->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = e;
    l->newest = e;
}

static bool is_full(const cache *c, size_t bytes)
{
    return c->cheap.bytes + c->dear.bytes + bytes > c->bytes_max;
}

static entry *oldest_of(const cache *c)
{
    return c->cheap.oldest ? c->cheap.oldest : c->dear.oldest;
}

/* Takes an entry out; the caller frees it. */
static entry *evict_locked(cache *c, entry *e)
{
    entry **at = chain_of(c, &e->key);
    while (*at != e)
        at = &(*at)->chain;
    *at = e->chain;
    list_remove(c, e);
    list_of(c, e)->bytes -= e->bytes;
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
    for (entry *e = oldest_of(c); e; e = oldest_of(c))
        entry_free(evict_locked(c, e));
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

/* Who goes round all segments again and again would find none of them if they went whole. */
static void shrink_locked(cache *c, size_t bytes)
{
    for (entry *e = c->dear.oldest; e && is_full(c, bytes); e = e->newer) {
        size_t less = e->kind->shrink ? e->kind->shrink(e->p) : 0;
        e->bytes -= less;
        c->dear.bytes -= less;
    }
}

static void evict_to(cache *c, entry *e, entry **evicted)
{
    (void)evict_locked(c, e);
    e->chain = *evicted;
    *evicted = e;
}

/* For so many bytes more; what has to go for them is the caller's. */
static entry *make_room_locked(cache *c, size_t bytes)
{
    entry *evicted = NULL;
    while (c->cheap.bytes > c->bytes_max / CHEAP_SHARE)
        evict_to(c, c->cheap.oldest, &evicted);
    shrink_locked(c, bytes);
    for (entry *old = oldest_of(c); old && is_full(c, bytes); old = oldest_of(c))
        evict_to(c, old, &evicted);
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
            list_of(c, e)->bytes += bytes;
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
        list_of(c, e)->bytes += bytes;
        evicted = make_room_locked(c, 0); /* perhaps of itself */
    }
    free_entries(evicted);
}
