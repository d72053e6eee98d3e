/* GET|POST search: pages and streams.
 *
 * Shape: an answer is made in slices of about held_slice_bytes(), each a search of its own that
 * goes on behind the last row written; between slices no worker is held, so a client that reads
 * slowly costs its buffer and nothing else. The first slice runs before the head of the answer goes
 * out, so that errors get a status. A page that fits one slice (nearly all) is sent whole.
 *
 * Pages: `next` goes on behind the last row in the order asked. `prev` is found by searching
 * against the order from the first row: the farthest of `limit` rows is where the page begins, and
 * it ends before the row it was asked from, whatever was inserted meanwhile. Cursors carry the
 * range, so relative times do not move under the reader.
 * A page has the time of one query for all its slices; a stream (limit=0) lasts as long as its
 * client listens, but no slice looks longer than SLICE_S, so that many exports share the workers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/json_out.h"
#include "server/api.h"
#include "server/cursor.h"

enum { SLICE_S = 2, LIMIT_MAX = 10000 };

typedef enum format { FORMAT_JSON, FORMAT_NDJSON, FORMAT_CSV, FORMAT_TEXT } format;

typedef struct page { /* NOLINT(clang-analyzer-optin.performance.Padding): read in this order */
    req *r;
    api_scope *scope;
    hit_style style;
    eng_budget marking; /* of style's matcher: finding what to mark takes time too */
    format format;
    bool is_descending;
    uint64_t limit; /* 0 = all */
    bool has_cursor;
    cursor cur;

    bool has_after; /* go on behind `after` */
    eng_pos after;
    bool has_stop; /* a prev page: ends before `stop` */
    eng_pos stop;
    uint64_t n; /* rows written */
    eng_pos first;
    eng_pos last;
    bool has_more;    /* there is a row behind `last` */
    bool has_reached; /* time ran out here */
    eng_pos reached;
    bool has_before; /* there is a row before `first` */
    bool is_end;
    bool is_full; /* the slice at hand */
} page;

static void page_free(void *ctx)
{
    page *p = ctx;
    p->style.m = matcher_free(p->style.m);
    p->style.scratch = al_arena_free(p->style.scratch);
    api_scope_done(p->scope);
}

/* ---- Places and tokens */

static int pos_cmp(eng_pos a, eng_pos b)
{
    if (a.id != b.id)
        return a.id < b.id ? -1 : 1;
    return (a.index_no > b.index_no) - (a.index_no < b.index_no);
}

/* The place before which, in ascending order, everything is < p; and the one behind it. */
static eng_pos pos_before(eng_pos p)
{
    if (p.index_no > 0)
        return (eng_pos){p.id, p.index_no - 1};
    return p.id ? (eng_pos){p.id - 1, UINT32_MAX} : p;
}

static eng_pos pos_behind(eng_pos p)
{
    if (p.index_no < UINT32_MAX)
        return (eng_pos){p.id, p.index_no + 1};
    return p.id < UINT64_MAX ? (eng_pos){p.id + 1, 0} : p;
}

/* So that a search "strictly behind" the result, in the given order, begins with p itself. */
static eng_pos pos_to_begin_with(eng_pos p, bool is_descending)
{
    return is_descending ? pos_behind(p) : pos_before(p);
}

static void put_token(page *p, eng_pos at, bool is_prev)
{
    cursor c = {.is_prev = is_prev,
                .is_descending = p->is_descending,
                .from_ns = p->scope->eng.from_ns,
                .to_ns = p->scope->eng.to_ns,
                .id = at.id,
                .scope = api_scope_sum(p->scope)};
    if (at.index_no < p->scope->n)
        (void)snprintf(c.index, sizeof c.index, "%s", p->scope->names[at.index_no]);
    else
        c.place = 1;
    al_buf_u8(&p->r->out, '"');
    cursor_format(&c, &p->r->out);
    al_buf_u8(&p->r->out, '"');
}

/* A name that is not read (any more) stands between its neighbours. */
static eng_pos pos_of(const page *p, const cursor *c)
{
    int64_t no = api_scope_number(p->scope, c->index);
    if (c->place > 0)
        return (eng_pos){c->id, UINT32_MAX};
    if (no >= 0)
        return (eng_pos){c->id, (uint32_t)no};
    uint32_t n = 0;
    while (n < p->scope->n && strcmp(p->scope->names[n], c->index) < 0)
        n++;
    return n ? (eng_pos){c->id, n - 1} : pos_before((eng_pos){c->id, 0});
}

/* ---- Rows */

