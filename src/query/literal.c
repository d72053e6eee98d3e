/* Literal search.
 * Shape: the text becomes an array of characters (folded when case is ignored); a run of white
 * space that may match any run is one special character. Comparing walks both sides character by
 * character, so that a match begins and ends between characters and folding may change lengths in
 * bytes (k is 1 byte, the Kelvin sign that folds to it is 3).
 * Speed: few places are compared at all. As long as all spellings of the characters before it have
 * the same length, a byte of the text stands at a known distance from the start of a match; the one
 * such byte that is rarest in logs is the anchor, found with memchr (one per spelling of it).
 * Nothing is allocated while searching. */
#include "query/literal.h"

#include <assert.h>
#include <string.h>

#include "base/fold.h"

enum {
    CHAR_SPACE_RUN = AL_CHAR_BAD + 0x100, /* any run of white space */
    ANCHOR_BYTES_MAX = 3,                 /* more spellings: a table instead of memchr */
    ANCHOR_OFFSET_MAX = 64,               /* bytes of a text that are considered */
};

struct literal {
    const uint32_t *chars;
    size_t n_chars;
    bool ignores_case;
    bool starts_bad; /* with a byte that could stand inside a character */
    size_t anchor_offset;
    uint8_t anchor[ANCHOR_BYTES_MAX];
    unsigned n_anchor; /* 0: is_anchor */
    bool is_anchor[256];
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
    unsigned best = 0;
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
            if (best == 0 || set.weight < best) {
                best = set.weight;
                take_anchor(l, &set, offset + k);
            }
        }
        if (!is_fixed)
            return;
        offset += s.lens[0];
    }
}

const literal *literal_new(al_arena *arena, al_slice text, bool ignores_case, bool frees_space)
{
    literal *l = al_arena_alloc(arena, 1, sizeof *l);
    uint32_t *chars = al_arena_alloc(arena, text.len, sizeof *chars);
    if (!l || !chars)
        return NULL;
    *l = (literal){.chars = chars, .ignores_case = ignores_case};
    const uint8_t *end = text.ptr + text.len;
    size_t len = 0;
    for (const uint8_t *p = text.ptr; p < end; p += len) {
        uint32_t c = al_char_at(p, end, &len);
        if (frees_space && query_is_space(*p))
            c = CHAR_SPACE_RUN;
        if (c == CHAR_SPACE_RUN && l->n_chars && chars[l->n_chars - 1] == CHAR_SPACE_RUN)
            continue;
        chars[l->n_chars++] = ignores_case && c < AL_CHAR_BAD ? al_fold(c) : c;
    }
    if (l->n_chars) {
        assert(chars[0] != CHAR_SPACE_RUN);
        l->starts_bad = chars[0] >= AL_CHAR_BAD;
        choose_anchor(l);
    }
    return l;
}

/* Does it stand at p? Returns its end, or NULL. */
static const uint8_t *match_at(const literal *l, const uint8_t *p, const uint8_t *end)
{
    for (size_t i = 0; i < l->n_chars; i++) {
        if (p == end)
            return NULL;
        uint32_t want = l->chars[i];
        if (want == CHAR_SPACE_RUN) {
            if (!query_is_space(*p))
                return NULL;
            while (p < end && query_is_space(*p))
                p++;
            continue;
        }
        uint32_t c = *p;
        size_t len = 1;
        if (c >= 0x80)
            c = al_char_at(p, end, &len);
        if (c != want && (!l->ignores_case || al_fold(c) != want))
            return NULL;
        p += len;
    }
    return p;
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

bool literal_find(const literal *l, al_slice hay, size_t from, size_t *ret_start, size_t *ret_end)
{
    assert(from <= hay.len);
    if (l->n_chars == 0) {
        *ret_start = *ret_end = from;
        return true;
    }
    if (hay.len - from <= l->anchor_offset)
        return false;
    const uint8_t *end = hay.ptr + hay.len;
    const uint8_t *p = hay.ptr + from + l->anchor_offset;
    anchor_scan scan = {0};
    for (;; p++) {
        p = next_anchor(l, &scan, p, end);
        if (p >= end)
            return false;
        const uint8_t *start = p - l->anchor_offset;
        const uint8_t *stop = match_at(l, start, end);
        if (!stop || (l->starts_bad && !is_between_chars(hay.ptr, start, end)))
            continue;
        *ret_start = (size_t)(start - hay.ptr);
        *ret_end = (size_t)(stop - hay.ptr);
        return true;
    }
}
