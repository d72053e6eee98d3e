#pragma once
/* engine.h: what stores and searches. Everything above (ingest, inputs, server) knows engines only
 * through this file; the embedded store and Sphinx implement it.
 *
 * Threads: every function may be called from any thread at any time between open and close, except
 * where it says otherwise. Functions that search do all their work on the caller's thread: never
 * call them from a network loop. Callbacks run on the caller's thread unless named as hooks.
 *
 * Rows are ordered by id, then by the number of their index in the scope. A row is visible to every
 * search that begins after its append was reported done. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "query/query.h"
#include "record/record.h"

typedef struct engine engine;

enum {
    ENG_INDEX_NAME_MAX = 20, /* characters of \w */
    ENG_SCOPE_INDEXES_MAX = 256,
    ENG_PARTIAL_MAX = 16, /* reasons kept of a partial answer */
    ENG_HISTOGRAM_BUCKETS_MAX = 10000,
    ENG_HISTOGRAM_VALUES_MAX = 10,
    ENG_FIELDS_MAX = 10000, /* names that engine_fields gives */
};

typedef struct eng_index_settings {
    char name[ENG_INDEX_NAME_MAX + 1];
    uint32_t intervals;          /* days kept, 1..36500 */
    uint64_t max_bytes;          /* oldest are dropped beyond it; 0 = no limit */
    const al_slice *text_fields; /* copied */
    size_t n_text_fields;
    bool keeps_positions; /* a tail can be resumed from any row that is there; else for an hour */
} eng_index_settings;

/* ---- Hooks: what an engine tells those above. All are set at open. */
typedef struct eng_hooks {
    void *ctx;
    /* Marks are bytes that a batch carries for whoever appended it (which deliveries it holds):
     * durable with the batch, all or nothing. Called in commit order from one thread at a time: at
     * open for every blob still known, later when the batch is durable, before it is reported done.
     */
    void (*mark)(void *ctx, al_slice marks);
    /* Everything that mark() has been told and that still counts, as one blob that mark() reads.
     * Called from the thread that calls mark(), before the frames that held the marks are given
     * back. */
    al_code (*marks_dump)(void *ctx, al_buf *out);
    /* At open: a record that is still only in the log has a value at this path. */
    void (*field_seen)(void *ctx, const char *index, al_slice path);
    /* Log frames are about to be given back: what field_seen would have repeated must be durable
     * when this returns. Engine thread; may block. */
    al_code (*before_forget)(void *ctx, al_err *err);
    /* Something new is visible (tails look again). Engine thread; must not block. */
    void (*committed)(void *ctx);
    /* An append that was refused with AL_AGAIN may now be tried again. Engine thread; must not
     * block. */
    void (*has_room)(void *ctx);
} eng_hooks;

/* ---- Append */

/* Called exactly once per accepted append, from an engine thread; must not block. The batch is
 * freed later, but not looked at any more: what it borrowed may go. AL_OK: durable and visible.
 * AL_AGAIN: the disk is full, nothing was stored, try again later. AL_IO: not stored.
 */
typedef void eng_done_fn(void *ctx, al_code code, const al_err *err);

/* Ids that leave `rest` when divided by `step` (1 or more). */
typedef struct eng_id_class {
    uint32_t step;
    uint32_t rest;
} eng_id_class;

/* Which ids a row with this time may get: where shards divide them among each other. Never 0, which
 * is no row's in Sphinx. Engine thread, before `done`; must not block. */
typedef eng_id_class eng_ids_fn(void *ctx, int64_t time_ns);

typedef struct eng_append {
    const char *index;
    rec_batch *batch; /* taken on AL_OK; NULL: marks only, or a barrier behind earlier appends */
    al_slice marks;   /* copied; may be empty */
    eng_ids_fn *ids;  /* NULL: any */
    eng_done_fn *done;
    void *ctx; /* of both */
} eng_append;

/* ---- Reading */

typedef struct eng_pos { /* a place between rows */
    uint64_t id;
    uint32_t index_no; /* in the scope's list */
} eng_pos;

typedef struct eng_scope {
    const char *const *indexes; /* names, each once */
    size_t n_indexes;
    int64_t from_ns; /* from <= time < to */
    int64_t to_ns;   /* INT64_MAX = open, and then inclusive */
    query *q;        /* not NULL */
} eng_scope;

typedef struct eng_budget {
    int64_t deadline_ns;       /* al_mono_ns; 0 = none */
    uint64_t rows_max;         /* rows looked at; 0 = none */
    const atomic_bool *cancel; /* true: stop soon with AL_CANCELLED; may be NULL */
    int64_t (*now_ns)(void);   /* the deadline's clock; NULL: al_mono_ns */
} eng_budget;

typedef struct eng_partial {
    size_t n; /* 0: complete */
    struct {
        char part[64]; /* what is missing: an index, a node, a file, a time range */
        char why[120];
    } reasons[ENG_PARTIAL_MAX];
} eng_partial;

typedef struct eng_row {
    const char *index;
    uint32_t index_no;
    const record *rec; /* with its id; valid during the call */
} eng_row;

