/* Requests: life, answers, parameters. The flow through the threads is in flow.c.
 * Rule for `out`: before is_answered it is the worker's; afterwards it is the HTTP thread's, except
 * while is_busy, when the worker that runs stream->more has it again. Streams that push (tails)
 * have no `more` and touch it under the lock. */
#include "server/req.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "record/json_out.h"
#include "record/timestamp.h"
#include "server/api.h"

/* Beside `out`: the library's own buffer, the query, what marks its hits. */
enum { STREAM_BYTES = 32 * 1024 };

req *req_new(server *s, const char *target)
{
    req *r = al_zalloc(1, sizeof *r);
    if (!r)
        return NULL;
    atomic_init(&r->refs, 1);
    (void)pthread_mutex_init(&r->lock, NULL);
    r->srv = s;
    r->begun_ns = (uint64_t)al_mono_ns();
    al_buf_init(&r->body, REQ_BODY_BYTES_MAX);
    al_buf_init(&r->out, REQ_ANSWER_BYTES_MAX);
    r->arena = al_arena_new(4096);
    if (r->arena)
        r->raw_target = al_arena_copy(r->arena, al_cstr(target));
    if (!r->raw_target.ptr)
        return req_unref(r);
    AL_LOCKED(&s->lock);
    r->older = s->newest;
    if (s->newest)
        s->newest->newer = r;
    s->newest = r;
    s->n_requests++;
    return r;
}

static void leave_list(req *r)
{
    server *s = r->srv;
    AL_LOCKED(&s->lock);
    if (s->newest != r && !r->newer)
        return; /* never was in it */
    if (r->newer)
        r->newer->older = r->older;
    else
        s->newest = r->older;
    if (r->older)
        r->older->newer = r->newer;
    s->n_requests--;
    s->n_uploads -= r->is_upload ? 1 : 0;
    (void)pthread_cond_broadcast(&s->changed);
}

req *req_ref(req *r)
{
    unsigned before = atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return r;
}

bool req_try_ref(req *r)
{
    unsigned n = atomic_load(&r->refs);
    while (n > 0)
        if (atomic_compare_exchange_weak(&r->refs, &n, n + 1))
            return true;
    return false;
}

void req_mark_upload(req *r, bool is_upload)
{
    AL_LOCKED(&r->srv->lock);
    r->srv->n_uploads -= r->is_upload;
    r->srv->n_uploads += is_upload;
    r->is_upload = is_upload;
    (void)pthread_cond_broadcast(&r->srv->changed);
}

void req_count_held(req *r)
{
    size_t stream = r->stream && r->stream->more ? STREAM_BYTES : 0;
    held_set(&r->srv->answers, &r->held, r->body.cap + r->out.cap + stream);
}

req *req_unref(req *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    held_set(&r->srv->answers, &r->held, 0);
    if (r->stream && r->stream->free)
        r->stream->free(r->stream_ctx);
    (void)upload_free(r->upload);
    al_buf_done(&r->body);
    al_buf_done(&r->out);
    leave_list(r); /* last, because server_drain waits for it */
    (void)al_arena_free(r->arena);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
    return NULL;
}

/* ---- Waiting */

conn *req_conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

int req_fd(req *r)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    return i ? i->connect_fd : -1;
}

/* False: the request is to be given up instead. */
bool req_suspend_locked(req *r)
{
    assert(!r->is_suspended);
    if (r->is_gone || atomic_load(&r->srv->is_closing))
        return false;
    r->is_suspended = true;
    MHD_suspend_connection(r->conn);
    (void)watch_add(r->srv->watch, req_fd(r), r); /* else noticed at the next write */
    return true;
}

void req_resume_locked(req *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    watch_remove(r->srv->watch, req_fd(r));
    MHD_resume_connection(r->conn);
}

/* ---- Answers */

void req_answer(req *r, unsigned status, const char *type)
{
    r->status = status;
    r->type = type;
}

void req_header(req *r, const char *name, al_slice value)
{
    assert(r->n_headers < REQ_HEADERS_MAX);
    al_slice copy = al_arena_copy(r->arena, value);
    if (!copy.ptr)
        return;
    r->headers[r->n_headers].name = name;
    r->headers[r->n_headers++].value = (const char *)copy.ptr;
}

