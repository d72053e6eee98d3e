/* Bit packing. Whole words where 8 bytes may be read, byte by byte at the end, so that nothing
 * behind the packed bytes is touched. */
#include "store/codec/bits.h"

#include <assert.h>
#include <string.h>

void bits_pack(const uint64_t *v, size_t n, unsigned width, al_buf *out)
{
    assert(width <= 64);
    size_t bytes = bits_bytes(n, width);
    uint8_t *to = al_buf_extend(out, bytes);
    if (!to)
        return; /* the error sticks in out */
    unsigned __int128 word = 0;
    unsigned used = 0;
    for (size_t i = 0; i < n; i++) {
        assert(width == 64 || v[i] >> width == 0);
        word |= (unsigned __int128)v[i] << used;
        used += width;
        if (used >= 64) {
            uint64_t low = (uint64_t)word;
            memcpy(to, &low, 8);
            to += 8;
            word >>= 64;
            used -= 64;
        }
    }
    uint64_t low = (uint64_t)word;
    if (used)
        memcpy(to, &low, (used + 7) / 8);
}

static uint64_t mask_of(unsigned width)
{
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

uint64_t bits_get(const uint8_t *p, unsigned width, size_t i)
{
    if (width == 0)
        return 0;
    size_t bit = i * width;
    unsigned shift = bit & 7;
    unsigned bytes = (shift + width + 7) / 8;
    unsigned __int128 word = 0;
    const uint8_t *from = p + bit / 8;
    for (unsigned b = 0; b < bytes; b++)
        word |= (unsigned __int128)from[b] << (8 * b);
    return (uint64_t)(word >> shift) & mask_of(width);
}

void bits_unpack(const uint8_t *p, size_t n, unsigned width, uint64_t *ret)
{
    size_t bytes = bits_bytes(n, width);
    uint64_t mask = mask_of(width);
    size_t i = 0;
    if (width == 0) {
        memset(ret, 0, n * sizeof *ret);
        return;
    }
    if (width <= 56)
        for (; i < n && i * width / 8 + 8 <= bytes; i++) {
            uint64_t word;
            memcpy(&word, p + i * width / 8, 8);
            ret[i] = word >> (i * width & 7) & mask;
        }
    for (; i < n; i++)
        ret[i] = bits_get(p, width, i);
}
