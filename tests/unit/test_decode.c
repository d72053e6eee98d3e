/* Goal: the decisions of doc/records.md hold for every document. Method: one document a decision;
 * truncations on heap copies; every allocation failing once. What Python's json can say about is
 * compared with it in tests/integration/test_json_diff.py. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "record/decode.h"
#include "record/utf8.h"

enum { ARRIVAL = 1234567 };

typedef struct decoded {
    al_arena *arena;
    record r;
    unsigned notes;
} decoded;

static decoded decode_with(al_slice body, rec_options opt)
{
    decoded d = {.arena = al_arena_new(4096)};
    assert_non_null(d.arena);
    assert_int_equal(rec_decode(body, &opt, d.arena, &d.r, &d.notes), AL_OK);
    return d;
}

static decoded decode(const char *body)
{
    return decode_with(al_cstr(body), (rec_options){.arrival_ns = ARRIVAL});
}

static void done(decoded *d)
{
    d->arena = al_arena_free(d->arena);
}

static void assert_text(al_slice got, const char *want)
{
    if (!al_slice_eq(got, al_cstr(want)))
        fail_msg("got '%.*s', want '%s'", AL_ARG(got), want);
}

static const value *at(const decoded *d, const char *name)
{
    const value *hit = NULL;
    for (uint32_t i = 0; i < d->r.n_fields; i++) {
        if (al_slice_eq(d->r.fields[i].name, al_cstr(name))) {
            assert_null(hit); /* unique */
            hit = &d->r.fields[i].val;
        }
    }
    return hit;
}

static void assert_field(const decoded *d, const char *name, val_type type, const char *text)
{
    const value *v = at(d, name);
    if (!v) {
        fail_msg("no field '%s'", name);
        return; /* the analyser does not know that fail_msg has left */
    }
    assert_int_equal(v->type, type);
    assert_text(v->text, text);
}

static void a_logcollect_record_is_taken_apart(void **state)
{
    (void)state;
    decoded d = decode("{\"@timestamp\": \"2026-11-22T12:11:46.622580Z\", \"@version\": 1, "
                       "\"message\": \"hello\", \"tags\": [\"a\", \"b\"], \"seq\": 3, "
                       "\"stack_info\": null, \"ok\": true, \"no\": false, \"ratio\": 1.0}");
    assert_true(d.r.time_ns == INT64_C(1795349506622580000));
    assert_int_equal(d.r.seq, 3);
    assert_int_equal(d.r.id, 0);
    assert_text(d.r.message, "hello");
    assert_int_equal(d.r.n_fields, 6);
    assert_field(&d, "@version", VAL_NUMBER, "1");
    assert_field(&d, "tags", VAL_ARRAY, "[\"a\",\"b\"]");
    assert_field(&d, "stack_info", VAL_NULL, "");
    assert_field(&d, "ok", VAL_TRUE, "");
    assert_field(&d, "no", VAL_FALSE, "");
    assert_field(&d, "ratio", VAL_NUMBER, "1.0");
    assert_int_equal(d.notes, 0);
    done(&d);
}

static void time_comes_from_the_first_readable_name(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t time_ns;
        uint32_t n_fields;
    } cases[] = {
        {"{\"timestamp\":1767312000,\"time\":\"2026-01-02\",\"@timestamp\":\"2026-01-03\"}",
         INT64_C(1767398400000000000), 2},
        {"{\"timestamp\":1767312000,\"time\":\"2026-01-03\"}", INT64_C(1767398400000000000), 1},
        {"{\"timestamp\":1767312000}", INT64_C(1767312000000000000), 0},
        {"{\"@timestamp\":\"soon\",\"time\":null,\"timestamp\":1767312000123}",
         INT64_C(1767312000123000000), 2},
        {"{\"@timestamp\":\"soon\"}", ARRIVAL, 1},
        {"{\"@timestamp\":\"1969-12-31T23:59:59Z\"}", ARRIVAL, 1},
        {"{\"@timestamp\":\"2262-04-11T23:47:16.854775808Z\"}", ARRIVAL, 1},
        {"{\"time\":0.35}", ARRIVAL, 1},
        {"{\"@timestamp\":[\"2026-01-03\"]}", ARRIVAL, 1},
        {"{}", ARRIVAL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decoded d = decode(cases[i].body);
        assert_true(d.r.time_ns == cases[i].time_ns);
        assert_int_equal(d.r.n_fields, cases[i].n_fields);
        assert_int_equal(!!(d.notes & REC_NOTE_NO_TIME), cases[i].time_ns == ARRIVAL);
        done(&d);
    }
}

