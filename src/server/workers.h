#pragma once
/* workers.h: a pool of threads that run tasks in the order they were put. */
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

typedef struct task task;
struct task { /* stands inside what it works on; in one pool once at a time */
    task *next;
    void (*run)(task *t); /* may free what the task stands in */
};

typedef struct workers workers;

/* `name` shows in ps. */
AL_CHECK al_code workers_new(size_t n_threads, const char *name, workers **ret, al_err *err);
/* Runs what is queued, then ends. NULL is fine. */
workers *workers_free(workers *w);
/* Never blocks. The queue is as long as there are tasks: whoever makes them bounds their number. */
void workers_put(workers *w, task *t);
/* Tasks that wait. */
size_t workers_waiting(workers *w);

AL_DEFINE_CLEANUP(workers, workers_free);
