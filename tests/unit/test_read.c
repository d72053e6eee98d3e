/* Goal: the contracts of the store's read path that random questions do not reach: budgets, cancel,
 * damage, limits, and how little is looked at. Method: small stores made for each case. What the
 * answers are is tests/property/'s business. */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "query/ast.h"
#include "store/filter.h"
#include "store/pool.h"
#include "store/store.h"
#include "store/value_table.h"
#include "support/rng.h"
#include "support/rows.h"
#include "support/tmpdir.h"

#define T0_NS (INT64_C(1782000000) * AL_NS_PER_S)

/* ---- A store to ask */

typedef struct fixture {
    tmpdir dir;
    engine *e;
    int64_t now_ns;
} fixture;

static int64_t fixture_now(void *ctx)
{
    const fixture *f = ctx;
    return f->now_ns;
}

static void reopen(fixture *f)
{
    const store_options o = {
        .path = f->dir.path, .now_ns = fixture_now, .now_ctx = f, .idle_ns = -1};
    const eng_index_settings s = {.name = "logs", .intervals = 36500};
    f->e = engine_close(f->e);
    assert_int_equal(store_open(&o, NULL, &f->e, NULL), AL_OK);
    assert_int_equal(engine_index_open(f->e, &s, NULL), AL_OK);
}

static void fixture_init(fixture *f)
{
    *f = (fixture){.now_ns = T0_NS};
    tmpdir_init(&f->dir, "read");
    reopen(f);
}

static void fixture_done(fixture *f)
{
    f->e = engine_close(f->e);
    tmpdir_done(&f->dir);
}

/* Rows number [first, first + n): a second apart, the number in message and field `n`. */
static void append(fixture *f, uint32_t first, uint32_t n)
{
    rec_batch *b = rec_batch_new(f->now_ns);
    assert_non_null(b);
    for (uint32_t i = first; i < first + n; i++) {
        char text[64];
        record *r = rec_batch_add(b);
        field *fields = al_arena_alloc(b->arena, 1, sizeof *fields);
        assert_non_null(r);
        assert_non_null(fields);
        (void)snprintf(text, sizeof text, "%u", i);
        fields[0] = (field){AL_LIT("n"), {VAL_NUMBER, al_arena_copy(b->arena, al_cstr(text))}};
        (void)snprintf(text, sizeof text, "row number %u", i);
        r->time_ns = T0_NS + i * AL_NS_PER_S;
        r->message = al_arena_copy(b->arena, al_cstr(text));
        r->fields = fields;
        r->n_fields = 1;
    }
    assert_int_equal(engine_append_wait(f->e, "logs", b, (al_slice){0}, NULL, NULL), AL_OK);
}

static bool any_name(void *ctx, al_slice name)
{
    (void)ctx;
    (void)name;
    return true;
}

static query *parse(const char *text)
{
    const query_env env = {.is_field = any_name};
    query *q = NULL;
    assert_int_equal(query_parse(al_cstr(text), &env, &q, NULL), AL_OK);
    return q;
}

static const char *const logs = "logs";

static eng_scope scope_of(query *q)
{
    return (eng_scope){.indexes = &logs, .n_indexes = 1, .to_ns = INT64_MAX, .q = q};
}

static eng_flow rows_count(void *ctx, const eng_row *row)
{
    (void)row;
    ++*(uint64_t *)ctx;
    return ENG_MORE;
}

static eng_flow rows_count_arrived(void *ctx, const eng_row *row, eng_arrival at)
{
    (void)at;
    return rows_count(ctx, row);
}

/* ---- Looking at little */

static void a_page_of_the_newest_looks_at_the_end_only(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    for (uint32_t i = 0; i < 40; i++)
        append(&f, i * 1000, 1000);
    AL_CLEANUP(query_unrefp) query *q = query_all();
    for (int is_merged = 0; is_merged < 2; is_merged++) {
        for (int is_descending = 0; is_descending < 2; is_descending++) {
            const eng_search s = {
                .scope = scope_of(q), .is_descending = is_descending, .limit = 100};
            rows_seen rows = {0};
            eng_answer answer;
            assert_int_equal(engine_search(f.e, &s, NULL, rows_take, &rows, &answer, NULL), AL_OK);
            assert_int_equal(rows.n, 100);
            assert_false(answer.is_at_end);
            assert_true(answer.rows_looked_at <= 512);
            rows_done(&rows);
        }
        assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    }
    uint64_t n = 0;
    eng_answer answer;
    const eng_scope everything = scope_of(q);
    assert_int_equal(engine_count(f.e, &everything, NULL, &n, &answer, NULL), AL_OK);
    assert_int_equal(n, 40000);
    assert_int_equal(answer.rows_looked_at, 0); /* the directories know */

    AL_CLEANUP(query_unrefp) query *absent = parse("@absent=1");
    const eng_scope nothing = scope_of(absent);
    assert_int_equal(engine_count(f.e, &nothing, NULL, &n, &answer, NULL), AL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(answer.rows_looked_at, 0); /* no segment has such a field */
    fixture_done(&f);
}

/* ---- Budgets */

static void a_budget_of_rows_ends_an_answer_that_can_be_gone_on_with(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, 3000);
    append(&f, 3000, 3000);
    assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    append(&f, 6000, 10);
    AL_CLEANUP(query_unrefp) query *q = parse("@n=5");
    eng_search s = {.scope = scope_of(q), .is_descending = true};
    const eng_budget b = {.rows_max = 500};
    rows_seen rows = {0};
    eng_answer answer = {0};
    eng_pos after = {0};
    unsigned n_asked = 0;
    for (; !answer.is_at_end; n_asked++) {
        assert_int_equal(engine_search(f.e, &s, &b, rows_take, &rows, &answer, NULL), AL_OK);
        assert_true(answer.is_at_end || answer.partial.n == 1);
        if (!answer.is_at_end)
            assert_string_equal(answer.partial.reasons[0].part, "rows");
        after = answer.reached;
        s.after = &after;
    }
    assert_int_equal(rows.n, 1);
    assert_true(n_asked > 4);
    rows_done(&rows);

    uint64_t n = 1;
    assert_int_equal(engine_count(f.e, &s.scope, &b, &n, &answer, NULL), AL_OK);
    assert_int_equal(answer.partial.n, 1);
    assert_false(answer.is_at_end);
    fixture_done(&f);
}

