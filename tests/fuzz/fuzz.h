#pragma once
/* fuzz.h: what every fuzz target shares. A target defines LLVMFuzzerTestOneInput once and says at
 * its top which properties it checks. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert, and its condition may do work. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "not so: %s (%s:%d)\n", #condition, __FILE__, __LINE__);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy on the heap without a byte to spare, so that asan sees one byte too many; free it. */
static inline uint8_t *fuzz_copy(al_slice s)
{
    uint8_t *copy = malloc(s.len ? s.len : 1);
    CHECK(copy);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

/* Little-endian, to repair lengths and checksums in place. */
static inline void fuzz_put_u32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}
