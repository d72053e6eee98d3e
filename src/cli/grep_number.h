#pragma once
/* grep_number.h: grep's -n: which record of its index a hit is, oldest first, from 1. */
#include "cli/grep_rows.h"

typedef struct grep_number {
    grep_rows rows;    /* without their fields */
    bool has_place;    /* rows stands somewhere */
    uint64_t n_before; /* records of the index in front of the page at hand */
} grep_number;

/* Begins at the index that `s` has now. `s` outlives it. */
void grep_number_init(grep_number *n, const grep_source *s);
void grep_number_done(grep_number *n);
/* The number of the record with this id; ids come in ascending order. AL_NOT_FOUND: it went
 * meanwhile. Else errors as grep_source_ask. */
AL_CHECK al_code grep_number_of(grep_number *n, uint64_t id, uint64_t *ret, al_err *err);
