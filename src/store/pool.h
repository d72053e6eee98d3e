#pragma once
/* pool.h: threads that help those who have a long question: one step of a job each, then one of the
 * next job, so that no question has all of them for long. Any thread. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

typedef struct pool pool;

enum { POOL_HELPERS_MAX = 15 };

/* Stands in its owner's memory; zeroed but for the first two before pool_join. */
typedef struct pool_job pool_job;
struct pool_job {
    /* Does one step (milliseconds). `helper` < pool_size: one thread at a time has each number.
     * False: there is nothing left to begin. */
    bool (*step)(void *ctx, unsigned helper);
    void *ctx;
    pool_job *next; /* the pool's, all below */
    pool_job *prev;
    unsigned n_inside;
    bool is_listed;
};

/* `n_helpers` 1 to POOL_HELPERS_MAX. */
AL_CHECK al_code pool_new(unsigned n_helpers, pool **ret, al_err *err);
/* No job may be in it. */
pool *pool_free(pool *p);
unsigned pool_size(const pool *p);
/* From now on helpers that are free take steps of it. */
void pool_join(pool *p, pool_job *j);
/* None begins another step; returns when those under way have ended. Also for one that never
 * joined. What steps did is visible to the caller then. */
void pool_leave(pool *p, pool_job *j);
