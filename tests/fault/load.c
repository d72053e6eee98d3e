/* See load.h. Records are made from (seed, batch, row), so the check can make them again and needs
 * no copies. */
#include "fault/load.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/store.h"
#include "support/rng.h"
#include "support/rows.h"

#define LOAD_EPOCH_NS (INT64_C(1782000000) * AL_NS_PER_S)

enum { ROWS_MAX = 400, MEMORY_BYTES = 8 << 20, MARK_BYTES = 4 };

static const char *const index_names[LOAD_INDEXES] = {"kept", "dropped", "short"};

/* ---- Records that can be made again */

static void make_record(const load *l, size_t batch, uint32_t row, rec_batch *b)
{
    static const char *const hosts[] = {"web-1", "web-2", "db"};
    rng r = rng_fork(l->seed, batch * ROWS_MAX + row + 1);
    record *rec = rec_batch_add(b);
    field *f = al_arena_alloc(b->arena, 2, sizeof *f);
    if (!rec || !f)
        abort();
    char text[200];
    int n = snprintf(text, sizeof text, "b%zu r%u %llx %llx", batch, row,
                     (unsigned long long)rng_next(&r), (unsigned long long)rng_below(&r, 99));
    rec->message = al_arena_copy(b->arena, (al_slice){(const uint8_t *)text, (size_t)n});
    rec->time_ns = LOAD_EPOCH_NS - rng_between(&r, 0, 40) * 3600 * AL_NS_PER_S;
    f[0] = (field){AL_LIT("host"), {VAL_STRING, al_cstr(hosts[rng_below(&r, 3)])}};
    f[1] = (field){AL_LIT("n"), {VAL_NUMBER, AL_LIT("1e2")}};
    rec->fields = f;
    rec->n_fields = (uint32_t)rng_below(&r, 3);
}

static rec_batch *make_batch(const load *l, size_t batch, uint32_t n_rows)
{
    rec_batch *b = rec_batch_new(l->clock_ns);
    if (!b)
        abort();
    for (uint32_t i = 0; i < n_rows; i++)
        make_record(l, batch, i, b);
    return b;
}

/* ---- Appending without trying again */

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    al_code code;
    size_t moment;
    const load *l;
} waiting;

static size_t now(const load *l)
{
    return l && l->moment ? l->moment(l->moment_ctx) : 0;
}

static void when_done(void *ctx, al_code c, const al_err *err)
{
    (void)err;
    waiting *w = ctx;
    AL_LOCKED(&w->lock);
    w->is_done = true;
    w->code = c;
    w->moment = now(w->l);
    (void)pthread_cond_signal(&w->changed);
}

static al_code append_noting(const load *l, engine *e, const char *index, rec_batch *batch,
                             al_slice marks, size_t *ret_moment, al_err *err)
{
    waiting w = {.l = l};
    (void)pthread_mutex_init(&w.lock, NULL);
    al_cond_init(&w.changed);
    const eng_append a = {
        .index = index, .batch = batch, .marks = marks, .done = when_done, .ctx = &w};
    al_code c = engine_append(e, &a, err);
    if (c) {
        (void)rec_batch_free(batch);
    } else {
        AL_LOCKED(&w.lock);
        while (!w.is_done)
            (void)pthread_cond_wait(&w.changed, &w.lock);
        c = w.code;
        *ret_moment = w.moment;
    }
    (void)pthread_cond_destroy(&w.changed);
    (void)pthread_mutex_destroy(&w.lock);
    return c;
}

al_code load_append(engine *e, const char *index, rec_batch *batch, al_slice marks, al_err *err)
{
    size_t ignored = 0;
    return append_noting(NULL, e, index, batch, marks, &ignored, err);
}

/* ---- Marks: each batch that has one is named by its number; the dump is all of them in a row. */

typedef struct marks {
    bool has[LOAD_BATCHES_MAX];
    uint32_t n_strange;
} marks;

static void take_marks(void *ctx, al_slice blob)
{
    marks *m = ctx;
    al_rd r = al_rd_of(blob);
    while (r.left && !r.bad) {
        uint32_t n = al_rd_u32(&r);
        if (r.bad || n >= LOAD_BATCHES_MAX)
            m->n_strange++;
        else
            m->has[n] = true;
    }
}

