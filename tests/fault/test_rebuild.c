/* Goal: making a manifest anew may fail or be cut off at any call: the next open finds every row,
 * once, and takes nothing for damage that was only not finished.
 * Method: the worst directory (rebuild_help.h) is opened with call 1, 2, 3, ... failing until one
 * gets through, then with a sound table; and once over crash_io, then as cuts at every call would
 * have left it. */
#include "unit/rebuild_help.h"

#include "support/crash_io.h"
#include "support/fail_io.h"

static const int64_t noon = 20600 * AL_NS_PER_DAY + AL_NS_PER_DAY / 2; /* in 2026 */

typedef struct lost {
    tmpdir dir;
    char path[300];
    lines all;
} lost;

static void lost_init(lost *l)
{
    char side[300];
    tmpdir_init(&l->dir, "lost");
    (void)tmpdir_join(&l->dir, "data", l->path, sizeof l->path);
    (void)mkdir(tmpdir_join(&l->dir, "side", side, sizeof side), 0750);
    make_lost(l->path, side, noon, &l->all);
}

static void lost_done(lost *l)
{
    lines_done(&l->all);
    tmpdir_done(&l->dir);
}

static void tell(void *ctx, const store_finding *f)
{
    (void)ctx;
    if (f->is_damage)
        print_error("%s: %s\n", f->file, f->text);
}

/* Opens it twice: every row once, no answer partial; afterwards verify finds nothing. */
static void check(const char *path, lines *all)
{
    store_options o = {.path = path, .idle_ns = -1};
    for (int opened = 0; opened < 2; opened++) {
        engine *e = must_open(&o, NULL);
        must_index(e, "logs");
        assert_holds(e, "logs", all);
        if (opened == 0)
            must_compact(e, "logs");
        (void)engine_close(e);
    }
    store_verified v = {0};
    al_err err = {0};
    assert_int_equal(store_verify(path, NULL, tell, NULL, &v, &err), AL_OK);
    assert_int_equal(v.n_damaged, 0);
}

static void sweep(fail_mode mode)
{
    lost l;
    lost_init(&l);
    unsigned long n_failed = 1;
    for (unsigned long fail_at = 1; n_failed; fail_at++) {
        tmpdir dir;
        char path[300];
        tmpdir_init(&dir, "rebuild");
        tmpdir_copy_tree(l.path, tmpdir_join(&dir, "data", path, sizeof path));
        fail_io f;
        fail_io_init(&f, al_io_posix(), fail_at, mode);
        store_options o = {.path = path, .io = &f.io, .idle_ns = -1};
        engine *e = NULL;
        al_err err = {0};
        if (store_open(&o, NULL, &e, &err) == AL_OK)
            (void)engine_close(e);
        n_failed = fail_io_failed(&f);
        check(path, &l.all);
        tmpdir_done(&dir);
        if (n_failed == 0)
            print_message("# got through after %lu calls\n", fail_at - 1);
    }
    lost_done(&l);
}

static void a_call_fails_once(void **state)
{
    (void)state;
    sweep(FAIL_ONCE);
}

static void a_call_and_all_behind_it_fail(void **state)
{
    (void)state;
    sweep(FAIL_FOR_GOOD);
}

static void the_disk_is_full(void **state)
{
    (void)state;
    sweep(FAIL_NO_SPACE);
}

static void the_power_is_cut(void **state)
{
    (void)state;
    uint64_t seed = rng_env("ALCO_SEED", 3);
    uint64_t n_seeds = rng_env("ALCO_CUT_SEEDS", 2);
    lost l;
    crash_io *disk = NULL;
    al_err err = {0};
    lost_init(&l);
    assert_int_equal(crash_io_new(l.path, &disk, &err), AL_OK);
    store_options o = {.path = l.path, .io = crash_io_table(disk), .idle_ns = -1};
    (void)engine_close(must_open(&o, NULL));
    print_message("# seed %llu, %zu calls\n", (unsigned long long)seed, crash_io_calls(disk));
    for (size_t at = 0; at <= crash_io_calls(disk); at++) {
        for (uint64_t s = 0; s < n_seeds; s++) {
            tmpdir dir;
            char path[300];
            tmpdir_init(&dir, "cut");
            (void)tmpdir_join(&dir, "d", path, sizeof path);
            assert_int_equal(crash_io_cut(disk, at, seed * 1000 + s, path, &err), AL_OK);
            check(path, &l.all);
            tmpdir_done(&dir);
        }
    }
    (void)crash_io_free(disk);
    lost_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_fails_once),
        cmocka_unit_test(a_call_and_all_behind_it_fail),
        cmocka_unit_test(the_disk_is_full),
        cmocka_unit_test(the_power_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
