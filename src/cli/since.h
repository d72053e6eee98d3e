#pragma once
/* since.h: the times of --since and --until. Pure. */
#include "base/buf.h"

/* What --help says of them. */
#define SINCE_HELP                                                                                 \
    "                      2026-11-22T10:00:00Z, '2026-11-22 10:00', 10:00, today, yesterday,\n"   \
    "                      'yesterday 10:00', -15m (s m h d w), now, seconds since 1970; UTC,\n"   \
    "                      unless an offset such as +01:00 follows\n"

/* Appends the time as the API reads it: as it stands, or with what was left out put
 * in: the day at now_ns for a time of day, midnight for a day, the seconds. AL_INVALID names the
 * value and what was expected. */
AL_CHECK al_code since_put(al_buf *out, al_slice text, int64_t now_ns, al_err *err);
