/* Waiting is ours: the socket is polled, so that a deadline and a cancelled question end it at
 * once; only then the library reads. Where an answer stops in its middle, the library's own limit
 * ends it (READ_S). Rows are taken one by one as they come, so an answer is never whole in memory.
 */
#include "sphinx/sql_conn.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "libs/mariadb_lib.h"

enum {
    READ_S = 5,   /* between two pieces of an answer that has begun */
    LOOK_MS = 20, /* at the cancel flag */
    VALUES_MAX = 300,
    CLIENT_LOST = 2000, /* from here on errors are the library's, not the node's */
};

struct sql_conn {
    const mariadb_lib *lib;
    MYSQL *my;
    char node[SQL_NODE_BYTES_MAX + 1];
};

sql_conn *sql_close(sql_conn *c)
{
    if (!c)
        return NULL;
    if (c->my)
        c->lib->mysql_close(c->my);
    free(c);
    return NULL;
}

const char *sql_node(const sql_conn *c)
{
    return c->node;
}

/* ---- Connecting */

/* "host:port" into `host` (of node's size) and *ret_port. */
static bool take_address(const char *node, char *host, unsigned *ret_port)
{
    const char *colon = strrchr(node, ':');
    uint64_t port = 0;
    if (!colon || !al_parse_u64(al_cstr(colon + 1), &port) || port < 1 || port > 65535)
        return false;
    size_t len = (size_t)(colon - node);
    bool is_bracketed = len > 2 && node[0] == '[' && node[len - 1] == ']';
    if (len == 0 || (!is_bracketed && (node[0] == '[' || memchr(node, ':', len))))
        return false;
    size_t n_brackets = is_bracketed ? 2 : 0;
    memcpy(host, node + is_bracketed, len - n_brackets);
    host[len - n_brackets] = 0;
    *ret_port = (unsigned)port;
    return true;
}

static al_code lost(const sql_conn *c, al_err *err)
{
    return al_fail(err, AL_IO, "%s: %s", c->node, c->lib->mysql_error(c->my));
}

