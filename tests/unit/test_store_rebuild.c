/* Goal: an index whose manifest is damaged or gone comes back from its files and the log: every row
 * once; what is damaged is named and kept. Method: directories made by the store itself, files of
 * which are then copied, deleted or flipped. */
#include "rebuild_help.h"

#include <errno.h>

typedef struct told {
    unsigned n;
    const char *file;
    bool is_named;
    const char *word; /* in the text of that file's finding */
} told;

static void tell(void *ctx, const store_finding *f)
{
    told *t = ctx;
    t->n += f->is_damage;
    if (t->file && strcmp(f->file, t->file) == 0)
        t->is_named |= strstr(f->text, t->word) != NULL;
}

/* Damaged things that verify finds; `file` is among its findings, with this word. */
static unsigned n_damaged(const world *w, const char *file, const char *word)
{
    told t = {.file = file, .word = word};
    store_verified v;
    al_err err = {0};
    assert_int_equal(store_verify(w->dir.path, NULL, tell, &t, &v, &err), AL_OK);
    assert_int_equal(v.n_damaged, t.n);
    assert_true(!file || t.is_named);
    return t.n;
}

static const char *path_of(const world *w, const char *name, char path[300])
{
    return tmpdir_join(&w->dir, name, path, 300);
}

static bool is_there(const world *w, const char *name)
{
    char path[300];
    return access(path_of(w, name, path), F_OK) == 0;
}

static void flip(const world *w, const char *name, off_t from_end)
{
    char path[300];
    uint8_t byte = 0;
    int fd = open(path_of(w, name, path), O_RDWR);
    assert_true(fd >= 0);
    off_t end = lseek(fd, 0, SEEK_END);
    off_t at = from_end ? end - from_end : end / 3; /* 0: in the midst of its rows */
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0xff;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static uint64_t n_quarantined(engine *e)
{
    eng_stats s;
    engine_stats(e, &s);
    return s.quarantined;
}

/* Rows as a tail gives them. */
typedef struct arrived {
    unsigned n;
    eng_arrival last;
    bool is_in_order; /* each position once */
} arrived;

static eng_flow note_arrival(void *ctx, const eng_row *row, eng_arrival at)
{
    arrived *a = ctx;
    (void)row;
    a->is_in_order &= a->n == 0 || at.frame > a->last.frame ||
                      (at.frame == a->last.frame && at.row > a->last.row);
    a->last = at;
    a->n++;
    return ENG_MORE;
}

static al_code tail_from(engine *e, eng_arrival after, arrived *ret)
{
    const char *index = "logs";
    query *all = query_all();
    eng_scope s = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all};
    eng_budget budget = {0};
    eng_arrival reached = {0};
    al_err err = {0};
    *ret = (arrived){.is_in_order = true};
    eng_partial partial = {0};
    al_code c = engine_tail(e, &s, after, &budget, note_arrival, ret, &reached, &partial, &err);
    (void)query_unref(all);
    return c;
}

/* ---- Whole */

static void check_comes_back(world *w, bool has_old_manifest)
{
    engine *e = world_open(w);
    assert_true(n_quarantined(e) == 1); /* the manifest */
    assert_holds(e, "logs", &w->all);
    append_noted(e, batch_of(w->now, "goes on"), &w->all);
    must_compact(e, "logs");
    assert_holds(e, "logs", &w->all);
    (void)engine_close(e);
    assert_int_equal(is_there(w, "store/1/manifest.bad"), has_old_manifest);
    assert_int_equal(n_damaged(w, NULL, NULL), 0);
    e = world_open(w); /* it is a manifest like any other */
    assert_true(n_quarantined(e) == 0);
    assert_holds(e, "logs", &w->all);
    (void)engine_close(e);
}

static void begin(world *w)
{
    world_init(w, "rebuild");
    engine *e = world_open(w);
    append_noted(e, three_days(w->now, 1, 10), &w->all);
    must_compact(e, "logs"); /* rows in segments and the log */
    append_noted(e, three_days(w->now + 5, 2, 10), &w->all);
    (void)engine_close(e);
}

