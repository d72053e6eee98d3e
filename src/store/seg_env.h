#pragma once
/* seg_env.h: what the segments of a store share: the I/O table, a bounded number of open files, and
 * the cache. Any thread. */
#include "base/io.h"
#include "store/cache.h"
#include "store/file_header.h"
#include "store/segment.h"

/* `store_dir` and `io` are borrowed until free. NULL without memory. */
seg_env *seg_env_new(const al_io *io, int store_dir, const uint8_t store_id[STORE_ID_BYTES],
                     size_t cache_bytes);
seg_env *seg_env_free(seg_env *e); /* after the last segment */
cache *seg_env_cache(seg_env *e);
const uint8_t *seg_env_store_id(const seg_env *e);
const al_io *seg_env_io(const seg_env *e);

/* The directory of an index, opened; the caller closes it with the table. */
AL_CHECK al_code seg_env_index_dir(seg_env *e, uint32_t index_id, bool create, int *ret_fd,
                                   al_err *err);

/* A segment's file, opened or found open. Give it back with seg_env_put. */
typedef struct seg_fd {
    int fd;
    int slot; /* -1: not kept open */
} seg_fd;
AL_CHECK al_code seg_env_get(seg_env *e, uint32_t index_id, uint64_t seg_id, seg_fd *ret,
                             al_err *err);
void seg_env_put(seg_env *e, seg_fd f);
/* Closes it unless it is in use; then its last user does. */
void seg_env_drop(seg_env *e, uint32_t index_id, uint64_t seg_id);

/* A handle for a segment that the manifest lists. NULL without memory. */
segment *seg_new(seg_env *e, uint32_t index_id, const seg_summary *s);
/* Its files are deleted at the last unref. */
void seg_mark_drop(segment *s);
/* Sets the files aside as *.bad. A missing file is fine. */
AL_CHECK al_code seg_set_aside(segment *s, al_err *err);
/* Deletes the file of arrival positions, which the manifest does not list any more. */
void seg_delete_positions(segment *s);
/* `s` with its positions given up: tails do not resume before its last row. */
static inline void seg_sum_forget_positions(seg_summary *s)
{
    s->has_positions = false;
    s->unplaced_frame = s->max_frame;
}
uint32_t seg_index_id(const segment *s);
/* What a file says of itself, for a manifest made anew; day, flags, arrival and frames stay 0.
 * `is_aside`: it is called .seg.bad. AL_CORRUPT, AL_TOO_NEW, AL_NOT_FOUND, AL_IO, AL_NOMEM. */
AL_CHECK al_code seg_inspect(seg_env *e, uint32_t index_id, uint64_t id, bool is_aside,
                             seg_summary *ret, al_err *err);

/* ---- The end of a segment's file (doc/format.md section 5). AL_CORRUPT, AL_NOMEM. Pure. */
typedef struct seg_footer {
    uint64_t dir_off;
    uint64_t dir_bytes;
    uint64_t n_rows;
    uint64_t file_bytes;
    uint64_t lex_bytes; /* of the lexicon, in front of the directory */
    uint32_t n_blocks;
    uint32_t dir_crc;
} seg_footer;
void seg_footer_encode(const seg_footer *f, al_buf *out);
AL_CHECK al_code seg_footer_decode(al_slice bytes, uint64_t file_bytes, seg_footer *ret,
                                   al_err *err);
/* Ranges of ids and times of n > 0 blocks. */
void seg_sum_blocks(const block_info *blocks, size_t n, seg_summary *ret);
void seg_directory_encode(const block_info *blocks, size_t n, const seg_field *names,
                          size_t n_names, al_buf *out);
AL_CHECK al_code seg_directory_decode(al_slice bytes, const seg_footer *f, seg_index **ret,
                                      al_err *err);

AL_DEFINE_CLEANUP(seg_env, seg_env_free);
