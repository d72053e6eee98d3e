#pragma once
/* grep_number.h: grep's -n: which record of its index a hit is, oldest first, from 1. */
#include "base/arena.h"
#include "cli/grep_source.h"

enum { NUMBER_PAGE_ROWS_MAX = 1000 };

typedef struct grep_number {
    grep_source all; /* every record of the index; its lists belong to the source it is made of */
    al_buf since;    /* of `all` */
    al_buf page;     /* answer */
    al_buf cursor;   /* of the page behind; empty: there is none */
    uint64_t ids[NUMBER_PAGE_ROWS_MAX]; /* of the page at hand */
    size_t n_ids, at;
    size_t n_asked;    /* rows asked for */
    uint64_t n_before; /* records of the index in front of the page */
} grep_number;

/* Begins at the index that `s` has now. `s` outlives it. */
void grep_number_init(grep_number *n, const grep_source *s);
void grep_number_done(grep_number *n);
/* The number of the record with this id; ids come in ascending order. AL_NOT_FOUND: it went
 * meanwhile. Else errors as grep_source_ask. */
AL_CHECK al_code grep_number_of(grep_number *n, uint64_t id, uint64_t *ret, al_err *err);
