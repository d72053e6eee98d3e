#pragma once
/* grep_rows.h: all rows of one index, whatever they say, oldest first, from any of them on. The
 * caller pulls, so that it can hold them against hits that it pushes elsewhere. One thread. */
#include "cli/grep_source.h"

enum {
    ROWS_LOOK_MAX = 1000, /* rows that one look-up gives on each side */
    ROWS_HELD_MAX = 2 * ROWS_LOOK_MAX + 1
};

typedef struct grep_row {
    al_slice text; /* the row as the API writes it; good until the next page is fetched */
    uint64_t id;
} grep_row;

typedef struct grep_rows {
    grep_source all; /* every record of the index; its lists belong to the source it is made of */
    al_buf page;     /* answer */
    al_buf cursor;   /* of the page behind, percent-encoded; empty: there is none */
    grep_row rows[ROWS_HELD_MAX]; /* of the page at hand */
    size_t n, at;
    size_t n_asked; /* rows of the page asked for last */
} grep_rows;

/* Stands nowhere, at the index that `s` has now. `s` outlives it. */
void grep_rows_init(grep_rows *r, const grep_source *s);
void grep_rows_done(grep_rows *r);
/* Goes to `before` rows in front of the row with this id (the oldest, where there are fewer).
 * `after`: so many rows behind it will be wanted soon. AL_NOT_FOUND: there is no such row (any
 * more). Else errors as grep_source_ask; AL_INVALID: not alco's answer. */
AL_CHECK al_code grep_rows_jump(grep_rows *r, uint64_t id, uint64_t before, uint64_t after,
                                al_err *err);
/* Goes to the first row from this time on (empty: the oldest). Errors as grep_source_ask. */
AL_CHECK al_code grep_rows_from(grep_rows *r, al_slice since, al_err *err);
/* The row it stands at, of those fetched, or NULL. r->at++ goes on. */
const grep_row *grep_rows_peek(const grep_rows *r);
/* Is there more to fetch, as far as known? */
bool grep_rows_has_more(const grep_rows *r);
/* The page behind the one at hand, whose rows go. Pages grow from page to page. It may be empty. */
AL_CHECK al_code grep_rows_fetch(grep_rows *r, al_err *err);
