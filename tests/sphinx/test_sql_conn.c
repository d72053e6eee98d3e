/* Goal: what a searchd says arrives: rows, refusals, warnings, a lost connection; and waiting ends
 * when it has to. Method: the real searchd, killed and stopped. */
#include "unit/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/clock.h"
#include "sphinx/searchd.h"
#include "sphinx/sql_conn.h"

#define TABLES                                                                                     \
    "index rows\n{\n type = rt\n path = %s/rows\n rt_field = text\n rt_attr_string = text\n"       \
    " rt_attr_uint = n\n}\n"                                                                       \
    "index both\n{\n type = distributed\n local = rows\n agent = 127.0.0.1:1:rows\n"               \
    " agent_connect_timeout = 100\n}\n"

static searchd node;

static sql_patience soon(void)
{
    return (sql_patience){.deadline_ns = al_mono_ns() + 60 * AL_NS_PER_S};
}

static sql_conn *connect_to(const char *address)
{
    sql_conn *c = NULL;
    al_err err = {0};
    if (sql_connect(address, soon().deadline_ns, &c, &err))
        fail_msg("connect: %s", err.msg);
    return c;
}

static bool put_values(void *ctx, const al_slice *values, unsigned n)
{
    al_buf *out = ctx;
    for (unsigned i = 0; i < n; i++) {
        if (values[i].ptr)
            al_buf_slice_put(out, values[i]);
        al_buf_u8(out, i + 1 < n ? ',' : ';');
    }
    return true;
}

static al_code ask(sql_conn *c, const char *statement, char *ret, size_t cap, sql_answer *a,
                   al_err *err)
{
    al_buf out;
    sql_patience p = soon();
    al_buf_init(&out, cap - 1);
    al_code code = sql_ask(c, al_cstr(statement), &p, put_values, &out, a, err);
    if (out.len)
        memcpy(ret, out.ptr, out.len);
    ret[out.len] = 0;
    al_buf_done(&out);
    return code;
}

static void expect(sql_conn *c, const char *statement, const char *rows)
{
    char got[1000];
    sql_answer a;
    al_err err = {0};
    if (ask(c, statement, got, sizeof got, &a, &err))
        fail_msg("%s: %s", statement, err.msg);
    assert_string_equal(got, rows);
    assert_int_equal(a.n_warnings, 0);
}

static void rows_come_and_refusals_are_its_own_words(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_to(node.node);
    char got[1000];
    sql_answer a;
    al_err err = {0};
    assert_string_equal(sql_node(c), node.node);
    expect(c, "INSERT INTO rows (id, text, n) VALUES (1, 'one', 7), (2, 'two', 8)", "");
    expect(c, "SELECT id, text, n FROM rows ORDER BY id ASC", "1,one,7;2,two,8;");
    expect(c, "SELECT id FROM rows WHERE id=3", "");
    al_code code =
        ask(c, "INSERT INTO rows (id, text) VALUES (2, 'again')", got, sizeof got, &a, &err);
    assert_int_equal(code, AL_EXISTS);
    assert_non_null(strstr(err.msg, "duplicate id '2'"));
    assert_non_null(strstr(err.msg, node.node));
    assert_int_equal(ask(c, "SELECT FROM", got, sizeof got, &a, &err), AL_INVALID);
    assert_non_null(strstr(err.msg, "syntax error"));
    expect(c, "SELECT COUNT(*) FROM rows", "2;"); /* and the connection is as it was */
    assert_int_equal(
        ask(c, "INSERT INTO rows (id, text) VALUES (5, 'n')", got, sizeof got, &a, &err), AL_OK);
    assert_int_equal(a.n_affected, 1);
}

static bool only_one(void *ctx, const al_slice *values, unsigned n)
{
    (void)values;
    (void)n;
    ++*(int *)ctx;
    return false;
}

static void whoever_wants_no_more_rows_gets_none(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_to(node.node);
    sql_patience p = soon();
    sql_answer a;
    al_err err;
    int n = 0;
    assert_int_equal(sql_ask(c, AL_LIT("SELECT id FROM rows"), &p, only_one, &n, &a, &err), AL_OK);
    assert_int_equal(n, 1);
    assert_true(a.n_rows > 1);
    expect(c, "SELECT id FROM rows WHERE id=1", "1;");
}

static void a_smaller_answer_has_a_warning(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_to(node.node);
    char got[1000];
    sql_answer a;
    al_err err;
    assert_int_equal(ask(c, "SELECT id FROM both WHERE id=1", got, sizeof got, &a, &err), AL_OK);
    assert_string_equal(got, "1;");
    assert_int_equal(a.n_warnings, 1);
    assert_non_null(strstr(a.warning, "127.0.0.1:1"));
    expect(c, "SELECT id FROM rows WHERE id=1", "1;");
}

