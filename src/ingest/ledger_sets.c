/* The sets of ledger_sets.h: hash tables whose slots lie in one array.
 *
 * Invariants: (1) a slot is either free (in the free chain, or beyond n_made) or in exactly one
 * bucket of each index; (2) buckets are never fewer than slots in use, so chains stay short: keys
 * are 128-bit hashes of what a sender chose, and their low bits pick the bucket; (3) the age list
 * holds the durable ids, and every open message. */
#include "ingest/ledger_sets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_SLOTS = 64 };

static bool same_key(ledger_key a, ledger_key b)
{
    return a.lo == b.lo && a.hi == b.hi;
}

/* A bucket array in which every chain is empty. */
static uint32_t *buckets_new(size_t n)
{
    uint32_t *b = al_alloc(n, sizeof *b);
    if (b)
        memset(b, 0xff, n * sizeof *b);
    return b;
}

/* ---- Message ids */

void id_set_init(id_set *s)
{
    *s = (id_set){.free = NO_SLOT, .oldest = NO_SLOT, .newest = NO_SLOT};
}

void id_set_done(id_set *s)
{
    free(s->slots);
    free(s->buckets);
    id_set_init(s);
}

static uint32_t *id_bucket(const id_set *s, ledger_key key)
{
    return &s->buckets[key.lo & (s->n_buckets - 1)];
}

static uint32_t id_find(const id_set *s, ledger_key key)
{
    if (!s->n_buckets)
        return NO_SLOT;
    uint32_t i = *id_bucket(s, key);
    while (i != NO_SLOT && !same_key(s->slots[i].key, key))
        i = s->slots[i].next;
    return i;
}

const id_slot *id_set_find(const id_set *s, ledger_key key)
{
    uint32_t i = id_find(s, key);
    return i == NO_SLOT ? NULL : &s->slots[i];
}

static void id_link(id_set *s, uint32_t i)
{
    uint32_t *b = id_bucket(s, s->slots[i].key);
    s->slots[i].next = *b;
    *b = i;
}

/* Doubles the buckets so that one more fits (invariant 2). The free chain uses `next` too: slots
 * in use are told apart by walking the old buckets. */
static al_code id_grow_buckets(id_set *s)
{
    if (s->n < s->n_buckets)
        return AL_OK;
    size_t n_old = s->n_buckets;
    uint32_t *old = s->buckets;
    size_t n = n_old ? n_old * 2 : FIRST_SLOTS;
    uint32_t *fresh = buckets_new(n);
    if (!fresh)
        return AL_NOMEM;
    s->buckets = fresh;
    s->n_buckets = n;
    for (size_t b = 0; b < n_old; b++) {
        for (uint32_t i = old[b]; i != NO_SLOT;) {
            uint32_t next = s->slots[i].next;
            id_link(s, i);
            i = next;
        }
    }
    free(old);
    return AL_OK;
}

static al_code id_add(id_set *s, ledger_key key, uint32_t *ret)
{
    if (id_grow_buckets(s))
        return AL_NOMEM;
    uint32_t i = s->free;
    if (i == NO_SLOT) {
        id_slot *slots =
            al_grow(s->slots, &s->n_cap, s->n_made, sizeof *slots, FIRST_SLOTS, NO_SLOT);
        if (!slots)
            return AL_NOMEM;
        s->slots = slots;
        i = (uint32_t)s->n_made++;
    } else {
        s->free = s->slots[i].next;
    }
    s->slots[i] = (id_slot){.key = key, .older = NO_SLOT, .newer = NO_SLOT};
    id_link(s, i);
    s->n++;
    *ret = i;
    return AL_OK;
}

static void id_remove(id_set *s, uint32_t i)
{
    uint32_t *link = id_bucket(s, s->slots[i].key);
    while (*link != i)
        link = &s->slots[*link].next;
    *link = s->slots[i].next;
    s->slots[i].next = s->free;
    s->slots[i].owner = 0;
    s->free = i;
    s->n--;
}

al_code id_set_add_pending(id_set *s, ledger_key key, uint32_t owner)
{
    assert(owner != 0);
    assert(id_find(s, key) == NO_SLOT);
    uint32_t i = 0;
    al_code c = id_add(s, key, &i);
    if (c)
        return c;
    s->slots[i].owner = owner;
    return AL_OK;
}

static void id_forget_oldest(id_set *s)
{
    uint32_t i = s->oldest;
    s->oldest = s->slots[i].newer;
    if (s->oldest == NO_SLOT)
        s->newest = NO_SLOT;
    else
        s->slots[s->oldest].older = NO_SLOT;
    s->n_durable--;
    id_remove(s, i);
}

al_code id_set_keep(id_set *s, ledger_key key)
{
    uint32_t i = id_find(s, key);
    if (i != NO_SLOT && s->slots[i].owner == 0)
        return AL_OK;
    if (i == NO_SLOT && id_add(s, key, &i))
        return AL_NOMEM;
    id_slot *slot = &s->slots[i];
    slot->owner = 0;
    slot->older = s->newest;
    slot->newer = NO_SLOT;
    if (s->newest == NO_SLOT)
        s->oldest = i;
    else
        s->slots[s->newest].newer = i;
    s->newest = i;
    s->n_durable++;
    if (s->n_durable > LEDGER_IDS_MAX)
        id_forget_oldest(s);
    return AL_OK;
}

void id_set_drop_pending(id_set *s, ledger_key key)
{
    uint32_t i = id_find(s, key);
    if (i != NO_SLOT && s->slots[i].owner != 0)
        id_remove(s, i);
}

