/* Goal: each rule of candidates.h as a question in words: what is asked by MATCH, what of the
 * attributes, and why nothing where nothing is. That the rules are right is for
 * tests/property/prop_candidates.c and a real searchd
 * (tests/integration/test_sphinx_candidates.py). */
#include "query_help.h"

#include <string.h>

#include "sphinx/candidates.h"
#include "sphinx/words.h"

static const char old_charset[] = "0..9, A..Z->a..z, _, -, ., a..z, U+410..U+42F->U+430..U+44F, "
                                  "U+430..U+44F, U+401->U+451, U+451";

typedef struct sample {
    const char *query;
    const char *match;
    const char *where;
    const char *why;
} sample;

static const al_slice text_fields[] = {AL_LIT("exc_info"), AL_LIT("stack_info")};

static void check(const cand_table *t, const sample *s)
{
    query *q = NULL;
    al_err err = {0};
    candidates c;
    if (help_parse(al_cstr(s->query), "", &q, &err))
        fail_msg("%s: %s", s->query, err.msg);
    assert_int_equal(candidates_plan(q, text_fields, 2, t, &c), AL_OK);
    if (!al_slice_eq(al_buf_slice(&c.match), al_cstr(s->match)))
        fail_msg("%s: MATCH %.*s", s->query, AL_ARG(al_buf_slice(&c.match)));
    if (!al_slice_eq(al_buf_slice(&c.where), al_cstr(s->where)))
        fail_msg("%s: WHERE %.*s", s->query, AL_ARG(al_buf_slice(&c.where)));
    assert_int_equal(c.is_useful, *s->match || *s->where);
    assert_int_equal(c.why == NULL, s->why == NULL);
    if (s->why)
        assert_string_equal(c.why, s->why);
    (void)query_unref(q);
    candidates_done(&c);
}

static void check_all(const cand_table *t, const sample *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(t, &all[i]);
}
#define CHECK_ALL(t, list) check_all(t, list, sizeof(list) / sizeof(list)[0])

static al_arena *arena;

/* Without src, so that the conditions stand alone. */
static cand_table table_of(const char *words, uint32_t min_word_len)
{
    cand_table t = {.min_word_len = min_word_len,
                    .has_js_text = true,
                    .has_exact_strings = true,
                    .is_sphinx_2 = true};
    assert_int_equal(charset_new(arena, al_cstr(words), &t.words), AL_OK);
    return t;
}

/* clang-format off */
static void whole_words_inside_the_text(void **state)
{
    (void)state;
    const cand_table t = table_of(CHARSET_TABLE, 1);
    static const sample samples[] = {
        {"\"connection refused by peer\"", "((@logline (\"refused by\")) | (@js (\"refused by\")))", "", NULL},
        {"connection refused by peer", "((@logline (\"refused by\")) | (@js ((\"refused\" | \"nrefused\" | \"trefused\" | \"rrefused\" | \"frefused\" | \"u000brefused\") (\"by\" | \"nby\" | \"tby\" | \"rby\" | \"fby\" | \"u000bby\"))))", "", NULL},
        {"refused", "", "", "no whole word that Sphinx could look up is in the text"},
        {"onnection ref", "", "", "no whole word that Sphinx could look up is in the text"},
        {"\"x refused y\"", "((@logline (\"refused\")) | (@js (\"refused\")))", "", NULL},
        {"\"GET /api/v1/users/42?expand=1 HTTP\"", "((@logline (\"api v1 users 42 expand 1\")) | (@js (\"api v1 users 42 expand 1\")))", "", NULL},
        {"x-y \xd0\xb2\xd0\xbe\xd0\xb4 \xc3\xa9 foo bar", "((@logline (\"y \xd0\xb2\xd0\xbe\xd0\xb4 foo\")) | (@js (\"y\" (\"\xd0\xb2\xd0\xbe\xd0\xb4\" | \"n\xd0\xb2\xd0\xbe\xd0\xb4\" | \"t\xd0\xb2\xd0\xbe\xd0\xb4\" | \"r\xd0\xb2\xd0\xbe\xd0\xb4\" | \"f\xd0\xb2\xd0\xbe\xd0\xb4\" | \"u000b\xd0\xb2\xd0\xbe\xd0\xb4\") (\"foo\" | \"nfoo\" | \"tfoo\" | \"rfoo\" | \"ffoo\" | \"u000bfoo\"))))", "", NULL},
        {"\"a verylongwordverylongwordverylongwordverylongword b c\"", "((@logline (\"verylongwordverylongwordverylongwordverylo b\")) | (@js (\"verylongwordverylongwordverylongwordverylo b\")))", "", NULL},
    };
    CHECK_ALL(&t, samples);
}

