/* Literal search.
 * Shape: the text becomes an array of characters (folded when case is ignored); a run of white
 * space that may match any run is one special character. Comparing walks both sides character by
 * character, so that a match begins and ends between characters and folding may change lengths in
 * bytes (k is 1 byte, the Kelvin sign that folds to it is 3).
 * Speed: few places are compared at all. As long as all spellings of the characters before it have
 * the same length, a byte of the text stands at a known distance from the start of a match; the one
 * such byte that is rarest in logs is the anchor, found with memchr (one per spelling of it).
 * Behind a run of free white space no distance is known; if the rarest word stands there it is
 * looked for first, and where it is absent nothing else is. Hostile texts (a...ab in a...a) make
 * comparing quadratic: a megabyte would take minutes. Once comparing has cost WORK_PER_BYTE of the
 * text, find_linear goes on, which reads it once more (Knuth, Morris and Pratt, on characters and
 * runs of white space). Nothing is allocated while searching. */
#include "query/literal.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/fold.h"
#include "query/literal_holes.h"
#include "query/literal_scan.h"

enum {
    ANCHOR_BYTES_MAX = 3,   /* more spellings: a table instead of memchr */
    ANCHOR_OFFSET_MAX = 64, /* bytes of a text that are considered */
    WORK_FREE = 1024,       /* bytes that comparing may pass in any text */
    WORK_PER_BYTE = 4,      /* and more for each byte of it */
};

struct literal {
    const uint32_t *chars;
    const uint32_t *shorter; /* [i]: longest proper beginning of chars[0..i] that is also its end */
    size_t n_chars;
    bool ignores_case;
    bool frees_space;
    bool starts_bad;     /* with a byte that could stand inside a character */
    const literal *rare; /* its rarest word when that is not the first one, or NULL */
    size_t anchor_offset;
    unsigned anchor_weight;
    uint8_t anchor[ANCHOR_BYTES_MAX];
    unsigned n_anchor; /* 0: is_anchor */
    bool is_anchor[256];
    const scan_word *scan;
    const literal *const *words;
    size_t n_words;
};

bool query_is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* How often a byte stands in logs, roughly: only the order matters. */
static unsigned weight_of(uint8_t byte)
{
    static const char common[] = " e0ta1oinrs2l-d.:c3/4u5p6m7h8f9gbyv_,w=\"k[]()'TSIEADCRNOPL";
    const char *at = byte ? strchr(common, byte) : NULL;
    if (at)
        return (unsigned)(200 - 2 * (at - common));
    if (byte == 0xd0 || byte == 0xd1)
        return 150; /* one of them starts every Cyrillic letter */
    return byte >= 0x80 ? 60 : 30;
}

typedef struct spellings {
    uint8_t bytes[AL_FOLD_VARIANTS_MAX][AL_CHAR_BYTES_MAX];
    size_t lens[AL_FOLD_VARIANTS_MAX];
    size_t n;
} spellings;

static spellings spellings_of(uint32_t c, bool ignores_case)
{
    spellings s = {0};
    uint32_t variants[AL_FOLD_VARIANTS_MAX] = {c};
    s.n = ignores_case && c < AL_CHAR_BAD ? al_fold_variants(c, variants) : 1;
    for (size_t i = 0; i < s.n; i++)
        s.lens[i] = al_char_put(variants[i], s.bytes[i]);
    return s;
}

/* Byte `k` of a character, over all its spellings (those that are long enough). */
typedef struct byte_set {
    uint8_t bytes[AL_FOLD_VARIANTS_MAX];
    unsigned n;
    unsigned weight;
} byte_set;

static byte_set byte_set_of(const spellings *s, size_t k)
{
    byte_set set = {0};
    for (size_t i = 0; i < s->n; i++) {
        assert(k < s->lens[i]);
        uint8_t byte = s->bytes[i][k];
        if (memchr(set.bytes, byte, set.n))
            continue;
        set.bytes[set.n++] = byte;
        set.weight += weight_of(byte);
    }
    return set;
}

