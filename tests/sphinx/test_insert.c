/* Goal: each row is in its table once and the same to the byte, however often and in whichever
 * parts it was sent. Method: random records into a real searchd, sent again and again, read back
 * with row_decode. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "sphinx/insert.h"
#include "sphinx/row.h"
#include "sphinx/searchd.h"
#include "support/gen.h"
#include "support/rows.h"

#define TABLES                                                                                     \
    "index rows\n{\n type = rt\n path = %s/rows\n rt_field = logline\n rt_field = js\n"            \
    " rt_field = long_words\n rt_field = host\n rt_attr_string = logline\n"                        \
    " rt_attr_json = js\n rt_attr_string = src\n charset_table = " CHARSET_TABLE "\n}\n"           \
    "index small\n{\n type = rt\n path = %s/small\n rt_field = logline\n"                          \
    " rt_attr_string = logline\n rt_attr_json = js\n rt_attr_string = src\n}\n"                    \
    "index old\n{\n type = rt\n path = %s/old\n rt_field = logline\n rt_attr_string = logline\n"   \
    " rt_attr_json = js\n}\n"

enum { STEP = 3, RECORDS = 2500, ROWS_MAX = 10000 };

static searchd node;
static const charset *words;

static sql_patience soon(void)
{
    return (sql_patience){.deadline_ns = al_mono_ns() + 100 * AL_NS_PER_S};
}

static sql_conn *connect_now(void)
{
    sql_conn *c = NULL;
    al_err err = {0};
    if (sql_connect(node.node, soon().deadline_ns, &c, &err))
        fail_msg("connect: %s", err.msg);
    return c;
}

static insert_table describe(sql_conn *c, const char *name, al_arena *arena)
{
    insert_table t;
    al_err err = {0};
    sql_patience p = soon();
    if (insert_describe(c, al_cstr(name), &p, arena, &t, &err))
        fail_msg("describe: %s", err.msg);
    return t;
}

static void must_insert(sql_conn *c, const insert_table *t, record *recs, size_t n)
{
    al_err err = {0};
    sql_patience p = soon();
    insert_into to = {.conn = c, .table = t, .words = words, .step = STEP};
    size_t n_there = 0;
    if (insert_rows(&to, recs, n, &p, &n_there, &err))
        fail_msg("insert: %s", err.msg);
    assert_int_equal(n_there, n);
}

typedef struct seen {
    size_t n;
    uint64_t ids[ROWS_MAX];
    uint64_t contents[ROWS_MAX];
} seen;

static bool take_row(void *ctx, const al_slice *values, unsigned n)
{
    seen *s = ctx;
    record r;
    al_err err = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    assert_int_equal(n, 4);
    row_columns row = {.logline = values[1], .js = values[2], .src = values[3]};
    assert_true(al_parse_u64(values[0], &row.id));
    if (row_decode(&row, arena, &r, &err))
        fail_msg("%s", err.msg);
    assert_true(s->n < ROWS_MAX);
    s->ids[s->n] = row.id;
    s->contents[s->n++] = rows_content(&r);
    return true;
}

static seen *read_all(sql_conn *c, const char *table)
{
    static seen s;
    char text[300];
    sql_answer a;
    al_err err = {0};
    sql_patience p = soon();
    s.n = 0;
    (void)snprintf(
        text, sizeof text,
        "SELECT id, logline, js, src FROM %s ORDER BY id ASC LIMIT %d OPTION max_matches=%d", table,
        ROWS_MAX, ROWS_MAX);
    if (sql_ask(c, al_cstr(text), &p, take_row, &s, &a, &err))
        fail_msg("%s", err.msg);
    return &s;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const record *)a)->id;
    uint64_t y = ((const record *)b)->id;
    return x < y ? -1 : x > y;
}

/* Ids of the shard, ascending, each once. */
static rec_batch *batch_with_ids(uint64_t seed, unsigned odd_percent)
{
    gen_stream g = gen_stream_of(seed);
    g.odd_percent = odd_percent;
    rec_batch *b = gen_batch(&g, RECORDS);
    for (size_t i = 0; i < b->n; i++)
        b->recs[i].id = AL_MAX((uint64_t)b->recs[i].time_ns, UINT64_C(1));
    qsort(b->recs, b->n, sizeof *b->recs, by_id);
    for (size_t i = 0; i < b->n; i++) {
        uint64_t id = AL_MAX(b->recs[i].id, i ? b->recs[i - 1].id + 1 : 1);
        b->recs[i].id = id + (STEP - id % STEP) % STEP;
    }
    return b;
}

