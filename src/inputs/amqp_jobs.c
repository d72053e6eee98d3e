/* Undoing at a broker what an earlier plan of an index had set up.
 *
 * Jobs are noted in the catalogue (amqp_remember.c) and done by whichever consumer of the group
 * connects first; each is taken off the list once done, so doing one twice is harmless. Draining is
 * done by one consumer while the others wait without a connection.
 *
 * A queue gets another name: AMQP can neither rename a queue nor move a binding, so for a moment
 * both queues, or none of them, are bound. Both it is: nothing is lost, and what both were given is
 * recognised. Steps: consumers leave the old queue -> its messages are counted (n_alone) -> the new
 * one is declared and bound -> the old one's bindings go -> it is read until it is empty; what
 * stands behind the first n_alone is told to the heir's ledger, with the records -> it is deleted
 * -> the new one is read; its first messages, as many as it held when the old one's bindings were
 * gone, are compared with what its ledger was told, as if they were redelivered. A drain that is
 * broken off (the connection is lost, the plan changes, perhaps back, the process ends) begins
 * again with n_alone = 0, and compares what it reads as well: more is told and compared than need
 * be, which can mistake a message only for one equal to it that was read in that time. What must be
 * known for that after a kill -9 is noted before the step that makes it true: n_alone before the
 * heir is bound, how many are compared before the old queue is deleted.
 *
 * A queue gets another `durable`: it must be deleted and declared anew, and what is published in
 * between has no queue to go to. When it is empty and stays so for QUIET_MS while nobody reads it,
 * that is done at once, and the exchange follows too unless other queues are bound to it. In flow
 * the queue goes on a detour: it gets another name and its own again, as above, and is declared
 * anew the second time, when the first queue of its name is gone. The exchange stays as it is then:
 * without it senders would be refused. */
#include <poll.h>

#include "base/checked.h"
#include "base/clock.h"
#include "inputs/amqp_priv.h"
#include "inputs/amqp_topology.h"

enum {
    QUIET_MS = 250,
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
        *ret = *job;
        return true;
    }
    return false;
}

static void job_is_over(amqp_group *g, const amqp_job *job)
{
    AL_LOCKED(&g->in->lock);
    amqp_jobs_remove(&g->jobs, job->number);
    g->is_unsaved = true;
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
    if (c && k->is_broken)
        return c;
    if (c)
        al_buf_printf(notes, "%squeue '%s': %s", notes->len ? "; " : "", job->queue, err->msg);
    job_is_over(g, job);
    return AL_OK;
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
        if (known && known->n_alone < 0) {
            known->n_alone = c || !are_others_gone ? 0 : n;
            g->is_unsaved = true;
        }
    }
    return AL_OK;
}

al_code amqp_jobs_before(amqp_group *g, amqp_link *k, al_err *err)
{
    al_code c = count_alone(g, k, err);
    amqp_group_save(g);
    return c;
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
    amqp_group_save(g);
    return AL_OK;
}

/* ---- Turns */

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

/* The next job of a phase that one does while the others wait, if nobody else does. A drain that is
 * broken off knows no position. */
