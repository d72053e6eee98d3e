/* Goal: the header contracts of src/query that doc/query.md's examples do not show: limits,
 * columns, hostile bytes, combined queries, highlights, failing memory. Method: tables and, for
 * literals, a second and dumb search. */
#include "query_help.h"

#include <limits.h>

#include "base/fold.h"
#include "base/mem.h"
#include "query/ast.h"
#include "query/literal.h"
#include "query/regex.h"
#include "query/regex_needs.h"

static query *parsed(const char *text, const char *fields)
{
    query *q = NULL;
    al_err err = {0};
    if (help_parse(al_cstr(text), fields, &q, &err))
        fail_msg("%s: %s", text, err.msg);
    return q;
}

static void assert_reads(const query *q, const char *wanted)
{
    al_buf out = help_read_as(q);
    if (!al_slice_eq(al_buf_slice(&out), al_cstr(wanted)))
        fail_msg("read as %.*s, not %s", AL_ARG(al_buf_slice(&out)), wanted);
    al_buf_done(&out);
}

static bool message_matches(const char *text, al_slice message)
{
    AL_CLEANUP(query_unrefp) query *q = parsed(text, "");
    record r = {.message = message};
    al_code code = AL_OK;
    bool is_match = help_matches(q, &r, &code);
    assert_int_equal(code, AL_OK);
    return is_match;
}

static void folding_follows_unicode(void **state)
{
    (void)state;
    static const struct {
        uint32_t c;
        uint32_t folded;
    } cases[] = {{'A', 'a'},       {'[', '['},          {0x212a, 'k'},    {0x17f, 's'},
                 {0x212b, 0xe5},   {0x130, 0x130},      {0x1e9e, 0xdf},   {0x3c2, 0x3c3},
                 {0x3a3, 0x3c3},   {0x13a0, 0x13a0},    {0xab70, 0x13a0}, {0x13f8, 0x13f0},
                 {0x1f88, 0x1f80}, {0xfb05, 0xfb05},    {0x42f, 0x44f},   {0x10400, 0x10428},
                 {0x401, 0x451},   {0x10fffe, 0x10fffe}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(al_fold(cases[i].c), cases[i].folded);
    for (uint32_t c = 0; c < AL_CHAR_BAD; c++) {
        uint32_t folded = al_fold(c);
        assert_int_equal(al_fold(folded), folded);
        if (folded == c)
            continue;
        uint32_t variants[AL_FOLD_VARIANTS_MAX];
        size_t n = al_fold_variants(folded, variants);
        size_t n_found = 0;
        for (size_t i = 0; i < n; i++)
            n_found += variants[i] == c;
        assert_int_equal(n_found, 1);
    }
    assert_true(al_is_letter('z') && al_is_letter(0x44f) && al_is_letter(0x4e2d));
    assert_false(al_is_letter('@') || al_is_letter('[') || al_is_letter(0x2026));
    assert_false(al_is_letter(AL_CHAR_BAD + 0xff));
}

static void characters_come_back(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < AL_CHAR_BAD; c++) {
        uint8_t bytes[AL_CHAR_BYTES_MAX];
        size_t n = al_char_put(c, bytes);
        size_t len = 0;
        uint32_t back = al_char_at(bytes, bytes + n, &len);
        bool is_surrogate = c >= 0xd800 && c <= 0xdfff;
        assert_int_equal(back, is_surrogate ? AL_CHAR_BAD + bytes[0] : (int64_t)c);
        assert_int_equal(len, is_surrogate ? 1 : n);
        for (size_t cut = 1; cut < n; cut++)
            assert_int_equal(al_char_at(bytes, bytes + cut, &len), AL_CHAR_BAD + bytes[0]);
    }
    static const char *const bad[] = {
        "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = 0;
        const uint8_t *p = (const uint8_t *)bad[i];
        assert_int_equal(al_char_at(p, p + strlen(bad[i]), &len), AL_CHAR_BAD + p[0]);
        assert_int_equal(len, 1);
    }
}

static void text_ignores_case_in_any_length(void **state)
{
    (void)state;
    assert_true(message_matches("kelvin", AL_LIT("300 \u212aelvin")));
    assert_true(message_matches("300 \u212aELVIN", AL_LIT("300 kelvin")));
    assert_true(message_matches("\u00e5ngstr\u00f6m", AL_LIT("1 \u212bNGSTR\u00d6M")));
    assert_true(message_matches("\u03c3\u03c2", AL_LIT("\u03a3\u03a3")));
    assert_true(message_matches("\u1e9e", AL_LIT("\u00df")));
    assert_false(message_matches("\u0130", AL_LIT("i")));
    assert_false(message_matches("case:yes kelvin", AL_LIT("\u212aelvin")));
}

/* PCRE2 has tables of its own: /i must know the same pairs as bare text. */
static void expressions_fold_as_texts_do(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < AL_CHAR_BAD; c++) {
        uint32_t folded = al_fold(c);
        if (folded == c)
            continue;
        uint8_t upper[AL_CHAR_BYTES_MAX];
        uint8_t lower[AL_CHAR_BYTES_MAX];
        al_slice u = {upper, al_char_put(c, upper)};
        al_slice l = {lower, al_char_put(folded, lower)};
        char text[16];
        (void)snprintf(text, sizeof text, "/%.*s/i", AL_ARG(u));
        assert_true(message_matches(text, l));
        (void)snprintf(text, sizeof text, "/%.*s/i", AL_ARG(l));
        assert_true(message_matches(text, u));
    }
    static const char *const apart[][2] = {
        {"/i/i", "\u0130"}, {"/\u0130/i", "i"}, {"/\u0131/i", "I"}, {"/ss/i", "\u00df"}};
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
        assert_false(message_matches(apart[i][0], al_cstr(apart[i][1])));
}

static void bad_bytes_match_only_themselves(void **state)
{
    (void)state;
    assert_true(message_matches("\xff\xfe", AL_LIT("a\xff\xfe z")));
    assert_false(message_matches("\xff\xfe", AL_LIT("a\xff z")));
    /* \xbf is the second byte of a well-formed letter here, and stands alone there. */
    assert_false(message_matches("\xbf", AL_LIT("\u043f")));
    assert_true(message_matches("\xbf", AL_LIT("\u043f\xbf")));
    assert_true(message_matches("\xbf", AL_LIT("\xd0 \xbf")));
    assert_false(message_matches("\xd0", AL_LIT("\u043f")));
    assert_true(message_matches("\xd0", AL_LIT("cut \xd0")));
    assert_true(message_matches("a\xed\xa0\x80z", AL_LIT("A\xed\xa0\x80Z")));
    al_slice with_nul = AL_LIT("a\0b");
    query *q = NULL;
    assert_int_equal(query_parse(with_nul, NULL, &q, NULL), AL_OK);
    record r = {.message = with_nul};
    al_code code = AL_OK;
    assert_true(help_matches(q, &r, &code));
    (void)query_unref(q);
    /* Expressions step over bad bytes. */
    assert_true(message_matches("/foo$/", AL_LIT("\xff\xff foo")));
    assert_false(message_matches("/a.b/", AL_LIT("a\xff"
                                                 "b")));
}

