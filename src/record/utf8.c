/* UTF-8 in one table: for each lead byte the number of bytes that follow and the range of the
 * first of them; that range is what rules out overlong forms, surrogates and what lies beyond
 * U+10FFFF. See utf8.h for the contract. */
#include "record/utf8.h"

#include <string.h>

typedef struct lead {
    uint8_t follow;
    uint8_t low;
    uint8_t high;
} lead;

static lead lead_of(uint8_t c)
{
    if (c < 0xc2 || c > 0xf4)
        return (lead){0};
    if (c < 0xe0)
        return (lead){1, 0x80, 0xbf};
    if (c < 0xf0)
        return (lead){2, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    return (lead){3, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
}

size_t utf8_step(const uint8_t *p, size_t left, bool *ret_ok)
{
    *ret_ok = p[0] < 0x80;
    if (*ret_ok)
        return 1;
    lead l = lead_of(p[0]);
    if (l.follow == 0 || left < 2 || p[1] < l.low || p[1] > l.high)
        return 1;
    size_t n = 2;
    while (n <= l.follow && n < left && (p[n] & 0xc0) == 0x80)
        n++;
    *ret_ok = n == (size_t)l.follow + 1;
    return n;
}

bool utf8_is_valid(al_slice s)
{
    size_t i = 0;
    while (i < s.len) {
        uint64_t word = 0;
        if (s.len - i >= sizeof word) {
            memcpy(&word, s.ptr + i, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) {
                i += sizeof word;
                continue;
            }
        }
        bool is_ok = false;
        i += utf8_step(s.ptr + i, s.len - i, &is_ok);
        if (!is_ok)
            return false;
    }
    return true;
}

size_t utf8_cut(al_slice s, size_t max)
{
    if (s.len <= max)
        return s.len;
    /* A character that would be split began at most three bytes before the cut. */
    for (size_t back = 1; back <= 3 && back <= max; back++) {
        bool is_ok = false;
        size_t at = max - back;
        if ((s.ptr[at] & 0xc0) == 0x80)
            continue;
        return utf8_step(s.ptr + at, s.len - at, &is_ok) > back && is_ok ? at : max;
    }
    return max;
}
