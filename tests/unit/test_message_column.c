/* Goal: messages come back from a column to the byte, all at once, one by one and through their
 * streams, and damage is named. Method: random lines of all shapes in blocks of many sizes with one
 * lexicon; lexicons that are full; every truncation, flipped bytes with repaired checksums. */
#include "unit/lex_help.h"

#include <stdlib.h>

#include "base/crc32c.h"
#include "store/codec/bits.h"
#include "store/msg/msg_builder.h"
#include "store/msg/msg_view.h"
#include "store/msg/split.h"

typedef struct block {
    al_buf column;
    al_buf text;
    al_buf bytes; /* of the messages */
    al_slice *messages;
    uint32_t n;
} block;

/* Messages for the next block of both builders. */
static void block_fill(block *k, uint32_t n, rng *r, msg_builder *b, lex_builder *lex)
{
    char line[512];
    al_buf_init(&k->column, SIZE_MAX);
    al_buf_init(&k->text, SIZE_MAX);
    al_buf_init(&k->bytes, SIZE_MAX);
    k->messages = calloc(n, sizeof *k->messages);
    k->n = n;
    al_buf_reserve(&k->bytes, (size_t)n * sizeof line + MSG_BYTES_MAX + 1); /* it must not move */
    for (uint32_t i = 0; i < n; i++) {
        k->messages[i] = (al_slice){k->bytes.ptr + k->bytes.len, lex_message(r, line, sizeof line)};
        al_buf_put(&k->bytes, line, k->messages[i].len);
    }
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(msg_builder_add(b, k->messages[i]), AL_OK);
    assert_int_equal(lex_builder_block(lex), AL_OK);
}

static void block_make(block *k, uint32_t n, rng *r, msg_builder *b, lex_builder *lex)
{
    uint32_t n_templates = 0;
    block_fill(k, n, r, b, lex);
    const msg_column to = {.map = &k->column, .slots = &k->column, .text = &k->text};
    assert_int_equal(msg_builder_encode(b, lex, &to, NULL, &n_templates), AL_OK);
}

static void block_done(block *k)
{
    al_buf_done(&k->column);
    al_buf_done(&k->text);
    al_buf_done(&k->bytes);
    free(k->messages);
}

static void check_streams(msg_view *v, const block *k)
{
    al_err err;
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    const uint16_t *of;
    assert_int_equal(msg_view_row_templates(v, &of, &err), AL_OK);
    for (uint32_t i = 0; i < v->n_templates; i++) {
        const msg_template *t;
        const uint32_t *rows;
        assert_int_equal(msg_view_template(v, i, &t, &err), AL_OK);
        assert_int_equal(msg_view_rows(v, i, &rows, &err), AL_OK);
        for (uint32_t row = 0; row < t->n_rows; row++) {
            assert_int_equal(of[rows[row]], i);
            al_buf_clear(&out);
            uint32_t slot = 0;
            for (size_t at = 0; at < t->text.len; at++) {
                if (t->text.ptr[at] != MSG_MARK)
                    al_buf_u8(&out, t->text.ptr[at]);
                else
                    assert_int_equal(msg_stream_text(v, &t->streams[slot++], row, &out, &err),
                                     AL_OK);
            }
            assert_true(al_slice_eq(al_buf_slice(&out), k->messages[rows[row]]));
        }
    }
    al_buf_done(&out);
}

static void check_block(const block *k, lexicon *l, packer *p)
{
    al_err err;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    msg_view v;
    assert_int_equal(msg_view_open(&v, al_buf_slice(&k->column), al_buf_slice(&k->text), k->n, l, p,
                                   arena, &err),
                     AL_OK);
    for (uint32_t row = 0; row < k->n; row += 1 + k->n / 50) {
        al_slice one;
        assert_int_equal(msg_view_row(&v, row, &one, &err), AL_OK);
        assert_true(al_slice_eq(one, k->messages[row]));
    }
    const al_slice *got;
    assert_int_equal(msg_view_all(&v, &got, &err), AL_OK);
    for (uint32_t row = 0; row < k->n; row++)
        assert_true(al_slice_eq(got[row], k->messages[row]));
    check_streams(&v, k);
}

