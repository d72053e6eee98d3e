/* A pool of threads over one list of tasks. */
#include "server/workers.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t has_tasks;
    /* guarded by lock */
    task *first;
    task **last;
    size_t n_waiting;
    bool is_ending;
    size_t n_threads; /* immutable after workers_new */
    pthread_t threads[];
};

static task *take(workers *w)
{
    AL_LOCKED(&w->lock);
    while (!w->first) {
        if (w->is_ending)
            return NULL;
        (void)pthread_cond_wait(&w->has_tasks, &w->lock);
    }
    task *t = w->first;
    w->first = t->next;
    if (!w->first)
        w->last = &w->first;
    w->n_waiting--;
    t->next = NULL;
    return t;
}

static void *run(void *arg)
{
    for (task *t = NULL; (t = take(arg));)
        t->run(t);
    return NULL;
}

al_code workers_new(size_t n_threads, const char *name, workers **ret, al_err *err)
{
    workers *w = al_zalloc(1, sizeof *w + n_threads * sizeof w->threads[0]);
    if (!w)
        return al_fail(err, AL_NOMEM, "start threads %s", name);
    (void)pthread_mutex_init(&w->lock, NULL);
    al_cond_init(&w->has_tasks);
    w->last = &w->first;
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

void workers_put(workers *w, task *t)
{
    AL_LOCKED(&w->lock);
    t->next = NULL;
    *w->last = t;
    w->last = &t->next;
    w->n_waiting++;
    (void)pthread_cond_signal(&w->has_tasks);
}

size_t workers_waiting(workers *w)
{
    AL_LOCKED(&w->lock);
    return w->n_waiting;
}
