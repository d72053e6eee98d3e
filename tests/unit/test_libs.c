/* Libraries that are loaded when they are first used. This test is linked with the real ones: what
 * the tables hold must be the same functions, so a soname that is not that of the headers, or a
 * function in the wrong place, shows. */
#include "libs/library.h"

#include <string.h>

#include "base/checked.h"
#include "libs/curl_lib.h"
#include "libs/mariadb_lib.h"
#include "libs/rabbitmq_lib.h"
#include "test.h"

static void curl_is_the_one_of_the_headers(void **state)
{
    (void)state;
    const curl_lib *l = NULL;
    const curl_lib *again = NULL;
    al_err err = {0};
    assert_int_equal(curl_lib_get(&l, &err), AL_OK);
#define SAME(name) assert_ptr_equal(l->name, curl_##name);
    CURL_LIB_FUNCTIONS(SAME)
#undef SAME
    assert_int_equal(curl_lib_get(&again, &err), AL_OK);
    assert_ptr_equal(l, again);
}

static void curl_takes_options_by_their_kind(void **state)
{
    (void)state;
    const curl_lib *l = NULL;
    al_err err = {0};
    assert_int_equal(curl_lib_get(&l, &err), AL_OK);
    CURL *h = l->easy_init();
    assert_non_null(h);
    curl_set_pointer(l, h, CURLOPT_URL, "http://127.0.0.1:1/"); /* nobody listens there */
    curl_set_pointer(l, h, CURLOPT_PROTOCOLS_STR, "https");
    assert_int_equal(l->easy_perform(h), CURLE_UNSUPPORTED_PROTOCOL);
    curl_set_pointer(l, h, CURLOPT_PROTOCOLS_STR, "http");
    curl_set_number(l, h, CURLOPT_CONNECTTIMEOUT, 10);
    assert_int_equal(l->easy_perform(h), CURLE_COULDNT_CONNECT);
    assert_int_equal(curl_status(l, h), 0);
    l->easy_cleanup(h);
}

static void mariadb_is_the_one_of_the_headers(void **state)
{
    (void)state;
    const mariadb_lib *l = NULL;
    al_err err = {0};
    assert_int_equal(mariadb_lib_get(&l, &err), AL_OK);
#define SAME(name) assert_ptr_equal(l->name, name);
    MARIADB_LIB_FUNCTIONS(SAME)
#undef SAME
}

static void rabbitmq_is_the_one_of_the_headers(void **state)
{
    (void)state;
    const rabbitmq_lib *l = NULL;
    al_err err = {0};
    assert_int_equal(rabbitmq_lib_get(&l, &err), AL_OK);
#define SAME(name) assert_ptr_equal(l->name, amqp_##name);
    RABBITMQ_LIB_FUNCTIONS(SAME)
#undef SAME
}

static void a_missing_library_is_said_with_its_package(void **state)
{
    (void)state;
    const char *const names[] = {"there_is_no_such"};
    const library l = {.file = "libalco-is-not-there.so.7",
                       .package = "libalco7",
                       .names = names,
                       .n_names = AL_COUNT(names)};
    void *table = state;
    al_err err = {0};
    assert_int_equal(library_load(&l, &table, &err), AL_NOT_FOUND);
    assert_non_null(strstr(err.msg, "package libalco7"));
    assert_non_null(strstr(err.msg, "libalco-is-not-there.so.7"));
    assert_ptr_equal(table, state);
}

static void a_missing_function_is_said_and_nothing_is_taken(void **state)
{
    (void)state;
    const char *const names[] = {"strlen", "there_is_no_such_function"};
    const library l = {
        .file = "libc.so.6", .package = "libc6", .names = names, .n_names = AL_COUNT(names)};
    void *table[] = {state, state};
    al_err err = {0};
    assert_int_equal(library_load(&l, table, &err), AL_NOT_FOUND);
    assert_non_null(strstr(err.msg, "package libc6"));
    assert_non_null(strstr(err.msg, "there_is_no_such_function"));
    assert_ptr_equal(table[0], state);
    assert_ptr_equal(table[1], state);
}

static int starts;

static al_code start_fails_at_first(const void *table, al_err *err)
{
    size_t (*const *found)(const char *) = table;
    assert_int_equal((*found)("four"), 4);
    return starts++ ? AL_OK : al_fail(err, AL_IO, "not yet");
}

static void a_library_is_started_once(void **state)
{
    (void)state;
    const char *const names[] = {"strlen"};
    const library l = {
        .file = "libc.so.6", .package = "libc6", .names = names, .n_names = AL_COUNT(names)};
    void *table = NULL;
    bool is_ready = false;
    al_err err = {0};
    starts = 0;
    assert_int_equal(library_need(&l, start_fails_at_first, &is_ready, &table, &err), AL_IO);
    assert_false(is_ready);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(library_need(&l, start_fails_at_first, &is_ready, &table, &err), AL_OK);
    assert_true(is_ready);
    assert_int_equal(starts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curl_is_the_one_of_the_headers),
        cmocka_unit_test(curl_takes_options_by_their_kind),
        cmocka_unit_test(mariadb_is_the_one_of_the_headers),
        cmocka_unit_test(rabbitmq_is_the_one_of_the_headers),
        cmocka_unit_test(a_missing_library_is_said_with_its_package),
        cmocka_unit_test(a_missing_function_is_said_and_nothing_is_taken),
        cmocka_unit_test(a_library_is_started_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
