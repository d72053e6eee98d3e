/* What is given up: old segments, too many bytes, old arrival positions; and the watch over the
 * disk. Committer's thread.
 * Rules (PRODUCT): a segment expires when its last arrival is older than the index keeps; beyond
 * max_bytes the oldest go first; today's never goes. Positions are kept for a little more than the
 * hour that a tail may be away. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/store_impl.h"

#define LOOK_NS (100 * AL_NS_PER_MS)

static bool is_todays(const seg_summary *s, int64_t now)
{
    uint32_t today = part_arrival_day(now);
    return s->day >= today || part_arrival_day(s->max_arrival_ns) >= today;
}

static bool is_expired(const seg_summary *s, uint32_t intervals, int64_t now)
{
    int64_t kept = 0;
    return al_mul((int64_t)intervals, AL_NS_PER_DAY, &kept) && s->max_arrival_ns < now - kept;
}

static int by_age(const void *a, const void *b)
{
    const seg_summary *x = seg_summary_of(*(segment *const *)a);
    const seg_summary *y = seg_summary_of(*(segment *const *)b);
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return x->max_arrival_ns < y->max_arrival_ns ? -1 : x->max_arrival_ns > y->max_arrival_ns;
}

/* The index's new list while it is made. */
typedef struct plan {
    segment **segs; /* oldest first; borrowed from the snapshot or from `fresh` */
    size_t n;
    segment **fresh; /* handles made here, without positions: references */
    size_t n_fresh;
    bool is_changed;
} plan;

static void plan_done(plan *p)
{
    for (size_t i = 0; i < p->n_fresh; i++)
        (void)seg_unref(p->fresh[i]);
    free(p->segs);
    free(p->fresh);
}

static bool plan_begin(const sindex *ix, plan *p)
{
    const seg_list *l = ix->snap->segs;
    p->segs = al_alloc(l->n, sizeof(void *));
    p->fresh = al_alloc(l->n, sizeof(void *));
    if (!p->segs || !p->fresh)
        return false;
    for (; p->n < l->n; p->n++)
        p->segs[p->n] = l->segs[p->n];
    if (p->n)
        qsort(p->segs, p->n, sizeof(void *), by_age);
    return true;
}

static void drop_expired(plan *p, uint32_t intervals, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (is_expired(seg_summary_of(p->segs[i]), intervals, now))
            p->is_changed = true;
        else
            p->segs[kept++] = p->segs[i];
    }
    p->n = kept;
}

static void drop_excess(plan *p, uint64_t max_bytes, int64_t now)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->n; i++)
        bytes += seg_summary_of(p->segs[i])->bytes;
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++) {
        const seg_summary *s = seg_summary_of(p->segs[i]);
        if (bytes > max_bytes && !is_todays(s, now)) {
            bytes -= s->bytes;
            p->is_changed = true;
        } else {
            p->segs[kept++] = p->segs[i];
        }
    }
    p->n = kept;
}

static void forget_positions(store *st, const sindex *ix, plan *p, int64_t now)
{
    for (size_t i = 0; i < p->n; i++) {
        seg_summary s = *seg_summary_of(p->segs[i]);
        if (!s.has_positions || s.max_arrival_ns + POSITIONS_KEPT_S * AL_NS_PER_S > now)
            continue;
        seg_sum_forget_positions(&s);
        segment *fresh = seg_new(st->env, ix->id, &s);
        if (!fresh)
            return; /* later */
        p->fresh[p->n_fresh++] = fresh;
        p->segs[i] = fresh;
        p->is_changed = true;
    }
}

static void tidy_index(store *st, sindex *ix, int64_t now)
{
    plan p = {0};
    al_err ignored; /* tried again at the next round */
    if (plan_begin(ix, &p)) {
        if (ix->is_open)
            drop_expired(&p, ix->intervals, now);
        if (ix->is_open && ix->max_bytes)
            drop_excess(&p, ix->max_bytes, now);
        if (ix->is_open && !ix->keeps_positions)
            forget_positions(st, ix, &p, now);
        bool is_done =
            p.is_changed && !publish_segments(st, ix, p.segs, p.n, 0, ix->covered, &ignored);
        for (size_t i = 0; is_done && i < p.n_fresh; i++)
            seg_delete_positions(p.fresh[i]);
    }
    plan_done(&p);
}

void retention_tidy(store *st)
{
    int64_t time = store_now(st);
    st->tidied_ns = al_mono_ns();
    /* Only this thread adds indexes and changes what is read here. */
    for (size_t i = 0; i < st->n_indexes; i++)
        if (!st->indexes[i]->is_dropped)
            tidy_index(st, st->indexes[i], time);
    AL_LOCKED(&st->lock);
    st->wants_forget = true; /* a few marks alone do not ask for it */
    (void)pthread_cond_broadcast(&st->changed);
}

/* Of all indexes; not today's. AL_NOT_FOUND: there is none. */
static al_code drop_oldest(store *st, al_err *err)
{
    sindex *in = NULL;
    size_t at = 0;
    int64_t now = store_now(st);
    const seg_summary *oldest = NULL;
    for (size_t i = 0; i < st->n_indexes; i++) {
        const seg_list *l = st->indexes[i]->snap->segs;
        for (size_t k = 0; !st->indexes[i]->is_dropped && k < l->n; k++) {
            const seg_summary *s = seg_summary_of(l->segs[k]);
            if (is_todays(s, now) || (oldest && oldest->max_arrival_ns <= s->max_arrival_ns))
                continue;
            oldest = s;
            in = st->indexes[i];
            at = k;
        }
    }
    if (!in)
        return AL_NOT_FOUND;
    const seg_list *l = in->snap->segs;
    AL_CLEANUP(al_freep) segment **segs = al_alloc(l->n, sizeof(void *));
    if (!segs)
        return al_fail(err, AL_NOMEM, "drop the oldest segment");
    size_t n = 0;
    for (size_t k = 0; k < l->n; k++)
        if (k != at)
            segs[n++] = l->segs[k];
    return publish_segments(st, in, segs, n, 0, in->covered, err);
}

void retention_look_at_disk(store *st, bool now)
{
    int64_t mono = al_mono_ns();
    if (!now && mono - st->looked_at_disk_ns < LOOK_NS)
        return;
    st->looked_at_disk_ns = mono;
    uint64_t bytes = 0;
    al_err ignored; /* not to know is no reason to stop; a write will tell */
    if (st->io->free_bytes(st->io, st->store_dir, &bytes, &ignored))
        return;
    atomic_store(&st->free_bytes, bytes);
    bool is_low = bytes < atomic_load(&st->min_free_bytes);
    if (is_low && atomic_load(&st->drops_when_low))
        (void)drop_oldest(st, &ignored); /* one each time; looked at again soon */
    atomic_store(&st->is_low, is_low);
}
