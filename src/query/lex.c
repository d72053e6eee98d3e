/* Query text to tokens.
 * The language lives among pasted log lines, so nothing is special everywhere: almost every sign
 * means something only at the start of a term (at the beginning, behind white space, behind a
 * bracket that groups, behind NOT or a negating `-`) and only if what follows completes it:
 *   "..." ~"..." /.../ /.../i   the closing sign stands before white space, `)` or the end
 *   (...)                       the brackets are balanced and hold something
 *   -                           stands before a letter or one of " ( @ /
 *   AND OR NOT case:yes         stand before white space, a bracket or the end
 *   name=value and the like     the field is known, or the name is written with @, and the value
 *                               follows without a space; behind a plain name, a list that is none
 *                               because its bracket never closes is text
 * Everything else is text.
 * Brackets are paired by one pass over all tokens before the first one is handed out: `(` at the
 * start of a term may group, any other `(` is text; `)` belongs to the nearest open one of either
 * kind. A `(` that stays open, and a `)` that closes nothing, are text. That a bracket is text may
 * change how the word behind it is cut, so a pair found in the first pass may be text in the second
 * one: `((a)`. But once the second pass has opened a pair, it reads every token in it as the first
 * pass did (all brackets in it are paired too) and reaches its end. */
#include "query/lex.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/fold.h"
#include "base/mem.h"
#include "query/literal.h"

static const size_t NOWHERE = SIZE_MAX;

static bool has(const lexer *l, size_t at, char c)
{
    return at < l->text.len && l->text.ptr[at] == (uint8_t)c;
}

static bool is_space_at(const lexer *l, size_t at)
{
    return at < l->text.len && query_is_space(l->text.ptr[at]);
}

/* May a closing sign stand before this place? */
static bool is_term_end(const lexer *l, size_t at)
{
    return at >= l->text.len || is_space_at(l, at) || has(l, at, ')');
}

static size_t skip_space(const lexer *l, size_t at)
{
    while (is_space_at(l, at))
        at++;
    return at;
}

/* The first `sign` at or behind `at` without a backslash before it, or NOWHERE. */
static size_t unescaped(al_slice text, size_t at, char sign)
{
    for (; at < text.len; at++) {
        if (text.ptr[at] == '\\')
            at++;
        else if (text.ptr[at] == (uint8_t)sign)
            return at;
    }
    return NOWHERE;
}

/* ---- Brackets. In the first pass the stack holds where brackets were opened, times 2, plus 1 if
 * they may group; in the second one where the open groups end. */

static void push(lexer *l, size_t at, bool may_group)
{
    if (l->is_pairing)
        l->open[l->n_open++] = (uint32_t)(at * 2 + may_group);
}

static bool closes_group(const lexer *l, size_t at)
{
    if (!has(l, at, ')') || l->n_open == 0)
        return false;
    uint32_t top = l->open[l->n_open - 1];
    return l->is_pairing ? top & 1 : top == at;
}

/* As closes_group for the `)` at this place, which is read now: if it belongs to a bracket that is
 * text, the first pass is done with both. */
static bool take_closing(lexer *l, size_t at)
{
    if (closes_group(l, at))
        return true;
    if (l->is_pairing && l->n_open)
        l->n_open--;
    return false;
}

static bool is_opening(const lexer *l, size_t at)
{
    if (!has(l, at, '('))
        return false;
    return l->is_pairing ? !has(l, skip_space(l, at + 1), ')') : l->partner[at] != 0;
}

/* The end of bare text that starts at `at`: white space or a `)` that closes a group. */
static size_t word_end(lexer *l, size_t at)
{
    for (; at < l->text.len && !is_space_at(l, at); at++) {
        if (has(l, at, '('))
            push(l, at, false);
        else if (has(l, at, ')') && take_closing(l, at))
            break;
    }
    return at;
}

/* ---- Signs that come in pairs */

static token make(token_kind kind, size_t start, size_t end)
{
    return (token){.kind = kind, .start = start, .end = end};
}

static void set_body(const lexer *l, token *t, size_t from, size_t to)
{
    t->body = (al_slice){l->text.ptr + from, to - from};
    t->body_at = from;
}

