/* Goal: a backup that says it is done is whole, whichever I/O call failed and whenever the power
 * was cut behind it; one that failed left its source as it was, and the next one is whole. Method:
 * the same backup with call 1, 2, 3 … failing until it gets through without; with links and
 * without. For the power: the backup over crash_io, cut behind its end with many fates. */
#include "unit/store_help.h"

#include <unistd.h>

#include "store/backup.h"
#include "support/crash_io.h"
#include "support/fail_io.h"

enum { ROWS_IN_ALL = 402, FATES = 200 };

static const int64_t t0 = INT64_C(1780000000) * 1000000000;

static al_code no_link(const al_io *io, int from_dir, const char *from, int to_dir, const char *to,
                       al_err *err)
{
    (void)io;
    (void)from_dir;
    (void)to_dir;
    return al_fail(err, AL_LIMIT, "link %s to %s: not here", from, to);
}

static void make_dir(const char *path)
{
    int fd = -1;
    assert_int_equal(al_dir_open(path, true, &fd, NULL), AL_OK);
    (void)close(fd);
}

/* Segments of two indexes, and rows that are in the log alone. */
static void make_source(const char *path)
{
    store_options o = {.path = path, .idle_ns = -1};
    engine *e = must_open(&o, NULL);
    must_index(e, "logs");
    must_index(e, "more");
    must_append(e, "logs", large_batch(t0));
    must_append(e, "more", batch_of(t0, "one"));
    must_compact(e, NULL);
    must_append(e, "logs", large_batch(t0 + AL_NS_PER_S));
    must_append(e, "more", batch_of(t0, "two"));
    (void)engine_close(e);
}

static void assert_whole(const char *path, unsigned long fail_at)
{
    store_verified v = {0};
    unsigned n = 0;
    al_err err = {0};
    al_code c = store_verify(path, NULL, count_damage, &n, &v, &err);
    if (c || v.n_damaged || v.n_rows + v.n_log_rows != ROWS_IN_ALL)
        fail_msg("call %lu: %s %s: %llu damaged, %llu rows", fail_at, al_code_name(c), err.msg,
                 (unsigned long long)v.n_damaged, (unsigned long long)(v.n_rows + v.n_log_rows));
}

static void sweep(fail_mode mode, bool has_links)
{
    tmpdir d;
    char from[300];
    al_io below = *al_io_posix();
    if (!has_links)
        below.link = no_link;
    tmpdir_init(&d, "backup");
    make_source(tmpdir_join(&d, "from", from, sizeof from));
    unsigned long n_failed = 1;
    unsigned long fail_at = 1;
    for (; n_failed; fail_at++) {
        char to[300];
        fail_io f;
        fail_io_init(&f, &below, fail_at, mode);
        f.skips_sync = true;
        make_dir(tmpdir_join(&d, "to", to, sizeof to));
        store_backup_options o = {.from = from, .to = to, .io = &f.io};
        store_backup_sum sum = {0};
        al_err err = {0};
        al_code c = store_backup(&o, &sum, &err);
        n_failed = fail_io_failed(&f);
        assert_true(n_failed || c == AL_OK);
        if (c == AL_OK) {
            assert_whole(to, fail_at);
            assert_int_equal(sum.n_damaged, 0);
            assert_int_equal(sum.n_rows, ROWS_IN_ALL);
        } else {
            assert_true(err.msg[0] && err.code == c);
            fail_io_heal(&f);
            assert_int_equal(store_backup(&o, &sum, &err), AL_OK); /* goes on in the same place */
            assert_whole(to, fail_at);
        }
        assert_whole(from, fail_at);
        tmpdir_remove_tree(to);
    }
    print_message("# got through after %lu calls\n", fail_at - 2);
    assert_true(fail_at > 60);
    tmpdir_done(&d);
}

static void every_call_fails_once(void **state)
{
    (void)state;
    sweep(FAIL_ONCE, true);
    sweep(FAIL_ONCE, false);
}

static void every_call_fails_for_good(void **state)
{
    (void)state;
    sweep(FAIL_FOR_GOOD, true);
    sweep(FAIL_FOR_GOOD, false);
}

static void every_call_finds_no_space(void **state)
{
    (void)state;
    sweep(FAIL_NO_SPACE, true);
    sweep(FAIL_NO_SPACE, false);
}

/* It has said that it is done: now the power may go. */
static void what_is_done_is_on_disk(void **state)
{
    (void)state;
    tmpdir d;
    char from[300];
    char root[300];
    char cut[300];
    char to[400];
    crash_io *disk = NULL;
    store_backup_sum sum = {0};
    al_err err = {0};
    tmpdir_init(&d, "backup");
    make_source(tmpdir_join(&d, "from", from, sizeof from));
    make_dir(tmpdir_join(&d, "root", root, sizeof root));
    assert_int_equal(crash_io_new(root, &disk, &err), AL_OK);
    store_backup_options o = {.from = from, .to = root, .io = crash_io_table(disk)};
    assert_int_equal(store_backup(&o, &sum, &err), AL_OK);
    (void)tmpdir_join(&d, "cut", cut, sizeof cut);
    for (uint64_t seed = 1; seed <= FATES; seed++) {
        assert_int_equal(crash_io_cut(disk, crash_io_calls(disk), seed, cut, &err), AL_OK);
        (void)snprintf(to, sizeof to, "%s", cut);
        assert_whole(to, (unsigned long)seed);
        tmpdir_remove_tree(cut);
    }
    (void)crash_io_free(disk);
    tmpdir_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_fails_once),
        cmocka_unit_test(every_call_fails_for_good),
        cmocka_unit_test(every_call_finds_no_space),
        cmocka_unit_test(what_is_done_is_on_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
