/* Records over time.
 *
 * Without a split, a block that lies in one bucket and of which every row matches is counted from
 * its directory entry; else its times are enough, and where they ascend, the rows where a bucket
 * ends: between them matches are counted as bits. With `by`, the scope is gone through twice: first
 * the values are counted to know the ten most frequent, then the buckets. Both passes see the same
 * snapshot.
 * A record with several values counts in each of their columns, and once in `other` if one of them
 * is not among the ten. */
#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/column_values.h"
#include "store/values.h"

enum {
    SLOTS = 32768, /* of the hash of buckets; a power of two */
    OTHER = 1u << ENG_HISTOGRAM_VALUES_MAX,
};
_Static_assert(SLOTS > 2 * ENG_HISTOGRAM_BUCKETS_MAX, "half of the slots stay free");

typedef struct bars {
    int64_t step_ns;
    bool has_by;
    al_slice by;
    column_values cv;
    const value *top; /* the values of `by` */
    size_t n_top;
    eng_bucket *buckets; /* ENG_HISTOGRAM_BUCKETS_MAX */
    size_t n;
    uint16_t *slots;  /* 1 + place in buckets */
    eng_bucket *last; /* the bucket counted last: times are near each other */
    uint32_t mask;    /* of the record or value in hand: bit i = top[i], OTHER */
    uint16_t *masks;  /* per value of a column */
    size_t cap_masks;
} bars;
_Static_assert(ENG_HISTOGRAM_BUCKETS_MAX < UINT16_MAX, "places fit a slot");
_Static_assert(ENG_HISTOGRAM_VALUES_MAX < 15, "a mask fits 16 bits");

static void bars_done(bars *h)
{
    column_values_done(&h->cv);
    free(h->slots);
    free(h->masks);
}

/* NULL: more than ENG_HISTOGRAM_BUCKETS_MAX. */
static eng_bucket *bucket_at(bars *h, int64_t time_ns)
{
    assert(time_ns >= 0);
    int64_t start = time_ns - time_ns % h->step_ns;
    if (h->last && h->last->time_ns == start)
        return h->last;
    uint64_t hash = (uint64_t)(start / h->step_ns) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 40) & (SLOTS - 1);
    for (; h->slots[at]; at = (at + 1) & (SLOTS - 1))
        if (h->buckets[h->slots[at] - 1].time_ns == start)
            return h->last = &h->buckets[h->slots[at] - 1];
    if (h->n == ENG_HISTOGRAM_BUCKETS_MAX)
        return NULL;
    h->buckets[h->n] = (eng_bucket){.time_ns = start};
    h->slots[at] = (uint16_t)(h->n + 1);
    return h->last = &h->buckets[h->n++];
}

static al_code too_many(al_err *err)
{
    return al_fail(err, AL_LIMIT, "more than %d buckets: take a longer step or a shorter range",
                   ENG_HISTOGRAM_BUCKETS_MAX);
}

/* ---- Which of the `by` values a row has */

static rec_visit mask_value(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    bars *h = ctx;
    if (v->type == VAL_ARRAY)
        return REC_VISIT_MORE;
    for (size_t i = 0; i < h->n_top; i++)
        if (h->top[i].type == v->type && al_slice_eq(h->top[i].text, v->text)) {
            h->mask |= 1u << i;
            return REC_VISIT_MORE;
        }
    h->mask |= OTHER;
    return REC_VISIT_MORE;
}

/* With a single column the masks are made once per value. */
static al_code make_masks(bars *h)
{
    const block_col *col = h->cv.cols[0];
    if (col->n_values > h->cap_masks) {
        free(h->masks);
        h->cap_masks = col->n_values;
        h->masks = al_alloc(h->cap_masks, sizeof *h->masks);
        if (!h->masks) {
            h->cap_masks = 0;
            return AL_NOMEM;
        }
    }
    al_code c = AL_OK;
    for (uint32_t v = 0; v < col->n_values && !c; v++) {
        h->mask = 0;
        c = column_values_visit(&h->cv, 0, &col->values[v], mask_value, h);
        h->masks[v] = (uint16_t)h->mask;
    }
    return c;
}

/* Into h->mask. */
static al_code mask_row(bars *h, uint32_t row)
{
    h->mask = 0;
    if (h->cv.n_cols != 1)
        return column_values_row(&h->cv, row, mask_value, h);
    uint32_t v = h->cv.cols[0]->row_value[row];
    h->mask = v == BLOCK_NO_VALUE ? 0 : h->masks[v];
    return AL_OK;
}

static void count_mask(eng_bucket *b, uint32_t mask)
{
    for (uint32_t i = 0; mask; i++, mask >>= 1) {
        if (!(mask & 1))
            continue;
        if (i < ENG_HISTOGRAM_VALUES_MAX)
            b->by[i]++;
        else
            b->other++;
    }
}

/* ---- Blocks */

static bool needs_rows(void *ctx, const block_info *info)
{
    const bars *h = ctx;
    return h->has_by || info->min_ns / h->step_ns != info->max_ns / h->step_ns;
}

static al_code count_rows(bars *h, const scan_block *b, al_err *err)
{
    const int64_t *times = NULL;
    al_code c = block_view_times(b->view, &times, err);
    for (uint32_t row = row_bits_next(b->bits, 0, b->n_rows); row < b->n_rows && !c;
         row = row_bits_next(b->bits, row + 1, b->n_rows)) {
        eng_bucket *bucket = bucket_at(h, times[row]);
        if (!bucket)
            return too_many(err);
        bucket->count++;
        if (!h->has_by)
            continue;
        if (mask_row(h, row))
            return al_fail(err, AL_NOMEM, "histogram");
        count_mask(bucket, h->mask);
    }
    return c;
}

