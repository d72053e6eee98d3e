/* Reading the column of a field.
 * The bytes come from disk: counts are checked when the column is opened, references when they are
 * followed. Invariants: (1) n_entries references of `width` bits stand at `refs`; (2) values that
 * have a text have a number below that of the lexicon's values, or a slice in `texts`. */
#include "store/field_view.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "store/codec/bits.h"
#include "store/field_format.h"
#include "store/msg/decimal.h"

static al_code damaged(al_err *err, const char *what)
{
    return al_fail(err, AL_CORRUPT, "field: %s", what);
}

static al_code no_memory(al_err *err)
{
    return al_fail(err, AL_NOMEM, "field");
}

/* ---- Which rows */

static al_code count_rows(field_view *f, const uint64_t *bits, const field_block *b, al_err *err)
{
    uint32_t n_words = (b->n_rows + 63) / 64;
    uint16_t *before = al_arena_alloc(b->arena, n_words, sizeof *before);
    if (!before)
        return no_memory(err);
    uint32_t n = 0;
    for (uint32_t w = 0; w < n_words; w++) {
        before[w] = (uint16_t)n;
        n += (uint32_t)__builtin_popcountll(bits[w]);
    }
    if (b->n_rows % 64 && bits[n_words - 1] >> (b->n_rows % 64))
        return damaged(err, "rows behind the last one");
    f->rows = bits;
    f->rows_before = before;
    f->n_entries = n;
    return AL_OK;
}

static al_code open_rows(field_view *f, al_rd *r, const field_block *b, al_err *err)
{
    uint8_t kind = al_rd_u8(r);
    f->n_entries = b->n_rows;
    if (r->bad || kind >= FIELD_ROWS_KINDS)
        return damaged(err, "rows of no known kind");
    if (kind == FIELD_ROWS_ALL)
        return AL_OK;
    uint64_t *bits = al_arena_alloc(b->arena, (b->n_rows + 63) / 64, sizeof *bits);
    if (!bits)
        return no_memory(err);
    memset(bits, 0, (b->n_rows + 63) / 64 * sizeof *bits);
    if (kind == FIELD_ROWS_BITS) {
        al_slice bytes = al_rd_bytes(r, (b->n_rows + 7) / 8);
        for (size_t i = 0; i < bytes.len; i++)
            bits[i / 8] |= (uint64_t)bytes.ptr[i] << (i % 8 * 8);
        return r->bad ? damaged(err, "rows are cut off") : count_rows(f, bits, b, err);
    }
    uint64_t n = al_rd_varint(r);
    uint64_t row = 0;
    for (uint64_t i = 0; i < n; i++, row++) {
        row += al_rd_varint(r);
        if (r->bad || row >= b->n_rows)
            return damaged(err, "a row is out of range");
        bits[row / 64] |= UINT64_C(1) << (row % 64);
    }
    return count_rows(f, bits, b, err);
}

/* Which entry row `row` has; FIELD_NONE. */
static uint32_t entry_of_row(const field_view *f, uint32_t row)
{
    if (!f->rows)
        return row;
    uint64_t word = f->rows[row / 64];
    uint64_t bit = UINT64_C(1) << (row % 64);
    if (!(word & bit))
        return FIELD_NONE;
    return f->rows_before[row / 64] + (uint32_t)__builtin_popcountll(word & (bit - 1));
}

/* ---- Values */

static al_code open_types(field_view *f, al_rd *r, al_err *err)
{
    f->type = al_rd_u8(r);
    if (f->type == FIELD_MIXED)
        f->types = al_rd_bytes(r, f->n_values).ptr;
    if (r->bad || (f->type > FIELD_ABSENT && f->type != FIELD_MIXED))
        return damaged(err, "types do not fit");
    for (uint32_t i = 0; f->types && i < f->n_values; i++)
        if (f->types[i] > FIELD_ABSENT)
            return damaged(err, "types do not fit");
    return AL_OK;
}

