/* Writing JSON. See json_out.h for the contract.
 * Log text is mostly clean ASCII: strings are searched 16 bytes at a time for what needs care and
 * the rest is copied in runs. Nested values are canonical text already; they are checked by the
 * scanner and copied, and only those that hold NaN, an infinity or ill-formed bytes are rewritten.
 * What turns out to be no JSON (it can only come from damage) becomes a string. */
#include "record/json_out.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "record/json.h"
#include "record/utf8.h"

static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD */

/* The next byte that is not plain ASCII or needs an escape, or end. */
static const uint8_t *find_unplain(const uint8_t *p, const uint8_t *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        /* signed: control characters and bytes from 0x80 on are less than a space */
        hit = _mm_or_si128(hit, _mm_cmplt_epi8(v, space));
        unsigned at = (unsigned)_mm_movemask_epi8(hit);
        if (at)
            return p + __builtin_ctz(at);
        p += 16;
    }
#endif
    while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* Well-formed characters from p on, up to one that is not or is ASCII; *ret_ok: it ended at ASCII
 * or the end. */
static const uint8_t *skip_wide(const uint8_t *p, const uint8_t *end, bool *ret_ok)
{
    *ret_ok = true;
    while (p < end && *p >= 0x80) {
        size_t n = utf8_step(p, (size_t)(end - p), ret_ok);
        if (!*ret_ok)
            return p;
        p += n;
    }
    return p;
}

/* The inside of a string: `is_escaped` text has its escapes already and only its bytes are mended.
 */
static void put_text(al_buf *out, al_slice text, bool is_escaped)
{
    const uint8_t *p = text.ptr;
    const uint8_t *end = p + text.len;
    const uint8_t *from = p; /* not yet copied */
    while (p < end) {
        bool is_ok = true;
        p = find_unplain(p, end);
        if (p < end && *p >= 0x80)
            p = skip_wide(p, end, &is_ok);
        else if (p < end && is_escaped)
            p++;
        else if (p < end) {
            uint8_t escape[6];
            al_buf_put(out, from, (size_t)(p - from));
            al_buf_put(out, escape, json_escape(escape, *p));
            from = ++p;
        }
        if (!is_ok) {
            al_buf_put(out, from, (size_t)(p - from));
            al_buf_put(out, replacement, sizeof replacement);
            p += utf8_step(p, (size_t)(end - p), &is_ok);
            from = p;
        }
    }
    al_buf_put(out, from, (size_t)(p - from));
}

/* al_buf_u8 without its call, where there is room already. */
static inline void put_byte(al_buf *out, uint8_t c)
{
    if (out->len < out->cap && !out->code)
        out->ptr[out->len++] = c;
    else
        al_buf_u8(out, c);
}

void json_put_string(al_buf *out, al_slice text)
{
    static const uint8_t nothing[1];
    const uint8_t *p = text.ptr ? text.ptr : nothing;
    if (!al_buf_reserve(out, text.len + 2))
        return;
    if (find_unplain(p, p + text.len) == p + text.len) {
        uint8_t *to = out->ptr + out->len;
        to[0] = '"';
        memcpy(to + 1, p, text.len);
        to[text.len + 1] = '"';
        out->len += text.len + 2;
        return;
    }
    put_byte(out, '"');
    put_text(out, text, false);
    put_byte(out, '"');
}

/* Nested JSON that the scanner accepts, with constants quoted and bytes mended. */
static void put_mended(al_buf *out, al_slice text)
{
    const uint8_t *p = text.ptr;
    const uint8_t *end = p + text.len;
    while (p < end) {
        json_reader r = json_read((al_slice){p, (size_t)(end - p)});
        json_token t;
        bool is_scalar = *p == '"' || *p == 'N' || *p == 'I' || *p == '-';
        if (!is_scalar || !json_value(&r, &t)) {
            al_buf_u8(out, *p++);
            continue;
        }
        if (t.type == VAL_STRING) {
            al_buf_u8(out, '"');
            put_text(out, t.raw, true);
            al_buf_u8(out, '"');
        } else if (t.flags & JSON_CONSTANT) {
            json_put_string(out, t.raw);
        } else {
            al_buf_slice_put(out, t.raw);
        }
        p = r.p;
    }
}

static void put_checked(al_buf *out, const value *v)
{
    static const uint8_t nothing[1];
    const uint8_t *p = v->text.ptr ? v->text.ptr : nothing;
    if (v->type == VAL_NUMBER && v->text.len &&
        json_number_end(p, p + v->text.len) == p + v->text.len) {
        al_buf_slice_put(out, v->text);
        return;
    }
    json_reader r = json_read(v->text);
    json_token t = {.type = VAL_NULL};
    bool is_json = json_value(&r, &t) && json_end(&r) && t.type == v->type;
    if (!is_json || v->type == VAL_NUMBER) /* a number here is NaN, an infinity, or damaged */
        json_put_string(out, v->text);
    else if (t.flags & (JSON_BAD_UTF8 | JSON_CONSTANT))
        put_mended(out, v->text);
    else
        al_buf_slice_put(out, v->text);
}

void json_put_value(al_buf *out, const value *v)
{
    switch (v->type) {
    case VAL_NULL:
        al_buf_str(out, "null");
        return;
    case VAL_FALSE:
        al_buf_str(out, "false");
        return;
    case VAL_TRUE:
        al_buf_str(out, "true");
        return;
    case VAL_STRING:
        json_put_string(out, v->text);
        return;
    case VAL_NUMBER:
    case VAL_ARRAY:
    case VAL_OBJECT:
    default:
        put_checked(out, v);
    }
}

void json_put_fields(al_buf *out, const field *fields, size_t n)
{
    put_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            put_byte(out, ',');
        json_put_string(out, fields[i].name);
        put_byte(out, ':');
        json_put_value(out, &fields[i].val);
    }
    put_byte(out, '}');
}
