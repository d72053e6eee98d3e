#pragma once
/* cand_sql.h: the three kinds of text that a plan puts into SphinxQL, each with its escaping. */
#include "base/buf.h"

/* A word of letters, digits, _ - . and characters beyond ASCII (words.h), as part of MATCH's text.
 */
void cand_put_word(al_buf *out, al_slice word);
/* 'text': valid UTF-8 without control characters. */
void cand_put_string(al_buf *out, al_slice text);
/* js['a']['b']: names as text above. */
void cand_put_path(al_buf *out, const al_slice *names, unsigned n);
