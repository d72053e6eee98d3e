/* The model: what every engine must answer, in the simplest way that can be read.
 *
 * Shape: an index is a list of all its rows in order of id (ids[] of pointers) and all batches that
 * own them. Every question is answered by a loop over all rows of the scope.
 *
 * Invariants: (1) rows never change and are freed only by close, so a reader copies the list of
 * pointers under the lock and works without it; (2) ids: within a batch rows are taken by time,
 * then seq, then arrival; each gets the first number >= its time that is free in its index; (3) a
 * batch is one frame, its rows in order of id.
 *
 * Rules that the store shares: a value is counted once for each record that has it, an array by its
 * elements; a histogram may have ENG_HISTOGRAM_BUCKETS_MAX non-empty buckets. */
#include "support/model_engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/thread.h"
#include "support/model_priv.h"

enum { QUEUE_MAX = 1024, ROWS_MAX = 1 << 26, INDEXES_MAX = 4096 };

typedef struct work { /* one append on its way to the committer */
    char index[ENG_INDEX_NAME_MAX + 1];
    rec_batch *batch;
    al_slice marks;
    eng_done_fn *done;
    void *ctx;
} work;

static model *model_of(engine *e)
{
    return (model *)e;
}

/* ---- Indexes */

model_index *model_index_find(model *m, const char *name)
{
    for (size_t i = 0; i < m->n_indexes; i++)
        if (strcmp(m->indexes[i]->settings.name, name) == 0)
            return m->indexes[i];
    return NULL;
}

static void settings_done(eng_index_settings *s)
{
    for (size_t i = 0; i < s->n_text_fields; i++)
        free((void *)(uintptr_t)s->text_fields[i].ptr);
    free((void *)(uintptr_t)s->text_fields);
}

static al_code settings_copy(const eng_index_settings *from, eng_index_settings *ret)
{
    *ret = *from;
    al_slice *fields = al_zalloc(from->n_text_fields + 1, sizeof *fields);
    if (!fields)
        return AL_NOMEM;
    for (size_t i = 0; i < from->n_text_fields; i++) {
        uint8_t *copy = al_alloc(from->text_fields[i].len + 1, 1);
        if (!copy)
            abort();
        if (from->text_fields[i].len)
            memcpy(copy, from->text_fields[i].ptr, from->text_fields[i].len);
        fields[i] = (al_slice){copy, from->text_fields[i].len};
    }
    ret->text_fields = fields;
    return AL_OK;
}

static al_code model_index_open(engine *e, const eng_index_settings *s, al_err *err)
{
    model *m = model_of(e);
    eng_index_settings copy;
    if (settings_copy(s, &copy))
        return al_fail(err, AL_NOMEM, "open index %s", s->name);
    AL_LOCKED(&m->lock);
    model_index *ix = model_index_find(m, s->name);
    if (ix) { /* the old text fields may be in a reader's hands: they go with the model */
        model_settings *old = al_zalloc(1, sizeof *old);
        if (!old)
            abort();
        *old = (model_settings){.next = m->old_settings, .settings = ix->settings};
        m->old_settings = old;
        ix->settings = copy;
        return AL_OK;
    }
    ix = al_zalloc(1, sizeof *ix);
    model_index **grown =
        al_grow(m->indexes, &m->cap_indexes, m->n_indexes, sizeof(model_index *), 8, INDEXES_MAX);
    if (!ix || !grown)
        abort();
    ix->settings = copy;
    m->indexes = grown;
    m->indexes[m->n_indexes++] = ix;
    return AL_OK;
}

static al_code model_index_drop(engine *e, const char *name, al_err *err)
{
    (void)err; /* NOT_FOUND fills no message */
    model *m = model_of(e);
    AL_LOCKED(&m->lock);
    for (size_t i = 0; i < m->n_indexes; i++)
        if (strcmp(m->indexes[i]->settings.name, name) == 0) {
            m->indexes[i]->next_dropped = m->dropped; /* invariant 1 */
            m->dropped = m->indexes[i];
            m->indexes[i] = m->indexes[--m->n_indexes];
            return AL_OK;
        }
    return AL_NOT_FOUND;
}

/* ---- Commit */

static int row_order(const void *a, const void *b)
{
    const model_row *x = a;
    const model_row *y = b;
    if (x->rec.time_ns != y->rec.time_ns)
        return x->rec.time_ns < y->rec.time_ns ? -1 : 1;
    if (x->rec.seq != y->rec.seq)
        return x->rec.seq < y->rec.seq ? -1 : 1;
    return x->at.row < y->at.row ? -1 : x->at.row > y->at.row; /* arrival, for now */
}

