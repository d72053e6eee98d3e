/* Goal: the store answers every question as the model does: the naive matcher over an array.
 *
 * Method: rounds. Each round opens a fresh store and a fresh model, appends the same random batches
 * to both, and between them merges, closes and reopens the store, now and then without a manifest,
 * so that rows are in the log only, freshly merged, merged twice, read back after a restart, or a
 * mix. After each step random questions are asked of both.
 *
 * Run: prop_engine [queries] [seed]; ALCO_QUERIES and ALCO_SEED do the same. The seed is printed; a
 * failure names the round, and `ALCO_ROUND=n` runs that one alone. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "store/store.h"
#include "support/gen.h"
#include "support/model_engine.h"
#include "support/rows.h"
#include "support/tmpdir.h"

enum {
    QUERIES = 2000,
    QUERIES_A_ROUND = 120,
    INDEXES = 3,
    MARKS_MAX = 64,
    SCATTERED = 80,
    RECORDS_MAX = 4096, /* kept to make queries from */
};

static const char *const names[INDEXES] = {"logs", "audit", "sys_1"};

/* Places in the order of arrival, in both engines at the same moment. */
typedef struct mark {
    eng_arrival of_store;
    eng_arrival of_model;
    int64_t clock_ns;
} mark;

typedef struct round {
    uint64_t number;
    uint64_t seed;
    rng r;
    gen_stream stream;
    tmpdir dir;
    engine *store;
    engine *model;
    size_t n_indexes;
    rec_batch *kept[RECORDS_MAX]; /* copies of what was sent */
    size_t n_kept;
    const record *recs[RECORDS_MAX];
    size_t n_recs;
    mark marks[MARKS_MAX];
    size_t n_marks;
    char state[400]; /* what was done, for messages */
    al_buf text;     /* of the query */
    rows_seen a;
    rows_seen b;
    uint64_t n_asked;
    uint64_t n_searched;
    uint64_t n_hit; /* searches that found something */
} round;

static _Noreturn void fail(const round *t, const char *what)
{
    (void)fprintf(stderr,
                  "\nFAILED: %s\n  again: ALCO_SEED=%" PRIu64 " ALCO_ROUND=%" PRIu64
                  "\n  done: %s\n  query: %.*s\n",
                  what, t->seed, t->number, t->state, (int)t->text.len,
                  t->text.len ? (const char *)t->text.ptr : "");
    exit(1); /* NOLINT(concurrency-mt-unsafe): the end */
}

static void must(const round *t, al_code c, const char *what, const al_err *err)
{
    if (!c)
        return;
    char text[400];
    (void)snprintf(text, sizeof text, "%s: %s: %s", what, al_code_name(c), err ? err->msg : "");
    fail(t, text);
}

static void note(round *t, const char *what, uint64_t n)
{
    size_t used = strlen(t->state);
    if (used > sizeof t->state - 40) { /* the end tells more than the beginning */
        memmove(t->state, t->state + used / 2, used - used / 2 + 1);
        used = strlen(t->state);
    }
    (void)snprintf(t->state + used, sizeof t->state - used, " %s%" PRIu64, what, n);
}

/* ---- Building */

static int64_t stream_clock(void *ctx)
{
    const round *t = ctx;
    return t->stream.now_ns;
}

static void open_indexes(round *t, engine *e)
{
    static const al_slice text_fields[] = {{(const uint8_t *)"exc_info", 8},
                                           {(const uint8_t *)"ctx.deep", 8}};
    for (size_t i = 0; i < t->n_indexes; i++) {
        assert(i < INDEXES);
        eng_index_settings s = {
            .intervals = 36500, .text_fields = text_fields, .n_text_fields = i == 1 ? 0 : 2};
        al_err err = {0};
        (void)snprintf(s.name, sizeof s.name, "%s", names[i]);
        must(t, engine_index_open(e, &s, &err), "open index", &err);
    }
}

static void open_store(round *t)
{
    al_err err = {0};
    const store_options o = {
        .path = t->dir.path, .now_ns = stream_clock, .now_ctx = t, .idle_ns = -1};
    must(t, store_open(&o, NULL, &t->store, &err), "open store", &err);
    open_indexes(t, t->store);
}

