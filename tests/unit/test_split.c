/* Goal: any message comes back from its template and slots, and the fast masks say what the plain
 * ones say. Method: examples with what they must become; random bytes of every length around the
 * sizes of words; every byte at every place. */
#include "unit/lex_help.h"

#include <stdlib.h>

#include "base/arena.h"
#include "query/literal_holes.h"
#include "store/lex/lex_priv.h"
#include "store/msg/split.h"

static msg_split s; /* large */

static void check_back(al_slice message)
{
    msg_split_make(message, &s);
    uint8_t *back = malloc(message.len + 1);
    size_t n = 0;
    size_t slot = 0;
    for (size_t i = 0; i < s.template_len; i++) {
        if (s.template[i] != MSG_MARK) {
            back[n++] = s.template[i];
            continue;
        }
        assert_true(slot < s.n_slots);
        memcpy(back + n, message.ptr + s.slots[slot].off, s.slots[slot].len);
        n += s.slots[slot++].len;
    }
    assert_int_equal(slot, s.n_slots);
    assert_int_equal(n, message.len);
    assert_memory_equal(back, message.ptr ? message.ptr : (const uint8_t *)"", n);
    free(back);
}

/* The template with # for each slot. */
static void check_template(const char *message, const char *expected)
{
    check_back(al_cstr(message));
    for (size_t i = 0; i < s.template_len; i++)
        if (s.template[i] == MSG_MARK)
            s.template[i] = '#';
    al_slice got = {s.template, s.template_len};
    if (!al_slice_eq(got, al_cstr(expected)))
        fail_msg("%s became %.*s, not %s", message, AL_ARG(got), expected);
}

static void words_with_digits_are_slots(void **state)
{
    (void)state;
    check_template("", "");
    check_template("no variables at all", "no variables at all");
    check_template("42", "#");
    check_template("user7 logged in", "# logged in");
    check_template("a_b1-c2", "a_#-#");
    check_template("blk_-123", "blk_-#");
    check_template("caf\xc3\xa9"
                   "1 ok",
                   "# ok");
    check_template("took 1.07 s", "took # s");
    check_template("took 1.07, 2.", "took #, #.");
    check_template("v1.2 of x", "#.# of x");
    check_template("1.2.3 done", "#.#.# done");
    check_template("10.0.0.1:80", "#:#");
    check_template("1.2.3.4.5", "#.#.#.#.#");
    check_template("1.2.3.4000", "#.#.#.#");
    check_template("from 10.0.0.1.", "from #.");
    check_template("id 223d1e74-4a3a-4b51-a21e-801a85c383cc]", "id #]");
    check_template("id abcdefab-cdef-4b51-a21e-801a85c383cc]", "id #]");
    check_template("id abcdefab-cdef-abcd-abcd-abcdefabcdef1", "id abcdefab-cdef-abcd-abcd-#");
    check_template("id x223d1e74-4a3a-4b51-a21e-801a85c383cc", "id #-#-#-#-#");
    check_template("223d1e74-4a3a-4b51-a21e-801a85c383ccc", "#-#-#-#-#");
}

static void random_bytes_come_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 4));
    for (int round = 0; round < 20000; round++) {
        static const char alphabet[] = "0019.-ab-f.Z_ \xc3\x80";
        size_t len = (size_t)rng_below(&r, round % 100 ? 200 : 3000);
        uint8_t *bytes = malloc(len + 1); /* heap: asan sees one byte too many */
        bool is_any = rng_below(&r, 4) == 0;
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(is_any ? (char)rng_below(&r, 256)
                                        : alphabet[rng_below(&r, sizeof alphabet)]);
        uint8_t *exact = malloc(len ? len : 1);
        memcpy(exact, bytes, len);
        check_back((al_slice){exact, len});
        free(bytes);
        free(exact);
    }
}

