/* The merger: one thread that turns the tails of indexes into segments and small segments into
 * larger ones, and has covered log files given back (forget.c).
 * It reads snapshots like any reader, writes files that nothing lists yet, and asks the committer
 * to publish them. Invariants: (1) a tail merge takes whole frames, the oldest of its index; (2)
 * files that were not published are deleted, unless publishing failed: then the manifest on disk
 * may list them.
 * When: a tail that is full, idle, asked for (compact), or in the way (memory, log). */
#include <assert.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/merge.h"
#include "store/store_impl.h"

#define RETRY_MIN_NS (1 * AL_NS_PER_S)
#define RETRY_MAX_NS (60 * AL_NS_PER_S)

typedef struct job {
    sindex *ix; /* NULL: nothing to do */
    snapshot *snap;
    /* a tail: */
    size_t n_mems;
    uint64_t covered; /* the last frame it takes */
    /* or segments: */
    size_t n_picked;
    segment *picked[MERGE_INPUTS_MAX]; /* references */
    /* what came of it: */
    segment *made[PARTITIONS_MAX]; /* references */
    size_t n_made;
    bool is_published;
    bool may_be_listed; /* publishing failed: the files must stay */
} job;

/* ---- What to do next (under the lock) */

typedef struct pressure {
    uint64_t oldest_frame; /* of all tails */
    uint64_t largest_tail; /* encoded bytes */
    bool is_high;          /* appends will wait soon: the largest goes */
} pressure;

static pressure look_at_pressure(const store *st)
{
    pressure p = {.oldest_frame = UINT64_MAX,
                  .is_high = st->tail_bytes > st->tail_bytes_max / 2 ||
                             st->tail_log_bytes > TAILS_BYTES_MAX / 2};
    for (size_t i = 0; i < st->n_indexes; i++) {
        const snapshot *s = st->indexes[i]->snap;
        if (s->n_mems)
            p.oldest_frame = AL_MIN(p.oldest_frame, s->mems[0]->frame);
        p.largest_tail = AL_MAX(p.largest_tail, s->tail_log_bytes);
    }
    return p;
}

static bool is_full(const snapshot *s)
{
    return s->tail_rows >= TAIL_ROWS || s->tail_log_bytes >= TAIL_BYTES ||
           s->tail_raw_bytes >= TAIL_RAW_BYTES || s->n_mems >= TAIL_FRAMES;
}

/* After a failure an index waits; others go on meanwhile. */
static bool may_try(const sindex *ix, int64_t now, int64_t *deadline)
{
    if (ix->is_dropped)
        return false;
    if (now < ix->retry_at_ns)
        *deadline = AL_MIN(*deadline, ix->retry_at_ns);
    return now >= ix->retry_at_ns;
}

static bool is_due(const store *st, const sindex *ix, const pressure *p, int64_t now,
                   int64_t *deadline)
{
    const snapshot *s = ix->snap;
    if (s->n_mems == 0 || !may_try(ix, now, deadline))
        return false;
    if (is_full(s) || s->mems[0]->frame <= ix->compact_frame)
        return true;
    if (p->is_high && s->tail_log_bytes == p->largest_tail)
        return true;
    if (st->log_bytes > LOG_BYTES_PRESSURE && s->mems[0]->frame == p->oldest_frame)
        return true;
    if (st->idle_ns < 0)
        return false;
    *deadline = AL_MIN(*deadline, ix->last_append_ns + st->idle_ns);
    return now >= ix->last_append_ns + st->idle_ns;
}

static void take_tail(const snapshot *s, job *j)
{
    j->n_mems = merge_take(s->mems, s->n_mems, is_full(s));
    j->covered = s->mems[j->n_mems - 1]->frame;
}

static bool pick_segments(sindex *ix, job *j)
{
    const seg_list *l = ix->snap->segs;
    size_t picked[MERGE_INPUTS_MAX];
    AL_CLEANUP(al_freep) const seg_summary **sums = al_alloc(l->n, sizeof(void *));
    if (!sums)
        return false; /* asked again after the next change */
    for (size_t i = 0; i < l->n; i++)
        sums[i] = seg_summary_of(l->segs[i]);
    size_t n = merge_pick(sums, l->n, ix->wants_wide ? 2 : MERGE_INPUTS_MIN, picked);
    for (size_t i = 0; i < n; i++)
        j->picked[i] = seg_ref(l->segs[picked[i]]);
    j->n_picked = n;
    if (n == 0) {
        ix->may_merge_segs = false;
        ix->wants_wide = false;
    }
    return n > 0;
}

