#pragma once
/* refs.h: which of m values stands at each of n places (doc/format.md section 1, "reference list").
 * Pure: no I/O, no allocation beyond `out`. */
#include "base/buf.h"

/* `values[i]` are numbers in order of first use: 0 first, then each at most one above all before
 * it. */
void refs_encode(const uint32_t *values, uint32_t n, al_buf *out);
/* Reads n places; each value is < n_values, and all n_values are used. r->bad otherwise. */
void refs_decode(al_rd *r, uint32_t n, uint32_t n_values, uint32_t *ret);