static void masks_agree(void **state)
{
    (void)state;
    uint64_t fast[4][3];
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t len = 1; len < 130; len++) {
            uint8_t *bytes = malloc(len);
            for (size_t i = 0; i < len; i++)
                bytes[i] = i % 5 == 4 ? (uint8_t)(i * 3) : (uint8_t)byte;
            al_slice message = {bytes, len};
            size_t words = (len + 63) / 64 * sizeof(uint64_t);
            msg_masks(message, fast[0], fast[1]);
            msg_masks_portable(message, fast[2], fast[3]);
            assert_memory_equal(fast[0], fast[2], words);
            assert_memory_equal(fast[1], fast[3], words);
            free(bytes);
        }
    }
}

static void limits_hold(void **state)
{
    (void)state;
    size_t len = (size_t)MSG_BYTES_MAX + 1;
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = i % 2 ? ' ' : '7';
    check_back((al_slice){bytes, len});
    assert_int_equal(s.n_slots, 1); /* too long: whole */
    check_back((al_slice){bytes, len - 1});
    assert_int_equal(s.n_slots, MSG_SLOTS_MAX);
    memset(bytes, '7', len);
    check_back((al_slice){bytes, len - 1});
    assert_int_equal(s.n_slots, 1);
    memset(bytes, 0, len);
    check_back((al_slice){bytes, len - 1});
    assert_int_equal(s.n_slots, 1); /* NULs are digits */
    memset(bytes, '.', len);
    check_back((al_slice){bytes, len - 1});
    assert_int_equal(s.n_slots, 0);
    free(bytes);
}

static size_t put_parts(rng *r, uint8_t *out, size_t n_parts)
{
    static const char *const parts[] = {
        "ab", "Ab1",    "10.0.3.77", "2.5",  " ",    "  ", "-", ".", "k",  "\u212a",
        "7s", "\u017f", "s",         "\xd0", "\xff", "1",  "b", "=", "\t", "\u043f9"};
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const char *part = parts[rng_below(r, sizeof parts / sizeof parts[0])];
        memcpy(out + n, part, strlen(part));
        n += strlen(part);
    }
    return n;
}

static bool is_in(const literal *l, al_slice text)
{
    size_t start = 0;
    size_t end = 0;
    return literal_find(l, text, 0, &start, &end);
}

/* ---- Templates of which slots stand for whole words */

typedef struct edges_of {
    al_slice message;
    const literal *const *words;
} edges_of;

static bool is_at_edge(const literal *word, al_slice text, bool ends)
{
    size_t start;
    size_t end;
    for (size_t from = 0; literal_find(word, text, from, &start, &end); from = start + 1)
        if (ends ? end == text.len : start == 0)
            return true;
    return false;
}

static bool may_edge(void *ctx, uint32_t hole, size_t word, bool ends)
{
    const edges_of *e = ctx;
    assert_true(hole < s.n_slots);
    al_slice slot = {e->message.ptr + s.slots[hole].off, s.slots[hole].len};
    return is_at_edge(e->words[word], slot, ends);
}

/* Does the word stand in what is no slot? */
static bool is_fixed(const literal *word)
{
    for (size_t from = 0, i = 0; i <= s.template_len; i++)
        if (i == s.template_len || s.template[i] == MSG_MARK) {
            if (is_in(word, (al_slice){s.template + from, i - from}))
                return true;
            from = i + 1;
        }
    return false;
}

/* The same with what is known of the ends of slots: of all together, and of each. */
static void check_words(al_slice message, const literal *l, bool is_outside, size_t *n_never)
{
    al_slice template = {s.template, s.template_len};
    size_t n_words = 0;
    edges_of e = {.message = message, .words = literal_words(l, &n_words)};
    if (n_words == 0 || !lex_template_is_plain(template) || literal_has(l, MSG_MARK))
        return;
    literal_holes holes;
    literal_holes_make(&holes, l);
    literal_holes_of_words(&holes);
    holes_say words = literal_in_holes(&holes, template, MSG_MARK);
    holes_say each = literal_in_known_holes(&holes, template, MSG_MARK, may_edge, &e);
    for (size_t i = 0; i < n_words; i++) {
        bool begins = false;
        bool ends = false;
        for (uint32_t k = 0; k < s.n_slots; k++) {
            begins |= may_edge(&e, k, i, false);
            ends |= may_edge(&e, k, i, true);
        }
        literal_holes_begin(&holes, i, begins);
        literal_holes_end(&holes, i, ends);
    }
    holes_say all = literal_in_holes(&holes, template, MSG_MARK);
    bool has_fixed = false;
    for (size_t i = 0; i < n_words; i++)
        has_fixed |= is_fixed(e.words[i]);
    bool is_wrong =
        is_outside && (words == HOLES_NEVER || each == HOLES_NEVER || all == HOLES_NEVER ||
                       (literal_holes_need_word(&holes) && !has_fixed));
    if (is_wrong)
        fail_msg("'%.*s': %d %d %d, word %d", AL_ARG(message), words, each, all, has_fixed);
    *n_never += each == HOLES_NEVER && words != HOLES_NEVER;
}

