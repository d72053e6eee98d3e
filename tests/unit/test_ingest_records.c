/* Goal: the way of a document into an index, as ingest.h promises it. Method: the model engine
 * holds what ingest hands it; a search for everything shows it. */
#include "test.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "ingest/ing_exclude.h"
#include "ingest/ing_marks.h"
#include "ingest/ingest.h"
#include "ingest/pathset.h"
#include "record/decode.h"
#include "record/json_out.h"
#include "support/model_engine.h"
#include "support/tmpdir.h"

typedef struct fixture {
    tmpdir dir;
    catalog *cat;
    ingest *in;
    engine *eng;
    al_buf seen; /* of show and of show_mark */
} fixture;

static int set_up(void **state)
{
    fixture *f = al_zalloc(1, sizeof *f);
    al_err err = {0};
    tmpdir_init(&f->dir, "ingest");
    if (catalog_open(f->dir.path, &f->cat, &err) || ingest_new(f->cat, &f->in, &err) ||
        model_engine_open(ingest_hooks(f->in), &f->eng, &err) || ingest_attach(f->in, f->eng, &err))
        fail_msg("%s", err.msg);
    al_buf_init(&f->seen, SIZE_MAX);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ingest_stop(f->in);
    f->eng = engine_close(f->eng);
    f->in = ingest_free(f->in);
    f->cat = catalog_close(f->cat);
    tmpdir_done(&f->dir);
    al_buf_done(&f->seen);
    free(f);
    return 0;
}

static ingest_batch *batch(fixture *f)
{
    ingest_batch *b = NULL;
    al_err err = {0};
    if (ingest_begin(f->in, "logs", "test", &b, &err))
        fail_msg("%s", err.msg);
    return b;
}

static void store(ingest_batch *b)
{
    al_err err = {0};
    if (ingest_submit_wait(b, NULL, &err))
        fail_msg("%s", err.msg);
}

static void store_one(fixture *f, const char *document)
{
    ingest_batch *b = batch(f);
    assert_int_equal(ingest_add(b, al_cstr(document)), AL_OK);
    store(b);
}

static eng_flow show(void *ctx, const eng_row *row)
{
    fixture *f = ctx;
    al_buf_slice_put(&f->seen, row->rec->message);
    al_buf_u8(&f->seen, ' ');
    json_put_fields(&f->seen, row->rec->fields, row->rec->n_fields);
    al_buf_u8(&f->seen, '\n');
    return ENG_MORE;
}

static void assert_stored(fixture *f, const char *want)
{
    AL_CLEANUP(query_unrefp) query *all = query_all();
    static const char *const names[] = {"logs"};
    eng_search s = {.scope = {.indexes = names, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_answer answer;
    al_err err = {0};
    al_buf_clear(&f->seen);
    if (engine_search(f->eng, &s, &(eng_budget){0}, show, f, &answer, &err))
        fail_msg("%s", err.msg);
    if (!al_slice_eq(al_buf_slice(&f->seen), al_cstr(want)))
        fail_msg("got '%.*s', want '%s'", AL_ARG(al_buf_slice(&f->seen)), want);
}

static void assert_counted(fixture *f, const char *line)
{
    al_buf text;
    al_buf_init(&text, SIZE_MAX);
    ingest_metrics(f->in, &text);
    al_buf_u8(&text, 0);
    if (!strstr((const char *)text.ptr, line))
        fail_msg("no '%s' in:\n%s", line, (const char *)text.ptr);
    al_buf_done(&text);
}

static void documents_and_lines_become_records(void **state)
{
    fixture *f = *state;
    ingest_batch *b = batch(f);
    const field from = {AL_LIT("file"), {VAL_STRING, AL_LIT("/var/log/x")}};
    assert_int_equal(ingest_add(b, AL_LIT("{\"time\":1700000000,\"message\":\"one\",\"a\":1}")),
                     AL_OK);
    assert_int_equal(ingest_add(b, AL_LIT("{\"time\":1700000001,\"message\":\"t")), AL_OK);
    assert_int_equal(ingest_add_text(b, AL_LIT("{\"x\":1}"), 5, &from, 1), AL_OK);
    assert_int_equal(ingest_count(b), 3);
    assert_false(ingest_is_full(b));
    store(b);
    assert_stored(
        f, "{\"x\":1} {\"file\":\"/var/log/x\"}\none {\"a\":1}\n"
           "{\"time\":1700000001,\"message\":\"t {\"parse_error\":\"at byte 31 of 31: expected "
           "'\\\"' at the end of the string\"}\n");
    assert_counted(f, "alco_ingested_records_total{source=\"test\"} 3\n");
    assert_counted(f, "{source=\"test\",note=\"parse_error\"} 1\n");
    assert_counted(f, "{source=\"test\",note=\"no_time\"} 1\n"); /* the line's time was given */
    al_err err = {0};
    assert_int_equal(ingest_begin(f->in, "none", "test", &b, &err), AL_NOT_FOUND);
}

static void a_field_is_known_from_its_acknowledgement_on(void **state)
{
    fixture *f = *state;
    assert_false(ingest_is_field(f->in, "logs", AL_LIT("ctx.user")));
    store_one(f, "{\"ctx\":{\"user\":1},\"items\":[{\"id\":7}]}");
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("ctx.user")));
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("items.id")));
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("ctx")));
    assert_false(ingest_is_field(f->in, "logs", AL_LIT("ct")));
    assert_true(catalog_is_field(f->cat, "logs", AL_LIT("items.id")));
}

