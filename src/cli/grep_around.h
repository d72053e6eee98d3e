#pragma once
/* grep_around.h: grep's -A -B -C: rows around hits, in one index. */
#include <stdbool.h>
#include <stdint.h>

#include "cli/grep_source.h"

#define AROUND_MAX ((uint64_t)1 << 40) /* rows on each side: more than there are */

typedef struct around_job {
    grep_source *source;                                 /* with its index */
    uint64_t before, after;                              /* <= AROUND_MAX */
    uint64_t max;                                        /* hits; 0: all */
    bool (*print)(void *ctx, al_slice hit, bool is_hit); /* false: stop */
    void (*gap)(void *ctx); /* rows were left out, or this is the index' first group */
    void *ctx;
} around_job;

/* Prints, oldest first, each row once. Holds at most a few times `before` rows. *ret_n: hits.
 * AL_LIMIT: these are longer than memory should be taken for. */
AL_CHECK al_code grep_around(const around_job *job, uint64_t *ret_n, al_err *err);
