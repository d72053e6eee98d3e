/* A lexicon of any bytes: as they are, and with the checksums of head and parts repaired (the first
 * byte says which). Properties: nothing is read or allocated that the numbers do not allow (asan);
 * what opens gives templates, values and blocks that are in range; a value that is there is found
 * only as itself. */
#include "fuzz.h"

#include "base/crc32c.h"
#include "store/lex/lexicon.h"

static al_code read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

/* Walks over one part's numbers in the head and puts in the checksum of its bytes. */
static void repair_part(uint8_t *bytes, size_t n, al_rd *r, size_t *off)
{
    (void)al_rd_varint(r);
    uint64_t stored = al_rd_varint(r);
    uint8_t *crc = (uint8_t *)r->p;
    (void)al_rd_u32(r);
    if (r->bad || stored > n - *off) {
        r->bad = true;
        return;
    }
    fuzz_put_u32(crc, al_crc32c(0, bytes + *off, (size_t)stored));
    *off += (size_t)stored;
}

static void repair(uint8_t *bytes, size_t n)
{
    if (n < 12)
        return;
    al_rd r = al_rd_of((al_slice){bytes, n});
    (void)al_rd_u32(&r);
    size_t head = al_rd_u32(&r);
    if (head < 12 || head > n)
        return;
    fuzz_put_u32(bytes, LEX_MAGIC);
    r.left = head - 12;
    for (unsigned i = 0; i < 4; i++) /* templates, values, blocks, flags */
        (void)al_rd_varint(&r);
    size_t off = head;
    while (r.left && !r.bad)
        repair_part(bytes, n, &r, &off);
    fuzz_put_u32(bytes + head - 4, al_crc32c(0, bytes, head - 4));
}

/* Numbers ascend, and blocks within a number. */
typedef struct last {
    const lexicon *l;
    bool is_any;
    uint32_t number;
    uint32_t block;
} last;

static void check_posting(void *ctx, uint32_t number, const lex_use_in *use)
{
    last *was = ctx;
    uint32_t block = use->block;
    CHECK(block < lexicon_blocks(was->l));
    CHECK(!was->is_any || number > was->number || (number == was->number && block > was->block));
    was->is_any = true;
    was->number = number;
    was->block = block;
}

static void use(lexicon *l)
{
    al_err err;
    al_slice s;
    uint32_t found;
    for (uint32_t i = 0; i < lexicon_templates(l) && i < 100; i++)
        (void)lexicon_template(l, i, &s, &err); /* corrupt is an answer, here and below */
    last was = {.l = l};
    (void)lexicon_template_blocks(l, NULL, check_posting, &was, &err);
    lex_keys keys = lex_keys_of(AL_LIT("connection refused"));
    bool may = false;
    (void)lexicon_may_hold(l, LEX_TEMPLATES, &keys, &may, &err);
    for (uint32_t i = 0; i < lexicon_chunks(l); i++) {
        lex_chunk c;
        (void)lexicon_may_hold(l, i, &keys, &may, &err);
        was = (last){.l = l};
        (void)lexicon_value_blocks(l, i, NULL, check_posting, &was, &err);
        if (lexicon_chunk(l, i, &c, &err) == AL_OK)
            CHECK(c.n == 0 || lex_chunk_text(&c, c.n - 1).len <= LEX_VALUE_BYTES_MAX);
    }
    for (uint32_t i = 0; i < lexicon_values(l) && i < 100; i++) {
        al_slice again;
        if (lexicon_value(l, i, &s, &err))
            continue;
        if (lexicon_find(l, s, &found, &err) == AL_OK)
            CHECK(lexicon_value(l, found, &again, &err) == AL_OK && al_slice_eq(s, again));
    }
    (void)lexicon_check(l, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t *copy = fuzz_copy((al_slice){data + 1, size - 1});
    al_slice bytes = {copy, size - 1};
    if (data[0] & 1)
        repair(copy, size - 1);
    lex_source source = {.read = read_slice, .ctx = &bytes, .bytes = bytes.len};
    lexicon *l = NULL;
    al_err err;
    al_code c = lexicon_open(&source, &l, &err);
    CHECK(c == AL_OK || c == AL_CORRUPT);
    if (!c)
        use(l);
    (void)lexicon_unref(l);
    free(copy);
    return 0;
}
