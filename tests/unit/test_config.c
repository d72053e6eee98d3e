/* Goal: settings mean the same from file, environment and flags, and every mistake is named with
 * its place and what was expected. Method: a table of mistakes with the exact line that is said;
 * texts made from the table of settings read back as settings; every cut of a file is read or
 * refused. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/cat_sphinx.h"
#include "config/config.h"
#include "config/config_text.h"
#include "config/sphinx_conf.h"

typedef struct heard {
    char lines[8][512];
    size_t n;
} heard;

static void hear(void *ctx, const char *line)
{
    heard *h = ctx;
    if (h->n < 8)
        (void)snprintf(h->lines[h->n], sizeof h->lines[0], "%s", line);
    h->n++;
}

static al_code read_text(config *c, const char *text)
{
    al_err err;
    return config_read_text(c, "f", al_cstr(text), &err);
}

static void mistakes_have_line_column_and_a_sentence_that_helps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *said; /* the first line */
    } wrong[] = {
        {"listn: x\n",
         "f:1:1: listn: there is no such setting in the configuration; is listen meant?"},
        {"# c\n\npage-size: 5\n",
         "f:3:1: page-size: there is no such setting in the configuration; is page_size meant?"},
        {"colour: red\n", "f:1:1: colour: there is no such setting in the configuration"},
        {"page_size: many\n", "f:1:12: page_size: 'many': expected a number from 1 to 10000"},
        {"page_size: 0\n", "f:1:12: page_size: '0': expected a number from 1 to 10000"},
        {"page_size: 10001\n", "f:1:12: page_size: '10001': expected a number from 1 to 10000"},
        {"page_size: -1\n", "f:1:12: page_size: '-1': expected a number from 1 to 10000"},
        {"page_size: 1e3\n", "f:1:12: page_size: '1e3': expected a number from 1 to 10000"},
        {"page_size: [100]\n", "f:1:12: page_size: expected a single value, not a list"},
        {"page_size: {rows: 100}\n", "f:1:12: page_size: expected a single value, not a mapping"},
        {"page_size: 99999999999999999999\n",
         "f:1:12: page_size: '99999999999999999999': expected a number from 1 to 10000"},
        {"memory: 1MiB\n", "f:1:9: memory: '1MiB': expected 8MiB to 16TiB"},
        {"memory: lots\n", "f:1:9: memory: 'lots': expected bytes, as 512MiB, 10GB or 1000"},
        {"memory: 5 parsecs\n",
         "f:1:9: memory: '5 parsecs': expected bytes, as 512MiB, 10GB or 1000"},
        {"memory: 900TiB\n", "f:1:9: memory: '900TiB': expected 8MiB to 16TiB"},
        {"min_free: 1.5GiB\n",
         "f:1:11: min_free: '1.5GiB': expected bytes, as 512MiB, 10GB or 1000"},
        {"when_low: explode\n", "f:1:11: when_low: 'explode': expected stop|drop"},
        {"when_low: Stop\n", "f:1:11: when_low: 'Stop': expected stop|drop"},
        {"listen: \"\"\n", "f:1:9: listen: expected HOST:PORT, not an empty text"},
        {"listen: \"a\\0b\"\n", "f:1:9: listen: expected HOST:PORT, not text with a NUL in it"},
        {"listen: [a, b]\n", "f:1:9: listen: expected a single value, not a list"},
        {"hosts: a.example\n", "f:1:8: hosts: expected a list, as [a, b]"},
        {"hosts: {a: b}\n", "f:1:8: hosts: expected a list, as [a, b], not a mapping"},
        {"hosts: [[a]]\n", "f:1:9: hosts[]: expected a single value, not a list"},
        {"hosts: [\"\"]\n", "f:1:9: hosts[]: expected NAME, not an empty text"},
        {"amqp: amqp://h\n", "f:1:7: amqp: expected a list, as [a, b]"},
        {"amqp:\n  url: amqp://h\n", "f:2:3: amqp: expected a list, as [a, b], not a mapping"},
        {"amqp:\n  - {uri: amqp://h}\n",
         "f:2:6: uri: there is no such setting in amqp[]; is url meant?"},
        {"amqp:\n  - url: [a]\n", "f:2:10: amqp[].url: expected a single value, not a list"},
        {"sphinx: on\n", "f:1:9: sphinx: expected a mapping, as {key: value}"},
        {"sphinx:\n  shards: 127.0.0.1:9306\n",
         "f:2:11: sphinx.shards: expected a list, as [a, b]"},
        {"sphinx:\n  shards: [\"127.0.0.1:9306\"]\n",
         "f:2:12: sphinx.shards[]: expected a list, as [a, b]"},
        {"sphinx:\n  shard: []\n",
         "f:2:3: shard: there is no such setting in sphinx; is shards meant?"},
        {"sphinx:\n  index: 4\n", "f:2:10: sphinx.index: expected a mapping, as {key: value}"},
        {"sphinx:\n  index: {a: [b]}\n",
         "f:2:14: sphinx.index.*: expected a single value, not a list"},
        {"listen: a\nlisten: b\n", "f:2:1: listen: it stands in line 1 already"},
        {"- listen\n",
         "f:1:1: the configuration: expected settings, as `listen: 127.0.0.1:8000`, not a list"},
        {"just text\n", "f:1:1: expected settings, as `listen: 127.0.0.1:8000`"},
        {"listen: *there\n", "f:1:9: listen: anchors and aliases are not read here"},
        {"listen: a\n---\nlisten: b\n", "f:2:1: a second document: expected one a file"},
        {"[a]: b\n", "f:1:1: expected the name of a setting"},
        {"{[a]: b}\n", "f:1:2: expected the name of a setting"},
        {"amqp:\n\t- url: x\n", "f:2:1: a tab: YAML indents with spaces"},
        {"listen: 'a\n",
         "f:2:1: found unexpected end of stream (while scanning a quoted scalar that "
         "begins in line 1)"},
        {"hosts: [a\nlisten: b\n", "f:2:7: did not find expected ',' or ']' (while parsing a flow "
                                   "sequence that begins in line 1)"},
        {"listen: a\n b: c\n", "f:2:3: mapping values are not allowed in this context"},
        {"listen: \xff\n", "f: byte 8: invalid leading UTF-8 octet: expected UTF-8 text"},
        {"sphinx.data_dir: x\n",
         "f:1:1: sphinx.data_dir: there is no such setting in the configuration"},
        {"hosts[]: x\n",
         "f:1:1: hosts[]: there is no such setting in the configuration; is hosts meant?"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heard h = {0};
        config *c = config_new(hear, &h);
        assert_int_equal(read_text(c, wrong[i].text), AL_INVALID);
        assert_string_equal(h.lines[0], wrong[i].said);
        (void)config_free(c);
    }
}

