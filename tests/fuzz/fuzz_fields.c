/* Fields in blocks with a lexicon: a sound block with some bytes changed, checksums repaired, is
 * read row by row and column by column without harm, and both ways say the same. The input: which
 * block, then places (three bytes) and what to put there (one). */
#include "fuzz.h"

#include "base/crc32c.h"
#include "store/block.h"
#include "store/format.h"
#include "store/lex/lexicon.h"

enum { BLOCKS = 3, FIELDS = 8 };

typedef struct fixed {
    lexicon *lex;
    al_buf lex_bytes;
    al_slice lex_slice;
    al_buf blocks[BLOCKS];
} fixed;

static al_code read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

/* ---- Sound blocks: every home, form and way of listing rows */

typedef struct texts {
    char message[200];
    char request[40];
    char number[24];
    char trace[800];
} texts;

static uint32_t put_field(field *f, uint32_t n, const char *name, val_type type, const char *text)
{
    f[n] = (field){.name = al_cstr(name), .val = {.type = type, .text = al_cstr(text)}};
    return n + 1;
}

static void add_row(block_builder *b, unsigned block, unsigned i, texts *t)
{
    static const char *const levels[] = {"INFO", "ERROR"};
    static const char *const hosts[] = {"web-1", "web-2", "db-1"};
    unsigned kind = i * 7 % 5;
    unsigned request = i / 4 * 3 % 40;
    field f[FIELDS];
    uint32_t n = 0;
    (void)snprintf(t->message, sizeof t->message, "job %u %s after %u.%02u s from 10.0.0.%u", i,
                   kind ? "done" : "failed", i % 9, i % 100, request);
    (void)snprintf(t->request, sizeof t->request, "%08x-req", request * 2654435761U);
    (void)snprintf(t->number, sizeof t->number, "%u.%u", i * 37, i % 10);
    (void)snprintf(t->trace, sizeof t->trace,
                   "Traceback:\n%-280s\n  File \"a.py\", line %u\nError: %u", "x", kind, i);
    n = put_field(f, n, "levelname", VAL_STRING, levels[kind == 0 || i % 50 == 0]);
    n = put_field(f, n, "host", VAL_STRING, hosts[request % 3]);
    n = put_field(f, n, "request_id", VAL_STRING, t->request);
    n = put_field(f, n, "user", request % 2 ? VAL_STRING : VAL_NULL, request % 2 ? "alice" : "");
    if (i % 3)
        n = put_field(f, n, "duration", VAL_NUMBER, t->number);
    if (i % 40 == 7)
        n = put_field(f, n, "exc_info", VAL_STRING, t->trace);
    if (block && i % 5 == 0)
        n = put_field(f, n, "odd", VAL_OBJECT, i % 2 ? "{\"a\":1}" : "{\"b\":[2,3]}");
    record r = {.id = 1000 + i * 3 + block * 100000,
                .time_ns = 1000 + i * 3,
                .message = al_cstr(t->message),
                .fields = f,
                .n_fields = n};
    CHECK(block_builder_add(b, &r) == AL_OK);
}

static const fixed *make_fixed(void)
{
    static fixed x;
    static texts t;
    if (x.lex)
        return &x;
    al_err err;
    block_info info;
    lex_builder *lex = lex_builder_new();
    block_builder *b = block_builder_new();
    CHECK(lex && b && block_builder_use_lexicon(b, lex) == AL_OK);
    static const unsigned rows[BLOCKS] = {1, 300, 700};
    for (unsigned k = 0; k < BLOCKS; k++) {
        for (unsigned i = 0; i < rows[k]; i++)
            add_row(b, k, i, &t);
        al_buf_init(&x.blocks[k], SIZE_MAX);
        CHECK(block_builder_encode(b, &x.blocks[k], &info, &err) == AL_OK);
    }
    al_buf_init(&x.lex_bytes, SIZE_MAX);
    CHECK(lex_builder_encode(lex, &x.lex_bytes, &err) == AL_OK);
    x.lex_slice = al_buf_slice(&x.lex_bytes);
    const lex_source source = {
        .read = read_slice, .ctx = &x.lex_slice, .bytes = x.lex_slice.len};
    CHECK(lexicon_open(&source, &x.lex, &err) == AL_OK);
    (void)block_builder_free(b);
    (void)lex_builder_free(lex);
    return &x;
}

/* ---- Changed ones */

/* Checksums of the header and of the columns that its directory still leads to. */
static void repair(uint8_t *bytes, size_t n)
{
    al_rd r = al_rd_of((al_slice){bytes + 4, 4});
    uint32_t header = al_rd_u32(&r);
    if (header < FMT_BLOCK_FIXED_BYTES + 5 || header > n)
        return;
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

static bool is_same(const value *a, const value *b)
{
    return a->type == b->type && al_slice_eq(a->text, b->text);
}

/* A row's fields one by one, and then from whole columns. */
static void read_row(block_view *v, uint32_t row, bool *ret_is_read)
{
    static const block_want want = {.is_all = true};
    record r;
    al_err err;
    value kept[FIELDS];
    al_slice names[FIELDS];
    *ret_is_read = block_view_record(v, row, &want, &r, &err) == AL_OK;
    if (!*ret_is_read || r.n_fields > FIELDS)
        return;
    for (uint32_t i = 0; i < r.n_fields; i++) {
        kept[i] = r.fields[i].val;
        names[i] = r.fields[i].name;
    }
    uint32_t n = r.n_fields;
    for (uint32_t i = 0; i < n; i++) {
        const block_col *col = NULL;
        if (block_view_field(v, names[i], &col, &err))
            continue; /* damage in another row of it */
        CHECK(col && col->row_value[row] < col->n_values);
        CHECK(is_same(&kept[i], &col->values[col->row_value[row]]));
    }
}

static void read_block(al_slice bytes, lexicon *lex, bool is_sound)
{
    al_err err;
    block_view *v = block_view_new();
    CHECK(v);
    block_view_use_lexicon(v, lex);
    al_code c = block_view_open_slice(v, bytes, &err);
    CHECK(c == AL_OK || (c == AL_CORRUPT && !is_sound));
    for (uint32_t row = 0; !c && row < block_view_info(v)->n_rows; row += 1 + row / 8) {
        bool is_read = false;
        read_row(v, row, &is_read);
        CHECK(is_read || !is_sound);
    }
    (void)block_view_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const fixed *x = make_fixed();
    al_slice sound = al_buf_slice(&x->blocks[data[0] % BLOCKS]);
    uint8_t *copy = fuzz_copy(sound);
    for (size_t i = 1; i + 4 <= size; i += 4) {
        size_t at = data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16;
        copy[at % sound.len] ^= data[i + 3];
    }
    repair(copy, sound.len);
    read_block((al_slice){copy, sound.len}, x->lex, size < 5);
    free(copy);
    return 0;
}
