/* Batches of deliveries. See amqp_batch.h.
 * A batch that was submitted belongs to two: the session, which may have to give it up at the stop
 * deadline, and the engine, which reports it once in any case. */
#include "inputs/amqp_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

al_code amqp_waker_init(amqp_waker *w, al_err *err)
{
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd < 0 ? al_fail_errno(err, "make an eventfd") : AL_OK;
}

void amqp_waker_done(amqp_waker *w)
{
    al_closep(&w->fd);
    w->fd = -1;
}

void amqp_waker_wake(const amqp_waker *w)
{
    uint64_t one = 1;
    ssize_t n = write(w->fd, &one, sizeof one);
    (void)n; /* fails only when the counter is at its end: then it is awake */
}

void amqp_waker_clear(const amqp_waker *w)
{
    uint64_t count = 0;
    ssize_t n = read(w->fd, &count, sizeof count);
    (void)n; /* nothing to read: not woken */
}

al_code amqp_batch_new(ingest *ing, const char *index, const ledger_session *s,
                       const amqp_waker *waker, amqp_batch **ret, al_err *err)
{
    AL_CLEANUP(amqp_batch_dropp) amqp_batch *b = al_zalloc(1, sizeof *b);
    if (!b)
        return al_fail(err, AL_NOMEM, "no memory for a batch");
    atomic_init(&b->refs_held, 1);
    b->waker = waker;
    al_buf_init(&b->marks, AMQP_MARKS_BYTES_MAX);
    ledger_marks_begin(s, &b->marks);
    if (al_buf_code(&b->marks))
        return al_fail(err, AL_NOMEM, "no memory for a batch");
    al_code c = ingest_begin(ing, index, "amqp", &b->records, err);
    if (c)
        return c;
    *ret = AL_TAKE(b);
    return AL_OK;
}

amqp_batch *amqp_batch_drop(amqp_batch *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs_held, 1, memory_order_acq_rel) != 1)
        return NULL;
    (void)ingest_batch_free(b->records);
    al_buf_done(&b->marks);
    free(b->refs);
    free(b->after);
    free(b);
    return NULL;
}

bool amqp_batch_is_full(const amqp_batch *b)
{
    return b->n_deliveries >= AMQP_BATCH_DELIVERIES_MAX || ingest_is_full(b->records);
}

al_code amqp_batch_note(amqp_batch *b, ledger_ref ref, const ledger_key *after)
{
    if (ref.session) {
        ledger_ref *refs =
            al_grow(b->refs, &b->refs_cap, b->n_refs, sizeof *refs, 16, AMQP_BATCH_DELIVERIES_MAX);
        if (!refs)
            return AL_NOMEM;
        b->refs = refs;
        refs[b->n_refs++] = ref;
    }
    if (after) {
        ledger_key *keys = al_grow(b->after, &b->after_cap, b->n_after, sizeof *keys, 16,
                                   AMQP_BATCH_DELIVERIES_MAX);
        if (!keys)
            return AL_NOMEM;
        b->after = keys;
        keys[b->n_after++] = *after;
    }
    return AL_OK;
}

/* Engine thread. */
static void on_done(void *ctx, al_code code, const al_err *err)
{
    amqp_batch *b = ctx;
    const amqp_waker *waker = b->waker;
    b->code = code;
    if (err)
        b->err = *err;
    atomic_store_explicit(&b->is_done, true, memory_order_release);
    (void)amqp_batch_drop(b);
    amqp_waker_wake(waker);
}

al_code amqp_batch_submit(amqp_batch *b, ledger_session *s, al_err *err)
{
    assert(!b->is_submitted);
    if (!b->is_marked) {
        size_t n_closes = ledger_take_closes(s, &b->marks, AMQP_CLOSES_MAX);
        if (b->n_stored == 0 && n_closes == 0) {
            b->records = ingest_batch_free(b->records);
            b->is_submitted = true;
            atomic_store(&b->is_done, true);
            return AL_OK;
        }
        al_code c = ingest_add_marks(b->records, al_buf_slice(&b->marks));
        if (c)
            return al_fail(err, c, "no memory for the marks of a batch");
        b->is_marked = true;
    }
    (void)atomic_fetch_add_explicit(&b->refs_held, 1, memory_order_relaxed);
    ingest_batch *records = b->records;
    b->records = NULL; /* before the engine has it: it may be reported before we are back */
    b->is_submitted = true;
    al_code c = ingest_submit(records, on_done, b, err);
    if (c) {
        b->records = records;
        b->is_submitted = false;
        (void)atomic_fetch_sub_explicit(&b->refs_held, 1, memory_order_relaxed);
    }
    return c;
}
