/* The tz database's binary files (RFC 8536), read with nothing but slices.
 * Shape: a header and a block with 32-bit times, which only version 1 readers use; then, from
 * version 2 on, the same again with 64-bit times and a footer line with a POSIX rule for what comes
 * after the last change. Abbreviations, daylight flags and the std/wall and ut/local indicators say
 * nothing about offsets and are passed over. Files with leap seconds ("right/") count other seconds
 * than ours and are refused. */

#include "base/buf.h"
#include "record/timezone_priv.h"

enum {
    TYPE_BYTES = 6,
    OFFSET_S_MAX = 26 * 3600, /* RFC 8536: -25 h .. +26 h */
    COUNT_MAX = 8192,         /* of anything in a header; bounds every product below */
};

typedef struct tzif_header {
    uint8_t version;
    uint32_t n_isut;
    uint32_t n_isstd;
    uint32_t n_leaps;
    uint32_t n_times;
    uint32_t n_types;
    uint32_t n_chars;
} tzif_header;

static uint32_t take_be32(al_rd *r)
{
    return __builtin_bswap32(al_rd_u32(r));
}

static int64_t take_time(al_rd *r, bool is_wide)
{
    if (is_wide)
        return (int64_t)__builtin_bswap64(al_rd_u64(r));
    return (int32_t)take_be32(r);
}

static al_code take_header(al_rd *r, tzif_header *ret, al_err *err)
{
    tzif_header h = {0};
    al_slice magic = al_rd_bytes(r, 4);
    if (!al_slice_eq(magic, AL_LIT("TZif")))
        return al_fail(err, AL_CORRUPT, "does not begin with TZif");
    h.version = al_rd_u8(r);
    (void)al_rd_bytes(r, 15);
    h.n_isut = take_be32(r);
    h.n_isstd = take_be32(r);
    h.n_leaps = take_be32(r);
    h.n_times = take_be32(r);
    h.n_types = take_be32(r);
    h.n_chars = take_be32(r);
    if (r->bad)
        return al_fail(err, AL_CORRUPT, "ends within its header");
    if (h.n_isut > COUNT_MAX || h.n_isstd > COUNT_MAX || h.n_leaps > COUNT_MAX ||
        h.n_times > COUNT_MAX || h.n_types > COUNT_MAX || h.n_chars > COUNT_MAX || h.n_types == 0)
        return al_fail(err, AL_CORRUPT, "counts out of range");
    *ret = h;
    return AL_OK;
}

static void skip_block(al_rd *r, const tzif_header *h, unsigned time_bytes)
{
    uint64_t n = (uint64_t)h->n_times * (time_bytes + 1) + (uint64_t)h->n_types * TYPE_BYTES +
                 h->n_chars + (uint64_t)h->n_leaps * (time_bytes + 4) + h->n_isstd + h->n_isut;
    (void)al_rd_bytes(r, n);
}

static al_code offset_of_type(al_slice types, size_t type, int32_t *ret, al_err *err)
{
    if (type >= types.len / TYPE_BYTES)
        return al_fail(err, AL_CORRUPT, "names type %zu of %zu", type, types.len / TYPE_BYTES);
    al_rd r = al_rd_of(al_slice_sub(types, type * TYPE_BYTES, types.len));
    int32_t offset = (int32_t)take_be32(&r);
    if (offset < -OFFSET_S_MAX || offset > OFFSET_S_MAX)
        return al_fail(err, AL_CORRUPT, "offset of %d seconds", (int)offset);
    *ret = offset;
    return AL_OK;
}

static al_code take_block(al_rd *r, const tzif_header *h, bool is_wide, rec_zone *z, al_err *err)
{
    unsigned time_bytes = is_wide ? 8 : 4;
    al_slice times = al_rd_bytes(r, (uint64_t)h->n_times * time_bytes);
    al_slice kinds = al_rd_bytes(r, h->n_times);
    al_slice types = al_rd_bytes(r, (uint64_t)h->n_types * TYPE_BYTES);
    (void)al_rd_bytes(r, h->n_chars);
    (void)al_rd_bytes(r, (uint64_t)h->n_isstd + h->n_isut);
    if (r->bad)
        return al_fail(err, AL_CORRUPT, "ends within its changes");
    al_code c = offset_of_type(types, 0, &z->first_offset_s, err);
    al_rd at = al_rd_of(times);
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < h->n_times && c == AL_OK; i++) {
        int64_t time_s = take_time(&at, is_wide);
        int32_t offset = 0;
        if (i && time_s <= before)
            return al_fail(err, AL_CORRUPT, "changes are not in order");
        before = time_s;
        c = offset_of_type(types, kinds.ptr[i], &offset, err);
        if (c == AL_OK && rec_zone_add(z, time_s, offset))
            c = al_fail(err, AL_NOMEM, "no memory for a time zone");
    }
    return c;
}

/* "\nRULE\n" at the end; an empty rule says nothing about later. */
static al_code take_footer(al_rd *r, rec_zone *z, al_err *err)
{
    al_slice rest = al_rd_bytes(r, r->left);
    if (rest.len < 2 || rest.ptr[0] != '\n')
        return al_fail(err, AL_CORRUPT, "has no footer");
    size_t end = al_slice_find(rest, '\n', 1);
    if (end == rest.len)
        return al_fail(err, AL_CORRUPT, "has no end of its footer");
    if (end == 1)
        return AL_OK;
    al_code c = rec_zone_add_rule(z, al_slice_sub(rest, 1, end), err);
    return c == AL_INVALID ? al_fail(err, AL_CORRUPT, "footer is no rule") : c;
}

al_code rec_zone_decode_tzif(al_slice file, rec_zone *z, al_err *err)
{
    al_rd r = al_rd_of(file);
    tzif_header h = {0};
    al_code c = take_header(&r, &h, err);
    if (c)
        return c;
    bool is_wide = h.version >= '2';
    if (is_wide) {
        skip_block(&r, &h, 4);
        c = take_header(&r, &h, err);
        if (c)
            return c;
    }
    if (h.n_leaps)
        return al_fail(err, AL_CORRUPT, "counts leap seconds");
    c = take_block(&r, &h, is_wide, z, err);
    if (c == AL_OK && is_wide)
        c = take_footer(&r, z, err);
    return c;
}
