/* Goal: three properties of the query language.
 * (1) What read_as writes is read as the same tree, whatever was typed.
 * (2) A query means what the rules say: random queries are written down together with their answer
 *     for a record, worked out by plain strstr-like code, and the matcher must agree.
 * (3) Pasted log lines are never an error and find themselves.
 * The seed is printed; ALCO_SEED repeats a run. */
#include "query_help.h"

#include <strings.h>

#include "base/clock.h"
#include "query/ast.h"

static uint64_t seed;

static size_t below(size_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(seed >> 33) % n;
}

/* ---- (1) */

static void assert_same_tree(const ast_node *a, const ast_node *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->ignores_case, b->ignores_case);
    assert_int_equal(a->is_exact_space, b->is_exact_space);
    assert_int_equal(a->compare, b->compare);
    assert_true(al_slice_eq(a->name, b->name));
    assert_true(al_slice_eq(a->text, b->text));
    assert_int_equal(a->n_values, b->n_values);
    for (uint32_t i = 0; i < a->n_values; i++)
        assert_true(al_slice_eq(a->values[i], b->values[i]));
    assert_int_equal(a->n_kids, b->n_kids);
    for (uint32_t i = 0; i < a->n_kids; i++)
        assert_same_tree(a->kids[i], b->kids[i]);
}

static void assert_reads_as_itself(al_slice text, const char *fields, const query *q)
{
    al_buf spelled = help_read_as(q);
    query *again = NULL;
    al_err err = {0};
    if (help_parse(al_buf_slice(&spelled), fields, &again, &err))
        fail_msg("'%.*s' was read as '%.*s': %s", AL_ARG(text), AL_ARG(al_buf_slice(&spelled)),
                 err.msg);
    assert_same_tree(query_root(q), query_root(again));
    (void)query_unref(again);
    al_buf_done(&spelled);
}

static void what_was_read_reads_the_same(void **state)
{
    (void)state;
    /* clang-format off */
    static const char *const parts[] = {
        " ", " ", " ", " ", "a", "b c", "(", ")", "\"", "\\",
        "/", "-", "~", "~\"", "AND", "OR", "NOT", " AND ", " OR ", "NOT ",
        "@n", "n", "=", "!=", ":", ">", "<=", "5", "*", ",",
        "(a,", "/i", "case:yes", "\xff", "\u043f", "@\"x y\"", "@v", "\t", "/a+/ ", "\"q\" ",
        "n=x ", "m~/r/i ", "@n=(a,\"b\") ",
    };
    /* clang-format on */
    static const char fields[] = "n m @v";
    size_t n_read = 0;
    for (size_t round = 0; round < 100000; round++) {
        al_buf text;
        al_buf_init(&text, 4096);
        for (size_t i = below(14); i > 0; i--)
            al_buf_str(&text, parts[below(sizeof parts / sizeof parts[0])]);
        query *q = NULL;
        al_err err = {0};
        al_code c = help_parse(al_buf_slice(&text), fields, &q, &err);
        assert_true(c == AL_OK || c == AL_INVALID);
        if (c)
            assert_true(al_slice_starts(al_cstr(err.msg), AL_LIT("column ")));
        else
            assert_reads_as_itself(al_buf_slice(&text), fields, q);
        n_read += c == AL_OK;
        (void)query_unref(q);
        al_buf_done(&text);
    }
    assert_true(n_read > 50000);
}

/* ---- (2) */

static const char *const words[] = {"error", "Error", "timeout", "foo", "bar", "err"};
static const char *const levels[] = {"ERROR", "INFO", "error"};
enum { N_WORDS = 6, N_LEVELS = 3 };

typedef struct sample {
    char message[128];
    int level;  /* -1: none */
    int number; /* -1: none */
    int tags[2];
} sample;

