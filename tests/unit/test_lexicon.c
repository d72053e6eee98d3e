/* Goal: a lexicon gives back every value, template and where they occur; damage is named. Method:
 * random values over many blocks against plain arrays; every truncation and flipped bytes. */
#include "unit/lex_help.h"

#include <stdlib.h>

enum { BLOCKS = 9, ROWS = 700, VALUES = 5000 };

typedef struct model {
    uint32_t numbers[VALUES];      /* by value, LEX_NONE: not used */
    uint32_t rows[VALUES][BLOCKS]; /* how many rows have it */
    uint32_t last_row[VALUES];
    bool in_block[VALUES][BLOCKS];
    bool in_field[VALUES][BLOCKS];
} model;

static model *m;

static al_slice value_text(uint32_t i, char to[64])
{
    static const char *const before[] = {"v", "10.0.", "", "caf\xc3\xa9", "0000000000000000", "K"};
    static const char *const behind[] = {"", ".7", "-Name", "", "", "k"};
    unsigned shape = i % AL_COUNT(before);
    int n = snprintf(to, 64, "%s%u%s", before[shape], i, behind[shape]);
    return (al_slice){(const uint8_t *)to, i ? (size_t)n : 0}; /* the empty one too */
}

/* NOLINTNEXTLINE(readability-function-size): assertions count as branches */
static void fill(lex_builder *b, rng *r)
{
    char text[64];
    for (uint32_t i = 0; i < VALUES; i++)
        m->numbers[i] = LEX_NONE;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        assert_int_equal(lex_builder_block(b), AL_OK);
        for (uint32_t i = 0; i < VALUES; i++)
            m->last_row[i] = UINT32_MAX;
        for (uint32_t row = 0; row < ROWS; row++) {
            for (uint32_t k = 0; k < 3; k++) {
                uint32_t i = (uint32_t)rng_below(r, k ? VALUES : 40);
                uint32_t number = 0;
                bool is_field = rng_below(r, 10) == 0;
                al_slice s = value_text(i, text);
                assert_int_equal(is_field ? lex_builder_field(b, s, &number)
                                          : lex_builder_value(b, s, row, &number),
                                 AL_OK);
                assert_true(m->numbers[i] == LEX_NONE || m->numbers[i] == number);
                m->numbers[i] = number;
                m->in_block[i][block] = true;
                m->in_field[i][block] |= is_field;
                if (!is_field && m->last_row[i] != row) {
                    m->last_row[i] = row;
                    m->rows[i][block]++;
                }
            }
        }
        if (block % 3 == 1)
            lex_builder_has_text(b);
    }
}

typedef struct block_rows {
    uint32_t block;
    uint32_t rows;
    uint32_t uses;
} block_rows;

typedef struct told {
    uint32_t number; /* of which the blocks are wanted */
    al_buf *out;
} told;

static void note(void *ctx, uint32_t number, const lex_use_in *use)
{
    const told *t = ctx;
    if (number == t->number) {
        al_buf_u32(t->out, use->block);
        al_buf_u32(t->out, use->rows);
        al_buf_u32(t->out, use->uses);
    }
}

static void check_value(lexicon *l, uint32_t i)
{
    char text[64];
    al_err err;
    uint32_t number = 0;
    al_slice s = value_text(i, text);
    al_code c = lexicon_find(l, s, &number, &err);
    if (m->numbers[i] == LEX_NONE) {
        assert_int_equal(c, AL_NOT_FOUND);
        return;
    }
    assert_int_equal(c, AL_OK);
    assert_int_equal(number, m->numbers[i]);
    al_slice back;
    assert_int_equal(lexicon_value(l, number, &back, &err), AL_OK);
    assert_true(al_slice_eq(back, s));
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    told t = {.number = number, .out = &out};
    static uint64_t only[VALUES / 64 + 1]; /* asked alone it is told the same */
    only[number / 64] = UINT64_C(1) << (number % 64);
    assert_int_equal(
        lexicon_value_blocks(l, number / LEX_CHUNK_VALUES, i % 2 ? only : NULL, note, &t, &err),
        AL_OK);
    only[number / 64] = 0;
    const block_rows *got = (const block_rows *)out.ptr;
    size_t n = 0;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        if (!m->in_block[i][block])
            continue;
        assert_int_equal(got[n].block, block);
        assert_int_equal(got[n].rows, m->rows[i][block]);
        assert_int_equal(got[n].uses, m->in_field[i][block] ? LEX_USE_WHOLE : 0);
        n++;
    }
    assert_int_equal(out.len, n * sizeof *got);
    al_buf_done(&out);
}

