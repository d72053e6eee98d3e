/* Stale bindings, found through RabbitMQ's management API: AMQP itself cannot list bindings.
 * GET /api/queues/{vhost}/{queue}/bindings answers [{"source","routing_key","properties_key",
 * "arguments",...}]; what is to go is unbound over AMQP. A binding with arguments is somebody
 * else's: alco makes none. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "inputs/amqp_topology.h"
#include "libs/curl_lib.h"
#include "record/json.h"

enum { ANSWER_BYTES_MAX = 4 << 20, MANAGE_LIMIT_MS = 2000 };

static size_t take_answer(char *bytes, size_t size, size_t n, void *ctx)
{
    al_buf *to = ctx;
    al_buf_put(to, bytes, size * n);
    return al_buf_code(to) ? 0 : size * n;
}

static al_code put_escaped(const curl_lib *l, CURL *h, al_buf *url, al_slice part, al_err *err)
{
    char *text = l->easy_escape(h, (const char *)part.ptr, (int)part.len);
    if (!text)
        return al_fail(err, AL_NOMEM, "no memory for a URL");
    al_buf_str(url, text);
    l->free(text);
    return AL_OK;
}

/* GET with the broker's own user, unless base_url names another. */
static al_code fetch_with(const curl_lib *l, CURL *h, const char *base_url, const amqp_address *as,
                          al_slice queue, al_buf *to, al_err *err)
{
    AL_CLEANUP(al_buf_done) al_buf url;
    al_buf_init(&url, 8192);
    size_t n = strlen(base_url);
    al_buf_put(&url, base_url, n && base_url[n - 1] == '/' ? n - 1 : n);
    al_buf_str(&url, "/api/queues/");
    al_code c = put_escaped(l, h, &url, al_cstr(as->vhost), err);
    al_buf_str(&url, "/");
    if (!c)
        c = put_escaped(l, h, &url, queue, err);
    al_buf_put(&url, "/bindings", sizeof "/bindings");
    if (c)
        return c;
    if (al_buf_code(&url))
        return al_fail(err, AL_LIMIT, "the address is too long");
    curl_set_number(l, h, CURLOPT_NOSIGNAL, 1);
    curl_set_pointer(l, h, CURLOPT_URL, url.ptr);
    curl_set_pointer(l, h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_set_number(l, h, CURLOPT_TIMEOUT_MS, MANAGE_LIMIT_MS);
    curl_set_number(l, h, CURLOPT_FAILONERROR, 1);
    curl_set_taker(l, h, CURLOPT_WRITEFUNCTION, take_answer);
    curl_set_pointer(l, h, CURLOPT_WRITEDATA, to);
    if (!memchr(base_url, '@', n)) {
        curl_set_pointer(l, h, CURLOPT_USERNAME, as->user);
        curl_set_pointer(l, h, CURLOPT_PASSWORD, as->password);
    }
    CURLcode r = l->easy_perform(h);
    if (r != CURLE_OK)
        return al_fail(err, AL_IO, "%s", l->easy_strerror(r));
    return AL_OK;
}

static al_code fetch(const char *base_url, const amqp_address *as, al_slice queue, al_buf *to,
                     al_err *err)
{
    const curl_lib *l = NULL;
    al_code c = curl_lib_get(&l, err);
    if (c)
        return c;
    CURL *h = l->easy_init();
    if (!h)
        return al_fail(err, AL_NOMEM, "no memory for a request");
    c = fetch_with(l, h, base_url, as, queue, to, err);
    l->easy_cleanup(h);
    return c;
}

typedef struct binding {
    al_slice source;
    al_slice key;
    al_slice properties_key; /* the key, percent-encoded, and ~hash if there are arguments; "~"
                                alone is the empty key without */
} binding;

static bool read_binding(json_reader *r, al_arena *arena, binding *ret)
{
    json_token name;
    json_token v;
    val_type type;
    *ret = (binding){0};
    if (!json_peek(r, &type) || type != VAL_OBJECT)
        return false;
    json_open(r);
    json_step step;
    while ((step = json_next(r, VAL_OBJECT, &name)) == JSON_ITEM) {
        if (!json_value(r, &v))
            return false;
        al_slice *to = al_slice_eq(name.raw, AL_LIT("source"))           ? &ret->source
                       : al_slice_eq(name.raw, AL_LIT("routing_key"))    ? &ret->key
                       : al_slice_eq(name.raw, AL_LIT("properties_key")) ? &ret->properties_key
                                                                         : NULL;
        if (!to || v.type != VAL_STRING)
            continue;
        uint8_t *text = al_arena_alloc(arena, v.raw.len + 1, 1);
        if (!text)
            return false;
        bool is_lone = false;
        *to = (al_slice){text, json_unescape(v.raw, text, &is_lone)};
    }
    return step == JSON_CLOSE;
}

static al_code unbind(amqp_link *k, const amqp_plan *p, const binding *b, al_buf *notes,
                      al_err *err)
{
    (void)k->mq->queue_unbind(k->c, k->channel, amqp_bytes_of(p->queue), amqp_bytes_of(p->exchange),
                              amqp_bytes_of(b->key), AMQP_NO_TABLE);
    al_code c = amqp_link_check(k, "unbind a stale key", err);
    if (!c)
        al_buf_printf(notes, "%sstale binding '%.*s' was removed", notes->len ? "; " : "",
                      AL_ARG(b->key));
    return c;
}

al_code amqp_manage_unbind_stale(const char *base_url, const amqp_address *as, amqp_link *k,
                                 const amqp_plan *p, al_buf *notes, al_err *err)
{
    AL_CLEANUP(al_buf_done) al_buf answer;
    al_buf_init(&answer, ANSWER_BYTES_MAX);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    if (!arena)
        return al_fail(err, AL_NOMEM, "no memory for bindings");
    al_code c = fetch(base_url, as, p->queue, &answer, err);
    if (c)
        return al_wrap(err, "management API");
    json_reader r = json_read(al_buf_slice(&answer));
    val_type type;
    if (!json_peek(&r, &type) || type != VAL_ARRAY)
        return al_fail(err, AL_INVALID, "management API: a list of bindings was expected");
    json_open(&r);
    json_token none;
    json_step step;
    while ((step = json_next(&r, VAL_ARRAY, &none)) == JSON_ITEM) {
        binding b;
        if (!read_binding(&r, arena, &b))
            return al_fail(err, AL_INVALID, "management API: a binding was expected");
        size_t tilde = al_slice_find(b.properties_key, '~', 0);
        bool is_plain = tilde == b.properties_key.len || b.properties_key.len == 1;
        if (!al_slice_eq(b.source, p->exchange) || p->exchange.len == 0 || !is_plain ||
            amqp_plan_has_key(p, b.key))
            continue;
        c = unbind(k, p, &b, notes, err);
        if (c)
            return c;
    }
    if (step == JSON_ERROR)
        return al_fail(err, AL_INVALID, "management API: %s", r.error ? r.error : "no JSON");
    return AL_OK;
}