static void all_mistakes_of_a_file_are_said(void **state)
{
    (void)state;
    heard h = {0};
    config *c = config_new(hear, &h);
    assert_int_equal(read_text(c, "page_size: 0\n"
                                  "nothing: {like: [this, {is: here}]}\n"
                                  "hosts: [a, [b], c]\n"
                                  "when_low: maybe\n"
                                  "data: /d\n"),
                     AL_INVALID);
    assert_int_equal(h.n, 4);
    assert_non_null(strstr(h.lines[3], "f:4:11: when_low"));
    config_settle(c);
    assert_string_equal(config_text(c, SET_DATA), "/d"); /* what is right behind them was read */
    (void)config_free(c);
}

/* A depth at which libyaml takes time by its square. */
static void depth_ends_the_reading(void **state)
{
    (void)state;
    static const char *const openings[] = {"[", "{a: ", "- "};
    al_buf text;
    al_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        heard h = {0};
        config *c = config_new(hear, &h);
        al_buf_clear(&text);
        al_buf_str(&text, "hosts:\n  ");
        while (text.len < 900000)
            al_buf_str(&text, openings[i]);
        al_buf_u8(&text, '\0');
        assert_int_equal(read_text(c, (const char *)text.ptr), AL_INVALID);
        assert_non_null(strstr(h.lines[h.n - 1], "nested too deeply"));
        (void)config_free(c);
    }
    al_buf_done(&text);
}

