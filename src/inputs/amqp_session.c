/* One session: a channel from its basic.consume to its end.
 *
 * Why frames and not amqp_consume_message: a session must notice basic.cancel (its queue was
 * deleted), closes, and the answers to its own questions between deliveries; the library's call
 * reports anything but a delivery as AMQP_STATUS_UNEXPECTED_STATE, and joins bodies of any size.
 *
 * Path of a message: deliver + header + body frames -> ledger_judge -> `filling` -> submitted
 * (`way`, in order) -> durable -> basic.ack -> round trip (a passive declaration of the queue: its
 * answer shows that what was said before it has arrived) -> ledger_close.
 *
 * When to submit: at once when nothing is on its way, so that a single message does not wait; else
 * what arrives gathers until the batch before it is durable, or this one is full.
 *
 * When to stop reading: while a batch finds no room, too many are on their way, or a delivery is
 * held because another session must be asked about it. The broker then holds the rest: no more
 * than the prefetch is ever on this side. Heartbeats go on. A broker that cannot get rid of what it
 * wants to send ends the connection after 30 s, so a session without room ends itself before.
 *
 * Invariants: (1) tags are acknowledged in order and only up to the last tag of a batch that was
 * reported durable, and whose `after` ids are durable too; (2) nothing of a session outlives it:
 * its tags mean nothing on the next channel; (3) a batch that failed ends the session: what it held
 * was not acknowledged and comes again.
 *
 * Threads: the consumer's own; engine threads only report batches (amqp_batch.h). */
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "inputs/amqp_session_priv.h"

enum {
    READ_MAX = 4 * AMQP_BATCH_DELIVERIES_MAX, /* frames in one go */
    TRIP_EVERY_MS = 20,
    HELD_EVERY_MS = 5,
    STALLED_EVERY_MS = 200,
    STALLED_MS_MAX = 20000,
    IDLE_MS = 1000, /* longest wait: the library looks after heartbeats when it is called */
    FINISH_MS = 5000,
    GONE_MS = 1000,
};

/* ---- Small things */

static bool must_leave(const amqp_session *s)
{
    return atomic_load(&s->me->must_stop) || atomic_load(&s->me->g->in->is_stopping) ||
           atomic_load(&s->me->g->version) != s->what->version;
}

/* ---- Messages */

/* Judges the complete message in s->m and puts it into the filling batch. Leaves it held when
 * another session must be asked. */
static al_code take_message(amqp_session *s, al_err *err)
{
    amqp_message *m = &s->m;
    amqp_group *g = s->me->g;
    if (!s->filling) {
        al_code c =
            amqp_batch_new(g->in->ing, s->me->g->index, s->l, &s->me->waker, &s->filling, err);
        if (c)
            return c;
    }
    amqp_batch *b = s->filling;
    ledger_verdict verdict = LEDGER_STORE;
    ledger_ref ref = {0};
    al_code c = ledger_judge(s->l, &m->d, &b->marks, &verdict, &ref);
    bool is_for_heir = s->heir && (m->d.has_id || m->d.tag > s->what->n_alone);
    if (!c && verdict == LEDGER_STORE && is_for_heir)
        c = ledger_tell_heir(s->l, s->heir, &m->d, m->heir_key, &b->marks);
    s->is_held = !c && verdict == LEDGER_ASK;
    if (s->is_held) {
        amqp_wake_index(g->in, g->index);
        return AL_OK;
    }
    if (!c && verdict == LEDGER_STORE) {
        c = ingest_add(b->records, al_buf_slice(&m->body));
        b->n_stored++;
    } else if (!c) {
        atomic_fetch_add(&g->counters.duplicates, 1);
    }
    if (!c)
        c = amqp_batch_note(b, ref, verdict == LEDGER_ACK_AFTER ? &m->d.key : NULL);
    if (c)
        return al_fail(err, c, "no memory for a message");
    b->n_deliveries++;
    b->last_tag = m->d.tag;
    amqp_message_taken(m);
    return AL_OK;
}

