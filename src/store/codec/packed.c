/* Compressed parts: zstd level 1, contexts kept between calls.
 * Invariant: stored bytes never exceed raw bytes (equal means raw), so a reader knows what it must
 * allocate from numbers that a checksum covers.
 * Contexts are made at first use: a reader never pays for a compressor. */
#include "store/codec/packed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/crc32c.h"
#include "base/mem.h"

enum {
    LEVEL = 1,
    RAW_BELOW = 48, /* shorter parts are not worth a frame header */
};

struct packer {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
};

packer *packer_new(void)
{
    return al_zalloc(1, sizeof(packer));
}

packer *packer_free(packer *p)
{
    if (!p)
        return NULL;
    (void)ZSTD_freeCCtx(p->compressor); /* cannot fail */
    (void)ZSTD_freeDCtx(p->decompressor);
    free(p);
    return NULL;
}

static al_code prepare_compressor(packer *p)
{
    if (p->compressor)
        return AL_OK;
    p->compressor = ZSTD_createCCtx();
    if (!p->compressor)
        return AL_NOMEM;
    size_t r = ZSTD_CCtx_setParameter(p->compressor, ZSTD_c_compressionLevel, LEVEL);
    assert(!ZSTD_isError(r));
    return AL_OK;
}

al_code packed_store(packer *p, al_slice raw, al_buf *out, packed *ret)
{
    size_t at = out->len;
    *ret = (packed){.raw_bytes = raw.len, .stored_bytes = raw.len};
    if (raw.len >= RAW_BELOW) {
        al_code c = prepare_compressor(p);
        if (c)
            return c;
        size_t bound = ZSTD_compressBound(raw.len);
        if (!al_buf_reserve(out, bound))
            return al_buf_code(out);
        size_t n = ZSTD_compress2(p->compressor, out->ptr + at, bound, raw.ptr, raw.len);
        if (ZSTD_isError(n))
            return AL_NOMEM; /* the only way left: the bound was reserved */
        if (n < raw.len - raw.len / 32) {
            out->len += n;
            ret->stored_bytes = n;
        }
    }
    if (packed_is_raw(ret))
        al_buf_slice_put(out, raw);
    if (al_buf_code(out))
        return al_buf_code(out);
    assert(out->len == at + ret->stored_bytes);
    ret->crc = al_crc32c(0, out->ptr ? out->ptr + at : NULL, (size_t)ret->stored_bytes);
    return AL_OK;
}

al_code packed_store_raw(al_slice raw, al_buf *out, packed *ret)
{
    al_buf_slice_put(out, raw);
    *ret = (packed){
        .raw_bytes = raw.len, .stored_bytes = raw.len, .crc = al_crc32c(0, raw.ptr, raw.len)};
    return al_buf_code(out);
}

void packed_put(const packed *d, al_buf *out)
{
    al_buf_varint(out, d->raw_bytes);
    al_buf_varint(out, d->stored_bytes);
    al_buf_u32(out, d->crc);
}

packed packed_get(al_rd *r, uint64_t raw_max)
{
    packed d = {0};
    d.raw_bytes = al_rd_varint(r);
    d.stored_bytes = al_rd_varint(r);
    d.crc = al_rd_u32(r);
    if (d.raw_bytes > raw_max || d.stored_bytes > d.raw_bytes)
        r->bad = true;
    if (r->bad)
        d = (packed){0};
    return d;
}

al_code packed_check(const packed *d, al_slice stored, al_err *err)
{
    assert(stored.len == d->stored_bytes);
    if (al_crc32c(0, stored.ptr, stored.len) != d->crc)
        return al_fail(err, AL_CORRUPT, "checksum of %zu bytes does not fit", stored.len);
    return AL_OK;
}

al_code packed_load(packer *p, const packed *d, al_slice stored, uint8_t *raw, al_err *err)
{
    al_code c = packed_check(d, stored, err);
    if (c)
        return c;
    if (packed_is_raw(d)) {
        if (stored.len)
            memcpy(raw, stored.ptr, stored.len);
        return AL_OK;
    }
    if (!p->decompressor)
        p->decompressor = ZSTD_createDCtx();
    if (!p->decompressor)
        return al_fail(err, AL_NOMEM, "decompressor");
    size_t n =
        ZSTD_decompressDCtx(p->decompressor, raw, (size_t)d->raw_bytes, stored.ptr, stored.len);
    if (ZSTD_isError(n))
        return al_fail(err, AL_CORRUPT, "decompress: %s", ZSTD_getErrorName(n));
    if (n != d->raw_bytes)
        return al_fail(err, AL_CORRUPT, "decompressed to %zu bytes, not %llu", n,
                       (unsigned long long)d->raw_bytes);
    return AL_OK;
}
