/* Publishing: manifests, the root, and what readers see. Committer's thread (and open, before it
 * runs).
 * Invariants: (1) a manifest is on disk before what it says becomes visible; (2) a segment's file
 * is deleted only after a manifest without it is on disk; (3) an index is in the root only while
 * its directory has a manifest. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/format.h"
#include "store/limits.h"
#include "store/names.h"
#include "store/store_impl.h"

sindex *store_find_locked(store *st, const char *name)
{
    for (size_t i = 0; name && i < st->n_indexes; i++)
        if (st->indexes[i]->is_open && !st->indexes[i]->is_dropped &&
            strcmp(st->indexes[i]->name, name) == 0)
            return st->indexes[i];
    return NULL;
}

/* ---- Segments */

static al_code save_manifest(store *st, const sindex *ix, segment *const *segs, size_t n,
                             uint64_t covered, al_err *err)
{
    manifest m = {.index_id = ix->id,
                  .generation = ix->generation + 1,
                  .covered = covered,
                  .seg_id_max = atomic_load(&ix->seg_id_next) - 1};
    memcpy(m.store_id, st->store_id, sizeof m.store_id);
    if (n > INDEX_SEGMENTS_MAX)
        return al_fail(err, AL_LIMIT, "index %s has %zu segments", ix->name, n);
    m.segs = al_alloc(n, sizeof *m.segs);
    if (!m.segs)
        return al_fail(err, AL_NOMEM, "manifest of index %s", ix->name);
    for (; m.n < n; m.n++)
        m.segs[m.n] = *seg_summary_of(segs[m.n]);
    int dir = -1;
    al_code c = seg_env_index_dir(st->env, ix->id, false, &dir, err);
    if (c == AL_NOT_FOUND)
        c = al_fail(err, AL_CORRUPT, "directory of index %s is missing", ix->name);
    if (!c) {
        c = manifest_save(st->io, dir, &m, err);
        st->io->close(st->io, dir);
    }
    atomic_fetch_add(&st->bytes_written, m.n * FMT_SUMMARY_BYTES);
    manifest_done(&m);
    return c;
}

void publish_snapshot_locked(store *st, sindex *ix, snapshot *next)
{
    snapshot *old = ix->snap;
    if (old) {
        st->tail_bytes -= old->tail_bytes;
        st->tail_log_bytes -= old->tail_log_bytes;
    }
    st->tail_bytes += next->tail_bytes;
    st->tail_log_bytes += next->tail_log_bytes;
    ix->snap = next;
    (void)snapshot_unref(old); /* cheap: what it alone held are memtabs and marked segments */
}

static bool is_listed(segment *const *segs, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (seg_summary_of(segs[i])->id == id)
            return true;
    return false;
}

al_code publish_segments(store *st, sindex *ix, segment *const *segs, size_t n, size_t n_drop,
                         uint64_t covered, al_err *err)
{
    AL_CLEANUP(snapshot_unrefp) snapshot *next = NULL;
    seg_list *list = seg_list_new(segs, n);
    if (list)
        next = snapshot_make(ix->snap, n_drop, NULL, 0, list);
    (void)seg_list_unref(list);
    if (!next)
        return al_fail(err, AL_NOMEM, "publish index %s", ix->name);
    al_code c = save_manifest(st, ix, segs, n, covered, err);
    ix->generation++; /* also after a failure: it may have reached the disk */
    if (c)
        return c;
    ix->covered = covered;
    AL_CLEANUP(snapshot_unrefp) snapshot *old = snapshot_ref(ix->snap);
    for (size_t i = 0; i < old->segs->n; i++)
        if (!is_listed(segs, n, seg_summary_of(old->segs->segs[i])->id))
            seg_mark_drop(old->segs->segs[i]);
    AL_LOCKED(&st->lock);
    publish_snapshot_locked(st, ix, AL_TAKE(next));
    ix->may_merge_segs = true;
    (void)pthread_cond_broadcast(&st->changed);
    return AL_OK;
}

/* ---- Indexes */

static al_code save_root(store *st, const root_entry *entries, size_t n, uint32_t id_max,
                         al_err *err)
{
    root next = {.generation = ++st->root.generation,
                 .index_id_max = id_max,
                 .entries = (root_entry *)entries,
                 .n = n};
    memcpy(next.store_id, st->store_id, sizeof next.store_id);
    return root_save(st->io, st->store_dir, &next, err);
}

static al_code create_directory(store *st, const sindex *ix, al_err *err)
{
    int dir = -1;
    al_code c = seg_env_index_dir(st->env, ix->id, true, &dir, err);
    if (c)
        return c;
    st->io->close(st->io, dir);
    c = save_manifest(st, ix, NULL, 0, ix->covered, err);
    if (!c)
        c = st->io->sync_dir(st->io, st->store_dir, err);
    return c;
}

static al_code add_to_root(store *st, const sindex *ix, al_err *err)
{
    root_entry *grown = al_realloc(st->root.entries, st->root.n + 1, sizeof *grown);
    if (!grown)
        return al_fail(err, AL_NOMEM, "list of indexes");
    st->root.entries = grown;
    grown[st->root.n] = (root_entry){.id = ix->id};
    memcpy(grown[st->root.n].name, ix->name, sizeof ix->name);
    al_code c = save_root(st, grown, st->root.n + 1, ix->id, err);
    if (!c)
        st->root.n++;
    return c;
}

