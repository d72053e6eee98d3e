/* Writing the column of a field.
 * Texts that the lexicon takes are a number each, the difference to the one before: new ones
 * ascend, so that is a byte. What it does not take is kept here, compressed. References are
 * bit-packed, so that a reader gets at one of them. */
#include "store/field_put.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"
#include "record/record.h"
#include "store/codec/bits.h"
#include "store/codec/pfor.h"
#include "store/field_format.h"
#include "store/format.h"
#include "store/limits.h"
#include "store/msg/decimal.h"
#include "store/msg/msg_builder.h"

enum {
    BITS_SHARE = 16,  /* a list of rows, when fewer than one in so many has the field */
    NUMBERS_MIN = 64, /* distinct values; fewer are not looked at */
    VALUE_BITS = 40,  /* that a number takes as a value, about */
};

struct field_putter {
    packer *pack;
    msg_builder *split;
    al_buf column; /* of split */
    al_buf lens;
    al_buf texts;
    al_buf stored;
    al_buf body;
    uint64_t numbers[BLOCK_ROWS_MAX];
    uint32_t refs[BLOCK_ROWS_MAX];
    uint64_t value_numbers[BLOCK_ROWS_MAX]; /* of distinct values that are decimals */
    uint8_t value_scales[BLOCK_ROWS_MAX];
};

field_putter *field_putter_new(void)
{
    field_putter *p = al_zalloc(1, sizeof *p);
    if (!p)
        return NULL;
    al_buf_init(&p->lens, COLUMN_BYTES_MAX);
    al_buf_init(&p->texts, COLUMN_BYTES_MAX);
    al_buf_init(&p->stored, COLUMN_BYTES_MAX);
    al_buf_init(&p->body, COLUMN_BYTES_MAX);
    al_buf_init(&p->column, COLUMN_BYTES_MAX);
    p->pack = packer_new();
    p->split = msg_builder_new();
    return p->pack && p->split ? p : field_putter_free(p);
}

field_putter *field_putter_free(field_putter *p)
{
    if (!p)
        return NULL;
    al_buf_done(&p->lens);
    al_buf_done(&p->texts);
    al_buf_done(&p->stored);
    al_buf_done(&p->body);
    al_buf_done(&p->column);
    (void)packer_free(p->pack);
    (void)msg_builder_free(p->split);
    free(p);
    return NULL;
}

/* ---- Which rows */

static void put_rows(const field_refs *r, al_buf *out)
{
    if (r->home != HOME_ROWS)
        return;
    if (!r->rows) {
        al_buf_u8(out, FIELD_ROWS_ALL);
        return;
    }
    if (r->n >= r->n_rows / BITS_SHARE) {
        al_buf_u8(out, FIELD_ROWS_BITS);
        uint8_t *bits = al_buf_extend(out, (r->n_rows + 7) / 8);
        for (uint32_t i = 0; bits && i < (r->n_rows + 7) / 8; i++)
            bits[i] = 0;
        for (uint32_t i = 0; bits && i < r->n; i++)
            bits[r->rows[i] / 8] |= (uint8_t)(1U << (r->rows[i] % 8));
        return;
    }
    al_buf_u8(out, FIELD_ROWS_LIST);
    al_buf_varint(out, r->n);
    for (uint32_t i = 0, next = 0; i < r->n; next = r->rows[i++] + 1U)
        al_buf_varint(out, r->rows[i] - next);
}

/* ---- Numbers */

/* Can they be told without their texts, and is that shorter? */
static bool are_numbers(field_putter *p, const field_values *v, const field_refs *r)
{
    if (r->home != HOME_ROWS || v->n < NUMBERS_MIN)
        return false;
    uint64_t max = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        const field_value *x = &v->at[i];
        al_slice text = {v->texts ? v->texts + x->off : NULL, x->len};
        if (x->type != VAL_NUMBER ||
            !(decimal_read(text, &p->value_numbers[i], &p->value_scales[i]) & DECIMAL_SCALED))
            return false;
        max = AL_MAX(max, p->value_numbers[i]);
    }
    for (uint32_t i = 0; i < r->n; i++)
        if (r->at[i] == v->n)
            return false;
    uint64_t as_values = (uint64_t)v->n * VALUE_BITS + (uint64_t)r->n * bits_width(v->n - 1);
    return (uint64_t)r->n * bits_width(max) < as_values;
}

