/* The catalogue's SQLite file.
 * Shape: tables, all STRICT; names of fields are blobs because they may be any bytes. Each version
 * of the schema added tables: a file of an older one gets those that it lacks when it is opened;
 * the .c files that use them run their own statements (cat_sql.h).
 * Journal mode WAL with synchronous=FULL: a commit is on disk when it returns. locking_mode
 * EXCLUSIVE keeps a second process out and needs no shared memory file. */
#include "catalog/cat_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

al_code cat_sql_fail(cat_db *db, const char *what, al_err *err)
{
    int r = sqlite3_errcode(db->sql);
    al_code c = AL_IO;
    if (r == SQLITE_CORRUPT || r == SQLITE_NOTADB)
        c = AL_CORRUPT;
    else if (r == SQLITE_NOMEM)
        c = AL_NOMEM;
    else if (r == SQLITE_BUSY || r == SQLITE_LOCKED)
        return al_fail(err, AL_AGAIN, "catalog.db is in use by another process");
    (void)al_fail(err, c, "catalog.db: %s: %s", what, sqlite3_errmsg(db->sql));
    if (err && c == AL_IO) /* SQLite has its own code for a full disk */
        err->sys_errno = r == SQLITE_FULL ? ENOSPC : sqlite3_system_errno(db->sql);
    return c;
}

static al_code run(cat_db *db, const char *text, al_err *err)
{
    if (sqlite3_exec(db->sql, text, NULL, NULL, NULL) != SQLITE_OK)
        return cat_sql_fail(db, "statement", err);
    return AL_OK;
}

al_code cat_sql_prepare(cat_db *db, const char *text, sqlite3_stmt **ret, al_err *err)
{
    if (sqlite3_prepare_v3(db->sql, text, -1, 0, ret, NULL) != SQLITE_OK)
        return cat_sql_fail(db, "prepare", err);
    return AL_OK;
}

void cat_sql_finalizep(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s); /* repeats the last step's error, which was seen */
}

static al_code read_pragma(cat_db *db, const char *text, int64_t *ret, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, text, &s, err);
    if (c)
        return c;
    if (sqlite3_step(s) != SQLITE_ROW)
        return cat_sql_fail(db, "read version", err);
    *ret = sqlite3_column_int64(s, 0);
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
    al_code c = read_pragma(db, "PRAGMA user_version", &version, err);
    if (!c)
        c = read_pragma(db, "PRAGMA application_id", &id, err);
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
                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
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
    cat_sql_finalizep(&db->put_field);
    (void)sqlite3_close(db->sql); /* what was committed is on disk */
    free(db);
    return NULL;
}

al_slice cat_sql_column(sqlite3_stmt *s, int i)
{
    const void *p = sqlite3_column_blob(s, i);
    return (al_slice){p, (size_t)sqlite3_column_bytes(s, i)};
}

static al_code read_text_fields(cat_db *db, const char *index, al_slice *names, size_t *ret_n,
                                al_arena *arena, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(
        db, "SELECT field FROM text_fields WHERE index_name=? ORDER BY position", &s, err);
    if (c)
        return c;
    (void)sqlite3_bind_text(s, 1, index, -1, SQLITE_STATIC);
    size_t n = 0;
    int r = 0;
    while ((r = sqlite3_step(s)) == SQLITE_ROW && n < CAT_TEXT_FIELDS_MAX) {
        names[n] = al_arena_copy(arena, cat_sql_column(s, 0));
        if (!names[n++].ptr)
            return al_fail(err, AL_NOMEM, "read catalog.db");
    }
    if (r != SQLITE_DONE && r != SQLITE_ROW)
        return cat_sql_fail(db, "read text fields", err);
    *ret_n = n;
    return AL_OK;
}