/* ---- Errors */

static void errors_name_the_column_in_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"\u0430\u0431 AND", "column 7: expected text or a filter behind AND"},
        {"\xff\xff AND", "column 7: expected text or a filter behind AND"},
        {"AND", "column 1: expected text or a filter"},
        {"foo NOT NOT", "column 12: expected text or a filter behind NOT"},
        {"(foo OR) bar", "column 8: expected text or a filter behind OR"},
        {"(AND)", "column 2: expected text"},
        {"(case:yes)", "column 10: expected text"},
        {"foo AND OR bar", "column 9: expected text or a filter behind AND"},
        {"n>abc", "column 3: expected a number"},
        {"n>=1e", "column 4: expected a number"},
        {"n<\"two\"", "column 4: expected a number"},
        {"x @n=", "column 6: expected a value"},
        {"(x @n=)", "column 7: expected a value"},
        {"@n!=", "column 5: expected a value"},
        {"@n=(a", "column 6: expected \",\" or \")\""},
        {"n=(a b)", "column 6: expected \",\" or \")\""},
        {"n=()", "column 4: expected a value of the list"},
        {"@n=(a,", "column 7: expected a value of the list"},
        {"n~x", "column 3: expected a regular expression such as"},
        {"n~/a/b/", "column 3: expected a regular expression such as"},
        {"n~/a[/", "column 6: expected a regular expression: missing terminating ] for character"},
        {"/\\C/", "column 4: expected a regular expression: using \\C is disabled"},
        {"\u0430 /*/", "column 4: expected a regular expression: quantifier does not follow"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        query *q = NULL;
        al_err err = {0};
        if (help_parse(al_cstr(cases[i].text), "n", &q, &err) != AL_INVALID)
            fail_msg("%s: no error", cases[i].text);
        assert_null(q);
        assert_int_equal(err.code, AL_INVALID);
        if (!al_slice_starts(al_cstr(err.msg), al_cstr(cases[i].message)))
            fail_msg("%s: %s", cases[i].text, err.msg);
    }
}

static al_code parse_repeated(const char *head, const char *part, size_t n, const char *tail)
{
    al_buf text;
    al_buf_init(&text, 1 << 22);
    al_buf_str(&text, head);
    for (size_t i = 0; i < n; i++)
        al_buf_str(&text, part);
    al_buf_str(&text, tail);
    AL_CLEANUP(query_unrefp) query *q = NULL;
    al_err err = {0};
    al_code c = help_parse(al_buf_slice(&text), "", &q, &err);
    assert_true(c == err.code);
    if (c)
        assert_true(al_slice_starts(al_cstr(err.msg), AL_LIT("column ")));
    al_buf_done(&text);
    return c;
}

/* n times `open`, a text, n closing brackets. */
static al_code parse_brackets(const char *open, size_t n)
{
    char tail[400] = "x";
    assert_true(n < sizeof tail - 1);
    memset(tail + 1, ')', n);
    return parse_repeated("", open, n, tail);
}

static void limits_are_kept(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("", "x", QUERY_BYTES_MAX, ""), AL_OK);
    assert_int_equal(parse_repeated("", "x", QUERY_BYTES_MAX + 1, ""), AL_LIMIT);
    assert_int_equal(parse_repeated("", "x OR ", QUERY_NODES_MAX - 2, "x"), AL_OK);
    assert_int_equal(parse_repeated("", "x OR ", QUERY_NODES_MAX - 1, "x"), AL_LIMIT);
    assert_int_equal(parse_repeated("", "NOT ", 10000, "x"), AL_OK);
    assert_int_equal(parse_repeated("", "(", QUERY_BYTES_MAX, ""), AL_OK);
    assert_int_equal(parse_repeated("", ")", QUERY_BYTES_MAX, ""), AL_OK);
    assert_int_equal(parse_repeated("", "(\"", QUERY_BYTES_MAX / 2, ""), AL_OK);
    assert_int_equal(parse_brackets("(", 256), AL_OK);
    assert_int_equal(parse_brackets("(", 257), AL_LIMIT);
    /* NOT (a AND NOT (a AND ... : two levels a bracket */
    assert_int_equal(parse_brackets("NOT (a ", 32), AL_OK);
    assert_int_equal(parse_brackets("NOT (a ", 33), AL_LIMIT);
}

static void endless_backtracking_is_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t len; /* of a line of a...a! that is too much */
    } bombs[] = {
        {"/(a+)+$/", 64},        {"/(a+)+$/", 1 << 20},      {"NOT /(a+)+$/", 64},
        {"/(a|aa)+$/", 8192},    {"/(?:a*)*b*c?$/", 1024},   {"/^a*a*a*$/", 1 << 20},
        {"/.*.*[=~]/", 1 << 20}, {"/^a*a*a*a*$/", 16384},    {"/^(a*)\\1*b?$/", 1 << 20},
        {"/a.*[bc]/", 1 << 20},  {"@message~/(a+)+$/i", 64},
    };
    static uint8_t line[1 << 20];
    memset(line, 'a', sizeof line);
    line[sizeof line - 1] = '!';
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        AL_CLEANUP(query_unrefp) query *q = parsed(bombs[i].query, "");
        record r = {.message = {line + sizeof line - bombs[i].len, bombs[i].len}};
        al_code code = AL_OK;
        bool is_match = help_matches(q, &r, &code);
        if (is_match || code != AL_LIMIT)
            fail_msg("%s: %d %s", bombs[i].query, is_match, al_code_name(code));
    }
}

static void long_lines_are_no_limit(void **state)
{
    (void)state;
    static uint8_t line[1 << 20];
    memset(line, 'a', sizeof line);
    memcpy(line + 100, "foo", 3);
    memcpy(line + sizeof line - 100, "bar", 3);
    al_slice message = {line, sizeof line};
    assert_true(message_matches("/foo.*bar/", message));
    assert_true(message_matches("/^a+foo.*ba[r]/", message));
    assert_false(message_matches("/foo.*baz/", message));
    assert_false(message_matches("/.*baz/", message));
    assert_true(message_matches("/[a-z]{3}bar/", message));
    assert_true(message_matches("\"bara\"", message));
}

