/* A copy of catalog.db while its owner writes to it. SQLite's backup API is of no use for that: the
 * owner keeps the file locked for itself, and its log without the shared memory that readers need
 * (cat_db.c). So both files are copied as they are, in an order that SQLite's own recovery mends.
 *
 * Why that is one moment: pages of catalog.db change only when they are moved there from the log
 * (catalog.db-wal), which has them until it begins anew; then its header, with random salts, is
 * another one. So: look at the header, copy the file, copy the log, look again. With the same
 * header each page that was moved, or was being moved, stands in the log's copy too; frames that
 * were being appended do not check out and count for nothing. While there is no log (empty both
 * times) the file's time of change must stay, too; a pause longer than the clock of files ticks
 * goes before, so that two changes never have the same time. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "catalog/catalog.h"

enum {
    PATH_BYTES_MAX = 4096,
    CHUNK_BYTES = 64 << 10,
    WAL_HEADER_BYTES = 32,
    TICK_MS = 25,
    TRIES_MAX = 400,
    DAMAGED_TRIES = 4, /* so often it did not check out: it is damaged, not just being made */
};

static void closep(sqlite3 **db)
{
    (void)sqlite3_close(*db); /* what was committed is in the file */
}

static void finalizep(sqlite3_stmt **s)
{
    (void)sqlite3_finalize(*s); /* repeats the last step's error, which was seen */
}

static int open_in(int dir, const char *name, int flags)
{
    return openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
}

/* ---- What tells one moment from another */

typedef struct stamp {
    uint8_t wal[WAL_HEADER_BYTES]; /* zeros: there is no log */
    bool has_wal;
    ino_t file;
    off_t bytes;
    struct timespec changed;
} stamp;

