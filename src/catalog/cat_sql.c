/* Statements on the catalogue's file: bind, step, and what SQLite's errors are here. */
#include "catalog/cat_sql.h"

#include <errno.h>

al_code cat_sql_fail(cat_db *db, const char *what, al_err *err)
{
    sqlite3 *sql = cat_db_handle(db);
    int r = sqlite3_errcode(sql);
    al_code c = AL_IO;
    if (r == SQLITE_CORRUPT || r == SQLITE_NOTADB)
        c = AL_CORRUPT;
    else if (r == SQLITE_NOMEM)
        c = AL_NOMEM;
    else if (r == SQLITE_BUSY || r == SQLITE_LOCKED)
        return al_fail(err, AL_AGAIN, "catalog.db is in use by another process");
    (void)al_fail(err, c, "catalog.db: %s: %s", what, sqlite3_errmsg(sql));
    if (err && c == AL_IO) /* SQLite has its own code for a full disk */
        err->sys_errno = r == SQLITE_FULL ? ENOSPC : sqlite3_system_errno(sql);
    return c;
}

al_code cat_sql_prepare(cat_db *db, const char *sql, sqlite3_stmt **ret, al_err *err)
{
    if (sqlite3_prepare_v3(cat_db_handle(db), sql, -1, 0, ret, NULL) != SQLITE_OK)
        return cat_sql_fail(db, "prepare", err);
    return AL_OK;
}

static void finalizep(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s); /* repeats the last step's error, which was seen */
}

static void bind(sqlite3_stmt *s, const cat_value *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const cat_value *v = &values[i];
        /* A NULL pointer would bind NULL, where an empty text or blob is meant. */
        const void *p = v->bytes.ptr ? (const void *)v->bytes.ptr : "";
        int at = (int)i + 1;
        if (v->kind == CAT_NUMBER)
            (void)sqlite3_bind_int64(s, at, v->number);
        else if (v->kind == CAT_TEXT)
            (void)sqlite3_bind_text64(s, at, p, v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
        else
            (void)sqlite3_bind_blob64(s, at, p, v->bytes.len, SQLITE_STATIC);
    }
}

al_code cat_sql_run(cat_db *db, sqlite3_stmt *s, const cat_value *values, size_t n, al_err *err)
{
    bind(s, values, n);
    al_code c = sqlite3_step(s) == SQLITE_DONE ? AL_OK : cat_sql_fail(db, "write", err);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s); /* the values end with this call */
    return c;
}

al_code cat_sql_do(cat_db *db, const char *sql, const cat_value *values, size_t n, al_err *err)
{
    AL_CLEANUP(finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, sql, &s, err);
    return c ? c : cat_sql_run(db, s, values, n, err);
}

int cat_sql_changes(cat_db *db)
{
    return sqlite3_changes(cat_db_handle(db));
}

al_code cat_sql_each(cat_db *db, const char *sql, const cat_value *values, size_t n, cat_row_fn *fn,
                     void *ctx, al_err *err)
{
    AL_CLEANUP(finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, sql, &s, err);
    int r = SQLITE_DONE;
    if (!c)
        bind(s, values, n);
    while (!c && (r = sqlite3_step(s)) == SQLITE_ROW)
        c = fn(ctx, s, err);
    return !c && r != SQLITE_DONE ? cat_sql_fail(db, "read", err) : c;
}

typedef struct one_number {
    bool is_there;
    int64_t number;
} one_number;

static al_code take_number(void *ctx, sqlite3_stmt *row, al_err *err)
{
    one_number *one = ctx;
    (void)err;
    if (!one->is_there)
        *one = (one_number){true, sqlite3_column_int64(row, 0)};
    return AL_OK;
}

al_code cat_sql_number(cat_db *db, const char *sql, const cat_value *values, size_t n, int64_t *ret,
                       al_err *err)
{
    one_number one = {0};
    al_code c = cat_sql_each(db, sql, values, n, take_number, &one, err);
    if (!c && !one.is_there)
        return AL_NOT_FOUND;
    *ret = one.number;
    return c;
}

al_slice cat_sql_bytes(sqlite3_stmt *row, int column)
{
    const void *p = sqlite3_column_blob(row, column);
    return (al_slice){p, (size_t)sqlite3_column_bytes(row, column)};
}
