/* Characters and their case. See fold.h for the contract; the tables are made by
 * tools/make_fold_table.py. Well-formed is table 3-7 of the Unicode standard: no surrogates, no
 * overlong forms, nothing above U+10FFFF. */
#include "base/fold.h"

#include <assert.h>

#include "base/checked.h"

typedef struct fold_range {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t delta;
} fold_range;

typedef struct letter_range {
    uint32_t first;
    uint32_t last;
} letter_range;

#include "base/fold_table.h"

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

uint32_t al_char_at(const uint8_t *p, const uint8_t *end, size_t *ret_len)
{
    assert(p < end);
    uint32_t b = p[0];
    size_t left = (size_t)(end - p);
    *ret_len = 1;
    if (b < 0x80)
        return b;
    if (b >= 0xc2 && b <= 0xdf && left >= 2 && is_tail(p[1])) {
        *ret_len = 2;
        return (b & 0x1f) << 6 | (p[1] & 0x3f);
    }
    if (b >= 0xe0 && b <= 0xef && left >= 3 && is_tail(p[1]) && is_tail(p[2])) {
        uint32_t c = (b & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        if (c >= 0x800 && (c < 0xd800 || c > 0xdfff)) {
            *ret_len = 3;
            return c;
        }
    }
    if (b >= 0xf0 && b <= 0xf4 && left >= 4 && is_tail(p[1]) && is_tail(p[2]) && is_tail(p[3])) {
        uint32_t c = (b & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
                     (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
        if (c >= 0x10000 && c <= 0x10ffff) {
            *ret_len = 4;
            return c;
        }
    }
    return AL_CHAR_BAD + b;
}

size_t al_char_put(uint32_t c, uint8_t out[AL_CHAR_BYTES_MAX])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    if (c < AL_CHAR_BAD) {
        out[0] = (uint8_t)(0xf0 | c >> 18);
        out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[3] = (uint8_t)(0x80 | (c & 0x3f));
        return 4;
    }
    assert(c < AL_CHAR_BAD + 0x100);
    out[0] = (uint8_t)(c - AL_CHAR_BAD);
    return 1;
}

uint32_t al_fold(uint32_t c)
{
    if (c < 0x80)
        return c - 'A' < 26 ? c + ('a' - 'A') : c;
    size_t low = 0;
    size_t high = AL_COUNT(fold_ranges);
    while (low < high) {
        size_t mid = (low + high) / 2;
        const fold_range *r = &fold_ranges[mid];
        if (c > r->last)
            low = mid + 1;
        else if (c < r->first)
            high = mid;
        else
            return (c - r->first) % r->step ? c : (uint32_t)((int32_t)c + r->delta);
    }
    return c;
}

size_t al_fold_variants(uint32_t folded, uint32_t ret[AL_FOLD_VARIANTS_MAX])
{
    size_t n = 0;
    ret[n++] = folded;
    if (folded - 'a' < 26)
        ret[n++] = folded - ('a' - 'A');
    for (size_t i = 0; i < AL_COUNT(fold_ranges); i++) {
        const fold_range *r = &fold_ranges[i];
        uint32_t from = (uint32_t)((int32_t)folded - r->delta);
        if (from >= r->first && from <= r->last && (from - r->first) % r->step == 0) {
            assert(n < AL_FOLD_VARIANTS_MAX);
            ret[n++] = from;
        }
    }
    return n;
}

bool al_is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c | 0x20) - 'a' < 26;
    size_t low = 0;
    size_t high = AL_COUNT(letter_ranges);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > letter_ranges[mid].last)
            low = mid + 1;
        else if (c < letter_ranges[mid].first)
            high = mid;
        else
            return true;
    }
    return false;
}
