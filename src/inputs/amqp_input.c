/* Who consumes what: a group for every index at every broker, its consumers, and how they follow
 * the catalogue.
 *
 * A change makes a new plan and a new version for each group of the index; consumers notice, finish
 * what they hold and set up again. The caller waits until each has settled on the version, or
 * failed an attempt that began with it: a broker that is away holds nobody up. What was asked of a
 * broker, and what is to be undone there, is kept as a note in the catalogue (amqp_remember.c): at
 * a start the groups are those of the notes, and follow the catalogue from there.
 *
 * Threads: consumers (one each); changes come on the API's threads, one index's changes one after
 * the other (ingest serialises them). Lock order: ingest's locks, follow_lock, save_lock (both with
 * the catalogue's inside), `lock`, the ledger's; nothing of ingest or of the broker is called with
 * `lock` held. Stop: is_stopping -> consumers finish until stop_deadline_ns -> joined. A thread
 * that does not come back in time (a name server that does not answer) is left to the end of the
 * process, and then nothing it uses is freed. */
#include "inputs/amqp_input.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "inputs/amqp_priv.h"
#include "libs/curl_lib.h"

enum {
    CHANGE_WAIT_MS = 5000,
    STOP_MS = 5000,      /* consumers finish */
    STOP_MORE_MS = 1000, /* and come back */
    CONSUMERS_MAX = 256, /* of one group */
};

/* ---- Groups and consumers; `_locked`: the caller holds in->lock */

static amqp_group *group_find_locked(amqp_input *in, const amqp_address *a, const char *index)
{
    amqp_group *g = in->groups;
    while (g && (g->address != a || strcmp(g->index, index) != 0))
        g = g->next;
    return g;
}

amqp_group *amqp_group_add_locked(amqp_input *in, size_t broker, const char *index)
{
    amqp_group *g = al_zalloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->in = in;
    g->address = &in->addresses[broker];
    g->management = in->managements[broker];
    (void)snprintf(g->index, sizeof g->index, "%s", index);
    g->next = in->groups;
    in->groups = g;
    return g;
}

void amqp_wake_index(amqp_input *in, const char *index)
{
    AL_LOCKED(&in->lock);
    for (amqp_group *g = in->groups; g; g = g->next)
        for (amqp_consumer *c = g->consumers; c && strcmp(g->index, index) == 0; c = c->next)
            amqp_waker_wake(&c->waker);
}

void amqp_group_renew_locked(amqp_group *g)
{
    atomic_store(&g->version, ++g->in->last_version);
    for (amqp_consumer *c = g->consumers; c; c = c->next)
        amqp_waker_wake(&c->waker);
}

static al_code consumer_add_locked(amqp_group *g, al_err *err)
{
    amqp_consumer *c = al_zalloc(1, sizeof *c);
    if (!c)
        return al_fail(err, AL_NOMEM, "no memory for a consumer");
    c->g = g;
    al_code code = amqp_waker_init(&c->waker, err);
    if (!code)
        code = al_thread_start(&c->thread, "amqp", amqp_consumer_run, c, err);
    if (code) {
        amqp_waker_done(&c->waker);
        free(c);
        return code;
    }
    c->next = g->consumers;
    g->consumers = c;
    return AL_OK;
}

/* Takes out and joins those that have ended. */
static void reap_locked(amqp_group *g)
{
    for (amqp_consumer **link = &g->consumers; *link;) {
        amqp_consumer *c = *link;
        if (!c->has_ended || !atomic_load(&c->must_stop)) {
            link = &c->next;
            continue;
        }
        *link = c->next;
        /* Its last batches were reported before it ended, and it has left the lock: short. */
        (void)pthread_join(c->thread, NULL);
        amqp_waker_done(&c->waker);
        free(c);
    }
}

/* As many consumers as planned; of a dropped index one, while jobs are left. */
static al_code staff_locked(amqp_group *g, al_err *err)
{
    reap_locked(g);
    uint32_t want = AL_MIN(g->plan->num_processes, (uint32_t)CONSUMERS_MAX);
    if (g->is_dropped)
        want = g->jobs.n > 0;
    uint32_t n = 0;
    for (amqp_consumer *c = g->consumers; c; c = c->next) {
        if (c->has_ended)
            atomic_store(&c->must_stop, true); /* it had only jobs to do */
        if (!atomic_load(&c->must_stop) && ++n > want)
            atomic_store(&c->must_stop, true);
    }
    al_code c = AL_OK;
    for (; !c && n < want; n++)
        c = consumer_add_locked(g, err);
    return c;
}

