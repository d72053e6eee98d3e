/* A manifest made anew, at open, from what lies in the directory of its index (doc/format.md
 * section 8).
 * In two steps, because the log is read between them: rebuild_manifest says which segments count,
 * recover.c replays the log with rebuild_keep_missing, rebuild_finish makes segments of what came
 * of it and publishes. Invariants: (1) ids are unique in an index, so a row is known by its id:
 * each counts once, wherever it stands; (2) nothing is deleted but finished segments all of whose
 * rows stand in sound ones that are on disk; (3) until the manifest is published every step may be
 * cut off: it leaves more segments, never fewer rows, and the next open begins again. Opening
 * thread, before there are others. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/names.h"
#include "store/seg_writer.h"
#include "store/store_impl.h"

enum { OLD_MANIFESTS_MAX = 1000 };

typedef struct found {
    uint64_t id;
    bool is_aside; /* .seg.bad */
} found;

typedef struct rebuild {
    store *st;
    const char *name; /* of the index */
    uint32_t index_id;
    found *files;
    size_t n_files;
    size_t files_cap;
    manifest man; /* room for one segment a file, and one */
} rebuild;

/* ---- What is there */

static al_code note_file(void *ctx, const char *name, al_err *err)
{
    rebuild *r = ctx;
    char stem[NAME_BYTES];
    uint64_t id = 0;
    name_kind ending = names_strip(name, stem);
    name_kind kind = names_parse(ending == NAME_OTHER ? name : stem, &id);
    if (kind != NAME_SEG && kind != NAME_POS)
        return AL_OK;
    if (id <= NAMES_SEG_ID_USUAL) /* also of what was never finished */
        r->man.seg_id_max = AL_MAX(r->man.seg_id_max, id);
    if (kind == NAME_POS || ending == NAME_TMP || id == 0)
        return AL_OK;
    found *grown =
        al_grow(r->files, &r->files_cap, r->n_files, sizeof *grown, 64, INDEX_SEGMENTS_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "segments of index %u", r->index_id);
    r->files = grown;
    grown[r->n_files++] = (found){.id = id, .is_aside = ending == NAME_BAD};
    return AL_OK;
}

