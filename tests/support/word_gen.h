#pragma once
/* word_gen.h: records and queries that differ where words begin and end: all kinds of separators,
 * letters with several spellings, values that are equal in some sense. From the rng alone. */
#include "base/buf.h"
#include "record/record.h"
#include "support/rng.h"

/* One more record in `b`, whose memory it stands in. Its fields: a, b, names with dots, exc_info,
 * ctx; each may be missing. */
void word_record(rng *r, rec_batch *b);
/* The text of a query, valid in the language, that often hits one of `recs`. */
void word_query(rng *r, const record *const *recs, size_t n, al_buf *out);