static al_code dump_marks(void *ctx, al_buf *out)
{
    const marks *m = ctx;
    for (uint32_t i = 0; i < LOAD_BATCHES_MAX; i++)
        if (m->has[i])
            al_buf_u32(out, i);
    return al_buf_code(out);
}

/* ---- The run */

typedef struct running {
    load *l;
    engine *e;
    marks marks;
    rng r;
} running;

static int64_t load_clock(void *ctx)
{
    const load *l = ctx;
    return l->clock_ns;
}

static al_code open_store(const load *l, const char *path, const al_io *io, marks *m, engine **ret)
{
    const eng_hooks hooks = {.ctx = m, .mark = take_marks, .marks_dump = dump_marks};
    const store_options o = {.path = path,
                             .io = io,
                             .memory_bytes = MEMORY_BYTES,
                             .min_free_bytes = 1 << 20,
                             .now_ns = load_clock,
                             .now_ctx = (void *)(uintptr_t)l,
                             .idle_ns = -1};
    al_err err = {0};
    al_code c = store_open(&o, &hooks, ret, &err);
    for (size_t i = 0; !c && i < LOAD_INDEXES; i++) {
        eng_index_settings s = {.intervals = i == LOAD_SHORT ? 1 : 36500};
        (void)snprintf(s.name, sizeof s.name, "%s", index_names[i]);
        if (i == LOAD_DROPPED && l->drop_begun_at != SIZE_MAX)
            continue; /* opening would make it anew */
        c = engine_index_open(*ret, &s, &err);
        if (c)
            *ret = engine_close(*ret);
    }
    return c;
}

static void append(running *t, load_index index)
{
    load *l = t->l;
    if (!t->e || l->n_batches == LOAD_BATCHES_MAX)
        return;
    size_t no = l->n_batches++;
    load_batch *b = &l->batches[no];
    *b = (load_batch){.index = index,
                      .n_rows = 1 + (uint32_t)rng_below(&t->r, rng_chance(&t->r, 15) ? 300 : 6),
                      .has_marks = rng_chance(&t->r, 40),
                      .sent_at = now(l),
                      .acked_at = SIZE_MAX};
    const uint8_t mark[MARK_BYTES] = {(uint8_t)no, (uint8_t)(no >> 8)};
    al_err err = {0};
    size_t moment = 0;
    b->code = append_noting(l, t->e, index_names[index], make_batch(l, no, b->n_rows),
                            (al_slice){mark, b->has_marks ? MARK_BYTES : 0}, &moment, &err);
    if (b->code)
        l->n_failed++;
    else
        b->acked_at = moment;
}

static void append_some(running *t, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        append(t, rng_chance(&t->r, 20) ? LOAD_SHORT : LOAD_KEPT);
}

static void compact(running *t)
{
    al_err err = {0};
    if (t->e && engine_compact(t->e, NULL, NULL, &err))
        t->l->n_failed++;
}

static void drop(running *t)
{
    load *l = t->l;
    al_err err = {0};
    if (!t->e)
        return;
    l->drop_begun_at = now(l);
    if (engine_index_drop(t->e, index_names[LOAD_DROPPED], &err))
        l->n_failed++;
    else
        l->dropped_at = now(l);
}

static void open_again(running *t, const char *path)
{
    t->e = engine_close(t->e);
    t->marks = (marks){0};
    if (open_store(t->l, path, t->l->io, &t->marks, &t->e)) {
        t->e = NULL;
        t->l->n_failed++;
    }
}

