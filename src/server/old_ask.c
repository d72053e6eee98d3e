/* Parameters of old ALCO's search, as a query tree and a range: nothing is pasted into query text.
 * A name that is neither one of its own nor that of a displayed field says nothing, as it did. */
#include "server/old_ask.h"

#include <stdlib.h>

#include "base/checked.h"
#include "record/old_time.h"
#include "server/api.h"

typedef struct reading {
    req *r;
    cat_field *fields; /* by name */
    size_t n_fields;
    old_ask *to;
} reading;

/* ---- Filters */

static int by_name(const void *name, const void *f)
{
    return al_slice_cmp(*(const al_slice *)name, ((const cat_field *)f)->name);
}

static bool is_shown(const reading *p, al_slice name)
{
    const cat_field *f =
        p->n_fields ? bsearch(&name, p->fields, p->n_fields, sizeof *f, by_name) : NULL;
    return f && f->display;
}

static bool is_reserved(al_slice name)
{
    static const char *const names[] = {"search", "start_ts", "end_ts", "id", "cursor", "format"};
    for (size_t i = 0; i < AL_COUNT(names); i++)
        if (al_slice_eq(name, al_cstr(names[i])))
            return true;
    return false;
}

/* "a,b" of the field: one of them. */
static al_code add_filter(reading *p, al_slice name, al_slice list)
{
    AL_CLEANUP(query_unrefp) query *filter = NULL;
    query *both = NULL;
    size_t n_max = 1;
    size_t n = 0;
    for (size_t i = 0; i < list.len; i++)
        n_max += list.ptr[i] == ',';
    al_slice *values = al_arena_alloc(p->r->arena, n_max, sizeof *values);
    if (!values)
        return AL_NOMEM;
    for (size_t at = 0; at <= list.len; n++) {
        size_t comma = al_slice_find(list, ',', at);
        values[n] = al_slice_sub(list, at, comma);
        at = comma + 1;
    }
    al_code c = query_field_one_of(name, values, n, &filter);
    if (!c)
        c = query_and(p->to->q, filter, &both);
    if (c)
        return c;
    (void)query_unref(p->to->q);
    p->to->q = both;
    return AL_OK;
}

/* `name__in=` goes before `name=`. */
static bool has_list(const reading *p, al_slice name)
{
    for (size_t i = 0; i < p->r->params.n; i++) {
        al_slice other = p->r->params.items[i].name;
        if (other.len == name.len + 4 && al_slice_starts(other, name) &&
            al_slice_ends(other, AL_LIT("__in")))
            return true;
    }
    return false;
}

static al_code add_filters(reading *p)
{
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < p->r->params.n; i++) {
        al_slice name = p->r->params.items[i].name;
        al_slice value = p->r->params.items[i].value;
        al_slice base = al_slice_ends(name, AL_LIT("__in")) ? al_slice_sub(name, 0, name.len - 4)
                                                            : (al_slice){0};
        if (!is_reserved(name) && is_shown(p, name) && !has_list(p, name))
            c = add_filter(p, name, value);
        else if (base.len && is_shown(p, base))
            c = add_filter(p, base, value);
    }
    return c;
}

static bool read_query(reading *p)
{
    al_slice text = {0};
    al_err err = {0};
    (void)req_text(p->r, "search", &text);
    al_code c = query_old_search(text, &p->to->q, &err);
    if (!c && (c = add_filters(p)))
        (void)al_fail(&err, c, "%s", c == AL_LIMIT ? "too many filters" : "no memory");
    if (!c)
        c = matcher_new(p->to->q, NULL, 0, &p->to->m, &err);
    if (c)
        req_fail(p->r, c, &err);
    return c == AL_OK;
}

/* ---- The rest */

static bool read_time(reading *p, const char *name, int64_t *ret_ns, int64_t *ret_end_ns)
{
    al_slice text;
    if (!req_text(p->r, name, &text) || al_slice_trim(text).len == 0)
        return true;
    if (rec_old_time_parse(text, p->r->srv->local_zone, ret_ns, ret_end_ns))
        return true;
    req_problem(p->r, 400,
                "%s '%.*s': expected a time such as 2016-05-23 10:53:20.123456, or a day", name,
                AL_ARG(text));
    return false;
}

static bool read_range(reading *p)
{
    int64_t ignored = 0;
    p->to->from_ns = 0;
    p->to->to_ns = INT64_MAX;
    if (!read_time(p, "start_ts", &p->to->from_ns, &ignored) ||
        !read_time(p, "end_ts", &ignored, &p->to->to_ns))
        return false;
    if (p->to->to_ns < INT64_MAX)
        p->to->to_ns++; /* it is one of those that are asked for */
    return true;
}

static bool read_numbers(reading *p)
{
    al_slice text = {0};
    int64_t page = 0;
    if (req_text(p->r, "id", &text) && text.len) {
        p->to->has_id = al_parse_u64(al_slice_trim(text), &p->to->id);
        if (!p->to->has_id) {
            req_problem(p->r, 400, "id '%.*s': expected a number below 2^64", AL_ARG(text));
            return false;
        }
    }
    /* It said how many rows Sphinx should be ready for; that it is none was an error then, too. */
    if (req_text(p->r, "page", &text) && text.len && !is_shown(p, AL_LIT("page")) &&
        !al_parse_i64(al_slice_trim(text), &page)) {
        req_problem(p->r, 400, "page '%.*s': expected a number", AL_ARG(text));
        return false;
    }
    return true;
}

static bool read_cursor(reading *p)
{
    al_slice text = {0};
    bool is_there = req_text(p->r, "cursor", &text);
    if (!is_there && p->r->params.n == URL_PARAMS_MAX) {
        req_problem(p->r, 400, "more than %d parameters beside the cursor of links",
                    URL_PARAMS_MAX - 1);
        return false;
    }
    if (!is_there || old_cursor_parse(text, &p->to->cur))
        return true;
    req_answer(p->r, 404, "application/json");
    al_buf_str(&p->r->out, "{\"detail\":\"Invalid cursor\"}");
    return false;
}

static bool read_fields(reading *p)
{
    al_err err = {0};
    al_code c =
        catalog_fields(p->r->srv->cat, p->to->index, p->r->arena, &p->fields, &p->n_fields, &err);
    if (c)
        req_fail(p->r, c, &err);
    return c == AL_OK;
}

bool old_ask_read(req *r, old_ask *ret)
{
    cat_index idx;
    old_ask a = {.index = api_index_name(r, &idx)};
    reading p = {.r = r, .to = &a};
    if (!a.index || !read_fields(&p) || !read_cursor(&p) || !read_range(&p) || !read_numbers(&p) ||
        !read_query(&p)) {
        old_ask_done(&a);
        return false;
    }
    *ret = a;
    return true;
}

void old_ask_done(old_ask *a)
{
    a->m = matcher_free(a->m);
    a->q = query_unref(a->q);
}
