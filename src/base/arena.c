/* Arenas: a list of blocks. See arena.h for the contract.
 * Invariant: `head` is the block that is being filled; every block's `used` <= `cap`. */
#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

enum { ALIGN = 16 };

typedef struct block {
    struct block *next;
    size_t used;
    size_t cap;
    _Alignas(ALIGN) uint8_t bytes[];
} block;

struct al_arena {
    block *head;
    size_t block_bytes;
    size_t total;
    size_t keep_bytes;
};

al_arena *al_arena_new(size_t block_bytes)
{
    assert(block_bytes > 0);
    al_arena *a = al_zalloc(1, sizeof *a);
    if (a)
        a->block_bytes = block_bytes;
    return a;
}

void al_arena_keep(al_arena *a, size_t keep_bytes)
{
    a->keep_bytes = keep_bytes;
}

static void free_blocks(block *b)
{
    while (b) {
        block *next = b->next;
        free(b);
        b = next;
    }
}

al_arena *al_arena_free(al_arena *a)
{
    if (a)
        free_blocks(a->head);
    free(a);
    return NULL;
}

static block *add_block(al_arena *a, size_t need)
{
    size_t cap = AL_MAX(need, a->block_bytes);
    size_t bytes = 0;
    if (!al_add(cap, sizeof(block), &bytes))
        return NULL;
    block *b = al_alloc(1, bytes);
    if (!b)
        return NULL;
    *b = (block){.cap = cap};
    a->total += cap;
    /* An oversized block goes behind the head, so that the head's free rest is still used. */
    if (a->head && need > a->block_bytes) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

void *al_arena_alloc(al_arena *a, size_t n, size_t size)
{
    size_t bytes = 0;
    if (!al_mul(n, size, &bytes) || !al_add(bytes, (size_t)(ALIGN - 1), &bytes))
        return NULL;
    bytes &= ~(size_t)(ALIGN - 1);
    block *b = a->head;
    if (!b || b->cap - b->used < bytes)
        b = add_block(a, bytes);
    if (!b)
        return NULL;
    void *p = b->bytes + b->used;
    b->used += bytes;
    return p;
}

al_slice al_arena_copy(al_arena *a, al_slice s)
{
    uint8_t *p = al_arena_alloc(a, s.len + 1, 1);
    if (!p)
        return (al_slice){0};
    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return (al_slice){p, s.len};
}

/* One block as large as all were, some room for the next time to be larger. */
static bool join_blocks(al_arena *a)
{
    if (a->total > a->keep_bytes || a->total <= a->block_bytes)
        return false;
    size_t cap = AL_MIN(a->total + a->total / 8, a->keep_bytes);
    if (a->head->next) {
        free_blocks(a->head);
        a->head = NULL;
        a->total = 0;
        if (!add_block(a, cap))
            return false;
    }
    a->head->used = 0;
    return true;
}

void al_arena_reset(al_arena *a)
{
    if (join_blocks(a))
        return;
    block *keep = a->head;
    if (keep && keep->cap > a->block_bytes) { /* made for one large request */
        free_blocks(keep);
        keep = NULL;
    } else if (keep) {
        free_blocks(keep->next);
        keep->next = NULL;
        keep->used = 0;
    }
    a->head = keep;
    a->total = keep ? keep->cap : 0;
}

size_t al_arena_bytes(const al_arena *a)
{
    return a->total;
}
