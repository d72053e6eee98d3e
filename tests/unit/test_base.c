/* Goal: the header contracts of src/base. Method: vectors, limits, and every failing call once. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/thread.h"

static void crc32c_matches_rfc3720_vectors(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0};
    uint8_t rising[32];
    for (size_t i = 0; i < sizeof rising; i++)
        rising[i] = (uint8_t)i;
    assert_int_equal(al_crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(al_crc32c(0, rising, 32), 0x46dd794e);
    assert_int_equal(al_crc32c(0, "123456789", 9), 0xe3069283);
    for (size_t cut = 0; cut <= 32; cut++)
        assert_int_equal(al_crc32c(al_crc32c(0, rising, cut), rising + cut, 32 - cut), 0x46dd794e);
}

/* Long texts are gone through in lanes, single bytes are not. */
static void crc32c_of_long_texts_is_that_of_their_bytes(void **state)
{
    (void)state;
    uint8_t text[10000];
    uint64_t x = 1;
    for (size_t i = 0; i < sizeof text; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        text[i] = (uint8_t)(x >> 56);
    }
    uint32_t crc = 0;
    for (size_t n = 1; n <= sizeof text; n++) {
        crc = al_crc32c(crc, text + n - 1, 1);
        assert_int_equal(al_crc32c(0, text, n), crc);
    }
    for (size_t cut = 0; cut < sizeof text; cut += 7)
        assert_int_equal(al_crc32c(al_crc32c(0, text, cut), text + cut, sizeof text - cut), crc);
}

static void buffer_keeps_its_ceiling(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, 4);
    al_buf_u32(&b, 0x01020304);
    assert_int_equal(al_buf_code(&b), AL_OK);
    al_buf_u8(&b, 9);
    assert_int_equal(al_buf_code(&b), AL_LIMIT);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.ptr, "\4\3\2\1", 4);
    al_buf_done(&b);
}

static void a_reused_buffer_gives_back_what_is_too_much(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, 2000);
    al_buf_str(&b, "few");
    size_t cap = b.cap;
    al_buf_reuse(&b, cap);
    assert_int_equal(b.cap, cap);
    assert_int_equal(b.len, 0);
    assert_non_null(al_buf_extend(&b, 2000));
    al_buf_u8(&b, 1);
    assert_int_equal(al_buf_code(&b), AL_LIMIT);
    al_buf_reuse(&b, cap);
    assert_int_equal(b.cap, 0);
    assert_int_equal(al_buf_code(&b), AL_OK);
    assert_non_null(al_buf_extend(&b, 2000)); /* the ceiling is the same */
    assert_null(al_buf_extend(&b, 1));
    al_buf_done(&b);
}

static void varints_come_back_and_every_cut_is_noticed(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        al_buf b;
        al_buf_init(&b, 16);
        al_buf_varint(&b, values[i]);
        al_rd r = al_rd_of(al_buf_slice(&b));
        assert_true(al_rd_varint(&r) == values[i]);
        assert_false(r.bad);
        assert_int_equal(r.left, 0);
        for (size_t cut = 0; cut < b.len; cut++) {
            uint8_t *copy =
                malloc(cut ? cut : 1); /* on the heap, so that asan sees one byte too many */
            memcpy(copy, b.ptr, cut);
            al_rd cut_rd = al_rd_of((al_slice){copy, cut});
            assert_true(al_rd_varint(&cut_rd) == 0);
            assert_true(cut_rd.bad);
            free(copy);
        }
        al_buf_done(&b);
    }
    static const uint8_t too_long[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    al_rd r = al_rd_of((al_slice){too_long, sizeof too_long});
    (void)al_rd_varint(&r);
    assert_true(r.bad);
}

