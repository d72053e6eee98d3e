#pragma once
/* timezone.h: reading local times. Zones come from the system's tz database. Any thread. */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

typedef struct rec_zone rec_zone; /* immutable */

/* `name`: "utc", "local" or an IANA name such as "Europe/Moscow". *ret is NULL for utc.
 * AL_INVALID when the system does not know it. */
AL_CHECK al_code rec_zone_open(al_slice name, rec_zone **ret, al_err *err);
rec_zone *rec_zone_free(rec_zone *z);

AL_DEFINE_CLEANUP(rec_zone, rec_zone_free);
