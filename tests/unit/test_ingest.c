/* Goal: the contract of ingest.h over an engine without a disk: settings applied, fields known
 * before the acknowledgement, exclusion, back-pressure, changes, listeners, counters.
 * Method: the model engine of tests/support, which can be told to refuse. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "ingest/ing_exclude.h"
#include "ingest/ingest.h"
#include "ingest/pathset.h"
#include "record/decode.h"
#include "support/model_engine.h"

typedef struct fixture {
    char dir[64];
    catalog *cat;
    ingest *in;
    engine *e;
    al_arena *arena;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    al_err err = {0};
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/alco-ingest-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->arena = al_arena_new(4096);
    assert_int_equal(catalog_open(f->dir, &f->cat, &err), AL_OK);
    assert_int_equal(ingest_new(f->cat, &f->in, &err), AL_OK);
    assert_int_equal(model_engine_open(ingest_hooks(f->in), &f->e, &err), AL_OK);
    assert_int_equal(ingest_attach(f->in, f->e, &err), AL_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ingest_stop(f->in);
    (void)engine_close(f->e);
    (void)ingest_free(f->in);
    (void)catalog_close(f->cat);
    (void)al_arena_free(f->arena);
    char path[100];
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    (void)unlink(path);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static void add(fixture *f, const char *index, const char *body)
{
    ingest_batch *b = NULL;
    al_err err = {0};
    assert_int_equal(ingest_begin(f->in, index, "test", &b, &err), AL_OK);
    assert_int_equal(ingest_add(b, al_cstr(body)), AL_OK);
    assert_int_equal(ingest_submit_wait(b, NULL, &err), AL_OK);
}

typedef struct rows {
    size_t n;
    int64_t time_ns;
    uint32_t n_fields;
    char message[64];
} rows;

static eng_flow take_row(void *ctx, const eng_row *row)
{
    rows *r = ctx;
    r->n++;
    r->time_ns = row->rec->time_ns;
    r->n_fields = row->rec->n_fields;
    (void)snprintf(r->message, sizeof r->message, "%.*s", AL_ARG(row->rec->message));
    return ENG_MORE;
}

static rows all_rows(fixture *f, const char *index)
{
    rows r = {0};
    eng_answer answer = {0};
    eng_budget budget = {0};
    al_err err = {0};
    AL_CLEANUP(query_unrefp) query *all = query_all();
    eng_search s = {.scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    assert_int_equal(engine_search(f->e, &s, &budget, take_row, &r, &answer, &err), AL_OK);
    return r;
}

static void fields_are_known_before_the_acknowledgement(void **state)
{
    fixture *f = *state;
    add(f, "logs", "{\"message\":\"x\",\"a\":1,\"b\":{\"c\":[1],\"d\":{}}}");
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("a")));
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("b.c")));
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("b.d")));
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("b"))); /* they stand in it */
    assert_false(ingest_is_field(f->in, "logs", AL_LIT("c")));
    assert_false(ingest_is_field(f->in, "nothere", AL_LIT("a")));
    assert_true(catalog_is_field(f->cat, "logs", AL_LIT("b.c")));
}

static void the_zone_of_the_index_is_applied(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    cat_index idx;
    assert_int_equal(catalog_index_get(f->cat, "logs", f->arena, &idx, &err), AL_OK);
    idx.timestamp_zone = AL_LIT("Mars/Base");
    assert_int_equal(ingest_index_change(f->in, &idx, &err), AL_INVALID);
    assert_non_null(strstr(err.msg, "Mars/Base"));
    idx.timestamp_zone = AL_LIT("Asia/Tokyo");
    assert_int_equal(ingest_index_change(f->in, &idx, &err), AL_OK);
    add(f, "logs", "{\"message\":\"x\",\"@timestamp\":\"2026-01-01T09:00:00Z\"}");
    assert_true(all_rows(f, "logs").time_ns == INT64_C(1767225600) * 1000000000);
}

