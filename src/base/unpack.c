/* Decompression.
 * Both libraries may hold output for which there was no room; asked once more behind the end of a
 * stream they would begin another. So has_more is true only inside one, when the room was filled.
 */
#include "base/unpack.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/checked.h"
#include "base/mem.h"

enum { GZIP_HELD_BYTES = 40 << 10, GZIP_TAKEN_MAX = 1 << 30 /* fits an uInt */ };

struct al_unpacker {
    al_packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool is_inside;  /* of a gzip member or zstd frame */
    bool had_member; /* of gzip: zeros are padding */
    bool has_more;
    uint8_t out[AL_UNPACK_BYTES];
};

al_packing al_packing_of(al_slice beginning)
{
    if (al_slice_starts(beginning, AL_LIT("\x1f\x8b")))
        return AL_PACKING_GZIP;
    return al_slice_starts(beginning, AL_LIT("\x28\xb5\x2f\xfd")) ? AL_PACKING_ZSTD
                                                                  : AL_PACKING_NONE;
}

const char *al_packing_name(al_packing p)
{
    return p == AL_PACKING_GZIP ? "gzip" : "zstd";
}

static al_code begin_gzip(al_unpacker *u, al_err *err)
{
    if (inflateInit2(&u->gzip, 15 + 16) != Z_OK)
        return al_fail(err, AL_NOMEM, "gzip");
    u->packing = AL_PACKING_GZIP;
    return AL_OK;
}

static al_code begin_zstd(al_unpacker *u, int window_log_max, al_err *err)
{
    u->packing = AL_PACKING_ZSTD;
    u->zstd = ZSTD_createDStream();
    if (!u->zstd)
        return al_fail(err, AL_NOMEM, "zstd");
    size_t r = ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, window_log_max);
    assert(!ZSTD_isError(r));
    return AL_OK;
}

al_code al_unpacker_new(al_packing packing, int zstd_window_log_max, al_unpacker **ret, al_err *err)
{
    assert(packing != AL_PACKING_NONE);
    AL_CLEANUP(al_unpacker_freep) al_unpacker *u = al_zalloc(1, sizeof *u);
    if (!u)
        return al_fail(err, AL_NOMEM, "%s", al_packing_name(packing));
    al_code c =
        packing == AL_PACKING_GZIP ? begin_gzip(u, err) : begin_zstd(u, zstd_window_log_max, err);
    if (!c)
        *ret = AL_TAKE(u);
    return c;
}

al_unpacker *al_unpacker_free(al_unpacker *u)
{
    if (!u)
        return NULL;
    if (u->packing == AL_PACKING_GZIP)
        (void)inflateEnd(&u->gzip); /* fails only for a stream that is none */
    (void)ZSTD_freeDStream(u->zstd);
    free(u);
    return NULL;
}

static void skip_padding(const al_unpacker *u, al_slice *packed)
{
    size_t n = 0;
    while (u->had_member && !u->is_inside && n < packed->len && packed->ptr[n] == 0)
        n++;
    *packed = al_slice_sub(*packed, n, packed->len);
}

static al_code gunzip(al_unpacker *u, al_slice *packed, al_slice *ret, al_err *err)
{
    z_stream *z = &u->gzip;
    skip_padding(u, packed);
    if (packed->len == 0 && !u->has_more)
        return AL_OK;
    uInt n = (uInt)AL_MIN(packed->len, (size_t)GZIP_TAKEN_MAX);
    z->next_in = (Bytef *)(uintptr_t)packed->ptr; /* zlib only reads it */
    z->avail_in = n;
    z->next_out = u->out;
    z->avail_out = AL_UNPACK_BYTES;
    int r = inflate(z, Z_NO_FLUSH);
    *packed = al_slice_sub(*packed, n - z->avail_in, packed->len);
    *ret = (al_slice){u->out, AL_UNPACK_BYTES - z->avail_out};
    u->is_inside = r != Z_STREAM_END;
    u->has_more = u->is_inside && z->avail_out == 0;
    if (r == Z_STREAM_END) { /* another may follow */
        u->had_member = true;
        r = inflateReset(z);
    }
    if (r == Z_OK || r == Z_BUF_ERROR)
        return AL_OK;
    if (r == Z_MEM_ERROR)
        return al_fail(err, AL_NOMEM, "gzip");
    return al_fail(err, AL_CORRUPT, "%s", z->msg ? z->msg : "damaged");
}

static al_code unzstd(al_unpacker *u, al_slice *packed, al_slice *ret, al_err *err)
{
    ZSTD_inBuffer in = {packed->ptr, packed->len, 0};
    ZSTD_outBuffer out = {u->out, AL_UNPACK_BYTES, 0};
    size_t r = ZSTD_decompressStream(u->zstd, &out, &in);
    if (ZSTD_isError(r))
        return al_fail(err, AL_CORRUPT, "%s", ZSTD_getErrorName(r));
    *packed = al_slice_sub(*packed, in.pos, packed->len);
    *ret = (al_slice){u->out, out.pos};
    u->is_inside = r != 0; /* 0: the frame is at its end, and all of it was given out */
    u->has_more = u->is_inside && out.pos == AL_UNPACK_BYTES;
    return AL_OK;
}

al_code al_unpack(al_unpacker *u, al_slice *packed, al_slice *ret, al_err *err)
{
    *ret = (al_slice){0};
    if (packed->len == 0 && !u->has_more)
        return AL_OK;
    return u->packing == AL_PACKING_GZIP ? gunzip(u, packed, ret, err)
                                         : unzstd(u, packed, ret, err);
}

bool al_unpacker_has_more(const al_unpacker *u)
{
    return u->has_more;
}

bool al_unpacker_is_inside(const al_unpacker *u)
{
    return u->is_inside;
}

size_t al_unpacker_held(const al_unpacker *u)
{
    if (!u)
        return 0;
    return sizeof *u +
           (u->packing == AL_PACKING_GZIP ? (size_t)GZIP_HELD_BYTES : ZSTD_sizeof_DStream(u->zstd));
}