static eng_flow take_row(void *ctx, const eng_row *row)
{
    page *p = ctx;
    eng_pos at = {row->rec->id, row->index_no};
    al_buf *out = &p->r->out;
    bool is_behind =
        p->has_stop && (p->is_descending ? pos_cmp(at, p->stop) <= 0 : pos_cmp(at, p->stop) >= 0);
    if (is_behind || (!p->has_stop && p->limit && p->n == p->limit)) {
        p->has_more = true;
        p->is_end = true;
        return ENG_STOP;
    }
    switch (p->format) {
    case FORMAT_JSON:
        al_buf_str(out, p->n ? ",\n" : "\n");
        hit_put_json(out, &p->style, row);
        break;
    case FORMAT_NDJSON:
        hit_put_json(out, &p->style, row);
        al_buf_u8(out, '\n');
        break;
    case FORMAT_CSV:
        hit_put_csv(out, &p->style, row);
        break;
    case FORMAT_TEXT:
        hit_put_text(out, &p->style, row);
        break;
    }
    if (p->n == 0)
        p->first = at;
    p->last = at;
    p->n++;
    p->is_full = out->len >= held_slice_bytes(&p->r->srv->answers);
    return p->is_full ? ENG_STOP : ENG_MORE;
}

/* Notes what was left out, but for the time of one slice when others follow. */
static bool note_answer(page *p, eng_answer *answer, bool is_stream)
{
    bool is_out_of_time = false;
    for (size_t i = 0; i < answer->partial.n; i++) {
        if (strcmp(answer->partial.reasons[i].part, "time") != 0)
            continue;
        is_out_of_time = true;
        if (is_stream) {
            memmove(&answer->partial.reasons[i], &answer->partial.reasons[i + 1],
                    (answer->partial.n - i - 1) * sizeof answer->partial.reasons[0]);
            answer->partial.n--;
            break;
        }
    }
    api_scope_note(p->scope, answer);
    return is_out_of_time;
}

static al_code run_slice(page *p, al_err *err)
{
    bool is_stream = p->limit == 0;
    eng_budget budget = p->scope->budget;
    if (is_stream)
        budget.deadline_ns = al_mono_ns() + SLICE_S * AL_NS_PER_S;
    eng_search s = {.scope = p->scope->eng,
                    .is_descending = p->is_descending,
                    .after = p->has_after ? &p->after : NULL};
    if (p->limit && !p->has_stop)
        s.limit = p->limit - p->n + 1; /* one more, to know whether there is one */
    eng_answer answer = {0};
    uint64_t n_before = p->n;
    p->is_full = false;
    al_code c = engine_search(p->r->srv->eng, &s, &budget, take_row, p, &answer, err);
    if (c)
        return c;
    bool is_out_of_time = note_answer(p, &answer, is_stream);
    if (p->is_end)
        return AL_OK;
    if (p->is_full) {
        p->has_after = true;
        p->after = p->last;
        return AL_OK;
    }
    if (answer.is_at_end || !is_out_of_time) {
        p->is_end = true;
        if (!answer.is_at_end && p->scope->partial.n) { /* some other budget ran out */
            p->has_reached = true;
            p->reached = answer.reached;
        }
        return AL_OK;
    }
    if (is_stream) { /* goes on where this slice got to */
        p->has_after = true;
        p->after = answer.reached;
        return AL_OK;
    }
    p->is_end = true;
    /* Without a row there is only the place; a page goes on from where time ran out. */
    p->has_reached = p->n > n_before || answer.rows_looked_at > 0;
    p->reached = answer.reached;
    return AL_OK;
}

/* ---- Before the first row, and after the last */

typedef struct back {
    page *p;
    uint64_t n;
    eng_pos far;
} back;

static eng_flow take_back(void *ctx, const eng_row *row)
{
    back *b = ctx;
    if (b->p->limit && b->n == b->p->limit) {
        b->p->has_before = true;
        return ENG_STOP;
    }
    b->far = (eng_pos){row->rec->id, row->index_no};
    b->n++;
    return ENG_MORE;
}

/* Rows against the order from `from` on: how many up to the limit, and is there one more? */
static al_code look_back(page *p, eng_pos from, uint64_t limit, back *ret, al_err *err)
{
    eng_search s = {
        .scope = p->scope->eng, .is_descending = !p->is_descending, .after = &from, .limit = limit};
    eng_answer answer = {0};
    *ret = (back){.p = p};
    al_code c = engine_search(p->r->srv->eng, &s, &p->scope->budget, take_back, ret, &answer, err);
    if (!c)
        api_scope_note(p->scope, &answer);
    return c;
}

