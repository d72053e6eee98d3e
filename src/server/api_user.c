/* Users and their tokens. For admins; a token's text is in one answer and nowhere else. */
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "record/json_out.h"
#include "record/timestamp.h"
#include "server/api.h"
#include "server/req_json.h"
#include "server/secret.h"

/* A name from the path, as a C string; one that no user or token can have becomes "". */
static const char *name_of(req *r, size_t arg, size_t max)
{
    al_slice name = r->path_args[arg];
    const char *copy = (const char *)al_arena_copy(r->arena, name).ptr;
    return copy && cat_user_name_is_good(name, max) ? copy : "";
}

static const char *user_of(req *r)
{
    return name_of(r, 0, CAT_USER_NAME_MAX);
}

/* As req_fail; names of the path are said as they came. */
static void fail(req *r, al_code c, const al_err *err)
{
    if (c == AL_NOT_FOUND && !user_of(r)[0])
        req_problem(r, 404, "no user '%.*s'", AL_ARG(r->path_args[0]));
    else
        req_fail(r, c, err);
}

static void put_time(al_buf *out, int64_t time_ns)
{
    al_buf_u8(out, '"');
    rec_time_format(out, time_ns);
    al_buf_u8(out, '"');
}

/* Names are letters, digits and _-.@+: nothing to escape. */
static void put_user(al_buf *out, const cat_user *u)
{
    al_buf_printf(out, "{\"name\":\"%s\",\"role\":\"%s\",\"has_password\":%s,\"created\":", u->name,
                  cat_role_name(u->role), u->password[0] ? "true" : "false");
    put_time(out, u->made_ns);
    al_buf_str(out, ",\"tokens\":[");
    for (size_t i = 0; i < u->n_tokens; i++) {
        al_buf_printf(out, "%s{\"name\":\"%s\",\"created\":", i ? "," : "", u->tokens[i].name);
        put_time(out, u->tokens[i].made_ns);
        al_buf_u8(out, '}');
    }
    al_buf_str(out, "]}");
}

static void answer_user(req *r, const char *name, unsigned status)
{
    cat_user user;
    al_err err = {0};
    al_code c = cat_user_get(r->srv->users, name, r->arena, &user, &err);
    if (c) {
        fail(r, c, &err);
        return;
    }
    req_answer(r, status, "application/json");
    put_user(&r->out, &user);
    al_buf_u8(&r->out, '\n');
}

void api_users(req *r)
{
    cat_user *all = NULL;
    size_t n = 0;
    al_err err = {0};
    al_code c = cat_users_list(r->srv->users, r->arena, &all, &n, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, 200, "application/json");
    al_buf_str(&r->out, "{\"users\":[");
    for (size_t i = 0; i < n; i++) {
        al_buf_str(&r->out, i ? ",\n" : "");
        put_user(&r->out, &all[i]);
    }
    al_buf_str(&r->out, "]}\n");
}

void api_user_get(req *r)
{
    answer_user(r, user_of(r), 200);
}

/* ---- Writing */

typedef struct settings {
    req *r;
    al_slice name;
    al_slice password;
    cat_role role;
    bool has_role;
} settings;

static al_code take_setting(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    settings *s = ctx;
    al_slice role = {0};
    if (al_slice_eq(name, AL_LIT("name")))
        return json_take_text(v, name, s->r->arena, &s->name, err);
    if (al_slice_eq(name, AL_LIT("password")))
        return json_take_text(v, name, s->r->arena, &s->password, err);
    if (!al_slice_eq(name, AL_LIT("role")))
        return al_fail(err, AL_INVALID, "unknown '%.*s': expected name, role or password",
                       AL_ARG(name));
    al_code c = json_take_text(v, name, s->r->arena, &role, err);
    if (c)
        return c;
    s->has_role = cat_role_of(role, &s->role);
    return s->has_role ? AL_OK
                       : al_fail(err, AL_INVALID, "role '%.*s': expected reader, writer or admin",
                                 AL_ARG(al_slice_sub(role, 0, 40)));
}

/* The body, and a hash if it has a password. */
static al_code read_settings(settings *s, char hash[CAT_PASSWORD_HASH_MAX + 1], al_err *err)
{
    req *r = s->r;
    al_code c = json_each_member(al_buf_slice(&r->body), r->arena, take_setting, s, err);
    secret_forget(al_buf_slice(&r->body));
    if (!c && s->password.ptr &&
        (s->password.len == 0 || s->password.len > SECRET_PASSWORD_BYTES_MAX))
        c = al_fail(err, AL_INVALID, "password: expected 1 to %d bytes", SECRET_PASSWORD_BYTES_MAX);
    if (!c && s->password.ptr)
        c = secret_hash_password(s->password, hash, err);
    secret_forget(s->password);
    return c;
}

