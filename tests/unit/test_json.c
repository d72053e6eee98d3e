/* Goal: the scanner reads what is JSON, says where it stops, and never looks behind its text.
 * Method: vectors; every truncation of documents on heap copies, which address sanitizer guards. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/fold.h"
#include "record/json.h"
#include "record/utf8.h"

static const char *const whole[] = {
    "{\"@timestamp\": \"2026-11-22T12:11:46.622580Z\", \"message\": \"long enough for 16 bytes\", "
    "\"tags\": [], \"n\": {\"a\": [1, 2.5e-3, {\"b\": null}], \"c\": {}}, \"t\": true, \"f\": "
    "false}",
    "[ NaN , Infinity , -Infinity , -0 , 1E5 , \"\\u00e9\\ud83d\\ude00\\n\" , \"\xd0\x96\" ]",
    "{\"a\":{\"b\":{\"c\":[[[[]]],{},\"]}\"]}}}",
};

/* A copy without a byte to spare. */
static uint8_t *on_heap(al_slice s)
{
    uint8_t *p = malloc(s.len ? s.len : 1);
    assert_non_null(p);
    if (s.len)
        memcpy(p, s.ptr, s.len);
    return p;
}

static bool is_document(al_slice s)
{
    json_token t;
    json_reader r = json_read(s);
    bool is_ok = json_value(&r, &t) && json_end(&r);
    assert_true(r.p >= r.begin);
    assert_true(r.p <= r.end);
    assert_true(is_ok == (r.error == NULL));
    return is_ok;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        al_slice s = al_cstr(whole[i]);
        for (size_t cut = 0; cut <= s.len; cut++) {
            uint8_t *copy = on_heap(al_slice_sub(s, 0, cut));
            assert_int_equal(is_document((al_slice){copy, cut}), cut == s.len);
            free(copy);
        }
    }
}

/* Documents beside good ones, by byte 0x00..0xff at each place: most are refused, none is read
 * beyond. */
static void every_changed_byte_stays_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        al_slice s = al_cstr(whole[i]);
        uint8_t *copy = on_heap(s);
        size_t n_refused = 0;
        for (size_t at = 0; at < s.len; at++) {
            for (unsigned byte = 0; byte < 256; byte += 3) {
                copy[at] = (uint8_t)byte;
                n_refused += !is_document((al_slice){copy, s.len});
            }
            copy[at] = s.ptr[at];
        }
        assert_true(n_refused > s.len);
        free(copy);
    }
}

static void check_token(const char *text, val_type type, const char *raw, unsigned flags)
{
    json_token t;
    json_reader r = json_read(al_cstr(text));
    assert_true(json_value(&r, &t));
    assert_int_equal(t.type, type);
    assert_true(al_slice_eq(t.raw, al_cstr(raw)));
    assert_int_equal(t.flags, flags);
}

static void tokens_carry_their_spelling_and_what_is_particular(void **state)
{
    (void)state;
    check_token(" null", VAL_NULL, "null", 0);
    check_token("true", VAL_TRUE, "true", 0);
    check_token("false", VAL_FALSE, "false", 0);
    check_token("-0.10e+05 ", VAL_NUMBER, "-0.10e+05", 0);
    check_token("NaN", VAL_NUMBER, "NaN", JSON_CONSTANT);
    check_token("-Infinity", VAL_NUMBER, "-Infinity", JSON_CONSTANT);
    check_token("\"a b\"", VAL_STRING, "a b", 0);
    check_token("\"a\\tb\"", VAL_STRING, "a\\tb", JSON_ESCAPED);
    check_token("\"a\xff\"", VAL_STRING, "a\xff", JSON_BAD_UTF8);
    check_token("\"0123456789abcdef\xed\xa0\x80\"", VAL_STRING, "0123456789abcdef\xed\xa0\x80",
                JSON_BAD_UTF8);
    check_token("\"0123456789abcdef\xd0\x96\"", VAL_STRING, "0123456789abcdef\xd0\x96", 0);
    check_token("[1,[2]]x", VAL_ARRAY, "[1,[2]]", 0);
    check_token("[1, 2]", VAL_ARRAY, "[1, 2]", JSON_SPACED);
    check_token("{\"\\u0041\":[Infinity]}", VAL_OBJECT, "{\"\\u0041\":[Infinity]}",
                JSON_ESCAPED | JSON_CONSTANT);
}

