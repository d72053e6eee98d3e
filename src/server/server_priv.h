#pragma once
/* server_priv.h: the server's insides, for the handlers in this folder. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "record/timezone.h"
#include "server/conns.h"
#include "server/held.h"
#include "server/server.h"
#include "server/throttle.h"
#include "server/tuning.h"
#include "server/watch.h"
#include "server/workers.h"

typedef struct req req;
typedef struct tails tails;

enum {
    SERVER_HTTP_THREADS = 2,
    SERVER_QUERY_THREADS = 4,
    SERVER_QUICK_THREADS = 1, /* metrics and settings */
    SERVER_INGEST_THREADS = 2,
    SERVER_PASSWORD_THREADS = 1, /* each takes SECRET_PASSWORD_MEMORY */
    SERVER_PASSWORDS_WAITING_MAX = 64,
    SERVER_CONNECTIONS_MAX = 16384,
    SERVER_CONNECTION_BYTES = 160 * 1024, /* a head of 64 KiB, parsed; touched only as used */
    SERVER_IDLE_S = 75,
    SERVER_DURATIONS = 8,
    SERVER_METRICS_MAX = 8,
};

typedef struct server_counts {
    _Atomic uint64_t requests;
    _Atomic uint64_t by_class[6]; /* of status / 100 */
    _Atomic uint64_t queries;     /* search, count, histogram, values, context */
    _Atomic uint64_t query_ns;
    _Atomic uint64_t query_le[SERVER_DURATIONS]; /* buckets, see server_duration_s */
    _Atomic uint64_t partial;
    _Atomic uint64_t cancelled;
    _Atomic uint64_t refused_full;   /* the queue was */
    _Atomic uint64_t refused_late;   /* waited for all the time they had */
    _Atomic uint64_t refused_memory; /* too much was held */
    _Atomic uint64_t slow_clients;   /* connections shut */
    _Atomic uint64_t logins;
    _Atomic uint64_t logins_wrong;
    _Atomic uint64_t logins_limited;
} server_counts;
extern const double server_duration_s[SERVER_DURATIONS];

struct server {
    /* immutable after server_start */
    struct MHD_Daemon *daemon;
    char address[128];
    char unix_path[128];
    const char *version;
    uint32_t connections_per_address;
    workers *queries;
    workers *quick; /* routes that never wait behind queries */
    workers *ingesters;
    workers *passwords; /* routes that hash one */
    throttle *logins;
    bool is_private; /* only the owner of the data directory reaches it */
    bool is_beyond;  /* listens to more than this machine */
    watch *watch;
    conns *conns;
    int64_t begun_ns;     /* wall clock */
    rec_zone *local_zone; /* NULL: UTC; for old ALCO's addresses, which know no other */

    /* written once by server_attach, before is_attached */
    catalog *cat;
    cat_users *users; /* of cat */
    ingest *in;
    engine *eng;
    tails *tails;
    struct {
        void (*fn)(void *ctx, al_buf *out);
        void *ctx;
    } metrics[SERVER_METRICS_MAX];
    size_t n_metrics;
    void (*put_inputs)(void *ctx, const char *index, al_buf *out); /* NULL: nobody has any */
    void *inputs_ctx;
    server_sphinx_conf_fn *put_sphinx_conf; /* NULL: there is none */
    void *sphinx_conf_ctx;
    atomic_bool is_attached;
    atomic_bool is_stopping; /* new requests get 503 */
    atomic_bool is_closing;  /* no connection may be suspended any more */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a request ended */
    /* guarded by lock */
    req *newest;
    size_t n_requests;
    size_t n_uploads;

    tuning_now tuning; /* what may change while it runs */
    held answers;      /* with bodies that are no uploads */
    held uploads;      /* lines, halves of lines, what undoes compression */
    held_trim trim;    /* the watch's thread only */
    server_counts counts;
};
