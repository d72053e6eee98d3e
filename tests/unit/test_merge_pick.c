/* Goal: what is merged with what. Method: a table of sizes and partitions. */
#include "test.h"

#include "store/merge.h"
#include "store/names.h"

enum { SEGS_MAX = 24 };

typedef struct row {
    const char *why;
    size_t inputs_min;
    size_t n;
    uint64_t rows[SEGS_MAX];
    uint32_t day[SEGS_MAX]; /* 0 everywhere unless given */
    size_t expected[SEGS_MAX];
    size_t n_expected;
} row;

static const row table[] = {
    {"nothing to do", 8, 0, {0}, {0}, {0}, 0},
    {"too few of like size", 8, 7, {1, 2, 3, 4, 5, 6, 7}, {0}, {0}, 0},
    {"eight small ones", 8, 8, {1, 2, 3, 4, 5, 6, 7, 8}, {0}, {0, 1, 2, 3, 4, 5, 6, 7}, 8},
    {"the large one stays",
     8,
     9,
     {200000, 2, 3, 4, 5, 6, 7, 8, 9},
     {0},
     {1, 2, 3, 4, 5, 6, 7, 8},
     8},
    {"days are kept apart", 8, 8, {1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 2, 2, 2, 2}, {0}, 0},
    {"not more rows than a segment holds",
     8,
     8,
     {250000, 250000, 250000, 250000, 250000, 250000, 250000, 250000},
     {0},
     {0},
     0},
    {"a higher tier when the lowest is thin",
     8,
     9,
     {10, 9000, 9001, 9002, 9003, 9004, 9005, 9006, 9007},
     {0},
     {1, 2, 3, 4, 5, 6, 7, 8},
     8},
    {"compact: two are enough, of any size", 2, 2, {60000, 5}, {0}, {1, 0}, 2},
    {"compact: a large one is not written again for a few", 2, 2, {300000, 5}, {0}, {0}, 0},
    {"compact: but for an eighth of it", 2, 2, {300000, 37500}, {0}, {1, 0}, 2},
    {"compact: nor for any smaller one", 2, 3, {300000, 5, 7}, {0}, {1, 2}, 2},
    {"compact: but within limits", 2, 2, {600000, 600000}, {0}, {0}, 0},
    {"compact: each day for itself", 2, 3, {5, 6, 7}, {1, 2, 2}, {1, 2}, 2},
};

static void the_table_holds(void **state)
{
    (void)state;
    for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
        const row *r = &table[t];
        seg_summary sums[SEGS_MAX] = {0};
        const seg_summary *at[SEGS_MAX];
        size_t picked[MERGE_INPUTS_MAX];
        for (size_t i = 0; i < r->n; i++) {
            sums[i] = (seg_summary){.id = i + 1, .n_rows = r->rows[i], .day = r->day[i]};
            at[i] = &sums[i];
        }
        size_t n = merge_pick(at, r->n, r->inputs_min, picked);
        if (n != r->n_expected)
            fail_msg("%s: %zu picked", r->why, n);
        for (size_t i = 0; i < n; i++)
            if (picked[i] != r->expected[i])
                fail_msg("%s: input %zu is %zu", r->why, i, picked[i]);
    }
}

static void what_is_damaged_or_off_is_left_alone(void **state)
{
    (void)state;
    seg_summary sums[8] = {0};
    const seg_summary *at[8];
    size_t picked[MERGE_INPUTS_MAX];
    for (size_t i = 0; i < 8; i++) {
        sums[i] = (seg_summary){.id = i + 1, .n_rows = 1};
        at[i] = &sums[i];
    }
    sums[3].is_quarantined = true;
    assert_int_equal(merge_pick(at, 8, 8, picked), 0);
    sums[3].is_quarantined = false;
    sums[3].is_off = true;
    assert_int_equal(merge_pick(at, 8, 8, picked), 0);
    sums[3].is_off = false;
    assert_int_equal(merge_pick(at, 8, 8, picked), 8);
}

/* A trickle: every segment of one row, merged whenever something can be. */
static void a_trickle_is_written_a_few_times_only(void **state)
{
    (void)state;
    static seg_summary sums[4096];
    const seg_summary *at[4096];
    size_t n = 0;
    uint64_t written = 0;
    size_t most = 0;
    for (uint64_t id = 1; id <= 20000; id++) {
        sums[n++] = (seg_summary){.id = id, .n_rows = 1};
        size_t picked[MERGE_INPUTS_MAX];
        size_t k;
        for (;;) {
            for (size_t i = 0; i < n; i++)
                at[i] = &sums[i];
            k = merge_pick(at, n, MERGE_INPUTS_MIN, picked);
            if (!k)
                break;
            uint64_t rows = 0;
            for (size_t i = 0; i < k; i++) {
                rows += sums[picked[i]].n_rows;
                sums[picked[i]].n_rows = 0;
            }
            written += rows;
            size_t kept = 0;
            for (size_t i = 0; i < n; i++)
                if (sums[i].n_rows)
                    sums[kept++] = sums[i];
            n = kept;
            sums[n++] = (seg_summary){.id = id, .n_rows = rows};
        }
        most = n > most ? n : most;
    }
    assert_true(written < 20000ULL * 60); /* rows of 1 in tiers of eight inputs */
    assert_true(most < 64);
}

