/* Exchange, queue, bindings.
 * A mismatch is the usual case, not the exception: logcollect declares the exchange durable or not
 * by how it was set up, and the first to declare it decides. A second declaration with other flags
 * is refused with 406 and costs the channel; a passive one then tells whether the thing is usable.
 */
#include "inputs/amqp_topology.h"

#include <string.h>

static al_code use_as_it_is(const al_err *refused, al_code passive, al_buf *notes, al_err *err)
{
    if (passive)
        return al_wrap(err, "after '%.100s'", refused->msg);
    al_buf_printf(notes, "%s%s; it is used as it is", notes->len ? "; " : "", refused->msg);
    return AL_OK;
}

/* The broker's own exchanges: always there, not to be declared or deleted. */
static bool is_brokers_own(al_slice exchange)
{
    return exchange.len == 0 || al_slice_starts(exchange, AL_LIT("amq."));
}

static al_code declare_exchange(amqp_link *k, const amqp_plan *p, al_buf *notes, al_err *err)
{
    if (is_brokers_own(p->exchange))
        return AL_OK;
    amqp_bytes_t name = amqp_bytes_of(p->exchange);
    amqp_bytes_t topic = amqp_text("topic");
    (void)k->mq->exchange_declare(k->c, k->channel, name, topic, 0, p->is_durable, 0, 0,
                                  AMQP_NO_TABLE);
    al_code c = amqp_link_check(k, "declare the exchange", err);
    if (c != AL_EXISTS || k->is_broken)
        return c;
    al_err refused = *err;
    (void)k->mq->exchange_declare(k->c, k->channel, name, topic, 1, 0, 0, 0, AMQP_NO_TABLE);
    return use_as_it_is(&refused, amqp_link_check(k, "look for the exchange", err), notes, err);
}

al_code amqp_topology_count(amqp_link *k, al_slice queue, uint32_t *ret, al_err *err)
{
    const amqp_queue_declare_ok_t *ok =
        k->mq->queue_declare(k->c, k->channel, amqp_bytes_of(queue), 1, 0, 0, 0, AMQP_NO_TABLE);
    uint32_t n = ok ? ok->message_count : 0;
    al_code c = amqp_link_check(k, "look for the queue", err);
    if (!c)
        *ret = n;
    return c;
}

static al_code declare_queue(amqp_link *k, const amqp_plan *p, al_buf *notes, al_err *err)
{
    (void)k->mq->queue_declare(k->c, k->channel, amqp_bytes_of(p->queue), 0,
                               p->is_durable || p->is_detour, 0, 0, AMQP_NO_TABLE);
    al_code c = amqp_link_check(k, "declare the queue", err);
    if (c != AL_EXISTS || k->is_broken)
        return c;
    al_err refused = *err;
    uint32_t n = 0;
    return use_as_it_is(&refused, amqp_topology_count(k, p->queue, &n, err), notes, err);
}

al_code amqp_topology_declare(amqp_link *k, const amqp_plan *p, al_buf *notes, al_err *err)
{
    al_code c = declare_exchange(k, p, notes, err);
    if (!c)
        c = declare_queue(k, p, notes, err);
    if (p->exchange.len == 0)
        return c; /* the default exchange: every queue is bound to it by its name */
    for (size_t i = 0; !c && i < p->n_keys; i++) {
        (void)k->mq->queue_bind(k->c, k->channel, amqp_bytes_of(p->queue),
                                amqp_bytes_of(p->exchange), amqp_bytes_of(p->keys[i]),
                                AMQP_NO_TABLE);
        c = amqp_link_check(k, "bind the queue", err);
    }
    return c;
}

static al_code gone_is_fine(amqp_link *k, al_code c)
{
    return c == AL_NOT_FOUND && !k->is_broken ? AL_OK : c;
}

static al_code delete_queue(amqp_link *k, const amqp_job *job, bool only_empty, al_buf *notes,
                            al_err *err)
{
    const amqp_queue_delete_ok_t *ok = k->mq->queue_delete(k->c, k->channel, amqp_text(job->queue),
                                                           /* if_unused= */ 1, only_empty);
    uint32_t n_lost = ok ? ok->message_count : 0;
    al_code c = gone_is_fine(k, amqp_link_check(k, "delete the queue", err));
    if (!c && n_lost)
        al_buf_printf(notes, "%squeue '%s' was deleted with %u messages that nobody had read",
                      notes->len ? "; " : "", job->queue, n_lost);
    return c;
}

/* Deletes an exchange that is there with another `durable` than wanted, unless queues are bound. */
static al_code free_exchange(amqp_link *k, const amqp_job *job, al_err *err)
{
    if (is_brokers_own(al_cstr(job->exchange)))
        return AL_OK;
    amqp_bytes_t name = amqp_text(job->exchange);
    (void)k->mq->exchange_declare(k->c, k->channel, name, amqp_text("topic"), 0, job->is_durable, 0,
                                  0, AMQP_NO_TABLE);
    al_code c = amqp_link_check(k, "declare the exchange", err);
    if (c != AL_EXISTS || k->is_broken)
        return c;
    (void)k->mq->exchange_delete(k->c, k->channel, name, /* if_unused= */ 1);
    c = amqp_link_check(k, "delete the exchange", err);
    return c == AL_EXISTS && !k->is_broken ? AL_OK : c; /* in use: it is used as it is */
}

al_code amqp_topology_do(amqp_link *k, const amqp_job *job, al_buf *notes, al_err *err)
{
    switch (job->kind) {
    case AMQP_JOB_UNBIND:
        if (!job->exchange[0])
            return AL_OK; /* the default exchange lets nobody unbind */
        (void)k->mq->queue_unbind(k->c, k->channel, amqp_text(job->queue), amqp_text(job->exchange),
                                  amqp_text(job->key), AMQP_NO_TABLE);
        return gone_is_fine(k, amqp_link_check(k, "unbind the queue", err));
    case AMQP_JOB_RECREATE: {
        /* What is as it shall be was declared anew before, or was not there. */
        (void)k->mq->queue_declare(k->c, k->channel, amqp_text(job->queue), 0, job->is_durable, 0,
                                   0, AMQP_NO_TABLE);
        al_code c = amqp_link_check(k, "declare the queue", err);
        if (c == AL_EXISTS && !k->is_broken)
            c = delete_queue(k, job, true, notes, err);
        return c ? c : free_exchange(k, job, err);
    }
    case AMQP_JOB_DRAIN: /* what was to be read has been */
        return delete_queue(k, job, true, notes, err);
    case AMQP_JOB_DELETE:
        break;
    }
    return delete_queue(k, job, false, notes, err);
}