/* The next open rebuilds it from segments and log, which changes no answer. */
static void lose_manifest(round *t)
{
    char name[40];
    char path[400];
    uint64_t id = 1 + rng_below(&t->r, t->n_indexes);
    (void)snprintf(name, sizeof name, "store/%" PRIu64 "/manifest", id);
    note(t, "lose manifest", id);
    if (unlink(tmpdir_join(&t->dir, name, path, sizeof path)) != 0)
        abort();
    t->n_marks = 0; /* tails may have to begin anew: rows without positions could be new ones */
}

static rec_batch *copy_batch(const rec_batch *from)
{
    rec_batch *b = rec_batch_new(from->arrival_ns);
    for (size_t i = 0; b && i < from->n; i++) {
        record *r = rec_batch_add(b);
        const record *o = &from->recs[i];
        field *f = al_arena_alloc(b->arena, o->n_fields + 1, sizeof *f);
        if (!r || !f)
            abort();
        *r = *o;
        r->message = al_arena_copy(b->arena, o->message);
        r->fields = f;
        for (uint32_t k = 0; k < o->n_fields; k++)
            f[k] = (field){.name = al_arena_copy(b->arena, o->fields[k].name),
                           .val = {.type = o->fields[k].val.type,
                                   .text = al_arena_copy(b->arena, o->fields[k].val.text)}};
    }
    return b;
}

static void keep_batch(round *t, rec_batch *b)
{
    if (t->n_kept == RECORDS_MAX || t->n_recs + b->n > RECORDS_MAX) {
        (void)rec_batch_free(b);
        return;
    }
    t->kept[t->n_kept++] = b;
    for (size_t i = 0; i < b->n; i++)
        t->recs[t->n_recs++] = &b->recs[i];
}

static void append(round *t, size_t n)
{
    const char *index = names[rng_below(&t->r, t->n_indexes)];
    rec_batch *b = gen_batch(&t->stream, n);
    al_err err = {0};
    note(t, "append:", n);
    must(t, engine_append_wait(t->model, index, copy_batch(b), (al_slice){0}, NULL, &err),
         "append to the model", &err);
    keep_batch(t, copy_batch(b));
    must(t, engine_append_wait(t->store, index, b, (al_slice){0}, NULL, &err), "append", &err);
}

static void append_some(round *t)
{
    static const size_t sizes[] = {1, 1, 2, 5, 20, 60, 200};
    append(t, 1 + (size_t)rng_below(&t->r, sizes[rng_below(&t->r, AL_COUNT(sizes))]));
}

/* Many small frames that all reach far back: more overlapping units than a search keeps open. */
static void append_scattered(round *t)
{
    unsigned usual = t->stream.late_percent;
    t->stream.late_percent = 60;
    for (unsigned i = 0; i < SCATTERED; i++)
        append(t, 2 + (size_t)rng_below(&t->r, 3));
    t->stream.late_percent = usual;
}

static void put_mark(round *t)
{
    mark *m = &t->marks[t->n_marks < MARKS_MAX ? t->n_marks++ : rng_below(&t->r, MARKS_MAX)];
    al_err err = {0};
    must(t, engine_tail_end(t->store, &m->of_store, &err), "tail_end", &err);
    must(t, engine_tail_end(t->model, &m->of_model, &err), "tail_end of the model", &err);
    m->clock_ns = t->stream.now_ns;
}

static void step(round *t)
{
    al_err err = {0};
    uint64_t kind = rng_below(&t->r, 40);
    if (kind < 2) {
        note(t, "compact", 0);
        must(t, engine_compact(t->store, NULL, NULL, &err), "compact", &err);
    } else if (kind < 4) {
        const char *index = names[rng_below(&t->r, t->n_indexes)];
        note(t, "compact:", (uint64_t)(index[0]));
        must(t, engine_compact(t->store, index, NULL, &err), "compact", &err);
    } else if (kind < 6) {
        note(t, "reopen", 0);
        (void)engine_close(t->store);
        if (rng_chance(&t->r, 30))
            lose_manifest(t);
        open_store(t);
    } else if (kind == 6) {
        append_scattered(t);
    } else {
        append_some(t);
    }
    if (rng_chance(&t->r, 30))
        put_mark(t);
}

