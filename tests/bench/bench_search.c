/* Goal: what each kind of question costs. Method: opens a directory that bench_store has filled
 * (index `logs`), asks each question a few times and prints the best and the last, with the rows
 * that were looked at. Usage: bench_search DIR [TIMES [QUERY]]; QUERY: only this one of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "store/store.h"

enum { TIMES = 3 };

/* As the server asks: with a deadline. */
static const eng_budget budget = {.deadline_ns = INT64_MAX};

typedef enum kind { NEWEST, OLDEST, ALL, COUNT, VALUES, HISTOGRAM } kind;

typedef struct question {
    kind kind;
    const char *text;
    const char *field;
} question;

static const question questions[] = {
    {NEWEST, "", NULL},
    {OLDEST, "", NULL},
    {NEWEST, "levelname=ERROR", NULL},
    {NEWEST, "\"cache miss\"", NULL},
    {NEWEST, "request_id=nothing", NULL},
    {NEWEST, "\"there is no such text\"", NULL},
    {COUNT, "", NULL},
    {COUNT, "levelname=ERROR", NULL},
    {COUNT, "\"cache miss\"", NULL},
    {COUNT, "/took [0-9]*77[0-9]*/", NULL},
    {COUNT, "user_id>59000", NULL},
    {COUNT, "host:web0 -\"cache hit\"", NULL},
    {COUNT, "no_such_field=1", NULL},
    {VALUES, "", "host"},
    {VALUES, "levelname=ERROR", "logger"},
    {VALUES, "", "request_id"},
    {HISTOGRAM, "", NULL},
    {HISTOGRAM, "", "levelname"},
    {HISTOGRAM, "\"cache miss\"", "host"},
    {ALL, "levelname=ERROR", NULL},
};

static bool is_field(void *ctx, al_slice name)
{
    static const char *const names[] = {"levelname", "host",    "logger",       "request_id",
                                        "user_id",   "process", "no_such_field"};
    (void)ctx;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (al_slice_eq(name, al_cstr(names[i])))
            return true;
    return false;
}

static eng_flow take(void *ctx, const eng_row *row)
{
    *(uint64_t *)ctx += row->rec->message.len;
    return ENG_MORE;
}

static al_code ask(engine *e, const question *q, query *parsed, eng_answer *answer, al_err *err)
{
    static const char *const index = "logs";
    const eng_scope scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = parsed};
    const eng_search s = {
        .scope = scope, .is_descending = q->kind == NEWEST, .limit = q->kind == ALL ? 0 : 100};
    const al_slice field = q->field ? al_cstr(q->field) : (al_slice){0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1 << 16);
    eng_values values;
    eng_histogram histogram;
    uint64_t n = 0;
    switch (q->kind) {
    case NEWEST:
    case OLDEST:
    case ALL:
        return engine_search(e, &s, &budget, take, &n, answer, err);
    case COUNT:
        return engine_count(e, &scope, &budget, &n, answer, err);
    case VALUES:
        return engine_values(e, &scope, field, 10, &budget, arena, &values, answer, err);
    case HISTOGRAM:
        return engine_histogram(e, &scope, AL_NS_PER_S, field, &budget, arena, &histogram, answer,
                                err);
    }
    return AL_INVALID;
}

static void measure(engine *e, const question *q, unsigned times)
{
    static const char *const kinds[] = {"newest 100", "oldest 100", "all",
                                        "count",      "values",     "histogram"};
    const query_env env = {.is_field = is_field};
    query *parsed = NULL;
    al_err err = {0};
    eng_answer answer = {0};
    int64_t best = INT64_MAX;
    int64_t took = 0;
    al_code c = query_parse(al_cstr(q->text), &env, &parsed, &err);
    for (unsigned i = 0; !c && i < times; i++) {
        int64_t from = al_mono_ns();
        c = ask(e, q, parsed, &answer, &err);
        took = al_mono_ns() - from;
        best = took < best ? took : best;
    }
    if (c) {
        (void)fprintf(stderr, "%s %s: %s\n", kinds[q->kind], q->text, err.msg);
        exit(1); /* NOLINT(concurrency-mt-unsafe): the end */
    }
    printf("%-10s %-28s %-12s best %9.2f ms, last %9.2f ms, %8llu rows looked at\n", kinds[q->kind],
           q->text, q->field ? q->field : "", (double)best / 1e6, (double)took / 1e6,
           (unsigned long long)answer.rows_looked_at);
    (void)query_unref(parsed);
}

int main(int argc, char **argv)
{
    uint64_t times = TIMES;
    if (argc < 2 || (argc > 2 && !al_parse_u64(al_cstr(argv[2]), &times))) {
        (void)fprintf(stderr, "usage: bench_search DIR [TIMES [QUERY]]\n");
        return 2;
    }
    const store_options o = {.path = argv[1], .min_free_bytes = 0};
    const eng_index_settings s = {.name = "logs", .intervals = 36500};
    engine *e = NULL;
    al_err err = {0};
    if (store_open(&o, NULL, &e, &err) || engine_index_open(e, &s, &err)) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
        if (argc < 4 || strcmp(argv[3], questions[i].text) == 0)
            measure(e, &questions[i], (unsigned)times);
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    printf("peak RSS %ld MiB\n", u.ru_maxrss / 1024);
    (void)engine_close(e);
    return 0;
}
