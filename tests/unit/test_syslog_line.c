/* Goal: lines of syslog are read as syslog_line.h says. Method: tables of lines; every beginning of
 * each in memory of its own, for the sanitizers. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "inputs/syslog_line.h"
#include "test.h"

#define NEAR_NS (INT64_C(1773900000) * AL_NS_PER_S) /* 2026-03-19 */

static const struct {
    const char *line;
    int facility, severity; /* -2: it is no syslog */
    int64_t time_s;
    const char *host, *app, *pid, *msgid, *data, *message;
} cases[] = {
    {"<165>1 2026-03-11T22:14:15Z h a 1 m [x b=\"c ] d\"] text", 20, 5, 1773267255, "h", "a", "1",
     "m", "[x b=\"c ] d\"]", "text"},
    {"<0>1 - - - - - -", 0, 0, -1, "", "", "", "", "", ""},
    {"<0>1 - h a - - - \xef\xbb\xbfx", 0, 0, -1, "h", "a", "", "", "", "x"},
    {"<0>1 - h a - - [x b=\"\\]\\\"\"] y", 0, 0, -1, "h", "a", "", "", "[x b=\"\\]\\\"\"]", "y"},
    {"<14>Mar 11 22:14:15 h a[7]: text: more", 1, 6, 1773267255, "h", "a", "7", "", "",
     "text: more"},
    {"Mar  1 22:14:15 h a: text", -1, -1, 1772403255, "h", "a", "", "", "", "text"},
    {"2026-03-11T22:14:15+00:00 h a[7]: text", -1, -1, 1773267255, "h", "a", "7", "", "", "text"},
    {"<14>Mar 11 22:14:15 -- MARK --", 1, 6, 1773267255, "", "", "", "", "", "-- MARK --"},
    {"<14>words", 1, 6, -1, "", "", "", "", "", "words"},
    {"<191>", 23, 7, -1, "", "", "", "", "", ""},
    {"<0>1 - h a - - [x", 0, 0, -1, "", "", "", "", "",
     "1 - h a - - [x"}, /* breaks the rules of 5424 */
    {"<192>words", 0, -2, 0, 0, 0, 0, 0, 0, 0},
    {"<>words", 0, -2, 0, 0, 0, 0, 0, 0, 0},
    {"<1", 0, -2, 0, 0, 0, 0, 0, 0, 0},
    {"Mar 11 22:14:15 no program", 0, -2, 0, 0, 0, 0, 0, 0, 0},
    {"words h a: text", 0, -2, 0, 0, 0, 0, 0, 0, 0},
    {"", 0, -2, 0, 0, 0, 0, 0, 0, 0},
};

static void expect(al_slice got, const char *expected)
{
    assert_int_equal(got.len, strlen(expected));
    assert_true(al_slice_eq(got, al_cstr(expected)));
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        syslog_line l;
        bool is_one = syslog_line_read(al_cstr(cases[i].line), NULL, NEAR_NS, &l);
        assert_int_equal(is_one, cases[i].severity != -2);
        if (!is_one)
            continue;
        assert_int_equal(l.facility, cases[i].facility);
        assert_int_equal(l.severity, cases[i].severity);
        assert_int_equal(l.time_ns, cases[i].time_s < 0 ? -1 : cases[i].time_s * AL_NS_PER_S);
        expect(l.host, cases[i].host);
        expect(l.app, cases[i].app);
        expect(l.pid, cases[i].pid);
        expect(l.msgid, cases[i].msgid);
        expect(l.data, cases[i].data);
        expect(l.message, cases[i].message);
    }
}

static void test_every_beginning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t n = 0; n <= strlen(cases[i].line); n++) {
            syslog_line l;
            uint8_t *copy = malloc(n ? n : 1);
            assert_non_null(copy);
            memcpy(copy, cases[i].line, n);
            if (syslog_line_read((al_slice){copy, n}, NULL, NEAR_NS, &l))
                assert_true(l.message.len <= n);
            al_buf out;
            al_buf_init(&out, 4096);
            (void)syslog_data_put(&out, (al_slice){copy, n}); /* any answer */
            al_buf_done(&out);
            free(copy);
        }
    }
}

static void test_data(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        const char *expected; /* NULL: damaged */
    } data[] = {
        {"[a@1 b=\"c\" d=\"e\\\\f\\x\"][g]",
         "{\"a@1\":{\"b\":\"c\",\"d\":\"e\\\\f\\\\x\"},\"g\":{}}"},
        {"[a]", "{\"a\":{}}"},
        {"[a b]", NULL},
        {"[a b=c]", NULL},
        {"[a b=\"c]", NULL},
        {"[a", NULL},
        {"[a]x", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        al_buf out;
        al_buf_init(&out, 4096);
        al_buf_str(&out, "=");
        assert_int_equal(syslog_data_put(&out, al_cstr(data[i].data)), data[i].expected != NULL);
        al_slice put = al_slice_sub(al_buf_slice(&out), 1, out.len);
        expect(put, data[i].expected ? data[i].expected : "");
        al_buf_done(&out);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(syslog_facility_name(0), "kern");
    assert_string_equal(syslog_facility_name(10), "authpriv");
    assert_string_equal(syslog_facility_name(23), "local7");
    assert_string_equal(syslog_severity_name(3), "err");
    assert_null(syslog_facility_name(24));
    assert_null(syslog_severity_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_every_beginning),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