static uint8_t type_of(const field_view *f, uint32_t i)
{
    return f->types ? f->types[i] : f->type;
}

/* *ret_n: values whose text stands in the column. */
static al_code open_numbers(field_view *f, al_rd *r, const field_block *b, uint32_t *ret_n,
                            al_err *err)
{
    uint32_t *numbers = al_arena_alloc(b->arena, f->n_values, sizeof *numbers);
    if (!numbers)
        return no_memory(err);
    int64_t before = -1;
    for (uint32_t i = 0; i < f->n_values; i++) {
        uint8_t type = type_of(f, i);
        numbers[i] = LEX_NONE;
        uint64_t step = type == VAL_STRING ? al_rd_varint(r) : 0;
        if (step == 0) {
            *ret_n += type >= VAL_NUMBER && type != FIELD_ABSENT;
            continue;
        }
        if (step - 1 > UINT64_C(1) << 33)
            return damaged(err, "a number is out of range");
        before += 1 + al_unzigzag(step - 1);
        if (before < 0 || before >= (int64_t)lexicon_values(b->lex))
            return damaged(err, "a number is out of range");
        numbers[i] = (uint32_t)before;
    }
    f->numbers = numbers;
    return r->bad ? damaged(err, "numbers are cut off") : AL_OK;
}

/* A packed part inside of a column, which the header of the block does not count. */
static packed get_texts(al_rd *r, const field_block *b)
{
    packed d = packed_get(r, COLUMN_BYTES_MAX);
    *b->decoded += d.raw_bytes;
    r->bad |= *b->decoded > BLOCK_DECODED_MAX;
    return d;
}

static al_code open_texts(field_view *f, al_rd *r, const field_block *b, al_err *err)
{
    packed d = get_texts(r, b);
    al_slice stored = al_rd_bytes(r, d.stored_bytes);
    uint8_t *raw = r->bad ? NULL : al_arena_alloc(b->arena, (size_t)d.raw_bytes + 1, 1);
    al_slice *texts = al_arena_alloc(b->arena, f->n_values, sizeof *texts);
    if (r->bad)
        return damaged(err, "texts are cut off");
    if (!raw || !texts)
        return no_memory(err);
    al_code c = packed_load(b->pack, &d, stored, raw, err);
    if (c)
        return c;
    al_rd t = al_rd_of((al_slice){raw, (size_t)d.raw_bytes});
    for (uint32_t i = 0; i < f->n_values; i++) {
        uint8_t type = type_of(f, i);
        bool is_here = type >= VAL_NUMBER && type != FIELD_ABSENT && f->numbers[i] == LEX_NONE;
        uint64_t len = is_here ? al_rd_varint(&t) : 0;
        if (len > COLUMN_BYTES_MAX)
            return damaged(err, "texts do not fit");
        texts[i].len = (size_t)len;
    }
    for (uint32_t i = 0; i < f->n_values; i++)
        texts[i] = al_rd_bytes(&t, texts[i].len);
    f->texts = texts;
    return t.bad || t.left ? damaged(err, "texts do not fit") : AL_OK;
}

static al_code open_split(field_view *f, al_rd *r, const field_block *b, al_err *err)
{
    f->type = VAL_STRING;
    al_slice column = al_rd_bytes(r, al_rd_varint(r));
    packed d = get_texts(r, b);
    al_slice stored = al_rd_bytes(r, d.stored_bytes);
    if (r->bad || f->n_values > BLOCK_ROWS_MAX)
        return damaged(err, "texts are cut off");
    uint8_t *raw = al_arena_alloc(b->arena, (size_t)d.raw_bytes + 1, 1);
    f->split = al_arena_alloc(b->arena, 1, sizeof *f->split);
    if (!raw || !f->split)
        return no_memory(err);
    al_code c = packed_load(b->pack, &d, stored, raw, err);
    if (c)
        return c;
    return msg_view_open(f->split, column, (al_slice){raw, (size_t)d.raw_bytes}, f->n_values,
                         b->lex, b->pack, b->arena, err);
}

