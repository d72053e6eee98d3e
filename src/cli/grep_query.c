/* A record is to grep what a line is: each pattern becomes a regular expression over the message
 * and the text fields, and all of them one alternative. */
#include "cli/grep_query.h"

#include <string.h>

#include "cli/grep_regex.h"

static bool has_upper(const grep_flags *f)
{
    for (size_t i = 0; i < f->n_patterns; i++)
        for (size_t k = 0; k < f->patterns[i].len; k++)
            if (f->patterns[i].ptr[k] >= 'A' && f->patterns[i].ptr[k] <= 'Z')
                return true;
    return false;
}

/* A pattern that is empty matches every record, and what the others match need not be known. */
static bool matches_all(const grep_flags *f)
{
    if (f->only_matching || f->has_color)
        return false;
    for (size_t i = 0; i < f->n_patterns; i++)
        if (f->patterns[i].len == 0 && !f->words && !f->lines)
            return true;
    return false;
}

/* GNU grep's \w, \b and classes know all of Unicode, PCRE2's only if told to; its -P does not. */
static bool needs_unicode(al_slice regex)
{
    for (size_t i = 0; i + 1 < regex.len; i++) {
        uint8_t next = regex.ptr[i + 1];
        if ((regex.ptr[i] == '\\' && next && strchr("wWbBsS", next)) ||
            (regex.ptr[i] == '[' && next == ':'))
            return true;
    }
    return false;
}

static al_code put_pattern(al_buf *out, const grep_flags *f, al_slice pattern, al_err *err)
{
    al_buf body;
    al_buf regex;
    al_buf_init(&body, GREP_QUERY_BYTES_MAX);
    al_buf_init(&regex, GREP_QUERY_BYTES_MAX);
    if (f->lines)
        al_buf_str(&body, "(?m)^(?:");
    else if (f->words)
        al_buf_str(&body, "(?<!\\w)(?:");
    al_code c = grep_regex_put(&body, pattern, f->syntax, err);
    if (f->lines)
        al_buf_str(&body, ")$");
    else if (f->words)
        al_buf_str(&body, ")(?!\\w)");
    if (f->syntax != GREP_PERL && needs_unicode(al_buf_slice(&body)))
        al_buf_str(&regex, "(*UCP)");
    al_buf_slice_put(&regex, body.len ? al_buf_slice(&body) : AL_LIT("(?=)")); /* // is text */
    grep_regex_quote(out, al_buf_slice(&regex), f->ignores_case || (f->is_smart && !has_upper(f)));
    if (!c && (al_buf_code(&body) || al_buf_code(&regex)))
        c = al_fail(err, AL_INVALID, "the patterns are too long");
    al_buf_done(&body);
    al_buf_done(&regex);
    return c;
}

al_code grep_query_put(al_buf *out, const grep_flags *f, al_err *err)
{
    bool is_all = matches_all(f);
    if (f->where)
        al_buf_printf(out, "(%s) ", f->where);
    if (is_all && f->inverts)
        al_buf_str(out, "NOT /(?=)/"); /* nothing does not match */
    if (f->n_patterns == 0)
        al_buf_str(out, f->inverts ? "" : "/(?!)/");
    if (!is_all && f->n_patterns) {
        al_buf_str(out, f->inverts ? "NOT (" : "(");
        for (size_t i = 0; i < f->n_patterns; i++) {
            if (i)
                al_buf_str(out, " OR ");
            al_code c = put_pattern(out, f, f->patterns[i], err);
            if (c)
                return c;
        }
        al_buf_u8(out, ')');
    }
    return al_buf_code(out) ? al_fail(err, AL_INVALID, "the patterns are too long") : AL_OK;
}
