/* Which segments to merge, and how much of a tail.
 * Why so rarely: each merge writes its rows again. A tail merge makes segments of up to a million
 * rows when much comes in; those are left as they are. Only trickles and late records make small
 * ones: eight of like size (within a factor of eight) become one, so a row is written again at most
 * once per factor of eight. Who asks for `compact` has fewer merged, but no large segment written
 * again for a few rows: that would cost as much as all the merges before. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/merge.h"

/* ---- Tails */

/* The end of the frame that begins at mems[i]; adds up what is in it. */
static size_t frame_end(memtab *const *mems, size_t n, size_t i, uint64_t *rows, uint64_t *raw)
{
    uint64_t frame = mems[i]->frame;
    for (; i < n && mems[i]->frame == frame; i++) {
        *rows += mems[i]->info.n_rows;
        *raw += mems[i]->info.raw_bytes;
    }
    return i;
}

/* The greatest day of mems[from, to), if it is later than `day`. */
static uint32_t later_day(memtab *const *mems, size_t from, size_t to, uint32_t day)
{
    for (size_t i = from; i < to; i++)
        day = AL_MAX(day, part_day(mems[i]->info.max_id));
    return day;
}

/* A block opens with its first row and closes behind its last. */
typedef struct opening {
    uint64_t id;
    int64_t bytes; /* less when it closes */
} opening;

static int by_id(const void *a, const void *b)
{
    const opening *x = a;
    const opening *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0; /* opened before closed */
}

/* Decoded bytes of the blocks that a merge has open at once; 0 without memory to count them. */
static int64_t most_open_bytes(memtab *const *mems, size_t n)
{
    AL_CLEANUP(al_freep) opening *o = al_alloc(2 * n, sizeof *o);
    if (!o)
        return 0;
    for (size_t i = 0; i < n; i++) {
        const block_info *b = &mems[i]->info;
        o[2 * i] = (opening){.id = b->min_id, .bytes = b->raw_bytes};
        o[2 * i + 1] = (opening){.id = b->max_id, .bytes = -(int64_t)b->raw_bytes};
    }
    qsort(o, 2 * n, sizeof *o, by_id);
    int64_t most = 0;
    int64_t now = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        now += o[i].bytes;
        most = AL_MAX(most, now);
    }
    return most;
}

/* Whole frames, about half of mems[0, n); n when that is one frame. */
static size_t half_of(memtab *const *mems, size_t n)
{
    size_t k = n / 2;
    while (k && mems[k]->frame == mems[k - 1]->frame)
        k--;
    return k ? k : n;
}

size_t merge_take(memtab *const *mems, size_t n, bool is_full)
{
    uint64_t rows = 0;
    uint64_t raw = 0;
    uint32_t day = 0;
    size_t taken = 0;
    size_t day_ends = 0; /* there a later day begins than any before */
    while (taken < n) {
        uint64_t rows_before = rows;
        size_t end = frame_end(mems, n, taken, &rows, &raw);
        if (taken && (rows > SEG_ROWS_MAX || raw > 2ULL * TAIL_RAW_BYTES))
            break;
        uint32_t next = later_day(mems, taken, end, day);
        if (next > day && rows_before >= TAIL_ROWS / 2)
            day_ends = taken;
        day = next;
        taken = end;
    }
    if (is_full && day_ends)
        taken = day_ends;
    while (most_open_bytes(mems, taken) > MERGE_OPEN_BYTES) {
        size_t fewer = half_of(mems, taken);
        if (fewer == taken)
            break;
        taken = fewer;
    }
    return taken;
}

/* ---- Segments */

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
    while (k && c[k - 1].n_rows >= MERGE_LARGE_ROWS &&
           (rows - c[k - 1].n_rows) * TIER_FACTOR < c[k - 1].n_rows)
        rows -= c[--k].n_rows;
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
