#pragma once
/* grep_source.h: where grep's records come from: one query of one index, asked at a server, and
 * whether the answer is ours and complete. One thread. */
#include "base/arena.h"
#include "cli/client.h"

typedef struct grep_source {
    client *client; /* borrowed, as all of these */
    al_slice query;
    al_slice since; /* empty: open */
    al_slice until;
    al_arena *arena;   /* scratch */
    al_slice index;    /* the one being read */
    bool needs_fields; /* with each hit, beside its message */
    al_buf *missing;   /* "part: why" of an answer that is not complete */
} grep_source;

/* POSTs to the index' route `what` ("/search") the query with `more` parameters ("&limit=1"). The
 * bytes go to `take` with its ctx as they come, or into `ret_body`. Errors as client_run. */
AL_CHECK al_code grep_source_ask(grep_source *s, const char *what, const char *more,
                                 bool (*take)(void *ctx, al_slice bytes), void *ctx,
                                 al_buf *ret_body, al_err *err);
/* A page of /search, in JSON; AL_INVALID also when it is not one of alco's. */
AL_CHECK al_code grep_source_page(grep_source *s, const char *more, al_buf *ret_body, al_err *err);
/* How many records the query finds. */
AL_CHECK al_code grep_source_count(grep_source *s, uint64_t *ret, al_err *err);
/* Notes what the JSON answer says is missing. False: it is not one of alco's. */
bool grep_source_check(grep_source *s, al_slice body);
/* Is the answer that comes in lines of hits? Known when its first bytes come. */
bool grep_source_is_lines(const grep_source *s);
/* As grep_source_check, of lines, which have their report at their end, in a trailer. AL_INVALID:
 * not alco's. *ret_is_known false: all lines came, but something on the way (a proxy) left the
 * report out. */
AL_CHECK al_code grep_source_check_lines(grep_source *s, bool *ret_is_known, al_err *err);
