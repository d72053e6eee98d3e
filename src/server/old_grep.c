/* GET /api/grep/{index}/: the search of old ALCO's API, for its users and their scripts.
 *
 * Shape: parameters become a query tree and a range (nothing is pasted into query text); one
 * search of the engine fills `rows` with finished JSON, whose ends are kept so that a page that was
 * read backwards is written forwards; then the answer is put together, links first.
 * A page may be shorter than page_size, with a link to go on, when its rows are long or time is up.
 * What an answer leaves out for another reason stands in the header Alco-Partial: the old form of
 * the answer has no place for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "record/json_out.h"
#include "record/old_time.h"
#include "server/api.h"
#include "server/old_cursor.h"
#include "server/old_form.h"
#include "server/old_snippet.h"

enum { PAGE_BYTES_MAX = 32 << 20 };

typedef struct old_page {
    req *r;
    const char *index;
    cat_index idx;
    const cat_field *fields; /* by name */
    size_t n_fields;
    query *q;
    matcher *m;
    al_arena *scratch;
    eng_budget budget;
    int64_t from_ns;
    int64_t to_ns;
    bool has_id;
    uint64_t id;
    bool has_cursor;
    old_cursor cur;

    uint64_t limit;
    uint64_t n_passed; /* of cur.offset */
    al_buf rows;
    al_buf snippet;
    size_t *ends; /* of each row in `rows` */
    size_t n;
    uint64_t first; /* ids, in the order they were found */
    uint64_t last;
    bool has_more;
} old_page;

static void page_done(old_page *p)
{
    al_buf_done(&p->rows);
    al_buf_done(&p->snippet);
    p->m = matcher_free(p->m);
    p->scratch = al_arena_free(p->scratch);
    p->q = query_unref(p->q);
}

/* ---- One row */

/* What the old collector took out of a message; `@version` is a field of ours. */
static bool is_hidden(al_slice name)
{
    return al_slice_eq(name, AL_LIT("@version")) || al_slice_eq(name, AL_LIT("@timestamp")) ||
           al_slice_eq(name, AL_LIT("message")) || al_slice_eq(name, AL_LIT("seq"));
}

static void put_js(al_buf *out, const record *rec)
{
    bool is_first = true;
    al_buf_u8(out, '{');
    for (uint32_t i = 0; i < rec->n_fields; i++) {
        const field *f = &rec->fields[i];
        if (is_hidden(f->name))
            continue;
        if (!is_first)
            al_buf_u8(out, ',');
        is_first = false;
        json_put_string(out, f->name);
        al_buf_u8(out, ':');
        if (f->val.type == VAL_NULL || f->val.type == VAL_ARRAY || f->val.type == VAL_OBJECT)
            json_put_string(out, rec_value_text(&f->val));
        else
            json_put_value(out, &f->val);
    }
    al_buf_u8(out, '}');
}

static void put_row(old_page *p, const record *rec)
{
    al_buf *out = &p->rows;
    al_arena_reset(p->scratch);
    highlight *places = al_arena_alloc(p->scratch, HIGHLIGHTS_MAX, sizeof *places);
    size_t n = places ? matcher_highlights(p->m, rec, places, HIGHLIGHTS_MAX) : 0;
    al_buf_fail(out, places ? AL_OK : AL_NOMEM);
    al_buf_clear(&p->snippet);
    old_snippet_put(&p->snippet, rec->message, places, n);
    al_buf_printf(out, "{\"id\":%" PRIu64 ",\"id_str\":\"%" PRIu64 "\",\"datetime\":\"", rec->id,
                  rec->id);
    rec_old_time_format(out, p->r->srv->local_zone, rec->time_ns, 'T');
    al_buf_str(out, "\",\"logline\":");
    json_put_string(out, rec->message);
    al_buf_str(out, ",\"logline_snippet\":");
    json_put_string(out, al_buf_slice(&p->snippet));
    al_buf_fail(out, al_buf_code(&p->snippet));
    al_buf_str(out, ",\"js\":");
    put_js(out, rec);
    al_buf_u8(out, '}');
}

static eng_flow take_row(void *ctx, const eng_row *row)
{
    old_page *p = ctx;
    if (p->n_passed < p->cur.offset) {
        p->n_passed++;
        return ENG_MORE;
    }
    if (p->n == p->limit || p->rows.len >= PAGE_BYTES_MAX) {
        p->has_more = true;
        return ENG_STOP;
    }
    put_row(p, row->rec);
    p->first = p->n ? p->first : row->rec->id;
    p->last = row->rec->id;
    p->ends[p->n++] = p->rows.len;
    return al_buf_code(&p->rows) ? ENG_STOP : ENG_MORE;
}

/* The row that `id` names, if everything else that was asked for holds for it. */
static eng_flow take_named(void *ctx, const eng_row *row)
{
    old_page *p = ctx;
    const record *rec = row->rec;
    al_code code = AL_OK;
    bool is_behind = !p->has_cursor || !p->cur.has_id ||
                     (p->cur.is_reverse ? rec->id < p->cur.id : rec->id > p->cur.id);
    bool is_in_time =
        rec->time_ns >= p->from_ns && (rec->time_ns < p->to_ns || p->to_ns == INT64_MAX);
    if (is_behind && is_in_time && matcher_matches(p->m, rec, &code))
        (void)take_row(ctx, row);
    return ENG_STOP;
}

