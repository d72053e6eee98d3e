/* The POSIX table behind io.h and the one way to replace a file.
 * Why a table: see io.h. Invariant: every function either does all of its work or fails. */
#include "base/io.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"

enum { FILE_MODE = 0640, DIR_MODE = 0750, IO_BYTES_MAX = 1 << 30 };

/* A FIFO would keep its reader waiting, a device answer anything: O_NONBLOCK, and then a look. */
static al_code check_regular(int fd, const char *name, al_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return al_fail_errno(err, "fstat of %s", name);
    return S_ISREG(st.st_mode)
               ? AL_OK
               : al_fail(err, AL_CORRUPT, "open %s: it is not a regular file", name);
}

static al_code posix_open(const al_io *io, int dir, const char *name, al_open_mode mode,
                          int *ret_fd, al_err *err)
{
    static const int flags[] = {
        [AL_OPEN_READ] = O_RDONLY,
        [AL_OPEN_WRITE] = O_RDWR,
        [AL_OPEN_CREATE] = O_RDWR | O_CREAT | O_EXCL,
    };
    (void)io;
    int fd;
    do
        fd = openat(dir, name, flags[mode] | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == ENOENT)
        return al_fail(err, AL_NOT_FOUND, "open %s: no such file", name);
    if (fd < 0 && errno == EEXIST)
        return al_fail(err, AL_EXISTS, "create %s: it exists", name);
    if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
        return al_fail(err, AL_CORRUPT, "open %s: it is not a regular file", name);
    if (fd < 0)
        return al_fail_errno(err, "open %s", name);
    al_code c = check_regular(fd, name, err);
    if (c) {
        (void)close(fd); /* nothing was written */
        return c;
    }
    *ret_fd = fd;
    return AL_OK;
}

static void posix_close(const al_io *io, int fd)
{
    (void)io;
    (void)close(fd); /* what had to be durable was synced before */
}

static al_code posix_read_at(const al_io *io, int fd, void *bytes, size_t n, uint64_t off,
                             al_err *err)
{
    (void)io;
    uint8_t *p = bytes;
    while (n) {
        ssize_t got = pread(fd, p, AL_MIN(n, (size_t)IO_BYTES_MAX), (off_t)off);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return al_fail_errno(err, "read %zu bytes at %llu", n, (unsigned long long)off);
        if (got == 0)
            return al_fail(err, AL_CORRUPT, "file ends at %llu, %zu bytes missing",
                           (unsigned long long)off, n);
        p += got;
        n -= (size_t)got;
        off += (uint64_t)got;
    }
    return AL_OK;
}

static al_code posix_write_at(const al_io *io, int fd, const void *bytes, size_t n, uint64_t off,
                              al_err *err)
{
    (void)io;
    const uint8_t *p = bytes;
    while (n) {
        ssize_t put = pwrite(fd, p, AL_MIN(n, (size_t)IO_BYTES_MAX), (off_t)off);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return al_fail_errno(err, "write %zu bytes at %llu", n, (unsigned long long)off);
        p += put;
        n -= (size_t)put;
        off += (uint64_t)put;
    }
    return AL_OK;
}

static al_code posix_sync(const al_io *io, int fd, al_err *err)
{
    (void)io;
    int r;
    do
        r = fdatasync(fd);
    while (r < 0 && errno == EINTR);
    return r < 0 ? al_fail_errno(err, "fdatasync") : AL_OK;
}

static al_code posix_sync_dir(const al_io *io, int dir, al_err *err)
{
    (void)io;
    int r;
    do
        r = fsync(dir);
    while (r < 0 && errno == EINTR);
    return r < 0 ? al_fail_errno(err, "fsync of the directory") : AL_OK;
}

static al_code posix_file_bytes(const al_io *io, int fd, uint64_t *ret_bytes, al_err *err)
{
    (void)io;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return al_fail_errno(err, "fstat");
    *ret_bytes = (uint64_t)st.st_size;
    return AL_OK;
}

static al_code posix_truncate(const al_io *io, int fd, uint64_t bytes, al_err *err)
{
    (void)io;
    int r;
    do
        r = ftruncate(fd, (off_t)bytes);
    while (r < 0 && errno == EINTR);
    return r < 0 ? al_fail_errno(err, "truncate to %llu", (unsigned long long)bytes) : AL_OK;
}

static al_code posix_rename(const al_io *io, int dir, const char *from, const char *to, al_err *err)
{
    (void)io;
    return renameat(dir, from, dir, to) < 0 ? al_fail_errno(err, "rename %s to %s", from, to)
                                            : AL_OK;
}

static al_code posix_link(const al_io *io, int from_dir, const char *from, int to_dir,
                          const char *to, al_err *err)
{
    (void)io;
    if (linkat(from_dir, from, to_dir, to, 0) == 0)
        return AL_OK;
    if (errno == ENOENT)
        return al_fail(err, AL_NOT_FOUND, "link %s: no such file", from);
    if (errno == EEXIST)
        return al_fail(err, AL_EXISTS, "link %s: %s exists", from, to);
    bool may_copy = errno == EXDEV || errno == EMLINK || errno == EPERM || errno == EOPNOTSUPP;
    al_code c = al_fail_errno(err, "link %s to %s", from, to);
    return may_copy ? AL_LIMIT : c;
}

