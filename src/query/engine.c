/* The engine interface: dispatch through the table, and what every engine gets for nothing.
 * eng_submit_wait turns the callback of append into a wait; while the engine has no room it asks
 * again every RETRY_MS, since the has_room hook belongs to the inputs. */
#include "query/engine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"

enum { RETRY_MS = 20 };

engine *engine_close(engine *e)
{
    if (e)
        e->ops->close(e);
    return NULL;
}

/* No condition: the last to leave must not touch what close frees. Close is rare and waits for at
 * most one RETRY_MS of a waiter. */
void engine_wait_for_waiting(engine *e)
{
    while (atomic_load(&e->n_waiting))
        (void)nanosleep(&(struct timespec){.tv_nsec = AL_NS_PER_MS}, NULL);
}

al_code engine_index_open(engine *e, const eng_index_settings *s, al_err *err)
{
    return e->ops->index_open(e, s, err);
}

al_code engine_index_drop(engine *e, const char *name, al_err *err)
{
    return e->ops->index_drop(e, name, err);
}

al_code engine_append(engine *e, const eng_append *a, al_err *err)
{
    assert(a->done);
    return e->ops->append(e, a, err);
}

al_code engine_search(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn,
                      void *ctx, eng_answer *ret, al_err *err)
{
    assert(s->scope.q);
    return e->ops->search(e, s, b, fn, ctx, ret, err);
}

al_code engine_count(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                     eng_answer *ret, al_err *err)
{
    assert(s->q);
    return e->ops->count(e, s, b, ret_n, ret, err);
}

al_code engine_histogram(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                         const eng_budget *b, al_arena *arena, eng_histogram *ret_h,
                         eng_answer *ret, al_err *err)
{
    assert(s->q);
    assert(step_ns > 0);
    return e->ops->histogram(e, s, step_ns, by, b, arena, ret_h, ret, err);
}

al_code engine_values(engine *e, const eng_scope *s, al_slice field, size_t limit,
                      const eng_budget *b, al_arena *arena, eng_values *ret_v, eng_answer *ret,
                      al_err *err)
{
    assert(s->q);
    return e->ops->values(e, s, field, limit, b, arena, ret_v, ret, err);
}

al_code engine_tail_end(engine *e, eng_arrival *ret, al_err *err)
{
    return e->ops->tail_end(e, ret, err);
}

al_code engine_tail(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                    eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached, eng_partial *ret_partial,
                    al_err *err)
{
    assert(s->q);
    return e->ops->tail(e, s, after, b, fn, ctx, ret_reached, ret_partial, err);
}

al_code engine_compact(engine *e, const char *index, const atomic_bool *cancel, al_err *err)
{
    atomic_fetch_add(&e->n_waiting, 1);
    al_code c = e->ops->compact(e, index, cancel, err);
    atomic_fetch_sub(&e->n_waiting, 1);
    return c;
}

al_code engine_indexes(engine *e, al_arena *arena, const char ***ret, size_t *ret_n, al_err *err)
{
    return e->ops->indexes(e, arena, ret, ret_n, err);
}

al_code engine_fields(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                      size_t *ret_n, al_err *err)
{
    return e->ops->fields(e, index, arena, ret, ret_n, err);
}

al_code engine_index_stats(engine *e, const char *index, eng_index_stats *ret, al_err *err)
{
    return e->ops->index_stats(e, index, ret, err);
}

void engine_stats(engine *e, eng_stats *ret)
{
    e->ops->stats(e, ret);
}

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    al_code code;
    al_err err;
} waiter;

static void wake(void *ctx, al_code code, const al_err *err)
{
    waiter *w = ctx;
    AL_LOCKED(&w->lock);
    w->is_done = true;
    w->code = code;
    if (err)
        w->err = *err;
    /* Under the lock: the waiter's memory is gone as soon as it sees is_done. */
    (void)pthread_cond_signal(&w->changed);
}

static al_code submit_when_room(eng_submit_fn *submit, void *ctx, waiter *w,
                                const atomic_bool *cancel, al_err *err)
{
    for (;;) {
        al_code c = submit(ctx, wake, w, err);
        if (c != AL_AGAIN)
            return c;
        if (cancel && atomic_load(cancel))
            return AL_CANCELLED;
        AL_LOCKED(&w->lock);
        (void)al_cond_wait_until(&w->changed, &w->lock, al_mono_ns() + RETRY_MS * AL_NS_PER_MS);
    }
}