/* ---- Asking */

static bool is_field(void *ctx, al_slice name)
{
    (void)ctx;
    for (size_t i = 0; i < gen_paths_count(); i++)
        if (al_slice_eq(name, al_cstr(gen_paths[i])))
            return true;
    return false;
}

typedef struct question {
    query *q;
    const char *indexes[INDEXES];
    eng_scope scope;
} question;

static void question_done(question *u)
{
    (void)query_unref(u->q);
}

static void ask_something(round *t, question *u)
{
    al_err err = {0};
    const query_env env = {.is_field = is_field};
    al_buf_clear(&t->text);
    gen_query(&t->r, t->recs, t->n_recs, &t->text);
    must(t, query_parse(al_buf_slice(&t->text), &env, &u->q, &err), "parse", &err);
    int64_t from = 0;
    int64_t to = 0;
    gen_range(&t->r, t->recs, t->n_recs, &from, &to);
    size_t first = (size_t)rng_below(&t->r, t->n_indexes);
    size_t n = 1 + (size_t)rng_below(&t->r, t->n_indexes);
    for (size_t i = 0; i < n; i++) /* in any rotation: the order of the list is the index_no */
        u->indexes[i] = names[(first + i) % t->n_indexes];
    u->scope =
        (eng_scope){.indexes = u->indexes, .n_indexes = n, .from_ns = from, .to_ns = to, .q = u->q};
}

static bool gave_up(const eng_answer *a)
{
    return a->partial.n > 0 && strcmp(a->partial.reasons[0].part, "regular expression") == 0;
}

static void must_be_whole(const round *t, const eng_answer *a)
{
    if (a->partial.n == 0)
        return;
    char text[400];
    (void)snprintf(text, sizeof text, "partial: %s: %s", a->partial.reasons[0].part,
                   a->partial.reasons[0].why);
    fail(t, text);
}

static void must_be_same(const round *t, const rows_seen *store, const rows_seen *model,
                         const char *what)
{
    size_t at = rows_differ(store, model);
    if (at == SIZE_MAX)
        return;
    (void)fprintf(stderr, "store %zu rows, model %zu rows, first difference at %zu\n", store->n,
                  model->n, at);
    const rows_seen *both[] = {store, model};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = at > 2 ? at - 2 : 0; i < both[k]->n && i < at + 3; i++)
            (void)fprintf(stderr, "  %s %zu: index %u id %" PRIu64 " content %016" PRIx64 "\n",
                          k ? "model" : "store", i, both[k]->rows[i].index_no, both[k]->rows[i].id,
                          both[k]->rows[i].content);
    fail(t, what);
}

/* All rows of the model at once; of the store in pages of random size, which go on from the last
 * row or from where the answer says, under budgets that run out now and then. */
static void check_search(round *t, const question *u)
{
    eng_answer answer;
    al_err err = {0};
    eng_search s = {.scope = u->scope, .is_descending = rng_chance(&t->r, 60)};
    eng_pos start = {.id = t->recs[rng_below(&t->r, t->n_recs)]->time_ns > 0
                               ? (uint64_t)t->recs[rng_below(&t->r, t->n_recs)]->time_ns
                               : 0,
                     .index_no = (uint32_t)rng_below(&t->r, 4)};
    bool has_start = rng_chance(&t->r, 30);
    s.after = has_start ? &start : NULL;
    rows_clear(&t->a);
    rows_clear(&t->b);
    must(t, engine_search(t->model, &s, NULL, rows_take, &t->b, &answer, &err), "model", &err);
    if (gave_up(&answer))
        return;
    t->n_searched++;
    t->n_hit += t->b.n > 0;

    uint64_t limit = rng_chance(&t->r, 30) ? 0 : 1 + rng_below(&t->r, 60);
    uint64_t pages_max = rng_chance(&t->r, 70) ? 4 : UINT64_MAX;
    eng_budget tight = {.rows_max = 1 + rng_below(&t->r, 300)};
    const eng_budget *budget = rng_chance(&t->r, 30) ? &tight : NULL;
    bool by_stopping = rng_chance(&t->r, 20);
    eng_pos after = start;
    bool is_at_end = false;
    for (uint64_t page = 0; page < pages_max && !is_at_end; page++) {
        size_t before = t->a.n;
        s.limit = by_stopping ? 0 : limit;
        t->a.stop_at = by_stopping && limit ? before + (size_t)limit : 0;
        must(t, engine_search(t->store, &s, budget, rows_take, &t->a, &answer, &err), "search",
             &err);
        if (!budget)
            must_be_whole(t, &answer);
        is_at_end = answer.is_at_end;
        if (limit && t->a.n - before > limit)
            fail(t, "a page has more rows than its limit");
        if (!is_at_end && !budget && (!limit || t->a.n - before < limit))
            fail(t, "a page is short, but says that there is more");
        after = answer.reached;
        s.after = &after;
    }
    if (!is_at_end && t->b.n > t->a.n)
        t->b.n = t->a.n; /* what the pages that were read must be */
    must_be_same(t, &t->a, &t->b,
                 s.is_descending ? "search, newest first" : "search, oldest first");
}

