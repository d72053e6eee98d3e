/* CRC-32C: the SSE4.2 instruction where the processor has it, else one table look-up a byte.
 * Both are checked against each other and against RFC 3720's vectors in the unit test.
 * The instruction takes three cycles, but one can begin in each: three lanes of the input go side
 * by side, and are put together as the checksum of a text is: that of its beginning, moved on over
 * as many zero bytes as follow, xor that of the rest. Moving on is linear: a table for each byte.
 */
#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

enum {
    REFLECTED_POLY = 0x82F63B78,
    LANE = 1024, /* bytes; a multiple of 8 */
};

typedef uint32_t crc_fn(uint32_t crc, const uint8_t *p, size_t n);

static uint32_t table[256];
static crc_fn *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        crc = table[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
    return crc;
}

#ifdef __x86_64__
#define SSE42 __attribute__((target("sse4.2")))

static uint32_t moved[4][256]; /* over LANE zero bytes: what byte i of the checksum becomes */

SSE42 static uint32_t move_slowly(uint32_t crc)
{
    uint64_t wide = crc;
    for (int i = 0; i < LANE / 8; i++)
        wide = __builtin_ia32_crc32di(wide, 0);
    return (uint32_t)wide;
}

static void fill_moved(void)
{
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned bit = 1; bit < 256; bit *= 2)
            moved[i][bit] = move_slowly((uint32_t)bit << (8 * i));
        for (unsigned v = 1; v < 256; v++)
            moved[i][v] = moved[i][v & (v - 1)] ^ moved[i][v & -v];
    }
}

static uint32_t move(uint32_t crc)
{
    return moved[0][crc & 0xff] ^ moved[1][crc >> 8 & 0xff] ^ moved[2][crc >> 16 & 0xff] ^
           moved[3][crc >> 24];
}

static uint64_t word_at(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

SSE42 static uint32_t three_lanes(uint32_t crc, const uint8_t *p)
{
    uint64_t a = crc;
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < LANE; i += 8) {
        a = __builtin_ia32_crc32di(a, word_at(p + i));
        b = __builtin_ia32_crc32di(b, word_at(p + LANE + i));
        c = __builtin_ia32_crc32di(c, word_at(p + (size_t)2 * LANE + i));
    }
    return move(move((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
}

SSE42 static uint32_t crc_by_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
    const size_t lanes = (size_t)3 * LANE;
    for (; n >= lanes; n -= lanes, p += lanes)
        crc = three_lanes(crc, p);
    uint64_t wide = crc;
    for (; n >= 8; n -= 8, p += 8)
        wide = __builtin_ia32_crc32di(wide, word_at(p));
    crc = (uint32_t)wide;
    for (; n; n--, p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

static void choose(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int bit = 0; bit < 8; bit++)
            v = (v >> 1) ^ ((v & 1) ? (uint32_t)REFLECTED_POLY : 0);
        table[i] = v;
    }
    chosen = crc_by_table;
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) {
        fill_moved();
        chosen = crc_by_sse42;
    }
#endif
}

uint32_t al_crc32c(uint32_t crc, const void *bytes, size_t n)
{
    (void)pthread_once(&once, choose);
    return n ? ~chosen(~crc, bytes, n) : crc;
}
