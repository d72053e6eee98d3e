#pragma once
/* load.h: a run of the store with everything in it that writes: appends with marks, merges, an
 * index that is dropped, a restart, retention. It notes what the store promised and when; the check
 * holds a directory against those promises. For tests that break I/O (tests/fault) and for those
 * that cut the power (tests/crash). One thread. */
#include <stdbool.h>

#include "base/io.h"
#include "query/engine.h"

enum { LOAD_BATCHES_MAX = 256 };

typedef enum load_index { LOAD_KEPT, LOAD_DROPPED, LOAD_SHORT, LOAD_INDEXES } load_index;

typedef struct load_batch {
    load_index index;
    uint32_t n_rows;
    bool has_marks;
    al_code code;    /* what append said in the end */
    size_t sent_at;  /* moments, as load_moment_fn counts them */
    size_t acked_at; /* SIZE_MAX: never */
} load_batch;

/* The moment of a promise: how many calls the I/O table had then. */
typedef size_t load_moment_fn(void *ctx);

typedef struct load {
    uint64_t seed;
    const al_io *io;
    load_moment_fn *moment;
    void *moment_ctx;
    int64_t clock_ns; /* the store's wall clock; moves on in jumps */
    load_batch batches[LOAD_BATCHES_MAX];
    size_t n_batches;
    size_t drop_begun_at; /* SIZE_MAX: never */
    size_t dropped_at;    /* SIZE_MAX: never, or it failed */
    size_t n_failed;      /* calls of the engine that did not succeed */
} load;

/* Runs on the directory `path`. Failures of the store are noted, not fatal. */
void load_run(load *l, uint64_t seed, const char *path, const al_io *io, load_moment_fn *moment,
              void *ctx);

typedef struct load_check_options {
    size_t moment;   /* promises made up to then count; SIZE_MAX: all */
    const al_io *io; /* for the store that is opened */
    bool goes_on;    /* also append and merge; the directory is then changed */
} load_check_options;

/* Opens what is in `path` now and checks it against the promises: verify finds no damage; every
 * acknowledged record is there once, with its content; what was not acknowledged is there as a
 * whole batch or not at all, its marks with it; nothing is there that was not sent; what was
 * dropped stays so. False with a sentence in `why`. */
bool load_check(const load *l, const char *path, const load_check_options *o, char *why,
                size_t cap);

/* Appends once, without trying again, and waits for the answer. */
al_code load_append(engine *e, const char *index, rec_batch *batch, al_slice marks, al_err *err);
