/* Damaged segments: whoever meets one reports it, the merger's thread reads it again, and when it
 * is damage and not a passing failure the committer sets it aside. The check reads the whole
 * segment, which would hold up commits: hence the merger's thread, before its next merge, which may
 * need the segment. What is reported while there is no room in the list, or not checked before the
 * store is closed, the next reader reports again. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/store_impl.h"

/* Is it damage, or did a reader only meet a passing failure? Everything is read once more. */
static bool is_damaged(segment *s)
{
    al_err ignored;
    AL_CLEANUP(block_view_freep) block_view *view = block_view_new();
    return view && seg_check(s, view, &ignored) == AL_CORRUPT;
}

/* arg: the segment. Committer's thread. */
static al_code set_aside(store *st, void *segment_arg, al_err *err)
{
    const segment *bad = segment_arg;
    sindex *ix = NULL;
    {
        AL_LOCKED(&st->lock);
        for (size_t i = 0; i < st->n_indexes; i++)
            if (st->indexes[i]->id == seg_index_id(bad) && !st->indexes[i]->is_dropped)
                ix = st->indexes[i];
    }
    seg_list *old = ix ? ix->snap->segs : NULL;
    size_t at = 0;
    while (old && at < old->n && old->segs[at] != bad)
        at++;
    if (!old || at == old->n) /* merged or dropped meanwhile */
        return AL_OK;
    seg_summary sum = *seg_summary_of(bad);
    sum.is_quarantined = true;
    AL_CLEANUP(seg_unrefp) segment *aside = seg_new(st->env, ix->id, &sum);
    AL_CLEANUP(al_freep) segment **segs = al_alloc(old->n, sizeof(void *));
    if (!aside || !segs)
        return al_fail(err, AL_NOMEM, "set a segment aside");
    for (size_t i = 0; i < old->n; i++)
        segs[i] = i == at ? aside : old->segs[i];
    al_code c = publish_segments(st, ix, segs, old->n, 0, ix->covered, err);
    if (c)
        return c;
    atomic_fetch_add(&st->quarantined, 1);
    seg_env_drop(st->env, ix->id, sum.id);
    return seg_set_aside(aside, err);
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
        al_code c = is_damaged(s) ? committer_call(st, set_aside, s, err) : AL_OK;
        if (c)
            return c; /* the next reader reports it again */
    }
}

void damage_forget(store *st)
{
    for (segment *s; (s = take_suspect(st));)
        (void)seg_unref(s);
}
