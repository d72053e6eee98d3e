/* Reference lists. Distances back in order of first use compress better than value numbers, and a
 * column of all new values or of one value is a run of equal bytes, which zstd makes vanish. */
#include "store/codec/refs.h"

#include <assert.h>

static uint8_t width_of(uint32_t greatest)
{
    if (greatest <= UINT8_MAX)
        return 1;
    return greatest <= UINT16_MAX ? 2 : 4;
}

static void put(al_buf *out, uint8_t width, uint32_t v)
{
    if (width == 1)
        al_buf_u8(out, (uint8_t)v);
    else if (width == 2)
        al_buf_u16(out, (uint16_t)v);
    else
        al_buf_u32(out, v);
}

void refs_encode(const uint32_t *values, uint32_t n, al_buf *out)
{
    uint32_t next = 0;
    uint32_t greatest = 0;
    for (uint32_t i = 0; i < n; i++) {
        assert(values[i] <= next);
        if (values[i] == next)
            next++;
        else if (next - values[i] > greatest)
            greatest = next - values[i];
    }
    uint8_t width = width_of(greatest);
    al_buf_u8(out, width);
    next = 0;
    if (!al_buf_reserve(out, (size_t)n * width))
        return; /* the error sticks in out */
    for (uint32_t i = 0; i < n; i++) {
        put(out, width, values[i] == next ? 0 : next - values[i]);
        next += values[i] == next;
    }
}

static uint32_t get(const uint8_t *p, uint8_t width)
{
    uint32_t v = p[0];
    if (width >= 2)
        v |= (uint32_t)p[1] << 8;
    if (width == 4)
        v |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return v;
}

void refs_decode(al_rd *r, uint32_t n, uint32_t n_values, uint32_t *ret)
{
    uint8_t width = al_rd_u8(r);
    if (width != 1 && width != 2 && width != 4)
        r->bad = true;
    al_slice bytes = al_rd_bytes(r, (uint64_t)n * width);
    if (r->bad)
        return;
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t back = get(bytes.ptr + (size_t)i * width, width);
        if (back > next || (back == 0 && next == n_values)) {
            r->bad = true;
            return;
        }
        ret[i] = next - back;
        next += back == 0;
    }
    if (next != n_values)
        r->bad = true;
}
