/* Builds blocks: rows in, compressed columns out.
 * Shape: doc/format.md section 4. Every string value goes through its column's dictionary; a value
 * that repeats costs a reference. Rows of one kind have the same names in the same order, so the
 * shape of the row before predicts the columns of this one and no name is hashed. With a lexicon
 * messages go to a msg_builder instead, and columns get homes when they are put (block_fields.c).
 * Invariants: (1) rows, `ids`, `times`, `row_shape` have n_rows entries; (2) a column's `refs` has
 * one entry for each row whose shape lists it; (3) value and shape numbers are in order of first
 * use (refs.h). */
#include "store/block_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "store/block_ids.h"
#include "store/codec/refs.h"
#include "store/format.h"

enum {
    EMPTY = -1,
    SLOTS_FIRST = 64,
    COLUMNS_KEPT = 512, /* columns whose memory is kept for the next block */
    ROW_RAW_BYTES = 24, /* id, time, message length and shape of a row, about */
    VALUE_RAW_BYTES = 4,
};

/* ---- A hash table of numbers */

static void numtab_clear(numtab *t)
{
    if (t->n_slots)
        memset(t->slots, 0xff, t->n_slots * sizeof *t->slots);
    t->n_used = 0;
}

/* Makes room for one more; `hashes[i]` is the hash of number i < n_used. */
static bool numtab_reserve(numtab *t, const uint64_t *hashes)
{
    if (t->n_used * 2 < t->n_slots)
        return true;
    size_t n = t->n_slots ? t->n_slots * 2 : SLOTS_FIRST;
    int32_t *slots = al_alloc(n, sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0xff, n * sizeof *slots);
    for (size_t i = 0; i < t->n_used; i++) {
        size_t at = hashes[i] & (n - 1);
        while (slots[at] != EMPTY)
            at = (at + 1) & (n - 1);
        slots[at] = (int32_t)i;
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    return true;
}

block_builder *block_builder_new(void)
{
    block_builder *b = al_zalloc(1, sizeof *b);
    if (!b)
        return NULL;
    al_buf_init(&b->lens, COLUMN_BYTES_MAX);
    al_buf_init(&b->messages, COLUMN_BYTES_MAX);
    al_buf_init(&b->raw, COLUMN_BYTES_MAX);
    al_buf_init(&b->dir, BLOCK_BYTES_MAX);
    al_buf_init(&b->stored, BLOCK_BYTES_MAX);
    b->pack = packer_new();
    b->arena = al_arena_new(4096);
    b->ids = al_alloc(BLOCK_ROWS_MAX, sizeof *b->ids);
    b->times = al_alloc(BLOCK_ROWS_MAX, sizeof *b->times);
    b->row_shape = al_alloc(BLOCK_ROWS_MAX, sizeof *b->row_shape);
    if (!b->pack || !b->arena || !b->ids || !b->times || !b->row_shape)
        return block_builder_free(b);
    return b;
}

al_code block_builder_use_lexicon(block_builder *b, lex_builder *lex)
{
    assert(b->n_rows == 0);
    if (!b->templates)
        b->templates = msg_builder_new();
    if (!b->fields)
        b->fields = block_fields_new();
    if (!b->templates || !b->fields)
        return AL_NOMEM;
    b->lex = lex;
    return AL_OK;
}

static void column_done(column *c)
{
    free(c->entries);
    free(c->hashes);
    free(c->refs);
    free(c->tab.slots);
    al_buf_done(&c->bytes);
    *c = (column){0};
}

block_builder *block_builder_free(block_builder *b)
{
    if (!b)
        return NULL;
    for (size_t i = 0; i < b->n_cols_made; i++)
        column_done(&b->cols[i]);
    free(b->cols);
    free(b->col_hashes);
    free(b->col_tab.slots);
    free(b->shapes);
    free(b->shape_hashes);
    free(b->shape_tab.slots);
    free(b->shape_cols);
    free(b->row_cols);
    free(b->ids);
    free(b->times);
    free(b->row_shape);
    al_buf_done(&b->lens);
    al_buf_done(&b->messages);
    al_buf_done(&b->raw);
    al_buf_done(&b->dir);
    al_buf_done(&b->stored);
    (void)msg_builder_free(b->templates);
    (void)block_fields_free(b->fields);
    (void)packer_free(b->pack);
    (void)al_arena_free(b->arena);
    free(b);
    return NULL;
}

static void column_clear(column *c)
{
    c->name = (al_slice){0};
    c->n_entries = 0;
    c->n_refs = 0;
    c->last_row = 0;
    al_buf_reuse(&c->bytes, BLOCK_BUF_KEPT_BYTES);
    numtab_clear(&c->tab);
}

void block_builder_clear(block_builder *b)
{
    for (size_t i = 0; i < b->n_cols_made; i++) {
        if (i < COLUMNS_KEPT)
            column_clear(&b->cols[i]);
        else
            column_done(&b->cols[i]);
    }
    b->n_cols_made = AL_MIN(b->n_cols_made, (size_t)COLUMNS_KEPT);
    b->n_cols = 0;
    b->n_shapes = 0;
    b->n_shape_cols = 0;
    b->n_rows = 0;
    b->raw_bytes = 0;
    numtab_clear(&b->col_tab);
    numtab_clear(&b->shape_tab);
    al_buf_reuse(&b->lens, BLOCK_BUF_KEPT_BYTES);
    al_buf_reuse(&b->messages, BLOCK_BUF_KEPT_BYTES);
    if (b->templates)
        msg_builder_clear(b->templates);
    al_arena_reset(b->arena);
}

uint32_t block_builder_rows(const block_builder *b)
{
    return b->n_rows;
}

/* ---- Columns by name */

static bool column_find(const block_builder *b, al_slice name, uint64_t hash, uint32_t *ret)
{
    const numtab *t = &b->col_tab;
    if (!t->n_slots)
        return false;
    for (size_t at = hash & (t->n_slots - 1); t->slots[at] != EMPTY;
         at = (at + 1) & (t->n_slots - 1)) {
        uint32_t i = (uint32_t)t->slots[at];
        if (b->col_hashes[i] == hash && al_slice_eq(b->cols[i].name, name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static void numtab_add(numtab *t, uint64_t hash)
{
    size_t at = hash & (t->n_slots - 1);
    while (t->slots[at] != EMPTY)
        at = (at + 1) & (t->n_slots - 1);
    t->slots[at] = (int32_t)t->n_used++;
}

static al_code column_make(block_builder *b, al_slice name, uint64_t hash, uint32_t *ret)
{
    column *cols = al_grow(b->cols, &b->cols_cap, b->n_cols, sizeof *cols, 32,
                           BLOCK_NAMES_MAX + REC_FIELDS_MAX);
    if (!cols)
        return AL_NOMEM;
    b->cols = cols;
    uint64_t *hashes = al_grow(b->col_hashes, &b->col_hashes_cap, b->n_cols, sizeof *hashes, 32,
                               BLOCK_NAMES_MAX + REC_FIELDS_MAX);
    if (!hashes)
        return AL_NOMEM;
    b->col_hashes = hashes;
    if (!numtab_reserve(&b->col_tab, b->col_hashes))
        return AL_NOMEM;
    al_slice copy = al_arena_copy(b->arena, name);
    if (!copy.ptr)
        return AL_NOMEM;
    column *c = &b->cols[b->n_cols];
    if (b->n_cols == b->n_cols_made) {
        *c = (column){0};
        al_buf_init(&c->bytes, COLUMN_BYTES_MAX);
        b->n_cols_made++;
    }
    c->name = copy;
    b->col_hashes[b->n_cols] = hash;
    numtab_add(&b->col_tab, hash);
    *ret = (uint32_t)b->n_cols++;
    return AL_OK;
}

/* Which columns the row's fields go to, guessing from the row before. */
static al_code row_columns(block_builder *b, const record *r)
{
    if (r->n_fields > b->row_cols_cap) {
        uint32_t *grown = al_realloc(b->row_cols, r->n_fields, sizeof *grown);
        if (!grown)
            return AL_NOMEM;
        b->row_cols = grown;
        b->row_cols_cap = r->n_fields;
    }
    const shape *guess = b->n_rows ? &b->shapes[b->row_shape[b->n_rows - 1]] : NULL;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        al_slice name = r->fields[i].name;
        if (guess && i < guess->n) {
            uint32_t col = b->shape_cols[guess->first + i];
            if (al_slice_eq(b->cols[col].name, name)) {
                b->row_cols[i] = col;
                continue;
            }
        }
        uint64_t hash = XXH3_64bits(name.ptr ? (const void *)name.ptr : "", name.len);
        if (column_find(b, name, hash, &b->row_cols[i]))
            continue;
        al_code c = column_make(b, name, hash, &b->row_cols[i]);
        if (c)
            return c;
    }
    return AL_OK;
}

/* ---- Shapes */

static bool shape_is(const block_builder *b, const shape *s, uint32_t n)
{
    return s->n == n &&
           (n == 0 || memcmp(b->shape_cols + s->first, b->row_cols, n * sizeof(uint32_t)) == 0);
}

static al_code shape_make(block_builder *b, uint32_t n, uint64_t hash, uint32_t *ret)
{
    shape *shapes =
        al_grow(b->shapes, &b->shapes_cap, b->n_shapes, sizeof *shapes, 16, BLOCK_SHAPES_MAX);
    if (!shapes)
        return AL_NOMEM;
    b->shapes = shapes;
    uint64_t *hashes = al_grow(b->shape_hashes, &b->shape_hashes_cap, b->n_shapes, sizeof *hashes,
                               16, BLOCK_SHAPES_MAX);
    if (!hashes)
        return AL_NOMEM;
    b->shape_hashes = hashes;
    if (!numtab_reserve(&b->shape_tab, b->shape_hashes))
        return AL_NOMEM;
    while (b->n_shape_cols + n > b->shape_cols_cap) {
        size_t cap = AL_MAX(b->shape_cols_cap * 2, (size_t)1024);
        uint32_t *grown = al_realloc(b->shape_cols, cap, sizeof *grown);
        if (!grown)
            return AL_NOMEM;
        b->shape_cols = grown;
        b->shape_cols_cap = cap;
    }
    if (n)
        memcpy(b->shape_cols + b->n_shape_cols, b->row_cols, n * sizeof(uint32_t));
    b->shapes[b->n_shapes] = (shape){.first = (uint32_t)b->n_shape_cols, .n = n};
    b->shape_hashes[b->n_shapes] = hash;
    b->n_shape_cols += n;
    numtab_add(&b->shape_tab, hash);
    *ret = (uint32_t)b->n_shapes++;
    return AL_OK;
}

static al_code row_shape_of(block_builder *b, uint32_t n, uint32_t *ret)
{
    if (b->n_rows) {
        *ret = b->row_shape[b->n_rows - 1];
        if (shape_is(b, &b->shapes[*ret], n))
            return AL_OK;
    }
    uint64_t hash = XXH3_64bits(n ? (const void *)b->row_cols : "", n * sizeof(uint32_t));
    const numtab *t = &b->shape_tab;
    for (size_t at = hash & (t->n_slots - 1); t->n_slots && t->slots[at] != EMPTY;
         at = (at + 1) & (t->n_slots - 1)) {
        *ret = (uint32_t)t->slots[at];
        if (b->shape_hashes[*ret] == hash && shape_is(b, &b->shapes[*ret], n))
            return AL_OK;
    }
    return shape_make(b, n, hash, ret);
}

/* ---- Values */

static al_code column_value(column *c, const value *v, uint32_t *ret)
{
    uint64_t hash =
        XXH3_64bits_withSeed(v->text.ptr ? (const void *)v->text.ptr : "", v->text.len, v->type);
    const numtab *t = &c->tab;
    for (size_t at = hash & (t->n_slots - 1); t->n_slots && t->slots[at] != EMPTY;
         at = (at + 1) & (t->n_slots - 1)) {
        *ret = (uint32_t)t->slots[at];
        const field_value *e = &c->entries[*ret];
        if (c->hashes[*ret] == hash && e->type == v->type && e->len == v->text.len &&
            (e->len == 0 || memcmp(c->bytes.ptr + e->off, v->text.ptr, e->len) == 0))
            return AL_OK;
    }
    field_value *entries =
        al_grow(c->entries, &c->entries_cap, c->n_entries, sizeof *entries, 64, BLOCK_ROWS_MAX);
    if (!entries)
        return AL_NOMEM;
    c->entries = entries;
    uint64_t *hashes =
        al_grow(c->hashes, &c->hashes_cap, c->n_entries, sizeof *hashes, 64, BLOCK_ROWS_MAX);
    if (!hashes)
        return AL_NOMEM;
    c->hashes = hashes;
    if (!numtab_reserve(&c->tab, c->hashes))
        return AL_NOMEM;
    c->entries[c->n_entries] =
        (field_value){.off = c->bytes.len, .len = (uint32_t)v->text.len, .type = (uint8_t)v->type};
    c->hashes[c->n_entries] = hash;
    al_buf_slice_put(&c->bytes, v->text);
    if (al_buf_code(&c->bytes))
        return al_buf_code(&c->bytes);
    numtab_add(&c->tab, hash);
    *ret = (uint32_t)c->n_entries++;
    return AL_OK;
}

static al_code column_add(column *c, const value *v)
{
    uint32_t *refs = al_grow(c->refs, &c->refs_cap, c->n_refs, sizeof *refs, 64, BLOCK_ROWS_MAX);
    if (!refs)
        return AL_NOMEM;
    c->refs = refs;
    al_code code = column_value(c, v, &c->refs[c->n_refs]);
    if (!code)
        c->n_refs++;
    return code;
}

/* ---- Rows */

static size_t row_raw_bytes(const record *r)
{
    size_t n = r->message.len + ROW_RAW_BYTES;
    for (uint32_t i = 0; i < r->n_fields; i++)
        n += r->fields[i].val.text.len + r->fields[i].name.len / 8 + VALUE_RAW_BYTES;
    return n;
}

static bool is_full(const block_builder *b, const record *r, size_t raw)
{
    if (b->n_rows == BLOCK_ROWS_MAX || b->raw_bytes + raw > BLOCK_RAW_BYTES)
        return true;
    if (b->n_shape_cols + r->n_fields > BLOCK_SHAPE_ENTRIES_MAX)
        return true;
    /* Before names are looked up: as if every field were a new one, unless the rows are few. */
    size_t n_cols = b->n_cols + r->n_fields;
    if (n_cols <= BLOCK_CELLS_MAX / BLOCK_ROWS_MAX)
        return false;
    n_cols = b->n_cols;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        uint32_t col;
        al_slice name = r->fields[i].name;
        n_cols += !column_find(b, name,
                               XXH3_64bits(name.ptr ? (const void *)name.ptr : "", name.len), &col);
    }
    return n_cols > BLOCK_NAMES_MAX || n_cols * (b->n_rows + 1) > BLOCK_CELLS_MAX;
}

static al_code add_message(block_builder *b, al_slice message)
{
    if (b->lex)
        return msg_builder_add(b->templates, message);
    al_buf_varint(&b->lens, message.len);
    al_buf_slice_put(&b->messages, message);
    return al_buf_code(&b->lens) ? al_buf_code(&b->lens) : al_buf_code(&b->messages);
}

al_code block_builder_add(block_builder *b, const record *r)
{
    assert(b->n_rows == 0 || r->id > b->ids[b->n_rows - 1]);
    assert(r->time_ns >= 0 && r->id >= (uint64_t)r->time_ns);
    size_t raw = row_raw_bytes(r);
    if (raw > COLUMN_BYTES_MAX || r->n_fields > BLOCK_NAMES_MAX)
        return AL_LIMIT;
    if (b->n_rows && is_full(b, r, raw))
        return AL_AGAIN;
    al_code c = row_columns(b, r);
    if (c)
        return c;
    uint32_t shape_no = 0;
    c = row_shape_of(b, r->n_fields, &shape_no);
    if (c)
        return c;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        column *col = &b->cols[b->row_cols[i]];
        assert(col->last_row != b->n_rows + 1); /* names are unique within a record */
        col->last_row = b->n_rows + 1;
        c = column_add(col, &r->fields[i].val);
        if (c)
            return c;
    }
    c = add_message(b, r->message);
    if (c)
        return c;
    b->ids[b->n_rows] = r->id;
    b->times[b->n_rows] = r->time_ns;
    b->row_shape[b->n_rows] = shape_no;
    b->n_rows++;
    b->raw_bytes += raw;
    return AL_OK;
}

/* ---- Encoding */

al_code block_put_column(block_builder *b, uint8_t kind, al_slice name)
{
    packed d;
    if (al_buf_code(&b->raw))
        return al_buf_code(&b->raw);
    /* What is bit-packed would hardly get smaller, and is read where it stands. */
    bool is_field =
        kind == FMT_COL_FIELD || (kind >= FMT_COL_HOMED && kind <= FMT_COL_HOMED_OUTSIDE);
    bool is_raw = kind == FMT_COL_IDS || kind == FMT_COL_TIMES || kind == FMT_COL_TEMPLATES ||
                  kind >= FMT_COL_TUPLES;
    al_slice raw = al_buf_slice(&b->raw);
    al_code c =
        is_raw ? packed_store_raw(raw, &b->stored, &d) : packed_store(b->pack, raw, &b->stored, &d);
    if (c)
        return c;
    al_buf_u8(&b->dir, kind);
    if (is_field) {
        al_buf_varint(&b->dir, name.len);
        al_buf_slice_put(&b->dir, name);
    }
    packed_put(&d, &b->dir);
    al_buf_clear(&b->raw);
    return al_buf_code(&b->dir);
}

static bool times_differ(const block_builder *b)
{
    for (uint32_t i = 0; i < b->n_rows; i++)
        if (b->ids[i] != (uint64_t)b->times[i])
            return true;
    return false;
}

static void raw_shapes(block_builder *b)
{
    al_buf_varint(&b->raw, b->n_shapes);
    for (size_t i = 0; i < b->n_shapes; i++) {
        const shape *s = &b->shapes[i];
        al_buf_varint(&b->raw, s->n);
        for (uint32_t k = 0; k < s->n; k++)
            al_buf_varint(&b->raw, b->shape_cols[s->first + k]);
    }
    if (!b->lex) /* else they have a home */
        refs_encode(b->row_shape, b->n_rows, &b->raw);
}

static void raw_field(block_builder *b, const column *c)
{
    al_buf_varint(&b->raw, c->n_entries);
    uint8_t *types = al_buf_extend(&b->raw, c->n_entries);
    for (size_t i = 0; types && i < c->n_entries; i++)
        types[i] = c->entries[i].type;
    for (size_t i = 0; i < c->n_entries; i++)
        if (c->entries[i].type >= VAL_NUMBER)
            al_buf_varint(&b->raw, c->entries[i].len);
    al_buf_slice_put(&b->raw, al_buf_slice(&c->bytes));
    refs_encode(c->refs, (uint32_t)c->n_refs, &b->raw);
}

/* A column of what `from` holds, if anything. */
static al_code put_rest(block_builder *b, uint8_t kind, const al_buf *from, size_t *n)
{
    if (from->len == 0)
        return AL_OK;
    *n += 1;
    al_buf_slice_put(&b->raw, al_buf_slice(from));
    return block_put_column(b, kind, (al_slice){0});
}

/* The messages, in up to three columns. */
static al_code put_messages(block_builder *b, size_t *n, uint32_t *ret_templates)
{
    const al_slice none = {0};
    *n += 1;
    if (!b->lex) {
        al_buf_slice_put(&b->raw, al_buf_slice(&b->lens));
        al_buf_slice_put(&b->raw, al_buf_slice(&b->messages));
        return block_put_column(b, FMT_COL_MESSAGE, none);
    }
    al_buf_clear(&b->messages); /* for texts and slots: rows are not collected there */
    al_buf_clear(&b->lens);
    const msg_column to = {.map = &b->raw, .slots = &b->lens, .text = &b->messages};
    al_code c = lex_builder_block(b->lex);
    if (!c)
        c = msg_builder_encode(b->templates, b->lex, &to, block_fields_templates(b->fields),
                               ret_templates);
    if (!c)
        c = block_put_column(b, FMT_COL_TEMPLATES, none);
    if (!c)
        c = put_rest(b, FMT_COL_SLOTS, &b->lens, n);
    return c ? c : put_rest(b, FMT_COL_TEXTS, &b->messages, n);
}

static al_code put_fields(block_builder *b, size_t *n)
{
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < b->n_cols; i++, ++*n) {
        raw_field(b, &b->cols[i]);
        c = block_put_column(b, FMT_COL_FIELD, b->cols[i].name);
    }
    return c;
}

static al_code put_columns(block_builder *b, size_t *ret_n)
{
    const al_slice none = {0};
    size_t n = 2;
    block_ids_encode(b->ids, b->n_rows, &b->raw);
    al_code c = block_put_column(b, FMT_COL_IDS, none);
    if (!c && times_differ(b)) {
        n++;
        block_offs_encode(b->ids, b->times, b->n_rows, &b->raw);
        c = block_put_column(b, FMT_COL_TIMES, none);
    }
    if (c)
        return c;
    uint32_t n_templates = 0;
    c = put_messages(b, &n, &n_templates);
    if (c)
        return c;
    *ret_n = n;
    raw_shapes(b);
    c = block_put_column(b, FMT_COL_SHAPES, none);
    if (c)
        return c;
    return b->lex ? block_fields_put(b, n_templates, ret_n) : put_fields(b, ret_n);
}

static block_info describe(const block_builder *b)
{
    block_info info = {.min_id = b->ids[0],
                       .max_id = b->ids[b->n_rows - 1],
                       .min_ns = INT64_MAX,
                       .max_ns = INT64_MIN,
                       .n_rows = b->n_rows,
                       .raw_bytes = (uint32_t)AL_MIN(b->raw_bytes, (size_t)UINT32_MAX)};
    for (uint32_t i = 0; i < b->n_rows; i++) {
        info.min_ns = AL_MIN(info.min_ns, b->times[i]);
        info.max_ns = AL_MAX(info.max_ns, b->times[i]);
    }
    return info;
}

static al_code encode(block_builder *b, al_buf *out, block_info *ret)
{
    al_buf_clear(&b->raw);
    al_buf_clear(&b->dir);
    al_buf_clear(&b->stored);
    size_t n_columns = 0;
    al_code c = put_columns(b, &n_columns);
    if (c)
        return c;
    al_buf_varint(&b->raw, n_columns); /* scratch once more: how long is the number? */
    size_t header = FMT_BLOCK_FIXED_BYTES + b->raw.len + b->dir.len + 4;
    size_t total = header + b->stored.len;
    if (total > BLOCK_BYTES_MAX)
        return AL_LIMIT;
    *ret = describe(b);
    ret->len = (uint32_t)total;
    size_t at = out->len;
    if (!al_buf_reserve(out, total))
        return al_buf_code(out);
    al_buf_u32(out, FMT_MAGIC_BLOCK);
    al_buf_u32(out, (uint32_t)header);
    al_buf_u32(out, (uint32_t)total);
    al_buf_u32(out, b->n_rows);
    al_buf_u64(out, ret->min_id);
    al_buf_u64(out, ret->max_id);
    al_buf_u64(out, (uint64_t)ret->min_ns);
    al_buf_u64(out, (uint64_t)ret->max_ns);
    al_buf_u32(out, ret->raw_bytes);
    al_buf_slice_put(out, al_buf_slice(&b->raw));
    al_buf_slice_put(out, al_buf_slice(&b->dir));
    al_buf_u32(out, al_crc32c(0, out->ptr + at, out->len - at));
    assert(out->len == at + header);
    al_buf_slice_put(out, al_buf_slice(&b->stored));
    assert(al_buf_code(out) == AL_OK);
    return AL_OK;
}

al_code block_builder_encode(block_builder *b, al_buf *out, block_info *ret, al_err *err)
{
    assert(b->n_rows > 0);
    al_code c = encode(b, out, ret);
    al_buf_reuse(&b->raw, BLOCK_BUF_KEPT_BYTES);
    al_buf_reuse(&b->stored, BLOCK_BUF_KEPT_BYTES);
    if (c)
        return al_fail(err, c, "encode a block of %u rows: %s", b->n_rows,
                       c == AL_NOMEM ? "no memory" : "too large");
    block_builder_clear(b);
    return AL_OK;
}
