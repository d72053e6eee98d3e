/* The model's answers: each question is a loop over all rows of the scope, in the order asked, with
 * the naive matcher. See model_engine.c for the rules. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "support/model_priv.h"

typedef struct ref { /* one row of a scope */
    const model_row *row;
    uint32_t index_no;
} ref;

/* The rows of a scope at one moment, and what matches them. */
typedef struct view {
    const eng_scope *scope;
    ref *refs;
    size_t n;
    matcher **matchers; /* one an index */
    eng_arrival end;
} view;

static void view_done(view *v)
{
    for (size_t i = 0; v->matchers && i < v->scope->n_indexes; i++)
        (void)matcher_free(v->matchers[i]);
    free(v->matchers);
    free(v->refs);
}

static bool in_range(const eng_scope *s, int64_t t)
{
    return t >= s->from_ns && (t < s->to_ns || s->to_ns == INT64_MAX);
}

static al_code view_init(model *m, const eng_scope *s, view *ret, al_err *err)
{
    AL_LOCKED(&m->lock);
    size_t total = 0;
    for (size_t i = 0; i < s->n_indexes; i++) {
        const model_index *ix = model_index_find(m, s->indexes[i]);
        if (!ix)
            return al_fail(err, AL_NOT_FOUND, "no index '%s'", s->indexes[i]);
        total += ix->n_rows;
    }
    ret->scope = s;
    ret->matchers = al_zalloc(s->n_indexes + 1, sizeof(matcher *));
    ret->refs = al_alloc(total + 1, sizeof *ret->refs);
    ret->end = (eng_arrival){.frame = m->n_frames, .row = UINT32_MAX};
    if (!ret->matchers || !ret->refs)
        abort();
    for (uint32_t i = 0; i < s->n_indexes; i++) {
        const model_index *ix = model_index_find(m, s->indexes[i]);
        al_code c = matcher_new(s->q, ix->settings.text_fields, ix->settings.n_text_fields,
                                &ret->matchers[i], err);
        if (c)
            return c;
        for (size_t k = 0; k < ix->n_rows; k++)
            if (in_range(s, ix->rows[k]->rec.time_ns))
                ret->refs[ret->n++] = (ref){.row = ix->rows[k], .index_no = i};
    }
    return AL_OK;
}

static int compare_pos(eng_pos a, eng_pos b)
{
    if (a.id != b.id)
        return a.id < b.id ? -1 : 1;
    return a.index_no < b.index_no ? -1 : a.index_no > b.index_no;
}

static eng_pos pos_of(const ref *r)
{
    return (eng_pos){.id = r->row->rec.id, .index_no = r->index_no};
}

static int ascending(const void *a, const void *b)
{
    return compare_pos(pos_of(a), pos_of(b));
}

static int descending(const void *a, const void *b)
{
    return compare_pos(pos_of(b), pos_of(a));
}

static int by_arrival(const void *a, const void *b)
{
    const ref *x = a;
    const ref *y = b;
    if (x->row->at.frame != y->row->at.frame)
        return x->row->at.frame < y->row->at.frame ? -1 : 1;
    return x->row->at.row < y->row->at.row ? -1 : x->row->at.row > y->row->at.row;
}

/* AL_LIMIT: the budget is used up. */
static al_code spend(const eng_budget *b, eng_answer *a)
{
    if (b && b->cancel && atomic_load(b->cancel))
        return AL_CANCELLED;
    if (b && b->rows_max && a->rows_looked_at >= b->rows_max) {
        eng_partial_add(&a->partial, "rows", "the limit of rows to look at was reached");
        return AL_LIMIT;
    }
    if (b && b->deadline_ns && al_mono_ns() >= b->deadline_ns && a->rows_looked_at) {
        eng_partial_add(&a->partial, "time", "the time for this query ran out");
        return AL_LIMIT;
    }
    a->rows_looked_at++;
    return AL_OK;
}

static bool matches(const view *v, const ref *r, eng_answer *a)
{
    al_code c = AL_OK;
    bool yes = matcher_matches(v->matchers[r->index_no], &r->row->rec, &c);
    if (c && a->partial.n == 0)
        eng_partial_add(&a->partial, "regular expression", "gave up on a record: too much work");
    return yes;
}

