/* A request's way through the threads.
 *
 * Shape: two HTTP threads (epoll, inside the library) read heads and bodies and write answers; they
 * never run a query or wait for a disk. When the body is there they suspend the connection and put
 * the request to the workers; req_done resumes it, and the library calls us again for the answer.
 * Invariants:
 * (1) A connection is suspended, and resumed, under its request's lock; is_suspended says which.
 * (2) Only on_request and read_stream suspend: on the HTTP thread, as the library demands.
 * (3) An answer is never queued in the first call for a request (the library then closes the
 *     connection), except to turn away a client that asks before it sends (Expect). While a body
 *     comes the library takes no answer at all: what has to be said then is sent past it.
 * (4) A suspended connection is watched; when its client is gone it is resumed, whatever a worker
 *     does at the moment, and on_request answers MHD_NO.
 * Locks: a request's lock, then leaves: the watch's, a pool's, the list of parked uploads, of
 * tails. srv->lock is never held together with them. */
#include "server/flow.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "server/answer.h"
#include "server/api.h"
#include "server/head.h"
#include "server/req_json.h"

static void run_route(task *t)
{
    req *r = (req *)((char *)t - offsetof(req, work));
    if (r->pool == r->srv->queries && al_mono_ns() >= r->due_ns) {
        atomic_fetch_add(&r->srv->counts.refused_late, 1);
        req_problem(r, 503, "no worker was free for %" PRIu32 " s",
                    tuning_of(&r->srv->tuning)->query_ms / 1000);
    } else if (r->pool == r->srv->queries && held_is_full(&r->srv->answers)) {
        atomic_fetch_add(&r->srv->counts.refused_memory, 1);
        req_problem(r, 503, "too many answers wait for their clients to read them");
    } else {
        r->route->run(r);
    }
    req_done(r);
    (void)req_unref(r);
}

/* The whole request is there: on to the workers. What says how the server is must not wait behind
 * queries: open routes touch no lock and are answered here, quick ones have a thread of their own.
 */
static enum MHD_Result dispatch(req *r)
{
    conn_due(req_conn_of(r->conn), CONN_NO_BOUND);
    if (r->status || r->asset)
        return answer_queue(r);
    if (r->route->body == BODY_PARAMS && !req_read_json_params(r))
        return answer_queue(r);
    if (r->route->is_open) {
        r->route->run(r);
        return answer_queue(r);
    }
    workers *w = r->route->has_password ? r->srv->passwords
                 : r->route->is_quick   ? r->srv->quick
                                        : r->srv->queries;
    uint32_t max = r->route->has_password ? SERVER_PASSWORDS_WAITING_MAX
                                          : tuning_of(&r->srv->tuning)->queries_waiting;
    {
        AL_LOCKED(&r->lock);
        r->work.run = run_route;
        r->pool = w;
        r->due_ns = al_mono_ns() + tuning_of(&r->srv->tuning)->query_ms * AL_NS_PER_MS;
        if (workers_try_put(w, &req_ref(r)->work, max)) {
            r->phase = REQ_WORK;
            return req_suspend_locked(r) ? MHD_YES : MHD_NO;
        }
    }
    (void)req_unref(r); /* the task's */
    atomic_fetch_add(&r->srv->counts.refused_full, 1);
    req_problem(r, 503, "%" PRIu32 " requests are waiting already", max);
    return answer_queue(r);
}

static enum MHD_Result take_body(req *r, const char *data, size_t *size)
{
    if (r->status) {
        *size = 0; /* answered already: read on, so that the client gets to read the answer */
        return MHD_YES;
    }
    al_buf_put(&r->body, data, *size);
    if (al_buf_code(&r->body))
        req_problem(r, 413, "body of more than %d bytes", REQ_BODY_BYTES_MAX);
    else if (r->body.cap > r->held && held_is_full(&r->srv->answers))
        req_problem(r, 503, "no memory for the body now");
    if (r->status)
        al_buf_done(&r->body);
    req_count_held(r);
    *size = 0;
    return MHD_YES;
}

/* More of an upload, or with *size 0 its end. */
static enum MHD_Result take_upload(req *r, const char *data, size_t *size)
{
    AL_LOCKED(&r->lock);
    if (r->is_early)
        return answer_linger_locked(r, size);
    if (r->is_gone)
        return MHD_NO;
    if (*size) {
        size_t taken = upload_take_locked(r, data, *size);
        if (taken < *size && !req_suspend_locked(r))
            return MHD_NO;
        *size -= taken;
        return MHD_YES;
    }
    if (!req_suspend_locked(r))
        return MHD_NO;
    r->phase = REQ_WORK;
    upload_end_locked(r);
    return MHD_YES;
}

static enum MHD_Result go_on_with_body(req *r, const char *data, size_t *size)
{
    if (r->upload)
        return take_upload(r, data, size);
    {
        AL_LOCKED(&r->lock);
        if (r->is_early)
            return answer_linger_locked(r, size);
    }
    return *size ? take_body(r, data, size) : dispatch(r);
}

