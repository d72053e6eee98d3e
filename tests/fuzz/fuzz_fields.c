/* Fields of blocks with a lexicon. The first byte says what the rest is: the column of a field as
 * it is; or records, as bytes that choose values, whose block comes back, and then is changed at
 * some places and read again, as it is or with its checksums repaired. Properties: what was not
 * changed comes back; what opens ends well; a row alone is what it is in its column. */
#include "fuzz.h"

#include <stdarg.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "store/block.h"
#include "store/field_view.h"
#include "store/format.h"
#include "store/lex/lex_builder.h"

enum { ROWS_MAX = 300, FIELDS_MAX = 6 };

static al_code read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

static lexicon *lexicon_of(lex_builder *lex, al_buf *bytes, al_slice *slice)
{
    al_err err;
    lexicon *l = NULL;
    CHECK(lex_builder_encode(lex, bytes, &err) == AL_OK);
    *slice = al_buf_slice(bytes);
    lex_source source = {.read = read_slice, .ctx = slice, .bytes = slice->len};
    CHECK(lexicon_open(&source, &l, &err) == AL_OK);
    return l;
}

/* ---- Records */

typedef struct rows {
    record at[ROWS_MAX];
    field fields[ROWS_MAX][FIELDS_MAX];
    uint32_t n;
} rows;

static al_slice print(al_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static al_slice print(al_arena *arena, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK(n >= 0 && n < (int)sizeof text);
    return al_arena_copy(arena, (al_slice){(const uint8_t *)text, (size_t)n});
}

static al_slice message_of(al_arena *arena, uint8_t how, unsigned a, unsigned b)
{
    switch (how % 5) {
    case 0:
        return print(arena, "took %u.%02u s", a, b);
    case 1:
        return print(arena, "user%u from %u", a, b);
    case 2:
        return print(arena, "%u", a);
    case 3:
        return AL_LIT("done");
    default:
        return print(arena, "x%u y", a);
    }
}

static value value_of(al_arena *arena, uint8_t how, unsigned k, uint32_t row)
{
    static const char trace[] =
        "Error %u: call failed in some module with a long name, and with a long text behind it "
        "that "
        "says again what it was, where it was, and who called it, from the outermost function to "
        "the "
        "innermost one, line by line, so that it takes much more room than any value of a lexicon "
        "may, line %u";
    switch (how % 10) {
    case 0:
        return (value){.type = VAL_NULL};
    case 1:
        return (value){.type = k % 2 ? VAL_TRUE : VAL_FALSE};
    case 2:
        return (value){VAL_NUMBER, print(arena, "%u.%02u", row * 31, k % 100)};
    case 3:
        return (value){VAL_NUMBER, print(arena, "%u", k)};
    case 4:
        return (value){VAL_NUMBER, print(arena, "-%ue%u", k, row)};
    case 5:
        return (value){VAL_ARRAY, print(arena, "[%u,%u]", k, row)};
    case 6:
        return (value){VAL_STRING, print(arena, trace, row, k)};
    case 7:
        return (value){VAL_STRING, print(arena, "req-%08x-%u", k * 77, k)};
    case 8:
        return (value){VAL_STRING, print(arena, "%u%u", row, k)};
    default:
        return (value){VAL_STRING, print(arena, "v%u", k % 4)};
    }
}

/* Each row takes three bytes, one of which says how it differs from the one before. */
static void make_rows(rows *r, al_slice bytes, al_arena *arena)
{
    static const char *const names[FIELDS_MAX] = {"a", "b", "host", "request", "", "long name"};
    r->n = 0;
    for (size_t at = 0; at + 3 <= bytes.len && r->n < ROWS_MAX; at += 3) {
        const uint8_t *b = bytes.ptr + at;
        uint32_t n_times = b[0] & 128 ? 40 : 1; /* the same choice for many rows */
        for (uint32_t t = 0; t < n_times && r->n < ROWS_MAX; t++) {
            uint32_t row = r->n++;
            field *fields = r->fields[row];
            uint32_t n = 0;
            for (uint32_t i = 0; i < FIELDS_MAX; i++)
                if (b[0] >> i & 1)
                    fields[n++] = (field){al_cstr(names[i]),
                                          value_of(arena, (uint8_t)(b[1] + i), b[2] + t % 5, row)};
            al_slice message = message_of(arena, b[2], row, b[1]);
            r->at[row] = (record){.id = row + 1,
                                  .time_ns = row + 1,
                                  .message = message,
                                  .fields = fields,
                                  .n_fields = n};
        }
    }
}

static bool is_same_value(const value *a, const value *b)
{
    return a->type == b->type && (a->type < VAL_NUMBER || al_slice_eq(a->text, b->text));
}

/* ---- Reading */

static const block_want everything = {.is_all = true};

static void read_block(block_view *v, al_slice bytes, const rows *expected)
{
    al_err err;
    record r;
    const al_slice *names = NULL;
    const block_col *col = NULL;
    al_code c = block_view_open_slice(v, bytes, &err);
    CHECK(c == AL_OK || (c == AL_CORRUPT && !expected));
    if (c)
        return;
    uint32_t n = AL_MIN(block_view_info(v)->n_rows, 2 * (uint32_t)ROWS_MAX);
    size_t n_names = block_view_names(v, &names);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t row = 0; row < n; row++) {
            c = block_view_record(v, row, &everything, &r, &err);
            CHECK(c == AL_OK || (c == AL_CORRUPT && !expected));
            for (uint32_t i = 0; !c && expected && i < r.n_fields; i++)
                CHECK(is_same_value(&r.fields[i].val, &expected->at[row].fields[i].val) &&
                      al_slice_eq(r.fields[i].name, expected->at[row].fields[i].name));
            CHECK(!expected || (r.n_fields == expected->at[row].n_fields &&
                                al_slice_eq(r.message, expected->at[row].message)));
        }
        for (size_t i = 0; i < n_names && pass == 0; i++) {
            const block_want one = {.names = &names[i], .n_names = 1};
            record alone = {0};
            bool has = block_view_record(v, 0, &one, &alone, &err) == AL_OK && alone.n_fields;
            value before = has ? alone.fields[0].val : (value){0};
            c = block_view_field(v, names[i], &col, &err);
            CHECK(c == AL_OK || (c == AL_CORRUPT && !expected));
            for (uint32_t row = 0; !c && row < block_view_info(v)->n_rows; row++)
                CHECK(col->row_value[row] == BLOCK_NO_VALUE || col->row_value[row] < col->n_values);
            if (!c && has && col->row_value[0] != BLOCK_NO_VALUE)
                CHECK(is_same_value(&before, &col->values[col->row_value[0]]) || !expected);
        }
    }
}

