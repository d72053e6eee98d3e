#pragma once
/* timestamp.h: times as text. Pure; any thread. */
#include "base/buf.h"
#include "record/timezone.h"

/* RFC 3339 (also with a space for T, a comma before the fraction, +0300 for +03:00, without
 * seconds' fraction or with any digits of it (nine count), a date alone; :60 is the next second),
 * or a number in the one unit of s, ms, us, ns that puts it in the years 2000..2100. An explicit
 * offset is honoured; Z or none is read in `zone` (NULL = UTC). False when it is none of these or
 * outside 1970..2262; *ret_ns is then untouched. */
AL_CHECK bool rec_time_parse(al_slice text, const rec_zone *zone, int64_t *ret_ns);
/* As rec_time_parse in UTC, plus whole seconds before 2000, "now", "-15m", "-2h", "-7d" ("s m h d
 * w") relative to now_ns (at the earliest 1970): what `from` and `to` of the API take. AL_INVALID
 * names the value and what was expected. */
AL_CHECK al_code rec_time_parse_range(al_slice text, int64_t now_ns, int64_t *ret_ns, al_err *err);
/* "2026-11-22T12:11:46.622580000Z": UTC with nine digits, 30 bytes. */
void rec_time_format(al_buf *out, int64_t time_ns);
/* Days since 1970-01-01 UTC. */
int32_t rec_day_of(int64_t time_ns);
/* "20261122" for a day number. */
void rec_day_format(al_buf *out, int32_t day);