static void a_deadline_and_a_client_that_left_end_the_work(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, 20000);
    AL_CLEANUP(query_unrefp) query *q = parse("number");
    const eng_search s = {.scope = scope_of(q)};
    const eng_budget late = {.deadline_ns = 1};
    rows_seen rows = {0};
    eng_answer answer;
    assert_int_equal(engine_search(f.e, &s, &late, rows_take, &rows, &answer, NULL), AL_OK);
    assert_false(answer.is_at_end);
    assert_int_equal(answer.partial.n, 1);
    assert_string_equal(answer.partial.reasons[0].part, "time");
    assert_true(rows.n > 0);
    assert_true(rows.n < 20000);

    atomic_bool left = true;
    const eng_budget gone = {.cancel = &left};
    uint64_t n = 0;
    eng_arrival place = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    eng_values v;
    eng_histogram h;
    assert_int_equal(engine_search(f.e, &s, &gone, rows_take, &rows, &answer, NULL), AL_CANCELLED);
    assert_int_equal(engine_count(f.e, &s.scope, &gone, &n, &answer, NULL), AL_CANCELLED);
    assert_int_equal(engine_values(f.e, &s.scope, AL_LIT("n"), 9, &gone, arena, &v, &answer, NULL),
                     AL_CANCELLED);
    assert_int_equal(engine_histogram(f.e, &s.scope, AL_NS_PER_S * 3600, AL_LIT("n"), &gone, arena,
                                      &h, &answer, NULL),
                     AL_CANCELLED);
    assert_int_equal(
        engine_tail(f.e, &s.scope, place, &gone, rows_take_arrived, &rows, &place, NULL, NULL),
        AL_CANCELLED);
    rows_done(&rows);
    fixture_done(&f);
}

/* ---- Records that take long. The clock is ours: each look at it is a millisecond, so the looks
 * that were taken are the time, and the work between two of them is bounded (test_query.c). */

enum { DEAR_ROWS = 40, DEAR_BYTES = 2000 };

static _Atomic int64_t clock_ms;
static int64_t cancel_at_ms;
static atomic_bool has_left;

static int64_t clock_look(void)
{
    int64_t now = atomic_fetch_add(&clock_ms, 1) + 1;
    if (now == cancel_at_ms)
        atomic_store(&has_left, true);
    return now * AL_NS_PER_MS;
}

/* Each message takes all steps that a regular expression may. */
static void append_dear(fixture *f)
{
    static uint8_t text[DEAR_BYTES];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    rec_batch *b = rec_batch_new(f->now_ns);
    assert_non_null(b);
    for (int i = 0; i < DEAR_ROWS; i++) {
        record *r = rec_batch_add(b);
        assert_non_null(r);
        r->time_ns = T0_NS + i * AL_NS_PER_S;
        r->message = al_arena_copy(b->arena, (al_slice){text, sizeof text});
    }
    assert_int_equal(engine_append_wait(f->e, "logs", b, (al_slice){0}, NULL, NULL), AL_OK);
}

typedef enum dear { DEAR_SEARCH, DEAR_COUNT, DEAR_VALUES, DEAR_HISTOGRAM, DEAR_TAIL, DEARS } dear;

static al_code ask_dear(fixture *f, dear what, query *q, const eng_budget *b, eng_answer *ret)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const eng_search s = {.scope = scope_of(q), .is_descending = true};
    eng_arrival place = {0};
    eng_histogram h;
    eng_values v;
    uint64_t n = 0;
    *ret = (eng_answer){0};
    switch (what) {
    case DEAR_SEARCH:
        return engine_search(f->e, &s, b, rows_count, &n, ret, NULL);
    case DEAR_COUNT:
        return engine_count(f->e, &s.scope, b, &n, ret, NULL);
    case DEAR_VALUES:
        return engine_values(f->e, &s.scope, AL_LIT("message"), 9, b, arena, &v, ret, NULL);
    case DEAR_HISTOGRAM:
        return engine_histogram(f->e, &s.scope, AL_NS_PER_S, AL_LIT("message"), b, arena, &h, ret,
                                NULL);
    case DEAR_TAIL:
        return engine_tail(f->e, &s.scope, place, b, rows_count_arrived, &n, &place, &ret->partial,
                           NULL);
    case DEARS:
        break;
    }
    return AL_INVALID;
}