/* The contract's own example, by its shapes. */
static void a_whole_file_means_what_it_says(void **state)
{
    (void)state;
    heard h = {0};
    config *c = config_new(hear, &h);
    assert_int_equal(read_text(c,
                               "listen: 127.0.0.1:8000\n"
                               "data: /var/lib/alco   # here\n"
                               "page_size: 250\n"
                               "hosts: [logs.example.com, \"b\"]\n"
                               "memory: 512MiB\n"
                               "redis:\n"
                               "amqp:\n"
                               "  - {url: \"amqp://u:p@h:5672/\", management: \"http://h:15672\"}\n"
                               "  - amqp://second/x\n"
                               "  - url: amqp://third/\n"
                               "    management: http://third:15672\n"
                               "sphinx:\n"
                               "  shards: [[\"a:1\"], [\"b:2\", \"c:3\"]]\n"
                               "  data_dir: /data/sphinx\n"
                               "  index: {min_word_len: 1, charset_table: \"0..9, a..z\"}\n"
                               "  searchd: {dist_threads: 4}\n"),
                     AL_OK);
    config_settle(c);
    assert_int_equal(h.n, 0);
    assert_string_equal(config_text(c, SET_DATA), "/var/lib/alco");
    assert_int_equal(config_number(c, SET_PAGE_SIZE), 250);
    assert_int_equal(config_number(c, SET_MEMORY), 512 << 20);
    assert_int_equal(config_number(c, SET_MIN_FREE), 1 << 30); /* otherwise */
    assert_null(config_get(c, SET_REDIS));
    assert_int_equal(config_count(c, SET_HOSTS), 2);
    assert_string_equal((const char *)config_at(c, SET_HOSTS, 1)->text.ptr, "b");
    assert_int_equal(config_count(c, SET_AMQP), 3);
    assert_string_equal((const char *)config_at(c, SET_AMQP, 1)->text.ptr, "amqp://second/x");
    assert_string_equal(config_at(c, SET_AMQP, 1)->where, "f:9:5");
    assert_int_equal(config_count(c, SET_MANAGEMENT), 2);
    assert_int_equal(config_at(c, SET_MANAGEMENT, 1)->item[0], 2);
    assert_int_equal(config_count(c, SET_SPHINX_SHARDS), 3);
    const config_value *last = config_at(c, SET_SPHINX_SHARDS, 2);
    assert_string_equal((const char *)last->text.ptr, "c:3");
    assert_int_equal(last->item[0], 1);
    assert_int_equal(last->item[1], 1);
    assert_int_equal(config_count(c, SET_SPHINX_INDEX), 2);
    assert_string_equal((const char *)config_at(c, SET_SPHINX_INDEX, 1)->name.ptr, "charset_table");
    assert_string_equal((const char *)config_at(c, SET_SPHINX_INDEX, 1)->text.ptr, "0..9, a..z");
    (void)config_free(c);
}

static void empty_files_set_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "\n",   "# only this\n", "---\n",
                                        "~\n", "{}\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        heard h = {0};
        config *c = config_new(hear, &h);
        assert_int_equal(read_text(c, texts[i]), AL_OK);
        config_settle(c);
        assert_int_equal(config_number(c, SET_PAGE_SIZE), 100);
        assert_int_equal(config_count(c, SET_AMQP), 0);
        (void)config_free(c);
    }
}

static void flags_overrule_the_environment_and_that_the_file(void **state)
{
    (void)state;
    heard h = {0};
    al_err err;
    config *c = config_new(hear, &h);
    char *environment[] = {"ALCO_PAGE_SIZE=20",
                           "ALCO_DATA=/env",
                           "ALCO_HOSTS=x  y\tz",
                           "ALCO_PAGE_SIZES=nonsense",
                           "HOME=/",
                           "ALCO_AMQP=amqp://e1 amqp://e2",
                           NULL};
    assert_int_equal(config_set_flag(c, SET_PAGE_SIZE, "29", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_PAGE_SIZE, "30", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_AMQP, "amqp://1", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_AMQP, "amqp://2", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_MANAGEMENT, "http://2", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_AMQP, "amqp://3", &err), AL_OK);
    assert_int_equal(read_text(c, "page_size: 10\ndata: /file\nlisten: f:1\nhosts: [a]\n"
                                  "amqp: [{url: amqp://f, management: http://f}]\n"),
                     AL_OK);
    assert_int_equal(config_read_environment(c, environment, &err), AL_OK);
    config_settle(c);
    assert_int_equal(config_number(c, SET_PAGE_SIZE), 30);
    assert_string_equal(config_text(c, SET_DATA), "/env");
    assert_string_equal(config_text(c, SET_LISTEN), "f:1");
    assert_int_equal(config_count(c, SET_HOSTS), 3);
    assert_int_equal(config_count(c, SET_AMQP), 3); /* a list is overruled as a whole */
    assert_int_equal(config_count(c, SET_MANAGEMENT), 1);
    assert_int_equal(config_at(c, SET_MANAGEMENT, 0)->item[0], 1);
    assert_int_equal(h.n, 0);
    assert_int_equal(config_complain(c, SET_DATA, config_get(c, SET_DATA), "'%s' is odd", "/env"),
                     AL_INVALID);
    assert_string_equal(h.lines[0], "ALCO_DATA: '/env' is odd");
    (void)config_free(c);
}