static void a_damaged_manifest_is_made_anew(void **state)
{
    (void)state;
    world w;
    begin(&w);
    flip(&w, "store/1/manifest", 10);
    assert_int_equal(n_damaged(&w, "store/1/manifest", "rebuilds it"), 1);
    check_comes_back(&w, true);
    flip(&w, "store/1/manifest", 10); /* again: the first one stays, too */
    engine *e = world_open(&w);
    assert_holds(e, "logs", &w.all);
    (void)engine_close(e);
    assert_true(is_there(&w, "store/1/manifest.bad") && is_there(&w, "store/1/manifest.2.bad"));
    world_done(&w, NULL);
}

static void a_missing_manifest_is_made_anew(void **state)
{
    (void)state;
    world w;
    char path[300];
    begin(&w);
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
    assert_int_equal(n_damaged(&w, "store/1/manifest", "rebuilds it"), 1);
    check_comes_back(&w, false);
    world_done(&w, NULL);
}

static void another_index_keeps_its_manifest(void **state)
{
    (void)state;
    world w;
    begin(&w);
    char path[300];
    char other[300];
    engine *e = world_open(&w);
    must_index(e, "other");
    must_append(e, "other", batch_of(w.now, "other"));
    must_compact(e, "other");
    (void)engine_close(e);
    copy_file(path_of(&w, "store/2/manifest", other), path_of(&w, "store/1/manifest", path));
    e = world_open(&w); /* one of another index is none */
    must_index(e, "other");
    assert_holds(e, "logs", &w.all);
    assert_true(stats_of(e, "other").records == 1);
    (void)engine_close(e);
    assert_true(is_there(&w, "store/1/manifest.bad") && !is_there(&w, "store/2/manifest.bad"));
    assert_int_equal(n_damaged(&w, NULL, NULL), 0);
    world_done(&w, NULL);
}

static void an_empty_index_comes_back_empty(void **state)
{
    (void)state;
    world w;
    char path[300];
    world_init(&w, "rebuild");
    (void)engine_close(world_open(&w));
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
    check_comes_back(&w, false);
    world_done(&w, NULL);
}

/* Without its log the segments are all there is. */
static void segments_alone_are_enough(void **state)
{
    (void)state;
    world w;
    char path[300];
    world_init(&w, "rebuild");
    engine *e = world_open(&w);
    for (unsigned i = 0; i < 3; i++) {
        append_noted(e, large_batch(w.now + i * AL_NS_PER_DAY), &w.all);
        wait_for_small_log(e, 10000);
    }
    (void)engine_close(e);
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
    check_comes_back(&w, false);
    world_done(&w, NULL);
}

/* ---- Rows that stand twice, or half */

static void what_a_merge_left_counts_once(void **state)
{
    (void)state;
    world w;
    tmpdir side;
    tmpdir_init(&side, "side");
    world_init(&w, "rebuild");
    lines_done(&w.all);
    make_lost(w.dir.path, side.path, world_noon, &w.all);
    check_comes_back(&w, false);
    tmpdir_done(&side);
    world_done(&w, NULL);
}

/* A merge of three days that was cut off behind the first of its segments. */
static void a_frame_that_is_half_in_segments_is_completed(void **state)
{
    (void)state;
    static const char *const segs[] = {"store/1/0000000000000001.seg",
                                       "store/1/0000000000000002.seg",
                                       "store/1/0000000000000003.seg"};
    for (unsigned gone = 0; gone < 3; gone++) {
        world w;
        char path[300];
        begin(&w);
        assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
        assert_int_equal(unlink(path_of(&w, segs[gone], path)), 0);
        engine *e = world_open(&w);
        arrived a;
        assert_int_equal(tail_from(e, (eng_arrival){0}, &a), AL_OK);
        assert_int_equal(a.n, w.all.n);
        assert_true(a.is_in_order && a.last.frame == 2 && a.last.row == 29);
        assert_holds(e, "logs", &w.all);
        (void)engine_close(e);
        assert_int_equal(n_damaged(&w, NULL, NULL), 0);
        world_done(&w, NULL);
    }
}

