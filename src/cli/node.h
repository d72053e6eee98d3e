#pragma once
/* node.h: a data directory with everything that works on it: catalogue, ingest, engine, server.
 * `alco serve` runs one for the world; a client with --data runs one for itself. */
#include "base/err.h"
#include "ingest/ingest.h"
#include "inputs/files.h"
#include "server/server.h"

typedef struct node node;

typedef struct node_options {
    const char *data;
    const char *listen;
    uint64_t memory_bytes;            /* 0: the default */
    uint64_t min_free_bytes;          /* UINT64_MAX: the default */
    bool drops_when_low;              /* less is free: the oldest is dropped; else input stops */
    uint32_t connections_per_address; /* 0: the default */
    bool may_be_beyond;               /* server.h, as is_private */
    bool is_private;
    server_tuning tuning;
} node_options;

/* Listens, then opens the directory (made when absent) and replays its log; the server answers 503
 * meanwhile. `before_ready` (may be NULL) is called when ingest is open and nothing is served yet.
 * AL_EXISTS: another process owns the directory. */
AL_CHECK al_code node_open(const node_options *o,
                           al_code (*before_ready)(void *ctx, node *n, al_err *err), void *ctx,
                           node **ret, al_err *err);
server *node_server(node *n);
ingest *node_ingest(node *n);
catalog *node_catalog(node *n);
/* As in the options, from now on. */
void node_set_min_free(node *n, uint64_t min_free_bytes, bool drops_when_low);
/* Of every node, so that what it remembers outlives runs that follow no files; the caller may start
 * it and then stops it. */
files_input *node_files(node *n);
/* Ends all requests; uploads get wait_ms to become durable. */
void node_drain(node *n, int wait_ms);
/* After inputs have stopped. Makes durable what was taken, reports every batch and closes the
 * engine; then inputs may be freed. */
void node_end(node *n);
/* node_end, if that was not called, and the rest. */
node *node_close(node *n);