static void check_chunks(lexicon *l)
{
    al_err err;
    uint32_t n = 0;
    for (uint32_t i = 0; i < lexicon_chunks(l); i++) {
        lex_chunk c;
        assert_int_equal(lexicon_chunk(l, i, &c, &err), AL_OK);
        assert_int_equal(c.first, n);
        size_t bytes = 0;
        for (uint32_t k = 0; k < c.n; k++) {
            al_slice s;
            al_slice same = lex_chunk_text(&c, k);
            assert_int_equal(lexicon_value(l, n++, &s, &err), AL_OK);
            assert_true(al_slice_eq(s, same));
            assert_ptr_equal(same.ptr, c.texts.ptr + bytes);
            bytes += same.len;
        }
        assert_int_equal(c.texts.len, bytes);
    }
    assert_int_equal(n, lexicon_values(l));
}

static void values_and_blocks_come_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 5));
    m = calloc(1, sizeof *m);
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    fill(b, &r);
    al_buf out;
    al_err err;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    assert_int_equal(lexicon_blocks(l), BLOCKS);
    assert_int_equal(lexicon_values(l), lex_builder_values(b));
    for (uint32_t i = 0; i < VALUES; i++)
        check_value(l, i);
    for (uint32_t block = 0; block < BLOCKS; block++) {
        uint32_t flags = 0;
        assert_int_equal(lexicon_block_flags(l, block, &flags, &err), AL_OK);
        assert_int_equal(flags, block % 3 == 1 ? LEX_BLOCK_HAS_TEXT : 0);
    }
    check_chunks(l);
    check_value(l, 17);
    assert_int_equal(lexicon_check(l, &err), AL_OK);
    size_t full = lexicon_bytes(l);
    (void)lexicon_ref(l);
    assert_int_equal(lexicon_shrink(l), 0); /* somebody else may look at its values */
    (void)lexicon_unref(l);
    size_t less = lexicon_shrink(l);
    assert_true(less > full / 2);
    assert_int_equal(lexicon_bytes(l), full - less);
    assert_int_equal(lexicon_shrink(l), 0);
    for (uint32_t i = 0; i < VALUES; i++)
        check_value(l, i);
    check_chunks(l);
    assert_int_equal(lexicon_bytes(l), full);
    al_buf_done(&out);
    free(m);
}

static void templates_come_back(void **state)
{
    (void)state;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    al_err err;
    uint32_t number = 0;
    for (uint32_t block = 0; block < 3; block++) {
        assert_int_equal(lex_builder_block(b), AL_OK);
        assert_int_equal(lex_builder_template(b, AL_LIT("a"), 5 + block, &number), AL_OK);
        assert_int_equal(number, 1);
        if (block == 1)
            assert_int_equal(lex_builder_template(b, AL_LIT("b \0 c"), 9, &number), AL_OK);
        if (block != 1)
            assert_int_equal(lex_builder_whole(b, 3), AL_OK);
        if (block) /* behind the messages that have it */
            assert_int_equal(lex_builder_field_template(b, AL_LIT("a"), 4, &number), AL_OK);
        if (block == 2)
            assert_int_equal(lex_builder_field_template(b, AL_LIT("b \0 c"), 1, &number), AL_OK);
    }
    al_buf out, found;
    al_buf_init(&out, SIZE_MAX);
    al_buf_init(&found, SIZE_MAX);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    assert_int_equal(lexicon_templates(l), 3);
    al_slice text;
    assert_int_equal(lexicon_template(l, 2, &text, &err), AL_OK);
    assert_true(al_slice_eq(text, AL_LIT("b \0 c")));
    static const block_rows expected[3][3] = {
        {{0, 3, 0}, {2, 3, 0}}, {{0, 5, 0}, {1, 6, 2}, {2, 7, 2}}, {{1, 9, 0}, {2, 0, 2}}};
    static const size_t n[] = {2, 3, 2};
    for (uint32_t i = 0; i < 3; i++) {
        al_buf_clear(&found);
        told t = {.number = i, .out = &found};
        const uint64_t wanted = UINT64_C(1) << i | (i == 1 ? 4 : 0);
        assert_int_equal(lexicon_template_blocks(l, i ? &wanted : NULL, note, &t, &err), AL_OK);
        assert_int_equal(found.len, n[i] * sizeof(block_rows));
        assert_memory_equal(found.ptr, expected[i], found.len);
    }
    al_buf_done(&out);
    al_buf_done(&found);
}

