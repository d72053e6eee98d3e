/* Goal: each message is stored once, whatever is redelivered, fails, is lost or restarted.
 * Method: the header's rules one by one; every cut of a blob of marks; every allocation failing. At
 * random: test_ledger_play.c. */
#include "ledger_help.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

typedef struct judged {
    ledger_verdict verdict;
    ledger_ref ref;
    uint64_t ticket;
} judged;

static judged judge(ledger_session *s, ledger_delivery d, al_buf *marks)
{
    judged j = {0};
    assert_int_equal(ledger_judge(s, &d, marks, &j.verdict, &j.ref), AL_OK);
    j.ticket = d.ticket;
    return j;
}

static judged judge_body(ledger_session *s, const char *body, uint64_t tag, bool is_redelivered,
                         al_buf *marks)
{
    ledger_delivery d = {
        .key = body_key(s, "k", body), .tag = tag, .is_redelivered = is_redelivered};
    return judge(s, d, marks);
}

static judged judge_id(ledger_session *s, const char *id, uint64_t tag, al_buf *marks)
{
    ledger_delivery d = {.key = ledger_key_of_id(s, al_cstr(id)), .tag = tag, .has_id = true};
    return judge(s, d, marks);
}

/* A ledger with one session of queue q, and marks that it judges into. */
typedef struct desk {
    ledger *l;
    ledger_session *s;
    al_buf m;
} desk;

static desk desk_new(void)
{
    desk d = {.l = ledger_new()};
    d.s = begin(d.l, "q");
    d.m = marks_new(d.s);
    return d;
}

static void desk_done(desk *d)
{
    al_buf_done(&d->m);
    (void)ledger_session_end(d->s);
    (void)ledger_free(d->l);
}

/* Takes the marks in, and begins new ones. */
static void desk_apply(desk *d)
{
    ledger_apply(d->l, al_buf_slice(&d->m));
    al_buf_done(&d->m);
    d->m = marks_new(d->s);
}

/* Ends the session and begins another, with new marks. */
static void desk_again(desk *d)
{
    al_buf_done(&d->m);
    (void)ledger_session_end(d->s);
    d->s = begin(d->l, "q");
    d->m = marks_new(d->s);
}

static ledger_state look_id(ledger_session *s, const char *id)
{
    return ledger_look(s, ledger_key_of_id(s, al_cstr(id)));
}

/* ---- Rules */

/* The queue of an index is renamed: what was routed to the old and to the new one is stored once.
 */
static void an_heir_knows_what_it_may_get_again(void **state)
{
    (void)state;
    AL_CLEANUP(ledger_freep) ledger *l = ledger_new();
    ledger_session *old = begin(l, "old");
    ledger_session *heir = begin(l, "heir");
    al_buf marks = marks_new(old);
    judged j = judge_body(old, "x", 1, false, &marks);
    assert_int_equal(j.verdict, LEDGER_STORE);
    ledger_delivery x = {.tag = 1};
    assert_int_equal(ledger_tell_heir(old, heir, &x, body_key(heir, "k", "x"), &marks), AL_OK);
    assert_int_equal(judge_id(old, "id", 2, &marks).verdict, LEDGER_STORE);
    ledger_delivery id = {.tag = 2, .has_id = true};
    ledger_key id_key = ledger_key_of_id(heir, AL_LIT("id"));
    assert_int_equal(ledger_tell_heir(old, heir, &id, id_key, &marks), AL_OK);
    assert_int_equal(judge_body(old, "y", 3, false, &marks).verdict, LEDGER_STORE); /* old again */
    ledger_apply(l, al_buf_slice(&marks));

    al_buf more = marks_new(heir);
    assert_int_equal(judge_id(heir, "id", 1, &more).verdict, LEDGER_ACK);
    assert_int_equal(judge_body(heir, "y", 2, true, &more).verdict, LEDGER_STORE);
    assert_int_equal(judge_body(heir, "x", 3, true, &more).verdict, LEDGER_ACK);
    assert_int_equal(judge_body(heir, "x", 4, true, &more).verdict, LEDGER_STORE); /* taken once */

    /* The same after a restart: the marks alone say it. */
    AL_CLEANUP(ledger_freep) ledger *again = ledger_new();
    ledger_apply(again, al_buf_slice(&marks));
    ledger_session *s = begin(again, "heir");
    al_buf last = marks_new(s);
    assert_int_equal(judge_body(s, "x", 1, true, &last).verdict, LEDGER_ACK);
    assert_int_equal(judge_id(s, "id", 2, &last).verdict, LEDGER_ACK);
    assert_int_equal(judge_body(s, "y", 3, true, &last).verdict, LEDGER_STORE);

    /* Marks without room: the head is not left behind. */
    size_t len = marks.len;
    marks.max = len + 30;
    assert_int_equal(ledger_tell_heir(old, heir, &x, x.key, &marks), AL_LIMIT);
    assert_int_equal(marks.len, len);
    (void)ledger_session_end(s);
    (void)ledger_session_end(old);
    (void)ledger_session_end(heir);
    al_buf_done(&marks);
    al_buf_done(&more);
    al_buf_done(&last);
}

