#pragma once
/* regex.h: PCRE2 as the query language uses it: UTF-8 where the text is UTF-8 (bytes that are not
 * never match), no \C, just-in-time code where the machine allows it, and limits on every match. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"
#include "query/pace.h"

typedef struct regex regex; /* compiled: immutable, any thread */

/* On AL_INVALID *ret_at is the byte of the pattern where PCRE2 stopped and err->msg what it says.
 */
AL_CHECK al_code regex_new(al_slice pattern, bool ignores_case, regex **ret, size_t *ret_at,
                           al_err *err);
regex *regex_free(regex *re);

/* What one thread needs to match. */
typedef struct regex_scratch regex_scratch;
/* Looks at `p`, which must outlive it, while it matches. NULL without memory. */
regex_scratch *regex_scratch_new(pace *p);
regex_scratch *regex_scratch_free(regex_scratch *s);
/* Steps for the matches from here on: as many as one match in a text of this length may take. To be
 * called before regex_find, once for matches that share their steps. */
void regex_allow(regex_scratch *s, size_t text_bytes);
typedef struct regex_span { /* bytes of the text, start <= end */
    size_t start;
    size_t end;
} regex_span;

/* The first match at or after byte `from`; an empty one only if `takes_empty`. False and AL_LIMIT
 * in *ret_code (otherwise untouched) when the limits ended the attempt or the steps are used up;
 * AL_CANCELLED when the pace did. */
bool regex_find(const regex *re, regex_scratch *s, al_slice text, size_t from, bool takes_empty,
                regex_span *ret, al_code *ret_code);

AL_DEFINE_CLEANUP(regex, regex_free);
AL_DEFINE_CLEANUP(regex_scratch, regex_scratch_free);
