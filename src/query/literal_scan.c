/* Literal search over many texts at once.
 *
 * Why: asking 2.6 million messages one by one costs 60 ns each before the first byte is compared,
 * which was a third of a scan. Here 16 places are told at a time, over texts that lie one behind
 * the other, and only texts with a likely place are asked properly.
 *
 * Shape: of the literal's words the rarest is taken, and of its bytes the two rarest: a place
 * counts when both stand there, in either case, and then the other bytes as well. Two spellings
 * that differ in one bit (all ASCII letters) are one comparison, with that bit set. Spellings of
 * other lengths (the long s, the Kelvin sign) are looked for by themselves: wherever one stands the
 * text is asked.
 *
 * Invariant: a text that literal_find finds the literal in holds the chosen word, and so either all
 * its bytes in one of the spellings compared, or one of the others. What stands across two texts is
 * a place of the first of them: asked in vain, never wrong. */
#include "query/literal_scan.h"

#include <assert.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- Making */

static bool is_one_bit(uint8_t x)
{
    return (x & (x - 1)) == 0;
}

/* The two places to look at first. */
static void set_pair(scan_bytes *b, size_t one, size_t two)
{
    const size_t at[2] = {one, two};
    for (unsigned i = 0; i < 2; i++) {
        b->at[i] = (uint8_t)at[i];
        b->either[i] = b->low[at[i]] ^ b->high[at[i]];
        b->want[i] = b->low[at[i]] | b->either[i];
    }
}

static bool add_other(scan_word *w, const uint8_t *bytes, size_t n)
{
    for (unsigned i = 0; i < w->n_others; i++)
        if (w->others[i].n == n && memcmp(w->others[i].low, bytes, n) == 0)
            return true;
    if (w->n_others == SCAN_OTHERS_MAX)
        return false;
    scan_bytes *b = &w->others[w->n_others++];
    b->n = n;
    memcpy(b->low, bytes, n);
    memcpy(b->high, bytes, n);
    set_pair(b, 0, n - 1);
    return true;
}

/* Its bytes in at most two spellings of one length, the rest into `others`. False: no room. */
static bool add_char(scan_word *w, uint32_t c, bool ignores_case)
{
    scan_bytes *b = &w->bytes;
    uint32_t variants[AL_FOLD_VARIANTS_MAX] = {c};
    size_t n = ignores_case && c < AL_CHAR_BAD ? al_fold_variants(c, variants) : 1;
    uint8_t bytes[AL_CHAR_BYTES_MAX] = {0};
    uint8_t second[AL_CHAR_BYTES_MAX] = {0};
    uint8_t also[AL_CHAR_BYTES_MAX] = {0};
    size_t len = al_char_put(variants[0], bytes);
    bool has_second = false;
    if (b->n + len > SCAN_WORD_MAX)
        return false;
    for (size_t i = 1; i < n; i++) {
        size_t also_len = al_char_put(variants[i], also);
        if (also_len == len && !has_second) {
            has_second = true;
            memcpy(second, also, len);
        } else if (!add_other(w, also, also_len)) {
            return false;
        }
    }
    memcpy(b->low + b->n, bytes, len);
    memcpy(b->high + b->n, has_second ? second : bytes, len);
    b->n += len;
    return true;
}

/* Place of the rarest byte, other than `but`, whose spellings are one comparison; b->n: none. */
static size_t rarest(const scan_bytes *b, size_t but, unsigned (*weight)(uint8_t), unsigned *ret)
{
    size_t best = b->n;
    *ret = 0;
    for (size_t i = 0; i < b->n; i++) {
        unsigned sum = weight(b->low[i]);
        if (b->high[i] != b->low[i])
            sum += weight(b->high[i]);
        if (i == but || !is_one_bit(b->low[i] ^ b->high[i]) || (best < b->n && sum >= *ret))
            continue;
        best = i;
        *ret = sum;
    }
    return best;
}

