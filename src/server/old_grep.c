/* GET /api/grep/{index}/: the search of old ALCO's API, for its users and their scripts.
 *
 * Shape: old_ask.c reads the parameters; one search of the engine fills `rows` with finished JSON,
 * whose ends are kept so that a page that was read backwards is written forwards; then the answer
 * is put together, links first. A page may be shorter than page_size, with a link to go on, when
 * its rows are long or time is up. What an answer leaves out for another reason stands in the
 * header Alco-Partial: the old form of the answer has no place for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/json_out.h"
#include "record/old_time.h"
#include "server/api.h"
#include "server/old_ask.h"
#include "server/old_form.h"
#include "server/old_snippet.h"

enum { PAGE_BYTES_MAX = 32 << 20 };

typedef struct old_page {
    req *r;
    old_ask ask;
    al_arena *scratch; /* of one row */
    eng_budget budget;
    uint64_t limit;
    uint64_t n_passed; /* of cur.offset */
    al_buf rows;
    al_buf snippet;
    size_t *ends; /* of each row in `rows` */
    size_t n;
    uint64_t first; /* ids, in the order they were found */
    uint64_t last;
    bool has_more;
    al_code match_code; /* why it is not known whether the row that `id` names is asked for */
} old_page;

static void page_done(old_page *p)
{
    al_buf_done(&p->rows);
    al_buf_done(&p->snippet);
    p->scratch = al_arena_free(p->scratch);
    old_ask_done(&p->ask);
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
    size_t n = places ? matcher_highlights(p->ask.m, rec, places, HIGHLIGHTS_MAX) : 0;
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
    if (p->n_passed < p->ask.cur.offset) {
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
    const old_ask *a = &p->ask;
    bool is_behind =
        !a->cur.has_id || (a->cur.is_reverse ? rec->id < a->cur.id : rec->id > a->cur.id);
    bool is_in_time =
        rec->time_ns >= a->from_ns && (rec->time_ns < a->to_ns || a->to_ns == INT64_MAX);
    if (is_behind && is_in_time && matcher_matches(a->m, rec, &p->match_code))
        (void)take_row(ctx, row);
    return ENG_STOP;
}

/* ---- Searching */

static bool prepare(old_page *p)
{
    req *r = p->r;
    p->limit = tuning_of(&r->srv->tuning)->page_size;
    p->budget = (eng_budget){.deadline_ns = r->due_ns, .cancel = &r->cancel};
    p->scratch = al_arena_new(65536);
    p->ends = al_arena_alloc(r->arena, p->limit, sizeof *p->ends);
    if (!p->scratch || !p->ends) {
        req_problem(r, 503, "no memory");
        return false;
    }
    matcher_stop_if(p->ask.m, eng_budget_is_over, &p->budget);
    return true;
}

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
    if (p->ask.cur.is_reverse && answer->reached.index_no > 0)
        p->last++;
    return AL_OK;
}

static al_code search_by_id(old_page *p, al_err *err)
{
    al_code c = engine_get(p->r->srv->eng, p->ask.index, p->ask.id, &p->budget, take_named, p, err);
    if (c)
        return c == AL_NOT_FOUND ? AL_OK : c;
    if (p->match_code == AL_LIMIT)
        return al_fail(err, AL_LIMIT, "id %" PRIu64 ": the search takes too many steps", p->ask.id);
    if (p->match_code)
        return al_fail(err, p->match_code == AL_CANCELLED ? AL_AGAIN : p->match_code,
                       "id %" PRIu64 ": there was no time or memory for the search", p->ask.id);
    return AL_OK;
}

static al_code search(old_page *p, al_err *err)
{
    eng_answer answer = {0};
    eng_pos after = {.id = p->ask.cur.id};
    eng_search s = {.scope = {.indexes = &p->ask.index,
                              .n_indexes = 1,
                              .from_ns = p->ask.from_ns,
                              .to_ns = p->ask.to_ns,
                              .q = p->ask.q},
                    .is_descending = p->ask.cur.is_reverse,
                    .after = p->ask.cur.has_id ? &after : NULL,
                    .limit = p->ask.cur.offset + p->limit + 1};
    if (p->ask.has_id)
        return search_by_id(p, err);
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
    bool is_inner = p->ask.cur.has_id || p->ask.cur.offset > 0;
    bool is_reverse = p->ask.cur.is_reverse;
    bool has_next = is_reverse ? is_inner : p->has_more;
    bool has_previous = is_reverse ? p->has_more : is_inner;
    old_cursor next = {.has_id = true, .id = is_reverse ? p->first : p->last};
    old_cursor previous = {
        .has_id = true, .is_reverse = true, .id = is_reverse ? p->last : p->first};
    if (p->n == 0 && is_reverse) /* an empty page: the row at the cursor is the one beside it */
        next.id = p->ask.cur.id ? p->ask.cur.id - 1 : 0;
    else if (p->n == 0)
        previous.id = p->ask.cur.id < UINT64_MAX ? p->ask.cur.id + 1 : p->ask.cur.id;
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
        size_t k = p->ask.cur.is_reverse ? p->n - 1 - i : i;
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
    if (old_ask_read(r, &p->ask) && prepare(p)) {
        al_code c = search(p, &err);
        if (c)
            req_fail(r, c, &err);
        else
            put_answer(p);
    }
    page_done(p);
}
