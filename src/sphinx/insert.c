/* Inserting. A statement of many rows is taken whole or not at all. Where it is not, since an id is
 * there, or for one row's sake, the rows are sent one by one: that is after a crash, or after a
 * connection broke, for the rows of a second or so. */
#include "sphinx/insert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "sphinx/row.h"
#include "sphinx/sql_text.h"
#include "sphinx/words.h"

enum {
    STATEMENT_BYTES = 1 << 20, /* begun anew beyond it */
    COLUMNS_MAX = 256,
    ARENA_BYTES = 16 * 1024,
};

/* ---- Which columns it has */

typedef struct described {
    al_arena *arena;
    al_slice *columns;
    size_t n;
    bool has_js;
    bool has_src;
    bool has_long_words;
    bool lacks_memory;
} described;

static bool is_type(const al_slice *values, const char *type)
{
    return al_slice_eq(values[1], al_cstr(type));
}

/* Field, Type */
static bool take_column(void *ctx, const al_slice *values, unsigned n)
{
    described *d = ctx;
    if (n < 2)
        return false;
    al_slice name = values[0];
    d->has_js |= al_slice_eq(name, AL_LIT("js")) && is_type(values, "json");
    d->has_src |= al_slice_eq(name, AL_LIT("src")) && is_type(values, "string");
    if (!is_type(values, "field") || al_slice_eq(name, AL_LIT("logline")) ||
        al_slice_eq(name, AL_LIT("js")))
        return true;
    if (al_slice_eq(name, AL_LIT("long_words"))) {
        d->has_long_words = true;
        return true;
    }
    d->columns[d->n] = al_arena_copy(d->arena, name);
    d->lacks_memory |= name.len && !d->columns[d->n].ptr;
    return ++d->n < COLUMNS_MAX;
}

static bool is_unknown_table(const al_err *err)
{
    return strstr(err->msg, "no such index") || strstr(err->msg, "no such local index") ||
           strstr(err->msg, "unknown local index");
}

al_code insert_describe(sql_conn *c, al_slice name, const sql_patience *p, al_arena *arena,
                        insert_table *ret, al_err *err)
{
    al_buf text;
    sql_answer a;
    described d = {.arena = arena, .columns = al_arena_alloc(arena, COLUMNS_MAX, sizeof(al_slice))};
    if (!d.columns)
        return al_fail(err, AL_NOMEM, "table");
    al_buf_init(&text, SQL_STATEMENT_BYTES_MAX);
    al_buf_str(&text, "DESCRIBE ");
    sql_put_name(&text, name);
    al_code code = al_buf_code(&text);
    code = code ? al_fail(err, code, "table")
                : sql_ask(c, al_buf_slice(&text), p, take_column, &d, &a, err);
    al_buf_done(&text);
    if (code == AL_INVALID && is_unknown_table(err))
        return al_fail(err, AL_NOT_FOUND, "%s: serves no table %.*s", sql_node(c), AL_ARG(name));
    if (code || d.lacks_memory)
        return code ? code : al_fail(err, AL_NOMEM, "table");
    if (!d.has_js || !d.has_src)
        return al_fail(err, AL_INVALID, "%s: table %.*s has no attribute '%s'", sql_node(c),
                       AL_ARG(name), d.has_js ? "src" : "js");
    *ret = (insert_table){.name = al_arena_copy(arena, name),
                          .has_long_words = d.has_long_words,
                          .columns = d.columns,
                          .n_columns = d.n};
    return ret->name.ptr ? AL_OK : al_fail(err, AL_NOMEM, "table");
}

/* ---- A statement */

typedef struct texts {
    al_buf logline;
    al_buf js;
    al_buf src;
    al_buf column;
    al_buf pieces;
    al_buf row;
    al_buf statement;
} texts;

