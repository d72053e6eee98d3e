/* Opening: what is on disk becomes what is in memory.
 * Order: root -> manifests -> what they do not list is deleted -> log: frames that no manifest
 * covers become fresh segments, marks and fields are told again -> a new log file. Invariants: (1)
 * nothing is deleted before every manifest was read; (2) damaged files are set aside, never
 * deleted; (3) a frame is told to the hooks while its log file exists, also when its rows are in
 * segments already; (4) a manifest that is not there or not sound is made anew (rebuild.c): all
 * frames of its index are looked at, and nothing is opened before the new one is on disk. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/names.h"
#include "store/store_impl.h"

typedef struct recovery {
    store *st;
    memtab_list *tails; /* of each index: rows that are only in the log */
    block_view *view;
    al_arena *arena;
    /* marks since the last checkpoint, in order */
    al_buf marks;
    size_t n_marks;
    /* the frame being read */
    uint64_t seq;
    int64_t arrival_ns;
    wal_source *file; /* borrowed */
    uint64_t body_off;
    al_slice body;
    const char *index; /* for field_seen */
} recovery;

/* ---- Root */

static al_code new_root(store *st, al_err *err)
{
    bool has_data = false;
    al_code c = root_has_data(st->io, st->store_dir, &has_data, err);
    if (c)
        return c;
    if (has_data)
        return al_fail(err, AL_CORRUPT, "root is missing though there are logs or indexes");
    if (getrandom(st->root.store_id, STORE_ID_BYTES, 0) != STORE_ID_BYTES)
        return al_fail_errno(err, "random store id");
    st->root.generation = 1;
    return root_save(st->io, st->store_dir, &st->root, err);
}

static al_code open_root(store *st, al_err *err)
{
    al_code c = root_load(st->io, st->store_dir, &st->root, err);
    if (c == AL_NOT_FOUND)
        c = new_root(st, err);
    memcpy(st->store_id, st->root.store_id, STORE_ID_BYTES);
    return c;
}

/* ---- Manifests */

static al_code make_index(store *st, const root_entry *e, const manifest *m, bool is_rebuilt,
                          al_err *err)
{
    sindex **grown = al_grow(st->indexes, &st->indexes_cap, st->n_indexes, sizeof(void *), 16,
                             SIZE_MAX / sizeof(void *));
    sindex *ix = al_zalloc(1, sizeof *ix);
    if (grown)
        st->indexes = grown;
    if (!grown || !ix) {
        free(ix);
        return al_fail(err, AL_NOMEM, "indexes");
    }
    st->indexes[st->n_indexes++] = ix;
    ix->id = e->id;
    memcpy(ix->name, e->name, sizeof ix->name);
    atomic_init(&ix->seg_id_next, m->seg_id_max + 1);
    ix->covered = m->covered;
    ix->is_rebuilt = is_rebuilt;
    ix->generation = m->generation;
    ix->may_merge_segs = true;
    ix->last_append_ns = al_mono_ns();
    AL_CLEANUP(al_freep) segment **segs = al_zalloc(m->n, sizeof(void *));
    bool is_made = segs != NULL;
    for (size_t i = 0; is_made && i < m->n; i++) {
        segs[i] = seg_new(st->env, ix->id, &m->segs[i]);
        is_made = segs[i] != NULL;
        atomic_fetch_add(&st->quarantined, m->segs[i].is_quarantined);
    }
    seg_list *list = is_made ? seg_list_new(segs, m->n) : NULL;
    for (size_t i = 0; segs && i < m->n; i++)
        (void)seg_unref(segs[i]);
    ix->snap = list ? snapshot_make(NULL, 0, NULL, 0, list) : NULL;
    (void)seg_list_unref(list);
    return ix->snap ? AL_OK : al_fail(err, AL_NOMEM, "segments of index %s", ix->name);
}

static al_code open_manifest(store *st, const root_entry *e, al_err *err)
{
    manifest m = {0};
    int dir = -1;
    al_err mine;
    if (!err)
        err = &mine;
    al_code c = seg_env_index_dir(st->env, e->id, false, &dir, err);
    if (!c) {
        c = manifest_load(st->io, dir, &m, err);
        st->io->close(st->io, dir);
    }
    if (c == AL_NOT_FOUND)
        c = al_fail(err, AL_CORRUPT, "its manifest is missing");
    if (!c && (m.index_id != e->id || memcmp(m.store_id, st->store_id, STORE_ID_BYTES) != 0))
        c = al_fail(err, AL_CORRUPT, "its manifest belongs to another index");
    bool is_rebuilt = c == AL_CORRUPT; /* `alco verify` says why */
    if (is_rebuilt) {
        manifest_done(&m);
        atomic_fetch_add(&st->quarantined, 1);
        store_note(st, e->name, "%s; it is rebuilt from its segments and the log", err->msg);
        c = rebuild_manifest(st, e, &m, err);
    }
    if (!c)
        c = make_index(st, e, &m, is_rebuilt, err);
    manifest_done(&m);
    return c ? al_wrap(err, "index %s (%u)", e->name, e->id) : AL_OK;
}

