#pragma once
/* record.h: one log record in memory, and the batch that owns many. Pure data: no I/O, no locks.
 * A record is a view: its slices point into the memory of whoever made it (a rec_batch, a decoded
 * block, a test) and live as long as that. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

typedef enum val_type {
    VAL_NULL,
    VAL_FALSE,
    VAL_TRUE,
    VAL_NUMBER, /* text: the spelling as sent, also NaN, Infinity and -Infinity */
    VAL_STRING, /* text: the decoded bytes; may be bad UTF-8 (a lone surrogate is its three WTF-8
                   bytes) */
    /* text of both: compact JSON, without white space outside strings; strings with the fewest
     * escapes (only \" \\ and control characters); key order, doubled keys and numbers as sent */
    VAL_ARRAY,
    VAL_OBJECT,
} val_type;

typedef struct value {
    val_type type;
    al_slice text; /* empty for VAL_NULL, VAL_FALSE, VAL_TRUE */
} value;

/* Any value as text: a string its bytes, a number its spelling, null, true and false the words, an
 * array or object its compact JSON. Lives as long as the value's own text. */
al_slice rec_value_text(const value *v);

typedef struct field {
    al_slice name; /* top-level key; decoded bytes, any bytes, unique within a record */
    value val;
} field;

typedef struct record {
    int64_t time_ns;     /* since 1970 UTC, 0 .. INT64_MAX (2262) */
    uint64_t id;         /* 0 until the engine has given one */
    int64_t seq;         /* orders equal times within a batch; not stored */
    al_slice message;    /* any bytes */
    const field *fields; /* in the order sent, without what became time, message and seq */
    uint32_t n_fields;
} record;

/* Maxima of PRODUCT section 2; beyond them text is kept as text and counted. */
enum {
    REC_FIELDS_MAX = 1000,           /* fields of one record */
    REC_DEPTH_MAX = 64,              /* nesting */
    REC_MESSAGE_BYTES_MAX = 1 << 20, /* default ceiling of one message (and of one field's value) */
    REC_NAME_BYTES_MAX = 1024,       /* a field's name or path */
};

/* ---- Values by path. A path is a top-level name, or names joined with dots that lead through
 * nested objects: "a.b" finds the top-level key "a.b" and key "b" in object "a"; arrays on the way
 * are looked into, element by element. */

typedef enum rec_visit { REC_VISIT_MORE, REC_VISIT_STOP } rec_visit;

/* One value at a path. `is_element`: it is an element of an array found at that path (the array
 * itself has been visited before it). The value's text is valid during the call only: strings
 * inside nested JSON are decoded into a scratch buffer. */
typedef rec_visit rec_value_fn(void *ctx, const value *v, bool is_element);

/* Calls `fn` for each value at `path`, in order: a null too (a null field exists), an array itself
 * and then each of its elements (nested arrays are flattened). Doubled names inside an object are
 * all visited. Returns how many were visited, or REC_NOMEM when there was no memory to decode a
 * nested name or string: the visits ended there. `scratch` may be reset when called. */
#define REC_NOMEM SIZE_MAX
AL_CHECK size_t rec_values_at(const record *r, al_slice path, al_arena *scratch, rec_value_fn *fn,
                              void *ctx);

/* One leaf path of the record and what stands there: scalars, empty objects, and whole arrays; an
 * array's elements are not visited singly, objects inside arrays add their paths. A path may come
 * more than once; one longer than REC_NAME_BYTES_MAX is not visited. A field in which no path can
 * be visited for that reason is visited itself, so that each field has a path. Resets `scratch`.
 * False when there was no memory to decode a nested name or string: the visits ended there. */
typedef rec_visit rec_path_fn(void *ctx, al_slice path, const value *v);
AL_CHECK bool rec_each_path(const record *r, al_arena *scratch, rec_path_fn *fn, void *ctx);

/* Compares two JSON number spellings by value, exactly, whatever their length (1e2 = 100 = 100.0).
 * Returns <0, 0, >0; false in *ret_ok if either is not a finite number. */
int rec_number_cmp(al_slice a, al_slice b, bool *ret_ok);

/* ---- Batches */

/* Records of one index in arrival order, with the memory they stand in. */
typedef struct rec_batch {
    al_arena *arena;
    record *recs;
    size_t n;
    size_t cap;
    int64_t arrival_ns; /* when the batch came in */
} rec_batch;

/* NULL without memory. */
AL_CHECK rec_batch *rec_batch_new(int64_t arrival_ns);
rec_batch *rec_batch_free(rec_batch *b);
/* Room for one more record (zeroed) at the end; NULL without memory, or beyond 2^24 of them.
 * Earlier pointers may move. */
AL_CHECK record *rec_batch_add(rec_batch *b);

AL_DEFINE_CLEANUP(rec_batch, rec_batch_free);
