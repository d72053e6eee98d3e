/* The ledger of deliveries: exactly once, over brokers that deliver at least once.
 *
 * Why: a record is durable first and acknowledged then. If the connection or this process ends in
 * between, the broker delivers the message again, marked `redelivered`. Nothing but memory of what
 * was stored can tell that second delivery from a new message.
 *
 * How: a message with an id is known by it for as long as the queue's last LEDGER_IDS_MAX ids reach
 * back. A message without one is `open` from its judgement until its acknowledgement is known to
 * have arrived; after that the broker cannot deliver it again. A redelivered message that equals an
 * open one of a session that has ended is that message: it is acknowledged, takes the open one's
 * place in the new session, and is lost again with it. A message that is not marked redelivered
 * never equals anything, so that equal messages sent twice stay two.
 *
 * An open message:   judge -> PENDING -> apply -> KEPT -> close -> CLOSING -> apply -> gone
 *                              |failed: gone       |session ends: lost, until a redelivery takes it
 *
 * A session that lives is asked before its open message is taken for lost or for another: the
 * broker may have ended its connection, and delivered to us what was its own, before it noticed.
 * Both sides count tickets; an answer is a round trip begun after the question (ask_locked).
 * Answers given before an equal open message was taken count no longer: what took it may be the
 * message of the session that answered, and then that session's is the asker's.
 *
 * Invariants (marks: ledger_marks.c): (1) what is not PENDING is exactly what the applied marks
 * say, so a dump of it may stand for them; (2) an O or I that is known already, and a C whose
 * message is not there, change nothing: dumps and marks may overlap; (3) a name (session, tag) is
 * never used twice, because session numbers exceed every number seen and the wall clock at start.
 *
 * Threads: one lock around everything. Sessions are used by one thread each, but only their numbers
 * and tickets are theirs; both are guarded too. */
#include "ingest/ledger.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "ingest/ledger_marks.h"
#include "ingest/ledger_sets.h"

enum {
    QUEUE_BUCKETS = 1024,
    TAKEN_BUCKETS = 1024,
    CLOSES_MAX = 1 << 20, /* of one queue, waiting for a batch; far more than can be open */
};

typedef struct queue queue;
struct queue {
    ledger_key hash;
    id_set ids;
    open_set opens;
    ledger_ref *closes; /* closed, but no batch has taken the marks yet */
    size_t n_closes;
    size_t closes_cap;
    ledger_session *sessions; /* that live */
    queue *next;              /* of the same bucket */
};

struct ledger_session {
    ledger *l;
    queue *q;
    uint64_t name;     /* for marks: unique for ever */
    uint32_t number;   /* for slots: unique in this process */
    uint64_t asked;    /* newest ticket put to it; 0: none */
    uint64_t answered; /* newest ticket answered */
    ledger_session *next;
};

struct ledger {
    pthread_mutex_t lock;
    /* guarded by lock */
    queue *queues[QUEUE_BUCKETS];
    size_t n_queues;
    uint64_t last_session;
    uint32_t last_number;
    uint64_t last_ticket;
    uint64_t taken[TAKEN_BUCKETS]; /* the ticket at which one of these keys was taken last */
    uint64_t n_forgotten;
    uint64_t n_bad;
};

ledger *ledger_new(void)
{
    ledger *l = al_zalloc(1, sizeof *l);
    if (!l)
        return NULL;
    (void)pthread_mutex_init(&l->lock, NULL);
    l->last_session = (uint64_t)al_now_ns();
    return l;
}

static void queue_free(queue *q)
{
    id_set_done(&q->ids);
    open_set_done(&q->opens);
    free(q->closes);
    free(q);
}

static bool has_sessions(ledger *l)
{
    AL_LOCKED(&l->lock);
    for (size_t b = 0; b < QUEUE_BUCKETS; b++)
        for (const queue *q = l->queues[b]; q; q = q->next)
            if (q->sessions)
                return true;
    return false;
}

ledger *ledger_free(ledger *l)
{
    if (!l || has_sessions(l))
        return NULL;
    for (size_t b = 0; b < QUEUE_BUCKETS; b++) {
        for (queue *q = l->queues[b]; q;) {
            queue *next = q->next;
            queue_free(q);
            q = next;
        }
    }
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
    return NULL;
}

/* ---- Hashes */

static ledger_key key_of(XXH128_hash_t h)
{
    return (ledger_key){h.low64, h.high64};
}

