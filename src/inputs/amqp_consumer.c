/* One consumer: a thread that connects, sets up what its plan asks for, runs sessions, and begins
 * again until it is told to stop.
 *
 * Waiting: a broker that went away is tried again at once, then after growing pauses of at most
 * half a second (with jitter, so that a hundred consumers do not come back in one instant): it is
 * followed within a second of its return. A broker that refuses us (password, rights, virtual
 * host), or a store that fails, is given up to 5 s: trying sooner changes nothing. A change of the
 * plan ends any pause.
 *
 * Jobs (undoing what an earlier plan had set up) are amqp_jobs.c. */
#include <assert.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "inputs/amqp_priv.h"
#include "inputs/amqp_topology.h"

enum {
    AWAY_MS_MAX = 500,
    REFUSED_MS_MAX = 5000,
    FIRST_PAUSE_MS = 20,
    ROOM_S = 5,
    SAY_AGAIN_S = 60,
};

/* ---- What is said to people, once and not once an attempt */

void amqp_say(amqp_group *g, const char *fmt, ...)
{
    if (!g->in->log)
        return;
    char what[600];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    amqp_clean(what);
    char line[1400];
    (void)snprintf(line, sizeof line, "amqp %s index %s: %s", g->address->label, g->index, what);
    g->in->log(g->in->log_ctx, line);
}

static void say_down(amqp_group *g, const char *why)
{
    int64_t now = al_mono_ns();
    {
        AL_LOCKED(&g->in->lock);
        if (g->is_down && now < g->said_ns + SAY_AGAIN_S * AL_NS_PER_S)
            return;
        g->is_down = true;
        g->said_ns = now;
    }
    amqp_say(g, "%s; trying again", why);
}

static void say_note(amqp_group *g, al_buf *notes)
{
    al_buf_u8(notes, 0); /* without any the last one holds no more */
    if (al_buf_code(notes))
        return;
    char *text = (char *)notes->ptr;
    amqp_clean(text);
    {
        AL_LOCKED(&g->in->lock);
        if (strncmp(g->last_note, text, sizeof g->last_note - 1) == 0)
            return;
        (void)snprintf(g->last_note, sizeof g->last_note, "%s", text);
    }
    if (text[0])
        amqp_say(g, "%s", text);
}

/* ---- Reports to those who wait for a change */

static void ready(amqp_consumer *me, uint64_t version)
{
    amqp_group *g = me->g;
    bool must_say = false;
    {
        AL_LOCKED(&g->in->lock);
        me->settled = version;
        must_say = g->is_down || !g->was_up;
        g->state = AMQP_CONNECTED;
        g->is_down = false;
        g->was_up = true;
        (void)pthread_cond_broadcast(&g->in->changed);
    }
    if (must_say)
        amqp_say(g, "connected");
}

static void failed(amqp_consumer *me, uint64_t version)
{
    AL_LOCKED(&me->g->in->lock);
    me->failed = AL_MAX(me->failed, version);
    (void)pthread_cond_broadcast(&me->g->in->changed);
}

/* ---- Pauses */

static bool must_stop(const amqp_consumer *me)
{
    return atomic_load(&me->must_stop) || atomic_load(&me->g->in->is_stopping);
}

/* `n` pauses were made before. Ends early when the plan is newer than `version`, or at a stop. */
static void pause_before(amqp_consumer *me, unsigned n, int ms_max, uint64_t version)
{
    if (n == 0)
        return;
    int64_t ms = (int64_t)FIRST_PAUSE_MS << AL_MIN(n, 10U);
    ms = AL_MIN(ms, ms_max);
    unsigned char dice = 128;
    if (getrandom(&dice, sizeof dice, GRND_NONBLOCK) != sizeof dice)
        dice = 128;                /* no jitter then */
    ms = ms / 2 + ms * dice / 512; /* half to all of it */
    int64_t end_ns = al_mono_ns() + ms * AL_NS_PER_MS;
    while (!must_stop(me) && atomic_load(&me->g->version) == version) {
        int64_t left = end_ns - al_mono_ns();
        if (left <= 0)
            return;
        struct pollfd fd = {.fd = me->waker.fd, .events = POLLIN};
        (void)poll(&fd, 1, (int)(left / AL_NS_PER_MS) + 1);
        amqp_waker_clear(&me->waker);
    }
}

/* Until the store says that there is room (it may have said so already, after `n_before`), or for
 * ROOM_S: then trying shows, since a store that only ran into a full disk says nothing. */
static void wait_for_room(amqp_consumer *me, uint64_t n_before, uint64_t version)
{
    int64_t end_ns = al_mono_ns() + ROOM_S * AL_NS_PER_S;
    while (!must_stop(me) && atomic_load(&me->g->version) == version &&
           atomic_load(&me->g->in->n_rooms) == n_before && al_mono_ns() < end_ns) {
        struct pollfd fd = {.fd = me->waker.fd, .events = POLLIN};
        (void)poll(&fd, 1, 1000);
        amqp_waker_clear(&me->waker);
    }
}

/* ---- Setting up */

