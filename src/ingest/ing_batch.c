/* Batches: documents in, records out, new fields made known, and the way to the engine.
 * A batch belongs to the thread that fills it until it is submitted; then to the engine, which
 * reports it done exactly once, and on_done counts, tells the submitter and frees it.
 * Fields are made known while the batch is filled, which is before its acknowledgement; a field
 * whose first batch then fails stays known, which harms nobody. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/ing_exclude.h"
#include "ingest/ing_marks.h"
#include "ingest/ing_priv.h"
#include "record/decode.h"
#include "record/text_field.h"

enum { MARKS_BYTES_MAX = 16 << 20, SCRATCH_BYTES = 4096 };

struct ingest_batch {
    ingest *in;
    ing_index *ix;
    ing_settings *settings;
    ing_source *source;
    rec_batch *recs; /* NULL once the engine has it */
    al_arena *scratch;
    al_buf marks;
    size_t n; /* records, also after they were handed on */
    size_t bytes;
    uint64_t notes[ING_NOTES];
    bool has_memory; /* make_known had */
    bool is_over;    /* make_known met a name for which the index has no room */
    eng_done_fn *done;
    void *ctx;
};

al_code ingest_begin(ingest *in, const char *index, const char *source, ingest_batch **ret,
                     al_err *err)
{
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = ingest_find(in, index);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", index);
    AL_CLEANUP(ingest_batch_freep) ingest_batch *b = al_zalloc(1, sizeof *b);
    if (!b)
        return al_fail(err, AL_NOMEM, "batch");
    al_buf_init(&b->marks, MARKS_BYTES_MAX);
    b->in = in;
    b->settings = ing_index_pin(ix);
    b->ix = AL_TAKE(ix);
    b->source = ingest_source(in, source);
    b->recs = rec_batch_new(al_now_ns());
    b->scratch = al_arena_new(SCRATCH_BYTES);
    if (!b->recs || !b->scratch)
        return al_fail(err, AL_NOMEM, "batch");
    *ret = AL_TAKE(b);
    return AL_OK;
}

ingest_batch *ingest_batch_free(ingest_batch *b)
{
    if (!b)
        return NULL;
    (void)rec_batch_free(b->recs);
    (void)al_arena_free(b->scratch);
    (void)ing_settings_unref(b->settings);
    (void)ing_index_unref(b->ix);
    al_buf_done(&b->marks);
    free(b);
    return NULL;
}

/* ---- Filling */

/* `notes`: REC_NOTE_ and ING_NOTE_ bits, each of one record or field. */
static void count_notes(ingest_batch *b, unsigned notes)
{
    for (unsigned i = 0; notes && i < ING_NOTES; i++)
        if (notes & (1U << i))
            b->notes[i]++;
}

static rec_visit make_known(void *ctx, al_slice path, const value *v)
{
    ingest_batch *b = ctx;
    (void)v;
    if (pathset_has(b->ix->known, path))
        return REC_VISIT_MORE;
    al_code c = AL_LIMIT;
    if (!atomic_load(&b->ix->is_full) || catalog_is_field(b->in->cat, b->ix->name, path))
        c = catalog_field_seen(b->in->cat, b->ix->name, path);
    if (c == AL_LIMIT) {
        atomic_store(&b->ix->is_full, true);
        b->is_over = b->is_over || !text_is_ours(path);
    } else if (c == AL_OK && !ing_index_know(b->ix, path)) {
        c = AL_NOMEM;
    }
    b->has_memory = c != AL_NOMEM; /* an index that was dropped meanwhile has no fields */
    return b->has_memory ? REC_VISIT_MORE : REC_VISIT_STOP;
}

static bool drop_excluded(ingest_batch *b, record *r)
{
    return ing_exclude(r, b->settings->excluded, b->settings->n_excluded, b->recs->arena);
}

typedef struct known_check {
    const ing_index *ix;
    bool is_unknown;
} known_check;

