#pragma once
/* cat_db.h: the SQLite file of the catalogue. One connection, which owns the file alone; the caller
 * serialises all calls. Each writing call is one durable transaction. */
#include "catalog/catalog.h"

typedef struct cat_db cat_db;

/* Makes a file that is not there, or that nothing was committed to, with the index `first`.
 * AL_CORRUPT: no catalogue. AL_TOO_NEW. AL_AGAIN with a message: another process holds it. */
AL_CHECK al_code cat_db_open(const char *dir, const cat_index *first, cat_db **ret, al_err *err);
/* Was it empty or not there before? */
bool cat_db_is_new(const cat_db *db);
cat_db *cat_db_close(cat_db *db);

/* Calls back for each index, by name, and for each field of it. The slices live during the call.
 * A callback's error ends the reading. */
typedef al_code cat_db_index_fn(void *ctx, const cat_index *idx, al_err *err);
typedef al_code cat_db_field_fn(void *ctx, const char *index, const cat_field *f, al_err *err);
AL_CHECK al_code cat_db_read(cat_db *db, cat_db_index_fn *on_index, cat_db_field_fn *on_field,
                             void *ctx, al_err *err);

/* Writes or replaces the index. */
AL_CHECK al_code cat_db_put_index(cat_db *db, const cat_index *idx, al_err *err);
/* With its fields and shortcuts. */
AL_CHECK al_code cat_db_drop_index(cat_db *db, const char *name, al_err *err);

/* The slices live during the call. */
typedef al_code cat_db_note_fn(void *ctx, al_slice name, al_slice text, al_err *err);
AL_CHECK al_code cat_db_read_notes(cat_db *db, cat_db_note_fn *fn, void *ctx, al_err *err);
/* Writes or replaces the note; an empty text removes it. */
AL_CHECK al_code cat_db_put_note(cat_db *db, al_slice name, al_slice text, al_err *err);

/* Many fields in one transaction: begin, put.., commit. A put replaces. */
AL_CHECK al_code cat_db_begin(cat_db *db, al_err *err);
AL_CHECK al_code cat_db_put_field(cat_db *db, const char *index, const cat_field *f, al_err *err);
AL_CHECK al_code cat_db_commit(cat_db *db, al_err *err);
void cat_db_rollback(cat_db *db);

/* ---- One statement, for the parts of the catalogue that bring their own tables (which cat_db
 * makes with the file). */
typedef struct cat_value {
    enum { CAT_NUMBER, CAT_TEXT, CAT_BLOB } kind;
    int64_t number;
    al_slice bytes;
} cat_value;
typedef struct cat_row cat_row; /* of a SELECT; lives during the call */
int64_t cat_row_number(const cat_row *row, int column);
/* A text or a blob. */
al_slice cat_row_bytes(const cat_row *row, int column);
typedef al_code cat_db_row_fn(void *ctx, const cat_row *row, al_err *err);
/* A callback's error ends the reading. */
AL_CHECK al_code cat_db_select(cat_db *db, const char *sql, cat_db_row_fn *fn, void *ctx,
                               al_err *err);
/* A transaction of its own, when none was begun. `values` are those of the statement's `?`. */
AL_CHECK al_code cat_db_do(cat_db *db, const char *sql, const cat_value *values, size_t n,
                           al_err *err);
/* After cat_db_begin: commits if `c` is AL_OK and that works, else rolls back; how it ended. */
AL_CHECK al_code cat_db_end(cat_db *db, al_code c, al_err *err);

/* Moves the log (catalog.db-wal) into the file and empties it. */
AL_CHECK al_code cat_db_truncate_log(cat_db *db, al_err *err);
