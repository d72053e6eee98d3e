/* From a path to values of columns. See column_values.h.
 * A path stands in one column nearly always; in several only when one record has {"a":{"b":…}} and
 * another "a.b". Callers count per distinct value with one column and row by row with several,
 * because a value counts once for each record. */
#include "store/column_values.h"

#include <assert.h>

enum { ARENA_BLOCK_BYTES = 4096 };

al_code column_values_init(column_values *cv, al_slice path, al_err *err)
{
    cv->is_message = al_slice_eq(path, AL_LIT("message"));
    cv->arena = al_arena_new(ARENA_BLOCK_BYTES);
    cv->scratch = al_arena_new(ARENA_BLOCK_BYTES);
    if (!cv->arena || !cv->scratch)
        return al_fail(err, AL_NOMEM, "values");
    if (cv->is_message)
        return AL_OK;
    if (plan_heads(path, cv->arena, &cv->heads, &cv->n_heads))
        return al_fail(err, AL_NOMEM, "values");
    cv->cols = al_arena_alloc(cv->arena, cv->n_heads, sizeof(block_col *));
    cv->col_heads = al_arena_alloc(cv->arena, cv->n_heads, sizeof(plan_head *));
    return cv->cols && cv->col_heads ? AL_OK : al_fail(err, AL_NOMEM, "values");
}

void column_values_done(column_values *cv)
{
    (void)al_arena_free(cv->arena);
    (void)al_arena_free(cv->scratch);
}

al_code column_values_open(column_values *cv, block_view *view, al_err *err)
{
    cv->n_cols = 0;
    if (cv->is_message)
        return block_view_messages(view, &cv->messages, err);
    for (uint32_t i = 0; i < cv->n_heads; i++) {
        const block_col *col = NULL;
        al_code c = block_view_field(view, cv->heads[i].name, &col, err);
        if (c)
            return c;
        if (!col)
            continue;
        cv->cols[cv->n_cols] = col;
        cv->col_heads[cv->n_cols++] = &cv->heads[i];
    }
    return AL_OK;
}

al_code column_values_visit(column_values *cv, uint32_t col, const value *v, rec_value_fn *fn,
                            void *ctx)
{
    assert(col < cv->n_cols);
    const plan_head *head = cv->col_heads[col];
    bool is_nested = v->type == VAL_ARRAY || v->type == VAL_OBJECT;
    if (!is_nested && head->name.len != head->path.len)
        return AL_OK; /* a path leads on only through objects */
    const field f = {.name = head->name, .val = *v};
    const record one = {.fields = &f, .n_fields = 1};
    return rec_values_at(&one, head->path, cv->scratch, fn, ctx) == REC_NOMEM ? AL_NOMEM : AL_OK;
}

al_code column_values_row(column_values *cv, uint32_t row, rec_value_fn *fn, void *ctx)
{
    if (cv->is_message) {
        const value v = {.type = VAL_STRING, .text = cv->messages[row]};
        (void)fn(ctx, &v, false);
        return AL_OK;
    }
    al_code c = AL_OK;
    for (uint32_t i = 0; i < cv->n_cols && !c; i++) {
        uint32_t v = cv->cols[i]->row_value[row];
        if (v != BLOCK_NO_VALUE)
            c = column_values_visit(cv, i, &cv->cols[i]->values[v], fn, ctx);
    }
    return c;
}