static al_code read_index(cat_db *db, sqlite3_stmt *s, cat_db_index_fn *fn, void *ctx, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    al_slice names[CAT_TEXT_FIELDS_MAX];
    if (!arena)
        return al_fail(err, AL_NOMEM, "read catalog.db");
    cat_index idx = {
        .intervals = (uint32_t)sqlite3_column_int64(s, 1),
        .max_bytes = (uint64_t)sqlite3_column_int64(s, 2),
        .queue_name = cat_sql_column(s, 3),
        .exchange = cat_sql_column(s, 4),
        .routing_key = cat_sql_column(s, 5),
        .durable = sqlite3_column_int(s, 6) != 0,
        .num_processes = (uint32_t)sqlite3_column_int64(s, 7),
        .timestamp_zone = cat_sql_column(s, 8),
        .engine = cat_sql_column(s, 9),
        .text_fields = names,
    };
    (void)snprintf(idx.name, sizeof idx.name, "%.*s", AL_ARG(cat_sql_column(s, 0)));
    al_code c = read_text_fields(db, idx.name, names, &idx.n_text_fields, arena, err);
    if (!c && cat_index_check(&idx, err))
        c = al_fail(err, AL_CORRUPT, "catalog.db: index '%s' has impossible settings", idx.name);
    return c ? c : fn(ctx, &idx, err);
}

static al_code read_fields(cat_db *db, cat_db_field_fn *fn, void *ctx, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c =
        cat_sql_prepare(db,
                        "SELECT index_name, name, filtered, display, excluded, context, indexed"
                        " FROM fields ORDER BY index_name, name",
                        &s, err);
    int r = SQLITE_DONE;
    while (!c && (r = sqlite3_step(s)) == SQLITE_ROW) {
        cat_field f = {
            .name = cat_sql_column(s, 1),
            .filtered = sqlite3_column_int(s, 2) != 0,
            .display = sqlite3_column_int(s, 3) != 0,
            .excluded = sqlite3_column_int(s, 4) != 0,
            .context = sqlite3_column_int(s, 5) != 0,
            .indexed = sqlite3_column_int(s, 6) != 0,
        };
        char index[CAT_INDEX_NAME_MAX + 1];
        (void)snprintf(index, sizeof index, "%.*s", AL_ARG(cat_sql_column(s, 0)));
        c = fn(ctx, index, &f, err);
    }
    if (!c && r != SQLITE_DONE)
        c = cat_sql_fail(db, "read fields", err);
    return c;
}

al_code cat_db_read(cat_db *db, cat_db_index_fn *on_index, cat_db_field_fn *on_field, void *ctx,
                    al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c =
        cat_sql_prepare(db,
                        "SELECT name, intervals, max_bytes, queue_name, exchange, routing_key,"
                        " durable, num_processes, timestamp_zone, engine FROM indexes"
                        " ORDER BY name",
                        &s, err);
    int r = SQLITE_DONE;
    while (!c && (r = sqlite3_step(s)) == SQLITE_ROW)
        c = read_index(db, s, on_index, ctx, err);
    if (!c && r != SQLITE_DONE)
        c = cat_sql_fail(db, "read indexes", err);
    return c ? c : read_fields(db, on_field, ctx, err);
}

void cat_sql_bind(sqlite3_stmt *s, int i, al_slice v)
{
    /* A NULL pointer would bind NULL, where an empty blob is meant. */
    (void)sqlite3_bind_blob64(s, i, v.ptr ? (const void *)v.ptr : "", v.len, SQLITE_STATIC);
}

al_code cat_sql_finish(cat_db *db, sqlite3_stmt *s, const char *what, al_err *err)
{
    int r = sqlite3_step(s);
    return r == SQLITE_DONE ? AL_OK : cat_sql_fail(db, what, err);
}

int cat_sql_changes(cat_db *db)
{
    return sqlite3_changes(db->sql);
}

static al_code delete_of(cat_db *db, const char *text, const char *index, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, text, &s, err);
    if (c)
        return c;
    (void)sqlite3_bind_text(s, 1, index, -1, SQLITE_STATIC);
    return cat_sql_finish(db, s, "delete", err);
}

static al_code put_settings(cat_db *db, const cat_index *idx, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c =
        cat_sql_prepare(db, "INSERT OR REPLACE INTO indexes VALUES(?,?,?,?,?,?,?,?,?,?)", &s, err);
    if (c)
        return c;
    (void)sqlite3_bind_text(s, 1, idx->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 2, idx->intervals);
    (void)sqlite3_bind_int64(s, 3, (int64_t)idx->max_bytes);
    cat_sql_bind(s, 4, idx->queue_name);
    cat_sql_bind(s, 5, idx->exchange);
    cat_sql_bind(s, 6, idx->routing_key);
    (void)sqlite3_bind_int(s, 7, idx->durable);
    (void)sqlite3_bind_int64(s, 8, idx->num_processes);
    cat_sql_bind(s, 9, idx->timestamp_zone);
    cat_sql_bind(s, 10, idx->engine);
    return cat_sql_finish(db, s, "write index", err);
}