static void letters_that_fold_in_several_ways(void **state)
{
    (void)state;
    const cand_table t = table_of(old_charset, 1);
    static const sample samples[] = {
        {"\"x Key y\"", "", "", "no whole word that Sphinx could look up is in the text"},
        {"case:yes \"x Key y\"", "((@logline (\"key\")) | (@js (\"key\")))", "", NULL},
        {"\"x \xd1\x91\xd0\xbb\xd0\xba\xd0\xb0 y\"", "((@logline (\"\xd1\x91\xd0\xbb\xd0\xba\xd0\xb0\")) | (@js (\"\xd1\x91\xd0\xbb\xd0\xba\xd0\xb0\")))", "", NULL},
        {"\"x-abc so-y abc d\"", "((@logline (\"abc\")) | (@js (\"abc\")))", "", NULL},
        {"\"x \xd0\xb2\xd0\xb5\xd1\x80\xd1\x85 y\"", "", "", "no whole word that Sphinx could look up is in the text"},
    };
    CHECK_ALL(&t, samples);
}

static void regular_expressions(void **state)
{
    (void)state;
    const cand_table t = table_of(CHARSET_TABLE, 1);
    static const sample samples[] = {
        {"/user=\\d+ logged in from/", "((@logline (\"logged in\")) | (@js (\"logged in\")))", "", NULL},
        {"/^ValueError: bad thing happened$/i", "((@logline (\"bad thing\")) | (@js (\"bad thing\")))", "", NULL},
        {"/(a|b)/", "", "", "no whole word that Sphinx could look up is in the text"},
        {"/a b c|d/", "", "", "no whole word that Sphinx could look up is in the text"},
    };
    CHECK_ALL(&t, samples);
}