/* ---- Damage besides */

static bool names(const eng_partial *p, const char *part)
{
    for (size_t i = 0; i < p->n; i++)
        if (strstr(p->reasons[i].part, part))
            return true;
    return false;
}

/* Two segments that are in no log any more, without their manifest; the first is `sound` rows. */
static void begin_large(world *w)
{
    char path[300];
    world_init(w, "rebuild");
    engine *e = world_open(w);
    append_noted(e, large_batch(w->now), &w->all);
    wait_for_small_log(e, 10000);
    must_append(e, "logs", large_batch(w->now + AL_NS_PER_DAY));
    wait_for_small_log(e, 10000);
    (void)engine_close(e);
    assert_int_equal(unlink(path_of(w, "store/1/manifest", path)), 0);
}

static void check_partial(world *w, const char *missing)
{
    for (int opened = 0; opened < 2; opened++) {
        eng_partial partial = {0};
        lines got;
        engine *e = world_open(w);
        read_all(e, "logs", &got, &partial);
        assert_true(names(&partial, missing));
        assert_true(lines_equal(&got, &w->all));
        lines_done(&got);
        append_noted(e, batch_of(w->now, "goes on"), &w->all);
        must_compact(e, "logs");
        assert_true(stats_of(e, "logs").last_ns < INT64_MAX);
        (void)engine_close(e);
    }
}

static void a_segment_without_a_footer_is_set_aside_and_named(void **state)
{
    (void)state;
    world w;
    begin_large(&w);
    flip(&w, "store/1/0000000000000002.seg", 20);
    check_partial(&w, "0000000000000002.seg");
    assert_true(is_there(&w, "store/1/0000000000000002.seg.bad"));
    (void)n_damaged(&w, "store/1/0000000000000002.seg", "set aside");
    char path[300];
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
    check_partial(&w, "0000000000000002.seg"); /* what is aside is not forgotten */
    world_done(&w, NULL);
}

/* Its directory is sound, its rows are not: it must not stand for the segments it was made of. */
static void a_damaged_merge_does_not_stand_for_its_inputs(void **state)
{
    (void)state;
    world w;
    tmpdir side;
    char here[300];
    world_init(&w, "rebuild");
    tmpdir_init(&side, "side");
    (void)path_of(&w, "store/1", here);
    engine *e = world_open(&w);
    for (unsigned i = 0; i < 2; i++) {
        append_noted(e, large_batch(w.now + i), &w.all);
        wait_for_small_log(e, 10000);
        if (i == 0)
            copy_files(here, side.path, ".seg");
    }
    (void)engine_close(e);
    /* Of the second batch only the merged one is left. */
    assert_false(is_there(&w, "store/1/0000000000000001.seg"));
    copy_files(side.path, here, ".seg");
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", here)), 0);
    lines first;
    lines_init(&first);
    rec_batch *b = large_batch(w.now);
    lines_add_batch(&first, b);
    (void)rec_batch_free(b);
    lines_done(&w.all);
    w.all = first;
    flip(&w, "store/1/0000000000000003.seg", 0);
    check_partial(&w, "0000000000000003.seg");
    tmpdir_done(&side);
    world_done(&w, NULL);
}

static void a_directory_that_is_gone_is_told(void **state)
{
    (void)state;
    world w;
    char path[300];
    char kept[300];
    begin_large(&w);
    lines_done(&w.all);
    lines_init(&w.all);
    assert_int_equal(rename(path_of(&w, "store/1", path), path_of(&w, "kept", kept)), 0);
    check_partial(&w, "1/");
    world_done(&w, NULL);
}

/* ---- Life goes on */

static void nothing_expires_too_early_and_then_it_does(void **state)
{
    (void)state;
    world w;
    begin_large(&w);
    w.now += 25 * AL_NS_PER_DAY;
    engine *e = world_open(&w); /* kept for 30 days from now */
    assert_true(stats_of(e, "logs").records == 400);
    (void)engine_close(e);
    w.now += 31 * AL_NS_PER_DAY;
    e = world_open(&w);
    assert_true(stats_of(e, "logs").records == 0);
    (void)engine_close(e);
    assert_false(is_there(&w, "store/1/0000000000000001.seg"));
    assert_int_equal(n_damaged(&w, NULL, NULL), 0);
    world_done(&w, NULL);
}

