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

enum {
    GRAMS_WINDOW = 3,
    GRAMS_DIGITS = 8, /* of a gram that is a number */
    GRAMS_EDGE = 8,   /* letters of an edge */
    GRAMS_LETTERS = 5,
};

/* False ends the call. */
typedef bool grams_fn(void *ctx, uint64_t key);

/* Keys of everything that is in `text`, some of them twice. Characters that are an ASCII letter
 * without case (the Kelvin sign, the long s) count as that. False: `fn` said so. */
bool grams_each(al_slice text, grams_fn *fn, void *ctx);
/* Keys of numbers: every GRAMS_DIGITS digits in a row, at each place. */
bool grams_of_digits(al_slice text, grams_fn *fn, void *ctx);
/* Keys of the ASCII letters, without case, that a text begins and ends with: the first (last) 1 to
 * GRAMS_EDGE of them. */
bool grams_of_edges(al_slice text, grams_fn *fn, void *ctx);
/* The key of the first (`ends`: last) letters of `word`, GRAMS_EDGE at most: what begins (ends)
 * with the word has it. False: it has none there. */
bool grams_edge_key(al_slice word, bool ends, uint64_t *ret);
/* Keys of every GRAMS_LETTERS ASCII letters in a row, without case: fewer than other grams, and
 * short words have them. */
bool grams_of_letters(al_slice text, grams_fn *fn, void *ctx);