static void fields(void **state)
{
    (void)state;
    const cand_table t = table_of(CHARSET_TABLE, 1);
    static const sample samples[] = {
        {"@level=ERROR", "((@js (\"level\")) ((@js (\"error\"))))", "(IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL)", NULL},
        {"@level=(ERROR,FATAL)", "((@js (\"level\")) ((@js (\"error\")) | (@js (\"fatal\"))))", "(IN(js['level'],'ERROR','FATAL') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL)", NULL},
        {"@status=200", "((@js (\"status\")))", "(IN(js['status'],'200') OR LENGTH(js['status'])>1 OR js['status'][0] IS NOT NULL OR (LENGTH(js['status'])=1 AND DOUBLE(js['status'])>=200 AND DOUBLE(js['status'])<=200))", NULL},
        {"@ratio=0.5", "((@js (\"ratio\")))", "(IN(js['ratio'],'0.5') OR LENGTH(js['ratio'])>1 OR js['ratio'][0] IS NOT NULL OR (LENGTH(js['ratio'])=1 AND DOUBLE(js['ratio'])>=0 AND DOUBLE(js['ratio'])<=1))", NULL},
        {"@big=1e20", "((@js (\"big\")))", "(IN(js['big'],'1e20') OR LENGTH(js['big'])>1 OR js['big'][0] IS NOT NULL OR LENGTH(js['big'])=1)", NULL},
        {"@http.status=OK", "(((@js (\"http\")) (@js (\"status\"))) ((@js (\"ok\"))))", "", NULL},
        {"@http.status=200", "(((@js (\"http\")) (@js (\"status\"))))", "", NULL},
        {"@user=*", "((@js (\"user\")))", "", NULL},
        {"@user:\"a b c\"", "((@js (\"user\")) (@js (\"b\")))", "(js['user'] IS NOT NULL)", NULL},
        {"@user~/x=abc;/", "((@js (\"user\")) (@js (\"abc\")))", "(js['user'] IS NOT NULL)", NULL},
        {"@message=\"hello you\"", "(((@logline (\"hello you\"))))", "", NULL},
        {"@message:\"a hello b\"", "((@logline (\"hello\")))", "", NULL},
        {"@ok=true", "((@js (\"ok\")) ((@js (\"true\"))))", "(IN(js['ok'],'true') OR DOUBLE(js['ok'])=1 OR LENGTH(js['ok'])=1 OR LENGTH(js['ok'])>1 OR js['ok'][0] IS NOT NULL)", NULL},
        {"@ok=null", "((@js (\"ok\")) ((@js (\"null\"))))", "(IN(js['ok'],'null') OR js['ok'] IS NULL OR LENGTH(js['ok'])=1 OR LENGTH(js['ok'])>1 OR js['ok'][0] IS NOT NULL)", NULL},
        {"@ok=false", "((@js (\"ok\")) ((@js (\"false\"))))", "", NULL},
        {"@ctx=\"{\\\"a\\\":1}\"", "((@js (\"ctx\")) ((@js (\"a 1\"))))", "", NULL},
        {"@\"it's\"=\"a'b\\\\c\"", "((@js (\"it s\")) ((@js (\"a b c\"))))", "(IN(js['it\\'s'],'a\\'b\\\\c') OR LENGTH(js['it\\'s'])>1 OR js['it\\'s'][0] IS NOT NULL)", NULL},
        {"@status>=500", "((@js (\"status\")))", "(js['status'] IS NOT NULL AND (LENGTH(js['status'])<>1 OR js['status'][0] IS NOT NULL OR DOUBLE(js['status'])>=500))", NULL},
        {"@status<499.5", "((@js (\"status\")))", "(js['status'] IS NOT NULL AND (LENGTH(js['status'])<>1 OR js['status'][0] IS NOT NULL OR DOUBLE(js['status'])<=500))", NULL},
        {"@status>-0.5", "((@js (\"status\")))", "(js['status'] IS NOT NULL AND (LENGTH(js['status'])<>1 OR js['status'][0] IS NOT NULL OR DOUBLE(js['status'])>=-1))", NULL},
        {"@status>1e20", "((@js (\"status\")))", "", NULL},
        {"@level=\"\"", "((@js (\"level\")))", "", NULL},
    };
    CHECK_ALL(&t, samples);
}

static void and_or_not(void **state)
{
    (void)state;
    const cand_table t = table_of(CHARSET_TABLE, 1);
    static const sample samples[] = {
        {"", "", "", "the query asks for everything"},
        {"NOT debug", "", "", "the query only says what is not wanted"},
        {"@level!=ERROR", "", "(NOT(IN(js['level'],'ERROR') AND LENGTH(js['level'])=0))", NULL},
        {"@user!=*", "", "(NOT(js['user'] IS NOT NULL))", NULL},
        {"NOT (@level=DEBUG OR @level=INFO)", "", "((NOT(IN(js['level'],'DEBUG') AND LENGTH(js['level'])=0)) AND (NOT(IN(js['level'],'INFO') AND LENGTH(js['level'])=0)))", NULL},
        {"NOT (@level=DEBUG AND @user:x)", "", "", "the query only says what is not wanted"},
        {"NOT (@level=DEBUG AND @user=x)", "", "((NOT(IN(js['level'],'DEBUG') AND LENGTH(js['level'])=0)) OR (NOT(IN(js['user'],'x') AND LENGTH(js['user'])=0)))", NULL},
        {"\"a b c\" -debug", "(((@logline (\"b\")) | (@js (\"b\"))))", "", NULL},
        {"\"a b c\" OR @level=ERROR", "(((@logline (\"b\")) | (@js (\"b\"))) | ((@js (\"level\")) ((@js (\"error\")))))", "", NULL},
        {"\"a b c\" OR @level!=ERROR", "", "", "the query only says what is not wanted"},
        {"@level=ERROR OR @user=ann", "(((@js (\"level\")) ((@js (\"error\")))) | ((@js (\"user\")) ((@js (\"ann\")))))", "((IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL) OR (IN(js['user'],'ann') OR LENGTH(js['user'])>1 OR js['user'][0] IS NOT NULL))", NULL},
        {"@level=ERROR AND \"x timeout y\"", "(((@js (\"level\")) ((@js (\"error\")))) ((@logline (\"timeout\")) | (@js (\"timeout\"))))", "((IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL))", NULL},
        {"@level!=ERROR \"x timeout y\"", "(((@logline (\"timeout\")) | (@js (\"timeout\"))))", "((NOT(IN(js['level'],'ERROR') AND LENGTH(js['level'])=0)))", NULL},
    };
    CHECK_ALL(&t, samples);
}

