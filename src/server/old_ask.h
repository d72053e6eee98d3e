#pragma once
/* old_ask.h: what a request for /api/grep/{index}/ asks for. Workers. */
#include "query/query.h"
#include "server/old_cursor.h"
#include "server/req.h"

typedef struct old_ask {
    const char *index; /* in the request's arena */
    bool has_id;
    uint64_t id;     /* of the one record, if all that follows holds for it, too */
    old_cursor cur;  /* all zero without one */
    int64_t from_ns; /* as of eng_scope */
    int64_t to_ns;
    query *q;
    matcher *m; /* of q */
} old_ask;

/* Reads path and parameters. False: something cannot be, and the request is answered; nothing is to
 * be freed then. */
bool old_ask_read(req *r, old_ask *ret);
/* Frees what it read; also one that is all zero. */
void old_ask_done(old_ask *a);
