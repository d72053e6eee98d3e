#pragma once
/* row.h: a record as the columns of a Sphinx row, and back, the same to the byte. Pure.
 *
 * What rows promise is said in candidates.h. Columns: `id`; `logline`, the message; `js`, the
 * fields as one JSON object; one of its own for each field that is flagged `indexed`; `long_words`
 * (words_put_pieces of all of these); `src`, empty where id, logline and js give the record back,
 * else what they do not. Old ALCO's tables have neither `src` nor `long_words`.
 *
 * What searchd 2.2.11 gives back (found on the real one):
 *   ids: 1 .. 2^64 - 1; a row with id 0 is taken without a word and is not there
 *   strings: all bytes but NUL, which ends the statement; length modulo 4 MiB
 *   JSON: order, doubled names, nesting, empty arrays and objects, constants as they were;
 *     integers of 64 bits; 1.5 as 1.500000, 1e2 as 100.000000, -0 as 0, larger integers clipped;
 *     '/' in strings as "\/", a tab as "\t", other control characters as they are;
 *     with a NaN, and from some MB on, NULL */
#include "base/arena.h"
#include "base/buf.h"
#include "record/record.h"

enum {
    ROW_STRING_BYTES_MAX = (4 << 20) - 1, /* of a string column */
    ROW_JSON_BYTES_MAX = 1 << 20,         /* a longer `js` is not read back */
};

/* Each appends the text of a column. Errors stick to `out`. */
void row_put_logline(const record *r, al_buf *out);
void row_put_js(const record *r, al_buf *out);
/* Of a column with the name of a top-level field; nothing when the record has none. */
void row_put_column(const record *r, al_slice name, al_buf *out);
/* `js_bytes`: of what row_put_js appended. AL_LIMIT (sticks): the record is too large for a string
 * of Sphinx. */
void row_put_src(const record *r, size_t js_bytes, al_buf *out);

/* A row as it came. */
typedef struct row_columns {
    uint64_t id;
    al_slice logline;
    al_slice js;
    al_slice src; /* empty: old ALCO's tables have none */
    bool is_old;  /* the id is a time in microseconds, and chance */
} row_columns;

/* *ret has its slices in `arena` or the row. AL_CORRUPT: `src` is none; what is no JSON object in
 * `js` is no error but a field `js`. AL_NOMEM. */
AL_CHECK al_code row_decode(const row_columns *row, al_arena *arena, record *ret, al_err *err);
