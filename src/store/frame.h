#pragma once
/* frame.h: one entry of the log (doc/format.md section 3): the rows that were acknowledged together
 * and what their senders want remembered. Pure: bytes in, bytes out. */
#include "base/buf.h"
#include "base/err.h"
#include "store/format.h"

typedef enum frame_kind {
    FRAME_DATA = FMT_FRAME_DATA,
    FRAME_CHECKPOINT = FMT_FRAME_CHECKPOINT,
} frame_kind;

/* ---- Making one. A frame is built in a buffer: frame_begin, parts, frame_marks_begin, marks;
 * frame_seal when its place is known. Errors stick in the buffer. */
void frame_begin(al_buf *out, frame_kind kind, int64_t arrival_ns, uint32_t n_parts);
void frame_part(al_buf *out, uint32_t index_id, uint32_t n_rows, al_slice block);
void frame_marks_begin(al_buf *out, uint32_t n_marks);
void frame_mark(al_buf *out, al_slice marks);
/* Writes the header over the room that frame_begin left; may be done again for another place. */
void frame_seal(uint8_t *frame, size_t bytes, uint64_t seq, uint64_t synced, uint64_t file_id);

/* ---- Reading. */
typedef struct frame_header {
    uint32_t body_bytes;
    uint64_t seq;
    uint64_t synced;
    uint32_t body_crc;
} frame_header;

/* False: not a header of a frame of this log file. */
bool frame_header_decode(al_slice bytes, uint64_t file_id, frame_header *ret);

typedef struct frame_part_view {
    uint32_t index_id;
    uint32_t n_rows;
    uint32_t first_row; /* of the frame */
    al_slice block;
} frame_part_view;

typedef struct frame_visitor {
    void *ctx;
    al_code (*part)(void *ctx, const frame_part_view *p, al_err *err);
    al_code (*mark)(void *ctx, al_slice marks, al_err *err);
} frame_visitor;

typedef struct frame_body {
    frame_kind kind;
    int64_t arrival_ns;
    uint64_t n_rows;
} frame_body;

/* Checks the body's lengths and calls the visitor (members may be NULL) for what is in it, after
 * the whole body was checked. Its answers end the visit. AL_CORRUPT; crc is the caller's. */
AL_CHECK al_code frame_body_visit(al_slice body, const frame_visitor *v, frame_body *ret,
                                  al_err *err);