static void reserved_names_step_aside(void **state)
{
    (void)state;
    decoded d = decode("{\"pk\":1,\"id\":2,\"ts\":3,\"ms\":4,\"model\":5,\"seq\":\"6\","
                       "\"ts_x\":7,\"ts_x_x\":8,\"model_x\":9}");
    assert_field(&d, "pk_x", VAL_NUMBER, "1");
    assert_field(&d, "id_x", VAL_NUMBER, "2");
    assert_field(&d, "ts_x_x_x", VAL_NUMBER, "3");
    assert_field(&d, "ms_x", VAL_NUMBER, "4");
    assert_field(&d, "model_x_x", VAL_NUMBER, "5");
    assert_field(&d, "seq_x", VAL_STRING, "6");
    assert_field(&d, "ts_x", VAL_NUMBER, "7");
    assert_field(&d, "model_x", VAL_NUMBER, "9");
    assert_int_equal(d.r.n_fields, 9);
    assert_int_equal(d.r.seq, 0);
    done(&d);
    d = decode("{\"seq\":9223372036854775808}");
    assert_field(&d, "seq_x", VAL_NUMBER, "9223372036854775808");
    done(&d);
    d = decode("{\"seq\":-9223372036854775808}");
    assert_true(d.r.seq == INT64_MIN);
    assert_int_equal(d.r.n_fields, 0);
    done(&d);
}

static void a_message_may_be_anything(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"message\":\"\\u0000a\"}", NULL},
        {"{\"message\":1.50}", "1.50"},
        {"{\"message\":null}", "null"},
        {"{\"message\":[ 1, \"\\u00e9\" ]}", "[1,\"\xc3\xa9\"]"},
        {"{\"message\": { \"a\" : NaN }}", "{\"a\":NaN}"},
        {"{}", ""},
    };
    for (size_t i = 1; i < sizeof cases / sizeof cases[0]; i++) {
        decoded d = decode(cases[i][0]);
        assert_text(d.r.message, cases[i][1]);
        assert_int_equal(d.r.n_fields, 0);
        done(&d);
    }
    decoded d = decode(cases[0][0]);
    assert_int_equal(d.r.message.len, 2);
    assert_memory_equal(d.r.message.ptr, "\0a", 2);
    done(&d);
}

static void of_doubled_keys_the_last_counts(void **state)
{
    (void)state;
    decoded d =
        decode("{\"a\":1,\"message\":\"x\",\"b\":2,\"a\":[3, 4],\"message\":\"y\",\"a\":5}");
    assert_text(d.r.message, "y");
    assert_int_equal(d.r.n_fields, 3);
    assert_text(d.r.fields[0].name, "b");
    assert_text(d.r.fields[1].name, "a");
    assert_field(&d, "a", VAL_NUMBER, "5");
    assert_field(&d, "doubled", VAL_STRING, "{\"a\":1,\"message\":\"x\",\"a\":[3,4]}");
    assert_int_equal(d.notes, REC_NOTE_DOUBLED | REC_NOTE_NO_TIME);
    done(&d);
    d = decode("{\"doubled\":0,\"\\u0061\":1,\"a\":2}");
    assert_field(&d, "doubled", VAL_NUMBER, "0");
    assert_field(&d, "doubled_x", VAL_STRING, "{\"a\":1}");
    done(&d);
    d = decode("{\"seq\":1,\"seq\":\"x\",\"@timestamp\":\"2026-01-03\",\"@timestamp\":\"bad\"}");
    assert_int_equal(d.r.seq, 0);
    assert_field(&d, "seq_x", VAL_STRING, "x");
    assert_field(&d, "@timestamp", VAL_STRING, "bad");
    assert_field(&d, "doubled", VAL_STRING, "{\"seq\":1,\"@timestamp\":\"2026-01-03\"}");
    assert_true(d.r.time_ns == ARRIVAL);
    done(&d);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    decoded d = decode("\xef\xbb\xbf{\"message\":\"x\"}");
    assert_text(d.r.message, "x");
    assert_int_equal(d.r.n_fields, 0);
    done(&d);
}