static void fill_names(fixture *f, int n)
{
    char name[32];
    for (int i = 0; i < n; i++) {
        (void)snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(catalog_field_seen(f->cat, "logs", al_cstr(name)), AL_OK);
    }
}

static void names_beyond_the_maximum_are_kept_as_text(void **state)
{
    fixture *f = *state;
    fill_names(f, CAT_FIELDS_MAX);
    const cat_field one = {.name = AL_LIT("f1"), .display = true};
    al_err err = {0};
    assert_int_equal(ingest_field_set(f->in, "logs", &one, &err), AL_OK); /* reads them all again */
    store_one(f, "{\"message\":\"m\",\"one_more\":1,\"f7\":2,\"f8\":{\"in\":\"x\"},\"f9\":[3],"
                 "\"new\":\"\\n\",\"f1\":null}");
    assert_stored(f, "m {\"f7\":2,\"f9\":[3],\"f1\":null,\"more_fields\":\"{\\\"one_more\\\":1,"
                     "\\\"f8\\\":{\\\"in\\\":\\\"x\\\"},\\\"new\\\":\\\"\\\\n\\\"}\"}\n");
    assert_false(ingest_is_field(f->in, "logs", AL_LIT("one_more")));
    assert_false(ingest_is_field(f->in, "logs", AL_LIT("f8.in")));
    assert_true(ingest_is_field(f->in, "logs", AL_LIT("f7")));
    assert_counted(f, "{source=\"test\",note=\"too_many_names\"} 1\n");
    store_one(f, "{\"f7\":1,\"f8\":2}"); /* only known names: as ever */
    assert_counted(f, "{source=\"test\",note=\"too_many_names\"} 1\n");
}

static void names_of_ours_stay_when_the_list_is_full(void **state)
{
    fixture *f = *state;
    fill_names(f, CAT_FIELDS_MAX);
    store_one(f, "{\"time\":1700000001,\"f1\":1,\"f1\":2}");
    store_one(f, "{\"time\":1700000002,\"more_fields\":1}");
    store_one(f, "{\"time\":1700000003,\"more_fields\":1,\"a\":2}");
    store_one(f, "{\"time\":1700000004,\"doubled\":1,\"f1\":1,\"f1\":2}");
    store_one(f, "{\"time\":1700000005,\"b\":1,\"a\":{\"f1\":[true]},\"c\":\"x\"}");
    store_one(f, "plain text");
    assert_stored(
        f,
        " {\"f1\":2,\"doubled\":\"{\\\"f1\\\":1}\"}\n"
        " {\"more_fields\":1}\n"
        " {\"more_fields\":1,\"more_fields_x\":\"{\\\"a\\\":2}\"}\n"
        " {\"doubled\":1,\"f1\":2,\"more_fields\":\"{\\\"doubled_x\\\":\\\"{\\\\\\\"f1\\\\\\\":1}"
        "\\\"}\"}\n"
        " {\"more_fields\":\"{\\\"b\\\":1,\\\"a\\\":{\\\"f1\\\":[true]},\\\"c\\\":\\\"x\\\"}\"}\n"
        "plain text {\"parse_error\":\"at byte 1 of 10: expected a value\"}\n");
    assert_counted(f, "{source=\"test\",note=\"too_many_names\"} 3\n");
}

