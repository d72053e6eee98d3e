/* Goal: appends, questions, merges, retention and backups at the same time: nothing that was
 * acknowledged and is kept is missing, no copy is damaged. Most worth under the thread sanitizer.
 * Method: threads of each kind on one store, until the appends are done. */
#include "store_help.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/thread.h"
#include "store/backup.h"

enum { FEEDERS = 2, BATCHES = 60, ROWS = 60, COPIES_MAX = 40 };

static const int64_t T0 = INT64_C(1780000000) * 1000000000; /* in 2026 */
static const char *const indexes[] = {"kept", "short"};

typedef struct together {
    engine *e;
    tmpdir dir;
    tmpdir copies;
    atomic_ulong n_kept; /* acknowledged in "kept" */
    atomic_llong now;    /* of the store: days go by */
    atomic_uint n_feeding;
    unsigned n_copies;
} together;

static int64_t now_of(void *ctx)
{
    return atomic_load((atomic_llong *)ctx);
}

static rec_batch *rows(together *t, unsigned feeder, int batch)
{
    int64_t now = atomic_load(&t->now);
    rec_batch *b = rec_batch_new(now);
    for (int k = 0; k < ROWS; k++) {
        char text[128];
        record *r = rec_batch_add(b);
        field *fields = al_arena_alloc(b->arena, 1, sizeof *fields);
        r->time_ns = now + k * INT64_C(1000000);
        (void)snprintf(text, sizeof text, "feeder %u took %d ms for order %09d, id %08x", feeder, k,
                       batch * 1000003 + k, (unsigned)batch * 2654435761U + (unsigned)k);
        r->message = al_arena_copy(b->arena, al_cstr(text));
        (void)snprintf(text, sizeof text, "host-%d", k % 5);
        fields[0] = (field){AL_LIT("host"), {VAL_STRING, al_arena_copy(b->arena, al_cstr(text))}};
        r->fields = fields;
        r->n_fields = 1;
    }
    return b;
}

static void *feed(void *arg)
{
    together *t = arg;
    for (int i = 0; i < BATCHES; i++) {
        must_append(t->e, "kept", rows(t, 1, i));
        atomic_fetch_add(&t->n_kept, ROWS);
        must_append(t->e, "short", rows(t, 2, i));
        if (i % 10 == 9)
            atomic_fetch_add(&t->now, AL_NS_PER_DAY);
    }
    atomic_fetch_sub(&t->n_feeding, 1);
    return NULL;
}

static bool any_name(void *ctx, al_slice name)
{
    (void)ctx;
    (void)name;
    return true;
}

static eng_flow count_row(void *ctx, const eng_row *row)
{
    (void)row;
    ++*(unsigned long *)ctx;
    return ENG_MORE;
}

static void ask(together *t, const char *text, const char *index, uint64_t *ret_n)
{
    const query_env env = {.is_field = any_name};
    AL_CLEANUP(query_unrefp) query *q = NULL;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    assert_int_equal(query_parse(al_cstr(text), &env, &q, NULL), AL_OK);
    const eng_scope scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = q};
    const eng_search newest = {.scope = scope, .is_descending = true, .limit = 50};
    eng_answer answer;
    eng_histogram bars;
    eng_values values;
    unsigned long n_rows = 0;
    assert_int_equal(engine_count(t->e, &scope, NULL, ret_n, &answer, NULL), AL_OK);
    assert_int_equal(answer.partial.n, 0);
    assert_int_equal(engine_search(t->e, &newest, NULL, count_row, &n_rows, &answer, NULL), AL_OK);
    assert_int_equal(answer.partial.n, 0);
    assert_int_equal(engine_histogram(t->e, &scope, AL_NS_PER_S, (al_slice){0}, NULL, arena, &bars,
                                      &answer, NULL),
                     AL_OK);
    assert_int_equal(
        engine_values(t->e, &scope, AL_LIT("host"), 10, NULL, arena, &values, &answer, NULL),
        AL_OK);
}

static void *ask_always(void *arg)
{
    together *t = arg;
    static const char *const texts[] = {
        "", "order", "took", "\"for order\"", "000000042", "@host=host-3", "/order [0-9]*7/"};
    for (unsigned i = 0; atomic_load(&t->n_feeding); i++) {
        uint64_t before = atomic_load(&t->n_kept);
        uint64_t n = 0;
        ask(t, texts[i % AL_COUNT(texts)], indexes[i % 2], &n);
        ask(t, "took", "kept", &n);
        assert_true(n >= before); /* what was acknowledged is found */
    }
    return NULL;
}

/* Few bytes are kept: the segments of days before go while they are read. */
static void *tidy_always(void *arg)
{
    together *t = arg;
    for (unsigned i = 0; atomic_load(&t->n_feeding); i++) {
        eng_index_settings s = {.name = "short", .intervals = 300, .max_bytes = i % 2 ? 1 : 20000};
        al_err err;
        assert_int_equal(engine_index_open(t->e, &s, &err), AL_OK);
        (void)sched_yield();
    }
    return NULL;
}

static void *copy_always(void *arg)
{
    together *t = arg;
    while (atomic_load(&t->n_feeding) && t->n_copies < COPIES_MAX) {
        char to[512];
        int fd = -1;
        (void)snprintf(to, sizeof to, "%s/%u", t->copies.path, t->n_copies);
        assert_int_equal(al_dir_open(to, true, &fd, NULL), AL_OK);
        (void)close(fd);
        store_backup_options o = {.from = t->dir.path, .to = to};
        store_backup_sum sum;
        al_err err;
        al_code c = store_backup(&o, &sum, &err);
        assert_true(c == AL_OK || c == AL_AGAIN);
        assert_true(c || sum.n_damaged == 0);
        t->n_copies++;
    }
    return NULL;
}

static void nothing_gets_in_the_way_of_anything(void **state)
{
    (void)state;
    static together t;
    static void *(*const works[])(void *) = {feed,       feed,        ask_always,
                                             ask_always, tidy_always, copy_always};
    pthread_t threads[AL_COUNT(works)];
    tmpdir_init(&t.dir, "together");
    tmpdir_init(&t.copies, "together");
    atomic_store(&t.now, T0);
    store_options o = {.path = t.dir.path, .idle_ns = 1, .now_ns = now_of, .now_ctx = &t.now};
    t.e = must_open(&o, NULL);
    must_index(t.e, "kept");
    must_index(t.e, "short");
    atomic_store(&t.n_feeding, FEEDERS);
    for (size_t i = 0; i < AL_COUNT(works); i++)
        assert_int_equal(al_thread_start(&threads[i], "together", works[i], &t, NULL), AL_OK);
    for (size_t i = 0; i < AL_COUNT(works); i++)
        (void)pthread_join(threads[i], NULL);
    must_compact(t.e, NULL);
    assert_int_equal(stats_of(t.e, "kept").records, FEEDERS * BATCHES * ROWS);
    assert_true(stats_of(t.e, "short").records < FEEDERS * BATCHES * ROWS);
    assert_true(t.n_copies > 0);
    (void)engine_close(t.e);
    assert_int_equal(n_damaged_in(t.dir.path), 0);
    tmpdir_done(&t.dir);
    tmpdir_done(&t.copies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_gets_in_the_way_of_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