static eng_row row_of(const view *v, const ref *r)
{
    return (eng_row){
        .index = v->scope->indexes[r->index_no], .index_no = r->index_no, .rec = &r->row->rec};
}

al_code model_search(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn, void *ctx,
                     eng_answer *ret, al_err *err)
{
    AL_CLEANUP(view_done) view v = {.scope = &s->scope};
    al_code c = view_init((model *)e, &s->scope, &v, err);
    if (c)
        return c;
    qsort(v.refs, v.n, sizeof *v.refs, s->is_descending ? descending : ascending);
    *ret = (eng_answer){0};
    uint64_t found = 0;
    for (size_t i = 0; i < v.n; i++) {
        const ref *r = &v.refs[i];
        int side = s->after ? compare_pos(pos_of(r), *s->after) : 1;
        if (s->after && (s->is_descending ? side >= 0 : side <= 0))
            continue;
        c = spend(b, ret);
        if (c)
            return c == AL_LIMIT ? AL_OK : c;
        ret->reached = pos_of(r);
        if (!matches(&v, r, ret))
            continue;
        eng_row row = row_of(&v, r);
        if (fn(ctx, &row) == ENG_STOP || ++found == s->limit)
            return AL_OK;
    }
    ret->is_at_end = true;
    return AL_OK;
}

/* Calls `fn` for each matching row, in no order. */
typedef al_code each_fn(void *ctx, const record *r, al_err *err);

static al_code each_match(engine *e, const eng_scope *s, const eng_budget *b, each_fn *fn,
                          void *ctx, eng_answer *ret, al_err *err)
{
    AL_CLEANUP(view_done) view v = {.scope = s};
    al_code c = view_init((model *)e, s, &v, err);
    if (c)
        return c;
    *ret = (eng_answer){0};
    for (size_t i = 0; i < v.n; i++) {
        c = spend(b, ret);
        if (c)
            return c == AL_LIMIT ? AL_OK : c;
        if (matches(&v, &v.refs[i], ret))
            c = fn(ctx, &v.refs[i].row->rec, err);
        if (c)
            return c;
    }
    ret->is_at_end = true;
    return AL_OK;
}

static al_code count_one(void *ctx, const record *r, al_err *err)
{
    (void)r;
    (void)err;
    ++*(uint64_t *)ctx;
    return AL_OK;
}

al_code model_count(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                    eng_answer *ret, al_err *err)
{
    uint64_t n = 0;
    al_code c = each_match(e, s, b, count_one, &n, ret, err);
    if (!c)
        *ret_n = n;
    return c;
}

/* ---- Values */

/* Of a field, or of the message, which queries call so too. */
static void each_value(const record *r, al_slice path, rec_value_fn *fn, void *ctx)
{
    al_arena *scratch = al_arena_new(4096);
    if (!scratch)
        abort();
    const value message = {.type = VAL_STRING, .text = r->message};
    if (al_slice_eq(path, AL_LIT("message")))
        (void)fn(ctx, &message, false);
    else if (rec_values_at(r, path, scratch, fn, ctx) == REC_NOMEM)
        abort(); /* a model that forgets values proves nothing */
    (void)al_arena_free(scratch);
}

typedef struct tally { /* distinct values of one field with the records that have them */
    al_slice field;
    al_arena *arena;
    eng_value_count *items;
    const record **last; /* the record that was counted last, per item */
    size_t n;
    size_t cap;
    size_t cap_last;
    const record *now;
} tally;

static void tally_done(tally *t)
{
    (void)al_arena_free(t->arena);
    free(t->items);
    free(t->last);
}

static bool same_value(const value *a, const value *b)
{
    return a->type == b->type && al_slice_eq(a->text, b->text);
}

static size_t tally_find(tally *t, const value *v)
{
    size_t i = 0;
    while (i < t->n && !same_value(&t->items[i].val, v))
        i++;
    return i;
}

static rec_visit tally_value(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    tally *t = ctx;
    if (v->type == VAL_ARRAY)
        return REC_VISIT_MORE; /* its elements follow */
    size_t i = tally_find(t, v);
    if (i == t->n) {
        t->items = al_grow(t->items, &t->cap, t->n, sizeof *t->items, 64, 1 << 24);
        const record **last = al_grow(t->last, &t->cap_last, t->n, sizeof(record *), 64, 1 << 24);
        if (!t->items || !last)
            abort();
        t->last = last;
        t->last[t->n] = NULL;
        t->items[t->n++] =
            (eng_value_count){.val = {.type = v->type, .text = al_arena_copy(t->arena, v->text)}};
    }
    if (t->last[i] != t->now)
        t->items[i].count++;
    t->last[i] = t->now;
    return REC_VISIT_MORE;
}

