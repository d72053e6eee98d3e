#pragma once
/* buf.h: a growing byte buffer with a ceiling. Errors stick: appends return nothing, the first one
 * that does not fit (AL_LIMIT) or finds no memory (AL_NOMEM) leaves the content unchanged and makes
 * every later append do nothing; whoever uses the content checks al_buf_code once at the end.
 * One thread at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct al_buf {
    uint8_t *ptr;
    size_t len; /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* ceiling of len */
    al_code code;
} al_buf;

/* `max`: the ceiling in bytes. Allocates nothing yet. al_buf_done frees. */
void al_buf_init(al_buf *b, size_t max);
void al_buf_done(al_buf *b);
/* Empty again and without error; keeps the memory. */
void al_buf_clear(al_buf *b);
/* As al_buf_clear, but keeps at most `kept` bytes: what one huge row blew up is not held for
 * ordinary ones. */
void al_buf_reuse(al_buf *b, size_t kept);
/* What is to be appended cannot be made: this error sticks, unless one did before or it is AL_OK.
 */
void al_buf_fail(al_buf *b, al_code code);
/* AL_OK or the error that stuck. */
AL_CHECK al_code al_buf_code(const al_buf *b);
/* The content; valid until the next append. */
al_slice al_buf_slice(const al_buf *b);
/* Room for n more bytes: returns where they go (uninitialised, already counted in len) or NULL. */
uint8_t *al_buf_extend(al_buf *b, size_t n);
/* Makes n more bytes fit without counting them; false when the error stuck. */
bool al_buf_reserve(al_buf *b, size_t n);

void al_buf_put(al_buf *b, const void *bytes, size_t n);
void al_buf_slice_put(al_buf *b, al_slice s);
void al_buf_str(al_buf *b, const char *s);
void al_buf_u8(al_buf *b, uint8_t v);
void al_buf_u16(al_buf *b, uint16_t v); /* little-endian, as all of them */
void al_buf_u32(al_buf *b, uint32_t v);
void al_buf_u64(al_buf *b, uint64_t v);
/* LEB128: seven bits a byte, least significant first; 1 to 10 bytes. */
void al_buf_varint(al_buf *b, uint64_t v);

/* Signed numbers as varints: 0, -1, 1, -2 become 0, 1, 2, 3 (as in Protocol Buffers). */
static inline uint64_t al_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t al_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

void al_buf_printf(al_buf *b, const char *fmt, ...) AL_PRINTF(2, 3);

/* ---- Reading bytes from disk or network: an over-read makes `bad` true for good and yields zeros.
 * One statement per field: the order of evaluation inside an argument list is not specified. */
typedef struct al_rd {
    const uint8_t *p;
    size_t left; /* bytes */
    bool bad;
} al_rd;

al_rd al_rd_of(al_slice s);
/* Once bad, and behind the end: 0. */
static inline uint8_t al_rd_u8(al_rd *r)
{
    if (r->bad || r->left == 0) {
        r->bad = true;
        return 0;
    }
    r->left--;
    return *r->p++;
}
uint16_t al_rd_u16(al_rd *r);
uint32_t al_rd_u32(al_rd *r);
uint64_t al_rd_u64(al_rd *r);
uint64_t al_rd_long_varint(al_rd *r); /* of al_rd_varint */
/* Bad also when the number does not fit 64 bits. */
static inline uint64_t al_rd_varint(al_rd *r)
{
    if (!r->bad && r->left && *r->p < 0x80) { /* most are short */
        r->left--;
        return *r->p++;
    }
    return al_rd_long_varint(r);
}
/* The next n bytes, borrowed from what al_rd_of was given; empty when bad. */
al_slice al_rd_bytes(al_rd *r, uint64_t n);
