/* The HTTP server: libmicrohttpd's threads, and a request's way through ours.
 *
 * Shape: two HTTP threads (epoll, inside the library) read heads and bodies and write answers; they
 * never run a query or wait for a disk. When the body is there they suspend the connection and put
 * the request to the workers; req_done resumes it, and the library calls us again for the answer.
 * Invariants:
 * (1) A connection is suspended, and resumed, under its request's lock; is_suspended says which.
 * (2) Only on_request and read_stream suspend: on the HTTP thread, as the library demands.
 * (3) An answer is never queued in the first call for a request (the library then closes the
 *     connection), except to turn away a body that shall not be taken.
 * (4) A suspended connection is watched; when its client is gone it is resumed, whatever a worker
 *     does at the moment, and on_request answers MHD_NO.
 * Locks: a request's lock, then the watch's. srv->lock is never held together with them. */
#include "server/server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "server/api.h"
#include "server/assets.h"
#include "server/guard.h"
#include "server/listen.h"
#include "server/req.h"
#include "server/req_json.h"

const double server_duration_s[SERVER_DURATIONS] = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30};

static int fd_of(req *r)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    return i ? i->connect_fd : -1;
}

/* False: the request is to be given up instead. */
static bool try_suspend_locked(req *r)
{
    assert(!r->is_suspended);
    if (r->is_gone || atomic_load(&r->srv->is_closing))
        return false;
    r->is_suspended = true;
    MHD_suspend_connection(r->conn);
    (void)watch_add(r->srv->watch, fd_of(r), r); /* else noticed at the next write */
    return true;
}

void req_resume_locked(req *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    watch_remove(r->srv->watch, fd_of(r));
    MHD_resume_connection(r->conn);
}

/* ---- The head */

typedef struct head_scan {
    guard_request *g;
} head_scan;

static enum MHD_Result scan_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                   const char *value)
{
    head_scan *s = cls;
    (void)kind;
    struct {
        const char *name;
        al_slice *to;
    } wanted[] = {{"Host", &s->g->host},
                  {"Origin", &s->g->origin},
                  {"Sec-Fetch-Site", &s->g->fetch_site},
                  {"Sec-Fetch-Mode", &s->g->fetch_mode},
                  {"Content-Length", &s->g->content_length},
                  {"Transfer-Encoding", &s->g->transfer_encoding}};
    for (size_t i = 0; value && i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strcasecmp(key, wanted[i].name) != 0)
            continue;
        s->g->is_doubled = s->g->is_doubled || wanted[i].to->ptr;
        *wanted[i].to = al_cstr(value);
    }
    if (strcasecmp(key, "Forwarded") == 0 || strncasecmp(key, "X-Forwarded", 11) == 0)
        s->g->is_forwarded = true;
    return MHD_YES;
}

static al_slice header_of(req *r, const char *name)
{
    const char *v = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
    return v ? al_cstr(v) : (al_slice){0};
}

/* Answers and returns false when the request may not be served. */
static bool pass_guard(req *r)
{
    guard_request g = {.is_get = r->is_get};
    head_scan scan = {&g};
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    g.peer = i ? i->client_addr : NULL;
    (void)MHD_get_connection_values(r->conn, MHD_HEADER_KIND, scan_header, &scan);
    switch (guard_check(&g, r->srv->hosts, r->srv->n_hosts)) {
    case GUARD_OK:
        break;
    case GUARD_BAD_HOST:
        req_problem(r, 421,
                    "Host '%.*s': expected an IP address, localhost or a name listed in hosts",
                    AL_ARG(g.host));
        return false;
    case GUARD_BAD_ORIGIN:
        req_problem(r, 403, "Origin '%.*s' is not this server", AL_ARG(g.origin));
        return false;
    case GUARD_CROSS_SITE:
        req_problem(r, 403, "requests from pages of other sites are refused");
        return false;
    case GUARD_BAD_FRAME:
        req_problem(r, 400,
                    "expected one Host, and one Content-Length or Transfer-Encoding: chunked");
        req_header(r, "Connection", AL_LIT("close"));
        return false;
    }
    if (!r->route || r->route->is_open || guard_is_loopback(&g))
        return true;
    req_problem(r, 401,
                "there are no users yet: only requests from this machine, not forwarded "
                "by a proxy, are served");
    return false;
}

