#pragma once
/* file_header.h: the 64 bytes at the start of every file of the store (doc/format.md section 1).
 * Pure. */
#include "base/buf.h"
#include "base/err.h"

enum { STORE_ID_BYTES = 16 };

typedef struct file_header {
    uint32_t magic; /* FMT_MAGIC_... */
    uint8_t store_id[STORE_ID_BYTES];
    uint64_t file_id;
    uint32_t index_id;    /* log: number of the file that prev_end speaks of, 0 none */
    uint64_t first_frame; /* log; end of the log: its last frame */
    uint64_t prev_end;    /* log; end of the log: bytes that are on disk */
} file_header;

void file_header_encode(const file_header *h, al_buf *out);
/* Checks magic, crc, version and flags. AL_CORRUPT, AL_TOO_NEW. */
AL_CHECK al_code file_header_decode(al_slice bytes, uint32_t magic, file_header *ret, al_err *err);
/* Does it belong to this store, index and number? AL_CORRUPT. `store_id` NULL: any. */
AL_CHECK al_code file_header_check(const file_header *h, const uint8_t *store_id, uint32_t index_id,
                                   uint64_t file_id, al_err *err);
