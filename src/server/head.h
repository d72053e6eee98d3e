#pragma once
/* head.h: what a request asks for, and whether its client may. HTTP thread. Private to src/server.
 */
#include "server/req.h"

/* Finds the route (or the asset) and the parameters; begins an upload. False: it has answered with
 * a problem. */
bool head_read(req *r, const char *method);
/* Does the client wait for our word before it sends its body? */
bool head_expects(req *r);
/* Is the body so long, or without a length, that its client should not have to send it all? */
bool head_has_long_body(req *r);
