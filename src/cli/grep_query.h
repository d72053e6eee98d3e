#pragma once
/* grep_query.h: grep's flags -> a query of doc/query.md. Pure. */
#include "cli/grep_flags.h"

enum { GREP_QUERY_BYTES_MAX = 60000 };

/* Appends the query that finds what these flags ask for. AL_INVALID: a pattern is none, or all are
 * too long. */
AL_CHECK al_code grep_query_put(al_buf *out, const grep_flags *f, al_err *err);
