/* Goal: times as text, both ways, at their edges. Method: tables; truncations on heap copies. Many
 * more are compared with Python's datetime in tests/integration/test_json_diff.py. */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/timestamp.h"

#define EXACT_NS INT64_C(1795349506622580000) /* 2026-11-22T12:11:46.622580Z */

static const struct {
    const char *text;
    int64_t ns;
} good[] = {
    {"2026-11-22T12:11:46.622580Z", EXACT_NS},
    {"2026-11-22T12:11:46.62258Z", EXACT_NS},
    {"2026-11-22T12:11:46.622580000Z", EXACT_NS},
    {"2026-11-22T12:11:46.6225800009999Z", EXACT_NS},
    {"2026-11-22 12:11:46.622580", EXACT_NS},
    {"2026-11-22t12:11:46,622580z", EXACT_NS},
    {"2026-11-22T15:11:46.622580+03:00", EXACT_NS},
    {"2026-11-22T06:41:46.62258-0530", EXACT_NS},
    {"2026-11-22T12:11:46.622580-00:00", EXACT_NS},
    {"1795349506.622580", EXACT_NS},
    {"1795349506622.58", EXACT_NS},
    {"1795349506622580", EXACT_NS},
    {"1795349506622580000", EXACT_NS},
    {"1.79534950662258e9", EXACT_NS},
    {"1795349506622580000.9999", EXACT_NS},
    {"2026-11-22", INT64_C(1795305600000000000)},
    {"2026-11-22T00:00:00", INT64_C(1795305600000000000)},
    {"2016-12-31T23:59:60Z", INT64_C(1483228800000000000)},
    {"2024-02-29", INT64_C(1709164800000000000)},
    {"2000-02-29", INT64_C(951782400000000000)},
    {"1970-01-01T00:00:00Z", 0},
    {"1970-01-01", 0},
    {"1969-12-31T23:00:00-01:00", 0},
    {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
    {"946684800", INT64_C(946684800000000000)},
    {"4133980799.999999999", INT64_C(4133980799999999999)},
    {"4133980799999999999", INT64_C(4133980799999999999)},
};

static const char *const bad[] = {
    "",
    "x",
    "2026",
    "2026-11",
    "2026-11-2",
    "2026-13-01",
    "2026-00-01",
    "2026-02-29",
    "2100-02-29",
    "2026-04-31",
    "2026-11-00",
    "2026-11-22T",
    "2026-11-22T12:11",
    "2026-11-22T24:00:00",
    "2026-11-22T12:60:00",
    "2026-11-22T12:00:61",
    "2026-11-22T12:11:46.",
    "2026-11-22T12:11:46.Z",
    "2026-11-22T12:11:46ZZ",
    "2026-11-22T12:11:46 Z",
    "2026-11-22T12:11:46+3:00",
    "2026-11-22T12:11:46+24:00",
    "2026-11-22T12:11:46+03:60",
    "2026-11-22T12:11:46+03",
    "2026-11-22x12:11:46",
    "2026/11/22",
    "22-11-2026",
    " 2026-11-22",
    "2026-11-22 ",
    "1969-12-31T23:59:59.999999999Z",
    "1970-01-01T00:30:00+01:00",
    "2262-04-11T23:47:16.854775808Z",
    "9999-12-31",
    "0000-01-01",
    "946684799",
    "946684799.999999999",
    "4133980800",
    "4133980800000",
    "20261122",
    "-1795349506",
    "NaN",
    "Infinity",
    "01795349506",
    "9.4e8",
    "1795349506Z",
    "1.79e99999999999999999999",
    "1e-5",
    "0",
};

static void times_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = -7;
        if (!rec_time_parse(al_cstr(good[i].text), NULL, &ns) || ns != good[i].ns)
            fail_msg("'%s' gave %" PRId64, good[i].text, ns);
    }
}

static void what_is_no_time_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ns = -7;
        if (rec_time_parse(al_cstr(bad[i]), NULL, &ns) || ns != -7)
            fail_msg("'%s' gave %" PRId64, bad[i], ns);
    }
    int64_t ns = -7;
    assert_false(rec_time_parse((al_slice){0}, NULL, &ns)); /* no bytes at all */
    assert_int_equal(rec_time_parse_range((al_slice){0}, 0, &ns, NULL), AL_INVALID);
}

static void nothing_behind_the_text_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t cut = 0; cut <= strlen(good[i].text); cut++) {
            int64_t ns = -7;
            uint8_t *copy = malloc(cut ? cut : 1);
            memcpy(copy, good[i].text, cut);
            bool is_ok = rec_time_parse((al_slice){copy, cut}, NULL, &ns);
            assert_int_equal(is_ok, ns >= 0);
            free(copy);
        }
    }
}

