#pragma once
/* field_put.h: writes the column of a field in a block with a lexicon (doc/format.md section 4,
 * kinds 9 to 12). One thread. */
#include "base/buf.h"
#include "store/codec/packed.h"
#include "store/homes.h"
#include "store/lex/lex_builder.h"

/* Distinct values: types and texts. */
typedef struct field_value {
    size_t off; /* of its text */
    uint32_t len;
    uint8_t type;
} field_value;

typedef struct field_values {
    const field_value *at;
    uint32_t n;
    const uint8_t *texts;
} field_values;

/* References to values; `values.n` means that there is none. Borrowed, like all of it. */
typedef struct field_refs {
    uint8_t home;
    uint32_t n;           /* entries: rows that are listed, tuples or templates */
    const uint16_t *at;   /* of each entry */
    const uint16_t *rows; /* HOME_ROWS: which rows they are, ascending; NULL: all */
    uint32_t n_rows;      /* of the block */
    uint32_t n_others;    /* HOME_TEMPLATES: rows that differ, ascending */
    const uint16_t *other_rows;
    const uint16_t *others; /* and their references */
} field_refs;

typedef struct field_putter field_putter;

/* NULL without memory. */
field_putter *field_putter_new(void);
field_putter *field_putter_free(field_putter *p);
/* Appends the column to `out`. Strings get numbers of `lex`; *ret_kind: FMT_COL_HOMED, or one of
 * the kinds behind it that says which do not. AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code field_put(field_putter *p, const field_values *values, const field_refs *refs,
                           lex_builder *lex, al_buf *out, uint8_t *ret_kind);

AL_DEFINE_CLEANUP(field_putter, field_putter_free);
