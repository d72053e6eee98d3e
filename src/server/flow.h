#pragma once
/* flow.h: what the library calls, and what a request does between its calls. Private to src/server.
 */
#include "server/req.h"

/* Serves the listening socket `fd`, which then is the library's. Sets s->daemon. */
AL_CHECK al_code flow_start(server *s, int fd, al_err *err);
/* The client went away or shall be left: cancels the request and wakes its connection, which then
 * ends. Gives the caller's reference back. Any thread. */
void flow_give_up(req *r);
/* For the watch: gives up requests whose client left. */
extern const watch_calls flow_watch_calls;
