#pragma once
/* ids.h: ids that are unique in their index for ever: which number at or above a time is free.
 * Committer's thread only. */
#include "store/snapshot.h"

typedef struct ids ids;

/* NULL without memory. */
ids *ids_new(void);
ids *ids_free(ids *x);
/* Turns to an index: rows with ids >= `least` will be asked for, in ascending order. The snapshot
 * is borrowed until the next begin. */
AL_CHECK al_code ids_begin(ids *x, const snapshot *s, uint64_t least, al_err *err);
/* The least free id >= want. A damaged segment counts as empty where it cannot be read: *ret_bad
 * (may be set; else NULL) names it once. AL_IO, AL_NOMEM, AL_LIMIT (no number is left). */
AL_CHECK al_code ids_next_free(ids *x, uint64_t want, uint64_t *ret, segment **ret_bad,
                               al_err *err);

AL_DEFINE_CLEANUP(ids, ids_free);
