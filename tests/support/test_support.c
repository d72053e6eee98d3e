/* Goal: the shims find what they are for. Method: publish a file through each of them, done right
 * and done wrong on purpose; right must survive every failure and every cut, wrong must be caught.
 */
#include "unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "support/crash_io.h"
#include "support/fail_io.h"
#include "support/queue.h"
#include "support/rng.h"
#include "support/tmpdir.h"

enum { SEEDS = 60 };

static void read_back(const char *path, const char *name, al_buf *ret)
{
    const al_io *io = al_io_posix();
    AL_CLEANUP(al_closep) int dir = -1;
    AL_CLEANUP(al_closep) int fd = -1;
    uint64_t n = 0;
    al_buf_clear(ret);
    assert_int_equal(al_dir_open(path, false, &dir, NULL), AL_OK);
    if (io->open(io, dir, name, AL_OPEN_READ, &fd, NULL) != AL_OK) {
        al_buf_str(ret, "(absent)");
        return;
    }
    assert_int_equal(io->file_bytes(io, fd, &n, NULL), AL_OK);
    uint8_t *p = n ? al_buf_extend(ret, (size_t)n) : NULL;
    if (!p)
        return; /* an empty file */
    assert_int_equal(io->read_at(io, fd, p, (size_t)n, 0, NULL), AL_OK);
}

static bool reads(const char *path, const char *name, const char *wanted)
{
    al_buf b;
    al_buf_init(&b, 1 << 20);
    read_back(path, name, &b);
    bool same = al_slice_eq(al_buf_slice(&b), al_cstr(wanted));
    al_buf_done(&b);
    return same;
}

static void put(const char *path, const char *name, const char *content)
{
    AL_CLEANUP(al_closep) int dir = -1;
    assert_int_equal(al_dir_open(path, false, &dir, NULL), AL_OK);
    assert_int_equal(al_publish_file(al_io_posix(), dir, name, al_cstr(content), NULL), AL_OK);
}

/* Every call fails once; a failure that is told leaves the old or the new content, success the new.
 */
static void sweep_publish(fail_mode mode)
{
    tmpdir d;
    tmpdir_init(&d, "fail");
    unsigned long failures = 0;
    for (unsigned long fail_at = 1;; fail_at++) {
        put(d.path, "m", "old");
        fail_io f;
        fail_io_init(&f, al_io_posix(), fail_at, mode);
        int dir = -1;
        assert_int_equal(al_dir_open(d.path, false, &dir, NULL), AL_OK);
        al_err err = {0};
        al_code c = al_publish_file(&f.io, dir, "m", AL_LIT("new"), &err);
        al_closep(&dir);
        assert_true(reads(d.path, "m", "old") || reads(d.path, "m", "new"));
        if (c == AL_OK) {
            assert_true(reads(d.path, "m", "new"));
            assert_int_equal(fail_io_failed(&f), 0);
            break;
        }
        assert_int_equal(c, AL_IO);
        assert_true(fail_io_failed(&f) > 0);
        failures++;
    }
    assert_int_equal(failures, mode == FAIL_NO_SPACE ? 3 : 6);
    tmpdir_done(&d);
}

static void publish_survives_each_failing_call(void **state)
{
    (void)state;
    sweep_publish(FAIL_ONCE);
    sweep_publish(FAIL_FOR_GOOD);
    sweep_publish(FAIL_NO_SPACE);
}

