#pragma once
/* amqp_session_priv.h: one session, shared by amqp_session.c (reading, the loop, the end) and
 * amqp_settle.c (from a full batch to a closed message). Used by the consumer's thread alone. */
#include "inputs/amqp_look.h"
#include "inputs/amqp_message.h"
#include "inputs/amqp_priv.h"

enum { AMQP_WAY_MAX = 4 /* batches on their way */ };

typedef struct amqp_refs { /* a growing list */
    ledger_ref *items;
    size_t n;
    size_t cap;
} amqp_refs;

typedef struct amqp_session {
    amqp_consumer *me;
    const amqp_reading *what;
    amqp_link *k;
    ledger_session *l;
    ledger_session *heir; /* lends its keys; reads nothing */
    amqp_message m;
    bool is_held; /* m is complete, but another session must be asked first */
    amqp_batch *filling;
    bool is_stalled;    /* filling found no room */
    int64_t stalled_ns; /* since then */
    amqp_batch *way[AMQP_WAY_MAX];
    size_t n_way;
    uint64_t last_tag; /* delivered */
    uint64_t acked_tag;
    unsigned n_empty;  /* answers in a row that nothing is left, and nothing came in between */
    amqp_refs acked;   /* acknowledged since the last round trip began */
    amqp_refs on_trip; /* acknowledged before it began */
    bool is_on_trip;
    uint64_t ticket;      /* asked before it began */
    int64_t trip_ns;      /* when it began */
    amqp_look look;       /* at the broker, whether it still knows this consumer */
    int64_t busy_ns;      /* a batch was submitted, or something closed */
    int64_t heartbeat_ns; /* when one is due while nothing is read */
    bool is_finishing;    /* deliveries are left to the broker */
    bool was_cancelled;   /* by the broker: the queue is gone, or the consumer is lost */
} amqp_session;

static inline amqp_counters *amqp_session_counters(amqp_session *s)
{
    return &s->me->g->counters;
}

/* Hands the filling batch on, unless too many are on their way; is_stalled: it found no room. */
AL_CHECK al_code amqp_settle_submit(amqp_session *s, al_err *err);
/* Acknowledges the batches at the head that are durable. AL_CANCELLED: one was not stored. */
AL_CHECK al_code amqp_settle(amqp_session *s, al_err *err);
/* Closes that no batch has carried for a while go on their own. */
AL_CHECK al_code amqp_settle_closes(amqp_session *s, int64_t now, al_err *err);
/* Gives up a batch that will not be acknowledged. Returns NULL. */
amqp_batch *amqp_settle_give_up(amqp_session *s, amqp_batch *b);
/* Asks the broker for the queue; its answer ends the trip. One at a time. */
AL_CHECK al_code amqp_settle_trip(amqp_session *s, int64_t now, al_err *err);
/* AL_NOT_FOUND (and was_cancelled): the broker has lost this consumer without telling. */
AL_CHECK al_code amqp_settle_trip_end(amqp_session *s, const amqp_queue_declare_ok_t *ok,
                                      al_err *err);
