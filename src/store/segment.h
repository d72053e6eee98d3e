#pragma once
/* segment.h: one immutable file of rows of one index and partition, in id order (doc/format.md
 * section 5). Knows its own file and nothing of others. Handles are refcounted; any thread.
 *
 * A handle holds only the summary that stands in the manifest: the file is opened, and its
 * directory of blocks read, at first use, through bounded caches (seg_env). */
#include "base/err.h"
#include "base/io.h"
#include "store/blob.h"
#include "store/block.h"
#include "store/positions.h"

typedef struct segment segment;
typedef struct seg_env seg_env; /* caches shared by all segments of a store: seg_env.h */

/* What the manifest says of a segment. */
typedef struct seg_summary {
    uint64_t id;         /* file id, never reused within the index */
    uint32_t day;        /* partition: UTC day number (days since 1970) ... */
    bool is_off;         /* ... of the ids; or of the arrival, for rows more than a day off */
    bool is_quarantined; /* damaged: set aside as *.bad, not read, answers are partial */
    bool has_positions;  /* there is a .pos file */
    uint64_t n_rows;
    uint64_t bytes; /* of the .seg and .pos files */
    uint64_t min_id;
    uint64_t max_id;
    int64_t min_ns; /* of the times */
    int64_t max_ns;
    int64_t max_arrival_ns; /* wall clock */
    uint64_t max_frame;     /* of its rows */
    uint64_t
        unplaced_frame; /* greatest frame of rows whose position is not known any more; 0 none */
    uint32_t n_names;   /* distinct top-level field names */
} seg_summary;

/* How blocks store the column of a field. */
enum {
    SEG_FIELD_WHOLE = 1,   /* strings, in the lexicon as they are */
    SEG_FIELD_SPLIT = 2,   /* ... as templates and slots */
    SEG_FIELD_OUTSIDE = 4, /* other values too, which are in no lexicon */
    SEG_FIELD_USES = 7,
};

typedef struct seg_field {
    al_slice name;
    uint8_t uses; /* SEG_FIELD_, of all blocks together; not 0 */
} seg_field;

/* The directory of blocks; refcounted, immutable. */
typedef struct seg_index {
    uint32_t n_blocks;
    const block_info *blocks; /* ascending ids */
    uint32_t n_names;
    const seg_field *names; /* distinct top-level fields, sorted by bytes */
    uint64_t lex_off;       /* of the lexicon in the file */
    uint64_t lex_bytes;     /* 0: there is none */
} seg_index;

segment *seg_ref(segment *s);
segment *seg_unref(segment *s);
const seg_summary *seg_summary_of(const segment *s);
/* For messages: "12/00000000000000a1.seg". */
const char *seg_name(const segment *s);

/* Reads header, footer and directory (or finds them in the cache). AL_CORRUPT, AL_TOO_NEW, AL_IO,
 * AL_NOMEM. Give it back with seg_index_unref. */
AL_CHECK al_code seg_index_get(segment *s, seg_index **ret, al_err *err);
seg_index *seg_index_unref(seg_index *ix);
/* SEG_FIELD_ of a top-level field; 0: no row has it. */
uint8_t seg_index_uses(const seg_index *ix, al_slice name);
/* What its blocks share, through the cache; *ret is NULL when there is none. AL_CORRUPT, AL_IO,
 * AL_NOMEM. Give it back with lexicon_unref. */
AL_CHECK al_code seg_lexicon(segment *s, const seg_index *ix, lexicon **ret, al_err *err);
/* Looks at block `i` with `view`; `keeps`: it will be asked for again and goes to the cache, as
 * those of a scan do not, which would drive out all else. AL_CORRUPT (also when it is not what the
 * directory says), AL_IO, AL_NOMEM. */
AL_CHECK al_code seg_open_block(segment *s, const seg_index *ix, uint32_t i, block_view *view,
                                bool keeps, al_err *err);
/* Reads every row of it once. `scratch` is opened on its blocks. AL_CORRUPT, AL_TOO_NEW, AL_IO,
 * AL_NOMEM. */
AL_CHECK al_code seg_check(segment *s, block_view *scratch, al_err *err);
/* Arrival positions of its rows. AL_NOT_FOUND: it has none any more. AL_CORRUPT (also when the file
 * is missing), AL_TOO_NEW, AL_IO, AL_NOMEM. */
AL_CHECK al_code seg_positions(segment *s, positions **ret, al_err *err);

AL_DEFINE_CLEANUP(segment, seg_unref);
AL_DEFINE_CLEANUP(seg_index, seg_index_unref);
