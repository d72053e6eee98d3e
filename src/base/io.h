#pragma once
/* io.h: every system call that the store makes on files goes through one table, so that tests can
 * make any of them fail, tear or forget (tests/support/fail_io.h, crash_io.h). The POSIX table
 * absorbs EINTR and short counts. All names are relative to a directory descriptor. Files are
 * opened with O_CLOEXEC and mode 0640, directories made with 0750. Any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

typedef enum al_open_mode {
    AL_OPEN_READ,   /* must exist */
    AL_OPEN_WRITE,  /* read and write, must exist */
    AL_OPEN_CREATE, /* read and write, must not exist yet */
} al_open_mode;

typedef struct al_io al_io;
struct al_io {
    void *ctx; /* the table's own */
    /* A descriptor in *ret_fd, of a regular file: anything else under the name (a FIFO, a
     * directory, a symbolic link) is AL_CORRUPT, at once. AL_NOT_FOUND, AL_EXISTS, AL_IO. */
    al_code (*open)(const al_io *io, int dir, const char *name, al_open_mode mode, int *ret_fd,
                    al_err *err);
    /* Never fails visibly: durability is sync's business. */
    void (*close)(const al_io *io, int fd);
    /* Exactly n bytes; a file that ends before is AL_CORRUPT. */
    al_code (*read_at)(const al_io *io, int fd, void *bytes, size_t n, uint64_t off, al_err *err);
    /* Exactly n bytes; on AL_IO any part of them may have been written. */
    al_code (*write_at)(const al_io *io, int fd, const void *bytes, size_t n, uint64_t off,
                        al_err *err);
    /* fdatasync. After a failure the file's unsynced content is not to be trusted any more. */
    al_code (*sync)(const al_io *io, int fd, al_err *err);
    /* fsync of a directory: makes its names durable. */
    al_code (*sync_dir)(const al_io *io, int dir, al_err *err);
    al_code (*file_bytes)(const al_io *io, int fd, uint64_t *ret_bytes, al_err *err);
    al_code (*truncate)(const al_io *io, int fd, uint64_t bytes, al_err *err);
    /* Atomic replace inside one directory. */
    al_code (*rename)(const al_io *io, int dir, const char *from, const char *to, al_err *err);
    /* One more name for a file, in a directory of whichever place. AL_NOT_FOUND, AL_EXISTS (the new
     * name); AL_LIMIT: not possible there (another file system, too many links, somebody else's
     * file), a copy may be. */
    al_code (*link)(const al_io *io, int from_dir, const char *from, int to_dir, const char *to,
                    al_err *err);
    /* AL_NOT_FOUND when it is not there. */
    al_code (*unlink)(const al_io *io, int dir, const char *name, al_err *err);
    /* Makes a directory (AL_OK also when it is there already) and opens it. */
    al_code (*open_dir)(const al_io *io, int parent, const char *name, bool create, int *ret_fd,
                        al_err *err);
    /* Calls `each` for every name but . and ..; stops at its first non-zero answer and returns
     * that. */
    al_code (*list)(const al_io *io, int dir,
                    al_code (*each)(void *ctx, const char *name, al_err *err), void *ctx,
                    al_err *err);
    /* Bytes an unprivileged writer may still use on the file system of `dir`. */
    al_code (*free_bytes)(const al_io *io, int dir, uint64_t *ret_bytes, al_err *err);
};

/* The real thing; static, never freed. */
const al_io *al_io_posix(void);

/* Opens a directory by path for use as `dir` above (mode 0750 when `create`). */
AL_CHECK al_code al_dir_open(const char *path, bool create, int *ret_fd, al_err *err);

/* Appends a whole file of at most `max` bytes to `out`. AL_NOT_FOUND; AL_LIMIT: it is larger;
 * AL_IO, AL_NOMEM. */
AL_CHECK al_code al_read_file(const al_io *io, int dir, const char *name, size_t max, al_buf *out,
                              al_err *err);

/* Writes `content` from the start of a file on and syncs that, not its name. On failure any part of
 * it may be there. */
AL_CHECK al_code al_write_file(const al_io *io, int dir, const char *name, al_open_mode mode,
                               al_slice content, al_err *err);

/* The only way a small file is replaced: write `name`.tmp, sync, rename, sync the directory.
 * On any failure the old content is still there and the .tmp may be left over; but when only the
 * last step fails, the new content is there and may not survive a power cut. Never a mix. */
AL_CHECK al_code al_publish_file(const al_io *io, int dir, const char *name, al_slice content,
                                 al_err *err);
