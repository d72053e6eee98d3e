#pragma once
/* amqp_priv.h: insides shared by amqp_input.c (who consumes what), amqp_remember.c (what of that
 * outlives the process), amqp_state.c (what people are told of it), amqp_consumer.c (one thread:
 * connect, set up, again), amqp_jobs.c (undoing earlier plans) and amqp_session.c (one channel:
 * deliveries, batches, acknowledgements). */
#include <pthread.h>
#include <stdatomic.h>

#include "base/thread.h"
#include "inputs/amqp_batch.h"
#include "inputs/amqp_input.h"
#include "inputs/amqp_link.h"
#include "inputs/amqp_plan.h"

enum { AMQP_PREFETCH = 2000, AMQP_WHY_BYTES = 300 };

typedef struct amqp_group amqp_group;

typedef struct amqp_consumer { /* one thread */
    /* immutable */
    amqp_group *g;
    amqp_waker waker;
    pthread_t thread;
    /* its own */
    unsigned n_given_up; /* sessions in a row, as lost by the broker (amqp_look.h) */
    /* atomic */
    atomic_bool must_stop;
    /* guarded by the input's lock */
    uint64_t settled; /* newest version by which it consumes */
    uint64_t failed;  /* newest version that it failed to set up */
    bool has_ended;
    struct amqp_consumer *next;
} amqp_consumer;

typedef struct amqp_counters { /* atomic; for /metrics */
    atomic_int_fast64_t connected;
    atomic_int_fast64_t unacked;
    atomic_uint_fast64_t backlog; /* messages in the queue, as last heard */
    atomic_uint_fast64_t deliveries;
    atomic_uint_fast64_t redelivered;
    atomic_uint_fast64_t duplicates; /* acknowledged, not stored */
    atomic_uint_fast64_t acked;
    atomic_uint_fast64_t reconnects;
    atomic_uint_fast64_t cut; /* bodies over AMQP_BODY_BYTES_MAX */
} amqp_counters;

typedef enum amqp_state {
    AMQP_CONNECTING, /* not tried to its end yet */
    AMQP_CONNECTED,
    AMQP_AWAY,    /* not reached, or the connection was lost */
    AMQP_REFUSED, /* reached, but it does not let us: password, rights, another kind of exchange */
    AMQP_WAITING, /* the store takes nothing */
} amqp_state;

struct amqp_group { /* one index at one broker */
    /* immutable */
    amqp_input *in;
    const amqp_address *address;
    const char *management; /* "" = none */
    char index[CAT_INDEX_NAME_MAX + 1];
    /* atomic */
    amqp_counters counters;
    /* Grows, with the lock held, whenever consumers must set up anew; they compare without it. */
    atomic_uint_fast64_t version;
    atomic_int_fast64_t n_maybe_known; /* so many of the next messages may have come by another
                                          queue too */
    /* guarded by the input's lock */
    amqp_plan *plan;   /* of a dropped index the last one */
    amqp_plan *target; /* plan is its detour, until what stood in the queue is read; else NULL */
    bool is_dropped;   /* only jobs are left to do */
    bool is_unsaved;   /* differs from its note in the catalogue */
    amqp_jobs jobs;
    amqp_consumer *consumers;
    amqp_consumer *drainer; /* reads an old queue; the others wait. NULL: nobody */
    bool is_down;           /* said so in the log */
    bool was_up;
    int64_t said_ns;
    char last_note[AMQP_WHY_BYTES];
    amqp_state state; /* as last reported by any consumer */
    char why[AMQP_WHY_BYTES];
    amqp_group *next;
};

struct amqp_input {
    /* immutable after new */
    catalog *cat;
    ingest *ing;
    ledger *led;
    void (*log)(void *ctx, const char *line);
    void *log_ctx;
    amqp_address *addresses;
    char **managements;
    size_t n_brokers;
    /* atomic */
    atomic_bool is_stopping;
    atomic_uint_fast64_t n_rooms; /* how often the store said that there is room again */
    atomic_int_fast64_t stop_deadline_ns;
    pthread_mutex_t save_lock;   /* held while a note is made and written, so that none overtakes a
                                    newer one */
    pthread_mutex_t follow_lock; /* held from reading the catalogue until the groups follow it, so
                                    that none follows what was read earlier */
    /* guarded by lock */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a consumer settled, failed or ended */
    amqp_group *groups;
    uint64_t last_version;
    bool is_started;
};

