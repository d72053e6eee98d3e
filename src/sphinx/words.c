/* Words of a text that stand whole wherever the text stands.
 * Why: a query finds text inside words, Sphinx finds words. Of `nection refused by pe` only
 * `refused by` are sure to be words of whatever contains it.
 * How: the text is cut as Sphinx cuts (charset.h). Words that separators of the text itself enclose
 * are sure; those that follow each other become a phrase, since separators take no position and
 * words shorter than min_word_len do (searchd 2.2.11 with overshort_step 1, the default).
 * Two things end a phrase: a letter that Sphinx and our folding see differently, and in JSON white
 * space that is free, or escaped: behind `\n` stands what Sphinx reads as the word `nrefused`, and
 * a tab after it is a word `t`. There the word is asked for in each spelling that it may have got.
 * Behind a word no escape matters: it begins with a backslash, which separates.
 * With min_infix_len the words that the text begins or ends inside of are asked for by `*part` and
 * `part*`; in JSON `*word` then also finds those with an escape before them. A star before a word
 * stands only at a phrase's beginning: elsewhere searchd 2.2.11 finds nothing.
 * A word shorter than min_word_len may stand inside of a phrase (as a place that any short word
 * takes), never at its ends. */
#include "sphinx/words.h"

#include <assert.h>

#include "base/fold.h"
#include "query/literal.h"
#include "record/json.h"
#include "sphinx/sql_text.h"

enum {
    ESCAPED_CHARS_MAX = 36, /* of a word: with the letters of an escape before it it is not cut */
    PART_CHARS_MAX = 40,    /* Sphinx cuts `*part*` off, too, its stars counted */
    WORDS_MAX = 64,         /* of one text: further ones hardly find less */
    PREFIX_BYTES_MAX = 6,
};

/* What is between a word and the one before, as to the spelling of the word in JSON. */
typedef enum gap {
    GAP_PLAIN,   /* characters that stand for themselves, or behind a backslash */
    GAP_FREE,    /* ends with any white space */
    GAP_CONTROL, /* ends with a control character */
    GAP_UNKNOWN, /* ends with something that may be spelled in several ways */
} gap;

typedef struct word {
    uint32_t from; /* into chars */
    uint32_t to;
    bool is_sure;     /* it is spelled as in `chars`, but for what is open */
    bool opens_left;  /* it may be the end of a word, or have an escape before it */
    bool opens_right; /* it may be the beginning of one */
    bool joins;       /* nothing but separators is between it and the word before */
    gap before;
    uint8_t control; /* GAP_CONTROL */
} word;

typedef struct cutting {
    const words_text *t;
    words_place place;
    const words_index *ix;
    bool looks_inside;
    uint32_t *chars; /* as in words; 0 separates */
    size_t n_chars;
    word *words;
    size_t n_words;
    word next; /* what is known of the one that is to come */
    al_buf *out;
    size_t n_put;
} cutting;

static bool is_json(const cutting *c)
{
    return c->place != WORDS_PLAIN;
}

/* A separator: what it says about the word that follows. */
static void note_gap(cutting *c, uint32_t ch, uint8_t byte)
{
    word *w = &c->next;
    bool is_free = c->t->frees_space && ch < 0x80 && query_is_space(byte);
    bool is_foreign = c->place == WORDS_JSON_ASCII && ch > '~';
    w->before = is_free                 ? GAP_FREE
                : is_foreign || ch == 0 ? GAP_UNKNOWN
                : ch < ' '              ? GAP_CONTROL
                                        : GAP_PLAIN;
    w->control = byte;
    w->joins = w->joins && (!is_json(c) || w->before == GAP_PLAIN);
}

/* May the characters of the word have been spelled otherwise in the column? */
static bool is_respelled(const cutting *c, al_slice bytes)
{
    if (c->place != WORDS_JSON_ASCII)
        return false;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] >= 0x80)
            return true;
    /* Old ALCO gives back 1.5 as 1.500000, which no text field's string does. */
    uint8_t first = bytes.ptr[0];
    return !c->t->is_whole && ((first >= '0' && first <= '9') || first == '-' || first == '.');
}

/* Can parts of words of so many characters be looked up? */
static bool finds_part(const words_index *ix, size_t n)
{
    return ix->min_infix_len && n >= ix->min_infix_len && n >= ix->min_word_len;
}

