/* Goal: damage in a file costs what stands in it and nothing else; it is named, set aside and kept.
 * Method: files of a store are flipped, cut or deleted; searches, tails, verify and the next open
 * say what they find. */
#include "store_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "store/format.h"

static void flip_middle_of(const char *path)
{
    uint8_t byte = 0;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    off_t at = lseek(fd, 0, SEEK_END) / 3;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0xff;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static bool is_in(void *ctx, const eng_partial *p, const char *part)
{
    (void)ctx;
    for (size_t i = 0; i < p->n; i++)
        if (strstr(p->reasons[i].part, part))
            return true;
    return false;
}

static void a_damaged_segment_is_named_and_set_aside(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = world_open(&w);
    must_append(e, "logs", large_batch(w.now));
    must_append(e, "logs", batch_of(w.now + AL_NS_PER_DAY, "sound"));
    must_compact(e, "logs");
    (void)engine_close(e);
    flip_middle_of(tmpdir_join(&w.dir, "store/1/0000000000000001.seg", path, sizeof path));
    assert_int_equal(n_damaged_in(w.dir.path), 1);

    e = world_open(&w);
    eng_partial partial = {0};
    lines got;
    read_all(e, "logs", &got, &partial);
    assert_true(partial.n > 0);
    assert_int_equal(got.n, 1); /* the rest is readable */
    lines_done(&got);
    eng_stats s;
    do { /* the committer sets it aside */
        (void)sched_yield();
        engine_stats(e, &s);
    } while (s.quarantined == 0);
    must_compact(e, "logs"); /* behind it in the committer's queue */
    (void)tmpdir_join(&w.dir, "store/1", path, sizeof path);
    assert_int_equal(n_files(path, ".bad"), 2); /* .seg and .pos */
    for (int opened = 0; opened < 2; opened++) {
        read_all(e, "logs", &got, &partial);
        assert_true(is_in(NULL, &partial, "0000000000000001.seg"));
        assert_int_equal(got.n, 1);
        lines_done(&got);
        (void)engine_close(e);
        e = world_open(&w);
    }
    must_append(e, "logs", batch_of(w.now, "goes on"));
    assert_true(stats_of(e, "logs").records == 2);
    world_done(&w, e);
}

static eng_flow count_arrived(void *ctx, const eng_row *row, eng_arrival at)
{
    (void)row;
    (void)at;
    ++*(unsigned *)ctx;
    return ENG_MORE;
}

static al_code tail_logs(engine *e, eng_arrival *at, unsigned *n, eng_partial *partial)
{
    static const char *const logs = "logs";
    query *all = query_all();
    eng_scope s = {.indexes = &logs, .n_indexes = 1, .to_ns = INT64_MAX, .q = all};
    al_err err = {0};
    *n = 0;
    al_code c = engine_tail(e, &s, *at, NULL, count_arrived, n, at, partial, &err);
    (void)query_unref(all);
    return c;
}

/* No row is lost with them, but where tails stood: that is said once, then it is as if they were
 * too old. */
static void damaged_positions_are_given_up(bool is_missing)
{
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = world_open(&w);
    must_append(e, "logs", large_batch(w.now));
    must_compact(e, "logs");
    (void)engine_close(e);
    (void)tmpdir_join(&w.dir, "store/1/0000000000000001.pos", path, sizeof path);
    if (is_missing)
        assert_int_equal(unlink(path), 0);
    else
        flip_middle_of(path);
    assert_int_equal(n_damaged_in(w.dir.path), 1);
    e = world_open(&w);
    eng_arrival at = {0};
    eng_partial partial = {0};
    unsigned n = 0;
    assert_int_equal(tail_logs(e, &at, &n, &partial), AL_OK);
    assert_int_equal(n, 0);
    assert_true(is_in(NULL, &partial, "0000000000000001.seg"));
    do { /* the committer gives them up */
        (void)sched_yield();
        at = (eng_arrival){0};
    } while (tail_logs(e, &at, &n, &partial) == AL_OK);
    must_append(e, "logs", batch_of(w.now, "goes on"));
    lines got;
    read_all(e, "logs", &got, NULL);
    assert_int_equal(got.n, 201);
    lines_done(&got);
    (void)engine_close(e);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    (void)tmpdir_join(&w.dir, "store/1", path, sizeof path);
    assert_int_equal(n_files(path, ".bad") + n_files(path, ".pos"), 0);
    world_done(&w, NULL);
}

static void damaged_positions_are_given_up_but_no_rows(void **state)
{
    (void)state;
    damaged_positions_are_given_up(false);
    damaged_positions_are_given_up(true);
}

static rec_batch *batch_with_field(int64_t time_ns, const char *name, val_type type,
                                   const char *text)
{
    rec_batch *b = batch_of(time_ns, "a message");
    field *f = al_arena_alloc(b->arena, 1, sizeof *f);
    assert_non_null(f);
    *f = (field){.name = al_cstr(name), .val = {.type = type, .text = al_cstr(text)}};
    b->recs[0].fields = f;
    b->recs[0].n_fields = 1;
    return b;
}

static void assert_fields(engine *e, const char *expected)
{
    al_buf got;
    al_buf_init(&got, SIZE_MAX);
    const al_slice *names = NULL;
    size_t n = 0;
    al_err err = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1024);
    assert_int_equal(engine_fields(e, "logs", arena, &names, &n, &err), AL_OK);
    for (size_t i = 0; i < n; i++)
        al_buf_printf(&got, "%.*s,", AL_ARG(names[i]));
    assert_true(is_text(&got, expected));
    al_buf_done(&got);
    assert_int_equal(engine_fields(e, "nothere", arena, &names, &n, &err), AL_NOT_FOUND);
}