static bool find_route(req *r, const char *method)
{
    al_err err = {0};
    char allowed[64];
    if (url_parse_target(r->raw_target, r->arena, &r->target, &err)) {
        req_fail(r, &err);
        return false;
    }
    r->is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    switch (route_find(al_cstr(method), &r->target, &r->route, r->path_args, allowed)) {
    case ROUTE_FOUND:
        return true;
    case ROUTE_NO_METHOD:
        req_problem(r, 405, "method %.20s: expected %s", method, allowed);
        req_header(r, "Allow", al_cstr(allowed));
        return false;
    case ROUTE_NO_PATH:
        break;
    }
    if (r->is_get && (r->asset = asset_find(r->target.path)))
        return true;
    req_problem(r, 404, "nothing at '%.*s'", AL_ARG(r->target.path));
    return false;
}

static bool read_params(req *r)
{
    al_err err = {0};
    if (url_parse_form(r->target.query, r->arena, &r->params, &err)) {
        req_fail(r, &err);
        return false;
    }
    for (size_t i = 0; i < r->params.n; i++) {
        if (!route_has_param(r->route, r->params.items[i].name)) {
            req_problem(r, 400, "unknown parameter '%.*s': expected %s%s",
                        AL_ARG(r->params.items[i].name), r->route->params[0] ? "one of " : "none",
                        r->route->params);
            return false;
        }
    }
    return true;
}

static bool is_ready(req *r)
{
    if (r->route->is_open)
        return true;
    if (atomic_load(&r->srv->is_stopping)) {
        req_problem(r, 503, "the server is stopping");
        return false;
    }
    if (!atomic_load(&r->srv->is_attached)) {
        req_problem(r, 503, "the server is starting: it reads its log");
        return false;
    }
    return true;
}

/* False: there is an answer (a problem) already. */
static bool read_head(req *r, const char *method)
{
    bool has_route = find_route(r, method);
    if (!pass_guard(r) || !has_route)
        return false;
    if (r->asset)
        return true;
    if (!read_params(r) || !is_ready(r))
        return false;
    r->last_event_id = al_arena_copy(r->arena, header_of(r, "Last-Event-ID"));
    return r->route->body != BODY_LINES || upload_begin(r, header_of(r, "Content-Encoding"));
}

/* Does the client send more than we throw away, so that it gets to read the answer? */
static bool has_long_body(req *r)
{
    uint64_t n = 0;
    al_slice length = header_of(r, "Content-Length");
    if (header_of(r, "Expect").ptr)
        return true; /* the client asks before it sends */
    if (!length.ptr)
        return header_of(r, "Transfer-Encoding").ptr;
    return !al_parse_u64(length, &n) || n > REQ_BODY_BYTES_MAX;
}

/* ---- The answer */

static void secure(struct MHD_Response *response)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        (void)MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static void run_more(task *t)
{
    req *r = (req *)((char *)t - offsetof(req, work));
    bool is_end = false;
    al_code c = r->stream->more(r->stream_ctx, r, &is_end);
    {
        AL_LOCKED(&r->lock);
        r->is_busy = false;
        r->is_end = is_end;
        r->is_broken = c || al_buf_code(&r->out);
        req_resume_locked(r);
    }
    (void)req_unref(r);
}

/* The body of a streamed answer. HTTP thread. */
static ssize_t read_stream(void *cls, uint64_t pos, char *to, size_t max)
{
    req *r = cls;
    (void)pos;
    AL_LOCKED(&r->lock);
    if (r->is_gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->is_busy && r->out_off < r->out.len) {
        size_t n = AL_MIN(max, r->out.len - r->out_off);
        memcpy(to, r->out.ptr + r->out_off, n);
        r->out_off += n;
        return (ssize_t)n;
    }
    if (!r->is_busy && r->is_broken)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->is_busy && r->is_end)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!try_suspend_locked(r))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->is_busy) {
        al_buf_clear(&r->out);
        r->out_off = 0;
        if (r->stream->drained)
            r->stream->drained(r->stream_ctx);
        if (r->stream->more) {
            r->is_busy = true;
            r->work.run = run_more;
            workers_put(r->srv->queries, &req_ref(r)->work);
        }
    }
    return 0;
}

