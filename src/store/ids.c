/* Free ids.
 * Rows mostly come with times above all that is stored: one comparison. Else only units whose id
 * range holds the wanted number are asked, by binary search; a run of used numbers (thousands of
 * records of one millisecond) is stepped over at once, because in a strictly ascending array
 * ids[j] - ids[i] == j - i holds exactly inside such a run.
 * Blocks of merged segments are decoded into a few slots: late records come in clusters. */
#include "store/ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/seg_env.h"
#include "store/snapshot_priv.h"

enum { SLOTS = 16, ARENA_BYTES = 16 * 1024 };

typedef struct slot {
    uint32_t index_id;
    uint32_t block;
    uint64_t seg_id;
    uint64_t last_use;
    uint32_t n;
    uint64_t *ids; /* NULL: free */
} slot;

/* 256 ids of a fresh segment. */
typedef struct group {
    uint32_t number;
    uint32_t n; /* 0: none */
    uint64_t ids[BLOCK_GROUP];
} group;

struct ids {
    al_arena *arena;
    block_view *view;
    const unit *units; /* with ids >= least */
    group **groups;    /* of each unit; NULL: not asked yet */
    size_t n_units;
    uint64_t max_id; /* of them */
    uint64_t uses;
    slot slots[SLOTS];
};

ids *ids_new(void)
{
    ids *x = al_zalloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->arena = al_arena_new(ARENA_BYTES);
    x->view = block_view_new();
    return x->arena && x->view ? x : ids_free(x);
}

ids *ids_free(ids *x)
{
    if (!x)
        return NULL;
    for (int i = 0; i < SLOTS; i++)
        free(x->slots[i].ids);
    (void)block_view_free(x->view);
    (void)al_arena_free(x->arena);
    free(x);
    return NULL;
}

al_code ids_begin(ids *x, const snapshot *s, uint64_t least, al_err *err)
{
    x->n_units = 0;
    x->max_id = 0;
    if (least > s->max_id)
        return AL_OK;
    al_arena_reset(x->arena);
    unit *kept = al_arena_alloc(x->arena, s->segs->n + s->n_mems, sizeof *kept);
    x->groups = al_arena_alloc(x->arena, s->segs->n + s->n_mems, sizeof(void *));
    if (!kept || !x->groups)
        return al_fail(err, AL_NOMEM, "units of an index");
    for (size_t i = 0; i < s->segs->n + s->n_mems; i++) {
        unit u = i < s->segs->n ? unit_of_segment(s->segs->segs[i])
                                : unit_of_memtab(s->mems[i - s->segs->n]);
        if (u.max_id < least || (u.seg && seg_summary_of(u.seg)->is_quarantined))
            continue;
        x->groups[x->n_units] = NULL;
        kept[x->n_units++] = u;
        x->max_id = AL_MAX(x->max_id, u.max_id);
    }
    x->units = kept;
    return AL_OK;
}

/* The first number >= want that is not in the array. */
static uint64_t behind_run(const uint64_t *a, uint32_t n, uint64_t want)
{
    uint32_t lo = 0;
    uint32_t hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (a[mid] < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == n || a[lo] != want)
        return want;
    uint32_t first = lo;
    hi = n; /* the run's last is in [lo, hi) */
    while (lo + 1 < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (a[mid] - want == mid - first)
            lo = mid;
        else
            hi = mid;
    }
    return a[lo] == UINT64_MAX ? 0 : a[lo] + 1; /* 0: nothing is left above */
}

