#pragma once
/* timezone.h: reading local times. Zones come from the system's tz database (or the directory in
 * TZDIR). A local time that came twice is its earlier instant; one that was skipped moves forward
 * by what was skipped. Any thread. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

typedef struct rec_zone rec_zone; /* immutable */

/* `name`: "utc", "local" or an IANA name such as "Europe/Moscow". "local" is what libc would take:
 * the environment's TZ (a name, a file or a POSIX rule), else /etc/localtime, else UTC. *ret is
 * NULL for utc. AL_INVALID when the system does not know it. AL_IO, AL_NOMEM. */
AL_CHECK al_code rec_zone_open(al_slice name, rec_zone **ret, al_err *err);
rec_zone *rec_zone_free(rec_zone *z);

AL_DEFINE_CLEANUP(rec_zone, rec_zone_free);
