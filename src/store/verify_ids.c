/* Equal ids across the segments of an index, in bounded memory.
 * The ids are gone through in stretches [from, to): all segments are asked for theirs, and when
 * there is no room for more, the upper half is put off: `to` comes down, and what is beyond it
 * waits for the next stretch. A stretch is sorted; equal ids are neighbours then. Segments and
 * blocks outside the stretch are not read, and segments that overlap with none never are.
 * Invariant: the ids in memory are all those in [from, to) that were asked for so far; equal ones
 * are never on both sides of `to`. */
#include "store/verify_ids.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

typedef struct placed_id {
    uint64_t id;
    const segment *seg;
} placed_id;

typedef struct stretch {
    placed_id *ids;
    size_t n;
    size_t room;
    uint64_t from;
    uint64_t to;
    bool is_last; /* `to` is no bound: nothing was put off */
} stretch;

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const placed_id *)a)->id;
    uint64_t y = ((const placed_id *)b)->id;
    return x < y ? -1 : x > y;
}

static int by_min_id(const void *a, const void *b)
{
    uint64_t x = seg_summary_of(*(segment *const *)a)->min_id;
    uint64_t y = seg_summary_of(*(segment *const *)b)->min_id;
    return x < y ? -1 : x > y;
}

/* Puts those that overlap with another in front, ascending by min_id; says how many they are. */
static size_t put_overlapping_first(segment **segs, size_t n)
{
    size_t kept = 0;
    uint64_t end = 0; /* greatest id of those before */
    if (n)
        qsort(segs, n, sizeof(void *), by_min_id);
    for (size_t i = 0; i < n; i++) {
        const seg_summary *s = seg_summary_of(segs[i]);
        bool before = i > 0 && s->min_id <= end;
        bool behind = i + 1 < n && seg_summary_of(segs[i + 1])->min_id <= s->max_id;
        if (i == 0 || s->max_id > end)
            end = s->max_id;
        if (!before && !behind)
            continue;
        segment *t = segs[kept];
        segs[kept++] = segs[i];
        segs[i] = t;
    }
    return kept;
}

static void sort(stretch *t)
{
    if (t->n)
        qsort(t->ids, t->n, sizeof *t->ids, by_id);
}

static void put_off_upper_half(stretch *t)
{
    sort(t);
    size_t n = t->n / 2;
    t->to = t->ids[n].id;
    t->is_last = false;
    while (n > 0 && t->ids[n - 1].id == t->to)
        n--;
    assert(n > 0); /* an id stands once in a segment, and there is room for more than 2 of each */
    t->n = n;
}

static bool is_wanted(const stretch *t, uint64_t min_id, uint64_t max_id)
{
    return max_id >= t->from && (t->is_last || min_id < t->to);
}

static void take_ids(stretch *t, const segment *s, const uint64_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!is_wanted(t, ids[i], ids[i]))
            continue;
        if (t->n == t->room)
            put_off_upper_half(t);
        if (is_wanted(t, ids[i], ids[i]))
            t->ids[t->n++] = (placed_id){.id = ids[i], .seg = s};
    }
}

static al_code take_segment(stretch *t, segment *s, block_view *view, al_err *err)
{
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    al_code c = seg_index_get(s, &ix, err);
    for (uint32_t i = 0; !c && i < ix->n_blocks; i++) {
        const uint64_t *ids = NULL;
        if (!is_wanted(t, ix->blocks[i].min_id, ix->blocks[i].max_id))
            continue;
        c = seg_open_block(s, ix, i, view, false, err);
        if (!c)
            c = block_view_ids(view, &ids, err);
        if (!c)
            take_ids(t, s, ids, block_view_info(view)->n_rows);
    }
    return c;
}

al_code verify_ids(segment **segs, size_t n, block_view *view, size_t room, verify_ids_fn *fn,
                   void *ctx, al_err *err)
{
    assert(room > 2 * n);
    n = put_overlapping_first(segs, n);
    stretch t = {.room = room};
    AL_CLEANUP(al_freep) placed_id *ids = al_alloc(room, sizeof *ids);
    if (!ids)
        return al_fail(err, AL_NOMEM, "ids of %zu segments", n);
    t.ids = ids;
    do {
        t.n = 0;
        t.from = t.to;
        t.is_last = true;
        for (size_t i = 0; i < n; i++) {
            const seg_summary *s = seg_summary_of(segs[i]);
            al_code c =
                is_wanted(&t, s->min_id, s->max_id) ? take_segment(&t, segs[i], view, err) : AL_OK;
            if (c)
                return c;
        }
        sort(&t);
        for (size_t i = 1; i < t.n; i++)
            if (t.ids[i].id == t.ids[i - 1].id)
                fn(ctx, t.ids[i].id, t.ids[i - 1].seg, t.ids[i].seg);
    } while (!t.is_last);
    return AL_OK;
}
