#pragma once
/* head.h: what a request asks for, and whether its client may. HTTP thread. Private to src/server.
 */
#include "server/req.h"

/* Finds the route (or the asset) and the parameters; begins an upload. False: it has answered with
 * a problem. */
bool head_read(req *r, const char *method);
/* After head_read said no: does the client send more than we throw away for it? */
bool head_has_long_body(req *r);
