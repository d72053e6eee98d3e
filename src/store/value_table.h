#pragma once
/* value_table.h: distinct values and how many records have each, in bounded memory. One thread. */
#include "query/engine.h"

enum {
    /* Distinct values that are counted; records of later ones go into `uncounted`. A panel shows
     * ten: with more distinct values than this a field is no filter any more. */
    VALUES_DISTINCT_MAX = 100000,
    VALUES_TEXT_BYTES_MAX = 32 << 20, /* of all of them together */
};

typedef struct value_table value_table;

/* NULL without memory. */
value_table *value_table_new(void);
value_table *value_table_free(value_table *t);
/* The next values belong to another record (or to other records of which each has them): within one
 * a value counts once. */
void value_table_next(value_table *t);
/* `n` records have this value; 0: it is there, and is not counted. Copied. AL_NOMEM. */
AL_CHECK al_code value_table_add(value_table *t, const value *v, uint64_t n);
/* The values in order: most frequent first, equal counts by text, then type; they live as long as
 * the table. Ends adding. */
const eng_value_count *value_table_sorted(value_table *t, size_t *ret_n);
/* Counts of values that there was no room for; 0: all counts are exact. */
uint64_t value_table_uncounted(const value_table *t);

AL_DEFINE_CLEANUP(value_table, value_table_free);