static al_code put_text_field(cat_db *db, const cat_index *idx, size_t i, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, "INSERT INTO text_fields VALUES(?,?,?)", &s, err);
    if (c)
        return c;
    (void)sqlite3_bind_text(s, 1, idx->name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(s, 2, (int64_t)i);
    cat_sql_bind(s, 3, idx->text_fields[i]);
    return cat_sql_finish(db, s, "write text field", err);
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

al_code cat_db_read_notes(cat_db *db, cat_db_note_fn *fn, void *ctx, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, "SELECT name, value FROM notes ORDER BY name", &s, err);
    int r = SQLITE_DONE;
    while (!c && (r = sqlite3_step(s)) == SQLITE_ROW)
        c = fn(ctx, cat_sql_column(s, 0), cat_sql_column(s, 1), err);
    return !c && r != SQLITE_DONE ? cat_sql_fail(db, "read notes", err) : c;
}

al_code cat_db_put_note(cat_db *db, al_slice name, al_slice text, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db,
                                text.len ? "INSERT OR REPLACE INTO notes VALUES(?,?)"
                                         : "DELETE FROM notes WHERE name=?",
                                &s, err);
    if (c)
        return c;
    cat_sql_bind(s, 1, name);
    if (text.len)
        cat_sql_bind(s, 2, text);
    return cat_sql_finish(db, s, "write note", err);
}

al_code cat_db_begin(cat_db *db, al_err *err)
{
    return run(db, "BEGIN IMMEDIATE", err);
}

al_code cat_db_put_field(cat_db *db, const char *index, const cat_field *f, al_err *err)
{
    sqlite3_stmt *s = db->put_field;
    (void)sqlite3_bind_text(s, 1, index, -1, SQLITE_STATIC);
    cat_sql_bind(s, 2, f->name);
    (void)sqlite3_bind_int(s, 3, f->filtered);
    (void)sqlite3_bind_int(s, 4, f->display);
    (void)sqlite3_bind_int(s, 5, f->excluded);
    (void)sqlite3_bind_int(s, 6, f->context);
    (void)sqlite3_bind_int(s, 7, f->indexed);
    al_code c = cat_sql_finish(db, s, "write field", err);
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s); /* the slices end with this call */
    return c;
}

al_code cat_db_commit(cat_db *db, al_err *err)
{
    return run(db, "COMMIT", err);
}

void cat_db_rollback(cat_db *db)
{
    (void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL); /* may have happened by itself */
}

int64_t cat_row_number(const cat_row *row, int i)
{
    return sqlite3_column_int64((sqlite3_stmt *)(uintptr_t)row, i);
}

al_slice cat_row_bytes(const cat_row *row, int i)
{
    return cat_sql_column((sqlite3_stmt *)(uintptr_t)row, i);
}

al_code cat_db_select(cat_db *db, const char *sql, cat_db_row_fn *fn, void *ctx, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, sql, &s, err);
    int r = SQLITE_DONE;
    while (!c && (r = sqlite3_step(s)) == SQLITE_ROW)
        c = fn(ctx, (const cat_row *)s, err);
    return !c && r != SQLITE_DONE ? cat_sql_fail(db, "read", err) : c;
}

al_code cat_db_do(cat_db *db, const char *sql, const cat_value *values, size_t n, al_err *err)
{
    AL_CLEANUP(cat_sql_finalizep) sqlite3_stmt *s = NULL;
    al_code c = cat_sql_prepare(db, sql, &s, err);
    if (c)
        return c;
    for (size_t i = 0; i < n; i++) {
        const cat_value *v = &values[i];
        if (v->kind == CAT_NUMBER)
            (void)sqlite3_bind_int64(s, (int)i + 1, v->number);
        else if (v->kind == CAT_TEXT)
            (void)sqlite3_bind_text64(s, (int)i + 1, v->bytes.ptr ? (const char *)v->bytes.ptr : "",
                                      v->bytes.len, SQLITE_STATIC, SQLITE_UTF8);
        else
            cat_sql_bind(s, (int)i + 1, v->bytes);
    }
    return cat_sql_finish(db, s, "write", err);
}

al_code cat_db_truncate_log(cat_db *db, al_err *err)
{
    return run(db, "PRAGMA wal_checkpoint(TRUNCATE)", err);
}