static ledger_key queue_hash(al_slice name)
{
    return key_of(XXH3_128bits(name.ptr, name.len));
}

struct ledger_hash {
    XXH3_state_t *state;
};

ledger_hash *ledger_hash_new(void)
{
    AL_CLEANUP(ledger_hash_freep) ledger_hash *h = al_zalloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->state = XXH3_createState();
    return h->state ? AL_TAKE(h) : NULL;
}

ledger_hash *ledger_hash_free(ledger_hash *h)
{
    if (!h)
        return NULL;
    (void)XXH3_freeState(h->state);
    free(h);
    return NULL;
}

/* What a key is of goes in front of it, with lengths, so that no two inputs run together. */
typedef struct key_head {
    uint64_t queue_lo;
    uint64_t queue_hi;
    uint64_t kind; /* 'I' or 'O' */
    uint64_t name_bytes;
} key_head;

void ledger_hash_begin(ledger_hash *h, const ledger_session *s, al_slice routing_key)
{
    key_head head = {s->q->hash.lo, s->q->hash.hi, 'O', routing_key.len};
    (void)XXH3_128bits_reset(h->state); /* these fail for NULL only */
    (void)XXH3_128bits_update(h->state, &head, sizeof head);
    (void)XXH3_128bits_update(h->state, routing_key.ptr, routing_key.len);
}

void ledger_hash_add(ledger_hash *h, al_slice body)
{
    (void)XXH3_128bits_update(h->state, body.ptr, body.len);
}

ledger_key ledger_hash_end(ledger_hash *h)
{
    return key_of(XXH3_128bits_digest(h->state));
}

ledger_key ledger_key_of_id(const ledger_session *s, al_slice message_id)
{
    /* A message_id is a short string: at most 255 bytes on the wire. Longer ones are hashed first.
     */
    uint8_t text[sizeof(key_head) + 256];
    key_head head = {s->q->hash.lo, s->q->hash.hi, 'I', message_id.len};
    memcpy(text, &head, sizeof head);
    if (message_id.len <= sizeof text - sizeof head) {
        if (message_id.len)
            memcpy(text + sizeof head, message_id.ptr, message_id.len);
        return key_of(XXH3_128bits(text, sizeof head + message_id.len));
    }
    XXH128_hash_t inner = XXH3_128bits(message_id.ptr, message_id.len);
    memcpy(text + sizeof head, &inner, sizeof inner);
    return key_of(XXH3_128bits(text, sizeof head + sizeof inner));
}

/* ---- Queues and sessions */

static queue *queue_find_locked(ledger *l, ledger_key hash)
{
    queue *q = l->queues[hash.lo % QUEUE_BUCKETS];
    while (q && (q->hash.lo != hash.lo || q->hash.hi != hash.hi))
        q = q->next;
    return q;
}

static al_code queue_get_locked(ledger *l, ledger_key hash, queue **ret)
{
    queue *q = queue_find_locked(l, hash);
    if (!q) {
        if (l->n_queues == LEDGER_QUEUES_MAX)
            return AL_LIMIT;
        q = al_zalloc(1, sizeof *q);
        if (!q)
            return AL_NOMEM;
        q->hash = hash;
        id_set_init(&q->ids);
        open_set_init(&q->opens);
        q->next = l->queues[hash.lo % QUEUE_BUCKETS];
        l->queues[hash.lo % QUEUE_BUCKETS] = q;
        l->n_queues++;
    }
    *ret = q;
    return AL_OK;
}

al_code ledger_session_begin(ledger *l, al_slice queue_name, ledger_session **ret, al_err *err)
{
    AL_LOCKED(&l->lock);
    AL_CLEANUP(al_freep) ledger_session *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "no memory for a session of queue '%.*s'",
                       AL_ARG(queue_name));
    queue *q = NULL;
    al_code c = queue_get_locked(l, queue_hash(queue_name), &q);
    if (c == AL_LIMIT)
        return al_fail(err, c, "more than %d queues are remembered", LEDGER_QUEUES_MAX);
    if (c)
        return al_fail(err, c, "no memory for queue '%.*s'", AL_ARG(queue_name));
    *s = (ledger_session){
        .l = l, .q = q, .name = ++l->last_session, .number = ++l->last_number, .next = q->sessions};
    q->sessions = s;
    *ret = AL_TAKE(s);
    return AL_OK;
}