static void take_anchor(literal *l, const byte_set *set, size_t offset)
{
    l->anchor_offset = offset;
    l->anchor_weight = set->weight;
    l->n_anchor = set->n <= ANCHOR_BYTES_MAX ? set->n : 0;
    memset(l->is_anchor, 0, sizeof l->is_anchor);
    for (unsigned i = 0; i < set->n; i++) {
        l->is_anchor[set->bytes[i]] = true;
        if (i < ANCHOR_BYTES_MAX)
            l->anchor[i] = set->bytes[i];
    }
}

static void choose_anchor(literal *l)
{
    size_t offset = 0;
    for (size_t i = 0; i < l->n_chars && offset < ANCHOR_OFFSET_MAX; i++) {
        if (l->chars[i] == CHAR_SPACE_RUN)
            return;
        spellings s = spellings_of(l->chars[i], l->ignores_case);
        bool is_fixed = true;
        for (size_t k = 1; k < s.n; k++)
            is_fixed &= s.lens[k] == s.lens[0];
        for (size_t k = 0; k < (is_fixed ? s.lens[0] : 1); k++) {
            byte_set set = byte_set_of(&s, k);
            if (l->anchor_weight == 0 || set.weight < l->anchor_weight)
                take_anchor(l, &set, offset + k);
        }
        if (!is_fixed)
            return;
        offset += s.lens[0];
    }
}

/* All but `shorter` and `rare`. */
static literal begin(const uint32_t *chars, size_t n_chars, bool ignores_case, bool frees_space)
{
    literal l = {.chars = chars,
                 .n_chars = n_chars,
                 .ignores_case = ignores_case,
                 .frees_space = frees_space};
    if (n_chars) {
        assert(chars[0] != CHAR_SPACE_RUN);
        l.starts_bad = chars[0] >= AL_CHAR_BAD;
        choose_anchor(&l);
    }
    return l;
}

static const literal *finish(al_arena *arena, literal l)
{
    literal *out = al_arena_alloc(arena, 1, sizeof *out);
    uint32_t *shorter = al_arena_alloc(arena, l.n_chars, sizeof *shorter);
    if (!out || !shorter)
        return NULL;
    uint32_t k = 0;
    for (size_t i = 0; i < l.n_chars; i++) {
        while (i && k && l.chars[i] != l.chars[k])
            k = shorter[k - 1];
        k += i && l.chars[i] == l.chars[k];
        shorter[i] = k;
    }
    l.shorter = shorter;
    *out = l;
    return out;
}

/* The word with the rarest anchor when that is rarer than the anchor of the whole. */
static bool find_rare(const literal *whole, literal *ret)
{
    unsigned best = whole->anchor_weight;
    size_t from = 0;
    for (size_t i = 0; i <= whole->n_chars; i++) {
        if (i < whole->n_chars && whole->chars[i] != CHAR_SPACE_RUN)
            continue;
        literal word =
            begin(whole->chars + from, i - from, whole->ignores_case, whole->frees_space);
        if (word.n_chars && word.anchor_weight < best) {
            best = word.anchor_weight;
            *ret = word;
        }
        from = i + 1;
    }
    return best < whole->anchor_weight;
}

static bool is_of_word(uint32_t c)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || (c >= 0x80 && c != CHAR_SPACE_RUN);
}

static const scan_word *scan_of(al_arena *arena, const literal *l)
{
    scan_word *scan = al_arena_alloc(arena, 1, sizeof *scan);
    if (scan)
        scan_word_make(scan, l->chars, l->n_chars, l->ignores_case, weight_of);
    return scan;
}

