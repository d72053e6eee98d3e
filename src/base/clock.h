#pragma once
/* clock.h: the two clocks. Any thread. */
#include <stdint.h>

#define AL_NS_PER_S   INT64_C(1000000000)
#define AL_NS_PER_MS  INT64_C(1000000)
#define AL_NS_PER_DAY (INT64_C(86400) * AL_NS_PER_S)

/* Wall clock, ns since 1970 UTC. */
int64_t al_now_ns(void);
/* Never steps back; for deadlines and durations only. */
int64_t al_mono_ns(void);
