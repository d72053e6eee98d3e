#pragma once
/* syslog_line.h: one line of syslog as files hold it. Pure; any thread. */
#include "base/buf.h"
#include "record/timezone.h"

typedef struct syslog_line { /* slices of the line; empty: not said */
    int64_t time_ns;         /* -1: not said */
    int facility;            /* 0..23, -1: the line has no <PRI> */
    int severity;            /* 0..7 */
    al_slice host;
    al_slice app;
    al_slice pid;
    al_slice msgid;
    al_slice data; /* structured data, [id name="value"] … */
    al_slice message;
} syslog_line;

/* Reads `<PRI>1 TIME HOST APP PID MSGID DATA MESSAGE` (RFC 5424) and, with or without <PRI> in
 * front, `Nov 22 13:40:01 HOST APP[PID]: MESSAGE` (RFC 3164) and the same with an RFC 3339 time, as
 * rsyslog writes. Zone and year of a time that lacks them: see line_time.h. Behind <PRI> all but a
 * message may be missing. False: it is none of these, and *ret is not to be read. */
bool syslog_line_read(al_slice line, const rec_zone *zone, int64_t near_ns, syslog_line *ret);
/* "auth", "err"; NULL when there is no such number. */
const char *syslog_facility_name(int facility);
const char *syslog_severity_name(int severity);
/* Structured data as a JSON object of objects: {"id":{"name":"value"}}. False: it is damaged, and
 * `out` is as it was. */
bool syslog_data_put(al_buf *out, al_slice data);
