/* File headers. The version and the flag words are looked at before anything else that a later
 * version may have changed, so that "too new" and "damaged" stay two answers. */
#include "store/file_header.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "store/format.h"

void file_header_encode(const file_header *h, al_buf *out)
{
    size_t at = out->len;
    if (!al_buf_reserve(out, FMT_HEADER_BYTES))
        return; /* the error sticks in out */
    al_buf_u32(out, h->magic);
    al_buf_u16(out, FMT_VERSION);
    al_buf_u16(out, 0);
    al_buf_u32(out, FMT_COMPAT_KNOWN);
    al_buf_u32(out, FMT_INCOMPAT_KNOWN);
    al_buf_put(out, h->store_id, sizeof h->store_id);
    al_buf_u64(out, h->file_id);
    al_buf_u32(out, h->index_id);
    al_buf_u64(out, h->first_frame);
    al_buf_u64(out, h->prev_end);
    al_buf_u32(out, al_crc32c(0, out->ptr + at, FMT_HEADER_BYTES - 4));
    assert(out->len == at + FMT_HEADER_BYTES);
}

al_code file_header_decode(al_slice bytes, uint32_t magic, file_header *ret, al_err *err)
{
    file_header h = {0};
    al_rd r = al_rd_of(al_slice_sub(bytes, 0, FMT_HEADER_BYTES));
    h.magic = al_rd_u32(&r);
    uint16_t version = al_rd_u16(&r);
    (void)al_rd_u16(&r); /* reserved */
    (void)al_rd_u32(&r); /* compat: nothing here is ever appended to by a later open */
    uint32_t incompat = al_rd_u32(&r);
    al_slice id = al_rd_bytes(&r, sizeof h.store_id);
    h.file_id = al_rd_u64(&r);
    h.index_id = al_rd_u32(&r);
    h.first_frame = al_rd_u64(&r);
    h.prev_end = al_rd_u64(&r);
    uint32_t crc = al_rd_u32(&r);
    if (r.bad)
        return al_fail(err, AL_CORRUPT, "header: %zu bytes only", bytes.len);
    if (h.magic != magic)
        return al_fail(err, AL_CORRUPT, "header: magic %08x, not %08x", h.magic, magic);
    if (al_crc32c(0, bytes.ptr, FMT_HEADER_BYTES - 4) != crc)
        return al_fail(err, AL_CORRUPT, "header: checksum does not fit");
    if (version < FMT_VERSION)
        return al_fail(
            err, AL_TOO_NEW,
            "written in format %u, this build reads format %d: take its records out with "
            "the alco that wrote it",
            version, FMT_VERSION);
    if (version > FMT_VERSION || (incompat & ~(uint32_t)FMT_INCOMPAT_KNOWN))
        return al_fail(err, AL_TOO_NEW, "header: format %u, flags %x; this build reads format %d",
                       version, incompat, FMT_VERSION);
    memcpy(h.store_id, id.ptr, sizeof h.store_id);
    *ret = h;
    return AL_OK;
}

al_code file_header_check(const file_header *h, const uint8_t *store_id, uint32_t index_id,
                          uint64_t file_id, al_err *err)
{
    if (store_id && memcmp(h->store_id, store_id, STORE_ID_BYTES) != 0)
        return al_fail(err, AL_CORRUPT, "header: the file belongs to another store");
    if (h->index_id != index_id || h->file_id != file_id)
        return al_fail(err, AL_CORRUPT, "header: says index %u file %llu, expected %u and %llu",
                       h->index_id, (unsigned long long)h->file_id, index_id,
                       (unsigned long long)file_id);
    return AL_OK;
}
