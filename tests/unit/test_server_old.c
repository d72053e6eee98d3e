/* Goal: old ALCO's addresses when time or memory ends: a page is cut and goes on, an answer is
 * whole or 503. Method: requests without a socket over a real catalogue and the model engine, whose
 * time is over after each row; each allocation of a request fails once. */
#include "test.h"

#include <string.h>

#include "base/mem.h"
#include "catalog/cat_shortcuts.h"
#include "server/api.h"
#include "server/old_form.h"
#include "server_help.h"

enum { ROWS = 25, PAGE = 10 };
#define T0 INT64_C(1464000800000000000)

/* ---- Failing allocations, but for those of the model: it ends the process without memory */

static unsigned long fail_at;
static unsigned long n_calls;

static void fail_begin(unsigned long n)
{
    fail_at = n;
    n_calls = 0;
    al_mem_fail_at(n);
}

static void fail_pause(void)
{
    n_calls += fail_at ? al_mem_calls() : 0;
    al_mem_fail_at(0);
}

static void fail_resume(void)
{
    al_mem_fail_at(fail_at > n_calls ? fail_at - n_calls : 0);
}

static const engine_ops *model_ops;

typedef struct caller {
    eng_row_fn *fn;
    void *ctx;
} caller;

static eng_flow call_back(void *ctx, const eng_row *row)
{
    const caller *c = ctx;
    fail_resume();
    eng_flow flow = c->fn(c->ctx, row);
    fail_pause();
    return flow;
}

static al_code search_the_model(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn,
                                void *ctx, eng_answer *ret, al_err *err)
{
    caller c = {fn, ctx};
    fail_pause();
    al_code code = model_ops->search(e, s, b, call_back, &c, ret, err);
    fail_resume();
    return code;
}

static void append_rows(engine *e)
{
    al_err err = {0};
    rec_batch *b = rec_batch_new(T0);
    assert_non_null(b);
    for (int i = 0; i < ROWS; i++) {
        record *r = rec_batch_add(b);
        field *fields = al_arena_alloc(b->arena, 2, sizeof *fields);
        char text[32];
        assert_non_null(r);
        assert_non_null(fields);
        (void)snprintf(text, sizeof text, "line %d <of> %d", i, ROWS);
        fields[0] = (field){AL_LIT("host"), {VAL_STRING, i % 5 ? AL_LIT("a") : AL_LIT("b")}};
        fields[1] = (field){AL_LIT("list"), {VAL_ARRAY, AL_LIT("[1,\"\\u0078\"]")}};
        *r = (record){.time_ns = T0 + i,
                      .message = al_arena_copy(b->arena, al_cstr(text)),
                      .fields = fields,
                      .n_fields = 2};
    }
    if (engine_append_wait(e, "logs", b, (al_slice){0}, NULL, &err))
        fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
    fixture *f = fixture_begin("server-old");
    al_err err = {0};
    eng_index_settings logs = {.name = "logs", .intervals = 36500};
    server_tuning tuning = {.page_size = PAGE};
    cat_shortcut s = {.name = "saved",
                      .index = "logs",
                      .url = AL_LIT("search=line"),
                      .default_field = AL_LIT("host")};
    assert_int_equal(catalog_field_seen(f->srv.cat, "logs", AL_LIT("host")), AL_OK);
    assert_int_equal(catalog_field_seen(f->srv.cat, "logs", AL_LIT("list")), AL_OK);
    assert_int_equal(catalog_shortcut_create(f->srv.cat, &s, &err), AL_OK);
    assert_int_equal(rec_zone_open(AL_LIT("Europe/Moscow"), &f->srv.local_zone, &err), AL_OK);
    static engine_ops ops;
    model_ops = f->srv.eng->ops;
    ops = *model_ops;
    ops.search = search_the_model;
    f->srv.eng->ops = &ops;
    assert_int_equal(engine_index_open(f->srv.eng, &logs, &err), AL_OK);
    assert_int_equal(tuning_set(&f->srv.tuning, &tuning, &err), AL_OK);
    append_rows(f->srv.eng);
    (void)snprintf(f->srv.address, sizeof f->srv.address, "127.0.0.1:1");
    *state = f;
    return 0;
}

/* A request whose head was read. */
static req *asked(fixture *f, al_slice method, const char *target)
{
    req *r = req_new(&f->srv, target);
    al_err err = {0};
    char allow[64];
    assert_non_null(r);
    assert_int_equal(url_parse_target(al_cstr(target), r->arena, &r->target, &err), AL_OK);
    if (route_find(method, &r->target, &r->route, r->path_args, allow) != ROUTE_FOUND)
        fail_msg("%s", target);
    assert_int_equal(old_form_parse(r->target.query, r->arena, &r->params, &err), AL_OK);
    return r;
}

/* The address behind "name":" in the answer, without the server; "" for null. */
static void link_of(const req *r, const char *name, char ret[512])
{
    char key[32];
    char text[1 << 14];
    assert_in_range(r->out.len, 1, sizeof text - 1);
    memcpy(text, r->out.ptr, r->out.len);
    text[r->out.len] = '\0';
    (void)snprintf(key, sizeof key, "\"%s\":\"http://127.0.0.1:1", name);
    const char *at = strstr(text, key);
    ret[0] = '\0';
    if (!at)
        return;
    at += strlen(key);
    (void)snprintf(ret, 512, "%.*s", (int)strcspn(at, "\""), at);
}

