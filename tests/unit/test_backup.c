/* Backups: of a store at rest, of one that is written to, merged and dropped from at the same time,
 * with and without hard links; what is missing is named. */
#include "unit/store_help.h"

#include <unistd.h>

#include "base/thread.h"
#include "store/backup.h"

static const int64_t t0 = INT64_C(1780000000) * 1000000000;

static al_code no_link(const al_io *io, int from_dir, const char *from, int to_dir, const char *to,
                       al_err *err)
{
    (void)io;
    (void)from_dir;
    (void)to_dir;
    return al_fail(err, AL_LIMIT, "link %s to %s: not here", from, to);
}

/* As on another file system. */
static al_io table_without_links(void)
{
    al_io io = *al_io_posix();
    io.link = no_link;
    return io;
}

static void make_dir(const char *path)
{
    int fd = -1;
    assert_int_equal(al_dir_open(path, true, &fd, NULL), AL_OK);
    (void)close(fd);
}

static store_backup_sum must_backup(const char *from, const char *to, const al_io *io)
{
    store_backup_options o = {.from = from, .to = to, .io = io};
    store_backup_sum sum = {0};
    al_err err = {0};
    make_dir(to);
    al_code c = store_backup(&o, &sum, &err);
    if (c)
        print_error("backup: %s\n", err.msg);
    assert_int_equal(c, AL_OK);
    return sum;
}

/* Rows of an index with their ids, in order. */
static void assert_same_rows(engine *a, engine *b, const char *index)
{
    lines x;
    lines y;
    read_all(a, index, &x, NULL);
    read_all(b, index, &y, NULL);
    assert_int_equal(x.n, y.n);
    for (size_t i = 0; i < x.n; i++) {
        assert_int_equal(x.at[i].id, y.at[i].id);
        assert_true(al_slice_eq(x.at[i].text, y.at[i].text));
    }
    lines_done(&x);
    lines_done(&y);
}

static void a_copy_of_a_store_at_rest_is_the_store(void **state)
{
    (void)state;
    const al_io without = table_without_links();
    const al_io *tables[] = {NULL, &without};
    for (size_t i = 0; i < 2; i++) {
        tmpdir d;
        char from[300];
        char to[300];
        tmpdir_init(&d, "backup");
        store_options o = {.path = tmpdir_join(&d, "from", from, sizeof from), .idle_ns = -1};
        store_options p = {.path = tmpdir_join(&d, "to", to, sizeof to), .idle_ns = -1};
        engine *e = must_open(&o, NULL);
        must_index(e, "merged");
        must_index(e, "fresh");
        must_append(e, "merged", large_batch(t0));
        must_compact(e, "merged");
        must_append(e, "merged", large_batch(t0 + AL_NS_PER_S));
        must_append(e, "fresh", batch_of(t0, "one"));
        must_append(e, "fresh", batch_of(t0, "two"));
        store_backup_sum sum = must_backup(from, to, tables[i]); /* it is open */
        assert_int_equal(sum.n_rows, 402);
        assert_int_equal(sum.n_indexes, 2);
        assert_int_equal(sum.n_segments, 1);
        assert_int_equal(sum.n_linked, i == 0 ? 2 : 0);
        assert_int_equal(sum.n_damaged, 0);
        assert_int_equal(n_damaged_in(to), 0);
        engine *copy = must_open(&p, NULL);
        must_index(copy, "merged");
        must_index(copy, "fresh");
        assert_same_rows(e, copy, "merged");
        assert_same_rows(e, copy, "fresh");
        must_append(copy, "fresh", batch_of(t0, "three")); /* neither changes the other */
        must_compact(copy, NULL);
        assert_int_equal(stats_of(e, "fresh").records, 2);
        assert_int_equal(stats_of(copy, "fresh").records, 3);
        (void)engine_close(copy);
        (void)engine_close(e);
        assert_int_equal(n_damaged_in(from), 0);
        assert_int_equal(n_damaged_in(to), 0);
        tmpdir_done(&d);
    }
}

/* ---- Beside a store that lives: batch n has ROWS rows with n in their message, and n as its mark
 */

enum { ROWS = 20, BATCHES_MAX = 100000, BACKUPS = 12 };

typedef struct life {
    engine *e;
    _Atomic uint32_t n_sent;
    _Atomic uint32_t n_acked;
    atomic_bool ends;
    pthread_mutex_t lock;
    uint8_t is_told[BATCHES_MAX]; /* marks, how often; under lock */
} life;

static void hear(void *ctx, al_slice marks)
{
    life *l = ctx;
    al_rd r = al_rd_of(marks);
    AL_LOCKED(&l->lock);
    while (r.left) {
        uint32_t n = al_rd_u32(&r);
        assert_true(!r.bad && n < BATCHES_MAX);
        l->is_told[n]++;
    }
}