static al_code open_others(field_view *f, al_rd *r, const field_block *b, al_err *err)
{
    uint64_t n = al_rd_varint(r);
    if (r->bad || n > b->n_rows)
        return damaged(err, "rows do not fit");
    uint16_t *rows = al_arena_alloc(b->arena, (size_t)n, sizeof *rows);
    uint16_t *refs = al_arena_alloc(b->arena, (size_t)n, sizeof *refs);
    if (!rows || !refs)
        return no_memory(err);
    uint64_t row = 0;
    for (uint64_t i = 0; i < n; i++, row++) {
        row += al_rd_varint(r);
        if (r->bad || row >= b->n_rows)
            return damaged(err, "a row is out of range");
        rows[i] = (uint16_t)row;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t ref = al_rd_varint(r);
        if (r->bad || ref >= f->n_values)
            return damaged(err, "a reference is out of range");
        refs[i] = (uint16_t)ref;
    }
    f->n_others = (uint32_t)n;
    f->other_rows = rows;
    f->others = refs;
    return AL_OK;
}

static al_code open_values(field_view *f, al_rd *r, const field_block *b, al_err *err)
{
    uint64_t n = al_rd_varint(r);
    uint32_t n_here = 0;
    if (r->bad || n == 0 || n > (uint64_t)b->n_rows + 1)
        return damaged(err, "too many values");
    f->n_values = (uint32_t)n;
    al_code c = f->form == FIELD_FORM_SPLIT ? open_split(f, r, b, err) : open_types(f, r, err);
    if (!c && f->form == FIELD_FORM_VALUES)
        c = open_numbers(f, r, b, &n_here, err);
    if (!c && n_here)
        c = open_texts(f, r, b, err);
    if (c)
        return c;
    f->width = bits_width(n - 1);
    f->refs = al_rd_bytes(r, bits_bytes(f->n_entries, f->width)).ptr;
    return f->home == HOME_TEMPLATES && !r->bad ? open_others(f, r, b, err) : AL_OK;
}

/* ---- Opening */

static al_code open_decimals(field_view *f, al_rd *r, al_err *err)
{
    f->scale_least = al_rd_u8(r);
    f->scale_width = al_rd_u8(r);
    if (r->bad || f->home != HOME_ROWS || f->scale_least > MSG_DIGITS_MAX || f->scale_width > 5)
        return damaged(err, "numbers do not fit");
    f->scales = al_rd_bytes(r, bits_bytes(f->n_entries, f->scale_width)).ptr;
    pfor_open(r, f->n_entries, &f->list);
    return AL_OK;
}

al_code field_view_open(field_view *f, al_rd *r, const field_block *b, al_err *err)
{
    *f = (field_view){.home = al_rd_u8(r), .form = al_rd_u8(r)};
    if (r->bad || f->home >= HOME_KINDS || f->form > FIELD_FORM_SPLIT)
        return damaged(err, "no known home");
    f->n_entries = f->home == HOME_TUPLES ? b->n_tuples : b->n_templates;
    al_code c = f->home == HOME_ROWS ? open_rows(f, r, b, err) : AL_OK;
    if (!c)
        c = f->form == FIELD_FORM_NUMBERS ? open_decimals(f, r, err) : open_values(f, r, b, err);
    if (!c && (r->bad || r->left))
        c = damaged(err, "bytes are missing or left over");
    return c;
}

/* ---- One row */

static al_code to_value(const field_view *f, uint32_t ref, uint32_t *ret, al_err *err)
{
    if (ref >= f->n_values)
        return damaged(err, "a reference is out of range");
    *ret = type_of(f, ref) == FIELD_ABSENT ? FIELD_NONE : ref;
    return AL_OK;
}

