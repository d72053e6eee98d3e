/* One commit: what was appended meanwhile becomes one frame of the log.
 * Steps: rows of all items, sorted by index, time, seq and arrival -> ids -> blocks -> one frame,
 * one sync -> visible -> marks, committed, done. Invariants: (1) all memory that making it visible
 * needs is taken before the sync: what is durable becomes visible without fail; (2) all indexes of
 * a frame become visible at once; (3) what was refused leaves no trace. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/store_impl.h"

typedef struct row {
    const record *rec;
    sindex *ix;
    const item *it; /* it came with */
    uint64_t order; /* of arrival */
} row;

/* What one index gets. */
typedef struct share {
    sindex *ix;
    size_t first_part;
    size_t n_parts;
    snapshot *snap; /* with the new memtabs */
} share;

typedef struct group {
    store *st;
    item *items;
    row *rows;
    size_t n_rows;
    size_t n_marks;
    memtab **parts;
    size_t n_parts;
    size_t parts_cap;
    share *shares;
    size_t n_shares;
    uint64_t seq; /* the frame will have this sequence */
    int64_t arrival_ns;
} group;

/* ---- Rows */

static int by_index_and_time(const void *a, const void *b)
{
    const row *x = a;
    const row *y = b;
    if (x->ix->id != y->ix->id)
        return x->ix->id < y->ix->id ? -1 : 1;
    if (x->rec->time_ns != y->rec->time_ns)
        return x->rec->time_ns < y->rec->time_ns ? -1 : 1;
    if (x->rec->seq != y->rec->seq)
        return x->rec->seq < y->rec->seq ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void sort_rows(row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (by_index_and_time(&rows[i - 1], &rows[i]) > 0) {
            qsort(rows, n, sizeof *rows, by_index_and_time);
            return;
        }
    }
}

static bool is_gone(store *st, const sindex *ix)
{
    AL_LOCKED(&st->lock);
    return ix->is_dropped;
}

static al_code gather(group *g, al_err *err)
{
    size_t n = 0;
    for (const item *it = g->items; it; it = it->next)
        n += it->batch ? it->batch->n : 0;
    g->rows = al_alloc(n, sizeof *g->rows);
    if (!g->rows)
        return al_fail(err, AL_NOMEM, "commit %zu rows", n);
    for (const item *it = g->items; it; it = it->next) {
        g->n_marks += it->marks.len > 0;
        /* Dropped meanwhile: as if it had been committed and then dropped. */
        if (!it->batch || is_gone(g->st, it->ix))
            continue;
        for (size_t i = 0; i < it->batch->n; i++, g->n_rows++)
            g->rows[g->n_rows] =
                (row){.rec = &it->batch->recs[i], .ix = it->ix, .it = it, .order = g->n_rows};
    }
    sort_rows(g->rows, g->n_rows);
    return AL_OK;
}

/* ---- Blocks of one index */

static al_code end_block(group *g, sindex *ix, uint32_t *frame_row, al_err *err)
{
    store *st = g->st;
    block_info info;
    size_t at = st->encoded.len;
    al_code c = block_builder_encode(st->builder, &st->encoded, &info, err);
    if (c)
        return c;
    memtab **grown =
        al_grow(g->parts, &g->parts_cap, g->n_parts, sizeof(void *), 16, FRAME_PARTS_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "commit a block");
    g->parts = grown;
    memtab head = {
        .index_id = ix->id, .frame = g->seq, .frame_row = *frame_row, .arrival_ns = g->arrival_ns};
    al_slice block = {st->encoded.ptr + at, info.len};
    c = memtab_new(block, st->view, &head, &g->parts[g->n_parts], err);
    if (c)
        return c;
    *frame_row += g->parts[g->n_parts++]->info.n_rows;
    return AL_OK;
}

static al_code add_row(group *g, const row *r, uint64_t id, uint32_t *frame_row, al_err *err)
{
    record rec = *r->rec;
    rec.id = id;
    al_code c = block_builder_add(g->st->builder, &rec);
    if (c == AL_AGAIN) {
        c = end_block(g, r->ix, frame_row, err);
        if (c)
            return c;
        c = block_builder_add(g->st->builder, &rec);
    }
    return c ? al_fail(err, c, "commit a row of %u fields", rec.n_fields) : AL_OK;
}

