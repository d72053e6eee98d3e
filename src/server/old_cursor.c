/* Old cursors. The ids in them are positions as much as ours are, so none is needed beside. */
#include "server/old_cursor.h"

#include <inttypes.h>
#include <string.h>

enum { TOKEN_BYTES_MAX = 256 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void old_cursor_format(const old_cursor *c, al_buf *out)
{
    char text[80];
    int n = snprintf(text, sizeof text, "%s", c->is_reverse ? "r=1" : "");
    if (c->has_id)
        n += snprintf(text + n, sizeof text - (size_t)n, "%sp=%" PRIu64, n ? "&" : "", c->id);
    for (size_t i = 0; i < (size_t)n; i += 3) {
        size_t left = (size_t)n - i < 3 ? (size_t)n - i : 3;
        uint32_t v = 0;
        for (size_t k = 0; k < 3; k++)
            v = (v << 8) | (k < left ? (uint8_t)text[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            al_buf_u8(out, k <= left ? (uint8_t)digits[(v >> (18 - 6 * k)) & 63] : '=');
    }
}

/* Whole groups of four, padded; `out` has room for three quarters. */
static bool decode(al_slice token, uint8_t *out, size_t *ret_n)
{
    size_t n = 0;
    if (token.len % 4)
        return false;
    for (size_t i = 0; i < token.len; i += 4) {
        uint32_t v = 0;
        size_t n_pads = 0;
        for (size_t k = 0; k < 4; k++) {
            uint8_t c = token.ptr[i + k];
            const char *at = c ? strchr(digits, c) : NULL;
            bool is_pad = c == '=' && k >= 2 && i + 4 == token.len;
            if (!is_pad && (!at || n_pads))
                return false;
            n_pads += is_pad;
            v = (v << 6) | (is_pad ? 0U : (uint32_t)(at - digits));
        }
        for (size_t k = 0; k < 3 - n_pads; k++)
            out[n++] = (uint8_t)(v >> (16 - 8 * k));
    }
    *ret_n = n;
    return true;
}

static bool take_part(al_slice name, al_slice value, old_cursor *c)
{
    uint64_t n = 0;
    if (al_slice_eq(name, AL_LIT("p"))) {
        c->has_id = true;
        return al_parse_u64(value, &c->id);
    }
    if (al_slice_eq(name, AL_LIT("r"))) {
        c->is_reverse = al_parse_u64(value, &n) && n > 0;
        return al_parse_u64(value, &n);
    }
    if (al_slice_eq(name, AL_LIT("o"))) {
        bool is_good = al_parse_u64(value, &n);
        c->offset = n < OLD_CURSOR_OFFSET_MAX ? (uint32_t)n : OLD_CURSOR_OFFSET_MAX;
        return is_good;
    }
    return true;
}

bool old_cursor_parse(al_slice token, old_cursor *ret)
{
    uint8_t bytes[TOKEN_BYTES_MAX];
    size_t n = 0;
    old_cursor c = {0};
    if (token.len > TOKEN_BYTES_MAX || !decode(token, bytes, &n))
        return false;
    al_slice text = {bytes, n};
    for (size_t at = 0; at < n;) {
        size_t end = al_slice_find(text, '&', at);
        al_slice part = al_slice_sub(text, at, end);
        size_t equals = al_slice_find(part, '=', 0);
        at = end + 1;
        if (!take_part(al_slice_sub(part, 0, equals), al_slice_sub(part, equals + 1, part.len), &c))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (bytes[i] >= 0x80)
            return false;
    *ret = c;
    return true;
}
