/* Undoing at a broker what an earlier plan of an index had set up.
 *
 * Jobs are done by whichever consumer of the group connects first; each is taken off the list once
 * done, so doing one twice is harmless. Draining is done by one consumer while the others wait
 * without a connection.
 *
 * A queue gets another name: AMQP can neither rename a queue nor move a binding, so for a moment
 * both queues, or none of them, are bound. Both it is: nothing is lost, and what both were given is
 * recognised. Steps: consumers leave the old queue -> its messages are counted (n_alone) -> the new
 * one is declared and bound -> the old one's bindings go -> it is read until it is empty; what
 * stands behind the first n_alone is told to the heir's ledger, with the records -> it is deleted
 * -> the new one is read; its first messages, as many as it held when the old one's bindings were
 * gone, are compared with what its ledger was told, as if they were redelivered. A drain that is
 * broken off (the connection is lost, the plan changes, perhaps back) begins again with n_alone =
 * 0, and compares what it reads as well: more is told and compared than need be, which can mistake
 * a message only for one equal to it that was read in that time. */
#include <poll.h>

#include "base/checked.h"
#include "base/clock.h"
#include "inputs/amqp_priv.h"
#include "inputs/amqp_topology.h"

enum {
    RECREATE_EVERY_MS = 1000,
    RECREATE_MS_MAX = 60000,
    OTHERS_MS = 2000,
    /* Messages that were routed before the old queue's bindings went may come into the heir a
     * little after it was counted. */
    N_LATE = 1000,
    /* Between the new bindings and the end of the old ones. RabbitMQ routes a message by looking
     * through its table step by step while others change it: one that began before a new binding
     * was there and ended when the old one was gone would find neither (seen with 3.10: one message
     * in some hundred changes in full flow). */
    ROUTING_MS = 100,
    WAIT_MS = 50, /* a stop and a new version do not signal `changed` */
};

typedef enum phase { BEFORE, AFTER, DRAIN } phase; /* of a setting up */

static phase phase_of(amqp_job_kind kind)
{
    switch (kind) {
    case AMQP_JOB_RECREATE:
        return BEFORE; /* the declaration */
    case AMQP_JOB_DRAIN:
        return DRAIN;
    case AMQP_JOB_UNBIND:
    case AMQP_JOB_DELETE:
        break;
    }
    return AFTER;
}

/* The next job that may be tried now, behind number `after`. */
static bool next_job(amqp_group *g, uint64_t after, phase ph, amqp_job *ret)
{
    AL_LOCKED(&g->in->lock);
    for (size_t i = 0; i < g->jobs.n; i++) {
        const amqp_job *job = &g->jobs.items[i];
        if (job->number <= after || phase_of(job->kind) != ph)
            continue;
        if (ph == BEFORE && al_mono_ns() < atomic_load(&g->recreate_at_ns))
            continue;
        *ret = *job;
        return true;
    }
    return false;
}

static void job_is_over(amqp_group *g, const amqp_job *job)
{
    AL_LOCKED(&g->in->lock);
    amqp_jobs_remove(&g->jobs, job->number);
    if (job->kind == AMQP_JOB_RECREATE)
        g->recreate_wait_ns = 0;
}

/* False, and later then, while messages come. */
static bool is_quiet(amqp_group *g)
{
    int64_t quiet_ns = atomic_load(&g->delivered_ns) + AMQP_QUIET_MS * AL_NS_PER_MS;
    if (al_mono_ns() >= quiet_ns)
        return true;
    atomic_store(&g->recreate_at_ns, quiet_ns);
    return false;
}

/* A queue that was not empty yet, or is read by others, is tried again later, and later still. */
static void recreate_later(amqp_group *g)
{
    AL_LOCKED(&g->in->lock);
    int64_t wait_ns = AL_MAX(g->recreate_wait_ns * 2, RECREATE_EVERY_MS * AL_NS_PER_MS);
    g->recreate_wait_ns = AL_MIN(wait_ns, RECREATE_MS_MAX * AL_NS_PER_MS);
    atomic_store(&g->recreate_at_ns, al_mono_ns() + g->recreate_wait_ns);
}

