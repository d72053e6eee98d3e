#pragma once
/* req.h: one HTTP request from its first line to its last byte, and how the threads share it.
 *
 * The HTTP thread reads the head and the body and sends the answer; in between a worker works and
 * the connection is suspended. A request is referenced by its connection, by the task that works on
 * it, and by a response that streams; whoever is last frees it. Private to src/server. */
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "server/access.h"
#include "server/routes.h"
#include "server/server_priv.h"
#include "server/url.h"
#include "server/workers.h"

enum {
    REQ_BODY_BYTES_MAX = 1 << 20,   /* of parameters and settings; uploads have no limit */
    REQ_ANSWER_BYTES_MAX = 1 << 30, /* of one buffer of an answer; what can be long is streamed */
    REQ_HEADERS_MAX = 8,
};

typedef enum req_phase {
    REQ_HEAD,   /* nothing was looked at */
    REQ_BODY,   /* the body is read */
    REQ_WORK,   /* a worker has it */
    REQ_QUEUED, /* the answer is the library's */
} req_phase;

typedef struct req_stream_ops {
    /* Worker. Appends the next piece of the body to r->out (nothing is fine); *ret_is_end after the
     * last. An error breaks the stream off. NULL: whoever pushes appends under the lock. */
    al_code (*more)(void *ctx, req *r, bool *ret_is_end);
    /* The request ended, whyever. No other call comes after. */
    void (*free)(void *ctx);
    /* HTTP thread, r->lock held: all of r->out was taken. May be NULL. */
    void (*drained)(void *ctx);
} req_stream_ops;

struct req { /* NOLINT(clang-analyzer-optin.performance.Padding): grouped by who may touch it */
    _Atomic unsigned refs;
    uint64_t begun_ns; /* al_mono_ns */
    int64_t due_ns;    /* when its query must end; set when the whole request is there */
    server *srv;
    req *newer; /* guarded by srv->lock: all requests */
    req *older;
    bool is_upload; /* counted in n_uploads; guarded by srv->lock, as is_ended */
    bool is_ended;  /* server_drain has been here */

    /* HTTP thread only */
    struct MHD_Connection *conn;
    req_phase phase;

    /* written by the HTTP thread before a worker sees it, then only by whoever works on it */
    al_arena *arena;
    al_slice raw_target;
    const char *target_begin; /* where the library has it; only to compare with */
    bool is_cut;              /* a NUL stood in it */
    url_target target;
    url_params params;
    const route *route;
    al_slice path_args[ROUTE_ARGS_MAX];
    al_slice host;          /* header; may be empty */
    al_slice last_event_id; /* header of a tail; empty when absent */
    asker who;
    char client[ACCESS_CLIENT_BYTES_MAX]; /* whose tries to log in are counted together */
    bool is_https;                        /* the client speaks it to a proxy before us */
    bool is_get;
    al_buf body;
    struct upload *upload; /* of POST logs */
    task work;
    workers *pool; /* that `work` was last put to, but of an upload; guarded by lock */

    atomic_bool cancel; /* the client went away, or we stop */

    pthread_mutex_t lock;
    /* guarded by lock */
    bool is_suspended;
    bool is_gone;
    bool is_answered; /* what follows is there */
    bool is_early;    /* it was sent before the body was complete */
    int64_t linger_until_ns;
    bool is_busy; /* a worker fills `out` */
    bool is_end;  /* nothing more comes behind `out` */
    bool is_broken;
    size_t out_off; /* of `out`, sent */
    size_t held;    /* in srv->answers; whose `out` is */

    /* the answer: the worker's until is_answered; then `out` belongs to whoever the flags say */
    unsigned status;
    const char *type;
    al_buf out;
    struct {
        const char *name;
        const char *value; /* in the arena */
    } headers[REQ_HEADERS_MAX];
    size_t n_headers;
    const req_stream_ops *stream;
    void *stream_ctx;
    bool has_trailer;
    char trailer[256];         /* value of Alco-Partial */
    const struct asset *asset; /* instead of `out`; then status stays 0 */
    bool is_asset_of_nothing;  /* the page says that there is nothing: 404 */
};

/* NULL without memory. `target` is copied. */
req *req_new(server *s, const char *target);
req *req_ref(req *r);
req *req_unref(req *r);
/* srv->lock held: a reference, unless the last one is just being given back. */
bool req_try_ref(req *r);
/* Counts it as an upload, which server_drain waits for; or not any more. No lock of r is held. */
void req_mark_upload(req *r, bool is_upload);
/* The connection's socket, open while a call of the library runs, or under the lock while
 * !is_gone. */
int req_fd(req *r);
/* Our entry of one of the library's connections, as req_fd. May be NULL. */
conn *req_conn_of(struct MHD_Connection *mhd);

/* Counts what it holds now. Whoever `out` (before the end of its body: `body`) belongs to. */
void req_count_held(req *r);

/* ---- For handlers (workers) */

/* Sets the answer's status and media type; the body is appended to r->out. */
void req_answer(req *r, unsigned status, const char *type);
void req_header(req *r, const char *name, al_slice value);
/* A problem+json answer; what was appended before is thrown away. */
void req_problem(req *r, unsigned status, const char *fmt, ...) AL_PRINTF(3, 4);
/* 404; `name` may hold NULs, which a format would end at. */
void req_no_index(req *r, al_slice name);
/* As req_problem, for what a call returned and said; not AL_OK. */
void req_fail(req *r, al_code code, const al_err *err);
/* Goes on after r->out with a stream. Takes ctx. */
void req_stream(req *r, const req_stream_ops *ops, void *ctx);
/* The answer is complete (or the stream begun): the connection goes on. Last call on r of whoever
 * works on it, but for its unref. */
void req_done(req *r);
/* Puts the connection to sleep, and watches whether its client stays. HTTP thread, inside a call of
 * the library, r->lock held. False: the request is to be given up instead. */
bool req_suspend_locked(req *r);
/* Wakes the connection; any thread, r->lock held. */
void req_resume_locked(req *r);

/* Parameters; each answers with a problem and returns false when the value is bad. */
bool req_text(req *r, const char *name, al_slice *ret);
bool req_number(req *r, const char *name, uint64_t min, uint64_t max, uint64_t *ret);
/* The time range of `from` and `to`. */
bool req_range(req *r, int64_t *ret_from, int64_t *ret_to);

AL_DEFINE_CLEANUP(req, req_unref);
