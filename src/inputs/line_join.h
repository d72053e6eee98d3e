#pragma once
/* line_join.h: where in a piece of a log file its records end, when a record may be many lines.
 * Pure; any thread. */
#include <stdbool.h>

#include "base/slice.h"

enum { LINE_JOIN_BYTES_MAX = 1 << 20 }; /* a record is cut here */

typedef struct line_rec {
    al_slice text;  /* without its last line end; "\r\n" ends a line too */
    size_t bytes;   /* of the file that it takes, with its line end; > 0 */
    bool is_cut;    /* a line goes on behind LINE_JOIN_BYTES_MAX bytes; the rest follows */
    bool is_closed; /* nothing that follows can belong to it */
} line_rec;

/* The first record of `data`, which begins at the beginning of a line. A record goes on with lines
 * that begin with white space, and with Python's tracebacks and Java's causes. False when `data`
 * holds no whole line yet (and less than LINE_JOIN_BYTES_MAX). A record that is not closed ends at
 * the last whole line there is. */
bool line_join_first(al_slice data, line_rec *ret);
