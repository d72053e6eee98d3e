/* The most frequent values of a field.
 *
 * A column is a dictionary, so rows are counted per distinct value first and each value is looked
 * at once a block, before it goes into the table. Only where a path stands in several columns of a
 * block (column_values.c), or is the message, rows are taken one by one. What counts: each record
 * once for each value that it has; an array by its elements. */
#include "store/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/column_values.h"

/* One table for all threads: were there several, and full, none could tell how often a value that
 * it has not stands in the others. A block is counted by itself first, so they rarely meet. */
typedef struct shared_table {
    pthread_mutex_t lock;
    value_table *table; /* under lock */
} shared_table;

typedef struct counting {
    column_values cv;
    al_slice field;
    shared_table *shared;
    uint64_t n;       /* rows that have the value in hand */
    uint32_t *counts; /* per value of a column */
    size_t cap_counts;
    al_code code; /* of count_value */
} counting;

static void counting_done(counting *c)
{
    column_values_done(&c->cv);
    free(c->counts);
}

static rec_visit count_value(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    counting *c = ctx;
    if (v->type == VAL_ARRAY)
        return REC_VISIT_MORE; /* its elements follow */
    c->code = value_table_add(c->shared->table, v, c->n);
    return c->code ? REC_VISIT_STOP : REC_VISIT_MORE;
}

static al_code count_rows(counting *c, const scan_block *b)
{
    al_code code = AL_OK;
    c->n = 1;
    AL_LOCKED(&c->shared->lock);
    for (uint32_t row = row_bits_next(b->bits, 0, b->n_rows); row < b->n_rows && !code;
         row = row_bits_next(b->bits, row + 1, b->n_rows)) {
        value_table_next(c->shared->table);
        code = column_values_row(&c->cv, row, count_value, c);
        code = code ? code : c->code;
    }
    return code;
}

static al_code count_column(counting *c, const scan_block *b)
{
    const block_col *col = c->cv.cols[0];
    if (col->n_values > c->cap_counts) {
        free(c->counts);
        c->cap_counts = col->n_values;
        c->counts = al_alloc(c->cap_counts, sizeof *c->counts);
        if (!c->counts) {
            c->cap_counts = 0;
            return AL_NOMEM;
        }
    }
    memset(c->counts, 0, col->n_values * sizeof *c->counts);
    for (uint32_t row = row_bits_next(b->bits, 0, b->n_rows); row < b->n_rows;
         row = row_bits_next(b->bits, row + 1, b->n_rows))
        if (col->row_value[row] != BLOCK_NO_VALUE)
            c->counts[col->row_value[row]]++;
    al_code code = AL_OK;
    AL_LOCKED(&c->shared->lock);
    for (uint32_t v = 0; v < col->n_values && !code; v++) {
        if (!c->counts[v])
            continue;
        c->n = c->counts[v];
        value_table_next(c->shared->table);
        code = column_values_visit(&c->cv, 0, &col->values[v], count_value, c);
        code = code ? code : c->code;
    }
    return code;
}

static al_code count_block(void *ctx, const scan_block *b, al_err *err)
{
    counting *c = ctx;
    al_code code = column_values_open(&c->cv, b->view, err);
    if (code)
        return code;
    if (c->cv.n_cols == 1)
        code = count_column(c, b);
    else if (c->cv.n_cols > 1 || c->cv.is_message)
        code = count_rows(c, b);
    return code ? al_fail(err, code, "values") : AL_OK;
}

static bool always(void *ctx, const block_info *info)
{
    (void)ctx;
    (void)info;
    return true;
}

static void *part(void *ctx)
{
    const counting *whole = ctx;
    counting *c = al_zalloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->field = whole->field;
    c->shared = whole->shared;
    if (column_values_init(&c->cv, c->field, NULL) == AL_OK)
        return c;
    counting_done(c);
    free(c);
    return NULL;
}

static al_code join(void *ctx, void *part, bool counts, al_err *err)
{
    (void)ctx; /* all is in the table */
    (void)counts;
    (void)err;
    counting_done(part);
    free(part);
    return AL_OK;
}

al_code values_count(reading *rd, al_slice field, value_table *t, al_err *err)
{
    shared_table shared = {.table = t};
    AL_CLEANUP(counting_done) counting c = {.field = field, .shared = &shared};
    al_code code = column_values_init(&c.cv, field, err);
    if (code)
        return code;
    const scan_options opt = {.needs_view = always,
                              .heads = c.cv.heads,
                              .n_heads = c.cv.n_heads,
                              .part = part,
                              .join = join};
    (void)pthread_mutex_init(&shared.lock, NULL);
    code = scan_run(rd, &opt, count_block, &c, err);
    (void)pthread_mutex_destroy(&shared.lock);
    if (!code && value_table_uncounted(t))
        eng_partial_add(&rd->answer->partial, "values",
                        "more distinct values than are counted; the rest is in `other`");
    return code;
}

value values_copy(const value *v, al_arena *arena)
{
    return (value){.type = v->type, .text = al_arena_copy(arena, v->text)};
}

static al_code copy_top(value_table *t, size_t limit, al_arena *arena, eng_values *ret)
{
    size_t n = 0;
    const eng_value_count *all = value_table_sorted(t, &n);
    size_t n_top = AL_MIN(n, limit);
    eng_value_count *items = al_arena_alloc(arena, n_top + 1, sizeof *items);
    if (!items)
        return AL_NOMEM;
    uint64_t other = value_table_uncounted(t);
    for (size_t i = 0; i < n_top; i++) {
        items[i] = (eng_value_count){.val = values_copy(&all[i].val, arena), .count = all[i].count};
        if (!items[i].val.text.ptr)
            return AL_NOMEM;
    }
    for (size_t i = n_top; i < n; i++)
        other += all[i].count;
    *ret = (eng_values){.items = items, .n = n_top, .other = other};
    return AL_OK;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is engine.h's */
al_code store_values(engine *e, const eng_scope *s, al_slice field, size_t limit,
                     const eng_budget *b, al_arena *arena, eng_values *ret_v, eng_answer *ret,
                     al_err *err)
{
    AL_CLEANUP(reading_close) reading rd = {0};
    AL_CLEANUP(value_table_freep) value_table *t = value_table_new();
    if (!t)
        return al_fail(err, AL_NOMEM, "values");
    al_code c = reading_open(&rd, e, s, b, ret, err);
    if (!c)
        c = values_count(&rd, field, t, err);
    if (c)
        return c;
    return copy_top(t, limit, arena, ret_v) ? al_fail(err, AL_NOMEM, "values") : AL_OK;
}
