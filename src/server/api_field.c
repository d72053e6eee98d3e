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

static void put_field(al_buf *out, const cat_field *f)
{
    al_buf_str(out, "{\"name\":");
    json_put_string(out, f->name);
    for (size_t i = 0; i < AL_COUNT(flags); i++)
        al_buf_printf(out, ",\"%s\":%s", flags[i].name,
                      *(const bool *)((const char *)f + flags[i].off) ? "true" : "false");
    al_buf_u8(out, '}');
}

void api_fields(req *r)
{
    cat_index idx;
    cat_field *all = NULL;
    size_t n = 0;
    al_err err = {0};
    const char *name = api_index_name(r, &idx);
    if (!name)
        return;
    al_code c = catalog_fields(r->srv->cat, name, r->arena, &all, &n, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, 200, "application/json");
    al_buf_str(&r->out, "{\"fields\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            al_buf_str(&r->out, ",\n");
        put_field(&r->out, &all[i]);
    }
    al_buf_str(&r->out, "]}\n");
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

void api_field_set(req *r)
{
    cat_index idx;
    cat_field *all = NULL;
    cat_field *f = NULL;
    size_t n = 0;
    al_err err = {0};
    const char *name = api_index_name(r, &idx);
    if (!name)
        return;
    al_code c = catalog_fields(r->srv->cat, name, r->arena, &all, &n, &err);
    for (size_t i = 0; !c && i < n && !f; i++)
        if (al_slice_eq(all[i].name, r->path_args[1]))
            f = &all[i];
    if (!c && !f) {
        req_problem(r, 404, "index '%s' has no field '%.*s'", name, AL_ARG(r->path_args[1]));
        return;
    }
    if (!c)
        c = json_each_member(al_buf_slice(&r->body), r->arena, take_flag, f, &err);
    if (!c)
        c = ingest_field_set(r->srv->in, name, f, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, 200, "application/json");
    put_field(&r->out, f);
    al_buf_u8(&r->out, '\n');
}
