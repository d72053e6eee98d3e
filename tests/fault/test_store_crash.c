/* Goal: after a power cut at any moment every acknowledged record is there, once, with its marks;
 * nothing is invented, and no file is damaged.
 * Method: one life of a store over crash_io, which only records; then, for cuts at every call and
 * several fates of what was not synced, the directory is made as the cut would leave it, verified,
 * opened, read, opened again. Seed printed. */
#include "unit/store_help.h"

#include "support/crash_io.h"

enum { BATCHES_MAX = 64 };

typedef struct sent {
    size_t first; /* in lines */
    size_t n;
    size_t acked_at; /* calls made when it was reported done; SIZE_MAX: never */
} sent;

typedef struct life {
    lines all;
    sent batches[BATCHES_MAX];
    unsigned n_batches;
    crash_io *disk;
} life;

/* The marks that a store has told: numbers of batches. */
typedef struct told {
    bool is_told[BATCHES_MAX];
    bool is_twice;
} told;

static void hear_mark(void *ctx, al_slice marks)
{
    told *t = ctx;
    for (size_t i = 0; i < marks.len; i++) {
        t->is_twice |= t->is_told[marks.ptr[i]];
        t->is_told[marks.ptr[i]] = true;
    }
}

static al_code dump_told(void *ctx, al_buf *out)
{
    const told *t = ctx;
    for (unsigned i = 0; i < BATCHES_MAX; i++)
        if (t->is_told[i])
            al_buf_u8(out, (uint8_t)i);
    return AL_OK;
}

static void append(engine *e, gen_stream *g, life *l, size_t n)
{
    uint8_t number = (uint8_t)l->n_batches;
    sent *s = &l->batches[l->n_batches++];
    rec_batch *b = gen_batch(g, n);
    *s = (sent){.first = l->all.n, .n = b->n, .acked_at = SIZE_MAX};
    for (size_t i = 0; i < b->n; i++) { /* each one unlike any other */
        al_buf text;
        al_buf_init(&text, SIZE_MAX);
        al_buf_slice_put(&text, b->recs[i].message);
        al_buf_printf(&text, " #%u.%zu", number, i);
        b->recs[i].message = al_arena_copy(b->arena, al_buf_slice(&text));
        al_buf_done(&text);
    }
    lines_add_batch(&l->all, b);
    al_err err = {0};
    al_slice marks = {&number, 1};
    assert_int_equal(engine_append_wait(e, "logs", b, marks, NULL, &err), AL_OK);
    s->acked_at = crash_io_calls(l->disk);
}

static void live(const char *path, life *l, uint64_t seed)
{
    told t = {0};
    eng_hooks hooks = {.ctx = &t, .mark = hear_mark, .marks_dump = dump_told};
    gen_stream g = gen_stream_of(seed);
    rng r = rng_of(seed);
    g.late_percent = 20;
    for (int lives = 0; lives < 3; lives++) {
        store_options o = {.path = path, .io = crash_io_table(l->disk), .idle_ns = -1};
        t = (told){0};
        engine *e = must_open(&o, &hooks);
        must_index(e, "logs");
        for (int i = 0; i < 8; i++) {
            /* The third one is large enough for its log file to be given back. */
            append(e, &g, l, i == 2 ? 4000 : 1 + rng_below(&r, 30));
            if (i % 3 == 2)
                must_compact(e, "logs");
        }
        (void)engine_close(e);
    }
}

static void tell(void *ctx, const store_finding *f)
{
    (void)ctx;
    if (f->is_damage)
        print_error("%s: %s\n", f->file, f->text);
}

/* Whole batches, those acknowledged before the cut all of them. */
static void check_rows(const life *l, const lines *sorted, lines *got, const told *t, size_t at)
{
    bool is_there[BATCHES_MAX] = {0};
    size_t n_there[BATCHES_MAX] = {0};
    if (got->n)
        qsort(got->at, got->n, sizeof *got->at, line_by_text);
    for (size_t i = 0; i < got->n; i++) {
        if (i)
            assert_false(al_slice_eq(got->at[i].text, got->at[i - 1].text)); /* once */
        const line *known =
            bsearch(&got->at[i], sorted->at, sorted->n, sizeof *sorted->at, line_by_text);
        assert_non_null(known); /* nothing invented */
        unsigned b = 0;
        while (known->id >= l->batches[b].first + l->batches[b].n)
            b++;
        n_there[b]++;
    }
    for (unsigned b = 0; b < l->n_batches; b++) {
        is_there[b] = n_there[b] == l->batches[b].n;
        assert_true(is_there[b] || n_there[b] == 0);
        if (l->batches[b].acked_at <= at && !is_there[b])
            fail_msg("cut at %zu: batch %u, acknowledged at %zu, is not there", at, b,
                     l->batches[b].acked_at);
        assert_int_equal(t->is_told[b], is_there[b]);
    }
    assert_false(t->is_twice);
}

static void check_cut(const life *l, const lines *sorted, size_t at, uint64_t seed)
{
    tmpdir dir;
    char path[300];
    al_err err = {0};
    tmpdir_init(&dir, "cut");
    assert_int_equal(
        crash_io_cut(l->disk, at, seed, tmpdir_join(&dir, "d", path, sizeof path), &err), AL_OK);
    store_verified v = {0};
    if (store_verify(path, NULL, tell, NULL, &v, &err) == AL_OK && v.n_damaged) {
        char what[200];
        crash_io_describe(l->disk, at, what, sizeof what);
        fail_msg("cut at %zu (%s) seed %llu: damage", at, what, (unsigned long long)seed);
    }
    store_options o = {.path = path, .idle_ns = -1};
    for (int opened = 0; opened < 2; opened++) {
        told t = {0};
        eng_hooks hooks = {.ctx = &t, .mark = hear_mark, .marks_dump = dump_told};
        engine *e = must_open(&o, &hooks);
        must_index(e, "logs");
        lines got;
        read_all(e, "logs", &got, NULL);
        check_rows(l, sorted, &got, &t, at);
        if (opened == 0)
            must_compact(e, "logs");
        lines_done(&got);
        (void)engine_close(e);
    }
    tmpdir_done(&dir);
}

static void cuts_lose_nothing(void **state)
{
    (void)state;
    uint64_t seed = rng_env("ALCO_SEED", 3);
    uint64_t n_seeds = rng_env("ALCO_CUT_SEEDS", 2);
    tmpdir dir;
    tmpdir_init(&dir, "crash");
    life l = {0};
    al_err err = {0};
    lines_init(&l.all);
    assert_int_equal(crash_io_new(dir.path, &l.disk, &err), AL_OK);
    live(dir.path, &l, seed);
    print_message("# seed %llu, %zu calls\n", (unsigned long long)seed, crash_io_calls(l.disk));
    for (size_t i = 0; i < l.all.n; i++)
        l.all.at[i].id = i; /* its place, kept through sorting */
    lines sorted = l.all;
    qsort(sorted.at, sorted.n, sizeof *sorted.at, line_by_text);
    for (size_t at = 0; at <= crash_io_calls(l.disk); at++)
        for (uint64_t s = 0; s < n_seeds; s++)
            check_cut(&l, &sorted, at, seed * 1000 + s);
    lines_done(&l.all);
    (void)crash_io_free(l.disk);
    tmpdir_done(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
