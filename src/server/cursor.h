#pragma once
/* cursor.h: where a page of a search goes on, as a token for the client. It carries everything that
 * must stay the same from page to page: the order, the range in absolute times, and the place. A
 * place is an id and the name of its index, so it holds over restarts, merges and inserts. Pure. */
#include "base/buf.h"

enum { CURSOR_INDEX_MAX = 20 };

typedef struct cursor {
    bool is_prev; /* the rows before `id`, else those behind it, in the order asked */
    bool is_descending;
    int64_t from_ns;
    int64_t to_ns;
    uint64_t id;
    int place; /* within equal ids: -1 before all indexes, 0 at `index`, +1 behind all indexes */
    char index[CURSOR_INDEX_MAX + 1];
    uint32_t scope; /* a checksum of the names of the indexes that are read */
} cursor;

void cursor_format(const cursor *c, al_buf *out);
/* AL_INVALID: not a token of ours. */
AL_CHECK al_code cursor_parse(al_slice token, cursor *ret, al_err *err);