static void an_id_is_stored_once_in_its_queue(void **state)
{
    (void)state;
    AL_CLEANUP(ledger_freep) ledger *l = ledger_new();
    ledger_session *a = begin(l, "a");
    ledger_session *b = begin(l, "b");
    al_buf ma = marks_new(a);
    al_buf mb = marks_new(b);
    assert_int_equal(judge_id(a, "1", 1, &ma).verdict, LEDGER_STORE);
    assert_int_equal(judge_id(b, "1", 1, &mb).verdict, LEDGER_STORE);
    assert_int_equal(judge_id(a, "1", 2, &ma).verdict, LEDGER_ACK_AFTER);
    assert_int_equal(look_id(a, "1"), LEDGER_PENDING);
    ledger_apply(l, al_buf_slice(&ma));
    assert_int_equal(look_id(a, "1"), LEDGER_KEPT);
    assert_int_equal(judge_id(a, "1", 3, &ma).verdict, LEDGER_ACK);
    ledger_failed(l, al_buf_slice(&mb));
    assert_int_equal(look_id(b, "1"), LEDGER_UNKNOWN);
    assert_int_equal(judge_id(b, "1", 2, &mb).verdict, LEDGER_STORE);
    al_buf_done(&ma);
    al_buf_done(&mb);
    ledger_session_end(a);
    ledger_session_end(b);
}

static void an_id_is_forgotten_after_twenty_thousand(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    char id[32];
    for (int i = 0; i < LEDGER_IDS_MAX + 1; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        assert_int_equal(judge_id(d.s, id, (uint64_t)i + 1, &d.m).verdict, LEDGER_STORE);
        desk_apply(&d);
    }
    assert_int_equal(look_id(d.s, "0"), LEDGER_UNKNOWN);
    assert_int_equal(look_id(d.s, "1"), LEDGER_KEPT);
    assert_int_equal(stats_of(d.l).n_ids, LEDGER_IDS_MAX);
    /* The order of age survives a dump. */
    AL_CLEANUP(desk_done) desk again = desk_new();
    al_buf all = dump(d.l);
    ledger_apply(again.l, al_buf_slice(&all));
    al_buf_done(&all);
    assert_int_equal(judge_id(again.s, "new", 1, &again.m).verdict, LEDGER_STORE);
    desk_apply(&again);
    assert_int_equal(look_id(again.s, "1"), LEDGER_UNKNOWN);
    assert_int_equal(look_id(again.s, "2"), LEDGER_KEPT);
}

static void equal_messages_sent_twice_stay_two(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    assert_int_equal(judge_body(d.s, "x", 1, false, &d.m).verdict, LEDGER_STORE);
    assert_int_equal(judge_body(d.s, "x", 2, false, &d.m).verdict, LEDGER_STORE);
    assert_int_equal(judge_body(d.s, "x", 3, true, &d.m).verdict, LEDGER_STORE);
    desk_apply(&d);
    assert_int_equal(judge_body(d.s, "x", 4, true, &d.m).verdict, LEDGER_STORE);
}

