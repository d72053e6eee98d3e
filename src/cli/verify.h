#pragma once
/* verify.h: what `alco verify` does, for other commands. Main thread only. */
#include "store/store.h"

/* Checks a data directory and prints each finding on stdout. An error: it cannot be checked. */
AL_CHECK al_code cli_verify(const char *dir, store_verified *ret, al_err *err);