/* Is this one of the first messages of a queue that another one has handed over to? */
static bool may_be_known(amqp_session *s)
{
    amqp_group *g = s->me->g;
    if (atomic_load(&g->n_maybe_known) <= 0)
        return false;
    int64_t left = atomic_fetch_sub(&g->n_maybe_known, 1);
    if (left == 1) {
        {
            AL_LOCKED(&g->in->lock);
            g->is_unsaved = true;
        }
        amqp_group_save(g); /* once: after a restart nothing is compared any more */
    }
    return left > 0;
}

static al_code on_deliver(amqp_session *s, const amqp_basic_deliver_t *d, al_err *err)
{
    al_code c = amqp_message_deliver(&s->m, d, err);
    if (c)
        return c;
    s->last_tag = d->delivery_tag;
    s->n_empty = 0;
    s->m.d.is_redelivered |= may_be_known(s);
    atomic_fetch_add(&amqp_session_counters(s)->unacked, 1);
    atomic_fetch_add(&amqp_session_counters(s)->deliveries, 1);
    if (d->redelivered)
        atomic_fetch_add(&amqp_session_counters(s)->redelivered, 1);
    return AL_OK;
}

static al_code on_header(amqp_session *s, const amqp_frame_t *f, al_err *err)
{
    bool is_whole = false;
    al_code c = amqp_message_header(&s->m, f->payload.properties.body_size,
                                    f->payload.properties.decoded, &is_whole, err);
    if (!c && s->m.is_cut)
        atomic_fetch_add(&amqp_session_counters(s)->cut, 1);
    return c || !is_whole ? c : take_message(s, err);
}

static al_code on_body(amqp_session *s, al_slice piece, al_err *err)
{
    bool is_whole = false;
    al_code c = amqp_message_body(&s->m, piece, &is_whole, err);
    return c || !is_whole ? c : take_message(s, err);
}

/* ---- Frames */

static al_code on_method(amqp_session *s, const amqp_method_t *m, al_err *err)
{
    switch (m->id) {
    case AMQP_BASIC_DELIVER_METHOD:
        return on_deliver(s, m->decoded, err);
    case AMQP_QUEUE_DECLARE_OK_METHOD:
        return s->is_on_trip ? amqp_settle_trip_end(s, m->decoded, err) : AL_OK;
    case AMQP_BASIC_CANCEL_METHOD:
        s->was_cancelled = true;
        return al_fail(err, AL_NOT_FOUND, "the broker cancelled: the queue is gone or has moved");
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD: {
        al_code c = amqp_link_closed(s->k, m, err);
        s->was_cancelled = c == AL_NOT_FOUND;
        s->k->is_broken = true; /* a new channel gets a new connection: this is rare */
        return c;
    }
    case AMQP_CONNECTION_BLOCKED_METHOD: {
        const amqp_connection_blocked_t *b = m->decoded;
        amqp_say(s->me->g, "the broker blocks publishers: %.*s", AL_ARG(amqp_slice_of(b->reason)));
        return AL_OK;
    }
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        amqp_say(s->me->g, "the broker no longer blocks publishers");
        return AL_OK;
    default:
        return AL_OK; /* answers that nobody waits for any more */
    }
}

/* Deliveries that come while the session ends stay the broker's: never judged, never
 * acknowledged. */
static bool is_left_to_broker(const amqp_session *s, const amqp_frame_t *f)
{
    if (!s->is_finishing)
        return false;
    return f->frame_type != AMQP_FRAME_METHOD || f->payload.method.id == AMQP_BASIC_DELIVER_METHOD;
}

static al_code on_frame(amqp_session *s, const amqp_frame_t *f, al_err *err)
{
    if (is_left_to_broker(s, f))
        return AL_OK;
    switch (f->frame_type) {
    case AMQP_FRAME_METHOD:
        return on_method(s, &f->payload.method, err);
    case AMQP_FRAME_HEADER:
        return on_header(s, f, err);
    case AMQP_FRAME_BODY:
        return on_body(s, amqp_slice_of(f->payload.body_fragment), err);
    default:
        return AL_OK;
    }
}

static bool may_read(const amqp_session *s)
{
    if (s->is_finishing)
        return true;
    if (s->is_held || s->is_stalled)
        return false;
    return !s->filling || !amqp_batch_is_full(s->filling);
}

