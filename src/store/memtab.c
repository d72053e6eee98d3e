/* Fresh segments. See memtab.h for the contract. */
#include "store/memtab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

al_code memtab_new(al_slice block, block_view *scratch, const memtab *head, memtab **ret,
                   al_err *err)
{
    al_code c = block_view_open_slice(scratch, block, err);
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
                  .ids = copy};
    atomic_init(&m->refs, 1);
    *ret = m;
    return AL_OK;
}

void memtab_put_log(memtab *m, wal_source *log, uint64_t off)
{
    assert(!m->log && !m->block);
    m->log = wal_source_ref(log);
    m->off = off;
}

al_code memtab_put_block(memtab *m, al_slice block, al_err *err)
{
    assert(!m->log && !m->block && block.len == m->info.len);
    m->block = blob_new(block.len);
    if (!m->block)
        return al_fail(err, AL_NOMEM, "fresh segment");
    memcpy(m->block->bytes, block.ptr, block.len);
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
    (void)wal_source_unref(m->log);
    (void)blob_unref(m->block);
    free(m->ids);
    free(m);
    return NULL;
}

size_t memtab_bytes(const memtab *m)
{
    return sizeof *m + m->info.n_rows * sizeof *m->ids + (m->block ? m->block->len : 0);
}

static al_code open_from_log(const memtab *m, block_view *view, al_err *err)
{
    AL_CLEANUP(blob_unrefp) blob *b = blob_new(m->info.len);
    if (!b)
        return al_fail(err, AL_NOMEM, "block of %u bytes", m->info.len);
    const al_io *io = m->log->io;
    al_code c = io->read_at(io, m->log->fd, b->bytes, b->len, m->off, err);
    if (!c)
        c = block_view_open(view, b, err);
    if (c)
        return c;
    const block_info *is = block_view_info(view);
    if (is->n_rows != m->info.n_rows || is->min_id != m->info.min_id ||
        is->max_id != m->info.max_id)
        return al_fail(err, AL_CORRUPT, "another block than was written");
    return AL_OK;
}

al_code memtab_open(const memtab *m, block_view *view, al_err *err)
{
    block_view_use_lexicon(view, NULL);
    return m->block ? block_view_open(view, m->block, err) : open_from_log(m, view, err);
}

al_code memtab_list_add(memtab_list *l, al_slice block, block_view *scratch, const memtab *head,
                        al_err *err)
{
    memtab **grown = al_grow(l->at, &l->cap, l->n, sizeof(void *), 64, SIZE_MAX / sizeof(void *));
    if (!grown)
        return al_fail(err, AL_NOMEM, "fresh segment");
    l->at = grown;
    AL_CLEANUP(memtab_unrefp) memtab *m = NULL;
    al_code c = memtab_new(block, scratch, head, &m, err);
    if (!c && !head->log)
        c = memtab_put_block(m, block, err);
    if (c)
        return c;
    if (head->log)
        memtab_put_log(m, head->log, head->off);
    l->at[l->n++] = AL_TAKE(m);
    return AL_OK;
}

void memtab_list_done(memtab_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        (void)memtab_unref(l->at[i]);
    free(l->at);
    *l = (memtab_list){0};
}
