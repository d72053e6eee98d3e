/* Collects the lexicon of a segment.
 * Memory: bounded by lex_format.h whatever the rows are; a value costs its text, 8 bytes of text
 * place, 16 to 32 of hash table, 12 of use, and 12 for each block but the last that has it.
 * Invariants: (1) numbers are in order of first appearance, so blocks[i].first_value ascends and
 * says a value's first block; (2) postings are in order of blocks; the last block of a value is in
 * `uses` only; (3) template 0 is the mark alone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/codec/fuse.h"
#include "store/codec/grams.h"
#include "store/lex/lex_priv.h"
#include "store/msg/split.h"

enum {
    SLOTS_FIRST = 1024,
    LENGTH_BYTES = 4, /* that the length of a block's filter takes, at most */
};

/* The hash that numbers are found by. */
static uint64_t hash_of(al_slice text)
{
    return XXH3_64bits(text.ptr ? (const void *)text.ptr : "", text.len);
}

/* ---- Tables */

static void table_done(lex_table *t)
{
    free(t->slots);
    free(t->texts);
    al_buf_done(&t->bytes);
}

static uint64_t slot_of(uint64_t hash, uint32_t number)
{
    return (hash & ~(uint64_t)UINT32_MAX) | (number + 1);
}

static bool table_find(const lex_table *t, al_slice text, uint64_t hash, uint32_t *ret)
{
    if (!t->n_slots)
        return false;
    for (size_t at = hash & (t->n_slots - 1); t->slots[at]; at = (at + 1) & (t->n_slots - 1)) {
        if ((t->slots[at] ^ hash) >> 32)
            continue;
        uint32_t i = (uint32_t)t->slots[at] - 1;
        if (t->texts[i].len == text.len &&
            (text.len == 0 || memcmp(t->bytes.ptr + t->texts[i].off, text.ptr, text.len) == 0)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static void table_put(uint64_t *slots, size_t n_slots, uint64_t hash, uint32_t number)
{
    size_t at = hash & (n_slots - 1);
    while (slots[at])
        at = (at + 1) & (n_slots - 1);
    slots[at] = slot_of(hash, number);
}

static bool table_reserve(lex_table *t)
{
    if ((size_t)t->n * 2 < t->n_slots)
        return true;
    size_t n = t->n_slots ? t->n_slots * 2 : SLOTS_FIRST;
    uint64_t *slots = al_zalloc(n, sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < t->n; i++)
        table_put(slots, n, hash_of(lex_table_text(t, i)), i);
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    return true;
}

static al_code table_add(lex_table *t, al_slice text, uint64_t hash, size_t max)
{
    lex_text *texts = al_grow(t->texts, &t->texts_cap, t->n, sizeof *texts, 1024, max);
    if (!texts)
        return AL_NOMEM;
    t->texts = texts;
    if (!table_reserve(t))
        return AL_NOMEM;
    t->texts[t->n] = (lex_text){(uint32_t)t->bytes.len, (uint32_t)text.len};
    al_buf_slice_put(&t->bytes, text);
    if (al_buf_code(&t->bytes))
        return al_buf_code(&t->bytes);
    table_put(t->slots, t->n_slots, hash, t->n++);
    return AL_OK;
}

/* ---- The builder */

static al_code put_whole_template(lex_builder *b)
{
    static const uint8_t mark = MSG_MARK;
    al_slice whole = {&mark, 1};
    return table_add(&b->templates, whole, hash_of(whole), LEX_TEMPLATES_MAX);
}

lex_builder *lex_builder_new(void)
{
    lex_builder *b = al_zalloc(1, sizeof *b);
    if (!b)
        return NULL;
    al_buf_init(&b->values.bytes, LEX_TEXT_BYTES_MAX);
    al_buf_init(&b->templates.bytes, LEX_TEMPLATE_BYTES_MAX);
    al_buf_init(&b->outside_lens, LEX_OUTSIDE_BYTES_MAX);
    al_buf_init(&b->outside_filters, LEX_OUTSIDE_BYTES_MAX - LEX_BLOCKS_MAX * LENGTH_BYTES);
    lex_keys_begin(&b->outside, LEX_OUTSIDE_KEYS_MAX);
    return put_whole_template(b) ? lex_builder_free(b) : b;
}

lex_builder *lex_builder_free(lex_builder *b)
{
    if (!b)
        return NULL;
    table_done(&b->values);
    table_done(&b->templates);
    free(b->uses);
    free(b->value_postings.at);
    free(b->template_postings.at);
    free(b->blocks);
    free(b->outside.at);
    al_buf_done(&b->outside_lens);
    al_buf_done(&b->outside_filters);
    free(b);
    return NULL;
}

/* ---- Numbers of a block */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void drop_doubles(lex_key_set *k)
{
    size_t n = 0;
    qsort(k->at, k->n, sizeof *k->at, by_value);
    for (size_t i = 0; i < k->n; i++)
        if (i == 0 || k->at[i] != k->at[i - 1])
            k->at[n++] = k->at[i];
    k->n = n;
}

void lex_keys_begin(lex_key_set *k, size_t max)
{
    k->n = 0;
    k->max = max;
    k->is_full = false;
    k->lacks_memory = false;
    memset(k->recent, 0, sizeof k->recent);
}

bool lex_key_add(void *ctx, uint64_t key)
{
    lex_key_set *k = ctx;
    uint64_t *recent = &k->recent[key % LEX_RECENT];
    if (*recent == key)
        return true;
    *recent = key;
    if (k->n == k->max) {
        drop_doubles(k);
        k->is_full = k->n > k->max - k->max / 4; /* else it would be sorted again and again */
    }
    uint64_t *grown =
        k->is_full ? NULL : al_grow(k->at, &k->cap, k->n, sizeof *grown, 8192, k->max);
    k->lacks_memory |= !grown && !k->is_full;
    if (!grown)
        return false;
    k->at = grown;
    k->at[k->n++] = key;
    return true;
}

static bool takes_outside(const lex_builder *b)
{
    return !b->outside.is_full && !b->outside.lacks_memory;
}

void lex_builder_number(lex_builder *b, al_slice text)
{
    if (takes_outside(b))
        (void)grams_of_digits(text, lex_key_add, &b->outside);
}

void lex_builder_text(lex_builder *b, al_slice text)
{
    if (takes_outside(b))
        (void)(grams_of_letters(text, lex_key_add, &b->outside) &&
               grams_of_digits(text, lex_key_add, &b->outside));
}

al_code lex_end_block(lex_builder *b)
{
    size_t at = b->outside_filters.len;
    if (b->n_blocks == 0)
        return AL_OK;
    if (b->outside.lacks_memory)
        return AL_NOMEM;
    al_code c = b->outside.is_full ? AL_LIMIT
                                   : fuse_build(b->outside.at, b->outside.n, &b->outside_filters);
    if (c == AL_LIMIT) /* it has none */
        b->outside_filters.len = at;
    al_buf_varint(&b->outside_lens, b->outside_filters.len - at);
    lex_keys_begin(&b->outside, LEX_OUTSIDE_KEYS_MAX);
    return c == AL_LIMIT ? al_buf_code(&b->outside_lens) : c;
}

uint32_t lex_builder_values(const lex_builder *b)
{
    return b->values.n;
}

al_code lex_builder_block(lex_builder *b)
{
    if (b->n_blocks == LEX_BLOCKS_MAX)
        return AL_LIMIT;
    lex_block *grown =
        al_grow(b->blocks, &b->blocks_cap, b->n_blocks, sizeof *grown, 64, LEX_BLOCKS_MAX);
    if (!grown)
        return AL_NOMEM;
    b->blocks = grown;
    al_code c = lex_end_block(b);
    if (c)
        return c;
    b->blocks[b->n_blocks++] = (lex_block){.first_value = b->values.n};
    return AL_OK;
}

void lex_builder_has_text(lex_builder *b)
{
    b->blocks[b->n_blocks - 1].flags |= LEX_BLOCK_HAS_TEXT;
}

void lex_builder_has_field_text(lex_builder *b)
{
    b->blocks[b->n_blocks - 1].flags |= LEX_BLOCK_HAS_FIELD_TEXT;
}

static bool is_full(const lex_builder *b)
{
    return b->value_postings.n + b->template_postings.n >= LEX_POSTINGS_MAX;
}

/* Room for one more is left by is_full, for template 0 (once a block) beyond it. */
static al_code post(lex_postings *p, uint32_t number, uint32_t block, uint32_t rows, uint8_t uses)
{
    lex_posting *grown =
        al_grow(p->at, &p->cap, p->n, sizeof *grown, 1024, LEX_POSTINGS_MAX + LEX_BLOCKS_MAX);
    if (!grown)
        return AL_NOMEM;
    p->at = grown;
    p->at[p->n++] = (lex_posting){number, block, rows, uses};
    return AL_OK;
}

/* ---- Templates */

al_code lex_builder_whole(lex_builder *b, uint32_t rows)
{
    assert(b->n_blocks > 0);
    lex_builder_has_text(b);
    return post(&b->template_postings, 0, b->n_blocks - 1, rows, 0);
}

static al_code template_number(lex_builder *b, al_slice text, uint32_t rows, bool in_field,
                               uint32_t *ret)
{
    assert(b->n_blocks > 0);
    uint64_t hash = hash_of(text);
    *ret = 0;
    if (is_full(b))
        return AL_OK;
    if (!table_find(&b->templates, text, hash, ret)) {
        bool has_room = b->templates.n < LEX_TEMPLATES_MAX &&
                        b->templates.bytes.len + text.len <= LEX_TEMPLATE_BYTES_MAX;
        if (!has_room || (b->templates.n >= LEX_TEMPLATES_FREE && rows < 2))
            return AL_OK;
        al_code c = table_add(&b->templates, text, hash, LEX_TEMPLATES_MAX);
        if (c)
            return c;
        *ret = b->templates.n - 1;
    }
    if (*ret == 0)
        return AL_OK;
    return post(&b->template_postings, *ret, b->n_blocks - 1, in_field ? 0 : rows,
                in_field ? LEX_USE_SPLIT : 0);
}

void lex_builder_numbers(lex_builder *b, uint32_t number, uint32_t bytes, bool has_point)
{
    assert(number < b->templates.n);
    uint8_t len = (uint8_t)AL_MIN(bytes, (uint32_t)UINT8_MAX);
    for (size_t i = 0; i <= (size_t)has_point; i++)
        b->longest[number][i] = AL_MAX(b->longest[number][i], len);
}

al_code lex_builder_template(lex_builder *b, al_slice text, uint32_t rows, uint32_t *ret)
{
    return template_number(b, text, rows, false, ret);
}

al_code lex_builder_field_template(lex_builder *b, al_slice text, uint32_t n, uint32_t *ret)
{
    return template_number(b, text, n, true, ret);
}

/* ---- Values */

static al_code use(lex_builder *b, uint32_t number, uint32_t row_end, uint8_t uses)
{
    uint32_t block = b->n_blocks - 1;
    lex_use *u = &b->uses[number];
    if (u->block != block) {
        al_code c = post(&b->value_postings, number, u->block, u->rows, u->uses);
        if (c)
            return c;
        *u = (lex_use){.block = block};
    }
    u->uses |= uses;
    if (row_end && u->last_row != row_end) {
        u->last_row = row_end;
        u->rows++;
    }
    return AL_OK;
}

/* `row_end`: 0 when it is no message that has it. */
static al_code value_number(lex_builder *b, al_slice text, uint32_t row_end, uint8_t uses,
                            uint32_t *ret)
{
    assert(b->n_blocks > 0);
    *ret = LEX_NONE;
    if (text.len > LEX_VALUE_BYTES_MAX || is_full(b))
        return AL_OK;
    uint64_t hash = hash_of(text);
    if (table_find(&b->values, text, hash, ret))
        return use(b, *ret, row_end, uses);
    if (b->values.n == LEX_VALUES_MAX || b->values.bytes.len + text.len > LEX_TEXT_BYTES_MAX)
        return AL_OK;
    lex_use *grown =
        al_grow(b->uses, &b->uses_cap, b->values.n, sizeof *grown, 1024, LEX_VALUES_MAX);
    if (!grown)
        return AL_NOMEM;
    b->uses = grown;
    al_code c = table_add(&b->values, text, hash, LEX_VALUES_MAX);
    if (c)
        return c;
    *ret = b->values.n - 1;
    b->uses[*ret] = (lex_use){
        .block = b->n_blocks - 1, .last_row = row_end, .rows = row_end != 0, .uses = uses};
    return AL_OK;
}

al_code lex_builder_value(lex_builder *b, al_slice text, uint32_t row, uint32_t *ret)
{
    return value_number(b, text, row + 1, 0, ret);
}

al_code lex_builder_field(lex_builder *b, al_slice text, uint32_t *ret)
{
    return value_number(b, text, 0, LEX_USE_WHOLE, ret);
}

al_code lex_builder_field_slot(lex_builder *b, al_slice text, uint32_t *ret)
{
    return value_number(b, text, 0, LEX_USE_SPLIT, ret);
}