static void old_tables(void **state)
{
    (void)state;
    cand_table t = table_of(old_charset, 4);
    t.js_is_ascii = true;
    t.has_exact_strings = false;
    static const sample samples[] = {
        {"\"x-y refused. then x\"", "((@logline (\"then\")) | (@js (\"then\")))", "", NULL},
        {"\"a refused by the peer\"", "", "", "no whole word that Sphinx could look up is in the text"},
        {"connection refused by peer", "", "", "no whole word that Sphinx could look up is in the text"},
        {"\"a connection to the peer z\"", "((@logline (\"connection to the peer\")) | (@js (\"connection to the peer\")))", "", NULL},
        {"\"x-abcd \xd1\x82\xd0\xb0\xd0\xba-defg abcde y\"", "((@logline (\"abcde\")) | (@js (\"abcde\")))", "", NULL},
        {"\"a 1234 five6 b\"", "((@logline (\"1234 five6\")) | (@js (\"five6\")))", "", NULL},
        {"@level=ERROR", "((@js (\"level\")) ((@js (\"error\"))))", "(IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL)", NULL},
        {"@level!=ERROR", "", "", "the query only says what is not wanted"},
        {"@http.status=OK", "", "", "the field's name is too short or not in the full-text index"},
        {"@name=\"\xd0\xb8\xd0\xbc\xd1\x8f word\"", "((@js (\"name\")) ((@js (\"word\"))))", "(IN(js['name'],'\xd0\xb8\xd0\xbc\xd1\x8f word') OR LENGTH(js['name'])>1 OR js['name'][0] IS NOT NULL)", NULL},
        {"@ctx=\"{\\\"a\\\":1}\"", "", "", "no whole word that Sphinx could look up is in the text"},
    };
    CHECK_ALL(&t, samples);
}

static void columns_without_js_text(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 1);
    const al_slice column = AL_LIT("exc_info");
    t.columns = &column;
    t.n_columns = 1;
    t.has_js_text = false;
    static const sample samples[] = {
        {"\"x Key y\"", "", "", "the field is not in Sphinx's full-text index"},
        {"@exc_info:\"a b c\"", "((@exc_info (\"b\")))", "(js['exc_info'] IS NOT NULL)", NULL},
        {"@exc_info=\"b c\"", "(((@exc_info (\"b c\"))))", "(IN(js['exc_info'],'b c') OR LENGTH(js['exc_info'])>1 OR js['exc_info'][0] IS NOT NULL)", NULL},
        {"@exc_info~/b abc d/", "((@exc_info (\"abc\")))", "(js['exc_info'] IS NOT NULL)", NULL},
    };
    CHECK_ALL(&t, samples);
}

static void rows_that_have_a_source(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 3);
    t.has_src = true;
    static const sample samples[] = {
        {"@level=ERROR", "((@js (\"level\")) ((@js (\"error\"))))", "((IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL) OR NOT(src=''))", NULL},
        {"@user!=*", "", "((NOT(js['user'] IS NOT NULL)) OR NOT(src=''))", NULL},
        {"\"a b c\"", "", "", "no whole word that Sphinx could look up is in the text"},
    };
    CHECK_ALL(&t, samples);
}