/* The place of `row` among the rows that differ from their template's; n_others: it does not. */
static uint32_t find_other(const field_view *f, uint32_t row)
{
    uint32_t lo = 0;
    uint32_t hi = f->n_others;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (f->other_rows[mid] < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < f->n_others && f->other_rows[lo] == row ? lo : f->n_others;
}

al_code field_view_find(const field_view *f, const field_place *at, uint32_t *ret, al_err *err)
{
    uint32_t entry = f->home == HOME_TUPLES ? at->tuple : at->template;
    if (f->home == HOME_ROWS)
        entry = entry_of_row(f, at->row);
    *ret = entry;
    if (entry == FIELD_NONE || f->form == FIELD_FORM_NUMBERS)
        return AL_OK;
    assert(entry < f->n_entries);
    uint32_t other = f->home == HOME_TEMPLATES ? find_other(f, at->row) : f->n_others;
    uint32_t ref =
        other < f->n_others ? f->others[other] : (uint32_t)bits_get(f->refs, f->width, entry);
    return to_value(f, ref, ret, err);
}

static al_code decimal_value(const field_view *f, const field_block *b, uint32_t i, value *ret,
                             al_err *err)
{
    uint64_t group[PFOR_GROUP];
    uint8_t *text = al_arena_alloc(b->arena, DECIMAL_BYTES, 1);
    uint64_t scale = f->scale_least + bits_get(f->scales, f->scale_width, i);
    if (!text)
        return no_memory(err);
    if (scale > MSG_DIGITS_MAX)
        return damaged(err, "numbers do not fit");
    pfor_group(&f->list, i / PFOR_GROUP, group);
    size_t len = decimal_write(group[i % PFOR_GROUP], (unsigned)scale, text);
    *ret = (value){.type = VAL_NUMBER, .text = {text, len}};
    return AL_OK;
}

al_code field_view_value(const field_view *f, const field_block *b, uint32_t i, value *ret,
                         al_err *err)
{
    assert(i < field_view_values(f));
    if (f->form == FIELD_FORM_NUMBERS)
        return decimal_value(f, b, i, ret, err);
    if (f->split) {
        *ret = (value){.type = VAL_STRING};
        return msg_view_row(f->split, i, &ret->text, err);
    }
    uint8_t type = type_of(f, i);
    *ret = (value){.type = type == FIELD_ABSENT ? VAL_NULL : (val_type)type};
    if (f->numbers[i] != LEX_NONE)
        return lexicon_value(b->lex, f->numbers[i], &ret->text, err);
    if (f->texts)
        ret->text = f->texts[i];
    return AL_OK;
}

uint32_t field_view_values(const field_view *f)
{
    return f->form == FIELD_FORM_NUMBERS ? f->n_entries : f->n_values;
}

/* ---- All rows */

static al_code unpack_refs(const field_view *f, const field_block *b, uint32_t **ret, al_err *err)
{
    uint32_t *refs = al_arena_alloc(b->arena, f->n_entries, sizeof *refs);
    if (!refs)
        return no_memory(err);
    bits_unpack32(f->refs, f->n_entries, f->width, refs);
    for (uint32_t i = 0; i < f->n_entries; i++)
        if (to_value(f, refs[i], &refs[i], err))
            return AL_CORRUPT;
    *ret = refs;
    return AL_OK;
}

al_code field_view_rows(const field_view *f, const field_block *b, const uint16_t *tuples,
                        const uint16_t *templates, uint32_t *ret, al_err *err)
{
    uint32_t *refs = NULL;
    if (f->form != FIELD_FORM_NUMBERS) {
        al_code c = unpack_refs(f, b, &refs, err);
        if (c)
            return c;
    }
    const uint16_t *by = f->home == HOME_TUPLES ? tuples : templates;
    for (uint32_t row = 0; row < b->n_rows; row++) {
        uint32_t entry = f->home == HOME_ROWS ? entry_of_row(f, row) : by[row];
        ret[row] = refs && entry != FIELD_NONE ? refs[entry] : entry;
    }
    for (uint32_t i = 0; i < f->n_others; i++)
        if (to_value(f, f->others[i], &ret[f->other_rows[i]], err))
            return AL_CORRUPT;
    return AL_OK;
}
