/* Goal: the pure parts of the commands keep their headers' word. Method: tables of cases. What grep
 * itself says of such patterns is compared in tests/integration/test_grep.py. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/grep_query.h"
#include "cli/import_doc.h"
#include "cli/json_pick.h"
#include "cli/since.h"
#include "cli/sse.h"
#include "test.h"

static al_buf out;

static int begin(void **state)
{
    (void)state;
    al_buf_init(&out, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    al_buf_done(&out);
    return 0;
}

static void expect_out(const char *expected)
{
    al_buf_u8(&out, '\0');
    assert_int_equal(al_buf_code(&out), AL_OK);
    assert_string_equal((const char *)out.ptr, expected);
    al_buf_clear(&out);
}

static void test_regex(void **state)
{
    (void)state;
    static const struct {
        grep_syntax syntax;
        const char *pattern;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {GREP_BASIC, "a+b?", "a\\+b\\?"},
        {GREP_BASIC, "a\\+\\(b\\|c\\)\\{2,\\}", "a+(b|c){2,}"},
        {GREP_BASIC, "*a", "\\*a"},
        {GREP_BASIC, "^*", "^\\*"},
        {GREP_BASIC, "a\\{,3\\}", "a{0,3}"},
        {GREP_BASIC, "a\\{2", NULL},
        {GREP_BASIC, "a\\{x\\}", NULL},
        {GREP_BASIC, "\\)", NULL},
        {GREP_EXTENDED, "+", ""},
        {GREP_EXTENDED, "(?a)", "(a)"},
        {GREP_EXTENDED, "a*+?", "(?:(?:a*)+)?"},
        {GREP_EXTENDED, "x(ab)+{2}", "x(?:(ab)+){2}"},
        {GREP_EXTENDED, "\xc3\xa4**", "(?:\xc3\xa4*)*"},
        {GREP_EXTENDED, "a{,x", "a\\{,x"},
        {GREP_EXTENDED, "a{,}", "a{0,}"},
        {GREP_EXTENDED, "a{2,1}", NULL},
        {GREP_EXTENDED, "a{32768}", NULL},
        {GREP_EXTENDED, "a{99999999999999999999999}", NULL},
        {GREP_EXTENDED, "(a)\\10", "(a)\\g{1}0"},
        {GREP_EXTENDED, "(a\\1)", NULL},
        {GREP_EXTENDED, "[]\\[]", "[\\]\\\\\\[]"},
        {GREP_EXTENDED, "[[.-.]x]", "[\\x2dx]"},
        {GREP_EXTENDED, "[[.ab.]]", NULL},
        {GREP_EXTENDED, "[:space:]", NULL},
        {GREP_EXTENDED, "[a", NULL},
        {GREP_EXTENDED, "(a", NULL},
        {GREP_EXTENDED, "a)", "a\\)"},
        {GREP_EXTENDED, "\\", NULL},
        {GREP_FIXED, "a.b\\", "a\\.b\\\\"},
        {GREP_PERL, "(?<=x)\\d", "(?<=x)\\d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        al_err err = {0};
        al_slice pattern = al_cstr(cases[i].pattern);
        al_code c = grep_regex_put(&out, pattern, cases[i].syntax, &err);
        assert_int_equal(c, cases[i].expected ? AL_OK : AL_INVALID);
        if (c)
            al_buf_clear(&out);
        else
            expect_out(cases[i].expected);
    }
}

static void test_regex_depth_is_bounded(void **state)
{
    (void)state;
    al_err err = {0};
    char open[300];
    memset(open, '(', sizeof open);
    al_slice pattern = {(const uint8_t *)open, sizeof open};
    assert_int_equal(grep_regex_put(&out, pattern, GREP_EXTENDED, &err), AL_INVALID);
    assert_non_null(strstr(err.msg, "too many"));
}

static void expect_query(const grep_flags *f, const char *expected)
{
    al_err err = {0};
    assert_int_equal(grep_query_put(&out, f, &err), AL_OK);
    expect_out(expected);
}

static void test_query(void **state)
{
    (void)state;
    static grep_flags f;
    f = (grep_flags){.patterns = {AL_LIT("a/b"), AL_LIT("C")}, .n_patterns = 2};
    expect_query(&f, "(/a\\/b/ OR /C/)");
    f.inverts = true;
    f.is_smart = true; /* there is upper case */
    expect_query(&f, "NOT (/a\\/b/ OR /C/)");
    f.inverts = false;
    f.n_patterns = 1;
    f.words = true;
    f.where = "level=ERROR";
    expect_query(&f, "(level=ERROR) (/(*UCP)(?<!\\w)(?:a\\/b)(?!\\w)/i)");
    f = (grep_flags){.patterns = {AL_LIT("")}, .n_patterns = 1};
    expect_query(&f, "");
    f.only_matching = true;
    expect_query(&f, "(/(?=)/)");
    f = (grep_flags){.n_patterns = 0};
    expect_query(&f, "/(?!)/");
}

