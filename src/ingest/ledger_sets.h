#pragma once
/* ledger_sets.h: the two sets a ledger keeps of each queue, private to ledger.c, which locks.
 * Both are slabs of slots that name each other by number, so that they grow without a pointer
 * going stale; NO_SLOT ends a chain. */
#include "ingest/ledger.h"

#define NO_SLOT UINT32_MAX

/* ---- Message ids, each once: pending ones, and the last LEDGER_IDS_MAX that are durable, by age.
 */
typedef struct id_slot {
    ledger_key key;
    uint32_t next;  /* of the same bucket, or the next free slot */
    uint32_t older; /* among the durable ones */
    uint32_t newer;
    uint32_t owner; /* number of the session in which it is pending; 0: durable */
} id_slot;

typedef struct id_set {
    id_slot *slots;
    size_t n_cap;
    size_t n_made; /* slots ever used; the rest of the array is untouched */
    size_t n;      /* in the set */
    size_t n_durable;
    uint32_t *buckets;
    size_t n_buckets; /* a power of two, or 0 */
    uint32_t free;
    uint32_t oldest;
    uint32_t newest;
} id_set;

void id_set_init(id_set *s);
void id_set_done(id_set *s);
/* NULL when it is not there; valid until the next change. */
const id_slot *id_set_find(const id_set *s, ledger_key key);
/* Which must not be there. AL_NOMEM. */
AL_CHECK al_code id_set_add_pending(id_set *s, ledger_key key, uint32_t owner);
/* Makes it the newest durable one (one that is durable already stays in its place) and forgets the
 * oldest beyond LEDGER_IDS_MAX. AL_NOMEM: unchanged. */
AL_CHECK al_code id_set_keep(id_set *s, ledger_key key);
/* Takes it out if it is pending. */
void id_set_drop_pending(id_set *s, ledger_key key);
/* Takes out all that are pending in this session. */
void id_set_drop_owner(id_set *s, uint32_t owner);
/* The durable ones, oldest first: start with s->oldest, go on with slots[i].newer. */

/* ---- Open messages, found by key (many may share one) and by name. */
typedef enum open_state {
    OPEN_PENDING, /* stored by a batch that is not durable yet */
    OPEN_KEPT,    /* durable */
    OPEN_CLOSING, /* durable; its acknowledgement arrived, which is not durable yet */
} open_state;

typedef struct open_slot {
    ledger_key key;
    ledger_ref name;
    uint32_t next_by_key; /* of the same bucket, or the next free slot */
    uint32_t next_by_name;
    uint32_t older; /* all, by age */
    uint32_t newer;
    uint32_t owner; /* number of the session that will acknowledge it; 0: lost */
    open_state state;
} open_slot;

typedef struct open_set {
    open_slot *slots;
    size_t n_cap;
    size_t n_made;
    size_t n;
    size_t n_lost; /* OPEN_KEPT without owner */
    uint32_t *by_key;
    uint32_t *by_name;
    size_t n_buckets; /* of each */
    uint32_t free;
    uint32_t oldest;
    uint32_t newest;
} open_set;

void open_set_init(open_set *s);
void open_set_done(open_set *s);
/* Slot of this name or NO_SLOT. */
uint32_t open_set_find(const open_set *s, ledger_ref name);
/* First slot with this key, and the next after one; NO_SLOT at the end. */
uint32_t open_set_first(const open_set *s, ledger_key key);
uint32_t open_set_next(const open_set *s, uint32_t i);
/* Adds one whose name is not there. AL_NOMEM: unchanged. */
AL_CHECK al_code open_set_add(open_set *s, ledger_key key, ledger_ref name, uint32_t owner,
                              open_state state);
void open_set_remove(open_set *s, uint32_t i);
/* The only way to change these two, which n_lost counts. */
void open_set_put(open_set *s, uint32_t i, uint32_t owner, open_state state);
/* Forgets the oldest lost ones beyond LEDGER_LOST_MAX; returns how many. */
size_t open_set_trim(open_set *s);
