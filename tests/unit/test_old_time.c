/* Goal: times as old ALCO read and wrote them. Method: tables, with the formats Django has for a
 * form, in UTC and in a zone with summer time; every text that is written is read back. */
#include "test.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/clock.h"
#include "record/old_time.h"
#include "record/timestamp.h"

#define S(n) (INT64_C(n) * AL_NS_PER_S)

static const struct {
    const char *text;
    int64_t ns;
} good[] = {
    {"2016-05-23", S(1463961600)},
    {"2016-05-23 10:53", S(1464000780)},
    {"2016-05-23 10:53:20", S(1464000800)},
    {"2016-05-23 10:53:20.123456", S(1464000800) + 123456000},
    {"2016-05-23 10:53:20.5", S(1464000800) + 500000000},
    {"2016-5-3 1:2:3", S(1462237323)},
    {"05/23/2016", S(1463961600)},
    {"5/23/2016 10:53", S(1464000780)},
    {"05/23/2016 10:53:20", S(1464000800)},
    {"05/23/2016 10:53:20.000001", S(1464000800) + 1000},
    {"05/23/16", S(1463961600)},
    {"05/23/16 10:53", S(1464000780)},
    {"05/23/16 10:53:20", S(1464000800)},
    {"05/23/16 10:53:20.25", S(1464000800) + 250000000},
    {"5/23/70", S(12268800)},
    {"2016-05-23T10:53:20", S(1464000800)},
    {"2016-05-23T10:53:20.123456", S(1464000800) + 123456000},
    {"2016-05-23T10:53:20,123456789", S(1464000800) + 123456000},
    {"2016-05-23T10:53:20Z", S(1464000800)},
    {"2016-05-23T13:53:20+03:00", S(1464000800)},
    {"2016-05-23 05:23:20-0530", S(1464000800)},
    {"2016-05-23T13:53:20 +03", S(1464000800)},
    {"  2016-05-23 \t 10:53:20\n", S(1464000800)},
    {"2016-02-29", S(1456704000)},
    {"1970-01-01", 0},
    {"2262-04-11 23:47:16", S(9223372036)},
};

static const char *const bad[] = {
    "",
    " ",
    "x",
    "2016",
    "2016-05",
    "16-05-23",
    "2016-05-",
    "2016-13-01",
    "2016-00-01",
    "2016-02-30",
    "2015-02-29",
    "2016-05-23x",
    "2016-05-23 10",
    "2016-05-23 10:",
    "2016-05-23 24:00",
    "2016-05-23 10:60",
    "2016-05-23 10:53:60",
    "2016-05-23 10:53:20.",
    "2016-05-23 10:53:20 x",
    "2016-05-23 10:53:20.1234567890123",
    "2016-05-23T10:53:20+3",
    "2016-05-23T10:53:20+24:00",
    "2016-05-23T10:53:20+03:60",
    "2016-05-23T10:53:20+03:0",
    "2016/05/23",
    "23/05/2016",
    "5/23/6",
    "5/23/216",
    "13/01/2016",
    "23.05.2016",
    "-2016-05-23",
    "2016-05-23-",
    "99999-01-01",
    "0000-01-01",
    "1463990000",
    "now",
    "2016-05-23T",
    "2016-05-23 10:53:20 03:00",
    "\xd9\xa2\xd9\xa0",
    "99999999999999999999999999",
};

static void django_formats_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = -1;
        int64_t end_ns = -1;
        if (!rec_old_time_parse(al_cstr(good[i].text), NULL, &ns, &end_ns) || ns != good[i].ns)
            fail_msg("'%s' is %" PRId64 ", not %" PRId64, good[i].text, ns, good[i].ns);
        assert_true(end_ns == ns + 999);
    }
}