typedef enum eng_flow { ENG_MORE, ENG_STOP } eng_flow;
typedef eng_flow eng_row_fn(void *ctx, const eng_row *row);

typedef struct eng_search {
    eng_scope scope;
    bool is_descending;
    const eng_pos *after; /* go on strictly behind this place in the order asked; NULL = begin */
    uint64_t limit;       /* rows; 0 = all */
} eng_search;

typedef struct eng_answer {
    bool is_at_end;  /* everything in the scope was looked at */
    eng_pos reached; /* everything up to here (in the order asked) was looked at; valid unless
                        is_at_end */
    uint64_t rows_looked_at;
    eng_partial partial; /* budgets that ran out, damaged files, absent nodes */
} eng_answer;

typedef struct eng_bucket {
    int64_t time_ns;
    uint64_t count; /* all records of the bucket */
    uint64_t by[ENG_HISTOGRAM_VALUES_MAX];
    uint64_t other; /* records with a value that is not among the `by` ones */
} eng_bucket;

typedef struct eng_histogram { /* in the arena that was given */
    const eng_bucket *buckets; /* ascending, empty ones left out */
    size_t n_buckets;
    const value *values; /* the most frequent values of `by`, most frequent first */
    size_t n_values;
} eng_histogram;

typedef struct eng_value_count {
    value val;
    uint64_t count;
} eng_value_count;

typedef struct eng_values {       /* in the arena that was given */
    const eng_value_count *items; /* most frequent first, equal counts by text */
    size_t n;
    uint64_t other; /* count of all values that are not listed */
} eng_values;

/* An arrival position: where a row stands in the order of commits of this data directory. */
typedef struct eng_arrival {
    uint64_t frame;
    uint32_t row;
} eng_arrival;

typedef eng_flow eng_tail_fn(void *ctx, const eng_row *row, eng_arrival at);

typedef struct eng_index_stats {
    uint64_t records;
    uint64_t bytes; /* on disk */
    uint64_t segments;
    int64_t first_ns; /* of the oldest record; -1 when there is none */
    int64_t last_ns;
} eng_index_stats;

typedef struct eng_stats {
    uint64_t records;
    uint64_t bytes;
    uint64_t log_bytes;
    uint64_t segments;
    uint64_t frames_appended; /* since open, as all below */
    uint64_t records_appended;
    uint64_t syncs;
    uint64_t merges;
    uint64_t bytes_written;
    uint64_t bytes_free_disk;
    bool is_low_on_disk;
    uint64_t quarantined; /* files set aside as damaged */
} eng_stats;

/* ---- The table an engine fills. Callers use the functions below it. */
typedef struct engine_ops {
    void (*close)(engine *e);
    al_code (*index_open)(engine *e, const eng_index_settings *s, al_err *err);
    al_code (*index_drop)(engine *e, const char *name, al_err *err);
    al_code (*append)(engine *e, const eng_append *a, al_err *err);
    al_code (*search)(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn,
                      void *ctx, eng_answer *ret, al_err *err);
    al_code (*count)(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                     eng_answer *ret, al_err *err);
    al_code (*histogram)(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                         const eng_budget *b, al_arena *arena, eng_histogram *ret_h,
                         eng_answer *ret, al_err *err);
    al_code (*values)(engine *e, const eng_scope *s, al_slice field, size_t limit,
                      const eng_budget *b, al_arena *arena, eng_values *ret_v, eng_answer *ret,
                      al_err *err);
    al_code (*tail_end)(engine *e, eng_arrival *ret, al_err *err);
    al_code (*tail)(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                    eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached, eng_partial *ret_partial,
                    al_err *err);
    al_code (*compact)(engine *e, const char *index, const atomic_bool *cancel, al_err *err);
    al_code (*indexes)(engine *e, al_arena *arena, const char ***ret, size_t *ret_n, al_err *err);
    al_code (*fields)(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                      size_t *ret_n, al_err *err);
    al_code (*index_stats)(engine *e, const char *index, eng_index_stats *ret, al_err *err);
    void (*stats)(engine *e, eng_stats *ret);
} engine_ops;

struct engine { /* the first member of every engine's own struct */
    const engine_ops *ops;
    atomic_uint n_waiting; /* calls under way that may wait long; close waits for them */
};

/* For engines, in close: appends get AL_CANCELLED already. Returns when no call of
 * engine_append_wait or engine_compact is under way. */
void engine_wait_for_waiting(engine *e);

/* Stops taking appends, makes what was taken durable, reports it done and frees. NULL is fine.
 * engine_append_wait and engine_compact may be under way: they get AL_CANCELLED unless they had
 * been taken. No other call may. */
engine *engine_close(engine *e);
/* Makes an index known (empty if it was never there) or changes its settings. */
AL_CHECK al_code engine_index_open(engine *e, const eng_index_settings *s, al_err *err);
/* Its records are gone when this returns; searches under way finish on what they had. AL_NOT_FOUND.
 */
