#pragma once
/* amqp_batch.h: the deliveries of one session that become durable together, and what is to be done
 * with the broker once they are. Filled and used by its session's thread; reported by an engine
 * thread, also after the session has given it up. */
#include <stdatomic.h>

#include "ingest/ingest.h"
#include "ingest/ledger.h"

enum {
    AMQP_BATCH_DELIVERIES_MAX = 1000,
    AMQP_MARKS_BYTES_MAX = 1 << 20, /* of one batch: deliveries and closes, about 20 bytes each */
    AMQP_CLOSES_MAX = 20000,        /* closes that one batch takes along */
};

/* Wakes a thread that waits in poll: an eventfd. */
typedef struct amqp_waker {
    int fd;
} amqp_waker;
AL_CHECK al_code amqp_waker_init(amqp_waker *w, al_err *err);
void amqp_waker_done(amqp_waker *w);
void amqp_waker_wake(const amqp_waker *w);  /* any thread */
void amqp_waker_clear(const amqp_waker *w); /* the waiting thread */

typedef struct amqp_batch {
    /* the session's thread */
    ingest_batch *records; /* NULL once submitted */
    al_buf marks;
    ledger_ref *refs; /* to close once the acknowledgement has arrived */
    size_t n_refs;
    size_t refs_cap;
    ledger_key *after; /* ids that another batch must have made durable first */
    size_t n_after;
    size_t after_cap;
    size_t n_deliveries;
    size_t n_stored;
    uint64_t last_tag; /* acknowledge up to here; 0: nothing */
    bool is_marked;    /* the records have the marks */
    bool is_submitted;
    const amqp_waker *waker;
    /* shared */
    atomic_uint refs_held; /* 1, and 1 while the engine has it */
    atomic_bool is_done;   /* then the next two are final */
    al_code code;
    al_err err;
} amqp_batch;

AL_CHECK al_code amqp_batch_new(ingest *ing, const char *index, const ledger_session *s,
                                const amqp_waker *waker, amqp_batch **ret, al_err *err);
/* Gives it up; NULL is fine. */
amqp_batch *amqp_batch_drop(amqp_batch *b);
bool amqp_batch_is_full(const amqp_batch *b);
/* Remembers what a judged delivery asks for later. AL_NOMEM. */
AL_CHECK al_code amqp_batch_note(amqp_batch *b, ledger_ref ref, const ledger_key *after);
/* Hands it on with closes of the session's queue. A batch that stores and closes nothing is done at
 * once. AL_AGAIN: no room, try again. */
AL_CHECK al_code amqp_batch_submit(amqp_batch *b, ledger_session *s, al_err *err);
AL_DEFINE_CLEANUP(amqp_batch, amqp_batch_drop);
