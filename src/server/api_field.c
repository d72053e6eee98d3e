/* The fields of an index and their flags. */
#include <stddef.h>

#include "base/checked.h"
#include "record/json_out.h"
#include "server/api.h"
#include "server/req_json.h"

static const struct {
    const char *name;
    size_t off; /* of the bool in cat_field */
} flags[] = {
    {"filtered", offsetof(cat_field, filtered)}, {"display", offsetof(cat_field, display)},
    {"excluded", offsetof(cat_field, excluded)}, {"context", offsetof(cat_field, context)},
    {"indexed", offsetof(cat_field, indexed)},
};

/* `index`: NULL when it is that of the request. */
static void put_field(al_buf *out, const char *index, const cat_field *f)
{
    al_buf_str(out, "{\"name\":");
    json_put_string(out, f->name);
    if (index)
        al_buf_printf(out, ",\"index\":\"%s\"", index); /* \w{1,20} */
    for (size_t i = 0; i < AL_COUNT(flags); i++)
        al_buf_printf(out, ",\"%s\":%s", flags[i].name,
                      *(const bool *)((const char *)f + flags[i].off) ? "true" : "false");
    al_buf_u8(out, '}');
}

static al_code put_fields(req *r, const char *index, bool is_many, bool *is_first, al_arena *arena,
                          al_err *err)
{
    cat_field *all = NULL;
    size_t n = 0;
    al_code c = catalog_fields(r->srv->cat, index, arena, &all, &n, err);
    for (size_t i = 0; !c && i < n; i++) {
        al_buf_str(&r->out, *is_first ? "" : ",\n");
        *is_first = false;
        put_field(&r->out, is_many ? index : NULL, &all[i]);
    }
    return c;
}

/* Of several indexes each field of each: their flags are their own. */
void api_fields(req *r)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new((size_t)64 * 1024);
    al_err err = {0};
    bool is_first = true;
    const api_scope *s = api_scope_names(r);
    if (!s)
        return;
    if (!arena) {
        req_problem(r, 503, "no memory");
        return;
    }
    al_buf_str(&r->out, "{\"fields\":[");
    for (size_t i = 0; i < s->n; i++) {
        al_arena_reset(arena);
        al_code c = put_fields(r, s->names[i], s->is_many, &is_first, arena, &err);
        if (c) {
            req_fail(r, c, &err);
            return;
        }
    }
    al_buf_str(&r->out, "]}\n");
    req_answer(r, 200, "application/json");
}

/* The field named in the path, and its index; answers and returns NULL when there is none. */
static cat_field *find_field(req *r, const char **ret_index)
{
    cat_index idx;
    cat_field *all = NULL;
    size_t n = 0;
    al_err err = {0};
    const char *index = api_index_name(r, &idx);
    if (!index)
        return NULL;
    al_code c = catalog_fields(r->srv->cat, index, r->arena, &all, &n, &err);
    if (c) {
        req_fail(r, c, &err);
        return NULL;
    }
    *ret_index = index;
    for (size_t i = 0; i < n; i++)
        if (al_slice_eq(all[i].name, r->path_args[1]))
            return &all[i];
    req_problem(r, 404, "index '%s' has no field '%.*s'", index, AL_ARG(r->path_args[1]));
    return NULL;
}

static void answer_field(req *r, const cat_field *f)
{
    req_answer(r, 200, "application/json");
    put_field(&r->out, NULL, f);
    al_buf_u8(&r->out, '\n');
}

void api_field_get(req *r)
{
    const char *index = NULL;
    const cat_field *f = find_field(r, &index);
    if (f)
        answer_field(r, f);
}

static al_code take_flag(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    for (size_t i = 0; i < AL_COUNT(flags); i++)
        if (al_slice_eq(name, al_cstr(flags[i].name)))
            return json_take_bool(v, name, (bool *)((char *)ctx + flags[i].off), err);
    return al_fail(err, AL_INVALID,
                   "unknown flag '%.*s': expected filtered, display, excluded, context or indexed",
                   AL_ARG(name));
}

/* What the body has, over the flags of this moment. */
static al_code edit(void *ctx, cat_field *f, al_err *err)
{
    req *r = ctx;
    return json_each_member(al_buf_slice(&r->body), r->arena, take_flag, f, err);
}

void api_field_set(req *r)
{
    const char *index = NULL;
    al_err err = {0};
    cat_field *f = find_field(r, &index);
    if (!f)
        return;
    al_code c = ingest_field_edit(r->srv->in, index, f, edit, r, &err);
    if (c)
        req_fail(r, c, &err);
    else
        answer_field(r, f);
}