static void trim_locked(ledger *l, queue *q)
{
    if (q->opens.n_lost > LEDGER_LOST_MAX)
        l->n_forgotten += open_set_trim(&q->opens);
}

ledger_session *ledger_session_end(ledger_session *s)
{
    if (!s)
        return NULL;
    ledger *l = s->l;
    AL_LOCKED(&l->lock);
    queue *q = s->q;
    id_set_drop_owner(&q->ids, s->number);
    for (uint32_t i = q->opens.oldest; i != NO_SLOT;) {
        const open_slot *slot = &q->opens.slots[i];
        uint32_t newer = slot->newer;
        if (slot->owner == s->number && slot->state == OPEN_PENDING)
            open_set_remove(&q->opens, i);
        else if (slot->owner == s->number)
            open_set_put(&q->opens, i, 0, slot->state);
        i = newer;
    }
    trim_locked(l, q);
    ledger_session **link = &q->sessions;
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    free(s);
    return NULL;
}

void ledger_forget(ledger *l, al_slice queue_name)
{
    AL_LOCKED(&l->lock);
    ledger_key hash = queue_hash(queue_name);
    queue **link = &l->queues[hash.lo % QUEUE_BUCKETS];
    while (*link && ((*link)->hash.lo != hash.lo || (*link)->hash.hi != hash.hi))
        link = &(*link)->next;
    queue *q = *link;
    if (!q || q->sessions)
        return;
    *link = q->next;
    l->n_queues--;
    queue_free(q);
}

/* ---- Judging */

void ledger_marks_begin(const ledger_session *s, al_buf *marks)
{
    marks_put_version(marks);
    marks_put_head(marks, s->q->hash, s->name);
}

static al_code judge_id_locked(ledger_session *s, const ledger_delivery *d, al_buf *marks,
                               ledger_verdict *ret)
{
    const id_slot *known = id_set_find(&s->q->ids, d->key);
    if (known) {
        *ret = known->owner ? LEDGER_ACK_AFTER : LEDGER_ACK;
        return AL_OK;
    }
    size_t len = marks->len;
    marks_put_id(marks, d->key);
    if (al_buf_code(marks))
        return marks_undo(marks, len);
    if (id_set_add_pending(&s->q->ids, d->key, s->number)) {
        (void)marks_undo(marks, len);
        return AL_NOMEM;
    }
    *ret = LEDGER_STORE;
    return AL_OK;
}

static ledger_session *session_of_locked(const queue *q, uint32_t number)
{
    ledger_session *s = q->sessions;
    while (s && s->number != number)
        s = s->next;
    return s;
}

/* The open message that a redelivered one is, when its session has ended; or NO_SLOT. */
static uint32_t find_lost_locked(const ledger_session *s, ledger_key key)
{
    const open_set *opens = &s->q->opens;
    uint32_t i = open_set_first(opens, key);
    while (i != NO_SLOT && (opens->slots[i].owner != 0 || opens->slots[i].state != OPEN_KEPT))
        i = open_set_next(opens, i);
    return i;
}

static uint64_t *taken_of(ledger *l, ledger_key key)
{
    return &l->taken[key.lo % TAKEN_BUCKETS];
}

/* Puts d's ticket to every other session that holds an equal open message and has not answered it;
 * false when there is none. */
static bool ask_locked(const ledger_session *s, ledger_delivery *d)
{
    const open_set *opens = &s->q->opens;
    bool is_asked = false;
    if (d->ticket < *taken_of(s->l, d->key))
        d->ticket = 0; /* asked anew */
    for (uint32_t i = open_set_first(opens, d->key); i != NO_SLOT; i = open_set_next(opens, i)) {
        const open_slot *slot = &opens->slots[i];
        if (slot->state == OPEN_CLOSING || slot->owner == s->number)
            continue;
        ledger_session *other = session_of_locked(s->q, slot->owner);
        assert(other); /* ledger_session_end gives up what it owned */
        if (d->ticket != 0 && other->answered >= d->ticket)
            continue;
        if (d->ticket == 0)
            d->ticket = ++s->l->last_ticket;
        other->asked = AL_MAX(other->asked, d->ticket);
        is_asked = true;
    }
    return is_asked;
}