static bool has_reason(const eng_answer *a, const char *part)
{
    for (size_t i = 0; i < a->partial.n; i++)
        if (strcmp(a->partial.reasons[i].part, part) == 0)
            return true;
    return false;
}

static void dear_rows_end_at_the_deadline(void **state)
{
    (void)state;
    enum { AFTER_MS = 300, LATE_MS = 4 };
    fixture f;
    fixture_init(&f);
    append_dear(&f);
    AL_CLEANUP(query_unrefp) query *q = parse("/(a|aa)+$/");
    for (int is_merged = 0; is_merged < 2; is_merged++) {
        for (dear what = 0; what < DEARS; what++) {
            eng_answer answer;
            atomic_store(&clock_ms, 0);
            cancel_at_ms = 0;
            const eng_budget b = {.deadline_ns = AFTER_MS * AL_NS_PER_MS, .now_ns = clock_look};
            assert_int_equal(ask_dear(&f, what, q, &b, &answer), AL_OK);
            assert_in_range(atomic_load(&clock_ms), AFTER_MS, AFTER_MS + LATE_MS);
            assert_true(has_reason(&answer, "regular expression"));
            if (what == DEAR_TAIL)
                continue;
            assert_true(has_reason(&answer, "time"));
            assert_false(answer.is_at_end);
            assert_in_range(answer.rows_looked_at, 1, DEAR_ROWS - 1);
        }
        assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    }
    fixture_done(&f);
}

static void dear_rows_end_when_the_client_leaves(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append_dear(&f);
    AL_CLEANUP(query_unrefp) query *q = parse("/(a|aa)+$/");
    for (dear what = 0; what < DEARS; what++) {
        for (cancel_at_ms = 1; cancel_at_ms < 300; cancel_at_ms += 37) {
            eng_answer answer;
            atomic_store(&clock_ms, 0);
            atomic_store(&has_left, false);
            const eng_budget b = {
                .deadline_ns = INT64_MAX, .cancel = &has_left, .now_ns = clock_look};
            assert_int_equal(ask_dear(&f, what, q, &b, &answer), AL_CANCELLED);
            assert_in_range(atomic_load(&clock_ms), cancel_at_ms, cancel_at_ms + 2);
        }
    }
    fixture_done(&f);
}

/* However little time each call has, whoever goes on from where it ended comes to an end, and no
 * row is missing without a word. */
static void dear_rows_are_gone_on_with(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, 300);
    append_dear(&f);
    AL_CLEANUP(query_unrefp) query *q = parse("/(a|aa)+$|row number/");
    static const int64_t lasts_ms[] = {1, 5, 100};
    for (size_t i = 0; i < 2 * sizeof lasts_ms / sizeof lasts_ms[0]; i++) {
        eng_search s = {.scope = scope_of(q), .is_descending = i % 2};
        eng_answer answer = {0};
        eng_pos after = {0};
        uint64_t n = 0;
        bool gave_up = false;
        cancel_at_ms = 0;
        for (unsigned n_asked = 0; !answer.is_at_end; n_asked++) {
            assert_true(n_asked < 1000);
            const eng_budget b = {.deadline_ns = clock_look() + lasts_ms[i / 2] * AL_NS_PER_MS,
                                  .now_ns = clock_look};
            assert_int_equal(engine_search(f.e, &s, &b, rows_count, &n, &answer, NULL), AL_OK);
            gave_up = gave_up || has_reason(&answer, "regular expression");
            after = answer.reached;
            s.after = &after;
        }
        assert_int_equal(n, 300);
        assert_true(gave_up);
    }
    fixture_done(&f);
}

/* ---- Limits and wrong names */

static void too_many_buckets_and_unknown_indexes_are_refused(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, ENG_HISTOGRAM_BUCKETS_MAX + 1);
    AL_CLEANUP(query_unrefp) query *q = query_all();
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    eng_scope s = scope_of(q);
    eng_histogram h;
    eng_answer answer;
    al_err err = {0};
    assert_int_equal(
        engine_histogram(f.e, &s, AL_NS_PER_S, (al_slice){0}, NULL, arena, &h, &answer, &err),
        AL_LIMIT);
    assert_non_null(strstr(err.msg, "10000"));
    s.from_ns = T0_NS + AL_NS_PER_S;
    assert_int_equal(
        engine_histogram(f.e, &s, AL_NS_PER_S, (al_slice){0}, NULL, arena, &h, &answer, &err),
        AL_OK);
    assert_int_equal(h.n_buckets, ENG_HISTOGRAM_BUCKETS_MAX);

    static const char *const both[] = {"logs", "nowhere"};
    s.indexes = both;
    s.n_indexes = 2;
    uint64_t n = 0;
    assert_int_equal(engine_count(f.e, &s, NULL, &n, &answer, &err), AL_NOT_FOUND);
    assert_non_null(strstr(err.msg, "nowhere"));
    fixture_done(&f);
}