/* What a template says of a literal is right for the message it was made from: always is there,
 * never is nowhere but inside a slot. */
static void a_literal_in_a_template(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 31));
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    size_t counts[3] = {0};
    size_t n_never = 0;
    for (size_t i = 0; i < 200000; i++) {
        uint8_t bytes[256];
        uint8_t text[64];
        al_slice message = {bytes, put_parts(&r, bytes, rng_below(&r, 12))};
        al_slice t = {text, put_parts(&r, text, 1 + rng_below(&r, 3))};
        if (rng_below(&r, 2) && message.len) { /* a part of the message */
            size_t from = rng_below(&r, (uint32_t)message.len);
            t = al_slice_sub(message, from,
                             from + 1 + rng_below(&r, (uint32_t)(message.len - from)));
        }
        bool frees_space = rng_below(&r, 2) && !query_is_space(t.ptr[0]);
        al_arena_reset(arena);
        const literal *l = literal_new(arena, t, rng_below(&r, 2), frees_space);
        assert_non_null(l);
        literal_holes holes;
        literal_holes_make(&holes, l);
        msg_split_make(message, &s);
        holes_say says = literal_in_holes(&holes, (al_slice){s.template, s.template_len}, MSG_MARK);
        bool is_in_slot = false;
        for (size_t k = 0; k < s.n_slots; k++)
            is_in_slot |= is_in(l, (al_slice){message.ptr + s.slots[k].off, s.slots[k].len});
        bool is_found = is_in(l, message);
        if ((says == HOLES_ALWAYS && !is_found) || (says == HOLES_NEVER && is_found && !is_in_slot))
            fail_msg("round %zu: %d for '%.*s' in '%.*s'", i, says, AL_ARG(t), AL_ARG(message));
        counts[says]++;
        check_words(message, l, is_found && !is_in_slot, &n_never);
    }
    assert_true(n_never > 1000); /* the ends of slots do say more */
    assert_true(counts[HOLES_NEVER] > 20000 && counts[HOLES_MAYBE] > 5000 &&
                counts[HOLES_ALWAYS] > 20000);
}

/* A literal that is longer than the bits begins in a slot that has as many of its characters. */
static void a_long_slot_and_what_follows(void **state)
{
    (void)state;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const al_slice message = AL_LIT(
        "sum e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 fits, it is said");
    msg_split_make(message, &s);
    assert_int_equal(s.n_slots, 1);
    const al_slice template = {s.template, s.template_len};
    for (size_t from = 0; from < s.slots[0].off + s.slots[0].len; from++)
        for (size_t to = s.slots[0].off + s.slots[0].len + 1; to <= message.len; to++) {
            const literal *l = literal_new(arena, al_slice_sub(message, from, to), false, false);
            assert_non_null(l);
            literal_holes holes;
            literal_holes_make(&holes, l);
            assert_int_not_equal(literal_in_holes(&holes, template, MSG_MARK), HOLES_NEVER);
            literal_holes_of_words(&holes);
            assert_int_not_equal(literal_in_holes(&holes, template, MSG_MARK), HOLES_NEVER);
            al_arena_reset(arena);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_with_digits_are_slots),
        cmocka_unit_test(random_bytes_come_back),
        cmocka_unit_test(masks_agree),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_literal_in_a_template),
        cmocka_unit_test(a_long_slot_and_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