static al_code create_index(store *st, const char *name, sindex **ret, al_err *err)
{
    if (st->root.n >= INDEXES_MAX)
        return al_fail(err, AL_LIMIT, "there are %zu indexes already", st->root.n);
    sindex *ix = al_zalloc(1, sizeof *ix);
    seg_list *none = seg_list_new(NULL, 0);
    if (ix && none)
        ix->snap = snapshot_make(NULL, 0, NULL, 0, none);
    (void)seg_list_unref(none);
    if (!ix || !ix->snap) {
        free(ix);
        return al_fail(err, AL_NOMEM, "index %s", name);
    }
    /* A number is used once, also when creating fails below. */
    ix->id = ++st->root.index_id_max;
    atomic_init(&ix->seg_id_next, 1);
    ix->covered = wal_last_seq(st->wal);
    memcpy(ix->name, name, strlen(name) + 1);
    al_code c = create_directory(st, ix, err);
    if (!c)
        c = add_to_root(st, ix, err);
    if (!c) {
        AL_LOCKED(&st->lock);
        sindex **grown = al_grow(st->indexes, &st->indexes_cap, st->n_indexes, sizeof(void *), 16,
                                 SIZE_MAX / sizeof(void *));
        if (grown) {
            st->indexes = grown;
            st->indexes[st->n_indexes++] = ix;
            *ret = ix;
            return AL_OK;
        }
        c = al_fail(err, AL_NOMEM, "index %s", name);
    }
    (void)snapshot_unref(ix->snap);
    free(ix);
    return c;
}

static sindex *find_any(store *st, const char *name)
{
    AL_LOCKED(&st->lock);
    for (size_t i = 0; i < st->n_indexes; i++)
        if (!st->indexes[i]->is_dropped && strcmp(st->indexes[i]->name, name) == 0)
            return st->indexes[i];
    return NULL;
}

al_code publish_index_open(store *st, void *change, al_err *err)
{
    const eng_index_settings *s = ((index_change *)change)->settings;
    text_fields *text = text_fields_new(s->text_fields, s->n_text_fields);
    if (!text)
        return al_fail(err, AL_NOMEM, "index %s", s->name);
    sindex *ix = find_any(st, s->name);
    al_code c = ix ? AL_OK : create_index(st, s->name, &ix, err);
    if (!c) {
        assert(ix);
        AL_LOCKED(&st->lock);
        text_fields *old = ix->text;
        ix->text = text;
        text = old;
        ix->intervals = s->intervals;
        ix->keeps_positions = s->keeps_positions;
        ix->max_bytes = s->max_bytes;
        ix->is_open = true;
    }
    (void)text_fields_unref(text);
    if (!c)
        retention_tidy(st);
    return c;
}

static size_t root_position(const store *st, uint32_t id)
{
    size_t i = 0;
    while (i < st->root.n && st->root.entries[i].id != id)
        i++;
    return i;
}

/* What is no longer in the root is garbage: failures here are recovery's to finish. */
static void delete_directory(store *st, const sindex *ix)
{
    al_err ignored;
    int dir = -1;
    if (seg_env_index_dir(st->env, ix->id, false, &dir, &ignored))
        return;
    (void)st->io->unlink(st->io, dir, NAME_OF_MANIFEST, &ignored);
    st->io->close(st->io, dir);
}

al_code publish_index_drop(store *st, void *change, al_err *err)
{
    const char *name = ((index_change *)change)->name;
    sindex *ix = find_any(st, name);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "there is no index '%s'", name);
    size_t at = root_position(st, ix->id);
    assert(at < st->root.n);
    AL_CLEANUP(al_freep) root_entry *rest = al_alloc(st->root.n, sizeof *rest);
    seg_list *none = seg_list_new(NULL, 0);
    snapshot *empty = none ? snapshot_make(NULL, 0, NULL, 0, none) : NULL;
    (void)seg_list_unref(none);
    if (!rest || !empty) {
        (void)snapshot_unref(empty);
        return al_fail(err, AL_NOMEM, "drop index %s", name);
    }
    size_t n = 0;
    for (size_t i = 0; i < st->root.n; i++)
        if (i != at)
            rest[n++] = st->root.entries[i];
    al_code c = save_root(st, rest, n, st->root.index_id_max, err);
    if (c) {
        (void)snapshot_unref(empty);
        return c;
    }
    memcpy(st->root.entries, rest, n * sizeof *rest);
    st->root.n = n;
    for (size_t i = 0; i < ix->snap->segs->n; i++)
        seg_mark_drop(ix->snap->segs->segs[i]);
    delete_directory(st, ix);
    AL_CLEANUP(snapshot_unrefp) snapshot *old = snapshot_ref(ix->snap);
    (void)old; /* held until the lock is not: its last unref deletes files */
    AL_LOCKED(&st->lock);
    ix->is_dropped = true;
    publish_snapshot_locked(st, ix, empty);
    st->wants_forget = true;
    (void)pthread_cond_broadcast(&st->changed);
    return AL_OK;
}
