/* Goal: broker URLs mean what the contract says, and what is wrong in one is named without its
 * password. Method: a table of URLs; every cut of a long one parses or fails with a message. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "inputs/amqp_url.h"

static void good_urls_mean_what_the_contract_says(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *user, *password, *host;
        int port;
        const char *vhost, *label;
    } good[] = {
        {"amqp://", "guest", "guest", "localhost", 5672, "/", "localhost:5672/"},
        {"amqp://h", "guest", "guest", "h", 5672, "/", "h:5672/"},
        {"amqp://h/", "guest", "guest", "h", 5672, "/", "h:5672/"},
        {"amqp://h/x", "guest", "guest", "h", 5672, "x", "h:5672/x"},
        {"amqp://h/%2F", "guest", "guest", "h", 5672, "/", "h:5672/"},
        {"amqp://h/%2fx", "guest", "guest", "h", 5672, "/x", "h:5672/x"},
        {"amqp://h//x", "guest", "guest", "h", 5672, "/x", "h:5672/x"},
        {"amqp://u:p@h:1/x%20y", "u", "p", "h", 1, "x y", "h:1/x y"},
        {"amqp://u%40d:p%3A%2f@h", "u@d", "p:/", "h", 5672, "/", "h:5672/"},
        {"amqp://u:p@q@h", "u", "p@q", "h", 5672, "/", "h:5672/"},
        {"amqp://u@h", "u", "", "h", 5672, "/", "h:5672/"},
        {"amqp://[::1]:65535/", "guest", "guest", "::1", 65535, "/", "::1:65535/"},
        {"amqps://h", "guest", "guest", "h", 5671, "/", "h:5671/"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        amqp_address a;
        al_err err = {0};
        assert_int_equal(amqp_url_parse(al_cstr(good[i].url), &a, &err), AL_OK);
        assert_string_equal(a.user, good[i].user);
        assert_string_equal(a.password, good[i].password);
        assert_string_equal(a.host, good[i].host);
        assert_int_equal(a.port, good[i].port);
        assert_string_equal(a.vhost, good[i].vhost);
        assert_string_equal(a.label, good[i].label);
        assert_true(a.must_verify);
        assert_int_equal(a.is_tls, strncmp(good[i].url, "amqps", 5) == 0);
    }
}

static void tls_has_options(void **state)
{
    (void)state;
    amqp_address a;
    al_err err = {0};
    const char *url = "amqps://h/v?cacertfile=%2Fca.pem&verify=verify_none&certfile=c&keyfile=k";
    assert_int_equal(amqp_url_parse(al_cstr(url), &a, &err), AL_OK);
    assert_string_equal(a.ca_file, "/ca.pem");
    assert_string_equal(a.cert_file, "c");
    assert_string_equal(a.key_file, "k");
    assert_string_equal(a.vhost, "v");
    assert_false(a.must_verify);
}

static void bad_urls_are_refused_without_their_password(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "h",
        "http://h",
        "amqp:/h",
        "amqp://u:secret@h:0",
        "amqp://u:secret@h:65536",
        "amqp://u:secret@h:x",
        "amqp://u:secret%@h",
        "amqp://u:secret%0@h",
        "amqp://u:secret%0g@h",
        "amqp://u:secret%00@h",
        "amqp://u:secret@[::1",
        "amqp://u:secret@[::1]x",
        "amqp://u:secret@h/%",
        "amqp://u:secret@h/x?verify=verify_none",
        "amqps://u:secret@h/x?verify=maybe",
        "amqps://u:secret@h/x?certfile=c",
        "amqps://u:secret@h/x?nothing=1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        amqp_address a = {.port = 7};
        al_err err = {0};
        assert_int_equal(amqp_url_parse(al_cstr(bad[i]), &a, &err), AL_INVALID);
        assert_true(err.msg[0] != 0);
        assert_null(strstr(err.msg, "secret"));
        assert_int_equal(a.port, 7);
    }
    char longer[2000] = "amqp://";
    memset(longer + 7, 'h', 1000);
    amqp_address a;
    al_err err;
    assert_int_equal(amqp_url_parse(al_cstr(longer), &a, &err), AL_INVALID);
}

static void every_cut_is_survived(void **state)
{
    (void)state;
    static const char url[] = "amqps://us%40er:pa%3Ass@[::1]:5671/v%2Fh?verify=verify_none&"
                              "cacertfile=%2Fetc%2Fca.pem&certfile=a&keyfile=b";
    for (size_t cut = 0; cut < sizeof url; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* on the heap: asan sees one byte too many */
        memcpy(copy, url, cut);
        amqp_address a;
        al_err err = {0};
        al_code c = amqp_url_parse((al_slice){copy, cut}, &a, &err);
        assert_true(c == AL_OK || (c == AL_INVALID && err.msg[0]));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_mean_what_the_contract_says),
        cmocka_unit_test(tls_has_options),
        cmocka_unit_test(bad_urls_are_refused_without_their_password),
        cmocka_unit_test(every_cut_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