/* "..." at `at`: fills body and end. */
static bool lex_quoted(const lexer *l, size_t at, token *t)
{
    if (!has(l, at, '"'))
        return false;
    size_t close = unescaped(l->text, at + 1, '"');
    if (close == NOWHERE || !is_term_end(l, close + 1))
        return false;
    set_body(l, t, at + 1, close);
    t->end = close + 1;
    return true;
}

/* Slash, pattern, slash and perhaps i: fills body, end and ignores_case. An empty one is text: a
 * comment. */
static bool lex_regex(const lexer *l, size_t at, token *t)
{
    if (!has(l, at, '/'))
        return false;
    size_t close = unescaped(l->text, at + 1, '/');
    if (close == NOWHERE || close == at + 1)
        return false;
    bool ignores_case = has(l, close + 1, 'i');
    if (!is_term_end(l, close + 1 + ignores_case))
        return false;
    set_body(l, t, at + 1, close);
    t->ignores_case = ignores_case;
    t->end = close + 1 + ignores_case;
    return true;
}

/* ---- Filters */

static bool is_name_byte(uint8_t c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           c == '_' || c == '.' || c == '-' || c == '/' || c == '@' || c == '$';
}

/* The operator at *at, stepped over. */
static bool lex_op(const lexer *l, size_t *at, filter_op *ret)
{
    static const struct {
        char text[3];
        filter_op op;
    } ops[] = {
        {"!=", FILTER_NOT_EQUAL}, {">=", FILTER_GREATER_EQUAL}, {"<=", FILTER_LESS_EQUAL},
        {"=", FILTER_EQUAL},      {":", FILTER_CONTAINS},       {"~", FILTER_REGEX},
        {">", FILTER_GREATER},    {"<", FILTER_LESS},
    };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        size_t len = strlen(ops[i].text);
        if (l->text.len - *at < len || memcmp(l->text.ptr + *at, ops[i].text, len) != 0)
            continue;
        *at += len;
        *ret = ops[i].op;
        return true;
    }
    return false;
}

static bool is_known(const lexer *l, al_slice name)
{
    return l->env && l->env->is_field && l->env->is_field(l->env->ctx, name);
}

/* The name of a filter at *at, stepped over. *ret_at_sign: it is written with @. */
static bool lex_name(const lexer *l, size_t *at, token *t, bool *ret_at_sign)
{
    size_t from = *at;
    *ret_at_sign = has(l, from, '@');
    from += *ret_at_sign;
    if (*ret_at_sign && has(l, from, '"')) {
        size_t close = unescaped(l->text, from + 1, '"');
        if (close == NOWHERE)
            return false;
        t->name = (al_slice){l->text.ptr + from + 1, close - from - 1};
        t->is_name_escaped = true;
        *at = close + 1;
        return true;
    }
    size_t to = from;
    while (to < l->text.len && is_name_byte(l->text.ptr[to]))
        to++;
    t->name = (al_slice){l->text.ptr + from, to - from};
    *at = to;
    return to > from && to - from <= REC_NAME_BYTES_MAX;
}

/* `@version=1` means the field `@version` where only that one is known. */
static void resolve_at_sign(const lexer *l, token *t)
{
    al_slice with_sign = {t->name.ptr - 1, t->name.len + 1};
    if (t->is_name_escaped || !is_known(l, with_sign) || is_known(l, t->name))
        return;
    t->name = with_sign;
}

static void lex_wrong(token *t, size_t at, const char *expected)
{
    t->expected = expected;
    t->wrong_at = at;
    t->end = at;
}

/* An element of a list at `at`, and the place behind it. */
static size_t scan_element(al_slice text, size_t at, al_slice *ret, bool *ret_quoted)
{
    size_t close = at < text.len && text.ptr[at] == '"' ? unescaped(text, at + 1, '"') : NOWHERE;
    *ret_quoted = close != NOWHERE;
    if (*ret_quoted) {
        *ret = (al_slice){text.ptr + at + 1, close - at - 1};
        return close + 1;
    }
    size_t to = at;
    while (to < text.len && text.ptr[to] != ',' && text.ptr[to] != ')' &&
           !query_is_space(text.ptr[to]))
        to++;
    *ret = (al_slice){text.ptr + at, to - at};
    return to;
}

