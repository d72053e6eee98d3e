/* The catalogue's SQLite file.
 * Shape: tables, all STRICT; names of fields are blobs because they may be any bytes. Each version
 * of the schema added tables: a file of an older one gets those that it lacks when it is opened;
 * the .c files that use them run their own statements (cat_sql.h).
 * Journal mode WAL with synchronous=FULL: a commit is on disk when it returns. locking_mode
 * EXCLUSIVE keeps a second process out and needs no shared memory file. Pages that deletions leave
 * free go back when nothing is written for a while (cat_db_tidy): without it a file keeps the size
 * of the most it ever held. */
#include "catalog/cat_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"
#include "catalog/cat_check.h"
#include "catalog/cat_sql.h"

enum { APPLICATION_ID = 0x616c636f /* "alco" */ };

/* By the version that brought them, from 1 on. */
static const char *const schema[] = {
    "CREATE TABLE indexes(name TEXT PRIMARY KEY, intervals INTEGER NOT NULL,"
    " max_bytes INTEGER NOT NULL, queue_name BLOB NOT NULL, exchange BLOB NOT NULL,"
    " routing_key BLOB NOT NULL, durable INTEGER NOT NULL, num_processes INTEGER NOT NULL,"
    " timestamp_zone BLOB NOT NULL, engine BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE text_fields(index_name TEXT NOT NULL, position INTEGER NOT NULL,"
    " field BLOB NOT NULL, PRIMARY KEY(index_name, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE fields(index_name TEXT NOT NULL, name BLOB NOT NULL, filtered INTEGER NOT NULL,"
    " display INTEGER NOT NULL, excluded INTEGER NOT NULL, context INTEGER NOT NULL,"
    " indexed INTEGER NOT NULL, PRIMARY KEY(index_name, name)) STRICT, WITHOUT ROWID;",
    "CREATE TABLE notes(name BLOB PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;",
    "CREATE TABLE shortcuts(name BLOB PRIMARY KEY, index_name TEXT NOT NULL,"
    " description BLOB NOT NULL, url BLOB NOT NULL, default_field BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE index_numbers(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL UNIQUE) STRICT;",
    "CREATE TABLE users(name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL,"
    " made_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tokens(hash BLOB PRIMARY KEY, user TEXT NOT NULL, name TEXT NOT NULL,"
    " made_ns INTEGER NOT NULL, UNIQUE(user, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sessions(hash BLOB PRIMARY KEY, user TEXT NOT NULL, made_ns INTEGER NOT NULL,"
    " end_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
};
enum { SCHEMA_VERSION = sizeof schema / sizeof schema[0] };

struct cat_db {
    sqlite3 *sql;
    sqlite3_stmt *put_field;
    bool is_new;
};

sqlite3 *cat_db_handle(const cat_db *db)
{
    return db->sql;
}

static al_code run(cat_db *db, const char *text, al_err *err)
{
    if (sqlite3_exec(db->sql, text, NULL, NULL, NULL) != SQLITE_OK)
        return cat_sql_fail(db, "statement", err);
    return AL_OK;
}

static al_code put_whole_index(cat_db *db, const cat_index *idx, al_err *err);

static al_code set_version(cat_db *db, al_err *err)
{
    char text[80];
    (void)snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
                   APPLICATION_ID, SCHEMA_VERSION);
    return run(db, text, err);
}

/* Tables of the versions after `version`. Inside a transaction. */
static al_code add_tables(cat_db *db, int64_t version, al_err *err)
{
    al_code c = AL_OK;
    for (int64_t i = version; !c && i < SCHEMA_VERSION; i++)
        c = run(db, schema[i], err);
    return c ? c : set_version(db, err);
}

/* In one transaction, so that a crash leaves an empty file or a whole one. */
static al_code make_schema(cat_db *db, const cat_index *first, al_err *err)
{
    al_code c = run(db, "BEGIN IMMEDIATE", err);
    if (!c)
        c = add_tables(db, 0, err);
    if (!c)
        c = put_whole_index(db, first, err);
    if (!c)
        c = run(db, "COMMIT", err);
    db->is_new = c == AL_OK;
    return c;
}

