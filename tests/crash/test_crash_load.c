/* Goal: after a power cut at any instant everything acknowledged is there once, nothing is
 * invented, and the store opens, answers and goes on.
 *
 * Method: the run of load.c is recorded once by crash_io, with the moment of each promise. Then the
 * directory is made as a cut during call n would leave it, for many n and several fates of what was
 * not synced, and checked against the promises made before call n. For some of them the power is
 * cut again while the store recovers.
 *
 * Run: test_crash_load; ALCO_SEED=n, ALCO_CUTS=m looks at m cuts a recording (default some
 * hundred), ALCO_RUNS=k records k runs. */
#include "unit/test.h"

#include "base/checked.h"
#include "fault/load.h"
#include "support/crash_io.h"
#include "support/fail_io.h"
#include "support/rng.h"
#include "support/tmpdir.h"

enum { CUTS = 1000, SECOND_CUTS = 150, RUNS = 2, SEED = 1 };

static size_t moment(void *ctx)
{
    return crash_io_calls(ctx);
}

typedef struct recording {
    tmpdir dir;
    char work[300];
    char cut[300];
    char second[300];
    crash_io *io;
    fail_io fast; /* never fails, never syncs: what is checked after a cut needs no durability */
    load load;
} recording;

static void record_run(recording *rec, uint64_t seed)
{
    al_err err = {0};
    tmpdir_init(&rec->dir, "crash");
    (void)tmpdir_join(&rec->dir, "work", rec->work, sizeof rec->work);
    (void)tmpdir_join(&rec->dir, "cut", rec->cut, sizeof rec->cut);
    (void)tmpdir_join(&rec->dir, "second", rec->second, sizeof rec->second);
    AL_CLEANUP(al_closep) int fd = -1;
    assert_int_equal(al_dir_open(rec->work, true, &fd, &err), AL_OK);
    assert_int_equal(crash_io_new(rec->work, &rec->io, &err), AL_OK);
    fail_io_init(&rec->fast, al_io_posix(), 0, FAIL_ONCE);
    rec->fast.skips_sync = true;
    load_run(&rec->load, seed, rec->work, crash_io_table(rec->io), moment, rec->io);
    assert_int_equal(rec->load.n_failed, 0);
}

static void recording_done(recording *rec)
{
    (void)crash_io_free(rec->io);
    tmpdir_done(&rec->dir);
}

static void must_hold(recording *rec, size_t at, uint64_t fate, const char *path, crash_io *again)
{
    char why[400];
    char call[300];
    const load_check_options o = {
        .moment = at, .io = again ? crash_io_table(again) : &rec->fast.io, .goes_on = !again};
    if (load_check(&rec->load, path, &o, why, sizeof why))
        return;
    crash_io_describe(rec->io, at, call, sizeof call);
    print_error("cut at call %zu (%s), fate %llu: %s (seed %llu, left in %s)\n", at, call,
                (unsigned long long)fate, why, (unsigned long long)rec->load.seed, path);
    fail();
}

static void cut_once(recording *rec, size_t at, uint64_t fate)
{
    al_err err = {0};
    assert_int_equal(crash_io_cut(rec->io, at, fate, rec->cut, &err), AL_OK);
    must_hold(rec, at, fate, rec->cut, NULL);
    tmpdir_remove_tree(rec->cut);
}

/* The power fails again while the store recovers. */
static void cut_twice(recording *rec, size_t at, uint64_t fate, rng *r)
{
    al_err err = {0};
    crash_io *again = NULL;
    assert_int_equal(crash_io_cut(rec->io, at, fate, rec->cut, &err), AL_OK);
    assert_int_equal(crash_io_new(rec->cut, &again, &err), AL_OK);
    must_hold(rec, at, fate, rec->cut, again);
    size_t second = (size_t)rng_below(r, crash_io_calls(again) + 1);
    assert_int_equal(crash_io_cut(again, second, rng_next(r), rec->second, &err), AL_OK);
    must_hold(rec, at, fate, rec->second, NULL);
    (void)crash_io_free(again);
    tmpdir_remove_tree(rec->cut);
    tmpdir_remove_tree(rec->second);
}

static void every_cut_keeps_what_was_promised(void **state)
{
    (void)state;
    uint64_t seed = rng_env("ALCO_SEED", SEED);
    uint64_t n_cuts = rng_env("ALCO_CUTS", CUTS);
    for (uint64_t run = 0; run < rng_env("ALCO_RUNS", RUNS); run++) {
        static recording rec;
        rec = (recording){0};
        record_run(&rec, seed + run);
        rng r = rng_fork(seed, run);
        size_t n_calls = crash_io_calls(rec.io);
        print_message("# run %llu: %zu calls, %zu batches\n", (unsigned long long)run, n_calls,
                      rec.load.n_batches);
        /* Spread over all calls, and a random one of each stretch. */
        for (uint64_t i = 0; i < n_cuts; i++) {
            size_t from = (size_t)(i * (n_calls + 1) / n_cuts);
            size_t to = (size_t)((i + 1) * (n_calls + 1) / n_cuts);
            cut_once(&rec, from + (size_t)rng_below(&r, AL_MAX(to - from, (size_t)1)),
                     rng_next(&r));
        }
        for (uint64_t i = 0; i < SECOND_CUTS * n_cuts / CUTS; i++)
            cut_twice(&rec, (size_t)rng_below(&r, n_calls + 1), rng_next(&r), &r);
        recording_done(&rec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_keeps_what_was_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
