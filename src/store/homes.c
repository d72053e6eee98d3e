/* Choosing homes.
 *
 * Why: a process writes many rows, and with each come the same host, project, process and request;
 * a line of source writes the same logger and level each time. Told once per row these cost bits in
 * every column; told once per tuple or template they cost one number per row for all of them.
 *
 * How: bits are counted for each alternative. First each field alone: rows against templates. What
 * is left is taken as one tuple; then fields are taken out of it, the one that multiplies tuples
 * most first, as long as the block gets smaller. Distinct tuples are counted by the sum of their
 * values' hashes, so that taking a field out is a subtraction. */
#include "store/homes.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/codec/bits.h"

enum {
    SLOTS = 2 * BLOCK_ROWS_MAX, /* a tuple a row at most: half of them stay empty */
    NONE = UINT16_MAX,
    EXCEPTION_BITS = 16, /* that the place of a row that differs takes, about */
};

struct homes {
    uint64_t sums[BLOCK_ROWS_MAX]; /* of the hashes of each row's members */
    uint64_t slots[SLOTS];
    uint16_t slot_tuple[SLOTS];
    uint16_t row_tuple[BLOCK_ROWS_MAX];
    uint16_t tuple_row[BLOCK_ROWS_MAX];
    uint16_t template_row[BLOCK_ROWS_MAX];
    uint32_t n_tuples;
};

homes *homes_new(void)
{
    return al_zalloc(1, sizeof(homes));
}

homes *homes_free(homes *h)
{
    free(h);
    return NULL;
}

uint32_t homes_tuples(const homes *h)
{
    return h->n_tuples;
}

const uint16_t *homes_row_tuples(const homes *h)
{
    return h->row_tuple;
}

const uint16_t *homes_tuple_rows(const homes *h)
{
    return h->tuple_row;
}

const uint16_t *homes_template_rows(const homes *h)
{
    return h->template_row;
}

static unsigned width_of(const homes_field *f)
{
    return bits_width(f->n_values - 1);
}

/* ---- Templates */

static uint64_t template_bits(const homes *h, const homes_field *f, const uint16_t *templates,
                              uint32_t n_templates, uint32_t n_rows)
{
    uint64_t n_others = 0;
    for (uint32_t r = 0; r < n_rows; r++)
        n_others += f->rows[r] != f->rows[h->template_row[templates[r]]];
    return (uint64_t)n_templates * width_of(f) + n_others * (EXCEPTION_BITS + width_of(f));
}

static void find_template_rows(homes *h, const uint16_t *templates, uint32_t n_templates,
                               uint32_t n_rows)
{
    memset(h->template_row, 0xff, n_templates * sizeof h->template_row[0]);
    for (uint32_t r = 0; r < n_rows; r++)
        if (h->template_row[templates[r]] == NONE)
            h->template_row[templates[r]] = (uint16_t)r;
}

/* ---- Tuples */

static uint64_t mix(uint32_t field, uint32_t value)
{
    uint64_t x = ((uint64_t)(field + 1) << 32 | value) * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

static void add_field(homes *h, const homes_field *f, uint32_t no, uint32_t n_rows)
{
    for (uint32_t r = 0; r < n_rows; r++)
        h->sums[r] += mix(no, f->rows[r]);
}

static uint64_t sum_without(const homes *h, const homes_field *f, uint32_t no, uint32_t row)
{
    return h->sums[row] - (f ? mix(no, f->rows[row]) : 0);
}

/* How many tuples there would be without field `no` (NULL: with all). */
static uint32_t count_tuples(homes *h, const homes_field *f, uint32_t no, uint32_t n_rows)
{
    uint32_t n = 0;
    uint64_t before = 0;
    memset(h->slots, 0, sizeof h->slots);
    for (uint32_t r = 0; r < n_rows; r++) {
        uint64_t sum = sum_without(h, f, no, r) | 1; /* 0 is an empty slot */
        if (r && sum == before)
            continue;
        before = sum;
        size_t at = sum >> 40 & (SLOTS - 1);
        while (h->slots[at] && h->slots[at] != sum)
            at = (at + 1) & (SLOTS - 1);
        n += h->slots[at] == 0;
        h->slots[at] = sum;
    }
    return n;
}

static uint64_t tuple_bits(const homes_field *fields, uint32_t n_fields, uint32_t without,
                           uint32_t n_tuples, uint32_t n_rows)
{
    uint64_t bits = (uint64_t)n_rows * bits_width(n_tuples - 1);
    for (uint32_t i = 0; i < n_fields; i++)
        if (fields[i].home == HOME_TUPLES)
            bits += (uint64_t)(i == without ? n_rows : n_tuples) * width_of(&fields[i]);
    return bits;
}

/* Takes out the field without which the block gets smallest; false: none. */
static bool drop_member(homes *h, homes_field *fields, uint32_t n_fields, uint64_t *bits,
                        uint32_t n_rows)
{
    uint32_t best = n_fields;
    for (uint32_t i = 0; i < n_fields; i++) {
        if (fields[i].home != HOME_TUPLES)
            continue;
        uint32_t n = count_tuples(h, &fields[i], i, n_rows);
        uint64_t without = tuple_bits(fields, n_fields, i, n, n_rows);
        if (without < *bits) {
            *bits = without;
            best = i;
        }
    }
    if (best == n_fields)
        return false;
    for (uint32_t r = 0; r < n_rows; r++)
        h->sums[r] = sum_without(h, &fields[best], best, r);
    fields[best].home = HOME_ROWS;
    return true;
}

static bool is_same_tuple(const homes_field *fields, uint32_t n_fields, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < n_fields; i++)
        if (fields[i].home == HOME_TUPLES && fields[i].rows[a] != fields[i].rows[b])
            return false;
    return true;
}

