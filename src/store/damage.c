/* Damaged segments: whoever meets one reports it, the merger's thread reads it again, and when it
 * is damage and not a passing failure the committer sets it aside. The check reads the whole
 * segment, which would hold up commits: hence the merger's thread, before its next merge, which may
 * need the segment. Damaged arrival positions cost no rows: they are given up as old ones are. What
 * is reported while there is no room in the list, or not checked before the store is closed, the
 * next reader reports again.
 * Blocks that are still in the log are met by the merger itself: what of them cannot be read goes
 * into no segment, and the log file is kept, as when it had been found at a start. */
#include "base/mem.h"
#include "store/store_impl.h"

/* Is it damage, or did a reader only meet a passing failure? Everything is read once more. */
static bool is_damaged(segment *s)
{
    al_err ignored;
    AL_CLEANUP(block_view_freep) block_view *view = block_view_new();
    return view && seg_check(s, view, &ignored) == AL_CORRUPT;
}

static bool has_bad_positions(segment *s)
{
    al_err ignored;
    AL_CLEANUP(positions_unrefp) positions *p = NULL;
    return seg_positions(s, &p, &ignored) == AL_CORRUPT;
}

static sindex *index_of(store *st, const segment *s)
{
    AL_LOCKED(&st->lock);
    for (size_t i = 0; i < st->n_indexes; i++)
        if (st->indexes[i]->id == seg_index_id(s) && !st->indexes[i]->is_dropped)
            return st->indexes[i];
    return NULL;
}

/* Publishes the handle's index with another summary for it. *ret is a new handle, or NULL when it
 * was merged or dropped meanwhile. Committer's thread. */
static al_code replace(store *st, const segment *bad, const seg_summary *sum, segment **ret,
                       al_err *err)
{
    sindex *ix = index_of(st, bad);
    const seg_list *old = ix ? ix->snap->segs : NULL;
    size_t at = 0;
    while (old && at < old->n && old->segs[at] != bad)
        at++;
    if (!old || at == old->n)
        return AL_OK;
    AL_CLEANUP(seg_unrefp) segment *fresh = seg_new(st->env, ix->id, sum);
    AL_CLEANUP(al_freep) segment **segs = al_alloc(old->n, sizeof(void *));
    if (!fresh || !segs)
        return al_fail(err, AL_NOMEM, "give up what is damaged of a segment");
    for (size_t i = 0; i < old->n; i++)
        segs[i] = i == at ? fresh : old->segs[i];
    al_code c = publish_segments(st, ix, segs, old->n, 0, ix->covered, err);
    if (!c)
        *ret = AL_TAKE(fresh);
    return c;
}

/* arg: the segment. Committer's thread, as the next. */
static al_code set_aside(store *st, void *segment_arg, al_err *err)
{
    seg_summary sum = *seg_summary_of(segment_arg);
    AL_CLEANUP(seg_unrefp) segment *aside = NULL;
    sum.is_quarantined = true;
    al_code c = replace(st, segment_arg, &sum, &aside, err);
    if (c || !aside)
        return c;
    atomic_fetch_add(&st->quarantined, 1);
    seg_env_drop(st->env, seg_index_id(aside), sum.id);
    return seg_set_aside(aside, err);
}

static al_code give_up_positions(store *st, void *segment_arg, al_err *err)
{
    seg_summary sum = *seg_summary_of(segment_arg);
    AL_CLEANUP(seg_unrefp) segment *fresh = NULL;
    seg_sum_forget_positions(&sum);
    al_code c = replace(st, segment_arg, &sum, &fresh, err);
    if (!c && fresh)
        seg_delete_positions(fresh);
    return c;
}

void damage_report(store *st, segment *s)
{
    AL_LOCKED(&st->lock);
    for (size_t i = 0; i < st->n_suspects; i++)
        if (st->suspects[i] == s)
            return;
    if (st->n_suspects == SUSPECTS_MAX)
        return;
    st->suspects[st->n_suspects++] = seg_ref(s);
    (void)pthread_cond_broadcast(&st->changed);
}

static segment *take_suspect(store *st)
{
    AL_LOCKED(&st->lock);
    return st->n_suspects ? st->suspects[--st->n_suspects] : NULL;
}

al_code damage_check(store *st, al_err *err)
{
    for (;;) {
        AL_CLEANUP(seg_unrefp) segment *s = take_suspect(st);
        if (!s)
            return AL_OK;
        al_code c = AL_OK;
        if (is_damaged(s))
            c = committer_call(st, set_aside, s, err);
        else if (has_bad_positions(s))
            c = committer_call(st, give_up_positions, s, err);
        if (c)
            return c; /* the next reader reports it again */
    }
}

/* ---- Blocks in the log */

static bool is_block_damaged(const memtab *m)
{
    static const block_want want = {.is_all = true};
    al_err ignored;
    AL_CLEANUP(block_view_freep) block_view *view = block_view_new();
    al_code c = view ? memtab_open(m, view, &ignored) : AL_NOMEM;
    for (uint32_t row = 0; !c && row < m->info.n_rows; row++) {
        record r;
        c = block_view_record(view, row, &want, &r, &ignored);
    }
    return c == AL_CORRUPT;
}

static al_code keep_log_file(store *st, void *memtab_arg, al_err *err)
{
    (void)err;
    const memtab *m = memtab_arg;
    wal_is_bad(st->wal, m->frame);
    return AL_OK;
}

al_code damage_check_block(store *st, memtab *m, al_err *err)
{
    if (!st->has_committer || !is_block_damaged(m))
        return AL_OK;
    al_code c = committer_call(st, keep_log_file, m, err);
    if (c)
        return c;
    m->is_damaged = true;
    atomic_fetch_add(&st->quarantined, 1);
    return AL_OK;
}

void damage_forget(store *st)
{
    for (segment *s; (s = take_suspect(st));)
        (void)seg_unref(s);
}
