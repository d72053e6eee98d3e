/* Goal: a change of an index leads to exactly the jobs that undo the old plan at the broker, and no
 * job undoes what a living plan wants. Method: pairs of plans and their jobs, written out. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "inputs/amqp_note.h"
#include "inputs/amqp_plan.h"

static amqp_plan *plan(const char *queue, const char *exchange, const char *keys, bool is_durable)
{
    cat_index idx = {.name = "logs",
                     .queue_name = al_cstr(queue),
                     .exchange = al_cstr(exchange),
                     .routing_key = al_cstr(keys),
                     .durable = is_durable,
                     .num_processes = 1};
    amqp_plan *p = amqp_plan_new(&idx);
    assert_non_null(p);
    return p;
}

static const char *text_of(const amqp_jobs *j, char *to, size_t to_bytes)
{
    static const char *const names[] = {"recreate", "unbind", "drain", "delete"};
    size_t n = 0;
    to[0] = 0;
    for (size_t i = 0; i < j->n; i++) {
        const amqp_job *job = &j->items[i];
        bool is_unbind = job->kind == AMQP_JOB_UNBIND;
        n += (size_t)snprintf(to + n, to_bytes - n, "%s%s %s%s%s%s%s", i ? "; " : "",
                              names[job->kind], job->queue, is_unbind ? " " : "",
                              is_unbind ? job->exchange : "", is_unbind ? " " : "",
                              is_unbind ? job->key : "");
    }
    return to;
}

static void keys_are_split_trimmed_and_each_once(void **state)
{
    (void)state;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *p = plan("q", "e", " a.# ,,b, a.#,c.*", false);
    assert_int_equal(p->n_keys, 3);
    assert_true(al_slice_eq(p->keys[0], AL_LIT("a.#")));
    assert_true(al_slice_eq(p->keys[2], AL_LIT("c.*")));
    assert_true(amqp_plan_has_key(p, AL_LIT("b")));
    assert_false(amqp_plan_has_key(p, AL_LIT("")));
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *same = plan("q", "e", "c.*,b,a.#", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *less = plan("q", "e", "a.#,b", false);
    assert_true(amqp_plan_equal(p, same));
    assert_false(amqp_plan_equal(p, less));
    char longer[300];
    memset(longer, 'k', sizeof longer);
    longer[299] = 0;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *none = plan("q", "e", longer, false);
    assert_int_equal(none->n_keys, 0);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *empty = plan("q", "e", "", false);
    assert_int_equal(empty->n_keys, 0);
}

static void a_change_undoes_what_is_not_wanted_any_more(void **state)
{
    (void)state;
    static const struct {
        const char *queue, *exchange, *keys;
        bool is_durable;
        const char *jobs;
    } next[] = {
        {"q", "e", "a,b", false, ""},
        {"q", "e", "b", false, "unbind q e a"},
        {"q", "e", "b,c", true, "recreate q; unbind q e a"},
        {"q", "f", "a,b", false, "unbind q e a; unbind q e b"},
        {"r", "e", "a,b", false, "unbind q e a; unbind q e b; drain q"},
    };
    for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
        AL_CLEANUP(amqp_plan_unrefp) amqp_plan *old = plan("q", "e", "a,b", false);
        AL_CLEANUP(amqp_plan_unrefp)
        amqp_plan *p = plan(next[i].queue, next[i].exchange, next[i].keys, next[i].is_durable);
        amqp_jobs j = {0};
        char text[500];
        assert_true(amqp_jobs_add_change(&j, old, p));
        assert_string_equal(text_of(&j, text, sizeof text), next[i].jobs);
        free(j.items);
    }
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *old = plan("q", "e", "a", false);
    amqp_jobs j = {0};
    char text[500];
    assert_true(amqp_jobs_add_change(&j, old, NULL));
    assert_string_equal(text_of(&j, text, sizeof text), "unbind q e a; delete q");
    amqp_jobs_remove(&j, j.items[0].number);
    assert_string_equal(text_of(&j, text, sizeof text), "delete q");
    free(j.items);
}

static void a_renamed_queue_is_read_to_its_end_for_its_heir(void **state)
{
    (void)state;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *old = plan("q", "e", "a", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *next = plan("r", "e", "a", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *third = plan("s", "e", "a", false);
    amqp_jobs j = {0};
    char text[500];
    assert_true(amqp_jobs_add_change(&j, old, next));
    assert_true(amqp_jobs_add_change(&j, next, third));
    assert_string_equal(text_of(&j, text, sizeof text),
                        "unbind q e a; drain q; unbind r e a; drain r");
    assert_string_equal(j.items[1].heir, "r");
    assert_int_equal(j.items[1].n_alone, -1);
    assert_string_equal(j.items[3].heir, "s");
    assert_int_equal(j.items[3].n_alone, 0); /* "r" may hold what is in "q" too */
    /* Dropped before that: nobody is left to read it. */
    assert_true(amqp_jobs_add_change(&j, third, NULL));
    assert_string_equal(text_of(&j, text, sizeof text),
                        "unbind q e a; delete q; unbind r e a; delete r; unbind s e a; delete s");
    free(j.items);
}