static void answer_made(req *r, const char *name)
{
    al_buf path;
    answer_user(r, name, 201);
    al_buf_init(&path, 256);
    al_buf_printf(&path, "/api/v1/users/%s", name);
    req_header(r, "Location", al_buf_slice(&path));
    al_buf_done(&path);
}

void api_user_add(req *r)
{
    settings s = {.r = r};
    cat_user user = {.made_ns = al_now_ns()};
    al_err err = {0};
    al_code c = read_settings(&s, user.password, &err);
    if (!c && !s.has_role)
        c = al_fail(&err, AL_INVALID, "role: expected reader, writer or admin");
    if (!c && !cat_user_name_is_good(s.name, CAT_USER_NAME_MAX))
        c = al_fail(&err, AL_INVALID,
                    "name '%.*s': expected 1 to %d letters, digits or _ - . @ +, a letter or digit "
                    "first",
                    AL_ARG(al_slice_sub(s.name, 0, 70)), CAT_USER_NAME_MAX);
    if (!c) {
        memcpy(user.name, s.name.ptr, s.name.len);
        user.role = s.role;
        c = cat_user_add(r->srv->users, &user, &err);
    }
    if (c)
        req_fail(r, c, &err);
    else
        answer_made(r, user.name);
}

void api_user_change(req *r)
{
    settings s = {.r = r};
    char hash[CAT_PASSWORD_HASH_MAX + 1];
    const char *name = user_of(r);
    al_err err = {0};
    al_code c = read_settings(&s, hash, &err);
    if (!c && s.name.ptr && !al_slice_eq(s.name, r->path_args[0]))
        c = al_fail(&err, AL_INVALID, "name '%.*s': a user cannot be renamed",
                    AL_ARG(al_slice_sub(s.name, 0, 70)));
    if (!c)
        c = cat_user_change(r->srv->users, name, s.has_role ? &s.role : NULL,
                            s.password.ptr ? hash : NULL, &err);
    if (c)
        fail(r, c, &err);
    else
        answer_user(r, name, 200);
}

void api_user_drop(req *r)
{
    al_err err = {0};
    al_code c = cat_user_drop(r->srv->users, user_of(r), r->srv->is_beyond, &err);
    if (c)
        fail(r, c, &err);
    else
        req_answer(r, 204, NULL);
}

/* ---- Tokens */

static al_code take_token_name(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    settings *s = ctx;
    if (al_slice_eq(name, AL_LIT("name")))
        return json_take_text(v, name, s->r->arena, &s->name, err);
    return al_fail(err, AL_INVALID, "unknown '%.*s': expected name", AL_ARG(name));
}

/* No body is as {}: then the token gets a name. */
static al_code read_token(req *r, cat_token *token, al_err *err)
{
    settings s = {.r = r};
    al_slice body = al_slice_trim(al_buf_slice(&r->body));
    al_code c = body.len ? json_each_member(body, r->arena, take_token_name, &s, err) : AL_OK;
    if (!c && s.name.ptr && !cat_user_name_is_good(s.name, CAT_TOKEN_NAME_MAX))
        c = al_fail(err, AL_INVALID,
                    "name '%.*s': expected 1 to %d letters, digits or _ - . @ +, a letter or digit "
                    "first",
                    AL_ARG(al_slice_sub(s.name, 0, 70)), CAT_TOKEN_NAME_MAX);
    if (!c && s.name.ptr)
        memcpy(token->name, s.name.ptr, s.name.len);
    return c;
}

void api_token_add(req *r)
{
    char secret[SECRET_TEXT_BYTES + 1];
    cat_token token = {.made_ns = al_now_ns()};
    const char *user = user_of(r);
    al_err err = {0};
    secret_make(secret);
    cat_secret_hash hash = secret_hash(al_cstr(secret));
    al_code c = read_token(r, &token, &err);
    if (!c)
        c = cat_token_add(r->srv->users, user, &token, &hash, &err);
    if (c) {
        fail(r, c, &err);
        return;
    }
    req_answer(r, 201, "application/json");
    al_buf_printf(&r->out, "{\"name\":\"%s\",\"user\":\"%s\",\"created\":", token.name, user);
    put_time(&r->out, token.made_ns);
    al_buf_printf(&r->out, ",\"token\":\"%s\"}\n", secret);
    secret_forget((al_slice){(const uint8_t *)secret, sizeof secret});
}

void api_token_drop(req *r)
{
    al_err err = {0};
    const char *token = name_of(r, 1, CAT_TOKEN_NAME_MAX);
    al_code c = cat_token_drop(r->srv->users, user_of(r), token, &err);
    if (c)
        fail(r, c, &err);
    else
        req_answer(r, 204, NULL);
}
