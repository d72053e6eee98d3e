/* Shortcuts: saved searches of an index. The addresses that lead to them: old_pages.c. */
#include <stdio.h>

#include "catalog/cat_shortcuts.h"
#include "record/json_out.h"
#include "server/api.h"
#include "server/req_json.h"

static void put_shortcut(al_buf *out, const cat_shortcut *s)
{
    al_buf_printf(out, "{\"name\":\"%s\",\"index\":\"%s\",\"description\":", s->name, s->index);
    json_put_string(out, s->description);
    al_buf_str(out, ",\"url\":");
    json_put_string(out, s->url);
    al_buf_str(out, ",\"default_field\":");
    if (s->default_field.len)
        json_put_string(out, s->default_field);
    else
        al_buf_str(out, "null");
    al_buf_u8(out, '}');
}

/* Of several indexes those of one behind those of another. */
void api_shortcuts(req *r)
{
    al_err err = {0};
    bool is_first = true;
    const api_scope *scope = api_scope_names(r);
    if (!scope)
        return;
    al_buf_str(&r->out, "{\"shortcuts\":[");
    for (size_t i = 0; i < scope->n; i++) {
        cat_shortcut *all = NULL;
        size_t n = 0;
        al_code c = catalog_shortcuts(r->srv->cat, scope->names[i], r->arena, &all, &n, &err);
        if (c) {
            req_fail(r, c, &err);
            return;
        }
        for (size_t k = 0; k < n; k++) {
            al_buf_str(&r->out, is_first ? "" : ",\n");
            is_first = false;
            put_shortcut(&r->out, &all[k]);
        }
    }
    al_buf_str(&r->out, "]}\n");
    req_answer(r, 200, "application/json");
}

static void answer_shortcut(req *r, const cat_shortcut *s, unsigned status)
{
    req_answer(r, status, "application/json");
    put_shortcut(&r->out, s);
    al_buf_u8(&r->out, '\n');
}

/* The one that the path names; answers and returns false when the index has none of that name. */
static bool find_shortcut(req *r, cat_shortcut *ret)
{
    cat_index idx;
    al_err err = {0};
    if (!api_index_name(r, &idx))
        return false;
    al_code c = catalog_shortcut_get(r->srv->cat, r->path_args[1], r->arena, ret, &err);
    if (!c && !al_slice_eq(al_cstr(ret->index), al_cstr(idx.name)))
        c = AL_NOT_FOUND;
    if (c == AL_NOT_FOUND)
        req_problem(r, 404, "index '%s' has no shortcut '%.*s'", idx.name, AL_ARG(r->path_args[1]));
    else if (c)
        req_fail(r, c, &err);
    return c == AL_OK;
}

void api_shortcut_get(req *r)
{
    cat_shortcut s;
    if (find_shortcut(r, &s))
        answer_shortcut(r, &s, 200);
}

typedef struct settings {
    req *r;
    cat_shortcut s;
    al_slice name;
    al_slice index;
} settings;

static al_code take_setting(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    settings *to = ctx;
    val_type type = VAL_STRING;
    json_token none;
    struct {
        const char *name;
        al_slice *to;
    } texts[] = {{"name", &to->name},
                 {"index", &to->index},
                 {"description", &to->s.description},
                 {"url", &to->s.url},
                 {"default_field", &to->s.default_field}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!al_slice_eq(name, al_cstr(texts[i].name)))
            continue;
        if (texts[i].to != &to->s.default_field || !json_peek(v, &type) || type != VAL_NULL)
            return json_take_text(v, name, to->r->arena, texts[i].to, err);
        *texts[i].to = (al_slice){0};
        return json_value(v, &none) ? AL_OK : al_fail(err, AL_INVALID, "body is not JSON");
    }
    return al_fail(err, AL_INVALID,
                   "unknown setting '%.*s': expected name, description, url or default_field",
                   AL_ARG(name));
}

static al_code read_body(settings *to, const char *index, al_err *err)
{
    al_slice body = al_buf_slice(&to->r->body);
    al_code c = json_each_member(body, to->r->arena, take_setting, to, err);
    if (!c && to->index.ptr && !al_slice_eq(to->index, al_cstr(index)))
        c = al_fail(err, AL_INVALID, "index '%.*s': expected that of the address, or none",
                    AL_ARG(to->index));
    return c;
}

static al_code create(settings *to, const char *index, al_err *err)
{
    al_code c = read_body(to, index, err);
    if (c)
        return c;
    if (to->name.len == 0 || to->name.len > CAT_SHORTCUT_NAME_MAX ||
        al_slice_find(to->name, '\0', 0) < to->name.len)
        return al_fail(err, AL_INVALID,
                       "name '%.*s': expected 1 to %d letters, digits or underscores",
                       AL_ARG(to->name), CAT_SHORTCUT_NAME_MAX);
    (void)snprintf(to->s.name, sizeof to->s.name, "%.*s", AL_ARG(to->name));
    (void)snprintf(to->s.index, sizeof to->s.index, "%s", index);
    return catalog_shortcut_create(to->r->srv->cat, &to->s, err);
}

void api_shortcut_create(req *r)
{
    settings to = {.r = r};
    cat_index idx;
    al_err err = {0};
    const char *index = api_index_name(r, &idx);
    if (!index)
        return;
    al_code c = create(&to, index, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    answer_shortcut(r, &to.s, 201);
    al_buf path;
    al_buf_init(&path, 200);
    al_buf_printf(&path, "/api/v1/indexes/%s/shortcuts/%s", index, to.s.name);
    req_header(r, "Location", al_buf_slice(&path));
    al_buf_done(&path);
}

void api_shortcut_change(req *r)
{
    settings to = {.r = r};
    al_err err = {0};
    if (!find_shortcut(r, &to.s))
        return;
    al_code c = read_body(&to, to.s.index, &err);
    if (!c && to.name.ptr && !al_slice_eq(to.name, al_cstr(to.s.name)))
        c = al_fail(&err, AL_INVALID, "name '%.*s': a shortcut cannot be renamed", AL_ARG(to.name));
    if (!c)
        c = catalog_shortcut_change(r->srv->cat, &to.s, &err);
    if (c)
        req_fail(r, c, &err);
    else
        answer_shortcut(r, &to.s, 200);
}

void api_shortcut_drop(req *r)
{
    cat_shortcut s;
    al_err err = {0};
    if (!find_shortcut(r, &s))
        return;
    al_code c = catalog_shortcut_drop(r->srv->cat, s.index, al_cstr(s.name), &err);
    if (c)
        req_fail(r, c, &err);
    else
        req_answer(r, 204, NULL);
}
