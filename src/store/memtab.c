/* Fresh segments. See memtab.h for the contract. */
#include "store/memtab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

enum { IDS_BYTES_MAX = 64 * BLOCK_ROWS_MAX };

/* False without memory. */
static bool pack_ids(memtab *m, const uint64_t *ids)
{
    uint32_t n = m->info.n_rows;
    al_buf b;
    al_buf_init(&b, IDS_BYTES_MAX);
    block_ids_encode(ids, n, &b);
    m->ids_bytes = al_buf_code(&b) ? NULL : al_alloc(b.len, 1);
    if (m->ids_bytes) {
        memcpy(m->ids_bytes, b.ptr, b.len);
        m->ids_len = b.len;
        al_rd r = al_rd_of((al_slice){m->ids_bytes, m->ids_len});
        block_ids_open(&r, n, m->info.min_id, m->info.max_id, &m->ids);
        assert(!r.bad);
    }
    al_buf_done(&b);
    return m->ids_bytes;
}

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
    if (!m)
        return al_fail(err, AL_NOMEM, "fresh segment");
    *m = (memtab){.index_id = head->index_id,
                  .frame = head->frame,
                  .frame_row = head->frame_row,
                  .arrival_ns = head->arrival_ns,
                  .info = *block_view_info(scratch)};
    if (!pack_ids(m, ids)) {
        free(m);
        return al_fail(err, AL_NOMEM, "fresh segment");
    }
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
    free(m->ids_bytes);
    free(m);
    return NULL;
}

uint32_t memtab_ids(const memtab *m, uint32_t g, uint64_t ret[BLOCK_GROUP])
{
    bool is_sound = block_ids_group(&m->ids, g, ret);
    assert(is_sound); /* these bytes are our own */
    return AL_MIN(m->info.n_rows - g * BLOCK_GROUP, (uint32_t)BLOCK_GROUP);
}

uint64_t memtab_id(const memtab *m, uint32_t row)
{
    assert(row < m->info.n_rows);
    uint64_t ids[BLOCK_GROUP];
    (void)memtab_ids(m, row / BLOCK_GROUP, ids);
    return ids[row % BLOCK_GROUP];
}

uint32_t memtab_find(const memtab *m, uint64_t id)
{
    if (id <= m->info.min_id)
        return 0;
    if (id > m->info.max_id)
        return m->info.n_rows;
    uint64_t ids[BLOCK_GROUP];
    uint32_t g = block_ids_find_group(&m->ids, id);
    uint32_t n = memtab_ids(m, g, ids);
    uint32_t lo = 0;
    while (n) {
        uint32_t half = n / 2;
        if (ids[lo + half] < id) {
            lo += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return g * BLOCK_GROUP + lo;
}

size_t memtab_bytes(const memtab *m)
{
    return sizeof *m + m->ids_len + (m->block ? m->block->len : 0);
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
    assert(c || m);
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
