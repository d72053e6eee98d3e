/* Goal: how fast rows become durable, what they cost on disk, how fast they are read back. Method:
 * log-like rows with eight fields in batches of 1,000, from two threads; then compact; then one
 * pass over everything. Usage: bench_store DIR [ROWS]. Prints one line a figure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/thread.h"
#include "store/store.h"
#include "support/rng.h"

enum { BATCH = 1000, FEEDERS = 2 };

static const int64_t t0 = INT64_C(1780000000) * 1000000000;

typedef struct feeder {
    engine *e;
    unsigned number;
    uint64_t rows;
} feeder;

static void add_field(rec_batch *b, field *f, const char *name, val_type type, const char *text)
{
    f->name = al_cstr(name);
    f->val = (value){.type = type, .text = al_arena_copy(b->arena, al_cstr(text))};
}

static void fill(rec_batch *b, rng *r, uint64_t row)
{
    static const char *const levels[] = {"DEBUG", "INFO", "INFO", "INFO", "WARNING", "ERROR"};
    char text[256];
    record *rec = rec_batch_add(b);
    if (!rec)
        abort();
    rec->time_ns = t0 + (int64_t)(row * 100000 + rng_below(r, 90000));
    (void)snprintf(text, sizeof text,
                   "GET /api/v1/videos/%u from 10.%u.%u.%u took %u.%03u ms, %u bytes, cache %s",
                   (unsigned)rng_below(r, 100000), (unsigned)rng_below(r, 4),
                   (unsigned)rng_below(r, 256), (unsigned)rng_below(r, 256),
                   (unsigned)rng_below(r, 900), (unsigned)rng_below(r, 1000),
                   (unsigned)rng_below(r, 1000000), rng_chance(r, 80) ? "hit" : "miss");
    rec->message = al_arena_copy(b->arena, al_cstr(text));
    field *f = al_arena_alloc(b->arena, 8, sizeof *f);
    if (!f)
        abort();
    (void)snprintf(text, sizeof text, "web%02u.example.com", (unsigned)(row / 7 % 16));
    add_field(b, &f[0], "host", VAL_STRING, text);
    add_field(b, &f[1], "levelname", VAL_STRING, levels[rng_below(r, 6)]);
    (void)snprintf(text, sizeof text, "app.module%u.views", (unsigned)rng_below(r, 30));
    add_field(b, &f[2], "logger", VAL_STRING, text);
    (void)snprintf(text, sizeof text, "%08x-%04x", (unsigned)rng_below(r, 1 << 20) * 77,
                   (unsigned)(row / 11 % 4096));
    add_field(b, &f[3], "request_id", VAL_STRING, text);
    (void)snprintf(text, sizeof text, "%u", (unsigned)rng_below(r, 60000));
    add_field(b, &f[4], "user_id", VAL_NUMBER, text);
    (void)snprintf(text, sizeof text, "%u", (unsigned)(row / 7 % 64 + 1000));
    add_field(b, &f[5], "process", VAL_NUMBER, text);
    (void)snprintf(text, sizeof text, "%u.%02u", (unsigned)rng_below(r, 300),
                   (unsigned)rng_below(r, 100));
    add_field(b, &f[6], "duration_ms", VAL_NUMBER, text);
    add_field(b, &f[7], "tags", VAL_ARRAY, "[]");
    rec->fields = f;
    rec->n_fields = 8;
}

static void *feed(void *arg)
{
    feeder *f = arg;
    rng r = rng_of(f->number + 1);
    for (uint64_t row = 0; row < f->rows;) {
        rec_batch *b = rec_batch_new(al_now_ns());
        for (int i = 0; b && i < BATCH; i++, row++)
            fill(b, &r, row * FEEDERS + f->number);
        al_err err = {0};
        if (!b || engine_append_wait(f->e, "logs", b, (al_slice){0}, NULL, &err)) {
            (void)fprintf(stderr, "append: %s\n", err.msg);
            abort();
        }
    }
    return NULL;
}

static double cpu_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double seconds_since(int64_t from)
{
    return (double)(al_mono_ns() - from) / 1e9;
}

static eng_flow count_bytes(void *ctx, const eng_row *row)
{
    *(uint64_t *)ctx += row->rec->message.len;
    return ENG_MORE;
}

static void read_back(engine *e, uint64_t rows)
{
    const char *index = "logs";
    query *all = query_all();
    if (!all)
        abort();
    eng_search s = {.scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_budget budget = {0};
    eng_answer answer = {0};
    uint64_t bytes = 0;
    al_err err = {0};
    int64_t from = al_mono_ns();
    if (engine_search(e, &s, &budget, count_bytes, &bytes, &answer, &err))
        abort();
    (void)printf("read all rows: %.0f ns/row\n", seconds_since(from) * 1e9 / (double)rows);
    (void)query_unref(all);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    store_options o = {.path = argv[1]};
    engine *e = NULL;
    al_err err = {0};
    eng_index_settings s = {.name = "logs", .intervals = 36500};
    if (store_open(&o, NULL, &e, &err) || engine_index_open(e, &s, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 2;
    }
    int64_t from = al_mono_ns();
    double cpu = cpu_s();
    pthread_t t[FEEDERS];
    feeder f[FEEDERS];
    for (unsigned i = 0; i < FEEDERS; i++) {
        f[i] = (feeder){.e = e, .number = i, .rows = rows / FEEDERS};
        if (al_thread_start(&t[i], "feeder", feed, &f[i], &err))
            return 2;
    }
    for (unsigned i = 0; i < FEEDERS; i++)
        (void)pthread_join(t[i], NULL);
    double n = (double)rows;
    (void)printf("durable: %.0f rows/s, %.0f rows/CPU s (with making them)\n",
                 n / seconds_since(from), n / (cpu_s() - cpu));
    if (engine_compact(e, NULL, NULL, &err))
        return 2;
    eng_stats st;
    engine_stats(e, &st);
    (void)printf("merged: %.0f rows/s, %.0f rows/CPU s\n", n / seconds_since(from),
                 n / (cpu_s() - cpu));
    (void)printf("disk: %.1f bytes/row in %llu segments, %.1f written/row, %llu frames\n",
                 (double)(st.bytes - st.log_bytes) / n, (unsigned long long)st.segments,
                 (double)st.bytes_written / n, (unsigned long long)st.frames_appended);
    read_back(e, rows);
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    (void)printf("peak RSS: %ld MB\n", u.ru_maxrss / 1024);
    (void)engine_close(e);
    return 0;
}