/* ---- Parameters */

static bool is_shown(const old_page *p, al_slice name)
{
    size_t low = 0;
    size_t high = p->n_fields;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = al_slice_cmp(p->fields[mid].name, name);
        if (order == 0)
            return p->fields[mid].display;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
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
static al_code add_filter(old_page *p, al_slice name, al_slice list)
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
        c = query_and(p->q, filter, &both);
    if (c)
        return c;
    (void)query_unref(p->q);
    p->q = both;
    return AL_OK;
}

/* `name__in=` goes before `name=`. */
static bool has_list(const old_page *p, al_slice name)
{
    for (size_t i = 0; i < p->r->params.n; i++) {
        al_slice other = p->r->params.items[i].name;
        if (other.len == name.len + 4 && al_slice_starts(other, name) &&
            al_slice_ends(other, AL_LIT("__in")))
            return true;
    }
    return false;
}

static al_code add_filters(old_page *p)
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

static bool read_query(old_page *p)
{
    al_slice text = {0};
    al_err err = {0};
    (void)req_text(p->r, "search", &text);
    al_code c = query_old_search(text, &p->q, &err);
    if (!c && (c = add_filters(p)))
        (void)al_fail(&err, c, "%s", c == AL_LIMIT ? "too many filters" : "no memory");
    if (!c)
        c = matcher_new(p->q, NULL, 0, &p->m, &err);
    if (c)
        req_fail(p->r, c, &err);
    return c == AL_OK;
}

static bool read_time(old_page *p, const char *name, int64_t *ret_ns, int64_t *ret_end_ns)
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

static bool read_range(old_page *p)
{
    int64_t ignored = 0;
    p->from_ns = 0;
    p->to_ns = INT64_MAX;
    if (!read_time(p, "start_ts", &p->from_ns, &ignored) ||
        !read_time(p, "end_ts", &ignored, &p->to_ns))
        return false;
    if (p->to_ns < INT64_MAX)
        p->to_ns++; /* it is one of those that are asked for */
    return true;
}