static void test_since(void **state)
{
    (void)state;
    const int64_t now_ns = INT64_C(1795342306) * AL_NS_PER_S; /* 2026-11-22T10:11:46Z */
    static const struct {
        const char *text;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"-15m", "-15m"},
        {"now", "now"},
        {"1700000000", "1700000000"},
        {"2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"},
        {"2026-11-22", "2026-11-22"},
        {"2026-11-22 10:00", "2026-11-22T10:00:00"},
        {"2026-11-22T10:00+02:00", "2026-11-22T10:00:00+02:00"},
        {"10:00", "2026-11-22T10:00:00"},
        {"10:00:30.5", "2026-11-22T10:00:30.5"},
        {"today", "2026-11-22T00:00:00Z"},
        {"yesterday", "2026-11-21T00:00:00Z"},
        {"yesterday 23:59", "2026-11-21T23:59:00"},
        {"24:00", NULL},
        {"10:0", NULL},
        {"todayish", NULL},
        {"yesterday 1", NULL},
        {"2026-02-30", NULL},
        {"2026-11-2210:00", NULL},
        {"15m", NULL},
        {"", NULL},
        {"yesterday 10:00                                                                  ", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        al_err err = {0};
        al_code c = since_put(&out, al_cstr(cases[i].text), now_ns, &err);
        assert_int_equal(c, cases[i].expected ? AL_OK : AL_INVALID);
        if (cases[i].expected)
            expect_out(cases[i].expected);
        else
            assert_non_null(strstr(err.msg, "expected a time such as"));
        assert_int_equal(out.len, 0);
    }
}

static void test_visible(void **state)
{
    (void)state;
    cli_put_visible(&out, AL_LIT("a\tb\n\x1b[m \x7f \xc2\x9b \xc3\xa4 \x9b \xe2\x82"));
    expect_out("a\tb\n^[[m ^? M-^[ \xc3\xa4 \\x9b \\xe2\\x82");
    cli_put_visible_json(&out, AL_LIT("\"\xc2\x9b \x7f \xc3\xa4 \x9b\""));
    expect_out("\"\\u009b \\u007f \xc3\xa4 \\ufffd\"");
    cli_put_visible(&out, AL_LIT("\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf"));
    expect_out("\xe2\x80\xa9\\u202a\\u202e\xe2\x80\xaf");
    cli_put_visible_json(&out, AL_LIT("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"));
    expect_out("\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa");
    cli_put_visible(&out, AL_LIT("\xe2\x80")); /* cut */
    expect_out("\\xe2\\x80");
    cli_put_escaped(&out, AL_LIT("a/b ~\xff"));
    expect_out("a%2Fb%20~%FF");
}

static void note_item(void *ctx, al_slice item)
{
    al_buf_slice_put(ctx, item);
    al_buf_u8(ctx, ';');
}

static void test_json_pick(void **state)
{
    (void)state;
    json_token t;
    al_arena *arena = al_arena_new(4096);
    al_slice text = AL_LIT("{\"a\":\"x\\n\",\"list\":[1,{\"b\":2}],\"n\":null}");
    assert_true(al_slice_eq(json_pick_text(text, "a", arena), AL_LIT("x\n")));
    assert_int_equal(json_pick_text(text, "n", arena).len, 0);
    assert_true(json_pick(text, "n", &t) && t.type == VAL_NULL);
    assert_false(json_pick(text, "b", &t));
    assert_false(json_pick(AL_LIT("<html>"), "b", &t));
    assert_true(json_pick_items(text, "list", note_item, &out));
    expect_out("1;{\"b\":2};");
    assert_false(json_pick_items(text, "a", note_item, &out));
    (void)al_arena_free(arena);
}