static al_code load_slot(ids *x, segment *seg, const seg_index *ix, uint32_t block, slot **ret,
                         al_err *err)
{
    slot *oldest = &x->slots[0];
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &x->slots[i];
        if (s->ids && s->seg_id == seg_summary_of(seg)->id && s->block == block &&
            s->index_id == seg_index_id(seg)) {
            s->last_use = ++x->uses;
            *ret = s;
            return AL_OK;
        }
        if (s->last_use < oldest->last_use)
            oldest = s;
    }
    const uint64_t *decoded;
    uint32_t n = ix->blocks[block].n_rows;
    uint64_t *copy = al_alloc(n, sizeof *copy);
    al_code c = copy ? seg_open_block(seg, ix, block, x->view, false, err)
                     : al_fail(err, AL_NOMEM, "ids of a block");
    if (!c)
        c = block_view_ids(x->view, &decoded, err);
    if (!c)
        memcpy(copy, decoded, n * sizeof *copy);
    block_view_close(x->view); /* or the segment would stay after it was dropped */
    if (c) {
        free(copy);
        return c;
    }
    free(oldest->ids);
    *oldest = (slot){.index_id = seg_index_id(seg),
                     .block = block,
                     .seg_id = seg_summary_of(seg)->id,
                     .last_use = ++x->uses,
                     .n = n,
                     .ids = copy};
    *ret = oldest;
    return AL_OK;
}

static al_code behind_segment(ids *x, segment *seg, uint64_t want, uint64_t *ret, al_err *err)
{
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    al_code c = seg_index_get(seg, &ix, err);
    if (c)
        return c;
    uint32_t lo = 0;
    uint32_t hi = ix->n_blocks;
    while (lo < hi) { /* the first block that ends at or above */
        uint32_t mid = lo + (hi - lo) / 2;
        if (ix->blocks[mid].max_id < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret = want;
    if (lo == ix->n_blocks || ix->blocks[lo].min_id > want)
        return AL_OK;
    slot *s = NULL;
    c = load_slot(x, seg, ix, lo, &s, err);
    if (!c)
        *ret = behind_run(s->ids, s->n, want);
    return c;
}

/* Group g of a fresh segment. Rows come in order of time: mostly it is the one that was asked for
 * before. NULL without memory. */
static const group *load_group(ids *x, size_t i, uint32_t g)
{
    group **at = &x->groups[i];
    if (!*at) {
        *at = al_arena_alloc(x->arena, 1, sizeof **at);
        if (*at)
            (*at)->n = 0;
    }
    if (*at && ((*at)->n == 0 || (*at)->number != g)) {
        (*at)->number = g;
        (*at)->n = memtab_ids(x->units[i].mem, g, (*at)->ids);
    }
    return *at;
}

/* `want` is between the unit's least and greatest id. */
static al_code behind_memtab(ids *x, size_t i, uint64_t want, uint64_t *ret, al_err *err)
{
    const memtab *m = x->units[i].mem;
    const group *g = x->groups[i];
    uint32_t n_groups = (m->info.n_rows - 1) / BLOCK_GROUP + 1;
    bool is_there = g && g->n && g->ids[0] <= want && want <= g->ids[g->n - 1];
    uint32_t k = is_there ? g->number : block_ids_find_group(&m->ids, want);
    for (; k < n_groups; k++) {
        g = load_group(x, i, k);
        if (!g)
            return al_fail(err, AL_NOMEM, "ids of a block");
        uint64_t last = g->ids[g->n - 1];
        want = behind_run(g->ids, g->n, want);
        if (want <= last) /* 0: there is none */
            break;
    }
    *ret = want;
    return AL_OK;
}

static al_code behind_unit(ids *x, size_t i, uint64_t want, uint64_t *ret, al_err *err)
{
    const unit *u = &x->units[i];
    *ret = want;
    if (want < u->min_id || want > u->max_id)
        return AL_OK;
    return u->seg ? behind_segment(x, u->seg, want, ret, err) : behind_memtab(x, i, want, ret, err);
}

al_code ids_next_free(ids *x, uint64_t want, uint64_t *ret, segment **ret_bad, al_err *err)
{
    bool is_settled = want > x->max_id;
    while (!is_settled) {
        is_settled = true;
        for (size_t i = 0; i < x->n_units; i++) {
            uint64_t next = want;
            al_code c = behind_unit(x, i, want, &next, err);
            if (c == AL_CORRUPT) {
                *ret_bad = x->units[i].seg;
                c = AL_OK;
            }
            if (c)
                return c;
            if (next < want)
                return al_fail(err, AL_LIMIT, "no id is left above %llu", (unsigned long long)want);
            is_settled &= next == want;
            want = next;
        }
    }
    *ret = want;
    return AL_OK;
}
