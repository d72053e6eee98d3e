/* Helpers of long questions.
 *
 * Shape: a list of jobs. A helper takes the first, puts it last, and does one step of it without
 * the lock. A job leaves the list when it has no more steps or when its owner says so; the owner
 * works on it as well, and waits at its end for the steps that helpers are in.
 *
 * Invariants: (1) a job whose n_inside is 0 and that is not listed is touched by no helper; (2) a
 * helper is in one step at a time. */
#include "store/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"

typedef struct helper {
    pool *pool;
    unsigned number;
    pthread_t thread;
} helper;

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t has_jobs;
    pthread_cond_t has_left; /* a step ended */
    /* guarded by lock */
    pool_job *first;
    pool_job *last;
    bool is_ending;
    unsigned n_helpers; /* immutable after pool_new */
    helper helpers[POOL_HELPERS_MAX];
};

static void unlist_locked(pool *p, pool_job *j)
{
    if (!j->is_listed)
        return;
    if (j->prev)
        j->prev->next = j->next;
    else
        p->first = j->next;
    if (j->next)
        j->next->prev = j->prev;
    else
        p->last = j->prev;
    j->next = j->prev = NULL;
    j->is_listed = false;
}

static void list_locked(pool *p, pool_job *j)
{
    assert(!j->is_listed);
    j->next = NULL;
    j->prev = p->last;
    if (p->last)
        p->last->next = j;
    else
        p->first = j;
    p->last = j;
    j->is_listed = true;
}

/* A step of the job whose turn it is. NULL: the pool ends. */
static pool_job *take(pool *p)
{
    AL_LOCKED(&p->lock);
    while (!p->first && !p->is_ending)
        (void)pthread_cond_wait(&p->has_jobs, &p->lock);
    pool_job *j = p->first;
    if (!j)
        return NULL;
    unlist_locked(p, j);
    list_locked(p, j);
    j->n_inside++;
    return j;
}

static void give_back(pool *p, pool_job *j, bool has_more)
{
    AL_LOCKED(&p->lock);
    if (!has_more)
        unlist_locked(p, j);
    j->n_inside--;
    (void)pthread_cond_broadcast(&p->has_left);
}

static void *run(void *arg)
{
    helper *h = arg;
    for (pool_job *j = NULL; (j = take(h->pool));)
        give_back(h->pool, j, j->step(j->ctx, h->number));
    return NULL;
}

al_code pool_new(unsigned n_helpers, pool **ret, al_err *err)
{
    assert(n_helpers >= 1);
    assert(n_helpers <= POOL_HELPERS_MAX);
    pool *p = al_zalloc(1, sizeof *p);
    if (!p)
        return al_fail(err, AL_NOMEM, "start helpers");
    (void)pthread_mutex_init(&p->lock, NULL);
    al_cond_init(&p->has_jobs);
    al_cond_init(&p->has_left);
    for (unsigned i = 0; i < n_helpers; i++) {
        helper *h = &p->helpers[i];
        *h = (helper){.pool = p, .number = i};
        al_code c = al_thread_start(&h->thread, "alco-scan", run, h, err);
        if (c) {
            (void)pool_free(p);
            return c;
        }
        p->n_helpers++;
    }
    *ret = p;
    return AL_OK;
}

pool *pool_free(pool *p)
{
    if (!p)
        return NULL;
    {
        AL_LOCKED(&p->lock);
        assert(!p->first);
        p->is_ending = true;
        (void)pthread_cond_broadcast(&p->has_jobs);
    }
    for (unsigned i = 0; i < p->n_helpers; i++)
        (void)pthread_join(p->helpers[i].thread, NULL);
    (void)pthread_cond_destroy(&p->has_left);
    (void)pthread_cond_destroy(&p->has_jobs);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

unsigned pool_size(const pool *p)
{
    return p->n_helpers;
}

void pool_join(pool *p, pool_job *j)
{
    AL_LOCKED(&p->lock);
    list_locked(p, j);
    (void)pthread_cond_broadcast(&p->has_jobs);
}

void pool_leave(pool *p, pool_job *j)
{
    AL_LOCKED(&p->lock);
    unlist_locked(p, j);
    while (j->n_inside)
        (void)pthread_cond_wait(&p->has_left, &p->lock);
}
