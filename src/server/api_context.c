/* context: the rows around one, whatever they say, oldest first; `same` keeps those that share
 * values with it (same host, same request). Two searches, one each way. */
#include <inttypes.h>
#include <string.h>

#include "server/api.h"

enum { AROUND_DEFAULT = 10, AROUND_MAX = 1000, SIDE_BYTES_MAX = 32 << 20, SAME_MAX = 16 };

typedef struct side {
    hit_style *style;
    al_buf text;
    size_t ends[AROUND_MAX]; /* where each hit ends in `text` */
    size_t n;
    bool is_cut;
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

static rec_visit take_value(void *ctx, const value *v, bool is_element)
{
    wanted *w = ctx;
    AL_CLEANUP(query_unrefp) query *equals = NULL;
    AL_CLEANUP(query_unrefp) query *old = w->filter;
    (void)is_element;
    w->filter = NULL;
    w->code = query_field_equals(w->same[0], v, &equals);
    if (!w->code)
        w->code = query_and(old, equals, &w->filter);
    return REC_VISIT_STOP;
}

/* The row itself: writes it, and turns its values of `same` into a filter. A field it lacks filters
 * nothing. */
static eng_flow take_wanted(void *ctx, const eng_row *row)
{
    wanted *w = ctx;
    (void)take_row(&w->hit, row);
    for (; w->n_same && !w->code; w->same++, w->n_same--)
        if (rec_values_at(row->rec, w->same[0], w->scratch, take_value, w) == REC_NOMEM)
            w->code = AL_NOMEM;
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
    if (limit == 0)
        return AL_OK;
    eng_search search = {
        .scope = a->scope->eng, .is_descending = is_before, .after = &a->at, .limit = limit};
    search.scope.q = a->hit.filter;
    al_code c =
        engine_search(a->r->srv->eng, &search, &a->scope->budget, take_row, s, &answer, err);
    if (c)
        return c;
    api_scope_note(a->scope, &answer);
    if (s->is_cut)
        eng_partial_add(&a->scope->partial, is_before ? "before" : "after",
                        "the rows are longer than one answer may be");
    return AL_OK;
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
    if (!c)
        c = search_side(a, true, &err);
    if (!c)
        c = search_side(a, false, &err);
    if (c) {
        err.code = c;
        req_fail(r, &err);
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