static void what_no_record_can_be_from_is_an_end(void **state)
{
    (void)state;
    static const char *const before[] = {"1969-12-31", "5/23/69", "0001-01-01",
                                         "1970-01-01T00:00:00+00:01"};
    static const char *const behind[] = {"2262-04-13", "9999-12-31 23:59:59.999999"};
    AL_CLEANUP(rec_zone_freep) rec_zone *berlin = NULL;
    int64_t ns = -2;
    int64_t end_ns = -2;
    al_err err;
    assert_int_equal(rec_zone_open(AL_LIT("Europe/Berlin"), &berlin, &err), AL_OK);
    for (size_t i = 0; i < AL_COUNT(before); i++) {
        assert_true(rec_old_time_parse(al_cstr(before[i]), NULL, &ns, &end_ns));
        assert_true(ns == 0 && end_ns == -1);
    }
    for (size_t i = 0; i < AL_COUNT(behind); i++) {
        assert_true(rec_old_time_parse(al_cstr(behind[i]), berlin, &ns, &end_ns));
        assert_true(ns == INT64_MAX && end_ns == INT64_MAX);
    }
    assert_true(rec_old_time_parse(AL_LIT("1970-01-01"), berlin, &ns, &end_ns)); /* east of zero */
    assert_true(ns == 0 && end_ns == -1);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ns = -1;
        int64_t end_ns = -2;
        al_slice text = al_cstr(bad[i]);
        if (rec_old_time_parse(text, NULL, &ns, &end_ns))
            fail_msg("'%s' was read as %" PRId64, bad[i], ns);
        assert_true(ns == -1 && end_ns == -2);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        al_slice whole = al_cstr(good[i].text);
        for (size_t n = 0; n < whole.len; n++) { /* each beginning, on the heap: no byte too many */
            uint8_t *copy = malloc(n + 1);
            int64_t ns = 0;
            int64_t end_ns = 0;
            assert_non_null(copy);
            for (size_t k = 0; k < n; k++)
                copy[k] = whole.ptr[k];
            (void)!rec_old_time_parse((al_slice){copy, n}, NULL, &ns, &end_ns);
            free(copy);
        }
    }
}

static void check_written(const rec_zone *z, int64_t ns, char gap, const char *wanted)
{
    al_buf out;
    al_buf_init(&out, 64);
    rec_old_time_format(&out, z, ns, gap);
    if (!al_slice_eq(al_buf_slice(&out), al_cstr(wanted)))
        fail_msg("%.*s, not %s", AL_ARG(al_buf_slice(&out)), wanted);
    int64_t back = 0;
    int64_t end = 0;
    assert_true(rec_old_time_parse(al_buf_slice(&out), z, &back, &end));
    assert_true(back <= ns && ns <= end);
    al_buf_done(&out);
}

static void times_are_written_as_python_does(void **state)
{
    (void)state;
    AL_CLEANUP(rec_zone_freep) rec_zone *berlin = NULL;
    al_err err;
    assert_int_equal(rec_zone_open(AL_LIT("Europe/Berlin"), &berlin, &err), AL_OK);
    check_written(NULL, S(1464000800), 'T', "2016-05-23T10:53:20");
    check_written(NULL, S(1464000800) + 123456789, 'T', "2016-05-23T10:53:20.123456");
    check_written(NULL, S(1464000800) + 999, 'T', "2016-05-23T10:53:20");
    check_written(NULL, S(1464000800) + 1000, 'T', "2016-05-23T10:53:20.000001");
    check_written(NULL, 0, ' ', "1970-01-01 00:00:00");
    check_written(NULL, INT64_MAX - 999, ' ', "2262-04-11 23:47:16.854774");
    check_written(berlin, S(1464000800), ' ', "2016-05-23 12:53:20"); /* summer */
    check_written(berlin, S(1450000800), 'T', "2015-12-13T11:00:00"); /* winter */
}

static void local_times_are_of_the_zone(void **state)
{
    (void)state;
    AL_CLEANUP(rec_zone_freep) rec_zone *berlin = NULL;
    AL_CLEANUP(rec_zone_freep) rec_zone *new_york = NULL;
    int64_t ns = 0;
    int64_t end = 0;
    al_err err;
    assert_int_equal(rec_zone_open(AL_LIT("Europe/Berlin"), &berlin, &err), AL_OK);
    assert_int_equal(rec_zone_open(AL_LIT("America/New_York"), &new_york, &err), AL_OK);
    assert_true(rec_old_time_parse(AL_LIT("2016-05-23 12:53:20"), berlin, &ns, &end));
    assert_true(ns == S(1464000800));
    assert_true(rec_old_time_parse(AL_LIT("2016-05-23T12:53:20Z"), berlin, &ns, &end));
    assert_true(ns == S(1464008000)); /* an offset is one */
    assert_true(rec_old_time_parse(AL_LIT("2016-10-30 02:30:00"), berlin, &ns, &end));
    assert_true(ns == S(1477787400)); /* came twice: the first */
    assert_int_equal(rec_old_day_of(berlin, S(1464040800)), rec_day_of(S(1464040800)) + 1);
    assert_int_equal(rec_old_day_of(new_york, S(1463965200)), rec_day_of(S(1463965200)) - 1);
    assert_int_equal(rec_old_day_of(new_york, 0), -1);
    assert_int_equal(rec_old_day_of(NULL, S(86399)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(django_formats_are_read),
        cmocka_unit_test(what_no_record_can_be_from_is_an_end),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(times_are_written_as_python_does),
        cmocka_unit_test(local_times_are_of_the_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