static void parts_of_words(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 1);
    t.min_infix_len = 3;
    t.has_pieces = true;
    static const sample samples[] = {
        {"refused", "((((@logline (\"*refused*\")) | (@js (\"*refused*\"))) | ((@long_words (\"*refused*\")))))", "", NULL},
        {"onnection ref", "((((@logline (\"*onnection ref*\")) | (@js (\"*onnection\" \"*ref*\"))) | ((@long_words (\"*onnection*\" | \"*ref*\")))))", "", NULL},
        {"connection refused by peer", "((((@logline (\"*connection refused by peer*\")) | (@js (\"*connection\" \"*refused\" (\"by\" | \"nby\" | \"tby\" | \"rby\" | \"fby\" | \"u000bby\") \"*peer*\"))) | ((@long_words (\"*connection*\" | \"*peer*\")) ((@logline (\"refused by\")) | (@js (\"*refused\" (\"by\" | \"nby\" | \"tby\" | \"rby\" | \"fby\" | \"u000bby\")))))))", "", NULL},
        {"\"say refused\"", "((((@logline (\"*say refused*\")) | (@js (\"*say refused*\"))) | ((@long_words (\"*say*\" | \"*refused*\")))))", "", NULL},
        {"to", "", "", "no whole word that Sphinx could look up is in the text"},
        {"user=5", "((((@logline (\"*user\")) | (@js (\"*user\"))) | ((@long_words (\"*user*\")))))", "", NULL},
        {"/user=\\d+/", "((((@logline (\"*user\")) | (@js (\"*user\"))) | ((@long_words (\"*user*\")))))", "", NULL},
        {"@path:admin", "((@js (\"path\")) (((@js (\"*admin*\")) | ((@long_words (\"*admin*\"))))))", "(js['path'] IS NOT NULL)", NULL},
        {"@exc_info~/KeyError/", "((@js (\"exc info\")) (((@js (\"*keyerror*\")) | ((@long_words (\"*keyerror*\"))))))", "(js['exc_info'] IS NOT NULL)", NULL},
        {"\"GET /api\"", "((((@logline (\"*get api*\")) | (@js (\"*get api*\"))) | ((@long_words (\"*get*\" | \"*api*\")))))", "", NULL},
        {"0123456789abcdef0123456789abcdef0123456789abcdef", "((@long_words (\"*0123456789abcdef01234*\")))", "", NULL},
        {"0123456789abcdef0123456789abcdef0123456789abcdef x y", "((@long_words (\"*0123456789abcdef01234*\")) (((@logline (\"x\")) | (@js ((\"x\" | \"nx\" | \"tx\" | \"rx\" | \"fx\" | \"u000bx\")))) | ((@long_words (\"*0123456789abcdef01234*\")) ((@logline (\"x\")) | (@js ((\"x\" | \"nx\" | \"tx\" | \"rx\" | \"fx\" | \"u000bx\")))))))", "", NULL},
        {"@level=ERROR", "((@js (\"level\")) ((@js (\"error\"))))", "(IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL)", NULL},
    };
    CHECK_ALL(&t, samples);
}

static void names_with_dots(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 1);
    t.has_single_names = true;
    static const sample samples[] = {
        {"@http.status=OK", "(((@js (\"http\")) (@js (\"status\"))) ((@js (\"ok\"))))", "((IN(js['http.status'],'OK') OR LENGTH(js['http.status'])>1 OR js['http.status'][0] IS NOT NULL) OR (IN(js['http']['status'],'OK') OR LENGTH(js['http']['status'])>1 OR js['http']['status'][0] IS NOT NULL) OR (LENGTH(js['http'])>0 AND js['http']['status'] IS NULL))", NULL},
        {"@http.status>=500", "(((@js (\"http\")) (@js (\"status\"))))", "((js['http.status'] IS NOT NULL AND (LENGTH(js['http.status'])<>1 OR js['http.status'][0] IS NOT NULL OR DOUBLE(js['http.status'])>=500)) OR (js['http']['status'] IS NOT NULL AND (LENGTH(js['http']['status'])<>1 OR js['http']['status'][0] IS NOT NULL OR DOUBLE(js['http']['status'])>=500)) OR (LENGTH(js['http'])>0 AND js['http']['status'] IS NULL))", NULL},
        {"@http.status!=OK", "", "(NOT((IN(js['http.status'],'OK') AND LENGTH(js['http.status'])=0) OR (IN(js['http']['status'],'OK') AND LENGTH(js['http']['status'])=0)))", NULL},
        {"@a.b.c=*", "(((@js (\"a\")) (@js (\"b\")) (@js (\"c\"))))", "", NULL},
        {"@a.b.c!=*", "", "(NOT((js['a.b.c'] IS NOT NULL) OR (js['a']['b.c'] IS NOT NULL) OR (js['a.b']['c'] IS NOT NULL) OR (js['a']['b']['c'] IS NOT NULL)))", NULL},
        {"@a.b.c:x", "(((@js (\"a\")) (@js (\"b\")) (@js (\"c\"))))", "((js['a.b.c'] IS NOT NULL) OR (js['a']['b.c'] IS NOT NULL) OR (LENGTH(js['a'])>0 AND js['a']['b.c'] IS NULL) OR (js['a.b']['c'] IS NOT NULL) OR (LENGTH(js['a.b'])>0 AND js['a.b']['c'] IS NULL) OR (js['a']['b']['c'] IS NOT NULL) OR (LENGTH(js['a'])>0 AND js['a']['b']['c'] IS NULL) OR (LENGTH(js['a']['b'])>0 AND js['a']['b']['c'] IS NULL))", NULL},
        {"@a.b.c.d=x", "(((@js (\"a\")) (@js (\"b\")) (@js (\"c\")) (@js (\"d\"))) ((@js (\"x\"))))", "", NULL},
        {"@a..c=x", "(((@js (\"a\")) (@js (\"c\"))) ((@js (\"x\"))))", "", NULL},
        {"@.a=x", "(((@js (\"a\"))) ((@js (\"x\"))))", "", NULL},
    };
    CHECK_ALL(&t, samples);
}