/* ---- Garbage */

typedef struct sweep {
    store *st;
    sindex *ix; /* NULL: the directory of no index */
    int dir;
    uint64_t number_max;
    char (*names)[NAME_BYTES * 2];
    size_t n;
    size_t cap;
} sweep;

static bool is_listed(const sweep *s, name_kind kind, uint64_t id)
{
    const seg_list *l = s->ix ? s->ix->snap->segs : NULL;
    for (size_t i = 0; l && i < l->n; i++) {
        const seg_summary *sum = seg_summary_of(l->segs[i]);
        if (sum->id == id)
            return kind == NAME_SEG || sum->has_positions;
    }
    return false;
}

static al_code note_garbage(void *ctx, const char *name, al_err *err)
{
    sweep *s = ctx;
    uint64_t id = 0;
    char stem[NAME_BYTES];
    name_kind kind = names_parse(name, &id);
    if (kind == NAME_SEG || kind == NAME_POS ||
        (names_strip(name, stem) != NAME_OTHER && names_parse(stem, &id) != NAME_OTHER))
        s->number_max = AL_MAX(s->number_max, id > NAMES_SEG_ID_USUAL ? 0 : id);
    bool is_garbage = kind == NAME_TMP || (kind == NAME_MANIFEST && !s->ix) ||
                      ((kind == NAME_SEG || kind == NAME_POS) && !is_listed(s, kind, id));
    if (!is_garbage || strlen(name) >= sizeof s->names[0])
        return AL_OK;
    void *grown = al_grow(s->names, &s->cap, s->n, sizeof s->names[0], 16, SIZE_MAX / NAME_BYTES);
    if (!grown)
        return al_fail(err, AL_NOMEM, "left-over files");
    s->names = grown;
    memcpy(s->names[s->n++], name, strlen(name) + 1);
    return AL_OK;
}

static void delete_garbage(sweep *s)
{
    al_err ignored; /* what stays is deleted at a later open; its number is not used again */
    const al_io *io = s->st->io;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t id = 0;
        if (names_parse(s->names[i], &id) != NAME_SEG || id <= NAMES_SEG_ID_USUAL) {
            (void)io->unlink(io, s->dir, s->names[i], &ignored);
            continue;
        }
        char bad[sizeof s->names[i] + sizeof NAME_SUFFIX_BAD]; /* not left over by this store */
        (void)snprintf(bad, sizeof bad, "%s" NAME_SUFFIX_BAD, s->names[i]);
        (void)io->rename(io, s->dir, s->names[i], bad, &ignored);
    }
    free(s->names);
}

static al_code sweep_index(store *st, uint32_t index_id, sindex *ix, al_err *err)
{
    sweep s = {.st = st, .ix = ix};
    al_code c = seg_env_index_dir(st->env, index_id, false, &s.dir, err);
    if (c)
        return c;
    c = st->io->list(st->io, s.dir, note_garbage, &s, err);
    delete_garbage(&s);
    st->io->close(st->io, s.dir);
    if (ix && atomic_load(&ix->seg_id_next) <= s.number_max)
        atomic_store(&ix->seg_id_next, s.number_max + 1);
    return c;
}

typedef struct dropped {
    store *st;
    uint32_t *ids;
    size_t n;
    size_t cap;
} dropped;

static al_code note_dropped(void *ctx, const char *name, al_err *err)
{
    dropped *d = ctx;
    uint64_t id = 0;
    if (names_parse(name, &id) != NAME_INDEX)
        return AL_OK;
    for (size_t i = 0; i < d->st->n_indexes; i++)
        if (d->st->indexes[i]->id == id)
            return AL_OK;
    uint32_t *grown = al_grow(d->ids, &d->cap, d->n, sizeof *grown, 16, UINT32_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "left-over directories");
    d->ids = grown;
    d->ids[d->n++] = (uint32_t)id;
    return AL_OK;
}

