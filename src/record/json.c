/* The JSON scanner. See json.h for the contract.
 * Why our own: it takes most of the CPU time of ingest. One pass, no allocation, no copy: a token
 * is a view of the sender's bytes. Strings are searched 16 bytes at a time with SSE2, which every
 * x86-64 has; log strings are short, so wider registers gain nothing. Where fewer than 16 bytes are
 * left, and on other machines, it goes byte by byte: nothing behind the text is ever read.
 * Shape: json_value takes scalars directly and nested values through skip_nested, a loop with one
 * bit a level (object or array), so that no input can exhaust the stack.
 * Invariant: r->p <= r->end; after an error p stays where it happened. */
#include "record/json.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "record/utf8.h"

static bool fail(json_reader *r, const uint8_t *at, const char *error)
{
    if (!r->error) {
        r->p = at;
        r->error = error;
    }
    return false;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* True when there was any. */
static inline bool skip_space(json_reader *r)
{
    const uint8_t *p = r->p;
    while (p < r->end && *p <= ' ' && is_space(*p))
        p++;
    bool is_moved = p != r->p;
    r->p = p;
    return is_moved;
}

json_reader json_read(al_slice text)
{
    static const uint8_t nothing[1];
    const uint8_t *p = text.ptr ? text.ptr : nothing;
    json_reader r = {.begin = p, .p = p, .end = p + text.len};
    (void)skip_space(&r);
    return r;
}

/* ---- Strings */

/* The next '"', '\\' or control character at or after p, or end; *high gathers the top bits of what
 * was passed. */
static inline const uint8_t *find_special(const uint8_t *p, const uint8_t *end, unsigned *high)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned at = (unsigned)_mm_movemask_epi8(hit);
        unsigned top = (unsigned)_mm_movemask_epi8(v);
        if (at) {
            *high |= top & (at ^ (at - 1)); /* only what stands before the hit */
            return p + __builtin_ctz(at);
        }
        *high |= top;
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && *p > 0x1f)
        *high |= *p++ & 0x80u;
    return p;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The byte behind the escape at p, or NULL when it is none. */
static const uint8_t *escape_end(const uint8_t *p, const uint8_t *end)
{
    if (end - p < 2)
        return NULL;
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? p + 2 : NULL;
    if (end - p < 6)
        return NULL;
    return is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]) ? p + 6 : NULL;
}

/* r->p stands on the opening quote. */
static inline bool scan_string(json_reader *r, json_token *ret)
{
    const uint8_t *from = r->p + 1;
    const uint8_t *p = from;
    unsigned high = 0;
    unsigned flags = 0;
    for (;;) {
        p = find_special(p, r->end, &high);
        if (p == r->end)
            return fail(r, p, "expected '\"' at the end of the string");
        if (*p == '"')
            break;
        if (*p != '\\')
            return fail(r, p, "found a control character in a string, expected its escape");
        const uint8_t *next = escape_end(p, r->end);
        if (!next)
            return fail(r, p, "expected an escape such as \\n or \\u00e9");
        flags |= JSON_ESCAPED;
        p = next;
    }
    r->p = p + 1;
    ret->type = VAL_STRING;
    ret->raw = (al_slice){from, (size_t)(p - from)};
    if (high && !utf8_is_valid(ret->raw))
        flags |= JSON_BAD_UTF8;
    ret->flags = flags;
    return true;
}

/* ---- Scalars */

static const uint8_t *digits_end(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

const uint8_t *json_number_end(const uint8_t *p, const uint8_t *end)
{
    if (p < end && *p == '-')
        p++;
    if (p == end)
        return NULL;
    const uint8_t *next = *p == '0' ? p + 1 : digits_end(p, end);
    if (next == p)
        return NULL;
    p = next;
    if (p < end && *p == '.') {
        next = digits_end(p + 1, end);
        if (next == p + 1)
            return NULL;
        p = next;
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        next = digits_end(p, end);
        if (next == p)
            return NULL;
        p = next;
    }
    return p;
}

static bool take_word(json_reader *r, const char *word, val_type type, unsigned flags,
                      json_token *ret)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return fail(r, r->p, "expected a value");
    *ret = (json_token){type, flags, {r->p, n}};
    r->p += n;
    return true;
}

static bool take_number(json_reader *r, json_token *ret)
{
    if (r->end - r->p >= 2 && r->p[0] == '-' && r->p[1] == 'I')
        return take_word(r, "-Infinity", VAL_NUMBER, JSON_CONSTANT, ret);
    const uint8_t *end = json_number_end(r->p, r->end);
    if (!end)
        return fail(r, r->p, "expected a number");
    *ret = (json_token){VAL_NUMBER, 0, {r->p, (size_t)(end - r->p)}};
    r->p = end;
    return true;
}

/* Anything but an array or object. */
static bool take_scalar(json_reader *r, json_token *ret)
{
    switch (*r->p) {
    case '"':
        return scan_string(r, ret);
    case 'n':
        return take_word(r, "null", VAL_NULL, 0, ret);
    case 't':
        return take_word(r, "true", VAL_TRUE, 0, ret);
    case 'f':
        return take_word(r, "false", VAL_FALSE, 0, ret);
    case 'N':
        return take_word(r, "NaN", VAL_NUMBER, JSON_CONSTANT, ret);
    case 'I':
        return take_word(r, "Infinity", VAL_NUMBER, JSON_CONSTANT, ret);
    default:
        if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))
            return take_number(r, ret);
        return fail(r, r->p, "expected a value");
    }
}

/* ---- Nested values */

