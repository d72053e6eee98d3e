/* Patched frame of reference. The width of a group is the one that makes it smallest, exceptions
 * (a byte for the place, the bits above the width for the rest) counted in.
 * Invariant: what pfor_open let through decodes without a further check: widths add up to at most
 * 64, places ascend and lie in their group. */
#include "store/codec/pfor.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "store/codec/bits.h"

enum {
    HEAD_BYTES = 3,
    EXCEPTIONS_MAX = 255,
    PLACE_BITS = 8,
};

typedef struct head {
    unsigned width;      /* bits of every number */
    unsigned n_more;     /* exceptions */
    unsigned more_width; /* bits of an exception's upper part */
} head;

static size_t body_bytes(const head *h, size_t rows)
{
    return bits_bytes(rows, h->width) + h->n_more + bits_bytes(h->n_more, h->more_width);
}

static head choose(const uint64_t *v, size_t rows)
{
    unsigned of_width[65] = {0};
    unsigned max = 0;
    for (size_t i = 0; i < rows; i++) {
        unsigned w = bits_width(v[i]);
        of_width[w]++;
        max = AL_MAX(max, w);
    }
    head best = {.width = max};
    size_t best_bits = rows * max;
    unsigned n_more = 0;
    for (unsigned w = max; w-- > 0;) {
        n_more += of_width[w + 1];
        size_t bits = rows * w + (size_t)n_more * (PLACE_BITS + max - w);
        if (n_more > EXCEPTIONS_MAX)
            break;
        if (bits < best_bits) {
            best = (head){.width = w, .n_more = n_more, .more_width = max - w};
            best_bits = bits;
        }
    }
    return best;
}

static void encode_group(const uint64_t *v, size_t rows, al_buf *out)
{
    uint64_t low[PFOR_GROUP];
    uint64_t more[PFOR_GROUP];
    uint8_t place[PFOR_GROUP];
    head h = choose(v, rows);
    uint64_t mask = h.width == 64 ? UINT64_MAX : (UINT64_C(1) << h.width) - 1;
    size_t n = 0;
    for (size_t i = 0; i < rows; i++) {
        low[i] = v[i] & mask;
        if (low[i] == v[i])
            continue;
        place[n] = (uint8_t)i;
        more[n++] = v[i] >> h.width;
    }
    assert(n == h.n_more);
    al_buf_u8(out, (uint8_t)h.width);
    al_buf_u8(out, (uint8_t)h.n_more);
    al_buf_u8(out, (uint8_t)h.more_width);
    bits_pack(low, rows, h.width, out);
    al_buf_put(out, place, n);
    bits_pack(more, n, h.more_width, out);
}

void pfor_encode(const uint64_t *v, size_t n, al_buf *out)
{
    assert(n <= (size_t)PFOR_GROUP * PFOR_GROUPS_MAX);
    for (size_t i = 0; i < n; i += PFOR_GROUP)
        encode_group(v + i, AL_MIN(n - i, (size_t)PFOR_GROUP), out);
}

static bool places_ascend(const uint8_t *place, unsigned n, size_t rows)
{
    for (unsigned i = 1; i < n; i++)
        if (place[i] <= place[i - 1])
            return false;
    return n == 0 || place[n - 1] < rows;
}

void pfor_open(al_rd *r, size_t n, pfor *ret)
{
    assert(n <= (size_t)PFOR_GROUP * PFOR_GROUPS_MAX);
    *ret = (pfor){.bytes = r->p, .n = (uint32_t)n};
    size_t left = r->left;
    for (uint32_t g = 0; g * (size_t)PFOR_GROUP < n; g++) {
        head h;
        size_t rows = pfor_group_rows(ret, g);
        h.width = al_rd_u8(r);
        h.n_more = al_rd_u8(r);
        h.more_width = al_rd_u8(r);
        if (h.width + h.more_width > 64 || (h.n_more == 0) != (h.more_width == 0))
            r->bad = true;
        al_slice body = al_rd_bytes(r, r->bad ? 0 : body_bytes(&h, rows));
        if (r->bad || !places_ascend(body.ptr + bits_bytes(rows, h.width), h.n_more, rows)) {
            r->bad = true;
            return;
        }
        ret->off[g + 1] = (uint32_t)(left - r->left);
    }
}

uint32_t pfor_group_rows(const pfor *p, uint32_t g)
{
    assert(g * PFOR_GROUP < p->n);
    return AL_MIN(p->n - g * PFOR_GROUP, (uint32_t)PFOR_GROUP);
}

static const uint8_t *read_head(const pfor *p, uint32_t g, head *ret)
{
    const uint8_t *at = p->bytes + p->off[g];
    *ret = (head){.width = at[0], .n_more = at[1], .more_width = at[2]};
    return at + HEAD_BYTES;
}

void pfor_group(const pfor *p, uint32_t g, uint64_t *ret)
{
    head h;
    uint32_t rows = pfor_group_rows(p, g);
    const uint8_t *low = read_head(p, g, &h);
    const uint8_t *place = low + bits_bytes(rows, h.width);
    bits_unpack(low, rows, h.width, ret);
    for (unsigned i = 0; i < h.n_more; i++)
        ret[place[i]] |= bits_get(place + h.n_more, h.more_width, i) << h.width;
}

uint64_t pfor_first(const pfor *p, uint32_t g)
{
    head h;
    const uint8_t *low = read_head(p, g, &h);
    const uint8_t *place = low + bits_bytes(pfor_group_rows(p, g), h.width);
    uint64_t v = bits_get(low, h.width, 0);
    if (h.n_more && place[0] == 0)
        v |= bits_get(place + h.n_more, h.more_width, 0) << h.width;
    return v;
}
