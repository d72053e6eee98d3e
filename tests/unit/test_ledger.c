/* Goal: each message is stored once, whatever is redelivered, fails, is lost or restarted.
 * Method: the header's rules one by one; every cut of a blob of marks; every allocation failing;
 * and a broker, consumers and a store played at random, against what was published. The seed of
 * the play is printed; ALCO_SEED=n repeats it. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "ingest/ledger.h"

static al_buf marks_new(const ledger_session *s)
{
    al_buf b;
    al_buf_init(&b, 1 << 20);
    ledger_marks_begin(s, &b);
    return b;
}

static ledger_session *begin(ledger *l, const char *queue)
{
    ledger_session *s = NULL;
    al_err err;
    assert_int_equal(ledger_session_begin(l, al_cstr(queue), &s, &err), AL_OK);
    return s;
}

static ledger_key body_key(const ledger_session *s, const char *routing_key, const char *body)
{
    AL_CLEANUP(ledger_hash_freep) ledger_hash *h = ledger_hash_new();
    ledger_hash_begin(h, s, al_cstr(routing_key));
    ledger_hash_add(h, al_cstr(body));
    return ledger_hash_end(h);
}

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

static al_buf dump(ledger *l)
{
    al_buf b;
    al_buf_init(&b, 64 << 20);
    assert_int_equal(ledger_dump(l, &b), AL_OK);
    return b;
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

static ledger_stats stats_of(ledger *l)
{
    ledger_stats st;
    ledger_count(l, &st);
    return st;
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

/* ---- The play: a broker with one queue, a store, three consumers. */

enum { CONSUMERS = 3, MESSAGES = 400, IN_FLIGHT_MAX = 64, BLOBS_MAX = 4096 };

typedef struct message {
    int body;   /* messages of one body are equal */
    int id;     /* -1: none */
    int holder; /* consumer whose broker-side connection has it, -1: ready */
    uint64_t tag;
    bool is_redelivered;
    bool is_gone;
} message;

typedef struct delivered { /* at a consumer: judged, in the order of tags */
    int msg;
    uint64_t tag;
    ledger_ref ref;
    bool is_after; /* LEDGER_ACK_AFTER */
    bool is_acked; /* sent */
} delivered;

typedef struct batch {
    al_buf marks;
    int owner;
    int stores[MESSAGES * 4];
    int n_stores;
    uint64_t last_tag;
    int state; /* 0 on its way, 1 durable, 2 failed */
} batch;

typedef struct consumer {
    ledger_session *s; /* NULL: not connected */
    bool is_cut;       /* the broker has ended the connection, we have not noticed */
    uint64_t next_tag;
    batch *filling;
    delivered list[MESSAGES * 8];
    int n_list;
    bool has_held;
    ledger_delivery held;
    int held_msg;
} consumer;

typedef struct play {
    uint64_t seed;
    bool may_lose_acks; /* then every body is unique */
    ledger *l;
    message msgs[MESSAGES];
    int n_msgs;
    int n_ids;
    consumer c[CONSUMERS];
    batch *way[IN_FLIGHT_MAX]; /* submitted, in the order of commit */
    int n_way;
    al_buf blobs[BLOBS_MAX]; /* what is durable of the ledger */
    int n_blobs;
    int stored_body[MESSAGES];
    int stored_id[MESSAGES];
    int sent_body[MESSAGES];
} play;