static void mistakes_of_flags_and_environment_name_them(void **state)
{
    (void)state;
    heard h = {0};
    al_err err;
    config *c = config_new(hear, &h);
    char *environment[] = {"ALCO_WHEN_LOW=panic", NULL};
    assert_int_equal(config_read_environment(c, environment, &err), AL_INVALID);
    assert_string_equal(h.lines[0], "ALCO_WHEN_LOW: 'panic': expected stop|drop");
    assert_int_equal(config_set_flag(c, SET_PAGE_SIZE, "x", &err), AL_INVALID);
    assert_string_equal(h.lines[1], "--page-size: 'x': expected a number from 1 to 10000");
    assert_int_equal(config_set_flag(c, SET_MANAGEMENT, "http://h", &err), AL_INVALID);
    assert_string_equal(h.lines[2], "--management: it belongs behind the --amqp that it is for");
    assert_int_equal(config_set_flag(c, SET_AMQP, "amqp://h", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_MANAGEMENT, "http://h", &err), AL_OK);
    assert_int_equal(config_set_flag(c, SET_MANAGEMENT, "http://h", &err), AL_INVALID);
    (void)config_free(c);
}

/* Without its sentences and with its YAML in force, the default file says what is so anyway. */
static void the_default_file_reads_back(void **state)
{
    (void)state;
    heard h = {0};
    al_buf text;
    al_buf_init(&text, 1 << 20);
    config_put_default_file(&text);
    al_buf_u8(&text, '\0');
    assert_int_equal(al_buf_code(&text), AL_OK);
    config *c = config_new(hear, &h);
    assert_int_equal(read_text(c, (const char *)text.ptr), AL_OK); /* as it is: sets nothing */
    config_settle(c);
    for (size_t id = 0; id < SETTINGS_N; id++)
        assert_int_equal(config_count(c, (setting_id)id), 0);
    (void)config_free(c);

    for (char *p = (char *)text.ptr; *p; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n'))
        if (p[0] == '#' && !(p[1] == ' ' && p[2] != ' '))
            p[0] = ' ';
    /* one column further for the top, too */
    c = config_new(hear, &h);
    int code = (int)read_text(c, (const char *)text.ptr);
    assert_int_equal(h.n, 0);
    assert_int_equal(code, AL_OK);
    config_settle(c);
    for (size_t id = 0; id < SETTINGS_N; id++) {
        assert_int_equal(config_count(c, (setting_id)id), 1);
        const setting *s = &settings[id];
        if (!s->example[0])
            assert_string_equal(config_text(c, (setting_id)id), s->otherwise);
    }
    (void)config_free(c);
    al_buf_done(&text);
}

static char *read_source(const char *name)
{
    static char text[1 << 18];
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", getenv("ALCO_SOURCE"), name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

static void the_documents_have_every_setting(void **state)
{
    (void)state;
    al_buf table;
    al_buf_init(&table, 1 << 20);
    config_put_markdown(&table);
    al_buf_u8(&table, '\0');
    if (!strstr(read_source("doc/config.md"), (const char *)table.ptr))
        fail_msg("doc/config.md should have this table:\n%s", (const char *)table.ptr);
    al_buf_done(&table);
    const char *manual = read_source("doc/alco.1");
    for (size_t id = 0; id < SETTINGS_N; id++) {
        char entry[128];
        (void)snprintf(entry, sizeof entry, ".BI --%s \" %s\"\n%s", settings[id].flag,
                       settings[id].form, "");
        if (settings[id].flag[0] && !strstr(manual, entry))
            fail_msg("doc/alco.1 should have: %s", entry);
    }
}

static void every_cut_of_a_file_is_read_or_refused(void **state)
{
    (void)state;
    static const char whole[] = "hosts: [a, \"b\"]\namqp:\n  - {url: 'x', management: y}\n"
                                "sphinx: {shards: [[a], [b, c]], index: {k: v}}\n";
    for (size_t n = 0; n < sizeof whole; n++) {
        heard h = {0};
        al_err err;
        config *c = config_new(hear, &h);
        al_slice text = {(const uint8_t *)whole, n};
        al_code code = config_read_text(c, "f", text, &err);
        assert_true(code == AL_OK || (code == AL_INVALID && h.n > 0));
        config_settle(c);
        (void)config_free(c);
    }
}

static void check_sphinx_conf_of(const char *yaml, const char *node, const sphinx_index *indexes,
                                 size_t n, int64_t now_ns, const char *wanted)
{
    heard h = {0};
    AL_CLEANUP(config_freep) config *c = config_new(hear, &h);
    al_err err = {0};
    al_buf out;
    al_buf_init(&out, 1 << 16);
    assert_int_equal(read_text(c, yaml), AL_OK);
    config_settle(c);
    al_code code = sphinx_conf_put(c, al_cstr(node), indexes, n, now_ns, &out, &err);
    if (code)
        assert_non_null(strstr(err.msg, wanted));
    else if (!al_slice_eq(al_buf_slice(&out), al_cstr(wanted)))
        fail_msg("%.*s", (int)out.len, (const char *)out.ptr);
    al_buf_done(&out);
}

static void check_sphinx_conf(const char *yaml, const char *node, const char *wanted)
{
    check_sphinx_conf_of(yaml, node, NULL, 0, 0, wanted);
}

#define USUAL "    read_timeout = 5\n    client_timeout = 300\n    max_children = 30\n"
#define USUAL_END                                                                                  \
    "    unlink_old = 1\n    seamless_rotate = 1\n    preopen_indexes = 1\n"                       \
    "    ondisk_attrs_default = pool\n    binlog_flush = 2\n    rt_flush_period = 3600\n"          \
    "    max_packet_size = 64M\n    collation_server = binary\n"

static void sphinx_conf_is_of_one_node(void **state)
{
    (void)state;
    static const char shards[] =
        "sphinx:\n  shards: [[\"10.0.0.1:9306\"], [\"b:1\", \"b:2\"]]\n  data_dir: /d\n";
    check_sphinx_conf("", "",
                      "# 127.0.0.1:9306, by alco\n"
                      "# files = /data/sphinx/127.0.0.1-9306\nsearchd\n{\n"
                      "    listen = 127.0.0.1:9306:mysql41\n"
                      "    log = /data/sphinx/127.0.0.1-9306/searchd.log\n"
                      "    pid_file = /data/sphinx/127.0.0.1-9306/searchd.pid\n"
                      "    binlog_path = /data/sphinx/127.0.0.1-9306\n" USUAL
                      "    dist_threads = 4\n" USUAL_END "}\n");
    check_sphinx_conf(shards, "b:2",
                      "# b:2, by alco\n# files = /d/b-2\nsearchd\n{\n    listen = b:2:mysql41\n"
                      "    log = /d/b-2/searchd.log\n    pid_file = /d/b-2/searchd.pid\n"
                      "    binlog_path = /d/b-2\n" USUAL "    dist_threads = 4\n" USUAL_END "}\n");
    check_sphinx_conf("sphinx: {searchd: {dist_threads: 9, listen: \"1:mysql41\", log: /l, "
                      "pid_file: /p, binlog_path: /b, query_log: /q}}\n",
                      "x:7",
                      "# x:7, by alco\n# files = /data/sphinx/x-7\nsearchd\n{\n" USUAL USUAL_END
                      "    dist_threads = 9\n    listen = 1:mysql41\n    log = /l\n"
                      "    pid_file = /p\n    binlog_path = /b\n    query_log = /q\n}\n");
    check_sphinx_conf(shards, "b:3", "node 'b:3': expected one of sphinx.shards");
    static const char *const bad[] = {"b",       "b:",  ":1",    "b:0",
                                      "b:65536", "b:x", "b c:1", "b/../c:1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_sphinx_conf("", bad[i], "expected HOST:PORT");
}

#define TABLE_OF(day)                                                                              \
    "index web_" day "\n{\n    type = rt\n    path = /d/b-1/web/" day "/rt\n"                      \
    "    rt_field = logline\n"
#define TABLE_REST                                                                                 \
    "    rt_field = host\n    rt_attr_string = logline\n    rt_attr_json = js\n"                   \
    "    rt_attr_string = src\n    morphology = none\n    rt_mem_limit = 64M\n"                    \
    "    min_word_len = 2\n    charset_table = 0..9\n}\n"
#define LAST_DAY_OF_FEBRUARY (INT64_C(1709251199999999999)) /* 2024-02-29T23:59:59.999999999Z */

/* The days that are listed follow from the moment, to the nanosecond. */
static void sphinx_conf_has_the_tables_of_every_day(void **state)
{
    (void)state;
    static const char yaml[] = "sphinx: {shards: [[\"b:1\"]], data_dir: /d, index_js: no, "
                               "index: {min_word_len: 2, charset_table: 0..9}}\n";
    const al_slice columns[] = {AL_LIT("host")};
    const sphinx_index web = {.name = "web", .intervals = 1, .columns = columns, .n_columns = 1};
#define SEARCHD                                                                                    \
    "searchd\n{\n    listen = b:1:mysql41\n    log = /d/b-1/searchd.log\n"                         \
    "    pid_file = /d/b-1/searchd.pid\n    binlog_path = /d/b-1\n" USUAL                          \
    "    dist_threads = 4\n" USUAL_END "}\n"
#define OF_DAYS(today, tomorrow)                                                                   \
    "# b:1, by alco\n# files = /d/b-1\n" TABLE_OF(today) TABLE_REST TABLE_OF(tomorrow) TABLE_REST  \
        "index web\n{\n    type = distributed\n    local = web_" today                             \
        "\n    local = web_" tomorrow "\n}\n"                                                      \
        "index web_" today "_distr\n{\n    type = distributed\n    local = web_" today             \
        "\n    local = web_" tomorrow "\n}\n"                                                      \
        "index web_" tomorrow "_distr\n{\n    type = distributed\n    local = web_" tomorrow       \
        "\n}\n" SEARCHD
    check_sphinx_conf_of(yaml, "", &web, 1, LAST_DAY_OF_FEBRUARY, OF_DAYS("20240229", "20240301"));
    check_sphinx_conf_of(yaml, "", &web, 1, LAST_DAY_OF_FEBRUARY + 1,
                         OF_DAYS("20240301", "20240302"));
}

static void names_of_tables_and_columns(void **state)
{
    (void)state;
    static const char *const good[] = {"web", "_", "a1", "web_2024", "x_1234567", "w_distr"};
    static const char *const bad[] = {"Web", "1a", "", "a_20240229", "a_20240229_distr"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(cat_sphinx_index_is_good(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cat_sphinx_index_is_good(bad[i]));
    assert_true(cat_sphinx_column_is_good(AL_LIT("levelname")));
    static const char *const no_columns[] = {"threadName", "a.b", "a b",     "1a",  "",
                                             "select",     "id",  "logline", "src", "x\ny"};
    for (size_t i = 0; i < sizeof no_columns / sizeof no_columns[0]; i++)
        assert_false(cat_sphinx_column_is_good(al_cstr(no_columns[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_have_line_column_and_a_sentence_that_helps),
        cmocka_unit_test(all_mistakes_of_a_file_are_said),
        cmocka_unit_test(depth_ends_the_reading),
        cmocka_unit_test(a_whole_file_means_what_it_says),
        cmocka_unit_test(empty_files_set_nothing),
        cmocka_unit_test(flags_overrule_the_environment_and_that_the_file),
        cmocka_unit_test(mistakes_of_flags_and_environment_name_them),
        cmocka_unit_test(the_default_file_reads_back),
        cmocka_unit_test(the_documents_have_every_setting),
        cmocka_unit_test(sphinx_conf_is_of_one_node),
        cmocka_unit_test(sphinx_conf_has_the_tables_of_every_day),
        cmocka_unit_test(names_of_tables_and_columns),
        cmocka_unit_test(every_cut_of_a_file_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
