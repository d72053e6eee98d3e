#pragma once
/* sql_text.h: how values become text of a SphinxQL statement. Nothing else makes such text from a
 * value. Errors stick to the buffer. Found on searchd 2.2.11: in strings a backslash before ' and \
 * is all that is needed, other bytes are themselves; a NUL ends the statement. */
#include "base/buf.h"

/* 'text'; a NUL becomes U+FFFD. */
void sql_put_string(al_buf *out, al_slice text);
void sql_put_u64(al_buf *out, uint64_t n);
/* A table or column, in backticks: letters, digits and underscores. */
void sql_put_name(al_buf *out, al_slice name);
/* A word of letters, digits, _ - . and characters beyond ASCII (words.h), as part of MATCH's text.
 */
void sql_put_word(al_buf *out, al_slice word);
/* js['a']['b']: names as strings above. */
void sql_put_path(al_buf *out, const al_slice *names, unsigned n);
