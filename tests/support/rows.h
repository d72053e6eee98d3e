#pragma once
/* rows.h: answers of an engine in a form that can be compared: every row as its place and a hash of
 * all its content. */
#include "query/engine.h"

typedef struct row_seen {
    uint32_t index_no;
    uint64_t id;
    uint64_t content; /* hash of time, message, fields with their order and spelling */
    eng_arrival at;   /* of a tail */
} row_seen;

typedef struct rows_seen {
    row_seen *rows;
    size_t n;
    size_t cap;
    size_t stop_at; /* stop when so many were seen; 0: never */
} rows_seen;

void rows_done(rows_seen *r);
void rows_clear(rows_seen *r);
void rows_add(rows_seen *r, const eng_row *row);
/* For engine_search and engine_tail, ctx: rows_seen. */
eng_flow rows_take(void *ctx, const eng_row *row);
eng_flow rows_take_arrived(void *ctx, const eng_row *row, eng_arrival at);
/* Where the two differ first, or SIZE_MAX. */
size_t rows_differ(const rows_seen *a, const rows_seen *b);
uint64_t rows_content(const record *r);
