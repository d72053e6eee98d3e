/* Which segments to merge.
 * Why so rarely: each merge writes its rows again. A tail merge makes segments of a quarter million
 * rows when much comes in; those are left as they are. Only trickles and late records make small
 * ones: eight of like size (within a factor of eight) become one, so a row is written again at most
 * once per factor of eight. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/limits.h"
#include "store/merge.h"

enum { TIER_FACTOR = 8, TIER_FIRST_ROWS = 512 };

typedef struct candidate {
    size_t at; /* in segs */
    uint32_t day;
    bool is_off;
    uint64_t n_rows;
} candidate;

static int by_partition_and_rows(const void *a, const void *b)
{
    const candidate *x = a;
    const candidate *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    if (x->is_off != y->is_off)
        return x->is_off ? 1 : -1;
    if (x->n_rows != y->n_rows)
        return x->n_rows < y->n_rows ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

/* One past the greatest number of rows in the tier of `rows`. */
static uint64_t tier_end(uint64_t rows)
{
    uint64_t end = TIER_FIRST_ROWS;
    while (end <= rows)
        end *= TIER_FACTOR;
    return end;
}

/* How many of c[0..n) (one partition, ascending rows) to merge, beginning with the first. */
static size_t take(const candidate *c, size_t n, size_t inputs_min)
{
    uint64_t end = inputs_min <= 2 ? UINT64_MAX : tier_end(c[0].n_rows);
    uint64_t rows = 0;
    size_t k = 0;
    while (k < n && k < MERGE_INPUTS_MAX && c[k].n_rows < end && rows + c[k].n_rows <= SEG_ROWS_MAX)
        rows += c[k++].n_rows;
    return k >= inputs_min ? k : 0;
}

static size_t pick_sorted(const candidate *c, size_t n, size_t inputs_min, size_t *ret_first)
{
    size_t first = 0;
    while (first < n) {
        size_t end = first;
        while (end < n && c[end].day == c[first].day && c[end].is_off == c[first].is_off)
            end++;
        while (first < end) {
            size_t k = take(c + first, end - first, inputs_min);
            if (k) {
                *ret_first = first;
                return k;
            }
            uint64_t next = tier_end(c[first].n_rows); /* too few of this size: try larger ones */
            while (first < end && (c[first].n_rows < next || inputs_min <= 2))
                first++;
        }
    }
    return 0;
}

size_t merge_pick(const seg_summary *const *segs, size_t n, size_t inputs_min,
                  size_t picked[MERGE_INPUTS_MAX])
{
    candidate *c = al_zalloc(n, sizeof *c);
    size_t n_c = 0;
    for (size_t i = 0; c && i < n; i++)
        if (!segs[i]->is_quarantined)
            c[n_c++] = (candidate){
                .at = i, .day = segs[i]->day, .is_off = segs[i]->is_off, .n_rows = segs[i]->n_rows};
    if (n_c)
        qsort(c, n_c, sizeof *c, by_partition_and_rows);
    size_t first = 0;
    size_t k = pick_sorted(c, n_c, inputs_min, &first);
    for (size_t i = 0; i < k; i++)
        picked[i] = c[first + i].at;
    free(c);
    return k; /* without memory: nothing now, asked again later */
}