/* A problem before the body. A short body is read on and thrown away; of a long one the client
 * shall know as soon as can be: before it sends (Expect), or while it does. */
static enum MHD_Result refuse(req *r)
{
    if (head_expects(r))
        return answer_queue(r);
    if (head_has_long_body(r)) {
        AL_LOCKED(&r->lock);
        answer_early_locked(r);
    }
    return MHD_YES;
}

static enum MHD_Result go_on(req *r)
{
    {
        AL_LOCKED(&r->lock);
        if (r->is_gone)
            return MHD_NO;
        if (!r->is_answered) /* woken for nothing */
            return req_suspend_locked(r) ? MHD_YES : MHD_NO;
    }
    return answer_queue(r);
}

/* A NUL ends the library's text of a target, and whoever sent it may have meant what follows. The
 * version stands in the same buffer, one byte behind the target. */
static bool is_cut(const req *r, const char *version)
{
    uintptr_t end = (uintptr_t)r->target_begin + r->raw_target.len;
    uintptr_t behind = (uintptr_t)version;
    return behind > end + 1 && behind - end < SERVER_CONNECTION_BYTES;
}

/* NOLINTNEXTLINE(readability-function-size): the library's parameters */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **con_cls)
{
    req *r = *con_cls;
    (void)cls;
    (void)url;
    if (!r)
        return MHD_NO; /* no memory */
    switch (r->phase) {
    case REQ_HEAD:
        r->conn = conn;
        r->phase = REQ_BODY;
        atomic_fetch_add(&r->srv->counts.requests, 1);
        r->is_cut = is_cut(r, version);
        if (!head_read(r, method))
            return refuse(r);
        /* An upload may go on for as long as its client likes; another body is due. */
        conn_due(req_conn_of(conn),
                 r->upload ? CONN_NO_BOUND : (int64_t)tuning_of(&r->srv->tuning)->request_ms);
        return MHD_YES;
    case REQ_BODY:
        return go_on_with_body(r, data, size);
    case REQ_WORK:
        return go_on(r);
    case REQ_QUEUED:
        *size = 0;
        return MHD_YES;
    }
    return MHD_NO;
}

/* We read the query string ourselves. The library would make a list of it in the connection's
 * memory; with some thousand `&` that is full, and it then neither answers nor ends the request.
 * The target stands in its own writable buffer, and it has not yet looked behind the `?`. */
static void hide_query(const char *target)
{
    char *query = (char *)(uintptr_t)strchr(target, '?');
    if (query && query[1])
        query[1] = '\0';
}

static void *on_target(void *cls, const char *target, struct MHD_Connection *conn)
{
    server *s = cls;
    req *r = req_new(s, target ? target : "");
    conn_due(req_conn_of(conn), tuning_of(&s->tuning)->request_ms);
    if (r)
        r->target_begin = target;
    if (target)
        hide_query(target);
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    req *r = *con_cls;
    (void)cls;
    (void)why;
    *con_cls = NULL;
    conn_due(req_conn_of(conn), (int64_t)SERVER_IDLE_S * 1000);
    if (!r)
        return;
    atomic_store(&r->cancel, true);
    {
        AL_LOCKED(&r->lock);
        assert(!r->is_suspended);
        r->is_gone = true;
        if (r->upload && !r->is_answered)
            upload_abort_locked(r);
    }
    (void)req_unref(r);
}

void flow_give_up(req *r)
{
    workers *pool = NULL;
    atomic_store(&r->cancel, true);
    {
        AL_LOCKED(&r->lock);
        r->is_gone = true; /* nothing is put to a pool any more */
        pool = r->pool;
        req_resume_locked(r);
    }
    if (pool && workers_drop(pool, &r->work)) {
        atomic_fetch_add(&r->srv->counts.cancelled, 1);
        (void)req_unref(r); /* the task's */
    }
    (void)req_unref(r);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    server *s = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        conns_remove(s->conns, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *socket_context = i ? conns_add(s->conns, i->connect_fd) : NULL;
    conn_due(*socket_context, tuning_of(&s->tuning)->request_ms);
}

static void on_tick(void *ctx)
{
    server *s = ctx;
    atomic_fetch_add(&s->counts.slow_clients, conns_sweep(s->conns));
    uploads_tell_room(s);
    const held_use use = {.bytes = held_bytes(&s->answers) + held_bytes(&s->uploads),
                          .conns = conns_count(s->conns),
                          .answered = workers_ended(s->queries),
                          .is_asked = workers_running(s->queries) > 0};
    held_give_back(&s->trim, &use);
}

static void on_keep(void *what)
{
    (void)req_ref(what);
}

static void on_gone(void *what)
{
    flow_give_up(what);
}

const watch_calls flow_watch_calls = {on_tick, on_keep, on_gone};

al_code flow_start(server *s, int fd, al_err *err)
{
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)SERVER_HTTP_THREADS, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)s->connections_per_address,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SERVER_CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S, MHD_OPTION_END);
    return s->daemon ? AL_OK : al_fail(err, AL_IO, "start the HTTP server on %s", s->address);
}