static void set_options(const sql_conn *c, int64_t deadline_ns)
{
    int64_t left_s = (deadline_ns - al_mono_ns() + AL_NS_PER_S - 1) / AL_NS_PER_S;
    unsigned connect_s = (unsigned)AL_MIN(AL_MAX(left_s, INT64_C(1)), INT64_C(60));
    unsigned read_s = READ_S;
    unsigned no = 0;
    (void)c->lib->mysql_options(c->my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    (void)c->lib->mysql_options(c->my, MYSQL_OPT_READ_TIMEOUT, &read_s);
    (void)c->lib->mysql_options(c->my, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
    (void)c->lib->mysql_options(c->my, MYSQL_OPT_LOCAL_INFILE, &no);
    (void)c->lib->mysql_options(c->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

al_code sql_connect(const char *node, int64_t deadline_ns, sql_conn **ret, al_err *err)
{
    AL_CLEANUP(sql_closep) sql_conn *c = al_zalloc(1, sizeof *c);
    char host[SQL_NODE_BYTES_MAX + 1];
    unsigned port = 0;
    if (!c)
        return al_fail(err, AL_NOMEM, "connect to Sphinx");
    if (strlen(node) > SQL_NODE_BYTES_MAX || !take_address(node, host, &port))
        return al_fail(err, AL_INVALID, "node '%.200s': expected HOST:PORT", node);
    (void)snprintf(c->node, sizeof c->node, "%s", node);
    al_code code = mariadb_lib_get(&c->lib, err);
    if (code)
        return code;
    c->my = c->lib->mysql_init(NULL);
    if (!c->my)
        return al_fail(err, AL_NOMEM, "connect to Sphinx");
    set_options(c, deadline_ns);
    /* "localhost" would mean a socket file: a protocol of TCP is asked for */
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    (void)c->lib->mysql_options(c->my, MYSQL_OPT_PROTOCOL, &tcp);
    if (!c->lib->mysql_real_connect(c->my, host, "", NULL, NULL, port, NULL, 0))
        return lost(c, err);
    *ret = AL_TAKE(c);
    return AL_OK;
}

/* ---- Asking */

/* A refusal is the node's word; everything else ends the connection. */
static al_code failed(const sql_conn *c, al_err *err)
{
    const char *text = c->lib->mysql_error(c->my);
    if (c->lib->mysql_errno(c->my) >= CLIENT_LOST || !text[0])
        return lost(c, err);
    bool is_there = strstr(text, "duplicate id") != NULL;
    return al_fail(err, is_there ? AL_EXISTS : AL_INVALID, "%s: %s", c->node, text);
}

al_code sql_send(sql_conn *c, al_slice statement, al_err *err)
{
    if (statement.len > SQL_STATEMENT_BYTES_MAX)
        return al_fail(err, AL_LIMIT, "%s: a statement of %zu bytes, at most %d can be sent",
                       c->node, statement.len, SQL_STATEMENT_BYTES_MAX);
    const char *text = (const char *)statement.ptr;
    return c->lib->mysql_send_query(c->my, text, statement.len) ? lost(c, err) : AL_OK;
}

/* Until there is something to read. */
static al_code wait_for_answer(const sql_conn *c, const sql_patience *p, al_err *err)
{
    struct pollfd fd = {.fd = c->lib->mysql_get_socket(c->my), .events = POLLIN};
    for (;;) {
        int64_t left_ns = p->deadline_ns - al_mono_ns();
        int64_t left_ms = left_ns / AL_NS_PER_MS + 1;
        if (p->cancel && atomic_load(p->cancel))
            return al_fail(err, AL_CANCELLED, "whoever asked has left");
        if (left_ns <= 0)
            return al_fail(err, AL_IO, "%s: no answer in the time there was", c->node);
        int64_t wait_ms = p->cancel ? AL_MIN(left_ms, (int64_t)LOOK_MS) : left_ms;
        int n = poll(&fd, 1, (int)AL_MIN(wait_ms, INT64_C(60000)));
        if (n > 0)
            return AL_OK;
        if (n < 0 && errno != EINTR)
            return al_fail_errno(err, "%s: wait for the answer", c->node);
    }
}

static al_code take_rows(const sql_conn *c, sql_row_fn *fn, void *ctx, sql_answer *ret, al_err *err)
{
    const mariadb_lib *l = c->lib;
    MYSQL_RES *rows = l->mysql_use_result(c->my);
    if (!rows)
        return lost(c, err);
    unsigned n = l->mysql_num_fields(rows);
    al_slice values[VALUES_MAX];
    bool wants_more = fn != NULL && n <= VALUES_MAX;
    for (MYSQL_ROW row; (row = l->mysql_fetch_row(rows));) {
        const unsigned long *lens = l->mysql_fetch_lengths(rows);
        for (unsigned i = 0; wants_more && i < n; i++)
            values[i] = row[i] ? (al_slice){(const uint8_t *)row[i], lens[i]} : (al_slice){0};
        ret->n_rows++;
        wants_more = wants_more && fn(ctx, values, n);
    }
    bool is_lost = l->mysql_errno(c->my) != 0;
    al_code code = is_lost ? lost(c, err) : AL_OK;
    l->mysql_free_result(rows);
    return code;
}

static al_code receive(sql_conn *c, const sql_patience *p, sql_row_fn *fn, void *ctx,
                       sql_answer *ret, al_err *err)
{
    al_code code = wait_for_answer(c, p, err);
    if (code)
        return code;
    if (c->lib->mysql_read_query_result(c->my))
        return failed(c, err);
    if (c->lib->mysql_field_count(c->my))
        code = take_rows(c, fn, ctx, ret, err);
    else
        ret->n_affected = c->lib->mysql_affected_rows(c->my);
    return code;
}

/* Level, code, text */
static bool take_warning(void *ctx, const al_slice *values, unsigned n)
{
    sql_answer *to = ctx;
    const al_slice *text = n ? &values[n - 1] : NULL;
    if (text)
        (void)snprintf(to->warning, sizeof to->warning, "%.*s", AL_ARG(*text));
    return false;
}

al_code sql_receive(sql_conn *c, const sql_patience *p, sql_row_fn *fn, void *ctx, sql_answer *ret,
                    al_err *err)
{
    sql_answer of_warnings = {0};
    *ret = (sql_answer){0};
    al_code code = receive(c, p, fn, ctx, ret, err);
    if (code)
        return code;
    ret->n_warnings = c->lib->mysql_warning_count(c->my);
    if (!ret->n_warnings)
        return AL_OK;
    code = sql_send(c, AL_LIT("SHOW WARNINGS"), err);
    return code ? code : receive(c, p, take_warning, ret, &of_warnings, err);
}

al_code sql_ask(sql_conn *c, al_slice statement, const sql_patience *p, sql_row_fn *fn, void *ctx,
                sql_answer *ret, al_err *err)
{
    *ret = (sql_answer){0};
    al_code code = sql_send(c, statement, err);
    return code ? code : sql_receive(c, p, fn, ctx, ret, err);
}
