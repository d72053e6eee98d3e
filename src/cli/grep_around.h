#pragma once
/* grep_around.h: grep's -A -B -C: rows around hits, in one index. */
#include <stdbool.h>
#include <stdint.h>

#include "cli/grep_source.h"

enum { AROUND_MAX = 900 }; /* rows on each side */

typedef struct around_job {
    grep_source *source;                                 /* with its index */
    uint64_t before, after;                              /* <= AROUND_MAX */
    uint64_t max;                                        /* hits; 0: all */
    bool (*print)(void *ctx, al_slice hit, bool is_hit); /* false: stop */
    void (*gap)(void *ctx); /* rows were left out, or this is the index' first group */
    void *ctx;
} around_job;

/* Prints, oldest first, each row once. *ret_n: hits. */
AL_CHECK al_code grep_around(const around_job *job, uint64_t *ret_n, al_err *err);