static al_code judge_open_locked(ledger_session *s, ledger_delivery *d, al_buf *marks,
                                 ledger_verdict *ret, ledger_ref *ret_ref)
{
    open_set *opens = &s->q->opens;
    uint32_t i = d->is_redelivered ? find_lost_locked(s, d->key) : NO_SLOT;
    if (i != NO_SLOT) {
        open_set_put(opens, i, s->number, OPEN_KEPT);
        *taken_of(s->l, d->key) = ++s->l->last_ticket;
        *ret_ref = opens->slots[i].name;
        *ret = LEDGER_ACK;
        return AL_OK;
    }
    if (d->is_redelivered && ask_locked(s, d)) {
        *ret = LEDGER_ASK;
        return AL_OK;
    }
    size_t len = marks->len;
    marks_put_open(marks, d->tag, d->key);
    if (al_buf_code(marks))
        return marks_undo(marks, len);
    ledger_ref name = {s->name, d->tag};
    if (open_set_add(opens, d->key, name, s->number, OPEN_PENDING)) {
        (void)marks_undo(marks, len);
        return AL_NOMEM;
    }
    *ret_ref = name;
    *ret = LEDGER_STORE;
    return AL_OK;
}

al_code ledger_judge(ledger_session *s, ledger_delivery *d, al_buf *marks, ledger_verdict *ret,
                     ledger_ref *ret_ref)
{
    assert(marks->len > 0); /* ledger_marks_begin */
    *ret_ref = (ledger_ref){0};
    AL_LOCKED(&s->l->lock);
    if (d->has_id)
        return judge_id_locked(s, d, marks, ret);
    return judge_open_locked(s, d, marks, ret, ret_ref);
}

ledger_state ledger_look(ledger_session *s, ledger_key id_key)
{
    AL_LOCKED(&s->l->lock);
    const id_slot *known = id_set_find(&s->q->ids, id_key);
    if (!known)
        return LEDGER_UNKNOWN;
    return known->owner ? LEDGER_PENDING : LEDGER_KEPT;
}

al_code ledger_tell_heir(const ledger_session *s, const ledger_session *heir,
                         const ledger_delivery *d, ledger_key key, al_buf *marks)
{
    size_t len = marks->len;
    marks_put_head(marks, heir->q->hash, s->name);
    if (d->has_id)
        marks_put_id(marks, key);
    else
        marks_put_open(marks, d->tag, key);
    marks_put_head(marks, s->q->hash, s->name);
    return al_buf_code(marks) ? marks_undo(marks, len) : AL_OK;
}

uint64_t ledger_asked(ledger_session *s)
{
    AL_LOCKED(&s->l->lock);
    return s->asked > s->answered ? s->asked : 0;
}

void ledger_answer(ledger_session *s, uint64_t ticket)
{
    AL_LOCKED(&s->l->lock);
    if (ticket > s->answered)
        s->answered = ticket;
}

/* ---- Closing */

static bool closes_put_locked(queue *q, ledger_ref name)
{
    ledger_ref *closes =
        al_grow(q->closes, &q->closes_cap, q->n_closes, sizeof *closes, 256, CLOSES_MAX);
    if (!closes)
        return false;
    q->closes = closes;
    q->closes[q->n_closes++] = name;
    return true;
}

void ledger_close(ledger_session *s, const ledger_ref *refs, size_t n)
{
    AL_LOCKED(&s->l->lock);
    open_set *opens = &s->q->opens;
    for (size_t k = 0; k < n; k++) {
        uint32_t i = refs[k].session ? open_set_find(opens, refs[k]) : NO_SLOT;
        if (i == NO_SLOT || opens->slots[i].state != OPEN_KEPT)
            continue;
        /* Without memory it stays open, and is forgotten among the lost ones one day. */
        if (closes_put_locked(s->q, refs[k]))
            open_set_put(opens, i, 0, OPEN_CLOSING);
    }
}

size_t ledger_take_closes(ledger_session *s, al_buf *marks, size_t n_max)
{
    AL_LOCKED(&s->l->lock);
    queue *q = s->q;
    size_t n = 0;
    while (n < n_max && q->n_closes > 0) {
        size_t len = marks->len;
        ledger_ref name = q->closes[q->n_closes - 1];
        marks_put_close(marks, name);
        if (al_buf_code(marks)) {
            (void)marks_undo(marks, len);
            break;
        }
        q->n_closes--;
        n++;
    }
    return n;
}

size_t ledger_closes(ledger_session *s)
{
    AL_LOCKED(&s->l->lock);
    return s->q->n_closes;
}