static al_code dump(void *ctx, al_buf *out)
{
    life *l = ctx;
    AL_LOCKED(&l->lock);
    for (uint32_t n = 0; n < BATCHES_MAX; n++)
        if (l->is_told[n])
            al_buf_u32(out, n);
    return AL_OK;
}

static void note_committed(life *l, uint32_t n)
{
    AL_LOCKED(&l->lock);
    l->is_told[n]++;
}

static void append_batch(life *l, uint32_t n)
{
    rec_batch *b = rec_batch_new(t0 + n * AL_NS_PER_MS);
    rng r = rng_of(n);
    al_buf mark;
    al_err err = {0};
    al_buf_init(&mark, 4);
    al_buf_u32(&mark, n);
    for (int i = 0; i < ROWS; i++) { /* bytes that do not compress, so that the log is given back */
        record *rec = rec_batch_add(b);
        uint8_t *text = al_arena_alloc(b->arena, 204, 1);
        memcpy(text, &n, 4);
        for (int k = 4; k < 204; k++)
            text[k] = (uint8_t)rng_next(&r);
        rec->time_ns = b->arrival_ns;
        rec->message = (al_slice){text, 204};
    }
    atomic_store(&l->n_sent, n + 1);
    /* the hook that dumps runs beside: the mark counts before the frame is seen */
    note_committed(l, n);
    assert_int_equal(engine_append_wait(l->e, "logs", b, al_buf_slice(&mark), NULL, &err), AL_OK);
    atomic_store(&l->n_acked, n + 1);
    al_buf_done(&mark);
}

static void *append_all(void *arg)
{
    life *l = arg;
    for (uint32_t n = 0; n < BATCHES_MAX && !atomic_load(&l->ends); n++)
        append_batch(l, n);
    return NULL;
}

static void *change_all(void *arg)
{
    life *l = arg;
    while (!atomic_load(&l->ends)) {
        must_compact(l->e, "logs");
        must_index(l->e, "passing");
        must_append(l->e, "passing", batch_of(t0, "now"));
        assert_int_equal(engine_index_drop(l->e, "passing", NULL), AL_OK);
    }
    return NULL;
}

/* Rows of each batch in the copy. */
static void count_rows(engine *e, uint8_t *counts)
{
    lines got;
    read_all(e, "logs", &got, NULL);
    for (size_t i = 0; i < got.n; i++) {
        al_rd r = al_rd_of(got.at[i].text);
        while (r.left && al_rd_u8(&r) != ' ') {
        }
        (void)al_rd_varint(&r);
        uint32_t n = al_rd_u32(&r);
        assert_true(!r.bad && n < BATCHES_MAX);
        counts[n]++;
    }
    lines_done(&got);
}

static void check_copy(const char *path, uint32_t n_acked, uint32_t n_sent, uint64_t n_rows)
{
    life *copy = al_zalloc(1, sizeof *copy);
    uint8_t *counts = al_zalloc(BATCHES_MAX, 1);
    assert_true(copy && counts);
    (void)pthread_mutex_init(&copy->lock, NULL);
    assert_int_equal(n_damaged_in(path), 0);
    eng_hooks hooks = {.ctx = copy, .mark = hear, .marks_dump = dump};
    store_options o = {.path = path, .idle_ns = -1};
    engine *e = must_open(&o, &hooks);
    must_index(e, "logs");
    count_rows(e, counts);
    uint64_t sum = 0;
    uint32_t n_there = 0;
    for (uint32_t n = 0; n < BATCHES_MAX; n++) {
        assert_true(counts[n] == 0 || counts[n] == ROWS); /* whole, and once */
        assert_true(n >= n_acked || counts[n]);
        assert_true(n < n_sent || !counts[n]);
        assert_true(!counts[n] || copy->is_told[n]); /* what was stored is remembered */
        sum += counts[n];
        n_there += counts[n] != 0;
    }
    assert_true(n_there >= n_acked);
    assert_true(sum <= n_rows); /* with those of the index that comes and goes */
    (void)engine_close(e);
    (void)pthread_mutex_destroy(&copy->lock);
    free(copy);
    free(counts);
}