AL_CHECK al_code engine_index_drop(engine *e, const char *name, al_err *err);
/* AL_AGAIN: full or low on disk; nothing was taken, has_room will be called. AL_NOT_FOUND: no such
 * index. AL_CANCELLED: the engine is being closed. */
AL_CHECK al_code engine_append(engine *e, const eng_append *a, al_err *err);
/* Blocks until durable; waits for room too, until *cancel or engine_close (AL_CANCELLED; then not
 * taken).
 * Takes `batch` in every case. For threads of their own, tests and tools. */
AL_CHECK al_code engine_append_wait(engine *e, const char *index, rec_batch *batch, al_slice marks,
                                    const atomic_bool *cancel, al_err *err);
/* For such a wait around something that ends in engine_append: calls `submit` until it is not
 * AL_AGAIN or *cancel (AL_CANCELLED), then blocks until `done` was called. *ret_is_taken: it was.
 */
typedef al_code eng_submit_fn(void *ctx, eng_done_fn *done, void *done_ctx, al_err *err);
AL_CHECK al_code eng_submit_wait(eng_submit_fn *submit, void *ctx, const atomic_bool *cancel,
                                 bool *ret_is_taken, al_err *err);
/* Rows in the order asked, each to `fn` (may be told to stop). A budget that runs out is AL_OK with
 * a reason in ret->partial; AL_CANCELLED only for *cancel. AL_NOT_FOUND: an index is unknown
 * (named). */
AL_CHECK al_code engine_search(engine *e, const eng_search *s, const eng_budget *b, eng_row_fn *fn,
                               void *ctx, eng_answer *ret, al_err *err);
AL_CHECK al_code engine_count(engine *e, const eng_scope *s, const eng_budget *b, uint64_t *ret_n,
                              eng_answer *ret, al_err *err);
/* `step_ns` > 0, buckets start at its UTC multiples; `by` empty = no split. AL_LIMIT: more than
 * ENG_HISTOGRAM_BUCKETS_MAX buckets would be needed. */
AL_CHECK al_code engine_histogram(engine *e, const eng_scope *s, int64_t step_ns, al_slice by,
                                  const eng_budget *b, al_arena *arena, eng_histogram *ret_h,
                                  eng_answer *ret, al_err *err);
/* Array elements are counted singly. */
AL_CHECK al_code engine_values(engine *e, const eng_scope *s, al_slice field, size_t limit,
                               const eng_budget *b, al_arena *arena, eng_values *ret_v,
                               eng_answer *ret, al_err *err);
/* The position behind the newest committed row. */
AL_CHECK al_code engine_tail_end(engine *e, eng_arrival *ret, al_err *err);
/* Matching rows committed behind `after`, in order of commit, up to the present end. *ret_reached
 * is where to go on. *ret_partial (may be NULL): what behind `after` could not be read and was
 * passed; a budget that ran out is no such reason, the next call goes on. AL_NOT_FOUND: `after` is
 * too old to be resumed without a gap (or not ours). */
AL_CHECK al_code engine_tail(engine *e, const eng_scope *s, eng_arrival after, const eng_budget *b,
                             eng_tail_fn *fn, void *ctx, eng_arrival *ret_reached,
                             eng_partial *ret_partial, al_err *err);
/* Returns when everything of the index (NULL: of all) that was appended before is merged.
 * AL_CANCELLED: *cancel or engine_close. */
AL_CHECK al_code engine_compact(engine *e, const char *index, const atomic_bool *cancel,
                                al_err *err);
/* Names of all indexes it holds, also of those that engine_index_open was not called for since it
 * was opened; in no order, in the arena. AL_NOMEM. */
AL_CHECK al_code engine_indexes(engine *e, al_arena *arena, const char ***ret, size_t *ret_n,
                                al_err *err);
/* The paths at which records of the index have values (rec_each_path), each once, ascending by
 * bytes, in the arena; of more than ENG_FIELDS_MAX only as many. Looks at every field of every
 * record: for who has lost the names. Also of an index that engine_index_open was not called for.
 * What cannot be read is left out. AL_NOT_FOUND, AL_NOMEM. */
AL_CHECK al_code engine_fields(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                               size_t *ret_n, al_err *err);
AL_CHECK al_code engine_index_stats(engine *e, const char *index, eng_index_stats *ret,
                                    al_err *err);
void engine_stats(engine *e, eng_stats *ret);

/* ---- Built on search, the same for every engine. */

/* The row with this id. AL_NOT_FOUND: there is none. AL_AGAIN, with the reason: it was not found,
 * but not everything could be looked at. */
AL_CHECK al_code engine_get(engine *e, const char *index, uint64_t id, const eng_budget *b,
                            eng_row_fn *fn, void *ctx, al_err *err);
/* The time on its clock. */
int64_t eng_budget_now(const eng_budget *b);
/* Is its time over, or its cancel set? `budget` may change between calls. Fits matcher_stop_if. */
bool eng_budget_is_over(void *budget);
/* Adds a reason; the last slot says that there are more. */
void eng_partial_add(eng_partial *p, const char *part, const char *why);

AL_DEFINE_CLEANUP(engine, engine_close);