/* Does this bracket close nowhere in the text? Then what lex_list did not like is no list. */
static bool stays_open(const lexer *l, size_t open, const token *t)
{
    return t->expected && (!l->is_closed[open] || t->wrong_at == l->text.len);
}

static void lex_list(const lexer *l, size_t at, token *t)
{
    size_t from = at + 1;
    for (at = from;; at++) {
        al_slice element;
        bool is_quoted = false;
        at = skip_space(l, at);
        size_t to = scan_element(l->text, at, &element, &is_quoted);
        if (to == at) {
            lex_wrong(t, at, "a value of the list");
            return;
        }
        at = skip_space(l, to);
        if (has(l, at, ')'))
            break;
        if (!has(l, at, ',')) {
            lex_wrong(t, at, "\",\" or \")\" behind a value of the list");
            return;
        }
    }
    t->value = VALUE_LIST;
    set_body(l, t, from, at);
    t->end = at + 1;
}

bool lex_element(al_slice body, size_t *at, al_slice *ret, bool *ret_quoted)
{
    size_t from = *at;
    if (from > body.len)
        return false;
    while (from < body.len && query_is_space(body.ptr[from]))
        from++;
    from = scan_element(body, from, ret, ret_quoted);
    while (from < body.len && query_is_space(body.ptr[from]))
        from++;
    assert(from == body.len || body.ptr[from] == ',');
    *at = from + 1;
    return true;
}

static bool takes_list(const token *t)
{
    return t->op == FILTER_EQUAL || t->op == FILTER_NOT_EQUAL;
}

static void lex_value(lexer *l, size_t at, token *t)
{
    bool is_equal = takes_list(t);
    if (t->op == FILTER_REGEX) {
        t->value = VALUE_REGEX;
        if (!lex_regex(l, at, t))
            lex_wrong(t, at, "a regular expression such as /re/ or /re/i, a slash in it as \\/");
    } else if (is_equal && has(l, at, '(')) {
        lex_list(l, at, t);
    } else if (lex_quoted(l, at, t)) {
        t->value = VALUE_QUOTED;
    } else {
        t->value = VALUE_BARE;
        t->end = word_end(l, at);
        set_body(l, t, at, t->end);
        if (is_equal && t->body.len == 1 && t->body.ptr[0] == '*')
            t->value = VALUE_ANY;
    }
}

/* A filter at `at`; false when it is text. */
static bool lex_filter(lexer *l, size_t at, token *t)
{
    *t = make(TOKEN_FILTER, at, at);
    bool has_at_sign = false;
    if (!lex_name(l, &at, t, &has_at_sign) || !lex_op(l, &at, &t->op) || is_space_at(l, at))
        return false;
    if (has_at_sign)
        resolve_at_sign(l, t);
    else if (!is_known(l, t->name))
        return false;
    bool has_no_value = at == l->text.len || closes_group(l, at);
    if (has_no_value && !has_at_sign)
        return false;
    if (has_no_value)
        lex_wrong(t, at, "a value");
    else
        lex_value(l, at, t);
    bool is_list = takes_list(t) && has(l, at, '(');
    return has_at_sign || !is_list || !stays_open(l, at, t);
}

/* ---- Tokens */

static bool is_word(const lexer *l, size_t at, const char *word, bool before_open)
{
    size_t len = strlen(word);
    if (l->text.len - at < len || memcmp(l->text.ptr + at, word, len) != 0)
        return false;
    return is_term_end(l, at + len) || (before_open && has(l, at + len, '('));
}

static bool lex_operator(const lexer *l, size_t at, token *t)
{
    static const struct {
        const char *text;
        token_kind kind;
    } words[] = {
        {"AND", TOKEN_AND}, {"OR", TOKEN_OR}, {"NOT", TOKEN_NOT}, {"case:yes", TOKEN_CASE}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!is_word(l, at, words[i].text, words[i].kind != TOKEN_CASE))
            continue;
        *t = make(words[i].kind, at, at + strlen(words[i].text));
        return true;
    }
    return false;
}

static bool is_negation(const lexer *l, size_t at)
{
    if (!has(l, at, '-') || at + 1 == l->text.len)
        return false;
    uint8_t c = l->text.ptr[at + 1];
    if (c == '"' || c == '(' || c == '@' || c == '/')
        return true;
    size_t len = 0;
    return al_is_letter(al_char_at(l->text.ptr + at + 1, l->text.ptr + l->text.len, &len));
}

