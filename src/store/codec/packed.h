#pragma once
/* packed.h: a part of a file, compressed when that pays, with its lengths and checksum
 * (doc/format.md section 1, "packed"). Pure: no I/O. A packer belongs to one thread at a time. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

typedef struct packer packer;

typedef struct packed {
    uint64_t raw_bytes;
    uint64_t stored_bytes; /* equal to raw_bytes: not compressed */
    uint32_t crc;          /* of the stored bytes */
} packed;

/* NULL without memory. */
packer *packer_new(void);
packer *packer_free(packer *p);

/* Appends the stored form of `raw` to `out`. AL_NOMEM, AL_LIMIT (of out). */
AL_CHECK al_code packed_store(packer *p, al_slice raw, al_buf *out, packed *ret);
/* As it is: for what is to be read where it stands. AL_NOMEM, AL_LIMIT (of out). */
AL_CHECK al_code packed_store_raw(al_slice raw, al_buf *out, packed *ret);
/* The three numbers. */
void packed_put(const packed *d, al_buf *out);
/* Reads them; bad when stored is more than raw or raw is more than `raw_max`. */
packed packed_get(al_rd *r, uint64_t raw_max);
/* Checks the crc and writes d->raw_bytes bytes to `raw`. `stored` has d->stored_bytes. AL_CORRUPT,
 * AL_NOMEM. */
AL_CHECK al_code packed_load(packer *p, const packed *d, al_slice stored, uint8_t *raw,
                             al_err *err);
/* Only the check of the crc. */
AL_CHECK al_code packed_check(const packed *d, al_slice stored, al_err *err);
static inline bool packed_is_raw(const packed *d)
{
    return d->raw_bytes == d->stored_bytes;
}

AL_DEFINE_CLEANUP(packer, packer_free);