/* First place in the list whose id is >= id. */
static size_t lower_bound(const model_index *ix, uint64_t id)
{
    size_t lo = 0;
    size_t hi = ix->n_rows;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (ix->rows[mid]->rec.id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Invariant 2: gives the row its id and its place. */
static void insert_row(model_index *ix, model_row *row)
{
    model_row **grown =
        al_grow(ix->rows, &ix->cap_rows, ix->n_rows, sizeof(model_row *), 256, ROWS_MAX);
    if (!grown)
        abort();
    ix->rows = grown;
    uint64_t id = (uint64_t)row->rec.time_ns;
    size_t at = lower_bound(ix, id);
    for (; at < ix->n_rows && ix->rows[at]->rec.id == id; at++)
        id++;
    row->rec.id = id;
    memmove(ix->rows + at + 1, ix->rows + at, (ix->n_rows - at) * sizeof(model_row *));
    ix->rows[at] = row;
    ix->n_rows++;
}

static void commit_rows(model *m, model_index *ix, rec_batch *b)
{
    model_batch *kept = al_zalloc(1, sizeof *kept);
    model_row *rows = al_zalloc(b->n + 1, sizeof *rows);
    if (!kept || !rows)
        abort();
    *kept = (model_batch){.next = m->batches, .batch = b, .rows = rows};
    m->batches = kept;
    m->n_frames++;
    for (uint32_t i = 0; i < b->n; i++)
        rows[i] = (model_row){.rec = b->recs[i], .at = {.row = i}};
    qsort(rows, b->n, sizeof *rows, row_order);
    for (uint32_t i = 0; i < b->n; i++) {
        rows[i].at = (eng_arrival){.frame = m->n_frames, .row = i};
        insert_row(ix, &rows[i]);
    }
}

static void commit(model *m, work *w)
{
    al_err err = {0};
    al_code c = AL_OK;
    {
        AL_LOCKED(&m->lock);
        model_index *ix = model_index_find(m, w->index);
        if (w->batch && w->batch->n && !ix)
            c = al_fail(&err, AL_IO, "index %s was dropped", w->index);
        else if (w->batch && w->batch->n)
            commit_rows(m, ix, AL_TAKE(w->batch));
    }
    (void)rec_batch_free(w->batch);
    if (!c && w->marks.len && m->hooks.mark)
        m->hooks.mark(m->hooks.ctx, w->marks);
    if (!c && m->hooks.committed)
        m->hooks.committed(m->hooks.ctx);
    w->done(w->ctx, c, c ? &err : NULL);
    free((void *)(uintptr_t)w->marks.ptr);
    free(w);
}

static void tell_room(model *m)
{
    bool owed;
    {
        AL_LOCKED(&m->lock);
        owed = m->owes_room && !m->refuses;
        if (owed)
            m->owes_room = false;
    }
    if (owed && m->hooks.has_room)
        m->hooks.has_room(m->hooks.ctx);
}

static void *committer(void *arg)
{
    model *m = arg;
    for (work *w; (w = queue_take(m->queue));) {
        commit(m, w);
        tell_room(m);
        AL_LOCKED(&m->lock);
        m->n_committed++;
        (void)pthread_cond_broadcast(&m->changed);
    }
    return NULL;
}

static al_code model_append(engine *e, const eng_append *a, al_err *err)
{
    model *m = model_of(e);
    work *w = al_zalloc(1, sizeof *w);
    uint8_t *marks = al_alloc(a->marks.len + 1, 1);
    if (!w || !marks)
        abort();
    if (a->marks.len)
        memcpy(marks, a->marks.ptr, a->marks.len);
    *w = (work){.batch = a->batch, .marks = {marks, a->marks.len}, .done = a->done, .ctx = a->ctx};
    al_code c = AL_OK;
    if (a->index)
        (void)snprintf(w->index, sizeof w->index, "%s", a->index);
    {
        AL_LOCKED(&m->lock);
        if (a->batch && (!a->index || !model_index_find(m, a->index)))
            c = al_fail(err, AL_NOT_FOUND, "no index '%s'", a->index ? a->index : "");
        else if (m->refuses || queue_put(m->queue, w) != AL_OK)
            c = AL_AGAIN;
        else
            m->n_taken++;
        m->owes_room |= c == AL_AGAIN;
    }
    if (c) {
        free(marks);
        free(w);
    }
    return c;
}

static al_code model_compact(engine *e, const char *index, const atomic_bool *cancel, al_err *err)
{
    (void)cancel; /* nothing here takes long */
    model *m = model_of(e);
    AL_LOCKED(&m->lock);
    if (index && !model_index_find(m, index))
        return al_fail(err, AL_NOT_FOUND, "no index '%s'", index);
    uint64_t until = m->n_taken;
    while (m->n_committed < until)
        (void)pthread_cond_wait(&m->changed, &m->lock);
    return AL_OK;
}

/* ---- Figures */

static al_code model_indexes(engine *e, al_arena *arena, const char ***ret, size_t *ret_n,
                             al_err *err)
{
    (void)err;
    model *m = model_of(e);
    AL_LOCKED(&m->lock);
    const char **names = al_arena_alloc(arena, m->n_indexes, sizeof *names);
    for (size_t i = 0; names && i < m->n_indexes; i++) {
        names[i] = (const char *)al_arena_copy(arena, al_cstr(m->indexes[i]->settings.name)).ptr;
        if (!names[i])
            abort();
    }
    if (!names)
        abort();
    *ret = names;
    *ret_n = m->n_indexes;
    return AL_OK;
}

static al_code model_index_stats(engine *e, const char *index, eng_index_stats *ret, al_err *err)
{
    model *m = model_of(e);
    AL_LOCKED(&m->lock);
    const model_index *ix = model_index_find(m, index);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "no index '%s'", index);
    eng_index_stats s = {.records = ix->n_rows, .first_ns = -1, .last_ns = -1};
    for (size_t i = 0; i < ix->n_rows; i++) {
        int64_t t = ix->rows[i]->rec.time_ns;
        s.first_ns = s.first_ns < 0 ? t : AL_MIN(s.first_ns, t);
        s.last_ns = AL_MAX(s.last_ns, t);
    }
    *ret = s;
    return AL_OK;
}

static void model_stats(engine *e, eng_stats *ret)
{
    model *m = model_of(e);
    AL_LOCKED(&m->lock);
    *ret = (eng_stats){.frames_appended = m->n_frames, .is_low_on_disk = m->refuses};
    for (size_t i = 0; i < m->n_indexes; i++)
        ret->records += m->indexes[i]->n_rows;
    ret->records_appended = ret->records;
}

/* ---- Life */

static void index_free(model_index *ix)
{
    settings_done(&ix->settings);
    free(ix->rows);
    free(ix);
}

static void model_free(model *m)
{
    for (size_t i = 0; i < m->n_indexes; i++)
        index_free(m->indexes[i]);
    for (model_index *ix = m->dropped; ix;) {
        model_index *next = ix->next_dropped;
        index_free(ix);
        ix = next;
    }
    for (model_settings *s = m->old_settings; s;) {
        model_settings *next = s->next;
        settings_done(&s->settings);
        free(s);
        s = next;
    }
    for (model_batch *b = m->batches; b;) {
        model_batch *next = b->next;
        (void)rec_batch_free(b->batch);
        free(b->rows);
        free(b);
        b = next;
    }
    free(m->indexes);
    (void)queue_free(m->queue);
    (void)pthread_cond_destroy(&m->changed);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

static void model_close(engine *e)
{
    model *m = model_of(e);
    queue_close(m->queue);
    (void)pthread_join(m->committer, NULL);
    model_free(m);
}

void model_engine_refuse(engine *e, bool refuses)
{
    model *m = model_of(e);
    {
        AL_LOCKED(&m->lock);
        m->refuses = refuses;
    }
    tell_room(m);
}

al_code model_engine_open(const eng_hooks *hooks, engine **ret, al_err *err)
{
    static const engine_ops ops = {
        .close = model_close,
        .index_open = model_index_open,
        .index_drop = model_index_drop,
        .append = model_append,
        .search = model_search,
        .count = model_count,
        .histogram = model_histogram,
        .values = model_values,
        .tail_end = model_tail_end,
        .tail = model_tail,
        .compact = model_compact,
        .indexes = model_indexes,
        .fields = model_fields,
        .index_stats = model_index_stats,
        .stats = model_stats,
    };
    model *m = al_zalloc(1, sizeof *m);
    queue *q = queue_new(QUEUE_MAX);
    if (!m || !q)
        abort();
    m->engine.ops = &ops;
    m->queue = q;
    if (hooks)
        m->hooks = *hooks;
    (void)pthread_mutex_init(&m->lock, NULL);
    al_cond_init(&m->changed);
    al_code c = al_thread_start(&m->committer, "model", committer, m, err);
    if (c) {
        model_free(m);
        return c;
    }
    *ret = &m->engine;
    return AL_OK;
}