static al_code tally_record(void *ctx, const record *r, al_err *err)
{
    (void)err;
    tally *t = ctx;
    t->now = r;
    each_value(r, t->field, tally_value, t);
    return AL_OK;
}

static int most_frequent_first(const void *a, const void *b)
{
    const eng_value_count *x = a;
    const eng_value_count *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int by_text = al_slice_cmp(x->val.text, y->val.text);
    return by_text ? by_text : (int)x->val.type - (int)y->val.type;
}

static al_code tally_run(engine *e, const eng_scope *s, const eng_budget *b, tally *t,
                         eng_answer *ret, al_err *err)
{
    t->arena = al_arena_new(65536);
    if (!t->arena)
        abort();
    al_code c = each_match(e, s, b, tally_record, t, ret, err);
    if (!c && t->n)
        qsort(t->items, t->n, sizeof *t->items, most_frequent_first);
    return c;
}

static value *copy_values(const tally *t, size_t n, al_arena *arena)
{
    value *out = al_arena_alloc(arena, n + 1, sizeof *out);
    if (!out)
        abort();
    for (size_t i = 0; i < n; i++)
        out[i] = (value){.type = t->items[i].val.type,
                         .text = al_arena_copy(arena, t->items[i].val.text)};
    return out;
}

static rec_visit tally_path(void *ctx, al_slice path, const value *v)
{
    (void)v;
    const value name = {.type = VAL_STRING, .text = path};
    return tally_value(ctx, &name, false);
}

/* Each path is tallied of no record, so the order is by bytes. */
al_code model_fields(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                     size_t *ret_n, al_err *err)
{
    model *m = (model *)e;
    AL_LOCKED(&m->lock);
    const model_index *ix = model_index_find(m, index);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "no index '%s'", index);
    AL_CLEANUP(tally_done) tally t = {.arena = al_arena_new(65536)};
    AL_CLEANUP(al_arena_freep) al_arena *scratch = al_arena_new(4096);
    if (!t.arena || !scratch)
        abort();
    for (size_t i = 0; i < ix->n_rows; i++)
        if (!rec_each_path(&ix->rows[i]->rec, scratch, tally_path, &t))
            abort();
    if (t.n)
        qsort(t.items, t.n, sizeof *t.items, most_frequent_first);
    *ret_n = AL_MIN(t.n, (size_t)ENG_FIELDS_MAX);
    al_slice *names = al_arena_alloc(arena, *ret_n + 1, sizeof *names);
    if (!names)
        abort();
    for (size_t i = 0; i < *ret_n; i++)
        names[i] = al_arena_copy(arena, t.items[i].val.text);
    *ret = names;
    return AL_OK;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is engine.h's */
al_code model_values(engine *e, const eng_scope *s, al_slice field, size_t limit,
                     const eng_budget *b, al_arena *arena, eng_values *ret_v, eng_answer *ret,
                     al_err *err)
{
    AL_CLEANUP(tally_done) tally t = {.field = field};
    al_code c = tally_run(e, s, b, &t, ret, err);
    if (c)
        return c;
    size_t n = AL_MIN(limit, t.n);
    const value *vals = copy_values(&t, n, arena);
    eng_value_count *items = al_arena_alloc(arena, n + 1, sizeof *items);
    if (!items)
        abort();
    *ret_v = (eng_values){.items = items, .n = n};
    for (size_t i = 0; i < t.n; i++)
        if (i < n)
            items[i] = (eng_value_count){.val = vals[i], .count = t.items[i].count};
        else
            ret_v->other += t.items[i].count;
    return AL_OK;
}

/* ---- Histogram */

typedef struct bars {
    int64_t step_ns;
    const tally *top; /* its first n_top items are the `by` values */
    size_t n_top;
    al_slice by;
    eng_bucket *buckets; /* ENG_HISTOGRAM_BUCKETS_MAX + 1 */
    size_t n;
    /* of the record being counted */
    bool has[ENG_HISTOGRAM_VALUES_MAX];
    bool has_other;
} bars;

