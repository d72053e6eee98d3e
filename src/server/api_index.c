/* Indexes: list, create, change, drop, compact. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "record/json_out.h"
#include "record/timestamp.h"
#include "server/api.h"
#include "server/req_json.h"

enum { TEXT_FIELDS_MAX = 64, RECENT_S = 300, RECENT_TIMEOUT_S = 2 };

const char *api_index_named(req *r, al_slice name, cat_index *ret)
{
    al_err err = {0};
    al_code c = AL_NOT_FOUND;
    const char *text = (const char *)al_arena_copy(r->arena, name).ptr;
    if (!text)
        c = AL_NOMEM;
    else if (strlen(text) == name.len)
        c = catalog_index_get(r->srv->cat, text, r->arena, ret, &err);
    if (!c)
        return text;
    if (c == AL_NOT_FOUND)
        req_no_index(r, name);
    else
        req_fail(r, c, &err);
    return NULL;
}

const char *api_index_name(req *r, cat_index *ret)
{
    return api_index_named(r, r->path_args[0], ret);
}

/* ---- Writing */

static void put_time(al_buf *out, int64_t time_ns)
{
    if (time_ns < 0) {
        al_buf_str(out, "null");
        return;
    }
    al_buf_u8(out, '"');
    rec_time_format(out, time_ns);
    al_buf_u8(out, '"');
}

/* Records of the last five minutes by their time; those of clocks that are ahead come in theirs. */
static uint64_t count_recent(req *r, const char *name)
{
    AL_CLEANUP(query_unrefp) query *all = query_all();
    eng_answer answer = {0};
    uint64_t n = 0;
    al_err err;
    if (!all)
        return 0;
    int64_t now_ns = al_now_ns();
    eng_scope scope = {.indexes = &name,
                       .n_indexes = 1,
                       .from_ns = now_ns - RECENT_S * AL_NS_PER_S,
                       .to_ns = now_ns + 1,
                       .q = all};
    eng_budget budget = {.deadline_ns = al_mono_ns() + RECENT_TIMEOUT_S * AL_NS_PER_S,
                         .cancel = &r->cancel};
    al_code c = engine_count(r->srv->eng, &scope, &budget, &n, &answer, &err);
    return c ? 0 : n;
}

static void put_index(req *r, const cat_index *idx)
{
    al_buf *out = &r->out;
    eng_index_stats stats = {.first_ns = -1, .last_ns = -1};
    al_err err;
    if (engine_index_stats(r->srv->eng, idx->name, &stats, &err))
        stats = (eng_index_stats){.first_ns = -1, .last_ns = -1}; /* just being dropped */
    al_buf_printf(
        out, "{\"name\":\"%s\",\"intervals\":%" PRIu32 ",\"max_bytes\":%" PRIu64 ",\"queue_name\":",
        idx->name, idx->intervals, idx->max_bytes);
    json_put_string(out, idx->queue_name);
    al_buf_str(out, ",\"exchange\":");
    json_put_string(out, idx->exchange);
    al_buf_str(out, ",\"routing_key\":");
    json_put_string(out, idx->routing_key);
    al_buf_printf(out, ",\"durable\":%s,\"num_processes\":%" PRIu32 ",\"timestamp_zone\":",
                  idx->durable ? "true" : "false", idx->num_processes);
    json_put_string(out, idx->timestamp_zone);
    al_buf_str(out, ",\"text_fields\":[");
    for (size_t i = 0; i < idx->n_text_fields; i++) {
        if (i)
            al_buf_u8(out, ',');
        json_put_string(out, idx->text_fields[i]);
    }
    al_buf_str(out, "],\"engine\":");
    json_put_string(out, idx->engine);
    al_buf_printf(out, ",\"stats\":{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"first\":",
                  stats.records, stats.bytes);
    put_time(out, stats.first_ns);
    al_buf_str(out, ",\"last\":");
    put_time(out, stats.last_ns);
    al_buf_printf(out, ",\"last_5m\":%" PRIu64 "}", count_recent(r, idx->name));
    if (r->srv->put_inputs) {
        al_buf_str(out, ",\"inputs\":");
        r->srv->put_inputs(r->srv->inputs_ctx, idx->name, out);
    }
    al_buf_u8(out, '}');
}

