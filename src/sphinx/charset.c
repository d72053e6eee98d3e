/* charset_table.
 * Why: what Sphinx finds are the words of its tables. Only who cuts a text into the same words can
 * say which of them must stand in a row.
 * Facts, seen on searchd 2.2.11: a character stands for itself or for another one; one that is only
 * the aim of others is not in the table by that (with `A..Z->a..z` alone, a is a separator);
 * characters from U+20000 on are separators, as those that are not named.
 * Shape: the ranges sorted by their first character; those of a valid table do not overlap. */
#include "sphinx/charset.h"

#include <assert.h>
#include <stdlib.h>

#include "base/fold.h"

enum { RANGES_MAX = 4096, CODE_END = 0x20000 };

typedef struct range {
    uint32_t first;
    uint32_t last;
    uint32_t to; /* what `first` is in words */
} range;

struct charset {
    const range *ranges;
    size_t n;
};

/* One character, as itself or U+hex. */
static bool take_char(al_slice *s, uint32_t *ret)
{
    size_t len = 0;
    if (s->len == 0)
        return false;
    uint32_t c = al_char_at(s->ptr, s->ptr + s->len, &len);
    if ((c == 'U' || c == 'u') && s->len > 2 && s->ptr[1] == '+') {
        c = 0;
        for (len = 2; len < s->len && c < CODE_END; len++) {
            uint8_t lower = s->ptr[len] | 0x20;
            bool is_digit = s->ptr[len] >= '0' && s->ptr[len] <= '9';
            if (!is_digit && (lower < 'a' || lower > 'f'))
                break;
            c = c * 16 + (is_digit ? s->ptr[len] - (uint32_t)'0' : lower - (uint32_t)'a' + 10);
        }
        if (len == 2)
            return false;
    }
    *s = al_slice_sub(*s, len, s->len);
    *ret = c;
    return c > ' ' && c < CODE_END;
}

static bool take_mark(al_slice *s, al_slice mark)
{
    *s = al_slice_trim(*s);
    if (!al_slice_starts(*s, mark))
        return false;
    *s = al_slice_trim(al_slice_sub(*s, mark.len, s->len));
    return true;
}

/* a, a..z */
static bool take_range(al_slice *s, uint32_t *ret_first, uint32_t *ret_last)
{
    if (!take_char(s, ret_first))
        return false;
    *ret_last = *ret_first;
    return !take_mark(s, AL_LIT("..")) || (take_char(s, ret_last) && *ret_last >= *ret_first);
}

static bool read_item(al_slice item, range *ret)
{
    uint32_t to_last = 0;
    item = al_slice_trim(item);
    if (!take_range(&item, &ret->first, &ret->last))
        return false;
    ret->to = ret->first;
    if (take_mark(&item, AL_LIT("->")) &&
        (!take_range(&item, &ret->to, &to_last) || to_last - ret->to != ret->last - ret->first))
        return false;
    return al_slice_trim(item).len == 0;
}

static int by_first(const void *a, const void *b)
{
    uint32_t x = ((const range *)a)->first;
    uint32_t y = ((const range *)b)->first;
    return (x > y) - (x < y);
}

static uint32_t lookup(const charset *cs, uint32_t c)
{
    size_t low = 0;
    size_t high = cs->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const range *r = &cs->ranges[mid];
        if (c > r->last)
            low = mid + 1;
        else if (c < r->first)
            high = mid;
        else
            return r->to + (c - r->first);
    }
    return 0;
}

/* ASCII as everybody has it: what is escaped in JSON and in MATCH is then known to separate words,
 * and the letters of escapes to be of words. */
static bool is_usual(const charset *cs)
{
    for (uint32_t c = 0; c < 0x80; c++) {
        bool is_upper = c >= 'A' && c <= 'Z';
        bool is_alnum = is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        uint32_t is = lookup(cs, c);
        bool may_be = c == '_' || c == '-' || c == '.';
        if (is_alnum ? is != (is_upper ? c + 32 : c) : is && (is != c || !may_be))
            return false;
    }
    return !lookup(cs, 0xfffd);
}

al_code charset_new(al_arena *arena, al_slice table, const charset **ret)
{
    *ret = NULL;
    size_t n = 1;
    for (size_t i = 0; i < table.len; i++)
        n += table.ptr[i] == ',';
    if (n > RANGES_MAX)
        return AL_INVALID;
    charset *cs = al_arena_alloc(arena, 1, sizeof *cs);
    range *ranges = al_arena_alloc(arena, n, sizeof *ranges);
    if (!cs || !ranges)
        return AL_NOMEM;
    *cs = (charset){.ranges = ranges};
    size_t at = 0;
    for (size_t from = 0; from <= table.len; from = at + 1) {
        at = al_slice_find(table, ',', from);
        al_slice item = al_slice_trim(al_slice_sub(table, from, at));
        if (item.len == 0 && at == table.len)
            break; /* a comma behind the last one */
        assert(cs->n < n);
        if (!read_item(item, &ranges[cs->n]))
            return AL_INVALID;
        cs->n++;
    }
    qsort(ranges, cs->n, sizeof *ranges, by_first);
    for (size_t i = 1; i < cs->n; i++)
        if (ranges[i].first <= ranges[i - 1].last)
            return AL_INVALID;
    if (!is_usual(cs))
        return AL_INVALID;
    *ret = cs;
    return AL_OK;
}

/* The same in a query: what is looked up is spelled with what Sphinx made of it. */
static uint32_t in_words(const charset *cs, uint32_t c)
{
    uint32_t is = lookup(cs, c);
    return is && lookup(cs, is) != is ? CHARSET_ODD : is;
}

uint32_t charset_of(const charset *cs, uint32_t c, bool ignores_case)
{
    uint32_t is = in_words(cs, c);
    if (!ignores_case || c >= AL_CHAR_BAD)
        return is;
    uint32_t variants[AL_FOLD_VARIANTS_MAX];
    size_t n = al_fold_variants(al_fold(c), variants);
    for (size_t i = 0; i < n; i++)
        if (in_words(cs, variants[i]) != is)
            return CHARSET_ODD;
    return is;
}
