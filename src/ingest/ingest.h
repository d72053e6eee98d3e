#pragma once
/* ingest.h: the one path of every input: bytes -> record -> index -> durable -> acknowledged.
 * It applies the index's settings (zone, excluded fields), makes new fields known, counts what was
 * unusual, keeps the ledger of deliveries (ledger.h) and hands batches to the index's engine.
 *
 * Life: ingest_new (before the engine is opened, for its hooks) -> engine opened with ingest_hooks
 * -> ingest_attach -> batches from any thread -> ingest_stop (no new batches) -> engine_close ->
 * ingest_free. */
#include "catalog/catalog.h"
#include "ingest/ledger.h"
#include "query/engine.h"

typedef struct ingest ingest;

AL_CHECK al_code ingest_new(catalog *cat, ingest **ret, al_err *err);
ingest *ingest_free(ingest *in);
/* The ledger of deliveries, kept durable by the marks of batches; borrowed, until ingest_free. */
ledger *ingest_ledger(ingest *in);
/* What an input wants to find again after a restart, exactly as durable as its records: `apply` is
 * told each memory in commit order (also at open), `dump` writes what still counts as one that
 * `apply` reads. Both on the thread of eng_hooks.mark. One input has it; set before the engine is
 * opened. */
typedef struct ingest_memory {
    void *ctx;
    void (*apply)(void *ctx, al_slice memory);
    al_code (*dump)(void *ctx, al_buf *out);
} ingest_memory;
void ingest_remember(ingest *in, const ingest_memory *m);
/* The hooks to open the engine with; borrowed, valid until ingest_free. */
const eng_hooks *ingest_hooks(ingest *in);
/* Opens every index of the catalogue in the engine. Before it only hooks are called. */
AL_CHECK al_code ingest_attach(ingest *in, engine *e, al_err *err);
/* Later batches get AL_AGAIN, as those that wait for room do. */
void ingest_stop(ingest *in);

/* ---- Indexes: create, change and drop go through here so that engine, catalogue and listeners
 * agree. Any thread. */
/* From now on an index may be created with engine sphinx: there are nodes for it. An index's engine
 * is never changed. */
void ingest_take_sphinx(ingest *in);
AL_CHECK al_code ingest_index_create(ingest *in, const cat_index *idx, al_err *err);
AL_CHECK al_code ingest_index_change(ingest *in, const cat_index *idx, al_err *err);
AL_CHECK al_code ingest_index_drop(ingest *in, const char *name, al_err *err);
/* Sets a field's flags; `excluded` holds for documents that are added when this has returned. */
AL_CHECK al_code ingest_field_set(ingest *in, const char *index, const cat_field *f, al_err *err);

/* The same for a part of the settings or flags: `edit` changes them as they are now, or fails, and
 * nothing comes in between, so that of two changes at once neither undoes the other. It must be
 * short, and not come back here. */
typedef al_code ingest_index_edit_fn(void *ctx, cat_index *idx, al_err *err);
typedef al_code ingest_field_edit_fn(void *ctx, cat_field *f, al_err *err);
/* The index named in *idx; its settings now, in the arena. AL_NOT_FOUND, what `edit` says, and as
 * ingest_index_change. */
AL_CHECK al_code ingest_index_edit(ingest *in, cat_index *idx, al_arena *arena,
                                   ingest_index_edit_fn *edit, void *ctx, al_err *err);
/* The field named in *f; its flags now. AL_NOT_FOUND: no such index or field. */
AL_CHECK al_code ingest_field_edit(ingest *in, const char *index, cat_field *f,
                                   ingest_field_edit_fn *edit, void *ctx, al_err *err);
/* Records made durable since the start, index by index, by name. `fn` must be short. */
void ingest_each_index(ingest *in, void (*fn)(void *ctx, const char *index, uint64_t records),
                       void *ctx);

/* Told after each such change, outside all locks, on the thread that made it; the AMQP input
 * follows with queues and bindings, the call of the API returns when every listener has returned.
 */
typedef void ingest_listener_fn(void *ctx, const char *index);
void ingest_on_change(ingest *in, ingest_listener_fn *fn, void *ctx);
/* Called when something new is visible (tails) or there is room again (inputs); must not block. */
void ingest_on_commit(ingest *in, void (*fn)(void *ctx), void *ctx);
void ingest_on_room(ingest *in, void (*fn)(void *ctx), void *ctx);

/* ---- Batches: made and filled by one thread, then submitted. */
typedef struct ingest_batch ingest_batch;

enum {
    INGEST_BATCH_RECORDS_MAX = 5000, /* a batch with so many, or so many bytes, is full */
    INGEST_BATCH_BYTES_MAX = 2 << 20,
};

/* `source` is a short constant such as "http" or "amqp", the label of the counters in /metrics.
 * AL_NOT_FOUND: no such index. */
AL_CHECK al_code ingest_begin(ingest *in, const char *index, const char *source, ingest_batch **ret,
                              al_err *err);
/* One document as a sender made it (JSON or not); copied. AL_NOMEM only. */
AL_CHECK al_code ingest_add(ingest_batch *b, al_slice body);
/* As ingest_add for one that stays where it is until the batch is done, or freed. */
AL_CHECK al_code ingest_add_kept(ingest_batch *b, al_slice body);
/* A line that is text: its own message. `fields` (may be none) and time_ns (-1 = arrival) come from
 * the input that read it, such as the file it stood in. All copied. */
AL_CHECK al_code ingest_add_text(ingest_batch *b, al_slice line, int64_t time_ns,
                                 const field *fields, size_t n_fields);
/* Counts that the line added last was longer than its input takes, and lost its rest. */
void ingest_note_long_line(ingest_batch *b);
/* Memory (ingest_remember) that becomes durable with this batch; before any marks. */
AL_CHECK al_code ingest_add_memory(ingest_batch *b, al_slice memory);
/* Bytes for ledger.h that become durable with this batch; appended to earlier ones. */
AL_CHECK al_code ingest_add_marks(ingest_batch *b, al_slice marks);
size_t ingest_count(const ingest_batch *b);
/* Memory that its records take. */
size_t ingest_bytes(const ingest_batch *b);
bool ingest_is_full(const ingest_batch *b);
/* Hands it on. AL_OK: taken, `done` is called exactly once from an engine thread (see eng_done_fn;
 * on AL_AGAIN there nothing was stored). AL_AGAIN: no room or stopping; the batch is still the
 * caller's, who may submit it again after on_room. */
AL_CHECK al_code ingest_submit(ingest_batch *b, eng_done_fn *done, void *ctx, al_err *err);
/* Blocks until durable, waiting for room until *cancel or ingest_stop (AL_CANCELLED). Takes the
 * batch in every case. */
AL_CHECK al_code ingest_submit_wait(ingest_batch *b, const atomic_bool *cancel, al_err *err);
ingest_batch *ingest_batch_free(ingest_batch *b);

/* Is `name` a field of the index, from the acknowledgement of its first record on? For query_env.
 */
bool ingest_is_field(ingest *in, const char *index, al_slice name);

/* Counters for /metrics, in Prometheus text. */
void ingest_metrics(ingest *in, al_buf *out);

AL_DEFINE_CLEANUP(ingest_batch, ingest_batch_free);
AL_DEFINE_CLEANUP(ingest, ingest_free);
