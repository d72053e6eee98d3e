/* Message columns. The first byte says what the rest is: lines that are encoded and decoded (they
 * come back, row by row, too), or a column of so many rows (second byte) over a fixed lexicon, as
 * it is or with its checksum repaired. Properties: what opens ends well; a row alone is what it is
 * among all. */
#include "fuzz.h"

#include "base/crc32c.h"
#include "store/msg/msg_builder.h"
#include "store/msg/msg_view.h"

static al_code read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

static void read_rows(al_slice column, al_slice text, const al_slice *expected, uint32_t n,
                      lexicon *l)
{
    al_err err;
    msg_view v;
    const al_slice *got = NULL;
    al_arena *arena = al_arena_new(4096);
    packer *p = packer_new();
    CHECK(arena && p);
    al_code c = msg_view_open(&v, column, text, n, l, p, arena, &err);
    if (!c)
        c = msg_view_all(&v, &got, &err);
    CHECK(c == AL_OK || (c == AL_CORRUPT && !expected));
    for (uint32_t row = 0; !c && row < n; row++) {
        al_slice one;
        CHECK(msg_view_row(&v, row, &one, &err) == AL_OK);
        CHECK(al_slice_eq(one, got[row]));
        CHECK(!expected || al_slice_eq(got[row], expected[row]));
    }
    (void)packer_free(p);
    (void)al_arena_free(arena);
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

static void encode(const al_slice *lines, uint32_t n, lex_builder *lex, al_buf *column,
                   al_buf *text)
{
    uint32_t n_templates = 0;
    msg_builder *b = msg_builder_new();
    CHECK(b);
    for (uint32_t i = 0; i < n; i++)
        CHECK(msg_builder_add(b, lines[i]) == AL_OK);
    CHECK(lex_builder_block(lex) == AL_OK);
    const msg_column to = {.map = column, .slots = column, .text = text};
    CHECK(msg_builder_encode(b, lex, &to, NULL, &n_templates) == AL_OK);
    (void)msg_builder_free(b);
}

static void check_lines(al_slice bytes)
{
    enum { LINES_MAX = 200 };
    al_slice lines[LINES_MAX];
    uint32_t n = 0;
    for (size_t at = 0; n < LINES_MAX && at <= bytes.len; n++) {
        size_t end = al_slice_find(bytes, '\n', at);
        lines[n] = al_slice_sub(bytes, at, end);
        at = end + 1;
    }
    al_buf column, text, stored;
    al_buf_init(&column, SIZE_MAX);
    al_buf_init(&text, SIZE_MAX);
    al_buf_init(&stored, SIZE_MAX);
    lex_builder *lex = lex_builder_new();
    CHECK(lex);
    encode(lines, n, lex, &column, &text);
    al_slice slice;
    lexicon *l = lexicon_of(lex, &stored, &slice);
    read_rows(al_buf_slice(&column), al_buf_slice(&text), lines, n, l);
    (void)lexicon_unref(l);
    (void)lex_builder_free(lex);
    al_buf_done(&column);
    al_buf_done(&text);
    al_buf_done(&stored);
}

/* The lexicon that hostile columns are read with; made once. */
static lexicon *fixed_lexicon(void)
{
    static const char *const lines[] = {"user7 from 10.0.0.1 port 80",
                                        "user8 from 10.0.0.2 port 443",
                                        "took 1.07 s",
                                        "took 2.5 s",
                                        "worker done",
                                        "id 0007",
                                        "id 0123",
                                        "42",
                                        ""};
    static al_buf bytes;
    static al_slice slice;
    static lexicon *l;
    if (l)
        return l;
    al_slice messages[sizeof lines / sizeof *lines];
    uint32_t n = sizeof lines / sizeof *lines;
    al_buf column, text;
    al_buf_init(&bytes, SIZE_MAX);
    al_buf_init(&column, SIZE_MAX);
    al_buf_init(&text, SIZE_MAX);
    for (uint32_t i = 0; i < n; i++)
        messages[i] = al_cstr(lines[i]);
    lex_builder *lex = lex_builder_new();
    CHECK(lex);
    encode(messages, n, lex, &column, &text);
    l = lexicon_of(lex, &bytes, &slice);
    read_rows(al_buf_slice(&column), al_buf_slice(&text), messages, n, l);
    (void)lex_builder_free(lex);
    al_buf_done(&column);
    al_buf_done(&text);
    return l;
}

/* The checksum of the heads stands behind four varints. */
static void repair(uint8_t *bytes, size_t n)
{
    al_rd r = al_rd_of((al_slice){bytes, n});
    for (unsigned i = 0; i < 3; i++)
        (void)al_rd_varint(&r);
    uint64_t stored = al_rd_varint(&r);
    if (r.bad || r.left < 4 || stored > r.left - 4)
        return;
    uint8_t *crc = bytes + (n - r.left);
    fuzz_put_u32(crc, al_crc32c(0, crc + 4, (size_t)stored));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint8_t *copy = fuzz_copy((al_slice){data + 2, size - 2});
    al_slice bytes = {copy, size - 2};
    if (data[0] % 3 == 0) {
        check_lines(bytes);
    } else {
        if (data[0] % 3 == 1)
            repair(copy, bytes.len);
        read_rows(bytes, AL_LIT("some texts that stand beside it"), NULL, 1 + data[1],
                  fixed_lexicon());
    }
    free(copy);
    return 0;
}
