#include "sphinx/day_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "query/engine.h"
#include "record/timestamp.h"

enum { ARENA_BYTES = 16 * 1024, TABLES_MAX = 1 << 20, DAY_CHARS = 8 };

typedef struct day_table {
    al_slice name;
    bool is_described;
    insert_table is;
} day_table;

struct day_tables {
    sql_conn *conn;
    al_arena *arena;
    day_table *at; /* by name */
    size_t n;
    size_t cap;
    bool lacks_memory;
};

day_tables *day_tables_free(day_tables *d)
{
    if (!d)
        return NULL;
    (void)al_arena_free(d->arena);
    free(d->at);
    free(d);
    return NULL;
}

/* Index, Type */
static bool take_table(void *ctx, const al_slice *values, unsigned n)
{
    day_tables *d = ctx;
    if (n < 2)
        return false;
    if (!al_slice_eq(values[1], AL_LIT("rt")))
        return true;
    day_table *grown = al_grow(d->at, &d->cap, d->n, sizeof *grown, 64, TABLES_MAX);
    d->lacks_memory = !grown;
    if (!grown)
        return false;
    d->at = grown;
    d->at[d->n] = (day_table){.name = al_arena_copy(d->arena, values[0])};
    d->lacks_memory |= !d->at[d->n++].name.ptr;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return al_slice_cmp(((const day_table *)a)->name, ((const day_table *)b)->name);
}

al_code day_tables_new(sql_conn *c, const sql_patience *p, day_tables **ret, al_err *err)
{
    AL_CLEANUP(day_tables_freep) day_tables *d = al_zalloc(1, sizeof *d);
    sql_answer a;
    if (d)
        d->arena = al_arena_new(ARENA_BYTES);
    if (!d || !d->arena)
        return al_fail(err, AL_NOMEM, "tables");
    d->conn = c;
    al_code code = sql_ask(c, AL_LIT("SHOW TABLES"), p, take_table, d, &a, err);
    if (code || d->lacks_memory)
        return code ? code : al_fail(err, AL_NOMEM, "tables");
    if (d->n)
        qsort(d->at, d->n, sizeof *d->at, by_name);
    *ret = AL_TAKE(d);
    return AL_OK;
}

/* NAME_ and eight digits */
static bool is_of_index(al_slice table, al_slice prefix)
{
    if (table.len != prefix.len + DAY_CHARS || !al_slice_starts(table, prefix))
        return false;
    for (size_t i = prefix.len; i < table.len; i++)
        if (table.ptr[i] < '0' || table.ptr[i] > '9')
            return false;
    return true;
}

/* The last table of the index that is not behind `name`, else its first; NULL: it has none. */
static day_table *nearest(const day_tables *d, al_slice prefix, al_slice name)
{
    day_table *found = NULL;
    for (size_t i = 0; i < d->n; i++) {
        if (!is_of_index(d->at[i].name, prefix))
            continue;
        if (found && al_slice_cmp(d->at[i].name, name) > 0)
            break;
        found = &d->at[i];
    }
    return found;
}

/* Eight digits make days ascend as their names do. */
static day_table *choose(const day_tables *d, const char *index, int64_t time_ns, int32_t today,
                         al_buf *name)
{
    int32_t day = rec_day_of(time_ns);
    al_buf_printf(name, "%s_", index);
    size_t len = name->len;
    rec_day_format(name, day);
    al_slice prefix = al_slice_sub(al_buf_slice(name), 0, len);
    day_table *t = nearest(d, prefix, al_buf_slice(name));
    if (!t)
        return NULL;
    bool is_its = al_slice_eq(t->name, al_buf_slice(name));
    bool is_before_all = al_slice_cmp(t->name, al_buf_slice(name)) > 0;
    bool is_behind_all = day > today + 1 && !is_its;
    return is_its || is_before_all || is_behind_all ? t : NULL;
}

/* NOLINTNEXTLINE(readability-function-size): whose, when, how long */
al_code day_tables_of(day_tables *d, const char *index, int64_t time_ns, int32_t today,
                      const sql_patience *p, const insert_table **ret, al_err *err)
{
    al_buf name;
    al_buf_init(&name, ENG_INDEX_NAME_MAX + 16);
    day_table *t = choose(d, index, time_ns, today, &name);
    al_code c = al_buf_code(&name);
    if (c)
        c = al_fail(err, c, "table of index %s", index);
    else if (!t)
        c = al_fail(err, AL_NOT_FOUND, "%s: serves no table %.*s", sql_node(d->conn),
                    AL_ARG(al_buf_slice(&name)));
    else if (!t->is_described)
        c = insert_describe(d->conn, t->name, p, d->arena, &t->is, err);
    al_buf_done(&name);
    if (!c && t) {
        t->is_described = true;
        *ret = &t->is;
    }
    return c;
}
