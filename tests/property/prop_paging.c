/* Goal: paging is stable while records come in and segments are merged: whoever pages through an
 * index sees every record that was there when he began, once and in order.
 *
 * Method: one thread appends (on time, late, far off) and merges without a pause; another pages
 * from either end with random page sizes, again and again, until a fixed number of passes is done,
 * and tails at the same time from a place noted before, where every record must come once.
 *
 * Run: prop_paging [passes] [seed]; ALCO_PASSES and ALCO_SEED do the same. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store.h"
#include "support/gen.h"
#include "support/rows.h"
#include "support/tmpdir.h"

enum { PASSES = 60, ROWS_FIRST = 3000, ROWS_MAX = 40000, BATCH_MAX = 60, PAGE_MAX = 400 };

static const char *const index_name = "logs";

typedef struct writer {
    engine *e;
    uint64_t seed;
    atomic_bool stops;
    atomic_size_t n_appended;
} writer;

static _Noreturn void fail(uint64_t seed, const char *what)
{
    (void)fprintf(stderr, "\nFAILED: %s (ALCO_SEED=%" PRIu64 ")\n", what, seed);
    exit(1); /* NOLINT(concurrency-mt-unsafe): the end */
}

static void append(engine *e, gen_stream *g, size_t n, uint64_t seed)
{
    al_err err = {0};
    if (engine_append_wait(e, index_name, gen_batch(g, n), (al_slice){0}, NULL, &err))
        fail(seed, err.msg);
}

static void *write_on(void *arg)
{
    writer *w = arg;
    gen_stream g = gen_stream_of(w->seed + 1);
    g.late_percent = 30;
    al_err err = {0};
    while (!atomic_load(&w->stops)) {
        if (rng_chance(&g.r, 5)) {
            if (engine_compact(w->e, NULL, NULL, &err))
                fail(w->seed, err.msg);
            continue;
        }
        /* A machine that writes faster than it reads must not make the test endless. */
        size_t n = 1 + (size_t)rng_below(&g.r, BATCH_MAX);
        if (atomic_load(&w->n_appended) < ROWS_MAX) {
            append(w->e, &g, n, w->seed);
            (void)atomic_fetch_add(&w->n_appended, n);
        }
    }
    return NULL;
}

/* ---- What was there */

typedef struct id_set { /* ids in order */
    uint64_t *ids;
    size_t n;
} id_set;

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static id_set ids_of(const rows_seen *r)
{
    id_set s = {.ids = al_alloc(r->n + 1, sizeof *s.ids), .n = r->n};
    if (!s.ids)
        abort();
    for (size_t i = 0; i < r->n; i++)
        s.ids[i] = r->rows[i].id;
    qsort(s.ids, s.n, sizeof *s.ids, by_id);
    return s;
}

static void must_hold_all(const rows_seen *got, const id_set *wanted, uint64_t seed,
                          const char *what)
{
    id_set have = ids_of(got);
    for (size_t i = 1; i < have.n; i++)
        if (have.ids[i - 1] == have.ids[i])
            fail(seed, what);
    size_t k = 0;
    for (size_t i = 0; i < wanted->n; i++) {
        while (k < have.n && have.ids[k] < wanted->ids[i])
            k++;
        if (k == have.n || have.ids[k] != wanted->ids[i])
            fail(seed, what);
    }
    free(have.ids);
}

static void must_be_in_order(const rows_seen *r, bool is_descending, uint64_t seed)
{
    for (size_t i = 1; i < r->n; i++)
        if (is_descending ? r->rows[i - 1].id <= r->rows[i].id : r->rows[i - 1].id >= r->rows[i].id)
            fail(seed, "pages are not in order");
}

/* ---- Reading */