static void check_segment(lex_builder *lex, const uint32_t *sizes, size_t n_blocks, uint64_t seed)
{
    rng r = rng_of(rng_env("ALCO_SEED", seed));
    al_err err;
    block blocks[8];
    AL_CLEANUP(msg_builder_freep) msg_builder *b = msg_builder_new();
    AL_CLEANUP(packer_freep) packer *p = packer_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    for (size_t i = 0; i < n_blocks; i++)
        block_make(&blocks[i], sizes[i], &r, b, lex);
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(lex, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    assert_int_equal(lexicon_check(l, &err), AL_OK);
    for (size_t i = 0; i < n_blocks; i++) {
        check_block(&blocks[i], l, p);
        block_done(&blocks[i]);
    }
    al_buf_done(&out);
}

static void messages_come_back(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 100, BLOCK_ROWS_MAX, 16, 3000};
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    check_segment(lex, sizes, AL_COUNT(sizes), 21);
}

static void a_full_lexicon_loses_nothing(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2000, 50};
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    uint32_t number = 0;
    char text[32];
    assert_int_equal(lex_builder_block(lex), AL_OK);
    for (uint32_t i = 0; i < LEX_VALUES_MAX - 100; i++) {
        int n = snprintf(text, sizeof text, "w%u", i);
        al_slice s = {(const uint8_t *)text, (size_t)n};
        assert_int_equal(lex_builder_value(lex, s, 0, &number), AL_OK);
    }
    for (uint32_t i = 0; i < LEX_TEMPLATES_MAX - 3; i++) {
        int n = snprintf(text, sizeof text, "t%u", i);
        al_slice s = {(const uint8_t *)text, (size_t)n};
        assert_int_equal(lex_builder_template(lex, s, 2, &number), AL_OK);
    }
    check_segment(lex, sizes, AL_COUNT(sizes), 22);
}

/* The checksum of the heads stands behind four varints. */
static void repair(al_buf *column)
{
    al_rd r = al_rd_of(al_buf_slice(column));
    (void)al_rd_varint(&r);
    (void)al_rd_varint(&r);
    (void)al_rd_varint(&r);
    uint64_t stored = al_rd_varint(&r);
    if (r.bad || r.left < 4 || stored > r.left - 4)
        return;
    size_t at = column->len - r.left;
    uint32_t crc = al_crc32c(0, column->ptr + at + 4, (size_t)stored);
    for (unsigned i = 0; i < 4; i++)
        column->ptr[at + i] = (uint8_t)(crc >> (8 * i));
}

/* Whatever it says, it ends well. */
static al_code read_all(al_slice column, al_slice text, uint32_t n, lexicon *l, packer *p)
{
    al_err err;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    msg_view v;
    const al_slice *got;
    al_slice one;
    al_code c = msg_view_open(&v, column, text, n, l, p, arena, &err);
    for (uint32_t row = 0; !c && row < n; row++)
        c = msg_view_row(&v, row, &one, &err);
    if (!c)
        c = msg_view_all(&v, &got, &err);
    return c;
}

static void damage_is_named(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 23));
    al_err err;
    block k;
    AL_CLEANUP(msg_builder_freep) msg_builder *b = msg_builder_new();
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    AL_CLEANUP(packer_freep) packer *p = packer_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    block_make(&k, 40, &r, b, lex);
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(lex, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    for (size_t len = 0; len < k.column.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, k.column.ptr, len);
        assert_int_equal(read_all((al_slice){cut, len}, al_buf_slice(&k.text), k.n, l, p),
                         AL_CORRUPT);
        free(cut);
    }
    for (size_t at = 0; at < k.column.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t before = k.column.ptr[at];
            al_buf copy;
            al_buf_init(&copy, SIZE_MAX);
            al_buf_slice_put(&copy, al_buf_slice(&k.column));
            copy.ptr[at] = (uint8_t)(before ^ (1U << bit));
            repair(&copy);
            al_code c = read_all(al_buf_slice(&copy), al_buf_slice(&k.text), k.n, l, p);
            assert_true(c == AL_OK || c == AL_CORRUPT);
            al_buf_done(&copy);
        }
    }
    block_done(&k);
    al_buf_done(&out);
}

/* ---- Slots that stand apart */

typedef struct apart {
    al_slice slots;
    al_slice text;
    unsigned n;       /* loads */
    unsigned n_fails; /* of them, the first ones */
} apart;

