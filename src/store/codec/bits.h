#pragma once
/* bits.h: numbers of `width` bits (0..64) one behind the other, value i at bit i * width,
 * little-endian, padded to whole bytes with zeros (doc/format.md section 1, "bit-packed"). Pure: no
 * I/O, no allocation beyond `out`. Readers touch bits_bytes(n, width) bytes and no more. Values
 * from 8k on begin at byte k * width: a run of rows is read with p + first / 8 * width. */
#include "base/buf.h"

/* How many bits v needs; 0 for 0. */
static inline unsigned bits_width(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* Bytes that n values take. n is below 2^58. */
size_t bits_bytes(size_t n, unsigned width);

/* Appends n values, each below 2^width. An error sticks in `out`. */
void bits_pack(const uint64_t *v, size_t n, unsigned width, al_buf *out);
void bits_unpack(const uint8_t *p, size_t n, unsigned width, uint64_t *ret);
/* Value i alone; reads only the bytes that it stands in. */
uint64_t bits_get(const uint8_t *p, unsigned width, size_t i);

/* The same for 32-bit numbers, width 0..32. */
void bits_pack32(const uint32_t *v, size_t n, unsigned width, al_buf *out);
void bits_unpack32(const uint8_t *p, size_t n, unsigned width, uint32_t *ret);

/* Bit i is set where is[i] is 1, else it is 0: eight bytes by one multiplication. */
uint64_t bits_of_bytes(const uint8_t is[64]);
