#pragma once
/* pace.h: how matching notices, every few milliseconds of its work, that it shall end. Counting is
 * cheap, looking (a clock, another thread's flag) is not: so work is counted and looked at rarely.
 * One thread. */
#include <stdbool.h>
#include <stdint.h>

enum { PACE_UNITS = 1 << 15 }; /* between two looks; a unit is about 25 ns of work */

typedef struct pace {
    bool (*must_stop)(void *ctx); /* NULL: never */
    void *ctx;
    uint32_t units_left; /* until the next look */
    bool is_stopped;     /* what the last look said */
} pace;

static inline bool pace_look(pace *p)
{
    p->is_stopped = p->must_stop && p->must_stop(p->ctx);
    p->units_left = p->is_stopped ? 0 : PACE_UNITS; /* 0: the next work looks again */
    return !p->is_stopped;
}

/* So much work was done, or is about to be. False: stop now. */
static inline bool pace_go(pace *p, uint64_t units)
{
    if (units >= p->units_left)
        return pace_look(p);
    p->units_left -= (uint32_t)units;
    return true;
}