static void a_redelivery_is_acknowledged_once_for_each_lost_message(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    (void)judge_body(d.s, "x", 1, false, &d.m);
    (void)judge_body(d.s, "x", 2, false, &d.m);
    desk_apply(&d);
    for (int round = 0; round < 2; round++) { /* the second: open again after it was lost again */
        desk_again(&d);                       /* what was pending is forgotten */
        assert_int_equal(judge_body(d.s, "x", 1, false, &d.m).verdict, LEDGER_STORE);
        assert_int_equal(judge_body(d.s, "x", 2, true, &d.m).verdict, LEDGER_ACK);
        assert_int_equal(judge_body(d.s, "x", 3, true, &d.m).verdict, LEDGER_ACK);
        assert_int_equal(judge_body(d.s, "x", 4, true, &d.m).verdict, LEDGER_STORE);
    }
    desk_again(&d);
    ledger_session *other = begin(d.l, "other");
    al_buf m = marks_new(other);
    assert_int_equal(judge_body(other, "x", 1, true, &m).verdict, LEDGER_STORE);
    al_buf_done(&m);
    ledger_session_end(other);
}

static void a_closed_message_is_open_until_a_batch_says_so(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    judged first = judge_body(d.s, "x", 1, false, &d.m);
    desk_apply(&d);
    ledger_close(d.s, &first.ref, 1);
    assert_int_equal(ledger_closes(d.s), 1);
    al_buf before = dump(d.l); /* a crash now: still open */
    assert_int_equal(ledger_take_closes(d.s, &d.m, 10), 1);
    assert_int_equal(ledger_closes(d.s), 0);
    ledger_failed(d.l, al_buf_slice(&d.m));
    assert_int_equal(ledger_closes(d.s), 1);
    al_buf m = marks_new(d.s);
    assert_int_equal(ledger_take_closes(d.s, &m, 10), 1);
    d.s = ledger_session_end(d.s);
    ledger_apply(d.l, al_buf_slice(&m));
    assert_int_equal(stats_of(d.l).n_open, 0);

    AL_CLEANUP(ledger_freep) ledger *again = ledger_new();
    ledger_apply(again, al_buf_slice(&before));
    assert_int_equal(stats_of(again).n_open, 1);
    ledger_apply(again, al_buf_slice(&m));
    ledger_apply(again, al_buf_slice(&m));
    assert_int_equal(stats_of(again).n_open, 0);
    assert_int_equal(stats_of(again).n_bad, 0);
    al_buf_done(&m);
    al_buf_done(&before);
}

static void a_closed_message_equals_nothing(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    judged first = judge_body(d.s, "x", 1, false, &d.m);
    desk_apply(&d);
    ledger_close(d.s, &first.ref, 1);
    desk_again(&d);
    assert_int_equal(judge_body(d.s, "x", 1, true, &d.m).verdict, LEDGER_STORE);
}

static void a_living_session_is_asked_first(void **state)
{
    (void)state;
    AL_CLEANUP(ledger_freep) ledger *l = ledger_new();
    ledger_session *a = begin(l, "q");
    ledger_session *b = begin(l, "q");
    al_buf ma = marks_new(a);
    al_buf mb = marks_new(b);
    (void)judge_body(a, "x", 1, false, &ma);
    ledger_delivery d = {.key = body_key(b, "k", "x"), .tag = 1, .is_redelivered = true};
    judged j = {0};
    assert_int_equal(ledger_judge(b, &d, &mb, &j.verdict, &j.ref), AL_OK);
    assert_int_equal(j.verdict, LEDGER_ASK);
    assert_true(d.ticket != 0);
    assert_int_equal(ledger_asked(a), d.ticket);
    assert_int_equal(ledger_asked(b), 0);
    assert_int_equal(ledger_judge(b, &d, &mb, &j.verdict, &j.ref), AL_OK);
    assert_int_equal(j.verdict, LEDGER_ASK);

    ledger_delivery lost = d; /* the same question, had it ended instead */
    ledger_answer(a, ledger_asked(a));
    assert_int_equal(ledger_asked(a), 0);
    assert_int_equal(ledger_judge(b, &d, &mb, &j.verdict, &j.ref), AL_OK);
    assert_int_equal(j.verdict, LEDGER_STORE); /* a was alive: this one is another */

    lost.ticket = 0;
    lost.tag = 2;
    assert_int_equal(ledger_judge(b, &lost, &mb, &j.verdict, &j.ref), AL_OK);
    assert_int_equal(j.verdict, LEDGER_ASK);
    ledger_apply(l, al_buf_slice(&ma));
    ledger_session_end(a);
    assert_int_equal(ledger_judge(b, &lost, &mb, &j.verdict, &j.ref), AL_OK);
    assert_int_equal(j.verdict, LEDGER_ACK);
    al_buf_done(&ma);
    al_buf_done(&mb);
    ledger_session_end(b);
}

