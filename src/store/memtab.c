/* Fresh segments. See memtab.h for the contract. */
#include "store/memtab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

al_code memtab_new(blob *block, block_view *scratch, const memtab *head, memtab **ret, al_err *err)
{
    al_code c = block_view_open(scratch, block, err);
    const uint64_t *ids;
    if (!c)
        c = block_view_ids(scratch, &ids, err);
    if (c)
        return c;
    memtab *m = al_alloc(1, sizeof *m);
    uint32_t n = block_view_info(scratch)->n_rows;
    uint64_t *copy = al_alloc(n, sizeof *copy);
    if (!m || !copy) {
        free(m);
        free(copy);
        return al_fail(err, AL_NOMEM, "fresh segment");
    }
    memcpy(copy, ids, n * sizeof *copy);
    *m = (memtab){.index_id = head->index_id,
                  .frame = head->frame,
                  .frame_row = head->frame_row,
                  .arrival_ns = head->arrival_ns,
                  .info = *block_view_info(scratch),
                  .block = blob_ref(block),
                  .ids = copy};
    atomic_init(&m->refs, 1);
    *ret = m;
    return AL_OK;
}

memtab *memtab_ref(memtab *m)
{
    unsigned old = atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return m;
}

memtab *memtab_unref(memtab *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    (void)blob_unref(m->block);
    free(m->ids);
    free(m);
    return NULL;
}

size_t memtab_bytes(const memtab *m)
{
    return sizeof *m + m->block->len + m->info.n_rows * sizeof *m->ids;
}

al_code memtab_list_add(memtab_list *l, al_slice block, block_view *scratch, const memtab *head,
                        al_err *err)
{
    memtab **grown = al_grow(l->at, &l->cap, l->n, sizeof(void *), 64, SIZE_MAX / sizeof(void *));
    AL_CLEANUP(blob_unrefp) blob *b = blob_new(block.len);
    if (grown)
        l->at = grown;
    if (!grown || !b)
        return al_fail(err, AL_NOMEM, "fresh segment");
    memcpy(b->bytes, block.ptr, block.len);
    al_code c = memtab_new(b, scratch, head, &l->at[l->n], err);
    l->n += c == AL_OK;
    return c;
}

void memtab_list_done(memtab_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        (void)memtab_unref(l->at[i]);
    free(l->at);
    *l = (memtab_list){0};
}
