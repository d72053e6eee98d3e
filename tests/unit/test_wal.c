/* Goal: frames survive in order; a torn end is told from damage; files are given back; manifests
 * and roots are read whole or not at all. Method: a log in a directory of its own, cut and flipped
 * at every byte; lists cut and flipped likewise. */
#include "unit/rebuild_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "store/format.h"
#include "store/manifest.h"
#include "store/names.h"
#include "store/wal.h"

static const uint8_t store_id[STORE_ID_BYTES] = {1, 2, 3};

typedef struct heard {
    uint64_t n;
    uint64_t first;
    uint64_t last;
    bool is_gapped;
    unsigned n_damaged;
    unsigned n_torn;
    unsigned n_unknown;
} heard;

static al_code hear_mark(void *ctx, al_slice marks, al_err *err)
{
    (void)err;
    uint64_t number = 0;
    assert_true(al_parse_u64(marks, &number));
    *(uint64_t *)ctx = number;
    return AL_OK;
}

static al_code hear_frame(void *ctx, uint64_t seq, al_slice body, al_err *err)
{
    heard *h = ctx;
    uint64_t number = 0;
    frame_body b;
    frame_visitor v = {.ctx = &number, .mark = hear_mark};
    assert_int_equal(frame_body_visit(body, &v, &b, err), AL_OK);
    assert_true(number == seq); /* what stands in it is what was put there */
    if (h->n++ == 0)
        h->first = seq;
    else if (seq != h->last + 1)
        h->is_gapped = true;
    h->last = seq;
    return AL_OK;
}

static void hear_damage(void *ctx, const char *file, const char *why)
{
    (void)file;
    (void)why;
    ((heard *)ctx)->n_damaged++;
}

static void hear_torn(void *ctx, const char *file, uint64_t at, uint64_t bytes)
{
    (void)file;
    (void)at;
    (void)bytes;
    ((heard *)ctx)->n_torn++;
}

static void hear_end_unknown(void *ctx, const char *why)
{
    assert_true(strlen(why) > 0);
    ((heard *)ctx)->n_unknown++;
}

static wal *replay(int dir, heard *h)
{
    wal_visitor v = {.ctx = h,
                     .frame = hear_frame,
                     .damage = hear_damage,
                     .torn = hear_torn,
                     .end_unknown = hear_end_unknown};
    wal *w = NULL;
    al_err err = {0};
    *h = (heard){0};
    al_code c = wal_replay(al_io_posix(), dir, store_id, &v, &w, &err);
    if (c)
        print_error("%s\n", err.msg);
    assert_int_equal(c, AL_OK);
    return w;
}

static void commit(wal *w)
{
    al_buf b;
    al_err err;
    char number[32];
    al_buf_init(&b, SIZE_MAX);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)wal_last_seq(w) + 1);
    frame_begin(&b, FRAME_DATA, 5, 0);
    frame_marks_begin(&b, 1);
    frame_mark(&b, al_cstr(number));
    assert_int_equal(wal_commit(w, &b, WAL_MARKS, &err), AL_OK);
    al_buf_done(&b);
}

/* Two files of three frames each. */
static void make_log(const char *path)
{
    int dir = -1;
    heard h;
    al_err err;
    assert_int_equal(al_dir_open(path, true, &dir, &err), AL_OK);
    wal *w = replay(dir, &h);
    assert_int_equal(wal_start(w, 0, &err), AL_OK);
    for (int i = 0; i < 3; i++)
        commit(w);
    assert_int_equal(wal_rotate(w, &err), AL_OK);
    for (int i = 0; i < 3; i++)
        commit(w);
    assert_true(wal_last_seq(w) == 6);
    (void)wal_close(w);
    (void)close(dir);
}

static void name_of(char path[400], const tmpdir *d, const char *log, uint64_t number)
{
    char name[NAME_BYTES];
    names_format(name, NAME_LOG, number);
    (void)snprintf(path, 400, "%s/%s/%s", d->path, log, name);
}

