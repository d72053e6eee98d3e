/* POSIX basic and extended regular expressions, with GNU's additions, as PCRE2.
 * They differ in what is special: in basic ones ( ) { } | + ? are literal and become operators by a
 * backslash, in extended ones the other way round; ^ $ * are special only in some places of basic
 * ones; in brackets a backslash is itself. */
#include "cli/grep_regex.h"

#include <stdio.h>
#include <string.h>

#include "record/utf8.h"

enum { GROUPS_OPEN_MAX = 250 /* PCRE2's */, REPEAT_MAX = 32767 /* RE_DUP_MAX of GNU's */ };

typedef struct translation {
    al_slice in;
    size_t at;
    al_buf *out;
    al_err *err;
    bool is_basic;
    bool at_start;    /* of the pattern, a group or an alternative, or behind its anchor */
    bool after_caret; /* behind the anchor: another ^ is a letter */
    bool is_repeated; /* what was put last is a repetition */
    size_t atom;      /* where in `out` the part begins that a repetition would repeat */
    size_t depth;
    size_t open[GROUPS_OPEN_MAX]; /* where in `out` the open groups begin */
    unsigned numbers[GROUPS_OPEN_MAX];
    unsigned n_groups;
    uint32_t closed; /* groups 1 to 9 that a \1 may name, as bits */
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

static al_code fail(const translation *t, const char *why)
{
    return al_fail(t->err, AL_INVALID, "pattern '%.*s': %s", AL_ARG(t->in), why);
}

/* ---- [ ] */

/* "[:alpha:]", "[.x.]", "[=x=]" within brackets; of the last two PCRE2 knows nothing. */
static al_code put_class(translation *t)
{
    uint8_t kind = ahead(t, 1);
    size_t end = t->at + 2;
    while (end + 1 < t->in.len && !(t->in.ptr[end] == kind && t->in.ptr[end + 1] == ']'))
        end++;
    if (end + 1 >= t->in.len)
        return fail(t, "unmatched [");
    al_slice name = al_slice_sub(t->in, t->at + 2, end);
    bool is_good = false;
    if (kind == ':')
        al_buf_slice_put(t->out, al_slice_sub(t->in, t->at, end + 2));
    else if (name.len == 0 || utf8_step(name.ptr, name.len, &is_good) != name.len)
        return fail(t, "expected one character in [. .] or [= =]");
    else if (name.len == 1)
        al_buf_printf(t->out, "\\x%02x", name.ptr[0]);
    else
        al_buf_slice_put(t->out, name);
    t->at = end + 2;
    return AL_OK;
}

/* "[…]" with POSIX's rules: ] first is a member, classes like [:alpha:] stay, \ is literal. */
static al_code put_bracket(translation *t)
{
    size_t begin = ++t->at;
    al_buf_u8(t->out, '[');
    if (ahead(t, 0) == '^') {
        al_buf_u8(t->out, '^');
        t->at++;
    }
    for (bool is_first = true; t->at < t->in.len; is_first = false) {
        uint8_t c = t->in.ptr[t->at];
        if (c == ']' && !is_first) {
            al_slice inner = al_slice_sub(t->in, begin, t->at++);
            al_buf_u8(t->out, ']');
            if (inner.len > 1 && inner.ptr[0] == ':' && inner.ptr[inner.len - 1] == ':')
                return fail(t, "a class is written [[:space:]], not [:space:]");
            return AL_OK;
        }
        if (c == '[' && is_one_of(ahead(t, 1), ":.=")) {
            al_code code = put_class(t);
            if (code)
                return code;
            continue;
        }
        if (is_one_of(c, "\\[]"))
            al_buf_u8(t->out, '\\');
        al_buf_u8(t->out, c);
        t->at++;
    }
    return fail(t, "unmatched [");
}

/* ---- Repetitions */

/* PCRE2 reads a second sign as "lazy" or "possessive"; here it repeats the repetition. */
static void put_repeat(translation *t, al_slice sign)
{
    if (t->is_repeated) {
        al_buf tail;
        al_buf_init(&tail, t->out->len + 1);
        al_buf_slice_put(&tail, al_slice_sub(al_buf_slice(t->out), t->atom, t->out->len));
        t->out->len = t->atom;
        al_buf_str(t->out, "(?:");
        al_buf_slice_put(t->out, al_buf_slice(&tail));
        al_buf_u8(t->out, ')');
        al_buf_done(&tail);
    }
    al_buf_slice_put(t->out, sign);
    t->is_repeated = true;
}

static size_t skip_digits(al_slice s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

/* {m} {m,} {m,n} {,n} behind its brace. *ret_is_one false: it is none, and stands for itself in an
 * extended expression. */
static al_code put_interval(translation *t, bool *ret_is_one)
{
    size_t low_end = skip_digits(t->in, t->at);
    bool has_comma = low_end < t->in.len && t->in.ptr[low_end] == ',';
    size_t high = low_end + has_comma;
    size_t high_end = skip_digits(t->in, high);
    size_t end = high_end + t->is_basic;
    bool is_empty = high_end == t->at;
    *ret_is_one = !is_empty && end < t->in.len && t->in.ptr[end] == '}' &&
                  (!t->is_basic || t->in.ptr[high_end] == '\\');
    if (!*ret_is_one && t->is_basic) {
        bool is_closed = memmem(t->in.ptr + t->at, t->in.len - t->at, "\\}", 2) != NULL;
        return fail(t, is_closed ? "invalid content of \\{\\}" : "unmatched \\{");
    }
    if (!*ret_is_one)
        return AL_OK;
    uint64_t low = 0;
    uint64_t most = UINT64_MAX;
    bool has_low = low_end > t->at;
    bool has_high = high_end > high;
    if ((has_low && !al_parse_u64(al_slice_sub(t->in, t->at, low_end), &low)) ||
        (has_high && !al_parse_u64(al_slice_sub(t->in, high, high_end), &most)) ||
        low > REPEAT_MAX || (has_high && has_comma && most > REPEAT_MAX))
        return fail(t, "a repetition is too big");
    if (has_comma && most < low)
        return fail(t, "invalid content of {}");
    char sign[32];
    if (!has_comma)
        (void)snprintf(sign, sizeof sign, "{%u}", (unsigned)low);
    else if (!has_high)
        (void)snprintf(sign, sizeof sign, "{%u,}", (unsigned)low);
    else
        (void)snprintf(sign, sizeof sign, "{%u,%u}", (unsigned)low, (unsigned)most);
    t->at = end + 1;
    if (!t->at_start)
        put_repeat(t, al_cstr(sign));
    return AL_OK;
}

/* ---- Operators; `t->at` is behind them. */

static al_code open_group(translation *t)
{
    if (t->depth == GROUPS_OPEN_MAX)
        return fail(t, "too many open groups");
    t->open[t->depth] = t->out->len;
    t->numbers[t->depth++] = ++t->n_groups;
    al_buf_u8(t->out, '(');
    t->at_start = true;
    return AL_OK;
}

static al_code close_group(translation *t)
{
    if (t->depth == 0)
        return fail(t, "unmatched )");
    t->atom = t->open[--t->depth];
    if (t->numbers[t->depth] < 10)
        t->closed |= 1U << t->numbers[t->depth];
    al_buf_u8(t->out, ')');
    t->is_repeated = false;
    t->at_start = false;
    return AL_OK;
}

/* What is put next is what a repetition behind it repeats. */
static void begin_atom(translation *t)
{
    t->atom = t->out->len;
    t->is_repeated = false;
    t->at_start = false;
}

static void put_letter(translation *t, uint8_t c)
{
    bool goes_on = (c & 0xc0) == 0x80; /* a byte of the character before */
    if (!goes_on)
        begin_atom(t);
    put_literal(t->out, c);
}

/* A repetition where there is nothing to repeat: in an extended expression it is nothing, in a
 * basic one a letter. */
static al_code put_operator(translation *t, uint8_t c)
{
    bool is_one = true;
    al_code code = AL_OK;
    switch (c) {
    case '(':
        return open_group(t);
    case ')':
        return close_group(t);
    case '|':
        al_buf_u8(t->out, c);
        t->at_start = true;
        return AL_OK;
    case '{':
        if (!t->is_basic || !t->at_start)
            code = put_interval(t, &is_one);
        else
            is_one = false;
        if (!is_one && !code)
            put_letter(t, c);
        return code;
    default: /* * + ? */
        if (!t->at_start)
            put_repeat(t, (al_slice){&c, 1});
        else if (t->is_basic)
            put_letter(t, c);
        return AL_OK;
    }
}

/* Behind a backslash. */
static al_code put_escape(translation *t)
{
    uint8_t c = ahead(t, 1);
    if (t->at + 1 >= t->in.len)
        return fail(t, "trailing backslash");
    t->at += 2;
    if (t->is_basic && is_one_of(c, "(){|+?"))
        return put_operator(t, c);
    if (c >= '1' && c <= '9' && !(t->closed >> (c - '0') & 1))
        return fail(t, "invalid back reference");
    begin_atom(t);
    if (c >= '1' && c <= '9')
        al_buf_printf(t->out, "\\g{%c}", c);
    else if (c == '<')
        al_buf_str(t->out, "(?:\\b(?=\\w))");
    else if (c == '>')
        al_buf_str(t->out, "(?:\\b(?<=\\w))");
    else if (c == '`')
        al_buf_str(t->out, "\\A");
    else if (c == '\'')
        al_buf_str(t->out, "\\z");
    else if (is_one_of(c, "bB"))
        al_buf_printf(t->out, "(?:\\%c)", c); /* PCRE2 would not repeat it bare */
    else if (is_one_of(c, "wWsS"))
        al_buf_printf(t->out, "\\%c", c);
    else
        put_literal(t->out, c);
    return AL_OK;
}

static bool ends_here(const translation *t)
{
    return t->at + 1 == t->in.len || (ahead(t, 1) == '\\' && is_one_of(ahead(t, 2), ")|"));
}

static al_code put_one(translation *t)
{
    uint8_t c = t->in.ptr[t->at];
    bool was_caret = t->after_caret;
    t->after_caret = false;
    if (c == '[') {
        begin_atom(t);
        return put_bracket(t);
    }
    if (c == '\\')
        return put_escape(t);
    bool is_caret = c == '^' && (!t->is_basic || (t->at_start && !was_caret));
    bool is_dollar = c == '$' && (!t->is_basic || ends_here(t));
    t->at++;
    if (is_caret || is_dollar) {
        al_buf_u8(t->out, c);
        t->at_start = is_caret || !t->is_basic; /* in an extended one nothing repeats an anchor */
        t->after_caret = is_caret;
        return AL_OK;
    }
    if (c == '.') {
        begin_atom(t);
        al_buf_u8(t->out, c);
        return AL_OK;
    }
    if (c == '*' || (!t->is_basic && is_one_of(c, "({|+?")) ||
        (!t->is_basic && c == ')' && t->depth > 0))
        return put_operator(t, c);
    put_letter(t, c);
    return AL_OK;
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
    translation t = {
        .in = pattern, .out = out, .err = err, .is_basic = syntax == GREP_BASIC, .at_start = true};
    while (t.at < pattern.len) {
        al_code c = put_one(&t);
        if (c)
            return c;
    }
    return t.depth ? fail(&t, "unmatched (") : AL_OK;
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
