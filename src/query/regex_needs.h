#pragma once
/* regex_needs.h: a text that every match of a pattern holds, found without compiling it. Pure. */
#include "base/slice.h"

enum { REGEX_NEEDS_BYTES_MAX = 256 };

/* Writes the longest text that stands in everything the pattern matches (without case, if the
 * pattern ignores it) to `out`; returns its length, 0 when none is seen. May overlook one, never
 * invents one. Only the syntax of PCRE2 without extended mode is understood; whatever else is met
 * ends the search with 0. */
size_t regex_needs(al_slice pattern, bool ignores_case, uint8_t out[REGEX_NEEDS_BYTES_MAX]);