/* Sound files first: a number that stands twice is the sound one's. */
static int by_soundness(const void *a, const void *b)
{
    const found *x = a;
    const found *y = b;
    if (x->is_aside != y->is_aside)
        return x->is_aside ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* What the files do not say, so that nothing expires early. */
static void assume_rest(const rebuild *r, seg_summary *sum)
{
    int64_t now = store_now(r->st);
    sum->max_arrival_ns = now;
    sum->day = part_day(sum->min_id);
    sum->is_off = part_day(sum->max_id) != sum->day || sum->is_quarantined;
    if (sum->is_off)
        sum->day = part_arrival_day(now);
}

static void add(rebuild *r, const seg_summary *sum)
{
    assert(r->man.segs && r->man.n <= r->n_files);
    seg_summary *s = &r->man.segs[r->man.n++];
    *s = *sum;
    assume_rest(r, s);
}

/* Nothing is known of its rows: there are some, of whatever time. */
static void add_unknown(rebuild *r, uint64_t id)
{
    add(r, &(seg_summary){.id = id, .n_rows = 1, .max_ns = INT64_MAX, .is_quarantined = true});
}

/* `err` says what is wrong with it. */
static al_code set_aside(rebuild *r, seg_summary *sum, al_err *err)
{
    AL_CLEANUP(seg_unrefp) segment *seg = seg_new(r->st->env, r->index_id, sum);
    if (!seg)
        return al_fail(err, AL_NOMEM, "set a segment aside");
    store_note(r->st, r->name, "%s is damaged and set aside: %s", seg_name(seg), err->msg);
    sum->is_quarantined = true;
    sum->has_positions = false;
    assume_rest(r, sum);
    seg_env_drop(r->st->env, r->index_id, sum->id);
    return seg_set_aside(seg, err);
}

/* Frames of its rows, as far as its positions tell; rebuild_finish has the rest. */
static al_code find_frames(rebuild *r, seg_summary *sum, al_err *err)
{
    sum->has_positions = true;
    AL_CLEANUP(seg_unrefp) segment *seg = seg_new(r->st->env, r->index_id, sum);
    AL_CLEANUP(positions_unrefp) positions *p = NULL;
    if (!seg)
        return al_fail(err, AL_NOMEM, "a segment's frames");
    al_code c = seg_positions(seg, &p, err);
    sum->has_positions = c == AL_OK;
    if (c)
        return c == AL_NOT_FOUND || c == AL_CORRUPT ? AL_OK : c;
    size_t n;
    const pos_run *runs = positions_runs(p, &n);
    for (size_t i = 0; i < n; i++) {
        sum->max_frame = AL_MAX(sum->max_frame, runs[i].frame);
        sum->unplaced_frame |= runs[i].frame == 0;
    }
    return AL_OK;
}

static bool is_known(const rebuild *r, uint64_t id)
{
    for (size_t i = 0; i < r->man.n; i++)
        if (r->man.segs[i].id == id)
            return true;
    return false;
}

static al_code look_at(rebuild *r, const found *f, al_err *err)
{
    seg_summary sum = {.id = f->id};
    if (f->is_aside && is_known(r, f->id))
        return AL_OK;
    al_code c = seg_inspect(r->st->env, r->index_id, f->id, f->is_aside, &sum, err);
    if (f->id > NAMES_SEG_ID_USUAL) {
        if (c == AL_CORRUPT || f->id > UINT64_MAX / 2) /* not of this store: nothing is missing */
            return f->is_aside ? AL_OK : set_aside(r, &sum, err);
        r->man.seg_id_max = AL_MAX(r->man.seg_id_max, f->id);
    }
    if (c == AL_CORRUPT || (c == AL_TOO_NEW && f->is_aside)) {
        c = f->is_aside ? AL_OK : set_aside(r, &sum, err);
        add_unknown(r, f->id);
        return c;
    }
    sum.is_quarantined = f->is_aside;
    if (!c && !f->is_aside)
        c = find_frames(r, &sum, err);
    if (!c)
        add(r, &sum);
    return c;
}

/* ---- What counts */

static int by_least_id(const void *a, const void *b)
{
    const seg_summary *x = a;
    const seg_summary *y = b;
    if (x->is_quarantined != y->is_quarantined)
        return x->is_quarantined ? 1 : -1;
    return x->min_id < y->min_id ? -1 : x->min_id > y->min_id;
}

static int largest_first(const void *a, const void *b)
{
    const seg_summary *x = a;
    const seg_summary *y = b;
    if (x->n_rows != y->n_rows)
        return x->n_rows > y->n_rows ? -1 : 1;
    return x->id > y->id ? -1 : x->id < y->id;
}

static al_code check_one(rebuild *r, seg_summary *sum, al_err *err)
{
    AL_CLEANUP(seg_unrefp) segment *seg = seg_new(r->st->env, r->index_id, sum);
    if (!seg)
        return al_fail(err, AL_NOMEM, "check a segment");
    al_code c = seg_check(seg, r->st->view, err);
    return c == AL_CORRUPT ? set_aside(r, sum, err) : c;
}

/* Only a sound one may stand for another, so those that overlap are read as a whole. */
static al_code check_overlapping(rebuild *r, al_err *err)
{
    seg_summary *s = r->man.segs;
    uint64_t max_id = 0;
    al_code c = AL_OK;
    if (r->man.n)
        qsort(s, r->man.n, sizeof *s, by_least_id);
    for (size_t i = 0; !c && i < r->man.n && !s[i].is_quarantined; i++) {
        bool is_last = i + 1 == r->man.n || s[i + 1].is_quarantined;
        bool overlaps =
            (i && s[i].min_id <= max_id) || (!is_last && s[i + 1].min_id <= s[i].max_id);
        max_id = AL_MAX(max_id, s[i].max_id);
        if (overlaps)
            c = check_one(r, &s[i], err);
    }
    return c;
}

/* The first n segments of the list that share ids' range with `sum`, as a snapshot to look rows up
 * in; NULL: there is none. */
static al_code overlapping(rebuild *r, size_t n, const seg_summary *sum, snapshot **ret,
                           al_err *err)
{
    AL_CLEANUP(al_freep) segment **segs = al_alloc(n, sizeof(void *));
    size_t n_segs = 0;
    bool is_made = segs != NULL;
    for (size_t i = 0; is_made && i < n; i++) {
        const seg_summary *s = &r->man.segs[i];
        if (s->is_quarantined || s->max_id < sum->min_id || s->min_id > sum->max_id)
            continue;
        segs[n_segs] = seg_new(r->st->env, r->index_id, s);
        is_made = segs[n_segs] != NULL;
        n_segs += is_made;
    }
    seg_list *list = is_made && n_segs ? seg_list_new(segs, n_segs) : NULL;
    for (size_t i = 0; i < n_segs; i++)
        (void)seg_unref(segs[i]);
    *ret = list ? snapshot_make(NULL, 0, NULL, 0, list) : NULL;
    (void)seg_list_unref(list);
    return *ret || (is_made && !n_segs) ? AL_OK : al_fail(err, AL_NOMEM, "segments of an index");
}

/* Is there no row with this id in the snapshot that st->ids was turned to? Ascending. */
static al_code look_up(store *st, uint64_t id, bool *ret_is_missing, segment **ret_bad, al_err *err)
{
    uint64_t next = 0;
    al_code c = ids_next_free(st->ids, id, &next, ret_bad, err);
    if (c && c != AL_LIMIT) /* no number is left above: it is taken, too */
        return c;
    *ret_is_missing = !c && next == id;
    return AL_OK;
}

static al_code copy_row(block_view *v, uint32_t row, seg_writer *w, al_err *err)
{
    static const block_want want = {.is_all = true};
    record rec;
    al_code c = block_view_record(v, row, &want, &rec, err);
    return c ? c : seg_writer_add(w, &rec, 0, 0, err);
}

/* Rows of `seg` that are not in `kept`: counts them and, unless w is NULL, writes them there. */
static al_code each_missing(rebuild *r, segment *seg, const snapshot *kept, seg_writer *w,
                            uint64_t *ret_n, al_err *err)
{
    block_view *v = r->st->view;
    uint64_t n = 0;
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    al_code c = seg_index_get(seg, &ix, err);
    if (!c)
        c = ids_begin(r->st->ids, kept, seg_summary_of(seg)->min_id, err);
    for (uint32_t i = 0; !c && i < ix->n_blocks; i++) {
        const uint64_t *ids = NULL;
        c = seg_open_block(seg, ix, i, v, err);
        if (!c)
            c = block_view_ids(v, &ids, err);
        for (uint32_t row = 0; !c && row < ix->blocks[i].n_rows; row++) {
            bool is_missing = false;
            segment *bad = NULL;
            c = look_up(r->st, ids[row], &is_missing, &bad, err);
            if (!c && bad) /* it was sound a moment ago */
                c = al_fail(err, AL_IO, "segment %s changes while it is read", seg_name(bad));
            n += is_missing;
            if (!c && is_missing && w)
                c = copy_row(v, row, w, err);
        }
    }
    *ret_n = n;
    return c;
}

/* The rows of `seg` that are not in `kept`, in a segment of their own. */
static al_code write_missing(rebuild *r, segment *seg, const snapshot *kept, seg_summary *ret,
                             al_err *err)
{
    const seg_summary *of = seg_summary_of(seg);
    seg_writer_options o = {.index_id = r->index_id,
                            .seg_id = ++r->man.seg_id_max,
                            .day = of->day,
                            .is_off = of->is_off};
    seg_summary sum = {.max_arrival_ns = of->max_arrival_ns, .max_frame = of->max_frame};
    uint64_t n = 0;
    AL_CLEANUP(seg_writer_freep) seg_writer *w = NULL;
    al_code c = seg_writer_new(r->st->env, &o, &w, err);
    if (!c)
        c = each_missing(r, seg, kept, w, &n, err);
    if (!c)
        c = seg_writer_finish(w, &sum, err);
    if (!c)
        *ret = sum;
    return c;
}

/* Segment i against the n that count already: does it count? *ret_sum then says as what. */
static al_code settle(rebuild *r, size_t n, size_t i, seg_summary *ret_sum, bool *ret_counts,
                      al_err *err)
{
    const seg_summary *sum = &r->man.segs[i];
    AL_CLEANUP(snapshot_unrefp) snapshot *kept = NULL;
    *ret_sum = *sum;
    *ret_counts = true;
    al_code c = sum->is_quarantined ? AL_OK : overlapping(r, n, sum, &kept, err);
    if (c || !kept)
        return c;
    AL_CLEANUP(seg_unrefp) segment *seg = seg_new(r->st->env, r->index_id, sum);
    if (!seg)
        return al_fail(err, AL_NOMEM, "a segment");
    uint64_t n_missing = 0;
    c = each_missing(r, seg, kept, NULL, &n_missing, err);
    *ret_counts = n_missing > 0;
    if (c || n_missing == 0 || n_missing == sum->n_rows)
        return c;
    return write_missing(r, seg, kept, ret_sum, err);
}

static al_code settle_all(rebuild *r, al_err *err)
{
    size_t n = 0;
    al_code c = AL_OK;
    if (r->man.n)
        qsort(r->man.segs, r->man.n, sizeof *r->man.segs, largest_first);
    for (size_t i = 0; !c && i < r->man.n; i++) {
        seg_summary sum;
        bool counts = false;
        c = settle(r, n, i, &sum, &counts, err);
        if (!c && (!counts || sum.id != r->man.segs[i].id)) /* recovery deletes its file */
            seg_env_drop(r->st->env, r->index_id, r->man.segs[i].id);
        if (!c && counts)
            r->man.segs[n++] = sum;
    }
    r->man.n = n;
    return c;
}

static al_code list_segments(rebuild *r, int dir, al_err *err)
{
    const al_io *io = r->st->io;
    al_code c = io->list(io, dir, note_file, r, err);
    if (!c && r->n_files)
        qsort(r->files, r->n_files, sizeof *r->files, by_soundness);
    r->man.segs = al_alloc(r->n_files + 1, sizeof *r->man.segs);
    if (!r->man.segs)
        return al_fail(err, AL_NOMEM, "%zu segments", r->n_files);
    for (size_t i = 0; !c && i < r->n_files; i++)
        c = look_at(r, &r->files[i], err);
    return c;
}

al_code rebuild_manifest(store *st, const root_entry *e, manifest *ret, al_err *err)
{
    rebuild r = {.st = st, .name = e->name, .index_id = e->id, .man = {.index_id = e->id}};
    int dir = -1;
    al_code c = seg_env_index_dir(st->env, e->id, false, &dir, err);
    bool is_gone = c == AL_NOT_FOUND;
    if (is_gone)
        c = seg_env_index_dir(st->env, e->id, true, &dir, err);
    if (c)
        return c;
    memcpy(r.man.store_id, st->store_id, STORE_ID_BYTES);
    c = list_segments(&r, dir, err);
    if (!c && is_gone)
        add_unknown(&r, ++r.man.seg_id_max);
    if (!c)
        c = check_overlapping(&r, err);
    if (!c)
        c = settle_all(&r, err);
    if (!c) /* a finished segment's name may not be on disk yet, and now it may stand for others */
        c = st->io->sync_dir(st->io, dir, err);
    st->io->close(st->io, dir);
    free(r.files);
    if (c)
        manifest_done(&r.man);
    else
        *ret = r.man;
    return c;
}

/* ---- What is only in the log */

/* Rows [from, to) of the block that is open in `v`, as a block of their own. */
static al_code keep_run(store *st, block_view *v, uint32_t from, uint32_t to, const memtab *head,
                        memtab_list *list, al_err *err)
{
    static const block_want want = {.is_all = true};
    al_code c = AL_OK;
    block_builder_clear(st->builder);
    for (uint32_t row = from; !c && row < to; row++) {
        record rec;
        c = block_view_record(v, row, &want, &rec, err);
        if (!c) {
            c = block_builder_add(st->builder, &rec);
            if (c) /* a part of a block is no larger than the block */
                return al_fail(err, c, "replay a part of a block");
        }
    }
    block_info info;
    al_buf_clear(&st->encoded);
    if (!c)
        c = block_builder_encode(st->builder, &st->encoded, &info, err);
    memtab part = *head;
    part.frame_row += from;
    part.log = NULL; /* it stands nowhere like this */
    return c ? c : memtab_list_add(list, al_buf_slice(&st->encoded), st->view, &part, err);
}

al_code rebuild_keep_missing(store *st, const snapshot *s, block_view *v, al_slice block,
                             const memtab *head, memtab_list *list, al_err *err)
{
    const uint64_t *ids = NULL;
    al_code c = block_view_ids(v, &ids, err);
    if (!c)
        c = ids_begin(st->ids, s, ids[0], err);
    uint32_t n = c ? 0 : block_view_info(v)->n_rows;
    uint32_t from = 0; /* of the run of missing rows under way */
    for (uint32_t row = 0; !c && row < n; row++) {
        bool is_missing = false;
        segment *bad = NULL;
        c = look_up(st, ids[row], &is_missing, &bad, err);
        if (bad)
            damage_report(st, bad);
        if (c || is_missing)
            continue;
        if (from < row)
            c = keep_run(st, v, from, row, head, list, err);
        from = row + 1;
    }
    if (c || from == n)
        return c;
    return from == 0 ? memtab_list_add(list, block, st->view, head, err)
                     : keep_run(st, v, from, n, head, list, err);
}

/* ---- The new manifest */

typedef struct seg_vec {
    segment **at; /* references */
    size_t n;
    size_t cap;
} seg_vec;

static al_code push(seg_vec *v, segment *ref, al_err *err)
{
    segment **grown = al_grow(v->at, &v->cap, v->n, sizeof(void *), 64, SIZE_MAX / sizeof(void *));
    if (!grown || !ref) {
        (void)seg_unref(ref);
        return al_fail(err, AL_NOMEM, "segments of an index");
    }
    v->at = grown;
    v->at[v->n++] = ref;
    return AL_OK;
}

/* Rows whose frame nobody knows came at the latest with the last one. */
static al_code take_segments(store *st, const sindex *ix, seg_vec *v, al_err *err)
{
    const seg_list *l = ix->snap->segs;
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < l->n; i++) {
        seg_summary sum = *seg_summary_of(l->segs[i]);
        if (!sum.has_positions || sum.unplaced_frame)
            sum.max_frame = sum.unplaced_frame = wal_last_seq(st->wal);
        c = push(v, seg_new(st->env, ix->id, &sum), err);
    }
    return c;
}