static void check_count(round *t, const question *u)
{
    eng_answer answer;
    al_err err = {0};
    uint64_t of_store = 0;
    uint64_t of_model = 0;
    must(t, engine_count(t->model, &u->scope, NULL, &of_model, &answer, &err), "model", &err);
    if (gave_up(&answer))
        return;
    must(t, engine_count(t->store, &u->scope, NULL, &of_store, &answer, &err), "count", &err);
    must_be_whole(t, &answer);
    if (of_store == of_model)
        return;
    (void)fprintf(stderr, "store %" PRIu64 ", model %" PRIu64 "\n", of_store, of_model);
    fail(t, "count");
}

static void check_fields(round *t)
{
    al_err err = {0};
    const char *index = names[rng_below(&t->r, t->n_indexes)];
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(65536);
    const al_slice *a = NULL;
    const al_slice *b = NULL;
    size_t n_a = 0;
    size_t n_b = 0;
    must(t, engine_fields(t->model, index, arena, &b, &n_b, &err), "fields of the model", &err);
    must(t, engine_fields(t->store, index, arena, &a, &n_a, &err), "fields", &err);
    bool is_same = n_a == n_b;
    for (size_t i = 0; i < n_a && is_same; i++)
        is_same = al_slice_eq(a[i], b[i]);
    if (is_same)
        return;
    for (size_t i = 0; i < n_a || i < n_b; i++)
        (void)fprintf(stderr, "  %.*s | %.*s\n", AL_ARG(i < n_a ? a[i] : AL_LIT("-")),
                      AL_ARG(i < n_b ? b[i] : AL_LIT("-")));
    fail(t, "fields");
}

static bool same_value(const value *a, const value *b)
{
    return a->type == b->type && al_slice_eq(a->text, b->text);
}

static void check_values(round *t, const question *u)
{
    eng_answer answer;
    al_err err = {0};
    al_slice path = rng_chance(&t->r, 5) ? AL_LIT("message") : al_cstr(gen_path(&t->r));
    size_t limit = 1 + (size_t)rng_below(&t->r, 30);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(65536);
    eng_values a = {0};
    eng_values b = {0};
    must(t, engine_values(t->model, &u->scope, path, limit, NULL, arena, &b, &answer, &err),
         "model", &err);
    if (gave_up(&answer))
        return;
    must(t, engine_values(t->store, &u->scope, path, limit, NULL, arena, &a, &answer, &err),
         "values", &err);
    must_be_whole(t, &answer);
    bool is_same = a.n == b.n && a.other == b.other;
    for (size_t i = 0; i < a.n && is_same; i++)
        is_same =
            a.items[i].count == b.items[i].count && same_value(&a.items[i].val, &b.items[i].val);
    if (is_same)
        return;
    (void)fprintf(stderr,
                  "values of %.*s: store %zu, other %" PRIu64 "; model %zu, other %" PRIu64 "\n",
                  AL_ARG(path), a.n, a.other, b.n, b.other);
    for (size_t i = 0; i < a.n || i < b.n; i++)
        (void)fprintf(
            stderr, "  %.*s %" PRIu64 " | %.*s %" PRIu64 "\n",
            AL_ARG(i < a.n ? a.items[i].val.text : AL_LIT("-")), i < a.n ? a.items[i].count : 0,
            AL_ARG(i < b.n ? b.items[i].val.text : AL_LIT("-")), i < b.n ? b.items[i].count : 0);
    fail(t, "values");
}

