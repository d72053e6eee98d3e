#pragma once
/* amqp_plan.h: what one index asks of a broker, and what must be undone there when that changes.
 * Pure data. Any thread. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "catalog/catalog.h"

enum {
    AMQP_NAME_MAX = 255, /* bytes of a short string */
    AMQP_JOBS_MAX = 256, /* kept of one group */
};

typedef struct amqp_plan { /* immutable; counted */
    atomic_uint refs;
    al_arena *arena;
    char index[CAT_INDEX_NAME_MAX + 1];
    al_slice queue;
    al_slice exchange;
    al_slice *keys; /* trimmed, each once */
    size_t n_keys;
    bool is_durable;
    bool is_detour; /* the queue stands in for the index's own while that is declared anew: it is
                       durable whatever is_durable says of the exchange */
    uint32_t num_processes;
} amqp_plan;

/* NULL without memory. Names are cut at AMQP_NAME_MAX bytes, keys that are longer left out. */
amqp_plan *amqp_plan_new(const cat_index *idx);
/* The same with a queue that stands in for p's, whose name is p's and AMQP_DETOUR behind it. */
#define AMQP_DETOUR ":moving"
amqp_plan *amqp_plan_detour(const amqp_plan *p);
amqp_plan *amqp_plan_ref(amqp_plan *p);
amqp_plan *amqp_plan_unref(amqp_plan *p);
/* Do both ask the same of a broker? */
bool amqp_plan_equal(const amqp_plan *a, const amqp_plan *b);
bool amqp_plan_has_key(const amqp_plan *p, al_slice key);

typedef enum amqp_job_kind {
    AMQP_JOB_RECREATE, /* delete the queue and then the exchange unless others use it, so that both
                          are declared as planned */
    AMQP_JOB_UNBIND,
    AMQP_JOB_DRAIN,  /* the queue has an heir: read it until it is empty, then delete it unless
                        messages or other consumers are left */
    AMQP_JOB_DELETE, /* the queue, unless other consumers are left */
} amqp_job_kind;

typedef struct amqp_job {
    uint64_t number;
    amqp_job_kind kind;
    char queue[AMQP_NAME_MAX + 1];
    char exchange[AMQP_NAME_MAX + 1]; /* UNBIND, RECREATE */
    char key[AMQP_NAME_MAX + 1];      /* UNBIND */
    char heir[AMQP_NAME_MAX + 1];     /* DRAIN: the queue that takes its place */
    bool is_durable;                  /* RECREATE: as it will be declared */
    int64_t n_alone; /* DRAIN: so many messages in it, the first, are not in the heir; -1: not known
                        yet */
} amqp_job;

typedef struct amqp_jobs { /* in the order to be done; guarded by its owner */
    amqp_job *items;
    size_t n;
    size_t cap;
} amqp_jobs;

/* Adds a copy with a number of its own. False: no memory, or AMQP_JOBS_MAX are there. */
bool amqp_jobs_add(amqp_jobs *j, const amqp_job *job);
/* Adds what takes a broker from `old` to `next` (NULL: the index was dropped) beyond declaring
 * `next`. False: no memory or AMQP_JOBS_MAX; some are missing. */
bool amqp_jobs_add_change(amqp_jobs *j, const amqp_plan *old, const amqp_plan *next);
/* Takes out what would undo `p`. */
void amqp_jobs_prune(amqp_jobs *j, const amqp_plan *p);
/* NULL when it is not there (any more). */
amqp_job *amqp_jobs_find(amqp_jobs *j, uint64_t number);
void amqp_jobs_remove(amqp_jobs *j, uint64_t number);
AL_DEFINE_CLEANUP(amqp_plan, amqp_plan_unref);