static void unknown_words(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 1);
    t.words = NULL;
    static const sample samples[] = {
        {"\"a b c\"", "", "", "how the tables split words is not known"},
        {"@level=ERROR", "", "(IN(js['level'],'ERROR') OR LENGTH(js['level'])>1 OR js['level'][0] IS NOT NULL)", NULL},
    };
    CHECK_ALL(&t, samples);
}

/* clang-format on */

static void other_servers_are_asked_by_match_alone(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 1);
    t.is_sphinx_2 = false;
    static const sample samples[] = {
        {"@level=ERROR", "((@js (\"level\")) ((@js (\"error\"))))", "", NULL},
        {"@level!=ERROR", "", "", "the query only says what is not wanted"},
    };
    CHECK_ALL(&t, samples);
}

/* A column's name that MATCH cannot spell: the field is looked for in js. */
static void odd_columns(void **state)
{
    (void)state;
    cand_table t = table_of(CHARSET_TABLE, 1);
    const al_slice columns[] = {AL_LIT("a-b"), AL_LIT("5x"), AL_LIT("ok_5")};
    t.columns = columns;
    t.n_columns = 3;
    t.is_sphinx_2 = false;
    static const sample samples[] = {
        {"@a-b:\"x y z\"", "((@js (\"a b\")) (@js (\"y\")))", "", NULL},
        {"@5x:\"x y z\"", "((@js (\"5x\")) (@js (\"y\")))", "", NULL},
        {"@ok_5:\"x y z\"", "((@js (\"ok 5\")) (@ok_5 (\"y\")))", "", NULL},
    };
    CHECK_ALL(&t, samples);
}

/* ---- Large queries */

