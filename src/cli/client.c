/* HTTP by libcurl. With --data the same requests go to a server in this process, over a socket in a
 * directory that nobody else can enter: one code path for both. */
#include "cli/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/node.h"
#include "libs/curl_lib.h"
#include "record/json.h"

enum { PROBLEM_BYTES_MAX = 64 << 10, SILENCE_S = 60 /* four heartbeats */ };

struct client {
    const curl_lib *lib;
    CURL *curl;
    char base[512];
    char token[512];
    char dir[64]; /* of the socket; empty: none */
    char socket[128];
    node *node;
    char partial[300];
    char type[100];
    /* of the call under way */
    const client_call *call;
    al_buf *body;
    al_buf problem;
    bool was_stopped;
};

int client_take_flag(client_options *o, int c, const char *value)
{
    if (c == CLIENT_SERVER)
        o->server = value;
    else if (c == CLIENT_TOKEN)
        o->token = value;
    else if (c == CLIENT_DATA)
        o->data = value;
    else
        return 0;
    return 1;
}

static bool has_file(const char *dir, const char *name)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof path && lstat(path, &st) == 0;
}

/* Whoever only reads makes nothing: a name mistyped shall not become a store. */
static al_code open_node(client *c, const char *data, bool may_create, al_err *err)
{
    struct stat st;
    char listen[160];
    if (stat(data, &st) != 0 && (errno != ENOENT || !may_create)) {
        if (errno != ENOENT)
            return al_fail_errno(err, "%s", data);
        return al_fail(err, AL_NOT_FOUND,
                       "%s: no such directory; `alco index create NAME --data DIR` makes one",
                       data);
    }
    if (!may_create && !has_file(data, "catalog.db") && !has_file(data, "store/lock"))
        return al_fail(err, AL_NOT_FOUND, "no alco data in %s", data);
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/alco-XXXXXX");
    if (!mkdtemp(c->dir)) {
        c->dir[0] = '\0';
        return al_fail_errno(err, "make a directory in /tmp");
    }
    (void)snprintf(c->socket, sizeof c->socket, "%s/http", c->dir);
    (void)snprintf(listen, sizeof listen, "unix:%s", c->socket);
    node_options o = {
        .data = data, .listen = listen, .min_free_bytes = UINT64_MAX, .is_private = true};
    return node_open(&o, NULL, NULL, &c->node, err);
}

/* Both go into the heads of requests as they are: a line end would begin a field of its own. */
static al_code copy_word(char *to, size_t room, const char *what, const char *word, al_err *err)
{
    size_t n = strlen(word);
    if (n >= room)
        return al_fail(err, AL_INVALID, "%s: expected less than %zu bytes", what, room);
    for (size_t i = 0; i < n; i++)
        if (word[i] <= ' ' || word[i] > '~')
            return al_fail(err, AL_INVALID,
                           "%s: expected visible ASCII characters, byte %zu is "
                           "0x%02x",
                           what, i + 1, (uint8_t)word[i]);
    memcpy(to, word, n + 1);
    return AL_OK;
}

al_code client_open(const client_options *o, client **ret, al_err *err)
{
    const char *server = o->server ? o->server : getenv("ALCO_SERVER"); /* NOLINT: one thread */
    const char *token = o->token ? o->token : getenv("ALCO_TOKEN");     /* NOLINT: one thread */
    AL_CLEANUP(client_closep) client *c = al_zalloc(1, sizeof *c);
    if (!c)
        return al_fail(err, AL_NOMEM, "client");
    al_buf_init(&c->problem, PROBLEM_BYTES_MAX);
    al_code code = curl_lib_get(&c->lib, err);
    if (code)
        return code;
    c->curl = c->lib->easy_init();
    if (!c->curl)
        return al_fail(err, AL_NOMEM, "client");
    code = copy_word(c->token, sizeof c->token, "token", token ? token : "", err);
    if (!code)
        code = copy_word(c->base, sizeof c->base, "server",
                         server ? server : "http://127.0.0.1:8000", err);
    if (!code && o->data)
        code = open_node(c, o->data, o->may_create, err);
    if (code)
        return code;
    if (o->data) {
        (void)snprintf(c->base, sizeof c->base, "http://localhost");
    }
    size_t n = strlen(c->base);
    while (n && c->base[n - 1] == '/')
        c->base[--n] = '\0';
    *ret = AL_TAKE(c);
    return AL_OK;
}

client *client_close(client *c)
{
    if (!c)
        return NULL;
    if (c->curl)
        c->lib->easy_cleanup(c->curl);
    (void)node_close(c->node);
    if (c->dir[0])
        (void)rmdir(c->dir);
    al_buf_done(&c->problem);
    free(c);
    return NULL;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    client *c = arg;
    al_slice s = {(const uint8_t *)bytes, size * n};
    if (curl_status(c->lib, c->curl) >= 300) {
        al_buf_slice_put(&c->problem, s);
        return s.len; /* what does not fit is not needed */
    }
    if (c->call->take) {
        c->was_stopped = !c->call->take(c->call->ctx, s);
        return c->was_stopped ? 0 : s.len;
    }
    if (c->body)
        al_buf_slice_put(c->body, s);
    return !c->body || al_buf_code(c->body) == AL_OK ? s.len : 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): curl's type */
