#pragma once
/* listen.h: the listening socket. */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Opens "HOST:PORT", "[v6]:PORT" or "unix:PATH" and writes the address with its real port as text.
 * AL_INVALID: cannot be read. AL_IO. */
AL_CHECK al_code listen_open(const char *address, int *ret_fd, char *ret_text, size_t text_bytes,
                             al_err *err);
/* The part of it that needs no socket. *ret_is_beyond: others than this machine's can reach it. */
AL_CHECK al_code listen_check(const char *address, bool *ret_is_beyond, al_err *err);
