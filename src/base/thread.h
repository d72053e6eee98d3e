#pragma once
/* thread.h: threads, locks that end with their scope, waiting on the monotonic clock. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

static inline pthread_mutex_t *al_lock_(pthread_mutex_t *m)
{
    (void)pthread_mutex_lock(m); /* fails only for misuse */
    return m;
}
static inline void al_unlockp_(pthread_mutex_t **m)
{
    (void)pthread_mutex_unlock(*m);
}
/* Holds `mutex` until the end of the enclosing scope. One per scope. */
/* NOLINTBEGIN(bugprone-macro-parentheses): it declares a variable */
#define AL_LOCKED(mutex)                                                                           \
    __attribute__((unused)) AL_CLEANUP(al_unlockp_) pthread_mutex_t *al_held_ = al_lock_(mutex)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline pthread_rwlock_t *al_rdlock_(pthread_rwlock_t *l)
{
    (void)pthread_rwlock_rdlock(l);
    return l;
}
static inline pthread_rwlock_t *al_wrlock_(pthread_rwlock_t *l)
{
    (void)pthread_rwlock_wrlock(l);
    return l;
}
static inline void al_rwunlockp_(pthread_rwlock_t **l)
{
    (void)pthread_rwlock_unlock(*l);
}
/* As AL_LOCKED, for reading or writing what `rwlock` guards. One of both per scope. */
/* NOLINTBEGIN(bugprone-macro-parentheses): they declare a variable */
#define AL_READING(rwlock)                                                                         \
    __attribute__((unused)) AL_CLEANUP(al_rwunlockp_) pthread_rwlock_t *al_rwheld_ =               \
        al_rdlock_(rwlock)
#define AL_WRITING(rwlock)                                                                         \
    __attribute__((unused)) AL_CLEANUP(al_rwunlockp_) pthread_rwlock_t *al_rwheld_ =               \
        al_wrlock_(rwlock)
/* NOLINTEND(bugprone-macro-parentheses) */

/* A condition variable on the monotonic clock. */
void al_cond_init(pthread_cond_t *c);
/* Waits with `m` held until signalled or until al_mono_ns() >= deadline_ns; false on the deadline.
 * May wake without reason, as pthread_cond_wait. */
bool al_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns);

/* Starts a thread whose name (at most 15 bytes) shows in ps and top; all signals are blocked in it.
 */
AL_CHECK al_code al_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg,
                                 al_err *err);
