/* Buffers and readers of bytes. See buf.h for the contract. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

enum { FIRST_BYTES = 256, VARINT_MAX_BYTES = 10 };

void al_buf_init(al_buf *b, size_t max)
{
    *b = (al_buf){.max = max};
}

void al_buf_done(al_buf *b)
{
    free(b->ptr);
    *b = (al_buf){0};
}

void al_buf_clear(al_buf *b)
{
    b->len = 0;
    b->code = AL_OK;
}

void al_buf_reuse(al_buf *b, size_t kept)
{
    if (b->cap > kept) {
        size_t max = b->max;
        al_buf_done(b);
        b->max = max;
    }
    al_buf_clear(b);
}

void al_buf_fail(al_buf *b, al_code code)
{
    if (!b->code)
        b->code = code;
}

al_code al_buf_code(const al_buf *b)
{
    return b->code;
}

al_slice al_buf_slice(const al_buf *b)
{
    return (al_slice){b->ptr, b->len};
}

bool al_buf_reserve(al_buf *b, size_t n)
{
    if (b->code)
        return false;
    size_t need = 0;
    if (!al_add(b->len, n, &need) || need > b->max) {
        b->code = AL_LIMIT;
        return false;
    }
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : FIRST_BYTES;
    while (cap < need)
        if (!al_mul(cap, (size_t)2, &cap))
            cap = need;
    if (cap > b->max)
        cap = b->max;
    uint8_t *moved = al_realloc(b->ptr, cap, 1);
    if (!moved) {
        b->code = AL_NOMEM;
        return false;
    }
    b->ptr = moved;
    b->cap = cap;
    return true;
}

uint8_t *al_buf_extend(al_buf *b, size_t n)
{
    if (!al_buf_reserve(b, n))
        return NULL;
    uint8_t *at = b->ptr ? b->ptr + b->len : NULL;
    b->len += n;
    return at;
}

void al_buf_put(al_buf *b, const void *bytes, size_t n)
{
    if (n == 0 || !al_buf_reserve(b, n))
        return;
    memcpy(b->ptr + b->len, bytes, n);
    b->len += n;
}

void al_buf_slice_put(al_buf *b, al_slice s)
{
    al_buf_put(b, s.ptr, s.len);
}

void al_buf_str(al_buf *b, const char *s)
{
    al_buf_put(b, s, strlen(s));
}

void al_buf_u8(al_buf *b, uint8_t v)
{
    al_buf_put(b, &v, 1);
}

void al_buf_u16(al_buf *b, uint16_t v)
{
    uint8_t out[2] = {(uint8_t)v, (uint8_t)(v >> 8)};
    al_buf_put(b, out, sizeof out);
}

void al_buf_u32(al_buf *b, uint32_t v)
{
    uint8_t out[4];
    for (unsigned i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    al_buf_put(b, out, sizeof out);
}

void al_buf_u64(al_buf *b, uint64_t v)
{
    uint8_t out[8];
    for (unsigned i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    al_buf_put(b, out, sizeof out);
}

void al_buf_varint(al_buf *b, uint64_t v)
{
    uint8_t out[VARINT_MAX_BYTES];
    size_t n = 0;
    while (v >= 0x80) {
        out[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (uint8_t)v;
    al_buf_put(b, out, n);
}

void al_buf_printf(al_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    /* vsnprintf writes a NUL behind the text: reserve it, do not count it. */
    if (al_buf_reserve(b, (size_t)n + 1)) {
        (void)vsnprintf((char *)b->ptr + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

al_rd al_rd_of(al_slice s)
{
    return (al_rd){.p = s.ptr, .left = s.len};
}

al_slice al_rd_bytes(al_rd *r, uint64_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return (al_slice){0};
    }
    al_slice s = {r->p, (size_t)n};
    if (n)
        r->p += n;
    r->left -= (size_t)n;
    return s;
}

static uint64_t little_endian(al_slice s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++)
        v |= (uint64_t)s.ptr[i] << (8 * i);
    return v;
}

uint16_t al_rd_u16(al_rd *r)
{
    return (uint16_t)little_endian(al_rd_bytes(r, 2));
}

uint32_t al_rd_u32(al_rd *r)
{
    return (uint32_t)little_endian(al_rd_bytes(r, 4));
}

uint64_t al_rd_u64(al_rd *r)
{
    return little_endian(al_rd_bytes(r, 8));
}

uint64_t al_rd_long_varint(al_rd *r)
{
    uint64_t v = 0;
    size_t n = r->bad ? 0 : AL_MIN(r->left, (size_t)10);
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = r->p[i];
        if (i == 9 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        r->p += i + 1;
        r->left -= i + 1;
        return v;
    }
    r->bad = true;
    return 0;
}