static al_code set_up(amqp_consumer *me, amqp_link *k, const amqp_plan *plan, bool is_dropped,
                      al_err *err)
{
    amqp_group *g = me->g;
    AL_CLEANUP(al_buf_done) al_buf notes;
    al_buf_init(&notes, 1 << 16);
    al_code c = AL_OK;
    if (!is_dropped) {
        c = amqp_jobs_before(g, k, err);
        if (!c)
            c = amqp_topology_declare(k, plan, &notes, err);
    }
    if (!c)
        c = amqp_jobs_after(g, k, is_dropped, &notes, err);
    if (!c && !is_dropped && g->management[0]) {
        al_err manage_err;
        if (amqp_manage_unbind_stale(g->management, g->address, k, plan, &notes, &manage_err))
            al_buf_printf(&notes, "%sstale bindings were not looked for: %s", notes.len ? "; " : "",
                          manage_err.msg);
        if (k->is_broken)
            c = al_fail(err, AL_IO, "%s", manage_err.msg);
    }
    say_note(g, &notes);
    return c;
}

/* ---- The thread */

typedef struct attempt {
    amqp_plan *plan;
    uint64_t version;
    bool is_dropped;
} attempt;

static attempt look_at_plan(amqp_consumer *me)
{
    AL_LOCKED(&me->g->in->lock);
    return (attempt){amqp_plan_ref(me->g->plan), atomic_load(&me->g->version), me->g->is_dropped};
}

void amqp_forget_queue(amqp_group *g, const amqp_link *k, al_slice queue)
{
    AL_CLEANUP(al_buf_done) al_buf name;
    al_buf_init(&name, 4096);
    amqp_ledger_name(k, queue, &name);
    if (al_buf_code(&name) == AL_OK)
        ledger_forget(g->in->led, al_buf_slice(&name)); /* unless somebody reads it again */
}

/* One connection from beginning to end. */
static amqp_end connect_once(amqp_consumer *me, attempt *a, bool *ret_was_ready,
                             bool *ret_was_refused, al_err *err)
{
    AL_CLEANUP(amqp_link_dropp) amqp_link *k = NULL;
    char name[64];
    (void)snprintf(name, sizeof name, "alco index %s", me->g->index);
    al_code c = amqp_link_open(me->g->address, name, &k, err);
    if (!c && !a->is_dropped)
        c = amqp_jobs_recreate(me, k, err);
    if (c == AL_AGAIN)
        return AMQP_END_PLAN;
    if (!c && atomic_load(&me->g->version) != a->version) {
        (void)amqp_plan_unref(a->plan);
        *a = look_at_plan(me);
    }
    if (!c)
        c = set_up(me, k, a->plan, a->is_dropped, err);
    *ret_was_refused = c && c != AL_IO;
    if (c)
        return AMQP_END_LOST;
    if (a->is_dropped) {
        amqp_forget_queue(me->g, k, a->plan->queue);
        k = amqp_link_close(k, true);
        return AMQP_END_PLAN;
    }
    amqp_end end = amqp_jobs_drain(me, k, a->version, err);
    if (end == AMQP_END_EMPTY) {
        const amqp_reading all = {.queue = a->plan->queue, .version = a->version, .ready = ready};
        end = amqp_session_run(me, &all, k, err);
    }
    {
        AL_LOCKED(&me->g->in->lock);
        *ret_was_ready = me->settled == a->version;
    }
    *ret_was_refused = end == AMQP_END_STORE;
    k = amqp_link_close(k, end != AMQP_END_LOST);
    return end;
}

/* The last word: nobody counts on this consumer any more. False when it did the jobs of a dropped
 * index that has been made again meanwhile. */
static bool end_here(amqp_consumer *me)
{
    AL_LOCKED(&me->g->in->lock);
    if (!must_stop(me) && !me->g->is_dropped)
        return false;
    me->has_ended = true;
    (void)pthread_cond_broadcast(&me->g->in->changed);
    return true;
}

static amqp_state state_of(amqp_end end, bool is_refused)
{
    if (end == AMQP_END_STORE || end == AMQP_END_FULL)
        return AMQP_WAITING;
    return is_refused ? AMQP_REFUSED : AMQP_AWAY;
}

void *amqp_consumer_run(void *arg)
{
    amqp_consumer *me = arg;
    amqp_group *g = me->g;
    unsigned n_failures = 0;
    bool is_refused = false;
    uint64_t version = 0;
    for (;;) {
        pause_before(me, n_failures, is_refused ? REFUSED_MS_MAX : AWAY_MS_MAX, version);
        if (must_stop(me) && end_here(me))
            return NULL;
        amqp_jobs_wait(me, atomic_load(&g->version));
        attempt a = look_at_plan(me);
        if (a.version != version)
            n_failures = 0;
        al_err err = {0};
        bool was_ready = false;
        uint64_t n_rooms = atomic_load(&g->in->n_rooms);
        amqp_end end = connect_once(me, &a, &was_ready, &is_refused, &err);
        version = a.version;
        (void)amqp_plan_unref(a.plan);
        if (was_ready && end != AMQP_END_STORE)
            n_failures = 0;
        if (end == AMQP_END_PLAN && a.is_dropped && end_here(me))
            return NULL;
        if (end == AMQP_END_PLAN)
            continue;
        if (end != AMQP_END_AGAIN || !was_ready)
            amqp_group_report(g, state_of(end, is_refused), err.msg);
        atomic_fetch_add(&g->counters.reconnects, was_ready);
        n_failures += (end != AMQP_END_AGAIN && end != AMQP_END_FULL) || !was_ready;
        failed(me, version);
        if (end != AMQP_END_AGAIN || !was_ready)
            say_down(g, err.msg);
        else
            amqp_say(g, "%s; setting up again", err.msg);
        if (end == AMQP_END_FULL)
            wait_for_room(me, n_rooms, version);
    }
}
