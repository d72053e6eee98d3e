/* Batches of records. See record.h for the contract. */
#include "record/record.h"

#include <stdlib.h>

#include "base/mem.h"

enum { ARENA_BLOCK_BYTES = 64 * 1024, BATCH_FIRST = 64, BATCH_RECORDS_MAX = 1 << 24 };

rec_batch *rec_batch_new(int64_t arrival_ns)
{
    rec_batch *b = al_zalloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->arrival_ns = arrival_ns;
    b->arena = al_arena_new(ARENA_BLOCK_BYTES);
    return b->arena ? b : rec_batch_free(b);
}

rec_batch *rec_batch_free(rec_batch *b)
{
    if (!b)
        return NULL;
    (void)al_arena_free(b->arena);
    free(b->recs);
    free(b);
    return NULL;
}

record *rec_batch_add(rec_batch *b)
{
    record *grown = al_grow(b->recs, &b->cap, b->n, sizeof *grown, BATCH_FIRST, BATCH_RECORDS_MAX);
    if (!grown)
        return NULL;
    b->recs = grown;
    b->recs[b->n] = (record){0};
    return &b->recs[b->n++];
}

al_slice rec_value_word(const value *v)
{
    switch (v->type) {
    case VAL_NULL:
        return AL_LIT("null");
    case VAL_FALSE:
        return AL_LIT("false");
    case VAL_TRUE:
        return AL_LIT("true");
    case VAL_NUMBER:
    case VAL_STRING:
    case VAL_ARRAY:
    case VAL_OBJECT:
        break;
    }
    return v->text;
}
