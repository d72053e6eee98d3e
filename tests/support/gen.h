#pragma once
/* gen.h: random records that look like logs and hurt like hostile ones, and random queries that hit
 * them often. Everything follows from the rng: the same seed gives the same records. */
#include "base/arena.h"
#include "base/buf.h"
#include "record/record.h"
#include "support/rng.h"

/* What the stream of records does over time. One thread. */
typedef struct gen_stream {
    rng r;
    int64_t now_ns;        /* arrival clock; goes on with each batch */
    unsigned late_percent; /* records some hours or days before now */
    unsigned odd_percent;  /* records with strange shapes: bad UTF-8, NULs, deep nesting, … */
    size_t huge_bytes_max; /* length of the sometimes very long message; 0 = none */
} gen_stream;

/* A stream that begins in the middle of 2026. */
gen_stream gen_stream_of(uint64_t seed);
/* One more record in `b`, whose memory it stands in. */
void gen_record(gen_stream *g, rec_batch *b);
/* A batch of `n` records, arrived at the stream's clock. */
rec_batch *gen_batch(gen_stream *g, size_t n);

/* The field paths that generated records have, nested ones included. */
extern const char *const gen_paths[];
size_t gen_paths_count(void);
/* Values that `by`, `values` and filters make sense with. */
const char *gen_path(rng *r);

/* Writes the text of a query into `out`. It is always valid in the language, and built from what
 * stands in `recs` so that it often hits. */
void gen_query(rng *r, const record *const *recs, size_t n, al_buf *out);
/* A time range over what is in `recs`; each end is open sometimes. */
void gen_range(rng *r, const record *const *recs, size_t n, int64_t *ret_from, int64_t *ret_to);