static void backups_beside_a_life(const al_io *io, unsigned n)
{
    tmpdir d;
    char from[300];
    char to[300];
    pthread_t threads[2];
    life *l = al_zalloc(1, sizeof *l);
    assert_non_null(l);
    (void)pthread_mutex_init(&l->lock, NULL);
    tmpdir_init(&d, "backup");
    eng_hooks hooks = {.ctx = l, .mark = hear, .marks_dump = dump};
    store_options o = {.path = tmpdir_join(&d, "from", from, sizeof from)};
    l->e = must_open(&o, &hooks);
    must_index(l->e, "logs");
    assert_int_equal(al_thread_start(&threads[0], "append", append_all, l, NULL), AL_OK);
    assert_int_equal(al_thread_start(&threads[1], "change", change_all, l, NULL), AL_OK);
    (void)tmpdir_join(&d, "to", to, sizeof to);
    for (unsigned i = 0; i < n; i++) {
        while (atomic_load(&l->n_acked) < 10 * (i + 1))
            (void)sched_yield();
        uint32_t n_acked = atomic_load(&l->n_acked);
        store_backup_sum sum = must_backup(from, to, io);
        assert_int_equal(sum.n_damaged, 0);
        check_copy(to, n_acked, atomic_load(&l->n_sent), sum.n_rows);
        tmpdir_remove_tree(to);
    }
    atomic_store(&l->ends, true);
    (void)pthread_join(threads[0], NULL);
    (void)pthread_join(threads[1], NULL);
    eng_stats s;
    engine_stats(l->e, &s);
    print_message("# %u backups beside %u batches, %llu merges\n", n, atomic_load(&l->n_acked),
                  (unsigned long long)s.merges);
    (void)engine_close(l->e);
    assert_int_equal(n_damaged_in(from), 0);
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
    tmpdir_done(&d);
}

static void copies_beside_appends_merges_and_drops_are_whole(void **state)
{
    (void)state;
    backups_beside_a_life(NULL, BACKUPS);
}

static void so_are_those_without_links(void **state)
{
    (void)state;
    const al_io without = table_without_links();
    backups_beside_a_life(&without, BACKUPS);
}

/* ---- Odd cases */

/* More files than may be held open for copying: several rounds. */
static void many_files_are_copied_in_rounds(void **state)
{
    (void)state;
    enum { INDEXES = 140 };
    tmpdir d;
    char from[300];
    char to[300];
    const al_io without = table_without_links();
    tmpdir_init(&d, "backup");
    store_options o = {.path = tmpdir_join(&d, "from", from, sizeof from), .idle_ns = -1};
    (void)tmpdir_join(&d, "to", to, sizeof to);
    engine *e = must_open(&o, NULL);
    for (int i = 0; i < INDEXES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "i%d", i);
        must_index(e, name);
        must_append(e, name, batch_of(t0, name));
    }
    must_compact(e, NULL);
    store_backup_sum sum = must_backup(from, to, &without);
    assert_int_equal(sum.n_rows, INDEXES);
    assert_int_equal(sum.n_segments, INDEXES);
    assert_int_equal(sum.n_tries, 2);
    assert_true(sum.n_copied >= 2 * INDEXES);
    (void)engine_close(e);
    assert_int_equal(n_damaged_in(to), 0);
    tmpdir_done(&d);
}

typedef struct findings {
    unsigned n;
    char file[200];
} findings;

static void note_finding(void *ctx, const store_finding *f)
{
    findings *n = ctx;
    n->n++;
    (void)snprintf(n->file, sizeof n->file, "%s", f->file);
}

static bool refuse(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx;
    (void)done;
    (void)total;
    return false;
}

static void what_is_damaged_is_named_and_the_rest_copied(void **state)
{
    (void)state;
    tmpdir d;
    char from[300];
    char to[300];
    char path[400];
    tmpdir_init(&d, "backup");
    store_options so = {.path = tmpdir_join(&d, "from", from, sizeof from), .idle_ns = -1};
    make_dir(tmpdir_join(&d, "to", to, sizeof to));
    engine *e = must_open(&so, NULL);
    must_index(e, "logs");
    must_append(e, "logs", batch_of(t0, "merged"));
    must_compact(e, "logs");
    must_append(e, "logs", batch_of(t0, "in the log"));
    (void)engine_close(e);
    findings f = {0};
    store_backup_options o = {.from = from, .to = to, .found = note_finding, .ctx = &f};
    store_backup_sum sum = {0};
    al_err err = {0};

    o.progress = refuse;
    assert_int_equal(store_backup(&o, &sum, &err), AL_CANCELLED);
    o.progress = NULL;
    (void)snprintf(path, sizeof path, "%s/store/1/0000000000000001.seg", from);
    assert_int_equal(unlink(path), 0);
    tmpdir_remove_tree(to);
    make_dir(to);
    assert_int_equal(store_backup(&o, &sum, &err), AL_OK);
    assert_int_equal(sum.n_damaged, 1);
    assert_int_equal(f.n, 1);
    assert_string_equal(f.file, "store/1/0000000000000001.seg");
    (void)snprintf(path, sizeof path, "%s/store/1/manifest", from);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_backup(&o, &sum, &err), AL_OK); /* into the same directory again */
    assert_int_equal(f.n, 2);
    assert_string_equal(f.file, "store/1/manifest");
    (void)snprintf(path, sizeof path, "%s/store/root", from);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_backup(&o, &sum, &err), AL_NOT_FOUND);
    tmpdir_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_of_a_store_at_rest_is_the_store),
        cmocka_unit_test(copies_beside_appends_merges_and_drops_are_whole),
        cmocka_unit_test(so_are_those_without_links),
        cmocka_unit_test(many_files_are_copied_in_rounds),
        cmocka_unit_test(what_is_damaged_is_named_and_the_rest_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
