#pragma once
/* seg_writer.h: makes a segment file from rows in id order, block by block; memory stays at one
 * block whatever the number of rows. One thread. */
#include "store/block.h"
#include "store/seg_env.h"

typedef struct seg_writer seg_writer;

typedef struct seg_writer_options {
    uint32_t index_id;
    uint64_t seg_id;
    uint32_t day;
    bool is_off;
    bool has_positions; /* write the .pos file */
} seg_writer_options;

/* Creates the file. AL_IO, AL_NOMEM. */
AL_CHECK al_code seg_writer_new(seg_env *env, const seg_writer_options *o, seg_writer **ret,
                                al_err *err);
/* Adds a row (copied). Ids ascend strictly: AL_CORRUPT if not, since rows come from other files.
 * `frame` 0: its position is not known any more. AL_LIMIT: SEG_ROWS_MAX. */
AL_CHECK al_code seg_writer_add(seg_writer *w, const record *r, uint64_t frame, uint32_t row,
                                al_err *err);
/* Writes the rest, syncs files and directory. `sum` has max_arrival_ns, max_frame and
 * unplaced_frame set by the caller; the rest is filled. At least one row. */
AL_CHECK al_code seg_writer_finish(seg_writer *w, seg_summary *sum, al_err *err);
/* Also deletes the files unless they were finished. */
seg_writer *seg_writer_free(seg_writer *w);

AL_DEFINE_CLEANUP(seg_writer, seg_writer_free);
