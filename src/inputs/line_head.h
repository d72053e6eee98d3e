#pragma once
/* line_head.h: what the beginning of a log line says: when, and in syslog's shape where and who.
 * Pure; any thread. */
#include "record/timezone.h"

typedef struct line_head {
    int64_t time_ns;  /* -1: the line has no time at its beginning */
    al_slice host;    /* empty unless the line is syslog-shaped, as the two below */
    al_slice program; /* slices of the line */
    al_slice pid;     /* digits; may be empty */
} line_head;

/* Reads times as `2026-11-22 13:40:01`, `2026-11-22T13:40:01.123456+01:00` (also with a comma, with
 * two spaces, in brackets, or behind at most two words or one label, as apt and
 * update-alternatives write) and `Nov 22 13:40:01`, whose year is the one that brings it nearest to
 * now_ns. A time without an offset is read in `zone` (NULL = UTC); Z is UTC. */
line_head line_head_read(al_slice line, const rec_zone *zone, int64_t now_ns);
