/* Tokens: the fields in order, little-endian, then a checksum, all in base64url without padding.
 * The checksum tells a truncated or mistyped token from a good one; it is no secret: whoever forges
 * a token reads what a query could read as well. */
#include "server/cursor.h"

#include <string.h>

#include "base/crc32c.h"

enum { CURSOR_VERSION = 2, CURSOR_BYTES_MAX = 128, FLAG_PREV = 1, FLAG_DESCENDING = 2 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_base64(al_buf *out, al_slice s)
{
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = (v << 8) | (k < n ? s.ptr[i + k] : 0);
        for (size_t k = 0; k <= n; k++)
            al_buf_u8(out, (uint8_t)digits[(v >> (18 - 6 * k)) & 63]);
    }
}

static bool get_base64(al_slice text, al_buf *out)
{
    uint32_t v = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = memchr(digits, text.ptr[i], sizeof digits - 1);
        if (!at)
            return false;
        v = (v << 6) | (uint32_t)(at - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            al_buf_u8(out, (uint8_t)(v >> bits));
        }
    }
    return (v & ((1U << bits) - 1)) == 0 && text.len % 4 != 1; /* only one spelling is good */
}

void cursor_format(const cursor *c, al_buf *out)
{
    al_buf b;
    al_buf_init(&b, CURSOR_BYTES_MAX);
    al_buf_u8(&b, CURSOR_VERSION);
    al_buf_u8(&b,
              (uint8_t)((c->is_prev ? FLAG_PREV : 0) | (c->is_descending ? FLAG_DESCENDING : 0)));
    al_buf_u64(&b, (uint64_t)c->from_ns);
    al_buf_u64(&b, (uint64_t)c->to_ns);
    al_buf_u64(&b, c->id);
    al_buf_u32(&b, c->scope);
    al_buf_u8(&b, (uint8_t)(c->place + 1));
    al_buf_str(&b, c->index);
    al_buf_u32(&b, al_crc32c(0, b.ptr, b.len));
    put_base64(out, al_buf_slice(&b));
    al_buf_fail(out, al_buf_code(&b));
    al_buf_done(&b);
}

static bool decode(al_slice bytes, cursor *ret)
{
    if (bytes.len < 4)
        return false;
    al_rd sum = al_rd_of(al_slice_sub(bytes, bytes.len - 4, bytes.len));
    bytes.len -= 4;
    if (al_rd_u32(&sum) != al_crc32c(0, bytes.ptr, bytes.len))
        return false;
    al_rd r = al_rd_of(bytes);
    cursor c = {0};
    uint8_t version = al_rd_u8(&r);
    uint8_t flags = al_rd_u8(&r);
    c.is_prev = flags & FLAG_PREV;
    c.is_descending = flags & FLAG_DESCENDING;
    c.from_ns = (int64_t)al_rd_u64(&r);
    c.to_ns = (int64_t)al_rd_u64(&r);
    c.id = al_rd_u64(&r);
    c.scope = al_rd_u32(&r);
    c.place = (int)al_rd_u8(&r) - 1;
    al_slice index = al_rd_bytes(&r, r.left);
    if (r.bad || version != CURSOR_VERSION || c.place > 1 || index.len > CURSOR_INDEX_MAX ||
        c.from_ns < 0 || (index.len && memchr(index.ptr, '\0', index.len)))
        return false;
    if (index.len)
        memcpy(c.index, index.ptr, index.len);
    *ret = c;
    return true;
}

al_code cursor_parse(al_slice token, cursor *ret, al_err *err)
{
    al_buf b;
    al_buf_init(&b, CURSOR_BYTES_MAX);
    bool is_good = token.len <= CURSOR_BYTES_MAX && get_base64(token, &b) &&
                   al_buf_code(&b) == AL_OK && decode(al_buf_slice(&b), ret);
    al_buf_done(&b);
    if (!is_good)
        return al_fail(err, AL_INVALID,
                       "cursor '%.*s': expected a token from next or prev of an earlier answer",
                       AL_ARG(token));
    return AL_OK;
}