void id_set_drop_owner(id_set *s, uint32_t owner)
{
    assert(owner != 0);
    for (uint32_t i = 0; i < s->n_made; i++)
        if (s->slots[i].owner == owner)
            id_remove(s, i);
}

/* ---- Open messages */

void open_set_init(open_set *s)
{
    *s = (open_set){.free = NO_SLOT, .oldest = NO_SLOT, .newest = NO_SLOT};
}

void open_set_done(open_set *s)
{
    free(s->slots);
    free(s->by_key);
    free(s->by_name);
    open_set_init(s);
}

static uint32_t *key_bucket(const open_set *s, ledger_key key)
{
    return &s->by_key[key.lo & (s->n_buckets - 1)];
}

/* Tags of one session count up: spread them, and sessions apart (Fibonacci hashing). */
static uint32_t *name_bucket(const open_set *s, ledger_ref name)
{
    uint64_t h = (name.session * 31 + name.tag) * UINT64_C(0x9e3779b97f4a7c15);
    return &s->by_name[(h >> 32) & (s->n_buckets - 1)];
}

uint32_t open_set_find(const open_set *s, ledger_ref name)
{
    if (!s->n_buckets)
        return NO_SLOT;
    uint32_t i = *name_bucket(s, name);
    while (i != NO_SLOT &&
           (s->slots[i].name.session != name.session || s->slots[i].name.tag != name.tag))
        i = s->slots[i].next_by_name;
    return i;
}

uint32_t open_set_first(const open_set *s, ledger_key key)
{
    if (!s->n_buckets)
        return NO_SLOT;
    uint32_t i = *key_bucket(s, key);
    while (i != NO_SLOT && !same_key(s->slots[i].key, key))
        i = s->slots[i].next_by_key;
    return i;
}

uint32_t open_set_next(const open_set *s, uint32_t i)
{
    ledger_key key = s->slots[i].key;
    do
        i = s->slots[i].next_by_key;
    while (i != NO_SLOT && !same_key(s->slots[i].key, key));
    return i;
}

static void open_link(open_set *s, uint32_t i)
{
    open_slot *slot = &s->slots[i];
    uint32_t *b = key_bucket(s, slot->key);
    slot->next_by_key = *b;
    *b = i;
    b = name_bucket(s, slot->name);
    slot->next_by_name = *b;
    *b = i;
}

static al_code open_grow_buckets(open_set *s)
{
    if (s->n < s->n_buckets)
        return AL_OK;
    size_t n = s->n_buckets ? s->n_buckets * 2 : FIRST_SLOTS;
    uint32_t *by_key = buckets_new(n);
    uint32_t *by_name = buckets_new(n);
    if (!by_key || !by_name) {
        free(by_key);
        free(by_name);
        return AL_NOMEM;
    }
    free(s->by_key);
    free(s->by_name);
    s->by_key = by_key;
    s->by_name = by_name;
    s->n_buckets = n;
    for (uint32_t i = s->oldest; i != NO_SLOT; i = s->slots[i].newer)
        open_link(s, i);
    return AL_OK;
}

static bool is_lost(const open_slot *slot)
{
    return slot->state == OPEN_KEPT && slot->owner == 0;
}

al_code open_set_add(open_set *s, ledger_key key, ledger_ref name, uint32_t owner, open_state state)
{
    assert(open_set_find(s, name) == NO_SLOT);
    if (open_grow_buckets(s))
        return AL_NOMEM;
    uint32_t i = s->free;
    if (i == NO_SLOT) {
        open_slot *slots =
            al_grow(s->slots, &s->n_cap, s->n_made, sizeof *slots, FIRST_SLOTS, NO_SLOT);
        if (!slots)
            return AL_NOMEM;
        s->slots = slots;
        i = (uint32_t)s->n_made++;
    } else {
        s->free = s->slots[i].next_by_key;
    }
    s->slots[i] = (open_slot){.key = key,
                              .name = name,
                              .older = s->newest,
                              .newer = NO_SLOT,
                              .owner = owner,
                              .state = state};
    if (s->newest == NO_SLOT)
        s->oldest = i;
    else
        s->slots[s->newest].newer = i;
    s->newest = i;
    open_link(s, i);
    s->n++;
    s->n_lost += is_lost(&s->slots[i]);
    return AL_OK;
}

void open_set_remove(open_set *s, uint32_t i)
{
    open_slot *slot = &s->slots[i];
    uint32_t *link = key_bucket(s, slot->key);
    while (*link != i)
        link = &s->slots[*link].next_by_key;
    *link = slot->next_by_key;
    link = name_bucket(s, slot->name);
    while (*link != i)
        link = &s->slots[*link].next_by_name;
    *link = slot->next_by_name;
    if (slot->older == NO_SLOT)
        s->oldest = slot->newer;
    else
        s->slots[slot->older].newer = slot->newer;
    if (slot->newer == NO_SLOT)
        s->newest = slot->older;
    else
        s->slots[slot->newer].older = slot->older;
    s->n_lost -= is_lost(slot);
    s->n--;
    slot->next_by_key = s->free;
    s->free = i;
}

void open_set_put(open_set *s, uint32_t i, uint32_t owner, open_state state)
{
    open_slot *slot = &s->slots[i];
    s->n_lost -= is_lost(slot);
    slot->owner = owner;
    slot->state = state;
    s->n_lost += is_lost(slot);
}

size_t open_set_trim(open_set *s)
{
    size_t n = 0;
    for (uint32_t i = s->oldest; s->n_lost > LEDGER_LOST_MAX && i != NO_SLOT;) {
        uint32_t newer = s->slots[i].newer;
        if (is_lost(&s->slots[i])) {
            open_set_remove(s, i);
            n++;
        }
        i = newer;
    }
    return n;
}