static void what_is_no_object_is_kept_raw(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "at byte 0 of 0: expected a value"},
        {"\xef\xbb\xbf", "at byte 3 of 3: expected a value"},
        {"plain text", "at byte 1 of 10: expected a value"},
        {" [1]", "at byte 2 of 4: expected an object"},
        {"{\"a\":1", "at byte 6 of 6: expected ',' or '}'"},
        {"{\"a\":1} x", "at byte 9 of 9: expected nothing behind the value"},
        {"{\"a\":tru}", "at byte 6 of 9: expected a value"},
        {"{\"a\":1,}", "at byte 8 of 8: expected a name in double quotes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decoded d = decode(cases[i][0]);
        assert_text(d.r.message, cases[i][0]);
        assert_int_equal(d.r.n_fields, 1);
        assert_field(&d, "parse_error", VAL_STRING, cases[i][1]);
        assert_int_equal(d.notes, REC_NOTE_PARSE_ERROR | REC_NOTE_NO_TIME);
        assert_true(d.r.time_ns == ARRIVAL);
        done(&d);
    }
}

static void every_truncation_is_kept_raw(void **state)
{
    (void)state;
    al_slice s =
        AL_LIT("{\"@timestamp\": \"2026-11-22T12:11:46.622580Z\", \"message\": \"caf\xc3\xa9"
               " \\u00e9\\n\", \"n\": [1, {\"b\": -1.5e3}], \"seq\": 1, \"x\": null}");
    for (size_t cut = 0; cut <= s.len; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, s.ptr, cut);
        decoded d = decode_with((al_slice){copy, cut}, (rec_options){.arrival_ns = ARRIVAL});
        assert_int_equal(!!(d.notes & REC_NOTE_PARSE_ERROR), cut < s.len);
        if (cut < s.len)
            assert_true(al_slice_eq(d.r.message, al_slice_sub(s, 0, cut)));
        done(&d);
        free(copy);
    }
}

static void bad_utf8_is_stored_as_it_came(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{\"message\":\"\xff\"}", "{\"\xff\":1}", "{\"a\":[\"\xff\"]}",
        "{\"a\":{\"\xff\":1}}",   "\xff",         "{\"a\":\"\\ud800\"}",
        "{\"a\":[\"\\udc00 \"]}"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decoded d = decode(cases[i]);
        assert_true(d.notes & REC_NOTE_BAD_UTF8);
        done(&d);
    }
    decoded d = decode("{\"message\":\"a\xff\x62\",\"n\":\"\\ud800\"}");
    assert_text(d.r.message, "a\xff\x62");
    assert_field(&d, "n", VAL_STRING, "\xed\xa0\x80");
    done(&d);
}

static void long_text_is_cut_at_a_character_with_a_marker(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    al_buf_str(&b, "{\"message\":\"");
    for (int i = 0; i < 200; i++)
        al_buf_str(&b, "\xd0\x96");
    al_buf_str(&b, "\",\"short\":\"x\",\"list\":[");
    for (int i = 0; i < 200; i++)
        al_buf_str(&b, "1,");
    al_buf_str(&b, "2],\"digits\":");
    for (int i = 0; i < 200; i++)
        al_buf_str(&b, "9");
    al_buf_str(&b, "}");
    decoded d = decode_with(al_buf_slice(&b), (rec_options){.message_bytes_max = 151});
    assert_true(d.notes & REC_NOTE_TRUNCATED);
    assert_true(d.r.message.len == 150 || d.r.message.len == 151);
    assert_true(al_slice_ends(d.r.message, AL_LIT("\xd0\x96 ...[cut, 400 bytes in all]")));
    assert_true(utf8_is_valid(d.r.message));
    assert_field(&d, "short", VAL_STRING, "x");
    assert_int_equal(at(&d, "list")->type, VAL_STRING);
    assert_true(al_slice_starts(at(&d, "list")->text, AL_LIT("[1,1,")));
    assert_true(al_slice_ends(at(&d, "list")->text, AL_LIT("[cut, 403 bytes in all]")));
    assert_int_equal(at(&d, "list")->text.len, 151);
    assert_int_equal(at(&d, "digits")->type, VAL_STRING);
    done(&d);
    /* Not JSON, and longer than the maximum. */
    d = decode_with(al_slice_sub(al_buf_slice(&b), 0, b.len - 1),
                    (rec_options){.message_bytes_max = 151});
    assert_true(d.notes & REC_NOTE_TRUNCATED);
    assert_true(d.notes & REC_NOTE_PARSE_ERROR);
    assert_true(d.r.message.len <= 151);
    done(&d);
    d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_false(d.notes & REC_NOTE_TRUNCATED);
    done(&d);
    al_buf_done(&b);
}

