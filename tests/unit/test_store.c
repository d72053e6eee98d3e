/* Goal: the life of records: appended, visible, durable, merged, dropped; ids unique and stable.
 * Method: a real store in a directory of its own; everything is read back and compared. */
#include "store_help.h"

#include "base/thread.h"

static const int64_t T0 = INT64_C(1780000000) * 1000000000; /* in 2026 */

static void what_is_appended_is_found_after_restart_and_merge(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    uint64_t seed = rng_env("ALCO_SEED", 1);
    gen_stream g = gen_stream_of(seed);
    g.late_percent = 20;
    g.odd_percent = 20;
    store_options o = {.path = dir.path, .idle_ns = -1};
    lines all;
    lines_init(&all);
    rng r = rng_of(seed);
    for (int life = 0; life < 4; life++) {
        engine *e = must_open(&o, NULL);
        must_index(e, "logs");
        assert_holds(e, "logs", &all);
        for (int i = 0; i < 30; i++) {
            rec_batch *b = gen_batch(&g, 1 + rng_below(&r, 200));
            lines_add_batch(&all, b);
            must_append(e, "logs", b);
            if (rng_chance(&r, 10))
                must_compact(e, "logs");
        }
        assert_holds(e, "logs", &all);
        assert_true(stats_of(e, "logs").records == all.n);
        if (life == 2) {
            must_compact(e, "logs");
            assert_holds(e, "logs", &all);
        }
        (void)engine_close(e);
    }
    lines_done(&all);
    tmpdir_done(&dir);
}

static void ids_are_unique_and_stay(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    store_options o = {.path = dir.path, .idle_ns = -1};
    rng r = rng_of(rng_env("ALCO_SEED", 7));
    lines before = {0};
    unsigned n = 0;
    for (int life = 0; life < 5; life++) {
        engine *e = must_open(&o, NULL);
        must_index(e, "logs");
        for (int i = 0; i < 40; i++) {
            rec_batch *b = rec_batch_new(T0);
            for (uint64_t k = 1 + rng_below(&r, 60); k > 0; k--) {
                char text[32];
                record *rec = rec_batch_add(b);
                /* few distinct times: runs of equal ones, late ones inside runs */
                rec->time_ns = T0 + (int64_t)rng_below(&r, 40) * 7;
                (void)snprintf(text, sizeof text, "m%u", n++);
                rec->message = al_arena_copy(b->arena, al_cstr(text));
            }
            must_append(e, "logs", b);
            if (rng_chance(&r, 10))
                must_compact(e, "logs");
        }
        lines now;
        read_all(e, "logs", &now, NULL); /* asserts that ids ascend strictly */
        assert_int_equal(now.n, n);
        qsort(now.at, now.n, sizeof *now.at, line_by_text);
        size_t k = 0;
        for (size_t i = 0; i < before.n; i++) {
            while (k < now.n && !al_slice_eq(now.at[k].text, before.at[i].text))
                k++;
            assert_true(k < now.n);
            assert_true(now.at[k].id == before.at[i].id);
        }
        lines_done(&before);
        before = now;
        (void)engine_close(e);
    }
    lines_done(&before);
    tmpdir_done(&dir);
}

static void an_id_is_the_time_or_just_above_it(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    store_options o = {.path = dir.path, .idle_ns = -1};
    engine *e = must_open(&o, NULL);
    must_index(e, "logs");
    for (int i = 0; i < 3; i++)
        must_append(e, "logs", batch_of(T0, "same"));
    must_append(e, "logs", batch_of(T0 + 1, "next"));
    must_compact(e, "logs");
    must_append(e, "logs", batch_of(T0, "late"));
    must_append(e, "logs", batch_of(T0 + 4, "taken"));
    must_append(e, "logs", batch_of(T0 - 1, "free"));
    lines l;
    read_all(e, "logs", &l, NULL);
    static const int64_t ids[] = {-1, 0, 1, 2, 3, 4, 5};
    assert_int_equal(l.n, 7);
    for (size_t i = 0; i < l.n; i++)
        assert_true(l.at[i].id == (uint64_t)(T0 + ids[i]));
    lines_done(&l);
    (void)engine_close(e);
    tmpdir_done(&dir);
}

static void seq_orders_equal_times(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    store_options o = {.path = dir.path};
    engine *e = must_open(&o, NULL);
    must_index(e, "logs");
    rec_batch *b = rec_batch_new(T0);
    static const char *const text[] = {"c", "a", "b"};
    static const int64_t seq[] = {3, 1, 2};
    for (int i = 0; i < 3; i++) {
        record *r = rec_batch_add(b);
        r->time_ns = T0;
        r->seq = seq[i];
        r->message = al_cstr(text[i]);
    }
    must_append(e, "logs", b);
    lines l;
    read_all(e, "logs", &l, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(l.at[i].text.ptr[l.at[i].text.len - 1], "abc"[i]);
    lines_done(&l);
    (void)engine_close(e);
    tmpdir_done(&dir);
}

static void assert_holds_only(engine *e, const char *index)
{
    const char **names = NULL;
    size_t n = 0;
    al_err err = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1024);
    assert_int_equal(engine_indexes(e, arena, &names, &n, &err), AL_OK);
    assert_int_equal(n, 1);
    assert_string_equal(names[0], index);
}