static al_code load_apart(void *ctx, al_slice *ret_slots, al_slice *ret_text, al_err *err)
{
    apart *a = ctx;
    if (a->n++ < a->n_fails)
        return al_fail(err, AL_IO, "cannot be read");
    *ret_slots = a->slots;
    *ret_text = a->text;
    return AL_OK;
}

/* One block with its slots in a buffer of their own, and its lexicon. */
typedef struct apart_block {
    block k;
    al_buf slots;
    al_buf lex_bytes;
    al_slice lex_slice;
    lexicon *lex;
    packer *pack;
} apart_block;

/* Stays where it is. */
static void apart_init(apart_block *b, uint32_t n, uint64_t seed)
{
    rng r = rng_of(rng_env("ALCO_SEED", seed));
    al_err err;
    uint32_t n_templates = 0;
    AL_CLEANUP(msg_builder_freep) msg_builder *builder = msg_builder_new();
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    *b = (apart_block){.pack = packer_new()};
    al_buf_init(&b->slots, SIZE_MAX);
    al_buf_init(&b->lex_bytes, SIZE_MAX);
    block_fill(&b->k, n, &r, builder, lex);
    const msg_column to = {.map = &b->k.column, .slots = &b->slots, .text = &b->k.text};
    assert_int_equal(msg_builder_encode(builder, lex, &to, NULL, &n_templates), AL_OK);
    assert_true(b->slots.len > 0);
    assert_int_equal(lex_builder_encode(lex, &b->lex_bytes, &err), AL_OK);
    b->lex_slice = al_buf_slice(&b->lex_bytes);
    assert_int_equal(lex_open_slice(&b->lex_slice, &b->lex, &err), AL_OK);
}

static void apart_done(apart_block *b)
{
    block_done(&b->k);
    (void)lexicon_unref(b->lex);
    (void)packer_free(b->pack);
    al_buf_done(&b->slots);
    al_buf_done(&b->lex_bytes);
}

static al_code apart_open(const apart_block *b, al_slice map, apart *from, al_arena *arena,
                          msg_view *ret)
{
    al_err err;
    return msg_view_open_map(ret, map, load_apart, from, b->k.n, b->lex, b->pack, arena, &err);
}

/* Which template a row has is known without slots; whoever asks for those meets what their load
 * says, and once it succeeds everything is there, loaded once. */
static void slots_apart_are_loaded_when_they_are_asked_for(void **state)
{
    (void)state;
    al_err err;
    apart_block b;
    apart_init(&b, 700, 25);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    apart from = {.slots = al_buf_slice(&b.slots), .text = al_buf_slice(&b.k.text), .n_fails = 3};
    msg_view v;
    const msg_template *templates;
    const uint16_t *of;
    const al_slice *all;
    al_slice one;
    assert_int_equal(apart_open(&b, al_buf_slice(&b.k.column), &from, arena, &v), AL_OK);
    assert_int_equal(msg_view_templates(&v, &templates, &err), AL_OK);
    assert_int_equal(msg_view_row_templates(&v, &of, &err), AL_OK);
    for (uint32_t row = 0; row < b.k.n; row++) {
        uint32_t i = UINT32_MAX;
        assert_int_equal(msg_view_template_of(&v, row, &i, &err), AL_OK);
        assert_int_equal(i, of[row]);
    }
    for (uint32_t i = 0; i < v.n_templates; i++) {
        const uint32_t *rows;
        assert_int_equal(msg_view_rows(&v, i, &rows, &err), AL_OK);
        for (uint32_t row = 0; row < templates[i].n_rows; row++)
            assert_int_equal(of[rows[row]], i);
    }
    assert_int_equal(from.n, 0);
    assert_int_equal(msg_view_template(&v, 0, &templates, &err), AL_IO);
    assert_int_equal(msg_view_row(&v, 5, &one, &err), AL_IO);
    assert_int_equal(msg_view_all(&v, &all, &err), AL_IO);
    for (uint32_t row = 0; row < b.k.n; row += 7) {
        assert_int_equal(msg_view_row(&v, row, &one, &err), AL_OK);
        assert_true(al_slice_eq(one, b.k.messages[row]));
    }
    check_streams(&v, &b.k);
    assert_int_equal(msg_view_all(&v, &all, &err), AL_OK);
    for (uint32_t row = 0; row < b.k.n; row++)
        assert_true(al_slice_eq(all[row], b.k.messages[row]));
    assert_int_equal(from.n, from.n_fails + 1);
    apart_done(&b);
}