static void texts_init(texts *t)
{
    al_buf_init(&t->logline, SQL_STATEMENT_BYTES_MAX);
    al_buf_init(&t->js, SQL_STATEMENT_BYTES_MAX);
    al_buf_init(&t->src, SQL_STATEMENT_BYTES_MAX);
    al_buf_init(&t->column, SQL_STATEMENT_BYTES_MAX);
    al_buf_init(&t->pieces, SQL_STATEMENT_BYTES_MAX);
    al_buf_init(&t->row, SQL_STATEMENT_BYTES_MAX);
    al_buf_init(&t->statement, SQL_STATEMENT_BYTES_MAX);
}

static void texts_done(texts *t)
{
    al_buf_done(&t->logline);
    al_buf_done(&t->js);
    al_buf_done(&t->src);
    al_buf_done(&t->column);
    al_buf_done(&t->pieces);
    al_buf_done(&t->row);
    al_buf_done(&t->statement);
}

static void begin(const insert_into *to, texts *t)
{
    al_buf_clear(&t->statement);
    al_buf_str(&t->statement, "INSERT INTO ");
    sql_put_name(&t->statement, to->table->name);
    al_buf_str(&t->statement, " (id,logline,js,src");
    for (size_t i = 0; i < to->table->n_columns; i++) {
        al_buf_u8(&t->statement, ',');
        sql_put_name(&t->statement, to->table->columns[i]);
    }
    al_buf_str(&t->statement, to->table->has_long_words ? ",long_words) VALUES " : ") VALUES ");
}

/* The pieces of its long words are gathered on the way. */
static void put_column(const insert_into *to, texts *t, const al_buf *column, bool has_words)
{
    al_buf_u8(&t->row, ',');
    sql_put_string(&t->row, al_buf_slice(column));
    if (has_words && to->table->has_long_words)
        words_put_pieces(al_buf_slice(column), to->words, &t->pieces);
    al_buf_fail(&t->row, al_buf_code(column));
}

/* Into t->row. */
static void put_row(const insert_into *to, texts *t, const record *r)
{
    al_buf_clear(&t->logline);
    al_buf_clear(&t->js);
    al_buf_clear(&t->src);
    al_buf_clear(&t->pieces);
    al_buf_clear(&t->row);
    row_put_logline(r, &t->logline);
    row_put_js(r, &t->js);
    row_put_src(r, t->js.len, &t->src);
    al_buf_u8(&t->row, '(');
    sql_put_u64(&t->row, r->id);
    put_column(to, t, &t->logline, true);
    put_column(to, t, &t->js, true);
    put_column(to, t, &t->src, false);
    for (size_t i = 0; i < to->table->n_columns; i++) {
        al_buf_clear(&t->column);
        row_put_column(r, to->table->columns[i], &t->column);
        put_column(to, t, &t->column, true);
    }
    if (to->table->has_long_words)
        put_column(to, t, &t->pieces, false);
    al_buf_u8(&t->row, ')');
}

/* Puts as many as a statement takes, at least one. */
static size_t put_rows(const insert_into *to, texts *t, const record *recs, size_t n)
{
    size_t i = 0;
    begin(to, t);
    while (i < n && i < INSERT_ROWS_MAX && (i == 0 || t->statement.len < STATEMENT_BYTES)) {
        put_row(to, t, &recs[i]);
        bool fits = !al_buf_code(&t->row) && t->row.len < t->statement.max - t->statement.len;
        if (i && !fits)
            break; /* it comes first in the next one */
        if (i)
            al_buf_u8(&t->statement, ',');
        al_buf_slice_put(&t->statement, al_buf_slice(&t->row));
        al_buf_fail(&t->statement, al_buf_code(&t->row));
        i++;
    }
    return i;
}

static al_code send(const insert_into *to, const texts *t, const sql_patience *p, al_err *err)
{
    sql_answer a;
    al_code c = al_buf_code(&t->statement);
    if (c)
        return al_fail(err, c, "%s: rows for %.*s", sql_node(to->conn), AL_ARG(to->table->name));
    return sql_ask(to->conn, al_buf_slice(&t->statement), p, NULL, NULL, &a, err);
}

/* ---- One row whose id is there */