/* Of the tails that are due the one that began first: an index that is always due may not keep
 * others waiting, nor the log, which is given back from its beginning. */
static sindex *pick_tail(store *st, int64_t now, int64_t *deadline)
{
    pressure p = look_at_pressure(st);
    sindex *first = NULL;
    for (size_t i = 0; i < st->n_indexes; i++) {
        sindex *ix = st->indexes[i];
        if (is_due(st, ix, &p, now, deadline) &&
            (!first || ix->snap->mems[0]->frame < first->snap->mems[0]->frame))
            first = ix;
    }
    return first;
}

static void pick_job_locked(store *st, job *j, int64_t *deadline)
{
    int64_t now = al_mono_ns();
    sindex *tail = pick_tail(st, now, deadline);
    if (tail) {
        j->ix = tail;
        j->snap = snapshot_ref(tail->snap);
        take_tail(j->snap, j);
        return;
    }
    for (size_t i = 0; i < st->n_indexes; i++) {
        sindex *ix = st->indexes[i];
        if (!(ix->may_merge_segs || ix->wants_wide) || !may_try(ix, now, deadline) ||
            !pick_segments(ix, j))
            continue;
        j->ix = ix;
        j->snap = snapshot_ref(ix->snap);
        return;
    }
    (void)pthread_cond_broadcast(&st->changed); /* compact: nothing is left to do */
}

/* ---- Doing it */

/* The merge failed for it; at the next try it is set aside. */
static al_code report_bad(store *st, const unit *u, al_err *err)
{
    if (u->seg) {
        damage_report(st, u->seg);
        return AL_CORRUPT;
    }
    (void)al_wrap(err, "log frame %llu", (unsigned long long)u->mem->frame);
    al_err other;
    al_code c = damage_check_block(st, u->mem, &other);
    if (!c)
        return AL_CORRUPT;
    *err = other;
    return c;
}

static al_code make_segment(store *st, job *j, const merge_input *inputs, size_t n, part_key key,
                            seg_summary *sum, al_err *err)
{
    seg_writer_options o = {.index_id = j->ix->id,
                            .seg_id = atomic_fetch_add(&j->ix->seg_id_next, 1),
                            .day = key.day,
                            .is_off = key.is_off,
                            .has_positions = sum->has_positions};
    AL_CLEANUP(seg_writer_freep) seg_writer *w = NULL;
    size_t bad = n;
    al_code c = seg_writer_new(st->env, &o, &w, err);
    if (!c)
        c = merge_run(inputs, n, w, &st->is_ending, &bad, err);
    if (c == AL_CORRUPT && bad < n)
        c = report_bad(st, &inputs[bad].u, err);
    if (!c)
        c = seg_writer_finish(w, sum, err);
    if (c)
        return c;
    segment *made = seg_new(st->env, j->ix->id, sum);
    if (!made)
        return al_fail(err, AL_NOMEM, "segment"); /* its file is garbage until the next open */
    j->made[j->n_made++] = made;
    atomic_fetch_add(&st->bytes_written, sum->bytes);
    return AL_OK;
}

static al_code merge_tail(store *st, job *j, al_err *err)
{
    part_key keys[PARTITIONS_MAX];
    memtab *const *mems = j->snap->mems;
    size_t n_keys = merge_partitions(mems, j->n_mems, keys, PARTITIONS_MAX);
    while (n_keys > PARTITIONS_MAX) { /* a tail of many days: fewer frames at once */
        size_t fewer = j->n_mems / 2;
        while (fewer && mems[fewer]->frame == mems[fewer - 1]->frame)
            fewer--;
        assert(fewer > 0); /* one frame has one day of arrival: four partitions */
        j->n_mems = fewer;
        j->covered = mems[fewer - 1]->frame;
        n_keys = merge_partitions(mems, j->n_mems, keys, PARTITIONS_MAX);
    }
    AL_CLEANUP(al_freep) merge_input *inputs = al_alloc(2 * j->n_mems, sizeof *inputs);
    if (!inputs)
        return al_fail(err, AL_NOMEM, "merge %zu frames", j->n_mems);
    for (size_t k = 0; k < n_keys; k++) {
        size_t n = merge_inputs_of(mems, j->n_mems, keys[k], inputs);
        seg_summary sum = {.has_positions = true};
        for (size_t i = 0; i < n; i++) {
            sum.max_arrival_ns = AL_MAX(sum.max_arrival_ns, inputs[i].u.mem->arrival_ns);
            sum.max_frame = AL_MAX(sum.max_frame, inputs[i].u.mem->frame);
        }
        al_code c = make_segment(st, j, inputs, n, keys[k], &sum, err);
        if (c)
            return c;
    }
    return AL_OK;
}

