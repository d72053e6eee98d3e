#pragma once
/* model_priv.h: what the two halves of the model share: model_engine.c writes, model_read.c reads.
 */
#include <pthread.h>

#include "query/engine.h"
#include "support/queue.h"

typedef struct model_row {
    record rec; /* with its id */
    eng_arrival at;
} model_row;

typedef struct model_batch {
    struct model_batch *next;
    rec_batch *batch;
    model_row *rows;
} model_batch;

typedef struct model_settings {
    struct model_settings *next;
    eng_index_settings settings;
} model_settings;

typedef struct model_index {
    struct model_index *next_dropped;
    eng_index_settings settings;
    model_row **rows; /* ascending ids */
    size_t n_rows;
    size_t cap_rows;
} model_index;

typedef struct model {
    engine engine; /* first */
    eng_hooks hooks;
    queue *queue;
    pthread_t committer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    model_index **indexes;
    size_t n_indexes;
    size_t cap_indexes;
    model_index *dropped;
    model_settings *old_settings;
    model_batch *batches;
    uint64_t n_frames;
    uint64_t n_taken;
    uint64_t n_committed;
    bool refuses;
    bool owes_room;
} model;

/* Lock held. NULL if unknown. */
model_index *model_index_find(model *m, const char *name);

al_code model_search(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn, void *ctx,
                     eng_answer *ret, al_err *err);
al_code model_count(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                    eng_answer *ret, al_err *err);
al_code model_histogram(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                        const eng_budget *b, al_arena *arena, eng_histogram *ret_h, eng_answer *ret,
                        al_err *err);
al_code model_values(engine *e, const eng_scope *s, al_slice field, size_t limit,
                     const eng_budget *b, al_arena *arena, eng_values *ret_v, eng_answer *ret,
                     al_err *err);
al_code model_tail_end(engine *e, eng_arrival *ret, al_err *err);
al_code model_tail(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                   eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached, eng_partial *ret_partial,
                   al_err *err);
al_code model_fields(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                     size_t *ret_n, al_err *err);
