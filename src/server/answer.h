#pragma once
/* answer.h: a request's answer on its way out. HTTP thread. Private to src/server. */
#include "server/req.h"

/* Hands the answer to the library, which sends it. In the first call for a request it also closes
 * the connection, unread body or not. */
enum MHD_Result answer_queue(req *r);
