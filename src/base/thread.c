/* Threads, condition variables on the monotonic clock, and the bounded queue.
 * Invariant of the queue: n <= n_max, items[(head + i) % n_max] for i < n are its content. */
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

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

struct al_queue {
    pthread_mutex_t lock;
    pthread_cond_t has_items;
    pthread_cond_t has_room;
    /* guarded by lock */
    size_t head;
    size_t n;
    bool is_closed;
    /* immutable */
    size_t n_max;
    void *items[];
};

al_queue *al_queue_new(size_t n_max)
{
    assert(n_max > 0);
    al_queue *q = al_zalloc(1, sizeof *q + n_max * sizeof(void *));
    if (!q)
        return NULL;
    q->n_max = n_max;
    (void)pthread_mutex_init(&q->lock, NULL);
    al_cond_init(&q->has_items);
    al_cond_init(&q->has_room);
    return q;
}

al_queue *al_queue_free(al_queue *q)
{
    if (!q)
        return NULL;
    (void)pthread_mutex_destroy(&q->lock);
    (void)pthread_cond_destroy(&q->has_items);
    (void)pthread_cond_destroy(&q->has_room);
    free(q);
    return NULL;
}

static al_code put_locked(al_queue *q, void *item)
{
    if (q->is_closed || q->n == q->n_max)
        return AL_AGAIN;
    q->items[(q->head + q->n) % q->n_max] = item;
    q->n++;
    (void)pthread_cond_signal(&q->has_items);
    return AL_OK;
}

al_code al_queue_put(al_queue *q, void *item)
{
    assert(item);
    AL_LOCKED(&q->lock);
    return put_locked(q, item);
}

al_code al_queue_put_wait(al_queue *q, void *item)
{
    assert(item);
    AL_LOCKED(&q->lock);
    while (!q->is_closed && q->n == q->n_max)
        (void)pthread_cond_wait(&q->has_room, &q->lock);
    return put_locked(q, item);
}

void *al_queue_take(al_queue *q, int64_t deadline_ns)
{
    AL_LOCKED(&q->lock);
    while (q->n == 0) {
        if (q->is_closed)
            return NULL;
        if (!al_cond_wait_until(&q->has_items, &q->lock, deadline_ns) && q->n == 0)
            return NULL;
    }
    void *item = q->items[q->head];
    q->head = (q->head + 1) % q->n_max;
    q->n--;
    (void)pthread_cond_signal(&q->has_room);
    return item;
}

void al_queue_close(al_queue *q)
{
    AL_LOCKED(&q->lock);
    q->is_closed = true;
    (void)pthread_cond_broadcast(&q->has_items);
    (void)pthread_cond_broadcast(&q->has_room);
}

size_t al_queue_count(al_queue *q)
{
    AL_LOCKED(&q->lock);
    return q->n;
}