/* ---- Stopping */

typedef struct looks {
    unsigned n;
    unsigned n_allowed;
} looks;

static bool count_look(void *ctx)
{
    looks *l = ctx;
    return ++l->n > l->n_allowed;
}

/* How often it looked while it matched; told to stop at look n_allowed + 1. */
static unsigned match_with_looks(const char *text, al_slice message, unsigned n_allowed,
                                 al_code *ret_code)
{
    AL_CLEANUP(query_unrefp) query *q = parsed(text, "");
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    looks l = {.n_allowed = n_allowed};
    record r = {.message = message};
    assert_int_equal(matcher_new(q, NULL, 0, &m, NULL), AL_OK);
    matcher_stop_if(m, count_look, &l);
    assert_false(matcher_matches(m, &r, ret_code));
    return l.n;
}

static void one_match_looks_and_stops_in_the_middle(void **state)
{
    (void)state;
    static uint8_t line[1 << 20];
    memset(line, 'a', sizeof line);
    line[sizeof line - 1] = '!';
    static const struct {
        const char *query;
        size_t len;
        unsigned n_looks; /* at least, when nobody stops it */
        al_code code;     /* then */
    } cases[] = {
        /* steps are counted: millions of them */
        {"/.*.*[=~]/", 1 << 20, 100, AL_LIMIT},
        {"/(a|aa)+$/", 4096, 30, AL_LIMIT},
        {"NOT /(a|aa)+$/", 4096, 30, AL_LIMIT},
        /* steps are not: one look for about as many starts as PLAIN_RUN_STEPS are good for */
        {"/(?=a.*[xy])b/", 8000, 1, AL_OK},
        /* many leaves, each cheap */
        {"/zz/ OR /yy/ OR /xx/ OR aX OR aY OR aZ", 1 << 20, 2, AL_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        al_slice message = {line + sizeof line - cases[i].len, cases[i].len};
        al_code code = AL_OK;
        unsigned n = match_with_looks(cases[i].query, message, UINT_MAX, &code);
        if (n < cases[i].n_looks || code != cases[i].code)
            fail_msg("%s: %u looks, %s", cases[i].query, n, al_code_name(code));
        if (code == AL_OK)
            continue;
        for (unsigned k = 0; k < 3; k++) {
            assert_int_equal(match_with_looks(cases[i].query, message, k, &code), k + 1);
            assert_int_equal(code, AL_CANCELLED);
        }
    }
}

/* A text so long that the plain code is run for some starts at a time: nothing is lost between. */
static void matches_are_found_wherever_they_begin(void **state)
{
    (void)state;
    enum { CHARS = 3500, STEP = 61 };
    static uint8_t text[2 * CHARS];
    static const char *const queries[] = {"/x.*[yz]/", "/(?<=\\xe9)x\\w*[yz]/",
                                          "/\\bx.*[yz]|q.+r/"};
    for (size_t i = 0; i < CHARS; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    for (size_t at = 2; at + 6 < sizeof text; at += (size_t)2 * STEP) {
        memcpy(text + at, "xy", 2);
        for (size_t k = 0; k < 2; k++)
            assert_true(message_matches(queries[k], (al_slice){text, sizeof text}));
        memcpy(text + at, "\xc3\xa9", 2);
        assert_false(message_matches(queries[1], (al_slice){text, sizeof text}));
    }
    memcpy(text + sizeof text - 2, " x", 2);
    assert_false(message_matches(queries[2], (al_slice){text, sizeof text}));
    text[sizeof text - 2] = 'x';
    text[sizeof text - 1] = 'z';
    assert_true(message_matches(queries[0], (al_slice){text, sizeof text}));
}

/* ---- Trees */

static void trees_are_flat(void **state)
{
    (void)state;
    AL_CLEANUP(query_unrefp) query *q = parsed("@b=1 AND (@a:x OR @b~/y/) -@c.d=*", "");
    const ast_node *root = query_root(q);
    assert_int_equal(root->kind, AST_AND);
    assert_int_equal(root->n_kids, 3);
    assert_int_equal(root->kids[1]->kind, AST_OR);
    assert_int_equal(root->kids[2]->kind, AST_NOT);
    assert_int_equal(root->kids[2]->kids[0]->kind, AST_EXISTS);
}

static void queries_combine(void **state)
{
    (void)state;
    AL_CLEANUP(query_unrefp) query *all = query_all();
    AL_CLEANUP(query_unrefp) query *a = parsed("case:yes Foo bar", "");
    AL_CLEANUP(query_unrefp) query *b = parsed("x OR y", "");
    AL_CLEANUP(query_unrefp) query *both = NULL;
    AL_CLEANUP(query_unrefp) query *same = NULL;
    AL_CLEANUP(query_unrefp) query *three = NULL;
    AL_CLEANUP(query_unrefp) query *host = NULL;
    assert_int_equal(query_and(all, a, &same), AL_OK);
    assert_ptr_equal(same, a);
    assert_int_equal(query_and(a, b, &both), AL_OK);
    assert_reads(both, "(case:yes ~\"Foo bar\") AND (\"x\" OR \"y\")");
    value v = {.type = VAL_STRING, .text = AL_LIT("say \"hi\"")};
    assert_int_equal(query_field_equals(AL_LIT("odd name"), &v, &host), AL_OK);
    assert_int_equal(query_and(both, host, &three), AL_OK);
    assert_reads(
        three, "(case:yes ~\"Foo bar\") AND (\"x\" OR \"y\") AND @\"odd name\"=\"say \\\"hi\\\"\"");
    assert_int_equal(query_root(three)->n_kids, 3);
    AL_CLEANUP(query_unrefp) query *missing = NULL;
    assert_int_equal(query_field_missing(AL_LIT("odd name"), &missing), AL_OK);
    assert_reads(missing, "@\"odd name\"!=*");
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    record r =
        help_record(arena, AL_LIT("{\"message\":\"Foo bar x\",\"odd name\":\"say \\\"hi\\\"\"}"));
    al_code code = AL_OK;
    assert_true(help_matches(three, &r, &code));
    assert_false(help_matches(missing, &r, &code));
    r = help_record(arena, AL_LIT("{\"message\":\"x\",\"odd\":1}"));
    assert_true(help_matches(missing, &r, &code));
    r = help_record(arena, AL_LIT("{\"message\":\"x\",\"odd name\":null}"));
    assert_false(help_matches(missing, &r, &code));
    r = help_record(arena, AL_LIT("{\"message\":\"foo bar x\",\"odd name\":\"say \\\"hi\\\"\"}"));
    assert_false(help_matches(three, &r, &code));
    assert_true(help_matches(all, &r, &code));
    assert_reads(all, "");
    AL_CLEANUP(query_unrefp) query *chain = query_ref(host);
    for (int i = 0; i < 1000; i++) {
        query *longer = NULL;
        assert_int_equal(query_and(chain, host, &longer), AL_OK);
        (void)query_unref(chain);
        chain = longer;
    }
    assert_int_equal(query_root(chain)->n_kids, 1001);
}

static void values_are_taken_as_the_language_does(void **state)
{
    (void)state;
    static const struct {
        value v;
        const char *reads;
    } cases[] = {
        {{VAL_NULL, {0}}, "@\"f\"=\"null\""},   {{VAL_TRUE, {0}}, "@\"f\"=\"true\""},
        {{VAL_FALSE, {0}}, "@\"f\"=\"false\""}, {{VAL_NUMBER, AL_LIT("1e2")}, "@\"f\"=\"1e2\""},
        {{VAL_STRING, {0}}, "@\"f\"=\"\""},     {{VAL_ARRAY, AL_LIT("[1,2]")}, "@\"f\"=\"[1,2]\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AL_CLEANUP(query_unrefp) query *q = NULL;
        assert_int_equal(query_field_equals(AL_LIT("f"), &cases[i].v, &q), AL_OK);
        assert_reads(q, cases[i].reads);
        field f = {.name = AL_LIT("f"), .val = cases[i].v};
        record r = {.fields = &f, .n_fields = 1};
        al_code code = AL_OK;
        assert_true(help_matches(q, &r, &code));
        r.n_fields = 0;
        assert_false(help_matches(q, &r, &code));
    }
}

static void leaves_match_single_values(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        value v;
        bool is_match;
    } cases[] = {
        {"@f=2", {VAL_NUMBER, AL_LIT("2.0")}, true},
        {"@f=2", {VAL_ARRAY, AL_LIT("[1,[2]]")}, true},
        {"@f:b", {VAL_ARRAY, AL_LIT("[\"aBc\"]")}, true},
        {"@f:\",\"", {VAL_ARRAY, AL_LIT("[\"a\",\"b\"]")}, false},
        {"@f=*", {VAL_ARRAY, AL_LIT("[]")}, true},
        {"@f=*", {VAL_NULL, {0}}, true},
        {"@f>1", {VAL_TRUE, {0}}, false},
        {"@f~/^b$/", {VAL_ARRAY, AL_LIT("[\"a\",\"b\"]")}, true},
        {"@f~/tru/", {VAL_TRUE, {0}}, true},
        {"foo bar", {VAL_STRING, AL_LIT("a FOO\nBAR")}, true},
        {"foo bar", {VAL_STRING, AL_LIT("xfoo  bary")}, true},
        {"foo bar", {VAL_STRING, AL_LIT("foobar")}, false},
        {"@f=NaN", {VAL_NUMBER, AL_LIT("NaN")}, true},
        {"@f<1", {VAL_NUMBER, AL_LIT("NaN")}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AL_CLEANUP(query_unrefp) query *q = parsed(cases[i].query, "");
        AL_CLEANUP(matcher_freep) matcher *m = NULL;
        assert_int_equal(matcher_new(q, NULL, 0, &m, NULL), AL_OK);
        al_code code = AL_IO;
        if (matcher_leaf_matches(m, query_root(q), &cases[i].v, &code) != cases[i].is_match)
            fail_msg("%s of case %zu", cases[i].query, i);
        assert_int_equal(code, AL_OK);
    }
}

/* ---- Highlights */

static void highlights_show_where_it_stands(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *message;
        const char *marked; /* the message with [ ] around each */
    } cases[] = {
        {"foo", "a FOO foofoo", "a [FOO] [foo][foo]"},
        {"foo bar", "x foo \t bar y", "x [foo \t bar] y"},
        {"kelvin", "300 \u212aelvin", "300 [\u212aelvin]"},
        {"foo -bar", "foo bar", "[foo] bar"},
        {"foo OR bar", "bar foo", "[bar] [foo]"},
        {"NOT (foo OR NOT bar)", "foo bar", "foo [bar]"},
        {"abc AND bcd", "abcd", "[abcd]"},
        {"aa", "aaa", "[aa]a"},
        {"/\\d+/", "a1b22", "a[1]b[22]"},
        {"/\\d{2}/", "12345", "[12][34]5"},
        {"/x*/", "axxb", "a[xx]b"},
        {"/a\\Kb/", "abab", "a[b]a[b]"},
        {"\"\"", "abc", "abc"},
        {"@level=foo", "foo", "foo"},
        {"@message:foo", "a foo", "a [foo]"},
        {"@message~/o+/", "foo", "f[oo]"},
        {"", "abc", "abc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AL_CLEANUP(query_unrefp) query *q = parsed(cases[i].query, "");
        AL_CLEANUP(matcher_freep) matcher *m = NULL;
        assert_int_equal(matcher_new(q, NULL, 0, &m, NULL), AL_OK);
        record r = {.message = al_cstr(cases[i].message)};
        highlight found[16];
        size_t n = matcher_highlights(m, &r, found, 16);
        al_buf out;
        al_buf_init(&out, 1000);
        size_t at = 0;
        for (size_t k = 0; k < n; k++) {
            al_buf_slice_put(&out, al_slice_sub(r.message, at, found[k].start));
            al_buf_u8(&out, '[');
            at = found[k].start + found[k].length;
            al_buf_slice_put(&out, al_slice_sub(r.message, found[k].start, at));
            al_buf_u8(&out, ']');
        }
        al_buf_slice_put(&out, al_slice_sub(r.message, at, r.message.len));
        if (!al_slice_eq(al_buf_slice(&out), al_cstr(cases[i].marked)))
            fail_msg("%s: %.*s", cases[i].query, AL_ARG(al_buf_slice(&out)));
        al_buf_done(&out);
    }
}

static void highlights_of_fields(void **state)
{
    (void)state;
    const struct {
        const char *query;
        const char *name;
        size_t start;  /* of the only place */
        size_t length; /* 0: there is none */
    } cases[] = {
        {"foo", "exc_info", 2, 3},          {"foo", "other", 0, 0},
        {"/o+/", "exc_info", 3, 2},         {"-foo bar", "exc_info", 0, 0},
        {"@other:FOO", "other", 2, 3},      {"@other:foo", "exc_info", 0, 0},
        {"@other~/f/", "other", 2, 1},      {"@other=\"a foo\"", "other", 0, 0},
        {"@message:foo", "exc_info", 0, 0},
    };
    al_slice text_field = AL_LIT("exc_info");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AL_CLEANUP(query_unrefp) query *q = parsed(cases[i].query, "");
        AL_CLEANUP(matcher_freep) matcher *m = NULL;
        assert_int_equal(matcher_new(q, &text_field, 1, &m, NULL), AL_OK);
        field f = {al_cstr(cases[i].name), {VAL_STRING, AL_LIT("a foo")}};
        highlight found[2];
        size_t n = matcher_field_highlights(m, &f, found, 2);
        if (n != (cases[i].length > 0) ||
            (n && (found[0].start != cases[i].start || found[0].length != cases[i].length)))
            fail_msg("%s in %s: %zu places", cases[i].query, cases[i].name, n);
        f.val.type = VAL_NUMBER;
        assert_int_equal(matcher_field_highlights(m, &f, found, 2), 0);
    }
}

static void highlights_are_the_first_ones(void **state)
{
    (void)state;
    static uint8_t message[10000];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t) "a-b-"[i % 4];
    record r = {.message = {message, sizeof message}};
    AL_CLEANUP(query_unrefp) query *q = parsed("b OR a", "");
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    assert_int_equal(matcher_new(q, NULL, 0, &m, NULL), AL_OK);
    static highlight found[2 * HIGHLIGHTS_MAX];
    assert_int_equal(matcher_highlights(m, &r, found, 3), 3);
    assert_int_equal(matcher_highlights(m, &r, found, 2 * HIGHLIGHTS_MAX), HIGHLIGHTS_MAX);
    for (uint32_t i = 0; i < HIGHLIGHTS_MAX; i++)
        assert_true(found[i].start == 2 * i && found[i].length == 1);
}

/* Each place costs a good part of what one match may take: one call takes no more than that. */
static void highlights_share_their_steps(void **state)
{
    (void)state;
    enum { PLACES = 200, PLACE_BYTES = 17 };
    static uint8_t message[PLACES * PLACE_BYTES];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = i % PLACE_BYTES == PLACE_BYTES - 1 ? 'y' : 'a';
    record r = {.message = {message, sizeof message}};
    AL_CLEANUP(query_unrefp) query *q = parsed("/(a+)+c|y/", "");
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    assert_int_equal(matcher_new(q, NULL, 0, &m, NULL), AL_OK);
    static highlight found[PLACES];
    for (int i = 0; i < 2; i++) { /* and each call has its own */
        size_t n = matcher_highlights(m, &r, found, PLACES);
        assert_in_range(n, 1, PLACES / 2);
    }
}

/* ---- Literals against a dumb search */

static size_t dumb_match(al_slice hay, size_t at, al_slice text, bool ignores_case,
                         bool frees_space)
{
    size_t i = 0;
    size_t len_a = 0;
    size_t len_b = 0;
    while (i < text.len) {
        if (frees_space && query_is_space(text.ptr[i])) {
            if (at == hay.len || !query_is_space(hay.ptr[at]))
                return SIZE_MAX;
            while (i < text.len && query_is_space(text.ptr[i]))
                i++;
            while (at < hay.len && query_is_space(hay.ptr[at]))
                at++;
            continue;
        }
        if (at == hay.len)
            return SIZE_MAX;
        uint32_t a = al_char_at(text.ptr + i, text.ptr + text.len, &len_a);
        uint32_t b = al_char_at(hay.ptr + at, hay.ptr + hay.len, &len_b);
        if (a != b && (!ignores_case || al_fold(a) != al_fold(b)))
            return SIZE_MAX;
        i += len_a;
        at += len_b;
    }
    return at;
}

static bool dumb_find(al_slice hay, al_slice text, bool ignores_case, bool frees_space,
                      size_t *ret_start, size_t *ret_end)
{
    size_t len = 1;
    for (size_t at = 0; at < hay.len; at += len) {
        *ret_start = at;
        *ret_end = dumb_match(hay, at, text, ignores_case, frees_space);
        if (*ret_end != SIZE_MAX)
            return true;
        (void)al_char_at(hay.ptr + at, hay.ptr + hay.len, &len);
    }
    return false;
}

static uint64_t seed = 20261122;

static size_t below(size_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % n;
}

static size_t put_random_text(uint8_t *out, size_t n_parts)
{
    static const char *const parts[] = {"a",    "A",          "k",          "K",      "\u212a",
                                        "s",    "\u017f",     "\u043f",     "\u041f", " ",
                                        "\t",   "\xd0",       "\xbf",       "\u1e9e", "\u00df",
                                        "\xff", "\U00010400", "\U00010428", "b",      "-"};
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const char *part = parts[below(sizeof parts / sizeof parts[0])];
        memcpy(out + n, part, strlen(part));
        n += strlen(part);
    }
    return n;
}

