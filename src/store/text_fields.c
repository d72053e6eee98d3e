/* The names of an index's text fields: replaced as a whole when its settings change, while readers
 * hold what they pinned. See store_impl.h for the contract. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_impl.h"

text_fields *text_fields_new(const al_slice *names, size_t n)
{
    text_fields *t = al_zalloc(1, sizeof *t);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    t->arena = al_arena_new(1024);
    t->names = t->arena ? al_arena_alloc(t->arena, n, sizeof *t->names) : NULL;
    if (!t->names)
        return text_fields_unref(t);
    for (size_t i = 0; i < n; i++) {
        t->names[i] = al_arena_copy(t->arena, names[i]);
        if (!t->names[i].ptr)
            return text_fields_unref(t);
    }
    t->n = n;
    return t;
}

text_fields *text_fields_ref(text_fields *t)
{
    (void)atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

text_fields *text_fields_unref(text_fields *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    (void)al_arena_free(t->arena);
    free(t);
    return NULL;
}
