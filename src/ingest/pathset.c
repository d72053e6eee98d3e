/* A growing set of names, read without locks.
 * Shape: an open-addressing table of pointers to immutable names. Adding takes the lock; growing
 * makes a new table and publishes it, the old one is kept until the end because readers may still
 * stand in it (all old ones together are smaller than the newest).
 * Invariants: (1) a slot goes from NULL to a name once and never changes; (2) at most half of the
 * slots are taken, so a search ends. */
#include "ingest/pathset.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

enum { SLOTS_FIRST = 64 };

typedef struct path {
    uint32_t hash;
    size_t len;
    uint8_t bytes[];
} path;

typedef struct table {
    struct table *older;
    size_t n_slots; /* a power of two */
    _Atomic(path *) slots[];
} table;

struct pathset {
    _Atomic(table *) now;
    pthread_mutex_t lock;
    size_t n; /* guarded by lock */
};

static table *table_new(size_t n_slots, table *older)
{
    table *t = al_zalloc(1, sizeof *t + n_slots * sizeof t->slots[0]);
    if (t) {
        t->n_slots = n_slots;
        t->older = older;
    }
    return t;
}

pathset *pathset_new(void)
{
    pathset *s = al_zalloc(1, sizeof *s);
    if (!s)
        return NULL;
    (void)pthread_mutex_init(&s->lock, NULL);
    table *t = table_new(SLOTS_FIRST, NULL);
    atomic_init(&s->now, t);
    return t ? s : pathset_free(s);
}

pathset *pathset_free(pathset *s)
{
    if (!s)
        return NULL;
    table *t = atomic_load(&s->now);
    for (size_t i = 0; t && i < t->n_slots; i++)
        free(atomic_load(&t->slots[i]));
    while (t) {
        table *older = t->older;
        free(t);
        t = older;
    }
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

/* FNV-1a: names are short, and a slow bucket costs the sender of the names only. */
static uint32_t hash_of(al_slice name)
{
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ name.ptr[i]) * 16777619U;
    return h ^ (h >> 15);
}

/* The slot with the name, or the free one where it belongs. */
static _Atomic(path *) *slot_of(table *t, al_slice name, uint32_t hash, path **ret)
{
    for (size_t i = hash & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        path *p = atomic_load_explicit(&t->slots[i], memory_order_acquire);
        *ret = p;
        if (!p || (p->hash == hash && p->len == name.len &&
                   (name.len == 0 || memcmp(p->bytes, name.ptr, name.len) == 0)))
            return &t->slots[i];
    }
}

bool pathset_has(const pathset *s, al_slice name)
{
    path *found = NULL;
    table *t = atomic_load_explicit(&s->now, memory_order_acquire);
    (void)slot_of(t, name, hash_of(name), &found);
    return found;
}

static table *grow(pathset *s, table *old)
{
    table *t = table_new(old->n_slots * 2, old);
    if (!t)
        return NULL;
    for (size_t i = 0; i < old->n_slots; i++) {
        path *p = atomic_load(&old->slots[i]);
        path *none = NULL;
        if (p)
            atomic_store(slot_of(t, (al_slice){p->bytes, p->len}, p->hash, &none), p);
    }
    atomic_store_explicit(&s->now, t, memory_order_release);
    return t;
}

bool pathset_add(pathset *s, al_slice name)
{
    AL_LOCKED(&s->lock);
    table *t = atomic_load(&s->now);
    path *found = NULL;
    uint32_t hash = hash_of(name);
    (void)slot_of(t, name, hash, &found);
    if (found)
        return true;
    if ((s->n + 1) * 2 > t->n_slots)
        t = grow(s, t);
    path *p = t ? al_alloc(1, sizeof *p + name.len) : NULL;
    if (!p)
        return false;
    p->hash = hash;
    p->len = name.len;
    if (name.len)
        memcpy(p->bytes, name.ptr, name.len);
    atomic_store_explicit(slot_of(t, name, hash, &found), p, memory_order_release);
    s->n++;
    return true;
}
