/* The head of a request, from its fields to a route with parameters. Order: the address, then who
 * asks, so that a stranger learns nothing but that it is one. */
#include "server/head.h"

#include <string.h>

#include "server/api.h"
#include "server/assets.h"
#include "server/guard.h"
#include "server/old_form.h"

typedef struct head_scan {
    guard_request *g;
    access_request *a;
    al_slice forwarded_for; /* the last one */
    bool *is_https;
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
                  {"Transfer-Encoding", &s->g->transfer_encoding},
                  {"Authorization", &s->a->authorization},
                  {"X-CSRF-Token", &s->a->csrf}};
    for (size_t i = 0; value && i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strcasecmp(key, wanted[i].name) != 0)
            continue;
        s->g->is_doubled = s->g->is_doubled || wanted[i].to->ptr;
        *wanted[i].to = al_cstr(value);
    }
    /* "Host : x" is Host to some and nothing to others (RFC 9112 section 5.1). */
    s->g->is_blurred = s->g->is_blurred || strpbrk(key, " \t");
    if (strcasecmp(key, "Forwarded") == 0 || strncasecmp(key, "X-Forwarded", 11) == 0)
        s->g->is_forwarded = true;
    if (value && strcasecmp(key, "Cookie") == 0 && !s->a->cookie.ptr)
        s->a->cookie = al_cstr(value);
    if (value && strcasecmp(key, "X-Forwarded-For") == 0)
        s->forwarded_for = al_cstr(value);
    /* Only for the cookies that we give: whoever lies about it harms themselves. */
    if (value && ((strcasecmp(key, "X-Forwarded-Proto") == 0 && strcasecmp(value, "https") == 0) ||
                  (strcasecmp(key, "Forwarded") == 0 && strcasestr(value, "proto=https"))))
        *s->is_https = true;
    return MHD_YES;
}

static al_slice header_of(req *r, const char *name)
{
    const char *v = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, name);
    return v ? al_cstr(v) : (al_slice){0};
}

/* Of an address for people: they get the page, which says what is the matter and then asks again.
 */
static bool show_page(req *r)
{
    if (route_is_page(r->route))
        r->asset = asset_find(AL_LIT("/"));
    return r->asset;
}

/* Answers and returns false when the request may not be served, whoever asks; else with what
 * tells who does. */
static bool pass_guard(req *r, access_request *ret)
{
    guard_request g = {.is_get = r->is_get};
    head_scan scan = {.g = &g, .a = ret, .is_https = &r->is_https};
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    g.peer = i ? i->client_addr : NULL;
    (void)MHD_get_connection_values(r->conn, MHD_HEADER_KIND, scan_header, &scan);
    const tuning *t = tuning_of(&r->srv->tuning);
    r->host = g.host.ptr ? al_arena_copy(r->arena, g.host) : (al_slice){0};
    switch (guard_check(&g, t->hosts, t->n_hosts)) {
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
                    "expected one Host, one Content-Length or Transfer-Encoding: chunked, and no "
                    "space in the name of a field");
        req_header(r, "Connection", AL_LIT("close"));
        return false;
    }
    /* An Origin that came this far is ours: a proxy need not say that it is reached by https. */
    r->is_https = r->is_https || al_slice_starts(g.origin, AL_LIT("https://"));
    ret->is_get = r->is_get;
    ret->is_loopback = guard_is_loopback(&g);
    ret->is_private = r->srv->is_private;
    access_client(g.peer, scan.forwarded_for, r->client);
    return true;
}

/* Answers and returns false when the route is not for whoever asks. The server is attached, or the
 * route is open. */
static bool pass_access(req *r, const access_request *a)
{
    if (r->route->is_open)
        return true;
    access_verdict v = access_check(r->srv->users, a, r->route, &r->who);
    if (v != ACCESS_OK && show_page(r))
        return true;
    switch (v) {
    case ACCESS_OK:
        return true;
    case ACCESS_NO_USERS:
        req_problem(r, 401,
                    "there are no users yet: only requests from this machine, not forwarded by a "
                    "proxy, are served; there `alco user add NAME --role admin` makes the first");
        break;
    case ACCESS_UNKNOWN:
        req_problem(r, 401,
                    "expected a token (Authorization: Bearer TOKEN; commands of alco send that of "
                    "--token or ALCO_TOKEN), or a session: log in");
        break;
    case ACCESS_BAD_TOKEN:
        req_problem(r, 401, "the token in Authorization is none of this server's, or was dropped");
        break;
    case ACCESS_NO_CSRF:
        req_problem(r, 403,
                    "X-CSRF-Token: expected the value of the cookie " ACCESS_CSRF_COOKIE
                    ", as the request comes with a session's cookie");
        return false;
    case ACCESS_ROLE:
        req_problem(r, 403, "user '%s' is %s: this is for %s", r->who.user.name,
                    cat_role_name(r->who.user.role), access_who_name(r->route->who));
        return false;
    }
    req_header(r, "WWW-Authenticate", AL_LIT("Bearer realm=\"alco\""));
    return false;
}

static bool find_route(req *r, const char *method)
{
    al_err err = {0};
    char allowed[64];
    al_code c = url_parse_target(r->raw_target, r->arena, &r->target, &err);
    if (c) {
        req_fail(r, c, &err);
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
    al_code c = route_is_old(r->route)
                    ? old_form_parse(r->target.query, r->arena, &r->params, &err)
                    : url_parse_form(r->target.query, r->arena, &r->params, &err);
    if (c) {
        req_fail(r, c, &err);
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
    bool can_answer = atomic_load(&r->srv->is_attached) && !atomic_load(&r->srv->is_stopping);
    if (r->route->is_open || can_answer || show_page(r))
        return true;
    if (atomic_load(&r->srv->is_stopping)) {
        req_problem(r, 503, "the server is stopping");
        return false;
    }
    req_problem(r, 503, "the server is starting: it reads its log");
    return false;
}

bool head_read(req *r, const char *method)
{
    if (r->is_cut) {
        req_problem(r, 400, "NUL in the address: expected %%00");
        req_header(r, "Connection", AL_LIT("close"));
        return false;
    }
    access_request asks = {0};
    bool has_route = find_route(r, method);
    if (!pass_guard(r, &asks) || !has_route)
        return false;
    if (r->asset)
        return true;
    if (!is_ready(r) || (!r->asset && !pass_access(r, &asks)))
        return false;
    if (r->asset)
        return true;
    if (!read_params(r))
        return false;
    if (r->route->body != BODY_LINES && header_of(r, "Content-Length").ptr &&
        head_has_long_body(r)) { /* now: nobody need send it */
        req_problem(r, 413, "body of more than %d bytes", REQ_BODY_BYTES_MAX);
        return false;
    }
    r->last_event_id = al_arena_copy(r->arena, header_of(r, "Last-Event-ID"));
    return r->route->body != BODY_LINES || upload_begin(r, header_of(r, "Content-Encoding"));
}

bool head_expects(req *r)
{
    return header_of(r, "Expect").ptr;
}

bool head_has_long_body(req *r)
{
    uint64_t n = 0;
    al_slice length = header_of(r, "Content-Length");
    if (!length.ptr)
        return header_of(r, "Transfer-Encoding").ptr;
    return !al_parse_u64(length, &n) || n > REQ_BODY_BYTES_MAX;
}
