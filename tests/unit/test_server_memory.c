/* Goal: what a request is told when memory ends: 503, which is tried again, never 404, which is
 * not. Method: a request without a socket, over a real catalogue; each allocation of its way to an
 * index fails once. */
#include "test.h"

#include <string.h>

#include "base/mem.h"
#include "server/api.h"
#include "server/req_json.h"
#include "server_help.h"

enum { FIELDS = 20, FIELD_BYTES = 250 }; /* more than a block of the request's arena */

static int set_up(void **state)
{
    fixture *f = fixture_begin("server-memory");
    static char names[FIELDS][FIELD_BYTES];
    al_slice fields[FIELDS];
    al_err err = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    cat_index idx;
    for (size_t i = 0; i < FIELDS; i++) {
        memset(names[i], 'a' + (int)i, FIELD_BYTES);
        fields[i] = (al_slice){(const uint8_t *)names[i], FIELD_BYTES};
    }
    assert_int_equal(catalog_index_get(f->srv.cat, "logs", arena, &idx, &err), AL_OK);
    idx.text_fields = fields;
    idx.n_text_fields = FIELDS;
    if (catalog_index_change(f->srv.cat, &idx, &err))
        fail_msg("%s", err.msg);
    *state = f;
    return 0;
}

static bool begins_reading(req *r)
{
    api_scope *s = api_scope_read(r);
    api_scope_done(s);
    return s;
}

static bool begins_upload(req *r)
{
    return upload_begin(r, (al_slice){0});
}

/* The status with the n-th allocation failing; 0: it went through. */
static unsigned status_of(fixture *f, bool (*begins)(req *r), al_slice name, unsigned long fail_at)
{
    AL_CLEANUP(req_unrefp) req *r = req_new(&f->srv, "/");
    assert_non_null(r);
    r->path_args[0] = al_arena_copy(r->arena, name);
    al_mem_fail_at(fail_at);
    bool is_taken = begins(r);
    al_mem_fail_at(0);
    assert_true(is_taken == (r->status == 0));
    return r->status;
}

static void no_memory_is_not_no_index(void **state)
{
    static bool (*const ways[])(req * r) = {begins_reading, begins_upload};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        unsigned long n_failed = 0;
        unsigned status = 0;
        while ((status = status_of(*state, ways[i], AL_LIT("logs"), n_failed + 1)) != 0) {
            assert_int_equal(status, 503);
            n_failed++;
        }
        assert_in_range(n_failed, 2, 1000); /* the settings, and at least one more */
    }
}

static void no_index_is_said_so(void **state)
{
    static const al_slice names[] = {AL_LIT("web"), AL_LIT("logs\0"), AL_LIT(""),
                                     AL_LIT("a_name_longer_than_any_index_may_have")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(status_of(*state, begins_reading, names[i], 0), 404);
        assert_int_equal(status_of(*state, begins_upload, names[i], 0), 404);
    }
}

/* A list of parameters is whole, or refused: half of it would be another question. */
static void no_memory_cuts_no_list(void **state)
{
    fixture *f = *state;
    static const al_slice body = AL_LIT("{\"fields\":[\"first\",\"second\",\"third\"]}");
    unsigned long n_failed = 0;
    for (bool is_taken = false; !is_taken; n_failed += !is_taken) {
        AL_CLEANUP(req_unrefp) req *r = req_new(&f->srv, "/");
        assert_non_null(r);
        al_slice fields = {0};
        url_target t;
        char allow[64];
        al_err err;
        assert_int_equal(
            url_parse_target(AL_LIT("/api/v1/indexes/logs/search"), r->arena, &t, &err), AL_OK);
        assert_int_equal(route_find(AL_LIT("POST"), &t, &r->route, r->path_args, allow),
                         ROUTE_FOUND);
        al_buf_slice_put(&r->body, body);
        al_mem_fail_at(n_failed + 1);
        is_taken = req_read_json_params(r);
        al_mem_fail_at(0);
        assert_int_equal(r->status, is_taken ? 0 : 503);
        assert_true(!is_taken || url_param_get(&r->params, "fields", &fields));
        assert_true(!is_taken || al_slice_eq(fields, AL_LIT("first,second,third")));
    }
    assert_in_range(n_failed, 1, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_is_not_no_index),
        cmocka_unit_test(no_index_is_said_so),
        cmocka_unit_test(no_memory_cuts_no_list),
    };
    return cmocka_run_group_tests(tests, set_up, fixture_end);
}