/* Where times ascend a bucket is a run of rows. */
static al_code count_runs(bars *h, const scan_block *b, al_err *err)
{
    uint32_t end = 0;
    for (uint32_t row = row_bits_next(b->bits, 0, b->n_rows); row < b->n_rows;
         row = row_bits_next(b->bits, end, b->n_rows)) {
        int64_t time = 0;
        al_code c = block_view_time(b->view, row, &time, err);
        if (c)
            return c;
        eng_bucket *bucket = bucket_at(h, time);
        if (!bucket)
            return too_many(err);
        uint64_t next = (uint64_t)bucket->time_ns + (uint64_t)h->step_ns;
        c = block_view_find(b->view, next, &end, err);
        if (c)
            return c;
        end = AL_MAX(end, row + 1); /* damage that a checksum hides must not keep us here */
        bucket->count += row_bits_count(b->bits, row, end);
    }
    return AL_OK;
}

static al_code count_block(void *ctx, const scan_block *b, al_err *err)
{
    bars *h = ctx;
    if (!b->view) { /* whole, and in one bucket */
        eng_bucket *bucket = bucket_at(h, b->info->min_ns);
        if (!bucket)
            return too_many(err);
        bucket->count += b->n_rows;
        return AL_OK;
    }
    if (!h->has_by && block_view_times_are_ids(b->view))
        return count_runs(h, b, err);
    al_code c = h->has_by ? column_values_open(&h->cv, b->view, err) : AL_OK;
    if (c)
        return c;
    if (h->has_by && h->cv.n_cols == 1 && make_masks(h))
        return al_fail(err, AL_NOMEM, "histogram");
    return count_rows(h, b, err);
}

/* ---- Parts of other threads */

static void *part_free(bars *h)
{
    bars_done(h);
    free(h->buckets);
    free(h);
    return NULL;
}

static void *part(void *ctx)
{
    const bars *whole = ctx;
    bars *h = al_zalloc(1, sizeof *h);
    if (!h)
        return NULL;
    *h = (bars){.step_ns = whole->step_ns,
                .has_by = whole->has_by,
                .by = whole->by,
                .top = whole->top,
                .n_top = whole->n_top};
    h->slots = al_zalloc(SLOTS, sizeof *h->slots);
    h->buckets = al_alloc(ENG_HISTOGRAM_BUCKETS_MAX, sizeof *h->buckets);
    if (!h->slots || !h->buckets)
        return part_free(h);
    return h->has_by && column_values_init(&h->cv, h->by, NULL) ? part_free(h) : h;
}

static al_code add_buckets(bars *to, const bars *from, al_err *err)
{
    for (size_t i = 0; i < from->n; i++) {
        const eng_bucket *b = &from->buckets[i];
        eng_bucket *sum = bucket_at(to, b->time_ns);
        if (!sum)
            return too_many(err);
        sum->count += b->count;
        sum->other += b->other;
        for (size_t k = 0; k < ENG_HISTOGRAM_VALUES_MAX; k++)
            sum->by[k] += b->by[k];
    }
    return AL_OK;
}

static al_code join(void *ctx, void *part, bool counts, al_err *err)
{
    al_code c = counts ? add_buckets(ctx, part, err) : AL_OK;
    (void)part_free(part);
    return c;
}

/* ---- Face */

static al_code find_top(reading *rd, bars *h, al_slice by, al_arena *arena, al_err *err)
{
    AL_CLEANUP(value_table_freep) value_table *t = value_table_new();
    if (!t)
        return al_fail(err, AL_NOMEM, "histogram");
    al_code c = values_count(rd, by, t, err);
    if (c)
        return c;
    size_t n = 0;
    const eng_value_count *all = value_table_sorted(t, &n);
    h->n_top = AL_MIN(n, (size_t)ENG_HISTOGRAM_VALUES_MAX);
    value *top = al_arena_alloc(arena, h->n_top + 1, sizeof *top);
    if (!top)
        return al_fail(err, AL_NOMEM, "histogram");
    for (size_t i = 0; i < h->n_top; i++) {
        top[i] = values_copy(&all[i].val, arena);
        if (!top[i].text.ptr)
            return al_fail(err, AL_NOMEM, "histogram");
    }
    h->top = top;
    return column_values_init(&h->cv, by, err);
}

static int by_time(const void *a, const void *b)
{
    const eng_bucket *x = a;
    const eng_bucket *y = b;
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is engine.h's */
al_code store_histogram(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                        const eng_budget *b, al_arena *arena, eng_histogram *ret_h, eng_answer *ret,
                        al_err *err)
{
    AL_CLEANUP(reading_close) reading rd = {0};
    AL_CLEANUP(bars_done) bars h = {.step_ns = step_ns, .has_by = by.len > 0, .by = by};
    const scan_options opt = {.needs_view = needs_rows, .part = part, .join = join};
    h.slots = al_zalloc(SLOTS, sizeof *h.slots);
    h.buckets = al_arena_alloc(arena, ENG_HISTOGRAM_BUCKETS_MAX, sizeof *h.buckets);
    if (!h.slots || !h.buckets)
        return al_fail(err, AL_NOMEM, "histogram");
    al_code c = reading_open(&rd, e, s, b, ret, err);
    if (!c && h.has_by)
        c = find_top(&rd, &h, by, arena, err);
    if (!c)
        c = scan_run(&rd, &opt, count_block, &h, err);
    if (c)
        return c;
    if (h.n)
        qsort(h.buckets, h.n, sizeof *h.buckets, by_time);
    *ret_h = (eng_histogram){
        .buckets = h.buckets, .n_buckets = h.n, .values = h.top, .n_values = h.n_top};
    return AL_OK;
}
