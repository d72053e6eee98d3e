#pragma once
/* utf8.h: well-formed or not, byte by byte (Unicode 15, table 3-7). Writing: al_char_put of
 * base/fold.h. Any thread. */
#include <stdbool.h>

#include "base/slice.h"

/* The sequence at p (left > 0): its length, 1..4, with *ret_ok true; or with *ret_ok false the
 * length of the ill-formed piece that one U+FFFD stands for (maximal subpart, 1..3). */
size_t utf8_step(const uint8_t *p, size_t left, bool *ret_ok);
bool utf8_is_valid(al_slice s);
/* The largest n <= max, n <= s.len, that does not split a character. */
size_t utf8_cut(al_slice s, size_t max);