static void an_index_that_was_dropped_is_gone_for_good(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    store_options o = {.path = dir.path, .idle_ns = -1};
    lines kept;
    lines_init(&kept);
    engine *e = must_open(&o, NULL);
    must_index(e, "a");
    must_index(e, "b");
    must_append(e, "a", batch_of(T0, "gone"));
    must_compact(e, "a");
    must_append(e, "a", batch_of(T0, "gone too"));
    rec_batch *b = batch_of(T0, "stays");
    lines_add_batch(&kept, b);
    must_append(e, "b", b);
    al_err err;
    assert_int_equal(engine_index_drop(e, "a", &err), AL_OK);
    assert_int_equal(engine_index_drop(e, "a", &err), AL_NOT_FOUND);
    b = batch_of(T0, "to nobody");
    assert_int_equal(engine_append_wait(e, "a", b, (al_slice){0}, NULL, &err), AL_NOT_FOUND);
    (void)engine_close(e);
    e = must_open(&o, NULL);
    assert_holds_only(e, "b"); /* also before it is opened */
    must_index(e, "a");
    must_index(e, "b");
    lines none;
    lines_init(&none);
    assert_holds(e, "a", &none);
    assert_holds(e, "b", &kept);
    lines_done(&none);
    lines_done(&kept);
    (void)engine_close(e);
    tmpdir_done(&dir);
}

static void one_process_owns_a_directory(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    store_options o = {.path = dir.path};
    engine *e = must_open(&o, NULL);
    engine *second = NULL;
    al_err err;
    assert_int_equal(store_open(&o, NULL, &second, &err), AL_EXISTS);
    assert_non_null(strstr(err.msg, dir.path));
    (void)engine_close(e);
    e = must_open(&o, NULL);
    (void)engine_close(e);
    tmpdir_done(&dir);
}

/* ---- Many threads */

typedef struct feeder {
    engine *e;
    const char *index;
    unsigned number;
    uint64_t n_sent;
} feeder;

static void *feed(void *arg)
{
    feeder *f = arg;
    for (int i = 0; i < 60; i++) {
        rec_batch *b = rec_batch_new(T0);
        for (int k = 0; k < 50; k++) {
            char text[64];
            record *r = rec_batch_add(b);
            r->time_ns = T0 + i * 1000000;
            (void)snprintf(text, sizeof text, "thread %u message %d.%d", f->number, i, k);
            r->message = al_arena_copy(b->arena, al_cstr(text));
        }
        al_err err;
        assert_int_equal(engine_append_wait(f->e, f->index, b, (al_slice){0}, NULL, &err), AL_OK);
        f->n_sent += 50;
        lines l; /* what was acknowledged is found */
        read_all(f->e, f->index, &l, NULL);
        assert_true(l.n >= f->n_sent);
        lines_done(&l);
    }
    return NULL;
}

static void many_threads_append_read_and_merge(void **state)
{
    (void)state;
    tmpdir dir;
    tmpdir_init(&dir, "store");
    store_options o = {.path = dir.path, .idle_ns = 1};
    engine *e = must_open(&o, NULL);
    must_index(e, "a");
    must_index(e, "b");
    feeder f[4];
    pthread_t t[4];
    for (unsigned i = 0; i < 4; i++) {
        f[i] = (feeder){.e = e, .index = i % 2 ? "a" : "b", .number = i};
        assert_int_equal(al_thread_start(&t[i], "feeder", feed, &f[i], NULL), AL_OK);
    }
    for (unsigned i = 0; i < 4; i++)
        (void)pthread_join(t[i], NULL);
    must_compact(e, NULL);
    assert_true(stats_of(e, "a").records == 6000);
    assert_true(stats_of(e, "b").records == 6000);
    eng_stats s;
    engine_stats(e, &s);
    assert_true(s.merges > 0);
    (void)engine_close(e);
    tmpdir_done(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_is_found_after_restart_and_merge),
        cmocka_unit_test(ids_are_unique_and_stay),
        cmocka_unit_test(an_id_is_the_time_or_just_above_it),
        cmocka_unit_test(seq_orders_equal_times),
        cmocka_unit_test(an_index_that_was_dropped_is_gone_for_good),
        cmocka_unit_test(one_process_owns_a_directory),
        cmocka_unit_test(many_threads_append_read_and_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
