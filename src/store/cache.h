#pragma once
/* cache.h: a bounded cache of refcounted immutable things read from segments. Any thread.
 * What is given out stays valid when it is evicted: the cache only drops its own reference.
 * When it is full, things are shrunk first, then cheap ones go, then the rest; of each, first what
 * was not asked for longest. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

typedef struct cache cache;

typedef struct cache_key {
    uint32_t index_id;
    uint32_t item; /* number of a block, or one of the kinds below */
    uint64_t seg_id;
} cache_key;

#define CACHE_ITEM_INDEX     UINT32_MAX
#define CACHE_ITEM_POSITIONS (UINT32_MAX - 1)
#define CACHE_ITEM_LEXICON   (UINT32_MAX - 2)

typedef struct cache_kind {
    void *(*ref)(void *p);
    void *(*unref)(void *p);
    /* NULL, or gives back what is large and seldom asked for, if nobody else has a reference. The
     * bytes. Called under the cache's lock. */
    size_t (*shrink)(void *p);
    bool is_cheap; /* it is read again as quickly as from the cache of the system: goes first */
} cache_kind;

/* NULL without memory. */
cache *cache_new(size_t bytes_max);
cache *cache_free(cache *c);
/* A new reference, or NULL when it is not there. */
void *cache_get(cache *c, const cache_key *key);
/* Remembers `p` (takes a reference of its own), making room. Does nothing when it is too large,
 * already there or without memory. */
void cache_put(cache *c, const cache_key *key, void *p, const cache_kind *kind, size_t bytes);
/* What is remembered under this key has grown by so much; does nothing when it is not there. */
void cache_grow(cache *c, const cache_key *key, size_t bytes);

AL_DEFINE_CLEANUP(cache, cache_free);