static token lex_word(lexer *l, size_t at, size_t from)
{
    token t = make(TOKEN_WORD, at, word_end(l, from));
    set_body(l, &t, at, t.end);
    return t;
}

static token lex_term(lexer *l, size_t at, bool after_minus)
{
    token t = make(TOKEN_END, at, at);
    if (at == l->text.len)
        return t;
    if (has(l, at, ')'))
        return take_closing(l, at) ? make(TOKEN_CLOSE, at, at + 1) : lex_word(l, at, at + 1);
    if (is_opening(l, at))
        return make(TOKEN_OPEN, at, at + 1);
    if (!after_minus && lex_operator(l, at, &t))
        return t;
    if (is_negation(l, at))
        return make(TOKEN_MINUS, at, at + 1);
    t = make(TOKEN_QUOTED, at, at);
    if (lex_quoted(l, at, &t))
        return t;
    t = make(TOKEN_FREE, at, at);
    if (has(l, at, '~') && lex_quoted(l, at + 1, &t))
        return t;
    t = make(TOKEN_REGEX, at, at);
    if (lex_regex(l, at, &t) || lex_filter(l, at, &t))
        return t;
    return lex_word(l, at, at);
}

token lex_next(lexer *l, bool after_minus)
{
    token t = lex_term(l, skip_space(l, l->at), after_minus);
    l->at = t.end;
    if (!l->is_pairing && t.kind == TOKEN_OPEN)
        l->open[l->n_open++] = l->partner[t.start];
    if (!l->is_pairing && t.kind == TOKEN_CLOSE)
        l->n_open--;
    return t;
}

/* ---- The first pass */

/* Which brackets close at all, whatever they are; uses the stack before anybody else does. */
static void find_closed(lexer *l)
{
    uint32_t n = 0;
    for (size_t at = 0; at < l->text.len; at++) {
        if (has(l, at, '('))
            l->open[n++] = (uint32_t)at;
        else if (has(l, at, ')') && n)
            l->is_closed[l->open[--n]] = true;
    }
}

static void pair_brackets(lexer *l)
{
    token t = {0};
    l->is_pairing = true;
    do {
        t = lex_next(l, t.kind == TOKEN_MINUS);
        if (t.kind == TOKEN_OPEN) {
            push(l, t.start, true);
        } else if (t.kind == TOKEN_CLOSE) {
            assert(l->n_open);
            l->partner[l->open[--l->n_open] / 2] = (uint32_t)t.start;
        }
    } while (t.kind != TOKEN_END);
    l->is_pairing = false;
    l->n_open = 0;
    l->at = 0;
}

al_code lex_begin(lexer *l, al_slice text, const query_env *env)
{
    assert(text.len <= QUERY_BYTES_MAX);
    *l = (lexer){.text = text, .env = env};
    l->partner = al_zalloc(text.len + 1, sizeof *l->partner);
    l->open = al_alloc(text.len + 1, sizeof *l->open);
    l->is_closed = al_zalloc(text.len + 1, sizeof *l->is_closed);
    if (!l->partner || !l->open || !l->is_closed) {
        lex_done(l);
        return AL_NOMEM;
    }
    find_closed(l);
    pair_brackets(l);
    return AL_OK;
}

void lex_done(lexer *l)
{
    free(l->partner);
    free(l->open);
    free(l->is_closed);
    l->partner = NULL;
    l->open = NULL;
    l->is_closed = NULL;
}

size_t lex_unescape(al_slice body, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < body.len; i++) {
        uint8_t c = body.ptr[i];
        if (c == '\\' && i + 1 < body.len && (body.ptr[i + 1] == '"' || body.ptr[i + 1] == '\\'))
            c = body.ptr[++i];
        out[n++] = c;
    }
    return n;
}

size_t lex_column(al_slice text, size_t at)
{
    size_t column = 1;
    size_t len = 0;
    for (size_t i = 0; i < at && i < text.len; i += len) {
        (void)al_char_at(text.ptr + i, text.ptr + text.len, &len);
        column++;
    }
    return column;
}
