#pragma once
/* old_cursor.h: cursors of old ALCO's API: base64 of "o=OFFSET&r=1&p=ID", as Django REST framework
 * made them. Anybody can make one; all it says is where a page begins. Pure. */
#include "base/buf.h"

enum { OLD_CURSOR_OFFSET_MAX = 1000 }; /* larger ones are that */

typedef struct old_cursor {
    bool has_id;
    bool is_reverse; /* the page that ends before `id`; else the one that begins behind it */
    uint64_t id;
    uint32_t offset; /* rows that are passed over first */
} old_cursor;

/* "p=5" in base64; without `o` and `r` where they say nothing. */
void old_cursor_format(const old_cursor *c, al_buf *out);
/* False: no base64 with its padding, or a part that is no number. An empty token, and names that it
 * does not know, say nothing. */
AL_CHECK bool old_cursor_parse(al_slice token, old_cursor *ret);