static al_code begin_prev(page *p, al_err *err)
{
    back b;
    p->stop = pos_of(p, &p->cur);
    p->has_stop = true;
    al_code c = look_back(p, p->stop, p->limit + 1, &b, err);
    if (c)
        return c;
    if (b.n == 0) {
        p->is_end = true;
        p->has_more = true;
        return AL_OK;
    }
    p->has_after = true;
    p->after = pos_to_begin_with(b.far, p->is_descending);
    return AL_OK;
}

static al_code find_before(page *p, al_err *err)
{
    back b;
    if (!p->has_cursor || p->cur.is_prev)
        return AL_OK; /* nothing is before the first page; begin_prev knows */
    eng_pos from = p->n ? p->first : pos_to_begin_with(pos_of(p, &p->cur), !p->is_descending);
    al_code c = look_back(p, from, 1, &b, err);
    p->has_before = b.n > 0;
    return c;
}

static void put_edges(page *p)
{
    al_buf *out = &p->r->out;
    eng_pos mark = p->has_cursor ? pos_of(p, &p->cur) : (eng_pos){0};
    al_buf_str(out, "\"next\":");
    if (p->has_reached)
        put_token(p, p->reached, false);
    else if (p->has_more && p->n)
        put_token(p, p->last, false);
    else if (p->has_more)
        put_token(p, pos_to_begin_with(mark, p->is_descending), false);
    else
        al_buf_str(out, "null");
    al_buf_str(out, ",\"prev\":");
    if (!p->has_before)
        al_buf_str(out, "null");
    else if (p->n)
        put_token(p, p->first, true);
    else
        put_token(p, pos_to_begin_with(mark, !p->is_descending), true);
    al_buf_u8(out, ',');
}

static al_code end_page(page *p, al_err *err)
{
    if (p->format == FORMAT_JSON) {
        al_code c = find_before(p, err);
        if (c)
            return c;
        al_buf_str(&p->r->out, p->n ? "\n]," : "],");
        put_edges(p);
        api_put_report(p->r, p->scope);
        al_buf_str(&p->r->out, "}\n");
        return AL_OK;
    }
    const eng_partial *partial = &p->scope->partial;
    api_count_query(p->r, partial->n > 0);
    if (partial->n)
        (void)snprintf(p->r->trailer, sizeof p->r->trailer, "true; %s: %s",
                       partial->reasons[0].part, partial->reasons[0].why);
    else
        (void)snprintf(p->r->trailer, sizeof p->r->trailer, "false");
    return AL_OK;
}

static al_code next_piece(page *p, al_err *err)
{
    al_code c = AL_OK;
    uint64_t before = p->r->out.len;
    while (!c && !p->is_end && p->r->out.len == before) {
        if (atomic_load(&p->r->cancel))
            return AL_CANCELLED;
        c = run_slice(p, err);
    }
    return c || !p->is_end ? c : end_page(p, err);
}

static al_code more(void *ctx, req *r, bool *ret_is_end)
{
    page *p = ctx;
    al_err err = {0};
    al_code c = next_piece(p, &err);
    if (c == AL_CANCELLED)
        atomic_fetch_add(&r->srv->counts.cancelled, 1);
    *ret_is_end = p->is_end;
    return c;
}

static const req_stream_ops page_ops = {.more = more, .free = page_free};

/* ---- Parameters */

static bool read_format(req *r, page *p)
{
    static const char *const names[] = {"json", "ndjson", "csv", "text"};
    al_slice text;
    if (!req_text(r, "format", &text))
        return true;
    for (size_t i = 0; i < 4; i++) {
        if (al_slice_eq(text, al_cstr(names[i]))) {
            p->format = (format)i;
            return true;
        }
    }
    req_problem(r, 400, "format '%.*s': expected json, ndjson, csv or text", AL_ARG(text));
    return false;
}

static bool read_order(req *r, page *p)
{
    al_slice text;
    p->is_descending = true;
    if (!req_text(r, "order", &text))
        return true;
    p->is_descending = al_slice_eq(text, AL_LIT("desc"));
    if (p->is_descending || al_slice_eq(text, AL_LIT("asc")))
        return true;
    req_problem(r, 400, "order '%.*s': expected asc or desc", AL_ARG(text));
    return false;
}

static bool read_cursor(req *r, page *p)
{
    al_slice token;
    al_slice order;
    al_err err = {0};
    if (!req_text(r, "cursor", &token) || token.len == 0)
        return true;
    al_code c = cursor_parse(token, &p->cur, &err);
    if (c) {
        req_fail(r, c, &err);
        return false;
    }
    if (req_text(r, "order", &order) && p->cur.is_descending != p->is_descending) {
        req_problem(r, 400, "order '%.*s': the cursor is of a search with the other order",
                    AL_ARG(order));
        return false;
    }
    if (p->cur.scope != api_scope_sum(p->scope)) {
        req_problem(r, 400, "cursor '%.*s': it is of a search in other indexes", AL_ARG(token));
        return false;
    }
    p->has_cursor = true;
    p->is_descending = p->cur.is_descending;
    p->scope->eng.from_ns = p->cur.from_ns;
    p->scope->eng.to_ns = p->cur.to_ns;
    return true;
}

