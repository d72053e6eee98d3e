#pragma once
/* conns.h: how long a client may take for what it owes: the head of a request, a body that is no
 * upload, the rest of a body that was answered already. The library counts only silence, which a
 * byte now and then breaks. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct conns conns;
typedef struct conn conn;

enum { CONN_NO_BOUND = -1 };

AL_CHECK al_code conns_new(conns **ret, al_err *err);
/* When none is left. NULL is fine. */
conns *conns_free(conns *c);
/* A connection begins; `fd` is borrowed until conns_remove. NULL without memory. Any thread. */
conn *conns_add(conns *c, int fd);
/* Before its socket is closed. NULL is fine. Any thread. */
void conns_remove(conns *c, conn *one);
/* What its client owes now is due in `ms` from now; CONN_NO_BOUND: when it likes. NULL is fine.
 * Any thread. */
void conn_due(conn *one, int64_t ms);
/* Shuts the sockets of those that are past due; whoever reads them finds their end. Returns how
 * many. One thread. */
size_t conns_sweep(conns *c);
size_t conns_count(conns *c);
