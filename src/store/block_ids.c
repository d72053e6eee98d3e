/* Ids and times of a block.
 *
 * Clocks tick in us or ms, ids are times (or free numbers just above): so an id is split into whole
 * units and a rest that is nearly always 0, and the units are stored as steps. The first id of each
 * group stands apart, so that a group is read, and found, without those before it.
 * Invariant: an id goes through block_ids_group before anyone sees it: there it is checked to
 * ascend within its group and to lie between the block's least and greatest. */
#include "store/block_ids.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "store/codec/bits.h"

enum {
    UNITS = 4,
    HAS_REST = 0x80,
};

static const uint64_t units[UNITS] = {1, 1000, 1000000, 1000000000};

/* With constants: the compiler makes multiplications of them. */
static uint64_t whole(uint64_t id, unsigned unit)
{
    switch (unit) {
    case 1:
        return id / 1000;
    case 2:
        return id / 1000000;
    case 3:
        return id / 1000000000;
    default:
        return id;
    }
}

static uint32_t n_groups(uint32_t n)
{
    return (n + BLOCK_GROUP - 1) / BLOCK_GROUP;
}

static void encode_with(const uint64_t *ids, uint32_t n, unsigned unit, bool has_rest, al_buf *out)
{
    uint64_t v[PFOR_GROUP];
    uint64_t bases[PFOR_GROUPS_MAX];
    uint32_t groups = n_groups(n);
    assert(n > 0);
    bases[0] = 0;
    for (uint32_t g = 1; g < groups; g++)
        bases[g] = whole(ids[(size_t)g * BLOCK_GROUP], unit) - whole(ids[0], unit);
    unsigned width = bits_width(bases[groups - 1]);
    al_buf_u8(out, (uint8_t)(unit | (has_rest ? HAS_REST : 0)));
    al_buf_u8(out, (uint8_t)width);
    bits_pack(bases, groups, width, out);
    for (uint32_t from = 0; from < n; from += BLOCK_GROUP) {
        uint32_t rows = AL_MIN(n - from, (uint32_t)BLOCK_GROUP);
        v[0] = 0;
        for (uint32_t i = 1; i < rows; i++)
            v[i] = whole(ids[from + i], unit) - whole(ids[from + i - 1], unit);
        pfor_encode(v, rows, out);
    }
    for (uint32_t from = 0; has_rest && from < n; from += BLOCK_GROUP) {
        uint32_t rows = AL_MIN(n - from, (uint32_t)BLOCK_GROUP);
        for (uint32_t i = 0; i < rows; i++)
            v[i] = ids[from + i] - whole(ids[from + i], unit) * units[unit];
        pfor_encode(v, rows, out);
    }
}

static uint32_t count_whole(const uint64_t *ids, uint32_t n, unsigned unit)
{
    uint32_t n_whole = 0;
    for (uint32_t i = 0; i < n; i++)
        n_whole += whole(ids[i], unit) * units[unit] == ids[i];
    return n_whole;
}

/* The greatest unit that divides all ids, else what is smallest of 1 and the greatest unit that
 * divides at least half of them. */
void block_ids_encode(const uint64_t *ids, uint32_t n, al_buf *out)
{
    assert(n > 0 && n <= BLOCK_ROWS_MAX);
    unsigned unit = UNITS - 1;
    uint32_t n_whole = 0;
    for (; unit > 0; unit--) {
        n_whole = count_whole(ids, n, unit);
        if (n_whole >= n - n / 2)
            break;
    }
    size_t at = out->len;
    encode_with(ids, n, unit, unit > 0 && n_whole < n, out);
    if (unit == 0 || n_whole == n)
        return;
    size_t middle = out->len;
    encode_with(ids, n, 0, false, out);
    if (al_buf_code(out))
        return;
    if (out->len - middle < middle - at) {
        memmove(out->ptr + at, out->ptr + middle, out->len - middle);
        out->len -= middle - at;
    } else {
        out->len = middle;
    }
}

void block_offs_encode(const uint64_t *ids, const int64_t *times, uint32_t n, al_buf *out)
{
    uint64_t v[PFOR_GROUP];
    for (uint32_t from = 0; from < n; from += BLOCK_GROUP) {
        uint32_t rows = AL_MIN(n - from, (uint32_t)BLOCK_GROUP);
        for (uint32_t i = 0; i < rows; i++)
            v[i] = ids[from + i] - (uint64_t)times[from + i];
        pfor_encode(v, rows, out);
    }
}

/* ---- Reading */

static uint64_t base_of(const block_ids *b, uint32_t g)
{
    return bits_get(b->bases, b->base_width, g);
}

/* NOLINTNEXTLINE(bugprone-easily-swappable-parameters): named as everywhere */
void block_ids_open(al_rd *r, uint32_t n, uint64_t min_id, uint64_t max_id, block_ids *ret)
{
    assert(n > 0 && n <= BLOCK_ROWS_MAX);
    block_ids b = {.n = n, .min_id = min_id, .max_id = max_id};
    uint8_t flags = al_rd_u8(r);
    b.base_width = al_rd_u8(r);
    unsigned unit = flags & ~(unsigned)HAS_REST;
    if (r->bad || unit >= UNITS || b.base_width > 64) {
        r->bad = true;
        return;
    }
    b.unit = units[unit];
    b.first = min_id / b.unit;
    b.has_rest = flags & HAS_REST;
    b.bases = al_rd_bytes(r, bits_bytes(n_groups(n), b.base_width)).ptr;
    if (!r->bad)
        pfor_open(r, n, &b.steps);
    if (!r->bad && b.has_rest)
        pfor_open(r, n, &b.rest);
    uint64_t before = 0;
    for (uint32_t g = 0; !r->bad && g < n_groups(n); g++) {
        uint64_t base = base_of(&b, g);
        if (base < before || base > max_id / b.unit - b.first || (g == 0 && base))
            r->bad = true;
        before = base;
    }
    *ret = b;
}

bool block_ids_group(const block_ids *b, uint32_t g, uint64_t *ret)
{
    uint64_t rest[PFOR_GROUP] = {0};
    uint32_t rows = pfor_group_rows(&b->steps, g);
    pfor_group(&b->steps, g, ret);
    if (b->has_rest)
        pfor_group(&b->rest, g, rest);
    uint64_t at = b->first + base_of(b, g); /* at most max_id / unit */
    uint64_t before = 0;
    bool ok = ret[0] == 0;
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t id;
        if (!al_add(at, ret[i], &at) || !al_mul(at, b->unit, &id) || !al_add(id, rest[i], &id))
            return false;
        ok = ok && rest[i] < b->unit && (i == 0 || id > before);
        before = ret[i] = id;
    }
    bool is_last = g * (uint32_t)BLOCK_GROUP + rows == b->n;
    if (!ok || ret[0] < b->min_id || before > b->max_id)
        return false;
    return (g > 0 || ret[0] == b->min_id) && (!is_last || before == b->max_id);
}

static uint64_t first_of(const block_ids *b, uint32_t g)
{
    uint64_t rest = b->has_rest ? pfor_first(&b->rest, g) : 0;
    return (b->first + base_of(b, g)) * b->unit + rest; /* damage may wrap: a wrong row, no worse */
}

uint32_t block_ids_find_group(const block_ids *b, uint64_t id)
{
    uint32_t lo = 0;
    uint32_t hi = n_groups(b->n);
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (first_of(b, mid) <= id)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}
