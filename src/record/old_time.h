#pragma once
/* old_time.h: times as old ALCO read and wrote them: local to the server, without a zone. Pure; any
 * thread. */
#include "base/buf.h"
#include "record/timezone.h"

/* What a Django form took (its input formats of en-us): 2016-05-23 and 5/23/2016 or 5/23/16 (69 to
 * 99 are of the last century), alone or with 10:53, 10:53:20 or 10:53:20.123456 behind white space,
 * read in `zone` (NULL = UTC); and ISO 8601 as parse_datetime takes it, with T or a space, with or
 * without seconds, with Z or an offset, which is honoured. *ret_ns is the first instant meant,
 * *ret_end_ns the last one that is written the same way to the microsecond. No record is from
 * before 1970 or after 2262: what lies before is 0 and -1, what lies behind INT64_MAX for both.
 * False when it is none of these; nothing is written then. */
AL_CHECK bool rec_old_time_parse(al_slice text, const rec_zone *zone, int64_t *ret_ns,
                                 int64_t *ret_end_ns);
/* "2016-05-23T10:53:20.123456", as Python's isoformat: microseconds only when they are not 0. `gap`
 * stands between date and time. */
void rec_old_time_format(al_buf *out, const rec_zone *zone, int64_t time_ns, char gap);
/* The day in `zone`, as a number for rec_day_format. */
int32_t rec_old_day_of(const rec_zone *zone, int64_t time_ns);
