#pragma once
/* server.h: the HTTP side: API, page, server-sent events, metrics.
 *
 * Life: server_start (listens; /health answers, everything else is 503) -> server_attach (all
 * works) -> server_drain (no new requests; uploads under way become durable, the rest is ended) ->
 * ingest_stop, engine_close (whose last hooks still reach the server) -> server_free. */
#include "catalog/catalog.h"
#include "ingest/ingest.h"
#include "query/engine.h"

typedef struct server server;

/* What may change while it runs. */
typedef struct server_tuning {
    const char **hosts; /* names under which browsers reach us, beside addresses; may be NULL */
    size_t n_hosts;
    /* 0: the default */
    uint32_t page_size;       /* 100, limit of a search that names none */
    uint32_t query_ms;        /* 30 s, of a query from its arrival, waiting included */
    uint32_t queries_waiting; /* 1024; one more gets 503 */
    uint32_t request_ms;      /* 30 s, of a head; of a body that is no upload */
} server_tuning;

typedef struct server_options {
    const char *listen; /* "HOST:PORT" (port 0: any free one) or "unix:PATH" */
    const char *version;
    uint32_t connections_per_address; /* 0: 8192 */
    uint64_t memory_bytes; /* the whole budget, of which requests get a share; 0: 256 MiB */
    /* Others can reach `listen`: the caller knows that there is an admin. Else only loopback and
     * local sockets are taken. */
    bool may_be_beyond;
    /* Nobody but the owner of the data directory reaches `listen`: all requests are an admin's. */
    bool is_private;
    server_tuning tuning;
} server_options;

/* AL_INVALID: `listen` cannot be read, or is beyond loopback and may not be. AL_IO: the system
 * refuses the address. */
AL_CHECK al_code server_start(const server_options *o, server **ret, al_err *err);
/* Can server_start use this address, and does it reach beyond this machine? The same AL_INVALID
 * when it cannot be read, without listening. */
AL_CHECK al_code server_check_listen(const char *listen, bool *ret_is_beyond, al_err *err);
/* What it answers with; all outlive server_drain. Once. */
AL_CHECK al_code server_attach(server *s, catalog *cat, ingest *in, engine *eng, al_err *err);
/* Adds lines to /metrics, before server_attach; `fn` outlives server_drain. At most 8. */
void server_add_metrics(server *s, void (*fn)(void *ctx, al_buf *out), void *ctx);
/* What an index shows as `inputs`: `fn` appends a JSON array. Once, before server_attach; `fn`
 * outlives server_drain, and is called on any thread. */
void server_show_inputs(server *s, void (*fn)(void *ctx, const char *index, al_buf *out),
                        void *ctx);
/* Writes the configuration of a node of Sphinx ("HOST:PORT"; empty: the first). AL_INVALID: there
 * is no such node. */
typedef al_code server_sphinx_conf_fn(void *ctx, al_slice node, al_buf *out, al_err *err);
/* What /collector/sphinx.conf answers; as server_show_inputs. Without it that is not found. */
void server_show_sphinx_conf(server *s, server_sphinx_conf_fn *fn, void *ctx);
/* For requests that begin from now on; copies what it is given. Any time after server_start, one
 * thread at a time. AL_NOMEM: nothing is changed. */
AL_CHECK al_code server_tune(server *s, const server_tuning *t, al_err *err);
/* "127.0.0.1:8000" with the real port; valid until server_free. */
const char *server_address(const server *s);
/* Once; more calls and NULL are fine. Takes no more connections, gives uploads `wait_ms` to become
 * durable and be answered, ends everything else, and returns when no request is left: after it
 * ingest and engine are not used. */
void server_drain(server *s, int wait_ms);
server *server_free(server *s);
