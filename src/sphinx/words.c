/* Words of a text that stand whole wherever the text stands.
 * Why: a query finds text inside words, Sphinx finds words. Of `nection refused by pe` only
 * `refused by` are sure to be words of whatever contains it.
 * How: the text is cut as Sphinx cuts (charset.h). Words that separators of the text itself enclose
 * are sure; those that follow each other become a phrase, since separators take no position and
 * words shorter than min_word_len do (searchd 2.2.11 with overshort_step 1, the default).
 * Three things end a phrase: a letter that Sphinx and our folding see differently; a word so long
 * that Sphinx cuts it off (42 characters); and in JSON white space that is free, or escaped: behind
 * `\n` stands what Sphinx reads as the word `nrefused`, and a tab after it is a word `t`. There the
 * word is asked for in each spelling that it may have got. Behind the phrase's end no escape
 * matters: it begins with a backslash, which separates.
 * A word shorter than min_word_len may stand inside of a phrase (as a place that any short word
 * takes), never at its ends. */
#include "sphinx/words.h"

#include <assert.h>

#include "base/fold.h"
#include "query/literal.h"
#include "record/json.h"
#include "sphinx/sql_text.h"

enum {
    WORD_CHARS_MAX = 36, /* with the letters of an escape before it not cut off */
    WORDS_MAX = 64,      /* of one text: further ones hardly find less */
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
    bool is_sure;   /* it is a whole word, and spelled as it is in words_of */
    bool joins;     /* nothing but separators is between it and the word before */
    gap before;
    uint8_t control; /* GAP_CONTROL */
} word;

typedef struct cutting {
    const words_text *t;
    words_place place;
    const charset *cs;
    uint32_t min_word_len;
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
    w->before = is_free               ? GAP_FREE
                : is_foreign || ch == 0 ? GAP_UNKNOWN
                : ch < ' '            ? GAP_CONTROL
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

static void end_word(cutting *c, size_t from_byte, size_t to_byte, bool is_at_end)
{
    word *w = &c->next;
    w->to = (uint32_t)c->n_chars;
    if (w->to == w->from)
        return;
    al_slice bytes = al_slice_sub(c->t->text, from_byte, to_byte);
    bool is_inside = from_byte > 0 && !is_at_end;
    w->is_sure = (is_inside || c->t->is_whole) && w->to - w->from <= WORD_CHARS_MAX &&
                 !is_respelled(c, bytes);
    for (uint32_t i = w->from; i < w->to; i++)
        w->is_sure &= c->chars[i] != CHARSET_ODD;
    c->words[c->n_words++] = *w;
    *w = (word){.from = w->to, .joins = true};
}

static void cut(cutting *c)
{
    const uint8_t *begin = c->t->text.ptr;
    const uint8_t *end = begin + c->t->text.len;
    const uint8_t *word_at = begin;
    size_t len = 0;
    c->next.joins = true;
    for (const uint8_t *p = begin; p < end; p += len) {
        uint32_t ch = al_char_at(p, end, &len);
        uint32_t is = charset_of(c->cs, ch, c->t->ignores_case);
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
    return w->to - w->from >= c->min_word_len;
}

static void put_word(cutting *c, const word *w, al_slice prefix)
{
    uint8_t text[PREFIX_BYTES_MAX + WORD_CHARS_MAX * AL_CHAR_BYTES_MAX];
    size_t n = 0;
    assert(prefix.len <= PREFIX_BYTES_MAX);
    for (; n < prefix.len; n++)
        text[n] = prefix.ptr[n];
    for (uint32_t i = w->from; i < w->to; i++)
        n += al_char_put(c->chars[i], text + n);
    sql_put_match_word(c->out, (al_slice){text, n});
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
    const word *w = &c->words[from];
    bool is_free = w->before == GAP_FREE;
    bool is_escaped = is_json(c) && (is_free || w->before == GAP_CONTROL);
    if (!is_escaped) {
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
        size_t n = json_escape(escape, controls[i]);
        al_buf_str(c->out, i || has_plain ? " | " : "");
        put_phrase(c, from, to, (al_slice){escape + 1, n - 1}); /* without its backslash */
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

size_t words_put(const words_text *t, words_place place, const charset *cs, uint32_t min_word_len,
                 al_arena *arena, al_buf *out)
{
    cutting c = {.t = t, .place = place, .cs = cs, .min_word_len = min_word_len, .out = out};
    c.chars = al_arena_alloc(arena, t->text.len, sizeof *c.chars);
    c.words = al_arena_alloc(arena, t->text.len / 2 + 1, sizeof *c.words);
    if (!c.chars || !c.words) {
        al_buf_fail(out, AL_NOMEM);
        return 0;
    }
    cut(&c);
    for (size_t from = 0, to = 0; from < c.n_words; from = to) {
        for (to = from; to < c.n_words && c.words[to].is_sure; to++)
            if (to > from && !c.words[to].joins)
                break;
        put_run(&c, from, to);
        to += to == from; /* one that is not sure */
    }
    if (c.n_put)
        al_buf_u8(out, ')');
    return c.n_put;
}
