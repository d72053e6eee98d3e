/* Goal: values by path and the paths of a record, as record.h says. Method: one record decoded
 * from JSON, every visit written into a line of text and compared. */
#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "record/decode.h"
#include "record/json_out.h"

typedef struct fixture {
    al_arena *arena;
    al_arena *scratch;
    record r;
    al_buf seen;
    size_t n_left; /* visits until REC_VISIT_STOP */
} fixture;

static void start(fixture *f, const char *body)
{
    unsigned notes = 0;
    *f = (fixture){.arena = al_arena_new(4096), .scratch = al_arena_new(64), .n_left = SIZE_MAX};
    al_buf_init(&f->seen, SIZE_MAX);
    assert_int_equal(rec_decode(al_cstr(body), &(rec_options){0}, f->arena, &f->r, &notes), AL_OK);
    assert_false(notes & REC_NOTE_PARSE_ERROR);
}

static void done(fixture *f)
{
    al_buf_done(&f->seen);
    (void)al_arena_free(f->arena);
    (void)al_arena_free(f->scratch);
}

static rec_visit note_value(void *ctx, const value *v, bool is_element)
{
    fixture *f = ctx;
    if (f->seen.len)
        al_buf_u8(&f->seen, ' ');
    if (is_element)
        al_buf_u8(&f->seen, '*');
    json_put_value(&f->seen, v);
    return --f->n_left ? REC_VISIT_MORE : REC_VISIT_STOP;
}

static rec_visit note_path(void *ctx, al_slice path, const value *v)
{
    fixture *f = ctx;
    if (f->seen.len)
        al_buf_u8(&f->seen, ' ');
    al_buf_slice_put(&f->seen, path);
    al_buf_u8(&f->seen, '=');
    json_put_value(&f->seen, v);
    return --f->n_left ? REC_VISIT_MORE : REC_VISIT_STOP;
}

static void assert_seen(fixture *f, const char *want)
{
    if (!al_slice_eq(al_buf_slice(&f->seen), al_cstr(want)))
        fail_msg("got '%.*s', want '%s'", AL_ARG(al_buf_slice(&f->seen)), want);
    al_buf_clear(&f->seen);
}

static void check(fixture *f, const char *path, size_t n, const char *want)
{
    assert_int_equal(rec_values_at(&f->r, al_cstr(path), f->scratch, note_value, f), n);
    assert_seen(f, want);
}

static void values_are_found_by_path(void **state)
{
    (void)state;
    fixture f;
    start(&f, "{\"s\":\"x\",\"z\":null,\"t\":true,\"a.b\":1,\"a\":{\"b\":2,\"c\":{\"d\":\"q\\\"\","
              "\"e.f\":3},\"c.d\":4,\"\":5},\"l\":[1,[\"t\\n\",[]],{\"k\":6},{\"k\":[7,8]}],"
              "\"o\":{},\"m\":[],\"\":9,\"q\\\"r\":{\"x\\ty\":10}}");
    check(&f, "s", 1, "\"x\"");
    check(&f, "z", 1, "null");
    check(&f, "t", 1, "true");
    check(&f, "none", 0, "");
    check(&f, "a.b", 2, "1 2");
    check(&f, "a.c.d", 2, "\"q\\\"\" 4");
    check(&f, "a.c.e.f", 1, "3");
    check(&f, "a.", 1, "5");
    check(&f, "", 1, "9");
    check(&f, "a.c", 1, "{\"d\":\"q\\\"\",\"e.f\":3}");
    check(&f, "l", 5,
          "[1,[\"t\\n\",[]],{\"k\":6},{\"k\":[7,8]}] *1 *\"t\\n\" *{\"k\":6} *{\"k\":[7,8]}");
    check(&f, "l.k", 4, "6 [7,8] *7 *8");
    check(&f, "o", 1, "{}");
    check(&f, "m", 1, "[]");
    check(&f, "m.x", 0, "");
    check(&f, "s.x", 0, "");
    check(&f, "a.b.c", 0, "");
    check(&f, "q\"r.x\ty", 1, "10");
    done(&f);
}

static void a_visitor_may_stop(void **state)
{
    (void)state;
    fixture f;
    start(&f, "{\"l\":[1,2,{\"k\":3}],\"x\":{\"y\":4}}");
    for (size_t n = 1; n <= 4; n++) {
        f.n_left = n;
        assert_int_equal(rec_values_at(&f.r, AL_LIT("l"), f.scratch, note_value, &f), n);
        al_buf_clear(&f.seen);
    }
    f.n_left = 2;
    assert_true(rec_each_path(&f.r, f.scratch, note_path, &f));
    assert_seen(&f, "l=[1,2,{\"k\":3}] l.k=3");
    done(&f);
}

static void paths_lead_to_leaves(void **state)
{
    (void)state;
    fixture f;
    start(&f, "{\"s\":\"x\",\"a\":{\"b\":{\"c\":null,\"d\":[]},\"e\":{},\"\":1},\"o\":{},"
              "\"l\":[1,{\"k\":2,\"m\":{\"n\":[{\"p\":3}]}},[{\"k\":4}],{}],\"q\":[\"{\"]}");
    assert_true(rec_each_path(&f.r, f.scratch, note_path, &f));
    assert_seen(&f, "s=\"x\" a.b.c=null a.b.d=[] a.e={} a.=1 o={} "
                    "l=[1,{\"k\":2,\"m\":{\"n\":[{\"p\":3}]}},[{\"k\":4}],{}] l.k=2 "
                    "l.m.n=[{\"p\":3}] l.m.n.p=3 l.k=4 q=[\"{\"]");
    done(&f);
}

