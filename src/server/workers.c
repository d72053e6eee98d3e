/* A pool of threads over one list of tasks. */
#include "server/workers.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t has_tasks;
    /* guarded by lock */
    task *first;
    task *last;
    size_t n_waiting;
    size_t n_running;
    uint64_t n_ended;
    bool is_ending;
    size_t n_threads; /* immutable after workers_new */
    pthread_t threads[];
};

static void leave_locked(workers *w, task *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        w->first = t->next;
    if (t->next)
        t->next->prev = t->prev;
    else
        w->last = t->prev;
    t->is_waiting = false;
    w->n_waiting--;
}

static task *take(workers *w)
{
    AL_LOCKED(&w->lock);
    while (!w->first) {
        if (w->is_ending)
            return NULL;
        (void)pthread_cond_wait(&w->has_tasks, &w->lock);
    }
    task *t = w->first;
    leave_locked(w, t);
    w->n_running++;
    return t;
}

static void *run(void *arg)
{
    workers *w = arg;
    for (task *t = NULL; (t = take(w));) {
        t->run(t); /* its memory may be gone then */
        AL_LOCKED(&w->lock);
        w->n_running--;
        w->n_ended++;
    }
    return NULL;
}

al_code workers_new(size_t n_threads, const char *name, workers **ret, al_err *err)
{
    workers *w = al_zalloc(1, sizeof *w + n_threads * sizeof w->threads[0]);
    if (!w)
        return al_fail(err, AL_NOMEM, "start threads %s", name);
    (void)pthread_mutex_init(&w->lock, NULL);
    al_cond_init(&w->has_tasks);
    for (size_t i = 0; i < n_threads; i++) {
        al_code c = al_thread_start(&w->threads[i], name, run, w, err);
        if (c) {
            (void)workers_free(w);
            return c;
        }
        w->n_threads++;
    }
    *ret = w;
    return AL_OK;
}

workers *workers_free(workers *w)
{
    if (!w)
        return NULL;
    {
        AL_LOCKED(&w->lock);
        w->is_ending = true;
        (void)pthread_cond_broadcast(&w->has_tasks);
    }
    for (size_t i = 0; i < w->n_threads; i++)
        (void)pthread_join(w->threads[i], NULL);
    (void)pthread_cond_destroy(&w->has_tasks);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
    return NULL;
}

bool workers_try_put(workers *w, task *t, size_t max)
{
    AL_LOCKED(&w->lock);
    if (w->n_waiting >= max)
        return false;
    assert(!t->is_waiting);
    t->is_waiting = true;
    t->next = NULL;
    t->prev = w->last;
    if (w->last)
        w->last->next = t;
    else
        w->first = t;
    w->last = t;
    w->n_waiting++;
    (void)pthread_cond_signal(&w->has_tasks);
    return true;
}

void workers_put(workers *w, task *t)
{
    (void)workers_try_put(w, t, SIZE_MAX);
}

bool workers_drop(workers *w, task *t)
{
    AL_LOCKED(&w->lock);
    if (!t->is_waiting)
        return false;
    leave_locked(w, t);
    return true;
}

size_t workers_running(workers *w)
{
    AL_LOCKED(&w->lock);
    return w->n_running;
}

uint64_t workers_ended(workers *w)
{
    AL_LOCKED(&w->lock);
    return w->n_ended;
}

size_t workers_waiting(workers *w)
{
    AL_LOCKED(&w->lock);
    return w->n_waiting;
}
