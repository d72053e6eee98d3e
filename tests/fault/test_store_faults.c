/* Goal: no failing I/O call, at whatever moment, loses an acknowledged record, invents one, damages
 * a file, or keeps the store from opening later.
 * Method: the same life of a store again and again, with call 1, 2, 3, … failing until a run gets
 * through; after each the directory is opened with a sound table, read and verified. */
#include "unit/store_help.h"

#include "support/fail_io.h"

enum { APPENDS = 8, ROWS = 40, MESSAGE_BYTES = 1200 };

typedef struct ledger {
    lines acked;
    lines refused; /* reported as not stored */
} ledger;

/* Rows that do not compress: the log must become large enough to be given back. */
static rec_batch *noise(rng *r, int64_t time_ns)
{
    rec_batch *b = rec_batch_new(time_ns);
    for (int i = 0; i < ROWS; i++) {
        record *rec = rec_batch_add(b);
        uint8_t *text = al_arena_alloc(b->arena, MESSAGE_BYTES, 1);
        for (int k = 0; k < MESSAGE_BYTES; k++)
            text[k] = (uint8_t)rng_next(r);
        rec->time_ns = time_ns + i * 1000;
        rec->message = (al_slice){text, MESSAGE_BYTES};
    }
    return b;
}

static void append(engine *e, rng *r, int64_t time_ns, ledger *l)
{
    rec_batch *b = noise(r, time_ns);
    lines one;
    lines_init(&one);
    lines_add_batch(&one, b);
    lines *to = NULL;
    al_err err = {0};
    al_code c = engine_append_wait(e, "logs", b, AL_LIT("mark"), NULL, &err);
    to = c == AL_OK ? &l->acked : &l->refused;
    for (size_t i = 0; i < one.n; i++)
        lines_add_line(to, &one.at[i]);
    lines_done(&one);
}

static al_code dump_nothing(void *ctx, al_buf *out)
{
    (void)ctx;
    al_buf_str(out, "dump");
    return AL_OK;
}

static void live(const store_options *o, ledger *l, uint64_t seed)
{
    static const int64_t t0 = INT64_C(1780000000) * 1000000000;
    eng_hooks hooks = {.marks_dump = dump_nothing};
    rng r = rng_of(seed);
    engine *e = NULL;
    al_err err = {0};
    if (store_open(o, &hooks, &e, &err))
        return;
    eng_index_settings s = {.name = "logs", .intervals = 30};
    if (engine_index_open(e, &s, &err) == AL_OK) {
        for (int i = 0; i < APPENDS; i++) {
            append(e, &r, t0 + (i % 3) * 20 * 1000000, l);
            al_code ignored = i % 3 == 2 ? engine_compact(e, "logs", NULL, &err) : AL_OK;
            (void)ignored; /* what was acknowledged stays in the log */
        }
    }
    (void)engine_close(e);
}

static void tell(void *ctx, const store_finding *f)
{
    (void)ctx;
    if (f->is_damage)
        print_error("%s: %s\n", f->file, f->text);
}

/* What the store holds, against what it said. When everything fails for good, also what would undo
 * a frame that could not be synced, a refused batch may be there: the outcome was not known. */
static bool is_as_told(lines *got, ledger *l, fail_mode mode)
{
    if (lines_equal(got, &l->acked))
        return true;
    if (mode != FAIL_FOR_GOOD || got->n != l->acked.n + ROWS || l->refused.n < ROWS)
        return false;
    for (size_t i = 0; i < ROWS; i++) { /* the first refused one, whole */
        lines_add_line(&l->acked, &l->refused.at[i]);
    }
    return lines_equal(got, &l->acked);
}

static void check(const char *path, ledger *l, unsigned long fail_at, fail_mode mode)
{
    store_verified v = {0};
    al_err err = {0};
    al_code c = store_verify(path, NULL, tell, NULL, &v, &err);
    if (c == AL_OK) /* else there is no directory yet */
        assert_int_equal(v.n_damaged, 0);
    store_options o = {.path = path, .idle_ns = -1};
    engine *e = must_open(&o, NULL);
    must_index(e, "logs");
    lines got;
    read_all(e, "logs", &got, NULL);
    if (!is_as_told(&got, l, mode))
        fail_msg("call %lu failed: %zu rows, %zu were acknowledged, %zu refused", fail_at, got.n,
                 l->acked.n, l->refused.n);
    rng r = rng_of(99);
    append(e, &r, INT64_C(1790000000) * 1000000000, l); /* and it goes on */
    must_compact(e, "logs");
    assert_holds(e, "logs", &l->acked);
    lines_done(&got);
    (void)engine_close(e);
}

static void sweep(fail_mode mode, unsigned long step)
{
    unsigned long n_failed = 1;
    for (unsigned long fail_at = 1; n_failed; fail_at += step) {
        tmpdir dir;
        tmpdir_init(&dir, "fault");
        ledger l;
        lines_init(&l.acked);
        lines_init(&l.refused);
        fail_io f;
        fail_io_init(&f, al_io_posix(), fail_at, mode);
        store_options o = {.path = dir.path, .io = &f.io, .idle_ns = -1};
        live(&o, &l, 5);
        n_failed = fail_io_failed(&f);
        check(dir.path, &l, fail_at, mode);
        if (n_failed == 0) {
            assert_int_equal(l.refused.n, 0);
            print_message("# got through after %lu calls\n", fail_at - 1);
        }
        lines_done(&l.acked);
        lines_done(&l.refused);
        tmpdir_done(&dir);
    }
}

static void every_call_fails_once(void **state)
{
    (void)state;
    sweep(FAIL_ONCE, 1);
}

static void every_call_fails_for_good(void **state)
{
    (void)state;
    sweep(FAIL_FOR_GOOD, 1);
}

static void every_call_finds_no_space(void **state)
{
    (void)state;
    /* Each refusal costs a look at the disk, five a second: not every call. */
    sweep(FAIL_NO_SPACE, rng_env("ALCO_FAULT_STEP", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_fails_once),
        cmocka_unit_test(every_call_fails_for_good),
        cmocka_unit_test(every_call_finds_no_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