/* Takes what has arrived. *ret_is_drained: there was no more. */
static al_code read_frames(amqp_session *s, bool *ret_is_drained, al_err *err)
{
    for (int i = 0; i < READ_MAX && may_read(s); i++) {
        amqp_frame_t f;
        bool has_frame = false;
        al_code c = amqp_link_frame(s->k, 0, &f, &has_frame, err); /* the one before was copied */
        if (!c && has_frame)
            c = on_frame(s, &f, err);
        if (c)
            return c;
        if (!has_frame) {
            *ret_is_drained = true;
            return AL_OK;
        }
    }
    return AL_OK;
}

/* While nothing is read the library sends no heartbeats: this does, as often as was agreed (the
 * broker may have asked for shorter ones than ours). */
static al_code keep_alive(amqp_session *s, int64_t now, al_err *err)
{
    if (now < s->heartbeat_ns)
        return AL_OK;
    s->heartbeat_ns = now + s->k->mq->get_heartbeat(s->k->c) * AL_NS_PER_S / 3;
    amqp_frame_t beat = {.frame_type = AMQP_FRAME_HEARTBEAT};
    int status = s->k->mq->send_frame(s->k->c, &beat);
    return status == AMQP_STATUS_OK ? AL_OK
                                    : amqp_link_status(s->k, status, "connection lost", err);
}

/* ---- The loop */

static int wait_ms(const amqp_session *s, int64_t now)
{
    if (s->is_held || (s->n_way && s->way[0]->n_after))
        return HELD_EVERY_MS;
    if (s->is_stalled)
        return STALLED_EVERY_MS;
    if ((s->acked.n || s->what->until_empty) && !s->is_on_trip) {
        int64_t due = s->trip_ns + TRIP_EVERY_MS * AL_NS_PER_MS - now;
        return due <= 0 ? 0 : (int)(due / AL_NS_PER_MS) + 1;
    }
    return IDLE_MS;
}

/* Sleeps until there is something to do. Notices the end of a connection that is not read. */
static al_code wait_for_more(amqp_session *s, int ms, al_err *err)
{
    bool is_reading = may_read(s);
    struct pollfd fds[2] = {
        {.fd = s->me->waker.fd, .events = POLLIN},
        {.fd = s->k->mq->get_sockfd(s->k->c), .events = is_reading ? POLLIN : POLLRDHUP},
    };
    (void)poll(fds, 2, ms); /* EINTR: as a wake-up */
    amqp_waker_clear(&s->me->waker);
    if (!is_reading && (fds[1].revents & (POLLRDHUP | POLLHUP | POLLERR)))
        return amqp_link_status(s->k, AMQP_STATUS_CONNECTION_CLOSED, "connection lost", err);
    return AL_OK;
}

static bool is_trip_due(const amqp_session *s, int64_t now)
{
    bool is_wanted = s->acked.n || s->what->until_empty;
    int64_t ms = is_wanted ? TRIP_EVERY_MS : AMQP_LOOK_EVERY_MS;
    return now >= s->trip_ns + ms * AL_NS_PER_MS || ledger_asked(s->l);
}

/* Two answers, because the broker may count what it has handed to the channel as gone before the
 * channel has sent it: between the first question and the second answer it would have come. */
static bool is_empty(const amqp_session *s)
{
    return s->n_empty >= 2 && s->last_tag == s->acked_tag && !s->acked.n && !s->on_trip.n;
}

static al_code step(amqp_session *s, al_err *err)
{
    bool is_drained = false;
    int64_t now = al_mono_ns();
    al_code c = amqp_settle(s, err);
    if (!c && s->is_held)
        c = take_message(s, err);
    if (!c && may_read(s))
        c = read_frames(s, &is_drained, err);
    else if (!c)
        c = keep_alive(s, now, err);
    bool is_due = s->filling && (s->n_way == 0 || amqp_batch_is_full(s->filling));
    if (!c && is_due && (s->filling->n_deliveries || s->is_stalled))
        c = amqp_settle_submit(s, err);
    if (!c && !s->is_on_trip && is_trip_due(s, now))
        c = amqp_settle_trip(s, now, err);
    if (!c)
        c = amqp_settle_closes(s, now, err);
    if (c)
        return c;
    bool has_more = may_read(s) && !is_drained;
    bool is_settled_now = s->n_way && atomic_load(&s->way[0]->is_done) && !s->way[0]->n_after;
    if (has_more || is_settled_now)
        return AL_OK;
    return wait_for_more(s, wait_ms(s, al_mono_ns()), err);
}