static void page_through(engine *e, query *all, bool is_descending, rng *r, rows_seen *ret,
                         uint64_t seed)
{
    eng_search s = {.scope = {.indexes = &index_name, .n_indexes = 1, .to_ns = INT64_MAX, .q = all},
                    .is_descending = is_descending};
    eng_pos after = {0};
    eng_answer answer = {0};
    al_err err = {0};
    while (!answer.is_at_end) {
        size_t before = ret->n;
        s.limit = 1 + rng_below(r, PAGE_MAX);
        if (engine_search(e, &s, NULL, rows_take, ret, &answer, &err))
            fail(seed, err.msg);
        if (answer.partial.n)
            fail(seed, answer.partial.reasons[0].why);
        if (!answer.is_at_end && ret->n - before != s.limit)
            fail(seed, "a short page in the middle");
        after = answer.reached;
        s.after = &after;
    }
}

/* Takes what arrived since the last call. */
static void tail_on(engine *e, query *all, eng_arrival *place, rows_seen *ret, uint64_t seed)
{
    const eng_scope s = {.indexes = &index_name, .n_indexes = 1, .to_ns = INT64_MAX, .q = all};
    al_err err = {0};
    al_code c = engine_tail(e, &s, *place, NULL, rows_take_arrived, ret, place, NULL, &err);
    if (c)
        fail(seed, c == AL_NOT_FOUND ? "a place of this hour was forgotten" : err.msg);
}

static void run(engine *e, uint64_t passes, uint64_t seed)
{
    AL_CLEANUP(query_unrefp) query *all = query_all();
    gen_stream g = gen_stream_of(seed);
    rng r = rng_of(seed);
    rows_seen rows = {0};
    rows_seen tail = {0};
    eng_arrival place = {0};
    al_err err = {0};
    if (engine_tail_end(e, &place, &err))
        fail(seed, err.msg);
    for (size_t n = 0; n < ROWS_FIRST; n += BATCH_MAX)
        append(e, &g, BATCH_MAX, seed);

    writer w = {.e = e, .seed = seed};
    pthread_t thread;
    if (al_thread_start(&thread, "writer", write_on, &w, &err))
        fail(seed, err.msg);
    page_through(e, all, false, &r, &rows, seed);
    id_set known = ids_of(&rows);
    for (uint64_t pass = 0; pass < passes; pass++) {
        bool is_descending = rng_chance(&r, 50);
        rows_clear(&rows);
        page_through(e, all, is_descending, &r, &rows, seed);
        must_be_in_order(&rows, is_descending, seed);
        must_hold_all(&rows, &known, seed, "a record is missing or doubled in pages");
        free(known.ids);
        known = ids_of(&rows); /* all that must be there the next time */
        tail_on(e, all, &place, &tail, seed);
    }
    atomic_store(&w.stops, true);
    (void)pthread_join(thread, NULL);
    tail_on(e, all, &place, &tail, seed);
    must_hold_all(&tail, &known, seed, "a record is missing or doubled in the tail");
    if (tail.n != ROWS_FIRST + atomic_load(&w.n_appended))
        fail(seed, "the tail has not as many records as were sent");
    printf("%" PRIu64 " passes over up to %zu records\n", passes, rows.n);
    free(known.ids);
    rows_done(&rows);
    rows_done(&tail);
}

static uint64_t argument(int argc, char **argv, int i, const char *env, uint64_t fallback)
{
    uint64_t v = rng_env(env, fallback);
    if (argc > i && !al_parse_u64(al_cstr(argv[i]), &v)) {
        (void)fprintf(stderr, "usage: prop_paging [passes] [seed]\n");
        exit(2); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    }
    return v;
}

int main(int argc, char **argv)
{
    uint64_t passes = argument(argc, argv, 1, "ALCO_PASSES", PASSES);
    uint64_t seed = argument(argc, argv, 2, "ALCO_SEED", (uint64_t)al_now_ns());
    printf("seed %" PRIu64 "\n", seed);
    (void)fflush(stdout);
    tmpdir d;
    tmpdir_init(&d, "paging");
    const store_options o = {.path = d.path, .min_free_bytes = 0, .idle_ns = AL_NS_PER_MS};
    eng_index_settings s = {.name = "logs", .intervals = 36500};
    engine *e = NULL;
    al_err err = {0};
    if (store_open(&o, NULL, &e, &err) || engine_index_open(e, &s, &err))
        fail(seed, err.msg);
    run(e, passes, seed);
    (void)engine_close(e);
    tmpdir_done(&d);
    return 0;
}