static al_code sweep_all(store *st, al_err *err)
{
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < st->n_indexes; i++)
        c = sweep_index(st, st->indexes[i]->id, st->indexes[i], err);
    dropped d = {.st = st};
    if (!c)
        c = st->io->list(st->io, st->store_dir, note_dropped, &d, err);
    for (size_t i = 0; !c && i < d.n; i++) {
        char name[NAME_BYTES];
        names_format(name, NAME_INDEX, d.ids[i]);
        c = sweep_index(st, d.ids[i], NULL, err);
        if (!c)
            (void)unlinkat(st->store_dir, name, AT_REMOVEDIR); /* not empty: damaged files stay */
        st->root.index_id_max = AL_MAX(st->root.index_id_max, d.ids[i]);
    }
    free(d.ids);
    return c;
}

/* ---- Log */

static memtab_list *tail_of(recovery *r, uint32_t index_id, sindex **ret)
{
    for (size_t i = 0; i < r->st->n_indexes; i++) {
        if (r->st->indexes[i]->id == index_id) {
            *ret = r->st->indexes[i];
            return &r->tails[i];
        }
    }
    return NULL;
}

static rec_visit tell_path(void *ctx, al_slice path, const value *v)
{
    recovery *r = ctx;
    (void)v;
    r->st->hooks.field_seen(r->st->hooks.ctx, r->index, path);
    return REC_VISIT_MORE;
}

/* The paths of one column: what its values are made of, when they are objects or arrays. */
static al_code tell_column(recovery *r, al_slice name, const block_col *col, al_err *err)
{
    bool has_told_name = false;
    for (uint32_t i = 0; i < col->n_values; i++) {
        bool is_nested = col->values[i].type >= VAL_ARRAY;
        if (!is_nested && has_told_name)
            continue;
        has_told_name |= !is_nested;
        field f = {.name = name, .val = col->values[i]};
        const record one = {.fields = &f, .n_fields = 1};
        if (!rec_each_path(&one, r->arena, tell_path, r))
            return al_fail(err, AL_NOMEM, "tell the fields of records in the log");
    }
    return AL_OK;
}

static al_code tell_fields(recovery *r, const sindex *ix, al_err *err)
{
    const al_slice *names = NULL;
    size_t n = block_view_names(r->view, &names);
    r->index = ix->name;
    for (size_t i = 0; i < n; i++) {
        const block_col *col = NULL;
        al_code c = block_view_field(r->view, names[i], &col, err);
        if (!c && col)
            c = tell_column(r, names[i], col, err);
        if (c)
            return c;
    }
    return AL_OK;
}

static void replay_place(void *ctx, wal_source *file, uint64_t off)
{
    recovery *r = ctx;
    r->file = file;
    r->body_off = off;
}

static al_code keep_part(recovery *r, const frame_part_view *p, const sindex *ix, memtab_list *t,
                         al_err *err)
{
    memtab head = {.index_id = ix->id,
                   .frame = r->seq,
                   .frame_row = p->first_row,
                   .arrival_ns = r->arrival_ns,
                   .log = r->file,
                   .off = r->body_off + (uint64_t)(p->block.ptr - r->body.ptr)};
    return ix->is_rebuilt ? rebuild_keep_missing(r->st, ix->snap, r->view, p->block, &head, t, err)
                          : memtab_list_add(t, p->block, r->st->view, &head, err);
}

static al_code replay_part(void *ctx, const frame_part_view *p, al_err *err)
{
    recovery *r = ctx;
    sindex *ix = NULL;
    memtab_list *t = tail_of(r, p->index_id, &ix);
    if (!t)
        return AL_OK; /* dropped */
    al_code c = block_view_open_slice(r->view, p->block, err);
    if (!c && block_view_info(r->view)->n_rows != p->n_rows)
        c = al_fail(err, AL_CORRUPT, "a block has other rows than its frame says");
    if (!c && r->seq > ix->covered)
        c = keep_part(r, p, ix, t, err);
    if (!c && r->st->hooks.field_seen)
        c = tell_fields(r, ix, err);
    if (c != AL_CORRUPT)
        return c;
    atomic_fetch_add(&r->st->quarantined, 1); /* its checksum fits: written so, by a bug */
    return AL_OK;
}

static al_code replay_mark(void *ctx, al_slice marks, al_err *err)
{
    recovery *r = ctx;
    al_buf_varint(&r->marks, marks.len);
    al_buf_slice_put(&r->marks, marks);
    r->n_marks++;
    return al_buf_code(&r->marks) ? al_fail(err, al_buf_code(&r->marks), "marks in the log")
                                  : AL_OK;
}

static al_code replay_frame(void *ctx, uint64_t seq, al_slice body, al_err *err)
{
    recovery *r = ctx;
    frame_body b;
    al_code c = frame_body_visit(body, NULL, &b, err);
    if (c)
        return c;
    if (b.kind == FRAME_CHECKPOINT) { /* stands for all marks before it */
        al_buf_clear(&r->marks);
        r->n_marks = 0;
    }
    r->seq = seq;
    r->body = body;
    r->arrival_ns = b.arrival_ns;
    frame_visitor v = {.ctx = r, .part = replay_part, .mark = replay_mark};
    return frame_body_visit(body, &v, &b, err);
}