static void no_job_undoes_what_a_living_plan_wants(void **state)
{
    (void)state;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *old = plan("q", "e", "a,b", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *again = plan("q", "e", "b", true);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *other = plan("other", "e", "a,b", false);
    amqp_jobs j = {0};
    char text[500];
    assert_true(amqp_jobs_add_change(&j, old, NULL));
    amqp_jobs_prune(&j, other);
    assert_string_equal(text_of(&j, text, sizeof text), "unbind q e a; unbind q e b; delete q");
    amqp_jobs_prune(&j, again);
    assert_string_equal(text_of(&j, text, sizeof text), "unbind q e a");
    free(j.items);
}

static void a_detour_is_a_rename_and_back(void **state)
{
    (void)state;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *old = plan("q", "e", "a", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *next = plan("q", "e", "a", true);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *detour = amqp_plan_detour(next);
    assert_true(al_slice_eq(detour->queue, AL_LIT("q" AMQP_DETOUR)));
    assert_true(detour->is_detour && amqp_plan_has_key(detour, AL_LIT("a")));
    amqp_jobs j = {0};
    char text[500];
    assert_true(amqp_jobs_add_change(&j, old, next));
    assert_string_equal(text_of(&j, text, sizeof text), "recreate q");
    assert_true(amqp_jobs_add_change(&j, next, detour));
    assert_string_equal(text_of(&j, text, sizeof text), "unbind q e a; drain q");
    assert_string_equal(j.items[1].heir, "q" AMQP_DETOUR);
    /* Another change of `durable` on the way changes nothing about the way. */
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *same = amqp_plan_detour(old);
    assert_true(amqp_jobs_add_change(&j, detour, same));
    assert_int_equal(j.n, 2);
    free(j.items);
    /* The longest name has room for it. */
    char longest[AMQP_NAME_MAX + 1];
    memset(longest, 'q', sizeof longest - 1);
    longest[AMQP_NAME_MAX] = 0;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *l = plan(longest, "e", "a", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *ld = amqp_plan_detour(l);
    assert_int_equal(ld->queue.len, AMQP_NAME_MAX);
    assert_true(al_slice_ends(ld->queue, AL_LIT(AMQP_DETOUR)));
}

static void a_note_comes_back_and_a_broken_one_does_not(void **state)
{
    (void)state;
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *old = plan("q", "e", "a,b", false);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *next = plan("r", "e", "b", true);
    amqp_note n = {.plan = next, .is_on_detour = true, .n_maybe_known = INT64_MAX};
    assert_true(amqp_jobs_add_change(&n.jobs, old, next));
    assert_true(amqp_jobs_add_change(&n.jobs, old, next));
    n.jobs.items[n.jobs.n - 1].n_alone = 7; /* begun: how far it came is not known later */
    al_buf bytes;
    al_buf_init(&bytes, 1 << 16);
    amqp_note_put(&bytes, &n);
    assert_int_equal(al_buf_code(&bytes), AL_OK);
    amqp_note back;
    al_err err;
    assert_int_equal(amqp_note_read(al_buf_slice(&bytes), "logs", &back, &err), AL_OK);
    char text[500];
    char text_back[500];
    assert_string_equal(text_of(&back.jobs, text_back, sizeof text_back),
                        text_of(&n.jobs, text, sizeof text));
    assert_true(amqp_plan_equal(back.plan, next));
    assert_true(back.is_on_detour && !back.is_dropped);
    assert_true(back.n_maybe_known == INT64_MAX);
    assert_string_equal(back.jobs.items[2].heir, "r");
    assert_int_equal(back.jobs.items[2].n_alone, -1);
    assert_int_equal(back.jobs.items[back.jobs.n - 1].n_alone, 0);
    amqp_note_done(&back);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(amqp_note_read((al_slice){bytes.ptr, len}, "logs", &back, &err),
                         AL_CORRUPT);
    bytes.ptr[0]++;
    assert_int_equal(amqp_note_read(al_buf_slice(&bytes), "logs", &back, &err), AL_TOO_NEW);
    free(n.jobs.items);
    al_buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_split_trimmed_and_each_once),
        cmocka_unit_test(a_change_undoes_what_is_not_wanted_any_more),
        cmocka_unit_test(a_renamed_queue_is_read_to_its_end_for_its_heir),
        cmocka_unit_test(no_job_undoes_what_a_living_plan_wants),
        cmocka_unit_test(a_detour_is_a_rename_and_back),
        cmocka_unit_test(a_note_comes_back_and_a_broken_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
