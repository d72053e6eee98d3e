/* Snapshots: what of an index is visible at one moment.
 * Invariants: (1) nothing in a snapshot changes; (2) memtabs are in order of commit, so those that
 * a merge has taken are a prefix. */
#include "store/snapshot.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/snapshot_priv.h"

seg_list *seg_list_new(segment *const *segs, size_t n)
{
    seg_list *l = al_alloc(1, sizeof *l + n * sizeof(segment *));
    if (!l)
        return NULL;
    atomic_init(&l->refs, 1);
    l->n = n;
    for (size_t i = 0; i < n; i++)
        l->segs[i] = seg_ref(segs[i]);
    return l;
}

static seg_list *seg_list_ref(seg_list *l)
{
    unsigned old = atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return l;
}

seg_list *seg_list_unref(seg_list *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (size_t i = 0; i < l->n; i++)
        (void)seg_unref(l->segs[i]);
    free(l);
    return NULL;
}

static void count(snapshot *s)
{
    for (size_t i = 0; i < s->n_mems; i++) {
        s->tail_rows += s->mems[i]->info.n_rows;
        s->tail_raw_bytes += s->mems[i]->info.raw_bytes;
        s->tail_log_bytes += s->mems[i]->info.len;
        s->tail_bytes += memtab_bytes(s->mems[i]);
        s->max_id = AL_MAX(s->max_id, s->mems[i]->info.max_id);
    }
    s->n_rows = s->tail_rows;
    s->first_frame = 1;
    for (size_t i = 0; i < s->segs->n; i++) {
        const seg_summary *sum = seg_summary_of(s->segs->segs[i]);
        if (!sum->is_quarantined)
            s->n_rows += sum->n_rows;
        s->max_id = AL_MAX(s->max_id, sum->max_id);
        uint64_t unplaced = sum->has_positions ? sum->unplaced_frame : sum->max_frame;
        s->first_frame = AL_MAX(s->first_frame, unplaced + 1);
    }
}

snapshot *snapshot_make(const snapshot *old, size_t n_drop, memtab *const *add, size_t n_add,
                        seg_list *segs)
{
    size_t n_kept = old ? old->n_mems - n_drop : 0;
    assert(!old || n_drop <= old->n_mems);
    snapshot *s = al_zalloc(1, sizeof *s + (n_kept + n_add) * sizeof(memtab *));
    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    s->segs = seg_list_ref(segs);
    for (size_t i = 0; i < n_kept; i++)
        s->mems[s->n_mems++] = memtab_ref(old->mems[n_drop + i]);
    for (size_t i = 0; i < n_add; i++)
        s->mems[s->n_mems++] = memtab_ref(add[i]);
    count(s);
    return s;
}

snapshot *snapshot_ref(snapshot *s)
{
    unsigned old = atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return s;
}

snapshot *snapshot_unref(snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    (void)seg_list_unref(s->segs);
    for (size_t i = 0; i < s->n_mems; i++)
        (void)memtab_unref(s->mems[i]);
    free(s);
    return NULL;
}

uint64_t snapshot_first_frame(const snapshot *s)
{
    return s->first_frame;
}

/* ---- Selecting */

static bool overlaps(int64_t min_ns, int64_t max_ns, int64_t from_ns, int64_t to_ns)
{
    return max_ns >= from_ns && (min_ns < to_ns || (to_ns == INT64_MAX && min_ns <= to_ns));
}

unit unit_of_memtab(memtab *m)
{
    return (unit){.mem = m,
                  .min_id = m->info.min_id,
                  .max_id = m->info.max_id,
                  .min_ns = m->info.min_ns,
                  .max_ns = m->info.max_ns,
                  .n_rows = m->info.n_rows,
                  .max_frame = m->frame};
}

unit unit_of_segment(segment *s)
{
    const seg_summary *sum = seg_summary_of(s);
    return (unit){.seg = s,
                  .min_id = sum->min_id,
                  .max_id = sum->max_id,
                  .min_ns = sum->min_ns,
                  .max_ns = sum->max_ns,
                  .n_rows = sum->n_rows,
                  .max_frame = sum->max_frame};
}

static int by_min_id(const void *a, const void *b)
{
    const unit *x = a;
    const unit *y = b;
    return x->min_id < y->min_id ? -1 : x->min_id > y->min_id;
}

