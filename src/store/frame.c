/* Frames of the log. See frame.h for the contract, doc/format.md section 3 for the bytes.
 * Invariant: the header's crc covers the file's number too, so that a frame that lies in the wrong
 * file (an old one whose space was used again) is none. */
#include "store/frame.h"

#include <assert.h>
#include <string.h>

#include "base/crc32c.h"
#include "store/format.h"
#include "store/limits.h"

void frame_begin(al_buf *out, frame_kind kind, int64_t arrival_ns, uint32_t n_parts)
{
    assert(out->len == 0);
    uint8_t *header = al_buf_extend(out, FMT_FRAME_HEADER_BYTES);
    if (header)
        memset(header, 0, FMT_FRAME_HEADER_BYTES);
    al_buf_u8(out, (uint8_t)kind);
    al_buf_u64(out, (uint64_t)arrival_ns);
    al_buf_varint(out, n_parts);
}

void frame_part(al_buf *out, uint32_t index_id, uint32_t n_rows, al_slice block)
{
    al_buf_varint(out, index_id);
    al_buf_varint(out, n_rows);
    al_buf_varint(out, block.len);
    al_buf_slice_put(out, block);
}

void frame_marks_begin(al_buf *out, uint32_t n_marks)
{
    al_buf_varint(out, n_marks);
}

void frame_mark(al_buf *out, al_slice marks)
{
    al_buf_varint(out, marks.len);
    al_buf_slice_put(out, marks);
}

static uint32_t header_crc(const uint8_t *header, uint64_t file_id)
{
    uint8_t id[8];
    for (unsigned i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(file_id >> (8 * i));
    return al_crc32c(al_crc32c(0, header, FMT_FRAME_HEADER_BYTES - 4), id, sizeof id);
}

void frame_seal(uint8_t *frame, size_t bytes, uint64_t seq, uint64_t synced, uint64_t file_id)
{
    assert(bytes > FMT_FRAME_HEADER_BYTES);
    assert(bytes - FMT_FRAME_HEADER_BYTES <= FRAME_BYTES_MAX);
    const uint8_t *body = frame + FMT_FRAME_HEADER_BYTES;
    size_t body_bytes = bytes - FMT_FRAME_HEADER_BYTES;
    al_buf b;
    al_buf_init(&b, FMT_FRAME_HEADER_BYTES);
    b.ptr = frame; /* the buffer only writes where the header goes; nothing is allocated */
    b.cap = FMT_FRAME_HEADER_BYTES;
    al_buf_u32(&b, FMT_MAGIC_FRAME);
    al_buf_u32(&b, (uint32_t)body_bytes);
    al_buf_u64(&b, seq);
    al_buf_u64(&b, synced);
    al_buf_u32(&b, al_crc32c(0, body, body_bytes));
    al_buf_u32(&b, header_crc(frame, file_id));
    assert(b.len == FMT_FRAME_HEADER_BYTES && b.ptr == frame);
}

bool frame_header_decode(al_slice bytes, uint64_t file_id, frame_header *ret)
{
    al_rd r = al_rd_of(al_slice_sub(bytes, 0, FMT_FRAME_HEADER_BYTES));
    frame_header h = {0};
    uint32_t magic = al_rd_u32(&r);
    h.body_bytes = al_rd_u32(&r);
    h.seq = al_rd_u64(&r);
    h.synced = al_rd_u64(&r);
    h.body_crc = al_rd_u32(&r);
    uint32_t crc = al_rd_u32(&r);
    if (r.bad || magic != FMT_MAGIC_FRAME || h.body_bytes == 0 || h.body_bytes > FRAME_BYTES_MAX)
        return false;
    if (crc != header_crc(bytes.ptr, file_id))
        return false;
    *ret = h;
    return true;
}

typedef struct walk {
    const frame_visitor *visit; /* NULL: check only */
    uint64_t n_rows;
} walk;

static al_code walk_parts(walk *w, al_rd *r, al_err *err)
{
    uint64_t n = al_rd_varint(r);
    if (r->bad || n > FRAME_PARTS_MAX)
        return al_fail(err, AL_CORRUPT, "frame: parts");
    for (uint64_t i = 0; i < n; i++) {
        uint64_t index_id = al_rd_varint(r);
        uint64_t n_rows = al_rd_varint(r);
        uint64_t len = al_rd_varint(r);
        al_slice block = al_rd_bytes(r, len);
        if (r->bad || index_id == 0 || index_id > UINT32_MAX || n_rows == 0 ||
            n_rows > BLOCK_ROWS_MAX || w->n_rows + n_rows > UINT32_MAX)
            return al_fail(err, AL_CORRUPT, "frame: part %llu does not fit", (unsigned long long)i);
        frame_part_view p = {.index_id = (uint32_t)index_id,
                             .n_rows = (uint32_t)n_rows,
                             .first_row = (uint32_t)w->n_rows,
                             .block = block};
        w->n_rows += n_rows;
        al_code c = w->visit && w->visit->part ? w->visit->part(w->visit->ctx, &p, err) : AL_OK;
        if (c)
            return c;
    }
    return AL_OK;
}

static al_code walk_marks(walk *w, al_rd *r, al_err *err)
{
    uint64_t n = al_rd_varint(r);
    for (uint64_t i = 0; !r->bad && i < n; i++) {
        uint64_t len = al_rd_varint(r);
        al_slice marks = al_rd_bytes(r, len);
        if (r->bad)
            break;
        al_code c = w->visit && w->visit->mark ? w->visit->mark(w->visit->ctx, marks, err) : AL_OK;
        if (c)
            return c;
    }
    if (r->bad || r->left)
        return al_fail(err, AL_CORRUPT, "frame: marks do not fit");
    return AL_OK;
}

static al_code walk_body(walk *w, al_slice body, frame_body *ret, al_err *err)
{
    al_rd r = al_rd_of(body);
    uint8_t kind = al_rd_u8(&r);
    int64_t arrival_ns = (int64_t)al_rd_u64(&r);
    if (r.bad || (kind != FRAME_DATA && kind != FRAME_CHECKPOINT))
        return al_fail(err, AL_CORRUPT, "frame: kind %u", kind);
    al_code c = walk_parts(w, &r, err);
    if (!c)
        c = walk_marks(w, &r, err);
    if (c)
        return c;
    *ret = (frame_body){.kind = (frame_kind)kind, .arrival_ns = arrival_ns, .n_rows = w->n_rows};
    return AL_OK;
}

al_code frame_body_visit(al_slice body, const frame_visitor *v, frame_body *ret, al_err *err)
{
    walk check = {0};
    al_code c = walk_body(&check, body, ret, err);
    if (c || !v)
        return c;
    walk w = {.visit = v};
    return walk_body(&w, body, ret, err);
}