static void check_error(const char *text, size_t at, const char *what)
{
    json_token t;
    json_reader r = json_read(al_cstr(text));
    assert_false(json_value(&r, &t) && json_end(&r));
    assert_int_equal(r.p - r.begin, at);
    assert_string_equal(r.error, what);
    assert_false(json_value(&r, &t)); /* for good */
}

static void errors_say_where_and_what_was_expected(void **state)
{
    (void)state;
    check_error("", 0, "expected a value");
    check_error("x", 0, "expected a value");
    check_error("[1 2]", 3, "expected ',' or ']'");
    check_error("{\"a\":1 \"b\":2}", 7, "expected ',' or '}'");
    check_error("{\"a\" 1}", 5, "expected ':' after the name");
    check_error("{a:1}", 1, "expected a name in double quotes");
    check_error("[1,]", 3, "expected a value");
    check_error("\"abc", 4, "expected '\"' at the end of the string");
    check_error("\"a\nb\"", 2, "found a control character in a string, expected its escape");
    check_error("\"a\\x\"", 2, "expected an escape such as \\n or \\u00e9");
    check_error("\"a\\u12\"", 2, "expected an escape such as \\n or \\u00e9");
    check_error("-", 0, "expected a number");
    check_error("1.e5", 0, "expected a number");
    check_error("01", 1, "expected nothing behind the value");
    check_error("nul", 0, "expected a value");
    check_error("{} {}", 3, "expected nothing behind the value");
}

static void readers_step_through_arrays_and_objects(void **state)
{
    (void)state;
    json_token t;
    val_type type = VAL_NULL;
    json_reader r = json_read(AL_LIT(" { \"a\" : [ 1 , { } , [ ] ] , \"b\" : \"x\" } "));
    assert_true(json_peek(&r, &type));
    assert_int_equal(type, VAL_OBJECT);
    json_open(&r);
    assert_int_equal(json_next(&r, VAL_OBJECT, &t), JSON_ITEM);
    assert_true(al_slice_eq(t.raw, AL_LIT("a")));
    assert_true(json_peek(&r, &type));
    assert_int_equal(type, VAL_ARRAY);
    json_open(&r);
    assert_int_equal(json_next(&r, VAL_ARRAY, &t), JSON_ITEM);
    assert_true(json_value(&r, &t));
    assert_int_equal(json_next(&r, VAL_ARRAY, &t), JSON_ITEM);
    json_open(&r);
    assert_int_equal(json_next(&r, VAL_OBJECT, &t), JSON_CLOSE);
    assert_int_equal(json_next(&r, VAL_ARRAY, &t), JSON_ITEM);
    json_open(&r);
    assert_int_equal(json_next(&r, VAL_ARRAY, &t), JSON_CLOSE);
    assert_int_equal(json_next(&r, VAL_ARRAY, &t), JSON_CLOSE);
    assert_int_equal(json_next(&r, VAL_OBJECT, &t), JSON_ITEM);
    assert_true(json_value(&r, &t));
    assert_int_equal(json_next(&r, VAL_OBJECT, &t), JSON_CLOSE);
    assert_true(json_end(&r));
}

static void check_unescape(const char *raw, const char *want, size_t n, bool is_lone)
{
    uint8_t out[64];
    bool got_lone = false;
    assert_int_equal(json_unescape(al_cstr(raw), out, &got_lone), n);
    assert_memory_equal(out, want, n);
    assert_int_equal(got_lone, is_lone);
}

