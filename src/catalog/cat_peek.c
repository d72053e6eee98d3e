/* A look at catalog.db that changes no byte of its directory: it is copied with its log
 * (catalog.db-wal), and the copy opened as an owner would, so that the look refuses what a start
 * refuses. To read it in place would not do: without its log SQLite sees old settings, and with it
 * SQLite writes. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "catalog/cat_users.h"

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

static const char *const files[] = {"catalog.db", "catalog.db-wal"};
enum { FILES = sizeof files / sizeof files[0] };

typedef struct copy { /* removed with its scope */
    char dir[PATH_BYTES_MAX / 2];
} copy;

static void path_of(char ret[PATH_BYTES_MAX], const char *dir, const char *name)
{
    (void)snprintf(ret, PATH_BYTES_MAX, "%s/%s", dir, name);
}

static void copy_removep(copy *c)
{
    static const char *const made[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm",
                                       "catalog.db-journal"};
    char path[PATH_BYTES_MAX];
    if (!c->dir[0])
        return;
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        path_of(path, c->dir, made[i]);
        (void)unlink(path);
    }
    (void)rmdir(c->dir);
}

static al_code make_dir(copy *c, al_err *err)
{
    const char *tmp = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    int n = snprintf(c->dir, sizeof c->dir, "%s/alco-look-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (n > 0 && (size_t)n < sizeof c->dir && mkdtemp(c->dir))
        return AL_OK;
    c->dir[0] = '\0';
    return al_fail_errno(err, "make a directory for a copy of catalog.db");
}

/* *ret_bytes 0: it is empty or not there. */
static al_code copy_file(const char *dir, const char *name, const copy *c, int64_t *ret_bytes,
                         al_err *err)
{
    char path[PATH_BYTES_MAX];
    struct stat st;
    AL_CLEANUP(al_closep) int from = -1;
    AL_CLEANUP(al_closep) int to = -1;
    path_of(path, dir, name);
    *ret_bytes = 0;
    if (lstat(path, &st) != 0 && errno == ENOENT)
        return AL_OK;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return al_fail(err, AL_CORRUPT, "%s: it is no file", name);
    from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return al_fail_errno(err, "%s", name);
    path_of(path, c->dir, name);
    to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return al_fail_errno(err, "a copy of %s", name);
    for (ssize_t n = 1; n > 0; *ret_bytes += n > 0 ? n : 0)
        if ((n = sendfile(to, from, NULL, 1 << 20)) < 0)
            return al_fail_errno(err, "copy %s", name);
    return AL_OK;
}

/* AL_NOT_FOUND: there is neither, or both are empty. */
static al_code make_copy(const char *dir, copy *c, al_err *err)
{
    int64_t sum = 0;
    al_code code = make_dir(c, err);
    for (size_t i = 0; !code && i < FILES; i++) {
        int64_t bytes = 0;
        code = copy_file(dir, files[i], c, &bytes, err);
        sum += bytes;
    }
    if (!code && sum == 0)
        return al_fail(err, AL_NOT_FOUND, "there is no catalog.db in %.150s", dir);
    return code;
}

/* What an owner would say to it. While there are users, one is an admin (cat_users.h). */
static al_code try_open(const copy *c, bool *ret_has_users, al_err *err)
{
    catalog *cat = NULL;
    al_code code = catalog_open(c->dir, &cat, err);
    if (!code)
        *ret_has_users = cat_users_exist(catalog_users(cat));
    (void)catalog_close(cat);
    if (code == AL_NOMEM || code == AL_OK)
        return code;
    if (strncmp(err->msg, "catalog.db", strlen("catalog.db")) != 0)
        (void)al_wrap(err, "catalog.db");
    err->code = AL_CORRUPT;
    return AL_CORRUPT;
}

static al_code open_copy(const copy *c, sqlite3 **ret, al_err *err)
{
    char path[PATH_BYTES_MAX];
    path_of(path, c->dir, "catalog.db");
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    return sqlite3_open_v2(path, ret, flags, NULL) == SQLITE_OK ? AL_OK : fail_sql(*ret, err);
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

static al_code copy_dir(const char *dir, copy *c, al_err *err)
{
    if (strlen(dir) + sizeof "/catalog.db-wal" > PATH_BYTES_MAX)
        return al_fail(err, AL_INVALID, "the name of the directory is too long");
    return make_copy(dir, c, err);
}

al_code catalog_peek_admin(const char *dir, bool *ret, al_err *err)
{
    AL_CLEANUP(copy_removep) copy at = {0};
    bool has_users = false;
    al_code c = copy_dir(dir, &at, err);
    if (!c)
        c = try_open(&at, &has_users, err);
    if (c && c != AL_NOT_FOUND)
        return c;
    *ret = has_users;
    return AL_OK;
}

al_code catalog_peek(const char *dir, al_arena *arena, const char ***ret, size_t *ret_n,
                     al_err *err)
{
    AL_CLEANUP(copy_removep) copy at = {0};
    AL_CLEANUP(closep) sqlite3 *db = NULL;
    bool has_users = false;
    const char **names = al_arena_alloc(arena, CAT_INDEXES_MAX, sizeof *names);
    if (!names)
        return al_fail(err, AL_NOMEM, "read catalog.db");
    al_code c = copy_dir(dir, &at, err);
    if (!c)
        c = try_open(&at, &has_users, err);
    if (!c)
        c = open_copy(&at, &db, err);
    if (!c)
        c = check_pages(db, err);
    if (!c)
        c = read_names(db, arena, names, ret_n, err);
    if (!c)
        *ret = names;
    return c;
}