static void what_is_no_address_is_said(void **state)
{
    (void)state;
    static const char *const no_nodes[] = {"",           ":1",     "host",  "host:", "host:0",
                                           "host:65536", "host:x", "a:b:1", "[]:1"};
    for (size_t i = 0; i < AL_COUNT(no_nodes); i++) {
        sql_conn *c = NULL;
        al_err err = {0};
        assert_int_equal(sql_connect(no_nodes[i], soon().deadline_ns, &c, &err), AL_INVALID);
        assert_non_null(strstr(err.msg, "HOST:PORT"));
    }
    sql_conn *c = NULL;
    al_err err = {0};
    assert_int_equal(sql_connect("127.0.0.1:1", soon().deadline_ns, &c, &err), AL_IO);
    assert_non_null(strstr(err.msg, "127.0.0.1:1"));
}

static void a_statement_may_be_too_long(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_to(node.node);
    sql_patience p = soon();
    sql_answer a;
    al_err err;
    al_buf text;
    al_buf_init(&text, SIZE_MAX);
    al_buf_str(&text, "INSERT INTO rows (id, text) VALUES (9, '");
    uint8_t *to = al_buf_extend(&text, SQL_STATEMENT_BYTES_MAX - text.len - 2);
    memset(to, 'a', SQL_STATEMENT_BYTES_MAX - (size_t)(to - text.ptr) - 2);
    al_buf_str(&text, "')");
    assert_int_equal(text.len, SQL_STATEMENT_BYTES_MAX); /* that much searchd takes */
    al_code code = sql_ask(c, al_buf_slice(&text), &p, NULL, NULL, &a, &err);
    if (code != AL_OK && code != AL_INVALID) /* the value itself may be too long for it */
        fail_msg("%s", err.msg);
    al_buf_u8(&text, ' ');
    assert_int_equal(sql_ask(c, al_buf_slice(&text), &p, NULL, NULL, &a, &err), AL_LIMIT);
    al_buf_done(&text);
    expect(c, "SELECT id FROM rows WHERE id=1", "1;");
}

/* Its kernel takes the connection, it says nothing. */
static void waiting_for_one_that_hangs_ends(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_to(node.node);
    AL_CLEANUP(sql_closep) sql_conn *other = connect_to(node.node);
    sql_answer a;
    al_err err;
    atomic_bool cancel = true;
    assert_int_equal(kill(node.pid, SIGSTOP), 0);
    int64_t begin = al_mono_ns();
    sql_patience p = {.deadline_ns = begin + 50 * AL_NS_PER_MS};
    assert_int_equal(sql_ask(c, AL_LIT("SELECT id FROM rows"), &p, NULL, NULL, &a, &err), AL_IO);
    assert_non_null(strstr(err.msg, "no answer"));
    assert_true(al_mono_ns() >= p.deadline_ns);
    p = (sql_patience){.deadline_ns = INT64_MAX, .cancel = &cancel};
    assert_int_equal(sql_ask(other, AL_LIT("SELECT id FROM rows"), &p, NULL, NULL, &a, &err),
                     AL_CANCELLED);
    sql_conn *third = NULL;
    assert_int_equal(sql_connect(node.node, al_mono_ns() + AL_NS_PER_S, &third, &err), AL_IO);
    assert_int_equal(kill(node.pid, SIGCONT), 0);
}

static void a_killed_one_is_lost_and_comes_back(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_to(node.node);
    char got[1000];
    sql_answer a;
    al_err err;
    expect(c, "SELECT id FROM rows WHERE id=1", "1;");
    searchd_kill(&node);
    assert_int_equal(ask(c, "SELECT id FROM rows WHERE id=1", got, sizeof got, &a, &err), AL_IO);
    searchd_start(&node);
    AL_CLEANUP(sql_closep) sql_conn *again = connect_to(node.node);
    expect(again, "SELECT id FROM rows WHERE id=1", "1;"); /* binlog_flush = 2 writes each commit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_and_refusals_are_its_own_words),
        cmocka_unit_test(whoever_wants_no_more_rows_gets_none),
        cmocka_unit_test(a_smaller_answer_has_a_warning),
        cmocka_unit_test(what_is_no_address_is_said),
        cmocka_unit_test(a_statement_may_be_too_long),
        cmocka_unit_test(waiting_for_one_that_hangs_ends),
        cmocka_unit_test(a_killed_one_is_lost_and_comes_back),
    };
    searchd_init(&node, TABLES);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    searchd_done(&node);
    return failed;
}
