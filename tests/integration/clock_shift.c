/* For LD_PRELOAD: the wall clock shifted by CLOCK_SHIFT_S seconds, so that a server can live on
 * another day. Everything else is the system's. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
    long r = syscall(SYS_clock_gettime, id, ts);
    const char *shift = getenv("CLOCK_SHIFT_S");
    if (r == 0 && id == CLOCK_REALTIME && shift)
        ts->tv_sec += strtol(shift, NULL, 10);
    return (int)r;
}
