/* Goal: what json_out writes is always valid JSON in valid UTF-8 and means what was given. Method:
 * vectors; every byte at places around the 16-byte step; reading back with the scanner. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "record/json.h"
#include "record/json_out.h"

static void check_string(al_slice text, const char *want)
{
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    json_put_string(&b, text);
    assert_int_equal(al_buf_code(&b), AL_OK);
    if (!al_slice_eq(al_buf_slice(&b), al_cstr(want)))
        fail_msg("got %.*s, want %s", AL_ARG(al_buf_slice(&b)), want);
    al_buf_done(&b);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    check_string((al_slice){0}, "\"\"");
    check_string(AL_LIT("plain text that is longer than sixteen bytes"),
                 "\"plain text that is longer than sixteen bytes\"");
    check_string(AL_LIT("\"\\/\b\f\n\r\t\0\1\x1f\x7f"),
                 "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7f\"");
    check_string(AL_LIT("\xd0\x96\xe2\x82\xac\xf0\x9f\x98\x80 mixed \n\xd0\x96"),
                 "\"\xd0\x96\xe2\x82\xac\xf0\x9f\x98\x80 mixed \\n\xd0\x96\"");
}

#define FFFD "\xef\xbf\xbd"

/* The table of Unicode 15, chapter 3.9: one U+FFFD for each maximal subpart. */
static void ill_formed_pieces_are_replaced(void **state)
{
    (void)state;
    check_string(AL_LIT("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
                 "\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A\"");
    check_string(AL_LIT("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41"),
                 "\"" FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A\"");
    check_string(AL_LIT("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42"),
                 "\"" FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B\"");
    check_string(AL_LIT("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"), "\"" FFFD FFFD FFFD FFFD "A\"");
}

static void every_byte_at_every_place_comes_back(void **state)
{
    (void)state;
    for (size_t at = 0; at < 34; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t *text = malloc(34);
            uint8_t back[34];
            memset(text, 'a', 34);
            text[at] = (uint8_t)byte;
            al_buf b;
            al_buf_init(&b, SIZE_MAX);
            json_put_string(&b, (al_slice){text, 34});
            json_token t;
            json_reader r = json_read(al_buf_slice(&b));
            bool is_lone = false;
            assert_true(json_value(&r, &t) && json_end(&r));
            assert_int_equal(t.flags & JSON_BAD_UTF8, 0);
            if (byte < 0x80) {
                assert_int_equal(json_unescape(t.raw, back, &is_lone), 34);
                assert_memory_equal(back, text, 34);
            } else {
                assert_int_equal(t.raw.len, 36);
                assert_memory_equal(t.raw.ptr + at, FFFD, 3);
            }
            al_buf_done(&b);
            free(text);
        }
    }
}

static void check_value(val_type type, const char *text, const char *want)
{
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    json_put_value(&b, &(value){type, al_cstr(text)});
    if (!al_slice_eq(al_buf_slice(&b), al_cstr(want)))
        fail_msg("got %.*s, want %s", AL_ARG(al_buf_slice(&b)), want);
    al_buf_done(&b);
}

static void values_are_written_as_sent(void **state)
{
    (void)state;
    check_value(VAL_NULL, "", "null");
    check_value(VAL_TRUE, "", "true");
    check_value(VAL_FALSE, "", "false");
    check_value(VAL_NUMBER, "1.50E+3", "1.50E+3");
    check_value(VAL_NUMBER, "NaN", "\"NaN\"");
    check_value(VAL_NUMBER, "-Infinity", "\"-Infinity\"");
    check_value(VAL_STRING, "a\"", "\"a\\\"\"");
    check_value(VAL_ARRAY, "[1,{\"a\":null}]", "[1,{\"a\":null}]");
    check_value(VAL_OBJECT, "{\"NaN\":[NaN,-Infinity,-1,\"I\"],\"b\":Infinity}",
                "{\"NaN\":[\"NaN\",\"-Infinity\",-1,\"I\"],\"b\":\"Infinity\"}");
    check_value(VAL_ARRAY, "[\"\xff\\n\\\"\",\"\xd0\x96\"]", "[\"" FFFD "\\n\\\"\",\"\xd0\x96\"]");
}

static void what_is_no_json_becomes_a_string(void **state)
{
    (void)state;
    check_value(VAL_NUMBER, "01", "\"01\"");
    check_value(VAL_NUMBER, "", "\"\"");
    check_value(VAL_NUMBER, "1,2", "\"1,2\"");
    check_value(VAL_ARRAY, "[1", "\"[1\"");
    check_value(VAL_ARRAY, "{}", "\"{}\"");
    check_value(VAL_OBJECT, "{\"a\"", "\"{\\\"a\\\"\"");
    check_value(VAL_OBJECT, "{} {}", "\"{} {}\"");
}

static void fields_become_an_object(void **state)
{
    (void)state;
    field fields[] = {{AL_LIT("a\n"), {VAL_NUMBER, AL_LIT("1")}},
                      {AL_LIT(""), {VAL_STRING, AL_LIT("x")}},
                      {AL_LIT("\xff"), {.type = VAL_NULL}}};
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    json_put_fields(&b, fields, 3);
    json_put_fields(&b, NULL, 0);
    assert_true(
        al_slice_eq(al_buf_slice(&b), AL_LIT("{\"a\\n\":1,\"\":\"x\",\"" FFFD "\":null}{}")));
    al_buf_done(&b);
    al_buf_init(&b, 8);
    json_put_fields(&b, fields, 3);
    assert_int_equal(al_buf_code(&b), AL_LIMIT);
    al_buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(ill_formed_pieces_are_replaced),
        cmocka_unit_test(every_byte_at_every_place_comes_back),
        cmocka_unit_test(values_are_written_as_sent),
        cmocka_unit_test(what_is_no_json_becomes_a_string),
        cmocka_unit_test(fields_become_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