static sample random_sample(void)
{
    sample s = {.level = (int)below(N_LEVELS + 1) - 1, .number = (int)below(5) - 1};
    size_t n = 1 + below(4);
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(s.message + at, sizeof s.message - at, "%s%s", i ? "  " : "",
                               words[below(N_WORDS)]);
    s.tags[0] = (int)below(N_LEVELS);
    s.tags[1] = (int)below(N_LEVELS);
    return s;
}

static record record_of(const sample *s, al_arena *arena)
{
    char json[512];
    char level[40] = "";
    char number[40] = "";
    if (s->level >= 0)
        (void)snprintf(level, sizeof level, ",\"level\":\"%s\"", levels[s->level]);
    if (s->number >= 0)
        (void)snprintf(number, sizeof number, ",\"o\":{\"n\":%d}", s->number);
    (void)snprintf(json, sizeof json, "{\"message\":\"%s\",\"tags\":[\"%s\",\"%s\"]%s%s}",
                   s->message, levels[s->tags[0]], levels[s->tags[1]], level, number);
    return help_record(arena, al_cstr(json));
}

/* Writes a random leaf and says whether it holds. */
static bool put_leaf(al_buf *out, const sample *s)
{
    const char *word = words[below(N_WORDS)];
    const char *level = levels[below(N_LEVELS)];
    const char *mine = s->level < 0 ? NULL : levels[s->level];
    int number = (int)below(5);
    switch (below(11)) {
    case 0:
        al_buf_printf(out, "\"%s\"", word);
        return strcasestr(s->message, word);
    case 1:
        al_buf_printf(out, "/%s/", word);
        return strstr(s->message, word);
    case 2:
        al_buf_printf(out, "/%s/i", word);
        return strcasestr(s->message, word);
    case 3: /* two words with one space; the sample has two everywhere */
        al_buf_printf(out, "(%s foo)", word);
        char both[64];
        (void)snprintf(both, sizeof both, "%s  foo", word);
        return strcasestr(s->message, both);
    case 4:
        al_buf_printf(out, "@level=%s", level);
        return mine && strcmp(mine, level) == 0;
    case 5:
        al_buf_printf(out, "level!=\"%s\"", level);
        return !mine || strcmp(mine, level) != 0;
    case 6:
        al_buf_printf(out, "level:%s", level);
        return mine && strcasestr(mine, level);
    case 7:
        al_buf_printf(out, "@o.n>=%d", number);
        return s->number >= 0 && s->number >= number;
    case 8:
        al_buf_printf(out, "tags=(%s, \"x\")", level);
        return strcmp(levels[s->tags[0]], level) == 0 || strcmp(levels[s->tags[1]], level) == 0;
    case 9:
        al_buf_str(out, "@o=*");
        return s->number >= 0;
    default:
        al_buf_printf(out, "@o.n=%d.0", number);
        return s->number == number;
    }
}

static bool put_random(al_buf *out, const sample *s, unsigned depth)
{
    size_t kind = depth ? below(6) : 5;
    if (kind >= 4)
        return put_leaf(out, s);
    if (kind == 3) {
        static const char *const signs[] = {"NOT (", "-("};
        al_buf_str(out, signs[below(2)]);
        bool holds = put_random(out, s, depth - 1);
        al_buf_u8(out, ')');
        return !holds;
    }
    /* Without brackets: x AND y z OR v is ((x AND y AND z) OR v). */
    static const char *const ands[] = {" AND ", " "};
    bool any = false;
    bool all = true;
    for (size_t i = 0, n = 2 + below(3); i < n; i++) {
        if (i) {
            bool is_or = below(2);
            any |= is_or && all;
            all |= is_or;
            al_buf_str(out, is_or ? " OR " : ands[below(2)]);
        }
        bool in_brackets = below(2);
        al_buf_str(out, in_brackets ? "(" : "");
        bool holds = in_brackets ? put_random(out, s, depth - 1) : put_leaf(out, s);
        al_buf_str(out, in_brackets ? ")" : "");
        all &= holds;
    }
    return any || all;
}

