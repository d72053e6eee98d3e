#pragma once
/* mem.h: the only door to malloc, so that sizes are checked and tests can make any call fail.
 * Any thread. */
#include <stddef.h>

#include "base/cleanup.h"

/* n * size bytes, not zeroed; NULL when there is no memory or the product overflows. free() it. */
void *al_alloc(size_t n, size_t size) __attribute__((malloc));
/* As al_alloc, zeroed. */
void *al_zalloc(size_t n, size_t size) __attribute__((malloc));
/* As realloc with a checked product; on NULL the old block is still there. */
void *al_realloc(void *old, size_t n, size_t size);
/* Grows a vector so that one more element fits: doubles *cap from `first`, up to `max` elements.
 * Returns the (moved) array, or NULL with everything unchanged when it is full or out of memory. */
void *al_grow(void *array, size_t *cap, size_t n_used, size_t size, size_t first, size_t max);

/* Settles what the allocator keeps for itself (glibc; elsewhere nothing). At the start of main,
 * before there are threads. */
void al_mem_settle(void);
/* Gives back to the system what was freed between pieces still used. Takes a millisecond or so. */
void al_mem_trim(void);

/* Tests only: the n-th call from now on (1 = the next), and no other, returns NULL; 0 switches off.
 * Process-wide. */
void al_mem_fail_at(unsigned long n);
/* Calls made since al_mem_fail_at. */
unsigned long al_mem_calls(void);
