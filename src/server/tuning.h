#pragma once
/* tuning.h: the limits and names that may change while the server runs. Each change is a new,
 * immutable set; sets that requests may still look at stay until the end: they are small, and there
 * are as many as somebody sent SIGHUP. */
#include <stdatomic.h>

#include "base/arena.h"
#include "server/server.h"

typedef struct tuning {
    al_arena *arena; /* of all of it */
    al_slice *hosts;
    size_t n_hosts;
    uint32_t page_size, query_ms, queries_waiting, request_ms; /* none is 0 */
    struct tuning *older;
} tuning;

typedef struct tuning_now {
    _Atomic(tuning *) newest;
} tuning_now;

/* Copies `asked`, defaults put in. One thread at a time. AL_NOMEM: the old set stays. */
AL_CHECK al_code tuning_set(tuning_now *now, const server_tuning *asked, al_err *err);
/* Of the last tuning_set; valid until tuning_done. Any thread. */
const tuning *tuning_of(tuning_now *now);
void tuning_done(tuning_now *now);