static void put_crc(uint8_t *to, const uint8_t *from, size_t n)
{
    fuzz_put_u32(to, al_crc32c(0, from, n));
}

/* Checksums of columns and header. */
static void repair(uint8_t *bytes, size_t n)
{
    al_rd r = al_rd_of((al_slice){bytes, n});
    (void)al_rd_u32(&r);
    uint32_t header = al_rd_u32(&r);
    if (r.bad || header > n || header < FMT_BLOCK_FIXED_BYTES + 4)
        return;
    size_t data = header;
    r = al_rd_of((al_slice){bytes + FMT_BLOCK_FIXED_BYTES, header - 4 - FMT_BLOCK_FIXED_BYTES});
    for (uint64_t k = al_rd_varint(&r); k && !r.bad; k--) {
        uint8_t kind = al_rd_u8(&r);
        if (kind == FMT_COL_FIELD || (kind >= FMT_COL_HOMED && kind <= FMT_COL_HOMED_OUTSIDE))
            (void)al_rd_bytes(&r, al_rd_varint(&r));
        (void)al_rd_varint(&r);
        uint64_t stored = al_rd_varint(&r);
        size_t at = header - 4 - r.left;
        (void)al_rd_u32(&r);
        if (r.bad || stored > n - data)
            break;
        put_crc(bytes + at, bytes + data, (size_t)stored);
        data += (size_t)stored;
    }
    put_crc(bytes + header - 4, bytes, header - 4);
}

/* Three bytes a change: where (counted from the end, where the columns are), and what. */
static void read_changed(block_view *v, al_slice block, al_slice changes, bool is_repaired)
{
    uint8_t *copy = fuzz_copy(block);
    for (size_t i = 0; i + 3 <= changes.len; i += 3) {
        size_t at = (size_t)changes.ptr[i] | (size_t)changes.ptr[i + 1] << 8;
        copy[block.len - 1 - at % block.len] ^= changes.ptr[i + 2];
    }
    if (is_repaired)
        repair(copy, block.len);
    read_block(v, (al_slice){copy, block.len}, NULL);
    CHECK(block_view_open_slice(v, AL_LIT(""), &(al_err){0}) != AL_OK); /* lets go of copy */
    free(copy);
}