static void put_numbers(field_putter *p, const field_refs *r, al_buf *out)
{
    uint8_t least = UINT8_MAX;
    uint8_t most = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        p->numbers[i] = p->value_numbers[r->at[i]];
        least = AL_MIN(least, p->value_scales[r->at[i]]);
        most = AL_MAX(most, p->value_scales[r->at[i]]);
    }
    for (uint32_t i = 0; i < r->n; i++)
        p->refs[i] = (uint32_t)(p->value_scales[r->at[i]] - least);
    unsigned width = bits_width((uint64_t)(most - least));
    al_buf_u8(out, least);
    al_buf_u8(out, (uint8_t)width);
    bits_pack32(p->refs, r->n, width, out);
    pfor_encode(p->numbers, r->n, out);
}

/* ---- Values */

static bool has_text(uint8_t type)
{
    return type >= VAL_NUMBER;
}

/* FIELD_MIXED: they differ. */
static uint8_t common_type(const field_values *v, bool has_absent)
{
    uint8_t type = v->n ? v->at[0].type : FIELD_ABSENT;
    for (uint32_t i = 1; i < v->n; i++)
        type = v->at[i].type == type ? type : FIELD_MIXED;
    return has_absent && v->n ? FIELD_MIXED : type;
}

static void put_types(const field_values *v, bool has_absent, al_buf *out)
{
    uint8_t type = common_type(v, has_absent);
    al_buf_u8(out, type);
    for (uint32_t i = 0; type == FIELD_MIXED && i < v->n; i++)
        al_buf_u8(out, v->at[i].type);
    if (type == FIELD_MIXED && has_absent)
        al_buf_u8(out, FIELD_ABSENT);
}

/* Numbers of the lexicon, or 0 for texts that stand here. */
static al_code put_texts(field_putter *p, const field_values *v, lex_builder *lex, al_buf *out,
                         bool *ret_is_outside)
{
    int64_t before = -1;
    al_buf_reuse(&p->lens, BLOCK_BUF_KEPT_BYTES);
    al_buf_reuse(&p->texts, BLOCK_BUF_KEPT_BYTES);
    for (uint32_t i = 0; i < v->n; i++) {
        const field_value *x = &v->at[i];
        al_slice text = {v->texts ? v->texts + x->off : NULL, x->len};
        uint32_t number = LEX_NONE;
        if (x->type == VAL_STRING) {
            al_code c = lex_builder_field(lex, text, &number);
            if (c)
                return c;
        }
        if (number != LEX_NONE) {
            al_buf_varint(out, 1 + al_zigzag((int64_t)number - before - 1));
            before = number;
            continue;
        }
        *ret_is_outside |= x->type != VAL_STRING;
        if (x->type == VAL_STRING) {
            lex_builder_has_field_text(lex);
            lex_builder_text(lex, text);
        }
        if (!has_text(x->type))
            continue;
        if (x->type == VAL_STRING)
            al_buf_varint(out, 0);
        al_buf_varint(&p->lens, text.len);
        al_buf_slice_put(&p->texts, text);
    }
    al_buf_fail(&p->lens, al_buf_code(&p->texts));
    if (p->lens.len == 0)
        return al_buf_code(&p->lens);
    al_buf_slice_put(&p->lens, al_buf_slice(&p->texts));
    if (al_buf_code(&p->lens))
        return al_buf_code(&p->lens);
    packed d;
    al_buf_reuse(&p->stored, BLOCK_BUF_KEPT_BYTES);
    al_code c = packed_store(p->pack, al_buf_slice(&p->lens), &p->stored, &d);
    if (c)
        return c;
    packed_put(&d, out);
    al_buf_slice_put(out, al_buf_slice(&p->stored));
    return al_buf_code(out);
}

/* ---- Long texts */

