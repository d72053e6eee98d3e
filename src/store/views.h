#pragma once
/* views.h: the blocks that one question has open, at most VIEWS_MAX of them and about VIEWS_BYTES
 * decoded: of many overlapping units only those used last stay decoded. One thread at a time. */
#include "store/reading.h"

enum {
    VIEWS_MAX = 64, /* so many units can be merged without decoding a block twice */
    VIEWS_BYTES = 64 << 20,
};

typedef struct views views;

/* A block of a unit, by numbers that its user chooses: unit `owner` of index `index_no`. */
typedef struct view_key {
    uint32_t owner;
    uint32_t block;
} view_key;

views *views_new(reading *rd);
views *views_free(views *v);
/* The block `key.block` of the unit, opened when it is not open; *ret_is_new then: none of its rows
 * are decided yet. Valid until the next call. */
AL_CHECK al_code views_get(views *v, view_key key, uint32_t index_no, const unit *u,
                           const unit_blocks *blocks, decided **ret, bool *ret_is_new, al_err *err);

AL_DEFINE_CLEANUP(views, views_free);