static void tails_resume_where_positions_are_known(void **state)
{
    (void)state;
    world w;
    begin(&w);
    char path[300];
    engine *e = world_open(&w);
    eng_arrival before = {0};
    al_err err = {0};
    assert_int_equal(engine_tail_end(e, &before, &err), AL_OK);
    append_noted(e, three_days(w.now + 9, 3, 10), &w.all);
    must_compact(e, "logs");
    (void)engine_close(e);
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
    for (int has_positions = 1; has_positions >= 0; has_positions--) {
        e = world_open(&w);
        arrived a;
        assert_int_equal(tail_from(e, before, &a), has_positions ? AL_OK : AL_NOT_FOUND);
        assert_int_equal(a.n, has_positions ? 30 : 0);
        assert_true(a.is_in_order);
        (void)engine_close(e);
        /* Again without any: no gap is passed over in silence. */
        (void)unlink(path_of(&w, "store/1/manifest", path));
        DIR *d = opendir(path_of(&w, "store/1", path));
        assert_non_null(d);
        for (const struct dirent *f; (f = readdir(d));) /* NOLINT(concurrency-mt-unsafe): ours */
            if (al_slice_ends(al_cstr(f->d_name), AL_LIT(".pos")))
                assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
        (void)closedir(d);
    }
    world_done(&w, NULL);
}

static void an_index_without_its_manifest_can_be_dropped(void **state)
{
    (void)state;
    world w;
    al_err err = {0};
    begin(&w);
    flip(&w, "store/1/manifest", 10);
    engine *e = world_open(&w);
    assert_int_equal(engine_index_drop(e, "logs", &err), AL_OK);
    must_index(e, "logs");
    must_append(e, "logs", batch_of(w.now, "anew"));
    (void)engine_close(e);
    e = world_open(&w);
    assert_true(stats_of(e, "logs").records == 1);
    (void)engine_close(e);
    assert_int_equal(n_damaged(&w, NULL, NULL), 0);
    world_done(&w, NULL);
}

/* With a manifest and without one; the number of a sound segment, too, is its header's alone. */
static void a_stray_segment_sets_no_number(void **state)
{
    static const char *const strays[] = {"store/1/ffffffffffffffff.seg",
                                         "store/1/fffffffffffffffe.seg",
                                         "store/1/7fffffffffffffff.seg"};
    (void)state;
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        world w;
        char path[300], from[300], bad[320];
        begin(&w);
        for (size_t i = 0; i < 3; i++) {
            path_of(&w, strays[i], path);
            if (i == 0)
                copy_file(path_of(&w, "store/lock", from), path);
            else if (i == 1)
                copy_file(path_of(&w, "store/1/0000000000000001.seg", from), path);
            else
                assert_int_equal(mkfifo(path, 0600), 0);
        }
        if (is_lost)
            assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
        for (int life = 0; life < 3; life++) {
            engine *e = world_open(&w);
            assert_holds(e, "logs", &w.all);
            append_noted(e, three_days(w.now + 10 + life, 40 + (unsigned)life, 10), &w.all);
            must_compact(e, "logs");
            assert_holds(e, "logs", &w.all);
            (void)engine_close(e);
            assert_int_equal(n_damaged(&w, NULL, NULL), 0);
        }
        for (size_t i = 0; i < 3; i++) {
            (void)snprintf(bad, sizeof bad, "%s.bad", strays[i]);
            assert_true(is_there(&w, bad) && !is_there(&w, strays[i]));
        }
        world_done(&w, NULL);
    }
}