/* Are they all strings, and is one of them longer than what the lexicon takes? */
static bool are_long(const field_values *v, bool has_absent)
{
    bool is_any_long = false;
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->at[i].type != VAL_STRING)
            return false;
        is_any_long |= v->at[i].len > LEX_VALUE_BYTES_MAX;
    }
    return is_any_long && !has_absent;
}

static al_code put_split(field_putter *p, const field_values *v, lex_builder *lex, al_buf *out)
{
    al_code c = AL_OK;
    msg_builder_clear(p->split);
    al_buf_reuse(&p->column, BLOCK_BUF_KEPT_BYTES);
    al_buf_reuse(&p->texts, BLOCK_BUF_KEPT_BYTES);
    for (uint32_t i = 0; i < v->n && !c; i++)
        c = msg_builder_add(p->split,
                            (al_slice){v->texts ? v->texts + v->at[i].off : NULL, v->at[i].len});
    const msg_column to = {.map = &p->column, .slots = &p->column, .text = &p->texts};
    if (!c)
        c = msg_builder_encode_field(p->split, lex, &to);
    if (c)
        return c;
    if (p->texts.len)
        lex_builder_has_field_text(lex);
    packed d;
    al_buf_reuse(&p->stored, BLOCK_BUF_KEPT_BYTES);
    c = packed_store(p->pack, al_buf_slice(&p->texts), &p->stored, &d);
    if (c)
        return c;
    al_buf_varint(out, p->column.len);
    al_buf_slice_put(out, al_buf_slice(&p->column));
    packed_put(&d, out);
    al_buf_slice_put(out, al_buf_slice(&p->stored));
    return al_buf_code(out);
}

/* ---- References */

static void put_refs(field_putter *p, const field_refs *r, uint32_t n_values, al_buf *out)
{
    for (uint32_t i = 0; i < r->n; i++)
        p->refs[i] = r->at[i];
    bits_pack32(p->refs, r->n, bits_width(n_values - 1), out);
    if (r->home != HOME_TEMPLATES)
        return;
    al_buf_varint(out, r->n_others);
    for (uint32_t i = 0, next = 0; i < r->n_others; next = r->other_rows[i++] + 1U)
        al_buf_varint(out, r->other_rows[i] - next);
    for (uint32_t i = 0; i < r->n_others; i++)
        al_buf_varint(out, r->others[i]);
}

static bool has_absent(const field_values *v, const field_refs *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->at[i] == v->n)
            return true;
    for (uint32_t i = 0; i < r->n_others; i++)
        if (r->others[i] == v->n)
            return true;
    return false;
}

al_code field_put(field_putter *p, const field_values *values, const field_refs *refs,
                  lex_builder *lex, al_buf *out, uint8_t *ret_kind)
{
    assert(values->n > 0);
    bool is_outside = false;
    bool absent = has_absent(values, refs);
    uint8_t form = are_numbers(p, values, refs) ? FIELD_FORM_NUMBERS
                   : are_long(values, absent)   ? FIELD_FORM_SPLIT
                                                : FIELD_FORM_VALUES;
    al_code c = AL_OK;
    al_buf_reuse(&p->body, BLOCK_BUF_KEPT_BYTES);
    put_rows(refs, &p->body);
    if (form == FIELD_FORM_NUMBERS) {
        is_outside = true;
        put_numbers(p, refs, &p->body);
    } else {
        al_buf_varint(&p->body, values->n + absent);
        if (form == FIELD_FORM_SPLIT)
            c = put_split(p, values, lex, &p->body);
        else
            put_types(values, absent, &p->body);
        if (form == FIELD_FORM_VALUES)
            c = put_texts(p, values, lex, &p->body, &is_outside);
        put_refs(p, refs, values->n + absent, &p->body);
    }
    if (c)
        return c;
    *ret_kind = is_outside                 ? FMT_COL_HOMED_OUTSIDE
                : form == FIELD_FORM_SPLIT ? FMT_COL_HOMED_SPLIT
                                           : FMT_COL_HOMED;
    al_buf_u8(out, refs->home);
    al_buf_u8(out, form);
    al_buf_slice_put(out, al_buf_slice(&p->body));
    return al_buf_code(&p->body) ? al_buf_code(&p->body) : al_buf_code(out);
}