void load_run(load *l, uint64_t seed, const char *path, const al_io *io, load_moment_fn *moment,
              void *ctx)
{
    *l = (load){.seed = seed,
                .io = io,
                .moment = moment,
                .moment_ctx = ctx,
                .clock_ns = LOAD_EPOCH_NS,
                .drop_begun_at = SIZE_MAX,
                .dropped_at = SIZE_MAX};
    running t = {.l = l, .r = rng_of(seed)};
    open_again(&t, path);
    append_some(&t, 3);
    append(&t, LOAD_DROPPED);
    compact(&t);
    append_some(&t, 4);
    append(&t, LOAD_DROPPED);
    drop(&t);
    compact(&t);
    append_some(&t, 2);
    open_again(&t, path); /* replays a log */
    append_some(&t, 3);
    compact(&t);
    append_some(&t, 1);
    t.e = engine_close(t.e);          /* its threads read the clock */
    l->clock_ns += 3 * AL_NS_PER_DAY; /* `short` is too old now, and so are all positions */
    open_again(&t, path);
    append_some(&t, 2);
    compact(&t);
    t.e = engine_close(t.e);
}

/* ---- The check */

typedef struct checking {
    const load *l;
    size_t moment;
    uint16_t seen[LOAD_BATCHES_MAX][ROWS_MAX];
    load_index index;
    uint64_t last_id;
    char *why;
    size_t cap;
    bool is_bad;
} checking;

__attribute__((format(printf, 2, 3))) static bool bad(checking *k, const char *fmt, ...)
{
    if (k->is_bad)
        return false; /* the first finding is the one to tell */
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(k->why, k->cap, fmt, ap);
    va_end(ap);
    k->is_bad = true;
    return false;
}

static eng_flow see_row(void *ctx, const eng_row *row)
{
    checking *k = ctx;
    const record *r = row->rec;
    char text[64] = {0};
    size_t batch = 0;
    unsigned n = 0;
    memcpy(text, r->message.ptr, r->message.len < sizeof text ? r->message.len : sizeof text - 1);
    if (sscanf(text, "b%zu r%u ", &batch, &n) != 2 || batch >= k->l->n_batches ||
        n >= k->l->batches[batch].n_rows || k->l->batches[batch].index != k->index)
        return bad(k, "index %s has '%s', which was not sent to it", index_names[k->index], text)
                   ? ENG_MORE
                   : ENG_STOP;
    rec_batch *b = rec_batch_new(0);
    if (!b)
        abort();
    make_record(k->l, batch, n, b);
    if (rows_content(r) != rows_content(&b->recs[0]))
        (void)bad(k, "'%s' came back with other content", text);
    (void)rec_batch_free(b);
    if (r->id <= k->last_id)
        (void)bad(k, "id %" PRIu64 " of '%s' is not above the one before", r->id, text);
    if (r->id < (uint64_t)r->time_ns)
        (void)bad(k, "id %" PRIu64 " of '%s' is below its time", r->id, text);
    k->last_id = r->id;
    k->seen[batch][n]++;
    return ENG_MORE;
}