static al_code upgrade_schema(cat_db *db, int64_t version, al_err *err)
{
    al_code c = cat_db_begin(db, err);
    return c ? c : cat_db_end(db, add_tables(db, version, err), err);
}

static al_code check_schema(cat_db *db, const cat_index *first, al_err *err)
{
    int64_t version = 0;
    int64_t id = 0;
    al_code c = cat_sql_number(db, "PRAGMA user_version", NULL, 0, &version, err);
    if (!c)
        c = cat_sql_number(db, "PRAGMA application_id", NULL, 0, &id, err);
    if (c)
        return c;
    if (version == 0 && id == 0)
        return make_schema(db, first, err);
    if (id != APPLICATION_ID || version < 1)
        return al_fail(err, AL_CORRUPT, "catalog.db is not a catalogue of alco");
    if (version > SCHEMA_VERSION)
        return al_fail(err, AL_TOO_NEW, "catalog.db: version %lld, this build reads up to %d",
                       (long long)version, SCHEMA_VERSION);
    return version < SCHEMA_VERSION ? upgrade_schema(db, version, err) : AL_OK;
}

/* SQLite would make it readable for all; its journal takes the mode of the file. One that is there
 * is not opened: to close it would drop this process' locks on it. */
static al_code make_file(const char *path, al_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0 && errno == EEXIST)
        return AL_OK;
    if (fd < 0)
        return al_fail_errno(err, "%s", path);
    (void)close(fd);
    return AL_OK;
}

al_code cat_db_open(const char *dir, const cat_index *first, cat_db **ret, al_err *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/catalog.db", dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return al_fail(err, AL_INVALID, "directory name of %zu bytes is too long", strlen(dir));
    cat_db *db = al_zalloc(1, sizeof *db);
    if (!db)
        return al_fail(err, AL_NOMEM, "open catalog.db");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    al_code c = make_file(path, err);
    if (!c && sqlite3_open_v2(path, &db->sql, flags, NULL) != SQLITE_OK)
        c = cat_sql_fail(db, path, err);
    if (!c)
        c = run(db,
                "PRAGMA locking_mode=EXCLUSIVE;"
                "PRAGMA auto_vacuum=INCREMENTAL;" /* of a new file; others keep what they have */
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                "PRAGMA cache_size=-512; PRAGMA journal_size_limit=65536; BEGIN IMMEDIATE; COMMIT",
                err);
    if (!c)
        c = check_schema(db, first, err);
    if (!c)
        c = cat_sql_prepare(db, "INSERT OR REPLACE INTO fields VALUES(?,?,?,?,?,?,?)",
                            &db->put_field, err);
    if (c) {
        (void)cat_db_close(db);
        return c;
    }
    *ret = db;
    return AL_OK;
}

bool cat_db_is_new(const cat_db *db)
{
    return db->is_new;
}

cat_db *cat_db_close(cat_db *db)
{
    if (!db)
        return NULL;
    (void)sqlite3_finalize(db->put_field);
    (void)sqlite3_close(db->sql); /* what was committed is on disk */
    free(db);
    return NULL;
}

typedef struct reading {
    cat_db *db;
    cat_db_index_fn *on_index;
    cat_db_field_fn *on_field;
    cat_db_note_fn *on_note;
    void *ctx;
} reading;

typedef struct text_fields {
    al_slice names[CAT_TEXT_FIELDS_MAX];
    size_t n;
    al_arena *arena;
} text_fields;

static al_code take_text_field(void *ctx, sqlite3_stmt *s, al_err *err)
{
    text_fields *t = ctx;
    if (t->n == CAT_TEXT_FIELDS_MAX)
        return al_fail(err, AL_CORRUPT, "catalog.db: too many text fields");
    t->names[t->n] = al_arena_copy(t->arena, cat_sql_bytes(s, 0));
    return t->names[t->n++].ptr ? AL_OK : al_fail(err, AL_NOMEM, "read catalog.db");
}