static amqp_end end_of(const amqp_session *s, al_code c)
{
    if (s->was_cancelled)
        return AMQP_END_AGAIN;
    return s->k->is_broken || c == AL_IO ? AMQP_END_LOST : AMQP_END_STORE;
}

/* The index is being dropped: ingest has it no more, and the plan that says so is on its way. */
static bool has_new_plan(amqp_session *s)
{
    int64_t end_ns = al_mono_ns() + GONE_MS * AL_NS_PER_MS;
    while (!must_leave(s) && al_mono_ns() < end_ns) {
        struct pollfd fd = {.fd = s->me->waker.fd, .events = POLLIN};
        (void)poll(&fd, 1, HELD_EVERY_MS);
        amqp_waker_clear(&s->me->waker);
    }
    return must_leave(s);
}

static amqp_end run(amqp_session *s, al_err *err)
{
    while (!must_leave(s)) {
        al_code c = step(s, err);
        if (c == AL_NOT_FOUND && !s->was_cancelled && has_new_plan(s))
            return AMQP_END_PLAN;
        if (c)
            return end_of(s, c);
        if (s->what->until_empty && is_empty(s))
            return AMQP_END_EMPTY;
        /* Who is asked while it asks gives way, or two would wait for each other. */
        if (s->is_held && ledger_asked(s->l)) {
            (void)al_fail(err, AL_AGAIN, "another consumer waits for this one");
            return AMQP_END_AGAIN;
        }
        if (s->is_stalled && al_mono_ns() > s->stalled_ns + STALLED_MS_MAX * AL_NS_PER_MS) {
            (void)al_fail(err, AL_AGAIN, "the store has no room: the broker keeps the messages");
            return AMQP_END_FULL;
        }
    }
    return AMQP_END_PLAN;
}

/* ---- The end */

static int64_t finish_deadline(const amqp_session *s)
{
    const amqp_input *in = s->me->g->in;
    return atomic_load(&in->is_stopping) ? atomic_load(&in->stop_deadline_ns)
                                         : al_mono_ns() + FINISH_MS * AL_NS_PER_MS;
}

/* Waits until every batch was reported; acknowledges those at the head while all goes well (and
 * `may_ack`), which is returned: behind a batch that was not stored nothing may be acknowledged
 * (invariant 1). Only a stop ends the wait early: what the engine still has then may become durable
 * after the session. */
static bool wait_for_batches(amqp_session *s, bool may_ack)
{
    al_err ignored; /* the reason why the session ends is known already */
    while (s->n_way) {
        if (may_ack && amqp_settle(s, &ignored))
            may_ack = false;
        if (s->n_way == 0)
            break;
        bool is_done = atomic_load(&s->way[0]->is_done);
        bool is_late = atomic_load(&s->me->g->in->is_stopping) &&
                       al_mono_ns() > atomic_load(&s->me->g->in->stop_deadline_ns);
        if (is_late || (is_done && !may_ack)) {
            may_ack = false;
            (void)amqp_settle_give_up(s, s->way[0]);
            s->n_way--;
            memmove(&s->way[0], &s->way[1], s->n_way * sizeof(amqp_batch *));
            continue;
        }
        struct pollfd fd = {.fd = s->me->waker.fd, .events = POLLIN};
        (void)poll(&fd, 1, is_done ? HELD_EVERY_MS : 100);
        amqp_waker_clear(&s->me->waker);
    }
    return may_ack;
}

/* Reads until the round trip that is under way is back. */
static bool wait_for_trip(amqp_session *s, int64_t deadline_ns)
{
    al_err ignored; /* without the answer the acknowledgements count as in flight */
    while (s->is_on_trip) {
        bool is_drained = false;
        if (read_frames(s, &is_drained, &ignored))
            return false;
        int64_t left = deadline_ns - al_mono_ns();
        if (left <= 0)
            return false;
        if (s->is_on_trip && is_drained &&
            wait_for_more(s, (int)AL_MIN(left / AL_NS_PER_MS + 1, IDLE_MS), &ignored))
            return false;
    }
    return true;
}