/* From one word, or as much of its beginning as there is room for; its weight, 0: it is no good. */
static unsigned make_word(scan_word *w, const uint32_t *chars, size_t n, bool ignores_case,
                          unsigned (*weight)(uint8_t))
{
    *w = (scan_word){0};
    for (size_t i = 0; i < n && add_char(w, chars[i], ignores_case); i++)
        continue;
    unsigned weights[2];
    size_t one = rarest(&w->bytes, w->bytes.n, weight, &weights[0]);
    if (one == w->bytes.n)
        return 0;
    size_t two = rarest(&w->bytes, one, weight, &weights[1]);
    bool is_alone = two == w->bytes.n;
    set_pair(&w->bytes, one, is_alone ? one : two);
    return weights[0] * (is_alone ? 400 : weights[1]);
}

void scan_word_make(scan_word *ret, const uint32_t *chars, size_t n_chars, bool ignores_case,
                    unsigned (*weight)(uint8_t byte))
{
    unsigned best = 0;
    size_t from = 0;
    *ret = (scan_word){0};
    for (size_t i = 0; i <= n_chars; i++) {
        if (i < n_chars && chars[i] != CHAR_SPACE_RUN)
            continue;
        scan_word w;
        unsigned sum = make_word(&w, chars + from, i - from, ignores_case, weight);
        if (sum && (!best || sum < best)) {
            best = sum;
            *ret = w;
        }
        from = i + 1;
    }
}

/* ---- Searching */

static bool stands_at(const scan_bytes *b, const uint8_t *p)
{
    for (size_t i = 0; i < b->n; i++)
        if (p[i] != b->low[i] && p[i] != b->high[i])
            return false;
    return true;
}

/* First place in [from, end) where the pair and then all bytes stand; behind `end` there are at
 * least b->n - 1 bytes more. */
static size_t find_plain(const scan_bytes *b, const uint8_t *p, size_t from, size_t end)
{
    for (; from < end; from++)
        if ((p[from + b->at[0]] | b->either[0]) == b->want[0] &&
            (p[from + b->at[1]] | b->either[1]) == b->want[1] && stands_at(b, p + from))
            break;
    return from;
}

#ifdef __SSE2__
static inline __m128i same(const uint8_t *p, __m128i either, __m128i want)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm_cmpeq_epi8(_mm_or_si128(v, either), want);
}

static size_t find(const scan_bytes *b, const uint8_t *p, size_t from, size_t end)
{
    const __m128i either0 = _mm_set1_epi8((char)b->either[0]);
    const __m128i either1 = _mm_set1_epi8((char)b->either[1]);
    const __m128i want0 = _mm_set1_epi8((char)b->want[0]);
    const __m128i want1 = _mm_set1_epi8((char)b->want[1]);
    for (; end > from && end - from >= 16; from += 16) {
        __m128i both = _mm_and_si128(same(p + from + b->at[0], either0, want0),
                                     same(p + from + b->at[1], either1, want1));
        for (unsigned hits = (unsigned)_mm_movemask_epi8(both); hits; hits &= hits - 1) {
            size_t at = from + (size_t)__builtin_ctz(hits);
            if (stands_at(b, p + at))
                return at;
        }
    }
    return find_plain(b, p, from, end);
}
#else
static size_t find(const scan_bytes *b, const uint8_t *p, size_t from, size_t end)
{
    return find_plain(b, p, from, end);
}
#endif

static size_t next_of(const scan_bytes *b, al_slice texts, size_t from)
{
    if (texts.len < b->n || from > texts.len - b->n)
        return texts.len;
    size_t end = texts.len - b->n + 1;
    size_t at = find(b, texts.ptr, from, end);
    return at < end ? at : texts.len;
}

void literal_scan_begin(literal_scan *s, const scan_word *word, al_slice texts)
{
    assert(word->bytes.n > 0);
    s->word = word;
    s->texts = texts;
    s->next[0] = next_of(&word->bytes, texts, 0);
    for (unsigned i = 0; i < word->n_others; i++)
        s->next[1 + i] = next_of(&word->others[i], texts, 0);
}

size_t literal_scan_next(literal_scan *s, size_t from)
{
    assert(from <= s->texts.len);
    size_t first = s->texts.len;
    for (unsigned i = 0; i <= s->word->n_others; i++) {
        const scan_bytes *b = i ? &s->word->others[i - 1] : &s->word->bytes;
        if (s->next[i] < from)
            s->next[i] = next_of(b, s->texts, from);
        if (s->next[i] < first)
            first = s->next[i];
    }
    return first;
}
