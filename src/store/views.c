/* A small cache of open blocks, least recently used out first.
 *
 * Why: a search over many overlapping units (late records, a long tail of small frames) goes back
 * and forth between their blocks; keeping all of them decoded is unbounded, decoding anew for each
 * row is hopeless. Who goes through a unit in order needs one block of it at a time: the memory of
 * one serves the next.
 *
 * Invariant: slots are never more than VIEWS_MAX, and more than VIEWS_BYTES only while a single
 * block alone is larger. */
#include "store/views.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

typedef struct view_slot {
    bool is_open;
    uint32_t number; /* of the unit */
    uint32_t block;
    uint64_t last_use;
    size_t bytes;
    decided d;
} view_slot;

struct views {
    reading *rd;
    view_slot *slots[VIEWS_MAX];
    uint32_t n_slots;
    uint64_t n_uses;
    size_t bytes;
};

views *views_new(reading *rd)
{
    views *v = al_zalloc(1, sizeof *v);
    if (v)
        v->rd = rd;
    return v;
}

static void slot_free(views *v, view_slot *s)
{
    if (!s)
        return;
    spare_views_give(store_spare_views(v->rd->e), s->d.view);
    (void)verdicts_free(s->d.known);
    free(s);
}

views *views_free(views *v)
{
    for (uint32_t i = 0; v && i < v->n_slots; i++)
        slot_free(v, v->slots[i]);
    free(v);
    return NULL;
}

static view_slot *find(views *v, uint32_t number, uint32_t block)
{
    for (uint32_t i = 0; i < v->n_slots; i++) {
        view_slot *s = v->slots[i];
        if (s->is_open && s->number == number && s->block == block)
            return s;
    }
    return NULL;
}

/* Where the least recently used slot stands. */
static uint32_t oldest(const views *v)
{
    uint32_t at = 0;
    for (uint32_t i = 1; i < v->n_slots; i++)
        if (v->slots[i]->last_use < v->slots[at]->last_use)
            at = i;
    return at;
}

/* Decoded columns grow while a block is used: what it holds is asked anew at each use of another.
 */
static void weigh(views *v)
{
    v->bytes = 0;
    for (uint32_t i = 0; i < v->n_slots; i++)
        v->bytes += v->slots[i]->is_open ? block_view_bytes(v->slots[i]->d.view) : 0;
}

static void shrink(views *v)
{
    for (weigh(v); v->n_slots > 1 && v->bytes > VIEWS_BYTES; weigh(v)) {
        uint32_t at = oldest(v);
        slot_free(v, v->slots[at]);
        v->slots[at] = v->slots[--v->n_slots];
    }
}

static view_slot *slot_of_unit(views *v, uint32_t number)
{
    for (uint32_t i = 0; i < v->n_slots; i++)
        if (v->slots[i]->number == number && v->slots[i]->d.index_no != UINT32_MAX)
            return v->slots[i];
    return NULL;
}

static view_slot *new_slot(views *v)
{
    shrink(v);
    if (v->n_slots == VIEWS_MAX)
        return v->slots[oldest(v)];
    view_slot *s = al_zalloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->d.view = spare_views_take(store_spare_views(v->rd->e));
    s->d.index_no = UINT32_MAX;
    v->slots[v->n_slots++] = s;
    return s;
}

/* A slot to open a block in. Verdicts belong to one filter, so a slot that is used for another
 * index gets new ones. */
static view_slot *take_slot(views *v, const view_source *from)
{
    view_slot *s = from->is_in_order ? slot_of_unit(v, from->number) : NULL;
    if (!s)
        s = new_slot(v);
    if (!s)
        return NULL;
    s->number = from->number;
    s->is_open = false;
    if (s->d.index_no != from->index_no) {
        (void)verdicts_free(s->d.known);
        s->d.known = verdicts_new(v->rd->filters[from->index_no]);
        s->d.index_no = from->index_no;
    }
    if (!s->d.view || !s->d.known) {
        s->d.index_no = UINT32_MAX;
        return NULL;
    }
    verdicts_clear(s->d.known);
    return s;
}

al_code views_get(views *v, const view_source *from, uint32_t block, decided **ret,
                  bool *ret_is_new, al_err *err)
{
    assert(block < from->blocks->n_blocks);
    view_slot *s = find(v, from->number, block);
    *ret_is_new = !s;
    if (!s) {
        s = take_slot(v, from);
        if (!s)
            return al_fail(err, AL_NOMEM, "open a block");
        al_code c = unit_open_block(from->u, from->blocks, block, s->d.view, true, err);
        if (c)
            return c;
        s->block = block;
        s->d.lex = from->lex;
        s->d.block = block;
        s->is_open = true;
    }
    s->last_use = ++v->n_uses;
    *ret = &s->d;
    return AL_OK;
}