/* Also before the index is opened: that is when a lost catalogue asks for them. */
static void fields_are_named_by_what_can_be_read(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = world_open(&w);
    must_append(e, "logs", batch_with_field(w.now, "z", VAL_NUMBER, "1"));
    must_append(e, "logs",
                batch_with_field(w.now, "z", VAL_OBJECT, "{\"b\":[{\"c\":1}],\"d\":{}}"));
    must_compact(e, "logs");
    must_append(e, "logs", batch_with_field(w.now, "a", VAL_STRING, "in the log"));
    must_append(e, "logs", batch_of(w.now, "no fields"));
    assert_fields(e, "a,z,z.b,z.b.c,z.d,");
    (void)engine_close(e);
    e = must_open(&w.o, NULL);
    assert_fields(e, "a,z,z.b,z.b.c,z.d,");
    (void)engine_close(e);
    flip_middle_of(tmpdir_join(&w.dir, "store/1/0000000000000001.seg", path, sizeof path));
    e = must_open(&w.o, NULL);
    assert_fields(e, "a,");
    world_done(&w, e);
}

static void damage_in_the_log_costs_only_what_is_damaged(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = world_open(&w);
    must_append(e, "logs", batch_of(w.now, "first"));
    must_append(e, "logs", large_batch(w.now));
    must_append(e, "logs", batch_of(w.now, "last"));
    (void)engine_close(e);
    flip_middle_of(tmpdir_join(&w.dir, "store/log/0000000000000001.log", path, sizeof path));
    assert_true(n_damaged_in(w.dir.path) > 0);
    e = world_open(&w);
    lines got;
    read_all(e, "logs", &got, NULL);
    assert_int_equal(got.n, 2);
    lines_done(&got);
    eng_stats s;
    engine_stats(e, &s);
    assert_true(s.quarantined > 0);
    wait_for_small_log(e, 64); /* the file goes, but is kept as *.bad */
    (void)tmpdir_join(&w.dir, "store/log", path, sizeof path);
    assert_int_equal(n_files(path, ".bad"), 1);
    assert_true(stats_of(e, "logs").records == 2);
    world_done(&w, e);
}

static void damage_in_the_log_is_met_by_a_merge(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = world_open(&w);
    must_append(e, "logs", batch_of(w.now, "first"));
    must_append(e, "logs", large_batch(w.now));
    must_append(e, "logs", batch_of(w.now, "last"));
    flip_middle_of(tmpdir_join(&w.dir, "store/log/0000000000000001.log", path, sizeof path));
    eng_partial partial = {0};
    lines got;
    read_all(e, "logs", &got, &partial);
    assert_int_equal(got.n, 2);
    assert_true(is_in(NULL, &partial, "log frame 2"));
    lines_done(&got);

    al_err err;
    assert_int_equal(engine_compact(e, "logs", NULL, &err), AL_CORRUPT);
    assert_non_null(strstr(err.msg, "log frame 2"));
    must_compact(e, "logs");
    eng_stats s;
    engine_stats(e, &s);
    assert_int_equal(s.quarantined, 1);
    assert_true(stats_of(e, "logs").records == 2);
    read_all(e, "logs", &got, NULL);
    assert_int_equal(got.n, 2);
    lines_done(&got);
    wait_for_small_log(e, 64);
    (void)tmpdir_join(&w.dir, "store/log", path, sizeof path);
    assert_int_equal(n_files(path, ".bad"), 1);
    world_done(&w, e);
}

