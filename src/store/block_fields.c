/* Fields in a block with a lexicon: each gets a home (homes.h), then its column (field_put.h). The
 * shape of a row, which fields it has in which order, has a home like a field. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/block_priv.h"
#include "store/codec/bits.h"
#include "store/format.h"

enum {
    SHAPE = 0,       /* the first that is given a home */
    ROWS_SHARE = 16, /* one in so many rows has a field that is considered, at least */
};

struct block_fields {
    homes *homes;
    field_putter *put;
    homes_field considered[HOMES_FIELDS_MAX];
    size_t column_of[HOMES_FIELDS_MAX]; /* but of SHAPE */
    uint32_t n_considered;
    uint16_t *rows[HOMES_FIELDS_MAX]; /* BLOCK_ROWS_MAX each */
    uint32_t *considered_as;          /* of each column: its number, or HOMES_FIELDS_MAX */
    size_t considered_cap;
    uint32_t *next; /* of each column: its next reference */
    size_t next_cap;
    field_value *shapes; /* n_shapes times null */
    size_t shapes_cap;
    uint16_t templates[BLOCK_ROWS_MAX];
    uint16_t refs[BLOCK_ROWS_MAX];
    uint16_t listed[BLOCK_ROWS_MAX];
    uint16_t others[BLOCK_ROWS_MAX];
};

block_fields *block_fields_new(void)
{
    block_fields *f = al_zalloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->homes = homes_new();
    f->put = field_putter_new();
    return f->homes && f->put ? f : block_fields_free(f);
}

block_fields *block_fields_free(block_fields *f)
{
    if (!f)
        return NULL;
    for (size_t i = 0; i < HOMES_FIELDS_MAX; i++)
        free(f->rows[i]);
    (void)homes_free(f->homes);
    (void)field_putter_free(f->put);
    free(f->considered_as);
    free(f->next);
    free(f->shapes);
    free(f);
    return NULL;
}

uint16_t *block_fields_templates(block_fields *f)
{
    return f->templates;
}

/* ---- Which fields get a home */

static al_code consider(block_fields *f, size_t column, uint32_t n_values)
{
    uint32_t i = f->n_considered;
    if (!f->rows[i])
        f->rows[i] = al_alloc(BLOCK_ROWS_MAX, sizeof *f->rows[i]);
    if (!f->rows[i])
        return AL_NOMEM;
    f->considered[i] = (homes_field){.rows = f->rows[i], .n_values = n_values};
    f->column_of[i] = column;
    f->n_considered++;
    return AL_OK;
}

static bool reserve_u32(uint32_t **array, size_t *cap, size_t n)
{
    if (n <= *cap)
        return true;
    uint32_t *grown = al_realloc(*array, n, sizeof *grown);
    if (!grown)
        return false;
    *array = grown;
    *cap = n;
    return true;
}

static al_code reserve(block_builder *b)
{
    block_fields *f = b->fields;
    if (!reserve_u32(&f->considered_as, &f->considered_cap, b->n_cols + 1) ||
        !reserve_u32(&f->next, &f->next_cap, b->n_cols + 1))
        return AL_NOMEM;
    if (b->n_shapes <= f->shapes_cap)
        return AL_OK;
    field_value *shapes = al_realloc(f->shapes, b->n_shapes, sizeof *shapes);
    if (!shapes)
        return AL_NOMEM;
    f->shapes = shapes;
    f->shapes_cap = b->n_shapes;
    return AL_OK;
}

/* Fields that many rows have and that repeat; fewer rows are a short list. */
static al_code choose_fields(block_builder *b)
{
    block_fields *f = b->fields;
    f->n_considered = 0;
    al_code c = consider(f, 0, (uint32_t)b->n_shapes);
    for (size_t i = 0; !c && i < b->n_cols; i++) {
        const column *col = &b->cols[i];
        bool is_absent = col->n_refs < b->n_rows;
        f->next[i] = 0;
        f->considered_as[i] = HOMES_FIELDS_MAX;
        if (f->n_considered == HOMES_FIELDS_MAX || col->n_refs * ROWS_SHARE < b->n_rows ||
            col->n_entries * 2 > col->n_refs)
            continue;
        f->considered_as[i] = f->n_considered;
        c = consider(f, i, (uint32_t)col->n_entries + is_absent);
    }
    return c;
}

static void fill_rows(block_builder *b)
{
    block_fields *f = b->fields;
    for (uint32_t i = 1; i < f->n_considered; i++)
        for (uint32_t r = 0;
             r < b->n_rows && f->considered[i].n_values > b->cols[f->column_of[i]].n_entries; r++)
            f->rows[i][r] = (uint16_t)b->cols[f->column_of[i]].n_entries; /* absent */
    for (uint32_t r = 0; r < b->n_rows; r++) {
        const shape *s = &b->shapes[b->row_shape[r]];
        f->rows[SHAPE][r] = (uint16_t)b->row_shape[r];
        for (uint32_t k = 0; k < s->n; k++) {
            uint32_t col = b->shape_cols[s->first + k];
            uint32_t at = f->next[col]++;
            if (f->considered_as[col] < HOMES_FIELDS_MAX)
                f->rows[f->considered_as[col]][r] = (uint16_t)b->cols[col].refs[at];
        }
    }
}