static void a_failing_write_is_torn_and_a_failing_read_is_rubbish(void **state)
{
    (void)state;
    tmpdir d;
    tmpdir_init(&d, "fail");
    fail_io f;
    fail_io_init(&f, al_io_posix(), 2, FAIL_ONCE);
    int dir = -1;
    int fd = -1;
    assert_int_equal(al_dir_open(d.path, false, &dir, NULL), AL_OK);
    assert_int_equal(f.io.open(&f.io, dir, "x", AL_OPEN_CREATE, &fd, NULL), AL_OK);
    assert_int_equal(f.io.write_at(&f.io, fd, "12345678", 8, 0, NULL), AL_IO);
    assert_true(reads(d.path, "x", "1234"));
    fail_io_arm(&f, 1, FAIL_ONCE);
    char got[4] = {0};
    assert_int_equal(f.io.read_at(&f.io, fd, got, 4, 0, NULL), AL_IO);
    assert_memory_not_equal(got, "1234", 4);
    assert_int_equal(f.io.read_at(&f.io, fd, got, 4, 0, NULL), AL_OK);
    assert_memory_equal(got, "1234", 4);
    assert_int_equal(fail_io_calls(&f), 2);
    fail_io_arm(&f, 1, FAIL_NO_SPACE);
    uint64_t room = 1;
    assert_int_equal(f.io.free_bytes(&f.io, dir, &room, NULL), AL_OK);
    assert_int_equal(room, 0);
    fail_io_heal(&f);
    assert_int_equal(f.io.free_bytes(&f.io, dir, &room, NULL), AL_OK);
    assert_true(room > 0);
    al_closep(&fd);
    al_closep(&dir);
    tmpdir_done(&d);
}

/* What a careless program does: it forgets a sync. */
typedef enum care { CAREFUL, NO_SYNC, NO_SYNC_DIR } care;

static void publish_with(const al_io *io, int dir, const char *content, care how)
{
    int fd = -1;
    assert_int_equal(io->open(io, dir, "m.tmp", AL_OPEN_CREATE, &fd, NULL), AL_OK);
    assert_int_equal(io->write_at(io, fd, content, strlen(content), 0, NULL), AL_OK);
    if (how != NO_SYNC)
        assert_int_equal(io->sync(io, fd, NULL), AL_OK);
    io->close(io, fd);
    assert_int_equal(io->rename(io, dir, "m.tmp", "m", NULL), AL_OK);
    if (how != NO_SYNC_DIR)
        assert_int_equal(io->sync_dir(io, dir, NULL), AL_OK);
}

/* A directory to work in through a table that records, and one to make cuts in. */
typedef struct rig {
    tmpdir d;
    char work[300];
    char cut[300];
    int dir; /* of work */
    crash_io *rec;
    const al_io *io;
} rig;

/* `name`: a file that is there, with `content`, before anything is recorded; NULL: none. */
static void rig_init(rig *r, const char *name, const char *content)
{
    *r = (rig){.dir = -1};
    tmpdir_init(&r->d, "cut");
    (void)tmpdir_join(&r->d, "work", r->work, sizeof r->work);
    (void)tmpdir_join(&r->d, "cut", r->cut, sizeof r->cut);
    assert_int_equal(al_dir_open(r->work, true, &r->dir, NULL), AL_OK);
    if (name)
        put(r->work, name, content);
    assert_int_equal(crash_io_new(r->work, &r->rec, NULL), AL_OK);
    r->io = crash_io_table(r->rec);
}

static void rig_done(rig *r)
{
    (void)crash_io_free(r->rec);
    al_closep(&r->dir);
    tmpdir_done(&r->d);
}

/* Publishes a second content and cuts everywhere. Returns how many cuts showed neither of the two,
 * or no longer the second one after it had been promised. */
static unsigned bad_cuts(care how)
{
    rig r;
    rig_init(&r, "m", "old content");
    publish_with(r.io, r.dir, "new content", how);
    size_t promised = crash_io_calls(r.rec);
    unsigned bad = 0;
    for (size_t at = 0; at <= promised; at++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            assert_int_equal(crash_io_cut(r.rec, at, seed, r.cut, NULL), AL_OK);
            bool is_old = reads(r.cut, "m", "old content");
            bool is_new = reads(r.cut, "m", "new content");
            bad += at == promised ? !is_new : !is_old && !is_new;
            tmpdir_remove_tree(r.cut);
        }
    rig_done(&r);
    return bad;
}

static void a_careful_publish_survives_every_cut_and_a_careless_one_is_caught(void **state)
{
    (void)state;
    assert_int_equal(bad_cuts(CAREFUL), 0);
    assert_true(bad_cuts(NO_SYNC) > SEEDS / 4);
    assert_true(bad_cuts(NO_SYNC_DIR) > SEEDS / 4);
}