typedef struct streamed { /* what the library's response holds on to */
    req *r;
    struct MHD_Response *response;
} streamed;

static ssize_t read_streamed(void *cls, uint64_t pos, char *to, size_t max)
{
    streamed *s = cls;
    ssize_t n = read_stream(s->r, pos, to, max);
    if (n == MHD_CONTENT_READER_END_OF_STREAM && s->r->has_trailer)
        (void)MHD_add_response_footer(s->response, "Alco-Partial", s->r->trailer);
    return n;
}

static void end_streamed(void *cls)
{
    streamed *s = cls;
    (void)req_unref(s->r);
    free(s);
}

static struct MHD_Response *streamed_response(req *r)
{
    streamed *s = al_zalloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->r = req_ref(r);
    s->response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, r->stream->more ? 32768 : 4096, read_streamed, s, end_streamed);
    if (!s->response) {
        end_streamed(s);
        return NULL;
    }
    if (r->has_trailer)
        (void)MHD_add_response_header(s->response, "Trailer", "Alco-Partial");
    return s->response;
}

static struct MHD_Response *whole_response(req *r)
{
    al_buf body = r->out;
    al_buf_init(&r->out, REQ_ANSWER_BYTES_MAX); /* the library frees what it sends */
    if (!body.ptr)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, body.ptr, MHD_RESPMEM_MUST_FREE);
    if (!response)
        al_buf_done(&body);
    return response;
}

static enum MHD_Result queue_answer(req *r)
{
    struct MHD_Response *response = NULL;
    r->phase = REQ_QUEUED;
    if (r->asset && !r->status)
        response = asset_response(r->asset, r->conn, &r->status);
    else if (r->stream && (!r->stream->more || r->has_trailer || !r->is_end))
        response = streamed_response(r);
    else
        response = whole_response(r);
    if (!response)
        return MHD_NO;
    secure(response);
    if (r->type)
        (void)MHD_add_response_header(response, "Content-Type", r->type);
    if (!r->asset)
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    for (size_t i = 0; i < r->n_headers; i++)
        (void)MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    atomic_fetch_add(&r->srv->counts.by_class[r->status / 100 % 6], 1);
    enum MHD_Result ok = MHD_queue_response(r->conn, r->status, response);
    MHD_destroy_response(response);
    return ok;
}

/* ---- The library's calls */

static void run_route(task *t)
{
    req *r = (req *)((char *)t - offsetof(req, work));
    r->route->run(r);
    req_done(r);
    (void)req_unref(r);
}

/* The whole request is there: on to the workers. What says how the server is must not wait behind
 * queries: open routes touch no lock and are answered here, quick ones have a thread of their own.
 */
static enum MHD_Result dispatch(req *r)
{
    if (r->status || r->asset)
        return queue_answer(r);
    if (r->route->body == BODY_PARAMS && !req_read_json_params(r))
        return queue_answer(r);
    if (r->route->is_open) {
        r->route->run(r);
        return queue_answer(r);
    }
    workers *w = r->route->is_quick ? r->srv->quick : r->srv->queries;
    if (workers_waiting(w) >= SERVER_QUERIES_WAITING_MAX) {
        req_problem(r, 503, "%d requests are waiting already", SERVER_QUERIES_WAITING_MAX);
        return queue_answer(r);
    }
    AL_LOCKED(&r->lock);
    if (!try_suspend_locked(r))
        return MHD_NO;
    r->phase = REQ_WORK;
    r->work.run = run_route;
    workers_put(w, &req_ref(r)->work);
    return MHD_YES;
}