static bool note_event(void *ctx, const sse_event *e)
{
    al_buf_printf(ctx, "%s=%.*s;", e->type, AL_ARG(e->data));
    return !al_slice_eq(e->data, AL_LIT("stop"));
}

/* The same events come out however the bytes are cut. */
static void test_sse(void **state)
{
    (void)state;
    const al_slice stream =
        AL_LIT("event: ready\nid: 1.0\ndata: {}\n\n: 1.1\n\nid: 1.2\r\ndata:x\r\n"
               "data: y\r\n\r\nid: 1.3\ndata: half");
    for (size_t cut = 1; cut <= stream.len; cut++) {
        sse s;
        sse_init(&s);
        for (size_t at = 0; at < stream.len; at += cut)
            assert_true(sse_feed(&s, al_slice_sub(stream, at, at + cut), note_event, &out));
        expect_out("ready={};message=x\ny;");
        assert_string_equal(s.id, "1.2"); /* the event behind it is not whole */
        sse_begin(&s);
        assert_true(sse_feed(&s, AL_LIT("data: z\n\n"), note_event, &out));
        expect_out("message=z;");
        assert_string_equal(s.id, "1.2");
        assert_false(sse_feed(&s, AL_LIT("id: 9\ndata: stop\n\n"), note_event, &out));
        expect_out("message=stop;");
        assert_string_equal(s.id, "9");
        sse_done(&s);
    }
}

static void expect_docs(const char *format, const char *const lines[], const char *expected)
{
    import_doc d = {.near_ns = INT64_C(1773900000) * AL_NS_PER_S, .last_ns = -1};
    assert_true(import_format_of(format, &d.format));
    (void)import_doc_joins(&d, al_cstr(lines[0]));
    for (size_t i = 0; lines[i]; i++)
        import_doc_put(&d, &out, al_cstr(lines[i]));
    expect_out(expected);
}

static void test_import_doc(void **state)
{
    (void)state;
    expect_docs("auto", (const char *const[]){" {\"a\":1}", "text", NULL}, " {\"a\":1}\ntext\n");
    expect_docs("auto", (const char *const[]){"a\t\"b\" \\ \xff", NULL},
                "{\"message\":\"a\\u0009\\\"b\\\" \\\\ \xff\"}\n");
    expect_docs("raw", (const char *const[]){"<13>Mar 11 22:14:15 h a: b", NULL},
                "{\"message\":\"<13>Mar 11 22:14:15 h a: b\"}\n");
    expect_docs("auto", (const char *const[]){"Mar 11 22:14:15 h a[1]: b", "c", NULL},
                "{\"@timestamp\":\"2026-03-11T22:14:15.000000000+00:00\",\"message\":\"b\","
                "\"host\":\"h\",\"app\":\"a\",\"pid\":\"1\"}\n"
                "{\"@timestamp\":\"2026-03-11T22:14:15.000000000+00:00\",\"message\":\"c\"}\n");
    expect_docs("syslog", (const char *const[]){"<8>1 - - - - - [x y] z", NULL},
                "{\"message\":\"z\",\"facility\":\"user\",\"severity\":\"emerg\","
                "\"data\":\"[x y]\"}\n");
    import_format f = IMPORT_AUTO;
    assert_false(import_format_of("csv", &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_regex, begin, end),
        cmocka_unit_test_setup_teardown(test_regex_depth_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(test_query, begin, end),
        cmocka_unit_test_setup_teardown(test_since, begin, end),
        cmocka_unit_test_setup_teardown(test_visible, begin, end),
        cmocka_unit_test_setup_teardown(test_json_pick, begin, end),
        cmocka_unit_test_setup_teardown(test_sse, begin, end),
        cmocka_unit_test_setup_teardown(test_import_doc, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
