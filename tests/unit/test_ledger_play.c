/* Goal: each message is stored once, whatever is redelivered, fails, is lost or restarted.
 * Method: a broker with one queue, a store and three consumers played at random, against what was
 * published. The seed is printed; ALCO_SEED=n repeats it. The rules one by one: test_ledger.c. */
#include "ledger_help.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

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
        cmocka_unit_test(every_message_is_stored_once_in_every_play),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