/* Its words, when it is more than one word itself. */
static bool find_words(al_arena *arena, literal *whole)
{
    const literal **words = al_arena_alloc(arena, whole->n_chars / 2 + 1, sizeof(literal *));
    if (!words)
        return false;
    for (size_t i = 0, from = 0; i <= whole->n_chars; i++) {
        if (i < whole->n_chars && is_of_word(whole->chars[i]))
            continue;
        if (i - from == whole->n_chars)
            return true;
        if (i > from) {
            literal word = begin(whole->chars + from, i - from, whole->ignores_case, false);
            word.scan = scan_of(arena, &word);
            words[whole->n_words] = word.scan ? finish(arena, word) : NULL;
            if (!words[whole->n_words++])
                return false;
        }
        from = i + 1;
    }
    whole->words = words;
    return true;
}

const literal *const *literal_words(const literal *l, size_t *ret_n)
{
    *ret_n = l->n_words;
    return l->words;
}

const literal *literal_new(al_arena *arena, al_slice text, bool ignores_case, bool frees_space)
{
    uint32_t *chars = al_arena_alloc(arena, text.len, sizeof *chars);
    if (!chars)
        return NULL;
    const uint8_t *end = text.ptr + text.len;
    size_t n_chars = 0;
    size_t len = 0;
    for (const uint8_t *p = text.ptr; p < end; p += len) {
        uint32_t c = al_char_at(p, end, &len);
        if (frees_space && query_is_space(*p))
            c = CHAR_SPACE_RUN;
        if (c == CHAR_SPACE_RUN && n_chars && chars[n_chars - 1] == CHAR_SPACE_RUN)
            continue;
        chars[n_chars++] = ignores_case && c < AL_CHAR_BAD ? al_fold(c) : c;
    }
    literal whole = begin(chars, n_chars, ignores_case, frees_space);
    literal word;
    if (frees_space && find_rare(&whole, &word)) {
        whole.rare = finish(arena, word);
        if (!whole.rare)
            return NULL;
    }
    whole.scan = scan_of(arena, &whole);
    return whole.scan && find_words(arena, &whole) ? finish(arena, whole) : NULL;
}

const scan_word *literal_scan_word(const literal *l)
{
    return l->scan;
}

/* The character or run of white space at p < end; returns what is behind it. */
static inline const uint8_t *take_char(const literal *l, const uint8_t *p, const uint8_t *end,
                                       uint32_t *ret)
{
    if (l->frees_space && query_is_space(*p)) {
        while (p < end && query_is_space(*p))
            p++;
        *ret = CHAR_SPACE_RUN;
        return p;
    }
    uint32_t c = *p;
    size_t len = 1;
    if (c >= 0x80) {
        c = al_char_at(p, end, &len);
        *ret = l->ignores_case ? al_fold(c) : c;
    } else {
        *ret = l->ignores_case && c - 'A' < 26 ? c + ('a' - 'A') : c;
    }
    return p + len;
}

/* Does it stand at p? *ret_end is its end, or where the comparing ended. */
static bool match_at(const literal *l, const uint8_t *p, const uint8_t *end,
                     const uint8_t **ret_end)
{
    size_t i = 0;
    for (; i < l->n_chars && p < end; i++) {
        uint32_t c = 0;
        p = take_char(l, p, end, &c);
        if (c != l->chars[i])
            break;
    }
    *ret_end = p;
    return i == l->n_chars;
}

/* A bad byte is a character only if it does not continue one that began before it. */
static bool is_between_chars(const uint8_t *begin, const uint8_t *p, const uint8_t *end)
{
    for (size_t back = 1; back < AL_CHAR_BYTES_MAX && (size_t)(p - begin) >= back; back++) {
        size_t len = 0;
        (void)al_char_at(p - back, end, &len);
        if (len > back)
            return false;
    }
    return true;
}

/* The next place of each spelling of the anchor, so that each memchr walks the text only once. */
typedef struct anchor_scan {
    const uint8_t *next[ANCHOR_BYTES_MAX];
} anchor_scan;