static const char *title_of(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 421:
        return "Misdirected Request";
    case 429:
        return "Too Many Requests";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void put_problem(req *r, unsigned status, al_slice detail)
{
    if (r->stream && r->stream->free)
        r->stream->free(r->stream_ctx);
    r->stream = NULL;
    r->stream_ctx = NULL;
    al_buf_clear(&r->out);
    al_buf_printf(&r->out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,\"detail\":",
                  title_of(status), status);
    json_put_string(&r->out, detail);
    al_buf_str(&r->out, "}\n");
    req_answer(r, status, "application/problem+json");
    if (status == 503)
        req_header(r, "Retry-After", AL_LIT("2"));
}

void req_problem(req *r, unsigned status, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_problem(r, status, al_cstr(text));
}

void req_no_index(req *r, al_slice name)
{
    al_buf text;
    al_buf_init(&text, 128 + SERVER_CONNECTION_BYTES);
    al_buf_str(&text, "no index '");
    al_buf_slice_put(&text, name);
    al_buf_u8(&text, '\'');
    put_problem(r, 404, al_buf_slice(&text));
    al_buf_done(&text);
}

/* Of what was not written. There may be room again later, without anybody's change here. */
static bool is_full(const al_err *err)
{
    return err->sys_errno == ENOSPC || err->sys_errno == EDQUOT || err->sys_errno == EFBIG;
}

static unsigned status_of(al_code code, const al_err *err)
{
    switch (code) {
    case AL_INVALID:
        return 400;
    case AL_NOT_FOUND:
        return 404;
    case AL_EXISTS:
        return 409;
    case AL_LIMIT:
        return 413;
    case AL_AGAIN:
    case AL_CANCELLED:
    case AL_NOMEM:
        return 503;
    case AL_OK:
    case AL_CORRUPT:
    case AL_TOO_NEW:
        break;
    case AL_IO:
        return is_full(err) ? 503 : 500;
    }
    return 500;
}

void req_fail(req *r, al_code code, const al_err *err)
{
    const char *text = err->msg;
    assert(code != AL_OK);
    if (code == AL_CANCELLED)
        atomic_fetch_add(&r->srv->counts.cancelled, 1);
    if (!text[0] && code == AL_NOT_FOUND)
        text = "not found";
    else if (!text[0] && code == AL_NOMEM)
        text = "no memory";
    else if (!text[0])
        text = "not now: full, low on disk or stopping";
    put_problem(r, status_of(code, err), al_cstr(text));
}

void req_stream(req *r, const req_stream_ops *ops, void *ctx)
{
    assert(!r->stream);
    r->stream = ops;
    r->stream_ctx = ctx;
}

void req_done(req *r)
{
    if (al_buf_code(&r->out))
        req_problem(r, 503, "no memory for the answer");
    req_count_held(r);
    AL_LOCKED(&r->lock);
    r->is_answered = true;
    req_resume_locked(r);
}

/* ---- Parameters */

bool req_text(req *r, const char *name, al_slice *ret)
{
    return url_param_get(&r->params, name, ret);
}

bool req_number(req *r, const char *name, uint64_t min, uint64_t max, uint64_t *ret)
{
    al_slice text;
    uint64_t v = 0;
    if (!url_param_get(&r->params, name, &text))
        return true;
    if (!al_parse_u64(text, &v) || v < min || v > max) {
        req_problem(r, 400, "%s '%.*s': expected a number from %" PRIu64 " to %" PRIu64, name,
                    AL_ARG(text), min, max);
        return false;
    }
    *ret = v;
    return true;
}

static bool bound(req *r, const char *name, int64_t now_ns, int64_t *ret)
{
    al_slice text;
    al_err err = {0};
    if (!url_param_get(&r->params, name, &text) || text.len == 0)
        return true;
    al_code c = rec_time_parse_range(text, now_ns, ret, &err);
    if (c) {
        req_problem(r, 400, "%s: %s", name, err.msg);
        return false;
    }
    return true;
}

bool req_range(req *r, int64_t *ret_from, int64_t *ret_to)
{
    int64_t now_ns = al_now_ns();
    *ret_from = 0;
    *ret_to = INT64_MAX;
    return bound(r, "from", now_ns, ret_from) && bound(r, "to", now_ns, ret_to);
}