static al_code take_index(void *ctx, sqlite3_stmt *s, al_err *err)
{
    const reading *rd = ctx;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    text_fields t = {.arena = arena};
    if (!arena)
        return al_fail(err, AL_NOMEM, "read catalog.db");
    cat_index idx = {
        .intervals = (uint32_t)sqlite3_column_int64(s, 1),
        .max_bytes = (uint64_t)sqlite3_column_int64(s, 2),
        .queue_name = cat_sql_bytes(s, 3),
        .exchange = cat_sql_bytes(s, 4),
        .routing_key = cat_sql_bytes(s, 5),
        .durable = sqlite3_column_int(s, 6) != 0,
        .num_processes = (uint32_t)sqlite3_column_int64(s, 7),
        .timestamp_zone = cat_sql_bytes(s, 8),
        .engine = cat_sql_bytes(s, 9),
    };
    (void)snprintf(idx.name, sizeof idx.name, "%.*s", AL_ARG(cat_sql_bytes(s, 0)));
    const cat_value name = cat_text(idx.name);
    al_code c =
        cat_sql_each(rd->db, "SELECT field FROM text_fields WHERE index_name=? ORDER BY position",
                     &name, 1, take_text_field, &t, err);
    idx.text_fields = t.names;
    idx.n_text_fields = t.n;
    if (!c && cat_index_check(&idx, err))
        c = al_fail(err, AL_CORRUPT, "catalog.db: index '%s' has impossible settings", idx.name);
    return c ? c : rd->on_index(rd->ctx, &idx, err);
}

static al_code take_field(void *ctx, sqlite3_stmt *s, al_err *err)
{
    const reading *rd = ctx;
    char index[CAT_INDEX_NAME_MAX + 1];
    cat_field f = {
        .name = cat_sql_bytes(s, 1),
        .filtered = sqlite3_column_int(s, 2) != 0,
        .display = sqlite3_column_int(s, 3) != 0,
        .excluded = sqlite3_column_int(s, 4) != 0,
        .context = sqlite3_column_int(s, 5) != 0,
        .indexed = sqlite3_column_int(s, 6) != 0,
    };
    (void)snprintf(index, sizeof index, "%.*s", AL_ARG(cat_sql_bytes(s, 0)));
    return rd->on_field(rd->ctx, index, &f, err);
}

al_code cat_db_read(cat_db *db, cat_db_index_fn *on_index, cat_db_field_fn *on_field, void *ctx,
                    al_err *err)
{
    reading rd = {.db = db, .on_index = on_index, .on_field = on_field, .ctx = ctx};
    al_code c = cat_sql_each(db,
                             "SELECT name, intervals, max_bytes, queue_name, exchange, routing_key,"
                             " durable, num_processes, timestamp_zone, engine FROM indexes"
                             " ORDER BY name",
                             NULL, 0, take_index, &rd, err);
    return c ? c
             : cat_sql_each(db,
                            "SELECT index_name, name, filtered, display, excluded, context, indexed"
                            " FROM fields ORDER BY index_name, name",
                            NULL, 0, take_field, &rd, err);
}

static al_code delete_of(cat_db *db, const char *text, const char *index, al_err *err)
{
    const cat_value name = cat_text(index);
    return cat_sql_do(db, text, &name, 1, err);
}

static al_code put_settings(cat_db *db, const cat_index *idx, al_err *err)
{
    const cat_value row[] = {
        cat_text(idx->name),
        cat_number(idx->intervals),
        cat_number((int64_t)idx->max_bytes),
        cat_blob(idx->queue_name),
        cat_blob(idx->exchange),
        cat_blob(idx->routing_key),
        cat_number(idx->durable),
        cat_number(idx->num_processes),
        cat_blob(idx->timestamp_zone),
        cat_blob(idx->engine),
    };
    return cat_sql_do(db, "INSERT OR REPLACE INTO indexes VALUES(?,?,?,?,?,?,?,?,?,?)", row,
                      AL_COUNT(row), err);
}