/* Without a ceiling of the index's own: 1 MiB, of the message and of each value. */
static void the_ceiling_is_a_mebibyte(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    for (size_t over = 0; over < 2; over++) {
        al_buf_clear(&b);
        for (const char *const *head =
                 (const char *const[]){"{\"message\":\"", "\",\"s\":\"", NULL};
             *head; head++) {
            al_buf_str(&b, *head);
            uint8_t *text = al_buf_extend(&b, REC_MESSAGE_BYTES_MAX + over);
            assert_non_null(text);
            memset(text, 'a', REC_MESSAGE_BYTES_MAX + over);
        }
        al_buf_str(&b, "\"}");
        decoded d = decode_with(al_buf_slice(&b), (rec_options){0});
        assert_int_equal(!!(d.notes & REC_NOTE_TRUNCATED), over);
        assert_int_equal(d.r.message.len, REC_MESSAGE_BYTES_MAX);
        assert_true(al_slice_eq(d.r.message, at(&d, "s")->text));
        assert_int_equal(al_slice_ends(d.r.message, AL_LIT(" ...[cut, 1048577 bytes in all]")),
                         over);
        done(&d);
    }
    al_buf_done(&b);
}

/* The array on level 65 becomes a string, and is counted. */
static void deep_nesting_becomes_text(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    for (int depth = REC_DEPTH_MAX; depth <= REC_DEPTH_MAX + 1; depth++) {
        al_buf_clear(&b);
        al_buf_str(&b, "{\"d\":");
        for (int i = 0; i < depth; i++)
            al_buf_u8(&b, '[');
        for (int i = 0; i < depth; i++)
            al_buf_u8(&b, ']');
        al_buf_str(&b, "}");
        decoded d = decode_with(al_buf_slice(&b), (rec_options){0});
        bool is_deep = depth > REC_DEPTH_MAX;
        assert_int_equal(!!(d.notes & REC_NOTE_DEPTH), is_deep);
        assert_int_equal(at(&d, "d")->type, VAL_ARRAY);
        al_slice innermost = is_deep ? AL_LIT("[\"[]\"]]") : AL_LIT("[[]]]");
        assert_true(al_slice_starts(
            al_slice_sub(at(&d, "d")->text, REC_DEPTH_MAX - (is_deep ? 1 : 2), SIZE_MAX),
            innermost));
        done(&d);
    }
    al_buf_done(&b);
}

static void put_names(al_buf *b, unsigned n)
{
    al_buf_clear(b);
    al_buf_str(b, "{\"message\":\"m\",\"seq\":1");
    for (unsigned i = 0; i < n; i++)
        al_buf_printf(b, ",\"f%u\":%u", i, i);
}

