#pragma once
/* insert.h: rows into one table of one node, each of them once however often they are sent. */
#include "base/arena.h"
#include "record/record.h"
#include "sphinx/charset.h"
#include "sphinx/sql_conn.h"

enum { INSERT_ROWS_MAX = 1000 }; /* of a statement */

/* A table as the node has it: a later change of the settings does not change it. */
typedef struct insert_table {
    al_slice name;
    bool has_long_words;
    const al_slice *columns; /* of single fields */
    size_t n_columns;
} insert_table;

/* Asks the node for its columns; in `arena`. AL_NOT_FOUND: it serves no such table; AL_INVALID: one
 * that cannot take our rows, with what it lacks; otherwise as sql_receive. */
AL_CHECK al_code insert_describe(sql_conn *c, al_slice name, const sql_patience *p, al_arena *arena,
                                 insert_table *ret, al_err *err);

typedef struct insert_into {
    sql_conn *conn;
    const insert_table *table;
    const charset *words; /* of the table; of long_words */
    uint32_t step;        /* ids of the shard are so far from each other */
} insert_into;

/* Sends `n` records, with ids. One whose id is there already is there (an earlier attempt of ours
 * came through) if the row is equal to it; else its id goes up by `step` to the next free one, or
 * the one where it is: on each node that got the same rows in the same order that is the same. What
 * was not refused may be there after a failure; sent again, it is there once.
 * *ret_n: so many from the first on are there. AL_INVALID names the record behind them, which the
 * node refused, AL_LIMIT one that is too large for it; otherwise as sql_receive. */
AL_CHECK al_code insert_rows(const insert_into *to, record *recs, size_t n, const sql_patience *p,
                             size_t *ret_n, al_err *err);
