/* Arrival positions, run-length coded. See positions.h, doc/format.md section 6. */
#include "store/positions.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/limits.h"

struct positions {
    atomic_uint refs;
    size_t n;
    pos_run runs[];
};

const pos_run *positions_runs(const positions *p, size_t *ret_n)
{
    *ret_n = p->n;
    return p->runs;
}

positions *positions_ref(positions *p)
{
    unsigned old = atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return p;
}

positions *positions_unref(positions *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        free(p);
    return NULL;
}

void pos_builder_init(pos_builder *b)
{
    *b = (pos_builder){0};
}

void pos_builder_done(pos_builder *b)
{
    free(b->runs);
    *b = (pos_builder){0};
}

al_code pos_builder_add(pos_builder *b, uint64_t frame, uint32_t row)
{
    if (b->n_rows >= SEG_ROWS_MAX)
        return AL_LIMIT;
    if (frame == 0)
        row = 0; /* unknown rows make one run */
    pos_run *last = b->n ? &b->runs[b->n - 1] : NULL;
    if (last && last->frame == frame && (frame == 0 || last->row + last->n_rows == row)) {
        last->n_rows++;
        b->n_rows++;
        return AL_OK;
    }
    pos_run *grown = al_grow(b->runs, &b->cap, b->n, sizeof *grown, 64, SEG_POS_RUNS_MAX);
    if (!grown)
        return AL_NOMEM;
    b->runs = grown;
    b->runs[b->n++] = (pos_run){.frame = frame, .row = row, .first_row = b->n_rows, .n_rows = 1};
    b->n_rows++;
    return AL_OK;
}

void positions_encode(const pos_run *runs, size_t n, al_buf *out)
{
    uint64_t frame = 0;
    uint32_t row = 0;
    al_buf_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        al_buf_varint(out, runs[i].n_rows);
        al_buf_varint(out, al_zigzag((int64_t)(runs[i].frame - frame)));
        al_buf_varint(out, al_zigzag((int64_t)runs[i].row - (int64_t)row));
        frame = runs[i].frame;
        row = runs[i].row + runs[i].n_rows;
    }
}

static al_code decode_runs(al_rd *r, uint32_t n_rows, positions *p, al_err *err)
{
    uint64_t frame = 0;
    uint32_t row = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t n = al_rd_varint(r);
        frame += (uint64_t)al_unzigzag(al_rd_varint(r));
        row += (uint32_t)al_unzigzag(al_rd_varint(r));
        if (r->bad || n == 0 || n > n_rows - at || row > UINT32_MAX - n)
            return al_fail(err, AL_CORRUPT, "positions: run %zu does not fit", i);
        p->runs[i] = (pos_run){.frame = frame, .row = row, .first_row = at, .n_rows = (uint32_t)n};
        at += (uint32_t)n;
        row += (uint32_t)n;
    }
    if (r->left || at != n_rows)
        return al_fail(err, AL_CORRUPT, "positions: of %u rows, not %u", at, n_rows);
    return AL_OK;
}

al_code positions_decode(al_slice bytes, uint32_t n_rows, positions **ret, al_err *err)
{
    al_rd r = al_rd_of(bytes);
    uint64_t n = al_rd_varint(&r);
    if (r.bad || n > n_rows || n > SEG_POS_RUNS_MAX)
        return al_fail(err, AL_CORRUPT, "positions: %llu runs", (unsigned long long)n);
    AL_CLEANUP(positions_unrefp)
    positions *p = al_alloc(1, sizeof *p + (size_t)n * sizeof(pos_run));
    if (!p)
        return al_fail(err, AL_NOMEM, "positions");
    atomic_init(&p->refs, 1);
    p->n = (size_t)n;
    al_code c = decode_runs(&r, n_rows, p, err);
    if (c)
        return c;
    *ret = AL_TAKE(p);
    return AL_OK;
}
