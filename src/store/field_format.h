#pragma once
/* field_format.h: constants of a field's column in a block with a lexicon (doc/format.md section 4,
 * kinds 9 to 12). No code. */
enum {
    FIELD_FORM_VALUES = 0,  /* distinct values and references to them */
    FIELD_FORM_NUMBERS = 1, /* decimals; home rows only */
    FIELD_FORM_SPLIT = 2,   /* distinct strings as templates and slots, and references */

    FIELD_ROWS_ALL = 0,  /* which rows have an entry: all, */
    FIELD_ROWS_LIST = 1, /* those listed, */
    FIELD_ROWS_BITS = 2, /* those with a bit */
    FIELD_ROWS_KINDS,

    FIELD_ABSENT = 7,   /* in place of a val_type */
    FIELD_MIXED = 0xff, /* in place of a type that all values share: each has its own */
};