static void a_field_whose_paths_are_too_long_is_a_path(void **state)
{
    (void)state;
    fixture f;
    al_buf body;
    al_buf_init(&body, SIZE_MAX);
    al_buf_printf(&body, "{\"a\":{\"%0*d\":1},\"b\":{\"c\":2,\"%0*d\":1}}", REC_NAME_BYTES_MAX, 0,
                  REC_NAME_BYTES_MAX, 0);
    al_buf_u8(&body, 0);
    start(&f, (const char *)body.ptr);
    al_buf want;
    al_buf_init(&want, SIZE_MAX);
    al_buf_printf(&want, "a={\"%0*d\":1} b.c=2", REC_NAME_BYTES_MAX, 0);
    al_buf_u8(&want, 0);
    assert_true(rec_each_path(&f.r, f.scratch, note_path, &f));
    assert_seen(&f, (const char *)want.ptr);
    al_buf_done(&want);
    al_buf_done(&body);
    done(&f);
}

/* Whatever rec_each_path names is found again by rec_values_at. */
static rec_visit find_again(void *ctx, al_slice path, const value *v)
{
    fixture *f = ctx;
    (void)v;
    AL_CLEANUP(al_arena_freep) al_arena *other = al_arena_new(64);
    f->n_left = SIZE_MAX;
    assert_true(rec_values_at(&f->r, path, other, note_value, f) > 0);
    return REC_VISIT_MORE;
}

static void every_path_finds_its_value(void **state)
{
    (void)state;
    fixture f;
    start(&f, "{\"a\":{\"b.c\":[{\"\":{\"..\":1}}],\"\\u0001\":{\"\\\"\":2}},\".\":{\".\":[[{\"x\":"
              "3}]]}}");
    assert_true(rec_each_path(&f.r, f.scratch, find_again, &f));
    done(&f);
}

static void the_deepest_values_are_reached(void **state)
{
    (void)state;
    al_buf body;
    al_buf_init(&body, SIZE_MAX);
    al_buf path;
    al_buf_init(&path, SIZE_MAX);
    al_buf_str(&body, "{\"a\":");
    al_buf_str(&path, "a");
    for (int i = 0; i < REC_DEPTH_MAX; i++) {
        al_buf_str(&body, "{\"a\":");
        al_buf_str(&path, ".a");
    }
    al_buf_str(&body, "7");
    for (int i = 0; i <= REC_DEPTH_MAX; i++)
        al_buf_u8(&body, '}');
    al_buf_u8(&body, 0);
    al_buf_u8(&path, 0);
    fixture f;
    start(&f, (const char *)body.ptr);
    check(&f, (const char *)path.ptr, 1, "7");
    assert_true(rec_each_path(&f.r, f.scratch, note_path, &f));
    assert_true(al_slice_ends(al_buf_slice(&f.seen), AL_LIT(".a=7")));
    done(&f);
    al_buf_done(&body);
    al_buf_done(&path);
}

/* Text that did not come from rec_decode: no visit beyond what could be read, no crash. */
static void damaged_text_ends_the_walk(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "[1,{\"a\":}]", "x", "{\"a\":[1,}", "\"\\"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (val_type type = VAL_ARRAY; type <= VAL_OBJECT; type++) {
            field one = {AL_LIT("f"), {type, al_cstr(texts[i])}};
            fixture f;
            start(&f, "{}");
            f.r.fields = &one;
            f.r.n_fields = 1;
            assert_true(rec_each_path(&f.r, f.scratch, note_path, &f));
            assert_true(rec_values_at(&f.r, AL_LIT("f"), f.scratch, note_value, &f) >= 1);
            assert_true(rec_values_at(&f.r, AL_LIT("f.a"), f.scratch, note_value, &f) <= 2);
            done(&f);
        }
    }
}

/* Every allocation fails once: the visits that are missing are never passed over in silence. */
static void missing_memory_is_told(void **state)
{
    (void)state;
    fixture f;
    start(&f, "{\"a\":{\"\\u0001\":[\"\\u0002\",{\"\\u0003\":\"\\u0004\"}]}}");
    (void)al_arena_free(f.scratch);
    for (unsigned long fail_at = 1;; fail_at++) {
        f.scratch = al_arena_new(16);
        al_mem_fail_at(fail_at);
        size_t n = rec_values_at(&f.r, AL_LIT("a.\1"), f.scratch, note_value, &f);
        bool is_whole = rec_each_path(&f.r, f.scratch, note_path, &f);
        bool has_failed = al_mem_calls() >= fail_at;
        al_mem_fail_at(0);
        f.scratch = al_arena_free(f.scratch);
        assert_int_equal(has_failed, n == REC_NOMEM || !is_whole);
        if (has_failed) {
            al_buf_clear(&f.seen);
            continue;
        }
        assert_true(fail_at > 4);
        assert_int_equal(n, 3);
        break;
    }
    assert_seen(&f, "[\"\\u0002\",{\"\\u0003\":\"\\u0004\"}] *\"\\u0002\" "
                    "*{\"\\u0003\":\"\\u0004\"} "
                    "a.\1=[\"\\u0002\",{\"\\u0003\":\"\\u0004\"}] a.\1.\3=\"\\u0004\"");
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_path),
        cmocka_unit_test(a_visitor_may_stop),
        cmocka_unit_test(paths_lead_to_leaves),
        cmocka_unit_test(a_field_whose_paths_are_too_long_is_a_path),
        cmocka_unit_test(every_path_finds_its_value),
        cmocka_unit_test(the_deepest_values_are_reached),
        cmocka_unit_test(damaged_text_ends_the_walk),
        cmocka_unit_test(missing_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
