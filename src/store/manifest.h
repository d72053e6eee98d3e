#pragma once
/* manifest.h: the two lists that say what counts: the root (indexes of a store) and one manifest
 * for each index (its segments). doc/format.md section 7. Encoding is pure; load and save go
 * through the I/O table. */
#include "base/io.h"
#include "query/engine.h"
#include "store/file_header.h"
#include "store/segment.h"

typedef struct root_entry {
    uint32_t id;
    char name[ENG_INDEX_NAME_MAX + 1];
} root_entry;

typedef struct root {
    uint8_t store_id[STORE_ID_BYTES];
    uint64_t generation;
    uint32_t index_id_max; /* ever given */
    root_entry *entries;
    size_t n;
} root;

typedef struct manifest {
    uint8_t store_id[STORE_ID_BYTES];
    uint32_t index_id;
    uint64_t generation;
    uint64_t covered;    /* rows in frames up to this one are in segments or gone */
    uint64_t seg_id_max; /* ever given */
    seg_summary *segs;
    size_t n;
} manifest;

void root_encode(const root *r, al_buf *out);
/* *ret's entries are malloc'd: root_done. AL_CORRUPT, AL_TOO_NEW, AL_NOMEM. */
AL_CHECK al_code root_decode(al_slice bytes, root *ret, al_err *err);
void root_done(root *r);

void manifest_encode(const manifest *m, al_buf *out);
AL_CHECK al_code manifest_decode(al_slice bytes, manifest *ret, al_err *err);
void manifest_done(manifest *m);

/* AL_NOT_FOUND: there is no such file. */
AL_CHECK al_code root_load(const al_io *io, int store_dir, root *ret, al_err *err);
AL_CHECK al_code root_save(const al_io *io, int store_dir, const root *r, al_err *err);
/* Is there a log file or the directory of an index? Then a missing root is damage. */
AL_CHECK al_code root_has_data(const al_io *io, int store_dir, bool *ret, al_err *err);
AL_CHECK al_code manifest_load(const al_io *io, int index_dir, manifest *ret, al_err *err);
AL_CHECK al_code manifest_save(const al_io *io, int index_dir, const manifest *m, al_err *err);