static const uint8_t *byte_from(const uint8_t *p, const uint8_t *end, uint8_t byte)
{
    const uint8_t *hit = p < end ? memchr(p, byte, (size_t)(end - p)) : NULL;
    return hit ? hit : end;
}

/* The first anchor byte at or after p, or end. */
static const uint8_t *next_anchor(const literal *l, anchor_scan *scan, const uint8_t *p,
                                  const uint8_t *end)
{
    if (l->n_anchor == 0) {
        while (p < end && !l->is_anchor[*p])
            p++;
        return p;
    }
    const uint8_t *first = end;
    for (unsigned i = 0; i < l->n_anchor; i++) {
        if (!scan->next[i] || scan->next[i] < p)
            scan->next[i] = byte_from(p, end, l->anchor[i]);
        if (scan->next[i] < first)
            first = scan->next[i];
    }
    return first;
}

/* As literal_find from `start` on, in one pass: k characters of the text stand between start and p.
 */
static bool find_linear(const literal *l, al_slice hay, const uint8_t *start, size_t *ret_start,
                        size_t *ret_end)
{
    const uint8_t *end = hay.ptr + hay.len;
    while (start < end && !is_between_chars(hay.ptr, start, end))
        start++;
    uint32_t k = 0;
    for (const uint8_t *p = start; p < end;) {
        uint32_t c = 0;
        uint32_t passed = 0;
        const uint8_t *next = take_char(l, p, end, &c);
        while (k && c != l->chars[k]) {
            for (uint32_t keep = l->shorter[k - 1]; k > keep; k--)
                start = take_char(l, start, end, &passed);
        }
        if (c == l->chars[k])
            k++;
        else
            start = next;
        p = next;
        if (k < l->n_chars)
            continue;
        *ret_start = (size_t)(start - hay.ptr);
        *ret_end = (size_t)(p - hay.ptr);
        return true;
    }
    return false;
}

bool literal_find(const literal *l, al_slice hay, size_t from, size_t *ret_start, size_t *ret_end)
{
    assert(from <= hay.len);
    if (l->n_chars == 0) {
        *ret_start = *ret_end = from;
        return true;
    }
    if (hay.len - from <= l->anchor_offset)
        return false;
    if (l->rare && !literal_find(l->rare, hay, from, ret_start, ret_end))
        return false;
    const uint8_t *end = hay.ptr + hay.len;
    const uint8_t *p = hay.ptr + from + l->anchor_offset;
    size_t work_left = WORK_FREE + WORK_PER_BYTE * (hay.len - from);
    anchor_scan scan = {0};
    for (;; p++) {
        p = next_anchor(l, &scan, p, end);
        if (p >= end)
            return false;
        const uint8_t *start = p - l->anchor_offset;
        const uint8_t *stop = NULL;
        if (match_at(l, start, end, &stop) &&
            (!l->starts_bad || is_between_chars(hay.ptr, start, end))) {
            *ret_start = (size_t)(start - hay.ptr);
            *ret_end = (size_t)(stop - hay.ptr);
            return true;
        }
        if ((size_t)(stop - start) > work_left)
            return find_linear(l, hay, start, ret_start, ret_end);
        work_left -= (size_t)(stop - start);
    }
}

/* ---- With holes
 * All places at once, a bit each (Baeza-Yates and Gonnet, "A new approach to text searching",
 * 1992): bit k says that the first k characters of the literal end here. */

/* Could a hole have this character? */
static bool fits_hole(uint32_t c)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return c >= 0x80 ? c != CHAR_SPACE_RUN
                     : is_letter || (c >= '0' && c <= '9') || c == '.' || c == '-' || c < ' ' ||
                           c == 0x7f;
}

bool literal_may_be_number(const literal *l)
{
    size_t n_points = 0;
    for (size_t i = 0; i < l->n_chars; i++) {
        n_points += l->chars[i] == '.';
        if (l->chars[i] != '.' && (l->chars[i] < '0' || l->chars[i] > '9'))
            return false;
    }
    return n_points <= 1;
}