/* ---- Following the catalogue */

void amqp_group_prune_locked(amqp_group *of)
{
    for (amqp_group *g = of->in->groups; g; g = g->next) {
        size_t n_before = g->jobs.n;
        if (g->address == of->address)
            amqp_jobs_prune(&g->jobs, of->plan);
        g->is_unsaved |= g->jobs.n != n_before;
    }
}

/* From what was asked of the broker last to `next`; *ret_is_noted: with everything that is to be
 * undone. On a detour it stays on one unless the queue gets another name. */
static al_code group_plan_locked(amqp_group *g, amqp_plan *next, bool *ret_is_noted, al_err *err)
{
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *plan = amqp_plan_ref(next);
    bool is_on_detour = g->target && !g->is_dropped && al_slice_eq(g->target->queue, next->queue);
    if (is_on_detour) {
        (void)amqp_plan_unref(plan);
        plan = amqp_plan_detour(next);
        if (!plan)
            return al_fail(err, AL_NOMEM, "no memory for the queues of index '%s'", g->index);
    }
    if (g->plan && !g->is_dropped)
        *ret_is_noted = amqp_jobs_add_change(&g->jobs, g->plan, plan);
    (void)amqp_plan_unref(g->plan);
    (void)amqp_plan_unref(g->target);
    g->plan = AL_TAKE(plan);
    g->target = is_on_detour ? amqp_plan_ref(next) : NULL;
    return AL_OK;
}

static al_code group_change_locked(amqp_group *g, amqp_plan *next, al_err *err)
{
    const amqp_plan *wanted = g->target ? g->target : g->plan;
    bool is_same = wanted && !g->is_dropped && next && amqp_plan_equal(wanted, next);
    if (is_same && g->consumers)
        return AL_OK;
    bool is_noted = true;
    al_code c = AL_OK;
    if (!is_same && next)
        c = group_plan_locked(g, next, &is_noted, err);
    else if (!is_same && g->plan && !g->is_dropped)
        is_noted = amqp_jobs_add_change(&g->jobs, g->plan, NULL);
    if (c)
        return c;
    g->is_dropped = !next;
    g->is_unsaved |= !is_same;
    if (next)
        amqp_group_prune_locked(g);
    amqp_group_renew_locked(g);
    c = staff_locked(g, err);
    if (!c && !is_noted)
        c = al_fail(err, AL_LIMIT, "not everything that is to be undone at the broker is noted");
    return c;
}

/* Of one index; NULL: of all. */
static bool is_settled_locked(amqp_input *in, const char *index)
{
    for (amqp_group *g = in->groups; g; g = g->next) {
        uint64_t version = atomic_load(&g->version);
        if (index && strcmp(g->index, index) != 0)
            continue;
        for (amqp_consumer *c = g->consumers; c; c = c->next)
            if (!c->has_ended &&
                (atomic_load(&c->must_stop) || (c->settled < version && c->failed < version)))
                return false;
    }
    return true;
}

bool amqp_input_is_settled(amqp_input *in)
{
    AL_LOCKED(&in->lock);
    return is_settled_locked(in, NULL);
}

static void wait_until_settled(amqp_input *in, const char *index)
{
    int64_t end_ns = al_mono_ns() + CHANGE_WAIT_MS * AL_NS_PER_MS;
    AL_LOCKED(&in->lock);
    while (!is_settled_locked(in, index) && !atomic_load(&in->is_stopping) && al_mono_ns() < end_ns)
        (void)al_cond_wait_until(&in->changed, &in->lock, end_ns);
}

