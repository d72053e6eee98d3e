/* Rotated logs are packed. Both formats may hold several streams behind each other, as logs that
 * were appended to do; zeros behind a gzip stream are padding. */
#include "cli/import_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { PIECE_BYTES = 256 << 10 };

typedef enum packing { PLAIN, GZIP, ZSTD } packing;

struct import_source {
    int fd;
    const char *name;
    packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool is_inside; /* of a packed stream */
    bool had_stream;
    bool has_more;   /* unpacked bytes that found no room */
    al_slice packed; /* read and not yet unpacked; in `in` */
    uint64_t bytes_read;
    uint64_t bytes_all; /* 0: not known */
    int64_t modified_ns;
    uint8_t in[PIECE_BYTES];
    uint8_t out[PIECE_BYTES];
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
        if (got == 0 || s->bytes_read + n >= 4)
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
    if (al_slice_starts(s->packed, AL_LIT("\x1f\x8b"))) {
        s->packing = GZIP;
        return inflateInit2(&s->gzip, 15 + 16) == Z_OK ? AL_OK
                                                       : al_fail(err, AL_NOMEM, "%s", s->name);
    }
    if (al_slice_starts(s->packed, AL_LIT("\x28\xb5\x2f\xfd"))) {
        s->packing = ZSTD;
        s->zstd = ZSTD_createDStream();
        return s->zstd ? AL_OK : al_fail(err, AL_NOMEM, "%s", s->name);
    }
    return AL_OK;
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
    if (s->packing == GZIP)
        (void)inflateEnd(&s->gzip);
    (void)ZSTD_freeDStream(s->zstd);
    if (s->fd >= 0)
        (void)close(s->fd); /* was only read */
    free(s);
    return NULL;
}

static al_code damaged(const import_source *s, const char *format, const char *why, al_err *err)
{
    return al_fail(err, AL_CORRUPT, "%s: %s: %s", s->name, format, why);
}

static al_code gunzip(import_source *s, al_slice *ret, al_err *err)
{
    z_stream *z = &s->gzip;
    while (!s->is_inside && s->packed.len && s->packed.ptr[0] == 0 && s->had_stream)
        s->packed = al_slice_sub(s->packed, 1, s->packed.len);
    if (s->packed.len == 0 && !s->has_more)
        return AL_OK;
    z->next_in = (Bytef *)(uintptr_t)s->packed.ptr; /* zlib only reads it */
    z->avail_in = (uInt)s->packed.len;
    z->next_out = s->out;
    z->avail_out = PIECE_BYTES;
    int r = inflate(z, Z_NO_FLUSH);
    s->packed = al_slice_sub(s->packed, s->packed.len - z->avail_in, s->packed.len);
    *ret = (al_slice){s->out, PIECE_BYTES - z->avail_out};
    s->is_inside = r != Z_STREAM_END;
    s->has_more = s->is_inside && z->avail_out == 0;
    if (r == Z_STREAM_END) {
        s->had_stream = true;
        r = inflateReset(z); /* another may follow */
    }
    if (r == Z_OK || r == Z_BUF_ERROR)
        return AL_OK;
    return damaged(s, "gzip", z->msg ? z->msg : "no memory", err);
}

static al_code unzstd(import_source *s, al_slice *ret, al_err *err)
{
    if (s->packed.len == 0 && !s->has_more)
        return AL_OK;
    ZSTD_inBuffer in = {s->packed.ptr, s->packed.len, 0};
    ZSTD_outBuffer out = {s->out, PIECE_BYTES, 0};
    size_t r = ZSTD_decompressStream(s->zstd, &out, &in);
    if (ZSTD_isError(r))
        return damaged(s, "zstd", ZSTD_getErrorName(r), err);
    s->packed = al_slice_sub(s->packed, in.pos, s->packed.len);
    *ret = (al_slice){s->out, out.pos};
    s->is_inside = r != 0;
    s->has_more = s->is_inside && out.pos == PIECE_BYTES;
    return AL_OK;
}

bool import_source_wait(const import_source *s, int limit_ms)
{
    struct pollfd fd = {.fd = s->fd, .events = POLLIN};
    return s->packed.len || s->has_more || s->bytes_all || poll(&fd, 1, limit_ms) != 0;
}

al_code import_source_read(import_source *s, al_slice *ret, al_err *err)
{
    *ret = (al_slice){0};
    for (;;) {
        if (s->packed.len == 0 && !s->has_more) {
            al_code c = fill(s, err);
            if (c)
                return c;
            if (s->packed.len == 0)
                return s->is_inside ? damaged(s, "packed file", "it ends too soon", err) : AL_OK;
        }
        al_code c = AL_OK;
        if (s->packing == PLAIN) {
            *ret = s->packed;
            s->packed = (al_slice){0};
        } else {
            c = s->packing == GZIP ? gunzip(s, ret, err) : unzstd(s, ret, err);
        }
        if (c || ret->len)
            return c;
    }
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