bool literal_is_word(const literal *l)
{
    for (size_t i = 0; i < l->n_chars; i++)
        if (!is_of_word(l->chars[i]))
            return false;
    return true;
}

size_t literal_put(const literal *l, uint8_t *to, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_chars && max - n >= AL_CHAR_BYTES_MAX; i++)
        n += al_char_put(l->chars[i] == CHAR_SPACE_RUN ? ' ' : l->chars[i], to + n);
    return n;
}

size_t literal_chars(const literal *l)
{
    return l->n_chars;
}

bool literal_has(const literal *l, uint32_t c)
{
    for (size_t i = 0; i < l->n_chars; i++)
        if (l->chars[i] == c)
            return true;
    return false;
}

bool literal_fits_hole(const literal *l)
{
    for (size_t i = 0; i < l->n_chars; i++)
        if (!fits_hole(l->chars[i]))
            return false;
    return true;
}

void literal_holes_make(literal_holes *ret, const literal *l)
{
    size_t n = l->n_chars < HOLES_CHARS_MAX ? l->n_chars : HOLES_CHARS_MAX;
    *ret = (literal_holes){
        .l = l, .goal = UINT64_C(1) << n, .begins_at = UINT64_MAX, .ends_at = UINT64_MAX};
    ret->is_certain = n == l->n_chars && !l->starts_bad;
    for (size_t k = 0; k < n; k++) {
        ret->fits |= (uint64_t)fits_hole(l->chars[k]) << k;
        if (l->chars[k] < AL_COUNT(ret->places))
            ret->places[l->chars[k]] |= UINT64_C(1) << k;
    }
    for (unsigned byte = 0; byte < AL_COUNT(ret->begins); byte++) {
        uint32_t c = l->ignores_case && byte - 'A' < 26 ? byte | 0x20 : byte;
        ret->begins[byte] = byte >= 0x80 || ret->places[c] & 1;
    }
}

/* Where word `i` stands; {0, 0} when it is none of the first HOLES_CHARS_MAX characters. */
static void word_at(const literal *l, size_t i, size_t *ret_from, size_t *ret_to)
{
    *ret_from = *ret_to = 0;
    size_t from = 0;
    for (size_t k = 0; k <= l->n_chars && k <= HOLES_CHARS_MAX; k++) {
        if (k < l->n_chars && is_of_word(l->chars[k]))
            continue;
        if (k > from && i-- == 0) {
            *ret_from = from;
            *ret_to = k;
            return;
        }
        from = k + 1;
    }
}

static uint64_t with_bit(uint64_t bits, size_t at, bool is_set)
{
    uint64_t bit = UINT64_C(1) << at;
    return is_set ? bits | bit : bits & ~bit;
}

void literal_holes_begin(literal_holes *h, size_t i, bool may)
{
    size_t from;
    size_t to;
    word_at(h->l, i, &from, &to);
    if (to)
        h->begins_at = with_bit(h->begins_at, from, may);
}

void literal_holes_end(literal_holes *h, size_t i, bool may)
{
    size_t from;
    size_t to;
    word_at(h->l, i, &from, &to);
    if (to)
        h->ends_at = with_bit(h->ends_at, to, may);
}

void literal_holes_of_words(literal_holes *h)
{
    h->begins_at = 0;
    h->ends_at = 0;
    for (size_t i = 0; i < h->l->n_words; i++) {
        literal_holes_begin(h, i, true);
        literal_holes_end(h, i, true);
    }
    if (h->l->n_chars > HOLES_CHARS_MAX) /* what is behind them is not looked at */
        h->begins_at = h->ends_at = UINT64_MAX;
}

bool literal_holes_need_word(const literal_holes *h)
{
    for (size_t i = 0; i < h->l->n_words; i++) {
        size_t from;
        size_t to;
        word_at(h->l, i, &from, &to);
        if (to == 0 || h->begins_at >> from & 1 || h->ends_at >> to & 1)
            continue;
        /* With what is beside it in the same hole, it might be in its middle. */
        bool is_inner = (from && h->fits >> (from - 1) & 1) || h->fits >> to & 1;
        if (!is_inner)
            return true;
    }
    return false;
}