void amqp_say(amqp_group *g, const char *fmt, ...) AL_PRINTF(2, 3);
/* Wakes every consumer of the index, at all brokers. */
void amqp_wake_index(amqp_input *in, const char *index);
/* Makes every consumer of the group set up anew. The caller holds the input's lock. */
void amqp_group_renew_locked(amqp_group *g);
/* Jobs of any index that would undo what this plan asks for are off. As above. */
void amqp_group_prune_locked(amqp_group *of);

/* Makes what changed of the group durable (amqp_note.h), if anything did. What could not be written
 * is said, and written with the next change. No lock but follow_lock may be held. */
void amqp_group_save(amqp_group *g);
/* Makes the groups that are noted, for the brokers there are, without consumers. */
AL_CHECK al_code amqp_groups_recall(amqp_input *in, al_err *err);
/* A group without plan. NULL without memory. */
amqp_group *amqp_group_add_locked(amqp_input *in, size_t broker, const char *index);

/* A broker's text must not write to a terminal what it likes. */
void amqp_clean(char *text);
/* For people who ask for the state; `why` may be NULL. */
void amqp_group_report(amqp_group *g, amqp_state state, const char *why);
/* The queue at this broker is gone: nothing of it comes again. */
void amqp_forget_queue(amqp_group *g, const amqp_link *k, al_slice queue);
/* The thread of a consumer. */
void *amqp_consumer_run(void *arg);

/* Why a session ended. */
typedef enum amqp_end {
    AMQP_END_PLAN,  /* the plan changed, or this consumer or the input stops */
    AMQP_END_AGAIN, /* set up again at once: the queue was deleted, or another consumer waits for us
                     */
    AMQP_END_LOST,  /* the connection ended */
    AMQP_END_STORE, /* what was taken could not be stored */
    AMQP_END_FULL,  /* the store has had no room for long */
    AMQP_END_EMPTY, /* it was to be read until it is empty, and is */
} amqp_end;

/* The name by which the ledger knows a queue: the same at every node of a cluster, another at
 * another broker or virtual host. */
void amqp_ledger_name(const amqp_link *k, al_slice queue, al_buf *out);

typedef struct amqp_reading { /* what one session reads */
    al_slice queue;           /* which exists */
    uint64_t version;         /* a version of the group beyond it ends the session */
    /* Called once the broker has agreed; NULL: nobody waits for it. */
    void (*ready)(amqp_consumer *me, uint64_t version);
    bool until_empty;
    al_slice heir;    /* the queue that takes this one's place; empty: none */
    uint64_t n_alone; /* all messages but the first n_alone may come from the heir too */
} amqp_reading;

/* Consumes on an open link until something ends that. Every batch has been reported when this
 * returns, unless the input's stop deadline passed. `err` says why, except for AMQP_END_PLAN and
 * AMQP_END_EMPTY. */
amqp_end amqp_session_run(amqp_consumer *me, const amqp_reading *what, amqp_link *k, al_err *err);

/* Begins to declare queue and exchange anew when that is to be done: at once when the queue is
 * quiet, else the group goes on a detour, which is a new version. AL_AGAIN: another consumer is at
 * it (amqp_jobs_wait). AL_IO: the link is broken. */
AL_CHECK al_code amqp_jobs_recreate(amqp_consumer *me, amqp_link *k, al_err *err);
/* Around the declaration of a plan: what must be undone before it (not of a dropped index), and
 * after it. A job that the broker refuses is noted and over. AL_IO: the link is broken. */
AL_CHECK al_code amqp_jobs_before(amqp_group *g, amqp_link *k, al_err *err);
AL_CHECK al_code amqp_jobs_after(amqp_group *g, amqp_link *k, bool is_dropped, al_buf *notes,
                                 al_err *err);
/* Then: reads queues that have an heir to their end and deletes them. AMQP_END_EMPTY: none is left.
 * AMQP_END_PLAN: the plan changed, or another consumer is at it (amqp_jobs_wait). Else why not. */
amqp_end amqp_jobs_drain(amqp_consumer *me, amqp_link *k, uint64_t version, al_err *err);
/* Waits while another consumer drains and the version stays. */
void amqp_jobs_wait(amqp_consumer *me, uint64_t version);
