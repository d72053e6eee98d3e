/* Fields of one index in memory. Never shrinks: a field once seen stays known.
 * Invariant: at most half of the slots are taken, so that a search always ends at a free one. */
#include "catalog/cat_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

enum { SLOTS_FIRST = 64 };

/* FNV-1a; names come from outside, but at most CAT_FIELDS_MAX of them. */
static size_t hash_of(al_slice name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ name.ptr[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ (h >> 29));
}

static size_t slot_of(cat_known *const *slots, size_t n_slots, al_slice name)
{
    size_t i = hash_of(name) & (n_slots - 1);
    while (slots[i] && !al_slice_eq(slots[i]->field.name, name))
        i = (i + 1) & (n_slots - 1);
    return i;
}

cat_known *cat_fields_find(const cat_fields *f, al_slice name)
{
    return f->n_slots ? f->slots[slot_of(f->slots, f->n_slots, name)] : NULL;
}

static bool make_room(cat_fields *f)
{
    if ((f->n + 1) * 2 <= f->n_slots)
        return true;
    size_t n_slots = f->n_slots ? f->n_slots * 2 : SLOTS_FIRST;
    cat_known **slots = al_zalloc(n_slots, sizeof(void *));
    if (!slots)
        return false;
    for (size_t i = 0; i < f->n_slots; i++)
        if (f->slots[i])
            slots[slot_of(slots, n_slots, f->slots[i]->field.name)] = f->slots[i];
    free(f->slots);
    f->slots = slots;
    f->n_slots = n_slots;
    return true;
}

static bool is_one_of(al_slice name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (al_slice_eq(name, al_cstr(list[i])))
            return true;
    return false;
}

static void first_flags(cat_field *f)
{
    static const char *const panels[] = {"levelname",   "level",   "host", "logger",
                                         "application", "project", "file"};
    static const char *const pills[] = {"exc_info", "stack_info"};
    f->display = true;
    f->filtered = is_one_of(f->name, panels, AL_COUNT(panels));
    f->context = is_one_of(f->name, pills, AL_COUNT(pills));
}

cat_known *cat_fields_add(cat_fields *f, al_slice name)
{
    if (f->n == CAT_FIELDS_MAX || !make_room(f))
        return NULL;
    cat_known *k = al_zalloc(1, sizeof *k + name.len);
    if (!k)
        return NULL;
    if (name.len)
        memcpy(k + 1, name.ptr, name.len);
    k->field.name = (al_slice){(const uint8_t *)(k + 1), name.len};
    first_flags(&k->field);
    f->slots[slot_of(f->slots, f->n_slots, name)] = k;
    f->n++;
    return k;
}

void cat_fields_done(cat_fields *f)
{
    for (size_t i = 0; i < f->n_slots; i++)
        free(f->slots[i]);
    free(f->slots);
    *f = (cat_fields){0};
}
