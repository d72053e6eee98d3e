/* JSON bodies: settings and parameters. */
#include "server/req_json.h"

#include <string.h>

enum { LIST_MAX = 1000 /* items of a parameter that is a list */ };

static al_code text_of(const json_token *t, al_arena *arena, al_slice *ret, al_err *err)
{
    uint8_t *out = al_arena_alloc(arena, t->raw.len + 1, 1);
    bool is_lone = false;
    if (!out)
        return al_fail(err, AL_NOMEM, "read body");
    *ret = (al_slice){out, json_unescape(t->raw, out, &is_lone)};
    return AL_OK;
}

static al_code fail_at(const json_reader *r, al_err *err)
{
    return al_fail(err, AL_INVALID, "body is not JSON: %s at byte %zu",
                   r->error ? r->error : "unexpected text", (size_t)(r->p - r->begin) + 1);
}

al_code json_each_member(al_slice body, al_arena *arena, json_member_fn *on_member, void *ctx,
                         al_err *err)
{
    json_reader r = json_read(body);
    val_type type = VAL_NULL;
    json_token name;
    json_step step = JSON_ERROR;
    if (!json_peek(&r, &type))
        return fail_at(&r, err);
    if (type != VAL_OBJECT)
        return al_fail(err, AL_INVALID, "body: expected a JSON object");
    json_open(&r);
    while ((step = json_next(&r, VAL_OBJECT, &name)) == JSON_ITEM) {
        al_slice text = {0};
        al_code c = text_of(&name, arena, &text, err);
        if (!c)
            c = on_member(ctx, text, &r, err);
        if (c)
            return r.error ? fail_at(&r, err) : c;
    }
    if (step == JSON_ERROR || !json_end(&r))
        return fail_at(&r, err);
    return AL_OK;
}

static al_code expected(al_slice name, const char *what, al_err *err)
{
    return al_fail(err, AL_INVALID, "%.*s: expected %s", AL_ARG(name), what);
}

al_code json_take_text(json_reader *v, al_slice name, al_arena *arena, al_slice *ret, al_err *err)
{
    json_token t;
    if (!json_value(v, &t) || t.type != VAL_STRING)
        return expected(name, "a text", err);
    return text_of(&t, arena, ret, err);
}

al_code json_take_bool(json_reader *v, al_slice name, bool *ret, al_err *err)
{
    json_token t;
    if (!json_value(v, &t) || (t.type != VAL_TRUE && t.type != VAL_FALSE))
        return expected(name, "true or false", err);
    *ret = t.type == VAL_TRUE;
    return AL_OK;
}

al_code json_take_u64(json_reader *v, al_slice name, uint64_t *ret, al_err *err)
{
    json_token t;
    if (!json_value(v, &t) || t.type != VAL_NUMBER || !al_parse_u64(t.raw, ret))
        return expected(name, "a whole number from 0", err);
    return AL_OK;
}

al_code json_take_texts(json_reader *v, al_slice name, al_arena *arena, size_t max, al_slice **ret,
                        size_t *ret_n, al_err *err)
{
    val_type type = VAL_NULL;
    json_token none;
    size_t n = 0;
    json_step step = JSON_ERROR;
    al_slice *all = al_arena_alloc(arena, max, sizeof *all);
    if (!all)
        return al_fail(err, AL_NOMEM, "read body");
    if (!json_peek(v, &type) || type != VAL_ARRAY)
        return expected(name, "a list of texts", err);
    json_open(v);
    while ((step = json_next(v, VAL_ARRAY, &none)) == JSON_ITEM) {
        if (n == max)
            return al_fail(err, AL_INVALID, "%.*s: expected at most %zu items", AL_ARG(name), max);
        al_code c = json_take_text(v, name, arena, &all[n++], err);
        if (c)
            return c;
    }
    if (step == JSON_ERROR)
        return expected(name, "a list of texts", err);
    *ret = all;
    *ret_n = n;
    return AL_OK;
}

/* Parameters that are comma lists may also come as lists. */
static al_code take_list(req *r, al_slice name, json_reader *v, al_err *err)
{
    al_slice *items = NULL;
    size_t n = 0;
    al_buf list;
    al_code c = json_take_texts(v, name, r->arena, LIST_MAX, &items, &n, err);
    if (c)
        return c;
    al_buf_init(&list, REQ_BODY_BYTES_MAX);
    for (size_t i = 0; i < n && !c; i++) {
        if (i)
            al_buf_u8(&list, ',');
        al_buf_slice_put(&list, items[i]);
        if (al_slice_find(items[i], ',', 0) < items[i].len)
            c = al_fail(err, AL_INVALID, "%.*s: '%.*s': expected a name without a comma",
                        AL_ARG(name), AL_ARG(al_slice_sub(items[i], 0, 100)));
    }
    bool is_whole = al_buf_code(&list) == AL_OK;
    al_slice value = al_arena_copy(r->arena, al_buf_slice(&list));
    al_buf_done(&list);
    if (!c && (!is_whole || !value.ptr))
        c = al_fail(err, AL_NOMEM, "read body");
    return c ? c : url_params_add(&r->params, name, value, err);
}

static al_code take_param(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    req *r = ctx;
    json_token t;
    al_slice value = {0};
    val_type type = VAL_NULL;
    bool is_list = al_slice_eq(name, AL_LIT("fields")) || al_slice_eq(name, AL_LIT("same"));
    if (is_list && json_peek(v, &type) && type == VAL_ARRAY)
        return take_list(r, name, v, err);
    if (!json_value(v, &t))
        return al_fail(err, AL_INVALID, "%.*s: expected a value", AL_ARG(name));
    switch (t.type) {
    case VAL_NULL:
        return AL_OK; /* as if it were not there */
    case VAL_STRING: {
        al_code c = text_of(&t, r->arena, &value, err);
        return c ? c : url_params_add(&r->params, name, value, err);
    }
    case VAL_NUMBER:
    case VAL_TRUE:
    case VAL_FALSE:
        return url_params_add(&r->params, name, t.raw, err);
    case VAL_ARRAY:
    case VAL_OBJECT:
        break;
    }
    return expected(name, "a text, number or boolean", err);
}

/* A JSON value that is no object; no parameter of ours begins so. */
static bool is_other_json(al_slice body)
{
    return body.len &&
           (strchr("[\"-0123456789", body.ptr[0]) || al_slice_eq(body, AL_LIT("null")) ||
            al_slice_eq(body, AL_LIT("true")) || al_slice_eq(body, AL_LIT("false")));
}

bool req_read_json_params(req *r)
{
    al_err err = {0};
    al_slice body = al_slice_trim(al_buf_slice(&r->body));
    al_code c = AL_OK;
    if ((body.len && body.ptr[0] == '{') || is_other_json(body))
        c = json_each_member(body, r->arena, take_param, r, &err);
    else
        c = url_parse_form(body, r->arena, &r->params, &err);
    if (c) {
        req_fail(r, c, &err);
        return false;
    }
    for (size_t i = 0; i < r->params.n; i++) {
        if (!route_has_param(r->route, r->params.items[i].name)) {
            req_problem(r, 400, "unknown parameter '%.*s': expected one of %s",
                        AL_ARG(r->params.items[i].name), r->route->params);
            return false;
        }
    }
    return true;
}