static void literals_equal_a_dumb_search(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    size_t n_found = 0;
    for (size_t i = 0; i < 200000; i++) {
        uint8_t text[64];
        uint8_t hay[256];
        al_slice t = {text, put_random_text(text, 1 + below(3))};
        al_slice h = {hay, put_random_text(hay, below(40))};
        bool ignores_case = below(4) != 0;
        bool frees_space = below(2) && !query_is_space(text[0]);
        al_arena_reset(arena);
        const literal *l = literal_new(arena, t, ignores_case, frees_space);
        assert_non_null(l);
        size_t want[2] = {0, 0};
        size_t got[2] = {0, 0};
        bool is_wanted = dumb_find(h, t, ignores_case, frees_space, &want[0], &want[1]);
        bool is_found = literal_find(l, h, 0, &got[0], &got[1]);
        if (is_found != is_wanted || (is_found && memcmp(want, got, sizeof want) != 0))
            fail_msg("round %zu: '%.*s' in '%.*s'", i, AL_ARG(t), AL_ARG(h));
        n_found += is_found;
    }
    assert_true(n_found > 20000 && n_found < 180000);
}

/* Mostly one letter: comparing place by place would be quadratic. */
static size_t put_periodic_text(uint8_t *out, size_t n_parts, size_t rarity)
{
    static const char *const parts[] = {"b", " ", "  ", "\xd0", "\u043f"};
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const char *part = below(rarity) ? "a" : parts[below(sizeof parts / sizeof parts[0])];
        memcpy(out + n, part, strlen(part));
        n += strlen(part);
    }
    return n;
}

