/* A directory that is there as a whole or not at all.
 * Invariants: (1) NAME.partial is removed only when it holds the mark, or the file that the mark
 * became, or nothing: else it is somebody's; and only while we hold its lock; (2) NAME appears by
 * one rename, after everything in it was synced. */
#include "cli/new_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

enum { TREE_FDS = 16, DIR_MODE = 0750 };

/* ---- Where it is to be */

static al_code check_empty(const char *path, al_err *err)
{
    int fd = -1;
    al_code c = al_dir_open(path, false, &fd, err);
    if (c)
        return c;
    DIR *d = fdopendir(fd);
    if (!d) {
        (void)close(fd);
        return al_fail_errno(err, "%s", path);
    }
    struct dirent *e = NULL;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): this stream is ours alone */
    while ((e = readdir(d)) && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)) {
    }
    c = e ? al_fail(err, AL_EXISTS,
                    "%.120s is not empty (%.60s): expected a directory that is empty or not there",
                    path, e->d_name)
          : AL_OK;
    (void)closedir(d); /* read only */
    return c;
}

/* An empty directory will be replaced, which its file system must allow: it is no mount point. */
static al_code check_place(const char *path, const struct stat *parent, al_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? AL_OK : al_fail_errno(err, "%s", path);
    if (!S_ISDIR(st.st_mode))
        return al_fail(err, AL_EXISTS,
                       "%.150s is no directory: expected one that is empty or not there", path);
    al_code c = check_empty(path, err);
    if (!c && st.st_dev != parent->st_dev)
        c = al_fail(err, AL_INVALID,
                    "%.150s is a mount point: expected a name in it, such as %.40s/alco", path,
                    path);
    return c;
}

static al_code set_paths(new_dir *d, const char *path, char *parent, size_t cap, al_err *err)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n + sizeof ".partial" > sizeof d->path)
        return al_fail(err, AL_INVALID, "the name of a directory has %zu bytes: expected 1 to %zu",
                       n, sizeof d->path - sizeof ".partial");
    (void)snprintf(d->path, sizeof d->path, "%.*s", (int)n, path);
    const char *slash = strrchr(d->path, '/');
    const char *last = slash ? slash + 1 : d->path;
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return al_fail(err, AL_INVALID, "'%.150s': expected the name of a directory to be made",
                       d->path);
    (void)snprintf(d->partial, sizeof d->partial, "%.*s.partial", (int)n, path);
    size_t len = slash ? (size_t)(slash - d->path) : 0;
    (void)snprintf(parent, cap, "%.*s", slash ? (int)(len ? len : 1) : 1, slash ? d->path : ".");
    return AL_OK;
}

/* ---- What a killed process left */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    if (at->level == 0)
        return 0; /* it is locked, and used again */
    return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static bool has_file(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static al_code clear_partial(const new_dir *d, al_err *err)
{
    al_err ignored;
    if (check_empty(d->partial, &ignored) == AL_OK)
        return AL_OK;
    if (!has_file(d->fd, NEW_DIR_MARK) && !has_file(d->fd, "backup"))
        return al_fail(err, AL_EXISTS,
                       "%.150s is in the way and not of an unfinished run: move it away",
                       d->partial);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread, as below */
    if (nftw(d->partial, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS) != 0)
        return al_fail_errno(err, "remove what an unfinished run left in %.120s", d->partial);
    return AL_OK;
}

static al_code take_partial(new_dir *d, al_err *err)
{
    if (mkdir(d->partial, DIR_MODE) != 0 && errno != EEXIST)
        return al_fail_errno(err, "make %.150s", d->partial);
    d->fd = open(d->partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (d->fd < 0)
        return al_fail_errno(err, "%.150s", d->partial);
    if (flock(d->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? al_fail(err, AL_EXISTS, "another process is making %.150s", d->path)
                   : al_fail_errno(err, "lock %.150s", d->partial);
    return clear_partial(d, err);
}

static al_code make_mark(new_dir *d, al_err *err)
{
    int fd = openat(d->fd, NEW_DIR_MARK, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return al_fail_errno(err, "make %.150s", d->partial);
    (void)close(fd); /* empty */
    d->is_made = true;
    return AL_OK;
}

al_code new_dir_begin(const char *path, new_dir *ret, al_err *err)
{
    char parent[sizeof ret->path];
    struct stat st;
    *ret = (new_dir){.parent = -1, .fd = -1};
    al_code c = set_paths(ret, path, parent, sizeof parent, err);
    if (!c)
        c = al_dir_open(parent, false, &ret->parent, err);
    if (!c && fstat(ret->parent, &st) != 0)
        c = al_fail_errno(err, "%s", parent);
    if (!c)
        c = check_place(ret->path, &st, err);
    if (!c)
        c = take_partial(ret, err);
    return c ? c : make_mark(ret, err);
}

/* ---- The end */

static al_code mark_to_file(const new_dir *d, const char *name, al_slice content, al_err *err)
{
    const al_io *io = al_io_posix();
    al_code c = al_write_file(io, d->fd, NEW_DIR_MARK, AL_OPEN_WRITE, content, err);
    if (!c)
        c = io->rename(io, d->fd, NEW_DIR_MARK, name, err);
    return c ? c : io->sync_dir(io, d->fd, err);
}

al_code new_dir_finish(new_dir *d, const char *name, al_slice content, al_err *err)
{
    const al_io *io = al_io_posix();
    al_code c = name ? mark_to_file(d, name, content, err) : io->sync_dir(io, d->fd, err);
    if (!c && rename(d->partial, d->path) != 0)
        c = al_fail_errno(err, "rename %.80s to %.80s", d->partial, d->path);
    if (c)
        return c;
    d->is_made = false;
    if (!name)
        (void)unlinkat(d->fd, NEW_DIR_MARK, 0); /* it means nothing there */
    c = io->sync_dir(io, d->fd, err);
    return c ? c : io->sync_dir(io, d->parent, err);
}

void new_dir_drop(new_dir *d)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    if (d->is_made && nftw(d->partial, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS) == 0)
        (void)rmdir(d->partial); /* else the next run does it */
    if (d->fd >= 0)
        (void)close(d->fd);
    if (d->parent >= 0)
        (void)close(d->parent);
    *d = (new_dir){.parent = -1, .fd = -1};
}