static void cuts_know_directories_truncates_and_unlinks(void **state)
{
    (void)state;
    rig r;
    char sub[300];
    int day = -1;
    int fd = -1;
    rig_init(&r, NULL, NULL);
    const al_io *io = r.io;
    (void)tmpdir_join(&r.d, "cut/day", sub, sizeof sub);
    assert_int_equal(io->open_dir(io, r.dir, "day", true, &day, NULL), AL_OK);
    assert_int_equal(io->open(io, day, "a", AL_OPEN_CREATE, &fd, NULL), AL_OK);
    assert_int_equal(io->write_at(io, fd, "abcdef", 6, 0, NULL), AL_OK);
    assert_int_equal(io->sync(io, fd, NULL), AL_OK);
    assert_int_equal(io->sync_dir(io, day, NULL), AL_OK);
    assert_int_equal(io->sync_dir(io, r.dir, NULL), AL_OK);
    size_t first = crash_io_calls(r.rec);
    assert_int_equal(io->truncate(io, fd, 3, NULL), AL_OK);
    assert_int_equal(io->unlink(io, day, "a", NULL), AL_OK);
    char line[200];
    crash_io_describe(r.rec, first, line, sizeof line);
    assert_string_equal(line, "truncate a 0 bytes at 3");

    unsigned whole = 0;
    unsigned shorter = 0;
    unsigned gone = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_int_equal(crash_io_cut(r.rec, first, seed, r.cut, NULL), AL_OK);
        assert_true(reads(sub, "a", "abcdef") || reads(sub, "a", "abc"));
        tmpdir_remove_tree(r.cut);
        assert_int_equal(crash_io_cut(r.rec, crash_io_calls(r.rec), seed, r.cut, NULL), AL_OK);
        whole += reads(sub, "a", "abcdef");
        shorter += reads(sub, "a", "abc");
        gone += reads(sub, "a", "(absent)");
        tmpdir_remove_tree(r.cut);
    }
    assert_int_equal(whole + shorter + gone, SEEDS);
    assert_true(whole > 0);
    assert_true(shorter > 0);
    assert_true(gone > 0);
    al_closep(&fd);
    al_closep(&day);
    rig_done(&r);
}

/* A directory that was removed past the table gives its number in the file system to the next one:
 * that is another directory all the same. */
static void a_later_directory_is_not_taken_for_a_removed_one(void **state)
{
    (void)state;
    rig r;
    char sub[300];
    rig_init(&r, NULL, NULL);
    const al_io *io = r.io;
    char name[] = "a";
    for (; name[0] < 'k'; name[0]++) {
        int dir = -1;
        int fd = -1;
        assert_int_equal(io->open_dir(io, r.dir, name, true, &dir, NULL), AL_OK);
        assert_int_equal(io->open(io, dir, name, AL_OPEN_CREATE, &fd, NULL), AL_OK);
        assert_int_equal(io->sync_dir(io, dir, NULL), AL_OK);
        io->close(io, fd);
        if (name[0] < 'j') {
            assert_int_equal(io->unlink(io, dir, name, NULL), AL_OK);
            assert_int_equal(unlinkat(r.dir, name, AT_REMOVEDIR), 0);
        }
        io->close(io, dir);
    }
    assert_int_equal(io->sync_dir(io, r.dir, NULL), AL_OK);
    assert_int_equal(crash_io_cut(r.rec, crash_io_calls(r.rec), 1, r.cut, NULL), AL_OK);
    (void)tmpdir_join(&r.d, "cut/j", sub, sizeof sub);
    assert_true(reads(sub, "j", ""));
    rig_done(&r);
}

/* The first bytes of a long log may be durable while the last write is in flight: a cut shows the
 * synced ones always, and of the others sometimes a part only. */