static enum MHD_Result take_body(req *r, const char *data, size_t *size)
{
    r->body_bytes += *size;
    if (r->status) {
        *size = 0; /* answered already: read on, so that the client gets to read the answer */
        return MHD_YES;
    }
    if (r->upload) {
        AL_LOCKED(&r->lock);
        if (r->is_gone)
            return MHD_NO;
        size_t taken = upload_take_locked(r, data, *size);
        if (taken < *size && !try_suspend_locked(r))
            return MHD_NO;
        r->body_bytes -= *size - taken;
        *size -= taken;
        return MHD_YES;
    }
    al_buf_put(&r->body, data, *size);
    if (al_buf_code(&r->body))
        req_problem(r, 413, "body of more than %d bytes", REQ_BODY_BYTES_MAX);
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result end_body(req *r)
{
    if (!r->upload || r->status)
        return dispatch(r);
    AL_LOCKED(&r->lock);
    if (!try_suspend_locked(r))
        return MHD_NO;
    r->phase = REQ_WORK;
    upload_end_locked(r);
    return MHD_YES;
}

static enum MHD_Result go_on(req *r)
{
    {
        AL_LOCKED(&r->lock);
        if (r->is_gone)
            return MHD_NO;
        if (!r->is_answered) /* woken for nothing */
            return try_suspend_locked(r) ? MHD_YES : MHD_NO;
    }
    return queue_answer(r);
}

/* NOLINTNEXTLINE(readability-function-size): the library's parameters */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **con_cls)
{
    req *r = *con_cls;
    (void)cls;
    (void)url;
    (void)version;
    if (!r)
        return MHD_NO; /* no memory */
    switch (r->phase) {
    case REQ_HEAD:
        r->conn = conn;
        r->phase = REQ_BODY;
        atomic_fetch_add(&r->srv->counts.requests, 1);
        if (!read_head(r, method) && has_long_body(r))
            return queue_answer(r);
        return MHD_YES;
    case REQ_BODY:
        return *size ? take_body(r, data, size) : end_body(r);
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
    req *r = req_new(cls, target ? target : "");
    (void)conn;
    if (target)
        hide_query(target);
    return r;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls,
                         enum MHD_RequestTerminationCode why)
{
    req *r = *con_cls;
    (void)cls;
    (void)conn;
    (void)why;
    *con_cls = NULL;
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

static void on_gone(void *what)
{
    req *r = what;
    atomic_store(&r->cancel, true);
    {
        AL_LOCKED(&r->lock);
        r->is_gone = true;
        req_resume_locked(r);
    }
    (void)req_unref(r);
}

static void on_keep(void *what)
{
    (void)req_ref(what);
}

/* ---- Life */

static bool copy_hosts(server *s, const server_options *o)
{
    s->hosts = al_zalloc(o->n_hosts + 1, sizeof *s->hosts);
    for (size_t i = 0; s->hosts && i < o->n_hosts; i++)
        s->hosts[i] = al_cstr(o->hosts[i]); /* constants of the caller */
    s->n_hosts = o->n_hosts;
    return s->hosts;
}

/* Thousands of followers are meant to be cheap: take what descriptors there are. */
static void raise_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = AL_MIN(l.rlim_max, (rlim_t)65536);
        (void)setrlimit(RLIMIT_NOFILE, &l); /* the old limit serves too */
    }
}

static al_code start_daemon(server *s, int fd, al_err *err)
{
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL,
        on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)SERVER_HTTP_THREADS, MHD_OPTION_URI_LOG_CALLBACK, on_target, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)SERVER_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)SERVER_CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S,
        MHD_OPTION_END);
    return s->daemon ? AL_OK : al_fail(err, AL_IO, "start the HTTP server on %s", s->address);
}

