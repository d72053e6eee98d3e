#pragma once
/* line_time.h: the time of a log line, in the shapes that programs write. doc/records.md lists them
 * with an example each. Pure; any thread. */
#include "record/timezone.h"

typedef struct line_time {
    int64_t ns;
    size_t end;     /* behind the time: what follows is the message, or `]` */
    bool is_syslog; /* at the line's beginning as syslog has it: host and program may follow */
    bool has_level_letter; /* glog's: the line's first byte is the level */
} line_time;

/* Times without an offset are read in `zone` (NULL = UTC). Of times without a year the year is the
 * last one that brings them not more than a day behind now_ns. False: no time that is surely one.
 */
bool line_time_read(al_slice line, const rec_zone *zone, int64_t now_ns, line_time *ret);