typedef struct twin {
    const record *rec;
    al_arena *arena;
    bool is_equal;
    al_code code;
} twin;

static bool are_equal(const record *a, const record *b)
{
    if (a->time_ns != b->time_ns || a->n_fields != b->n_fields ||
        !al_slice_eq(a->message, b->message))
        return false;
    for (uint32_t i = 0; i < a->n_fields; i++) {
        const field *x = &a->fields[i];
        const field *y = &b->fields[i];
        if (!al_slice_eq(x->name, y->name) || x->val.type != y->val.type ||
            !al_slice_eq(x->val.text, y->val.text))
            return false;
    }
    return true;
}

static bool compare(void *ctx, const al_slice *values, unsigned n)
{
    twin *t = ctx;
    record there;
    al_err ignored;
    if (n < 3)
        return false;
    const row_columns row = {
        .id = t->rec->id, .logline = values[0], .js = values[1], .src = values[2]};
    t->code = row_decode(&row, t->arena, &there, &ignored);
    t->is_equal = !t->code && are_equal(t->rec, &there);
    return false;
}

/* Is the row with the record's id this record? */
static al_code is_there(const insert_into *to, texts *t, const record *r, const sql_patience *p,
                        bool *ret, al_err *err)
{
    sql_answer a;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(ARENA_BYTES);
    twin found = {.rec = r, .arena = arena};
    if (!arena)
        return al_fail(err, AL_NOMEM, "compare a row");
    al_buf_clear(&t->statement);
    al_buf_str(&t->statement, "SELECT logline, js, src FROM ");
    sql_put_name(&t->statement, to->table->name);
    al_buf_str(&t->statement, " WHERE id=");
    sql_put_u64(&t->statement, r->id);
    al_code c = al_buf_code(&t->statement);
    if (c)
        return al_fail(err, c, "compare a row");
    c = sql_ask(to->conn, al_buf_slice(&t->statement), p, compare, &found, &a, err);
    *ret = found.is_equal;
    return c || found.code != AL_NOMEM ? c : al_fail(err, AL_NOMEM, "compare a row");
}

static al_code insert_one(const insert_into *to, texts *t, record *r, const sql_patience *p,
                          al_err *err)
{
    for (;;) {
        bool is_this = false;
        (void)put_rows(to, t, r, 1);
        al_code c = send(to, t, p, err);
        if (c == AL_INVALID || c == AL_LIMIT)
            return al_wrap(err, "record %llu", (unsigned long long)r->id);
        if (c != AL_EXISTS)
            return c;
        c = is_there(to, t, r, p, &is_this, err);
        if (c || is_this)
            return c;
        if (r->id > UINT64_MAX - to->step)
            return al_fail(err, AL_LIMIT, "no id is left above %llu", (unsigned long long)r->id);
        r->id += to->step;
    }
}

/* ---- Many */

static al_code insert_singly(const insert_into *to, texts *t, record *recs, size_t n,
                             const sql_patience *p, size_t *ret_n, al_err *err)
{
    for (size_t i = 0; i < n; i++, ++*ret_n) {
        al_code c = insert_one(to, t, &recs[i], p, err);
        if (c)
            return c;
    }
    return AL_OK;
}

/* NOLINTNEXTLINE(readability-function-size): what, how long, how far */
al_code insert_rows(const insert_into *to, record *recs, size_t n, const sql_patience *p,
                    size_t *ret_n, al_err *err)
{
    AL_CLEANUP(texts_done) texts t;
    al_code c = AL_OK;
    texts_init(&t);
    *ret_n = 0;
    while (*ret_n < n && !c) {
        record *next = recs + *ret_n;
        size_t more = put_rows(to, &t, next, n - *ret_n);
        c = send(to, &t, p, err);
        if (!c)
            *ret_n += more;
        else if (c == AL_EXISTS || c == AL_INVALID || c == AL_LIMIT)
            c = insert_singly(to, &t, next, more, p, ret_n, err);
    }
    return c;
}