static void periodic_literals_equal_a_dumb_search(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    size_t n_found = 0;
    for (size_t i = 0; i < 300; i++) {
        static uint8_t hay[8000];
        al_slice h = {hay, put_periodic_text(hay, 3000, 60)};
        uint8_t text[600];
        size_t from = 500 + below(2000);
        al_slice t = {text, put_periodic_text(text, 20 + below(200), 60)};
        if (below(2)) /* one that is there, where not a character was cut */
            t = al_slice_sub(h, from, from + 40 + below(200));
        bool frees_space = below(2);
        if (frees_space)
            t = al_slice_trim(t);
        al_arena_reset(arena);
        const literal *l = literal_new(arena, t, below(2), frees_space);
        assert_non_null(l);
        size_t want[2] = {0, 0};
        size_t got[2] = {0, 0};
        bool is_wanted = dumb_find(h, t, false, frees_space, &want[0], &want[1]);
        bool is_found = literal_find(l, h, 0, &got[0], &got[1]);
        if (is_found != is_wanted || (is_found && memcmp(want, got, sizeof want) != 0))
            fail_msg("round %zu: %d %zu, want %d %zu", i, is_found, got[0], is_wanted, want[0]);
        n_found += is_found;
    }
    assert_true(n_found > 100 && n_found < 300);
}

