/* Threads, and condition variables on the monotonic clock. */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"

void al_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

bool al_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX) {
        (void)pthread_cond_wait(c, m);
        return true;
    }
    if (deadline_ns < 0)
        deadline_ns = 0; /* long past; pthread_cond_timedwait would refuse it and not wait */
    struct timespec ts = {.tv_sec = (time_t)(deadline_ns / AL_NS_PER_S),
                          .tv_nsec = (long)(deadline_ns % AL_NS_PER_S)};
    return pthread_cond_timedwait(c, m, &ts) != ETIMEDOUT;
}

al_code al_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg,
                        al_err *err)
{
    sigset_t all;
    sigset_t old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(ret, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (r) {
        errno = r;
        return al_fail_errno(err, "start thread %s", name);
    }
    (void)pthread_setname_np(*ret, name); /* a name that is too long only costs the name */
    return AL_OK;
}
