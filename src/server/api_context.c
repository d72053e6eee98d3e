/* context: the rows around one, whatever they say, oldest first; `same` keeps those that share
 * values with it (same host, same request), or the lack of one. Two searches, one each way; the
 * tokens of what lies further out are those of a search without a query. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/api.h"
#include "server/cursor.h"

enum { AROUND_DEFAULT = 10, AROUND_MAX = 1000, SIDE_BYTES_MAX = 32 << 20, SAME_MAX = 16 };

typedef struct side {
    hit_style *style;
    al_buf text;
    size_t ends[AROUND_MAX]; /* where each hit ends in `text` */
    size_t n;
    eng_pos far; /* the row farthest out; with none, the one in the middle */
    bool is_cut;
    bool is_at_end; /* nothing lies further out */
} side;

static eng_flow take_row(void *ctx, const eng_row *row)
{
    side *s = ctx;
    hit_put_json(&s->text, s->style, row);
    if (al_buf_code(&s->text)) {
        s->is_cut = true;
        return ENG_STOP;
    }
    s->ends[s->n++] = s->text.len;
    s->far = (eng_pos){row->rec->id, row->index_no};
    return s->n == AROUND_MAX ? ENG_STOP : ENG_MORE;
}

typedef struct wanted {
    side hit;
    const al_slice *same;
    size_t n_same;
    query *filter;
    al_arena *scratch;
    al_code code;
} wanted;

/* Unless making `more` failed. */
static void add_filter(wanted *w, query *more)
{
    AL_CLEANUP(query_unrefp) query *old = w->filter;
    if (w->code)
        return;
    w->filter = NULL;
    w->code = query_and(old, more, &w->filter);
}

static rec_visit take_value(void *ctx, const value *v, bool is_element)
{
    wanted *w = ctx;
    AL_CLEANUP(query_unrefp) query *equals = NULL;
    (void)is_element; /* an array comes first itself */
    w->code = query_field_equals(w->same[0], v, &equals);
    add_filter(w, equals);
    return REC_VISIT_STOP;
}

static void share(wanted *w, const record *rec)
{
    AL_CLEANUP(query_unrefp) query *missing = NULL;
    if (al_slice_eq(w->same[0], AL_LIT("message"))) { /* which is no field */
        value message = {.type = VAL_STRING, .text = rec->message};
        (void)take_value(w, &message, false);
        return;
    }
    size_t n = rec_values_at(rec, w->same[0], w->scratch, take_value, w);
    if (n == REC_NOMEM)
        w->code = AL_NOMEM;
    if (n)
        return;
    w->code = query_field_missing(w->same[0], &missing);
    add_filter(w, missing);
}

/* The row itself: writes it, and turns what it has of `same` into a filter. Rows share a field that
 * none of them has. */
static eng_flow take_wanted(void *ctx, const eng_row *row)
{
    wanted *w = ctx;
    (void)take_row(&w->hit, row);
    for (; w->n_same && !w->code; w->same++, w->n_same--)
        share(w, row->rec);
    return ENG_STOP;
}

static size_t read_same(req *r, al_slice same[SAME_MAX])
{
    al_slice list;
    size_t n = 0;
    if (!req_text(r, "same", &list))
        return 0;
    for (size_t at = 0; at < list.len;) {
        size_t comma = al_slice_find(list, ',', at);
        al_slice name = al_slice_trim(al_slice_sub(list, at, comma));
        at = comma + 1;
        if (name.len == 0)
            continue;
        if (n == SAME_MAX) {
            req_problem(r, 400, "same: more than %d fields", SAME_MAX);
            return SIZE_MAX;
        }
        same[n++] = name;
    }
    return n;
}

/* The number of the index that `id` is in. */
static bool read_of(req *r, const api_scope *s, uint32_t *ret)
{
    al_slice of = {0};
    if (!req_text(r, "of", &of)) {
        *ret = 0;
        if (s->n == 1)
            return true;
        req_problem(r, 400, "of: expected the index of the row, as several are read");
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (al_slice_eq(of, al_cstr(s->names[i]))) {
            *ret = (uint32_t)i;
            return true;
        }
    }
    req_problem(r, 400, "of '%.*s': expected one of the indexes that are read", AL_ARG(of));
    return false;
}

static void put_side(al_buf *out, const side *s, bool is_reversed)
{
    for (size_t k = 0; k < s->n; k++) {
        size_t i = is_reversed ? s->n - 1 - k : k;
        size_t begin = i ? s->ends[i - 1] : 0;
        if (k)
            al_buf_str(out, ",\n");
        al_buf_put(out, s->text.ptr + begin, s->ends[i] - begin);
    }
}

typedef struct around {
    req *r;
    api_scope *scope;
    hit_style style;
    eng_pos at;
    uint64_t n_before;
    uint64_t n_after;
    wanted hit;
    side before;
    side after;
} around;

