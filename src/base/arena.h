#pragma once
/* arena.h: memory of one request, query or batch: handed out in order, freed or reset as a whole.
 * One thread at a time. */
#include <stddef.h>

#include "base/cleanup.h"
#include "base/slice.h"

typedef struct al_arena al_arena;

/* `block_bytes`: how much is taken from the system at a time (larger requests get their own block).
 * NULL when there is no memory. */
al_arena *al_arena_new(size_t block_bytes);
/* From now on reset keeps up to `keep_bytes` of what it took, in one piece: for who fills it in the
 * same way again and again, as pages that come anew from the system cost a fault each. */
void al_arena_keep(al_arena *a, size_t keep_bytes);
al_arena *al_arena_free(al_arena *a);
/* n * size bytes aligned for any type, not zeroed; NULL without memory or when the product
 * overflows. Valid until al_arena_reset or al_arena_free. */
void *al_arena_alloc(al_arena *a, size_t n, size_t size);
/* A copy of s in the arena with one NUL behind it (not counted); ptr is NULL when there is no
 * memory. */
al_slice al_arena_copy(al_arena *a, al_slice s);
/* Everything handed out is gone; keeps one block of the usual size, or what al_arena_keep says. */
void al_arena_reset(al_arena *a);
/* Bytes taken from the system. */
size_t al_arena_bytes(const al_arena *a);

AL_DEFINE_CLEANUP(al_arena, al_arena_free);
