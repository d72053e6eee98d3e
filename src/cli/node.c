/* The wiring of a data directory. Order of opening: catalogue (its lock says whose the directory
 * is), ingest (for its hooks), engine (replays), indexes (those of the store that the catalogue
 * lost, too), server. Closing: requests end, no more batches, engine (reports what it has), ingest,
 * catalogue. */
#include "cli/node.h"

#include <stdlib.h>

#include "base/mem.h"
#include "catalog/cat_check.h"
#include "cli/cli.h"
#include "store/store.h"

struct node {
    catalog *cat;
    ingest *in;
    files_input *files;
    engine *eng;
    server *srv;
};

static void say(void *ctx, const char *text)
{
    (void)ctx;
    cli_say("%s", text);
}

static al_code open_catalog(node *n, const char *data, al_err *err)
{
    al_code c = catalog_open(data, &n->cat, err);
    if (c == AL_AGAIN)
        return al_fail(err, AL_EXISTS,
                       "%s: another alco owns this directory (commands ask it with --server URL)",
                       data);
    if (c == AL_CORRUPT) { /* not replaced unasked: it holds settings that are nowhere else */
        al_err why = *err;
        return al_fail(err, c,
                       "%.90s; put a copy back, or move it and catalog.db-wal away: the next start "
                       "makes a new one with the indexes of the store and default settings",
                       why.msg);
    }
    return c;
}

/* An index of the store that a lost catalogue does not know, or knows only by default: its settings
 * first, because default ones would drop its records at the next start. */
static al_code adopt(node *n, const char *name, al_arena *arena, bool *ret_is_adopted, al_err *err)
{
    cat_index idx;
    al_code c = catalog_index_get(n->cat, name, arena, &idx, err);
    if (c == AL_OK && !catalog_is_new(n->cat))
        return AL_OK;
    bool is_there = c == AL_OK;
    if (c == AL_NOT_FOUND)
        c = catalog_index_defaults(name, arena, &idx, err);
    if (c)
        return c;
    idx.intervals = CAT_INTERVALS_MAX; /* what it was is not known, and records would be gone */
    c = is_there ? catalog_index_change(n->cat, &idx, err)
                 : catalog_index_create(n->cat, &idx, err);
    if (c)
        return c;
    *ret_is_adopted = true;
    cli_say("index %s: the catalogue did not know it; it has default settings now and keeps its "
            "records for %u days: set `intervals` as it was",
            name, idx.intervals);
    return AL_OK;
}

/* The names of its fields, from its records; of an index without any, too: a start that was cut off
 * may have adopted that. */
static al_code bring_back_fields(node *n, const char *name, bool is_adopted, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new((size_t)64 * 1024);
    cat_field *known = NULL;
    size_t n_known = 0;
    const al_slice *found = NULL;
    size_t n_found = 0;
    if (!arena)
        return al_fail(err, AL_NOMEM, "fields of index %s", name);
    al_code c = catalog_fields(n->cat, name, arena, &known, &n_known, err);
    if (!c && (n_known == 0 || is_adopted))
        c = engine_fields(n->eng, name, arena, &found, &n_found, err);
    if (c)
        return c;
    for (size_t i = 0; !c && i < n_found; i++)
        c = catalog_field_seen(n->cat, name, found[i]);
    if (c && c != AL_LIMIT) /* a full list: the rest is read as text, as it was before */
        return al_fail(err, c, "fields of index %s", name);
    return n_found ? catalog_flush(n->cat, err) : AL_OK;
}

static al_code adopt_all(node *n, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const char **names = NULL;
    size_t n_names = 0;
    if (!arena)
        return al_fail(err, AL_NOMEM, "indexes of the store");
    al_code c = engine_indexes(n->eng, arena, &names, &n_names, err);
    if (c)
        return c;
    bool *is_adopted = al_arena_alloc(arena, n_names + 1, sizeof *is_adopted);
    if (!is_adopted)
        return al_fail(err, AL_NOMEM, "indexes of the store");
    for (size_t i = 0; !c && i < n_names; i++) {
        is_adopted[i] = false;
        c = adopt(n, names[i], arena, &is_adopted[i], err);
    }
    for (size_t i = 0; !c && i < n_names; i++) /* after all settings: this takes its time */
        c = bring_back_fields(n, names[i], is_adopted[i], err);
    return c;
}

/* Fields come from records, and those from a store: without one, its place is not mounted, or it
 * was moved away. Beginning empty would look like loss, and be some once retention runs. The store
 * is made before the first field is known, so a first start that was cut off is not refused. */
static al_code miss_store(node *n, const char *data, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new((size_t)16 * 1024);
    const char **held = NULL;
    cat_index *idx = NULL;
    size_t n_held = 0;
    size_t n_idx = 0;
    al_err ignored;
    if (!arena)
        return al_fail(err, AL_NOMEM, "indexes of the catalogue");
    if (catalog_is_new(n->cat) ||
        store_index_names(data, arena, &held, &n_held, &ignored) != AL_NOT_FOUND)
        return AL_OK; /* there is one, or opening says what is wrong with it */
    al_code c = catalog_indexes(n->cat, arena, &idx, &n_idx, err);
    for (size_t i = 0; !c && i < n_idx; i++) {
        cat_field *fields = NULL;
        size_t n_fields = 0;
        c = catalog_fields(n->cat, idx[i].name, arena, &fields, &n_fields, err);
        if (!c && n_fields)
            return al_fail(
                err, AL_CORRUPT,
                "%.80s/store has no root, but catalog.db knows fields of records in index "
                "%s: is it not mounted? To begin empty, move catalog.db away",
                data, idx[i].name);
    }
    return c;
}

void node_set_min_free(node *n, uint64_t min_free_bytes, bool drops_when_low)
{
    store_set_min_free(n->eng, min_free_bytes, drops_when_low);
}

static al_code open_store(node *n, const node_options *o, al_err *err)
{
    store_options so = {.path = o->data,
                        .memory_bytes = o->memory_bytes,
                        .min_free_bytes = o->min_free_bytes,
                        .drops_when_low = o->drops_when_low,
                        .note = say};
    al_code c = open_catalog(n, o->data, err);
    if (!c)
        c = miss_store(n, o->data, err);
    if (!c)
        c = ingest_new(n->cat, &n->in, err);
    if (!c)
        c = files_new(n->in, &n->files, err);
    if (!c)
        c = store_open(&so, ingest_hooks(n->in), &n->eng, err);
    if (!c)
        c = adopt_all(n, err);
    if (!c)
        c = ingest_attach(n->in, n->eng, err);
    return c;
}

al_code node_open(const node_options *o, al_code (*before_ready)(void *ctx, node *n, al_err *err),
                  void *ctx, node **ret, al_err *err)
{
    server_options so = {.listen = o->listen,
                         .version = CLI_VERSION,
                         .connections_per_address = o->connections_per_address,
                         .may_be_beyond = o->may_be_beyond,
                         .is_private = o->is_private,
                         .tuning = o->tuning,
                         .memory_bytes = o->memory_bytes};
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
