/* A look at catalog.db that changes no byte: what its owner left is read as it lies there.
 * SQLite is told that the file does not change (immutable): it takes no lock and makes no file
 * beside it, but does not see what is still in catalog.db-wal either. So with a log there is no
 * answer. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "catalog/catalog.h"

enum { PATH_BYTES_MAX = 4096 };

static void finalizep(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s); /* repeats the last step's error, which was seen */
}

static void closep(sqlite3 **db)
{
    (void)sqlite3_close(*db);
}

static al_code fail_sql(sqlite3 *db, al_err *err)
{
    int r = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    al_code c = r == SQLITE_NOMEM                           ? AL_NOMEM
                : r == SQLITE_CORRUPT || r == SQLITE_NOTADB ? AL_CORRUPT
                                                            : AL_IO;
    return al_fail(err, c, "catalog.db: %s", db ? sqlite3_errmsg(db) : "no memory");
}

/* Is it there, and is nothing of it in a log? */
static al_code look_at_files(const char *dir, al_err *err)
{
    char path[PATH_BYTES_MAX];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/catalog.db-wal", dir);
    if (stat(path, &st) == 0 && st.st_size > 0)
        return al_fail(err, AL_AGAIN, "catalog.db-wal is not in catalog.db yet");
    (void)snprintf(path, sizeof path, "%s/catalog.db", dir);
    if (stat(path, &st) != 0 || st.st_size == 0)
        return al_fail(err, AL_NOT_FOUND, "there is no catalog.db in %.150s", dir);
    return AL_OK;
}

/* A file name as SQLite wants it in an address. */
static void put_escaped(al_buf *out, const char *path)
{
    for (const char *c = path; *c; c++)
        if (strchr("%?#", *c))
            al_buf_printf(out, "%%%02x", (unsigned)(unsigned char)*c);
        else
            al_buf_u8(out, (uint8_t)*c);
}

static al_code open_unchanged(const char *dir, sqlite3 **ret, al_err *err)
{
    al_buf uri;
    al_buf_init(&uri, (size_t)PATH_BYTES_MAX * 3);
    al_buf_str(&uri, "file:");
    put_escaped(&uri, dir);
    al_buf_str(&uri, "/catalog.db?immutable=1");
    al_buf_u8(&uri, '\0');
    al_code c = al_buf_code(&uri) ? al_fail(err, al_buf_code(&uri), "open catalog.db") : AL_OK;
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (!c && sqlite3_open_v2((const char *)uri.ptr, ret, flags, NULL) != SQLITE_OK)
        c = fail_sql(*ret, err);
    al_buf_done(&uri);
    return c;
}

/* Every page of it; SQLite's own words for the first thing it finds. */
static al_code check_pages(sqlite3 *db, al_err *err)
{
    AL_CLEANUP(finalizep) sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        return fail_sql(db, err);
    const char *said = (const char *)sqlite3_column_text(s, 0);
    if (!said || strcmp(said, "ok") != 0)
        return al_fail(err, AL_CORRUPT, "catalog.db: %.150s", said ? said : "no memory");
    return AL_OK;
}

static al_code read_names(sqlite3 *db, al_arena *arena, const char **names, size_t *ret_n,
                          al_err *err)
{
    AL_CLEANUP(finalizep) sqlite3_stmt *s = NULL;
    int r = sqlite3_prepare_v2(db, "SELECT name FROM indexes", -1, &s, NULL);
    size_t n = 0;
    while (r == SQLITE_OK && (r = sqlite3_step(s)) == SQLITE_ROW && n < CAT_INDEXES_MAX) {
        al_slice name = {sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0)};
        names[n] = (const char *)al_arena_copy(arena, name).ptr;
        if (!names[n++])
            return al_fail(err, AL_NOMEM, "read catalog.db");
        r = SQLITE_OK;
    }
    if (r != SQLITE_DONE)
        return fail_sql(db, err);
    *ret_n = n;
    return AL_OK;
}

al_code catalog_peek(const char *dir, al_arena *arena, const char ***ret, size_t *ret_n,
                     al_err *err)
{
    AL_CLEANUP(closep) sqlite3 *db = NULL;
    const char **names = al_arena_alloc(arena, CAT_INDEXES_MAX, sizeof *names);
    if (!names)
        return al_fail(err, AL_NOMEM, "read catalog.db");
    al_code c = strlen(dir) + sizeof "/catalog.db-wal" > PATH_BYTES_MAX
                    ? al_fail(err, AL_INVALID, "the name of the directory is too long")
                    : look_at_files(dir, err);
    if (!c)
        c = open_unchanged(dir, &db, err);
    if (!c)
        c = check_pages(db, err);
    if (!c)
        c = read_names(db, arena, names, ret_n, err);
    if (!c)
        *ret = names;
    return c;
}