static void a_failed_batch_leaves_nothing_open(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    (void)judge_body(d.s, "x", 1, false, &d.m);
    (void)judge_id(d.s, "x", 2, &d.m);
    ledger_failed(d.l, al_buf_slice(&d.m));
    assert_int_equal(stats_of(d.l).n_open, 0);
    assert_int_equal(stats_of(d.l).n_ids, 0);
}

static void names_stay_unique_when_the_clock_was_set_back(void **state)
{
    (void)state;
    const uint64_t ahead = UINT64_C(1) << 63; /* far beyond the clock of this run */
    AL_CLEANUP(desk_done) desk d = desk_new();
    memcpy(d.m.ptr + d.m.len - sizeof ahead, &ahead, sizeof ahead);
    (void)judge_body(d.s, "x", 1, false, &d.m);
    AL_CLEANUP(ledger_freep) ledger *later = ledger_new();
    ledger_apply(later, al_buf_slice(&d.m));
    ledger_session *s = begin(later, "q");
    assert_true(judge_body(s, "y", 1, false, &d.m).ref.session > ahead);
    ledger_session_end(s);
}

static void lost_messages_are_bounded_and_the_oldest_goes(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk d = desk_new();
    char body[32];
    for (int i = 0; i < LEDGER_LOST_MAX + 10; i++) {
        (void)snprintf(body, sizeof body, "%d", i);
        assert_int_equal(judge_body(d.s, body, (uint64_t)i + 1, false, &d.m).verdict, LEDGER_STORE);
        desk_apply(&d);
    }
    desk_again(&d);
    assert_int_equal(stats_of(d.l).n_open, LEDGER_LOST_MAX);
    assert_int_equal(stats_of(d.l).n_forgotten, 10);
    assert_int_equal(judge_body(d.s, "9", 1, true, &d.m).verdict, LEDGER_STORE);
    assert_int_equal(judge_body(d.s, "10", 2, true, &d.m).verdict, LEDGER_ACK);
    d.s = ledger_session_end(d.s);
    ledger_forget(d.l, AL_LIT("q"));
    assert_int_equal(stats_of(d.l).n_queues, 0);
}

static void keys_keep_their_parts_apart(void **state)
{
    (void)state;
    AL_CLEANUP(ledger_freep) ledger *l = ledger_new();
    ledger_session *a = begin(l, "a");
    ledger_session *b = begin(l, "b");
    ledger_key k[] = {body_key(a, "x", "yz"),
                      body_key(a, "xy", "z"),
                      body_key(b, "x", "yz"),
                      body_key(a, "", "xyz"),
                      ledger_key_of_id(a, AL_LIT("xyz")),
                      ledger_key_of_id(b, AL_LIT("xyz")),
                      ledger_key_of_id(a, AL_LIT(""))};
    for (size_t i = 0; i < AL_COUNT(k); i++)
        for (size_t n = i + 1; n < AL_COUNT(k); n++)
            assert_true(k[i].lo != k[n].lo || k[i].hi != k[n].hi);
    char longer[600];
    memset(longer, 'x', sizeof longer);
    ledger_key one = ledger_key_of_id(a, (al_slice){(uint8_t *)longer, 600});
    ledger_key two = ledger_key_of_id(a, (al_slice){(uint8_t *)longer, 599});
    assert_true(one.lo != two.lo || one.hi != two.hi);
    AL_CLEANUP(ledger_hash_freep) ledger_hash *h = ledger_hash_new();
    ledger_hash_begin(h, a, AL_LIT("x")); /* in pieces is the same as whole */
    ledger_hash_add(h, AL_LIT("y"));
    ledger_hash_add(h, AL_LIT("z"));
    ledger_key pieces = ledger_hash_end(h);
    assert_true(pieces.lo == k[0].lo && pieces.hi == k[0].hi);
    ledger_session_end(a);
    ledger_session_end(b);
}

