#pragma once
/* ing_priv.h: insides shared by ingest.c and ing_batch.c. */
#include <pthread.h>

#include "ingest/ing_count.h"
#include "ingest/ing_index.h"
#include "ingest/ingest.h"

enum { ING_LISTENERS_MAX = 8 };

struct ingest {
    catalog *cat; /* immutable, as the next two */
    ledger *led;
    eng_hooks hooks;
    ingest_memory memory;  /* all NULL: none */
    _Atomic(engine *) eng; /* NULL before ingest_attach */
    atomic_bool is_stopped;
    atomic_bool has_sphinx; /* indexes of that engine can be made */

    pthread_mutex_t change_lock; /* held over a whole create, change or drop */

    pthread_rwlock_t lock;
    /* guarded by lock */
    ing_index **indexes; /* by name */
    size_t n;
    size_t cap;

    pthread_mutex_t listen_lock;
    /* guarded by listen_lock */
    struct {
        ingest_listener_fn *fn;
        void *ctx;
    } on_change[ING_LISTENERS_MAX];
    struct {
        void (*fn)(void *ctx);
        void *ctx;
    } on_commit[ING_LISTENERS_MAX], on_room[ING_LISTENERS_MAX];
    size_t n_change;
    size_t n_commit;
    size_t n_room;

    ing_source sources[ING_SOURCES_MAX]; /* names guarded by listen_lock, counters atomic */
    _Atomic size_t n_sources;
};

/* NULL when there is none; else a reference. */
ing_index *ingest_find(ingest *in, const char *name);
/* The counters of a source; the last one is shared by all that find no place. */
ing_source *ingest_source(ingest *in, const char *name);
