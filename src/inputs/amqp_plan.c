/* Plans and the jobs between them. See amqp_plan.h.
 * A queue or binding that is not wanted any more must go: a queue that is bound but read by nobody
 * fills the broker. Nothing is deleted that may hold messages of an index that lives: a queue that
 * gets another name is read until it is empty. */
#include "inputs/amqp_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PLAN_ARENA_BYTES = 1024 };

bool amqp_plan_has_key(const amqp_plan *p, al_slice key)
{
    for (size_t i = 0; i < p->n_keys; i++)
        if (al_slice_eq(p->keys[i], key))
            return true;
    return false;
}

static bool split_keys(amqp_plan *p, al_slice list)
{
    size_t n_max = 1;
    for (size_t i = 0; i < list.len; i++)
        n_max += list.ptr[i] == ',';
    p->keys = al_arena_alloc(p->arena, n_max, sizeof *p->keys);
    if (!p->keys)
        return false;
    for (size_t at = 0; at <= list.len;) {
        size_t end = al_slice_find(list, ',', at);
        al_slice key = al_slice_trim(al_slice_sub(list, at, end));
        at = end + 1;
        if (key.len == 0 || key.len > AMQP_NAME_MAX || amqp_plan_has_key(p, key))
            continue;
        key = al_arena_copy(p->arena, key);
        if (!key.ptr)
            return false;
        p->keys[p->n_keys++] = key;
    }
    return true;
}

amqp_plan *amqp_plan_new(const cat_index *idx)
{
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *p = al_zalloc(1, sizeof *p);
    if (!p)
        return NULL;
    atomic_init(&p->refs, 1);
    p->arena = al_arena_new(PLAN_ARENA_BYTES);
    if (!p->arena)
        return NULL;
    memcpy(p->index, idx->name, sizeof p->index);
    p->queue = al_arena_copy(p->arena, al_slice_sub(idx->queue_name, 0, AMQP_NAME_MAX));
    p->exchange = al_arena_copy(p->arena, al_slice_sub(idx->exchange, 0, AMQP_NAME_MAX));
    p->is_durable = idx->durable;
    p->num_processes = idx->num_processes;
    if (!p->queue.ptr || !p->exchange.ptr || !split_keys(p, idx->routing_key))
        return NULL;
    return AL_TAKE(p);
}

amqp_plan *amqp_plan_detour(const amqp_plan *p)
{
    uint8_t name[AMQP_NAME_MAX];
    al_slice suffix = AL_LIT(AMQP_DETOUR);
    size_t n = p->queue.len;
    if (n > sizeof name - suffix.len)
        n = sizeof name - suffix.len;
    if (n)
        memcpy(name, p->queue.ptr, n);
    memcpy(name + n, suffix.ptr, suffix.len);
    AL_CLEANUP(amqp_plan_unrefp) amqp_plan *d = al_zalloc(1, sizeof *d);
    if (!d)
        return NULL;
    atomic_init(&d->refs, 1);
    d->arena = al_arena_new(PLAN_ARENA_BYTES);
    if (d->arena)
        d->keys = al_arena_alloc(d->arena, p->n_keys + 1, sizeof *d->keys);
    if (!d->keys)
        return NULL;
    memcpy(d->index, p->index, sizeof d->index);
    d->queue = al_arena_copy(d->arena, (al_slice){name, n + suffix.len});
    d->exchange = al_arena_copy(d->arena, p->exchange);
    d->is_durable = p->is_durable;
    d->is_detour = true;
    d->num_processes = p->num_processes;
    if (!d->queue.ptr || !d->exchange.ptr)
        return NULL;
    for (; d->n_keys < p->n_keys; d->n_keys++) {
        d->keys[d->n_keys] = al_arena_copy(d->arena, p->keys[d->n_keys]);
        if (!d->keys[d->n_keys].ptr)
            return NULL;
    }
    return AL_TAKE(d);
}

amqp_plan *amqp_plan_ref(amqp_plan *p)
{
    unsigned before = atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return p;
}

amqp_plan *amqp_plan_unref(amqp_plan *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    (void)al_arena_free(p->arena);
    free(p);
    return NULL;
}

bool amqp_plan_equal(const amqp_plan *a, const amqp_plan *b)
{
    if (!al_slice_eq(a->queue, b->queue) || !al_slice_eq(a->exchange, b->exchange) ||
        a->is_durable != b->is_durable || a->num_processes != b->num_processes ||
        a->n_keys != b->n_keys)
        return false;
    for (size_t i = 0; i < a->n_keys; i++)
        if (!amqp_plan_has_key(b, a->keys[i]))
            return false;
    return true;
}