static uint64_t places_of(const literal_holes *h, uint32_t c)
{
    if (c < AL_COUNT(h->places))
        return h->places[c];
    uint64_t places = 0;
    for (size_t k = 0; UINT64_C(1) << k < h->goal; k++)
        places |= (uint64_t)(h->l->chars[k] == c) << k;
    return places;
}

/* One character more in a hole, and as many behind it as fit. */
static uint64_t through_hole(const literal_holes *h, uint64_t at)
{
    uint64_t all = 0;
    while (at) {
        at = (at & h->fits) << 1 & ~all;
        all |= at;
    }
    return all;
}

/* Who knows more about single holes. */
typedef struct asked_holes {
    hole_fn *may; /* NULL: nobody */
    void *ctx;
    uint32_t hole; /* the next one */
} asked_holes;

/* Of the words that some hole may begin (end) with, those that this one may. */
static uint64_t ask_hole(const literal_holes *h, uint64_t at, bool ends, const asked_holes *a)
{
    for (size_t i = 0; a->may && at && i < h->l->n_words; i++) {
        size_t from;
        size_t to;
        word_at(h->l, i, &from, &to);
        uint64_t bit = UINT64_C(1) << (ends ? to : from);
        if (to && at & bit && !a->may(a->ctx, a->hole, i, ends))
            at &= ~bit;
    }
    return at;
}

static holes_say in_holes(const literal_holes *h, al_slice text, uint8_t mark, asked_holes *a)
{
    if (h->goal == 1)
        return HOLES_ALWAYS;
    /* All of it in one hole is not asked here; of a longer literal the bits are a part, which may
     * stand in one hole while the rest is behind that. */
    const uint64_t begun = through_hole(h, 1);
    const uint64_t inside = begun & h->ends_at & ~h->goal;
    const uint64_t part = h->l->n_chars > HOLES_CHARS_MAX ? begun & h->goal : 0;
    uint64_t plain = 1; /* only known text before it */
    uint64_t mixed = 0; /* a hole had some of it */
    uint64_t seen = 0;
    const uint8_t *end = text.ptr + text.len;
    for (const uint8_t *p = text.ptr; p < end;) {
        if (plain == 1 && mixed == 0) { /* nothing was begun */
            while (p < end && !h->begins[*p] && *p != mark)
                p++;
            if (p == end)
                break;
        }
        if (*p == mark) {
            mixed = ((plain & ~UINT64_C(1)) | mixed) & h->begins_at;
            mixed = through_hole(h, ask_hole(h, mixed, false, a));
            mixed &= h->ends_at | h->goal;
            seen |= (mixed & h->goal) | part;
            mixed = ask_hole(h, (mixed | inside) & ~h->goal, true, a);
            plain = 1;
            p++;
            a->hole++;
            continue;
        }
        uint32_t c = 0;
        p = take_char(h->l, p, end, &c);
        uint64_t places = places_of(h, c);
        plain = (plain & places) << 1 | 1;
        mixed = (mixed & places) << 1;
        if (plain & h->goal && h->is_certain)
            return HOLES_ALWAYS;
        seen |= plain | mixed;
    }
    return seen & h->goal ? HOLES_MAYBE : HOLES_NEVER;
}

holes_say literal_in_holes(const literal_holes *h, al_slice text, uint8_t mark)
{
    asked_holes nobody = {0};
    return in_holes(h, text, mark, &nobody);
}

holes_say literal_in_known_holes(const literal_holes *h, al_slice text, uint8_t mark, hole_fn *may,
                                 void *ctx)
{
    asked_holes a = {.may = may, .ctx = ctx};
    return in_holes(h, text, mark, &a);
}