static void answer_index(req *r, const char *name, unsigned status)
{
    cat_index idx;
    al_err err = {0};
    al_code c = catalog_index_get(r->srv->cat, name, r->arena, &idx, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, status, "application/json");
    put_index(r, &idx);
    al_buf_u8(&r->out, '\n');
}

void api_indexes(req *r)
{
    cat_index *all = NULL;
    size_t n = 0;
    al_err err = {0};
    al_code c = catalog_indexes(r->srv->cat, r->arena, &all, &n, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, 200, "application/json");
    al_buf_str(&r->out, "{\"indexes\":[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            al_buf_str(&r->out, ",\n");
        put_index(r, &all[i]);
    }
    al_buf_str(&r->out, "]}\n");
}

void api_index_get(req *r)
{
    cat_index idx;
    const char *name = api_index_name(r, &idx);
    if (name)
        answer_index(r, name, 200);
}

/* ---- Reading settings */

typedef struct settings {
    req *r;
    cat_index idx;
    al_slice name; /* as the body has it */
} settings;

static al_code take_u32(json_reader *v, al_slice name, uint32_t *ret, al_err *err)
{
    uint64_t n = 0;
    al_code c = json_take_u64(v, name, &n, err);
    if (!c && n > UINT32_MAX)
        c = al_fail(err, AL_INVALID, "%.*s: expected less than 2^32", AL_ARG(name));
    if (!c)
        *ret = (uint32_t)n;
    return c;
}

static bool is_named(al_slice name, const char *setting)
{
    return al_slice_eq(name, al_cstr(setting));
}

/* routing_key: a comma list, or a list of keys. */
static al_code take_keys(settings *s, json_reader *v, al_slice name, al_err *err)
{
    val_type type = VAL_NULL;
    al_slice *keys = NULL;
    size_t n = 0;
    if (json_peek(v, &type) && type == VAL_STRING)
        return json_take_text(v, name, s->r->arena, &s->idx.routing_key, err);
    al_code c = json_take_texts(v, name, s->r->arena, 256, &keys, &n, err);
    if (c)
        return c;
    al_buf list;
    al_buf_init(&list, 1 << 20);
    for (size_t i = 0; i < n; i++) {
        if (i)
            al_buf_u8(&list, ',');
        al_buf_slice_put(&list, keys[i]);
    }
    bool is_whole = al_buf_code(&list) == AL_OK;
    s->idx.routing_key = al_arena_copy(s->r->arena, al_buf_slice(&list));
    al_buf_done(&list);
    return is_whole && s->idx.routing_key.ptr ? AL_OK : al_fail(err, AL_NOMEM, "read body");
}

