#pragma once
/* block_ids.h: the ids of a block's rows, and how far times are before them (doc/format.md section
 * 4, kinds 1 and 2). Groups of 256 rows are read alone. Pure: no I/O, no allocation beyond `out`.
 */
#include "base/buf.h"
#include "store/codec/pfor.h"
#include "store/limits.h"

enum { BLOCK_GROUP = PFOR_GROUP };
_Static_assert(BLOCK_ROWS_MAX == PFOR_GROUP * PFOR_GROUPS_MAX, "a block is a list of groups");

/* Appends the ids of 1 to BLOCK_ROWS_MAX rows, strictly ascending. An error sticks in `out`. */
void block_ids_encode(const uint64_t *ids, uint32_t n, al_buf *out);
/* Appends id - time of each row. */
void block_offs_encode(const uint64_t *ids, const int64_t *times, uint32_t n, al_buf *out);

/* Borrows the bytes that it was opened on. */
typedef struct block_ids {
    uint64_t unit;
    uint64_t first; /* least id, in units */
    uint64_t min_id, max_id;
    uint32_t n;
    unsigned base_width;
    const uint8_t *bases; /* per group: its first id in units, less `first` */
    bool has_rest;
    pfor steps; /* units from the row before; 0 for the first of a group */
    pfor rest;  /* id % unit */
} block_ids;

/* Ids of n rows of which the least and greatest are known; r->bad when these are none. */
void block_ids_open(al_rd *r, uint32_t n, uint64_t min_id, uint64_t max_id, block_ids *ret);
/* The ids of group g. False: damage. */
AL_CHECK bool block_ids_group(const block_ids *b, uint32_t g, uint64_t *ret);
/* The group in which the first row with an id >= `id` stands, unless it is the first row of the
 * group behind; reads no group. */
uint32_t block_ids_find_group(const block_ids *b, uint64_t id);
