#pragma once
/* homes.h: where the fields of a block stand: with the row, with the template of its message, or
 * with who spoke. Counted from the rows, never from names. One thread. */
#include "base/cleanup.h"
#include "store/limits.h"

enum {
    HOME_ROWS = 0,      /* an entry for each row */
    HOME_TUPLES = 1,    /* for each distinct tuple of the fields that stand here */
    HOME_TEMPLATES = 2, /* for each template, and rows that differ from their template's */
    HOME_KINDS,

    HOMES_FIELDS_MAX = 64, /* that are considered */
};

/* A field that many rows have. Values are numbers below n_values, one of which may mean "absent".
 */
typedef struct homes_field {
    const uint16_t *rows; /* the value of each */
    uint32_t n_values;
    uint8_t home; /* chosen */
} homes_field;

typedef struct homes homes;

/* NULL without memory. */
homes *homes_new(void);
homes *homes_free(homes *h);
/* Chooses the home of each field so that the block gets small. `templates`: of each row, below
 * n_templates. */
void homes_choose(homes *h, homes_field *fields, uint32_t n_fields, const uint16_t *templates,
                  uint32_t n_templates, uint32_t n_rows);
/* Of the last choice: tuples in order of first appearance; 1 when no field stands there. */
uint32_t homes_tuples(const homes *h);
const uint16_t *homes_row_tuples(const homes *h);    /* of each row */
const uint16_t *homes_tuple_rows(const homes *h);    /* of each tuple: the first row that has it */
const uint16_t *homes_template_rows(const homes *h); /* of each template: its first row */

AL_DEFINE_CLEANUP(homes, homes_free);