static void ranges_may_be_relative(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"now", EXACT_NS},
        {"-1s", EXACT_NS - AL_NS_PER_S},
        {"-15m", EXACT_NS - 900 * AL_NS_PER_S},
        {"-2h", EXACT_NS - 7200 * AL_NS_PER_S},
        {"-7d", EXACT_NS - 7 * AL_NS_PER_DAY},
        {"-3w", EXACT_NS - 21 * AL_NS_PER_DAY},
        {"-0s", EXACT_NS},
        {"-999999999999999999w", 0},
        {"-100000d", 0},
        {"2026-11-22", INT64_C(1795305600000000000)},
        {"1795349506", INT64_C(1795349506000000000)},
        {"0", 0},
        {"15", 15 * AL_NS_PER_S},
        {"946684799", INT64_C(946684799) * AL_NS_PER_S},
        {"946684800", INT64_C(946684800) * AL_NS_PER_S},
    };
    static const char *const wrong[] = {"",      "-",    "-m",  "15m", "-15",       "-15M",
                                        "-1.5h", "- 1h", "Now", "-1y", "+1h",       "tomorrow",
                                        "--1h",  "1e5",  "-0",  "0.5", "9000000000"};
    al_err err;
    int64_t ns = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rec_time_parse_range(al_cstr(cases[i].text), EXACT_NS, &ns, &err), AL_OK);
        assert_true(ns == cases[i].want);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ns = -7;
        assert_int_equal(rec_time_parse_range(al_cstr(wrong[i]), EXACT_NS, &ns, &err), AL_INVALID);
        assert_true(ns == -7);
        assert_non_null(strstr(err.msg, wrong[i]));
        assert_non_null(strstr(err.msg, "expected"));
    }
}

static void check_format(int64_t ns, const char *want)
{
    al_buf b;
    al_buf_init(&b, 30);
    rec_time_format(&b, ns);
    assert_int_equal(al_buf_code(&b), AL_OK);
    assert_int_equal(b.len, 30);
    if (!al_slice_eq(al_buf_slice(&b), al_cstr(want)))
        fail_msg("%.*s instead of %s", AL_ARG(al_buf_slice(&b)), want);
    int64_t back = -7;
    if (ns >= 0) {
        assert_true(rec_time_parse(al_buf_slice(&b), NULL, &back));
        assert_true(back == ns);
    }
    al_buf_done(&b);
}

static void times_are_written(void **state)
{
    (void)state;
    check_format(EXACT_NS, "2026-11-22T12:11:46.622580000Z");
    check_format(0, "1970-01-01T00:00:00.000000000Z");
    check_format(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    check_format(-1, "1969-12-31T23:59:59.999999999Z");
    check_format(INT64_C(951827696000000001), "2000-02-29T12:34:56.000000001Z");
    for (int64_t ns = 0; ns >= 0 && ns < INT64_MAX / 2; ns += INT64_C(86399999999977777)) {
        al_buf b;
        al_buf_init(&b, 64);
        rec_time_format(&b, ns);
        int64_t back = -7;
        assert_true(rec_time_parse(al_buf_slice(&b), NULL, &back));
        assert_true(back == ns);
        al_buf_done(&b);
    }
}

static void days_are_counted_from_1970(void **state)
{
    (void)state;
    assert_int_equal(rec_day_of(0), 0);
    assert_int_equal(rec_day_of(AL_NS_PER_DAY - 1), 0);
    assert_int_equal(rec_day_of(AL_NS_PER_DAY), 1);
    assert_int_equal(rec_day_of(-1), -1);
    assert_int_equal(rec_day_of(INT64_MIN), -106752);
    assert_int_equal(rec_day_of(INT64_MAX), 106751);
    assert_int_equal(rec_day_of(EXACT_NS), 20779);
    al_buf b;
    al_buf_init(&b, 64);
    rec_day_format(&b, 20779);
    rec_day_format(&b, 0);
    rec_day_format(&b, 11016);
    assert_true(al_slice_eq(al_buf_slice(&b), AL_LIT("202611221970010120000229")));
    al_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(what_is_no_time_is_told),
        cmocka_unit_test(nothing_behind_the_text_is_read),
        cmocka_unit_test(ranges_may_be_relative),
        cmocka_unit_test(times_are_written),
        cmocka_unit_test(days_are_counted_from_1970),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
