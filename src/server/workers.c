/* A pool of threads over one list of tasks. */
#include "server/workers.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

typedef struct task_list {
    task *first;
    task *last;
} task_list;

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t has_tasks;
    /* guarded by lock */
    task_list ready;
    task_list later;  /* by due_ns */
    size_t n_waiting; /* in `ready` */
    size_t n_running;
    uint64_t n_ended;
    bool is_ending;
    size_t n_threads; /* immutable after workers_new */
    pthread_t threads[];
};

static void leave_locked(workers *w, task *t)
{
    task_list *l = t->is_later ? &w->later : &w->ready;
    *(t->prev ? &t->prev->next : &l->first) = t->next;
    *(t->next ? &t->next->prev : &l->last) = t->prev;
    w->n_waiting -= !t->is_later;
    t->is_waiting = false;
    t->is_later = false;
}

/* Behind `prev`; NULL: as the first. */
static void enter_locked(task_list *l, task *t, task *prev)
{
    assert(!t->is_waiting);
    t->is_waiting = true;
    t->prev = prev;
    t->next = prev ? prev->next : l->first;
    *(prev ? &prev->next : &l->first) = t;
    *(t->next ? &t->next->prev : &l->last) = t;
}

/* What is to run now; else *ret_due is when to look again. */
static task *next_locked(const workers *w, int64_t *ret_due)
{
    task *t = w->later.first;
    *ret_due = INT64_MAX;
    if (!t || w->ready.first)
        return w->ready.first;
    if (w->is_ending || al_mono_ns() >= t->due_ns)
        return t;
    *ret_due = t->due_ns;
    return NULL;
}

static task *take(workers *w)
{
    AL_LOCKED(&w->lock);
    for (;;) {
        int64_t due;
        task *t = next_locked(w, &due);
        if (t) {
            leave_locked(w, t);
            w->n_running++;
            return t;
        }
        if (w->is_ending)
            return NULL;
        (void)al_cond_wait_until(&w->has_tasks, &w->lock, due);
    }
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
    enter_locked(&w->ready, t, w->ready.last);
    w->n_waiting++;
    (void)pthread_cond_signal(&w->has_tasks);
    return true;
}

void workers_put(workers *w, task *t)
{
    (void)workers_try_put(w, t, SIZE_MAX);
}

void workers_put_later(workers *w, task *t, int64_t due_ns)
{
    AL_LOCKED(&w->lock);
    task *prev = w->later.last; /* mostly it is the last */
    while (prev && prev->due_ns > due_ns)
        prev = prev->prev;
    t->due_ns = due_ns;
    enter_locked(&w->later, t, prev);
    t->is_later = true;
    (void)pthread_cond_signal(&w->has_tasks);
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
