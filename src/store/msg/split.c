/* Taking messages apart.
 * Why masks: most bytes are neither digits nor beside one. Sixteen bytes at a time are turned into
 * bits (is part of a word, is a digit); then only words that hold a digit are looked at. Byte by
 * byte the same took twice the time. Invariants: (1) slots ascend, do not overlap and hold at least
 * one byte, so a template is never longer than its message; (2) it has as many marks as there are
 * slots and no other NUL. */
#include "store/msg/split.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MASK_WORDS = MSG_BYTES_MAX / 64 + 1, UUID_BYTES = 36, IPV4_PARTS = 4, IPV4_DIGITS = 3 };

typedef struct masks {
    size_t n; /* bytes of the message */
    uint64_t words[MASK_WORDS];
    uint64_t digits[MASK_WORDS];
} masks;

/* ---- Masks */

static bool is_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || c == MSG_MARK;
}

static bool is_word(uint8_t c)
{
    return msg_is_word(c) || c == MSG_MARK;
}

void msg_masks_portable(al_slice message, uint64_t *words, uint64_t *digits)
{
    for (size_t at = 0; at < message.len; at += 64) {
        uint64_t w = 0;
        uint64_t d = 0;
        for (size_t i = 0; i < 64 && at + i < message.len; i++) {
            w |= (uint64_t)is_word(message.ptr[at + i]) << i;
            d |= (uint64_t)is_digit(message.ptr[at + i]) << i;
        }
        words[at / 64] = w;
        digits[at / 64] = d;
    }
}

#ifdef __SSE2__
static __m128i in_range(__m128i bytes, char from, char to)
{
    /* Saturating subtraction: 0 exactly for bytes at most `to - from` above `from`. */
    __m128i off = _mm_sub_epi8(bytes, _mm_set1_epi8(from));
    __m128i over = _mm_subs_epu8(off, _mm_set1_epi8((char)(to - from)));
    return _mm_cmpeq_epi8(over, _mm_setzero_si128());
}

static void masks_of_16(const uint8_t *p, uint64_t *words, uint64_t *digits)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    __m128i nul = _mm_cmpeq_epi8(bytes, _mm_setzero_si128());
    __m128i digit = _mm_or_si128(in_range(bytes, '0', '9'), nul);
    __m128i letter = in_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
    __m128i word = _mm_or_si128(_mm_or_si128(digit, letter), bytes); /* movemask: the top bit */
    *words = (uint32_t)_mm_movemask_epi8(word);
    *digits = (uint32_t)_mm_movemask_epi8(digit);
}

void msg_masks(al_slice message, uint64_t *words, uint64_t *digits)
{
    for (size_t at = 0; at < message.len; at += 64) {
        uint64_t w = 0;
        uint64_t d = 0;
        for (size_t i = 0; i < 64 && at + i < message.len; i += 16) {
            uint8_t last[16];
            const uint8_t *p = message.ptr + at + i;
            size_t left = message.len - at - i;
            if (left < 16) {
                memset(last, ' ', sizeof last); /* neither word nor digit */
                memcpy(last, p, left);
                p = last;
            }
            uint64_t w16;
            uint64_t d16;
            masks_of_16(p, &w16, &d16);
            w |= w16 << i;
            d |= d16 << i;
        }
        words[at / 64] = w;
        digits[at / 64] = d;
    }
}
#else
void msg_masks(al_slice message, uint64_t *words, uint64_t *digits)
{
    msg_masks_portable(message, words, digits);
}
#endif

/* First set bit at or after `from`, or n. */
static size_t next_set(const uint64_t *bits, size_t from, size_t n)
{
    if (from >= n)
        return n;
    size_t i = from / 64;
    uint64_t word = bits[i] & UINT64_MAX << (from & 63);
    while (!word) {
        if (++i * 64 >= n)
            return n;
        word = bits[i];
    }
    return i * 64 + (size_t)__builtin_ctzll(word); /* no bit is set behind n */
}

/* First clear bit at or after `from`, or n. */
static size_t next_clear(const uint64_t *bits, size_t from, size_t n)
{
    if (from >= n)
        return n;
    size_t i = from / 64;
    /* msg_masks wrote every word below n. NOLINTNEXTLINE(clang-analyzer-core.*) */
    uint64_t word = ~bits[i] & UINT64_MAX << (from & 63);
    while (!word) {
        if (++i * 64 >= n)
            return n;
        word = ~bits[i];
    }
    size_t at = i * 64 + (size_t)__builtin_ctzll(word);
    return at < n ? at : n;
}

/* Start of the run of set bits that ends with the set bit `at`, not before `min`. */
static size_t run_start(const uint64_t *bits, size_t at, size_t min)
{
    size_t i = at / 64;
    uint64_t word = ~bits[i] & ~(UINT64_MAX << (at & 63));
    while (!word) {
        if (i == 0 || i * 64 <= min)
            return min;
        word = ~bits[--i];
    }
    size_t start = i * 64 + 64 - (size_t)__builtin_clzll(word);
    return start < min ? min : start;
}