/* A name, its colon and the white space around; leaves the reader in front of the value. */
static inline bool take_name(json_reader *r, json_token *ret, bool *is_spaced)
{
    if (r->p == r->end || *r->p != '"')
        return fail(r, r->p, "expected a name in double quotes");
    if (!scan_string(r, ret))
        return false;
    if (r->p < r->end && *r->p != ':')
        *is_spaced |= skip_space(r);
    if (r->p == r->end || *r->p != ':')
        return fail(r, r->p, "expected ':' after the name");
    r->p++;
    *is_spaced |= skip_space(r);
    return true;
}

/* One bit a level: is it an object? */
typedef struct level_stack {
    uint64_t bits[JSON_NEST_MAX / 64];
    size_t depth;
} level_stack;

static void push(level_stack *s, bool is_object)
{
    uint64_t bit = UINT64_C(1) << (s->depth % 64);
    uint64_t *word = &s->bits[s->depth / 64];
    uint64_t outer = s->depth % 64 ? *word & (bit - 1) : 0;
    *word = is_object ? outer | bit : outer;
    s->depth++;
}

static bool is_in_object(const level_stack *s)
{
    return s->bits[(s->depth - 1) / 64] >> ((s->depth - 1) % 64) & 1;
}

/* After a value inside: closes what ends here. False at an error; else either the next value stands
 * at r->p or s->depth is 0. */
static bool go_on(json_reader *r, level_stack *s, unsigned *flags, bool *is_spaced)
{
    while (s->depth) {
        *is_spaced |= skip_space(r);
        bool is_object = is_in_object(s);
        uint8_t c = r->p < r->end ? *r->p : 0;
        if (c == (is_object ? '}' : ']')) {
            r->p++;
            s->depth--;
            continue;
        }
        if (c != ',')
            return fail(r, r->p, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
        r->p++;
        *is_spaced |= skip_space(r);
        if (!is_object)
            return true;
        json_token name;
        if (!take_name(r, &name, is_spaced))
            return false;
        *flags |= name.flags;
        return true;
    }
    return true;
}

/* r->p stands on '[' or '{'. */
static bool skip_nested(json_reader *r, json_token *ret)
{
    const uint8_t *from = r->p;
    level_stack s;
    s.depth = 0;
    unsigned flags = 0;
    bool is_spaced = false;
    do {
        if (r->p == r->end)
            return fail(r, r->p, "expected a value");
        json_token inner = {.type = VAL_NULL};
        uint8_t c = *r->p;
        if (c != '[' && c != '{') {
            if (!take_scalar(r, &inner))
                return false;
            flags |= inner.flags;
        } else if (s.depth == JSON_NEST_MAX) {
            return fail(r, r->p, "found nesting too deep to read");
        } else {
            push(&s, c == '{');
            if (s.depth > REC_DEPTH_MAX)
                flags |= JSON_DEEP;
            r->p++;
            is_spaced |= skip_space(r);
            bool is_empty = r->p < r->end && *r->p == (c == '{' ? '}' : ']');
            if (!is_empty && c == '{' && !take_name(r, &inner, &is_spaced))
                return false;
            flags |= inner.flags;
            if (!is_empty)
                continue; /* its first value is next; the loop ends only behind go_on */
        }
        if (!go_on(r, &s, &flags, &is_spaced))
            return false;
    } while (s.depth);
    ret->type = *from == '{' ? VAL_OBJECT : VAL_ARRAY;
    ret->flags = flags | (is_spaced ? JSON_SPACED : 0u);
    ret->raw = (al_slice){from, (size_t)(r->p - from)};
    return true;
}

/* ---- The reader */

bool json_peek(json_reader *r, val_type *ret)
{
    if (r->error)
        return false;
    uint8_t c = r->p < r->end ? *r->p : 0;
    if (c == '{')
        *ret = VAL_OBJECT;
    else if (c == '[')
        *ret = VAL_ARRAY;
    else if (c == '"')
        *ret = VAL_STRING;
    else if (c == 'n')
        *ret = VAL_NULL;
    else if (c == 't')
        *ret = VAL_TRUE;
    else if (c == 'f')
        *ret = VAL_FALSE;
    else if (c == '-' || c == 'N' || c == 'I' || (c >= '0' && c <= '9'))
        *ret = VAL_NUMBER;
    else
        return fail(r, r->p, "expected a value");
    return true;
}

bool json_value(json_reader *r, json_token *ret)
{
    if (r->error)
        return false;
    if (r->p == r->end)
        return fail(r, r->p, "expected a value");
    if (*r->p == '{' || *r->p == '[')
        return skip_nested(r, ret);
    return take_scalar(r, ret);
}

void json_open(json_reader *r)
{
    if (r->error)
        return;
    assert(r->p < r->end);
    assert(*r->p == '{' || *r->p == '[');
    r->p++;
    r->is_just_opened = true;
}

json_step json_next(json_reader *r, val_type type, json_token *ret_name)
{
    if (r->error)
        return JSON_ERROR;
    bool is_object = type == VAL_OBJECT;
    bool is_first = r->is_just_opened;
    r->is_just_opened = false;
    (void)skip_space(r);
    uint8_t c = r->p < r->end ? *r->p : 0;
    if (c == (is_object ? '}' : ']')) {
        r->p++;
        return JSON_CLOSE;
    }
    if (!is_first) {
        if (c != ',') {
            (void)fail(r, r->p, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
            return JSON_ERROR;
        }
        r->p++;
        (void)skip_space(r);
    }
    if (is_object) {
        bool is_spaced = false;
        return take_name(r, ret_name, &is_spaced) ? JSON_ITEM : JSON_ERROR;
    }
    return JSON_ITEM;
}

bool json_end(json_reader *r)
{
    if (r->error)
        return false;
    (void)skip_space(r);
    return r->p == r->end || fail(r, r->p, "expected nothing behind the value");
}