static void excluded_fields_go_and_the_rest_stays(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *rest; /* fields left, as name=text */
    } cases[] = {
        {"{\"a\":1,\"b\":2}", "b=2 "},
        {"{\"b\":{\"c\":1,\"x\":2}}", "b={\"x\":2} "},
        {"{\"b\":{\"c\":1}}", "b={} "},
        {"{\"b\":{\"q\":{\"c\":1},\"c\":{\"z\":1}}}", "b={\"q\":{\"c\":1}} "},
        {"{\"b\":{\"x\":\"\\\"c\\\"\",\"y\":[{\"c\":1}]}}",
         "b={\"x\":\"\\\"c\\\"\",\"y\":[{\"c\":1}]} "},
        {"{\"b\":{\"d\":{\"e\":1,\"f\":[1,{\"e\":2}],\"g\":null}}}",
         "b={\"d\":{\"f\":[1,{\"e\":2}],\"g\":null}} "},
        /* objects in arrays have the path of their array */
        {"{\"b\":[{\"c\":1,\"k\":2}],\"a.x\":1}", "b=[{\"k\":2}] a.x=1 "},
    };
    const al_slice names[] = {AL_LIT("a"), AL_LIT("b.c"), AL_LIT("b.d.e")};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        record r = {0};
        rec_options opt = {0};
        unsigned notes = 0;
        char rest[200] = "";
        assert_int_equal(rec_decode(al_cstr(cases[i].body), &opt, arena, &r, &notes), AL_OK);
        assert_true(ing_exclude(&r, names, 3, arena));
        for (uint32_t k = 0; k < r.n_fields; k++)
            (void)snprintf(rest + strlen(rest), sizeof rest - strlen(rest), "%.*s=%.*s ",
                           AL_ARG(r.fields[k].name), AL_ARG(r.fields[k].val.text));
        assert_string_equal(rest, cases[i].rest);
    }
}

static void a_flag_set_to_excluded_holds_for_the_next_document(void **state)
{
    fixture *f = *state;
    ingest_batch *b = NULL;
    al_err err = {0};
    add(f, "logs", "{\"message\":\"x\",\"a\":1,\"b\":2}");
    assert_int_equal(all_rows(f, "logs").n_fields, 2);
    cat_field flags = {.name = AL_LIT("a"), .excluded = true};
    assert_int_equal(ingest_field_set(f->in, "logs", &flags, &err), AL_OK);
    add(f, "logs", "{\"message\":\"x\",\"a\":1,\"b\":2}");
    assert_int_equal(all_rows(f, "logs").n_fields, 1);

    /* Also in a batch that was begun before, as one that fills while another is being stored. */
    assert_int_equal(ingest_begin(f->in, "logs", "http", &b, &err), AL_OK);
    assert_int_equal(ingest_add(b, AL_LIT("{\"a\":1,\"b\":2}")), AL_OK);
    flags.excluded = false;
    assert_int_equal(ingest_field_set(f->in, "logs", &flags, &err), AL_OK);
    assert_int_equal(ingest_add(b, AL_LIT("{\"a\":1,\"b\":2}")), AL_OK);
    assert_int_equal(ingest_submit_wait(b, NULL, &err), AL_OK);
    rows r = all_rows(f, "logs");
    assert_int_equal(r.n, 4);
    assert_int_equal(r.n_fields, 2);
}

typedef struct second_edit {
    fixture *f;
    pthread_t t;
} second_edit;

static al_code edit_processes(void *ctx, cat_index *idx, al_err *err)
{
    (void)ctx;
    (void)err;
    idx->num_processes = 3;
    return AL_OK;
}

static al_code edit_filtered(void *ctx, cat_field *f, al_err *err)
{
    (void)ctx;
    (void)err;
    f->filtered = true;
    return AL_OK;
}

static void *edit_too(void *arg)
{
    const second_edit *s = arg;
    al_err err = {0};
    cat_index idx = {.name = "logs"};
    cat_field a = {.name = AL_LIT("a")};
    al_arena *arena = al_arena_new(4096);
    bool is_done = ingest_index_edit(s->f->in, &idx, arena, edit_processes, NULL, &err) == AL_OK &&
                   ingest_field_edit(s->f->in, "logs", &a, edit_filtered, NULL, &err) == AL_OK;
    (void)al_arena_free(arena);
    return is_done ? arg : NULL;
}

/* The other one comes while this one is at it. */
static al_code edit_intervals(void *ctx, cat_index *idx, al_err *err)
{
    second_edit *s = ctx;
    idx->intervals = 77;
    return al_thread_start(&s->t, "edit", edit_too, s, err);
}

static al_code edit_context(void *ctx, cat_field *f, al_err *err)
{
    second_edit *s = ctx;
    f->context = true;
    return al_thread_start(&s->t, "edit", edit_too, s, err);
}

static al_code edit_nothing(void *ctx, cat_index *idx, al_err *err)
{
    (void)ctx;
    idx->intervals = 1;
    return al_fail(err, AL_INVALID, "no");
}