/* What rec_decode kept as text already and what goes there now are one text, in the order sent. */
static void too_many_fields_and_too_many_names_are_one_text(void **state)
{
    fixture *f = *state;
    AL_CLEANUP(al_buf_done) al_buf doc;
    AL_CLEANUP(al_buf_done) al_buf want;
    al_buf_init(&doc, SIZE_MAX);
    al_buf_init(&want, SIZE_MAX);
    fill_names(f, CAT_FIELDS_MAX);
    al_buf_str(&doc, "{\"new\":1");
    al_buf_str(&want, " {");
    for (int i = 0; i < REC_FIELDS_MAX; i++)
        al_buf_printf(&doc, ",\"f%d\":%d", i, i);
    for (int i = 0; i < REC_FIELDS_MAX - 2; i++)
        al_buf_printf(&want, "\"f%d\":%d,", i, i);
    al_buf_str(&doc, "}");
    al_buf_u8(&doc, 0);
    al_buf_str(&want, "\"more_fields\":\"{\\\"new\\\":1,\\\"f998\\\":998,\\\"f999\\\":999}\"}\n");
    al_buf_u8(&want, 0);
    store_one(f, (const char *)doc.ptr);
    assert_stored(f, (const char *)want.ptr);
}

static eng_flow note_names(void *ctx, const eng_row *row)
{
    pathset *names = ctx;
    for (uint32_t i = 0; i < row->rec->n_fields; i++)
        assert_true(pathset_add(names, row->rec->fields[i].name));
    return ENG_MORE;
}

/* Names of top-level fields are columns of the store: whatever senders make up, they are no more
 * than the list, and more_fields. */