/* Numbers tuples; sums only lead to candidates, values decide. */
static void number_tuples(homes *h, const homes_field *fields, uint32_t n_fields, uint32_t n_rows)
{
    h->n_tuples = 0;
    memset(h->slots, 0, sizeof h->slots);
    for (uint32_t r = 0; r < n_rows; r++) {
        uint64_t sum = h->sums[r] | 1;
        size_t at = sum >> 40 & (SLOTS - 1);
        while (h->slots[at] &&
               !(h->slots[at] == sum &&
                 is_same_tuple(fields, n_fields, r, h->tuple_row[h->slot_tuple[at]])))
            at = (at + 1) & (SLOTS - 1);
        if (!h->slots[at]) {
            h->slots[at] = sum;
            h->slot_tuple[at] = (uint16_t)h->n_tuples;
            h->tuple_row[h->n_tuples++] = (uint16_t)r;
        }
        h->row_tuple[r] = h->slot_tuple[at];
    }
}

static void choose_tuples(homes *h, homes_field *fields, uint32_t n_fields, uint32_t n_rows)
{
    uint64_t as_rows = 0;
    memset(h->sums, 0, n_rows * sizeof h->sums[0]);
    for (uint32_t i = 0; i < n_fields; i++) {
        if (fields[i].home != HOME_TUPLES)
            continue;
        add_field(h, &fields[i], i, n_rows);
        as_rows += (uint64_t)n_rows * width_of(&fields[i]);
    }
    uint32_t n = count_tuples(h, NULL, 0, n_rows);
    uint64_t bits = tuple_bits(fields, n_fields, n_fields, n, n_rows);
    while (drop_member(h, fields, n_fields, &bits, n_rows))
        continue;
    if (bits < as_rows) {
        number_tuples(h, fields, n_fields, n_rows);
        return;
    }
    for (uint32_t i = 0; i < n_fields; i++)
        fields[i].home = fields[i].home == HOME_TUPLES ? HOME_ROWS : fields[i].home;
}

void homes_choose(homes *h, homes_field *fields, uint32_t n_fields, const uint16_t *templates,
                  uint32_t n_templates, uint32_t n_rows)
{
    assert(n_rows > 0 && n_rows <= BLOCK_ROWS_MAX && n_fields <= HOMES_FIELDS_MAX);
    h->n_tuples = 1;
    memset(h->row_tuple, 0, n_rows * sizeof h->row_tuple[0]);
    find_template_rows(h, templates, n_templates, n_rows);
    for (uint32_t i = 0; i < n_fields; i++) {
        homes_field *f = &fields[i];
        uint64_t as_rows = (uint64_t)n_rows * width_of(f);
        uint64_t as_templates = template_bits(h, f, templates, n_templates, n_rows);
        f->home = f->n_values == 1             ? HOME_ROWS
                  : as_templates < as_rows / 4 ? HOME_TEMPLATES
                                               : HOME_TUPLES;
    }
    choose_tuples(h, fields, n_fields, n_rows);
}
