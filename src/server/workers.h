#pragma once
/* workers.h: a pool of threads that run tasks in the order they were put. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

typedef struct task task;
struct task {   /* stands inside what it works on; in one pool once at a time */
    task *next; /* the pool's, as all before `run` */
    task *prev;
    bool is_waiting;
    bool is_later;
    int64_t due_ns;
    void (*run)(task *t); /* may free what the task stands in */
};

typedef struct workers workers;

/* `name` shows in ps. */
AL_CHECK al_code workers_new(size_t n_threads, const char *name, workers **ret, al_err *err);
/* Runs what is queued, then ends. NULL is fine. */
workers *workers_free(workers *w);
/* Never blocks. The queue is as long as there are tasks: whoever makes them bounds their number. */
void workers_put(workers *w, task *t);
/* The same, but false when `max` tasks wait already. */
bool workers_try_put(workers *w, task *t, size_t max);
/* Puts it when `due_ns` (al_mono_ns) has come, or the pool ends. Until then it is not counted. */
void workers_put_later(workers *w, task *t, int64_t due_ns);
/* Takes a task out that waits, also for later; false: it runs, or has run, or never was in. */
bool workers_drop(workers *w, task *t);
/* Tasks that wait. */
size_t workers_waiting(workers *w);
/* Tasks that have a thread. */
size_t workers_running(workers *w);
/* Tasks that ran. */
uint64_t workers_ended(workers *w);

AL_DEFINE_CLEANUP(workers, workers_free);
