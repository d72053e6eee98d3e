/* What every reading call begins with: which indexes, which query, which times; and the report that
 * every answer of a search carries. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "record/json_out.h"
#include "server/api.h"

static bool is_field(void *ctx, al_slice name)
{
    req *r = ((void **)ctx)[0];
    const api_scope *s = ((void **)ctx)[1];
    for (size_t i = 0; i < s->n; i++)
        if (ingest_is_field(r->srv->in, s->names[i], name))
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_text_fields(api_scope *s, const cat_index *idx)
{
    for (size_t i = 0; i < idx->n_text_fields && s->n_text_fields < API_TEXT_FIELDS_MAX; i++) {
        bool is_known = false;
        for (size_t k = 0; k < s->n_text_fields && !is_known; k++)
            is_known = al_slice_eq(s->text_fields[k], idx->text_fields[i]);
        if (!is_known)
            s->text_fields[s->n_text_fields++] = idx->text_fields[i];
    }
}

/* "a,b" -> sorted names, each once; each must exist. */
static bool read_names(req *r, api_scope *s)
{
    al_slice list = r->path_args[0];
    for (size_t at = 0; at <= list.len;) {
        size_t comma = al_slice_find(list, ',', at);
        cat_index idx;
        if (s->n == ENG_SCOPE_INDEXES_MAX) {
            req_problem(r, 400, "more than %d indexes", ENG_SCOPE_INDEXES_MAX);
            return false;
        }
        s->names[s->n] = api_index_named(r, al_slice_sub(list, at, comma), &idx);
        if (!s->names[s->n])
            return false;
        add_text_fields(s, &idx);
        s->n++;
        at = comma + 1;
    }
    qsort(s->names, s->n, sizeof s->names[0], by_text);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (i == 0 || strcmp(s->names[i], s->names[n - 1]) != 0)
            s->names[n++] = s->names[i];
    s->n = n;
    s->is_many = s->n > 1;
    return true;
}

static bool read_query(req *r, api_scope *s)
{
    al_slice text = {0};
    al_err err = {0};
    void *ctx[2] = {r, s};
    query_env env = {.is_field = is_field, .ctx = ctx};
    (void)req_text(r, "q", &text);
    al_code c = query_parse(text, &env, &s->q, &err);
    if (c)
        req_fail(r, c, &err);
    return c == AL_OK;
}

api_scope *api_scope_names(req *r)
{
    api_scope *s = al_arena_alloc(r->arena, 1, sizeof *s);
    if (!s) {
        req_problem(r, 503, "no memory");
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->arena = r->arena;
    return read_names(r, s) ? s : NULL;
}

api_scope *api_scope_read(req *r)
{
    api_scope *s = api_scope_names(r);
    if (!s)
        return NULL;
    s->budget = (eng_budget){.deadline_ns = r->due_ns, .cancel = &r->cancel};
    if (!req_range(r, &s->eng.from_ns, &s->eng.to_ns) || !read_query(r, s))
        return NULL;
    s->eng.indexes = s->names;
    s->eng.n_indexes = s->n;
    s->eng.q = s->q;
    return s;
}

void api_scope_done(api_scope *s)
{
    if (s)
        s->q = query_unref(s->q);
}

uint32_t api_scope_sum(const api_scope *s)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum = al_crc32c(sum, s->names[i], strlen(s->names[i]) + 1);
    return sum;
}

int64_t api_scope_number(const api_scope *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->names[i], name) == 0)
            return (int64_t)i;
    return -1;
}

void api_scope_note(api_scope *s, const eng_answer *answer)
{
    s->rows_looked_at += answer->rows_looked_at;
    for (size_t i = 0; i < answer->partial.n; i++) {
        bool is_known = false;
        for (size_t k = 0; k < s->partial.n && !is_known; k++)
            is_known = strcmp(s->partial.reasons[k].part, answer->partial.reasons[i].part) == 0 &&
                       strcmp(s->partial.reasons[k].why, answer->partial.reasons[i].why) == 0;
        if (!is_known)
            eng_partial_add(&s->partial, answer->partial.reasons[i].part,
                            answer->partial.reasons[i].why);
    }
}

void api_count_query(req *r, bool is_partial)
{
    server_counts *n = &r->srv->counts;
    uint64_t ns = (uint64_t)al_mono_ns() - r->begun_ns;
    atomic_fetch_add(&n->queries, 1);
    atomic_fetch_add(&n->query_ns, ns);
    for (size_t i = 0; i < SERVER_DURATIONS; i++)
        if ((double)ns <= server_duration_s[i] * 1e9)
            atomic_fetch_add(&n->query_le[i], 1);
    if (is_partial)
        atomic_fetch_add(&n->partial, 1);
}

void api_put_partial(al_buf *out, const eng_partial *p)
{
    al_buf_printf(out, "\"partial\":%s,\"partial_why\":[", p->n ? "true" : "false");
    for (size_t i = 0; i < p->n; i++) {
        al_buf_str(out, i ? ",{\"part\":" : "{\"part\":");
        json_put_string(out, al_cstr(p->reasons[i].part));
        al_buf_str(out, ",\"why\":");
        json_put_string(out, al_cstr(p->reasons[i].why));
        al_buf_u8(out, '}');
    }
    al_buf_u8(out, ']');
}

void api_put_report(req *r, api_scope *s)
{
    al_buf read_as;
    al_buf_init(&read_as, (size_t)4 * QUERY_BYTES_MAX + 4096);
    query_read_as(s->q, &read_as);
    uint64_t us = ((uint64_t)al_mono_ns() - r->begun_ns) / 1000;
    al_buf_printf(&r->out, "\"took_ms\":%" PRIu64 ".%03" PRIu64 ",\"read_as\":", us / 1000,
                  us % 1000);
    json_put_string(&r->out, al_buf_slice(&read_as));
    al_buf_fail(&r->out, al_buf_code(&read_as));
    al_buf_done(&read_as);
    al_buf_str(&r->out, ",");
    api_put_partial(&r->out, &s->partial);
    api_count_query(r, s->partial.n > 0);
}
