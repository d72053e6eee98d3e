/* From a batch to messages that cannot come again: submitted (`way`, in order) -> durable ->
 * basic.ack -> round trip (a passive declaration of the queue: its answer shows that what was said
 * before it has arrived) -> ledger_close.
 *
 * Invariant: tags are acknowledged in order and only up to the last tag of a batch that was
 * reported durable, and whose `after` ids are durable too. */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "inputs/amqp_session_priv.h"

enum {
    ACKED_MAX = 1 << 20,    /* acknowledged, not known to have arrived */
    CLOSES_AFTER_MS = 1000, /* without a batch to carry them */
};

static bool refs_add(amqp_refs *to, const ledger_ref *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ledger_ref *grown = al_grow(to->items, &to->cap, to->n, sizeof *grown, 256, ACKED_MAX);
        if (!grown)
            return false; /* they stay open; the ledger forgets them among the lost */
        to->items = grown;
        to->items[to->n++] = items[i];
    }
    return true;
}

amqp_batch *amqp_settle_give_up(amqp_session *s, amqp_batch *b)
{
    if (b && b->is_marked && (!b->is_submitted || (atomic_load(&b->is_done) && b->code)))
        ledger_failed(s->me->g->in->led, al_buf_slice(&b->marks));
    return amqp_batch_drop(b);
}

/* ---- Round trips */

al_code amqp_settle_trip(amqp_session *s, int64_t now, al_err *err)
{
    assert(!s->is_on_trip);
    s->ticket = ledger_asked(s->l);
    amqp_queue_declare_t m = {.queue = amqp_bytes_of(s->what->queue), .passive = 1};
    int status = s->k->mq->send_method(s->k->c, s->k->channel, AMQP_QUEUE_DECLARE_METHOD, &m);
    if (status != AMQP_STATUS_OK)
        return amqp_link_status(s->k, status, "ask for the queue", err);
    amqp_refs swap = s->on_trip;
    s->on_trip = s->acked;
    s->acked = swap;
    s->is_on_trip = true;
    s->trip_ns = now;
    return AL_OK;
}

al_code amqp_settle_trip_end(amqp_session *s, const amqp_queue_declare_ok_t *ok, al_err *err)
{
    s->is_on_trip = false;
    ledger_close(s->l, s->on_trip.items, s->on_trip.n);
    if (s->on_trip.n)
        s->busy_ns = al_mono_ns();
    s->on_trip.n = 0;
    if (s->ticket)
        ledger_answer(s->l, s->ticket);
    if (s->ticket)
        amqp_wake_index(s->me->g->in, s->me->g->index);
    atomic_store(&amqp_session_counters(s)->backlog, ok->message_count);
    s->n_empty = ok->message_count ? 0 : s->n_empty + 1;
    if (s->is_finishing ||
        !amqp_look_is_lost(&s->look, &s->me->n_given_up, al_mono_ns(), s->last_tag,
                           ok->consumer_count, atomic_load(&amqp_session_counters(s)->connected)))
        return AL_OK;
    s->was_cancelled = true;
    return al_fail(err, AL_NOT_FOUND, "the broker has lost this consumer");
}

/* ---- Batches */

al_code amqp_settle_submit(amqp_session *s, al_err *err)
{
    if (s->n_way == AMQP_WAY_MAX)
        return AL_OK;
    al_code c = amqp_batch_submit(s->filling, s->l, err);
    if (c == AL_AGAIN && !s->is_stalled)
        s->stalled_ns = al_mono_ns();
    s->is_stalled = c == AL_AGAIN;
    if (c)
        return c == AL_AGAIN ? AL_OK : c;
    s->way[s->n_way++] = AL_TAKE(s->filling);
    s->busy_ns = al_mono_ns();
    return AL_OK;
}

/* Are the ids of other batches durable on which this one's acknowledgement depends? */
static ledger_state look_after(amqp_session *s, const amqp_batch *b)
{
    ledger_state worst = LEDGER_KEPT;
    for (size_t i = 0; i < b->n_after; i++) {
        ledger_state st = ledger_look(s->l, b->after[i]);
        worst = AL_MIN(worst, st);
    }
    return worst;
}

static al_code ack_up_to(amqp_session *s, uint64_t tag, al_err *err)
{
    if (tag <= s->acked_tag)
        return AL_OK;
    int status = s->k->mq->basic_ack(s->k->c, s->k->channel, tag, /* multiple= */ 1);
    if (status != AMQP_STATUS_OK)
        return amqp_link_status(s->k, status, "acknowledge", err);
    atomic_fetch_sub(&amqp_session_counters(s)->unacked, (int64_t)(tag - s->acked_tag));
    atomic_fetch_add(&amqp_session_counters(s)->acked, tag - s->acked_tag);
    s->acked_tag = tag;
    return AL_OK;
}

al_code amqp_settle(amqp_session *s, al_err *err)
{
    uint64_t tag = 0;
    size_t n = 0;
    al_code c = AL_OK;
    while (n < s->n_way && atomic_load_explicit(&s->way[n]->is_done, memory_order_acquire)) {
        amqp_batch *b = s->way[n];
        if (b->code) {
            c = al_fail(err, b->code == AL_NOT_FOUND ? AL_NOT_FOUND : AL_CANCELLED,
                        "not stored: %s", b->code == AL_AGAIN ? "the disk is full" : b->err.msg);
            break;
        }
        ledger_state st = look_after(s, b);
        if (st == LEDGER_PENDING)
            break;
        if (st == LEDGER_UNKNOWN) {
            c = al_fail(err, AL_CANCELLED, "the batch with an equal message was not stored");
            break;
        }
        tag = AL_MAX(tag, b->last_tag);
        (void)refs_add(&s->acked, b->refs, b->n_refs);
        n++;
    }
    al_err ack_err;
    al_code ack = ack_up_to(s, tag, &ack_err);
    for (size_t i = 0; i < n; i++)
        (void)amqp_batch_drop(s->way[i]);
    s->n_way -= n;
    memmove(&s->way[0], &s->way[n], s->n_way * sizeof(amqp_batch *));
    if (ack && !c) {
        *err = ack_err;
        c = ack;
    }
    return c;
}

al_code amqp_settle_closes(amqp_session *s, int64_t now, al_err *err)
{
    if (s->filling || s->n_way || now < s->busy_ns + CLOSES_AFTER_MS * AL_NS_PER_MS ||
        ledger_closes(s->l) == 0)
        return AL_OK;
    al_code c =
        amqp_batch_new(s->me->g->in->ing, s->me->g->index, s->l, &s->me->waker, &s->filling, err);
    return c ? c : amqp_settle_submit(s, err);
}
