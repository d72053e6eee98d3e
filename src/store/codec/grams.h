#pragma once
/* grams.h: keys of a text such that whatever contains a literal has all of the literal's keys: what
 * the filters of a lexicon (its sieve) are asked. A word here is a run of ASCII letters and digits,
 * without case. Its grams are the 6 bytes at each place, or 8 where those 6 are all digits (5
 * digits stand everywhere); of each GRAMS_WINDOW grams in a row the one with the least hash is a
 * key (winnowing: S. Schleimer, D. S. Wilkerson, A. Aiken, "Winnowing: Local Algorithms for
 * Document Fingerprinting", 2003). A literal with a run of 10 bytes has a key, and one of 8 with a
 * letter among its first and its last 6. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { GRAMS_WINDOW = 3 };

/* False ends the call. */
typedef bool grams_fn(void *ctx, uint64_t key);

/* Keys of everything that is in `text`, some of them twice. Characters that are an ASCII letter
 * without case (the Kelvin sign, the long s) count as that. False: `fn` said so. */
bool grams_each(al_slice text, grams_fn *fn, void *ctx);