static off_t bytes_of(const char *path)
{
    int fd = open(path, O_RDONLY);
    off_t n = lseek(fd, 0, SEEK_END);
    (void)close(fd);
    return n;
}

static void flip(const char *path, off_t at)
{
    uint8_t byte = 0;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

/* As after a power cut that took the newest `end` with it. */
static void forget_end(const char *log)
{
    char path[400];
    (void)snprintf(path, sizeof path, "%s/" NAME_OF_LOG_END, log);
    assert_int_equal(unlink(path), 0);
}

static heard replay_path(const char *path)
{
    int dir = -1;
    heard h;
    assert_int_equal(al_dir_open(path, false, &dir, NULL), AL_OK);
    (void)wal_close(replay(dir, &h));
    (void)close(dir);
    return h;
}

/* The log of make_log, and copies of it to spoil. */
typedef struct trial {
    tmpdir d;
    char log[300];
    char copy[300];
    char file[400]; /* one of the copy's */
} trial;

static void trial_init(trial *t)
{
    tmpdir_init(&t->d, "wal");
    make_log(tmpdir_join(&t->d, "log", t->log, sizeof t->log));
    (void)tmpdir_join(&t->d, "copy", t->copy, sizeof t->copy);
}

/* A new copy; t->file: its file of this number. */
static void trial_copy(trial *t, uint64_t number)
{
    tmpdir_copy_tree(t->log, t->copy);
    name_of(t->file, &t->d, "copy", number);
}

static off_t trial_bytes(const trial *t, uint64_t number)
{
    char file[400];
    name_of(file, &t->d, "log", number);
    return bytes_of(file);
}

static void frames_come_back_in_order(void **state)
{
    (void)state;
    trial t;
    trial_init(&t);
    heard h = replay_path(t.log);
    assert_true(h.n == 6 && h.first == 1 && h.last == 6 && !h.is_gapped);
    assert_int_equal(h.n_damaged + h.n_torn, 0);
    tmpdir_done(&t.d);
}

static void a_cut_newest_file_is_a_torn_end(void **state)
{
    (void)state;
    trial t;
    trial_init(&t);
    forget_end(t.log);
    off_t n = trial_bytes(&t, 2);
    for (off_t cut = 0; cut < n; cut++) {
        trial_copy(&t, 2);
        assert_int_equal(truncate(t.file, cut), 0);
        heard h = replay_path(t.copy);
        assert_true(h.first == 1 && !h.is_gapped && h.n >= 3 && h.n < 6);
        assert_int_equal(h.n_damaged, 0);
        /* Going on: the torn end is not read again, sequences go on behind what is there. */
        int dir = -1;
        al_err err;
        heard again;
        assert_int_equal(al_dir_open(t.copy, false, &dir, NULL), AL_OK);
        wal *w = replay(dir, &again);
        assert_int_equal(wal_start(w, 0, &err), AL_OK);
        commit(w);
        (void)wal_close(w);
        w = replay(dir, &again);
        assert_true(again.n == h.n + 1 && !again.is_gapped);
        assert_int_equal(again.n_damaged + again.n_torn, 0);
        (void)wal_close(w);
        (void)close(dir);
        tmpdir_remove_tree(t.copy);
    }
    tmpdir_done(&t.d);
}

static void damage_before_the_end_is_told_and_read_around(void **state)
{
    (void)state;
    trial t;
    trial_init(&t);
    forget_end(t.log);
    for (uint64_t number = 1; number <= 2; number++) {
        off_t n = trial_bytes(&t, number);
        off_t last = FMT_HEADER_BYTES + (n - FMT_HEADER_BYTES) / 3 * 2; /* of the last frame */
        for (off_t at = 0; at < n; at++) {
            trial_copy(&t, number);
            flip(t.file, at);
            heard h = replay_path(t.copy);
            bool is_header = at < FMT_HEADER_BYTES;
            bool is_torn = number == 2 && at >= last;
            assert_int_equal(h.n, is_header ? 6 : 5);
            assert_true((h.n_damaged > 0) == !is_torn);
            assert_int_equal(h.n_torn, is_torn);
            tmpdir_remove_tree(t.copy);
        }
    }
    tmpdir_done(&t.d);
}

/* Of the newest file everything below what `end` says: cut, flipped, or the file gone. */
static void what_was_on_disk_is_missed(void **state)
{
    (void)state;
    trial t;
    trial_init(&t);
    off_t n = trial_bytes(&t, 2);
    for (off_t cut = -1; cut < 2 * n; cut++) {
        trial_copy(&t, 2);
        if (cut < 0)
            assert_int_equal(unlink(t.file), 0);
        else if (cut < n)
            assert_int_equal(truncate(t.file, cut), 0);
        else
            flip(t.file, cut - n);
        heard h = replay_path(t.copy);
        assert_true(h.n_damaged > 0);
        assert_int_equal(h.n_torn, 0);
        /* What is lost leaves its sequences and its number behind. */
        int dir = -1;
        al_err err;
        assert_int_equal(al_dir_open(t.copy, false, &dir, NULL), AL_OK);
        wal *w = replay(dir, &h);
        assert_true(wal_last_seq(w) == 6);
        assert_int_equal(wal_start(w, 0, &err), AL_OK);
        (void)wal_close(w);
        (void)close(dir);
        name_of(t.file, &t.d, "copy", 3);
        assert_int_equal(bytes_of(t.file), FMT_HEADER_BYTES);
        tmpdir_remove_tree(t.copy);
    }
    tmpdir_done(&t.d);
}

/* Without files at all, too. */
static void a_log_that_is_gone_is_missed(void **state)
{
    (void)state;
    trial t;
    trial_init(&t);
    for (uint64_t number = 1; number <= 2; number++) {
        name_of(t.file, &t.d, "log", number);
        assert_int_equal(unlink(t.file), 0);
    }
    heard h = replay_path(t.log);
    assert_true(h.n == 0 && h.n_damaged == 1);
    tmpdir_done(&t.d);
}

/* `end` may be behind after a power cut: what it does not know of may be torn, what it knows may
 * not. It may be torn itself: then nothing is known. */
static void an_older_end_accuses_nothing_wrongly(void **state)
{
    (void)state;
    trial t;
    char end[400];
    char older[400];
    int dir = -1;
    heard h;
    al_err err;
    trial_init(&t);
    (void)snprintf(end, sizeof end, "%s/" NAME_OF_LOG_END, t.log);
    (void)snprintf(older, sizeof older, "%s/older", t.d.path);
    assert_int_equal(rename(end, older), 0);
    off_t known = trial_bytes(&t, 2);
    assert_int_equal(al_dir_open(t.log, false, &dir, NULL), AL_OK);
    for (int later_file = 0; later_file < 2; later_file++) {
        wal *w = replay(dir, &h);
        assert_int_equal(wal_start(w, 0, &err), AL_OK);
        commit(w);
        (void)wal_close(w);
    }
    assert_int_equal(rename(older, end), 0);
    h = replay_path(t.log);
    assert_true(h.n == 8 && h.n_damaged + h.n_torn == 0); /* later headers speak for file 2 */
    for (uint64_t number = 3; number <= 4; number++) {
        name_of(t.file, &t.d, "log", number);
        assert_int_equal(unlink(t.file), 0);
    }
    name_of(t.file, &t.d, "log", 2); /* the newest again; with the beginning of a frame behind it */
    int fd = open(t.file, O_RDWR | O_APPEND);
    assert_int_equal(write(fd, "ALFR", 4), 4);
    (void)close(fd);
    h = replay_path(t.log);
    assert_true(h.n == 6 && h.n_damaged == 0 && h.n_torn == 1);
    assert_int_equal(truncate(t.file, known - 1), 0);
    h = replay_path(t.log);
    assert_true(h.n == 5 && h.n_damaged > 0 && h.n_torn == 0);
    for (off_t at = 0; at < FMT_HEADER_BYTES; at++) {
        trial_copy(&t, 2);
        (void)snprintf(end, sizeof end, "%s/" NAME_OF_LOG_END, t.copy);
        if (at % 2)
            assert_int_equal(truncate(end, at), 0);
        else
            flip(end, at);
        h = replay_path(t.copy);
        assert_int_equal(h.n_damaged, 0);
        assert_true(h.n_unknown == 1 && h.n_torn == 1);
        tmpdir_remove_tree(t.copy);
    }
    (void)close(dir);
    tmpdir_done(&t.d);
}

static void covered_files_are_given_back(void **state)
{
    (void)state;
    trial t;
    int dir = -1;
    heard h;
    al_err err;
    bool has_marks = false;
    trial_init(&t);
    assert_int_equal(al_dir_open(t.log, false, &dir, NULL), AL_OK);
    wal *w = replay(dir, &h);
    assert_int_equal(wal_start(w, 0, &err), AL_OK);
    assert_false(wal_can_forget(w, 3, &has_marks)); /* frame 3 is still needed */
    assert_true(wal_can_forget(w, 4, &has_marks));
    assert_true(has_marks);
    assert_int_equal(wal_forget(w, 4, &err), AL_OK);
    assert_true(wal_first_seq(w) == 4);
    assert_int_equal(wal_forget(w, 7, &err), AL_OK);
    assert_true(wal_last_seq(w) == 6);
    (void)wal_close(w);
    w = replay(dir, &h); /* nothing is left, but sequences go on */
    assert_true(h.n == 0 && wal_last_seq(w) == 6);
    assert_int_equal(wal_start(w, 0, &err), AL_OK);
    commit(w);
    assert_true(wal_last_seq(w) == 7);
    (void)wal_close(w);
    (void)close(dir);
    tmpdir_done(&t.d);
}

/* ---- Lists */

static void roots_and_manifests_are_read_whole_or_not(void **state)
{
    (void)state;
    root_entry entries[] = {{1, "logs"}, {3, "other_index"}};
    root r = {.generation = 7, .index_id_max = 4, .entries = entries, .n = 2};
    seg_summary segs[] = {
        {.id = 5, .day = 3, .n_rows = 10, .min_id = 1, .max_id = 20, .min_ns = 1, .max_ns = 20},
        {.id = 2,
         .is_off = true,
         .has_positions = true,
         .n_rows = 1,
         .min_id = 9,
         .max_id = 9,
         .max_frame = 8,
         .unplaced_frame = 8},
    };
    manifest m = {
        .index_id = 3, .generation = 2, .covered = 9, .seg_id_max = 5, .segs = segs, .n = 2};
    al_buf b[2];
    for (int kind = 0; kind < 2; kind++) {
        root got_r;
        manifest got_m;
        al_err err;
        al_buf_init(&b[kind], SIZE_MAX);
        if (kind == 0)
            root_encode(&r, &b[kind]);
        else
            manifest_encode(&m, &b[kind]);
        assert_int_equal(al_buf_code(&b[kind]), AL_OK);
        for (size_t cut = 0; cut <= b[kind].len; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, b[kind].ptr, cut);
            al_slice s = {copy, cut};
            al_code c = kind == 0 ? root_decode(s, &got_r, &err) : manifest_decode(s, &got_m, &err);
            assert_int_equal(c, cut == b[kind].len ? AL_OK : AL_CORRUPT);
            free(copy);
        }
        for (size_t at = 0; at < b[kind].len; at++) {
            root flipped_r;
            manifest flipped_m;
            b[kind].ptr[at] ^= 1;
            al_slice s = al_buf_slice(&b[kind]);
            al_code c =
                kind == 0 ? root_decode(s, &flipped_r, &err) : manifest_decode(s, &flipped_m, &err);
            assert_int_equal(c, AL_CORRUPT);
            b[kind].ptr[at] ^= 1;
        }
        if (kind == 0) {
            assert_int_equal(got_r.n, 2);
            assert_int_equal(got_r.index_id_max, 4);
            assert_string_equal(got_r.entries[1].name, "other_index");
            root_done(&got_r);
        } else {
            assert_int_equal(got_m.n, 2);
            assert_true(got_m.covered == 9 && got_m.segs[1].unplaced_frame == 8);
            assert_true(got_m.segs[1].is_off && !got_m.segs[0].is_off);
            manifest_done(&got_m);
        }
        al_buf_done(&b[kind]);
    }
}

