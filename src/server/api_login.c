/* Logging in and out.
 * A login costs a hash on purpose, so tries are counted before it: by the client's address and by
 * the name, known or not. Neither the answer nor its time tells whether the name is known. A
 * session is always new, made here: one that somebody planted in a browser never becomes good; the
 * one that came along ends. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "record/json_out.h"
#include "record/timestamp.h"
#include "server/api.h"
#include "server/req_json.h"
#include "server/secret.h"

enum { SESSION_S = 14 * 86400, COOKIE_BYTES_MAX = 256 };

static const throttle_rate of_client = {.at_once = 30, .interval_s = 10};
static const throttle_rate of_name = {.at_once = 10, .interval_s = 10};

typedef struct login {
    req *r;
    al_slice name;
    al_slice password;
    al_slice client_key; /* of the throttle */
    al_slice name_key;
} login;

static al_code take_member(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    login *l = ctx;
    if (al_slice_eq(name, AL_LIT("name")))
        return json_take_text(v, name, l->r->arena, &l->name, err);
    if (al_slice_eq(name, AL_LIT("password")))
        return json_take_text(v, name, l->r->arena, &l->password, err);
    return al_fail(err, AL_INVALID, "unknown '%.*s': expected name and password", AL_ARG(name));
}

static al_slice make_key(req *r, char kind, al_slice text)
{
    al_buf b;
    al_buf_init(&b, REQ_BODY_BYTES_MAX + 1);
    al_buf_u8(&b, (uint8_t)kind);
    al_buf_slice_put(&b, text);
    al_slice key = al_arena_copy(r->arena, al_buf_slice(&b)); /* without memory: a shared key */
    al_buf_done(&b);
    return key;
}

/* Answers 429 and returns false when there were too many tries. */
static bool may_try(login *l)
{
    req *r = l->r;
    char text[16];
    uint32_t wait_s = 0;
    int64_t now_ns = al_mono_ns();
    bool is_client = throttle_try(r->srv->logins, l->client_key, of_client, now_ns, &wait_s);
    if (is_client && throttle_try(r->srv->logins, l->name_key, of_name, now_ns, &wait_s))
        return true;
    atomic_fetch_add(&r->srv->counts.logins_limited, 1);
    req_problem(r, 429, "too many tries to log in %s: try again in %" PRIu32 " s",
                is_client ? "with this name" : "from this address", wait_s);
    (void)snprintf(text, sizeof text, "%" PRIu32, wait_s);
    req_header(r, "Retry-After", al_cstr(text));
    return false;
}

static void set_cookie(req *r, const char *name, const char *value, int max_age_s, bool is_hidden)
{
    char text[COOKIE_BYTES_MAX];
    (void)snprintf(text, sizeof text, "%s=%s; Path=/; Max-Age=%d; SameSite=Lax%s%s", name, value,
                   max_age_s, is_hidden ? "; HttpOnly" : "", r->is_https ? "; Secure" : "");
    req_header(r, "Set-Cookie", al_cstr(text));
}

static void answer(req *r, const cat_user *user, const char *session, int64_t end_ns)
{
    char csrf[SECRET_CSRF_BYTES + 1];
    secret_csrf(al_cstr(session), csrf);
    set_cookie(r, ACCESS_SESSION_COOKIE, session, SESSION_S, true);
    set_cookie(r, ACCESS_CSRF_COOKIE, csrf, SESSION_S, false);
    req_answer(r, 200, "application/json");
    al_buf_printf(&r->out, "{\"name\":\"%s\",\"role\":\"%s\",\"csrf_token\":\"%s\",\"expires\":\"",
                  user->name, cat_role_name(user->role), csrf);
    rec_time_format(&r->out, end_ns);
    al_buf_str(&r->out, "\"}\n");
}

/* AL_NOT_FOUND: name or password is wrong. */
static al_code begin_session(const login *l, cat_user *ret_user, char *session, int64_t *ret_end_ns,
                             al_err *err)
{
    req *r = l->r;
    bool has_name = cat_user_name_is_good(l->name, CAT_USER_NAME_MAX);
    const char *name = has_name ? (const char *)al_arena_copy(r->arena, l->name).ptr : "";
    if (!name)
        return al_fail(err, AL_NOMEM, "no memory");
    cat_user user = {0};
    al_code c = cat_user_get(r->srv->users, name, r->arena, &user, err);
    if (c && c != AL_NOT_FOUND)
        return c;
    if (!secret_password_fits(user.password, l->password) || c)
        return AL_NOT_FOUND;
    int64_t now_ns = al_now_ns();
    secret_make(session);
    cat_secret_hash hash = secret_hash(al_cstr(session));
    *ret_user = user;
    *ret_end_ns = now_ns + SESSION_S * AL_NS_PER_S;
    return cat_session_add(r->srv->users, user.name, user.password, &hash, now_ns, *ret_end_ns,
                           err);
}

static void log_in(login *l)
{
    req *r = l->r;
    char session[SECRET_TEXT_BYTES + 1] = "";
    cat_user user = {0};
    int64_t end_ns = 0;
    al_err err = {0};
    if (!may_try(l))
        return;
    al_code c = begin_session(l, &user, session, &end_ns, &err);
    if (c == AL_NOT_FOUND) {
        atomic_fetch_add(&r->srv->counts.logins_wrong, 1);
        req_problem(r, 401, "name or password is wrong");
        return;
    }
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    throttle_forgive(r->srv->logins, l->client_key, of_client, false);
    throttle_forgive(r->srv->logins, l->name_key, of_name, true);
    atomic_fetch_add(&r->srv->counts.logins, 1);
    if (r->who.how == ASKER_SESSION)
        c = cat_session_drop(r->srv->users, &r->who.secret, &err);
    (void)c; /* the old session was not dropped: it ends by itself, and the new one is good */
    answer(r, &user, session, end_ns);
    secret_forget((al_slice){(const uint8_t *)session, sizeof session});
}

void api_login(req *r)
{
    login l = {.r = r};
    al_err err = {0};
    al_code c = json_each_member(al_buf_slice(&r->body), r->arena, take_member, &l, &err);
    secret_forget(al_buf_slice(&r->body));
    if (!c && (!l.name.ptr || !l.password.ptr))
        c = al_fail(&err, AL_INVALID, "expected name and password");
    if (!c && l.password.len > SECRET_PASSWORD_BYTES_MAX)
        c = al_fail(&err, AL_INVALID, "password: expected at most %d bytes",
                    SECRET_PASSWORD_BYTES_MAX);
    if (c) {
        secret_forget(l.password);
        req_fail(r, c, &err);
        return;
    }
    l.client_key = make_key(r, 'c', al_cstr(r->client));
    l.name_key = make_key(r, 'n', l.name);
    log_in(&l);
    secret_forget(l.password);
}

void api_logout(req *r)
{
    al_err err = {0};
    al_code c = AL_OK;
    if (r->who.how == ASKER_SESSION)
        c = cat_session_drop(r->srv->users, &r->who.secret, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, 204, NULL);
    set_cookie(r, ACCESS_SESSION_COOKIE, "", 0, true);
    set_cookie(r, ACCESS_CSRF_COOKIE, "", 0, false);
}

void api_me(req *r)
{
    const char *name = r->who.user.name;
    req_answer(r, 200, "application/json");
    al_buf_str(&r->out, "{\"name\":");
    if (name[0])
        json_put_string(&r->out, al_cstr(name));
    else
        al_buf_str(&r->out, "null");
    al_buf_printf(&r->out, ",\"role\":\"%s\"}\n", cat_role_name(r->who.user.role));
}
