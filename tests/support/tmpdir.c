/* Directories for tests: nftw for removal, plain recursion for copies. See tmpdir.h. */
#include "support/tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FTW_FDS = 16, COPY_BYTES = 64 * 1024 };

static void die(const char *what, const char *path)
{
    (void)fprintf(stderr, "tmpdir: %s %s: ", what, path);
    perror(NULL);
    abort();
}

void tmpdir_init(tmpdir *d, const char *tag)
{
    const char *base = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): tests set nothing */
    int n =
        snprintf(d->path, sizeof d->path, "%s/alco-%s-XXXXXX", base && *base ? base : "/tmp", tag);
    if (n < 0 || (size_t)n >= sizeof d->path || !mkdtemp(d->path))
        die("cannot make", d->path);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void tmpdir_remove_tree(const char *path)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): it does not change directory here */
    if (nftw(path, remove_one, FTW_FDS, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        die("cannot remove", path);
}

void tmpdir_done(tmpdir *d)
{
    if (d->path[0])
        tmpdir_remove_tree(d->path);
    d->path[0] = '\0';
}

static const char *join(const char *dir, const char *name, char *buf, size_t cap)
{
    int n = snprintf(buf, cap, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= cap)
        die("path is too long under", dir);
    return buf;
}

const char *tmpdir_join(const tmpdir *d, const char *name, char *buf, size_t cap)
{
    return join(d->path, name, buf, cap);
}

static void copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (in < 0 || out < 0)
        die("cannot copy", from);
    static _Thread_local char bytes[COPY_BYTES];
    for (;;) {
        ssize_t n = read(in, bytes, sizeof bytes);
        if (n < 0 || write(out, bytes, (size_t)n) != n)
            die("cannot copy", from);
        if (n == 0)
            break;
    }
    (void)close(in);
    (void)close(out);
}

void tmpdir_copy_tree(const char *from, const char *to)
{
    DIR *d = opendir(from);
    if (!d || mkdir(to, 0750) < 0)
        die("cannot copy", from);
    for (const struct dirent *e; (e = readdir(d));) { /* NOLINT(concurrency-mt-unsafe): ours */
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char a[PATH_MAX];
        char b[PATH_MAX];
        struct stat st;
        (void)join(from, e->d_name, a, sizeof a);
        (void)join(to, e->d_name, b, sizeof b);
        if (lstat(a, &st) < 0)
            die("cannot stat", a);
        if (S_ISDIR(st.st_mode))
            tmpdir_copy_tree(a, b);
        else
            copy_file(a, b);
    }
    (void)closedir(d);
}