/* A FIFO would keep a reader waiting; a directory and a link are no manifest either. */
static void a_manifest_that_is_no_file_is_made_anew(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        world w;
        char path[300];
        begin(&w);
        assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
        int r = kind == 0   ? mkfifo(path, 0600)
                : kind == 1 ? mkdir(path, 0700)
                            : symlink("manifest", path);
        assert_int_equal(r, 0);
        assert_int_equal(mkdir(path_of(&w, "store/1/manifest.tmp", path), 0700), 0);
        assert_int_equal(n_damaged(&w, "store/1/manifest", "not a regular file"), 1);
        check_comes_back(&w, true);
        world_done(&w, NULL);
    }
}

static void refuse(const world *w, const char *word)
{
    engine *e = NULL;
    al_err err = {0};
    assert_int_equal(store_open(&w->o, NULL, &e, &err), AL_CORRUPT);
    assert_non_null(strstr(err.msg, word));
}

/* Nothing is damaged, so nothing may be renamed: put right, all is there. */
static void what_changed_places_is_refused_untouched(void **state)
{
    (void)state;
    world w;
    world other;
    char path[300], from[300], third[300];
    begin(&w);
    engine *e = world_open(&w);
    must_index(e, "second");
    must_append(e, "second", batch_of(w.now, "m"));
    must_compact(e, "second");
    (void)engine_close(e);

    path_of(&w, "store/1", path);
    path_of(&w, "store/2", from);
    path_of(&w, "store/aside", third);
    for (int turn = 0; turn < 2; turn++) { /* there and back again */
        assert_int_equal(rename(path, third), 0);
        assert_int_equal(rename(from, path), 0);
        assert_int_equal(rename(third, from), 0);
        if (turn == 0)
            refuse(&w, "is that of index");
    }
    begin(&other);
    path_of(&w, "store/root", path);
    path_of(&w, "root.own", third);
    assert_int_equal(rename(path, third), 0);
    copy_file(path_of(&other, "store/root", from), path);
    refuse(&w, "another store");
    assert_int_equal(rename(third, path), 0);
    assert_int_equal(n_damaged(&w, NULL, NULL), 0);
    e = world_open(&w);
    assert_true(n_quarantined(e) == 0);
    assert_holds(e, "logs", &w.all);
    must_index(e, "second");
    assert_true(stats_of(e, "second").records == 1);
    world_done(&w, e);
    world_done(&other, NULL);
}

static void a_full_disk_says_how_much_room_is_missing(void **state)
{
    (void)state;
    world w;
    char path[300];
    engine *e = NULL;
    al_err err = {0};
    begin(&w);
    assert_int_equal(unlink(path_of(&w, "store/1/manifest", path)), 0);
    refusing_io full;
    refusing_init(&full, ".seg", AL_OPEN_CREATE, ENOSPC);
    w.o.io = &full.io;
    assert_int_equal(store_open(&w.o, NULL, &e, &err), AL_IO);
    assert_non_null(strstr(err.msg, "bytes of the log"));
    assert_null(strstr(err.msg, "up to 0 bytes"));
    w.o.io = NULL;
    e = world_open(&w);
    assert_holds(e, "logs", &w.all);
    world_done(&w, e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_manifest_is_made_anew),
        cmocka_unit_test(a_missing_manifest_is_made_anew),
        cmocka_unit_test(another_index_keeps_its_manifest),
        cmocka_unit_test(an_empty_index_comes_back_empty),
        cmocka_unit_test(segments_alone_are_enough),
        cmocka_unit_test(what_a_merge_left_counts_once),
        cmocka_unit_test(a_frame_that_is_half_in_segments_is_completed),
        cmocka_unit_test(a_segment_without_a_footer_is_set_aside_and_named),
        cmocka_unit_test(a_damaged_merge_does_not_stand_for_its_inputs),
        cmocka_unit_test(a_directory_that_is_gone_is_told),
        cmocka_unit_test(nothing_expires_too_early_and_then_it_does),
        cmocka_unit_test(tails_resume_where_positions_are_known),
        cmocka_unit_test(a_stray_segment_sets_no_number),
        cmocka_unit_test(a_manifest_that_is_no_file_is_made_anew),
        cmocka_unit_test(what_changed_places_is_refused_untouched),
        cmocka_unit_test(a_full_disk_says_how_much_room_is_missing),
        cmocka_unit_test(an_index_without_its_manifest_can_be_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
