#pragma once
/* amqp_input.h: reads the queues of every index from one or more RabbitMQ brokers into ingest, each
 * message once. For every broker and index there are `num_processes` consumers, each a thread with
 * its own connection, so that no broker and no index waits for another.
 *
 * Life: amqp_input_new -> (engine opened, ingest_attach) -> amqp_input_start -> amqp_input_stop ->
 * ingest_stop, engine_close -> amqp_input_free: batches may be reported, and listeners called,
 * until the engine is closed. */
#include <stdbool.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ingest/ingest.h"
#include "ingest/ledger.h"

typedef struct amqp_input amqp_input;

typedef struct amqp_broker {
    al_slice url;        /* amqp_url.h */
    al_slice management; /* "http://127.0.0.1:15672": stale bindings are looked up there; empty: not
                            looked for */
} amqp_broker;

enum { AMQP_BROKERS_MAX = 64 };

typedef struct amqp_options {
    const amqp_broker *brokers; /* copied */
    size_t n_brokers;
    /* One line for people, without line feed; any thread, must not block long. May be NULL. */
    void (*log)(void *ctx, const char *line);
    void *log_ctx;
} amqp_options;

/* Checks the URLs, connects to nothing. `cat`, `ing` and `led` (the one whose marks `ing` keeps)
 * must outlive the input's threads. AL_INVALID: a URL. */
AL_CHECK al_code amqp_input_new(catalog *cat, ingest *ing, ledger *led, const amqp_options *opt,
                                amqp_input **ret, al_err *err);
/* Starts consumers for every index there is, and follows every change from then on. A change's
 * call (ingest_index_create, ...) waits up to 5 s until consumers follow; with the broker away it
 * does not wait, and they follow when it is back. */
AL_CHECK al_code amqp_input_start(amqp_input *in, al_err *err);
/* Has every consumer set up its queue, or failed to at least once, so that nothing is gained by
 * waiting on? Any thread. */
bool amqp_input_is_settled(amqp_input *in);
/* Takes nothing more, makes durable what was taken, acknowledges, disconnects. Returns within
 * about 6 s; what was not acknowledged by then comes again after the next start. */
void amqp_input_stop(amqp_input *in);
amqp_input *amqp_input_free(amqp_input *in);
/* JSON: [{"broker":"host:port/vhost","state":"connected","why":"..."},...], one for every broker;
 * `why` is left out when there is nothing to say. Appends. */
void amqp_input_state(amqp_input *in, const char *index, al_buf *out);
/* Prometheus text. */
void amqp_input_metrics(amqp_input *in, al_buf *out);

AL_DEFINE_CLEANUP(amqp_input, amqp_input_free);
