#pragma once
/* mirror.h: one node of a shard, and the thread that brings it what the journal has
 * (doc/decisions/015). It goes through the journal in order of arrival from the place where it was,
 * sends the rows of its shard, and writes its place down now and then: rows that are sent again are
 * there once (insert.h). */
#include "base/io.h"
#include "query/engine.h"
#include "sphinx/charset.h"
#include "sphinx/shards.h"

typedef struct mirror mirror;

typedef struct mirror_options {
    engine *journal;      /* outlives it, as all that is pointed to */
    const char *node;     /* "host:port" */
    uint32_t shard;       /* its number */
    const shards *shards; /* of all days */
    const charset *words; /* of the tables */
    const al_io *io;
    int dir; /* of the file with its place, "mirror-host-port" */
    /* Names of the indexes that it gets, in the arena. Its thread. */
    al_code (*indexes)(void *ctx, al_arena *arena, const char ***ret, size_t *ret_n, al_err *err);
    /* Its place went on, or it came or went. Its thread; must not block. May be NULL. */
    void (*changed)(void *ctx);
    /* A record that the node refuses, for good; with the reason. Its thread. May be NULL. */
    void (*refused)(void *ctx, const char *node, const char *why);
    void *ctx;
} mirror_options;

typedef struct mirror_state {
    bool is_up;        /* it takes rows */
    eng_arrival place; /* it has all of its rows up to here */
    uint64_t n_rows;   /* sent since the start */
    uint64_t n_refused;
    uint64_t n_gaps; /* the journal did not reach back to its place: what was between is missing */
    char why[240];   /* of what it waits for; empty: it is up */
} mirror_state;

/* AL_CORRUPT: the file with its place; AL_IO, AL_NOMEM. */
AL_CHECK al_code mirror_start(const mirror_options *o, mirror **ret, al_err *err);
/* Ends its thread, which first writes its place down. */
mirror *mirror_stop(mirror *m);
/* The journal has more. Any thread; does not block. */
void mirror_wake(mirror *m);
/* Any thread. */
void mirror_look(mirror *m, mirror_state *ret);

AL_DEFINE_CLEANUP(mirror, mirror_stop);
