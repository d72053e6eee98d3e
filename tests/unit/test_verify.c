/* Goal: an id that stands twice in an index is found, across segments, whatever the memory. Method:
 * segments of random ids, compared with counting; and a store one of whose segments was copied
 * under another number. */
#include "unit/rebuild_help.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/format.h"
#include "store/manifest.h"
#include "store/seg_writer.h"
#include "store/verify_ids.h"
#include "support/rng.h"

enum { SEGS = 9, IDS_MAX = 600 };

static const uint8_t store_id[STORE_ID_BYTES] = {7};

static segment *write_segment(seg_env *env, uint64_t number, const bool *has)
{
    seg_writer *w = NULL;
    al_err err = {0};
    const seg_writer_options o = {.index_id = 1, .seg_id = number};
    assert_int_equal(seg_writer_new(env, &o, &w, &err), AL_OK);
    for (uint64_t id = 0; id < IDS_MAX; id++) {
        const record r = {.id = id, .time_ns = (int64_t)id, .message = AL_LIT("m")};
        if (has[id])
            assert_int_equal(seg_writer_add(w, &r, 0, 0, &err), AL_OK);
    }
    seg_summary sum = {0};
    assert_int_equal(seg_writer_finish(w, &sum, &err), AL_OK);
    (void)seg_writer_free(w);
    segment *s = seg_new(env, 1, &sum);
    assert_non_null(s);
    return s;
}

typedef struct doubles {
    unsigned n[IDS_MAX]; /* times that an id was told */
    uint64_t last;
} doubles;

static void hear_double(void *ctx, uint64_t id, const segment *a, const segment *b)
{
    doubles *d = ctx;
    assert_true(a != b);
    assert_true(id >= d->last);
    d->last = id;
    d->n[id]++;
}

/* *number: of the last segment; none is used twice, as in a store. */
static void look(seg_env *env, rng *r, size_t room, uint64_t *number)
{
    static bool has[SEGS][IDS_MAX];
    segment *segs[SEGS];
    unsigned n_of[IDS_MAX] = {0};
    for (size_t s = 0; s < SEGS; s++) {
        uint64_t from = rng_below(r, IDS_MAX);
        uint64_t to = from + rng_below(r, IDS_MAX - from) + 1;
        unsigned percent = (unsigned)rng_below(r, 60) + 1;
        for (uint64_t id = 0; id < IDS_MAX; id++)
            has[s][id] = id >= from && id < to && (id == from || rng_chance(r, percent));
        for (uint64_t id = 0; id < IDS_MAX; id++)
            n_of[id] += has[s][id];
        segs[s] = write_segment(env, ++*number, has[s]);
    }
    block_view *view = block_view_new();
    doubles d = {0};
    al_err err = {0};
    assert_int_equal(verify_ids(segs, SEGS, view, room, hear_double, &d, &err), AL_OK);
    for (uint64_t id = 0; id < IDS_MAX; id++)
        assert_int_equal(d.n[id], n_of[id] > 1 ? n_of[id] - 1 : 0);
    (void)block_view_free(view);
    for (size_t s = 0; s < SEGS; s++) {
        seg_mark_drop(segs[s]);
        (void)seg_unref(segs[s]);
    }
}

static void equal_ids_are_found_in_any_memory(void **state)
{
    (void)state;
    uint64_t seed = rng_env("ALCO_SEED", 5);
    rng r = rng_of(seed);
    tmpdir d;
    int dir = -1;
    int index_dir = -1;
    uint64_t number = 0;
    al_err err = {0};
    tmpdir_init(&d, "verify");
    print_message("# seed %llu\n", (unsigned long long)seed);
    assert_int_equal(al_dir_open(d.path, false, &dir, &err), AL_OK);
    seg_env *env = seg_env_new(al_io_posix(), dir, store_id, 1 << 20);
    assert_int_equal(seg_env_index_dir(env, 1, true, &index_dir, &err), AL_OK);
    for (unsigned i = 0; i < 15; i++) {
        look(env, &r, 2 * SEGS + 1, &number);
        look(env, &r, 2 * SEGS + 1 + (size_t)rng_below(&r, 200), &number);
        look(env, &r, SEGS * IDS_MAX, &number);
    }
    (void)seg_env_free(env);
    (void)close(index_dir);
    (void)close(dir);
    tmpdir_done(&d);
}

