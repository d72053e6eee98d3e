/* Bit packing.
 *
 * Eight values take `width` whole bytes, so values are taken eight at a time by a loop in which the
 * compiler knows the width (one copy for each, UNPACK below): shifts and masks are constants.
 * Whole words are read where 8 bytes are left; the last values go byte by byte, so that nothing
 * behind the packed bytes is touched. */
#include "store/codec/bits.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/checked.h"

size_t bits_bytes(size_t n, unsigned width)
{
    return n / 8 * width + (n % 8 * width + 7) / 8;
}

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* ---- Packing */

typedef struct packing {
    uint8_t *to;
    unsigned __int128 word;
    unsigned used;
} packing;

static inline void put(packing *k, uint64_t v, unsigned width)
{
    k->word |= (unsigned __int128)v << k->used;
    k->used += width;
    if (k->used < 64)
        return;
    uint64_t low = htole64((uint64_t)k->word);
    memcpy(k->to, &low, sizeof low);
    k->to += sizeof low;
    k->word >>= 64;
    k->used -= 64;
}

static void put_rest(packing *k)
{
    uint64_t low = htole64((uint64_t)k->word);
    if (k->used)
        memcpy(k->to, &low, (k->used + 7) / 8);
}

void bits_pack(const uint64_t *v, size_t n, unsigned width, al_buf *out)
{
    assert(width <= 64);
    size_t bytes = bits_bytes(n, width);
    packing k = {.to = bytes ? al_buf_extend(out, bytes) : NULL};
    if (!k.to)
        return;
    for (size_t i = 0; i < n; i++) {
        assert((v[i] & ~mask_of(width)) == 0);
        put(&k, v[i], width);
    }
    put_rest(&k);
}

void bits_pack32(const uint32_t *v, size_t n, unsigned width, al_buf *out)
{
    assert(width <= 32);
    packing k = {.to = al_buf_extend(out, bits_bytes(n, width))};
    if (!k.to || width == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        assert((v[i] & ~mask_of(width)) == 0);
        put(&k, v[i], width);
    }
    put_rest(&k);
}

/* ---- Unpacking */

uint64_t bits_get(const uint8_t *p, unsigned width, size_t i)
{
    assert(width <= 64);
    if (width == 0)
        return 0;
    const uint8_t *from = p + i / 8 * width + i % 8 * width / 8;
    unsigned shift = (unsigned)(i % 8 * width % 8);
    unsigned n_bytes = (shift + width + 7) / 8;
    unsigned __int128 word = 0;
    for (unsigned b = 0; b < n_bytes; b++)
        word |= (unsigned __int128)from[b] << (8 * b);
    return (uint64_t)(word >> shift) & mask_of(width);
}

/* How many of n values can be taken by whole groups of eight of which each value may be read with
 * a word that begins at its first byte. */
static size_t whole_groups(size_t n, unsigned width)
{
    size_t bytes = bits_bytes(n, width);
    if (width == 0 || bytes < 8)
        return 0;
    return AL_MIN(n / 8, (bytes - 8) / width) * 8;
}

#define UNPACK_LOOP(WIDTH, TYPE)                                                                   \
    case WIDTH:                                                                                    \
        for (; i < whole; i += 8, p += (WIDTH)) /* NOLINT(bugprone-macro-parentheses) */           \
            for (unsigned k = 0; k < 8; k++)                                                       \
                ret[i + k] = (TYPE)(load64(p + k * (WIDTH) / 8) >> (k * (WIDTH) % 8) &             \
                                    ((UINT64_C(1) << (WIDTH)) - 1));                               \
        break;
/* NOLINTBEGIN(bugprone-macro-parentheses): labels and types */
#define UNPACK_4(W, T)                                                                             \
    UNPACK_LOOP(W, T) UNPACK_LOOP(W + 1, T) UNPACK_LOOP(W + 2, T) UNPACK_LOOP(W + 3, T)
#define UNPACK_32(T)                                                                               \
    UNPACK_4(1, T)                                                                                 \
    UNPACK_4(5, T)                                                                                 \
    UNPACK_4(9, T) UNPACK_4(13, T) UNPACK_4(17, T) UNPACK_4(21, T) UNPACK_4(25, T) UNPACK_4(29, T)
/* NOLINTEND(bugprone-macro-parentheses) */

void bits_unpack32(const uint8_t *p, size_t n, unsigned width, uint32_t *ret)
{
    assert(width <= 32);
    const uint8_t *all = p;
    size_t whole = whole_groups(n, width);
    size_t i = 0;
    switch (width) {
    case 0:
        memset(ret, 0, n * sizeof *ret);
        return;
        UNPACK_32(uint32_t)
    default:
        break;
    }
    for (; i < n; i++)
        ret[i] = (uint32_t)bits_get(all, width, i);
}

void bits_unpack(const uint8_t *p, size_t n, unsigned width, uint64_t *ret)
{
    assert(width <= 64);
    const uint8_t *all = p;
    size_t whole = whole_groups(n, width);
    size_t i = 0;
    switch (width) {
    case 0:
        memset(ret, 0, n * sizeof *ret);
        return;
        UNPACK_32(uint64_t)
    default:
        /* 7 bits of shift at most: a word holds a value of up to 57 bits. */
        for (; width <= 57 && i < whole; i++)
            ret[i] = load64(all + i * width / 8) >> (i * width % 8) & mask_of(width);
        break;
    }
    for (; i < n; i++)
        ret[i] = bits_get(all, width, i);
}

/* ---- Bytes */

uint64_t bits_of_bytes(const uint8_t is[64])
{
    uint64_t bits = 0;
    for (size_t i = 0; i < 8; i++)
        bits |= (load64(is + 8 * i) * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
    return bits;
}