static bool read_numbers(old_page *p)
{
    al_slice text = {0};
    int64_t page = 0;
    if (req_text(p->r, "id", &text) && text.len) {
        p->has_id = al_parse_u64(al_slice_trim(text), &p->id);
        if (!p->has_id) {
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

static bool read_cursor(old_page *p)
{
    al_slice text = {0};
    p->has_cursor = req_text(p->r, "cursor", &text);
    if (!p->has_cursor && p->r->params.n == URL_PARAMS_MAX) {
        req_problem(p->r, 400, "more than %d parameters beside the cursor of links",
                    URL_PARAMS_MAX - 1);
        return false;
    }
    if (!p->has_cursor || old_cursor_parse(text, &p->cur))
        return true;
    req_answer(p->r, 404, "application/json");
    al_buf_str(&p->r->out, "{\"detail\":\"Invalid cursor\"}");
    return false;
}

static bool read_fields(old_page *p)
{
    cat_field *fields = NULL;
    al_err err = {0};
    al_code c = catalog_fields(p->r->srv->cat, p->index, p->r->arena, &fields, &p->n_fields, &err);
    if (c)
        req_fail(p->r, c, &err);
    p->fields = fields;
    return c == AL_OK;
}

static bool read_page(old_page *p)
{
    req *r = p->r;
    p->index = api_index_name(r, &p->idx);
    if (!p->index || !read_fields(p) || !read_cursor(p) || !read_range(p) || !read_numbers(p) ||
        !read_query(p))
        return false;
    p->limit = tuning_of(&r->srv->tuning)->page_size;
    p->budget = (eng_budget){.deadline_ns = r->due_ns, .cancel = &r->cancel};
    p->scratch = al_arena_new(65536);
    p->ends = al_arena_alloc(r->arena, p->limit, sizeof *p->ends);
    if (!p->scratch || !p->ends) {
        req_problem(r, 503, "no memory");
        return false;
    }
    matcher_stop_if(p->m, eng_budget_is_over, &p->budget);
    return true;
}

/* ---- Searching */

/* The end of a search that did not look everywhere. AL_AGAIN: it has not even begun to. */
static al_code note_end(old_page *p, const eng_answer *answer, al_err *err)
{
    bool is_out_of_time = false;
    for (size_t i = 0; i < answer->partial.n; i++)
        is_out_of_time |= strcmp(answer->partial.reasons[i].part, "time") == 0;
    api_count_query(p->r, answer->partial.n > 0);
    if (answer->partial.n) {
        char text[200];
        (void)snprintf(text, sizeof text, "true; %s: %s", answer->partial.reasons[0].part,
                       answer->partial.reasons[0].why);
        req_header(p->r, "Alco-Partial", al_cstr(text));
    }
    if (p->has_more || answer->is_at_end || !is_out_of_time)
        return AL_OK;
    if (p->n == 0 && answer->rows_looked_at == 0)
        return al_fail(err, AL_AGAIN, "there was no time for the search");
    p->has_more = true; /* it goes on where time ran out */
    p->last = answer->reached.id;
    if (p->cur.is_reverse && answer->reached.index_no > 0)
        p->last++;
    return AL_OK;
}

static al_code search(old_page *p, al_err *err)
{
    eng_answer answer = {0};
    eng_pos after = {.id = p->cur.id};
    eng_search s = {.scope = {.indexes = &p->index,
                              .n_indexes = 1,
                              .from_ns = p->from_ns,
                              .to_ns = p->to_ns,
                              .q = p->q},
                    .is_descending = p->cur.is_reverse,
                    .after = p->cur.has_id ? &after : NULL,
                    .limit = p->cur.offset + p->limit + 1};
    if (p->has_id) {
        al_code c = engine_get(p->r->srv->eng, p->index, p->id, &p->budget, take_named, p, err);
        return c == AL_NOT_FOUND ? AL_OK : c;
    }
    al_code c = engine_search(p->r->srv->eng, &s, &p->budget, take_row, p, &answer, err);
    return c ? c : note_end(p, &answer, err);
}

/* ---- The answer */

static void put_link(old_page *p, const char *name, bool is_there, const old_cursor *to)
{
    req *r = p->r;
    al_buf token;
    al_buf text;
    al_err err;
    al_buf_printf(&r->out, "\"%s\":", name);
    if (!is_there) {
        al_buf_str(&r->out, "null");
        return;
    }
    url_params params = r->params;
    al_buf_init(&token, 256);
    al_buf_init(&text, 1 << 20); /* a request's head has 64 KiB, each byte becomes three */
    old_cursor_format(to, &token);
    al_buf_fail(&text, al_buf_code(&token));
    if (old_form_set(&params, AL_LIT("cursor"), al_buf_slice(&token), &err))
        al_buf_fail(&text, AL_LIMIT);
    old_form_sort(&params);
    al_buf_str(&text, r->is_https ? "https://" : "http://");
    al_buf_slice_put(&text, r->host.len ? r->host : al_cstr(r->srv->address));
    al_buf_slice_put(&text, r->target.path);
    al_buf_u8(&text, '?');
    old_form_put(&text, &params);
    json_put_string(&r->out, al_buf_slice(&text));
    al_buf_fail(&r->out, al_buf_code(&text));
    al_buf_done(&token);
    al_buf_done(&text);
}

/* As the framework had it: there is something before any page that a cursor asked for, and what it
 * is shows when one goes there. */
static void put_links(old_page *p)
{
    bool is_inner = p->cur.has_id || p->cur.offset > 0;
    bool is_reverse = p->cur.is_reverse;
    bool has_next = is_reverse ? is_inner : p->has_more;
    bool has_previous = is_reverse ? p->has_more : is_inner;
    old_cursor next = {.has_id = true, .id = is_reverse ? p->first : p->last};
    old_cursor previous = {
        .has_id = true, .is_reverse = true, .id = is_reverse ? p->last : p->first};
    if (p->n == 0 && is_reverse) /* an empty page: the row at the cursor is the one beside it */
        next.id = p->cur.id ? p->cur.id - 1 : 0;
    else if (p->n == 0)
        previous.id = p->cur.id < UINT64_MAX ? p->cur.id + 1 : p->cur.id;
    al_buf_u8(&p->r->out, '{');
    put_link(p, "next", has_next, &next);
    al_buf_u8(&p->r->out, ',');
    put_link(p, "previous", has_previous, &previous);
}

static void put_answer(old_page *p)
{
    al_buf *out = &p->r->out;
    al_slice rows = al_buf_slice(&p->rows);
    req_answer(p->r, 200, "application/json");
    put_links(p);
    al_buf_str(out, ",\"results\":[");
    for (size_t i = 0; i < p->n; i++) {
        size_t k = p->cur.is_reverse ? p->n - 1 - i : i;
        al_buf_str(out, i ? "," : "");
        al_buf_slice_put(out, al_slice_sub(rows, k ? p->ends[k - 1] : 0, p->ends[k]));
    }
    al_buf_str(out, "]}");
    al_buf_fail(out, al_buf_code(&p->rows));
}

void old_grep(req *r)
{
    al_err err = {0};
    old_page *p = al_arena_alloc(r->arena, 1, sizeof *p);
    if (!p) {
        req_problem(r, 503, "no memory");
        return;
    }
    *p = (old_page){.r = r};
    al_buf_init(&p->rows, REQ_ANSWER_BYTES_MAX);
    al_buf_init(&p->snippet, REQ_ANSWER_BYTES_MAX);
    if (read_page(p)) {
        al_code c = search(p, &err);
        if (c)
            req_fail(r, c, &err);
        else
            put_answer(p);
    }
    page_done(p);
}