/* AL_NOT_FOUND: no catalog.db. */
static al_code take_stamp(int dir, stamp *ret, al_err *err)
{
    struct stat st;
    stamp s = {0};
    if (fstatat(dir, "catalog.db", &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? al_fail(err, AL_NOT_FOUND, "there is no catalog.db")
                               : al_fail_errno(err, "catalog.db");
    if (!S_ISREG(st.st_mode))
        return al_fail(err, AL_CORRUPT, "catalog.db: it is no file");
    s.file = st.st_ino;
    s.bytes = st.st_size;
    s.changed = st.st_mtim;
    AL_CLEANUP(al_closep) int wal = open_in(dir, "catalog.db-wal", O_RDONLY);
    if (wal < 0 && errno != ENOENT)
        return al_fail_errno(err, "catalog.db-wal");
    s.has_wal = wal >= 0 && pread(wal, s.wal, sizeof s.wal, 0) == (ssize_t)sizeof s.wal;
    *ret = s;
    return AL_OK;
}

static bool is_same_moment(const stamp *a, const stamp *b)
{
    if (a->file != b->file || a->has_wal != b->has_wal)
        return false;
    if (a->has_wal)
        return memcmp(a->wal, b->wal, sizeof a->wal) == 0;
    return a->bytes == b->bytes && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static void pause_for_a_tick(void)
{
    struct timespec t = {.tv_nsec = TICK_MS * 1000000L};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

/* ---- Copying */

static al_code copy_bytes(int from, int to, const char *name, al_err *err)
{
    uint8_t bytes[CHUNK_BYTES];
    for (off_t at = 0;;) {
        ssize_t n = pread(from, bytes, sizeof bytes, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return al_fail_errno(err, "read %s", name);
        if (n == 0)
            return AL_OK;
        for (ssize_t put = 0, k = 0; put < n; put += k)
            if ((k = pwrite(to, bytes + put, (size_t)(n - put), at + put)) < 0) {
                if (errno != EINTR)
                    return al_fail_errno(err, "write a copy of %s", name);
                k = 0;
            }
        at += n;
    }
}

static al_code copy_file(int from_dir, int to_dir, const char *name, al_err *err)
{
    AL_CLEANUP(al_closep) int from = open_in(from_dir, name, O_RDONLY);
    if (from < 0)
        return errno == ENOENT ? AL_OK : al_fail_errno(err, "%s", name);
    AL_CLEANUP(al_closep) int to = open_in(to_dir, name, O_WRONLY | O_CREAT | O_EXCL);
    if (to < 0)
        return al_fail_errno(err, "make a copy of %s", name);
    return copy_bytes(from, to, name, err);
}

static al_code remove_copy(int dir, al_err *err)
{
    static const char *const names[] = {"catalog.db", "catalog.db-wal", "catalog.db-shm",
                                        "catalog.db-journal"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (unlinkat(dir, names[i], 0) != 0 && errno != ENOENT)
            return al_fail_errno(err, "remove an older copy of %s", names[i]);
    return AL_OK;
}

/* AL_AGAIN: it changed meanwhile. */
static al_code copy_both(int from, int to, al_err *err)
{
    stamp before = {0};
    stamp still = {0};
    stamp after = {0};
    al_code c = take_stamp(from, &before, err);
    if (c)
        return c;
    pause_for_a_tick();
    c = take_stamp(from, &still, err);
    if (!c && !is_same_moment(&before, &still))
        return AL_AGAIN;
    if (!c)
        c = remove_copy(to, err);
    if (!c)
        c = copy_file(from, to, "catalog.db", err);
    if (!c)
        c = copy_file(from, to, "catalog.db-wal", err);
    if (!c)
        c = take_stamp(from, &after, err);
    return c ? c : is_same_moment(&still, &after) ? AL_OK : AL_AGAIN;
}

/* ---- One file of two */

static al_code fail_sql(sqlite3 *db, al_err *err)
{
    int r = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    al_code c = r == SQLITE_NOMEM                           ? AL_NOMEM
                : r == SQLITE_CORRUPT || r == SQLITE_NOTADB ? AL_CORRUPT
                                                            : AL_IO;
    al_code told = al_fail(err, c, "catalog.db: %s", db ? sqlite3_errmsg(db) : "no memory");
    if (c == AL_IO && err && r == SQLITE_FULL)
        err->sys_errno = ENOSPC;
    return told;
}

/* The first column of the first row is this text. */
static al_code expect(sqlite3 *db, const char *sql, const char *text, al_err *err)
{
    AL_CLEANUP(finalizep) sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        return fail_sql(db, err);
    const char *said = (const char *)sqlite3_column_text(s, 0);
    if (!said || strcmp(said, text) != 0)
        return al_fail(err, AL_CORRUPT, "catalog.db: %.150s", said ? said : "no memory");
    return AL_OK;
}

/* Its log moves into it when the last connection is closed. */
static al_code settle(const char *path, al_err *err)
{
    AL_CLEANUP(closep) sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
        return fail_sql(db, err);
    al_code c = expect(db, "PRAGMA locking_mode=EXCLUSIVE", "exclusive", err);
    if (!c)
        c = expect(db, "PRAGMA quick_check(1)", "ok", err);
    return c ? c : expect(db, "PRAGMA wal_checkpoint(TRUNCATE)", "0", err);
}

static al_code sync_copy(int dir, al_err *err)
{
    AL_CLEANUP(al_closep) int fd = open_in(dir, "catalog.db", O_RDONLY);
    if (fd < 0 || fsync(fd) != 0 || fsync(dir) != 0)
        return al_fail_errno(err, "sync the copy of catalog.db");
    return AL_OK;
}

static al_code copy_once(int from, int to, const char *path, al_err *err)
{
    al_code c = copy_both(from, to, err);
    if (!c)
        c = settle(path, err);
    return c ? c : sync_copy(to, err);
}

static al_code open_dir(const char *path, int *ret, al_err *err)
{
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? al_fail_errno(err, "%s", path) : AL_OK;
}

al_code catalog_copy(const char *from, const char *to, al_err *err)
{
    char path[PATH_BYTES_MAX];
    AL_CLEANUP(al_closep) int from_dir = -1;
    AL_CLEANUP(al_closep) int to_dir = -1;
    int n = snprintf(path, sizeof path, "%s/catalog.db", to);
    if (n < 0 || (size_t)n >= sizeof path)
        return al_fail(err, AL_INVALID, "directory name of %zu bytes is too long", strlen(to));
    al_code c = open_dir(from, &from_dir, err);
    if (!c)
        c = open_dir(to, &to_dir, err);
    int n_damaged = 0;
    for (int i = 0; !c && i < TRIES_MAX; i++) {
        c = copy_once(from_dir, to_dir, path, err);
        n_damaged += c == AL_CORRUPT;
        if (c == AL_AGAIN || (c == AL_CORRUPT && n_damaged < DAMAGED_TRIES))
            c = AL_OK;
        else
            return c;
    }
    return c ? c : al_fail(err, AL_AGAIN, "catalog.db never held still in %d tries", TRIES_MAX);
}
