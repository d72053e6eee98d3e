/* Goal: what doc/query.md tells people is true.
 * Method: every line of its ```query blocks is run; see the top of that page for their form. Each
 * query must also read the same when its read_as is parsed again. */
#include "doc_page.h"
#include "query_help.h"

static void assert_reads_the_same_again(const query *q, const char *fields)
{
    al_buf once = help_read_as(q);
    AL_CLEANUP(query_unrefp) query *again = NULL;
    al_err err = {0};
    if (help_parse(al_buf_slice(&once), fields, &again, &err))
        fail_msg("%.*s: %s", AL_ARG(al_buf_slice(&once)), err.msg);
    al_buf twice = help_read_as(again);
    assert_true(al_slice_eq(al_buf_slice(&once), al_buf_slice(&twice)));
    al_buf_done(&once);
    al_buf_done(&twice);
}

static void run_example(al_slice text, al_slice wanted, const char *fields, unsigned line_no)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    AL_CLEANUP(query_unrefp) query *q = NULL;
    al_err err = {0};
    al_code c = help_parse(text, fields, &q, &err);
    if (doc_takes(&wanted, "fails ")) {
        if (c != AL_INVALID || !al_slice_starts(al_cstr(err.msg), wanted))
            fail_msg("line %u: failed with: %s", line_no, c ? err.msg : "nothing");
        return;
    }
    if (c)
        fail_msg("line %u: %s", line_no, err.msg);
    assert_reads_the_same_again(q, fields);
    if (doc_takes(&wanted, "reads ")) {
        al_buf out = help_read_as(q);
        if (!al_slice_eq(al_buf_slice(&out), wanted))
            fail_msg("line %u: read as %.*s", line_no, AL_ARG(al_buf_slice(&out)));
        al_buf_done(&out);
        return;
    }
    bool is_match = doc_takes(&wanted, "matches ");
    if (!is_match && !doc_takes(&wanted, "misses "))
        fail_msg("line %u: what is wanted?", line_no);
    record r = help_record(arena, wanted);
    al_code code = AL_OK;
    if (help_matches(q, &r, &code) != is_match || code)
        fail_msg("line %u: wrong for %.*s", line_no, AL_ARG(wanted));
}

static size_t run_block(doc_page *p)
{
    char fields[256] = "";
    size_t n = 0;
    al_slice line;
    while (doc_block_line(p, &line)) {
        if (doc_takes(&line, "fields: ")) {
            assert_true(line.len < sizeof fields);
            memcpy(fields, line.ptr, line.len);
            fields[line.len] = '\0';
            continue;
        }
        const uint8_t *arrow = memmem(line.ptr, line.len, " => ", 4);
        if (!arrow)
            fail_msg("line %u: no arrow", p->line_no);
        size_t at = (size_t)(arrow - line.ptr);
        run_example(al_slice_trim(al_slice_sub(line, 0, at)), al_slice_sub(line, at + 4, line.len),
                    fields, p->line_no);
        n++;
    }
    return n;
}

static void every_example_of_the_page_is_true(void **state)
{
    (void)state;
    assert_true(doc_run("query.md", "```query", run_block) > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_of_the_page_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