/* Does a place of the scan stand in texts [from, to)? The scan goes on from `from`. */
static bool has_place(literal_scan *s, size_t from, size_t to)
{
    size_t at = literal_scan_next(s, from);
    return at >= from && at < to;
}

/* Every text that holds the literal has a place of the scan, also when its neighbours have; and the
 * scan is of use: of the texts without it few have one. */
static void scans_pass_over_no_text(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    size_t n_found = 0;
    size_t n_vain = 0;
    size_t n_texts = 0;
    for (size_t i = 0; i < 20000; i++) {
        enum { TEXTS = 12 };
        static uint8_t hay[TEXTS * 256];
        size_t ends[TEXTS + 1] = {0};
        uint8_t text[256];
        al_slice t = {text, put_random_text(text, 1 + below(below(8) ? 4 : 40))};
        bool ignores_case = below(4) != 0;
        bool frees_space = below(2) && !query_is_space(text[0]);
        for (size_t k = 0; k < TEXTS; k++) {
            ends[k + 1] = ends[k] + put_random_text(hay + ends[k], below(30));
            if (below(8) == 0 && t.len < 100) { /* often it is there */
                memcpy(hay + ends[k + 1], text, t.len);
                ends[k + 1] += t.len;
            }
        }
        /* A copy of exactly these bytes: reading beyond them is found by the sanitizer. */
        AL_CLEANUP(al_freep) uint8_t *exact = malloc(ends[TEXTS] + 1);
        assert_non_null(exact);
        memcpy(exact, hay, ends[TEXTS]);
        uint8_t *copy = realloc(exact, ends[TEXTS] ? ends[TEXTS] : 1);
        assert_non_null(copy);
        exact = copy;
        al_arena_reset(arena);
        const literal *l = literal_new(arena, t, ignores_case, frees_space);
        assert_non_null(l);
        if (literal_scan_word(l)->bytes.n == 0)
            continue;
        literal_scan s;
        literal_scan_begin(&s, literal_scan_word(l), (al_slice){exact, ends[TEXTS]});
        for (size_t k = 0; k < TEXTS; k++) {
            size_t at[2];
            al_slice one = {exact + ends[k], ends[k + 1] - ends[k]};
            bool is_found = literal_find(l, one, 0, &at[0], &at[1]);
            bool is_told = has_place(&s, ends[k], ends[k + 1]);
            if (is_found && !is_told)
                fail_msg("round %zu: '%.*s' in '%.*s'", i, AL_ARG(t), AL_ARG(one));
            n_found += is_found;
            n_vain += is_told && !is_found;
            n_texts++;
        }
    }
    assert_true(n_texts > 200000 && n_found > n_texts / 20);
    assert_true(n_vain < n_texts / 2);
}

/* What a place of the scan is: the rarest word, without case, at each distance from both ends. */
static void scans_find_a_word_at_any_place(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const literal *l = literal_new(arena, AL_LIT("of Quota"), true, true);
    assert_non_null(l);
    assert_int_equal(literal_scan_word(l)->bytes.n, 5);
    for (size_t n = 5; n < 70; n++) {
        for (size_t at = 0; at + 5 <= n; at++) {
            AL_CLEANUP(al_freep) uint8_t *hay = malloc(n);
            assert_non_null(hay);
            memset(hay, at % 2 ? 'q' : 'U', n);
            memcpy(hay + at, "qUoTa", 5);
            literal_scan s;
            literal_scan_begin(&s, literal_scan_word(l), (al_slice){hay, n});
            assert_int_equal(literal_scan_next(&s, 0), at);
            assert_int_equal(literal_scan_next(&s, at), at);
            assert_int_equal(literal_scan_next(&s, at + 1), n);
        }
    }
}

/* A text of 64 KiB in a megabyte: minutes when compared at each place. */
static void a_hostile_text_costs_one_pass(void **state)
{
    (void)state;
    enum { TEXT_BYTES = QUERY_BYTES_MAX - 2 };
    static uint8_t text[TEXT_BYTES];
    static uint8_t line[1 << 20];
    memset(text, 'a', sizeof text);
    memset(line, 'a', sizeof line);
    text[sizeof text - 1] = 'b';
    for (size_t i = 50000; i < sizeof line; i += 50000)
        line[i] = 'b';
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const literal *l = literal_new(arena, (al_slice){text, sizeof text}, true, false);
    assert_non_null(l);
    size_t start = 0;
    size_t end = 0;
    al_slice hay = {line, sizeof line};
    assert_false(literal_find(l, hay, 0, &start, &end));
    memcpy(line + 700000, text, sizeof text);
    assert_true(literal_find(l, hay, 0, &start, &end));
    assert_int_equal(end, 700000 + sizeof text);
    assert_int_equal(start, 700000);
}

/* ---- What a regular expression needs */

static void check_needs(const char *pattern, const char *expected)
{
    uint8_t out[REGEX_NEEDS_BYTES_MAX];
    al_slice got = {out, regex_needs(al_cstr(pattern), false, out)};
    if (!al_slice_eq(got, al_cstr(expected)))
        fail_msg("%s needs '%.*s', not '%s'", pattern, AL_ARG(got), expected);
}

