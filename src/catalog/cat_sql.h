#pragma once
/* cat_sql.h: statements on the catalogue's file, for the .c files that have tables of their own.
 * The caller has the file to itself (cat_db.h, catalog_priv.h). */
#include <sqlite3.h>

#include "catalog/cat_db.h"

/* Sets `err` by what SQLite said last; never AL_OK. */
al_code cat_sql_fail(cat_db *db, const char *what, al_err *err);
AL_CHECK al_code cat_sql_prepare(cat_db *db, const char *text, sqlite3_stmt **ret, al_err *err);
/* For AL_CLEANUP. */
void cat_sql_finalizep(sqlite3_stmt **s);
/* Binds bytes, which outlive the statement's last step. */
void cat_sql_bind(sqlite3_stmt *s, int i, al_slice v);
/* The bytes of a column, valid until the next step. */
al_slice cat_sql_column(sqlite3_stmt *s, int i);
/* Runs a statement that gives no rows. */
AL_CHECK al_code cat_sql_finish(cat_db *db, sqlite3_stmt *s, const char *what, al_err *err);
/* Rows that the last statement changed. */
int cat_sql_changes(cat_db *db);