static al_code posix_unlink(const al_io *io, int dir, const char *name, al_err *err)
{
    (void)io;
    if (unlinkat(dir, name, 0) == 0)
        return AL_OK;
    if (errno == ENOENT)
        return al_fail(err, AL_NOT_FOUND, "unlink %s: no such file", name);
    return al_fail_errno(err, "unlink %s", name);
}

static al_code posix_open_dir(const al_io *io, int parent, const char *name, bool create,
                              int *ret_fd, al_err *err)
{
    (void)io;
    if (create && mkdirat(parent, name, DIR_MODE) < 0 && errno != EEXIST)
        return al_fail_errno(err, "make directory %s", name);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return al_fail(err, AL_NOT_FOUND, "open directory %s: it does not exist", name);
    if (fd < 0)
        return al_fail_errno(err, "open directory %s", name);
    *ret_fd = fd;
    return AL_OK;
}

static void close_dirp(DIR **d)
{
    if (*d)
        (void)closedir(*d); /* read only */
}

static al_code posix_list(const al_io *io, int dir,
                          al_code (*each)(void *ctx, const char *name, al_err *err), void *ctx,
                          al_err *err)
{
    (void)io;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return al_fail_errno(err, "open directory for listing");
    AL_CLEANUP(close_dirp) DIR *d = fdopendir(fd);
    if (!d) {
        (void)close(fd); /* the first error is the one to tell */
        return al_fail_errno(err, "list directory");
    }
    for (;;) {
        errno = 0;
        const struct dirent *e =
            readdir(d); /* NOLINT(concurrency-mt-unsafe): this stream is ours alone */
        if (!e && errno)
            return al_fail_errno(err, "list directory");
        if (!e)
            return AL_OK;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        al_code c = each(ctx, e->d_name, err);
        if (c)
            return c;
    }
}

static al_code posix_free_bytes(const al_io *io, int dir, uint64_t *ret_bytes, al_err *err)
{
    (void)io;
    struct statvfs v;
    if (fstatvfs(dir, &v) < 0)
        return al_fail_errno(err, "statvfs");
    *ret_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    return AL_OK;
}

const al_io *al_io_posix(void)
{
    static const al_io table = {
        .open = posix_open,
        .close = posix_close,
        .read_at = posix_read_at,
        .write_at = posix_write_at,
        .sync = posix_sync,
        .sync_dir = posix_sync_dir,
        .file_bytes = posix_file_bytes,
        .truncate = posix_truncate,
        .rename = posix_rename,
        .link = posix_link,
        .unlink = posix_unlink,
        .open_dir = posix_open_dir,
        .list = posix_list,
        .free_bytes = posix_free_bytes,
    };
    return &table;
}

al_code al_dir_open(const char *path, bool create, int *ret_fd, al_err *err)
{
    return posix_open_dir(NULL, AT_FDCWD, path, create, ret_fd, err);
}

al_code al_read_file(const al_io *io, int dir, const char *name, size_t max, al_buf *out,
                     al_err *err)
{
    int fd = -1;
    al_code c = io->open(io, dir, name, AL_OPEN_READ, &fd, err);
    if (c)
        return c;
    uint64_t bytes = 0;
    c = io->file_bytes(io, fd, &bytes, err);
    if (!c && bytes > max)
        c = al_fail(err, AL_LIMIT, "%s has %llu bytes", name, (unsigned long long)bytes);
    if (!c && bytes) { /* an empty file is for the decoder to refuse */
        uint8_t *to = al_buf_extend(out, (size_t)bytes);
        c = to ? io->read_at(io, fd, to, (size_t)bytes, 0, err)
               : al_fail(err, AL_NOMEM, "%s", name);
    }
    io->close(io, fd);
    return c;
}

al_code al_write_file(const al_io *io, int dir, const char *name, al_open_mode mode,
                      al_slice content, al_err *err)
{
    int fd = -1;
    al_code c = io->open(io, dir, name, mode, &fd, err);
    if (c)
        return c;
    c = io->write_at(io, fd, content.ptr, content.len, 0, err);
    if (!c)
        c = io->sync(io, fd, err);
    io->close(io, fd);
    return c;
}

al_code al_publish_file(const al_io *io, int dir, const char *name, al_slice content, al_err *err)
{
    char tmp[256];
    char aside[256 + sizeof ".bad"];
    int n = snprintf(tmp, sizeof tmp, "%s.tmp", name);
    assert(n > 0);
    assert((size_t)n < sizeof tmp);

    al_code c = io->unlink(io, dir, tmp, err); /* left over from an earlier failure */
    if (c && c != AL_NOT_FOUND) {              /* a directory: out of the way with it */
        (void)snprintf(aside, sizeof aside, "%s.bad", tmp);
        c = io->rename(io, dir, tmp, aside, err);
        if (c)
            return c;
    }
    c = al_write_file(io, dir, tmp, AL_OPEN_CREATE, content, err);
    if (!c)
        c = io->rename(io, dir, tmp, name, err);
    if (!c)
        c = io->sync_dir(io, dir, err);
    if (c && err)
        return al_wrap(err, "publish %s", name);
    return c;
}
