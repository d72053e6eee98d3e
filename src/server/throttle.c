/* Tries by key, as one number: the time at which the key would have no debt left (the generic cell
 * rate algorithm). A try adds an interval to it, and is refused while the debt is as long as the
 * tries at once.
 * Shape: sets of WAYS slots, chosen by a keyed hash that nobody outside can foresee; in a full set
 * the slot with the smallest debt makes room, which is one that limits nobody, or least. */
#include "server/throttle.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum { WAYS = 4, SETS = THROTTLE_SLOTS / WAYS };

typedef struct slot {
    uint64_t key;    /* its hash; 0: free */
    int64_t free_ns; /* when its debt is paid */
} slot;

struct throttle {
    uint8_t hash_key[crypto_shorthash_KEYBYTES]; /* immutable */
    pthread_mutex_t lock;
    slot sets[SETS][WAYS]; /* guarded by lock */
};

al_code throttle_new(throttle **ret, al_err *err)
{
    throttle *t = al_zalloc(1, sizeof *t);
    if (!t)
        return al_fail(err, AL_NOMEM, "count tries");
    crypto_shorthash_keygen(t->hash_key);
    (void)pthread_mutex_init(&t->lock, NULL);
    *ret = t;
    return AL_OK;
}

throttle *throttle_free(throttle *t)
{
    if (t)
        (void)pthread_mutex_destroy(&t->lock);
    free(t);
    return NULL;
}

static uint64_t hash_of(const throttle *t, al_slice key)
{
    uint8_t bytes[crypto_shorthash_BYTES];
    uint64_t h = 0;
    (void)crypto_shorthash(bytes, key.ptr ? key.ptr : (const uint8_t *)"", key.len, t->hash_key);
    memcpy(&h, bytes, sizeof h);
    return h ? h : 1;
}

static slot *find_locked(throttle *t, uint64_t key)
{
    slot *set = t->sets[key % SETS];
    for (int i = 0; i < WAYS; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

static slot *take_locked(throttle *t, uint64_t key)
{
    slot *set = t->sets[key % SETS];
    slot *best = find_locked(t, key);
    if (best)
        return best;
    best = &set[0];
    for (int i = 1; i < WAYS; i++)
        if (best->key && (!set[i].key || set[i].free_ns < best->free_ns))
            best = &set[i];
    *best = (slot){.key = key};
    return best;
}

bool throttle_try(throttle *t, al_slice key, throttle_rate rate, int64_t now_ns,
                  uint32_t *ret_wait_s)
{
    int64_t interval_ns = rate.interval_s * AL_NS_PER_S;
    int64_t debt_max_ns = interval_ns * (rate.at_once - 1);
    AL_LOCKED(&t->lock);
    slot *s = take_locked(t, hash_of(t, key));
    int64_t wait_ns = s->free_ns - debt_max_ns - now_ns;
    if (wait_ns > 0) {
        *ret_wait_s = (uint32_t)((wait_ns + AL_NS_PER_S - 1) / AL_NS_PER_S);
        return false;
    }
    s->free_ns = (s->free_ns > now_ns ? s->free_ns : now_ns) + interval_ns;
    return true;
}

void throttle_forgive(throttle *t, al_slice key, throttle_rate rate, bool all)
{
    AL_LOCKED(&t->lock);
    slot *s = find_locked(t, hash_of(t, key));
    if (s && all)
        *s = (slot){0};
    else if (s)
        s->free_ns -= rate.interval_s * AL_NS_PER_S;
}