/* Waits until the other consumers of the group have left the old queue: it is deleted only unused,
 * and what they hold is in it only then. */
static void wait_for_others(amqp_group *g)
{
    int64_t end_ns = al_mono_ns() + OTHERS_MS * AL_NS_PER_MS;
    AL_LOCKED(&g->in->lock);
    while (atomic_load(&g->counters.connected) > 0 && al_mono_ns() < end_ns)
        (void)al_cond_wait_until(&g->in->changed, &g->in->lock, al_mono_ns() + 5 * AL_NS_PER_MS);
}

/* A refusal ends the job, with a note: trying again would not help. AL_IO: the link is broken. */
static al_code do_job(amqp_group *g, amqp_link *k, const amqp_job *job, al_buf *notes, al_err *err)
{
    al_code c = amqp_topology_do(k, job, notes, err);
    if (c == AL_EXISTS && job->kind == AMQP_JOB_RECREATE) {
        recreate_later(g); /* the job stays */
        return AL_OK;
    }
    if (c && k->is_broken)
        return c;
    if (c)
        al_buf_printf(notes, "%squeue '%s': %s", notes->len ? "; " : "", job->queue, err->msg);
    job_is_over(g, job);
    return AL_OK;
}

static al_code recreate(amqp_group *g, amqp_link *k, al_buf *notes, al_err *err)
{
    amqp_job job = {0};
    while (next_job(g, job.number, BEFORE, &job)) {
        if (!is_quiet(g))
            return AL_OK;
        wait_for_others(g);
        al_code c = do_job(g, k, &job, notes, err);
        if (c)
            return c;
    }
    return AL_OK;
}

/* Sessions look at recreate_at_ns only: it must not call them for a job that is not there. */
static void forget_recreate(amqp_group *g)
{
    AL_LOCKED(&g->in->lock);
    for (size_t i = 0; i < g->jobs.n; i++)
        if (g->jobs.items[i].kind == AMQP_JOB_RECREATE)
            return;
    atomic_store(&g->recreate_at_ns, INT64_MAX);
}

/* Before the heir is bound: how much do the old queues hold? Whoever comes first is right. */
static al_code count_alone(amqp_group *g, amqp_link *k, al_err *err)
{
    amqp_job job = {0};
    while (next_job(g, job.number, DRAIN, &job)) {
        if (job.n_alone >= 0)
            continue;
        wait_for_others(g);
        uint32_t n = 0;
        al_code c = amqp_topology_count(k, al_cstr(job.queue), &n, err);
        if (c && k->is_broken)
            return c;
        bool are_others_gone = atomic_load(&g->counters.connected) == 0;
        AL_LOCKED(&g->in->lock);
        amqp_job *known = amqp_jobs_find(&g->jobs, job.number);
        if (known && known->n_alone < 0)
            known->n_alone = c || !are_others_gone ? 0 : n;
    }
    return AL_OK;
}

al_code amqp_jobs_before(amqp_group *g, amqp_link *k, al_buf *notes, al_err *err)
{
    al_code c = recreate(g, k, notes, err);
    forget_recreate(g);
    return c ? c : count_alone(g, k, err);
}

al_code amqp_jobs_after(amqp_group *g, amqp_link *k, bool is_dropped, al_buf *notes, al_err *err)
{
    amqp_job job = {0};
    bool has_waited = is_dropped; /* nothing is bound anew */
    while (next_job(g, job.number, AFTER, &job)) {
        if (!has_waited && job.kind == AMQP_JOB_UNBIND)
            (void)poll(NULL, 0, ROUTING_MS);
        has_waited |= job.kind == AMQP_JOB_UNBIND;
        al_code c = do_job(g, k, &job, notes, err);
        if (c)
            return c;
    }
    return AL_OK;
}

/* ---- Draining */

