#pragma once
/* field_view.h: reads what field_put wrote: a whole column or the value of one row. One thread at a
 * time. Everything is AL_CORRUPT when bytes or numbers do not fit, AL_NOMEM without memory, or what
 * the lexicon returns. */
#include "base/arena.h"
#include "record/record.h"
#include "store/codec/packed.h"
#include "store/codec/pfor.h"
#include "store/homes.h"
#include "store/lex/lexicon.h"
#include "store/msg/msg_view.h"

/* The block that columns are of. */
typedef struct field_block {
    al_arena *arena; /* what is given out lives there */
    packer *pack;
    lexicon *lex;
    uint32_t n_rows;
    uint32_t n_tuples;
    uint32_t n_templates;
    uint64_t
        *decoded; /* bytes of packed texts so far: BLOCK_DECODED_MAX for all columns together */
} field_block;

/* Where a row stands; only what the column's home asks for has to be right. */
typedef struct field_place {
    uint32_t row;
    uint32_t tuple;
    uint32_t template;
} field_place;

typedef struct field_view {
    uint8_t home;
    uint8_t form;
    uint32_t n_entries;
    /* Rows that have one; NULL: all. With how many stand before each word. */
    const uint64_t *rows;
    const uint16_t *rows_before;
    /* FIELD_FORM_VALUES */
    uint32_t n_values;
    uint8_t type; /* FIELD_MIXED: types[] */
    const uint8_t *types;
    const uint32_t *numbers; /* in the lexicon; LEX_NONE: texts[] */
    const al_slice *texts;
    msg_view *split;     /* FIELD_FORM_SPLIT: the texts */
    const uint8_t *refs; /* also FIELD_FORM_SPLIT, as what follows */
    unsigned width;
    uint32_t n_others;
    const uint16_t *other_rows; /* ascending */
    const uint16_t *others;
    /* FIELD_FORM_NUMBERS */
    pfor list;
    const uint8_t *scales;
    unsigned scale_width;
    uint8_t scale_least;
} field_view;

#define FIELD_NONE UINT32_MAX

/* Takes all of `r`. */
AL_CHECK al_code field_view_open(field_view *f, al_rd *r, const field_block *b, al_err *err);
/* Which value a row has, for field_view_value; FIELD_NONE: it has none. */
AL_CHECK al_code field_view_find(const field_view *f, const field_place *at, uint32_t *ret,
                                 al_err *err);
AL_CHECK al_code field_view_value(const field_view *f, const field_block *b, uint32_t i, value *ret,
                                  al_err *err);
uint32_t field_view_values(const field_view *f);
/* For each row which value it has, or FIELD_NONE. `tuples` and `templates` of all rows, if the home
 * asks for them. */
AL_CHECK al_code field_view_rows(const field_view *f, const field_block *b, const uint16_t *tuples,
                                 const uint16_t *templates, uint32_t *ret, al_err *err);
