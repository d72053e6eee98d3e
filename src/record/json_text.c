/* Text of JSON tokens: escapes and the canonical form of nested values. See json.h.
 * Everything here reads text that the scanner has accepted, so escapes are whole and strings end;
 * bounds are checked all the same, because the text may come back from disk.
 * Sizes: an escape is never shorter than what it stands for, in either form, so compacting and
 * decoding fit into the length of their source. */
#include <string.h>

#include "base/fold.h"
#include "record/json.h"

static uint32_t hex4(const uint8_t *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = p[i];
        v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) % 16;
    }
    return v;
}

static bool is_high_surrogate(uint32_t c)
{
    return c >= 0xd800 && c < 0xdc00;
}

static bool is_low_surrogate(uint32_t c)
{
    return c >= 0xdc00 && c < 0xe000;
}

/* The code point of the escape at p (a backslash), a pair of surrogates joined; returns what is
 * behind it. */
static const uint8_t *take_escape(const uint8_t *p, const uint8_t *end, uint32_t *ret,
                                  bool *ret_is_lone)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    if (end - p < 2) {
        *ret = '\\';
        return end;
    }
    if (p[1] != 'u' || end - p < 6) {
        const char *at = p[1] ? strchr(letters, p[1]) : NULL;
        *ret = at ? (uint32_t)meanings[at - letters] : p[1];
        return p + 2;
    }
    *ret = hex4(p + 2);
    p += 6;
    if (is_high_surrogate(*ret) && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2);
        if (is_low_surrogate(low)) {
            *ret = 0x10000 + ((*ret - 0xd800) << 10) + (low - 0xdc00);
            return p + 6;
        }
    }
    if (is_high_surrogate(*ret) || is_low_surrogate(*ret))
        *ret_is_lone = true;
    return p;
}

size_t json_unescape(al_slice raw, uint8_t *out, bool *ret_is_lone)
{
    if (raw.len == 0)
        return 0;
    const uint8_t *p = raw.ptr;
    const uint8_t *end = p + raw.len;
    uint8_t *to = out;
    while (p < end) {
        const uint8_t *slash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((slash ? slash : end) - p);
        memcpy(to, p, run);
        to += run;
        p += run;
        while (p < end && *p == '\\') {
            uint32_t code_point = 0;
            p = take_escape(p, end, &code_point, ret_is_lone);
            to += al_char_put(code_point, to);
        }
    }
    return (size_t)(to - out);
}

size_t json_escape(uint8_t *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char specials[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *at = c ? strchr(specials, c) : NULL;
    out[0] = '\\';
    if (at) {
        out[1] = (uint8_t)letters[at - specials];
        return 2;
    }
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = (uint8_t)hex[c >> 4 & 15];
    out[5] = (uint8_t)hex[c & 15];
    return 6;
}

static bool needs_escape(uint32_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* The string at p (its opening quote), with the fewest escapes; returns what is behind it. */
static const uint8_t *compact_string(const uint8_t *p, const uint8_t *end, uint8_t **to,
                                     bool *ret_is_lone)
{
    uint8_t *out = *to;
    *out++ = *p++;
    while (p < end && *p != '"') {
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        uint32_t code_point = 0;
        p = take_escape(p, end, &code_point, ret_is_lone);
        out += needs_escape(code_point) ? json_escape(out, (uint8_t)code_point)
                                        : al_char_put(code_point, out);
    }
    if (p < end)
        *out++ = *p++;
    *to = out;
    return p;
}

size_t json_compact(al_slice raw, uint8_t *out, bool *ret_is_lone)
{
    const uint8_t *p = raw.ptr;
    const uint8_t *end = p + raw.len;
    uint8_t *to = out;
    while (p < end) {
        if (*p == '"')
            p = compact_string(p, end, &to, ret_is_lone);
        else if (*p <= ' ')
            p++;
        else
            *to++ = *p++;
    }
    return (size_t)(to - out);
}

/* The byte behind the string at p, its opening quote. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p + 1 : end;
}

static uint8_t *put_quoted(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
    *to++ = '"';
    for (; from < end; from++) {
        if (*from == '"' || *from == '\\')
            *to++ = '\\';
        *to++ = *from; /* canonical text holds no raw control characters */
    }
    *to++ = '"';
    return to;
}

size_t json_flatten_deep(al_slice canonical, uint8_t *out)
{
    const uint8_t *p = canonical.ptr;
    const uint8_t *end = p + canonical.len;
    const uint8_t *deep = NULL; /* where the value below the last level began */
    size_t depth = 0;
    uint8_t *to = out;
    while (p < end) {
        const uint8_t *from = p;
        p = *p == '"' ? string_end(p, end) : p + 1;
        bool is_open = *from == '[' || *from == '{';
        bool is_close = *from == ']' || *from == '}';
        if (is_open && ++depth == REC_DEPTH_MAX + 1)
            deep = from;
        if (!deep) {
            memcpy(to, from, (size_t)(p - from));
            to += p - from;
        }
        if (is_close && depth-- == REC_DEPTH_MAX + 1) {
            to = put_quoted(to, deep, p);
            deep = NULL;
        }
    }
    return (size_t)(to - out);
}

size_t json_quote(al_slice text, uint8_t *out)
{
    uint8_t *to = out;
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (needs_escape(text.ptr[i]))
            to += json_escape(to, text.ptr[i]);
        else
            *to++ = text.ptr[i];
    }
    *to++ = '"';
    return (size_t)(to - out);
}