static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
    client *c = arg;
    al_slice line = {(const uint8_t *)bytes, size * n};
    size_t colon = al_slice_find(line, ':', 0);
    al_slice value = al_slice_trim(al_slice_sub(line, colon + 1, line.len));
    if (colon == 12 && strncasecmp(bytes, "Alco-Partial", 12) == 0)
        (void)snprintf(c->partial, sizeof c->partial, "%.*s", AL_ARG(value));
    else if (colon == 12 && strncasecmp(bytes, "Content-Type", 12) == 0)
        (void)snprintf(c->type, sizeof c->type, "%.*s", AL_ARG(value));
    return line.len;
}

/* The problem document's detail, else the first line of what came. */
static void read_problem(client *c, long status, al_err *err)
{
    json_reader r = json_read(al_buf_slice(&c->problem));
    json_token name;
    json_token value;
    val_type type = VAL_NULL;
    bool is_lone = false;
    if (json_peek(&r, &type) && type == VAL_OBJECT) {
        json_open(&r);
        while (json_next(&r, VAL_OBJECT, &name) == JSON_ITEM && json_value(&r, &value)) {
            if (al_slice_eq(name.raw, AL_LIT("detail")) && value.type == VAL_STRING &&
                value.raw.len < sizeof err->msg) {
                size_t n = json_unescape(value.raw, (uint8_t *)err->msg, &is_lone);
                err->msg[n] = '\0';
                return;
            }
        }
    }
    (void)snprintf(err->msg, sizeof err->msg, "the server answered with status %ld", status);
}

static al_code code_of(long status)
{
    if (status == 404)
        return AL_NOT_FOUND;
    if (status == 503)
        return AL_AGAIN;
    if (status == 409)
        return AL_EXISTS;
    return status >= 400 && status < 500 ? AL_INVALID : AL_IO;
}

static struct curl_slist *make_headers(const client *c, const client_call *call)
{
    char line[600];
    struct curl_slist *list = c->lib->slist_append(NULL, "Expect:");
    if (call->type) {
        (void)snprintf(line, sizeof line, "Content-Type: %s", call->type);
        list = c->lib->slist_append(list, line);
    }
    if (call->last_event_id) {
        (void)snprintf(line, sizeof line, "Last-Event-ID: %s", call->last_event_id);
        list = c->lib->slist_append(list, line);
    }
    if (c->token[0]) {
        (void)snprintf(line, sizeof line, "Authorization: Bearer %s", c->token);
        list = c->lib->slist_append(list, line);
    }
    return list;
}

static CURLcode perform(client *c, const client_call *call, struct curl_slist *headers)
{
    const curl_lib *l = c->lib;
    CURL *h = c->curl;
    al_buf url;
    al_buf_init(&url, 1 << 20);
    al_buf_str(&url, c->base);
    al_buf_str(&url, call->path);
    al_buf_u8(&url, '\0');
    l->easy_reset(h);
    curl_set_pointer(l, h, CURLOPT_URL, al_buf_code(&url) ? "" : (const char *)url.ptr);
    curl_set_pointer(l, h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_set_number(l, h, CURLOPT_NOSIGNAL, 1);
    curl_set_pointer(l, h, CURLOPT_HTTPHEADER, headers);
    curl_set_taker(l, h, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_set_pointer(l, h, CURLOPT_WRITEDATA, c);
    curl_set_taker(l, h, CURLOPT_HEADERFUNCTION, on_header);
    curl_set_pointer(l, h, CURLOPT_HEADERDATA, c);
    curl_set_number(l, h, CURLOPT_CONNECTTIMEOUT, 10);
    if (call->is_endless) {
        curl_set_number(l, h, CURLOPT_LOW_SPEED_LIMIT, 1);
        curl_set_number(l, h, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
    }
    if (c->socket[0])
        curl_set_pointer(l, h, CURLOPT_UNIX_SOCKET_PATH, c->socket);
    if (call->body.ptr) {
        curl_set_size(l, h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_set_pointer(l, h, CURLOPT_POSTFIELDS, call->body.ptr);
    }
    if (call->method)
        curl_set_pointer(l, h, CURLOPT_CUSTOMREQUEST, call->method);
    CURLcode r = l->easy_perform(h);
    al_buf_done(&url);
    return r;
}

al_code client_run(client *c, const client_call *call, al_buf *ret_body, al_err *err)
{
    c->call = call;
    c->body = ret_body;
    c->was_stopped = false;
    c->partial[0] = '\0';
    c->type[0] = '\0';
    al_buf_clear(&c->problem);
    if (ret_body)
        al_buf_clear(ret_body);
    struct curl_slist *headers = make_headers(c, call);
    CURLcode r = perform(c, call, headers);
    c->lib->slist_free_all(headers);
    long status = curl_status(c->lib, c->curl);
    if (c->was_stopped)
        return al_fail(err, AL_CANCELLED, "stopped");
    if (r != CURLE_OK)
        return al_fail(err, AL_IO, "%s: %s%s", c->base, c->lib->easy_strerror(r),
                       r == CURLE_COULDNT_CONNECT
                           ? " (is alco serve running there? --server URL asks another)"
                           : "");
    if (status >= 200 && status < 300)
        return AL_OK;
    read_problem(c, status, err);
    err->code = code_of(status);
    return err->code;
}

al_slice client_partial(const client *c)
{
    return al_cstr(c->partial);
}

al_slice client_type(const client *c)
{
    return al_cstr(c->type);
}