static al_code take_setting(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    settings *s = ctx;
    cat_index *idx = &s->idx;
    al_arena *arena = s->r->arena;
    struct {
        const char *name;
        al_slice *to;
    } texts[] = {{"name", &s->name},
                 {"queue_name", &idx->queue_name},
                 {"exchange", &idx->exchange},
                 {"timestamp_zone", &idx->timestamp_zone},
                 {"engine", &idx->engine}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (is_named(name, texts[i].name))
            return json_take_text(v, name, arena, texts[i].to, err);
    if (is_named(name, "intervals"))
        return take_u32(v, name, &idx->intervals, err);
    if (is_named(name, "num_processes"))
        return take_u32(v, name, &idx->num_processes, err);
    if (is_named(name, "max_bytes"))
        return json_take_u64(v, name, &idx->max_bytes, err);
    if (is_named(name, "durable"))
        return json_take_bool(v, name, &idx->durable, err);
    if (is_named(name, "routing_key"))
        return take_keys(s, v, name, err);
    if (is_named(name, "text_fields")) {
        al_slice *names = NULL;
        al_code c =
            json_take_texts(v, name, arena, TEXT_FIELDS_MAX, &names, &idx->n_text_fields, err);
        idx->text_fields = names;
        return c;
    }
    return al_fail(err, AL_INVALID,
                   "unknown setting '%.*s': expected name, intervals, max_bytes, queue_name, "
                   "exchange, routing_key, durable, num_processes, timestamp_zone, text_fields or "
                   "engine",
                   AL_ARG(name));
}

static al_code take_name_only(void *ctx, al_slice name, json_reader *v, al_err *err)
{
    settings *s = ctx;
    json_token t;
    if (is_named(name, "name"))
        return json_take_text(v, name, s->r->arena, &s->name, err);
    return json_value(v, &t) ? AL_OK : al_fail(err, AL_INVALID, "body is not JSON");
}

static al_code create(settings *s, al_err *err)
{
    al_slice body = al_buf_slice(&s->r->body);
    al_code c = json_each_member(body, s->r->arena, take_name_only, s, err);
    if (c)
        return c;
    if (s->name.len == 0 || memchr(s->name.ptr, '\0', s->name.len))
        return al_fail(err, AL_INVALID, "name: expected 1 to 20 letters, digits or underscores");
    al_slice name = al_arena_copy(s->r->arena, s->name);
    if (!name.ptr)
        return al_fail(err, AL_NOMEM, "read body");
    c = catalog_index_defaults((const char *)name.ptr, s->r->arena, &s->idx, err);
    if (!c)
        c = json_each_member(body, s->r->arena, take_setting, s, err);
    return c ? c : ingest_index_create(s->r->srv->in, &s->idx, err);
}

void api_index_create(req *r)
{
    settings s = {.r = r};
    al_err err = {0};
    al_code c = create(&s, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    answer_index(r, s.idx.name, 201);
    al_buf path;
    al_buf_init(&path, 100);
    al_buf_printf(&path, "/api/v1/indexes/%s", s.idx.name);
    req_header(r, "Location", al_buf_slice(&path));
    al_buf_done(&path);
}

/* What the body has, over the settings of this moment. */
static al_code edit(void *ctx, cat_index *idx, al_err *err)
{
    settings *s = ctx;
    s->idx = *idx;
    al_code c = json_each_member(al_buf_slice(&s->r->body), s->r->arena, take_setting, s, err);
    if (!c && s->name.ptr && !al_slice_eq(s->name, al_cstr(idx->name)))
        c = al_fail(err, AL_INVALID, "name '%.*s': an index cannot be renamed", AL_ARG(s->name));
    *idx = s->idx;
    return c;
}

void api_index_change(req *r)
{
    settings s = {.r = r};
    cat_index idx;
    al_err err = {0};
    const char *name = api_index_name(r, &idx);
    if (!name)
        return;
    al_code c = ingest_index_edit(r->srv->in, &idx, r->arena, edit, &s, &err);
    if (c)
        req_fail(r, c, &err);
    else
        answer_index(r, name, 200);
}

void api_index_drop(req *r)
{
    cat_index idx;
    al_err err = {0};
    const char *name = api_index_name(r, &idx);
    if (!name)
        return;
    al_code c = ingest_index_drop(r->srv->in, name, &err);
    if (c)
        req_fail(r, c, &err);
    else
        req_answer(r, 204, NULL);
}

void api_index_compact(req *r)
{
    cat_index idx;
    al_err err = {0};
    const char *name = api_index_name(r, &idx);
    if (!name)
        return;
    al_code c = engine_compact(r->srv->eng, name, &r->cancel, &err);
    if (c)
        req_fail(r, c, &err);
    else
        req_answer(r, 204, NULL);
}
