#pragma once
/* old_snippet.h: `logline_snippet` of old ALCO's API. Pure. */
#include "base/buf.h"
#include "query/query.h"

/* The text as HTML: & < > " ' as references, ill-formed UTF-8 as U+FFFD, and <b> around each place.
 * `places`: sorted and apart, as matcher_highlights gives them. */
void old_snippet_put(al_buf *out, al_slice text, const highlight *places, size_t n);
