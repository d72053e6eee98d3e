/* MATCH as plain code. Words take positions one by one, short ones too; a word is cut off behind 42
 * characters; a phrase holds where its words stand at their distances (searchd 2.2.11). */
#include "support/sphinx_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fold.h"

enum { WORD_CHARS_MAX = 42, PHRASE_WORDS_MAX = 128 };

uint32_t sphinx_char_old(uint32_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
        (c && c < 0x80 && strchr("_-.", (int)c)))
        return c;
    if ((c >= 'A' && c <= 'Z') || (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c == 0x401)
        return 0x451;
    return (c >= 0x430 && c <= 0x44f) || c == 0x451 ? c : 0;
}

uint32_t sphinx_char_ours(uint32_t c)
{
    switch (c) {
    case '_':
    case '-':
    case '.':
        return 0;
    case 0x17f:
        return 's';
    case 0x212a:
        return 'k';
    case 0x1c80:
        return 0x432;
    case 0x1c81:
        return 0x434;
    case 0x1c82:
        return 0x43e;
    case 0x1c83:
        return 0x441;
    case 0x1c84:
    case 0x1c85:
        return 0x442;
    case 0x1c86:
        return 0x44a;
    default:
        return sphinx_char_old(c);
    }
}

typedef struct word {
    uint32_t chars[WORD_CHARS_MAX];
    size_t n;
    bool opens_left; /* in a phrase: *word */
    bool opens_right;
} word;

/* The word at or behind *at; false: there is none. */
static bool next_word(const sphinx_words *w, al_slice text, size_t *at, word *ret)
{
    size_t len = 0;
    bool is_in = false;
    ret->n = 0;
    for (; *at < text.len; *at += len) {
        uint32_t c = w->char_of(al_char_at(text.ptr + *at, text.ptr + text.len, &len));
        if (!c && is_in)
            return true;
        is_in = c != 0;
        if (c && ret->n < WORD_CHARS_MAX)
            ret->chars[ret->n++] = c;
    }
    return is_in;
}

static bool same(const sphinx_words *w, const word *asked, const word *here)
{
    size_t size = asked->n * sizeof *asked->chars;
    if (asked->n > here->n)
        return false;
    if (!asked->opens_left && !asked->opens_right)
        return asked->n == here->n && memcmp(asked->chars, here->chars, size) == 0;
    if (!w->min_infix_len || asked->n < w->min_infix_len || here->n < w->min_word_len)
        return false;
    size_t last = here->n - asked->n;
    size_t from = asked->opens_right ? 0 : last;
    for (size_t i = from; i <= (asked->opens_left ? last : 0); i++)
        if (memcmp(asked->chars, here->chars + i, size) == 0)
            return true;
    return false;
}

static bool phrase_at(const sphinx_words *w, const word *words, size_t n, al_slice text, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        word here;
        if (!next_word(w, text, &at, &here))
            return false;
        bool is_place = words[i].n < w->min_word_len; /* of any word */
        if (!is_place && !same(w, &words[i], &here))
            return false;
    }
    return true;
}

static bool phrase_stands(const sphinx_words *w, const word *words, size_t n, al_slice text)
{
    word passed;
    for (size_t at = 0; at < text.len;) {
        if (phrase_at(w, words, n, text, at))
            return true;
        if (!next_word(w, text, &at, &passed))
            break;
    }
    return false;
}

typedef struct reading {
    al_slice s;
    size_t at;
    const sphinx_words *w;
    const sphinx_column *columns;
    size_t n;
} reading;

static void refuse(const reading *r, const char *why)
{
    (void)fprintf(stderr, "MATCH: %s at byte %zu of %.*s\n", why, r->at, (int)r->s.len,
                  (const char *)r->s.ptr);
    abort();
}

static uint8_t peek(const reading *r)
{
    return r->at < r->s.len ? r->s.ptr[r->at] : 0;
}

static void pass(reading *r, uint8_t c)
{
    if (peek(r) != c)
        refuse(r, "an unexpected character");
    r->at++;
}

static bool one_of(reading *r, al_slice column);

/* "…", in which a backslash escapes. */
static bool phrase(reading *r, al_slice column)
{
    word words[PHRASE_WORDS_MAX];
    uint8_t text[8192];
    size_t len = 0;
    pass(r, '"');
    for (; peek(r) != '"'; r->at++) {
        if (peek(r) == '\\')
            r->at++;
        if (!peek(r) || len == sizeof text)
            refuse(r, "a phrase without its end");
        text[len++] = peek(r);
    }
    pass(r, '"');
    size_t n = 0;
    for (size_t from = 0, to = 0; from < len && n < PHRASE_WORDS_MAX; from = to + 1, n++) {
        size_t at = 0;
        to = al_slice_find((al_slice){text, len}, ' ', from);
        al_slice item = al_slice_sub((al_slice){text, len}, from, to);
        bool opens_left = al_slice_starts(item, AL_LIT("*"));
        bool opens_right = al_slice_ends(item, AL_LIT("*"));
        item = al_slice_sub(item, opens_left, item.len - opens_right);
        if (!next_word(r->w, item, &at, &words[n]) || next_word(r->w, item, &at, &(word){0}))
            refuse(r, "not one word");
        if ((opens_left || opens_right) && words[n].n + opens_left + opens_right > WORD_CHARS_MAX)
            refuse(r, "a part that Sphinx cuts off");
        if (opens_left && n)
            refuse(r, "a star that Sphinx does not understand");
        words[n].opens_left = opens_left;
        words[n].opens_right = opens_right;
    }
    if (!n || words[0].n < r->w->min_word_len || words[n - 1].n < r->w->min_word_len)
        refuse(r, "a phrase with a short word at its end");
    for (size_t i = 0; i < r->n; i++)
        if (al_slice_eq(r->columns[i].name, column))
            return phrase_stands(r->w, words, n, r->columns[i].text);
    refuse(r, "no such column before a phrase");
    return false;
}

static bool term(reading *r, al_slice column)
{
    if (peek(r) == '"')
        return phrase(r, column);
    pass(r, '(');
    if (peek(r) == '@') {
        size_t from = ++r->at;
        r->at = al_slice_find(r->s, ' ', from);
        column = al_slice_sub(r->s, from, r->at);
        pass(r, ' ');
    }
    bool holds = one_of(r, column);
    pass(r, ')');
    return holds;
}

static bool all_of(reading *r, al_slice column)
{
    bool holds = term(r, column);
    while (peek(r) == ' ' && r->at + 1 < r->s.len && r->s.ptr[r->at + 1] != '|') {
        r->at++;
        bool next = term(r, column);
        holds = holds && next;
    }
    return holds;
}

static bool one_of(reading *r, al_slice column)
{
    bool holds = all_of(r, column);
    while (peek(r) == ' ') {
        pass(r, ' ');
        pass(r, '|');
        pass(r, ' ');
        bool next = all_of(r, column);
        holds = holds || next;
    }
    return holds;
}

bool sphinx_model_matches(al_slice expression, const sphinx_words *w, const sphinx_column *columns,
                          size_t n)
{
    reading r = {.s = expression, .w = w, .columns = columns, .n = n};
    bool holds = one_of(&r, (al_slice){0});
    if (r.at != r.s.len)
        refuse(&r, "something behind the end");
    return holds;
}