static void check_rows(const seen *s, const record *recs, size_t n)
{
    assert_int_equal(s->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(s->ids[i], recs[i].id);
        assert_int_equal(s->contents[i], rows_content(&recs[i]));
    }
}

static void rows_are_there_once(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_now();
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    uint64_t seed = (uint64_t)al_now_ns();
    print_message("seed %llu\n", (unsigned long long)seed);
    insert_table t = describe(c, "rows", arena);
    assert_true(t.has_long_words);
    assert_int_equal(t.n_columns, 1);
    assert_true(al_slice_eq(t.columns[0], AL_LIT("host")));
    AL_CLEANUP(rec_batch_freep) rec_batch *b = batch_with_ids(seed, 20);
    must_insert(c, &t, b->recs, b->n / 2);
    must_insert(c, &t, b->recs, b->n / 2);            /* all of it again */
    must_insert(c, &t, b->recs + b->n / 3, b->n / 3); /* some of it again, some new */
    must_insert(c, &t, b->recs + b->n / 2, b->n - b->n / 2);
    check_rows(read_all(c, "rows"), b->recs, b->n);
    must_insert(c, &t, b->recs, 10);
    check_rows(read_all(c, "rows"), b->recs, b->n); /* their ids did not change */
}

/* Ids from before a journal's memory: others have them. */
static void other_rows_stay_and_new_ones_move_up(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_now();
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    insert_table t = describe(c, "small", arena);
    record first[] = {{.id = 3, .time_ns = 3, .message = AL_LIT("a")},
                      {.id = 6, .time_ns = 3, .message = AL_LIT("b")},
                      {.id = 12, .time_ns = 12, .message = AL_LIT("c")}};
    must_insert(c, &t, first, 3);
    for (int round = 0; round < 2; round++) { /* again: they are found where they went */
        record then[] = {{.id = 3, .time_ns = 3, .message = AL_LIT("x")},
                         {.id = 6, .time_ns = 3, .message = AL_LIT("b")},
                         {.id = 12, .time_ns = 12, .message = AL_LIT("y")}};
        must_insert(c, &t, then, 3);
        assert_int_equal(then[0].id, 9);
        assert_int_equal(then[1].id, 6);
        assert_int_equal(then[2].id, 15);
        record all[] = {first[0], first[1], then[0], first[2], then[2]};
        check_rows(read_all(c, "small"), all, 5);
    }
}

static void tables_that_do_not_fit_are_named(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_now();
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    insert_table t;
    al_err err = {0};
    sql_patience p = soon();
    assert_int_equal(insert_describe(c, AL_LIT("nothing"), &p, arena, &t, &err), AL_NOT_FOUND);
    assert_non_null(strstr(err.msg, "nothing"));
    assert_int_equal(insert_describe(c, AL_LIT("old"), &p, arena, &t, &err), AL_INVALID);
    assert_non_null(strstr(err.msg, "'src'"));
    assert_non_null(strstr(err.msg, node.node));
}

/* One that no string of Sphinx can hold is named; those before it are there. */
static void a_record_that_is_too_large_is_named(void **state)
{
    (void)state;
    AL_CLEANUP(sql_closep) sql_conn *c = connect_now();
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    insert_table t = describe(c, "small", arena);
    size_t before = read_all(c, "small")->n;
    size_t huge = ROW_STRING_BYTES_MAX + 1;
    uint8_t *text = calloc(1, huge);
    memset(text, 'm', huge);
    record r[] = {{.id = 300, .time_ns = 300, .message = AL_LIT("before")},
                  {.id = 303, .time_ns = 303, .message = {text, 3 << 20}},
                  {.id = 306, .time_ns = 306, .message = {text, huge}}};
    al_err err = {0};
    sql_patience p = soon();
    insert_into to = {.conn = c, .table = &t, .words = words, .step = STEP};
    size_t n_there = 0;
    assert_int_equal(insert_rows(&to, r, 3, &p, &n_there, &err), AL_LIMIT);
    assert_int_equal(n_there, 2);
    assert_non_null(strstr(err.msg, "306"));
    assert_int_equal(read_all(c, "small")->n, before + 2);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_there_once),
        cmocka_unit_test(other_rows_stay_and_new_ones_move_up),
        cmocka_unit_test(tables_that_do_not_fit_are_named),
        cmocka_unit_test(a_record_that_is_too_large_is_named),
    };
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    if (charset_new(arena, AL_LIT(CHARSET_TABLE), &words))
        return 2;
    searchd_init(&node, TABLES);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    searchd_done(&node);
    return failed;
}