void amqp_jobs_wait(amqp_consumer *me, uint64_t version)
{
    amqp_group *g = me->g;
    AL_LOCKED(&g->in->lock);
    while (g->drainer && !atomic_load(&me->must_stop) && !atomic_load(&g->in->is_stopping) &&
           atomic_load(&g->version) == version)
        (void)al_cond_wait_until(&g->in->changed, &g->in->lock,
                                 al_mono_ns() + WAIT_MS * AL_NS_PER_MS);
}

typedef enum turn { NOTHING_LEFT, MY_TURN, ANOTHERS_TURN } turn;

/* The next queue to drain, if nobody else does. A drain that is broken off knows no position. */
static turn take_turn(amqp_consumer *me, amqp_job *ret)
{
    amqp_group *g = me->g;
    if (!next_job(g, 0, DRAIN, ret))
        return NOTHING_LEFT;
    AL_LOCKED(&g->in->lock);
    if (g->drainer && g->drainer != me)
        return ANOTHERS_TURN;
    amqp_job *known = amqp_jobs_find(&g->jobs, ret->number);
    if (!known)
        return ANOTHERS_TURN; /* done meanwhile: look again */
    known->n_alone = 0;
    g->drainer = me;
    return MY_TURN;
}

static void end_turn(amqp_consumer *me)
{
    AL_LOCKED(&me->g->in->lock);
    if (me->g->drainer == me)
        me->g->drainer = NULL;
    (void)pthread_cond_broadcast(&me->g->in->changed);
}

/* Reads the old queue on a connection of its own, which ends with it; then it is deleted by `k`. */
static amqp_end drain(amqp_consumer *me, amqp_link *k, const amqp_job *job, uint64_t version,
                      al_err *err)
{
    amqp_group *g = me->g;
    uint32_t n_maybe = 0;
    al_code c = amqp_topology_count(k, al_cstr(job->heir), &n_maybe, err);
    if (c && k->is_broken)
        return AMQP_END_LOST;
    uint32_t n_left = 0;
    c = amqp_topology_count(k, al_cstr(job->queue), &n_left, err);
    if (c && k->is_broken)
        return AMQP_END_LOST;
    if (job->n_alone == 0)
        atomic_store(&g->n_maybe_known, INT64_MAX);
    if (!c) {
        AL_CLEANUP(amqp_link_dropp) amqp_link *own = NULL;
        if (amqp_link_open(g->address, "alco: an old queue", &own, err))
            return AMQP_END_LOST;
        const amqp_reading rest = {.queue = al_cstr(job->queue),
                                   .version = version,
                                   .heir = al_cstr(job->heir),
                                   .n_alone = (uint64_t)AL_MAX(job->n_alone, 0),
                                   .until_empty = true};
        amqp_end end = amqp_session_run(me, &rest, own, err);
        own = amqp_link_close(own, end != AMQP_END_LOST);
        if (end != AMQP_END_EMPTY)
            return end;
        amqp_say(g, "queue '%s' is read to its end; now '%s'", job->queue, job->heir);
    }
    atomic_store(&g->n_maybe_known, n_maybe + N_LATE);
    AL_CLEANUP(al_buf_done) al_buf notes;
    al_buf_init(&notes, 4096);
    if (do_job(g, k, job, &notes, err))
        return AMQP_END_LOST;
    if (notes.len == 0)
        amqp_forget_queue(g, k, al_cstr(job->queue));
    else if (!al_buf_code(&notes))
        amqp_say(g, "%.*s", AL_ARG(al_buf_slice(&notes)));
    return AMQP_END_EMPTY;
}

amqp_end amqp_jobs_drain(amqp_consumer *me, amqp_link *k, uint64_t version, al_err *err)
{
    for (;;) {
        amqp_job job;
        turn t = take_turn(me, &job);
        if (t == NOTHING_LEFT)
            return AMQP_END_EMPTY;
        if (t == ANOTHERS_TURN)
            return AMQP_END_PLAN; /* amqp_jobs_wait, without a connection */
        amqp_end end = drain(me, k, &job, version, err);
        end_turn(me);
        if (end != AMQP_END_EMPTY)
            return end;
    }
}
