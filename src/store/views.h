#pragma once
/* views.h: the blocks that one question has open, at most VIEWS_MAX of them and about VIEWS_BYTES
 * decoded: of many overlapping units only those used last stay decoded. One thread at a time. */
#include "store/reading.h"

enum {
    VIEWS_MAX = 64, /* so many units can be merged without decoding a block twice */
    VIEWS_BYTES = 32 << 20,
};

typedef struct views views;

/* A unit whose blocks are looked at; borrowed. */
typedef struct view_source {
    uint32_t number; /* its user's: another for each unit */
    uint32_t index_no;
    bool is_in_order; /* its blocks are asked for one after another, never again one before */
    const unit *u;
    const unit_blocks *blocks;
    const known *lex; /* NULL: its blocks have no lexicon, or it is not asked */
} view_source;

/* NULL without memory. `rd` must outlive it. */
views *views_new(reading *rd);
views *views_free(views *v);
/* Block `block` of the unit, opened when it is not open; *ret_is_new then: none of its rows are
 * decided yet. Valid until the next call. AL_CORRUPT, AL_TOO_NEW, AL_IO, AL_NOMEM: no block is open
 * for it. */
AL_CHECK al_code views_get(views *v, const view_source *from, uint32_t block, decided **ret,
                           bool *ret_is_new, al_err *err);

AL_DEFINE_CLEANUP(views, views_free);