static candidates plan_of(const cand_table *t, const al_buf *text)
{
    query *q = NULL;
    al_err err = {0};
    candidates c;
    if (help_parse(al_buf_slice(text), "", &q, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(candidates_plan(q, text_fields, 2, t, &c), AL_OK);
    (void)query_unref(q);
    return c;
}

static void large_queries_ask_less(void **state)
{
    (void)state;
    const cand_table t = table_of(CHARSET_TABLE, 1);
    static const char *const joins[] = {" OR ", " AND "};
    al_buf text;
    al_buf_init(&text, QUERY_BYTES_MAX);
    for (size_t k = 0; k < 2; k++) {
        al_buf_clear(&text);
        for (unsigned i = 0; i < 2000; i++)
            al_buf_printf(&text, "%s\"x w%u y\"", i ? joins[k] : "", i);
        candidates c = plan_of(&t, &text);
        assert_int_equal(c.is_useful, k == 1);
        assert_true(c.match.len < 100000);
        candidates_done(&c);
    }
    al_buf_clear(&text);
    al_buf_str(&text, "@a=(0");
    for (unsigned i = 1; i < 1000; i++)
        al_buf_printf(&text, ",v%u", i);
    al_buf_str(&text, ")");
    candidates c = plan_of(&t, &text);
    assert_true(al_slice_eq(al_buf_slice(&c.match), AL_LIT("((@js (\"a\")))")));
    assert_int_equal(c.where.len, 0);
    candidates_done(&c);
    al_buf_done(&text);
}

static void deep_queries_ask_less(void **state)
{
    (void)state;
    const cand_table t = table_of(CHARSET_TABLE, 1);
    al_buf text;
    al_buf_init(&text, QUERY_BYTES_MAX);
    for (unsigned i = 0; i < 30; i++)
        al_buf_printf(&text, "(@f%u=x OR @g%u=x AND ", i, i);
    al_buf_str(&text, "@deep=x");
    for (unsigned i = 0; i < 30; i++)
        al_buf_str(&text, ")");
    candidates c = plan_of(&t, &text);
    assert_true(c.is_useful); /* an AND may leave out what is too deep */
    assert_null(memmem(c.match.ptr, c.match.len, "deep", 4));
    assert_non_null(memmem(c.match.ptr, c.match.len, "g3", 2));
    candidates_done(&c);
    al_buf_done(&text);
}

/* ---- Pieces */

static void assert_pieces(const charset *cs, const char *text, const char *pieces)
{
    al_buf out;
    al_buf_init(&out, 4096);
    words_put_pieces(al_cstr(text), cs, &out);
    if (!al_slice_eq(al_buf_slice(&out), al_cstr(pieces)))
        fail_msg("%s: %.*s", text, AL_ARG(al_buf_slice(&out)));
    al_buf_done(&out);
}

static void long_words_in_pieces(void **state)
{
    (void)state;
    const charset *cs = NULL;
    assert_int_equal(charset_new(arena, AL_LIT(CHARSET_TABLE), &cs), AL_OK);
#define TEN    "abcdefghij"
#define FORTY2 TEN TEN TEN TEN "kl"
    assert_pieces(cs, "", "");
    assert_pieces(cs, "short " FORTY2 " " FORTY2, "");
    assert_pieces(cs, FORTY2 "M-x", FORTY2 " cdefghijabcdefghijklM ");
    assert_pieces(cs, "-" FORTY2 TEN TEN "yz " FORTY2 "M",
                  FORTY2 " cdefghijabcdefghijkl" TEN TEN "yz " FORTY2 " cdefghijabcdefghijklM ");
    assert_pieces(cs, FORTY2 TEN TEN "yzA",
                  FORTY2 " cdefghijabcdefghijkl" TEN TEN "yz cdefghijabcdefghijyzA ");
}

/* Any 21 characters in a row of a long word are in one piece, and no piece is too long. */
static void pieces_hold_all_parts(void **state)
{
    (void)state;
    const charset *cs = NULL;
    uint8_t text[300];
    assert_int_equal(charset_new(arena, AL_LIT(CHARSET_TABLE), &cs), AL_OK);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)("0123456789abcdefghijklmnopqrstuvwxyz"[(i * i + i / 7) % 36]);
    for (size_t len = WORDS_CUT_CHARS + 1; len <= sizeof text; len++) {
        al_buf out;
        al_buf_init(&out, 4096);
        words_put_pieces((al_slice){text, len}, cs, &out);
        for (size_t at = 0; at + WORDS_PIECE_CHARS <= len; at++)
            assert_non_null(memmem(out.ptr, out.len, text + at, WORDS_PIECE_CHARS));
        for (size_t from = 0, to = 0; from < out.len; from = to + 1) {
            to = al_slice_find(al_buf_slice(&out), ' ', from);
            assert_in_range(to - from, 1, WORDS_CUT_CHARS);
        }
        al_buf_done(&out);
    }
}

/* ---- What is not known */

static void charsets_that_are_not_read(void **state)
{
    (void)state;
    static const char *const tables[] = {
        "",
        "english",
        "0..9, a..z",
        "0..9, A..Z, a..z",
        "0..9, a..z, A..Z->a..z, U+4B0..U+4BD/2",
        "0..9, a..z, A..Z->a..z, a",
        "0..9, a..z, A..Z->a..z, \"",
        "0..9, a..z, A..Z->a..z, \\",
        "0..9, a..z, A..Z->a..z, U+FFFD",
        "0..9, a..z, A..Z->a..y",
        "0..9, a..z, A..Z->",
        "z..a",
        "0..9, a..z, A..Z->a..z, U+20000",
        "0..9, a..z, A..Z->a..z, U+, b",
        "a->",
        "->",
        "0..9, a..z, A..Z->a..z, *",
        "0..9, a..z, A..Z->a..z,, _",
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const charset *cs = NULL;
        if (charset_new(arena, al_cstr(tables[i]), &cs) != AL_INVALID || cs)
            fail_msg("'%s' was read", tables[i]);
    }
}

static void charsets_that_are_read(void **state)
{
    (void)state;
    const charset *cs = NULL;
    assert_int_equal(
        charset_new(arena, AL_LIT("0..9,a..z ,A..Z -> a..z,U+C9->U+E9, \xc3\xa9"), &cs), AL_OK);
    assert_int_equal(charset_of(cs, 'B', false), 'b');
    assert_int_equal(charset_of(cs, '_', true), 0);
    assert_int_equal(charset_of(cs, 0xc9, true), 0xe9);
    assert_int_equal(charset_of(cs, 0xe9, true), 0xe9);
    assert_int_equal(charset_of(cs, 0xe8, true), 0);
    assert_true(charset_of(cs, 'k', true) == CHARSET_ODD); /* the Kelvin sign is none of it */
    assert_int_equal(charset_of(cs, 'k', false), 'k');
    assert_int_equal(charset_new(arena, AL_LIT("0..9,a..z,A..Z->a..z,U+E9->U+E8,"), &cs), AL_OK);
    assert_true(charset_of(cs, 0xe9, false) == CHARSET_ODD); /* no query could spell it */
    /* All that folds to a letter of ours is in our own table. */
    assert_int_equal(charset_new(arena, AL_LIT(CHARSET_TABLE), &cs), AL_OK);
    for (uint32_t c = 0; c < 0x500; c++)
        assert_true(charset_of(cs, c, true) != CHARSET_ODD);
}

static void settings_that_change_words(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        bool is_safe;
    } all[] = {
        {"rt_mem_limit", "64M", true},      {"path", "/x", true},
        {"min_infix_len", "3", true},       {"morphology", "none", true},
        {"morphology", "stem_en", false},   {"stopwords", "/x", false},
        {"blend_chars", "-", false},        {"ngram_len", "1", false},
        {"html_strip", "1", false},         {"overshort_step", "0", false},
        {"regexp_filter", "a => b", false}, {"made_up", "", false},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_int_equal(candidates_setting_is_safe(al_cstr(all[i].name), al_cstr(all[i].value)),
                         all[i].is_safe);
}

int main(void)
{
    arena = al_arena_new(4096);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_words_inside_the_text),
        cmocka_unit_test(letters_that_fold_in_several_ways),
        cmocka_unit_test(regular_expressions),
        cmocka_unit_test(fields),
        cmocka_unit_test(and_or_not),
        cmocka_unit_test(old_tables),
        cmocka_unit_test(columns_without_js_text),
        cmocka_unit_test(rows_that_have_a_source),
        cmocka_unit_test(parts_of_words),
        cmocka_unit_test(names_with_dots),
        cmocka_unit_test(unknown_words),
        cmocka_unit_test(other_servers_are_asked_by_match_alone),
        cmocka_unit_test(odd_columns),
        cmocka_unit_test(large_queries_ask_less),
        cmocka_unit_test(deep_queries_ask_less),
        cmocka_unit_test(long_words_in_pieces),
        cmocka_unit_test(pieces_hold_all_parts),
        cmocka_unit_test(charsets_that_are_not_read),
        cmocka_unit_test(charsets_that_are_read),
        cmocka_unit_test(settings_that_change_words),
    };
    int n = cmocka_run_group_tests(tests, NULL, NULL);
    (void)al_arena_free(arena);
    return n;
}
