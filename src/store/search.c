/* Rows in order: a cursor and a limit. See engine.h for the contract, cursor.c for the work. */
#include "store/cursor.h"

static al_code deliver(reading *rd, cursor *c, const eng_search *s, eng_row_fn *fn, void *ctx,
                       al_err *err)
{
    for (uint64_t n = 0; s->limit == 0 || n < s->limit; n++) {
        eng_row row;
        record rec;
        al_code code = cursor_next(c, &row, &rec, err);
        if (code == AL_NOT_FOUND)
            break;
        if (code)
            return code;
        if (fn(ctx, &row) == ENG_STOP)
            break;
    }
    rd->answer->is_at_end = !cursor_reached(c, &rd->answer->reached);
    return AL_OK;
}

al_code store_search(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn, void *ctx,
                     eng_answer *ret, al_err *err)
{
    AL_CLEANUP(reading_close) reading rd = {0};
    AL_CLEANUP(cursor_freep) cursor *c = NULL;
    al_code code = reading_open(&rd, e, &s->scope, b, ret, err);
    if (!code)
        code = cursor_new(&rd, s->is_descending, s->after, &c, err);
    return code ? code : deliver(&rd, c, s, fn, ctx, err);
}