/* ---- Units of several words */

static bool is_hex(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'f');
}

static bool is_uuid(const uint8_t *p)
{
    for (size_t i = 0; i < UUID_BYTES; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? p[i] != '-' : !is_hex(p[i]))
            return false;
    }
    return true;
}

/* A uuid whose first word with a digit begins at `start`: it may have begun with words of letters.
 */
static size_t uuid_at(const masks *m, const uint8_t *p, size_t start, size_t min, size_t *ret_from)
{
    static const uint8_t backs[] = {0, 9, 14, 19, 24};
    for (size_t i = 0; i < sizeof backs; i++) {
        size_t back = backs[i];
        if (start < min + back || m->n - (start - back) < UUID_BYTES)
            continue;
        size_t from = start - back;
        size_t end = from + UUID_BYTES;
        bool is_alone = (end == m->n || !is_word(p[end])) && (from == min || !is_word(p[from - 1]));
        if (is_alone && p[from + 8] == '-' && is_uuid(p + from)) {
            *ret_from = from;
            return end;
        }
    }
    return 0;
}

/* The end of a run of digits only that is a whole word and begins at `at`; 0 when it is not. */
static size_t number_end(const masks *m, size_t at)
{
    size_t end = next_clear(m->digits, at, m->n);
    bool is_whole = end > at && (end == m->n || !(m->words[end / 64] >> (end & 63) & 1));
    return is_whole ? end : 0;
}

/* Behind a number that ends at `end`: the end of an address or a decimal that it begins, or `end`.
 */
static size_t dotted_end(const masks *m, const uint8_t *p, size_t start, size_t end)
{
    size_t ends[IPV4_PARTS + 1] = {end};
    unsigned n = 1;
    while (n <= IPV4_PARTS && ends[n - 1] + 1 < m->n && p[ends[n - 1]] == '.') {
        size_t e = number_end(m, ends[n - 1] + 1);
        if (!e)
            break;
        ends[n++] = e;
    }
    bool is_inside = start >= 2 && p[start - 1] == '.' && is_digit(p[start - 2]);
    if (is_inside)
        return end;
    if (n == 2)
        return ends[1];
    if (n != IPV4_PARTS)
        return end;
    for (unsigned i = 0; i < n; i++) {
        size_t from = i ? ends[i - 1] + 1 : start;
        if (ends[i] - from > IPV4_DIGITS)
            return end;
    }
    return ends[IPV4_PARTS - 1];
}

/* ---- Splitting */

static void put_fixed(msg_split *s, const uint8_t *from, size_t n)
{
    memcpy(s->template + s->template_len, from, n);
    s->template_len += n;
}

static void put_slot(msg_split *s, size_t from, size_t to)
{
    s->template[s->template_len++] = MSG_MARK;
    s->slots[s->n_slots++] = (msg_slot){(uint32_t)from, (uint32_t)(to - from)};
}

static bool is_dash_around(const uint8_t *p, size_t n, size_t start, size_t end)
{
    return (end < n && p[end] == '-') || (start && p[start - 1] == '-');
}

void msg_split_whole(al_slice message, msg_split *ret)
{
    ret->template_len = 0;
    ret->n_slots = 0;
    put_slot(ret, 0, message.len);
}

void msg_split_make(al_slice message, msg_split *ret)
{
    if (message.len > MSG_BYTES_MAX) {
        msg_split_whole(message, ret);
        return;
    }
    ret->template_len = 0;
    ret->n_slots = 0;
    masks m;
    m.n = message.len;
    msg_masks(message, m.words, m.digits);
    const uint8_t *p = message.ptr;
    size_t done = 0; /* everything before it is in the template or a slot */
    for (;;) {
        size_t digit = next_set(m.digits, done, m.n);
        if (digit == m.n)
            break;
        if (ret->n_slots == MSG_VARIABLES_MAX) {
            put_slot(ret, done, m.n);
            done = m.n;
            break;
        }
        size_t start = run_start(m.words, digit, done);
        size_t end = next_clear(m.words, digit, m.n);
        size_t unit = 0;
        if (is_dash_around(p, m.n, start, end))
            unit = uuid_at(&m, p, start, done, &start);
        if (unit)
            end = unit;
        else if (end < m.n && p[end] == '.' && number_end(&m, start) == end)
            end = dotted_end(&m, p, start, end);
        assert(start >= done && end > start);
        put_fixed(ret, p + done, start - done);
        put_slot(ret, start, end);
        done = end;
    }
    if (done < m.n)
        put_fixed(ret, p + done, m.n - done);
    assert(ret->template_len <= sizeof ret->template);
}