static void every_cut_and_every_flip_of_marks_is_survived(void **state)
{
    (void)state;
    AL_CLEANUP(desk_done) desk k = desk_new();
    judged first = judge_body(k.s, "x", 1, false, &k.m);
    (void)judge_body(k.s, "y", 300, false, &k.m);
    (void)judge_id(k.s, "id", 3, &k.m);
    ledger_apply(k.l, al_buf_slice(&k.m));
    ledger_close(k.s, &first.ref, 1);
    (void)ledger_take_closes(k.s, &k.m, 1);
    size_t n_bad = 0;
    for (size_t cut = 0; cut <= k.m.len; cut++) {
        AL_CLEANUP(ledger_freep) ledger *t = ledger_new();
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, k.m.ptr, cut);
        ledger_apply(t, (al_slice){copy, cut});
        ledger_failed(t, (al_slice){copy, cut});
        free(copy);
        n_bad += stats_of(t).n_bad > 0;
    }
    /* Readable are: nothing, V, Q and the four marks. */
    assert_int_equal(n_bad, k.m.len + 1 - 7);
    for (size_t i = 0; i < k.m.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            AL_CLEANUP(ledger_freep) ledger *t = ledger_new();
            k.m.ptr[i] ^= (uint8_t)(1 << bit);
            ledger_apply(t, al_buf_slice(&k.m));
            al_buf d = dump(t);
            al_buf_done(&d);
            k.m.ptr[i] ^= (uint8_t)(1 << bit);
        }
    }
}

/* Everything a judgement allocates fails once; what failed left nothing behind. */
static void no_memory_leaves_the_ledger_as_it_was(void **state)
{
    (void)state;
    for (unsigned long at = 1;; at++) {
        AL_CLEANUP(ledger_freep) ledger *l = ledger_new();
        al_mem_fail_at(at);
        ledger_session *s = NULL;
        al_err err;
        al_code c = ledger_session_begin(l, AL_LIT("q"), &s, &err);
        al_buf m;
        al_buf_init(&m, 1 << 16);
        uint64_t n_stored = 0;
        for (uint64_t tag = 1; !c && tag <= 200; tag++) {
            char body[32];
            (void)snprintf(body, sizeof body, "%d", (int)tag);
            if (m.len == 0)
                ledger_marks_begin(s, &m);
            if (al_buf_code(&m)) {
                al_buf_clear(&m);
                c = AL_NOMEM;
                break;
            }
            ledger_delivery d = {.tag = tag, .has_id = tag % 2 == 0};
            d.key = d.has_id ? ledger_key_of_id(s, al_cstr(body))
                             : (ledger_key){tag, tag}; /* a ledger_hash would allocate too */
            ledger_verdict v;
            ledger_ref ref;
            size_t len = m.len;
            c = ledger_judge(s, &d, &m, &v, &ref);
            if (c) {
                assert_int_equal(c, AL_NOMEM);
                assert_int_equal(m.len, len);
            }
            n_stored += !c;
        }
        al_mem_fail_at(0);
        ledger_apply(l, al_buf_slice(&m));
        ledger_stats st = stats_of(l);
        assert_int_equal(st.n_ids + st.n_open, n_stored);
        assert_int_equal(st.n_bad, 0);
        al_buf_done(&m);
        ledger_session_end(s);
        if (!c)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_heir_knows_what_it_may_get_again),
        cmocka_unit_test(an_id_is_stored_once_in_its_queue),
        cmocka_unit_test(an_id_is_forgotten_after_twenty_thousand),
        cmocka_unit_test(equal_messages_sent_twice_stay_two),
        cmocka_unit_test(a_redelivery_is_acknowledged_once_for_each_lost_message),
        cmocka_unit_test(a_closed_message_is_open_until_a_batch_says_so),
        cmocka_unit_test(a_closed_message_equals_nothing),
        cmocka_unit_test(a_living_session_is_asked_first),
        cmocka_unit_test(a_failed_batch_leaves_nothing_open),
        cmocka_unit_test(names_stay_unique_when_the_clock_was_set_back),
        cmocka_unit_test(lost_messages_are_bounded_and_the_oldest_goes),
        cmocka_unit_test(keys_keep_their_parts_apart),
        cmocka_unit_test(every_cut_and_every_flip_of_marks_is_survived),
        cmocka_unit_test(no_memory_leaves_the_ledger_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