/* 0 is everything, which only a stream can be. */
static bool read_limit(req *r, page *p)
{
    al_slice text = {0};
    uint64_t n = 1;
    bool is_json = p->format == FORMAT_JSON;
    if (is_json && req_text(r, "limit", &text) && al_parse_u64(text, &n) && n == 0) {
        req_problem(
            r, 400,
            "limit '%.*s': expected a number from 1 to %d; 0, which is all, only with format "
            "ndjson, csv or text",
            AL_ARG(text), LIMIT_MAX);
        return false;
    }
    return req_number(r, "limit", is_json ? 1 : 0, LIMIT_MAX, &p->limit);
}

static bool read_page(req *r, page *p)
{
    al_err err = {0};
    p->limit = tuning_of(&r->srv->tuning)->page_size;
    if (!read_format(r, p) || !read_order(r, p) || !read_limit(r, p) ||
        !hit_read_fields(r, &p->style))
        return false;
    p->scope = api_scope_read(r);
    if (!p->scope || !read_cursor(r, p))
        return false;
    p->style.is_many = p->scope->is_many;
    p->style.scratch = al_arena_new(65536);
    if (!p->style.scratch || matcher_new(p->scope->q, p->scope->text_fields,
                                         p->scope->n_text_fields, &p->style.m, &err)) {
        req_problem(r, 503, "no memory");
        return false;
    }
    p->marking = p->scope->budget;
    if (p->limit == 0)
        p->marking.deadline_ns = 0; /* a stream ends with its rows */
    matcher_stop_if(p->style.m, eng_budget_is_over, &p->marking);
    if (p->has_cursor && p->cur.is_prev && p->limit == 0) {
        req_problem(r, 400, "limit '0': a cursor of prev needs a limit from 1 to %d", LIMIT_MAX);
        return false;
    }
    return true;
}

/* Header fields are ASCII: everything else is written as %XX of its UTF-8. */
static void put_read_as_header(req *r, const api_scope *s)
{
    al_buf read_as;
    al_buf text;
    al_buf_init(&read_as, (size_t)4 * QUERY_BYTES_MAX + 4096);
    al_buf_init(&text, (size_t)16 * QUERY_BYTES_MAX);
    query_read_as(s->q, &read_as);
    for (size_t i = 0; i < read_as.len; i++) {
        uint8_t c = read_as.ptr[i];
        bool is_inner_space = c == ' ' && i > 0 && i + 1 < read_as.len;
        if (is_inner_space || (c > 0x20 && c < 0x7f && c != '%'))
            al_buf_u8(&text, c);
        else
            al_buf_printf(&text, "%%%02X", c);
    }
    if (al_buf_code(&read_as) == AL_OK && al_buf_code(&text) == AL_OK)
        req_header(r, "Alco-Read-As", al_buf_slice(&text));
    al_buf_done(&read_as);
    al_buf_done(&text);
}

static void begin_answer(req *r, page *p)
{
    static const char *const types[] = {"application/json", "application/x-ndjson; charset=utf-8",
                                        "text/csv; charset=utf-8; header=present",
                                        "text/plain; charset=utf-8"};
    req_answer(r, 200, types[p->format]);
    if (p->format == FORMAT_JSON) {
        al_buf_str(&r->out, "{\"hits\":[");
        return;
    }
    r->has_trailer = true;
    (void)snprintf(r->trailer, sizeof r->trailer, "false");
    put_read_as_header(r, p->scope);
    if (p->format == FORMAT_CSV)
        hit_put_csv_head(&r->out, &p->style);
}

void api_search(req *r)
{
    al_err err = {0};
    page *p = al_arena_alloc(r->arena, 1, sizeof *p);
    if (!p) {
        req_problem(r, 503, "no memory");
        return;
    }
    memset(p, 0, sizeof *p);
    p->r = r;
    req_stream(r, &page_ops, p); /* from here on the request frees it */
    if (!read_page(r, p))
        return;
    al_code c = AL_OK;
    if (p->has_cursor && p->cur.is_prev) {
        c = begin_prev(p, &err);
    } else if (p->has_cursor) {
        p->has_after = true;
        p->after = pos_of(p, &p->cur);
    }
    if (!c) {
        begin_answer(r, p);
        c = next_piece(p, &err);
    }
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    r->is_end = p->is_end;
}
