/* Grams and their windows.
 * Shape: words are gathered, without case, in a small buffer; a long one goes through it in pieces
 * that overlap, so that each window is seen once.
 * Invariant: the gram at a place follows from the bytes there and nothing else, and a window counts
 * only when all of its grams are inside the word: so a word has every key of what it contains. A
 * literal may end where a gram of digits is not whole yet; it then has windows less than the word
 * that contains it, never others. */
#include "store/codec/grams.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fold.h"

enum {
    GRAM = 6,
    REACH = GRAMS_DIGITS + GRAMS_WINDOW - 1, /* bytes that a window may look at */
    WORD_BYTES = 256,
};

typedef struct words {
    grams_fn *fn;
    void *ctx;
    uint64_t last; /* neighbours mostly have the same: not given twice in a row */
    uint32_t n;
    uint8_t word[WORD_BYTES];
} words;

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

/* Spreads a number over 64 bits, one to one (the finalizer of MurmurHash3, by A. Appleby). */
static uint64_t spread(uint64_t h)
{
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

/* Hash of the gram at place `at`, which lies inside the word. False: it does not fit. */
static bool gram_at(const words *w, uint32_t at, uint64_t *ret)
{
    uint64_t bytes = 0;
    uint32_t len = GRAM;
    uint32_t n_digits = 0;
    if (at + GRAM > w->n)
        return false;
    while (n_digits < GRAM && is_digit(w->word[at + n_digits]))
        n_digits++;
    if (n_digits == GRAM)
        len = GRAMS_DIGITS;
    if (at + len > w->n)
        return false;
    memcpy(&bytes, w->word + at, len);
    *ret = spread(bytes);
    return true;
}

/* Gives the keys of the windows that begin at the first `n_starts` places. */
static bool give(words *w, uint32_t n_starts)
{
    uint64_t hash[GRAMS_WINDOW];
    uint32_t n_fit = 0; /* grams in a row that fit */
    for (uint32_t at = 0; at < w->n && at < n_starts + GRAMS_WINDOW - 1; at++) {
        n_fit = gram_at(w, at, &hash[at % GRAMS_WINDOW]) ? n_fit + 1 : 0;
        if (n_fit < GRAMS_WINDOW)
            continue;
        uint64_t key = hash[0];
        for (uint32_t i = 1; i < GRAMS_WINDOW; i++)
            key = hash[i] < key ? hash[i] : key;
        if (key != w->last && !w->fn(w->ctx, key))
            return false;
        w->last = key;
    }
    return true;
}

static bool end_word(words *w)
{
    bool goes_on = w->n < GRAM || give(w, w->n);
    w->n = 0;
    return goes_on;
}

static bool add(words *w, uint8_t c)
{
    if (w->n == WORD_BYTES) {
        uint32_t n_done = WORD_BYTES - REACH + 1;
        if (!give(w, n_done))
            return false;
        w->n -= n_done;
        memmove(w->word, w->word + n_done, w->n);
    }
    w->word[w->n++] = c;
    return true;
}

/* Without case: a letter, a digit, or anything else for what separates words. */
static uint8_t next_char(al_slice text, size_t *at)
{
    uint8_t c = text.ptr[*at];
    size_t len = 1;
    uint32_t folded = c;
    if (c >= 'A' && c <= 'Z')
        folded = c | 0x20U;
    else if (c >= 0x80)
        folded = al_fold(al_char_at(text.ptr + *at, text.ptr + text.len, &len));
    *at += len;
    return folded < 0x80 ? (uint8_t)folded : 0;
}

bool grams_each(al_slice text, grams_fn *fn, void *ctx)
{
    words w = {.fn = fn, .ctx = ctx};
    for (size_t at = 0; at < text.len;) {
        uint8_t c = next_char(text, &at);
        bool goes_on = is_letter(c) || is_digit(c) ? add(&w, c) : end_word(&w);
        if (!goes_on)
            return false;
    }
    return end_word(&w);
}

bool grams_of_digits(al_slice text, grams_fn *fn, void *ctx)
{
    uint32_t n_digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        n_digits = is_digit(text.ptr[i]) ? n_digits + 1 : 0;
        if (n_digits < GRAMS_DIGITS)
            continue;
        uint64_t bytes;
        memcpy(&bytes, text.ptr + i + 1 - GRAMS_DIGITS, sizeof bytes);
        if (!fn(ctx, spread(bytes)))
            return false;
    }
    return true;
}

bool grams_of_letters(al_slice text, grams_fn *fn, void *ctx)
{
    const uint64_t mask = (UINT64_C(1) << (8 * GRAMS_LETTERS)) - 1;
    uint64_t letters = 0; /* the last one lowest */
    unsigned n = 0;
    for (size_t at = 0; at < text.len;) {
        uint8_t c = next_char(text, &at);
        n = is_letter(c) ? n + 1 : 0;
        letters = (letters << 8 | c) & mask;
        if (n >= GRAMS_LETTERS && !fn(ctx, spread(letters | UINT64_C(1) << 63)))
            return false;
    }
    return true;
}

/* ---- Edges */

_Static_assert(GRAMS_EDGE == sizeof(uint64_t), "letters fill a number");

/* Letters beside each other make a number; those of ends are told from those of beginnings. */
static uint64_t edge_key(uint64_t letters, bool ends)
{
    return spread(ends ? ~letters : letters);
}

/* The character that ends before `end`, which is not 0, without case; 0: it is no ASCII letter. */
static uint8_t last_letter(al_slice text, size_t *end)
{
    size_t at = *end - 1;
    while (at > 0 && *end - at < AL_CHAR_BYTES_MAX && (text.ptr[at] & 0xC0) == 0x80)
        at--;
    size_t next = at;
    uint8_t c = next_char((al_slice){text.ptr, *end}, &next);
    *end = at;
    return is_letter(c) ? c : 0;
}

/* The next letter from the beginning (`ends`: from the end); 0: there is none. */
static uint8_t next_letter(al_slice text, bool ends, size_t *at)
{
    if (ends ? *at == 0 : *at >= text.len)
        return 0;
    uint8_t c = ends ? last_letter(text, at) : next_char(text, at);
    return is_letter(c) ? c : 0;
}

bool grams_of_edges(al_slice text, grams_fn *fn, void *ctx)
{
    for (int ends = 0; ends < 2; ends++) {
        size_t at = ends ? text.len : 0;
        uint64_t letters = 0;
        for (unsigned n = 0; n < GRAMS_EDGE; n++) {
            uint8_t c = next_letter(text, ends, &at);
            if (c == 0)
                break;
            letters |= (uint64_t)c << (8 * n);
            if (!fn(ctx, edge_key(letters, ends)))
                return false;
        }
    }
    return true;
}

bool grams_edge_key(al_slice word, bool ends, uint64_t *ret)
{
    size_t at = ends ? word.len : 0;
    uint64_t letters = 0;
    unsigned n = 0;
    for (uint8_t c; n < GRAMS_EDGE && (c = next_letter(word, ends, &at)); n++)
        letters |= (uint64_t)c << (8 * n);
    *ret = edge_key(letters, ends);
    return n > 0;
}