/* On a link that works: what was taken is made durable and acknowledged, and that known. */
static void finish(amqp_session *s)
{
    al_err ignored; /* whatever is not finished comes again */
    int64_t deadline_ns = finish_deadline(s);
    s->is_finishing = true;
    bool is_well = wait_for_batches(s, true);
    if (is_well && s->filling && s->filling->n_deliveries)
        is_well = !amqp_settle_submit(s, &ignored) && wait_for_batches(s, true);
    if (!is_well || s->k->is_broken)
        return;
    bool is_known = wait_for_trip(s, deadline_ns);
    if (is_known && s->acked.n && !amqp_settle_trip(s, al_mono_ns(), &ignored))
        is_known = wait_for_trip(s, deadline_ns);
    if (!is_known || s->filling || ledger_closes(s->l) == 0)
        return;
    s->busy_ns = 0;
    if (!amqp_settle_closes(s, al_mono_ns(), &ignored))
        (void)wait_for_batches(s, true);
}

static void session_done(amqp_session *s)
{
    (void)wait_for_batches(s, false);
    s->filling = amqp_settle_give_up(s, s->filling);
    atomic_fetch_sub(&amqp_session_counters(s)->unacked, (int64_t)(s->last_tag - s->acked_tag));
    s->l = ledger_session_end(s->l);
    s->heir = ledger_session_end(s->heir);
    amqp_message_done(&s->m);
    free(s->acked.items);
    free(s->on_trip.items);
}

void amqp_ledger_name(const amqp_link *k, al_slice queue, al_buf *out)
{
    al_buf_put(out, k->where, strlen(k->where) + 1);
    al_buf_slice_put(out, queue);
}

static al_code begin_ledger(amqp_session *s, al_slice queue, ledger_session **ret, al_err *err)
{
    AL_CLEANUP(al_buf_done) al_buf name;
    al_buf_init(&name, 4096);
    amqp_ledger_name(s->k, queue, &name);
    if (al_buf_code(&name))
        return al_fail(err, AL_NOMEM, "no memory for a session");
    return ledger_session_begin(s->me->g->in->led, al_buf_slice(&name), ret, err);
}

static al_code begin(amqp_session *s, al_err *err)
{
    al_code c = begin_ledger(s, s->what->queue, &s->l, err);
    if (!c && s->what->heir.len)
        c = begin_ledger(s, s->what->heir, &s->heir, err);
    if (!c)
        c = amqp_message_init(&s->m, s->l, s->heir, err);
    if (c)
        return c;
    (void)s->k->mq->basic_qos(s->k->c, s->k->channel, 0, AMQP_PREFETCH, 0);
    c = amqp_link_check(s->k, "set the prefetch", err);
    if (c)
        return c;
    (void)s->k->mq->basic_consume(s->k->c, s->k->channel, amqp_bytes_of(s->what->queue),
                                  AMQP_NO_BYTES, 0, /* no_ack= */ 0, 0, AMQP_NO_TABLE);
    return amqp_link_check(s->k, "consume", err);
}

amqp_end amqp_session_run(amqp_consumer *me, const amqp_reading *what, amqp_link *k, al_err *err)
{
    amqp_session *s = al_zalloc(1, sizeof *s);
    if (!s) {
        (void)al_fail(err, AL_NOMEM, "no memory for a session");
        return AMQP_END_STORE;
    }
    s->me = me;
    s->what = what;
    s->k = k;
    amqp_end end = AMQP_END_LOST;
    if (!begin(s, err)) {
        atomic_fetch_add(&amqp_session_counters(s)->connected, 1);
        if (what->ready)
            what->ready(me, what->version);
        end = run(s, err);
        bool is_well = end != AMQP_END_LOST && end != AMQP_END_STORE;
        if (is_well && !k->is_broken && !s->was_cancelled)
            finish(s);
        atomic_fetch_sub(&amqp_session_counters(s)->connected, 1);
    }
    session_done(s);
    free(s);
    return end;
}
