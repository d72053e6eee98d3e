#pragma once
/* answer.h: a request's answer on its way out. HTTP thread. Private to src/server. */
#include "server/req.h"

/* Hands the answer to the library, which sends it. In the first call for a request it also closes
 * the connection, unread body or not. */
enum MHD_Result answer_queue(req *r);
/* Any thread, r->lock held, while a body comes: the library takes no answer before it has all of
 * it, so this one is sent past it. The connection takes no other request. What still comes of the
 * body is thrown away (answer_linger_locked), as closing at once could destroy the answer on its
 * way. */
void answer_early_locked(req *r);
/* HTTP thread, r->lock held: *size more bytes came behind an early answer. MHD_NO: that is enough.
 */
enum MHD_Result answer_linger_locked(req *r, size_t *size);
