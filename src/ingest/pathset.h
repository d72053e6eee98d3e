#pragma once
/* pathset.h: a set of names that only grows, asked for every value of every record: asking takes no
 * lock. Any thread. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/slice.h"

typedef struct pathset pathset;

/* NULL without memory. */
pathset *pathset_new(void);
pathset *pathset_free(pathset *s);
bool pathset_has(const pathset *s, al_slice name);
/* Copies the name in; there already is fine. False without memory. */
bool pathset_add(pathset *s, al_slice name);

AL_DEFINE_CLEANUP(pathset, pathset_free);
