#pragma once
/* sql_conn.h: a connection to one searchd, which speaks SphinxQL over MySQL's protocol. A statement
 * is sent and its answer taken in two steps, so that one thread can ask several nodes at once.
 * A connection belongs to one thread at a time. Its errors begin with the node's address.
 *
 * What searchd 2.2.11 does that others do not: it has no prepared statements, no authentication; a
 * node of a distributed index that is away makes an answer smaller and adds a warning. */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

typedef struct sql_conn sql_conn;

/* How long something may take. */
typedef struct sql_patience {
    int64_t deadline_ns;       /* al_mono_ns */
    const atomic_bool *cancel; /* true: AL_CANCELLED soon; may be NULL */
} sql_patience;

enum {
    SQL_NODE_BYTES_MAX = 255,
    SQL_WARNING_BYTES = 200,
    SQL_STATEMENT_BYTES_MAX = 7 << 20, /* a packet; searchd takes 8 MiB where nothing is set */
};

typedef struct sql_answer {
    uint64_t n_rows;     /* that were read */
    uint64_t n_affected; /* by an INSERT */
    unsigned n_warnings;
    char warning[SQL_WARNING_BYTES]; /* the first; the answer may lack something */
} sql_answer;

/* A row: `n` values, those that are NULL have ptr NULL. Valid during the call. False: no more rows
 * are wanted. */
typedef bool sql_row_fn(void *ctx, const al_slice *values, unsigned n);

/* `node`: "host:port", or "[host]:port". Connecting has a granularity of whole seconds, at least
 * one. AL_INVALID: no such address; AL_NOT_FOUND as mariadb_lib_get; AL_IO, AL_NOMEM. */
AL_CHECK al_code sql_connect(const char *node, int64_t deadline_ns, sql_conn **ret, al_err *err);
sql_conn *sql_close(sql_conn *c);
/* Sends a statement (at most SQL_STATEMENT_BYTES_MAX); sql_receive must follow. AL_LIMIT; AL_IO:
 * the connection is of no more use. */
AL_CHECK al_code sql_send(sql_conn *c, al_slice statement, al_err *err);
/* Takes the answer; `fn` may be NULL. AL_INVALID: the node refused the statement, in its words;
 * AL_EXISTS: ... since an id is there already. After all others the connection is of no more use:
 * AL_IO (lost, or no answer within the patience), AL_CANCELLED, AL_NOMEM. */
AL_CHECK al_code sql_receive(sql_conn *c, const sql_patience *p, sql_row_fn *fn, void *ctx,
                             sql_answer *ret, al_err *err);
/* Both. */
AL_CHECK al_code sql_ask(sql_conn *c, al_slice statement, const sql_patience *p, sql_row_fn *fn,
                         void *ctx, sql_answer *ret, al_err *err);
/* Its address. */
const char *sql_node(const sql_conn *c);

AL_DEFINE_CLEANUP(sql_conn, sql_close);