static uint64_t next_random(play *p)
{
    uint64_t x = (p->seed += UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static int roll(play *p, int n)
{
    return (int)(next_random(p) % (uint64_t)n);
}

static batch *batch_begin(play *p, int k)
{
    batch *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->marks = marks_new(p->c[k].s);
    b->owner = k;
    return b;
}

static void batch_drop(batch *b)
{
    if (b)
        al_buf_done(&b->marks);
    free(b);
}

static void publish(play *p)
{
    if (p->n_msgs == MESSAGES)
        return;
    message *m = &p->msgs[p->n_msgs];
    *m = (message){.body = p->n_msgs, .id = -1, .holder = -1};
    if (roll(p, 3) == 0) {
        m->id = p->n_ids > 0 && roll(p, 3) == 0 ? roll(p, p->n_ids) : p->n_ids++;
    } else {
        if (!p->may_lose_acks)
            m->body = roll(p, 5);
        p->sent_body[m->body]++;
    }
    p->n_msgs++;
}

static void consider(play *p, int k, ledger_delivery *d, int msg)
{
    consumer *c = &p->c[k];
    if (!c->filling)
        c->filling = batch_begin(p, k);
    ledger_verdict v;
    ledger_ref ref;
    assert_int_equal(ledger_judge(c->s, d, &c->filling->marks, &v, &ref), AL_OK);
    c->has_held = v == LEDGER_ASK;
    if (c->has_held) {
        c->held = *d;
        c->held_msg = msg;
        return;
    }
    if (v == LEDGER_STORE)
        c->filling->stores[c->filling->n_stores++] = msg;
    c->filling->last_tag = d->tag;
    c->list[c->n_list++] = (delivered){msg, d->tag, ref, v == LEDGER_ACK_AFTER, false};
}

static void deliver(play *p, int k)
{
    consumer *c = &p->c[k];
    if (!c->s || c->is_cut)
        return;
    if (c->has_held) {
        consider(p, k, &c->held, c->held_msg);
        return;
    }
    for (int i = 0; i < p->n_msgs; i++) {
        message *m = &p->msgs[i];
        if (m->is_gone || m->holder >= 0)
            continue;
        m->holder = k;
        m->tag = ++c->next_tag;
        ledger_delivery d = {.tag = m->tag, .is_redelivered = m->is_redelivered};
        char text[32];
        (void)snprintf(text, sizeof text, "%d", m->id >= 0 ? m->id : m->body);
        d.has_id = m->id >= 0;
        d.key = d.has_id ? ledger_key_of_id(c->s, al_cstr(text)) : body_key(c->s, "k", text);
        consider(p, k, &d, i);
        return;
    }
}

static void submit(play *p, int k)
{
    consumer *c = &p->c[k];
    if (!c->filling || p->n_way == IN_FLIGHT_MAX)
        return;
    (void)ledger_take_closes(c->s, &c->filling->marks, (size_t)roll(p, 20));
    p->way[p->n_way++] = AL_TAKE(c->filling);
}

static void keep(play *p, const batch *b)
{
    for (int i = 0; i < b->n_stores; i++) {
        const message *m = &p->msgs[b->stores[i]];
        if (m->id >= 0)
            p->stored_id[m->id]++;
        else
            p->stored_body[m->body]++;
    }
    assert_true(p->n_blobs < BLOBS_MAX);
    al_buf copy;
    al_buf_init(&copy, 1 << 20);
    al_buf_slice_put(&copy, al_buf_slice(&b->marks));
    p->blobs[p->n_blobs++] = copy;
}

/* The store makes the oldest batch that is still on its way durable, or fails it. */
static void commit(play *p)
{
    for (int i = 0; i < p->n_way; i++) {
        batch *b = p->way[i];
        if (b->state)
            continue;
        b->state = roll(p, 10) ? 1 : 2;
        if (b->state == 1) {
            keep(p, b);
            ledger_apply(p->l, al_buf_slice(&b->marks));
        }
        return;
    }
}

/* What the broker does when it ends a connection. */
static void broker_cuts(play *p, int k)
{
    for (int i = 0; i < p->n_msgs; i++) {
        message *m = &p->msgs[i];
        if (m->holder == k && !m->is_gone) {
            m->holder = -1;
            m->is_redelivered = true;
        }
    }
    p->c[k].is_cut = true;
}

static void broker_acks(play *p, int k)
{
    consumer *c = &p->c[k];
    for (int i = 0; i < c->n_list && !c->is_cut; i++) {
        message *m = &p->msgs[c->list[i].msg];
        if (c->list[i].is_acked && m->holder == k && m->tag == c->list[i].tag)
            m->is_gone = true;
    }
}

static void end_session(play *p, int k);

/* Takes the results of its batches in order; gives up the session after a failure. */
static void process_done(play *p, int k)
{
    consumer *c = &p->c[k];
    for (int i = 0; i < p->n_way; i++) {
        batch *b = p->way[i];
        if (b->owner != k)
            continue;
        if (b->state == 0)
            return;
        bool is_failed = b->state == 2;
        bool must_wait = false;
        for (int n = 0; n < c->n_list && !is_failed; n++) {
            delivered *d = &c->list[n];
            if (d->is_acked || d->tag > b->last_tag || !d->is_after)
                continue;
            char text[32];
            (void)snprintf(text, sizeof text, "%d", p->msgs[d->msg].id);
            ledger_state st = ledger_look(c->s, ledger_key_of_id(c->s, al_cstr(text)));
            must_wait |= st == LEDGER_PENDING;
            is_failed |= st == LEDGER_UNKNOWN;
        }
        if (must_wait && !is_failed)
            return;
        if (is_failed && b->state == 2)
            ledger_failed(p->l, al_buf_slice(&b->marks));
        for (int n = 0; n < c->n_list && !is_failed; n++)
            if (c->list[n].tag <= b->last_tag)
                c->list[n].is_acked = true;
        memmove(&p->way[i], &p->way[i + 1], (size_t)(p->n_way - i - 1) * sizeof p->way[0]);
        p->n_way--;
        batch_drop(b);
        if (is_failed)
            end_session(p, k);
        return;
    }
}

static void round_trip(play *p, int k)
{
    consumer *c = &p->c[k];
    if (!c->s || c->is_cut)
        return;
    uint64_t ticket = ledger_asked(c->s);
    broker_acks(p, k);
    if (ticket)
        ledger_answer(c->s, ticket);
    int n_left = 0;
    for (int i = 0; i < c->n_list; i++) {
        if (c->list[i].is_acked)
            ledger_close(c->s, &c->list[i].ref, 1);
        else
            c->list[n_left++] = c->list[i];
    }
    c->n_list = n_left;
}

/* The consumer notices, waits for its batches (each reported once) and ends its session. */
static void end_session(play *p, int k)
{
    consumer *c = &p->c[k];
    if (!c->s)
        return;
    if (!c->is_cut) {
        if (roll(p, 2) || !p->may_lose_acks)
            round_trip(p, k);
        broker_cuts(p, k);
    }
    for (int i = 0; i < p->n_way;) {
        batch *b = p->way[i];
        if (b->owner != k) {
            i++;
            continue;
        }
        while (b->state == 0)
            commit(p);
        if (b->state == 2)
            ledger_failed(p->l, al_buf_slice(&b->marks));
        memmove(&p->way[i], &p->way[i + 1], (size_t)(p->n_way - i - 1) * sizeof p->way[0]);
        p->n_way--;
        batch_drop(b);
    }
    batch_drop(c->filling);
    c->s = ledger_session_end(c->s);
    *c = (consumer){0};
}

static void cut(play *p, int k)
{
    if (!p->c[k].s || p->c[k].is_cut)
        return;
    if (!p->may_lose_acks)
        round_trip(p, k); /* no acknowledgement is on its way now */
    else if (roll(p, 2))
        broker_acks(p, k);
    broker_cuts(p, k);
}

/* The store gives frames back: the dump stands in the place of any number of older blobs, which
 * may also still be there, before or behind it. */
static void compact(play *p)
{
    int n_keep = p->n_blobs ? roll(p, p->n_blobs + 1) : 0;
    int n_drop = p->n_blobs - n_keep;
    if (p->n_blobs >= BLOBS_MAX - 1)
        n_drop = p->n_blobs;
    n_keep = p->n_blobs - n_drop;
    for (int i = 0; i < n_drop; i++)
        al_buf_done(&p->blobs[i]);
    bool is_first = roll(p, 2);
    memmove(&p->blobs[is_first], &p->blobs[n_drop], (size_t)n_keep * sizeof p->blobs[0]);
    p->blobs[is_first ? 0 : n_keep] = dump(p->l);
    p->n_blobs = n_keep + 1;
}

static void rebuild(play *p)
{
    p->l = ledger_free(p->l);
    p->l = ledger_new();
    for (int i = 0; i < p->n_blobs; i++)
        ledger_apply(p->l, al_buf_slice(&p->blobs[i]));
}

static bool has_closes(play *p)
{
    ledger_session *s = begin(p->l, "q");
    bool any = ledger_closes(s) > 0;
    ledger_session_end(s);
    return any;
}

/* kill -9: what is on its way becomes durable up to anywhere, the rest is gone. */
static void crash(play *p)
{
    for (int k = 0; k < CONSUMERS; k++)
        cut(p, k);
    if (!p->may_lose_acks && (has_closes(p) || p->n_way))
        return; /* then it would be an acknowledgement in flight */
    int n_durable = roll(p, p->n_way + 1);
    for (int i = 0; i < p->n_way; i++) {
        if (p->way[i]->state == 0 && i < n_durable)
            keep(p, p->way[i]);
        batch_drop(p->way[i]);
    }
    p->n_way = 0;
    for (int k = 0; k < CONSUMERS; k++) {
        batch_drop(p->c[k].filling);
        p->c[k].s = ledger_session_end(p->c[k].s);
        p->c[k] = (consumer){0};
    }
    rebuild(p);
}

static void connect_one(play *p, int k)
{
    consumer *c = &p->c[k];
    if (!c->s)
        *c = (consumer){.s = begin(p->l, "q")};
    else if (c->is_cut || (c->has_held && ledger_asked(c->s)))
        end_session(p, k); /* asked while it asks: gives way */
}

static void step(play *p)
{
    int k = roll(p, CONSUMERS);
    switch (roll(p, 40)) {
    case 0:
        cut(p, k);
        break;
    case 1:
        if (roll(p, 8) == 0)
            crash(p);
        break;
    case 2:
        if (roll(p, 4) == 0)
            compact(p);
        break;
    case 3:
    case 4:
        connect_one(p, k);
        break;
    case 5:
    case 6:
    case 7:
        round_trip(p, k);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        submit(p, k);
        break;
    case 12:
    case 13:
    case 14:
    case 15:
        commit(p);
        break;
    case 16:
    case 17:
    case 18:
    case 19:
        process_done(p, k);
        break;
    case 20:
    case 21:
        publish(p);
        break;
    default:
        deliver(p, k);
        break;
    }
}

static bool is_over(const play *p)
{
    for (int i = 0; i < p->n_msgs; i++)
        if (!p->msgs[i].is_gone)
            return false;
    return true;
}

static void play_once(uint64_t seed, bool may_lose_acks)
{
    play *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->seed = seed;
    p->may_lose_acks = may_lose_acks;
    p->l = ledger_new();
    for (int i = 0; p->n_msgs < MESSAGES || i < 20000; i++)
        step(p);
    for (int i = 0; !is_over(p); i++) { /* quiet end: everything arrives */
        assert_true(i < 2000000);
        int k = i % CONSUMERS;
        connect_one(p, k);
        deliver(p, k);
        submit(p, k);
        commit(p);
        process_done(p, k);
        round_trip(p, k);
    }
    for (int i = 0; i < p->n_ids; i++)
        assert_int_equal(p->stored_id[i], 1);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(p->stored_body[i], p->sent_body[i]);
    for (int k = 0; k < CONSUMERS; k++)
        end_session(p, k);
    ledger_stats st = stats_of(p->l);
    assert_int_equal(st.n_bad, 0);
    for (int i = 0; i < p->n_blobs; i++)
        al_buf_done(&p->blobs[i]);
    ledger_free(p->l);
    free(p);
}

static void every_message_is_stored_once_in_every_play(void **state)
{
    (void)state;
    const char *fixed = getenv("ALCO_SEED"); /* NOLINT(concurrency-mt-unsafe): one thread */
    uint64_t first = fixed ? strtoull(fixed, NULL, 0) : (uint64_t)time(NULL) << 20;
    int n = fixed ? 1 : 60;
    play_once(UINT64_C(1882582892412968), false); /* a third session asks while two are cut */
    for (int i = 0; i < n; i++) {
        uint64_t seed = first + (uint64_t)i;
        print_message("# ALCO_SEED=%llu\n", (unsigned long long)seed);
        play_once(seed, true);
        play_once(seed, false);
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
        cmocka_unit_test(every_message_is_stored_once_in_every_play),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