static void limits_hold(void **state)
{
    (void)state;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    char text[LEX_VALUE_BYTES_MAX + 1];
    uint32_t number = 0;
    assert_int_equal(lex_builder_block(b), AL_OK);
    memset(text, 'x', sizeof text);
    al_slice long_one = {(const uint8_t *)text, sizeof text};
    assert_int_equal(lex_builder_value(b, long_one, 0, &number), AL_OK);
    assert_int_equal(number, LEX_NONE);
    for (uint32_t i = 0; i < LEX_TEMPLATES_FREE + 9; i++) {
        int n = snprintf(text, sizeof text, "template %u", i);
        al_slice s = {(const uint8_t *)text, (size_t)n};
        assert_int_equal(lex_builder_template(b, s, 1, &number), AL_OK);
        assert_int_equal(number, i + 1 < LEX_TEMPLATES_FREE ? i + 1 : 0);
    }
    assert_int_equal(lex_builder_template(b, AL_LIT("twice"), 2, &number), AL_OK);
    assert_int_equal(number, LEX_TEMPLATES_FREE);
    for (uint32_t i = 0; i < LEX_VALUES_MAX + 5; i++) {
        int n = snprintf(text, sizeof text, "%u", i);
        al_slice s = {(const uint8_t *)text, (size_t)n};
        assert_int_equal(lex_builder_value(b, s, 0, &number), AL_OK);
        assert_int_equal(number, i < LEX_VALUES_MAX ? i : LEX_NONE);
    }
}

/* What no value has, no value has; what one has is never denied. */
static void letters_of_values_are_known(void **state)
{
    (void)state;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    al_err err;
    uint32_t number = 0;
    static const char *const values[] = {"node17", "4fRESTARTed", "17json", "a1b2"};
    assert_int_equal(lex_builder_block(b), AL_OK);
    for (size_t i = 0; i < AL_COUNT(values); i++)
        assert_int_equal(lex_builder_value(b, al_cstr(values[i]), (uint32_t)i, &number), AL_OK);
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    static const struct {
        const char *text;
        bool begins, ends, holds;
    } rows[] = {
        {"node", true, false, true},       {"json", false, true, true}, /* too short for `holds` */
        {"restarted", false, true, true},  {"restart", false, false, true},
        {"received", false, false, false}, {"thread", false, false, false}};
    for (size_t i = 0; i < AL_COUNT(rows); i++) {
        bool begins = false;
        bool ends = false;
        bool holds = false;
        al_slice text = al_cstr(rows[i].text);
        assert_int_equal(lexicon_may_have_edge(l, text, false, &begins, &err), AL_OK);
        assert_int_equal(lexicon_may_have_edge(l, text, true, &ends, &err), AL_OK);
        assert_int_equal(lexicon_may_have_letters(l, text, &holds, &err), AL_OK);
        if (begins != rows[i].begins || ends != rows[i].ends || holds != rows[i].holds)
            fail_msg("'%s': %d %d %d", rows[i].text, begins, ends, holds);
    }
    al_buf_done(&out);
}

static void numbers_are_known_by_block(void **state)
{
    (void)state;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    al_err err;
    char text[32];
    assert_int_equal(lex_builder_block(b), AL_OK);
    lex_builder_number(b, AL_LIT("1234567890123456"));
    assert_int_equal(lex_builder_block(b), AL_OK); /* none */
    assert_int_equal(lex_builder_block(b), AL_OK); /* more than a filter takes */
    for (uint32_t i = 0; i <= LEX_OUTSIDE_KEYS_MAX; i++) {
        int n = snprintf(text, sizeof text, "%08u", i);
        lex_builder_number(b, (al_slice){(const uint8_t *)text, (size_t)n});
    }
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    const lex_keys there = lex_keys_of_runs(AL_LIT("2345678901234"));
    const lex_keys absent = lex_keys_of_runs(AL_LIT("9753197531975319"));
    for (uint32_t block = 0; block < 3; block++) {
        bool may = false;
        assert_int_equal(lexicon_may_have_outside(l, block, &there, &may, &err), AL_OK);
        assert_int_equal(may, block != 1);
        assert_int_equal(lexicon_may_have_outside(l, block, &absent, &may, &err), AL_OK);
        assert_int_equal(may, block == 2);
    }
    al_buf_done(&out);
}