static rec_visit check_known(void *ctx, al_slice path, const value *v)
{
    known_check *k = ctx;
    (void)v;
    k->is_unknown = !pathset_has(k->ix->known, path) && !text_is_ours(path);
    return k->is_unknown ? REC_VISIT_STOP : REC_VISIT_MORE;
}

/* Moves the fields that have a name for which the index has no room into more_fields, so that what
 * senders make up does not become columns of the store without end. Names of our own fields stay:
 * they are few. `has_more`: see text_move_fields. */
static bool move_unknown(ingest_batch *b, record *r, bool has_more)
{
    bool *is_moved = al_arena_alloc(b->recs->arena, r->n_fields, sizeof *is_moved);
    if (!is_moved)
        return false;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        known_check k = {.ix = b->ix};
        const record one = {.fields = &r->fields[i], .n_fields = 1};
        if (!rec_each_path(&one, b->scratch, check_known, &k))
            return false;
        is_moved[i] = k.is_unknown && !(has_more && i == r->n_fields - 1);
    }
    count_notes(b, ING_NOTE_NAMES);
    return text_move_fields(r, is_moved, has_more, b->recs->arena) && drop_excluded(b, r);
}

/* `notes`: of rec_decode. */
static al_code finish(ingest_batch *b, const record *decoded, unsigned notes, size_t bytes)
{
    record r = *decoded;
    const uint8_t *more = NULL; /* the name of the field more_fields that rec_decode made */
    if (notes & REC_NOTE_FIELDS)
        more = r.fields[r.n_fields - 1].name.ptr;
    if (!drop_excluded(b, &r))
        return AL_NOMEM;
    b->has_memory = true;
    b->is_over = false;
    if (!rec_each_path(&r, b->scratch, make_known, b) || !b->has_memory)
        return AL_NOMEM;
    bool has_more = more && r.n_fields && r.fields[r.n_fields - 1].name.ptr == more;
    if (b->is_over && !move_unknown(b, &r, has_more))
        return AL_NOMEM;
    record *to = rec_batch_add(b->recs);
    if (!to)
        return AL_NOMEM;
    *to = r;
    b->n++;
    b->bytes += bytes;
    return AL_OK;
}

/* A change that was answered holds for what comes now. */
static void follow_settings(ingest_batch *b)
{
    if (!ing_index_has_changed(b->ix, b->settings))
        return;
    (void)ing_settings_unref(b->settings);
    b->settings = ing_index_pin(b->ix);
}

al_code ingest_add_kept(ingest_batch *b, al_slice body)
{
    follow_settings(b);
    rec_options opt = {.arrival_ns = al_now_ns(), .zone = b->settings->zone};
    unsigned notes = 0;
    record r = {0};
    if (rec_decode(body, &opt, b->recs->arena, &r, &notes))
        return AL_NOMEM;
    count_notes(b, notes);
    return finish(b, &r, notes, body.len);
}

al_code ingest_add(ingest_batch *b, al_slice body)
{
    al_slice copy = al_arena_copy(b->recs->arena, body);
    return copy.ptr ? ingest_add_kept(b, copy) : AL_NOMEM;
}

static bool append_fields(ingest_batch *b, record *r, const field *fields, size_t n)
{
    if (n == 0)
        return true;
    field *all = al_arena_alloc(b->recs->arena, r->n_fields + n, sizeof *all);
    if (!all)
        return false;
    if (r->n_fields)
        memcpy(all, r->fields, r->n_fields * sizeof *all);
    for (size_t i = 0; i < n; i++) {
        field f = fields[i];
        f.name = al_arena_copy(b->recs->arena, f.name);
        f.val.text = al_arena_copy(b->recs->arena, f.val.text);
        if (!f.name.ptr || !f.val.text.ptr)
            return false;
        all[r->n_fields + i] = f;
    }
    r->fields = all;
    r->n_fields += (uint32_t)n;
    return true;
}

