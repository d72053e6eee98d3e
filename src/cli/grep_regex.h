#pragma once
/* grep_regex.h: grep's patterns -> the regular expressions of queries (PCRE2). Pure. */
#include "base/buf.h"

typedef enum grep_syntax { GREP_BASIC, GREP_EXTENDED, GREP_FIXED, GREP_PERL } grep_syntax;

/* Appends the pattern as PCRE2, without delimiters. AL_INVALID: a bracket expression or group that
 * does not end. */
AL_CHECK al_code grep_regex_put(al_buf *out, al_slice pattern, grep_syntax syntax, al_err *err);
/* Appends /regex/ for a query: an unescaped '/' would end it. */
void grep_regex_quote(al_buf *out, al_slice regex, bool ignores_case);