static void put_name(char to[AMQP_NAME_MAX + 1], al_slice s)
{
    size_t n = s.len < AMQP_NAME_MAX ? s.len : AMQP_NAME_MAX;
    if (n)
        memcpy(to, s.ptr, n);
    to[n] = 0;
}

bool amqp_jobs_add(amqp_jobs *j, const amqp_job *job)
{
    static atomic_uint_fast64_t last_number;
    amqp_job *items = al_grow(j->items, &j->cap, j->n, sizeof *items, 8, AMQP_JOBS_MAX);
    if (!items)
        return false;
    j->items = items;
    items[j->n] = *job;
    items[j->n++].number = atomic_fetch_add(&last_number, 1) + 1;
    return true;
}

static bool add_job(amqp_jobs *j, amqp_job_kind kind, const amqp_plan *old, al_slice key)
{
    amqp_job job = {.kind = kind, .n_alone = -1};
    put_name(job.queue, old->queue);
    put_name(job.exchange, old->exchange);
    put_name(job.key, key);
    return amqp_jobs_add(j, &job);
}

/* Is a queue still to be read whose place `queue` has taken? Then the first of what is in `queue`
 * may be in the other one too. */
static bool is_unfinished_heir(const amqp_jobs *j, al_slice queue)
{
    for (size_t i = 0; i < j->n; i++)
        if (j->items[i].kind == AMQP_JOB_DRAIN && al_slice_eq(al_cstr(j->items[i].heir), queue))
            return true;
    return false;
}

/* Only the newest one counts, and none when another queue is planned. */
static void forget_recreate(amqp_jobs *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        if (j->items[i].kind != AMQP_JOB_RECREATE)
            j->items[n++] = j->items[i];
    j->n = n;
}

bool amqp_jobs_add_change(amqp_jobs *j, const amqp_plan *old, const amqp_plan *next)
{
    bool is_same_queue = next && al_slice_eq(old->queue, next->queue);
    bool is_same_exchange = next && al_slice_eq(old->exchange, next->exchange);
    bool is_added = true;
    for (size_t i = 0; !next && i < j->n; i++)
        if (j->items[i].kind == AMQP_JOB_DRAIN)
            j->items[i].kind = AMQP_JOB_DELETE; /* there is no index to read it into */
    bool is_recreated = is_same_queue && !next->is_detour && old->is_durable != next->is_durable;
    if (is_recreated || !is_same_queue)
        forget_recreate(j);
    if (is_recreated) {
        is_added = add_job(j, AMQP_JOB_RECREATE, old, (al_slice){0});
        if (is_added)
            j->items[j->n - 1].is_durable = next->is_durable;
    }
    for (size_t i = 0; i < old->n_keys; i++) {
        bool is_kept = is_same_queue && is_same_exchange && amqp_plan_has_key(next, old->keys[i]);
        if (!is_kept && !add_job(j, AMQP_JOB_UNBIND, old, old->keys[i]))
            is_added = false;
    }
    if (is_same_queue)
        return is_added;
    bool is_unfinished = is_unfinished_heir(j, old->queue);
    if (!add_job(j, next ? AMQP_JOB_DRAIN : AMQP_JOB_DELETE, old, (al_slice){0}))
        return false;
    if (next)
        put_name(j->items[j->n - 1].heir, next->queue);
    if (is_unfinished)
        j->items[j->n - 1].n_alone = 0;
    return is_added;
}

amqp_job *amqp_jobs_find(amqp_jobs *j, uint64_t number)
{
    for (size_t i = 0; i < j->n; i++)
        if (j->items[i].number == number)
            return &j->items[i];
    return NULL;
}

void amqp_jobs_remove(amqp_jobs *j, uint64_t number)
{
    amqp_job *job = amqp_jobs_find(j, number);
    if (!job)
        return;
    size_t i = (size_t)(job - j->items);
    j->n--;
    memmove(job, job + 1, (j->n - i) * sizeof *job);
}

void amqp_jobs_prune(amqp_jobs *j, const amqp_plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++) {
        const amqp_job *job = &j->items[i];
        bool is_ours = al_slice_eq(al_cstr(job->queue), p->queue);
        bool is_delete = job->kind == AMQP_JOB_DELETE || job->kind == AMQP_JOB_DRAIN;
        bool is_wanted = job->kind == AMQP_JOB_UNBIND &&
                         al_slice_eq(al_cstr(job->exchange), p->exchange) &&
                         amqp_plan_has_key(p, al_cstr(job->key));
        if (!is_ours || (!is_delete && !is_wanted))
            j->items[n++] = *job;
    }
    j->n = n;
}