static void escapes_become_bytes(void **state)
{
    (void)state;
    check_unescape("", "", 0, false);
    check_unescape("a\\\"\\\\\\/\\b\\f\\n\\r\\tz", "a\"\\/\b\f\n\r\tz", 10, false);
    check_unescape("\\u0000\\u0041\\u00e9\\u20AC", "\0A\xc3\xa9\xe2\x82\xac", 7, false);
    check_unescape("\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4, false);
    check_unescape("\\ud83dx", "\xed\xa0\xbdx", 4, true);
    check_unescape("\\ud83d\\ud83d\\ude00", "\xed\xa0\xbd\xf0\x9f\x98\x80", 7, true);
    check_unescape("\\ude00\\ud83d", "\xed\xb8\x80\xed\xa0\xbd", 6, true);
}

static void nested_text_becomes_canonical(void **state)
{
    (void)state;
    static const char raw[] =
        "{ \"\\u0041 b\" : [ 1.0 , \"\\/\\u0022\\u005c\\u001f\\u000a\\u00e9 x\" ] }";
    static const char want[] = "{\"A b\":[1.0,\"/\\\"\\\\\\u001f\\n\xc3\xa9 x\"]}";
    uint8_t out[sizeof raw];
    bool is_lone = false;
    size_t n = json_compact(al_cstr(raw), out, &is_lone);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, n);
    assert_false(is_lone);
}

static void text_is_quoted_with_the_fewest_escapes(void **state)
{
    (void)state;
    uint8_t out[JSON_QUOTED_BYTES(8)];
    size_t n = json_quote(AL_LIT("\"\\/\n\1\x7f\xff"), out);
    assert_int_equal(n, 17);
    assert_memory_equal(out, "\"\\\"\\\\/\\n\\u0001\x7f\xff\"", n);
}

static void utf8_knows_the_edges(void **state)
{
    (void)state;
    static const char *const good[] = {"\x7f",         "\xc2\x80",         "\xdf\xbf",
                                       "\xe0\xa0\x80", "\xed\x9f\xbf",     "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const struct {
        const char *text;
        size_t n_piece; /* of the first ill-formed piece */
    } bad[] = {{"\x80", 1},         {"\xc0\x80", 1},         {"\xc1\xbf", 1},
               {"\xc2", 1},         {"\xe0\x9f\xbf", 1},     {"\xe0\xa0", 2},
               {"\xed\xa0\x80", 1}, {"\xf0\x8f\xbf\xbf", 1}, {"\xf0\x90\x80", 3},
               {"\xf4\x90\x80", 1}, {"\xf5\x80", 1},         {"\xe2\x82z", 2}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        bool is_ok = false;
        al_slice s = al_cstr(good[i]);
        assert_int_equal(utf8_step(s.ptr, s.len, &is_ok), s.len);
        assert_true(is_ok);
        assert_true(utf8_is_valid(s));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bool is_ok = true;
        al_slice s = al_cstr(bad[i].text);
        assert_int_equal(utf8_step(s.ptr, s.len, &is_ok), bad[i].n_piece);
        assert_false(is_ok);
        assert_false(utf8_is_valid(s));
    }
    for (uint32_t c = 0; c < 0x110000; c += 7) {
        uint8_t out[4];
        size_t n = al_char_put(c, out);
        assert_int_equal(utf8_is_valid((al_slice){out, n}), c < 0xd800 || c > 0xdfff);
    }
}

static void a_cut_splits_no_character(void **state)
{
    (void)state;
    static const char text[] = "a\xd0\x96\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const uint8_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < sizeof want; max++)
        assert_int_equal(utf8_cut(al_cstr(text), max), want[max]);
    assert_int_equal(utf8_cut(AL_LIT("\x80\x80\x80\x80\x80\x80"), 4), 4);
    assert_int_equal(utf8_cut(AL_LIT("aaa\xe2\x82"), 4), 4); /* no character, so none is split */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_changed_byte_stays_inside),
        cmocka_unit_test(tokens_carry_their_spelling_and_what_is_particular),
        cmocka_unit_test(errors_say_where_and_what_was_expected),
        cmocka_unit_test(readers_step_through_arrays_and_objects),
        cmocka_unit_test(escapes_become_bytes),
        cmocka_unit_test(nested_text_becomes_canonical),
        cmocka_unit_test(text_is_quoted_with_the_fewest_escapes),
        cmocka_unit_test(utf8_knows_the_edges),
        cmocka_unit_test(a_cut_splits_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
