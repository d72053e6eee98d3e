/* Slices: comparison and number parsing. See slice.h for the contract. */
#include "base/slice.h"

#include <string.h>

#include "base/checked.h"

al_slice al_cstr(const char *s)
{
    return (al_slice){(const uint8_t *)s, strlen(s)};
}

bool al_slice_eq(al_slice a, al_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int al_slice_cmp(al_slice a, al_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool al_slice_starts(al_slice s, al_slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool al_slice_ends(al_slice s, al_slice suffix)
{
    if (s.len < suffix.len)
        return false;
    return suffix.len == 0 || memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0;
}

al_slice al_slice_sub(al_slice s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from >= to)
        return (al_slice){0};
    return (al_slice){s.ptr + from, to - from};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

al_slice al_slice_trim(al_slice s)
{
    while (s.len && is_space(s.ptr[0]))
        s = al_slice_sub(s, 1, s.len);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t al_slice_find(al_slice s, uint8_t byte, size_t from)
{
    if (from >= s.len)
        return s.len;
    const uint8_t *hit = memchr(s.ptr + from, byte, s.len - from);
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

bool al_parse_u64(al_slice s, uint64_t *ret)
{
    uint64_t v = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (!al_mul(v, UINT64_C(10), &v) || !al_add(v, (uint64_t)(s.ptr[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool al_parse_i64(al_slice s, int64_t *ret)
{
    bool is_negative = s.len && s.ptr[0] == '-';
    uint64_t v = 0;
    if (!al_parse_u64(is_negative ? al_slice_sub(s, 1, s.len) : s, &v))
        return false;
    if (is_negative) {
        if (v > (uint64_t)INT64_MAX + 1)
            return false;
        *ret = (int64_t)(0 - v);
        return true;
    }
    if (v > (uint64_t)INT64_MAX)
        return false;
    *ret = (int64_t)v;
    return true;
}

bool al_parse_bytes(al_slice s, uint64_t *ret)
{
    static const char units[] = "kMGT";
    uint64_t v = 0;
    size_t digits = 0;
    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
        digits++;
    if (!al_parse_u64(al_slice_sub(s, 0, digits), &v))
        return false;
    al_slice unit = al_slice_sub(s, digits, s.len);
    if (unit.len && unit.ptr[unit.len - 1] == 'B')
        unit.len--;
    bool is_binary = unit.len && unit.ptr[unit.len - 1] == 'i';
    if (is_binary)
        unit.len--;
    if (unit.len == 0) {
        *ret = v;
        return !is_binary;
    }
    uint8_t letter = unit.ptr[0] == 'K' ? 'k' : unit.ptr[0];
    const char *at = unit.len == 1 ? memchr(units, letter, sizeof units - 1) : NULL;
    if (!at)
        return false;
    for (ptrdiff_t i = 0; i <= at - units; i++)
        if (!al_mul(v, is_binary ? UINT64_C(1024) : UINT64_C(1000), &v))
            return false;
    *ret = v;
    return true;
}