static al_code merge_tails(store *st, sindex *ix, seg_vec *v, al_err *err)
{
    AL_CLEANUP(snapshot_unrefp) snapshot *s = snapshot_ref(ix->snap);
    al_code c = AL_OK;
    while (!c && s->n_mems) {
        segment *made[PARTITIONS_MAX];
        size_t n_made = 0;
        size_t n_mems = 0;
        c = merger_take_oldest(st, ix, s, made, &n_made, &n_mems, err);
        for (size_t i = 0; i < n_made; i++) {
            if (!c)
                c = push(v, made[i], err);
            else
                (void)seg_unref(made[i]); /* its file is for the next try */
        }
        snapshot *rest = c ? NULL : snapshot_make(s, n_mems, NULL, 0, s->segs);
        if (!c && !rest)
            c = al_fail(err, AL_NOMEM, "replay");
        if (rest) {
            (void)snapshot_unref(s);
            s = rest;
        }
    }
    return c;
}

static al_code file_exists(const al_io *io, int dir, const char *name, bool *ret, al_err *err)
{
    int fd = -1;
    al_code c = io->open(io, dir, name, AL_OPEN_READ, &fd, err);
    if (c && c != AL_NOT_FOUND && c != AL_CORRUPT)
        return c;
    *ret = c != AL_NOT_FOUND; /* what is no file is in the way, too */
    if (!c)
        io->close(io, fd);
    return AL_OK;
}

