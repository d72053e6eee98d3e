#pragma once
/* lex_help.h: lexicons in memory, and rows that look like logs, for the tests of lexicon, split and
 * message columns. */
#include "unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "store/lex/lex_builder.h"
#include "store/lex/lexicon.h"
#include "support/rng.h"

static inline al_code lex_read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

/* `bytes` must outlive it. */
static inline al_code lex_open_slice(al_slice *bytes, lexicon **ret, al_err *err)
{
    lex_source source = {.read = lex_read_slice, .ctx = bytes, .bytes = bytes->len};
    return lexicon_open(&source, ret, err);
}

/* One line of a log with all kinds of variables, and now and then none that a log would have. */
static inline size_t lex_message(rng *r, char *to, size_t max)
{
    unsigned a = (unsigned)rng_below(r, 100000);
    unsigned b = (unsigned)rng_below(r, 300);
    int n = 0;
    switch (rng_below(r, 9)) {
    case 0:
        n = snprintf(to, max, "GET /v2/%08x%08x/servers status: %u len: %u time: %u.%07u", a * 77,
                     b * 991, b, a, b % 3, a);
        break;
    case 1:
        n = snprintf(to, max, "[instance: %08x-4a3a-4b51-a21e-%012x] Took 1.%02u seconds", a, b, b);
        break;
    case 2:
        n = snprintf(to, max, "Failed password for user%u from 10.0.%u.%u port %u ssh2", b, b % 256,
                     b % 7, a);
        break;
    case 3:
        n = snprintf(to, max, "block blk_-%u%015u of size 67108864 at 00%03u", b + 1, a, b);
        break;
    case 4:
        n = snprintf(to, max, "worker done");
        break;
    case 5:
        n = snprintf(to, max, "%u", a);
        break;
    case 6:
        n = snprintf(to, max, "caf\xc3\xa9%u 1.2.3 %u.%u.%u.%u.%u 0.%u .5 5. 007", b, b, b, b, b, b,
                     a);
        break;
    case 7:
        for (n = 0; n < (int)(b % 60); n++)
            to[n] = (char)rng_below(r, 256);
        break;
    default:
        break;
    }
    return (size_t)n;
}