static void end_word(cutting *c, size_t from_byte, size_t to_byte, bool is_at_end)
{
    word *w = &c->next;
    w->to = (uint32_t)c->n_chars;
    size_t n = w->to - w->from;
    if (n == 0)
        return;
    al_slice bytes = al_slice_sub(c->t->text, from_byte, to_byte);
    w->opens_left = from_byte == 0 && !c->t->is_whole;
    w->opens_right = is_at_end && !c->t->is_whole;
    bool is_part = w->opens_left || w->opens_right;
    w->is_sure = !is_respelled(c, bytes) && (!is_part || (c->looks_inside && finds_part(c->ix, n)));
    for (uint32_t i = w->from; i < w->to; i++)
        w->is_sure &= c->chars[i] != CHARSET_ODD;
    c->words[c->n_words++] = *w;
    *w = (word){.from = w->to, .joins = true};
}

static void cut(cutting *c)
{
    c->next.joins = true;
    if (c->t->text.len == 0)
        return;
    const uint8_t *begin = c->t->text.ptr;
    const uint8_t *end = begin + c->t->text.len;
    const uint8_t *word_at = begin;
    size_t len = 0;
    for (const uint8_t *p = begin; p < end; p += len) {
        uint32_t ch = al_char_at(p, end, &len);
        uint32_t is = charset_of(c->ix->cs, ch, c->t->ignores_case);
        if (is) {
            c->chars[c->n_chars++] = is;
            continue;
        }
        end_word(c, (size_t)(word_at - begin), (size_t)(p - begin), false);
        note_gap(c, ch, *p);
        word_at = p + len;
    }
    end_word(c, (size_t)(word_at - begin), c->t->text.len, true);
}

static bool is_indexed(const cutting *c, const word *w)
{
    return w->to - w->from >= c->ix->min_word_len;
}

static void put_word(cutting *c, const word *w, al_slice prefix)
{
    uint8_t text[PREFIX_BYTES_MAX + WORDS_CUT_CHARS * AL_CHAR_BYTES_MAX];
    bool is_short = (w->opens_left || w->opens_right) && w->to - w->from > PART_CHARS_MAX;
    uint32_t to = w->from + (is_short ? PART_CHARS_MAX : WORDS_CUT_CHARS);
    size_t n = 0;
    assert(prefix.len <= PREFIX_BYTES_MAX);
    al_buf_str(c->out, w->opens_left ? "*" : "");
    for (; n < prefix.len; n++)
        text[n] = prefix.ptr[n];
    for (uint32_t i = w->from; i < w->to && i < to; i++)
        n += al_char_put(c->chars[i], text + n);
    sql_put_word(c->out, (al_slice){text, n});
    al_buf_str(c->out, w->opens_right || is_short ? "*" : "");
    c->n_put++;
}

static void put_phrase(cutting *c, size_t from, size_t to, al_slice prefix)
{
    al_buf_u8(c->out, '"');
    for (size_t i = from; i < to; i++) {
        al_buf_str(c->out, i > from ? " " : "");
        put_word(c, &c->words[i], i > from ? (al_slice){0} : prefix);
    }
    al_buf_u8(c->out, '"');
}

/* The phrase in each spelling that its first word may have. */
static void put_spellings(cutting *c, size_t from, size_t to)
{
    static const uint8_t spaces[] = "\n\t\r\f\v";
    word *w = &c->words[from];
    bool is_free = w->before == GAP_FREE;
    bool is_escaped = is_json(c) && (is_free || w->before == GAP_CONTROL);
    size_t n = w->to - w->from;
    bool is_kept = n <= ESCAPED_CHARS_MAX || w->opens_right; /* else it is among the pieces */
    w->opens_left |= is_escaped && is_kept && finds_part(c->ix, n);
    if (!is_escaped || w->opens_left) {
        put_phrase(c, from, to, (al_slice){0});
        return;
    }
    const uint8_t *controls = is_free ? spaces : &w->control;
    bool has_plain = is_free || c->place == WORDS_EITHER;
    al_buf_u8(c->out, '(');
    if (has_plain)
        put_phrase(c, from, to, (al_slice){0});
    for (size_t i = 0; i < (is_free ? sizeof spaces - 1 : 1); i++) {
        uint8_t escape[PREFIX_BYTES_MAX];
        size_t n_escape = json_escape(escape, controls[i]);
        al_buf_str(c->out, i || has_plain ? " | " : "");
        put_phrase(c, from, to, (al_slice){escape + 1, n_escape - 1}); /* without its backslash */
    }
    al_buf_u8(c->out, ')');
}