/* The least number >= id that is of the class. */
static uint64_t to_class(uint64_t id, eng_id_class class)
{
    assert(class.step && class.rest < class.step);
    return id + (class.rest + class.step - id % class.step) % class.step;
}

/* The least free id >= *id that the row may have. */
static al_code choose_id(group *g, const row *r, uint64_t *id, al_err *err)
{
    eng_id_class class = {1, 0};
    uint64_t wanted;
    if (r->it->ids) {
        class = r->it->ids(r->it->ctx, r->rec->time_ns);
        *id = AL_MAX(*id, UINT64_C(1));
    }
    do {
        segment *bad = NULL;
        wanted = to_class(*id, class);
        al_code c = ids_next_free(g->st->ids, wanted, id, &bad, err);
        if (bad)
            damage_report(g->st, bad);
        if (c)
            return c;
    } while (*id != wanted);
    return AL_OK;
}

/* Rows [from, to) are those of one index. */
static al_code encode_index(group *g, size_t from, size_t to, uint32_t *frame_row, al_err *err)
{
    store *st = g->st;
    sindex *ix = g->rows[from].ix;
    uint64_t prev = 0;
    /* Only this thread changes ix->snap: it may be read without the lock. */
    al_code c = ids_begin(st->ids, ix->snap, (uint64_t)g->rows[from].rec->time_ns, err);
    for (size_t i = from; !c && i < to; i++) {
        uint64_t time = (uint64_t)g->rows[i].rec->time_ns;
        uint64_t id = i > from && prev >= time ? prev + 1 : time;
        c = choose_id(g, &g->rows[i], &id, err);
        if (!c)
            c = add_row(g, &g->rows[i], id, frame_row, err);
        prev = id;
    }
    if (!c && block_builder_rows(st->builder))
        c = end_block(g, ix, frame_row, err);
    return c;
}

static al_code encode_rows(group *g, al_err *err)
{
    uint32_t frame_row = 0;
    block_builder_clear(g->st->builder);
    al_buf_clear(&g->st->encoded);
    for (size_t from = 0; from < g->n_rows;) {
        size_t to = from;
        while (to < g->n_rows && g->rows[to].ix == g->rows[from].ix)
            to++;
        share *s = &g->shares[g->n_shares];
        *s = (share){.ix = g->rows[from].ix, .first_part = g->n_parts};
        al_code c = encode_index(g, from, to, &frame_row, err);
        if (c)
            return c;
        s->n_parts = g->n_parts - s->first_part;
        s->snap =
            snapshot_make(s->ix->snap, 0, g->parts + s->first_part, s->n_parts, s->ix->snap->segs);
        if (!s->snap)
            return al_fail(err, AL_NOMEM, "commit to index %s", s->ix->name);
        g->n_shares++;
        from = to;
    }
    return AL_OK;
}

static al_code make_shares(group *g, al_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_rows; i++)
        n += i == 0 || g->rows[i].ix != g->rows[i - 1].ix;
    g->shares = al_zalloc(n, sizeof *g->shares);
    return g->shares ? AL_OK : al_fail(err, AL_NOMEM, "commit");
}

/* ---- The frame */

static void build_frame(const group *g)
{
    al_buf *out = &g->st->frame;
    al_buf_clear(out);
    frame_begin(out, FRAME_DATA, g->arrival_ns, (uint32_t)g->n_parts);
    const uint8_t *block = g->st->encoded.ptr;
    for (size_t i = 0; i < g->n_parts; i++) {
        memtab *m = g->parts[i];
        frame_part(out, m->index_id, m->info.n_rows, (al_slice){block, m->info.len});
        m->off = out->len - m->info.len;
        block += m->info.len;
    }
    frame_marks_begin(out, (uint32_t)g->n_marks);
    for (const item *it = g->items; it; it = it->next)
        if (it->marks.len)
            frame_mark(out, it->marks);
}

