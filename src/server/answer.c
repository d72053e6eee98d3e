/* Answers, as the library wants them: a buffer, or a stream whose pieces are made by a worker while
 * the connection is suspended. A stream that breaks ends without its last chunk, so that its client
 * knows. */
#include "server/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "server/assets.h"

enum {
    EARLY_BYTES_MAX = 64 * 1024,
};

static const char *const secure_headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};
enum { SECURE_HEADERS = sizeof secure_headers / sizeof secure_headers[0] };

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
        req_count_held(r);
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
    if (!req_suspend_locked(r))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!r->is_busy) {
        al_buf_done(&r->out); /* it may have been longer than the next piece will be */
        al_buf_init(&r->out, REQ_ANSWER_BYTES_MAX);
        r->out_off = 0;
        req_count_held(r);
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
        MHD_SIZE_UNKNOWN, r->stream->more ? 16384 : 4096, read_streamed, s, end_streamed);
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

static void count_answer(req *r)
{
    atomic_fetch_add(&r->srv->counts.by_class[r->status / 100 % 6], 1);
}

enum MHD_Result answer_queue(req *r)
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
    if (r->is_asset_of_nothing && r->status == MHD_HTTP_OK)
        r->status = MHD_HTTP_NOT_FOUND;
    for (size_t i = 0; i < SECURE_HEADERS; i++)
        (void)MHD_add_response_header(response, secure_headers[i][0], secure_headers[i][1]);
    if (r->type)
        (void)MHD_add_response_header(response, "Content-Type", r->type);
    if (!r->asset)
        (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    for (size_t i = 0; i < r->n_headers; i++)
        (void)MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    count_answer(r);
    enum MHD_Result ok = MHD_queue_response(r->conn, r->status, response);
    MHD_destroy_response(response);
    return ok;
}

/* ---- Before the body has come */

static void format_answer(const req *r, al_buf *out)
{
    al_buf_printf(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", r->status,
                  MHD_get_reason_phrase_for(r->status), r->type, r->out.len);
    for (size_t i = 0; i < SECURE_HEADERS; i++)
        al_buf_printf(out, "%s: %s\r\n", secure_headers[i][0], secure_headers[i][1]);
    for (size_t i = 0; i < r->n_headers; i++)
        if (strcmp(r->headers[i].name, "Connection") != 0)
            al_buf_printf(out, "%s: %s\r\n", r->headers[i].name, r->headers[i].value);
    al_buf_str(out, "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    al_buf_slice_put(out, al_buf_slice(&r->out));
}

void answer_early_locked(req *r)
{
    al_buf text;
    assert(!r->is_answered);
    assert(r->type);
    r->is_answered = true;
    r->is_early = true;
    r->linger_until_ns = al_mono_ns() + tuning_of(&r->srv->tuning)->request_ms * AL_NS_PER_MS;
    if (r->is_gone)
        return;
    conn_due(req_conn_of(r->conn), tuning_of(&r->srv->tuning)->request_ms);
    al_buf_init(&text, EARLY_BYTES_MAX);
    format_answer(r, &text);
    /* Nothing is before it in the socket's buffer but "100 Continue": it fits, or nothing will. */
    ssize_t n =
        al_buf_code(&text) ? -1 : send(req_fd(r), text.ptr, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    r->is_gone = n < 0 || (size_t)n < text.len;
    al_buf_done(&text);
    count_answer(r);
}

enum MHD_Result answer_linger_locked(req *r, size_t *size)
{
    bool is_over = r->is_gone || *size == 0 || al_mono_ns() >= r->linger_until_ns;
    *size = 0;
    return is_over ? MHD_NO : MHD_YES;
}