static void a_later_version_is_told_from_damage(void **state)
{
    (void)state;
    file_header h = {.magic = FMT_MAGIC_ROOT};
    al_buf b;
    al_err err;
    file_header got;
    al_buf_init(&b, FMT_HEADER_BYTES);
    file_header_encode(&h, &b);
    assert_int_equal(file_header_decode(al_buf_slice(&b), FMT_MAGIC_ROOT, &got, &err), AL_OK);
    assert_int_equal(file_header_decode(al_buf_slice(&b), FMT_MAGIC_LOG, &got, &err), AL_CORRUPT);
    static const size_t later[] = {4, 12}; /* version, incompat flags */
    for (int i = 0; i < 2; i++) {
        uint8_t copy[FMT_HEADER_BYTES];
        memcpy(copy, b.ptr, sizeof copy);
        copy[later[i]] = 0x80;
        uint32_t crc = al_crc32c(0, copy, sizeof copy - 4);
        for (int k = 0; k < 4; k++)
            copy[60 + k] = (uint8_t)(crc >> (8 * k));
        assert_int_equal(
            file_header_decode((al_slice){copy, sizeof copy}, FMT_MAGIC_ROOT, &got, &err),
            AL_TOO_NEW);
    }
    al_buf_done(&b);
}

/* Neither a huge number nor a foreign header nor what is no file at all leads the log astray. */
static void a_stray_file_is_told_and_sets_no_number(void **state)
{
    (void)state;
    trial t;
    char path[400], from[400], bad[420];
    trial_init(&t);
    name_of(from, &t.d, "log", 2);
    static const uint64_t strays[] = {4, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < 3; i++) {
        name_of(path, &t.d, "log", strays[i]);
        if (i == 1)
            assert_int_equal(mkfifo(path, 0600), 0);
        else
            copy_file(from, path);
    }
    for (int life = 0; life < 2; life++) { /* the numbers go on, life by life */
        int dir = -1;
        heard h;
        al_err err = {0};
        assert_int_equal(al_dir_open(t.log, false, &dir, &err), AL_OK);
        wal *w = replay(dir, &h);
        assert_int_equal(h.n_damaged, life ? 0 : 3);
        assert_true(h.last == (life ? 7 : 6) && !h.is_gapped);
        assert_int_equal(wal_start(w, 0, &err), AL_OK);
        commit(w);
        name_of(path, &t.d, "log", life ? 6 : 5);
        assert_int_equal(access(path, F_OK), 0);
        if (!life)
            assert_int_equal(wal_forget(w, 7, &err), AL_OK);
        for (size_t i = 0; i < 3; i++) {
            name_of(path, &t.d, "log", strays[i]);
            (void)snprintf(bad, sizeof bad, "%s.bad", path);
            assert_int_equal(access(bad, F_OK), 0);
        }
        (void)wal_close(w);
        (void)close(dir);
    }
    tmpdir_done(&t.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_back_in_order),
        cmocka_unit_test(a_cut_newest_file_is_a_torn_end),
        cmocka_unit_test(damage_before_the_end_is_told_and_read_around),
        cmocka_unit_test(what_was_on_disk_is_missed),
        cmocka_unit_test(a_log_that_is_gone_is_missed),
        cmocka_unit_test(an_older_end_accuses_nothing_wrongly),
        cmocka_unit_test(a_stray_file_is_told_and_sets_no_number),
        cmocka_unit_test(covered_files_are_given_back),
        cmocka_unit_test(roots_and_manifests_are_read_whole_or_not),
        cmocka_unit_test(a_later_version_is_told_from_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