static void queries_mean_what_they_say(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    size_t n_matches = 0;
    for (size_t round = 0; round < 20000; round++) {
        al_arena_reset(arena);
        sample s = random_sample();
        record r = record_of(&s, arena);
        al_buf text;
        al_buf_init(&text, QUERY_BYTES_MAX);
        al_buf_str(&text, "(");
        bool wanted = put_random(&text, &s, 3);
        al_buf_str(&text, ")");
        query *q = NULL;
        al_err err = {0};
        if (help_parse(al_buf_slice(&text), "level tags", &q, &err))
            fail_msg("%.*s: %s", AL_ARG(al_buf_slice(&text)), err.msg);
        al_code code = AL_OK;
        if (help_matches(q, &r, &code) != wanted || code)
            fail_msg("'%.*s' is not %d for '%s'", AL_ARG(al_buf_slice(&text)), wanted, s.message);
        assert_reads_as_itself(al_buf_slice(&text), "level tags", q);
        n_matches += wanted;
        (void)query_unref(q);
        al_buf_done(&text);
    }
    assert_true(n_matches > 5000 && n_matches < 15000);
}

/* ---- (3) */

static const char *const pasted[] = {
    "2026-11-22T12:11:46.622Z INFO  [main] c.e.Service: started in 3.21 s (JVM running for 4.5)",
    "GET /api/v1/users/42?expand=profile,roles&page=2 HTTP/1.1\" 200 512 \"-\" \"curl/7.88.1\"",
    "10.0.0.7 - ann [22/Nov/2026:12:11:46 +0000] \"GET / HTTP/1.1\" 304 0 \"http://e.org/\" "
    "\"Mozilla/5.0 (X11; Linux)\"",
    "Traceback (most recent call last):\n  File \"/srv/app/views.py\", line 12, in get\n    return "
    "d['id']\nKeyError: 'id'",
    "ValueError: invalid literal for int() with base 10: 'abc'",
    "{\"level\":\"error\",\"msg\":\"can't open \\\"x\\\"\",\"err\":{\"code\":5,\"path\":\"/a/b\"}}",
    "SELECT u.id, u.name FROM users u WHERE u.id = 42 AND u.name LIKE '%ann%' ORDER BY 1",
    "UPDATE t SET a=1, b='x=y' WHERE (id >= 10 AND id < 20) LIMIT 5",
    "INSERT INTO t (a, b, c) VALUES (1, 'two', NULL)",
    "level=info ts=2026-11-22T12:00:00Z caller=main.go:12 msg=\"listening on :8080\" addr=:8080",
    "don't panic: it's the user's \"unterminated",
    "\"unterminated at the start",
    "panic: runtime error: index out of range [5] with length 3",
    "\tat com.example.Foo$Bar.baz(Foo.java:42) ~[app.jar:1.0]",
    "Caused by: java.sql.SQLException: ORA-00942: table or view does not exist",
    "kernel: [12345.678901] usb 1-1: new high-speed USB device number 2 using xhci_hcd",
    "sshd[812]: Failed password for invalid user admin from 203.0.113.9 port 4242 ssh2",
    "a=b c=d e!=f g>5 h<=7 i~/j/k l:m n=(1,2) o=* p=",
    "x => y; z -> w; std::vector<int>::at(size_t) const",
    "((unbalanced (brackets) here",
    "and more)) of [them} {too",
    ":-) smile (: and :(",
    "() {} [] <> main() f(g(h(1)))",
    "(a)(b) (c)d e(f)",
    "C:\\Users\\ann\\file.txt not found",
    "path /var/log/nginx/access.log rotated to /var/log/nginx/access.log.1",
    "// comment /* not closed",
    "50% of 5/8 is 5/16",
    "s/foo/bar/g y/abc/xyz/",
    "http://user:pw@host:8080/a/b;c?d=e&f=[g]#h",
    "mailto:ann@example.com @mention @other: hello",
    "@Autowired: yes @Bean= no",
    "== banner == ~~ tilde ~~ !! bang !!",
    "temperature -5 degrees, range 3 - 7, x-y --flag=value --",
    "\u043e\u0448\u0438\u0431\u043a\u0430 \u0441\u0435\u0442\u0438: "
    "(\u0442\u0430\u0439\u043c-\u0430\u0443\u0442) \u00ab\u043d\u0435\u0442\u00bb",
    "\u65e5\u672c\u8a9e\u306e\u30ed\u30b0\uff1a\u30a8\u30e9\u30fc\uff08\u30b3\u30fc\u30c9=5\uff09",
    "bad utf-8 \xff\xfe and \xd0 cut",
    "tab\tseparated\tvalues\t\t\"quoted\tfield\"\t",
    "   leading and trailing   ",
    "<img src=x onerror=alert(1)> & \"<b>\"",
    "case:no and field:text and key: value",
    "\"a\",\"b\",\"c d\",5",
    "[\"x\", \"y\"] and {\"k\": [1, 2]}",
    "error: expected ')' before ';' token",
    "regexp: `^(\\d+)\\.(\\d+)$` did not match \"1.x\"",
    "Or lower or upper And android NOTE ORDER ANDY",
    "`backtick` $VAR ${VAR} $(cmd) %s %d \\n \\t",
    "~\"",
    "-",
    "\\",
    "/",
    "\"",
    "(",
    ")",
    "@",
    "@=",
    "@\"",
    "@\"x",
    "=",
    "!=5",
};

