#pragma once
/* rng.h: random numbers that a seed repeats on every machine (splitmix64). One thread at a time. */
#include <stdbool.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

rng rng_of(uint64_t seed);
uint64_t rng_next(rng *r);
/* 0 .. n - 1; n > 0. */
uint64_t rng_below(rng *r, uint64_t n);
/* lo .. hi, both included. */
int64_t rng_between(rng *r, int64_t lo, int64_t hi);
/* True `percent` times in a hundred. */
bool rng_chance(rng *r, unsigned percent);
/* A generator of its own for part `n` of a test, so that one part can be repeated alone. */
rng rng_fork(uint64_t seed, uint64_t n);

/* The seed of a run: the environment variable `name` when it is set, else `fallback`. Also for
 * counts (how many queries, how many cuts). */
uint64_t rng_env(const char *name, uint64_t fallback);