static void synced_bytes_always_survive_and_pending_ones_tear(void **state)
{
    (void)state;
    enum { WRITE_BYTES = 4096 };
    static const char zeros[WRITE_BYTES];
    char ones[WRITE_BYTES];
    memset(ones, 1, sizeof ones);
    rig r;
    int fd = -1;
    rig_init(&r, "log", "");
    const al_io *io = r.io;
    assert_int_equal(io->open(io, r.dir, "log", AL_OPEN_WRITE, &fd, NULL), AL_OK);
    assert_int_equal(io->write_at(io, fd, ones, sizeof ones, 0, NULL), AL_OK);
    assert_int_equal(io->sync(io, fd, NULL), AL_OK);
    assert_int_equal(io->write_at(io, fd, ones, sizeof ones, WRITE_BYTES, NULL), AL_OK);
    unsigned torn = 0;
    al_buf b;
    al_buf_init(&b, 1 << 20);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        assert_int_equal(crash_io_cut(r.rec, crash_io_calls(r.rec), seed, r.cut, NULL), AL_OK);
        read_back(r.cut, "log", &b);
        assert_true(b.len >= WRITE_BYTES);
        assert_memory_equal(b.ptr, ones, WRITE_BYTES);
        size_t rest = b.len - WRITE_BYTES;
        torn += rest > 0 && memcmp(b.ptr + WRITE_BYTES, ones, rest) != 0 &&
                memcmp(b.ptr + WRITE_BYTES, zeros, rest) != 0;
        tmpdir_remove_tree(r.cut);
    }
    assert_true(torn > 0);
    al_buf_done(&b);
    al_closep(&fd);
    rig_done(&r);
}

enum { ITEMS = 10000, QUEUE_MAX = 8 };

static void *put_many(void *arg)
{
    static const char items[ITEMS];
    for (size_t i = 0; i < ITEMS; i++) {
        al_code c;
        while ((c = queue_put(arg, (void *)&items[i])) == AL_AGAIN)
            (void)sched_yield();
        assert_int_equal(c, AL_OK);
    }
    return (void *)items;
}

static void a_queue_hands_over_in_order_and_stays_bounded(void **state)
{
    (void)state;
    AL_CLEANUP(queue_freep) queue *q = queue_new(QUEUE_MAX);
    assert_non_null(q);
    pthread_t t;
    void *items = NULL;
    const char *got[ITEMS];
    assert_int_equal(al_thread_start(&t, "putter", put_many, q, NULL), AL_OK);
    for (size_t i = 0; i < ITEMS; i++)
        got[i] = queue_take(q);
    (void)pthread_join(t, &items);
    for (size_t i = 0; i < ITEMS; i++)
        assert_ptr_equal(got[i], (const char *)items + i);
    for (size_t i = 0; i < QUEUE_MAX; i++)
        assert_int_equal(queue_put(q, q), AL_OK);
    assert_int_equal(queue_put(q, q), AL_AGAIN);
    assert_ptr_equal(queue_take(q), q);
    queue_close(q);
    assert_int_equal(queue_put(q, q), AL_AGAIN);
    for (size_t i = 1; i < QUEUE_MAX; i++)
        assert_ptr_equal(queue_take(q), q); /* what was in it before */
    assert_null(queue_take(q));
}

static void a_seed_repeats_its_numbers(void **state)
{
    (void)state;
    rng a = rng_of(7);
    rng b = rng_of(7);
    for (int i = 0; i < 100; i++)
        assert_true(rng_next(&a) == rng_next(&b));
    for (int i = 0; i < 1000; i++) {
        int64_t v = rng_between(&a, -3, 3);
        assert_true(v >= -3 && v <= 3);
    }
    rng c = rng_fork(7, 1);
    rng d = rng_fork(7, 2);
    assert_true(rng_next(&c) != rng_next(&d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publish_survives_each_failing_call),
        cmocka_unit_test(a_failing_write_is_torn_and_a_failing_read_is_rubbish),
        cmocka_unit_test(a_careful_publish_survives_every_cut_and_a_careless_one_is_caught),
        cmocka_unit_test(cuts_know_directories_truncates_and_unlinks),
        cmocka_unit_test(a_later_directory_is_not_taken_for_a_removed_one),
        cmocka_unit_test(synced_bytes_always_survive_and_pending_ones_tear),
        cmocka_unit_test(a_queue_hands_over_in_order_and_stays_bounded),
        cmocka_unit_test(a_seed_repeats_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