/* Words from..to follow each other. */
static void put_run(cutting *c, size_t from, size_t to)
{
    if (to - from > WORDS_MAX)
        to = from + WORDS_MAX;
    if (from < to && is_json(c) && c->words[from].before == GAP_UNKNOWN)
        from++;
    while (from < to && !is_indexed(c, &c->words[from]))
        from++;
    while (to > from && !is_indexed(c, &c->words[to - 1]))
        to--;
    if (from == to || c->n_put >= WORDS_MAX)
        return;
    al_buf_str(c->out, c->n_put ? " " : "(");
    put_spellings(c, from, to);
}

/* False without memory. */
static bool prepare(cutting *c, al_arena *arena)
{
    c->chars = al_arena_alloc(arena, c->t->text.len, sizeof *c->chars);
    c->words = al_arena_alloc(arena, c->t->text.len / 2 + 1, sizeof *c->words);
    if (!c->chars || !c->words) {
        al_buf_fail(c->out, AL_NOMEM);
        return false;
    }
    cut(c);
    return true;
}

static bool is_long(const word *w)
{
    return w->to - w->from > WORDS_CUT_CHARS;
}

static bool is_part(const word *w)
{
    return w->is_sure && (w->opens_left || w->opens_right);
}

/* A word that is cut off holds no end of ours. */
static bool may_stand(const word *w)
{
    return w->is_sure && !(is_part(w) && is_long(w));
}

size_t words_put(const words_text *t, words_place place, const words_index *ix, bool looks_inside,
                 al_arena *arena, al_buf *out)
{
    cutting c = {.t = t, .place = place, .ix = ix, .looks_inside = looks_inside, .out = out};
    if (!prepare(&c, arena))
        return 0;
    for (size_t from = 0, to = 0; from < c.n_words; from = to) {
        for (to = from; to < c.n_words && may_stand(&c.words[to]); to++)
            if (to > from && !c.words[to].joins)
                break;
        put_run(&c, from, to);
        to += to == from; /* one that is not sure */
    }
    if (c.n_put)
        al_buf_u8(out, ')');
    return c.n_put;
}

/* ---- Words that are too long
 * Sphinx keeps the first 42 characters of a word. What stands behind them is found in a column with
 * pieces of these words: two pieces that follow each other have 20 characters in common, so that 21
 * in a row are in one of them. */

bool words_put_parts(const words_text *t, const words_index *ix, bool is_sure, al_arena *arena,
                     al_buf *out)
{
    cutting c = {.t = t, .place = WORDS_PLAIN, .ix = ix, .looks_inside = true, .out = out};
    if (!prepare(&c, arena))
        return false;
    for (size_t i = 0; i < c.n_words; i++) {
        word part = c.words[i];
        if (!is_part(&part) || (is_sure && !is_long(&part)))
            continue;
        part.opens_left = part.opens_right = true;
        if (part.to - part.from > WORDS_PIECE_CHARS)
            part.to = part.from + WORDS_PIECE_CHARS;
        al_buf_str(out, !c.n_put ? "(\"" : is_sure ? " \"" : " | \"");
        put_word(&c, &part, (al_slice){0});
        al_buf_u8(out, '"');
    }
    if (c.n_put)
        al_buf_u8(out, ')');
    return c.n_put > 0;
}

void words_put_pieces(al_slice text, const charset *cs, al_buf *out)
{
    enum { STEP = WORDS_CUT_CHARS - WORDS_PIECE_CHARS + 1 };
    if (text.len == 0)
        return;
    const uint8_t *end = text.ptr + text.len;
    const uint8_t *piece = text.ptr; /* the one under way: n characters so far */
    const uint8_t *next = text.ptr;  /* where the one behind it begins */
    size_t n = 0;
    bool is_cut = false; /* it is not the word's first */
    size_t len = 0;
    for (const uint8_t *p = text.ptr; p <= end; p += len) {
        bool is_in = p < end && charset_of(cs, al_char_at(p, end, &len), false);
        if (is_in ? n == WORDS_CUT_CHARS : is_cut) {
            al_buf_put(out, piece, (size_t)(p - piece));
            al_buf_u8(out, ' ');
            piece = next;
            n -= is_in ? STEP : 0;
            is_cut = true;
        }
        if (!is_in) {
            n = 0;
            is_cut = false;
            len = p < end ? len : 1;
            continue;
        }
        piece = n == 0 ? p : piece;
        next = n == STEP ? p : next;
        n++;
    }
}
