/* Goal: fresh rows answer by their packed ids as an array of them would. Method: a block with runs
 * of following ids, gaps, and both at the borders of groups; every id and its neighbours. */
#include "test.h"

#include "base/mem.h"
#include "store/ids.h"
#include "store/memtab.h"
#include "store/snapshot_priv.h"

enum { N = 5 * BLOCK_GROUP + 17 };

typedef struct fresh {
    uint64_t ids[N];
    memtab *m;
} fresh;

/* Runs of 300 and of 3, with gaps of 1000 and 2. */
static fresh make(void)
{
    fresh f;
    block_builder *b = block_builder_new();
    block_view *v = block_view_new();
    al_buf out;
    block_info info;
    al_err err;
    al_buf_init(&out, BLOCK_BYTES_MAX);
    uint64_t id = 1700000000000000000;
    for (uint32_t i = 0; i < N; i++) {
        id += i % 303 == 0 ? 1000 : i % 303 == 300 ? 2 : 1;
        f.ids[i] = id;
        record r = {.id = id, .time_ns = (int64_t)id, .message = al_cstr("m")};
        assert_int_equal(block_builder_add(b, &r), AL_OK);
    }
    assert_int_equal(block_builder_encode(b, &out, &info, &err), AL_OK);
    memtab head = {.index_id = 7, .frame = 3, .frame_row = 5, .arrival_ns = 11};
    assert_int_equal(memtab_new(al_buf_slice(&out), v, &head, &f.m, &err), AL_OK);
    assert_int_equal(memtab_put_block(f.m, al_buf_slice(&out), &err), AL_OK);
    al_buf_done(&out);
    (void)block_view_free(v);
    (void)block_builder_free(b);
    return f;
}

static uint32_t find(const fresh *f, uint64_t id)
{
    uint32_t row = 0;
    while (row < N && f->ids[row] < id)
        row++;
    return row;
}

static void rows_are_found_by_their_ids(void **state)
{
    (void)state;
    fresh f = make();
    for (uint32_t i = 0; i < N; i++) {
        assert_true(memtab_id(f.m, i) == f.ids[i]);
        for (uint64_t id = f.ids[i] - 1; id <= f.ids[i] + 1; id++)
            assert_int_equal(memtab_find(f.m, id), find(&f, id));
    }
    assert_int_equal(memtab_find(f.m, 0), 0);
    assert_int_equal(memtab_find(f.m, UINT64_MAX), N);
    block_view *v = block_view_new();
    al_err err;
    assert_int_equal(memtab_open(f.m, v, &err), AL_OK);
    assert_int_equal(block_view_info(v)->n_rows, N);
    (void)block_view_free(v);
    (void)memtab_unref(f.m);
}

static void the_next_free_id_is_behind_a_run(void **state)
{
    (void)state;
    fresh f = make();
    al_err err;
    seg_list *none = seg_list_new(NULL, 0);
    snapshot *s = snapshot_make(NULL, 0, &f.m, 1, none);
    ids *x = ids_new();
    for (uint32_t from = 0; from < 2; from++) { /* going up, and each anew */
        assert_int_equal(ids_begin(x, s, 0, &err), AL_OK);
        for (uint32_t i = 0; i < N; i++) {
            for (uint64_t id = f.ids[i] - 1; id <= f.ids[i] + 1; id++) {
                uint64_t expected = id;
                uint64_t got = 0;
                segment *bad = NULL;
                for (uint32_t row = find(&f, id); row < N && f.ids[row] == expected; row++)
                    expected++;
                if (from)
                    assert_int_equal(ids_begin(x, s, id, &err), AL_OK);
                assert_int_equal(ids_next_free(x, id, &got, &bad, &err), AL_OK);
                assert_true(got == expected);
            }
        }
    }
    (void)ids_free(x);
    (void)snapshot_unref(s);
    (void)seg_list_unref(none);
    (void)memtab_unref(f.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_their_ids),
        cmocka_unit_test(the_next_free_id_is_behind_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
