/* Goal: numbers compare by value, exactly, however they are spelled. Method: a rising list, in
 * which every pair is compared both ways; spellings of the same value; what is no number. */
#include "test.h"

#include "record/record.h"

static const char *const rising[] = {
    "-1e99999999999999999999999999",
    "-1e400",
    "-12345678901234567890123",
    "-1.5",
    "-1",
    "-0.1",
    "-1e-400",
    "0",
    "1e-99999999999999999999999",
    "1e-400",
    "2e-400",
    "0.1",
    "0.10000000000000000001",
    "1",
    "1.5",
    "9",
    "10",
    "9007199254740992",
    "9007199254740993",
    "1180591620717411303424",
    "1180591620717411303424.1",
    "1180591620717411303425",
    "1e400",
    "9.99e400",
    "1e401",
    "1e99999999999999999999999998",
    "1e99999999999999999999999999",
    "10e99999999999999999999999999",
};

static const char *const same[][2] = {
    {"1e2", "100"},
    {"100.0", "1e2"},
    {"1E+2", "0.01e4"},
    {"-0", "0"},
    {"0e999", "0.000"},
    {"1000e-3", "1"},
    {"0.001e3", "1.000"},
    {"12.50", "125e-1"},
    {"-5e1", "-50"},
    {"1e00000000000000000000000000002", "100"},
    {"0.1e100000000000000000000000001", "1e100000000000000000000000000"},
    {"100e-100000000000000000000000001", "1e-99999999999999999999999999"},
};

static void numbers_are_ordered_by_value(void **state)
{
    (void)state;
    const int n = sizeof rising / sizeof rising[0];
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
            bool is_ok = false;
            int c = rec_number_cmp(al_cstr(rising[i]), al_cstr(rising[k]), &is_ok);
            assert_true(is_ok);
            if ((c > 0) - (c < 0) != (i > k) - (i < k))
                fail_msg("%s against %s gave %d", rising[i], rising[k], c);
        }
    }
}

static void spellings_of_one_value_are_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        bool is_ok = false;
        if (rec_number_cmp(al_cstr(same[i][0]), al_cstr(same[i][1]), &is_ok) != 0 || !is_ok)
            fail_msg("%s is not %s", same[i][0], same[i][1]);
    }
}

static void what_is_no_finite_number_is_told(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "NaN", "Infinity", "-Infinity", "-",   "01",
                                        "1.", ".5",  "+1",       "1e",        "1e+", "0x1",
                                        "1 ", " 1",  "one",      "1_0",       "--1", "1,5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_ok = true;
        assert_int_equal(rec_number_cmp(al_cstr(texts[i]), AL_LIT("1"), &is_ok), 0);
        assert_false(is_ok);
        (void)rec_number_cmp(AL_LIT("1"), al_cstr(texts[i]), &is_ok);
        assert_false(is_ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_ordered_by_value),
        cmocka_unit_test(spellings_of_one_value_are_equal),
        cmocka_unit_test(what_is_no_finite_number_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
