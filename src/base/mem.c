/* Memory: checked products and a failure switch for tests. See mem.h for the contract. */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"

static atomic_ulong fail_at; /* 0: never */
static atomic_ulong calls;   /* counted only while fail_at is set, to keep the hot path plain */

static int must_fail(void)
{
    unsigned long at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0)
        return 0;
    return atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) + 1 == at;
}

void al_mem_fail_at(unsigned long n)
{
    atomic_store(&calls, 0);
    atomic_store(&fail_at, n);
}

unsigned long al_mem_calls(void)
{
    return atomic_load(&calls);
}

void *al_alloc(size_t n, size_t size)
{
    size_t bytes = 0;
    if (!al_mul(n, size, &bytes) || must_fail())
        return NULL;
    return malloc(bytes ? bytes : 1);
}

void *al_zalloc(size_t n, size_t size)
{
    if (must_fail())
        return NULL;
    return calloc(n ? n : 1, size ? size : 1);
}

void *al_realloc(void *old, size_t n, size_t size)
{
    size_t bytes = 0;
    if (!al_mul(n, size, &bytes) || must_fail())
        return NULL;
    return realloc(old, bytes ? bytes : 1);
}

void *al_grow(void *array, size_t *cap, size_t n_used, size_t size, size_t first, size_t max)
{
    if (n_used < *cap)
        return array;
    size_t next = *cap ? *cap : first;
    if (*cap && !al_mul(*cap, (size_t)2, &next))
        return NULL;
    if (next > max)
        next = max;
    if (next <= n_used)
        return NULL;
    void *moved = al_realloc(array, next, size);
    if (moved)
        *cap = next;
    return moved;
}

/* By default glibc keeps a heap for each thread, and with every large piece that is freed it raises
 * the size from which pieces come from the system and go back to it: a few questions on two and a
 * half million records left 550 MB behind, of which 80 were in use. */
enum {
    HEAPS_MAX = 2,
    LARGE_BYTES = 1 << 20, /* from here on a piece is the system's, and goes back when freed; with
                              256 KiB stored blocks came with new pages: scans took 10 % more */
    TOP_BYTES = 1 << 20,   /* free at the end of the first heap before it shrinks */
};

void al_mem_settle(void)
{
#ifdef __GLIBC__
    /* They fail only for values out of range. NOLINTBEGIN(concurrency-mt-unsafe): no threads yet */
    (void)mallopt(M_ARENA_MAX, HEAPS_MAX);
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, TOP_BYTES);
    /* NOLINTEND(concurrency-mt-unsafe) */
#endif
}

void al_mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

void al_closep(int *fd) /* NOLINT(readability-non-const-parameter): a cleanup of an int */
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing was promised about what this descriptor wrote */
}

void al_freep(void *p)
{
    free(*(void **)p);
}