/* Asks for everything, also behind what failed: no answer may be a crash. The first error. */
static al_code ask_all(const apart_block *b, al_slice map, apart *from, bool *ret_same)
{
    al_err err;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    msg_view v;
    const msg_template *t;
    const uint32_t *rows;
    const al_slice *all = NULL;
    al_slice one;
    al_code first = apart_open(b, map, from, arena, &v);
    *ret_same = !first;
    if (first)
        return first;
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < v.n_templates; i++) {
            al_code c = msg_view_template(&v, i, &t, &err);
            first = first ? first : c;
            c = msg_view_rows(&v, i, &rows, &err);
            first = first ? first : c;
        }
        for (uint32_t row = 0; row < b->k.n; row++) {
            al_code c = msg_view_row(&v, row, &one, &err);
            first = first ? first : c;
            *ret_same &= !c && al_slice_eq(one, b->k.messages[row]);
        }
        al_code c = msg_view_all(&v, &all, &err);
        first = first ? first : c;
        for (uint32_t row = 0; row < b->k.n; row++)
            *ret_same &= !c && al_slice_eq(all[row], b->k.messages[row]);
    }
    return first;
}

/* A part that is cut short, longer or has flipped bits: everything else is as it was. Sizes are
 * checked; what numbers and texts say is what the checksums of their columns are for. */
static void damage_apart_is_named(void **state)
{
    (void)state;
    apart_block b;
    bool same = false;
    apart_init(&b, 60, 26);
    al_slice map = al_buf_slice(&b.k.column);
    apart from = {.slots = al_buf_slice(&b.slots), .text = al_buf_slice(&b.k.text)};
    assert_int_equal(ask_all(&b, map, &from, &same), AL_OK);
    assert_true(same);
    for (unsigned part = 0; part < 2; part++) {
        al_slice whole = part ? from.slots : map;
        for (size_t len = 0; len < whole.len + 2; len++) {
            if (len == whole.len)
                continue;
            uint8_t *copy = calloc(len ? len : 1, 1);
            memcpy(copy, whole.ptr, AL_MIN(len, whole.len));
            al_slice cut = {copy, len};
            apart with = {.slots = part ? cut : from.slots, .text = from.text};
            assert_int_equal(ask_all(&b, part ? map : cut, &with, &same), AL_CORRUPT);
            free(copy);
        }
        for (size_t at = 0; at < whole.len * 8; at++) {
            al_buf copy;
            al_buf_init(&copy, SIZE_MAX);
            al_buf_slice_put(&copy, whole);
            copy.ptr[at / 8] ^= (uint8_t)(1U << (at % 8));
            if (!part)
                repair(&copy);
            al_slice damaged = al_buf_slice(&copy);
            apart with = {.slots = part ? damaged : from.slots, .text = from.text};
            al_code c = ask_all(&b, part ? map : damaged, &with, &same);
            assert_true(c == AL_OK || c == AL_CORRUPT);
            assert_true(c == AL_OK || !same);
            al_buf_done(&copy);
        }
    }
    apart_done(&b);
}

static void bits_come_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 24));
    uint64_t in[130];
    uint64_t back[130];
    for (unsigned width = 0; width <= 64; width++) {
        for (size_t n = 0; n < AL_COUNT(in); n += 1 + width % 3) {
            al_buf out;
            al_buf_init(&out, SIZE_MAX);
            for (size_t i = 0; i < n; i++)
                in[i] = width ? rng_next(&r) >> (64 - width) : 0;
            bits_pack(in, n, width, &out);
            assert_int_equal(out.len, bits_bytes(n, width));
            uint8_t *exact = malloc(out.len ? out.len : 1);
            if (out.len)
                memcpy(exact, out.ptr, out.len);
            bits_unpack(exact, n, width, back);
            for (size_t i = 0; i < n; i++) {
                assert_true(back[i] == in[i]);
                assert_true(bits_get(exact, width, i) == in[i]);
            }
            free(exact);
            al_buf_done(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_come_back),
        cmocka_unit_test(messages_come_back),
        cmocka_unit_test(a_full_lexicon_loses_nothing),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(slots_apart_are_loaded_when_they_are_asked_for),
        cmocka_unit_test(damage_apart_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
