/* The committer: one thread appends frames and publishes manifests.
 * Everything that changes what is on disk or visible happens here, in order: calls (merged
 * segments, indexes opened and dropped, damage) go before appends; appends that waited together
 * become one frame (group commit). Invariant: queue_bytes and queue_items are the sum over the
 * list; an accepted append is reported done exactly once. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/store_impl.h"

enum { QUEUE_ITEMS_MAX = 65536, ITEM_OVERHEAD_BYTES = 256 };
#define TICK_NS (200 * AL_NS_PER_MS)
#define TIDY_NS (30 * AL_NS_PER_S)

/* ---- Appending: any thread */

static al_code batch_bytes(const rec_batch *b, uint64_t *ret, al_err *err)
{
    uint64_t n = 0;
    if (b->n > APPEND_ROWS_MAX)
        return al_fail(err, AL_LIMIT, "a batch of %zu records, at most %d can be stored at once",
                       b->n, APPEND_ROWS_MAX);
    for (size_t i = 0; i < b->n; i++) {
        const record *r = &b->recs[i];
        assert(r->time_ns >= 0);
        if (r->n_fields > BLOCK_NAMES_MAX)
            return al_fail(err, AL_LIMIT, "a record has %u fields, at most %d can be stored",
                           r->n_fields, BLOCK_NAMES_MAX);
        n += r->message.len;
        for (uint32_t k = 0; k < r->n_fields; k++)
            n += r->fields[k].name.len + r->fields[k].val.text.len;
    }
    if (n > APPEND_BYTES_MAX)
        return al_fail(err, AL_LIMIT, "a batch of %llu bytes, at most %d can be stored at once",
                       (unsigned long long)n, APPEND_BYTES_MAX);
    *ret = n;
    return AL_OK;
}

static al_code make_item(store *st, const eng_append *a, item **ret, al_err *err)
{
    uint64_t bytes = 0;
    if (a->marks.len > MARKS_BYTES_MAX)
        return al_fail(err, AL_LIMIT, "marks of %zu bytes", a->marks.len);
    al_code c = a->batch ? batch_bytes(a->batch, &bytes, err) : AL_OK;
    if (c)
        return c;
    sindex *ix = NULL;
    if (a->batch) {
        AL_LOCKED(&st->lock);
        ix = store_find_locked(st, a->index);
        if (!ix)
            return al_fail(err, AL_NOT_FOUND, "there is no index '%s'", a->index);
    }
    item *it = al_alloc(1, sizeof *it + a->marks.len);
    if (!it)
        return al_fail(err, AL_NOMEM, "append");
    *it = (item){.ix = ix, .batch = a->batch, .ids = a->ids, .done = a->done, .ctx = a->ctx};
    if (a->marks.len)
        memcpy(it->bytes_of_marks, a->marks.ptr, a->marks.len);
    it->marks = (al_slice){it->bytes_of_marks, a->marks.len};
    it->bytes = ITEM_OVERHEAD_BYTES + a->marks.len + bytes;
    if (a->batch)
        it->bytes += a->batch->cap * sizeof(record);
    *ret = it;
    return AL_OK;
}

/* A batch larger than the whole queue still gets in when nothing else waits. */
static bool has_room_locked(store *st, size_t bytes)
{
    if (st->queue_items == 0)
        return true;
    return st->queue_items < QUEUE_ITEMS_MAX && st->queue_bytes + bytes <= st->queue_bytes_max;
}

static bool tail_is_full(store *st)
{
    AL_LOCKED(&st->lock);
    return st->tail_bytes > st->tail_bytes_max || st->tail_log_bytes > TAILS_BYTES_MAX;
}

static bool must_wait(store *st)
{
    return atomic_load(&st->is_low) || tail_is_full(st);
}