static void check_records(al_slice bytes, al_slice changes, bool is_repaired)
{
    static rows made;
    al_err err;
    block_info info;
    al_slice slice;
    al_buf block, stored;
    al_arena *arena = al_arena_new(4096);
    block_builder *b = block_builder_new();
    lex_builder *lex = lex_builder_new();
    block_view *v = block_view_new();
    al_buf_init(&block, SIZE_MAX);
    al_buf_init(&stored, SIZE_MAX);
    CHECK(arena && b && lex && v && block_builder_use_lexicon(b, lex) == AL_OK);
    make_rows(&made, bytes, arena);
    for (uint32_t i = 0; i < made.n; i++)
        CHECK(block_builder_add(b, &made.at[i]) == AL_OK);
    if (made.n) {
        CHECK(block_builder_encode(b, &block, &info, &err) == AL_OK);
        lexicon *l = lexicon_of(lex, &stored, &slice);
        block_view_use_lexicon(v, l);
        read_block(v, al_buf_slice(&block), &made);
        read_changed(v, al_buf_slice(&block), changes, is_repaired);
        (void)lexicon_unref(l);
    }
    (void)block_view_free(v);
    (void)lex_builder_free(lex);
    (void)block_builder_free(b);
    (void)al_arena_free(arena);
    al_buf_done(&block);
    al_buf_done(&stored);
}

/* ---- A column */

/* The lexicon that hostile columns are read with; made once. */
static lexicon *fixed_lexicon(void)
{
    static al_buf bytes;
    static al_slice slice;
    static lexicon *l;
    if (l)
        return l;
    uint32_t number = 0;
    lex_builder *lex = lex_builder_new();
    CHECK(lex && lex_builder_block(lex) == AL_OK);
    for (char c = 'a'; c < 'k'; c++)
        CHECK(lex_builder_field(lex, (al_slice){(const uint8_t *)&c, 1}, &number) == AL_OK);
    al_buf_init(&bytes, SIZE_MAX);
    l = lexicon_of(lex, &bytes, &slice);
    (void)lex_builder_free(lex);
    return l;
}

static void read_column(al_slice bytes, uint32_t n_rows, uint32_t n_others)
{
    al_err err;
    field_view f;
    value one;
    uint32_t all[256];
    uint16_t of[256];
    packer *p = packer_new();
    al_arena *arena = al_arena_new(4096);
    CHECK(p && arena);
    for (uint32_t i = 0; i < n_rows; i++)
        of[i] = (uint16_t)(i % n_others);
    uint64_t decoded = 0;
    const field_block b = {.arena = arena,
                           .pack = p,
                           .lex = fixed_lexicon(),
                           .n_rows = n_rows,
                           .n_tuples = n_others,
                           .n_templates = n_others,
                           .decoded = &decoded};
    al_rd r = al_rd_of(bytes);
    al_code c = field_view_open(&f, &r, &b, &err);
    al_code c_all = c ? c : field_view_rows(&f, &b, of, of, all, &err);
    for (uint32_t i = 0; !c && i < n_rows; i++) {
        uint32_t found = 0;
        al_code c_one = field_view_find(&f, &(field_place){i, of[i], of[i]}, &found, &err);
        CHECK(c_all || (!c_one && found == all[i]));
        if (!c_one && found != FIELD_NONE)
            c_one = field_view_value(&f, &b, found, &one, &err);
        CHECK(c_one == AL_OK || c_one == AL_CORRUPT);
    }
    CHECK(c == AL_OK || c == AL_CORRUPT);
    (void)packer_free(p);
    (void)al_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    uint8_t *copy = fuzz_copy((al_slice){data + 3, size - 3});
    al_slice bytes = {copy, size - 3};
    if (data[0] % 3 == 0) {
        read_column(bytes, 1U + data[1], 1U + data[2] % 50);
    } else {
        size_t n_changes = AL_MIN((size_t)data[1] * 3, bytes.len);
        check_records(al_slice_sub(bytes, n_changes, bytes.len), al_slice_sub(bytes, 0, n_changes),
                      data[0] % 3 == 1);
    }
    free(copy);
    return 0;
}