static al_code put_text_field(cat_db *db, const cat_index *idx, size_t i, al_err *err)
{
    const cat_value row[] = {cat_text(idx->name), cat_number((int64_t)i),
                             cat_blob(idx->text_fields[i])};
    return cat_sql_do(db, "INSERT INTO text_fields VALUES(?,?,?)", row, AL_COUNT(row), err);
}

al_code cat_db_end(cat_db *db, al_code c, al_err *err)
{
    if (!c)
        c = cat_db_commit(db, err);
    if (c)
        cat_db_rollback(db);
    return c;
}

/* Inside a transaction. */
static al_code put_whole_index(cat_db *db, const cat_index *idx, al_err *err)
{
    al_code c = put_settings(db, idx, err);
    if (!c)
        c = delete_of(db, "DELETE FROM text_fields WHERE index_name=?", idx->name, err);
    for (size_t i = 0; !c && i < idx->n_text_fields; i++)
        c = put_text_field(db, idx, i, err);
    return c;
}

al_code cat_db_put_index(cat_db *db, const cat_index *idx, al_err *err)
{
    al_code c = cat_db_begin(db, err);
    return c ? c : cat_db_end(db, put_whole_index(db, idx, err), err);
}

al_code cat_db_drop_index(cat_db *db, const char *name, al_err *err)
{
    al_code c = cat_db_begin(db, err);
    if (c)
        return c;
    c = delete_of(db, "DELETE FROM indexes WHERE name=?", name, err);
    if (!c)
        c = delete_of(db, "DELETE FROM text_fields WHERE index_name=?", name, err);
    if (!c)
        c = delete_of(db, "DELETE FROM fields WHERE index_name=?", name, err);
    if (!c)
        c = delete_of(db, "DELETE FROM shortcuts WHERE index_name=?", name, err);
    if (!c)
        c = delete_of(db, "DELETE FROM index_numbers WHERE name=?", name, err);
    return cat_db_end(db, c, err);
}

static al_code take_note(void *ctx, sqlite3_stmt *s, al_err *err)
{
    const reading *rd = ctx;
    return rd->on_note(rd->ctx, cat_sql_bytes(s, 0), cat_sql_bytes(s, 1), err);
}

al_code cat_db_read_notes(cat_db *db, cat_db_note_fn *fn, void *ctx, al_err *err)
{
    reading rd = {.on_note = fn, .ctx = ctx};
    return cat_sql_each(db, "SELECT name, value FROM notes ORDER BY name", NULL, 0, take_note, &rd,
                        err);
}

al_code cat_db_put_note(cat_db *db, al_slice name, al_slice text, al_err *err)
{
    const cat_value row[] = {cat_blob(name), cat_blob(text)};
    return text.len ? cat_sql_do(db, "INSERT OR REPLACE INTO notes VALUES(?,?)", row, 2, err)
                    : cat_sql_do(db, "DELETE FROM notes WHERE name=?", row, 1, err);
}

al_code cat_db_begin(cat_db *db, al_err *err)
{
    return run(db, "BEGIN IMMEDIATE", err);
}

al_code cat_db_put_field(cat_db *db, const char *index, const cat_field *f, al_err *err)
{
    const cat_value row[] = {
        cat_text(index),        cat_blob(f->name),       cat_number(f->filtered),
        cat_number(f->display), cat_number(f->excluded), cat_number(f->context),
        cat_number(f->indexed),
    };
    return cat_sql_run(db, db->put_field, row, AL_COUNT(row), err);
}

al_code cat_db_commit(cat_db *db, al_err *err)
{
    return run(db, "COMMIT", err);
}

void cat_db_rollback(cat_db *db)
{
    (void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL); /* may have happened by itself */
}

al_code cat_db_tidy(cat_db *db, al_err *err)
{
    al_err of_log;
    al_code c =
        run(db, "PRAGMA incremental_vacuum", err); /* into the log, for which room may lack */
    al_code log = run(db, "PRAGMA wal_checkpoint(TRUNCATE)", c ? &of_log : err);
    return c ? c : log;
}