static turn take_turn(amqp_consumer *me, phase ph, amqp_job *ret)
{
    amqp_group *g = me->g;
    if (!next_job(g, 0, ph, ret))
        return NOTHING_LEFT;
    AL_LOCKED(&g->in->lock);
    if (g->drainer && g->drainer != me)
        return ANOTHERS_TURN;
    amqp_job *known = amqp_jobs_find(&g->jobs, ret->number);
    if (!known)
        return ANOTHERS_TURN; /* done meanwhile: look again */
    if (ph == DRAIN)
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

/* ---- Declaring anew */

/* Nobody of us reads it: does anything come in a while? A queue that is not there is quiet. */
static al_code look_if_quiet(amqp_link *k, al_slice queue, bool *ret, al_err *err)
{
    *ret = true;
    for (int i = 0; i < 2 && *ret; i++) {
        uint32_t n = 0;
        if (i)
            (void)poll(NULL, 0, QUIET_MS);
        al_code c = amqp_topology_count(k, queue, &n, err);
        if (c && k->is_broken)
            return c;
        *ret = n == 0;
    }
    return AL_OK;
}

/* The queue gets another name for a while. */
static al_code begin_detour(amqp_group *g, const amqp_job *job, al_err *err)
{
    AL_LOCKED(&g->in->lock);
    if (!amqp_jobs_find(&g->jobs, job->number))
        return AL_OK; /* another change came in between */
    amqp_plan *detour = amqp_plan_detour(g->plan);
    if (!detour)
        return al_fail(err, AL_NOMEM, "no memory for the queues of index '%s'", g->index);
    amqp_jobs_remove(&g->jobs, job->number);
    (void)amqp_jobs_add_change(&g->jobs, g->plan, detour); /* what is missing stays bound */
    g->target = g->plan;
    g->plan = detour;
    g->is_unsaved = true;
    amqp_group_renew_locked(g);
    return AL_OK;
}

/* What stood in the queue is read, and it is gone: back to its name. */
static bool end_detour(amqp_group *g)
{
    {
        AL_LOCKED(&g->in->lock);
        if (!g->target || g->is_dropped)
            return false;
        (void)amqp_jobs_add_change(&g->jobs, g->plan, g->target);
        (void)amqp_plan_unref(g->plan);
        g->plan = AL_TAKE(g->target);
        g->is_unsaved = true;
        amqp_group_prune_locked(g);
        amqp_group_renew_locked(g);
    }
    amqp_group_save(g);
    return true;
}

/* Is the job's queue about to be declared anew? Then what is known of it is of use. */
static bool is_to_return(amqp_group *g, const amqp_job *job)
{
    AL_LOCKED(&g->in->lock);
    return g->target && al_slice_eq(g->target->queue, al_cstr(job->queue));
}

static al_code recreate(amqp_group *g, amqp_link *k, const amqp_job *job, al_err *err)
{
    AL_CLEANUP(al_buf_done) al_buf notes;
    al_buf_init(&notes, 4096);
    wait_for_others(g);
    bool is_quiet = false;
    al_code c = look_if_quiet(k, al_cstr(job->queue), &is_quiet, err);
    if (c)
        return c;
    c = is_quiet ? amqp_topology_do(k, job, &notes, err) : AL_EXISTS;
    if (c && k->is_broken)
        return c;
    if (c == AL_EXISTS)
        return begin_detour(g, job, err);
    if (c)
        amqp_say(g, "queue '%s': %s", job->queue, err->msg);
    job_is_over(g, job);
    return AL_OK;
}

al_code amqp_jobs_recreate(amqp_consumer *me, amqp_link *k, al_err *err)
{
    amqp_job job;
    turn t = take_turn(me, BEFORE, &job);
    if (t == NOTHING_LEFT)
        return AL_OK;
    if (t == ANOTHERS_TURN)
        return AL_AGAIN;
    al_code c = recreate(me->g, k, &job, err);
    end_turn(me);
    amqp_group_save(me->g);
    return c;
}

/* ---- Reading old queues to their end */

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
    {
        AL_LOCKED(&g->in->lock);
        atomic_store(&g->n_maybe_known, n_maybe + N_LATE);
        g->is_unsaved = true;
    }
    amqp_group_save(g);
    AL_CLEANUP(al_buf_done) al_buf notes;
    al_buf_init(&notes, 4096);
    if (do_job(g, k, job, &notes, err))
        return AMQP_END_LOST;
    amqp_group_save(g);
    if (notes.len == 0 && !is_to_return(g, job))
        amqp_forget_queue(g, k, al_cstr(job->queue));
    else if (!al_buf_code(&notes))
        amqp_say(g, "%.*s", AL_ARG(al_buf_slice(&notes)));
    return AMQP_END_EMPTY;
}

amqp_end amqp_jobs_drain(amqp_consumer *me, amqp_link *k, uint64_t version, al_err *err)
{
    for (;;) {
        amqp_job job;
        turn t = take_turn(me, DRAIN, &job);
        if (t == NOTHING_LEFT)
            return end_detour(me->g) ? AMQP_END_PLAN : AMQP_END_EMPTY;
        if (t == ANOTHERS_TURN)
            return AMQP_END_PLAN; /* amqp_jobs_wait, without a connection */
        amqp_end end = drain(me, k, &job, version, err);
        end_turn(me);
        if (end != AMQP_END_EMPTY)
            return end;
    }
}
