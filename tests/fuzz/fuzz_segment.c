/* Segment: block, directory, footer and positions take any bytes without harm, and what decodes is
 * in order: ids ascend, times are not above ids, every field's value is one of its column, and the
 * one that its row has when it is read alone. Each input is tried raw and with checksums repaired.
 * The first byte says what the rest is: a block, one over a fixed lexicon, changes to a good one over
 * it (u16 place, u8 byte each), a directory or positions. */
#include "fuzz.h"

#include "base/checked.h"
#include "base/crc32c.h"
#include "store/block.h"
#include "store/format.h"
#include "store/lex/lex_builder.h"
#include "store/lex/lexicon.h"
#include "store/positions.h"
#include "store/seg_env.h"

/* ---- Blocks */

enum { ROWS_ALONE = 300, NAMES = 64 };

/* What rows have of a field when they are asked alone; false: something does not decode. */
static bool rows_alone(block_view *v, al_slice name, value *values, bool *has)
{
    const block_want want = {.names = &name, .n_names = 1};
    uint32_t n = AL_MIN(block_view_info(v)->n_rows, (uint32_t)ROWS_ALONE);
    for (uint32_t row = 0; row < n; row++) {
        record r;
        al_err err;
        if (block_view_record(v, row, &want, &r, &err))
            return false;
        CHECK(r.n_fields <= 1);
        has[row] = r.n_fields == 1;
        if (has[row])
            values[row] = r.fields[0].val;
    }
    return true;
}

static void check_column(block_view *v, al_slice name)
{
    static value values[ROWS_ALONE];
    static bool has[ROWS_ALONE];
    const block_col *col = NULL;
    al_err err;
    bool is_read = rows_alone(v, name, values, has);
    if (block_view_field(v, name, &col, &err))
        return;
    CHECK(col);
    for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++) {
        uint32_t i = col->row_value[row];
        CHECK(i == BLOCK_NO_VALUE || i < col->n_values);
        if (!is_read || row >= ROWS_ALONE)
            continue;
        CHECK(has[row] == (i != BLOCK_NO_VALUE));
        CHECK(!has[row] || (values[row].type == col->values[i].type &&
                            al_slice_eq(values[row].text, col->values[i].text)));
    }
}

static void check_block(al_slice bytes, lexicon *lex)
{
    static const block_want want = {.is_all = true};
    block_view *v = block_view_new();
    al_err err;
    CHECK(v);
    block_view_use_lexicon(v, lex);
    if (block_view_open_slice(v, bytes, &err) == AL_OK) {
        const al_slice *names;
        size_t n = block_view_names(v, &names);
        for (size_t i = 0; i < n && i < NAMES; i++) /* alone first: nothing is decoded yet */
            check_column(v, names[i]);
        uint64_t last = 0;
        for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++) {
            record r;
            if (block_view_record(v, row, &want, &r, &err))
                break;
            CHECK(row == 0 || r.id > last);
            CHECK(r.time_ns >= 0 && (uint64_t)r.time_ns <= r.id);
            last = r.id;
        }
    }
    (void)block_view_free(v);
}

/* ---- A good block over a lexicon, with a field of each home and form */

static al_code read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

typedef struct good {
    al_buf block, lexicon_bytes;
    al_slice slice;
    lexicon *lex;
} good;

enum { GOOD_ROWS = 200, GOOD_FIELDS = 8, GOOD_TEXT = 400 };

static field make_field(const char *name, val_type type, const char *text)
{
    return (field){al_cstr(name), {type, al_cstr(text)}};
}

static void add_row(block_builder *b, uint32_t i)
{
    static char text[GOOD_FIELDS][GOOD_TEXT];
    static const char *const loggers[] = {"auth", "timer", "main"};
    char message[64];
    field f[GOOD_FIELDS];
    uint32_t n = 0;
    uint32_t who = i / 7 % 9;
    (void)snprintf(message, sizeof message, "%s %u", loggers[i % 3], i);
    (void)snprintf(text[0], GOOD_TEXT, "host-%u", who % 3);
    (void)snprintf(text[1], GOOD_TEXT, "request-%u", who);
    (void)snprintf(text[2], GOOD_TEXT, "%u.%u", i * 37, i % 10);
    (void)snprintf(text[3], GOOD_TEXT, "{\"n\":%u}", i % 50);
    (void)snprintf(text[4], GOOD_TEXT, "%u: %0300u", i % 4, i % 5);
    f[n++] = make_field("host", VAL_STRING, text[0]);
    f[n++] = make_field("request", VAL_STRING, text[1]);
    f[n++] = make_field("logger", VAL_STRING, loggers[i == 50 ? 2 : i % 3]);
    f[n++] = make_field("ms", VAL_NUMBER, text[2]);
    if (i % 3 == 0)
        f[n++] = make_field("object", VAL_OBJECT, text[3]);
    if (i % 29 == 0)
        f[n++] = make_field("trace", VAL_STRING, text[4]);
    if (who % 2)
        f[n++] = make_field("user", i % 5 ? VAL_STRING : VAL_NULL, i % 5 ? text[0] : "");
    const record r = {.id = 1000 + i, .time_ns = 1000 + i, .message = al_cstr(message), .fields = f,
                      .n_fields = n};
    CHECK(block_builder_add(b, &r) == AL_OK);
}

static const good *good_block(void)
{
    static good g;
    if (g.lex)
        return &g;
    al_err err;
    block_info info;
    block_builder *b = block_builder_new();
    lex_builder *lex = lex_builder_new();
    CHECK(b && lex && block_builder_use_lexicon(b, lex) == AL_OK);
    al_buf_init(&g.block, SIZE_MAX);
    al_buf_init(&g.lexicon_bytes, SIZE_MAX);
    for (uint32_t i = 0; i < GOOD_ROWS; i++)
        add_row(b, i);
    CHECK(block_builder_encode(b, &g.block, &info, &err) == AL_OK);
    CHECK(lex_builder_encode(lex, &g.lexicon_bytes, &err) == AL_OK);
    g.slice = al_buf_slice(&g.lexicon_bytes);
    lex_source source = {.read = read_slice, .ctx = &g.slice, .bytes = g.slice.len};
    CHECK(lexicon_open(&source, &g.lex, &err) == AL_OK);
    (void)block_builder_free(b);
    (void)lex_builder_free(lex);
    return &g;
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
        uint8_t kind = al_rd_u8(&r);
        if (kind == FMT_COL_FIELD || kind >= FMT_COL_HOMED)
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

static void check_changes(al_slice changes)
{
    const good *g = good_block();
    uint8_t *copy = fuzz_copy(al_buf_slice(&g->block));
    for (size_t i = 0; i + 3 <= changes.len; i += 3)
        copy[(changes.ptr[i] | (size_t)changes.ptr[i + 1] << 8) % g->block.len] = changes.ptr[i + 2];
    repair_block(copy, g->block.len);
    check_block((al_slice){copy, g->block.len}, g->lex);
    free(copy);
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
        f.lex_bytes = al_rd_u64(&r);
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
        CHECK(seg_index_uses(ix, ix->names[i].name) != 0);
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
    switch (data[0] % 5) {
    case 0:
    case 3: {
        lexicon *lex = data[0] % 5 ? good_block()->lex : NULL;
        check_block(bytes, lex);
        repair_block(copy, bytes.len);
        check_block(bytes, lex);
        break;
    }
    case 1:
        check_directory(copy, bytes.len, false);
        check_directory(copy, bytes.len, true);
        break;
    case 2:
        check_positions(bytes);
        break;
    default:
        check_changes(bytes);
    }
    free(copy);
    return 0;
}