static al_code write_frame(group *g, al_err *err)
{
    store *st = g->st;
    build_frame(g);
    al_code c = al_buf_code(&st->frame);
    if (c)
        return al_fail(err, c, "frame of %zu rows", g->n_rows);
    c = wal_commit(st->wal, &st->frame, g->n_marks ? WAL_MARKS : WAL_ROWS, err);
    if (c)
        return c;
    uint64_t at = 0;
    wal_source *log = wal_last_frame(st->wal, &at);
    for (size_t i = 0; i < g->n_parts; i++)
        memtab_put_log(g->parts[i], log, at + g->parts[i]->off);
    return AL_OK;
}

static void make_visible(group *g)
{
    store *st = g->st;
    int64_t now = al_mono_ns();
    AL_LOCKED(&st->lock);
    for (size_t i = 0; i < g->n_shares; i++) {
        publish_snapshot_locked(st, g->shares[i].ix, AL_TAKE(g->shares[i].snap));
        g->shares[i].ix->last_append_ns = now;
    }
    st->end =
        (eng_arrival){.frame = g->seq, .row = g->n_rows ? (uint32_t)(g->n_rows - 1) : UINT32_MAX};
    st->log_bytes = wal_bytes(st->wal);
    st->log_first = wal_first_seq(st->wal);
    /* Rows have the log looked at when they are merged; marks alone bring no merge. */
    if (st->tail_bytes == 0 && wal_fresh_bytes(st->wal) > LOG_MARKS_BYTES)
        st->wants_forget = true;
    (void)pthread_cond_broadcast(&st->changed);
}

static void count(group *g)
{
    store *st = g->st;
    atomic_fetch_add(&st->frames_appended, 1);
    atomic_fetch_add(&st->records_appended, g->n_rows);
    atomic_fetch_add(&st->bytes_written, st->frame.len);
    atomic_store(&st->syncs, wal_syncs(st->wal));
}

static al_code commit(group *g, al_err *err)
{
    store *st = g->st;
    al_code c = gather(g, err);
    if (!c && g->n_rows == 0 && g->n_marks == 0)
        return AL_OK; /* a barrier */
    g->seq = wal_last_seq(st->wal) + 1;
    g->arrival_ns = store_now(st);
    if (!c)
        c = make_shares(g, err);
    if (!c)
        c = encode_rows(g, err);
    if (!c)
        c = write_frame(g, err);
    if (c)
        return c;
    assert(wal_last_seq(st->wal) == g->seq);
    make_visible(g);
    count(g);
    for (const item *it = g->items; it; it = it->next)
        if (it->marks.len && st->hooks.mark)
            st->hooks.mark(st->hooks.ctx, it->marks);
    if (st->hooks.committed)
        st->hooks.committed(st->hooks.ctx);
    return AL_OK;
}

static void report(item *first, al_code c, const al_err *err)
{
    while (first) {
        item *it = first;
        first = it->next;
        it->done(it->ctx, c, c ? err : NULL);
        (void)rec_batch_free(it->batch);
        free(it);
    }
}

void commit_items(store *st, item *first)
{
    al_err err = {0};
    group g = {.st = st, .items = first};
    al_code c = commit(&g, &err);
    if (c == AL_AGAIN) { /* the disk is full: refuse until it is not */
        atomic_store(&st->is_low, true);
        st->looked_at_disk_ns = al_mono_ns();
        AL_LOCKED(&st->queue_lock);
        st->wants_room = true;
    }
    for (size_t i = 0; i < g.n_shares; i++)
        (void)snapshot_unref(g.shares[i].snap);
    for (size_t i = 0; i < g.n_parts; i++)
        (void)memtab_unref(g.parts[i]);
    free(g.shares);
    free(g.parts);
    free(g.rows);
    report(first, c, &err);
    al_buf_reuse(&st->frame, FRAME_RAW_BYTES);
    al_buf_reuse(&st->encoded, FRAME_RAW_BYTES);
}