static void the_store_gets_no_more_names_than_the_list_has(void **state)
{
    fixture *f = *state;
    enum { DOCS = 50, NAMES = 400, LONG = REC_NAME_BYTES_MAX };
    AL_CLEANUP(al_buf_done) al_buf doc;
    AL_CLEANUP(query_unrefp) query *all = query_all();
    AL_CLEANUP(pathset_freep) pathset *names = pathset_new();
    static const char *const indexes[] = {"logs"};
    al_err err = {0};
    eng_answer answer;
    al_buf_init(&doc, SIZE_MAX);
    for (int i = 0; i < DOCS; i++) {
        al_buf_clear(&doc);
        al_buf_str(&doc, "{\"message\":\"m\"");
        for (int k = 0; k < NAMES;
             k++) { /* every second is an object with a name that is too long */
            al_buf_printf(&doc, ",\"n%d-%d\":", i, k);
            if (k % 2)
                al_buf_printf(&doc, "{\"%0*d\":1}", LONG, 7);
            else
                al_buf_str(&doc, "1");
        }
        al_buf_str(&doc, "}");
        al_buf_u8(&doc, 0);
        store_one(f, (const char *)doc.ptr);
    }
    eng_search s = {.scope = {.indexes = indexes, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    assert_int_equal(engine_search(f->eng, &s, &(eng_budget){0}, note_names, names, &answer, &err),
                     AL_OK);
    size_t n = 0;
    char name[32];
    for (int i = 0; i < DOCS; i++)
        for (int k = 0; k < NAMES; k++) {
            (void)snprintf(name, sizeof name, "n%d-%d", i, k);
            n += pathset_has(names, al_cstr(name));
        }
    assert_int_equal(n, CAT_FIELDS_MAX);
    assert_true(pathset_has(names, AL_LIT("more_fields")));
    assert_counted(f, "{source=\"test\",note=\"too_many_names\"} 25\n");
}

static void excluded_fields_are_dropped(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    static const char *const names[] = {"password", "ctx.secret", "items.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const cat_field excluded = {.name = al_cstr(names[i]), .display = true, .excluded = true};
        assert_int_equal(ingest_field_set(f->in, "logs", &excluded, &err), AL_OK);
    }
    store_one(f, "{\"message\":\"m\",\"password\":\"p\",\"ctx\":{\"secret\":1,\"user\":2},"
                 "\"items\":[{\"key\":3,\"n\":4}]}");
    assert_stored(f, "m {\"ctx\":{\"user\":2},\"items\":[{\"n\":4}]}\n");
}

static void an_excluded_more_fields_is_dropped(void **state)
{
    fixture *f = *state;
    al_err err = {0};
    const cat_field more = {.name = AL_LIT("more_fields"), .display = true, .excluded = true};
    assert_int_equal(ingest_field_set(f->in, "logs", &more, &err), AL_OK);
    fill_names(f, CAT_FIELDS_MAX - 1);
    store_one(f, "{\"message\":\"m\",\"new\":1,\"f7\":2}");
    assert_stored(f, "m {\"f7\":2}\n");
}

static void exclusion_follows_paths(void **state)
{
    (void)state;
    static const struct {
        const char *names[3]; /* sorted */
        const char *sent;
        const char *kept;
    } cases[] = {
        {{"a"}, "{\"a\":1,\"ab\":2,\"a.b\":3}", "{\"ab\":2,\"a.b\":3}"},
        {{"a.b"},
         "{\"a\":{\"b\":1,\"c\":[\"x\\\"\\n\",null,-1.50]}}",
         "{\"a\":{\"c\":[\"x\\\"\\n\",null,-1.50]}}"},
        {{"a.b"}, "{\"a.b\":1,\"a\":{\"b\":1}}", "{\"a\":{}}"},
        {{"a.b"}, "{\"a\":{\"b\":1,\"b\":2,\"c\":3,\"b\":4}}", "{\"a\":{\"c\":3}}"},
        {{"a.b"},
         "{\"a\":[1,{\"b\":1},[{\"b\":2,\"c\":[]}],\"b\"]}",
         "{\"a\":[1,{},[{\"c\":[]}],\"b\"]}"},
        {{"a.b.c"},
         "{\"a\":{\"b\":[{\"c\":1},{\"d\":2}],\"b.c\":3}}",
         "{\"a\":{\"b\":[{},{\"d\":2}]}}"},
        {{"a.b", "a.\"x"}, "{\"a\":{\"\\\"x\":1,\"\\u0062\":2,\"d\":3}}", "{\"a\":{\"d\":3}}"},
        {{"a.z", "b", "q"}, "{\"q\":1,\"a\":{\"y\":1},\"b\":{\"c\":1}}", "{\"a\":{\"y\":1}}"},
        {{"a.b"}, "{\"a\":\"b\",\"a\\u0000\":5}", "{\"a\":\"b\",\"a\\u0000\":5}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
        al_slice names[3];
        size_t n = 0;
        for (; n < 3 && cases[i].names[n]; n++)
            names[n] = al_cstr(cases[i].names[n]);
        if (n == 2 && al_slice_cmp(names[0], names[1]) > 0) {
            al_slice swap = names[0];
            names[0] = names[1];
            names[1] = swap;
        }
        record r;
        unsigned notes = 0;
        assert_int_equal(rec_decode(al_cstr(cases[i].sent), &(rec_options){0}, arena, &r, &notes),
                         AL_OK);
        assert_true(ing_exclude(&r, names, n, arena));
        al_buf out;
        al_buf_init(&out, SIZE_MAX);
        json_put_fields(&out, r.fields, r.n_fields);
        if (!al_slice_eq(al_buf_slice(&out), al_cstr(cases[i].kept)))
            fail_msg("case %zu: %.*s", i, AL_ARG(al_buf_slice(&out)));
        al_buf_done(&out);
    }
}

/* A refused record leaves the batch as it was; what is told as taken is stored whole, fields known.
 */
static void missing_memory_refuses_whole_records(void **state)
{
    fixture *f = *state;
    static const char document[] = "{\"message\":\"m\",\"o\":{\"\\u0001\":\"\\u0002\",\"k\":[1]}}";
    catalog *cat = f->cat;
    for (unsigned long fail_at = 1;; fail_at++) {
        ingest_batch *b = batch(f);
        al_mem_fail_at(fail_at);
        al_code c = ingest_add(b, al_cstr(document));
        bool has_failed = al_mem_calls() >= fail_at;
        al_mem_fail_at(0);
        assert_true(c == AL_OK || c == AL_NOMEM);
        assert_int_equal(ingest_count(b), c == AL_OK);
        (void)ingest_batch_free(b);
        if (c == AL_OK) {
            assert_true(ingest_is_field(f->in, "logs", AL_LIT("o.\1")));
            assert_true(catalog_is_field(cat, "logs", AL_LIT("o.k")));
        }
        if (!has_failed) {
            assert_int_equal(c, AL_OK);
            break;
        }
    }
}

static void missing_memory_moves_no_field_by_half(void **state)
{
    fixture *f = *state;
    unsigned n_stored = 0;
    fill_names(f, CAT_FIELDS_MAX);
    for (unsigned long fail_at = 1; n_stored == 0; fail_at++) {
        ingest_batch *b = batch(f);
        al_mem_fail_at(fail_at);
        al_code c = ingest_add(b, AL_LIT("{\"message\":\"m\",\"new\":{\"f1\":1},\"f7\":2}"));
        al_mem_fail_at(0);
        assert_true(c == AL_OK || c == AL_NOMEM);
        n_stored += c == AL_OK;
        if (c)
            (void)ingest_batch_free(b);
        else
            store(b);
        assert_true(n_stored || fail_at < 100);
    }
    assert_stored(f, "m {\"f7\":2,\"more_fields\":\"{\\\"new\\\":{\\\"f1\\\":1}}\"}\n");
}

static void show_mark(void *ctx, al_slice memory)
{
    fixture *f = ctx;
    al_buf_slice_put(&f->seen, memory);
    al_buf_u8(&f->seen, '|');
}

static void marks_are_told_apart(void **state)
{
    fixture *f = *state;
    al_buf marks;
    al_buf_init(&marks, 1000);
    ing_marks_put_memory(&marks, AL_LIT("one"));
    ing_marks_put_memory(&marks, AL_LIT(""));
    al_buf_str(&marks, "Vrest");
    al_buf_clear(&f->seen);
    assert_true(al_slice_eq(ing_marks_split(al_buf_slice(&marks), show_mark, f), AL_LIT("Vrest")));
    assert_true(al_slice_eq(al_buf_slice(&f->seen), AL_LIT("one||")));
    for (size_t n = 0; n < marks.len; n++) { /* each truncation: nothing is read behind it */
        AL_CLEANUP(al_freep) uint8_t *copy = al_alloc(n, 1);
        memcpy(copy, marks.ptr, n);
        al_slice rest = ing_marks_split((al_slice){copy, n}, show_mark, f);
        assert_true(rest.len <= n);
    }
    static const uint8_t zeros[2000];
    ing_marks_put_memory(&marks, (al_slice){zeros, sizeof zeros});
    assert_int_equal(al_buf_code(&marks), AL_LIMIT);
    al_buf_done(&marks);
}

typedef struct adder {
    pathset *set;
    int from;
} adder;

static al_slice name_of(char out[16], int i)
{
    (void)snprintf(out, 16, "n%d", i);
    return al_cstr(out);
}

static void *add_names(void *arg)
{
    const adder *a = arg;
    char text[16];
    for (int i = a->from; i < a->from + 4000; i++) {
        assert_true(pathset_add(a->set, name_of(text, i)));
        assert_true(pathset_has(a->set, name_of(text, i)));
        assert_true(pathset_has(a->set, AL_LIT("first")));
    }
    return NULL;
}

/* Two threads add overlapping names while the set grows under both. */
static void a_set_of_paths_is_read_while_it_grows(void **state)
{
    (void)state;
    AL_CLEANUP(pathset_freep) pathset *set = pathset_new();
    pthread_t other;
    assert_true(pathset_add(set, AL_LIT("first")));
    assert_true(pathset_add(set, (al_slice){0}));
    assert_int_equal(al_thread_start(&other, "adder", add_names, &(adder){set, 2000}, NULL), AL_OK);
    (void)add_names(&(adder){set, 0});
    assert_int_equal(pthread_join(other, NULL), 0);
    char text[16];
    for (int i = 0; i < 7000; i++)
        assert_int_equal(pathset_has(set, name_of(text, i)), i < 6000);
    assert_true(pathset_has(set, (al_slice){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(documents_and_lines_become_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_field_is_known_from_its_acknowledgement_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_of_ours_stay_when_the_list_is_full, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(too_many_fields_and_too_many_names_are_one_text, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_store_gets_no_more_names_than_the_list_has, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(missing_memory_moves_no_field_by_half, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_excluded_more_fields_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_beyond_the_maximum_are_kept_as_text, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(excluded_fields_are_dropped, set_up, tear_down),
        cmocka_unit_test(exclusion_follows_paths),
        cmocka_unit_test_setup_teardown(missing_memory_refuses_whole_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_are_told_apart, set_up, tear_down),
        cmocka_unit_test(a_set_of_paths_is_read_while_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