static void of_two_changes_at_once_neither_undoes_the_other(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    second_edit s = {.f = f};
    cat_index idx = {.name = "logs"};
    cat_field a = {.name = AL_LIT("a")};
    void *is_done = NULL;
    add(f, "logs", "{\"a\":1}");
    assert_int_equal(ingest_index_edit(f->in, &idx, f->arena, edit_intervals, &s, &err), AL_OK);
    assert_int_equal(pthread_join(s.t, &is_done), 0);
    assert_non_null(is_done);
    assert_int_equal(ingest_index_edit(f->in, &idx, f->arena, edit_nothing, &s, &err), AL_INVALID);
    assert_int_equal(catalog_index_get(f->cat, "logs", f->arena, &idx, &err), AL_OK);
    assert_int_equal(idx.intervals, 77);
    assert_int_equal(idx.num_processes, 3);

    assert_int_equal(ingest_field_edit(f->in, "logs", &a, edit_context, &s, &err), AL_OK);
    assert_int_equal(pthread_join(s.t, &is_done), 0);
    cat_field *all = NULL;
    size_t n = 0;
    assert_int_equal(catalog_fields(f->cat, "logs", f->arena, &all, &n, &err), AL_OK);
    assert_int_equal(n, 1);
    assert_true(all[0].context && all[0].filtered && all[0].display);

    cat_field none = {.name = AL_LIT("nothere")};
    assert_int_equal(ingest_field_edit(f->in, "logs", &none, edit_filtered, &s, &err),
                     AL_NOT_FOUND);
    cat_index gone = {.name = "nothere"};
    assert_int_equal(ingest_index_edit(f->in, &gone, f->arena, edit_processes, &s, &err),
                     AL_NOT_FOUND);
}

static void text_lines_keep_their_words_and_get_fields(void **state)
{
    fixture *f = *state;
    ingest_batch *b = NULL;
    al_err err = {0};
    field fields[] = {{AL_LIT("file"), {VAL_STRING, AL_LIT("/var/log/x")}}};
    assert_int_equal(ingest_begin(f->in, "logs", "file", &b, &err), AL_OK);
    assert_int_equal(ingest_add_text(b, AL_LIT("{\"not\":\"read\"}"), 1000, fields, 1), AL_OK);
    assert_int_equal(ingest_count(b), 1);
    assert_int_equal(ingest_submit_wait(b, NULL, &err), AL_OK);
    rows r = all_rows(f, "logs");
    assert_string_equal(r.message, "{\"not\":\"read\"}");
    assert_true(r.time_ns == 1000);
    assert_int_equal(r.n_fields, 1);
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("file")));
}

typedef struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n;
    al_code code;
} outcome;

static void note_done(void *ctx, al_code code, const al_err *err)
{
    outcome *o = ctx;
    (void)err;
    AL_LOCKED(&o->lock);
    o->n++;
    o->code = code;
    (void)pthread_cond_signal(&o->changed);
}