/* Adds " line N" of each row in the answer, in its order. */
static size_t add_rows(const req *r, char *list, size_t room)
{
    char text[1 << 14];
    size_t n = 0;
    memcpy(text, r->out.ptr, r->out.len);
    text[r->out.len] = '\0';
    for (const char *at = text; (at = strstr(at, "\"logline\":\"line ")); n++) {
        at += strlen("\"logline\":\"line ");
        (void)snprintf(list + strlen(list), room - strlen(list), " %.*s",
                       (int)strspn(at, "0123456789"), at);
    }
    return n;
}

static void walk(fixture *f, const char *target, const char *link, const char *wanted)
{
    char rows[1000] = "";
    char next[512];
    size_t n_pages = 0;
    (void)snprintf(next, sizeof next, "%s", target);
    for (; next[0]; n_pages++) {
        AL_CLEANUP(req_unrefp) req *r = asked(f, AL_LIT("GET"), next);
        r->due_ns = 1; /* long over: the model looks at one row */
        r->route->run(r);
        assert_int_equal(r->status, 200);
        assert_in_range(add_rows(r, rows, sizeof rows), 0, 1);
        link_of(r, link, next);
        assert_true(n_pages < (size_t)2 * ROWS);
    }
    assert_string_equal(rows, wanted);
    assert_true(n_pages > 5);
}

static void a_page_that_ran_out_of_time_goes_on(void **state)
{
    char forth[200] = "";
    char back[200] = "";
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(forth + strlen(forth), sizeof forth - strlen(forth), " %d", i);
        (void)snprintf(back + strlen(back), sizeof back - strlen(back), " %d", ROWS - 1 - i);
    }
    walk(*state, "/api/grep/logs/", "next", forth);
    walk(*state, "/api/grep/logs/?cursor=cj0x", "previous", back); /* r=1 */
    walk(*state, "/api/grep/logs/?host=b", "next", " 0 5 10 15 20");
    walk(*state, "/api/grep/logs/?host=b&cursor=cj0x", "previous", " 20 15 10 5 0");
    walk(*state, "/api/grep/logs/?search=nothing", "next", "");
}

typedef struct way {
    const char *method;
    const char *target;
    const char *body;
    unsigned status;
} way;

static int tear_down(void **state)
{
    fixture *f = *state;
    f->srv.local_zone = rec_zone_free(f->srv.local_zone);
    return fixture_end(state);
}

/* Without the marks of what was found: those may be left out without memory (query.h). */
static void put_unmarked(al_buf *out, al_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        al_slice rest = al_slice_sub(text, i, text.len);
        if (al_slice_starts(rest, AL_LIT("<b>")))
            i += 2;
        else if (al_slice_starts(rest, AL_LIT("</b>")))
            i += 3;
        else
            al_buf_u8(out, text.ptr[i]);
    }
}

/* With the n-th allocation failing; true: it went through. */
static bool answers(fixture *f, const way *w, unsigned long fail_nth, al_buf *ret,
                    unsigned *ret_status)
{
    AL_CLEANUP(req_unrefp) req *r = asked(f, al_cstr(w->method), w->target);
    al_buf_str(&r->body, w->body);
    fail_begin(fail_nth);
    r->route->run(r);
    bool is_short = al_buf_code(&r->out); /* req_done answers 503 then */
    fail_begin(0);
    *ret_status = is_short ? 503 : r->status;
    al_buf_clear(ret);
    put_unmarked(ret, al_buf_slice(&r->out));
    for (size_t i = 0; i < r->n_headers; i++)
        al_buf_str(ret, r->headers[i].value);
    return *ret_status == w->status;
}

static void answers_are_whole_or_503(void **state)
{
    static const way ways[] = {
        {"GET", "/api/grep/logs/?search=of,25&host__in=a,b&start_ts=2016-05-23&x=%ff", "", 200},
        {"GET", "/api/grep/logs/?cursor=cj0x", "", 200},
        {"GET", "/api/grep/logs/?id=1464000800000000003&search=of", "", 200},
        {"GET", "/api/grep/logs/?id=1464000800000000003&list=x", "", 200}, /* in a nested value */
        {"GET", "/api/grep/logs/?cursor=x", "", 404},
        {"GET", "/api/collector/indices/", "", 200},
        {"GET", "/grep/logs?a=b", "", 301},
        {"GET", "/grep/shortcut/saved/v/w/?a=b", "", 302},
        {"GET", "/grep/logs/?start_ts=2016-05-23&end_ts=2016-05-24", "", 302},
        {"GET", "/api/v1/indexes/logs/shortcuts", "", 200},
        {"GET", "/api/v1/indexes/logs/shortcuts/saved", "", 200},
        {"PATCH", "/api/v1/indexes/logs/shortcuts/saved", "{\"description\":\"d\",\"url\":\"b\"}",
         200},
    };
    fixture *f = *state;
    al_buf whole;
    al_buf now;
    al_buf_init(&whole, 1 << 20);
    al_buf_init(&now, 1 << 20);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        unsigned status = 0;
        unsigned long n_failed = 0;
        if (!answers(f, &ways[i], 0, &whole, &status))
            fail_msg("%s: %u", ways[i].target, status);
        for (unsigned long at = 1; at < 1000; at++) {
            bool is_good = answers(f, &ways[i], at, &now, &status);
            if (!is_good && status != 503)
                fail_msg("%s: %u %.*s", ways[i].target, status, AL_ARG(al_buf_slice(&now)));
            if (is_good && !al_slice_eq(al_buf_slice(&now), al_buf_slice(&whole)))
                fail_msg("%s: %.*s", ways[i].target, AL_ARG(al_buf_slice(&now)));
            n_failed += !is_good;
        }
        assert_in_range(n_failed, 1, 999);
    }
    al_buf_done(&whole);
    al_buf_done(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_that_ran_out_of_time_goes_on),
        cmocka_unit_test(answers_are_whole_or_503),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