/* Under the first name that is free. */
static al_code keep_old_manifest(store *st, const sindex *ix, al_err *err)
{
    const al_io *io = st->io;
    char name[NAME_BYTES] = NAME_OF_MANIFEST NAME_SUFFIX_BAD;
    int dir = -1;
    al_code c = seg_env_index_dir(st->env, ix->id, false, &dir, err);
    if (c)
        return c;
    bool is_there = false;
    c = file_exists(io, dir, NAME_OF_MANIFEST, &is_there, err);
    if (!c && is_there) {
        bool is_taken = true;
        c = file_exists(io, dir, name, &is_taken, err);
        for (int n = 2; !c && is_taken && n <= OLD_MANIFESTS_MAX; n++) {
            (void)snprintf(name, sizeof name, NAME_OF_MANIFEST ".%d" NAME_SUFFIX_BAD, n);
            c = file_exists(io, dir, name, &is_taken, err);
        }
        if (!c)
            c = is_taken ? al_fail(err, AL_LIMIT, "%d damaged manifests are kept already",
                                   OLD_MANIFESTS_MAX)
                         : io->rename(io, dir, NAME_OF_MANIFEST, name, err);
    }
    io->close(io, dir);
    return c;
}

/* What was made so far stays and counts at the next try. */
static al_code tell_room(store *st, const sindex *ix, al_err *err)
{
    uint64_t needed = 0;
    uint64_t n_free = 0;
    al_err ignored;
    for (size_t i = 0; i < ix->snap->n_mems; i++)
        needed += ix->snap->mems[i]->info.len;
    if (st->io->free_bytes(st->io, st->store_dir, &n_free, &ignored))
        n_free = 0;
    return al_fail(err, AL_IO,
                   "index %s: the disk is full: to rebuild it, up to %llu bytes of the log become "
                   "segments, and %llu are free; make room and start again, nothing is lost",
                   ix->name, (unsigned long long)needed, (unsigned long long)n_free);
}

al_code rebuild_finish(store *st, sindex *ix, al_err *err)
{
    seg_vec v = {0};
    al_code c = take_segments(st, ix, &v, err);
    if (!c)
        c = merge_tails(st, ix, &v, err);
    if (!c)
        c = keep_old_manifest(st, ix, err);
    if (!c)
        c = publish_segments(st, ix, v.at, v.n, ix->snap->n_mems, wal_last_seq(st->wal), err);
    for (size_t i = 0; i < v.n; i++)
        (void)seg_unref(v.at[i]);
    free(v.at);
    bool is_full = c && err && (err->sys_errno == ENOSPC || err->sys_errno == EDQUOT);
    return is_full ? tell_room(st, ix, err) : c;
}