/* Makes all groups of an index follow `idx` (NULL: it was dropped). */
static al_code follow(amqp_input *in, const char *index, const cat_index *idx, al_err *err)
{
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *next = idx ? amqp_plan_new(idx) : NULL;
    if (idx && !next)
        return al_fail(err, AL_NOMEM, "no memory for the queues of index '%s'", index);
    AL_LOCKED(&in->lock);
    al_code first = AL_OK;
    for (size_t b = 0; b < in->n_brokers; b++) {
        amqp_group *g = group_find_locked(in, &in->addresses[b], index);
        if (!g && next)
            g = amqp_group_add_locked(in, b, index);
        if (!g && next)
            return al_fail(err, AL_NOMEM, "no memory for the queues of index '%s'", index);
        al_err one;
        al_code c = g ? group_change_locked(g, next, &one) : AL_OK;
        if (c && !first) {
            first = c;
            *err = one;
        }
    }
    return first;
}

static amqp_group *first_group(amqp_input *in)
{
    AL_LOCKED(&in->lock);
    return in->groups;
}

/* Of other indexes too: their jobs may be off. Groups stay until the input is freed, and new ones
 * come in front. */
static void save_all(amqp_input *in)
{
    for (amqp_group *g = first_group(in); g; g = g->next)
        amqp_group_save(g);
}

static al_code follow_catalogue(amqp_input *in, const char *index, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    if (!arena)
        return al_fail(err, AL_NOMEM, "no memory for the queues of index '%s'", index);
    cat_index idx;
    AL_LOCKED(&in->follow_lock);
    al_code c = catalog_index_get(in->cat, index, arena, &idx, err);
    if (c && c != AL_NOT_FOUND)
        return c;
    c = follow(in, index, c ? NULL : &idx, err);
    save_all(in);
    return c;
}

static void on_change(void *ctx, const char *index)
{
    amqp_input *in = ctx;
    if (atomic_load(&in->is_stopping))
        return;
    al_err err;
    if (follow_catalogue(in, index, &err) && in->log)
        in->log(in->log_ctx, err.msg);
    wait_until_settled(in, index);
}

static void on_room(void *ctx)
{
    amqp_input *in = ctx;
    atomic_fetch_add(&in->n_rooms, 1);
    AL_LOCKED(&in->lock);
    for (amqp_group *g = in->groups; g; g = g->next)
        for (amqp_consumer *c = g->consumers; c; c = c->next)
            amqp_waker_wake(&c->waker);
}

/* ---- Life */

static al_code add_broker(amqp_input *in, const amqp_broker *b, al_err *err)
{
    al_code c = amqp_url_parse(b->url, &in->addresses[in->n_brokers], err);
    if (c)
        return c;
    bool is_http = al_slice_starts(b->management, AL_LIT("http://")) ||
                   al_slice_starts(b->management, AL_LIT("https://"));
    if (b->management.len && !is_http)
        return al_fail(err, AL_INVALID, "management '%.*s' must begin with http:// or https://",
                       AL_ARG(b->management));
    char *text = al_alloc(b->management.len + 1, 1);
    if (!text)
        return al_fail(err, AL_NOMEM, "no memory for a broker");
    if (b->management.len)
        memcpy(text, b->management.ptr, b->management.len);
    text[b->management.len] = 0;
    in->managements[in->n_brokers++] = text;
    return AL_OK;
}

/* Missing ones are said when alco starts, not when a broker is there at last. */
static al_code need_libraries(const amqp_input *in, al_err *err)
{
    const rabbitmq_lib *mq = NULL;
    const curl_lib *curl = NULL;
    al_code c = in->n_brokers ? rabbitmq_lib_get(&mq, err) : AL_OK;
    for (size_t i = 0; !c && i < in->n_brokers; i++)
        c = in->managements[i][0] ? curl_lib_get(&curl, err) : AL_OK;
    return c;
}