static void count_call(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void a_batch_without_room_stays_the_callers(void **state)
{
    fixture *f = *state;
    outcome o = {.lock = PTHREAD_MUTEX_INITIALIZER};
    atomic_int n_room = 0;
    atomic_int n_commit = 0;
    ingest_batch *b = NULL;
    al_err err = {0};
    al_cond_init(&o.changed);
    ingest_on_room(f->in, count_call, &n_room);
    ingest_on_commit(f->in, count_call, &n_commit);
    model_engine_refuse(f->e, true);
    assert_int_equal(ingest_begin(f->in, "logs", "test", &b, &err), AL_OK);
    assert_int_equal(ingest_add(b, AL_LIT("{\"message\":\"waits\"}")), AL_OK);
    assert_int_equal(ingest_submit(b, note_done, &o, &err), AL_AGAIN);
    assert_int_equal(all_rows(f, "logs").n, 0);
    model_engine_refuse(f->e, false);
    assert_true(atomic_load(&n_room) > 0);
    assert_int_equal(ingest_submit(b, note_done, &o, &err), AL_OK);
    {
        AL_LOCKED(&o.lock);
        while (!o.n)
            (void)pthread_cond_wait(&o.changed, &o.lock);
        assert_int_equal(o.n, 1);
        assert_int_equal(o.code, AL_OK);
    }
    assert_int_equal(all_rows(f, "logs").n, 1);
    assert_true(atomic_load(&n_commit) > 0);
    assert_int_equal(ingest_begin(f->in, "logs", "test", &b, &err), AL_OK);
    ingest_stop(f->in);
    assert_int_equal(ingest_submit(b, note_done, &o, &err), AL_AGAIN);
    assert_int_equal(ingest_submit_wait(b, NULL, &err), AL_CANCELLED);
    (void)pthread_cond_destroy(&o.changed);
}

static void note_change(void *ctx, const char *index)
{
    char *told = ctx;
    (void)snprintf(told + strlen(told), 100 - strlen(told), "%s ", index);
}

static void indexes_live_in_catalogue_and_engine_alike(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    cat_index idx;
    char told[100] = "";
    ingest_batch *b = NULL;
    ingest_on_change(f->in, note_change, told);
    assert_int_equal(catalog_index_defaults("web", f->arena, &idx, &err), AL_OK);
    assert_int_equal(ingest_begin(f->in, "web", "test", &b, &err), AL_NOT_FOUND);
    assert_int_equal(ingest_index_create(f->in, &idx, &err), AL_OK);
    assert_int_equal(ingest_index_create(f->in, &idx, &err), AL_EXISTS);
    add(f, "web", "{\"message\":\"x\",\"only_here\":1}");
    idx.intervals = 3;
    assert_int_equal(ingest_index_change(f->in, &idx, &err), AL_OK);
    assert_int_equal(ingest_begin(f->in, "web", "test", &b, &err), AL_OK);
    assert_int_equal(ingest_add(b, AL_LIT("{}")), AL_OK);
    assert_int_equal(ingest_index_drop(f->in, "web", &err), AL_OK);
    assert_int_equal(ingest_submit_wait(b, NULL, &err), AL_NOT_FOUND); /* dropped meanwhile */
    assert_int_equal(ingest_index_drop(f->in, "web", &err), AL_NOT_FOUND);
    assert_string_equal(told, "web web web ");
    idx.engine = AL_LIT("sphinx");
    assert_int_equal(ingest_index_create(f->in, &idx, &err), AL_INVALID);
    assert_int_equal(catalog_index_get(f->cat, "web", f->arena, &idx, &err), AL_NOT_FOUND);
}

static void what_was_unusual_is_counted(void **state)
{
    fixture *f = *state;
    al_buf b;
    add(f, "logs", "no json");
    add(f, "logs", "{\"a\":1,\"a\":2}");
    al_buf_init(&b, 1 << 20);
    ingest_metrics(f->in, &b);
    al_buf_u8(&b, '\0');
    const char *text = (const char *)b.ptr;
    assert_non_null(strstr(text, "alco_ingested_records_total{source=\"test\"} 2\n"));
    assert_non_null(
        strstr(text, "alco_ingest_notes_total{source=\"test\",note=\"parse_error\"} 1\n"));
    assert_non_null(
        strstr(text, "alco_ingest_notes_total{source=\"test\",note=\"doubled_key\"} 1\n"));
    al_buf_done(&b);
}

typedef struct reading {
    pathset *set;
    int n_lost; /* names that were there and then not */
} reading;

static void *read_set(void *arg)
{
    reading *r = arg;
    static bool was_seen[5000];
    char name[32];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 5000; i++) {
            (void)snprintf(name, sizeof name, "path.%d", i);
            bool has = pathset_has(r->set, al_cstr(name));
            r->n_lost += was_seen[i] && !has;
            was_seen[i] = has;
        }
    }
    return NULL;
}

static void a_set_grows_under_its_readers(void **state)
{
    (void)state;
    AL_CLEANUP(pathset_freep) pathset *s = pathset_new();
    reading r = {.set = s};
    pthread_t t;
    char name[32];
    al_err err;
    assert_int_equal(al_thread_start(&t, "reader", read_set, &r, &err), AL_OK);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "path.%d", i);
        assert_true(pathset_add(s, al_cstr(name)));
        assert_true(pathset_has(s, al_cstr(name)));
    }
    (void)pthread_join(t, NULL);
    assert_int_equal(r.n_lost, 0);
    assert_false(pathset_has(s, AL_LIT("path.5000")));
    assert_false(pathset_has(s, AL_LIT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_are_known_before_the_acknowledgement, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_zone_of_the_index_is_applied, set_up, tear_down),
        cmocka_unit_test(excluded_fields_go_and_the_rest_stays),
        cmocka_unit_test_setup_teardown(a_flag_set_to_excluded_holds_for_the_next_document, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_two_changes_at_once_neither_undoes_the_other, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(text_lines_keep_their_words_and_get_fields, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_batch_without_room_stays_the_callers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(indexes_live_in_catalogue_and_engine_alike, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_unusual_is_counted, set_up, tear_down),
        cmocka_unit_test(a_set_grows_under_its_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