al_code eng_submit_wait(eng_submit_fn *submit, void *ctx, const atomic_bool *cancel,
                        bool *ret_is_taken, al_err *err)
{
    waiter w = {0};
    (void)pthread_mutex_init(&w.lock, NULL);
    al_cond_init(&w.changed);
    al_code c = submit_when_room(submit, ctx, &w, cancel, err);
    *ret_is_taken = c == AL_OK;
    if (*ret_is_taken) {
        AL_LOCKED(&w.lock);
        while (!w.is_done)
            (void)pthread_cond_wait(&w.changed, &w.lock);
        c = w.code;
        if (c && err)
            *err = w.err;
    }
    (void)pthread_cond_destroy(&w.changed);
    (void)pthread_mutex_destroy(&w.lock);
    return c;
}

typedef struct appending {
    engine *e;
    eng_append a;
} appending;

static al_code try_append(void *ctx, eng_done_fn *done, void *done_ctx, al_err *err)
{
    appending *p = ctx;
    p->a.done = done;
    p->a.ctx = done_ctx;
    return engine_append(p->e, &p->a, err);
}

al_code engine_append_wait(engine *e, const char *index, rec_batch *batch, al_slice marks,
                           const atomic_bool *cancel, al_err *err)
{
    bool is_taken = false;
    appending p = {.e = e, .a = {.index = index, .batch = batch, .marks = marks}};
    atomic_fetch_add(&e->n_waiting, 1);
    al_code c = eng_submit_wait(try_append, &p, cancel, &is_taken, err);
    atomic_fetch_sub(&e->n_waiting, 1);
    if (!is_taken)
        (void)rec_batch_free(batch);
    return c;
}

typedef struct wanted {
    uint64_t id;
    eng_row_fn *fn;
    void *ctx;
    bool is_found;
} wanted;

static eng_flow take_wanted(void *ctx, const eng_row *row)
{
    wanted *w = ctx;
    w->is_found = row->rec->id == w->id;
    if (w->is_found)
        (void)w->fn(w->ctx, row); /* there is only this one */
    return ENG_STOP;
}

al_code engine_get(engine *e, const char *index, uint64_t id, const eng_budget *b, eng_row_fn *fn,
                   void *ctx, al_err *err)
{
    AL_CLEANUP(query_unrefp) query *all = query_all();
    if (!all)
        return al_fail(err, AL_NOMEM, "get row");
    wanted w = {.id = id, .fn = fn, .ctx = ctx};
    eng_pos before = {.id = id - 1, .index_no = UINT32_MAX};
    eng_search s = {
        .scope = {.indexes = &index, .n_indexes = 1, .from_ns = 0, .to_ns = INT64_MAX, .q = all},
        .after = id ? &before : NULL,
        .limit = 1,
    };
    eng_answer answer = {0};
    al_code c = engine_search(e, &s, b, take_wanted, &w, &answer, err);
    if (c)
        return c;
    if (!w.is_found && answer.partial.n)
        return al_fail(err, AL_AGAIN, "row %" PRIu64 ": could not look everywhere: %s: %s", id,
                       answer.partial.reasons[0].part, answer.partial.reasons[0].why);
    return w.is_found ? AL_OK : AL_NOT_FOUND;
}

int64_t eng_budget_now(const eng_budget *b)
{
    return b->now_ns ? b->now_ns() : al_mono_ns();
}

bool eng_budget_is_over(void *budget)
{
    const eng_budget *b = budget;
    return (b->cancel && atomic_load(b->cancel)) ||
           (b->deadline_ns && eng_budget_now(b) >= b->deadline_ns);
}

void eng_partial_add(eng_partial *p, const char *part, const char *why)
{
    if (p->n == ENG_PARTIAL_MAX) {
        (void)snprintf(p->reasons[p->n - 1].part, sizeof p->reasons[0].part, "%s", "more");
        return;
    }
    (void)snprintf(p->reasons[p->n].part, sizeof p->reasons[0].part, "%s", part);
    (void)snprintf(p->reasons[p->n].why, sizeof p->reasons[0].why, "%s", why);
    p->n++;
}