static void see_index(checking *k, engine *e, load_index index)
{
    AL_CLEANUP(query_unrefp) query *all = query_all();
    const eng_search s = {
        .scope = {.indexes = &index_names[index], .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_answer answer;
    al_err err = {0};
    k->index = index;
    k->last_id = 0;
    al_code c = engine_search(e, &s, NULL, see_row, k, &answer, &err);
    if (c)
        (void)bad(k, "search in %s: %s", index_names[index], err.msg);
    else if (answer.partial.n)
        (void)bad(k, "search in %s is partial: %s: %s", index_names[index],
                  answer.partial.reasons[0].part, answer.partial.reasons[0].why);
}

/* Was the batch promised at the moment of the check? */
static bool is_promised(const checking *k, const load_batch *b)
{
    if (b->code || b->acked_at > k->moment)
        return false;
    if (b->index == LOAD_DROPPED)
        return k->l->drop_begun_at == SIZE_MAX || k->l->drop_begun_at > k->moment;
    return b->index == LOAD_KEPT;
}

static void check_batch(checking *k, const marks *m, size_t no)
{
    const load_batch *b = &k->l->batches[no];
    uint32_t n_seen = 0;
    for (uint32_t i = 0; i < b->n_rows; i++) {
        n_seen += k->seen[no][i] > 0;
        if (k->seen[no][i] > 1)
            (void)bad(k, "record b%zu r%u is there %u times", no, i, k->seen[no][i]);
    }
    if (is_promised(k, b) && n_seen < b->n_rows)
        (void)bad(k, "batch %zu was acknowledged, and %u of its %u records are there", no, n_seen,
                  b->n_rows);
    if (n_seen != 0 && n_seen != b->n_rows && b->index != LOAD_SHORT)
        (void)bad(k, "batch %zu is torn: %u of %u records", no, n_seen, b->n_rows);
    if (n_seen != 0 && b->sent_at > k->moment)
        (void)bad(k, "batch %zu is there before it was sent", no);
    if (b->index == LOAD_DROPPED && k->l->dropped_at != SIZE_MAX && k->l->dropped_at <= k->moment &&
        n_seen)
        (void)bad(k, "batch %zu is back from an index that was dropped", no);
    bool was_acked = !b->code && b->acked_at <= k->moment;
    if (b->has_marks && was_acked && !m->has[no])
        (void)bad(k, "batch %zu was acknowledged, and its marks are gone", no);
    if (b->index == LOAD_KEPT && b->has_marks && m->has[no] != (n_seen > 0))
        (void)bad(k, "batch %zu: records and marks do not go together", no);
    if (m->has[no] && !b->has_marks)
        (void)bad(k, "batch %zu has marks that were never given", no);
}

static void check_goes_on(checking *k, engine *e)
{
    uint64_t before = 0;
    uint64_t after = 0;
    AL_CLEANUP(query_unrefp) query *all = query_all();
    const eng_scope s = {
        .indexes = &index_names[LOAD_KEPT], .n_indexes = 1, .to_ns = INT64_MAX, .q = all};
    eng_answer answer;
    al_err err = {0};
    al_code c = engine_count(e, &s, NULL, &before, &answer, &err);
    if (!c)
        c = load_append(e, index_names[LOAD_KEPT], make_batch(k->l, 0, 2), (al_slice){0}, &err);
    if (!c)
        c = engine_compact(e, NULL, NULL, &err);
    if (!c)
        c = engine_count(e, &s, NULL, &after, &answer, &err);
    if (c)
        (void)bad(k, "the store does not go on: %s", err.msg);
    else if (after != before + 2)
        (void)bad(k, "2 records were added to %" PRIu64 ", now there are %" PRIu64, before, after);
}

static void note_finding(void *ctx, const store_finding *f)
{
    checking *k = ctx;
    if (f->is_damage)
        (void)bad(k, "verify: %s: %s", f->file, f->text);
}

static void check_verify(checking *k, const char *path, const al_io *io)
{
    store_verified v = {0};
    al_err err = {0};
    al_code c = store_verify(path, io, note_finding, k, &v, &err);
    if (c)
        (void)bad(k, "verify: %s", err.msg);
    else if (v.n_damaged)
        (void)bad(k, "verify: %" PRIu64 " damaged", v.n_damaged);
}

bool load_check(const load *l, const char *path, const load_check_options *o, char *why, size_t cap)
{
    size_t moment = o->moment;
    why[0] = '\0';
    static checking k; /* some hundred KiB */
    k = (checking){.l = l, .moment = moment, .why = why, .cap = cap};
    marks m = {0};
    engine *e = NULL;
    load at_moment = *l; /* was the drop begun by then? Opening the index would make it anew */
    if (l->drop_begun_at > moment)
        at_moment.drop_begun_at = SIZE_MAX;
    al_code c = open_store(&at_moment, path, o->io, &m, &e);
    if (c)
        return bad(&k, "open: %s", al_code_name(c));
    see_index(&k, e, LOAD_KEPT);
    see_index(&k, e, LOAD_SHORT);
    if (at_moment.drop_begun_at == SIZE_MAX)
        see_index(&k, e, LOAD_DROPPED);
    if (m.n_strange)
        (void)bad(&k, "marks that do not read");
    for (size_t i = 0; i < l->n_batches; i++)
        check_batch(&k, &m, i);
    if (!k.is_bad && o->goes_on)
        check_goes_on(&k, e);
    (void)engine_close(e);
    if (!k.is_bad)
        check_verify(&k, path, o->io);
    return !k.is_bad;
}