/* ---- Columns */

static al_code put(block_builder *b, const field_values *v, const field_refs *refs, uint8_t kind,
                   al_slice name)
{
    uint8_t homed = 0;
    al_code c = field_put(b->fields->put, v, refs, b->lex, &b->raw, &homed);
    return c ? c : block_put_column(b, kind == FMT_COL_HOMED ? homed : kind, name);
}

/* Entries of a field that has a home, from its values of all rows. */
static field_refs refs_of(block_builder *b, const homes_field *h, uint32_t n_templates)
{
    block_fields *f = b->fields;
    field_refs r = {.home = h->home, .n = b->n_rows, .at = h->rows, .n_rows = b->n_rows};
    if (h->home == HOME_ROWS)
        return r;
    bool is_tuple = h->home == HOME_TUPLES;
    const uint16_t *first = is_tuple ? homes_tuple_rows(f->homes) : homes_template_rows(f->homes);
    r.n = is_tuple ? homes_tuples(f->homes) : n_templates;
    r.at = f->refs;
    for (uint32_t i = 0; i < r.n; i++)
        f->refs[i] = h->rows[first[i]];
    if (is_tuple)
        return r;
    for (uint32_t row = 0; row < b->n_rows; row++)
        if (h->rows[row] != f->refs[f->templates[row]]) {
            f->listed[r.n_others] = (uint16_t)row;
            f->others[r.n_others++] = h->rows[row];
        }
    r.other_rows = f->listed;
    r.others = f->others;
    return r;
}

/* Entries of a field by the rows that have it. */
static field_refs listed_refs(block_builder *b, size_t col)
{
    block_fields *f = b->fields;
    const column *c = &b->cols[col];
    field_refs r = {.home = HOME_ROWS, .at = f->refs, .rows = f->listed, .n_rows = b->n_rows};
    for (uint32_t row = 0; row < b->n_rows && r.n < c->n_refs; row++) {
        const shape *s = &b->shapes[b->row_shape[row]];
        uint32_t k = 0;
        while (k < s->n && b->shape_cols[s->first + k] != col)
            k++;
        if (k == s->n)
            continue;
        f->refs[r.n] = (uint16_t)c->refs[r.n];
        f->listed[r.n++] = (uint16_t)row;
    }
    if (r.n == b->n_rows)
        r.rows = NULL;
    return r;
}

static al_code put_field(block_builder *b, size_t col, uint32_t n_templates)
{
    block_fields *f = b->fields;
    const column *c = &b->cols[col];
    const field_values v = {c->entries, (uint32_t)c->n_entries, c->bytes.ptr};
    uint32_t as = f->considered_as[col];
    const homes_field *h = as < HOMES_FIELDS_MAX ? &f->considered[as] : NULL;
    uint64_t n_absent = b->n_rows - c->n_refs;
    bool is_listed =
        !h || (h->home == HOME_ROWS && n_absent * bits_width(c->n_entries) > b->n_rows);
    const field_refs r = is_listed ? listed_refs(b, col) : refs_of(b, h, n_templates);
    return put(b, &v, &r, FMT_COL_HOMED, c->name);
}

static al_code put_row_shapes(block_builder *b, uint32_t n_templates)
{
    block_fields *f = b->fields;
    for (size_t i = 0; i < b->n_shapes; i++)
        f->shapes[i] = (field_value){.type = VAL_NULL};
    const field_values v = {f->shapes, (uint32_t)b->n_shapes, NULL};
    const field_refs r = refs_of(b, &f->considered[SHAPE], n_templates);
    return put(b, &v, &r, FMT_COL_ROW_SHAPES, (al_slice){0});
}

static al_code put_tuples(block_builder *b, size_t *n)
{
    block_fields *f = b->fields;
    uint32_t n_tuples = homes_tuples(f->homes);
    if (n_tuples == 1)
        return AL_OK;
    al_buf_varint(&b->raw, n_tuples);
    const uint16_t *of = homes_row_tuples(f->homes);
    uint32_t wide[64];
    for (uint32_t r = 0; r < b->n_rows; r += 64) { /* 64 numbers are whole bytes */
        uint32_t k = 0;
        for (; k < 64 && r + k < b->n_rows; k++)
            wide[k] = of[r + k];
        bits_pack32(wide, k, bits_width(n_tuples - 1), &b->raw);
    }
    ++*n;
    return block_put_column(b, FMT_COL_TUPLES, (al_slice){0});
}

al_code block_fields_put(block_builder *b, uint32_t n_templates, size_t *n)
{
    block_fields *f = b->fields;
    al_code c = reserve(b);
    if (!c)
        c = choose_fields(b);
    if (c)
        return c;
    fill_rows(b);
    homes_choose(f->homes, f->considered, f->n_considered, f->templates, n_templates, b->n_rows);
    c = put_tuples(b, n);
    if (!c)
        c = put_row_shapes(b, n_templates);
    ++*n;
    for (size_t i = 0; !c && i < b->n_cols; i++, ++*n)
        c = put_field(b, i, n_templates);
    return c;
}
