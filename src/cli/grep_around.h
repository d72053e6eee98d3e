#pragma once
/* grep_around.h: grep's -A -B -C: rows around hits, in one index. */
#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"

enum { AROUND_MAX = 900 }; /* rows on each side */

typedef struct around_job {
    client *client;
    al_slice index;
    uint64_t before, after; /* <= AROUND_MAX */
    uint64_t max;           /* hits; 0: all */
    /* Asks /search with these further parameters. */
    al_code (*ask)(void *ctx, const char *more, al_buf *ret_body, al_err *err);
    /* Sees each answer. False: it is not one of alco's. */
    bool (*check)(void *ctx, al_slice body);
    void (*print)(void *ctx, al_slice hit, bool is_hit);
    void (*gap)(void *ctx); /* rows were left out, or this is the index' first group */
    void *ctx;
} around_job;

/* Prints, oldest first, each row once. *ret_n: hits. */
AL_CHECK al_code grep_around(const around_job *job, uint64_t *ret_n, al_err *err);