/* ---- A whole store */

typedef struct heard {
    unsigned n_double;
    unsigned n_other;
} heard;

static void hear(void *ctx, const store_finding *f)
{
    heard *h = ctx;
    if (f->is_damage)
        *(strstr(f->text, "stands in") ? &h->n_double : &h->n_other) += 1;
}

/* The file of segment 1 once more as segment 2. */
static void copy_segment(const char *dir_path)
{
    int dir = -1;
    al_err err = {0};
    al_buf b;
    al_buf head;
    file_header h;
    al_buf_init(&b, SIZE_MAX);
    al_buf_init(&head, FMT_HEADER_BYTES);
    assert_int_equal(al_dir_open(dir_path, false, &dir, &err), AL_OK);
    int fd = -1;
    uint64_t bytes = 0;
    const al_io *io = al_io_posix();
    assert_int_equal(io->open(io, dir, "0000000000000001.seg", AL_OPEN_READ, &fd, &err), AL_OK);
    assert_int_equal(io->file_bytes(io, fd, &bytes, &err), AL_OK);
    assert_int_equal(io->read_at(io, fd, al_buf_extend(&b, (size_t)bytes), (size_t)bytes, 0, &err),
                     AL_OK);
    io->close(io, fd);
    assert_int_equal(file_header_decode(al_buf_slice(&b), FMT_MAGIC_SEGMENT, &h, &err), AL_OK);
    h.file_id = 2;
    file_header_encode(&h, &head);
    memcpy(b.ptr, head.ptr, head.len);
    assert_int_equal(
        al_publish_file(al_io_posix(), dir, "0000000000000002.seg", al_buf_slice(&b), &err), AL_OK);
    al_buf_done(&head);
    al_buf_done(&b);
    manifest m;
    assert_int_equal(manifest_load(al_io_posix(), dir, &m, &err), AL_OK);
    assert_int_equal(m.n, 1);
    seg_summary segs[2] = {m.segs[0], m.segs[0]};
    segs[1].id = 2;
    segs[1].has_positions = false;
    manifest twice = m;
    twice.segs = segs;
    twice.n = 2;
    twice.seg_id_max = 2;
    assert_int_equal(manifest_save(al_io_posix(), dir, &twice, &err), AL_OK);
    manifest_done(&m);
    (void)close(dir);
}

static void a_segment_that_counts_twice_is_damage(void **state)
{
    (void)state;
    world w;
    char path[300];
    world_init(&w, "verify");
    engine *e = world_open(&w);
    for (int i = 0; i < 25; i++)
        must_append(e, "logs", batch_of(w.now, "m"));
    must_compact(e, "logs");
    (void)engine_close(e);
    heard h = {0};
    store_verified v;
    al_err err = {0};
    assert_int_equal(store_verify(w.dir.path, NULL, hear, &h, &v, &err), AL_OK);
    assert_int_equal(v.n_damaged, 0);
    copy_segment(tmpdir_join(&w.dir, "store/1", path, sizeof path));
    assert_int_equal(store_verify(w.dir.path, NULL, hear, &h, &v, &err), AL_OK);
    assert_int_equal(h.n_double, 10); /* and a line that says how many there are */
    assert_int_equal(h.n_other, 1);
    assert_int_equal(v.n_damaged, 11);
    world_done(&w, NULL);
}

typedef struct named {
    bool is_refused; /* the segment that may not be read */
    bool is_fifo;    /* the one behind it */
    bool is_log;
    bool is_dir; /* left over */
    bool is_tmp;
} named;

