/* A hash table of values (open addressing), with their texts in an arena.
 *
 * Invariants: (1) n <= VALUES_DISTINCT_MAX and text_bytes <= VALUES_TEXT_BYTES_MAX; (2) the first
 * values to come are those that are kept, so beyond the limits a count is exact or missing, never
 * wrong; (3) `stamp` of an item is the record that it was counted for last. */
#include "store/value_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

enum { ARENA_BLOCK_BYTES = 64 * 1024, SLOTS_FIRST = 256 };

typedef struct item {
    uint64_t hash;
    uint64_t stamp;
} item;

struct value_table {
    al_arena *arena;
    eng_value_count *values;
    item *items; /* as values */
    size_t n;
    size_t cap;
    size_t cap_items;
    uint32_t *slots; /* 1 + place in values; 0 = free */
    size_t n_slots;  /* a power of two, more than twice n */
    size_t text_bytes;
    uint64_t stamp;
    uint64_t uncounted;
};

_Static_assert(VALUES_DISTINCT_MAX < UINT32_MAX, "places fit a slot");

value_table *value_table_free(value_table *t)
{
    if (!t)
        return NULL;
    (void)al_arena_free(t->arena);
    free(t->values);
    free(t->items);
    free(t->slots);
    free(t);
    return NULL;
}

value_table *value_table_new(void)
{
    value_table *t = al_zalloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->stamp = 1;
    t->n_slots = SLOTS_FIRST;
    t->arena = al_arena_new(ARENA_BLOCK_BYTES);
    t->slots = al_zalloc(t->n_slots, sizeof *t->slots);
    return t->arena && t->slots ? t : value_table_free(t);
}

void value_table_next(value_table *t)
{
    t->stamp++;
}

/* FNV-1a over eight bytes at a time, then mixed: texts are short and nobody gains by colliding
 * them: the table is bounded, so the worst is one slow query of one's own. */
static uint64_t hash_of(const value *v)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)v->type;
    size_t i = 0;
    for (; i + 8 <= v->text.len; i += 8) {
        uint64_t w = 0;
        memcpy(&w, v->text.ptr + i, 8);
        h = (h ^ w) * UINT64_C(0x100000001b3);
        h ^= h >> 29;
    }
    for (; i < v->text.len; i++)
        h = (h ^ v->text.ptr[i]) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

/* The slot that holds the value, or the free one where it belongs. */
static size_t find_slot(const value_table *t, const value *v, uint64_t hash)
{
    size_t at = (size_t)hash & (t->n_slots - 1);
    for (; t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
        size_t i = t->slots[at] - 1;
        const value *known = &t->values[i].val;
        if (t->items[i].hash == hash && known->type == v->type && al_slice_eq(known->text, v->text))
            break;
    }
    return at;
}

static al_code grow_slots(value_table *t)
{
    size_t n_slots = t->n_slots * 2;
    uint32_t *slots = al_zalloc(n_slots, sizeof *slots);
    if (!slots)
        return AL_NOMEM;
    for (size_t i = 0; i < t->n; i++) {
        size_t at = (size_t)t->items[i].hash & (n_slots - 1);
        while (slots[at])
            at = (at + 1) & (n_slots - 1);
        slots[at] = (uint32_t)(i + 1);
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    return AL_OK;
}

static al_code add_new(value_table *t, const value *v, uint64_t hash, uint64_t n)
{
    if ((t->n + 1) * 2 >= t->n_slots && grow_slots(t))
        return AL_NOMEM;
    eng_value_count *values =
        al_grow(t->values, &t->cap, t->n, sizeof *values, SLOTS_FIRST, VALUES_DISTINCT_MAX);
    if (!values)
        return AL_NOMEM;
    t->values = values;
    item *items =
        al_grow(t->items, &t->cap_items, t->n, sizeof *items, SLOTS_FIRST, VALUES_DISTINCT_MAX);
    if (!items)
        return AL_NOMEM;
    t->items = items;
    al_slice text = al_arena_copy(t->arena, v->text);
    if (!text.ptr)
        return AL_NOMEM;
    t->text_bytes += text.len;
    t->values[t->n] = (eng_value_count){.val = {.type = v->type, .text = text}, .count = n};
    t->items[t->n] = (item){.hash = hash, .stamp = t->stamp};
    t->n++;
    t->slots[find_slot(t, v, hash)] = (uint32_t)t->n;
    return AL_OK;
}

al_code value_table_add(value_table *t, const value *v, uint64_t n)
{
    uint64_t hash = hash_of(v);
    size_t at = find_slot(t, v, hash);
    if (!t->slots[at]) {
        bool has_room = t->n < VALUES_DISTINCT_MAX &&
                        v->text.len <= VALUES_TEXT_BYTES_MAX - t->text_bytes; /* invariant 1 */
        if (has_room)
            return add_new(t, v, hash, n);
        t->uncounted += n;
        return AL_OK;
    }
    size_t i = t->slots[at] - 1;
    if (t->items[i].stamp == t->stamp)
        return AL_OK; /* invariant 3: this record has been counted for it */
    t->items[i].stamp = t->stamp;
    t->values[i].count += n;
    return AL_OK;
}

static int most_frequent_first(const void *a, const void *b)
{
    const eng_value_count *x = a;
    const eng_value_count *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int by_text = al_slice_cmp(x->val.text, y->val.text);
    return by_text ? by_text : (int)x->val.type - (int)y->val.type;
}

const eng_value_count *value_table_sorted(value_table *t, size_t *ret_n)
{
    if (t->n)
        qsort(t->values, t->n, sizeof *t->values, most_frequent_first);
    memset(t->slots, 0, t->n_slots * sizeof *t->slots); /* they no longer fit */
    *ret_n = t->n;
    return t->values;
}

uint64_t value_table_uncounted(const value_table *t)
{
    return t->uncounted;
}