al_code server_start(const server_options *o, server **ret, al_err *err)
{
    static const watch_calls calls = {on_keep, on_gone};
    server *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "start the HTTP server");
    (void)pthread_mutex_init(&s->lock, NULL);
    al_cond_init(&s->changed);
    s->page_size = o->page_size ? o->page_size : 100;
    s->version = o->version;
    s->begun_ns = al_now_ns();
    raise_descriptors();
    AL_CLEANUP(al_closep) int fd = -1;
    al_code c = copy_hosts(s, o) ? AL_OK : al_fail(err, AL_NOMEM, "start the HTTP server");
    if (!c)
        c = listen_open(o->listen, &fd, s->address, sizeof s->address, err);
    if (!c && strncmp(o->listen, "unix:", 5) == 0)
        (void)snprintf(s->unix_path, sizeof s->unix_path, "%s", o->listen + 5);
    if (!c)
        c = workers_new(SERVER_QUERY_THREADS, "query", &s->queries, err);
    if (!c)
        c = workers_new(SERVER_QUICK_THREADS, "quick", &s->quick, err);
    if (!c)
        c = workers_new(SERVER_INGEST_THREADS, "ingest", &s->ingesters, err);
    if (!c)
        c = watch_new(&calls, &s->watch, err);
    if (!c)
        c = start_daemon(s, fd, err);
    if (c) {
        (void)server_free(s);
        return c;
    }
    fd = -1; /* the daemon's */
    *ret = s;
    return AL_OK;
}

al_code server_check_listen(const char *listen, al_err *err)
{
    return listen_check(listen, err);
}

al_code server_attach(server *s, catalog *cat, ingest *in, engine *eng, al_err *err)
{
    assert(!atomic_load(&s->is_attached));
    s->cat = cat;
    s->in = in;
    s->eng = eng;
    al_code c = tails_new(s, &s->tails, err);
    if (c)
        return c;
    ingest_on_room(in, uploads_room, s);
    atomic_store(&s->is_attached, true);
    return AL_OK;
}

void server_add_metrics(server *s, void (*fn)(void *ctx, al_buf *out), void *ctx)
{
    assert(!atomic_load(&s->is_attached));
    assert(s->n_metrics < SERVER_METRICS_MAX);
    s->metrics[s->n_metrics].fn = fn;
    s->metrics[s->n_metrics++].ctx = ctx;
}

const char *server_address(const server *s)
{
    return s->address;
}

/* Wakes and cancels every request that is not ended yet; uploads only if asked to. */
static void end_requests(server *s, bool also_uploads)
{
    for (;;) {
        req *r = NULL;
        {
            AL_LOCKED(&s->lock);
            r = s->newest;
            while (r && (r->is_ended || (r->is_upload && !also_uploads) || !req_try_ref(r)))
                r = r->older;
            if (!r)
                return;
            r->is_ended = true;
        }
        on_gone(r);
    }
}

static void wait_for_uploads(server *s, int64_t until_ns)
{
    AL_LOCKED(&s->lock);
    while (s->n_uploads)
        if (!al_cond_wait_until(&s->changed, &s->lock, until_ns))
            return;
}

static void wait_for_all(server *s)
{
    AL_LOCKED(&s->lock);
    while (s->n_requests)
        (void)pthread_cond_wait(&s->changed, &s->lock);
}

/* Who comes while it stops is told so (is_ready), until the library stops. Not MHD_quiesce_daemon:
 * in 0.9.75 it and a worker that wakes at the same moment both take the listening socket out of the
 * worker's epoll set, and the second one aborts.
 * is_gone and is_closing forbid to suspend (try_suspend_locked), and every request is woken after
 * they are set: so nothing is suspended when the library stops, which it would not survive. */
void server_drain(server *s, int wait_ms)
{
    if (!s || !s->daemon)
        return;
    atomic_store(&s->is_stopping, true);
    end_requests(s, false);
    wait_for_uploads(s, al_mono_ns() + wait_ms * AL_NS_PER_MS);
    atomic_store(&s->is_closing, true);
    end_requests(s, true);
    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    uploads_room(s); /* those that waited for it have given up */
    wait_for_all(s); /* workers that had a cancelled request */
    tails_stop(s->tails);
}

server *server_free(server *s)
{
    if (!s)
        return NULL;
    server_drain(s, 0);
    (void)tails_free(s->tails);
    (void)workers_free(s->queries);
    (void)workers_free(s->quick);
    (void)workers_free(s->ingesters);
    (void)watch_free(s->watch);
    if (s->unix_path[0])
        (void)unlink(s->unix_path);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->hosts);
    free(s);
    return NULL;
}
