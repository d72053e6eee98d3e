#pragma once
/* block.h: up to BLOCK_ROWS_MAX rows of one index as compressed columns (doc/format.md section 4).
 * The same bytes are a part of a log frame and a part of a segment.
 *
 * Builder and view: one thread at a time; each is made once and used for many blocks. */
#include "base/buf.h"
#include "base/err.h"
#include "record/record.h"
#include "store/blob.h"
#include "store/limits.h"
#include "store/msg/msg_builder.h"
#include "store/msg/msg_view.h"

/* What a directory of blocks says about one of them. */
typedef struct block_info {
    uint64_t min_id;
    uint64_t max_id;
    int64_t min_ns; /* of the rows' times */
    int64_t max_ns;
    uint32_t n_rows;
    uint32_t first_row; /* of its segment or memtab */
    uint64_t off;       /* in the segment's file */
    uint32_t len;       /* encoded bytes */
    uint32_t raw_bytes; /* decoded bytes, about; saturates */
} block_info;

/* ---- Building */

typedef struct block_builder block_builder;

/* NULL without memory. */
block_builder *block_builder_new(void);
block_builder *block_builder_free(block_builder *b);
/* From now on messages and fields are written with this lexicon, which outlives the builder; each
 * encoded block is its next block. Before the first row. AL_NOMEM. */
AL_CHECK al_code block_builder_use_lexicon(block_builder *b, lex_builder *lex);
/* Adds a row; everything is copied. Ids must ascend strictly. AL_AGAIN: the block is full, encode
 * it first (never for the first row). AL_LIMIT: the row alone is too large. AL_NOMEM: start over
 * with block_builder_clear. */
AL_CHECK al_code block_builder_add(block_builder *b, const record *r);
uint32_t block_builder_rows(const block_builder *b);
/* Appends the encoded block to `out`, describes it (off and first_row stay 0) and clears the
 * builder. At least one row. */
AL_CHECK al_code block_builder_encode(block_builder *b, al_buf *out, block_info *ret, al_err *err);
void block_builder_clear(block_builder *b);

/* ---- Reading */

typedef struct block_view block_view;

/* One column of a field: the distinct (nearly: a value may stand twice) values in order of first
 * appearance, and for each row which one it has. Evaluate a condition once per value, then look
 * rows up. */
typedef struct block_col {
    const value *values;
    uint32_t n_values;
    const uint32_t *row_value; /* per row: index into values, or BLOCK_NO_VALUE */
} block_col;

#define BLOCK_NO_VALUE UINT32_MAX

/* NULL without memory. */
block_view *block_view_new(void);
/* For who opens one block after another: what one took is kept for the next, up to so many bytes.
 */
void block_view_keep(block_view *v, size_t bytes);
enum { BLOCK_VIEW_USUAL_BYTES = 12 << 20 }; /* a full block with all its columns takes 6 to 10 MB */
block_view *block_view_free(block_view *v);
/* The lexicon of the blocks that are opened from now on (takes a reference); NULL: they have none.
 * Messages and fields of a block that needs one and has none are AL_CORRUPT. */
void block_view_use_lexicon(block_view *v, lexicon *lex);
/* Looks at another block; takes its own reference. Checks and decodes the header only. What the
 * view gave out before is gone. AL_CORRUPT, AL_NOMEM. */
AL_CHECK al_code block_view_open(block_view *v, blob *bytes, al_err *err);
/* As block_view_open, for bytes that stay where they are until the next open. */
AL_CHECK al_code block_view_open_slice(block_view *v, al_slice bytes, al_err *err);

/* Where the bytes of a block are read when they are needed: few questions need all columns. */
typedef struct block_source {
    /* `n` bytes from `off` of the block on. AL_IO, AL_CORRUPT. */
    al_code (*read)(const struct block_source *s, uint8_t *to, uint64_t off, size_t n, al_err *err);
    void (*done)(const struct block_source *s); /* no more is asked of it; may be NULL */
    void *ctx;
    uint64_t at;  /* for `read` */
    size_t bytes; /* of the block */
} block_source;
/* As block_view_open; `source` is copied, and done with at the next open (or when this one fails).
 * Later AL_IO is possible wherever a column is first used. */
AL_CHECK al_code block_view_open_source(block_view *v, const block_source *source, al_err *err);
/* Looks at nothing any more; memory is kept for the next open. */
void block_view_close(block_view *v);

/* All below: valid until the next open. Columns are decoded (and their checksum checked) at first
 * use; AL_CORRUPT then, with a message, and whatever was decoded before stays valid. */

const block_info *block_view_info(const block_view *v);
/* Ascending, one per row. */
AL_CHECK al_code block_view_ids(block_view *v, const uint64_t **ret, al_err *err);
AL_CHECK al_code block_view_times(block_view *v, const int64_t **ret, al_err *err);
/* Of one row, without decoding the others (but its group of 256). */
AL_CHECK al_code block_view_id(block_view *v, uint32_t row, uint64_t *ret, al_err *err);
AL_CHECK al_code block_view_time(block_view *v, uint32_t row, int64_t *ret, al_err *err);
/* Every time is its row's id, so times ascend and block_view_find finds them too. */
bool block_view_times_are_ids(const block_view *v);
/* All of them; one behind the other if they are stored as text. */
AL_CHECK al_code block_view_messages(block_view *v, const al_slice **ret, al_err *err);
/* Of one row, without the others as long as few are asked for. */
AL_CHECK al_code block_view_message(block_view *v, uint32_t row, al_slice *ret, al_err *err);
/* The messages as templates and slots; *ret is NULL when the block has them as text. */
AL_CHECK al_code block_view_templates(block_view *v, msg_view **ret, al_err *err);
/* Top-level names of all fields in this block. */
size_t block_view_names(const block_view *v, const al_slice **ret);
/* How the column of name i is stored: FMT_COL_FIELD or one of FMT_COL_HOMED. */
uint8_t block_view_kind(const block_view *v, size_t i);
/* The column of top-level field `name`; *ret is NULL when no row has it. */
AL_CHECK al_code block_view_field(block_view *v, al_slice name, const block_col **ret, al_err *err);
/* First row whose id is >= `id` (n_rows if none). Decodes at most one group of rows. */
AL_CHECK al_code block_view_find(block_view *v, uint64_t id, uint32_t *ret_row, al_err *err);

/* Which columns a record must have. */
typedef struct block_want {
    bool is_all; /* message and every field, in the order sent; the rest is ignored */
    bool message;
    const al_slice *names; /* top-level names; those that are absent are left out */
    size_t n_names;
} block_want;

/* A record view of row `row`. Its `fields` array is valid until the next block_view_record on this
 * view, everything it points at until the next open. */
AL_CHECK al_code block_view_record(block_view *v, uint32_t row, const block_want *want, record *ret,
                                   al_err *err);
/* Reads all columns and checks their checksums, also of those that nothing asks for. */
AL_CHECK al_code block_view_check(block_view *v, al_err *err);
/* Memory the view holds now. */
size_t block_view_bytes(const block_view *v);

AL_DEFINE_CLEANUP(block_builder, block_builder_free);
AL_DEFINE_CLEANUP(block_view, block_view_free);
