/* Rotated logs are packed; base/unpack.h undoes it. */
#include "cli/import_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/unpack.h"

enum { PIECE_BYTES = 256 << 10 };

struct import_source {
    int fd;
    const char *name;
    al_packing packing;
    al_unpacker *unpacker; /* NULL: the file is not packed */
    al_slice packed;       /* read and not yet unpacked; in `in` */
    uint64_t bytes_read;
    uint64_t bytes_all; /* 0: not known */
    int64_t modified_ns;
    uint8_t in[PIECE_BYTES];
};

static al_code open_file(import_source *s, const char *name, al_err *err)
{
    struct stat st;
    bool is_stdin = strcmp(name, "-") == 0;
    s->fd = is_stdin ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        return al_fail_errno(err, "%s", name);
    if (S_ISDIR(st.st_mode))
        return al_fail(err, AL_INVALID, "%s is a directory: name the files in it", name);
    s->modified_ns = al_now_ns();
    if (S_ISREG(st.st_mode)) {
        s->bytes_all = (uint64_t)st.st_size;
        s->modified_ns = st.st_mtim.tv_sec * AL_NS_PER_S + st.st_mtim.tv_nsec;
    }
    return AL_OK;
}

/* Reads a full piece, unless the file ends, so that its beginning can be looked at. */
static al_code fill(import_source *s, al_err *err)
{
    size_t n = 0;
    while (n < PIECE_BYTES) {
        ssize_t got = read(s->fd, s->in + n, PIECE_BYTES - n);
        if (got < 0 && errno == EINTR)
            return al_fail(err, AL_CANCELLED, "%s: stopped by a signal", s->name);
        if (got < 0)
            return al_fail_errno(err, "%s", s->name);
        n += (size_t)got;
        if (got == 0 || s->bytes_read + n >= AL_UNPACK_MAGIC_BYTES)
            break;
    }
    s->bytes_read += n;
    s->packed = (al_slice){s->in, n};
    return AL_OK;
}

static al_code look_at_beginning(import_source *s, al_err *err)
{
    al_code c = fill(s, err);
    if (c)
        return c;
    s->packing = al_packing_of(s->packed);
    if (s->packing == AL_PACKING_NONE)
        return AL_OK;
    return al_unpacker_new(s->packing, AL_ZSTD_WINDOW_LOG_OWN, &s->unpacker, err);
}

al_code import_source_open(const char *name, import_source **ret, al_err *err)
{
    AL_CLEANUP(import_source_closep) import_source *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "%s", name);
    s->fd = -1;
    s->name = name;
    al_code c = open_file(s, name, err);
    if (!c)
        c = look_at_beginning(s, err);
    if (!c)
        *ret = AL_TAKE(s);
    return c;
}

import_source *import_source_close(import_source *s)
{
    if (!s)
        return NULL;
    (void)al_unpacker_free(s->unpacker);
    if (s->fd >= 0)
        (void)close(s->fd); /* was only read */
    free(s);
    return NULL;
}

static bool has_more(const import_source *s)
{
    return s->packed.len || (s->unpacker && al_unpacker_has_more(s->unpacker));
}

bool import_source_wait(const import_source *s, int limit_ms)
{
    struct pollfd fd = {.fd = s->fd, .events = POLLIN};
    return has_more(s) || s->bytes_all || poll(&fd, 1, limit_ms) != 0;
}

static al_code unpack(import_source *s, al_slice *ret, al_err *err)
{
    al_err why;
    al_code c = al_unpack(s->unpacker, &s->packed, ret, &why);
    return c ? al_fail(err, c, "%s: %s: %s", s->name, al_packing_name(s->packing), why.msg) : AL_OK;
}

al_code import_source_read(import_source *s, al_slice *ret, al_err *err)
{
    *ret = (al_slice){0};
    for (;;) {
        al_code c = has_more(s) ? AL_OK : fill(s, err);
        if (c)
            return c;
        if (!has_more(s))
            break;
        if (s->unpacker) {
            c = unpack(s, ret, err);
        } else {
            *ret = s->packed;
            s->packed = (al_slice){0};
        }
        if (c || ret->len)
            return c;
    }
    if (s->unpacker && al_unpacker_is_inside(s->unpacker))
        return al_fail(err, AL_CORRUPT, "%s: packed file: it ends too soon", s->name);
    return AL_OK;
}

int import_source_percent(const import_source *s)
{
    if (s->bytes_all == 0)
        return -1;
    double done = 100.0 * (double)(s->bytes_read - s->packed.len) / (double)s->bytes_all;
    return done > 100 ? 100 : (int)done;
}

int64_t import_source_modified_ns(const import_source *s)
{
    return s->modified_ns;
}