static void the_longest_numbers_of_templates_are_known(void **state)
{
    (void)state;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    static const struct {
        uint32_t bytes;
        bool has_point;
    } said[][3] = {{{5, false}, {9, true}, {3, false}},
                   {{0}},
                   {{7, true}, {300, false}, {2, true}},
                   {{255, true}, {254, false}}};
    static const uint8_t expected[][2] = {{0, 0}, {9, 9}, {0, 0}, {255, 7}, {255, 255}};
    static const char *const texts[] = {"a \0", "b \0", "c \0", "d \0"};
    al_err err;
    for (size_t k = 0; k < AL_COUNT(said[0]); k++) { /* a block each */
        assert_int_equal(lex_builder_block(b), AL_OK);
        for (size_t i = 0; i < AL_COUNT(said); i++) {
            uint32_t number = 0;
            al_slice text = {(const uint8_t *)texts[i], 3};
            assert_int_equal(lex_builder_template(b, text, 2, &number), AL_OK);
            assert_int_equal(number, i + 1);
            if (said[i][k].bytes)
                lex_builder_numbers(b, number, said[i][k].bytes, said[i][k].has_point);
        }
    }
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    const uint8_t *longest = NULL;
    assert_int_equal(lexicon_templates(l), AL_COUNT(expected));
    assert_int_equal(lexicon_numbers(l, &longest, &err), AL_OK);
    assert_memory_equal(longest, expected, sizeof expected);
    al_buf_done(&out);
}

/* What a damaged lexicon says is either right or refused. */
static void damage_is_named(void **state)
{
    (void)state;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    al_err err;
    uint32_t number = 0;
    assert_int_equal(lex_builder_block(b), AL_OK);
    for (uint32_t i = 0; i < 30; i++) {
        char text[64];
        assert_int_equal(lex_builder_value(b, value_text(i, text), i, &number), AL_OK);
        assert_int_equal(lex_builder_template(b, value_text(i + 50, text), 2, &number), AL_OK);
    }
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, out.ptr, len);
        al_slice bytes = {cut, len};
        lexicon *l = NULL;
        assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_CORRUPT);
        free(cut);
    }
    for (size_t at = 0; at < out.len; at++) {
        out.ptr[at] ^= 0x10;
        al_slice bytes = al_buf_slice(&out);
        AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
        al_code c = lex_open_slice(&bytes, &l, &err);
        if (!c)
            c = lexicon_check(l, &err);
        assert_int_equal(c, AL_CORRUPT);
        out.ptr[at] ^= 0x10;
    }
    al_buf_done(&out);
}

/* No byte of text and no key of a sieve: its buffers were never made. */
static void a_lexicon_of_nothing_but_the_empty_text(void **state)
{
    (void)state;
    al_err err;
    uint32_t number = 7;
    al_slice text;
    al_buf out;
    AL_CLEANUP(lex_builder_freep) lex_builder *b = lex_builder_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(lex_builder_block(b), AL_OK);
    assert_int_equal(lex_builder_field(b, (al_slice){0}, &number), AL_OK);
    assert_int_equal(number, 0);
    assert_int_equal(lex_builder_encode(b, &out, &err), AL_OK);
    al_slice bytes = al_buf_slice(&out);
    assert_int_equal(lex_open_slice(&bytes, &l, &err), AL_OK);
    assert_int_equal(lexicon_check(l, &err), AL_OK);
    assert_int_equal(lexicon_values(l), 1);
    assert_int_equal(lexicon_value(l, 0, &text, &err), AL_OK);
    assert_int_equal(text.len, 0);
    assert_int_equal(lexicon_find(l, (al_slice){0}, &number, &err), AL_OK);
    al_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_blocks_come_back),
        cmocka_unit_test(templates_come_back),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_lexicon_of_nothing_but_the_empty_text),
        cmocka_unit_test(numbers_are_known_by_block),
        cmocka_unit_test(the_longest_numbers_of_templates_are_known),
        cmocka_unit_test(letters_of_values_are_known),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
