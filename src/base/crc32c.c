/* CRC-32C: the SSE4.2 instruction where the processor has it, else one table look-up a byte.
 * Both are checked against each other and against RFC 3720's vectors in the unit test. */
#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

enum { REFLECTED_POLY = 0x82F63B78 };

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
__attribute__((target("sse4.2"))) static uint32_t crc_by_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t n)
{
    uint64_t wide = crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        wide = __builtin_ia32_crc32di(wide, v);
    }
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
    if (__builtin_cpu_supports("sse4.2"))
        chosen = crc_by_sse42;
#endif
}

uint32_t al_crc32c(uint32_t crc, const void *bytes, size_t n)
{
    (void)pthread_once(&once, choose);
    return n ? ~chosen(~crc, bytes, n) : crc;
}
