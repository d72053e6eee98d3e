/* The table that fails on purpose.
 * Why: every I/O call of the store must be seen failing once (fault tests rerun with call 1, 2, 3…
 * failing until one run gets through). Invariant: a call either fails here, or is exactly the call
 * of the table below. */
#include "support/fail_io.h"

#include <errno.h>
#include <string.h>

enum { RUBBISH = 0xa5 };

void fail_io_heal(fail_io *f)
{
    atomic_store(&f->fail_at, 0);
}

unsigned long fail_io_calls(const fail_io *f)
{
    return atomic_load(&f->n_calls);
}

unsigned long fail_io_failed(const fail_io *f)
{
    return atomic_load(&f->n_failed);
}

void fail_io_arm(fail_io *f, unsigned long fail_at, fail_mode mode)
{
    atomic_store(&f->fail_at, 0);
    atomic_store(&f->mode, (int)mode);
    atomic_store(&f->n_calls, 0);
    atomic_store(&f->n_failed, 0);
    atomic_store(&f->fail_at, fail_at);
}

/* Counts a call; true with errno set when it has to fail. */
static bool fails(const al_io *io, bool needs_room)
{
    fail_io *f = io->ctx;
    unsigned long n = atomic_fetch_add(&f->n_calls, 1) + 1;
    unsigned long at = atomic_load(&f->fail_at);
    fail_mode mode = (fail_mode)atomic_load(&f->mode);
    if (at == 0 || n < at)
        return false;
    if (mode == FAIL_ONCE && n != at)
        return false;
    if (mode == FAIL_NO_SPACE && !needs_room)
        return false;
    (void)atomic_fetch_add(&f->n_failed, 1);
    errno = mode == FAIL_NO_SPACE ? ENOSPC : EIO;
    return true;
}

static const al_io *below(const al_io *io)
{
    const fail_io *f = io->ctx;
    return f->below;
}

static al_code fail_open(const al_io *io, int dir, const char *name, al_open_mode mode, int *ret_fd,
                         al_err *err)
{
    if (fails(io, mode == AL_OPEN_CREATE))
        return al_fail_errno(err, "open %s (made to fail)", name);
    return below(io)->open(below(io), dir, name, mode, ret_fd, err);
}

static void fail_close(const al_io *io, int fd)
{
    below(io)->close(below(io), fd);
}

static al_code fail_read_at(const al_io *io, int fd, void *bytes, size_t n, uint64_t off,
                            al_err *err)
{
    if (fails(io, false)) {
        memset(bytes, RUBBISH, n);
        return al_fail_errno(err, "read (made to fail)");
    }
    return below(io)->read_at(below(io), fd, bytes, n, off, err);
}

static al_code fail_write_at(const al_io *io, int fd, const void *bytes, size_t n, uint64_t off,
                             al_err *err)
{
    if (!fails(io, true))
        return below(io)->write_at(below(io), fd, bytes, n, off, err);
    int why = errno;
    if (n / 2) /* torn in half; whether the half arrives does not change the answer */
        (void)below(io)->write_at(below(io), fd, bytes, n / 2, off, NULL);
    errno = why;
    return al_fail_errno(err, "write %zu bytes (made to fail)", n);
}

static bool skips_sync(const al_io *io)
{
    const fail_io *f = io->ctx;
    return f->skips_sync;
}

static al_code fail_sync(const al_io *io, int fd, al_err *err)
{
    if (fails(io, false))
        return al_fail_errno(err, "sync (made to fail)");
    return skips_sync(io) ? AL_OK : below(io)->sync(below(io), fd, err);
}

static al_code fail_sync_dir(const al_io *io, int dir, al_err *err)
{
    if (fails(io, false))
        return al_fail_errno(err, "sync of a directory (made to fail)");
    return skips_sync(io) ? AL_OK : below(io)->sync_dir(below(io), dir, err);
}

static al_code fail_file_bytes(const al_io *io, int fd, uint64_t *ret_bytes, al_err *err)
{
    if (fails(io, false))
        return al_fail_errno(err, "file_bytes (made to fail)");
    return below(io)->file_bytes(below(io), fd, ret_bytes, err);
}

static al_code fail_truncate(const al_io *io, int fd, uint64_t bytes, al_err *err)
{
    uint64_t now = 0;
    bool grows = below(io)->file_bytes(below(io), fd, &now, NULL) == AL_OK && bytes > now;
    if (fails(io, grows))
        return al_fail_errno(err, "truncate (made to fail)");
    return below(io)->truncate(below(io), fd, bytes, err);
}

static al_code fail_rename(const al_io *io, int dir, const char *from, const char *to, al_err *err)
{
    if (fails(io, false))
        return al_fail_errno(err, "rename %s to %s (made to fail)", from, to);
    return below(io)->rename(below(io), dir, from, to, err);
}

static al_code fail_link(const al_io *io, int from_dir, const char *from, int to_dir,
                         const char *to, al_err *err)
{
    if (fails(io, true))
        return al_fail_errno(err, "link %s to %s (made to fail)", from, to);
    return below(io)->link(below(io), from_dir, from, to_dir, to, err);
}

static al_code fail_unlink(const al_io *io, int dir, const char *name, al_err *err)
{
    if (fails(io, false))
        return al_fail_errno(err, "unlink %s (made to fail)", name);
    return below(io)->unlink(below(io), dir, name, err);
}

static al_code fail_open_dir(const al_io *io, int parent, const char *name, bool create,
                             int *ret_fd, al_err *err)
{
    if (fails(io, create))
        return al_fail_errno(err, "open directory %s (made to fail)", name);
    return below(io)->open_dir(below(io), parent, name, create, ret_fd, err);
}

static al_code fail_list(const al_io *io, int dir,
                         al_code (*each)(void *ctx, const char *name, al_err *err), void *ctx,
                         al_err *err)
{
    if (fails(io, false))
        return al_fail_errno(err, "list (made to fail)");
    return below(io)->list(below(io), dir, each, ctx, err);
}

static al_code fail_free_bytes(const al_io *io, int dir, uint64_t *ret_bytes, al_err *err)
{
    const fail_io *f = io->ctx;
    if (fails(io, true)) {
        if (atomic_load(&f->mode) != FAIL_NO_SPACE)
            return al_fail_errno(err, "free_bytes (made to fail)");
        *ret_bytes = 0;
        return AL_OK;
    }
    return below(io)->free_bytes(below(io), dir, ret_bytes, err);
}

void fail_io_init(fail_io *f, const al_io *over, unsigned long fail_at, fail_mode mode)
{
    *f = (fail_io){
        .io =
            {
                .ctx = f,
                .open = fail_open,
                .close = fail_close,
                .read_at = fail_read_at,
                .write_at = fail_write_at,
                .sync = fail_sync,
                .sync_dir = fail_sync_dir,
                .file_bytes = fail_file_bytes,
                .truncate = fail_truncate,
                .rename = fail_rename,
                .link = fail_link,
                .unlink = fail_unlink,
                .open_dir = fail_open_dir,
                .list = fail_list,
                .free_bytes = fail_free_bytes,
            },
        .below = over,
    };
    fail_io_arm(f, fail_at, mode);
}
