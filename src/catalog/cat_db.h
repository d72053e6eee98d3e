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
/* For cat_sql.h. */
struct sqlite3 *cat_db_handle(const cat_db *db);

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

/* After cat_db_begin: commits if `c` is AL_OK and that works, else rolls back; how it ended. */
AL_CHECK al_code cat_db_end(cat_db *db, al_code c, al_err *err);

/* Gives back what the file does not need: pages that deletions left free, and the log
 * (catalog.db-wal), which is moved into the file and emptied. */
AL_CHECK al_code cat_db_tidy(cat_db *db, al_err *err);
