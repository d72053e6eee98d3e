#pragma once
/* grep_print.h: what grep writes to stdout. One thread. */
#include "base/arena.h"
#include "cli/grep_flags.h"

typedef struct grep_printer {
    const grep_flags *flags;
    al_arena *arena;  /* scratch */
    al_slice index;   /* whose hits come */
    uint64_t number;  /* of the hit, with -n */
    char separator;   /* behind name and number: ':', of a record around a hit '-' */
    bool was_printed; /* a group of -A -B -C */
} grep_printer;

/* A hit of the API, as the flags want it. */
void grep_print_hit(grep_printer *p, al_slice hit);
/* A row of -A -B -C: a hit, or one beside it. */
void grep_print_row(grep_printer *p, al_slice hit, bool is_hit);
/* "--" between groups of -A -B -C. */
void grep_print_gap(grep_printer *p);
/* The line of -c, and that of -l and -L. */
void grep_print_count(grep_printer *p, uint64_t n);
void grep_print_index(grep_printer *p);
