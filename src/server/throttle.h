#pragma once
/* throttle.h: how often somebody may try. Counts tries by a key (an address, a name), each key with
 * a few tries at once and then one in an interval. Its memory is THROTTLE_SLOTS of 16 bytes
 * whatever comes: keys that tried least are forgotten first. Any thread. */
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

enum { THROTTLE_SLOTS = 4096 };

typedef struct throttle throttle;

typedef struct throttle_rate {
    uint32_t at_once;
    uint32_t interval_s; /* of one more try */
} throttle_rate;

AL_CHECK al_code throttle_new(throttle **ret, al_err *err);
throttle *throttle_free(throttle *t);
/* May it try (and counts that), or in how many seconds? `now_ns`: al_mono_ns. */
bool throttle_try(throttle *t, al_slice key, throttle_rate rate, int64_t now_ns,
                  uint32_t *ret_wait_s);
/* The last try did not count; or with `all` none that the key made did. */
void throttle_forgive(throttle *t, al_slice key, throttle_rate rate, bool all);

AL_DEFINE_CLEANUP(throttle, throttle_free);