static void patterns_need_a_text(void **state)
{
    (void)state;
    check_needs("blk_-?[0-9]*77[0-9]*", "blk_");
    check_needs("attempt_[0-9]*87[0-9]*", "attempt_");
    check_needs("abc", "abc");
    check_needs("abc+d", "abc");
    check_needs("abc*def", "def");
    check_needs("ab{2}cde", "cde");
    check_needs("a{x}", "a{x}");
    check_needs("one|two", "");
    check_needs("(one|two) three", " three");
    check_needs("(one (two[)])|x)four", "four");
    check_needs("\\[a\\]b\\d+cd", "[a]b");
    check_needs("\\x41bcd", "");
    check_needs("\\Qa|b\\E", "");
    check_needs("(?i)abc", "");
    check_needs("(?:ab)cd", "cd");
    check_needs("[]a]bc[^]x]", "bc");
    check_needs("[[:alpha:]]bc", "");
    check_needs("caf\xc3\xa9?s", "caf");
    check_needs("", "");
    uint8_t out[REGEX_NEEDS_BYTES_MAX];
    assert_int_equal(regex_needs(AL_LIT("caf\xc3\xa9s"), true, out), 3);
}

/* Some of n parts, one behind the other. */
static void put_some(char *to, size_t max, const char *const *parts, size_t n_parts, size_t n)
{
    size_t len = 0;
    to[0] = '\0';
    while (n--)
        len += (size_t)snprintf(to + len, max - len, "%s", parts[below(n_parts)]);
    assert_true(len < max);
}

/* What a random pattern matches holds what it is said to need. */
static void matches_hold_what_is_needed(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "a",    "b",     "ab",  "c",   ".",      "*",   "+", "?",  "|",  "(",      ")",    "[a",
        "]",    "[^b",   "\\.", "\\w", "\\b",    "{2}", "{", "}",  "^",  "$",      "(?:",  "(?=",
        "(?i)", "\\x61", "\\Q", "\\E", "\u00e9", "A",   "k", "\\", "[:", "(*ANY)", "(?x)", "#"};
    static const char *const texts[] = {"a", "b", "ab",     "c", ".", "\u00e9",
                                        "A", "k", "\u212a", "#", "{", "}"};
    pace p = {0};
    AL_CLEANUP(regex_scratch_freep) regex_scratch *s = regex_scratch_new(&p);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    size_t n_needed = 0;
    for (size_t i = 0; i < 60000; i++) {
        char pattern[80];
        char text[80];
        put_some(pattern, sizeof pattern, parts, sizeof parts / sizeof parts[0], 1 + below(6));
        bool ignores_case = below(2);
        AL_CLEANUP(regex_freep) regex *re = NULL;
        size_t at;
        al_err err;
        if (regex_new(al_cstr(pattern), ignores_case, &re, &at, &err))
            continue;
        uint8_t out[REGEX_NEEDS_BYTES_MAX];
        al_slice needed = {out, regex_needs(al_cstr(pattern), ignores_case, out)};
        al_arena_reset(arena);
        const literal *l = literal_new(arena, needed, ignores_case, false);
        for (size_t round = 0; round < 20 && needed.len; round++) {
            put_some(text, sizeof text, texts, sizeof texts / sizeof texts[0], below(8));
            regex_span span;
            size_t start;
            size_t end;
            al_code code = AL_OK;
            regex_allow(s, strlen(text));
            if (regex_find(re, s, al_cstr(text), 0, true, &span, &code) &&
                !literal_find(l, al_cstr(text), 0, &start, &end))
                fail_msg("'%s' matches '%s' without '%.*s'", pattern, text, AL_ARG(needed));
        }
        n_needed += needed.len > 0;
    }
    assert_true(n_needed > 5000);
}

/* ---- Memory */

static al_code everything_once(void)
{
    AL_CLEANUP(query_unrefp) query *a = NULL;
    AL_CLEANUP(query_unrefp) query *b = NULL;
    AL_CLEANUP(query_unrefp) query *both = NULL;
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    al_err err = {0};
    al_code c = help_parse(AL_LIT("foo bar OR (\"x\" AND @n=(1,\"2\") AND /re+/i AND @m~/x/ @o>5)"),
                           "n", &a, &err);
    value v = {.type = VAL_STRING, .text = AL_LIT("v")};
    if (!c)
        c = query_field_equals(AL_LIT("host"), &v, &b);
    if (!c)
        c = query_and(a, b, &both);
    al_slice text_field = AL_LIT("exc_info");
    if (!c)
        c = matcher_new(both, &text_field, 1, &m, &err);
    if (c)
        return c;
    field f = {.name = AL_LIT("host"), .val = v};
    record r = {.message = AL_LIT("foo bar"), .fields = &f, .n_fields = 1};
    highlight h[2];
    bool is_match = matcher_matches(m, &r, &c);
    assert_true(is_match && !c);
    return matcher_highlights(m, &r, h, 2) == 1 ? AL_OK : AL_NOMEM;
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    for (unsigned long fail_at = 1;; fail_at++) {
        al_mem_fail_at(fail_at);
        al_code c = everything_once();
        bool has_failed = al_mem_calls() >= fail_at;
        al_mem_fail_at(0);
        assert_true(c == AL_OK || c == AL_NOMEM);
        if (!has_failed)
            break;
    }
    assert_int_equal(everything_once(), AL_OK);
}

/* Not decoding a nested value is no reason to match, under NOT neither. */
static void a_match_without_memory_is_told(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    record r = help_record(arena, AL_LIT("{\"o\":{\"s\":\"\\u0001\"}}"));
    static const char *const queries[] = {"@o.s=\"\1\"", "NOT @o.s=\"\1\"", "@o.s!=*"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        AL_CLEANUP(query_unrefp) query *q = parsed(queries[i], "");
        AL_CLEANUP(matcher_freep) matcher *m = NULL;
        assert_int_equal(matcher_new(q, NULL, 0, &m, NULL), AL_OK);
        al_code code = AL_OK;
        al_mem_fail_at(1);
        assert_false(matcher_matches(m, &r, &code));
        al_mem_fail_at(0);
        assert_int_equal(code, AL_NOMEM);
        assert_int_equal(matcher_matches(m, &r, &code), i == 0);
        assert_int_equal(code, AL_OK);
    }
}

static void matching_allocates_nothing_after_the_first_row(void **state)
{
    (void)state;
    AL_CLEANUP(query_unrefp)
    query *q = parsed("(zebra OR /(a|b)+q/ OR @o.s=zebra OR @t:zebra OR @o.n>7) -@o.k=*", "");
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    record r =
        help_record(arena, AL_LIT("{\"message\":\"ababab\",\"t\":[\"\\u0001x\",\"y\"],"
                                  "\"o\":{\"s\":\"\\u0001\",\"n\":3},\"exc_info\":\"none\"}"));
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    al_slice text_field = AL_LIT("exc_info");
    assert_int_equal(matcher_new(q, &text_field, 1, &m, NULL), AL_OK);
    al_code code = AL_OK;
    assert_false(matcher_matches(m, &r, &code));
    al_mem_fail_at(1000000);
    for (int i = 0; i < 100; i++)
        assert_false(matcher_matches(m, &r, &code));
    unsigned long n = al_mem_calls();
    al_mem_fail_at(0);
    assert_int_equal(n, 0);
}

