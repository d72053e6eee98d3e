#pragma once
/* limits.h: every maximum of the embedded store, with its reason. No code. Those that bound what is
 * read from disk are part of doc/format.md. */
#include <stdint.h>

enum {
    /* Rows of one block: large enough that column headers cost nothing, small enough that one page
     * of results decodes quickly (measured: 4k costs 8 % of size, 64k slows point reads). */
    BLOCK_ROWS_MAX = 16384,
    /* Decoded bytes of a block after which it is closed; only a single larger row makes it bigger.
     * A merge holds one such block per input. */
    BLOCK_RAW_BYTES = 4 << 20,
    /* Of each buffer, from one block to the next: an ordinary block fits, one huge row does not. */
    BLOCK_BUF_KEPT_BYTES = 2 * BLOCK_RAW_BYTES,
    /* Names of fields in one block; the block is closed before a row that would need more. */
    BLOCK_NAMES_MAX = 16384,
    BLOCK_SHAPES_MAX = BLOCK_ROWS_MAX,
    /* Rows times names of a block of several rows: a decoded column has a number for each row. */
    BLOCK_CELLS_MAX = 4 << 20,
    /* Entries of all shapes of one block together. */
    BLOCK_SHAPE_ENTRIES_MAX = 1 << 20,
    /* Decoded bytes of one column: bounds what a decoder allocates for hostile input. */
    COLUMN_BYTES_MAX = 192 << 20,
    /* ... and all columns of a block. */
    BLOCK_DECODED_MAX = 384 << 20,
    /* Encoded bytes of one block. */
    BLOCK_BYTES_MAX = 256 << 20,

    /* Bytes (message, names and values) of one appended batch, and so of one record. */
    APPEND_BYTES_MAX = 128 << 20,
    APPEND_ROWS_MAX = 512 << 10, /* a frame, and so any choice of frames, fits segments */
    /* The committer closes a frame after so many bytes or rows; a larger batch stays whole. */
    FRAME_RAW_BYTES = 16 << 20,
    FRAME_ROWS = 65536,
    /* Encoded bytes of one frame. */
    FRAME_BYTES_MAX = 512 << 20,
    FRAME_PARTS_MAX = 65536,
    /* Marks of one append. */
    MARKS_BYTES_MAX = 16 << 20,

    LOG_FILE_BYTES = 32 << 20,      /* the log goes on in a new file behind this */
    LOG_BYTES_PRESSURE = 256 << 20, /* the log holds more: merge what holds back its oldest file */
    LOG_IDLE_BYTES = 128 << 10,     /* a covered log file is given back when it is larger */
    LOG_MARKS_BYTES = 512 << 10, /* ... while nothing waits to be merged, when marks make it so */

    SEG_ROWS_MAX = 1 << 20,
    SEG_BLOCKS_MAX = SEG_ROWS_MAX, /* a block has at least one row */
    SEG_NAMES_MAX = 1 << 20,
    SEG_POS_RUNS_MAX = SEG_ROWS_MAX,
    SEG_POSITIONS_BYTES_MAX = 32 << 20, /* a run takes 23 bytes at most */
    SEG_DIRECTORY_BYTES_MAX = 256 << 20,

    /* The tail of an index (rows that are only in the log) is merged at any of these. Late and
     * wide: a row is written once into a segment and not again, and segments share more. */
    TAIL_ROWS = SEG_ROWS_MAX,
    TAIL_BYTES = 48 << 20, /* encoded: of a start after a crash, and of what a search unpacks */
    TAIL_RAW_BYTES = 512 << 20, /* decoded: how long a merge takes */
    TAIL_FRAMES = 1024,
    TAILS_BYTES_MAX = 256 << 20, /* encoded, of all indexes: appends wait for the merger */
    TAIL_IDLE_S = 5,             /* ... or so long after its last record */

    MERGE_OPEN_BYTES = 48 << 20, /* decoded blocks at once of a tail's merge; else it takes less */
    MERGE_INPUTS_MAX = 16,       /* segments merged at once; each holds one decoded block */
    MERGE_INPUTS_MIN = 8,        /* of like size: fewer are left alone (write amplification) */
    /* So many rows are not written again to have fewer than an eighth as many with them. */
    MERGE_LARGE_ROWS = 64 << 10,

    INDEXES_MAX = 4096,
    INDEX_SEGMENTS_MAX = 1 << 16,
    OPEN_FILES_MAX = 128, /* descriptors kept open for segments */

    /* How long arrival positions survive (an hour is promised). */
    POSITIONS_KEPT_S = 70 * 60,
};

_Static_assert(BLOCK_SHAPES_MAX >= BLOCK_ROWS_MAX, "every row may have its own shape");
_Static_assert(APPEND_ROWS_MAX + FRAME_ROWS <= SEG_ROWS_MAX, "a frame fits a segment");
_Static_assert(COLUMN_BYTES_MAX > APPEND_BYTES_MAX, "a single record fits a column");
_Static_assert((int64_t)FRAME_BYTES_MAX > (int64_t)APPEND_BYTES_MAX + MARKS_BYTES_MAX,
               "an append fits a frame even when nothing compresses");