static void numbers_are_parsed_whole_or_not_at_all(void **state)
{
    (void)state;
    uint64_t u = 7;
    int64_t i = 7;
    assert_true(al_parse_u64(AL_LIT("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(al_parse_u64(AL_LIT("18446744073709551616"), &u));
    assert_false(al_parse_u64(AL_LIT(""), &u));
    assert_false(al_parse_u64(AL_LIT("1 "), &u));
    assert_true(al_parse_i64(AL_LIT("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(al_parse_i64(AL_LIT("9223372036854775808"), &i));
    assert_false(al_parse_i64(AL_LIT("-"), &i));
    assert_true(al_parse_bytes(AL_LIT("512MiB"), &u));
    assert_true(u == UINT64_C(512) << 20);
    assert_true(al_parse_bytes(AL_LIT("10GB"), &u));
    assert_true(u == UINT64_C(10000000000));
    assert_false(al_parse_bytes(AL_LIT("10x"), &u));
    assert_false(al_parse_bytes(AL_LIT("10i"), &u));
}

static void arena_hands_out_aligned_memory(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *a = al_arena_new(64);
    assert_non_null(a);
    for (size_t n = 1; n < 300; n += 7) {
        uint8_t *p = al_arena_alloc(a, n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xab, n);
    }
    assert_null(al_arena_alloc(a, SIZE_MAX / 2, 3));
    al_slice copy = al_arena_copy(a, AL_LIT("word"));
    assert_memory_equal(copy.ptr, "word", 5);
    al_arena_reset(a);
    assert_true(al_arena_bytes(a) <= 600);
    /* one large request is not kept for ever, also when it was the first */
    AL_CLEANUP(al_arena_freep) al_arena *large = al_arena_new(64);
    assert_non_null(al_arena_alloc(large, 1 << 20, 1));
    al_arena_reset(large);
    assert_true(al_arena_bytes(large) <= 64);
    assert_non_null(al_arena_alloc(large, 8, 1));
}

static void memory_fails_when_told(void **state)
{
    (void)state;
    al_mem_fail_at(2);
    void *first = al_alloc(1, 8);
    void *second = al_alloc(1, 8);
    void *third = al_alloc(1, 8);
    al_mem_fail_at(0);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    free(first);
    free(third);
}

static void a_wrapped_error_reads_from_outside_in(void **state)
{
    (void)state;
    al_err err;
    assert_int_equal(al_fail(&err, AL_TOO_NEW, "version %d", 9), AL_TOO_NEW);
    assert_int_equal(al_wrap(&err, "open segment %d", 12), AL_TOO_NEW);
    assert_string_equal(err.msg, "open segment 12: version 9");
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    char path[] = "/tmp/alco-base-XXXXXX";
    assert_non_null(mkdtemp(path));
    al_err err;
    AL_CLEANUP(al_closep) int dir = -1;
    assert_int_equal(al_dir_open(path, false, &dir, &err), AL_OK);
    assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
    assert_int_equal(mkdirat(dir, "dir", 0700), 0);
    assert_int_equal(symlinkat("link", dir, "link"), 0);
    static const char *const names[] = {"fifo", "dir", "link"};
    const al_io *io = al_io_posix();
    int fd = -1;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(io->open(io, dir, names[i], AL_OPEN_READ, &fd, &err), AL_CORRUPT);
        assert_int_equal(io->open(io, dir, names[i], AL_OPEN_WRITE, &fd, &err), AL_CORRUPT);
        assert_non_null(strstr(err.msg, names[i]));
        assert_int_equal(unlinkat(dir, names[i], i == 1 ? AT_REMOVEDIR : 0), 0);
    }
    assert_int_equal(rmdir(path), 0);
}

static void publish_replaces_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/alco-base-XXXXXX";
    assert_non_null(mkdtemp(path));
    al_err err;
    AL_CLEANUP(al_closep) int dir = -1;
    assert_int_equal(al_dir_open(path, false, &dir, &err), AL_OK);
    const al_io *io = al_io_posix();
    assert_int_equal(al_publish_file(io, dir, "m", AL_LIT("old"), &err), AL_OK);
    assert_int_equal(al_publish_file(io, dir, "m", AL_LIT("newer"), &err), AL_OK);
    AL_CLEANUP(al_closep) int fd = -1;
    assert_int_equal(io->open(io, dir, "m", AL_OPEN_READ, &fd, &err), AL_OK);
    char got[5];
    assert_int_equal(io->read_at(io, fd, got, 5, 0, &err), AL_OK);
    assert_memory_equal(got, "newer", 5);
    assert_int_equal(io->read_at(io, fd, got, 5, 1, &err), AL_CORRUPT);
    assert_int_equal(io->open(io, dir, "m.tmp", AL_OPEN_READ, &fd, &err), AL_NOT_FOUND);
    assert_int_equal(io->unlink(io, dir, "m", &err), AL_OK);
    assert_int_equal(rmdir(path), 0);
}

/* A deadline before time began is over, too; pthread_cond_timedwait alone would refuse it. */
static void waiting_ends_with_the_deadline(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed;
    al_cond_init(&changed);
    AL_LOCKED(&lock);
    int64_t deadline = al_mono_ns() + AL_NS_PER_MS;
    while (al_cond_wait_until(&changed, &lock, deadline))
        continue;
    assert_true(al_mono_ns() >= deadline);
    assert_false(al_cond_wait_until(&changed, &lock, -1));
    (void)pthread_cond_destroy(&changed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_matches_rfc3720_vectors),
        cmocka_unit_test(crc32c_of_long_texts_is_that_of_their_bytes),
        cmocka_unit_test(buffer_keeps_its_ceiling),
        cmocka_unit_test(a_reused_buffer_gives_back_what_is_too_much),
        cmocka_unit_test(varints_come_back_and_every_cut_is_noticed),
        cmocka_unit_test(numbers_are_parsed_whole_or_not_at_all),
        cmocka_unit_test(arena_hands_out_aligned_memory),
        cmocka_unit_test(memory_fails_when_told),
        cmocka_unit_test(a_wrapped_error_reads_from_outside_in),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(publish_replaces_a_file),
        cmocka_unit_test(waiting_ends_with_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
