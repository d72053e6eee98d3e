#pragma once
/* thread.h: locks that end with their scope, and the bounded queue between threads. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
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

/* A condition variable on the monotonic clock. */
void al_cond_init(pthread_cond_t *c);
/* Waits with `m` held until signalled or until al_mono_ns() >= deadline_ns; false on the deadline.
 * May wake without reason, as pthread_cond_wait. */
bool al_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *m, int64_t deadline_ns);

/* Starts a thread whose name (at most 15 bytes) shows in ps and top; all signals are blocked in it.
 */
AL_CHECK al_code al_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg,
                                 al_err *err);

/* Bounded FIFO of pointers between threads: full means AL_AGAIN, and the producer stops taking. */
typedef struct al_queue al_queue;
/* NULL without memory. */
al_queue *al_queue_new(size_t n_max);
/* What is still in it is the caller's to drain first. */
al_queue *al_queue_free(al_queue *q);
/* AL_AGAIN when full or closed. Never blocks. */
AL_CHECK al_code al_queue_put(al_queue *q, void *item);
/* As al_queue_put, but waits for room; AL_AGAIN only when closed. */
AL_CHECK al_code al_queue_put_wait(al_queue *q, void *item);
/* Waits for an item until deadline_ns (al_mono_ns; INT64_MAX = for ever). NULL on the deadline, or
 * when the queue is closed and empty. */
void *al_queue_take(al_queue *q, int64_t deadline_ns);
/* No more puts; takers get what is left, then NULL. */
void al_queue_close(al_queue *q);
size_t al_queue_count(al_queue *q);

AL_DEFINE_CLEANUP(al_queue, al_queue_free);
