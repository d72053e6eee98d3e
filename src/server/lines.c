/* Lines of an upload.
 * Shape: `input` is what is left of the piece; `text` what is decoded and not yet split, in the
 * piece itself or in `window`; `carry` the beginning of a line whose end has not come. */
#include "server/lines.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"

enum {
    WINDOW_BYTES = 128 * 1024,
    GZIP_BYTES = 40 * 1024,
    CARRY_BYTES_KEPT = 64 * 1024,
    ZSTD_WINDOW_LOG_MAX = 23 /* 8 MiB, as RFC 8878 asks for */
};

typedef enum coding { IDENTITY, GZIP, ZSTD } coding;

struct lines {
    const atomic_bool *cancel;
    coding coding;
    z_stream gzip;
    ZSTD_DStream *zstd;
    uint8_t *window;
    bool is_inside;  /* of a gzip member or zstd frame */
    bool has_output; /* the decompressor may have more for the same input */
    al_slice input;
    al_slice text;
    al_buf carry;
    bool is_cut;      /* the carried line has lost bytes */
    bool was_carried; /* the last line given out stands in carry */
};

static al_code open_coding(lines *l, al_slice encoding, al_err *err)
{
    if (encoding.len == 0 || al_slice_eq(encoding, AL_LIT("identity")))
        return AL_OK;
    if (al_slice_eq(encoding, AL_LIT("gzip")) || al_slice_eq(encoding, AL_LIT("x-gzip"))) {
        l->coding = GZIP;
        if (inflateInit2(&l->gzip, 15 + 16) != Z_OK)
            return al_fail(err, AL_NOMEM, "gzip");
    } else if (al_slice_eq(encoding, AL_LIT("zstd"))) {
        l->zstd = ZSTD_createDStream();
        if (!l->zstd)
            return al_fail(err, AL_NOMEM, "zstd");
        l->coding = ZSTD;
        size_t r = ZSTD_DCtx_setParameter(l->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
        if (ZSTD_isError(r))
            return al_fail(err, AL_NOMEM, "zstd: %s", ZSTD_getErrorName(r));
    } else {
        return al_fail(err, AL_INVALID, "Content-Encoding '%.*s': expected identity, gzip or zstd",
                       AL_ARG(encoding));
    }
    l->window = al_alloc(WINDOW_BYTES, 1);
    return l->window ? AL_OK : al_fail(err, AL_NOMEM, "upload");
}

al_code lines_new(al_slice encoding, const atomic_bool *cancel, lines **ret, al_err *err)
{
    AL_CLEANUP(lines_freep) lines *l = al_zalloc(1, sizeof *l);
    if (!l)
        return al_fail(err, AL_NOMEM, "upload");
    l->cancel = cancel;
    al_buf_init(&l->carry, LINES_LINE_BYTES_MAX);
    al_code c = open_coding(l, encoding, err);
    if (!c)
        *ret = AL_TAKE(l);
    return c;
}

lines *lines_free(lines *l)
{
    if (!l)
        return NULL;
    if (l->coding == GZIP)
        (void)inflateEnd(&l->gzip);
    (void)ZSTD_freeDStream(l->zstd);
    free(l->window);
    al_buf_done(&l->carry);
    free(l);
    return NULL;
}

size_t lines_held(const lines *l)
{
    size_t coding = l->coding == GZIP ? GZIP_BYTES : ZSTD_sizeof_DStream(l->zstd);
    return l->carry.cap + (l->window ? WINDOW_BYTES : 0) + coding;
}

void lines_feed(lines *l, al_slice piece)
{
    l->input = piece;
}

/* ---- Decoding: makes `text` from `input`; false: nothing came out. */

static al_code inflate_some(lines *l, al_err *err)
{
    z_stream *z = &l->gzip;
    z->next_in = (Bytef *)(uintptr_t)l->input.ptr; /* zlib only reads it */
    z->avail_in = (uInt)AL_MIN(l->input.len, (size_t)1 << 30);
    z->next_out = l->window;
    z->avail_out = WINDOW_BYTES;
    uInt before = z->avail_in;
    int r = inflate(z, Z_NO_FLUSH);
    size_t used = before - z->avail_in;
    l->input = al_slice_sub(l->input, used, l->input.len);
    l->text = (al_slice){l->window, WINDOW_BYTES - z->avail_out};
    l->is_inside = r != Z_STREAM_END;
    l->has_output = z->avail_out == 0;
    if (r == Z_STREAM_END) { /* another member may follow */
        l->has_output = false;
        return inflateReset(z) == Z_OK ? AL_OK : al_fail(err, AL_NOMEM, "gzip");
    }
    if (r == Z_OK || r == Z_BUF_ERROR)
        return AL_OK;
    if (r == Z_MEM_ERROR)
        return al_fail(err, AL_NOMEM, "gzip");
    return al_fail(err, AL_INVALID, "body is not gzip: %s", z->msg ? z->msg : "damaged");
}

static al_code zstd_some(lines *l, al_err *err)
{
    ZSTD_inBuffer in = {l->input.ptr, l->input.len, 0};
    ZSTD_outBuffer out = {l->window, WINDOW_BYTES, 0};
    size_t r = ZSTD_decompressStream(l->zstd, &out, &in);
    if (ZSTD_isError(r))
        return al_fail(err, AL_INVALID, "body is not zstd: %s", ZSTD_getErrorName(r));
    l->input = al_slice_sub(l->input, in.pos, l->input.len);
    l->text = (al_slice){l->window, out.pos};
    /* 0: the frame is at its end, and all of it was given out. Asked once more it would begin
     * another. */
    l->is_inside = r != 0;
    l->has_output = r != 0 && out.pos == WINDOW_BYTES;
    return AL_OK;
}

static al_code refill(lines *l, bool *ret_has, al_err *err)
{
    while (l->text.len == 0) {
        if (l->input.len == 0 && !l->has_output) {
            *ret_has = false;
            return AL_OK;
        }
        if (l->coding == IDENTITY) {
            l->text = l->input;
            l->input = (al_slice){0};
            continue;
        }
        if (l->cancel && atomic_load(l->cancel))
            return al_fail(err, AL_CANCELLED, "upload");
        al_code c = l->coding == GZIP ? inflate_some(l, err) : zstd_some(l, err);
        if (c)
            return c;
    }
    *ret_has = true;
    return AL_OK;
}

/* ---- Splitting */

static al_code carry(lines *l, al_slice part, al_err *err)
{
    size_t room = LINES_LINE_BYTES_MAX - l->carry.len;
    if (part.len > room) {
        part.len = room;
        l->is_cut = true;
    }
    al_buf_slice_put(&l->carry, part);
    return al_buf_code(&l->carry) ? al_fail(err, AL_NOMEM, "upload") : AL_OK;
}

static void forget_carried(lines *l)
{
    if (!l->was_carried)
        return;
    if (l->carry.cap > CARRY_BYTES_KEPT) {
        al_buf_done(&l->carry);
        al_buf_init(&l->carry, LINES_LINE_BYTES_MAX);
    }
    al_buf_clear(&l->carry);
    l->is_cut = false;
    l->was_carried = false;
}

static al_slice without_cr(al_slice line)
{
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Empty lines at the front, of which a compressed body may have millions. */
static void skip_empty(lines *l)
{
    size_t n = 0;
    while (n < l->text.len && l->text.ptr[n] == '\n')
        n++;
    l->text = al_slice_sub(l->text, n, l->text.len);
}

al_code lines_next(lines *l, al_slice *ret, bool *ret_has, bool *ret_is_cut, al_err *err)
{
    forget_carried(l);
    for (;;) {
        al_code c = refill(l, ret_has, err);
        if (c || !*ret_has)
            return c;
        if (l->carry.len == 0)
            skip_empty(l);
        if (l->text.len == 0)
            continue;
        size_t end = al_slice_find(l->text, '\n', 0);
        al_slice line = al_slice_sub(l->text, 0, end);
        bool is_whole = end < l->text.len;
        l->text = al_slice_sub(l->text, end + 1, l->text.len);
        if (!is_whole || l->carry.len || line.len > LINES_LINE_BYTES_MAX) {
            c = carry(l, line, err);
            if (c)
                return c;
            if (!is_whole)
                continue;
            line = al_buf_slice(&l->carry);
            l->was_carried = true;
        }
        *ret = without_cr(line);
        *ret_is_cut = l->is_cut;
        if (ret->len)
            return AL_OK;
        forget_carried(l);
    }
}

al_code lines_last(lines *l, al_slice *ret, bool *ret_has, bool *ret_is_cut, al_err *err)
{
    forget_carried(l);
    if (l->is_inside)
        return al_fail(err, AL_INVALID, "body ends inside its %s data",
                       l->coding == GZIP ? "gzip" : "zstd");
    *ret = without_cr(al_buf_slice(&l->carry));
    *ret_is_cut = l->is_cut;
    *ret_has = ret->len > 0;
    l->was_carried = true;
    return AL_OK;
}