static void a_table_of_values_stays_bounded(void **state)
{
    (void)state;
    enum { EXTRA = 1000 };
    AL_CLEANUP(value_table_freep) value_table *t = value_table_new();
    assert_non_null(t);
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < VALUES_DISTINCT_MAX + EXTRA; i++) {
            char text[32];
            (void)snprintf(text, sizeof text, "value %u", i);
            const value v = {VAL_STRING, al_cstr(text)};
            value_table_next(t);
            assert_int_equal(value_table_add(t, &v, 1), AL_OK);
            assert_int_equal(value_table_add(t, &v, 1), AL_OK); /* the same record: not twice */
        }
    size_t n = 0;
    const eng_value_count *all = value_table_sorted(t, &n);
    assert_int_equal(n, VALUES_DISTINCT_MAX);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(all[i].count, 2);
    for (size_t i = 1; i < n; i++)
        assert_true(al_slice_cmp(all[i - 1].val.text, all[i].val.text) < 0);
    assert_true(value_table_uncounted(t) >= EXTRA + EXTRA);
}

/* ---- Several threads for one question */

typedef struct answers {
    uint64_t n;
    eng_answer count_answer;
    eng_histogram h;
    eng_values v;
    al_arena *arena;
} answers;

static void ask_three(const fixture *f, const eng_scope *s, const eng_budget *b, answers *ret)
{
    eng_answer answer;
    al_err err = {0};
    ret->arena = al_arena_new(4096);
    assert_non_null(ret->arena);
    assert_int_equal(engine_count(f->e, s, b, &ret->n, &ret->count_answer, &err), AL_OK);
    assert_int_equal(engine_histogram(f->e, s, 60 * AL_NS_PER_S, AL_LIT("n"), b, ret->arena,
                                      &ret->h, &answer, &err),
                     AL_OK);
    assert_true(answer.is_at_end);
    assert_int_equal(
        engine_values(f->e, s, AL_LIT("n"), 20000, b, ret->arena, &ret->v, &answer, &err), AL_OK);
    assert_true(answer.is_at_end);
}

static void assert_same_answers(const answers *a, const answers *b)
{
    assert_int_equal(a->n, b->n);
    assert_true(a->count_answer.is_at_end);
    assert_int_equal(a->count_answer.rows_looked_at, b->count_answer.rows_looked_at);
    assert_int_equal(a->h.n_buckets, b->h.n_buckets);
    assert_int_equal(a->h.n_values, b->h.n_values);
    for (size_t i = 0; i < a->h.n_buckets; i++)
        assert_memory_equal(&a->h.buckets[i], &b->h.buckets[i], sizeof a->h.buckets[0]);
    assert_int_equal(a->v.n, b->v.n);
    assert_int_equal(a->v.other, b->v.other);
    for (size_t i = 0; i < a->v.n; i++) {
        assert_true(al_slice_eq(a->v.items[i].val.text, b->v.items[i].val.text));
        assert_int_equal(a->v.items[i].count, b->v.items[i].count);
    }
}

typedef struct asker {
    const fixture *f;
    const eng_scope *s;
    const answers *want;
} asker;

static void *ask_again(void *arg)
{
    const asker *a = arg;
    for (unsigned i = 0; i < 8; i++) {
        answers got;
        ask_three(a->f, a->s, NULL, &got);
        assert_same_answers(&got, a->want);
        (void)al_arena_free(got.arena);
    }
    return NULL;
}

/* A budget of rows is kept by one thread; without one the pool's help, and four at once want it. */
static void helpers_change_no_answer(void **state)
{
    (void)state;
    enum { FRAMES = 60, ROWS = 200, ASKERS = 4 };
    fixture f;
    fixture_init(&f);
    for (uint32_t i = 0; i < FRAMES; i++) {
        append(&f, i * ROWS, ROWS);
        if (i % 20 == 9)
            assert_int_equal(engine_compact(f.e, "logs", NULL, NULL), AL_OK);
    }
    AL_CLEANUP(query_unrefp) query *q = parse("number AND (1 OR 22) AND NOT @n=17");
    const eng_scope s = scope_of(q);
    const eng_budget alone = {.rows_max = UINT64_MAX};
    answers want;
    ask_three(&f, &s, &alone, &want);
    assert_int_equal(want.count_answer.rows_looked_at, FRAMES * ROWS);
    assert_true(want.n > 100);
    pthread_t threads[ASKERS];
    asker a = {.f = &f, .s = &s, .want = &want};
    for (unsigned i = 0; i < ASKERS; i++)
        assert_int_equal(al_thread_start(&threads[i], "ask", ask_again, &a, NULL), AL_OK);
    for (unsigned i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)al_arena_free(want.arena);
    fixture_done(&f);
}

enum { LONG_BYTES = 100000, LONG_ROWS = 600 }; /* about 40 rows a block */

/* Long rows; every 16th speaks of a duck, number 77 and 500 of an owl. */
static void append_long(fixture *f, uint32_t first, uint32_t n)
{
    static char text[LONG_BYTES];
    rec_batch *b = rec_batch_new(f->now_ns);
    assert_non_null(b);
    for (uint32_t i = first; i < first + n; i++) {
        const char *word = i == 77 || i == 500 ? "OWL" : i % 16 == 0 ? "Duck" : "nothing";
        record *r = rec_batch_add(b);
        assert_non_null(r);
        memset(text, '.', sizeof text);
        memcpy(text + i * 100, word, strlen(word));
        r->time_ns = T0_NS + i * AL_NS_PER_S;
        r->message = al_arena_copy(b->arena, (al_slice){(const uint8_t *)text, sizeof text});
    }
    assert_int_equal(engine_append_wait(f->e, "logs", b, (al_slice){0}, NULL, NULL), AL_OK);
}

