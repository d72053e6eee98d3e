#pragma once
/* cat_sql.h: statements on the catalogue's file, for the .c files that have tables in it (which
 * cat_db makes). The caller has the file to itself (cat_db.h, catalog_priv.h). */
#include <sqlite3.h>

#include "catalog/cat_db.h"

/* What stands for one `?` of a statement; borrowed during the call. */
typedef struct cat_value {
    enum { CAT_NUMBER, CAT_TEXT, CAT_BLOB } kind;
    int64_t number;
    al_slice bytes;
} cat_value;

static inline cat_value cat_number(int64_t n)
{
    return (cat_value){.kind = CAT_NUMBER, .number = n};
}
static inline cat_value cat_text(const char *s)
{
    return (cat_value){.kind = CAT_TEXT, .bytes = al_cstr(s)};
}
static inline cat_value cat_blob(al_slice bytes)
{
    return (cat_value){.kind = CAT_BLOB, .bytes = bytes};
}

/* Runs a statement that gives no rows; a transaction of its own, when none was begun. */
AL_CHECK al_code cat_sql_do(cat_db *db, const char *sql, const cat_value *values, size_t n,
                            al_err *err);
/* Rows that the last statement changed. */
int cat_sql_changes(cat_db *db);

/* Calls back for each row of a SELECT; an error of the callback ends the reading. */
typedef al_code cat_row_fn(void *ctx, sqlite3_stmt *row, al_err *err);
AL_CHECK al_code cat_sql_each(cat_db *db, const char *sql, const cat_value *values, size_t n,
                              cat_row_fn *fn, void *ctx, al_err *err);
/* The number in the first column of the first row. AL_NOT_FOUND, without a message: no row. */
AL_CHECK al_code cat_sql_number(cat_db *db, const char *sql, const cat_value *values, size_t n,
                                int64_t *ret, al_err *err);
/* The bytes of a column, which live during the callback. */
al_slice cat_sql_bytes(sqlite3_stmt *row, int column);

/* ---- For a statement that is kept. */

/* Sets `err` by what SQLite said last; never AL_OK. */
al_code cat_sql_fail(cat_db *db, const char *what, al_err *err);
AL_CHECK al_code cat_sql_prepare(cat_db *db, const char *sql, sqlite3_stmt **ret, al_err *err);
/* Binds `values`, runs the statement, and makes it ready for the next time. */
AL_CHECK al_code cat_sql_run(cat_db *db, sqlite3_stmt *s, const cat_value *values, size_t n,
                             al_err *err);