al_code merger_take_oldest(store *st, sindex *ix, snapshot *s, segment *ret_made[PARTITIONS_MAX],
                           size_t *ret_n_made, size_t *ret_n_mems, al_err *err)
{
    job j = {.ix = ix, .snap = s};
    take_tail(s, &j);
    al_code c = merge_tail(st, &j, err);
    for (size_t i = 0; i < j.n_made; i++)
        ret_made[i] = j.made[i];
    *ret_n_made = j.n_made;
    *ret_n_mems = j.n_mems;
    return c;
}

/* Does the segment still know its positions? What it does not know counts as unplaced. */
static al_code add_placed(segment *s, seg_summary *sum, al_err *err)
{
    const seg_summary *in = seg_summary_of(s);
    AL_CLEANUP(positions_unrefp) positions *p = NULL;
    al_code c = seg_positions(s, &p, err);
    if (c && c != AL_NOT_FOUND && c != AL_CORRUPT)
        return c;
    uint64_t unplaced = c ? in->max_frame : in->unplaced_frame;
    sum->has_positions |= c == AL_OK;
    sum->unplaced_frame = AL_MAX(sum->unplaced_frame, unplaced);
    sum->max_frame = AL_MAX(sum->max_frame, in->max_frame);
    sum->max_arrival_ns = AL_MAX(sum->max_arrival_ns, in->max_arrival_ns);
    return AL_OK;
}

static al_code merge_segments(store *st, job *j, al_err *err)
{
    merge_input inputs[MERGE_INPUTS_MAX];
    seg_summary sum = {0};
    for (size_t i = 0; i < j->n_picked; i++) {
        unit u = unit_of_segment(j->picked[i]);
        inputs[i] = (merge_input){.u = u, .to_row = (uint32_t)u.n_rows};
        al_code c = add_placed(j->picked[i], &sum, err);
        if (c)
            return c;
    }
    const seg_summary *first = seg_summary_of(j->picked[0]);
    part_key key = {.day = first->day, .is_off = first->is_off};
    return make_segment(st, j, inputs, j->n_picked, key, &sum, err);
}

/* ---- Publishing: on the committer's thread */

static bool contains(segment *const *segs, size_t n, const segment *s)
{
    for (size_t i = 0; i < n; i++)
        if (segs[i] == s)
            return true;
    return false;
}

static al_code publish_job(store *st, void *arg, al_err *err)
{
    job *j = arg;
    const seg_list *old = j->ix->snap->segs;
    if (j->ix->is_dropped)
        return AL_OK;
    for (size_t i = 0; i < j->n_picked; i++)
        if (!contains(old->segs, old->n, j->picked[i]))
            return AL_OK; /* dropped or set aside meanwhile: what was made is not wanted */
    assert(j->n_mems == 0 || j->snap->mems[0] == j->ix->snap->mems[0]); /* nobody else takes them */
    AL_CLEANUP(al_freep) segment **segs = al_alloc(old->n + j->n_made, sizeof(void *));
    if (!segs)
        return al_fail(err, AL_NOMEM, "publish");
    size_t n = 0;
    for (size_t i = 0; i < old->n; i++)
        if (!contains(j->picked, j->n_picked, old->segs[i]))
            segs[n++] = old->segs[i];
    for (size_t i = 0; i < j->n_made; i++)
        segs[n++] = j->made[i];
    j->may_be_listed = true;
    al_code c = publish_segments(st, j->ix, segs, n, j->n_mems,
                                 j->n_mems ? j->covered : j->ix->covered, err);
    j->is_published = c == AL_OK;
    return c;
}

