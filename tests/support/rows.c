/* See rows.h. The hash is FNV-1a: equal content gives equal hashes, and a chance of 2^-64 to miss a
 * difference is none to worry about. */
#include "support/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { ROWS_MAX = 1 << 26 };

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t mix_slice(uint64_t h, al_slice s)
{
    uint64_t len = s.len;
    return mix(mix(h, &len, sizeof len), s.ptr, s.len);
}

uint64_t rows_content(const record *r)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    h = mix(h, &r->time_ns, sizeof r->time_ns);
    h = mix_slice(h, r->message);
    h = mix(h, &r->n_fields, sizeof r->n_fields);
    for (uint32_t i = 0; i < r->n_fields; i++) {
        uint8_t type = (uint8_t)r->fields[i].val.type;
        h = mix_slice(h, r->fields[i].name);
        h = mix(h, &type, 1);
        h = mix_slice(h, r->fields[i].val.text);
    }
    return h;
}

void rows_done(rows_seen *r)
{
    free(r->rows);
    *r = (rows_seen){0};
}

void rows_clear(rows_seen *r)
{
    r->n = 0;
    r->stop_at = 0;
}

void rows_add(rows_seen *r, const eng_row *row)
{
    row_seen *grown = al_grow(r->rows, &r->cap, r->n, sizeof *grown, 64, ROWS_MAX);
    if (!grown) {
        (void)fprintf(stderr, "rows: out of memory\n");
        abort();
    }
    r->rows = grown;
    r->rows[r->n++] = (row_seen){
        .index_no = row->index_no, .id = row->rec->id, .content = rows_content(row->rec)};
}

eng_flow rows_take(void *ctx, const eng_row *row)
{
    rows_seen *r = ctx;
    rows_add(r, row);
    return r->n == r->stop_at ? ENG_STOP : ENG_MORE;
}

eng_flow rows_take_arrived(void *ctx, const eng_row *row, eng_arrival at)
{
    rows_seen *r = ctx;
    rows_add(r, row);
    r->rows[r->n - 1].at = at;
    return r->n == r->stop_at ? ENG_STOP : ENG_MORE;
}

size_t rows_differ(const rows_seen *a, const rows_seen *b)
{
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        if (i == a->n || i == b->n)
            return i;
        const row_seen *x = &a->rows[i];
        const row_seen *y = &b->rows[i];
        if (x->index_no != y->index_no || x->id != y->id || x->content != y->content)
            return i;
    }
    return SIZE_MAX;
}
