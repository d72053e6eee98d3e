#pragma once
/* ing_exclude.h: dropping excluded fields from a record at ingest. Pure. */
#include "record/record.h"

/* Removes the values at the paths `names` (sorted by al_slice_cmp) from the record: top-level names
 * and paths through nested objects and arrays. What changes is copied into the arena. False without
 * memory. */
bool ing_exclude(record *r, const al_slice *names, size_t n_names, al_arena *arena);
