#pragma once
/* timezone_priv.h: what timestamp.c, timezone.c, tzif.c and posix_tz.c share. */
#include <stdbool.h>

#include "record/timezone.h"

/* From `at_s` (UTC) on, local time is UTC + offset_s. */
typedef struct zone_change {
    int64_t at_s;
    int32_t offset_s;
} zone_change;

struct rec_zone {
    int32_t first_offset_s; /* before the first change */
    zone_change *changes;   /* rising at_s */
    size_t n_changes;
    size_t cap;
    int32_t offset_max_s; /* over all of them: where a search begins */
};

enum {
    ZONE_CHANGES_MAX = 8192, /* the largest real zone has fewer than 300, the rule adds 600 */
    ZONE_YEAR_MAX = 2262,    /* last year of an int64 of ns */
};

/* Local seconds since 1970 -> UTC. A local time that came twice is its earlier instant; one that
 * was skipped moves forward by what was skipped. */
int64_t rec_zone_to_utc(const rec_zone *z, int64_t local_s);
/* What local time is ahead of UTC at that instant. */
int32_t rec_zone_offset_at(const rec_zone *z, int64_t at_s);

/* Appends a change after all others; merges what changes nothing. AL_LIMIT, AL_NOMEM. */
AL_CHECK al_code rec_zone_add(rec_zone *z, int64_t at_s, int32_t offset_s);
/* Computes offset_max_s when all changes are there. */
void rec_zone_note_bounds(rec_zone *z);
/* Decodes a TZif file (RFC 8536) into the empty zone `z`. AL_CORRUPT says what is wrong. */
AL_CHECK al_code rec_zone_decode_tzif(al_slice file, rec_zone *z, al_err *err);
/* Adds the changes of a POSIX TZ string ("EST5EDT,M3.2.0,M11.1.0") after the last one, up to
 * ZONE_YEAR_MAX; as the whole zone when there is none. AL_INVALID. */
AL_CHECK al_code rec_zone_add_rule(rec_zone *z, al_slice rule, al_err *err);

int64_t rec_days_from_civil(int64_t year, unsigned month, unsigned day);
bool rec_is_leap(int64_t year);
unsigned rec_days_in_month(int64_t year, unsigned month);