/* Every readable unit. */
static unit *all_units(const snapshot *s, al_arena *arena, size_t *ret_n)
{
    unit *units = al_arena_alloc(arena, s->segs->n + s->n_mems, sizeof *units);
    size_t n = 0;
    for (size_t i = 0; units && i < s->segs->n; i++)
        if (!seg_summary_of(s->segs->segs[i])->is_quarantined)
            units[n++] = unit_of_segment(s->segs->segs[i]);
    for (size_t i = 0; units && i < s->n_mems; i++)
        units[n++] = unit_of_memtab(s->mems[i]);
    *ret_n = n;
    return units;
}

al_code snapshot_select(const snapshot *s, int64_t from_ns, int64_t to_ns, al_arena *arena,
                        const unit **ret, size_t *ret_n)
{
    size_t n_all = 0;
    unit *units = all_units(s, arena, &n_all);
    if (!units)
        return AL_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (overlaps(units[i].min_ns, units[i].max_ns, from_ns, to_ns))
            units[n++] = units[i];
    qsort(units, n, sizeof *units, by_min_id);
    *ret = units;
    *ret_n = n;
    return AL_OK;
}

al_code snapshot_select_arrived(const snapshot *s, uint64_t frame, al_arena *arena,
                                const unit **ret, size_t *ret_n)
{
    size_t n_all = 0;
    unit *units = all_units(s, arena, &n_all);
    if (!units)
        return AL_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (units[i].max_frame >= frame)
            units[n++] = units[i];
    *ret = units;
    *ret_n = n;
    return AL_OK;
}

void snapshot_damaged(const snapshot *s, int64_t from_ns, int64_t to_ns,
                      void (*fn)(void *ctx, segment *seg), void *ctx)
{
    for (size_t i = 0; i < s->segs->n; i++) {
        const seg_summary *sum = seg_summary_of(s->segs->segs[i]);
        if (sum->is_quarantined && overlaps(sum->min_ns, sum->max_ns, from_ns, to_ns))
            fn(ctx, s->segs->segs[i]);
    }
}

/* ---- Blocks of a unit */

al_code unit_open(const unit *u, unit_blocks *ret, al_err *err)
{
    if (u->mem) {
        *ret = (unit_blocks){.blocks = &u->mem->info, .n_blocks = 1};
        return AL_OK;
    }
    seg_index *ix = NULL;
    al_code c = seg_index_get(u->seg, &ix, err);
    if (!c)
        *ret = (unit_blocks){.blocks = ix->blocks, .n_blocks = ix->n_blocks, .index = ix};
    return c;
}

void unit_close(unit_blocks *b)
{
    (void)seg_index_unref(b->index);
    *b = (unit_blocks){0};
}

bool unit_may_have_name(const unit *u, const unit_blocks *b, al_slice name)
{
    return u->mem || seg_index_uses(b->index, name);
}

al_code unit_open_block(const unit *u, const unit_blocks *b, uint32_t i, block_view *view,
                        bool keeps, al_err *err)
{
    assert(i < b->n_blocks);
    if (u->seg)
        return seg_open_block(u->seg, b->index, i, view, keeps, err);
    return memtab_open(u->mem, view, err);
}

al_code unit_positions(const unit *u, al_arena *arena, const pos_run **ret, size_t *ret_n,
                       al_err *err)
{
    if (u->mem) {
        pos_run *run = al_arena_alloc(arena, 1, sizeof *run);
        if (!run)
            return al_fail(err, AL_NOMEM, "positions");
        *run = (pos_run){
            .frame = u->mem->frame, .row = u->mem->frame_row, .n_rows = u->mem->info.n_rows};
        *ret = run;
        *ret_n = 1;
        return AL_OK;
    }
    AL_CLEANUP(positions_unrefp) positions *p = NULL;
    al_code c = seg_positions(u->seg, &p, err);
    if (c)
        return c;
    size_t n;
    const pos_run *runs = positions_runs(p, &n);
    pos_run *copy = al_arena_alloc(arena, n, sizeof *copy);
    if (!copy)
        return al_fail(err, AL_NOMEM, "positions");
    for (size_t i = 0; i < n; i++)
        copy[i] = runs[i];
    *ret = copy;
    *ret_n = n;
    return AL_OK;
}
