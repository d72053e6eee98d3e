/* Goal: whatever I/O call of the store fails, nothing that was acknowledged is lost or doubled,
 * nothing is invented, and the store opens again.
 *
 * Method: the run of load.c is repeated with its 1st, 2nd, 3rd … I/O call failing, once, for good,
 * or for lack of room, until one run gets through without a failure. After each run the directory
 * is opened with calls that work and checked against what was promised. Then, with room again, a
 * store that was refused goes on by itself.
 *
 * Run: test_fault_load; ALCO_SEED=n, ALCO_FAULT_STRIDE=1 for every call (the default looks at
 * some). */
#include "unit/test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"
#include "fault/load.h"
#include "store/store.h"
#include "support/fail_io.h"
#include "support/rng.h"
#include "support/tmpdir.h"

enum { STRIDE = 4, SEED = 1 };

static const char *const mode_names[] = {
    [FAIL_ONCE] = "once", [FAIL_FOR_GOOD] = "for good", [FAIL_NO_SPACE] = "no space"};

/* One run with call `fail_at` failing. False when the run has fewer calls. */
static bool run_once(uint64_t seed, unsigned long fail_at, fail_mode mode)
{
    static load l;
    fail_io f;
    tmpdir d;
    char path[300];
    char why[400];
    tmpdir_init(&d, "fault");
    (void)tmpdir_join(&d, "data", path, sizeof path);
    fail_io_init(&f, al_io_posix(), fail_at, mode);
    f.skips_sync = true; /* nobody pulls the plug here */
    load_run(&l, seed, path, &f.io, NULL, NULL);
    bool has_failed = fail_io_failed(&f) > 0;
    fail_io_heal(&f);
    const load_check_options o = {.moment = SIZE_MAX, .io = &f.io, .goes_on = true};
    if (!load_check(&l, path, &o, why, sizeof why)) {
        print_error("call %lu failing %s: %s (seed %llu, left in %s)\n", fail_at, mode_names[mode],
                    why, (unsigned long long)seed, path);
        fail();
    }
    if (!has_failed)
        assert_int_equal(l.n_failed, 0);
    tmpdir_done(&d);
    return has_failed;
}

static void sweep(fail_mode mode)
{
    uint64_t seed = rng_env("ALCO_SEED", SEED);
    uint64_t stride = rng_env("ALCO_FAULT_STRIDE", STRIDE);
    rng r = rng_of(seed);
    unsigned long n = 0;
    /* The first calls one by one: each is another step of opening. */
    for (unsigned long at = 1; run_once(seed, at, mode); n++)
        at += at < 40 ? 1 : 1 + (unsigned long)rng_below(&r, 2 * stride - 1);
    print_message("# %lu failures %s survived\n", n, mode_names[mode]);
    assert_true(n > 40);
}

static void a_call_fails_once(void **state)
{
    (void)state;
    sweep(FAIL_ONCE);
}

static void a_disk_fails_for_good(void **state)
{
    (void)state;
    sweep(FAIL_FOR_GOOD);
}

static void a_disk_is_full(void **state)
{
    (void)state;
    sweep(FAIL_NO_SPACE);
}

/* ---- Room again */

typedef struct room {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n_offers;
} room;

static void has_room(void *ctx)
{
    room *r = ctx;
    AL_LOCKED(&r->lock);
    r->n_offers++;
    (void)pthread_cond_broadcast(&r->changed);
}

static rec_batch *one_record(const char *message)
{
    rec_batch *b = rec_batch_new(al_now_ns());
    if (!b)
        abort();
    record *r = rec_batch_add(b);
    if (!r)
        abort();
    r->time_ns = b->arrival_ns;
    r->message = al_cstr(message);
    return b;
}

static uint64_t count_all(engine *e)
{
    static const char *const index = "logs";
    AL_CLEANUP(query_unrefp) query *all = query_all();
    const eng_scope s = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all};
    eng_answer answer;
    uint64_t n = 0;
    assert_int_equal(engine_count(e, &s, NULL, &n, &answer, NULL), AL_OK);
    return n;
}

static void a_full_disk_refuses_answers_searches_and_resumes_by_itself(void **state)
{
    (void)state;
    tmpdir d;
    fail_io f;
    room r = {0};
    (void)pthread_mutex_init(&r.lock, NULL);
    al_cond_init(&r.changed);
    tmpdir_init(&d, "fault");
    fail_io_init(&f, al_io_posix(), 0, FAIL_NO_SPACE);
    const eng_hooks hooks = {.ctx = &r, .has_room = has_room};
    const store_options o = {.path = d.path, .io = &f.io, .min_free_bytes = 1 << 20, .idle_ns = -1};
    const eng_index_settings s = {.name = "logs", .intervals = 30};
    AL_CLEANUP(engine_closep) engine *e = NULL;
    assert_int_equal(store_open(&o, &hooks, &e, NULL), AL_OK);
    assert_int_equal(engine_index_open(e, &s, NULL), AL_OK);
    assert_int_equal(load_append(e, "logs", one_record("before"), (al_slice){0}, NULL), AL_OK);

    fail_io_arm(&f, 1, FAIL_NO_SPACE);
    /* At the latest the append itself runs out of room. */
    al_code c = load_append(e, "logs", one_record("refused"), (al_slice){0}, NULL);
    assert_int_equal(c, AL_AGAIN);
    assert_int_equal(count_all(e), 1);
    c = load_append(e, "logs", one_record("refused"), (al_slice){0}, NULL);
    assert_int_equal(c, AL_AGAIN);
    eng_stats stats;
    engine_stats(e, &stats);
    assert_true(stats.is_low_on_disk);

    fail_io_heal(&f);
    {
        AL_LOCKED(&r.lock);
        while (!r.n_offers)
            (void)pthread_cond_wait(&r.changed, &r.lock);
    }
    assert_int_equal(load_append(e, "logs", one_record("after"), (al_slice){0}, NULL), AL_OK);
    assert_int_equal(count_all(e), 2);
    e = engine_close(e);
    assert_int_equal(store_open(&o, NULL, &e, NULL), AL_OK);
    assert_int_equal(engine_index_open(e, &s, NULL), AL_OK);
    assert_int_equal(count_all(e), 2);
    e = engine_close(e);
    tmpdir_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_fails_once),
        cmocka_unit_test(a_disk_fails_for_good),
        cmocka_unit_test(a_disk_is_full),
        cmocka_unit_test(a_full_disk_refuses_answers_searches_and_resumes_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
