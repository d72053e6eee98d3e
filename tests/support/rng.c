/* splitmix64 (Steele, Lea, Flood 2014): one word of state, every seed is a good one. */
#include "support/rng.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/slice.h"

rng rng_of(uint64_t seed)
{
    return (rng){.state = seed};
}

uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t rng_below(rng *r, uint64_t n)
{
    assert(n > 0);
    return rng_next(r) % n; /* the bias is below 2^-40 for every n that tests use */
}

int64_t rng_between(rng *r, int64_t lo, int64_t hi)
{
    assert(lo <= hi);
    uint64_t span = (uint64_t)hi - (uint64_t)lo;
    if (span == UINT64_MAX)
        return (int64_t)rng_next(r);
    return (int64_t)((uint64_t)lo + rng_below(r, span + 1));
}

bool rng_chance(rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

rng rng_fork(uint64_t seed, uint64_t n)
{
    rng r = rng_of(seed ^ (n * UINT64_C(0xd1342543de82ef95)));
    (void)rng_next(&r);
    return rng_of(rng_next(&r));
}

uint64_t rng_env(const char *name, uint64_t fallback)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): before threads are started */
    uint64_t v = fallback;
    if (text && !al_parse_u64(al_cstr(text), &v)) {
        (void)fprintf(stderr, "%s='%s' is not a number\n", name, text);
        exit(2); /* NOLINT(concurrency-mt-unsafe): before threads are started */
    }
    return v;
}