typedef struct ids {
    uint64_t at[LONG_ROWS];
    size_t n;
} ids;

static eng_flow rows_keep(void *ctx, const eng_row *row)
{
    ids *i = ctx;
    i->at[i->n++] = row->rec->id;
    return ENG_MORE;
}

static void search_long(const fixture *f, const char *text, bool is_descending, uint64_t rows_max,
                        ids *ret, uint64_t *ret_looked_at)
{
    AL_CLEANUP(query_unrefp) query *q = parse(text);
    const eng_search s = {.scope = scope_of(q), .is_descending = is_descending};
    const eng_budget b = {.rows_max = rows_max};
    eng_answer answer;
    ret->n = 0;
    assert_int_equal(engine_search(f->e, &s, &b, rows_keep, ret, &answer, NULL), AL_OK);
    assert_true(answer.is_at_end);
    assert_int_equal(answer.partial.n, 0);
    *ret_looked_at = answer.rows_looked_at;
}

/* Far back helpers look through blocks: the same rows in the same order as without them. */
static void looking_ahead_changes_no_answer(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {{"owl", 2}, {"duck", 38}, {"owl OR duck", 40}, {"kite", 0}, {"-kite", LONG_ROWS}};
    fixture f;
    fixture_init(&f);
    for (uint32_t i = 0; i < LONG_ROWS; i += 100)
        append_long(&f, i, 100);
    assert_int_equal(engine_compact(f.e, "logs", NULL, NULL), AL_OK);
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
        static ids want;
        static ids got;
        uint64_t alone = 0;
        uint64_t helped = 0;
        search_long(&f, cases[i / 2].text, i % 2, UINT64_MAX, &want, &alone);
        search_long(&f, cases[i / 2].text, i % 2, 0, &got, &helped);
        assert_int_equal(want.n, cases[i / 2].n);
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.at, want.at, want.n * sizeof want.at[0]);
        assert_int_equal(alone, LONG_ROWS);
        assert_true(helped >= alone && helped <= 2 * alone); /* few are looked at twice */
        if (cases[i / 2].n == 2)
            assert_true(helped > alone); /* the block of an owl: it was looked ahead */
    }
    fixture_done(&f);
}

typedef struct turns {
    atomic_uint steps[2];
    atomic_bool may_end;
} turns;
typedef struct turn {
    turns *all;
    unsigned which;
} turn;

static bool take_turn(void *ctx, unsigned helper)
{
    const turn *t = ctx;
    assert_int_equal(helper, 0);
    (void)atomic_fetch_add(&t->all->steps[t->which], 1);
    return !atomic_load(&t->all->may_end);
}

/* One helper, two jobs without an end: each gets on, and each can be left. */
static void a_pool_takes_turns(void **state)
{
    (void)state;
    pool *p = NULL;
    turns all = {.may_end = false};
    turn t[2] = {{&all, 0}, {&all, 1}};
    pool_job jobs[2] = {{.step = take_turn, .ctx = &t[0]}, {.step = take_turn, .ctx = &t[1]}};
    assert_int_equal(pool_new(1, &p, NULL), AL_OK);
    pool_leave(p, &jobs[0]); /* never joined */
    pool_join(p, &jobs[0]);
    pool_join(p, &jobs[1]);
    while (atomic_load(&all.steps[0]) < 100 || atomic_load(&all.steps[1]) < 100)
        (void)sched_yield();
    pool_leave(p, &jobs[0]);
    unsigned at_end = atomic_load(&all.steps[0]);
    unsigned other = atomic_load(&all.steps[1]);
    while (atomic_load(&all.steps[1]) < other + 100)
        (void)sched_yield();
    assert_int_equal(atomic_load(&all.steps[0]), at_end);
    atomic_store(&all.may_end, true);
    pool_leave(p, &jobs[1]);
    assert_null(pool_free(p));
}

/* ---- Damage */

