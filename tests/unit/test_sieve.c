/* Goal: the filter of a segment never hides what is there, and hides most of what is not.
 * Method: sets of all sizes; random texts and what stands inside them, by a fixed seed. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/codec/fuse.h"
#include "store/codec/grams.h"

static uint64_t state = 88172645463325252U;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* ---- fuse.h */

static void check_set(size_t n)
{
    uint64_t *keys = al_alloc(n + 1, sizeof *keys);
    uint64_t *kept = al_alloc(n + 1, sizeof *kept);
    al_buf out;
    al_err err;
    fuse f;
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++)
        kept[i] = keys[i] = next();
    al_buf_init(&out, 1 << 30);
    assert_int_equal(fuse_build(keys, n, &out), AL_OK);
    assert_int_equal(fuse_open(al_buf_slice(&out), &f, &err), AL_OK);
    for (size_t i = 0; i < n; i++)
        if (!fuse_has(&f, kept[i]))
            fail_msg("%zu keys: one is missing", n);
    for (size_t i = 0; i < 100000; i++)
        n_wrong += fuse_has(&f, next());
    assert_true(n_wrong < 600); /* 391 are expected */
    if (n > 10000)
        assert_true(out.len * 8 < n * 10);
    for (size_t cut = 0; cut < out.len && cut < 40; cut++) {
        al_slice part = al_slice_sub(al_buf_slice(&out), 0, out.len - 1 - cut);
        assert_int_equal(fuse_open(part, &f, &err), AL_CORRUPT);
    }
    al_buf_done(&out);
    free(keys);
    free(kept);
}

static void every_key_is_found_and_few_others(void **s)
{
    (void)s;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 7, 10, 100, 1000, 5000, 65536, 300000, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        check_set(sizes[i]);
    for (size_t n = 0; n < 64; n++)
        check_set(n);
}

/* Of each number of keys there is a filter: with the sizes of the paper alone there was none of
 * 11,500, 12,362 and others, whatever the keys. */
static void any_number_of_keys_is_arranged(void **s)
{
    (void)s;
    enum { MAX = 40000 };
    uint64_t *keys = al_alloc(MAX, sizeof *keys);
    al_buf out;
    al_buf_init(&out, 1 << 20);
    for (size_t n = 1; n < MAX; n += n < 400 || (n > 11450 && n < 11530) ? 1 : 97) {
        for (size_t i = 0; i < n; i++)
            keys[i] = next();
        al_buf_clear(&out);
        if (fuse_build(keys, n, &out))
            fail_msg("%zu keys: no filter", n);
        if (n > 1000)
            assert_true(out.len * 8 < n * 13);
    }
    al_buf_done(&out);
    free(keys);
}

static void keys_may_stand_twice(void **s)
{
    (void)s;
    uint64_t keys[] = {5, 5, 7, 5, 7, 9};
    al_buf out;
    al_err err;
    fuse f;
    al_buf_init(&out, 1 << 20);
    assert_int_equal(fuse_build(keys, 6, &out), AL_OK);
    assert_int_equal(fuse_open(al_buf_slice(&out), &f, &err), AL_OK);
    assert_true(fuse_has(&f, 5) && fuse_has(&f, 7) && fuse_has(&f, 9));
    al_buf_done(&out);
}

/* ---- grams.h */

typedef struct key_set {
    uint64_t keys[8192];
    size_t n;
} key_set;

static bool keep(void *ctx, uint64_t key)
{
    key_set *set = ctx;
    assert_true(set->n < 8192);
    set->keys[set->n++] = key;
    return true;
}

static bool has(const key_set *set, uint64_t key)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->keys[i] == key)
            return true;
    return false;
}

static bool has_all(const key_set *set, const key_set *of)
{
    for (size_t i = 0; i < of->n; i++)
        if (!has(set, of->keys[i]))
            return false;
    return true;
}

static key_set text_keys, part_keys;

static void take_keys(key_set *set, al_slice text)
{
    set->n = 0;
    assert_true(grams_each(text, keep, set));
}

/* Words of few different bytes, long ones too; separators; bytes that are no characters. */
static size_t make_text(uint8_t *to, size_t max)
{
    static const char alphabet[] = "aB3900117 -.x\xe2\x84\xaa\xc5\xbfz\xff";
    size_t n = next() % max;
    size_t letters = 2 + next() % (sizeof alphabet - 3);
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)alphabet[next() % letters];
    return n;
}

static void a_text_has_the_keys_of_all_its_parts(void **s)
{
    (void)s;
    uint8_t text[1500];
    size_t n_keys = 0;
    for (int round = 0; round < 3000; round++) {
        size_t n = make_text(text, round % 10 ? 80 : sizeof text);
        take_keys(&text_keys, (al_slice){text, n});
        for (int k = 0; k < 20 && n; k++) {
            size_t from = next() % n;
            size_t to = from + next() % (n - from + 1);
            /* A part of a character is another text: literals are cut between characters. */
            while (from < n && (text[from] & 0xc0) == 0x80)
                from++;
            while (to < n && (text[to] & 0xc0) == 0x80)
                to++;
            take_keys(&part_keys, al_slice_sub((al_slice){text, n}, from, AL_MAX(from, to)));
            n_keys += part_keys.n;
            if (!has_all(&text_keys, &part_keys))
                fail_msg("round %d: '%.*s' [%zu, %zu)", round, (int)n, text, from, to);
        }
    }
    assert_true(n_keys > 50000);
}

static void case_is_no_matter(void **s)
{
    (void)s;
    take_keys(&text_keys, AL_LIT("see REQUESTtimeoutKELVIN99 there"));
    take_keys(&part_keys, AL_LIT("reque\xc5\xbfTTIMEOUT\xe2\x84\xaa"
                                 "elvin99"));
    assert_true(part_keys.n > 3 && has_all(&text_keys, &part_keys));
}

