/* Segment: block, directory, footer and positions take any bytes without harm, and what decodes is
 * in order: ids ascend, times are not above ids, every field's value is one of its column. Each
 * input is tried raw and with checksums repaired. The first byte says what the rest is. */
#include "fuzz.h"

#include "base/crc32c.h"
#include "store/block.h"
#include "store/format.h"
#include "store/positions.h"
#include "store/seg_env.h"

/* ---- Blocks */

static void check_column(block_view *v, al_slice name)
{
    const block_col *col = NULL;
    al_err err;
    if (block_view_field(v, name, &col, &err))
        return;
    CHECK(col);
    for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++)
        CHECK(col->row_value[row] == BLOCK_NO_VALUE || col->row_value[row] < col->n_values);
}

static void check_block(al_slice bytes)
{
    static const block_want want = {.is_all = true};
    block_view *v = block_view_new();
    al_err err;
    CHECK(v);
    if (block_view_open_slice(v, bytes, &err) == AL_OK) {
        uint64_t last = 0;
        for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++) {
            record r;
            if (block_view_record(v, row, &want, &r, &err))
                break;
            CHECK(row == 0 || r.id > last);
            CHECK(r.time_ns >= 0 && (uint64_t)r.time_ns <= r.id);
            last = r.id;
        }
        const al_slice *names;
        size_t n = block_view_names(v, &names);
        for (size_t i = 0; i < n && i < 64; i++)
            check_column(v, names[i]);
    }
    (void)block_view_free(v);
}

/* The header's checksum, and its length of the whole. Those of columns are repaired by walking the
 * directory as a reader does. */
static void repair_block(uint8_t *bytes, size_t n)
{
    if (n < FMT_BLOCK_FIXED_BYTES + 5)
        return;
    fuzz_put_u32(bytes, FMT_MAGIC_BLOCK);
    al_rd r = al_rd_of((al_slice){bytes + 4, 4});
    uint32_t header = al_rd_u32(&r);
    if (header < FMT_BLOCK_FIXED_BYTES + 5 || header > n)
        header = FMT_BLOCK_FIXED_BYTES + 5;
    fuzz_put_u32(bytes + 4, header);
    fuzz_put_u32(bytes + 8, (uint32_t)n);
    r = al_rd_of((al_slice){bytes + FMT_BLOCK_FIXED_BYTES, header - FMT_BLOCK_FIXED_BYTES - 4});
    al_rd data = al_rd_of((al_slice){bytes + header, n - header});
    uint64_t n_columns = al_rd_varint(&r);
    for (uint64_t i = 0; !r.bad && i < n_columns; i++) {
        if (al_rd_u8(&r) == FMT_COL_FIELD)
            (void)al_rd_bytes(&r, al_rd_varint(&r));
        (void)al_rd_varint(&r);
        al_slice stored = al_rd_bytes(&data, al_rd_varint(&r));
        al_slice crc = al_rd_bytes(&r, 4);
        if (r.bad || data.bad)
            break;
        fuzz_put_u32(bytes + (crc.ptr - bytes), al_crc32c(0, stored.ptr, stored.len));
    }
    fuzz_put_u32(bytes + header - 4, al_crc32c(0, bytes, header - 4));
}

/* ---- Directory and footer: the last bytes of the input are the footer */

static void check_directory(uint8_t *bytes, size_t n, bool is_repaired)
{
    if (n < FMT_FOOTER_BYTES)
        return;
    uint8_t *foot = bytes + n - FMT_FOOTER_BYTES;
    size_t dir_bytes = n - FMT_FOOTER_BYTES;
    seg_footer f = {0};
    al_err err;
    al_rd r = al_rd_of((al_slice){foot, FMT_FOOTER_BYTES});
    uint64_t dir_off = al_rd_u64(&r);
    uint64_t file_bytes = dir_off + n;
    if (is_repaired) {
        al_buf b;
        al_buf_init(&b, FMT_FOOTER_BYTES);
        f.dir_off = dir_off;
        (void)al_rd_u64(&r);
        f.n_rows = al_rd_u64(&r);
        (void)al_rd_u64(&r);
        f.n_blocks = al_rd_u32(&r);
        f.dir_bytes = dir_bytes;
        f.file_bytes = file_bytes;
        f.dir_crc = al_crc32c(0, bytes, dir_bytes);
        seg_footer_encode(&f, &b);
        memcpy(foot, b.ptr, FMT_FOOTER_BYTES);
        al_buf_done(&b);
    }
    if (seg_footer_decode((al_slice){foot, FMT_FOOTER_BYTES}, file_bytes, &f, &err))
        return;
    seg_index *ix = NULL;
    if (seg_directory_decode((al_slice){bytes, dir_bytes}, &f, &ix, &err))
        return;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < ix->n_blocks; i++) {
        CHECK(i == 0 || ix->blocks[i].min_id > ix->blocks[i - 1].max_id);
        CHECK(ix->blocks[i].off + ix->blocks[i].len <= f.dir_off);
        CHECK(ix->blocks[i].first_row == rows);
        rows += ix->blocks[i].n_rows;
    }
    CHECK(rows == f.n_rows);
    for (uint32_t i = 0; i < ix->n_names; i++)
        CHECK(seg_index_uses(ix, ix->names[i].name) == ix->names[i].uses);
    (void)seg_index_unref(ix);
}

/* ---- Positions */

static void check_positions(al_slice bytes)
{
    positions *p = NULL;
    al_err err;
    uint32_t n_rows = bytes.len ? bytes.ptr[bytes.len - 1] : 0;
    bytes = al_slice_sub(bytes, 0, bytes.len ? bytes.len - 1 : 0);
    if (positions_decode(bytes, n_rows, &p, &err))
        return;
    size_t n;
    const pos_run *runs = positions_runs(p, &n);
    uint32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(runs[i].first_row == at && runs[i].n_rows > 0);
        at += runs[i].n_rows;
    }
    CHECK(at == n_rows);
    (void)positions_unref(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t *copy = fuzz_copy((al_slice){data + 1, size - 1});
    al_slice bytes = {copy, size - 1};
    switch (data[0] % 3) {
    case 0:
        check_block(bytes);
        repair_block(copy, bytes.len);
        check_block(bytes);
        break;
    case 1:
        check_directory(copy, bytes.len, false);
        check_directory(copy, bytes.len, true);
        break;
    default:
        check_positions(bytes);
    }
    free(copy);
    return 0;
}
