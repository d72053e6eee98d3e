#pragma once
/* line_head.h: what the beginning of a log line says: when, how bad, and in syslog's shape where
 * and who. Pure; any thread. */
#include "record/timezone.h"

typedef struct line_head {
    int64_t time_ns; /* -1: the line says no time */
    size_t time_end; /* of syslog's shape: where the time ends; else 0 */
    al_slice host;   /* empty unless the line is syslog-shaped, as the two below */
    al_slice app;    /* slices of the line */
    al_slice pid;    /* digits; may be empty */
    al_slice level;  /* in capitals, as line_level.h; empty: the head has none. Static memory */
} line_head;

/* Reads the shapes that doc/records.md lists ("Lines of text"); for zone and now_ns see
 * line_time.h. */
line_head line_head_read(al_slice line, const rec_zone *zone, int64_t now_ns);