/* The file, if there is one, is kept as *.bad once everything in it is merged (wal.c). */
static void note_damage(void *ctx, const char *file, const char *why)
{
    recovery *r = ctx;
    atomic_fetch_add(&r->st->quarantined, 1);
    store_note(r->st, NULL, "log/%s: %s", file, why);
}

static void tell_marks(recovery *r)
{
    al_rd rd = al_rd_of(al_buf_slice(&r->marks));
    for (size_t i = 0; i < r->n_marks; i++) {
        uint64_t len = al_rd_varint(&rd);
        al_slice marks = al_rd_bytes(&rd, len);
        assert(!rd.bad);
        if (r->st->hooks.mark)
            r->st->hooks.mark(r->st->hooks.ctx, marks);
    }
}

static al_code show_tails(recovery *r, al_err *err)
{
    for (size_t i = 0; i < r->st->n_indexes; i++) {
        sindex *ix = r->st->indexes[i];
        snapshot *s = snapshot_make(ix->snap, 0, r->tails[i].at, r->tails[i].n, ix->snap->segs);
        if (!s)
            return al_fail(err, AL_NOMEM, "replay");
        AL_LOCKED(&r->st->lock);
        publish_snapshot_locked(r->st, ix, s);
    }
    return AL_OK;
}

/* Sequences that must not be given again, whatever is left of the log. */
static uint64_t seq_known(const store *st)
{
    uint64_t seq = 0;
    for (size_t i = 0; i < st->n_indexes; i++) {
        const sindex *ix = st->indexes[i];
        seq = AL_MAX(seq, ix->covered);
        for (size_t k = 0; k < ix->snap->segs->n; k++)
            seq = AL_MAX(seq, seg_summary_of(ix->snap->segs->segs[k])->max_frame);
    }
    return seq;
}

static al_code replay(recovery *r, al_err *err)
{
    store *st = r->st;
    wal_visitor v = {.ctx = r, .place = replay_place, .frame = replay_frame, .damage = note_damage};
    al_code c = wal_replay(st->io, st->log_dir, st->store_id, &v, &st->wal, err);
    uint64_t known = seq_known(st);
    if (!c && wal_last_seq(st->wal) < known)
        note_damage(r, "", "its end is missing: segments have rows of later frames");
    if (!c)
        c = show_tails(r, err);
    if (!c)
        c = wal_start(st->wal, known, err);
    if (c)
        return c;
    tell_marks(r);
    uint64_t seq = wal_last_seq(st->wal);
    AL_LOCKED(&st->lock);
    st->end = seq ? (eng_arrival){.frame = seq, .row = UINT32_MAX} : (eng_arrival){0};
    st->log_bytes = wal_bytes(st->wal);
    st->log_first = wal_first_seq(st->wal);
    st->wants_forget = true;
    return AL_OK;
}

static al_code recover_log(store *st, al_err *err)
{
    recovery r = {.st = st};
    al_buf_init(&r.marks, SIZE_MAX);
    r.view = block_view_new();
    r.arena = al_arena_new((size_t)16 * 1024);
    r.tails = al_zalloc(st->n_indexes, sizeof *r.tails);
    al_code c = r.view && r.arena && r.tails ? replay(&r, err) : al_fail(err, AL_NOMEM, "replay");
    for (size_t i = 0; r.tails && i < st->n_indexes; i++)
        memtab_list_done(&r.tails[i]);
    free(r.tails);
    (void)block_view_free(r.view);
    (void)al_arena_free(r.arena);
    al_buf_done(&r.marks);
    return c;
}

al_code recover_open(store *st, al_err *err)
{
    al_code c = st->io->open_dir(st->io, st->store_dir, NAME_OF_LOG_DIR, true, &st->log_dir, err);
    if (!c)
        c = open_root(st, err);
    if (!c)
        c = st->io->sync_dir(st->io, st->store_dir, err);
    return c;
}

al_code recover_indexes(store *st, al_err *err)
{
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < st->root.n; i++)
        c = open_manifest(st, &st->root.entries[i], err);
    if (!c)
        c = sweep_all(st, err);
    if (!c)
        c = recover_log(st, err);
    for (size_t i = 0; !c && i < st->n_indexes; i++) {
        if (st->indexes[i]->is_rebuilt)
            c = rebuild_finish(st, st->indexes[i], err);
        st->indexes[i]->is_rebuilt = false;
    }
    return c;
}