/* Ruins the first block of the first segment found. */
static void damage_a_segment(const fixture *f)
{
    char command[600];
    char path[400] = {0};
    (void)snprintf(command, sizeof command, "find %s -name '*.seg' | sort | head -1", f->dir.path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_non_null(fgets(path, sizeof path, p));
    (void)pclose(p);
    path[strcspn(path, "\n")] = '\0';
    AL_CLEANUP(al_closep) int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t end = lseek(fd, 0, SEEK_END) / 4;
    for (off_t at = 100; at < end; at += 50) {
        uint8_t byte = 0;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x55;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
}

static void a_damaged_block_is_named_and_the_rest_is_answered(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, 20000); /* two blocks */
    assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    append(&f, 20000, 50); /* and some that are not in the segment */
    f.e = engine_close(f.e);
    damage_a_segment(&f);
    reopen(&f);

    AL_CLEANUP(query_unrefp) query *q = parse("/number/"); /* no answer without its messages */
    const eng_search s = {.scope = scope_of(q)};
    rows_seen rows = {0};
    eng_answer answer;
    assert_int_equal(engine_search(f.e, &s, NULL, rows_take, &rows, &answer, NULL), AL_OK);
    assert_true(rows.n >= 50);
    assert_true(rows.n < 20050);
    assert_int_equal(answer.partial.n, 1);
    assert_non_null(strstr(answer.partial.reasons[0].part, ".seg"));
    uint64_t n = 0;
    assert_int_equal(engine_count(f.e, &s.scope, NULL, &n, &answer, NULL), AL_OK);
    assert_true(n >= 50);
    assert_true(n < 20050);
    assert_true(answer.partial.n >= 1);

    /* Reported, the store sets it aside: then all of it is missing, and answers still say so. */
    eng_stats stats = {0};
    while (stats.quarantined == 0) {
        (void)sched_yield();
        engine_stats(f.e, &stats);
    }
    reopen(&f);
    assert_int_equal(engine_count(f.e, &s.scope, NULL, &n, &answer, NULL), AL_OK);
    assert_true(answer.partial.n >= 1);
    rows_clear(&rows);
    assert_int_equal(engine_search(f.e, &s, NULL, rows_take, &rows, &answer, NULL), AL_OK);
    assert_int_equal(rows.n, 50);
    assert_int_equal(answer.partial.n, 1);
    rows_done(&rows);
    fixture_done(&f);
}

/* Damaged rows are passed, and named, whether the tail meets them or they were set aside before. */
static void a_tail_names_what_it_cannot_read(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, 20000); /* two blocks */
    eng_arrival middle = {0};
    eng_arrival end = {0};
    assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    assert_int_equal(engine_tail_end(f.e, &middle, NULL), AL_OK);
    append(&f, 20000, 50); /* and some that are not in the segment */
    assert_int_equal(engine_tail_end(f.e, &end, NULL), AL_OK);
    f.e = engine_close(f.e);
    damage_a_segment(&f);
    reopen(&f);
    AL_CLEANUP(query_unrefp) query *q = parse("number");
    const eng_scope s = scope_of(q);
    eng_stats stats = {0};
    for (int is_aside = 0; is_aside < 2; is_aside++) {
        const eng_arrival begin = {0};
        eng_arrival reached = {0};
        rows_seen rows = {0};
        eng_partial partial = {0};
        assert_int_equal(
            engine_tail(f.e, &s, begin, NULL, rows_take_arrived, &rows, &reached, &partial, NULL),
            AL_OK);
        assert_true(rows.n >= 50 && rows.n < 20050);
        assert_true(reached.frame == end.frame);
        assert_int_equal(partial.n, 1);
        assert_non_null(strstr(partial.reasons[0].part, ".seg"));
        rows_clear(&rows);
        /* Behind it nothing is missing. */
        assert_int_equal(
            engine_tail(f.e, &s, middle, NULL, rows_take_arrived, &rows, &reached, &partial, NULL),
            AL_OK);
        assert_int_equal(rows.n, 50);
        assert_int_equal(partial.n, 0);
        /* A budget that runs out is no gap. */
        const eng_budget few = {.rows_max = 10};
        assert_int_equal(
            engine_tail(f.e, &s, middle, &few, rows_take_arrived, &rows, &reached, &partial, NULL),
            AL_OK);
        assert_int_equal(partial.n, 0);
        rows_done(&rows);
        while (stats.quarantined == 0) {
            (void)sched_yield();
            engine_stats(f.e, &stats);
        }
    }
    fixture_done(&f);
}

/* ---- No memory */

typedef enum question { SEARCH, COUNT, VALUES, HISTOGRAM, TAIL, QUESTIONS } question;

/* A row whose field `deep.a` has long texts with escapes: more than fits the memory at hand. */
static void append_nested(fixture *f)
{
    enum { TEXT = 9000 };
    al_buf json;
    rec_batch *b = rec_batch_new(f->now_ns);
    assert_non_null(b);
    record *r = rec_batch_add(b);
    field *fields = al_arena_alloc(b->arena, 2, sizeof *fields);
    assert_non_null(r);
    assert_non_null(fields);
    r->time_ns = T0_NS;
    r->message = AL_LIT("number of a nested row");
    al_buf_init(&json, SIZE_MAX);
    al_buf_str(&json, "{\"a\":[");
    for (int i = 0; i < 3; i++) {
        al_buf_printf(&json, "%s\"\\n%d", i ? "," : "", i);
        for (int k = 0; k < TEXT * (i + 1); k++)
            al_buf_u8(&json, 'x');
        al_buf_u8(&json, '"');
    }
    al_buf_str(&json, "]}");
    fields[0] = (field){AL_LIT("n"), {VAL_NUMBER, AL_LIT("1")}};
    fields[1] = (field){AL_LIT("deep"), {VAL_OBJECT, al_arena_copy(b->arena, al_buf_slice(&json))}};
    al_buf_done(&json);
    r->fields = fields;
    r->n_fields = 2;
    assert_int_equal(engine_append_wait(f->e, "logs", b, (al_slice){0}, NULL, NULL), AL_OK);
}