static rec_visit note_value(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    bars *h = ctx;
    if (v->type == VAL_ARRAY)
        return REC_VISIT_MORE;
    for (size_t i = 0; i < h->n_top; i++)
        if (same_value(&h->top->items[i].val, v)) {
            h->has[i] = true;
            return REC_VISIT_MORE;
        }
    h->has_other = true;
    return REC_VISIT_MORE;
}

static al_code bar_record(void *ctx, const record *r, al_err *err)
{
    bars *h = ctx;
    int64_t start = r->time_ns - r->time_ns % h->step_ns;
    size_t i = 0;
    while (i < h->n && h->buckets[i].time_ns != start)
        i++;
    if (i == h->n && h->n == ENG_HISTOGRAM_BUCKETS_MAX)
        return al_fail(err, AL_LIMIT, "more than %d buckets", ENG_HISTOGRAM_BUCKETS_MAX);
    if (i == h->n)
        h->buckets[h->n++] = (eng_bucket){.time_ns = start};
    h->buckets[i].count++;
    if (!h->by.len)
        return AL_OK;
    memset(h->has, 0, sizeof h->has);
    h->has_other = false;
    each_value(r, h->by, note_value, h);
    for (size_t k = 0; k < h->n_top; k++)
        h->buckets[i].by[k] += h->has[k];
    h->buckets[i].other += h->has_other;
    return AL_OK;
}

static int by_time(const void *a, const void *b)
{
    const eng_bucket *x = a;
    const eng_bucket *y = b;
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is engine.h's */
al_code model_histogram(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                        const eng_budget *b, al_arena *arena, eng_histogram *ret_h, eng_answer *ret,
                        al_err *err)
{
    AL_CLEANUP(tally_done) tally t = {.field = by};
    al_code c = by.len ? tally_run(e, s, b, &t, ret, err) : AL_OK;
    if (c)
        return c;
    bars h = {.step_ns = step_ns,
              .top = &t,
              .n_top = AL_MIN(t.n, (size_t)ENG_HISTOGRAM_VALUES_MAX),
              .by = by,
              .buckets = al_arena_alloc(arena, ENG_HISTOGRAM_BUCKETS_MAX, sizeof *h.buckets)};
    if (!h.buckets)
        abort();
    c = each_match(e, s, b, bar_record, &h, ret, err);
    if (c)
        return c;
    if (h.n)
        qsort(h.buckets, h.n, sizeof *h.buckets, by_time);
    *ret_h = (eng_histogram){.buckets = h.buckets,
                             .n_buckets = h.n,
                             .values = copy_values(&t, h.n_top, arena),
                             .n_values = h.n_top};
    return AL_OK;
}

/* ---- Tail */

al_code model_tail_end(engine *e, eng_arrival *ret, al_err *err)
{
    (void)err;
    model *m = (model *)e;
    AL_LOCKED(&m->lock);
    *ret = (eng_arrival){.frame = m->n_frames, .row = UINT32_MAX};
    return AL_OK;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is engine.h's */
al_code model_tail(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                   eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached, eng_partial *ret_partial,
                   al_err *err)
{
    if (ret_partial)
        *ret_partial = (eng_partial){0};
    AL_CLEANUP(view_done) view v = {.scope = s};
    al_code c = view_init((model *)e, s, &v, err);
    if (c)
        return c;
    if (after.frame > v.end.frame)
        return AL_NOT_FOUND; /* not ours */
    if (v.n)
        qsort(v.refs, v.n, sizeof *v.refs, by_arrival);
    eng_answer spent = {0};
    eng_arrival reached = after;
    for (size_t i = 0; i < v.n; i++) {
        eng_arrival at = v.refs[i].row->at;
        if (at.frame < after.frame || (at.frame == after.frame && at.row <= after.row))
            continue;
        c = spend(b, &spent);
        if (c == AL_CANCELLED)
            return c;
        if (c)
            break;
        reached = at;
        if (!matches(&v, &v.refs[i], &spent))
            continue;
        eng_row row = row_of(&v, &v.refs[i]);
        if (fn(ctx, &row, at) == ENG_STOP) {
            c = AL_LIMIT;
            break;
        }
    }
    *ret_reached = c ? reached : v.end;
    return AL_OK;
}