static bool same_bucket(const eng_bucket *a, const eng_bucket *b, size_t n_values)
{
    return a->time_ns == b->time_ns && a->count == b->count && a->other == b->other &&
           memcmp(a->by, b->by, n_values * sizeof a->by[0]) == 0;
}

static void check_histogram(round *t, const question *u)
{
    static const int64_t steps[] = {1000000,       1000000000,     60000000000,
                                    3600000000000, 86400000000000, 7};
    eng_answer answer;
    al_err err = {0};
    int64_t step_ns = steps[rng_below(&t->r, AL_COUNT(steps))];
    al_slice by = rng_chance(&t->r, 50) ? al_cstr(gen_path(&t->r)) : (al_slice){0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(65536);
    eng_histogram a = {0};
    eng_histogram b = {0};
    al_code of_model =
        engine_histogram(t->model, &u->scope, step_ns, by, NULL, arena, &b, &answer, &err);
    if (gave_up(&answer))
        return;
    al_code of_store =
        engine_histogram(t->store, &u->scope, step_ns, by, NULL, arena, &a, &answer, &err);
    if (of_model == AL_LIMIT && of_store == AL_LIMIT)
        return;
    must(t, of_model, "histogram of the model", &err);
    must(t, of_store, "histogram", &err);
    must_be_whole(t, &answer);
    bool is_same = a.n_buckets == b.n_buckets && a.n_values == b.n_values;
    for (size_t i = 0; i < a.n_values && is_same; i++)
        is_same = same_value(&a.values[i], &b.values[i]);
    for (size_t i = 0; i < a.n_buckets && is_same; i++)
        is_same = same_bucket(&a.buckets[i], &b.buckets[i], a.n_values);
    if (is_same)
        return;
    (void)fprintf(stderr,
                  "histogram by '%.*s' step %" PRId64
                  ": store %zu buckets %zu values; model %zu, %zu\n",
                  AL_ARG(by), step_ns, a.n_buckets, a.n_values, b.n_buckets, b.n_values);
    fail(t, "histogram");
}

/* From a moment both engines know, in one go or resumed at random rows. */
static void check_tail(round *t, const question *u)
{
    al_err err = {0};
    if (!t->n_marks)
        return;
    const mark *m = &t->marks[rng_below(&t->r, t->n_marks)];
    eng_arrival end = {0};
    eng_arrival place = m->of_store;
    rows_clear(&t->a);
    rows_clear(&t->b);
    must(t,
         engine_tail(t->model, &u->scope, m->of_model, NULL, rows_take_arrived, &t->b, &end, NULL,
                     &err),
         "tail of the model", &err);
    bool in_pieces = rng_chance(&t->r, 50);
    for (;;) {
        size_t before = t->a.n;
        t->a.stop_at = in_pieces ? before + 1 + (size_t)rng_below(&t->r, 30) : 0;
        al_code c = engine_tail(t->store, &u->scope, place, NULL, rows_take_arrived, &t->a, &end,
                                NULL, &err);
        if (c == AL_NOT_FOUND && t->stream.now_ns - m->clock_ns > 3600 * AL_NS_PER_S)
            return; /* it may be forgotten */
        must(t, c, "tail", &err);
        if (t->a.n < t->a.stop_at || !in_pieces)
            break;
        place = rng_chance(&t->r, 50) ? end : t->a.rows[t->a.n - 1].at; /* as Last-Event-ID does */
    }
    for (size_t i = 1; i < t->a.n; i++) {
        eng_arrival x = t->a.rows[i - 1].at;
        eng_arrival y = t->a.rows[i].at;
        if (x.frame > y.frame || (x.frame == y.frame && x.row >= y.row))
            fail(t, "arrival positions of a tail do not rise");
    }
    must_be_same(t, &t->a, &t->b, "tail");
}

static void check_get(round *t, const question *u)
{
    al_err err = {0};
    eng_answer answer;
    const eng_search newest = {.scope = u->scope, .is_descending = true, .limit = 1};
    rows_clear(&t->a);
    must(t, engine_search(t->model, &newest, NULL, rows_take, &t->a, &answer, &err), "model", &err);
    if (!t->a.n)
        return;
    const char *index = u->indexes[t->a.rows[0].index_no];
    rows_clear(&t->b);
    must(t, engine_get(t->store, index, t->a.rows[0].id, NULL, rows_take, &t->b, &err), "get",
         &err);
    if (t->b.n != 1 || t->b.rows[0].content != t->a.rows[0].content)
        fail(t, "get");
}

static void ask(round *t)
{
    AL_CLEANUP(question_done) question u = {0};
    ask_something(t, &u);
    switch (rng_below(&t->r, 10)) {
    case 0:
        check_count(t, &u);
        check_fields(t);
        break;
    case 1:
        check_values(t, &u);
        break;
    case 2:
        check_histogram(t, &u);
        break;
    case 3:
        check_tail(t, &u);
        break;
    case 4:
        check_get(t, &u);
        break;
    default:
        check_search(t, &u);
    }
    t->n_asked++;
}

/* ---- Rounds */

typedef struct tally {
    uint64_t n_asked;
    uint64_t n_searched;
    uint64_t n_hit;
} tally;

static void run_round(uint64_t seed, uint64_t number, tally *sum)
{
    static round t; /* some hundred KiB */
    t = (round){.number = number, .seed = seed, .r = rng_fork(seed, number)};
    al_err err = {0};
    t.stream = gen_stream_of(rng_next(&t.r));
    t.n_indexes = 1 + (size_t)rng_below(&t.r, INDEXES);
    al_buf_init(&t.text, QUERY_BYTES_MAX);
    tmpdir_init(&t.dir, "prop");
    must(&t, model_engine_open(NULL, &t.model, &err), "open model", &err);
    open_indexes(&t, t.model);
    open_store(&t);
    put_mark(&t);
    append_some(&t);
    while (t.n_asked < QUERIES_A_ROUND) {
        for (uint64_t n = rng_below(&t.r, 12); n; n--)
            step(&t);
        for (uint64_t n = rng_below(&t.r, 12); n; n--)
            ask(&t);
    }
    (void)engine_close(t.store);
    (void)engine_close(t.model);
    for (size_t i = 0; i < t.n_kept; i++)
        (void)rec_batch_free(t.kept[i]);
    al_buf_done(&t.text);
    rows_done(&t.a);
    rows_done(&t.b);
    tmpdir_done(&t.dir);
    sum->n_asked += t.n_asked;
    sum->n_searched += t.n_searched;
    sum->n_hit += t.n_hit;
}

static uint64_t argument(int argc, char **argv, int i, const char *env, uint64_t fallback)
{
    uint64_t v = rng_env(env, fallback);
    if (argc > i && !al_parse_u64(al_cstr(argv[i]), &v)) {
        (void)fprintf(stderr, "usage: prop_engine [queries] [seed]\n");
        exit(2); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    }
    return v;
}

int main(int argc, char **argv)
{
    uint64_t queries = argument(argc, argv, 1, "ALCO_QUERIES", QUERIES);
    uint64_t seed = argument(argc, argv, 2, "ALCO_SEED", (uint64_t)al_now_ns());
    uint64_t only = rng_env("ALCO_ROUND", UINT64_MAX);
    printf("seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    tally sum = {0};
    if (only != UINT64_MAX)
        run_round(seed, only, &sum);
    for (uint64_t i = 0; only == UINT64_MAX && sum.n_asked < queries; i++)
        run_round(seed, i, &sum);
    printf("%" PRIu64 " questions, each answered as the model does; of %" PRIu64
           " searches %" PRIu64 " found something\n",
           sum.n_asked, sum.n_searched, sum.n_hit);
    if (only == UINT64_MAX && sum.n_hit * 3 < sum.n_searched) {
        (void)fprintf(stderr, "FAILED: too few questions find anything: the test tests little\n");
        return 1;
    }
    return 0;
}
