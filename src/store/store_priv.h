#pragma once
/* store_priv.h: what the files of the embedded engine share. Writers: store.c, committer.c,
 * merger.c, retention.c. Readers: search.c, count.c, histogram.c, values.c, fields.c, tail.c: they
 * pin a scope, work on its snapshots and touch nothing else. */
#include "query/engine.h"
#include "store/pool.h"
#include "store/snapshot.h"
#include "store/spare_views.h"
#include "store/store.h"

typedef struct store store; /* starts with a struct engine */

/* ---- For readers */

typedef struct pin_index {
    const char *name;            /* as in the scope */
    const al_slice *text_fields; /* the index's; valid while pinned */
    size_t n_text_fields;
    uint32_t id;
    snapshot *snap;
} pin_index;

/* All indexes of a scope at one moment of the store: the same commits are in all of them. */
typedef struct store_pin {
    eng_arrival end; /* of the newest row that is visible; {0, 0}: nothing was ever committed */
    size_t n;
    pin_index at[];
} store_pin;

/* AL_NOT_FOUND: an index is unknown (named in the message). AL_INVALID, AL_NOMEM. */
AL_CHECK al_code store_pin_new(engine *e, const char *const *indexes, size_t n, store_pin **ret,
                               al_err *err);
store_pin *store_pin_free(store_pin *p);
/* What is visible now of one index, also of one that engine_index_open was not called for.
 * AL_NOT_FOUND. */
AL_CHECK al_code store_snapshot(engine *e, const char *index, snapshot **ret, al_err *err);
/* Helpers of long questions. */
pool *store_pool(engine *e);
/* Views for the blocks that a question opens. */
spare_views *store_spare_views(engine *e);
/* A reader met damage: has the file set aside (the store checks it again before). Does not block.
 */
void store_report_damage(engine *e, const unit *u);

AL_DEFINE_CLEANUP(store_pin, store_pin_free);

/* ---- Read functions of the engine's table (same contracts as engine.h). */
al_code store_search(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn, void *ctx,
                     eng_answer *ret, al_err *err);
al_code store_count(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                    eng_answer *ret, al_err *err);
al_code store_histogram(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                        const eng_budget *b, al_arena *arena, eng_histogram *ret_h, eng_answer *ret,
                        al_err *err);
al_code store_values(engine *e, const eng_scope *s, al_slice field, size_t limit,
                     const eng_budget *b, al_arena *arena, eng_values *ret_v, eng_answer *ret,
                     al_err *err);
al_code store_tail_end(engine *e, eng_arrival *ret, al_err *err);
al_code store_tail(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                   eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached, eng_partial *ret_partial,
                   al_err *err);
al_code store_fields(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                     size_t *ret_n, al_err *err);
