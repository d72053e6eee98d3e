/* Clocks. See clock.h for the contract. */
#include "base/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};
    (void)clock_gettime(id, &ts); /* cannot fail for the two clocks used here */
    return (int64_t)ts.tv_sec * AL_NS_PER_S + ts.tv_nsec;
}

int64_t al_now_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t al_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}
