#pragma once
/* grep_source.h: where grep's records come from: one query of one index, asked at a server, and
 * whether the answer is ours and complete. One thread. */
#include "base/arena.h"
#include "cli/client.h"

typedef struct grep_source {
    client *client; /* borrowed, as all of these */
    al_slice query;
    const char *since; /* NULL: open */
    const char *until;
    al_arena *arena; /* scratch */
    al_slice index;  /* the one being read */
    al_buf missing;  /* "part: why" of an answer that is not complete */
} grep_source;

/* POSTs to the index' route `what` ("/search") the query with `more` parameters ("&limit=1"). The
 * bytes go to `take` with its ctx as they come, or into `ret_body`. Errors as client_run. */
AL_CHECK al_code grep_source_ask(grep_source *s, const char *what, const char *more,
                                 bool (*take)(void *ctx, al_slice bytes), void *ctx,
                                 al_buf *ret_body, al_err *err);
/* Notes what the JSON answer says is missing. False: it is not one of alco's. */
bool grep_source_check(grep_source *s, al_slice body);
/* Is the answer that comes in lines of hits? Known when its first bytes come. */
bool grep_source_is_lines(const grep_source *s);
/* As grep_source_check, of lines, which have their report at their end. AL_INVALID: not alco's. */
AL_CHECK al_code grep_source_check_lines(grep_source *s, al_err *err);
