/* The wiring of a data directory. Order of opening: catalogue (its lock says whose the directory
 * is), ingest (for its hooks), engine (replays), indexes, server. Closing: requests end, no more
 * batches, engine (reports what it has), ingest, catalogue. */
#include "cli/node.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "store/store.h"

struct node {
    catalog *cat;
    ingest *in;
    files_input *files;
    engine *eng;
    server *srv;
};

static void tell_damage(void *ctx, const store_finding *f)
{
    (void)ctx;
    cli_say("DAMAGED %s: %s (alco verify tells more)", f->file, f->text);
}

static al_code open_store(node *n, const node_options *o, al_err *err)
{
    store_options so = {.path = o->data,
                        .memory_bytes = o->memory_bytes,
                        .min_free_bytes = o->min_free_bytes,
                        .drops_when_low = o->drops_when_low,
                        .trouble = tell_damage};
    al_code c = catalog_open(o->data, &n->cat, err);
    if (c == AL_AGAIN)
        return al_fail(err, AL_EXISTS,
                       "%s: another alco owns this directory (commands ask it with --server URL)",
                       o->data);
    if (!c)
        c = ingest_new(n->cat, &n->in, err);
    if (!c)
        c = files_new(n->in, &n->files, err);
    if (!c)
        c = store_open(&so, ingest_hooks(n->in), &n->eng, err);
    if (!c)
        c = ingest_attach(n->in, n->eng, err);
    return c;
}

al_code node_open(const node_options *o, al_code (*before_ready)(void *ctx, node *n, al_err *err),
                  void *ctx, node **ret, al_err *err)
{
    server_options so = {.listen = o->listen, .version = CLI_VERSION};
    node *n = al_zalloc(1, sizeof *n);
    if (!n)
        return al_fail(err, AL_NOMEM, "start");
    al_code c = server_start(&so, &n->srv, err);
    if (!c)
        c = open_store(n, o, err);
    if (!c && before_ready)
        c = before_ready(ctx, n, err);
    if (!c)
        c = server_attach(n->srv, n->cat, n->in, n->eng, err);
    if (c) {
        (void)node_close(n);
        return c;
    }
    *ret = n;
    return AL_OK;
}

server *node_server(node *n)
{
    return n->srv;
}

ingest *node_ingest(node *n)
{
    return n->in;
}

catalog *node_catalog(node *n)
{
    return n->cat;
}

files_input *node_files(node *n)
{
    return n->files;
}

void node_drain(node *n, int wait_ms)
{
    server_drain(n->srv, wait_ms);
}

void node_end(node *n)
{
    server_drain(n->srv, 0);
    if (n->in)
        ingest_stop(n->in);
    n->eng = engine_close(n->eng);
}

node *node_close(node *n)
{
    if (!n)
        return NULL;
    node_end(n);
    (void)server_free(n->srv); /* after the engine: its last calls wake uploads of the server */
    (void)files_free(n->files);
    (void)ingest_free(n->in);
    (void)catalog_close(n->cat);
    free(n);
    return NULL;
}