static void note_named(void *ctx, const store_finding *f)
{
    named *n = ctx;
    n->is_refused |= f->is_damage && strcmp(f->file, "store/1/0000000000000002.seg") == 0;
    n->is_fifo |= f->is_damage && strcmp(f->file, "store/1/0000000000000003.seg") == 0;
    n->is_log |= f->is_damage && strcmp(f->file, "store/log/0000000000000077.log") == 0;
    n->is_dir |= !f->is_damage && strcmp(f->file, "store/1/0000000000000099.seg") == 0;
    n->is_tmp |= !f->is_damage && strcmp(f->file, "store/1/manifest.tmp") == 0;
}

static void what_cannot_be_read_is_told_and_the_rest_checked(void **state)
{
    (void)state;
    world w;
    char path[300];
    world_init(&w, "verify");
    engine *e = world_open(&w);
    must_append(e, "logs", three_days(w.now, 1, 10));
    must_compact(e, "logs");
    (void)engine_close(e);
    assert_int_equal(unlink(tmpdir_join(&w.dir, "store/1/0000000000000003.seg", path, sizeof path)),
                     0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(
        mkfifo(tmpdir_join(&w.dir, "store/log/0000000000000077.log", path, sizeof path), 0600), 0);
    assert_int_equal(
        mkdir(tmpdir_join(&w.dir, "store/1/0000000000000099.seg", path, sizeof path), 0700), 0);
    assert_int_equal(mkdir(tmpdir_join(&w.dir, "store/1/manifest.tmp", path, sizeof path), 0700),
                     0);
    refusing_io io;
    refusing_init(&io, "0000000000000002.seg", AL_OPEN_READ, EACCES);
    named n = {0};
    store_verified v;
    al_err err = {0};
    assert_int_equal(store_verify(w.dir.path, &io.io, note_named, &n, &v, &err), AL_OK);
    assert_true(n.is_refused && n.is_fifo && n.is_log && n.is_dir && n.is_tmp);
    assert_int_equal(v.n_damaged, 3);
    assert_int_equal(v.n_segments, 3);
    assert_true(v.n_rows == 10 && v.n_frames > 0);
    world_done(&w, NULL);
}

/* Messages with templates, values, numbers and texts in no lexicon; fields of each home. */
static rec_batch *varied(int64_t now, uint64_t seed)
{
    gen_stream g = gen_stream_of(seed);
    rng r = rng_of(seed);
    g.odd_percent = 20;
    rec_batch *b = gen_batch(&g, 300);
    for (size_t i = 0; i < b->n; i++) {
        char text[1000];
        int n = snprintf(text, sizeof text, "order %012u of node%u ", (unsigned)i * 7919,
                         (unsigned)i % 9);
        for (; i % 3 == 0 && n < 900; n++)
            text[n] = (char)('a' + rng_below(&r, 26));
        b->recs[i].time_ns = now + (int64_t)i;
        b->recs[i].message = al_arena_copy(b->arena, (al_slice){(const uint8_t *)text, (size_t)n});
    }
    return b;
}

/* Also in what no record is read from: filters, for one. */
static void a_flipped_bit_is_found_wherever_it_is(void **state)
{
    (void)state;
    world w;
    char path[300];
    world_init(&w, "verify");
    engine *e = world_open(&w);
    must_append(e, "logs", varied(w.now, rng_env("ALCO_SEED", 6)));
    must_compact(e, "logs");
    (void)engine_close(e);
    int fd = open(tmpdir_join(&w.dir, "store/1/0000000000000001.seg", path, sizeof path), O_RDWR);
    assert_true(fd >= 0);
    off_t end = lseek(fd, 0, SEEK_END);
    assert_true(end > 20000);
    for (off_t at = 0; at < end; at += 1 + end / 700) {
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        if (n_damaged_in(w.dir.path) == 0)
            fail_msg("byte %lld of %lld", (long long)at, (long long)end);
        byte ^= 4;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    (void)close(fd);
    world_done(&w, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ids_are_found_in_any_memory),
        cmocka_unit_test(a_segment_that_counts_twice_is_damage),
        cmocka_unit_test(what_cannot_be_read_is_told_and_the_rest_checked),
        cmocka_unit_test(a_flipped_bit_is_found_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