static void assert_finds_itself(al_slice line)
{
    query *q = NULL;
    al_err err = {0};
    if (query_parse(line, NULL, &q, &err))
        fail_msg("'%.*s': %s", AL_ARG(line), err.msg);
    record r = {.message = line};
    al_code code = AL_OK;
    al_buf spelled = help_read_as(q);
    if (!help_matches(q, &r, &code) || code)
        fail_msg("'%.*s' misses itself: %.*s", AL_ARG(line), AL_ARG(al_buf_slice(&spelled)));
    al_buf_done(&spelled);
    assert_reads_as_itself(line, "", q);
    (void)query_unref(q);
}

static void pasted_lines_find_themselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pasted / sizeof pasted[0]; i++)
        assert_finds_itself(al_cstr(pasted[i]));
}

/* Lines made of pieces of the ones above: bad pairs of everything. What is left out is what the
 * page says is read by the rules: the three words, a dash before a letter and such, a backslash in
 * quotes, and slashes (any text between two may be a wrong expression). */
static void mixed_lines_find_themselves(void **state)
{
    (void)state;
    for (size_t round = 0; round < 50000; round++) {
        uint8_t line[256];
        size_t n = 0;
        for (size_t i = 1 + below(6); i > 0; i--) {
            al_slice from = al_cstr(pasted[below(sizeof pasted / sizeof pasted[0])]);
            size_t at = below(from.len);
            al_slice piece = al_slice_sub(from, at, at + 1 + below(24));
            memcpy(line + n, piece.ptr, piece.len);
            n += piece.len;
        }
        for (size_t i = 0; i < n; i++)
            if (memchr("-/\\@", line[i], 4) || (line[i] >= 'A' && line[i] <= 'Z'))
                line[i] = 'x';
        assert_finds_itself((al_slice){line, n});
    }
}

int main(void)
{
    const char *given = getenv("ALCO_SEED");
    seed = (uint64_t)al_now_ns();
    if (given)
        (void)al_parse_u64(al_cstr(given), &seed);
    print_message("# ALCO_SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_reads_the_same),
        cmocka_unit_test(queries_mean_what_they_say),
        cmocka_unit_test(pasted_lines_find_themselves),
        cmocka_unit_test(mixed_lines_find_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