static void short_literals_have_no_key(void **s)
{
    (void)s;
    static const struct {
        const char *literal;
        bool has_key;
    } rows[] = {
        {"", false},          {"abcdefg", false},        {"abcdefgh", true},
        {"abc-defgh", false}, {"123456789", false},      {"1234567890", true},
        {"a123456789", true}, {"a12345678", false},      {"ndl00014b5eb4", true},
        {"73.190", false},    {"Failed password", true}, {"1234567x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        take_keys(&part_keys, al_cstr(rows[i].literal));
        if ((part_keys.n > 0) != rows[i].has_key)
            fail_msg("'%s': %zu keys", rows[i].literal, part_keys.n);
    }
}

/* ---- Keys of digits, letters and edges */

typedef bool keys_fn(al_slice text, grams_fn *fn, void *ctx);

/* Whatever is cut out between characters has no key that the text has not. */
static size_t check_parts(keys_fn *keys, al_slice text)
{
    text_keys.n = part_keys.n = 0;
    assert_true(keys(text, keep, &text_keys));
    for (size_t from = 0; from < text.len; from++) {
        size_t to = from + next() % (text.len - from + 1);
        if ((text.ptr[from] & 0xc0) == 0x80 || (to < text.len && (text.ptr[to] & 0xc0) == 0x80))
            continue;
        part_keys.n = 0;
        assert_true(keys(al_slice_sub(text, from, to), keep, &part_keys));
        if (!has_all(&text_keys, &part_keys))
            fail_msg("'%.*s' [%zu, %zu)", AL_ARG(text), from, to);
    }
    return text_keys.n;
}

static void a_text_has_the_digits_and_letters_of_its_parts(void **s)
{
    (void)s;
    size_t n_digits = 0;
    size_t n_letters = 0;
    for (int round = 0; round < 3000; round++) {
        uint8_t text[120];
        size_t n = make_text(text, sizeof text);
        n_letters += check_parts(grams_of_letters, (al_slice){text, n});
        for (size_t i = 0; i < n; i++)
            text[i] = text[i] & 0x80 ? '.' : (uint8_t)('0' + text[i] % 10);
        n_digits += check_parts(grams_of_digits, (al_slice){text, n});
    }
    assert_true(n_letters > 1000 && n_digits > 50000);
    part_keys.n = 0;
    assert_true(grams_of_letters(AL_LIT("rest art4rest"), keep, &part_keys));
    assert_int_equal(part_keys.n, 0);
    assert_true(grams_of_digits(AL_LIT("1234567 1234567.8"), keep, &part_keys));
    assert_int_equal(part_keys.n, 0);
}

static void a_text_has_the_edges_of_what_it_begins_and_ends_with(void **s)
{
    (void)s;
    static const char *const words[] = {"a",
                                        "Node",
                                        "KELVIN",
                                        "\xe2\x84\xaa"
                                        "ind",
                                        "abcdefghijk",
                                        "\xc5\xbf"
                                        "ix",
                                        "restart"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        uint64_t begins;
        uint64_t ends;
        al_slice word = al_cstr(words[i]);
        assert_true(grams_edge_key(word, false, &begins));
        assert_true(grams_edge_key(word, true, &ends));
        char text[64];
        for (unsigned how = 0; how < 8;
             how++) { /* something before it, behind it, a letter there */
            (void)snprintf(text, sizeof text, "%s%s%s",
                           how & 1   ? "7"
                           : how & 4 ? "x"
                                     : "",
                           words[i], how & 2 ? "9." : "");
            text_keys.n = 0;
            assert_true(grams_of_edges(al_cstr(text), keep, &text_keys));
            if (!(how & 5) && !has(&text_keys, begins))
                fail_msg("'%s' begins with '%s'", text, words[i]);
            if (!(how & 2) && !has(&text_keys, ends))
                fail_msg("'%s' ends with '%s'", text, words[i]);
            if (how & 1)
                assert_false(has(&text_keys, begins));
        }
    }
    uint64_t key;
    assert_true(grams_edge_key(AL_LIT("node7"), false, &key)); /* of its letters */
    text_keys.n = 0;
    assert_true(grams_of_edges(AL_LIT("node77"), keep, &text_keys));
    assert_true(has(&text_keys, key));
    assert_false(grams_edge_key(AL_LIT("7node"), false, &key));
    assert_false(grams_edge_key(AL_LIT("\xd0\xbe"), true, &key));
    assert_false(grams_edge_key((al_slice){0}, true, &key));
    part_keys.n = 0;
    assert_true(grams_of_edges((al_slice){0}, keep, &part_keys));
    assert_true(grams_of_edges(AL_LIT("7\xff"), keep, &part_keys));
    assert_int_equal(part_keys.n, 0);
}

static bool refuse(void *ctx, uint64_t key)
{
    (void)key;
    ++*(int *)ctx;
    return false;
}

static void whoever_says_no_is_not_asked_again(void **s)
{
    (void)s;
    int n = 0;
    assert_false(grams_each(AL_LIT("requesttimeout of somebody"), refuse, &n));
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_found_and_few_others),
        cmocka_unit_test(any_number_of_keys_is_arranged),
        cmocka_unit_test(keys_may_stand_twice),
        cmocka_unit_test(a_text_has_the_digits_and_letters_of_its_parts),
        cmocka_unit_test(a_text_has_the_edges_of_what_it_begins_and_ends_with),
        cmocka_unit_test(a_text_has_the_keys_of_all_its_parts),
        cmocka_unit_test(case_is_no_matter),
        cmocka_unit_test(short_literals_have_no_key),
        cmocka_unit_test(whoever_says_no_is_not_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