/* The answer as one number; *ret_code what the engine said. */
static uint64_t ask(engine *e, question what, query *q, al_slice by, al_code *ret_code)
{
    const eng_search s = {.scope = scope_of(q), .is_descending = true};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1 << 20);
    eng_answer answer;
    eng_values v = {0};
    eng_histogram h = {0};
    eng_arrival place = {0};
    uint64_t n = 0;
    if (!arena) { /* not the engine's: as if it had said so */
        *ret_code = AL_NOMEM;
        return 0;
    }
    switch (what) {
    case SEARCH:
        *ret_code = engine_search(e, &s, NULL, rows_count, &n, &answer, NULL);
        break;
    case COUNT:
        *ret_code = engine_count(e, &s.scope, NULL, &n, &answer, NULL);
        break;
    case VALUES:
        *ret_code = engine_values(e, &s.scope, by, 5, NULL, arena, &v, &answer, NULL);
        n = v.n + v.other;
        break;
    case HISTOGRAM:
        *ret_code =
            engine_histogram(e, &s.scope, 3600 * AL_NS_PER_S, by, NULL, arena, &h, &answer, NULL);
        for (size_t i = 0; i < h.n_buckets; i++)
            n += h.buckets[i].count + h.buckets[i].by[0] + 1000 * h.buckets[i].other;
        break;
    case TAIL:
        *ret_code =
            engine_tail(e, &s.scope, place, NULL, rows_count_arrived, &n, &place, NULL, NULL);
        break;
    case QUESTIONS:
        break;
    }
    return n;
}

static void a_question_without_memory_says_so(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    append(&f, 0, 700);
    append_nested(&f);
    assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    append(&f, 700, 300);
    AL_CLEANUP(query_unrefp) query *q = parse("number @n<900 -\"number 77\"");
    static const al_slice by[] = {{(const uint8_t *)"n", 1}, {(const uint8_t *)"deep.a", 6}};
    for (unsigned i = 0; i < 2 * QUESTIONS; i++) {
        question what = (question)(i / 2);
        al_code c = AL_OK;
        uint64_t right = ask(f.e, what, q, by[i % 2], &c);
        assert_int_equal(c, AL_OK);
        assert_true(right > 0);
        unsigned long n_failed = 0;
        for (unsigned long n = 1;; n++) {
            al_mem_fail_at(n);
            uint64_t got = ask(f.e, what, q, by[i % 2], &c);
            bool is_through = al_mem_calls() < n;
            al_mem_fail_at(0);
            assert_true(c == AL_OK || c == AL_NOMEM);
            if (c == AL_OK) /* what it could do without, a cache */
                assert_int_equal(got, right);
            n_failed += c == AL_NOMEM;
            if (is_through)
                break;
        }
        assert_true(n_failed > 10);
    }
    fixture_done(&f);
}

/* ---- Tail */

static void a_tail_refuses_places_it_cannot_go_on_from(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f);
    AL_CLEANUP(query_unrefp) query *q = query_all();
    const eng_scope s = scope_of(q);
    rows_seen rows = {0};
    eng_arrival place = {0};
    eng_arrival start = {0};
    append(&f, 0, 10);
    assert_int_equal(
        engine_tail(f.e, &s, start, NULL, rows_take_arrived, &rows, &start, NULL, NULL), AL_OK);
    assert_int_equal(rows.n, 10);
    const eng_arrival fifth = rows.rows[4].at;
    append(&f, 10, 10);
    assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    f.now_ns += INT64_C(3540) * AL_NS_PER_S; /* within the hour, over a restart and a merge */
    reopen(&f);
    rows_clear(&rows);
    assert_int_equal(
        engine_tail(f.e, &s, fifth, NULL, rows_take_arrived, &rows, &place, NULL, NULL), AL_OK);
    assert_int_equal(rows.n, 15);

    const eng_arrival later = {.frame = place.frame + 100};
    assert_int_equal(
        engine_tail(f.e, &s, later, NULL, rows_take_arrived, &rows, &place, NULL, NULL),
        AL_NOT_FOUND);

    f.now_ns += AL_NS_PER_DAY;
    reopen(&f); /* forgets positions */
    append(&f, 20, 1);
    assert_int_equal(
        engine_tail(f.e, &s, fifth, NULL, rows_take_arrived, &rows, &place, NULL, NULL),
        AL_NOT_FOUND);
    rows_clear(&rows); /* who had seen everything by then has lost nothing, however long ago */
    assert_int_equal(
        engine_tail(f.e, &s, place, NULL, rows_take_arrived, &rows, &place, NULL, NULL), AL_OK);
    assert_int_equal(rows.n, 1);
    rows_done(&rows);
    fixture_done(&f);
}

/* Two frames whose rows alternate in time: after the merge each row is a run of its own. */
static void a_tail_takes_more_runs_than_it_holds_at_once(void **state)
{
    (void)state;
    enum { EACH = 20000 };
    fixture f;
    fixture_init(&f);
    for (unsigned frame = 0; frame < 2; frame++) {
        rec_batch *b = rec_batch_new(f.now_ns);
        assert_non_null(b);
        for (uint32_t i = 0; i < EACH; i++) {
            record *r = rec_batch_add(b);
            assert_non_null(r);
            r->time_ns = T0_NS + INT64_C(2) * i + frame;
            r->message = AL_LIT("alternating");
        }
        assert_int_equal(engine_append_wait(f.e, "logs", b, (al_slice){0}, NULL, NULL), AL_OK);
    }
    assert_int_equal(engine_compact(f.e, NULL, NULL, NULL), AL_OK);
    AL_CLEANUP(query_unrefp) query *q = query_all();
    const eng_scope s = scope_of(q);
    rows_seen rows = {0};
    eng_arrival place = {0};
    assert_int_equal(
        engine_tail(f.e, &s, place, NULL, rows_take_arrived, &rows, &place, NULL, NULL), AL_OK);
    assert_int_equal(rows.n, 2 * EACH);
    for (size_t i = 0; i < rows.n; i++)
        assert_true(rows.rows[i].id == (uint64_t)T0_NS + 2 * (i % EACH) + i / EACH);
    rows_done(&rows);
    fixture_done(&f);
}