al_code ingest_add_text(ingest_batch *b, al_slice line, int64_t time_ns, const field *fields,
                        size_t n_fields)
{
    follow_settings(b);
    rec_options opt = {.arrival_ns = time_ns >= 0 ? time_ns : al_now_ns(),
                       .zone = b->settings->zone};
    unsigned notes = 0;
    record r = {0};
    al_slice copy = al_arena_copy(b->recs->arena, line);
    if (!copy.ptr || rec_decode_raw(copy, &opt, b->recs->arena, &r, &notes) ||
        !append_fields(b, &r, fields, n_fields))
        return AL_NOMEM;
    if (time_ns >= 0)
        notes &= ~(unsigned)REC_NOTE_NO_TIME;
    count_notes(b, notes);
    return finish(b, &r, notes, line.len);
}

void ingest_note_long_line(ingest_batch *b)
{
    count_notes(b, ING_NOTE_LONG_LINE);
}

al_code ingest_add_memory(ingest_batch *b, al_slice memory)
{
    ing_marks_put_memory(&b->marks, memory);
    return al_buf_code(&b->marks);
}

al_code ingest_add_marks(ingest_batch *b, al_slice marks)
{
    al_buf_slice_put(&b->marks, marks);
    return al_buf_code(&b->marks);
}

size_t ingest_count(const ingest_batch *b)
{
    return b->n;
}

size_t ingest_bytes(const ingest_batch *b)
{
    return al_arena_bytes(b->recs->arena) + b->recs->cap * sizeof *b->recs->recs;
}

bool ingest_is_full(const ingest_batch *b)
{
    return b->n >= INGEST_BATCH_RECORDS_MAX || b->bytes >= INGEST_BATCH_BYTES_MAX;
}

/* ---- Handing on */

static void count_outcome(ingest_batch *b, al_code code)
{
    ing_source *s = b->source;
    if (code == AL_AGAIN) {
        atomic_fetch_add(&s->refused, 1);
        return;
    }
    if (code) {
        atomic_fetch_add(&s->failed, b->n);
        return;
    }
    atomic_fetch_add(&s->records, b->n);
    atomic_fetch_add(&s->bytes, b->bytes);
    atomic_fetch_add(&s->batches, 1);
    atomic_fetch_add(&b->ix->records, b->n);
    for (size_t i = 0; i < ING_NOTES; i++)
        if (b->notes[i])
            atomic_fetch_add(&s->notes[i], b->notes[i]);
}

static void on_done(void *ctx, al_code code, const al_err *err)
{
    AL_CLEANUP(ingest_batch_freep) ingest_batch *b = ctx;
    count_outcome(b, code);
    b->done(b->ctx, code, err);
}

al_code ingest_submit(ingest_batch *b, eng_done_fn *done, void *ctx, al_err *err)
{
    engine *e = atomic_load(&b->in->eng);
    if (!e || atomic_load(&b->in->is_stopped))
        return AL_AGAIN;
    b->done = done;
    b->ctx = ctx;
    rec_batch *recs = b->recs;
    eng_append a = {.index = b->ix->name,
                    .batch = b->n ? recs : NULL,
                    .marks = al_buf_slice(&b->marks),
                    .done = on_done,
                    .ctx = b};
    if (b->n)
        b->recs = NULL; /* before the engine has it: after AL_OK `b` may be gone */
    al_code c = engine_append(e, &a, err);
    if (c)
        b->recs = recs;
    return c == AL_CANCELLED ? AL_AGAIN : c; /* stopping */
}

static al_code try_submit(void *ctx, eng_done_fn *done, void *done_ctx, al_err *err)
{
    ingest_batch *b = ctx;
    ingest *in = b->in; /* after AL_OK `b` may be gone */
    al_code c = ingest_submit(b, done, done_ctx, err);
    return c == AL_AGAIN && atomic_load(&in->is_stopped) ? AL_CANCELLED : c;
}

al_code ingest_submit_wait(ingest_batch *b, const atomic_bool *cancel, al_err *err)
{
    bool is_taken = false;
    al_code c = eng_submit_wait(try_submit, b, cancel, &is_taken, err);
    if (!is_taken)
        (void)ingest_batch_free(b);
    return c;
}