static void hear_note(void *ctx, const char *text)
{
    assert_true(al_slice_starts(al_cstr(text), al_cstr("log/")));
    ++*(unsigned *)ctx;
}

/* Once with the rows merged, when nothing but numbers is lost, and once with them in the log only.
 * `keeps_end`: the note of the log's end survives, else only the manifest can tell. */
static void a_lost_log_is_told(bool is_merged, bool keeps_end)
{
    world w;
    world_init(&w, "life");
    char path[300];
    unsigned n_told = 0;
    w.o.note = hear_note;
    w.o.note_ctx = &n_told;
    engine *e = world_open(&w);
    must_append(e, "logs", batch_of(w.now, "first"));
    if (is_merged)
        must_compact(e, "logs");
    (void)engine_close(e);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    assert_int_equal(
        unlink(tmpdir_join(&w.dir, "store/log/0000000000000001.log", path, sizeof path)), 0);
    if (!keeps_end)
        assert_int_equal(unlink(tmpdir_join(&w.dir, "store/log/end", path, sizeof path)), 0);
    assert_int_equal(n_damaged_in(w.dir.path), 1);
    assert_int_equal(n_told, 0);
    e = must_open(&w.o, NULL);
    assert_true(n_told > 0);
    eng_stats s;
    engine_stats(e, &s);
    assert_true(s.quarantined == n_told);
    must_index(e, "logs");
    must_append(e, "logs", batch_of(w.now, "goes on"));
    assert_true(stats_of(e, "logs").records == (is_merged ? 2 : 1));
    world_done(&w, e);
}

static void a_lost_newest_log_file_is_told(void **state)
{
    (void)state;
    a_lost_log_is_told(false, true);
    a_lost_log_is_told(true, true);
    a_lost_log_is_told(true, false);
}

/* Little-endian, of the bytes before. */
static void put_crc(uint8_t *bytes, size_t n)
{
    uint32_t crc = al_crc32c(0, bytes, n);
    for (int i = 0; i < 4; i++)
        bytes[n + (size_t)i] = (uint8_t)(crc >> (8 * i));
}

static void a_store_without_its_root_is_not_opened(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = world_open(&w);
    (void)engine_close(e);
    al_err err = {0};
    assert_int_equal(unlink(tmpdir_join(&w.dir, "store/root", path, sizeof path)), 0);
    assert_int_equal(store_open(&w.o, NULL, &e, &err), AL_CORRUPT);
    assert_true(n_damaged_in(w.dir.path) > 0);
    world_done(&w, NULL);
}

/* The root is read first; its header says which version the directory is. */
static void another_version_is_named_and_nothing_is_changed(void **state)
{
    (void)state;
    static const uint8_t versions[] = {FMT_VERSION - 1, FMT_VERSION + 1};
    for (size_t i = 0; i < sizeof versions; i++) {
        world w;
        world_init(&w, "life");
        char path[300];
        char said[40];
        engine *e = world_open(&w);
        (void)engine_close(e);
        al_err err = {0};
        uint8_t bytes[4096];
        FILE *f = fopen(tmpdir_join(&w.dir, "store/root", path, sizeof path), "r+b");
        assert_non_null(f);
        size_t n = fread(bytes, 1, sizeof bytes, f);
        bytes[4] = versions[i];
        put_crc(bytes, FMT_HEADER_BYTES - 4);
        put_crc(bytes, n - 4);
        rewind(f);
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(store_open(&w.o, NULL, &e, &err), AL_TOO_NEW);
        (void)snprintf(said, sizeof said, "format %d", versions[i]);
        assert_non_null(strstr(err.msg, said));
        (void)snprintf(said, sizeof said, "reads format %d", FMT_VERSION);
        assert_non_null(strstr(err.msg, said));
        (void)tmpdir_join(&w.dir, "store", path, sizeof path);
        assert_int_equal(n_files(path, ".bad"), 0);
        world_done(&w, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_segment_is_named_and_set_aside),
        cmocka_unit_test(damaged_positions_are_given_up_but_no_rows),
        cmocka_unit_test(fields_are_named_by_what_can_be_read),
        cmocka_unit_test(damage_in_the_log_costs_only_what_is_damaged),
        cmocka_unit_test(damage_in_the_log_is_met_by_a_merge),
        cmocka_unit_test(a_lost_newest_log_file_is_told),
        cmocka_unit_test(a_store_without_its_root_is_not_opened),
        cmocka_unit_test(another_version_is_named_and_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