al_code amqp_input_new(catalog *cat, ingest *ing, ledger *led, const amqp_options *opt,
                       amqp_input **ret, al_err *err)
{
    if (opt->n_brokers > AMQP_BROKERS_MAX)
        return al_fail(err, AL_LIMIT, "more than %d brokers", AMQP_BROKERS_MAX);
    AL_CLEANUP(amqp_input_freep) amqp_input *in = al_zalloc(1, sizeof *in);
    if (!in)
        return al_fail(err, AL_NOMEM, "no memory for the AMQP input");
    (void)pthread_mutex_init(&in->follow_lock, NULL);
    (void)pthread_mutex_init(&in->save_lock, NULL);
    (void)pthread_mutex_init(&in->lock, NULL);
    al_cond_init(&in->changed);
    in->cat = cat;
    in->ing = ing;
    in->led = led;
    in->log = opt->log;
    in->log_ctx = opt->log_ctx;
    atomic_init(&in->stop_deadline_ns, INT64_MAX);
    in->addresses = al_zalloc(opt->n_brokers, sizeof *in->addresses);
    in->managements = al_zalloc(opt->n_brokers, sizeof *in->managements);
    if (!in->addresses || !in->managements)
        return al_fail(err, AL_NOMEM, "no memory for the AMQP input");
    for (size_t i = 0; i < opt->n_brokers; i++) {
        al_code c = add_broker(in, &opt->brokers[i], err);
        if (c)
            return c;
    }
    al_code c = need_libraries(in, err);
    if (c)
        return c;
    *ret = AL_TAKE(in);
    return AL_OK;
}

al_code amqp_input_start(amqp_input *in, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(16384);
    if (!arena)
        return al_fail(err, AL_NOMEM, "no memory for the AMQP input");
    if (in->n_brokers == 0)
        return AL_OK;
    al_code recalled = amqp_groups_recall(in, err);
    if (recalled)
        return recalled;
    /* Listening first: an index made in between is followed twice, which changes nothing. */
    ingest_on_change(in->ing, on_change, in);
    ingest_on_room(in->ing, on_room, in);
    in->is_started = true;
    cat_index *all = NULL;
    size_t n = 0;
    al_code c = catalog_indexes(in->cat, arena, &all, &n, err);
    for (size_t i = 0; !c && i < n; i++)
        c = follow_catalogue(in, all[i].name, err);
    /* Those of the notes alone: what is left of dropped indexes. */
    for (amqp_group *g = first_group(in); !c && g; g = g->next)
        c = follow_catalogue(in, g->index, err);
    return c;
}

/* Have all consumers come back by then? */
static bool wait_until_ended(amqp_input *in, int64_t end_ns)
{
    AL_LOCKED(&in->lock);
    for (;;) {
        bool is_over = true;
        for (amqp_group *g = in->groups; g; g = g->next)
            for (amqp_consumer *c = g->consumers; c; c = c->next)
                is_over = is_over && c->has_ended;
        if (is_over || al_mono_ns() >= end_ns)
            return is_over;
        (void)al_cond_wait_until(&in->changed, &in->lock, end_ns);
    }
}

void amqp_input_stop(amqp_input *in)
{
    if (!in)
        return;
    int64_t now = al_mono_ns();
    atomic_store(&in->stop_deadline_ns, now + STOP_MS * AL_NS_PER_MS);
    atomic_store(&in->is_stopping, true);
    on_room(in); /* wakes everybody */
    {
        AL_LOCKED(&in->lock);
        (void)pthread_cond_broadcast(&in->changed);
    }
    (void)wait_until_ended(in, now + (STOP_MS + STOP_MORE_MS) * AL_NS_PER_MS);
}

static void group_free(amqp_group *g)
{
    for (amqp_consumer *c = g->consumers; c;) {
        amqp_consumer *next = c->next;
        (void)pthread_join(c->thread, NULL);
        amqp_waker_done(&c->waker);
        free(c);
        c = next;
    }
    (void)amqp_plan_unref(g->plan);
    (void)amqp_plan_unref(g->target);
    free(g->jobs.items);
    free(g);
}

amqp_input *amqp_input_free(amqp_input *in)
{
    if (!in)
        return NULL;
    atomic_store(&in->is_stopping, true);
    if (!wait_until_ended(in, al_mono_ns()))
        return NULL; /* see the top: the process ends, and this thread with it */
    for (amqp_group *g = in->groups; g;) {
        amqp_group *next = g->next;
        group_free(g);
        g = next;
    }
    for (size_t i = 0; i < in->n_brokers; i++)
        free(in->managements[i]);
    free(in->managements);
    free(in->addresses);
    (void)pthread_mutex_destroy(&in->follow_lock);
    (void)pthread_mutex_destroy(&in->save_lock);
    (void)pthread_mutex_destroy(&in->lock);
    (void)pthread_cond_destroy(&in->changed);
    free(in);
    return NULL;
}