static void too_many_fields_become_text(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    put_names(&b, REC_FIELDS_MAX);
    al_buf_str(&b, "}");
    decoded d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.n_fields, REC_FIELDS_MAX);
    assert_false(d.notes & REC_NOTE_FIELDS);
    done(&d);
    put_names(&b, REC_FIELDS_MAX + 1);
    al_buf_str(&b, ",\"ts\":\"\\n\"}");
    d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.n_fields, REC_FIELDS_MAX);
    assert_field(&d, "f998", VAL_NUMBER, "998");
    assert_field(&d, "more_fields", VAL_STRING, "{\"f999\":999,\"f1000\":1000,\"ts\":\"\\n\"}");
    assert_true(d.notes & REC_NOTE_FIELDS);
    done(&d);
    put_names(&b, REC_FIELDS_MAX - 1);
    al_buf_str(&b, ",\"x\":1,\"more_fields\":2}"); /* one too many, and it takes our name */
    d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.n_fields, REC_FIELDS_MAX);
    assert_field(&d, "more_fields", VAL_STRING, "{\"x\":1,\"more_fields\":2}");
    done(&d);
    al_buf_clear(&b);
    al_buf_str(&b, "{\"more_fields\":2");
    for (unsigned i = 0; i < REC_FIELDS_MAX; i++)
        al_buf_printf(&b, ",\"f%u\":%u", i, i);
    al_buf_str(&b, "}");
    d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.n_fields, REC_FIELDS_MAX);
    assert_field(&d, "more_fields", VAL_NUMBER, "2");
    assert_field(&d, "more_fields_x", VAL_STRING, "{\"f998\":998,\"f999\":999}");
    done(&d);
    put_names(&b, REC_FIELDS_MAX); /* the field `doubled` is one too many */
    al_buf_str(&b, ",\"f0\":true}");
    d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.n_fields, REC_FIELDS_MAX);
    assert_field(&d, "doubled", VAL_STRING, "{\"f0\":0}");
    assert_field(&d, "more_fields", VAL_STRING, "{\"f999\":999,\"f0\":true}");
    done(&d);
    al_buf_done(&b);
}

static void long_names_become_text(void **state)
{
    (void)state;
    char name[REC_NAME_BYTES_MAX + 2];
    memset(name, 'n', sizeof name);
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    al_buf_printf(&b, "{\"%.*s\":1,\"a\":2}", REC_NAME_BYTES_MAX, name);
    decoded d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.fields[0].name.len, REC_NAME_BYTES_MAX);
    assert_false(d.notes & REC_NOTE_FIELDS);
    done(&d);
    al_buf_clear(&b);
    al_buf_printf(&b, "{\"%.*s\":1,\"a\":2}", REC_NAME_BYTES_MAX + 1, name);
    d = decode_with(al_buf_slice(&b), (rec_options){0});
    assert_int_equal(d.r.n_fields, 2);
    assert_field(&d, "a", VAL_NUMBER, "2");
    assert_true(al_slice_ends(at(&d, "more_fields")->text, AL_LIT("nnn\":1}")));
    assert_true(d.notes & REC_NOTE_FIELDS);
    done(&d);
    for (int over = 0; over < 2; over++) { /* beside a name that must be changed */
        al_buf_clear(&b);
        al_buf_printf(&b, "{\"%.*s\":1,\"ts\":2}", REC_NAME_BYTES_MAX - 2 + over, name);
        d = decode_with(al_buf_slice(&b), (rec_options){0});
        assert_field(&d, "ts_x", VAL_NUMBER, "2");
        assert_int_equal(d.r.n_fields, 2);
        assert_int_equal(at(&d, "more_fields") != NULL, over);
        done(&d);
    }
    al_buf_done(&b);
}

/* A sender that takes every name of the chain ts_x, ts_x_x, ... leaves one within the maximum. */
static void renamed_names_stay_within_the_maximum(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    al_buf_str(&b, "{\"ts\":0");
    for (int i = 1; i <= (REC_NAME_BYTES_MAX - 2) / 2; i++) {
        al_buf_str(&b, ",\"ts");
        for (int k = 0; k < i; k++)
            al_buf_str(&b, "_x");
        al_buf_str(&b, "\":1");
    }
    al_buf_str(&b, "}");
    decoded d = decode_with(al_buf_slice(&b), (rec_options){0});
    for (uint32_t i = 0; i < d.r.n_fields; i++)
        assert_true(d.r.fields[i].name.len <= REC_NAME_BYTES_MAX);
    assert_int_equal(d.r.fields[0].name.len, REC_NAME_BYTES_MAX);
    done(&d);
    al_buf_done(&b);
}

static void lines_of_text_are_messages(void **state)
{
    (void)state;
    al_arena *arena = al_arena_new(64);
    record r;
    unsigned notes = 0;
    rec_options opt = {.arrival_ns = ARRIVAL};
    assert_int_equal(rec_decode_raw(AL_LIT("{\"a\":1}"), &opt, arena, &r, &notes), AL_OK);
    assert_text(r.message, "{\"a\":1}");
    assert_int_equal(r.n_fields, 0);
    assert_true(r.time_ns == ARRIVAL);
    assert_int_equal(notes, REC_NOTE_NO_TIME);
    assert_int_equal(rec_decode_raw(AL_LIT("\xff"), &opt, arena, &r, &notes), AL_OK);
    assert_int_equal(notes, REC_NOTE_NO_TIME | REC_NOTE_BAD_UTF8);
    (void)al_arena_free(arena);
}