/* ---- Bits and plans */

static void bits_are_found_and_counted(void **state)
{
    (void)state;
    static row_bits bits;
    static bool is_set[BLOCK_ROWS_MAX];
    rng r = rng_of(3);
    for (unsigned round = 0; round < 200; round++) {
        uint32_t from = (uint32_t)rng_below(&r, 300);
        uint32_t to = from + (uint32_t)rng_below(&r, 300);
        memset(&bits, 0, sizeof bits);
        memset(is_set, 0, sizeof is_set);
        row_bits_fill(&bits, from, to);
        for (uint32_t i = from; i < to; i++) {
            is_set[i] = !rng_chance(&r, round % 100);
            if (!is_set[i])
                row_bits_unset(&bits, i);
        }
        uint32_t a = (uint32_t)rng_below(&r, 600);
        uint32_t b = a + (uint32_t)rng_below(&r, 600);
        uint32_t n = 0;
        uint32_t next = b;
        uint32_t last = UINT32_MAX;
        for (uint32_t i = a; i < b; i++) {
            n += is_set[i];
            next = is_set[i] && next == b ? i : next;
            last = is_set[i] ? i : last;
        }
        assert_int_equal(row_bits_count(&bits, a, b), n);
        assert_int_equal(row_bits_next(&bits, a, b), next);
        assert_int_equal(row_bits_last(&bits, a, b), last);
    }
}

static bool has_only_host(void *ctx, al_slice name)
{
    (void)ctx;
    return al_slice_eq(name, AL_LIT("host"));
}

static bool may_match(const char *text)
{
    AL_CLEANUP(query_unrefp) query *q = parse(text);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    plan p;
    assert_int_equal(plan_new(query_root(q), NULL, 0, arena, &p), AL_OK);
    return plan_may_match(&p, has_only_host, NULL);
}

static void a_plan_knows_what_cannot_match_and_asks_the_cheap_first(void **state)
{
    (void)state;
    assert_true(may_match("@host=a"));
    assert_true(may_match("@host.name=a")); /* inside objects of `host` */
    assert_false(may_match("@hos=a"));
    assert_false(may_match("@host=a @level=b"));
    assert_true(may_match("@host=a OR @level=b"));
    assert_false(may_match("@level=a OR @level=b"));
    assert_true(may_match("@level!=a"));
    assert_true(may_match("text"));
    assert_true(may_match("@message:text"));

    AL_CLEANUP(query_unrefp) query *q = parse("/slow.*regex/ AND text AND @host=a");
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    plan p;
    assert_int_equal(plan_new(query_root(q), NULL, 0, arena, &p), AL_OK);
    assert_int_equal(p.root->n_kids, 3);
    assert_int_equal(p.root->kids[0]->ast->kind, AST_EQUALS);
    assert_int_equal(p.root->kids[1]->ast->kind, AST_TEXT);
    assert_int_equal(p.root->kids[2]->ast->kind, AST_REGEX);

    const plan_head *heads = NULL;
    uint32_t n = 0;
    assert_int_equal(plan_heads(AL_LIT("a.b.c"), arena, &heads, &n), AL_OK);
    assert_int_equal(n, 3);
    assert_true(al_slice_eq(heads[0].name, AL_LIT("a")));
    assert_true(al_slice_eq(heads[1].name, AL_LIT("a.b")));
    assert_true(al_slice_eq(heads[2].name, AL_LIT("a.b.c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_of_the_newest_looks_at_the_end_only),
        cmocka_unit_test(a_budget_of_rows_ends_an_answer_that_can_be_gone_on_with),
        cmocka_unit_test(a_deadline_and_a_client_that_left_end_the_work),
        cmocka_unit_test(dear_rows_end_at_the_deadline),
        cmocka_unit_test(dear_rows_end_when_the_client_leaves),
        cmocka_unit_test(dear_rows_are_gone_on_with),
        cmocka_unit_test(too_many_buckets_and_unknown_indexes_are_refused),
        cmocka_unit_test(a_table_of_values_stays_bounded),
        cmocka_unit_test(helpers_change_no_answer),
        cmocka_unit_test(looking_ahead_changes_no_answer),
        cmocka_unit_test(a_pool_takes_turns),
        cmocka_unit_test(a_damaged_block_is_named_and_the_rest_is_answered),
        cmocka_unit_test(a_tail_names_what_it_cannot_read),
        cmocka_unit_test(a_question_without_memory_says_so),
        cmocka_unit_test(a_tail_refuses_places_it_cannot_go_on_from),
        cmocka_unit_test(a_tail_takes_more_runs_than_it_holds_at_once),
        cmocka_unit_test(bits_are_found_and_counted),
        cmocka_unit_test(a_plan_knows_what_cannot_match_and_asks_the_cheap_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
