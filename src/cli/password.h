#pragma once
/* password.h: a password from whoever sits at the terminal, or from standard input. Never from the
 * command line, which others on the machine can read. Main thread. */
#include "base/buf.h"
#include "base/err.h"

/* From a terminal: asks twice, and shows nothing of it; else the first line of standard input. Put
 * behind what `to` holds. AL_INVALID: empty, too long, or not twice the same. AL_IO. */
AL_CHECK al_code password_read(const char *user, al_buf *to, al_err *err);
