/* Goal: what doc/records.md shows people is true.
 * Method: every document in its ```record blocks is decoded; see the top of that page for their
 * form. What a block does not say (no time, no seq, no other field) must not be there. */
#include "doc_page.h"

#include "base/buf.h"
#include "record/decode.h"
#include "record/json_out.h"
#include "record/timestamp.h"

enum { ARRIVAL = 1234567 };

/* One document, and how much of it the lines below it have told. */
typedef struct example {
    al_arena *arena;
    record r;
    unsigned notes;
    unsigned line_no;
    uint32_t n_fields;
    bool has_time;
    bool has_message;
    bool has_seq;
    bool has_path; /* shows values by path: not all fields need be told */
} example;

static void assert_shown(const doc_page *p, al_buf *got, al_slice wanted)
{
    assert_int_equal(al_buf_code(got), AL_OK);
    if (!al_slice_eq(al_buf_slice(got), wanted))
        fail_msg("line %u: it is %.*s", p->line_no, AL_ARG(al_buf_slice(got)));
    al_buf_done(got);
}

static example begin(al_slice document, const rec_zone *zone, const doc_page *p)
{
    example e = {.arena = al_arena_new(4096), .line_no = p->line_no};
    rec_options opt = {.arrival_ns = ARRIVAL, .zone = zone};
    assert_non_null(e.arena);
    assert_int_equal(rec_decode(document, &opt, e.arena, &e.r, &e.notes), AL_OK);
    return e;
}

static void end(example *e)
{
    if (!e->arena)
        return;
    if (e->has_time == !!(e->notes & REC_NOTE_NO_TIME))
        fail_msg("line %u: has it a time?", e->line_no);
    if (!e->has_time)
        assert_int_equal(e->r.time_ns, ARRIVAL);
    if (!e->has_message && e->r.message.len)
        fail_msg("line %u: has a message", e->line_no);
    if (!e->has_seq && e->r.seq)
        fail_msg("line %u: has a seq", e->line_no);
    if (!e->has_path && e->n_fields != e->r.n_fields)
        fail_msg("line %u: has %u fields", e->line_no, e->r.n_fields);
    e->arena = al_arena_free(e->arena);
}

/* "name = value" -> both. */
static al_slice split_name(al_slice *rest, const doc_page *p)
{
    const uint8_t *sign = memmem(rest->ptr, rest->len, " = ", 3);
    if (!sign)
        fail_msg("line %u: no value", p->line_no);
    size_t at = (size_t)(sign - rest->ptr);
    al_slice name = al_slice_sub(*rest, 0, at);
    *rest = al_slice_sub(*rest, at + 3, rest->len);
    return name;
}

static void check_field(example *e, al_slice wanted, const doc_page *p)
{
    al_slice name = split_name(&wanted, p);
    al_buf got;
    al_buf_init(&got, 1 << 20);
    if (e->n_fields == e->r.n_fields) {
        fail_msg("line %u: no such field", p->line_no);
        return; /* the analyser does not know that fail_msg has left */
    }
    const field *f = &e->r.fields[e->n_fields++];
    if (!al_slice_eq(f->name, name))
        fail_msg("line %u: the field here is %.*s", p->line_no, AL_ARG(f->name));
    json_put_value(&got, &f->val);
    assert_shown(p, &got, wanted);
}

static rec_visit put_value(void *ctx, const value *v, bool is_element)
{
    al_buf *out = ctx;
    (void)is_element;
    if (out->len)
        al_buf_str(out, " | ");
    json_put_value(out, v);
    return REC_VISIT_MORE;
}

static void check_path(example *e, al_slice wanted, const doc_page *p)
{
    al_slice path = split_name(&wanted, p);
    al_buf got;
    al_buf_init(&got, 1 << 20);
    AL_CLEANUP(al_arena_freep) al_arena *scratch = al_arena_new(4096);
    assert_non_null(scratch);
    assert_true(rec_values_at(&e->r, path, scratch, put_value, &got) != REC_NOMEM);
    assert_shown(p, &got, wanted);
    e->has_path = true;
}

static void check_line(example *e, al_slice line, const doc_page *p)
{
    al_buf got;
    al_buf_init(&got, 1 << 20);
    if (doc_takes(&line, "time ")) {
        e->has_time = true;
        rec_time_format(&got, e->r.time_ns);
        assert_shown(p, &got, line);
    } else if (doc_takes(&line, "message ")) {
        e->has_message = true;
        al_buf_slice_put(&got, e->r.message);
        assert_shown(p, &got, line);
    } else if (doc_takes(&line, "seq ")) {
        e->has_seq = true;
        al_buf_printf(&got, "%lld", (long long)e->r.seq);
        assert_shown(p, &got, line);
    } else if (doc_takes(&line, "field ")) {
        check_field(e, line, p);
    } else if (doc_takes(&line, "at ")) {
        check_path(e, line, p);
    } else {
        fail_msg("line %u: what is wanted?", p->line_no);
    }
}

static size_t run_block(doc_page *p)
{
    AL_CLEANUP(rec_zone_freep) rec_zone *zone = NULL;
    example e = {0};
    size_t n = 0;
    al_slice line;
    while (doc_block_line(p, &line)) {
        al_slice text = al_slice_trim(line);
        if (doc_takes(&line, "zone: ")) {
            end(&e);
            zone = rec_zone_free(zone);
            assert_int_equal(rec_zone_open(line, &zone, NULL), AL_OK);
        } else if (al_slice_starts(line, AL_LIT("  "))) {
            if (!e.arena)
                fail_msg("line %u: of which document?", p->line_no);
            check_line(&e, text, p);
        } else {
            end(&e);
            e = begin(line, zone, p);
            n++;
        }
    }
    end(&e);
    return n;
}

static void every_example_of_the_page_is_true(void **state)
{
    (void)state;
    assert_true(doc_run("records.md", "```record", run_block) > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_the_page_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
