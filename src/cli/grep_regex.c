/* POSIX basic and extended regular expressions, with GNU's additions, as PCRE2.
 * They differ in what is special: in basic ones ( ) { } | + ? are literal and become operators by a
 * backslash, in extended ones the other way round; ^ $ * are special only in some places of basic
 * ones; in brackets a backslash is itself. */
#include "cli/grep_regex.h"

#include <string.h>

typedef struct translation {
    al_slice in;
    size_t at;
    al_buf *out;
    bool is_basic;
    bool at_start;    /* of the pattern, a group or an alternative, or behind its anchor */
    bool after_caret; /* behind the anchor: another ^ is a letter */
    int depth;
} translation;

static bool is_one_of(uint8_t c, const char *set)
{
    return c && strchr(set, c);
}

static void put_literal(al_buf *out, uint8_t c)
{
    if (is_one_of(c, "\\^$.[]|()?*+{}"))
        al_buf_u8(out, '\\');
    al_buf_u8(out, c);
}

static uint8_t ahead(const translation *t, size_t n)
{
    return t->at + n < t->in.len ? t->in.ptr[t->at + n] : 0;
}

/* "[…]" with POSIX's rules: ] first is a member, classes like [:alpha:] stay, \ is literal. */
static bool put_bracket(translation *t)
{
    al_buf_u8(t->out, '[');
    t->at++;
    if (ahead(t, 0) == '^') {
        al_buf_u8(t->out, '^');
        t->at++;
    }
    bool is_first = true;
    for (; t->at < t->in.len; is_first = false) {
        uint8_t c = t->in.ptr[t->at];
        if (c == ']' && !is_first) {
            al_buf_u8(t->out, ']');
            t->at++;
            return true;
        }
        if (c == '[' && is_one_of(ahead(t, 1), ":.=")) {
            uint8_t kind = ahead(t, 1);
            size_t end = t->at + 2;
            while (end + 1 < t->in.len && !(t->in.ptr[end] == kind && t->in.ptr[end + 1] == ']'))
                end++;
            if (end + 1 >= t->in.len)
                return false;
            al_buf_slice_put(t->out, al_slice_sub(t->in, t->at, end + 2));
            t->at = end + 2;
            continue;
        }
        if (is_one_of(c, "\\[]"))
            al_buf_u8(t->out, '\\');
        al_buf_u8(t->out, c);
        t->at++;
    }
    return false;
}

static void put_operator(translation *t, uint8_t c)
{
    if (c == '(')
        t->depth++;
    if (c == ')')
        t->depth--;
    al_buf_u8(t->out, c);
    if (c == '{' && ahead(t, t->is_basic ? 0 : 1) == ',')
        al_buf_u8(t->out, '0'); /* {,n}: PCRE2 wants its 0 */
    t->at_start = c == '(' || c == '|';
}

/* Behind a backslash. */
static bool put_escape(translation *t)
{
    uint8_t c = ahead(t, 1);
    if (t->at + 1 >= t->in.len)
        return false;
    t->at += 2;
    if (t->is_basic && is_one_of(c, "(){}|+?")) {
        put_operator(t, c);
        return true;
    }
    t->at_start = false;
    if (c == '<')
        al_buf_str(t->out, "\\b(?=\\w)");
    else if (c == '>')
        al_buf_str(t->out, "\\b(?<=\\w)");
    else if (c == '`')
        al_buf_str(t->out, "\\A");
    else if (c == '\'')
        al_buf_str(t->out, "\\z");
    else if (is_one_of(c, "bBwWsS123456789"))
        al_buf_printf(t->out, "\\%c", c);
    else
        put_literal(t->out, c);
    return true;
}

static bool ends_here(const translation *t)
{
    return t->at + 1 == t->in.len || (ahead(t, 1) == '\\' && is_one_of(ahead(t, 2), ")|"));
}

static bool put_one(translation *t)
{
    uint8_t c = t->in.ptr[t->at];
    bool was_caret = t->after_caret;
    t->after_caret = false;
    if (c == '[')
        return t->at_start = false, put_bracket(t);
    if (c == '\\')
        return put_escape(t);
    bool was_start = t->at_start;
    t->at_start = false;
    bool is_anchor = c == '^' && (!t->is_basic || (was_start && !was_caret));
    bool is_end = c == '$' && (!t->is_basic || ends_here(t));
    if (c == '.' || (c == '*' && !was_start) || is_anchor || is_end) {
        al_buf_u8(t->out, c);
        t->at_start = is_anchor;
        t->after_caret = is_anchor;
    } else if (!t->is_basic && is_one_of(c, "(){}|+?") && !(c == ')' && t->depth == 0)) {
        put_operator(t, c);
    } else {
        put_literal(t->out, c);
    }
    t->at++;
    return true;
}

al_code grep_regex_put(al_buf *out, al_slice pattern, grep_syntax syntax, al_err *err)
{
    if (syntax == GREP_PERL) {
        al_buf_slice_put(out, pattern);
        return AL_OK;
    }
    if (syntax == GREP_FIXED) {
        for (size_t i = 0; i < pattern.len; i++)
            put_literal(out, pattern.ptr[i]);
        return AL_OK;
    }
    translation t = {.in = pattern, .out = out, .is_basic = syntax == GREP_BASIC, .at_start = true};
    while (t.at < pattern.len)
        if (!put_one(&t))
            return al_fail(err, AL_INVALID, "pattern '%.*s': unmatched [ or trailing backslash",
                           AL_ARG(pattern));
    if (t.depth != 0)
        return al_fail(err, AL_INVALID, "pattern '%.*s': unmatched ( or )", AL_ARG(pattern));
    return AL_OK;
}

void grep_regex_quote(al_buf *out, al_slice regex, bool ignores_case)
{
    al_buf_u8(out, '/');
    for (size_t i = 0; i < regex.len; i++) {
        uint8_t c = regex.ptr[i];
        if (c == '\\' && i + 1 < regex.len) {
            al_buf_u8(out, c);
            c = regex.ptr[++i];
        } else if (c == '/') {
            al_buf_u8(out, '\\');
        }
        al_buf_u8(out, c);
    }
    al_buf_str(out, ignores_case ? "/i" : "/");
}