static al_code search_side(around *a, bool is_before, al_err *err)
{
    side *s = is_before ? &a->before : &a->after;
    uint64_t limit = is_before ? a->n_before : a->n_after;
    eng_answer answer = {0};
    s->far = a->at;
    if (limit == 0)
        return AL_OK;
    eng_search search = {
        .scope = a->scope->eng, .is_descending = is_before, .after = &a->at, .limit = limit};
    search.scope.q = a->hit.filter;
    al_code c =
        engine_search(a->r->srv->eng, &search, &a->scope->budget, take_row, s, &answer, err);
    if (!c && al_buf_code(&s->text) == AL_NOMEM)
        c = al_fail(err, AL_NOMEM, "no memory for the rows around");
    if (c)
        return c;
    api_scope_note(a->scope, &answer);
    s->is_at_end = answer.is_at_end && !s->is_cut && s->n < limit;
    if (s->is_cut)
        eng_partial_add(&a->scope->partial, is_before ? "before" : "after",
                        "the rows are longer than one answer may be");
    return AL_OK;
}

static void put_token(around *a, const char *name, const side *s, bool is_prev)
{
    al_buf *out = &a->r->out;
    cursor c = {.is_prev = is_prev,
                .from_ns = a->scope->eng.from_ns,
                .to_ns = a->scope->eng.to_ns,
                .id = s->far.id,
                .scope = api_scope_sum(a->scope)};
    (void)snprintf(c.index, sizeof c.index, "%s", a->scope->names[s->far.index_no]);
    al_buf_printf(out, "\"%s\":", name);
    if (s->is_at_end) {
        al_buf_str(out, "null,");
        return;
    }
    al_buf_u8(out, '"');
    cursor_format(&c, out);
    al_buf_str(out, "\",");
}

static void run(around *a)
{
    req *r = a->r;
    al_err err = {0};
    al_code c = engine_get(r->srv->eng, a->scope->names[a->at.index_no], a->at.id,
                           &a->scope->budget, take_wanted, &a->hit, &err);
    if (c == AL_NOT_FOUND) {
        req_problem(r, 404, "no row '%" PRIu64 "' in index '%s'", a->at.id,
                    a->scope->names[a->at.index_no]);
        return;
    }
    if (!c)
        c = a->hit.code;
    if (!c && a->hit.hit.is_cut)
        c = al_fail(&err, al_buf_code(&a->hit.hit.text), "no room for the row in one answer");
    if (!c)
        c = search_side(a, true, &err);
    if (!c)
        c = search_side(a, false, &err);
    if (c) {
        req_fail(r, c, &err);
        return;
    }
    req_answer(r, 200, "application/json");
    al_buf_str(&r->out, "{\"before\":[");
    put_side(&r->out, &a->before, true);
    al_buf_str(&r->out, "],\n\"hit\":");
    put_side(&r->out, &a->hit.hit, false);
    al_buf_str(&r->out, ",\n\"after\":[");
    put_side(&r->out, &a->after, false);
    al_buf_str(&r->out, "],");
    put_token(a, "prev", &a->before, true);
    put_token(a, "next", &a->after, false);
    api_put_report(r, a->scope);
    al_buf_str(&r->out, "}\n");
}

static bool read_around(req *r, around *a, al_slice same[SAME_MAX])
{
    uint32_t no = 0;
    al_slice id;
    a->n_before = AROUND_DEFAULT;
    a->n_after = AROUND_DEFAULT;
    if (!req_text(r, "id", &id) || !al_parse_u64(id, &a->at.id)) {
        req_problem(r, 400, "id: expected the id of a row, a decimal number");
        return false;
    }
    if (!req_number(r, "before", 0, AROUND_MAX, &a->n_before) ||
        !req_number(r, "after", 0, AROUND_MAX, &a->n_after) || !hit_read_fields(r, &a->style))
        return false;
    size_t n_same = read_same(r, same);
    if (n_same == SIZE_MAX)
        return false;
    a->scope = api_scope_read(r);
    if (!a->scope || !read_of(r, a->scope, &no))
        return false;
    a->at.index_no = no;
    a->hit.same = same;
    a->hit.n_same = n_same;
    a->hit.filter = query_ref(a->scope->q);
    a->style.is_many = a->scope->is_many;
    return true;
}

void api_context(req *r)
{
    al_slice same[SAME_MAX];
    around *a = al_arena_alloc(r->arena, 1, sizeof *a);
    al_arena *scratch = al_arena_new(16384);
    al_arena *values = al_arena_new(4096);
    if (!a || !scratch || !values) {
        req_problem(r, 503, "no memory");
    } else {
        memset(a, 0, sizeof *a);
        a->r = r;
        a->style.scratch = scratch;
        a->hit.scratch = values;
        side *sides[] = {&a->before, &a->after, &a->hit.hit};
        for (size_t i = 0; i < 3; i++) {
            sides[i]->style = &a->style;
            al_buf_init(&sides[i]->text, SIDE_BYTES_MAX);
        }
        if (read_around(r, a, same))
            run(a);
        for (size_t i = 0; i < 3; i++)
            al_buf_done(&sides[i]->text);
        a->hit.filter = query_unref(a->hit.filter);
        api_scope_done(a->scope);
    }
    (void)al_arena_free(scratch);
    (void)al_arena_free(values);
}