/* Every allocation fails once: AL_NOMEM, nothing written, nothing leaked (under asan). */
static void memory_may_fail_anywhere(void **state)
{
    (void)state;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    put_names(&b, REC_FIELDS_MAX + 60);
    al_buf_str(&b, ",\"f1\":[ \"\\u00e9\" ],\"f2\":\"\\n\",\"ts\":1,\"f3\":\"");
    for (int i = 0; i < 300; i++)
        al_buf_u8(&b, 'x');
    al_buf_str(&b, "\"}");
    unsigned long fail_at = 1;
    for (;; fail_at++) {
        al_arena *arena = al_arena_new(256);
        record r = {.seq = 77};
        unsigned notes = 77;
        rec_options opt = {.message_bytes_max = 200};
        al_mem_fail_at(fail_at);
        al_code c = rec_decode(al_buf_slice(&b), &opt, arena, &r, &notes);
        al_mem_fail_at(0);
        if (c == AL_NOMEM) {
            assert_int_equal(r.seq, 77);
            assert_int_equal(notes, 77);
        }
        (void)al_arena_free(arena);
        if (c == AL_OK)
            break;
        assert_int_equal(c, AL_NOMEM);
    }
    assert_true(fail_at > 5);
    al_buf_done(&b);
}

/* A batch owns its records and grows; without memory it stays as it was. */
static void batches_grow(void **state)
{
    (void)state;
    al_mem_fail_at(1);
    assert_null(rec_batch_new(5));
    al_mem_fail_at(2);
    assert_null(rec_batch_new(5));
    al_mem_fail_at(0);
    rec_batch *b = rec_batch_new(5);
    assert_non_null(b);
    assert_true(b->arrival_ns == 5);
    unsigned notes = 0;
    rec_options opt = {.arrival_ns = b->arrival_ns};
    for (size_t i = 0; i < 1000; i++) {
        char body[64];
        int n = snprintf(body, sizeof body, "{\"seq\":%zu,\"message\":\"\\u0041%zu\"}", i, i);
        al_slice kept = al_arena_copy(b->arena, (al_slice){(const uint8_t *)body, (size_t)n});
        record *r = rec_batch_add(b);
        assert_non_null(r);
        assert_true(r->seq == 0 && r->n_fields == 0 && r->message.len == 0);
        assert_int_equal(rec_decode(kept, &opt, b->arena, r, &notes), AL_OK);
    }
    assert_int_equal(b->n, 1000);
    for (size_t i = 0; i < b->n; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "A%zu", i);
        assert_int_equal(b->recs[i].seq, i);
        assert_text(b->recs[i].message, want);
    }
    while (b->n < b->cap)
        assert_non_null(rec_batch_add(b));
    size_t full = b->n;
    al_mem_fail_at(1);
    assert_null(rec_batch_add(b));
    al_mem_fail_at(0);
    assert_int_equal(b->n, full);
    assert_text(b->recs[7].message, "A7");
    assert_null(rec_batch_free(b));
    assert_null(rec_batch_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logcollect_record_is_taken_apart),
        cmocka_unit_test(time_comes_from_the_first_readable_name),
        cmocka_unit_test(reserved_names_step_aside),
        cmocka_unit_test(a_message_may_be_anything),
        cmocka_unit_test(of_doubled_keys_the_last_counts),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(what_is_no_object_is_kept_raw),
        cmocka_unit_test(every_truncation_is_kept_raw),
        cmocka_unit_test(bad_utf8_is_stored_as_it_came),
        cmocka_unit_test(long_text_is_cut_at_a_character_with_a_marker),
        cmocka_unit_test(the_ceiling_is_a_mebibyte),
        cmocka_unit_test(deep_nesting_becomes_text),
        cmocka_unit_test(too_many_fields_become_text),
        cmocka_unit_test(long_names_become_text),
        cmocka_unit_test(renamed_names_stay_within_the_maximum),
        cmocka_unit_test(lines_of_text_are_messages),
        cmocka_unit_test(memory_may_fail_anywhere),
        cmocka_unit_test(batches_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