al_code store_append(engine *e, const eng_append *a, al_err *err)
{
    store *st = store_of(e);
    item *it = NULL;
    al_code c = make_item(st, a, &it, err);
    if (c)
        return c;
    assert(it);
    bool is_barrier = !a->batch && !a->marks.len;
    bool waits = !is_barrier && must_wait(st);
    AL_LOCKED(&st->queue_lock);
    if (st->is_stopping || waits || !has_room_locked(st, it->bytes)) {
        st->wants_room = !st->is_stopping;
        free(it);
        return st->is_stopping ? al_fail(err, AL_CANCELLED, "the store is being closed") : AL_AGAIN;
    }
    *(st->queue_last ? &st->queue_last->next : &st->queue_first) = it;
    st->queue_last = it;
    st->queue_items++;
    st->queue_bytes += it->bytes;
    (void)pthread_cond_signal(&st->queue_changed);
    return AL_OK;
}

/* ---- Calls: any thread but the committer */

al_code committer_call(store *st, al_code (*fn)(store *, void *, al_err *), void *arg, al_err *err)
{
    call k = {.fn = fn, .arg = arg};
    AL_LOCKED(&st->queue_lock);
    *(st->calls_last ? &st->calls_last->next : &st->calls_first) = &k;
    /* cppcheck-suppress autoVariables; it leaves the list before this returns */
    st->calls_last = &k;
    (void)pthread_cond_signal(&st->queue_changed);
    while (!k.is_done)
        (void)pthread_cond_wait(&st->call_done, &st->queue_lock);
    if (k.code && err)
        *err = k.err;
    return k.code;
}

/* ---- The thread */

typedef struct work {
    call *calls;
    item *items;
    bool is_over;
} work;

/* As many items as go into one frame. */
static item *take_items_locked(store *st)
{
    item *first = st->queue_first;
    uint64_t bytes = 0;
    uint64_t rows = 0;
    item *last = NULL;
    for (item *it = first; it; it = it->next) {
        uint64_t n = it->batch ? it->batch->n : 0;
        if (last && (bytes + it->bytes > FRAME_RAW_BYTES || rows + n > FRAME_ROWS))
            break;
        bytes += it->bytes;
        rows += n;
        st->queue_items--;
        last = it;
    }
    if (last) {
        st->queue_first = last->next;
        last->next = NULL;
        if (!st->queue_first)
            st->queue_last = NULL;
        st->queue_bytes -= bytes;
    }
    return first;
}

static work wait_for_work(store *st)
{
    int64_t deadline = al_mono_ns() + TICK_NS;
    AL_LOCKED(&st->queue_lock);
    while (!st->calls_first && !st->queue_first && !st->is_draining) {
        if (!al_cond_wait_until(&st->queue_changed, &st->queue_lock, deadline))
            break;
    }
    work w = {.calls = st->calls_first};
    st->calls_first = st->calls_last = NULL;
    w.items = w.calls ? NULL : take_items_locked(st);
    w.is_over = st->is_draining && !w.calls && !w.items;
    return w;
}

static void run_calls(store *st, call *k)
{
    while (k) {
        call *next = k->next;
        al_err err = {0};
        al_code c = k->fn(st, k->arg, &err);
        AL_LOCKED(&st->queue_lock);
        k->code = c;
        k->err = err;
        k->is_done = true; /* the caller's stack: gone once the lock is */
        (void)pthread_cond_broadcast(&st->call_done);
        k = next;
    }
}

/* Calls has_room when it is owed and there is room. */
static void offer_room(store *st)
{
    bool is_owed = false;
    if (!must_wait(st)) {
        AL_LOCKED(&st->queue_lock);
        is_owed = st->wants_room && st->queue_bytes <= st->queue_bytes_max / 2 && !st->is_stopping;
        if (is_owed)
            st->wants_room = false;
    }
    if (is_owed && st->hooks.has_room)
        st->hooks.has_room(st->hooks.ctx);
}

void *committer_run(void *store_ptr)
{
    store *st = store_ptr;
    for (;;) {
        work w = wait_for_work(st);
        if (w.is_over)
            return NULL;
        run_calls(st, w.calls);
        retention_look_at_disk(st, false);
        if (w.items)
            commit_items(st, w.items);
        offer_room(st);
        if (al_mono_ns() - st->tidied_ns > TIDY_NS)
            retention_tidy(st);
    }
}
