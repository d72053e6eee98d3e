#pragma once
/* values.h: counting the values of a field over a scope, for values and for a histogram's `by`. */
#include "store/scan.h"
#include "store/value_table.h"

/* Adds all matching records to `t`. Says in the answer when there were more values than it holds.
 * AL_NOMEM, AL_CANCELLED. */
AL_CHECK al_code values_count(reading *rd, al_slice field, value_table *t, al_err *err);
/* A copy of a value in the arena; text.ptr NULL without memory. */
value values_copy(const value *v, al_arena *arena);