static bool old_search_finds(const char *words, al_slice message, size_t *ret_start, size_t *ret_n)
{
    AL_CLEANUP(query_unrefp) query *q = NULL;
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    al_err err = {0};
    al_code code = AL_OK;
    highlight h[HIGHLIGHTS_MAX];
    record r = {.message = message};
    if (query_old_search(al_cstr(words), &q, &err))
        fail_msg("%s: %s", words, err.msg);
    assert_int_equal(matcher_new(q, NULL, 0, &m, &err), AL_OK);
    bool is_match = matcher_matches(m, &r, &code);
    assert_int_equal(code, AL_OK);
    *ret_n = matcher_highlights(m, &r, h, HIGHLIGHTS_MAX);
    *ret_start = *ret_n ? h[0].start : 0;
    return is_match;
}

static void old_searches_find_text_over_any_gap(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        const char *message;
        bool is_match;
        size_t start, n; /* of the first highlight; how many */
    } cases[] = {
        {"", "anything", true, 0, 0},
        {" , ,", "anything", true, 0, 0},
        {"onnecti", "Connection refused", true, 1, 1},
        {"CONNECTION refused", "a connection refused", true, 2, 1},
        {"connection,refused", "connection -- refused", true, 0, 1},
        {"connection refused", "connection: (refused)", true, 0, 1},
        {"connection refused", "connection=refused; connection\n refused", true, 0, 2},
        {"connection refused", "connectionrefused", false, 0, 0},
        {"connection refused", "connection was refused", false, 0, 0},
        {"connection refused", "refused connection", false, 0, 0},
        {"n ref", "connection refused", true, 9, 1},
        {"a b",
         "a\xe2\x80\x94"
         "b",
         true, 0, 1}, /* a dash */
        {"a b",
         "a\xc2\xa0"
         "b",
         true, 0, 1},                 /* a space without break */
        {"a b", "a$+<b", true, 0, 1}, /* symbols */
        {"foo: bar", "foo:  bar", true, 0, 1},
        {"x :y", "x :y", true, 0, 1},
        {"GET /a.b*c", "GET  /a.b*c", true, 0, 1},
        {"GET /a.b*c", "GET  /aXbbc", false, 0, 0},
        {"(a [b {c \\d ^e $f |g ?h \"i 'j", "(a [b {c \\d ^e $f |g ?h \"i 'j", true, 0, 1},
        {"\xd0\x9f\xd0\xa0\xd0\x98 \xd0\x92", "\xd0\xbf\xd1\x80\xd0\xb8-\xd0\xb2", true, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t start = 0;
        size_t n = 0;
        bool is_match = old_search_finds(cases[i].words, al_cstr(cases[i].message), &start, &n);
        if (is_match != cases[i].is_match || start != cases[i].start || n != cases[i].n)
            fail_msg("'%s' in '%s': %d, %zu places from %zu on", cases[i].words, cases[i].message,
                     is_match, n, start);
    }
    AL_CLEANUP(query_unrefp) query *q = NULL;
    AL_CLEANUP(query_unrefp) query *with_nul = NULL;
    al_err err = {0};
    al_code code = AL_OK;
    record r = {.message = {(const uint8_t *)"a\0b c", 5}};
    assert_int_equal(query_old_search((al_slice){(const uint8_t *)"\0b c", 4}, &with_nul, &err),
                     AL_OK);
    assert_true(help_matches(with_nul, &r, &code));
    al_buf text;
    al_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < 100000; i++)
        al_buf_str(&text, "a ");
    assert_int_equal(query_old_search(al_buf_slice(&text), &q, &err), AL_INVALID);
    al_buf_done(&text);
}

static void one_of_several_values(void **state)
{
    (void)state;
    AL_CLEANUP(query_unrefp) query *q = NULL;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const al_slice values[] = {AL_LIT("a b"), AL_LIT("5"), AL_LIT("")};
    assert_int_equal(query_field_one_of(AL_LIT("f"), values, 3, &q), AL_OK);
    static const struct {
        const char *json;
        bool is_match;
    } cases[] = {{"{\"f\":\"a b\"}", true}, {"{\"f\":5}", true},      {"{\"f\":\"5\"}", true},
                 {"{\"f\":\"\"}", true},    {"{\"f\":\"a\"}", false}, {"{}", false},
                 {"{\"f\":[1,5]}", true},   {"{\"f\":null}", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        record r = help_record(arena, al_cstr(cases[i].json));
        al_code code = AL_OK;
        if (help_matches(q, &r, &code) != cases[i].is_match)
            fail_msg("%s", cases[i].json);
    }
    assert_reads(q, "@\"f\"=(\"a b\",\"5\",\"\")");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_searches_find_text_over_any_gap),
        cmocka_unit_test(one_of_several_values),
        cmocka_unit_test(folding_follows_unicode),
        cmocka_unit_test(characters_come_back),
        cmocka_unit_test(text_ignores_case_in_any_length),
        cmocka_unit_test(expressions_fold_as_texts_do),
        cmocka_unit_test(bad_bytes_match_only_themselves),
        cmocka_unit_test(errors_name_the_column_in_characters),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(endless_backtracking_is_a_limit),
        cmocka_unit_test(long_lines_are_no_limit),
        cmocka_unit_test(one_match_looks_and_stops_in_the_middle),
        cmocka_unit_test(matches_are_found_wherever_they_begin),
        cmocka_unit_test(trees_are_flat),
        cmocka_unit_test(queries_combine),
        cmocka_unit_test(values_are_taken_as_the_language_does),
        cmocka_unit_test(leaves_match_single_values),
        cmocka_unit_test(highlights_show_where_it_stands),
        cmocka_unit_test(highlights_of_fields),
        cmocka_unit_test(highlights_are_the_first_ones),
        cmocka_unit_test(highlights_share_their_steps),
        cmocka_unit_test(literals_equal_a_dumb_search),
        cmocka_unit_test(periodic_literals_equal_a_dumb_search),
        cmocka_unit_test(a_hostile_text_costs_one_pass),
        cmocka_unit_test(patterns_need_a_text),
        cmocka_unit_test(matches_hold_what_is_needed),
        cmocka_unit_test(scans_pass_over_no_text),
        cmocka_unit_test(scans_find_a_word_at_any_place),
        cmocka_unit_test(every_failing_allocation_is_survived),
        cmocka_unit_test(a_match_without_memory_is_told),
        cmocka_unit_test(matching_allocates_nothing_after_the_first_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