/* Frames of a tail: rows and the last day of each. */
static void a_full_tail_is_cut_where_a_day_ends(void **state)
{
    (void)state;
    enum { FRAME = 50000, N = 30 };
    static memtab frames[N];
    memtab *mems[N];
    for (uint32_t i = 0; i < N; i++) {
        uint64_t day = i < 13 ? 7 : i < 16 ? 8 : 9;
        frames[i] = (memtab){.frame = 100 + i,
                             .info = {.n_rows = FRAME, .max_id = day * (uint64_t)AL_NS_PER_DAY}};
        mems[i] = &frames[i];
    }
    assert_int_equal(merge_take(mems, N, false), SEG_ROWS_MAX / FRAME);
    assert_int_equal(merge_take(mems, N, true), 16); /* the last day that ends in what fits */
    assert_int_equal(merge_take(mems, 15, true), 13);
    assert_int_equal(merge_take(mems, 15, false), 15);
    assert_int_equal(merge_take(mems + 10, 12, true), 12); /* too little before */
    frames[12].info.max_id =
        9 * (uint64_t)AL_NS_PER_DAY; /* one that is ahead: it goes with those */
    assert_int_equal(merge_take(mems, N, true), 12);
    for (uint32_t i = 11; i < 14; i++)
        frames[i].frame = 111; /* a frame is not cut */
    assert_int_equal(merge_take(mems, N, true), 11);
    frames[0].info.n_rows = 1 << 20;
    assert_int_equal(merge_take(mems, N, false), 1);
    frames[1].frame = 100; /* a frame that is too large alone goes alone */
    assert_int_equal(merge_take(mems, N, false), 2);
    frames[0].info = (block_info){.n_rows = 1, .raw_bytes = UINT32_MAX};
    assert_int_equal(merge_take(mems, N, false), 2);
}

/* Sixteen frames of 8 MB: one after the other, and all of the same hour. */
static void frames_of_one_time_are_merged_by_fewer(void **state)
{
    (void)state;
    enum { N = 16 };
    static memtab frames[N];
    memtab *mems[N];
    for (uint32_t i = 0; i < N; i++) {
        uint64_t first = 1000ULL * i;
        frames[i] = (memtab){
            .frame = 1 + i,
            .info = {.n_rows = 100, .raw_bytes = 8 << 20, .min_id = first, .max_id = first + 999}};
        mems[i] = &frames[i];
    }
    assert_int_equal(merge_take(mems, N, true), N);
    for (uint32_t i = 0; i < N; i++)
        frames[i].info.min_id = 0;
    assert_int_equal(merge_take(mems, N, true), 4);
    for (uint32_t i = 0; i < N; i++)
        frames[i].frame = 1; /* nothing to be done */
    assert_int_equal(merge_take(mems, N, true), N);
}

static void rows_far_off_their_arrival_go_by_arrival(void **state)
{
    (void)state;
    int64_t noon = 100 * AL_NS_PER_DAY + AL_NS_PER_DAY / 2;
    static const struct {
        int days;
        uint32_t day;
        bool is_off;
    } rows[] = {{-2, 100, true}, {-1, 99, false}, {0, 100, false}, {1, 101, false}, {2, 100, true}};
    for (size_t i = 0; i < 5; i++) {
        part_key k = part_of((uint64_t)(noon + rows[i].days * AL_NS_PER_DAY), noon);
        assert_int_equal(k.day, rows[i].day);
        assert_int_equal(k.is_off, rows[i].is_off);
    }
}

static void names_are_strict(void **state)
{
    (void)state;
    static const name_kind kinds[] = {NAME_LOG, NAME_SEG, NAME_POS, NAME_INDEX};
    for (size_t i = 0; i < 4; i++) {
        char name[NAME_BYTES];
        uint64_t number = 0;
        names_format(name, kinds[i], 4711);
        assert_int_equal(names_parse(name, &number), kinds[i]);
        assert_true(number == 4711);
    }
    static const char *const others[] = {"",
                                         "0",
                                         "01",
                                         "1x",
                                         "4294967296",
                                         ".seg",
                                         "000000000000000A.seg",
                                         "00000000000000a.seg",
                                         "manifest2",
                                         "roo",
                                         "0000000000000001.log2"};
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(names_parse(others[i], &number), NAME_OTHER);
    assert_int_equal(names_parse("root.tmp", &number), NAME_TMP);
    assert_int_equal(names_parse("0000000000000001.seg.bad", &number), NAME_BAD);
    assert_int_equal(names_parse("manifest", &number), NAME_MANIFEST);
    char stem[NAME_BYTES];
    assert_int_equal(names_strip("0000000000000001.seg.bad", stem), NAME_BAD);
    assert_string_equal(stem, "0000000000000001.seg");
    assert_int_equal(names_strip("0000000000000001.seg.tmp", stem), NAME_TMP);
    assert_string_equal(stem, "0000000000000001.seg");
    assert_int_equal(names_strip("0000000000000001.seg", stem), NAME_OTHER);
    assert_string_equal(stem, "");
    assert_int_equal(names_strip("a name that is longer than any of ours can be.bad", stem),
                     NAME_BAD);
    assert_string_equal(stem, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(what_is_damaged_or_off_is_left_alone),
        cmocka_unit_test(a_trickle_is_written_a_few_times_only),
        cmocka_unit_test(a_full_tail_is_cut_where_a_day_ends),
        cmocka_unit_test(frames_of_one_time_are_merged_by_fewer),
        cmocka_unit_test(rows_far_off_their_arrival_go_by_arrival),
        cmocka_unit_test(names_are_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