static void job_done(job *j)
{
    for (size_t i = 0; i < j->n_made; i++) {
        if (!j->is_published && !j->may_be_listed)
            seg_mark_drop(j->made[i]);
        (void)seg_unref(j->made[i]);
    }
    for (size_t i = 0; i < j->n_picked; i++)
        (void)seg_unref(j->picked[i]);
    (void)snapshot_unref(j->snap);
}

static al_code run_job(store *st, job *j, al_err *err)
{
    al_code c = j->n_mems ? merge_tail(st, j, err) : merge_segments(st, j, err);
    if (!c)
        c = committer_call(st, publish_job, j, err);
    if (!c && j->is_published) {
        atomic_fetch_add(&st->merges, 1);
        if (j->n_mems) {
            AL_LOCKED(&st->lock);
            st->wants_forget = true;
        }
    }
    return c;
}

/* ---- The thread */

static bool take_wish(store *st)
{
    AL_LOCKED(&st->lock);
    bool wish = st->wants_forget;
    st->wants_forget = false;
    return wish;
}

/* Whoever asked for compact is told; asked again, it is tried again. */
static void note_failure(store *st, sindex *ix, const al_err *err)
{
    AL_LOCKED(&st->lock);
    if (ix) {
        ix->retry_ns = ix->retry_ns ? AL_MIN(ix->retry_ns * 2, RETRY_MAX_NS) : RETRY_MIN_NS;
        ix->retry_at_ns = al_mono_ns() + ix->retry_ns;
    }
    for (size_t i = 0; i < st->n_indexes; i++) {
        st->indexes[i]->compact_frame = 0;
        st->indexes[i]->wants_wide = false;
    }
    st->merge_failures++;
    st->merge_err = *err;
    (void)pthread_cond_broadcast(&st->changed);
}

static void note_success(store *st, sindex *ix)
{
    AL_LOCKED(&st->lock);
    ix->retry_ns = 0;
    ix->retry_at_ns = 0;
}

/* Waits until there is a job, damage to check or something to forget, or the end. */
static bool next_job(store *st, job *j, int64_t not_before)
{
    AL_LOCKED(&st->lock);
    while (!atomic_load(&st->is_ending)) {
        int64_t deadline = INT64_MAX;
        if (st->n_suspects)
            return true; /* first: a merge may stumble over them */
        if (al_mono_ns() < not_before && !st->wants_try_now) {
            deadline = not_before;
        } else {
            st->wants_try_now = false;
            pick_job_locked(st, j, &deadline);
            if (j->ix || st->wants_forget)
                return true;
        }
        (void)al_cond_wait_until(&st->changed, &st->lock, deadline);
    }
    return false;
}

/* Nothing is in the log alone: it may be long until there is work again. */
static bool is_at_rest(store *st)
{
    AL_LOCKED(&st->lock);
    return st->tail_bytes == 0;
}

void *merger_run(void *store_ptr)
{
    store *st = store_ptr;
    int64_t retry_ns = RETRY_MIN_NS;
    int64_t not_before = 0;
    for (;;) {
        job j = {0};
        al_err err = {0};
        if (!next_job(st, &j, not_before))
            return NULL;
        al_code c = damage_check(st, &err);
        sindex *worked_on = c ? NULL : j.ix;
        if (worked_on)
            c = run_job(st, &j, &err);
        job_done(&j);
        if (c && c != AL_CANCELLED)
            note_failure(st, worked_on, &err);
        else if (!c && worked_on)
            note_success(st, worked_on);
        if (!c && take_wish(st)) {
            c = forget_covered(st, &err);
            if (c) {
                AL_LOCKED(&st->lock);
                st->wants_forget = true;
            }
        }
        if (!c && j.ix && is_at_rest(st))
            al_mem_trim(); /* 2.6 M records left 47 MB resident, 32 of them free */
        if (c && c != AL_CANCELLED && !worked_on) { /* nobody's in particular: all wait */
            not_before = al_mono_ns() + retry_ns;
            retry_ns = AL_MIN(retry_ns * 2, RETRY_MAX_NS);
        } else if (!c) {
            retry_ns = RETRY_MIN_NS;
            not_before = 0;
        }
    }
}
