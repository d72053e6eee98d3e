#pragma once
/* fuse.h: is a key in a set that never changes? Never says no to one that is; says yes to one in
 * 256 others. 9 bits a key and three looks. Binary fuse filter with 8-bit fingerprints: T. M. Graf,
 * D. Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (2022). Pure. */
#include "base/buf.h"
#include "base/err.h"

/* Appends the filter of the keys. Sorts `keys` and drops those that stand twice. AL_NOMEM;
 * AL_LIMIT: more than FUSE_KEYS_MAX, or no arrangement was found, whatever the size (keys are
 * hashes: practically never). */
AL_CHECK al_code fuse_build(uint64_t *keys, size_t n, al_buf *out);

/* Borrows the bytes. */
typedef struct fuse {
    uint64_t seed;
    uint32_t segment_bits;
    uint32_t n_segments; /* where first looks go; two more lie behind */
    al_slice prints;
} fuse;

enum { FUSE_KEYS_MAX = 16 << 20 };

/* Reads what fuse_build wrote, to the end of `bytes`. AL_CORRUPT. */
AL_CHECK al_code fuse_open(al_slice bytes, fuse *ret, al_err *err);
bool fuse_has(const fuse *f, uint64_t key);