/* ---- What is durable */

static al_code apply_mark_locked(ledger *l, const mark *m)
{
    queue *q = NULL;
    al_code c = queue_get_locked(l, m->queue, &q);
    if (c)
        return c;
    if (m->op == 'I')
        return id_set_keep(&q->ids, m->key);
    uint32_t i = open_set_find(&q->opens, m->name);
    if (m->op == 'C') {
        if (i != NO_SLOT && q->opens.slots[i].state != OPEN_PENDING)
            open_set_remove(&q->opens, i);
        return AL_OK;
    }
    l->last_session = AL_MAX(l->last_session, m->name.session);
    if (i == NO_SLOT)
        c = open_set_add(&q->opens, m->key, m->name, 0, OPEN_KEPT);
    else if (q->opens.slots[i].state == OPEN_PENDING)
        open_set_put(&q->opens, i, q->opens.slots[i].owner, OPEN_KEPT);
    trim_locked(l, q);
    return c;
}

void ledger_apply(ledger *l, al_slice marks)
{
    AL_LOCKED(&l->lock);
    mark_reader reader = mark_reader_of(marks);
    mark m;
    bool is_bad = false;
    while (mark_read(&reader, &m, &is_bad))
        if (apply_mark_locked(l, &m))
            is_bad = true;
    l->n_bad += is_bad;
}

void ledger_failed(ledger *l, al_slice marks)
{
    AL_LOCKED(&l->lock);
    mark_reader reader = mark_reader_of(marks);
    mark m;
    bool is_bad = false;
    while (mark_read(&reader, &m, &is_bad)) {
        queue *q = queue_find_locked(l, m.queue);
        if (!q)
            continue;
        if (m.op == 'I') {
            id_set_drop_pending(&q->ids, m.key);
            continue;
        }
        uint32_t i = open_set_find(&q->opens, m.name);
        if (i == NO_SLOT)
            continue;
        if (m.op == 'O' && q->opens.slots[i].state == OPEN_PENDING)
            open_set_remove(&q->opens, i);
        else if (m.op == 'C' && !closes_put_locked(q, m.name))
            open_set_put(&q->opens, i, 0, OPEN_KEPT); /* no memory: lost, forgotten one day */
    }
    l->n_bad += is_bad;
}

static void dump_queue_locked(const queue *q, al_buf *out)
{
    marks_put_head(out, q->hash, 0);
    for (uint32_t i = q->ids.oldest; i != NO_SLOT; i = q->ids.slots[i].newer)
        marks_put_id(out, q->ids.slots[i].key);
    uint64_t session = 0;
    for (uint32_t i = q->opens.oldest; i != NO_SLOT; i = q->opens.slots[i].newer) {
        const open_slot *slot = &q->opens.slots[i];
        if (slot->state == OPEN_PENDING)
            continue;
        if (slot->name.session != session) {
            session = slot->name.session;
            marks_put_head(out, q->hash, session);
        }
        marks_put_open(out, slot->name.tag, slot->key);
    }
}

al_code ledger_dump(ledger *l, al_buf *out)
{
    AL_LOCKED(&l->lock);
    bool is_first = true;
    for (size_t b = 0; b < QUEUE_BUCKETS; b++) {
        for (const queue *q = l->queues[b]; q; q = q->next) {
            if (!q->ids.n_durable && !q->opens.n)
                continue;
            if (is_first) {
                marks_put_version(out);
                is_first = false;
            }
            dump_queue_locked(q, out);
        }
    }
    return al_buf_code(out);
}

void ledger_count(ledger *l, ledger_stats *ret)
{
    AL_LOCKED(&l->lock);
    ledger_stats st = {.n_queues = l->n_queues,
                       .n_forgotten = l->n_forgotten,
                       .n_bad = l->n_bad,
                       .bytes = sizeof *l};
    for (size_t b = 0; b < QUEUE_BUCKETS; b++) {
        for (const queue *q = l->queues[b]; q; q = q->next) {
            st.n_ids += q->ids.n;
            st.n_open += q->opens.n;
            st.bytes += sizeof *q + q->closes_cap * sizeof *q->closes +
                        q->ids.n_cap * sizeof(id_slot) + q->ids.n_buckets * sizeof(uint32_t) +
                        q->opens.n_cap * sizeof(open_slot) +
                        2 * q->opens.n_buckets * sizeof(uint32_t);
        }
    }
    *ret = st;
}
