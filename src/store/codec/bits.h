#pragma once
/* bits.h: numbers of `width` bits (0..64) one behind the other, value i at bit i * width,
 * little-endian, padded to whole bytes with zeros (doc/format.md section 1, "bit-packed"). Pure: no
 * I/O, no allocation beyond `out`. */
#include "base/buf.h"

/* How many bits v needs; 0 for 0. */
static inline unsigned bits_width(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* Bytes that n values take: all that a reader touches. */
static inline size_t bits_bytes(size_t n, unsigned width)
{
    return (n * width + 7) / 8;
}

/* Appends n values, each below 2^width. */
void bits_pack(const uint64_t *v, size_t n, unsigned width, al_buf *out);
/* Reads bits_bytes(n, width) bytes. */
void bits_unpack(const uint8_t *p, size_t n, unsigned width, uint64_t *ret);
/* Value i alone; reads only the bytes that it stands in. */
uint64_t bits_get(const uint8_t *p, unsigned width, size_t i);
