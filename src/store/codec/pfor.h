#pragma once
/* pfor.h: numbers in groups of 256, each packed with as many bits as most of its group need; the
 * few that need more stand beside it (doc/format.md section 1, "number list"). Pure: no I/O, no
 * allocation beyond `out`. */
#include "base/buf.h"

enum {
    PFOR_GROUP = 256,
    PFOR_GROUPS_MAX = 64, /* of a block's rows */
};

/* Appends n numbers; n is at most PFOR_GROUP * PFOR_GROUPS_MAX here as below. An error sticks in
 * `out`. */
void pfor_encode(const uint64_t *v, size_t n, al_buf *out);

/* Where groups begin; borrows the bytes that it was opened on. */
typedef struct pfor {
    const uint8_t *bytes;
    uint32_t n;
    uint32_t off[PFOR_GROUPS_MAX + 1];
} pfor;

/* Takes a list of n numbers from `r`; r->bad when it is none. */
void pfor_open(al_rd *r, size_t n, pfor *ret);
/* How many numbers group g has. */
uint32_t pfor_group_rows(const pfor *p, uint32_t g);
/* Decodes group g alone. */
void pfor_group(const pfor *p, uint32_t g, uint64_t *ret);
/* The first number of group g, without the others. */
uint64_t pfor_first(const pfor *p, uint32_t g);
