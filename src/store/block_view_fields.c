/* The fields of a block: a column of values, or the value of one row.
 * A column of kind 5 is decoded as a whole. One with a home (homes.h) is opened; then either the
 * values of single rows are looked up or, when someone asks for the column, all of them.
 * Invariant: a column that is_decoded is right for all rows, one that is_opened for single ones. */
#include "store/block_view_priv.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "store/codec/bits.h"
#include "store/codec/refs.h"

/* ---- Homes */

static al_code open_tuples(block_view *v, al_err *err)
{
    if (v->n_tuples)
        return AL_OK;
    if (!v->tuples.is_present) {
        v->n_tuples = 1;
        return AL_OK;
    }
    al_rd r;
    al_code c = block_view_load(v, &v->tuples, &r, err);
    if (c)
        return c;
    uint64_t n = al_rd_varint(&r);
    if (r.bad || n == 0 || n > v->info.n_rows)
        return block_view_damaged(err, "tuples");
    v->tuple_width = bits_width(n - 1);
    v->tuple_refs = al_rd_bytes(&r, bits_bytes(v->info.n_rows, v->tuple_width)).ptr;
    if (r.bad || r.left)
        return block_view_damaged(err, "tuples");
    v->n_tuples = (uint32_t)n;
    return AL_OK;
}

/* Opens the column of a field, or of shapes, that has a home. */
static al_code open_homed(block_view *v, stored_col *c, field_block *ret, al_err *err)
{
    msg_view *split = NULL;
    al_code code = open_tuples(v, err);
    if (!code)
        code = block_view_templates(v, &split, err);
    if (code)
        return code;
    assert(split); /* homes_fit */
    *ret = (field_block){.arena = v->arena,
                         .pack = v->pack,
                         .lex = v->lex,
                         .n_rows = v->info.n_rows,
                         .n_tuples = v->n_tuples,
                         .n_templates = split->n_templates,
                         .decoded = &v->decoded};
    if (c->is_opened)
        return AL_OK;
    al_rd r;
    code = block_view_load(v, c, &r, err);
    if (!code)
        code = field_view_open(&c->view, &r, ret, err);
    c->is_opened = !code;
    return code;
}

static al_code place_of(block_view *v, uint32_t row, field_place *ret, al_err *err)
{
    *ret = (field_place){.row = row};
    if (v->tuple_refs)
        ret->tuple = (uint32_t)bits_get(v->tuple_refs, v->tuple_width, row);
    if (ret->tuple >= v->n_tuples)
        return block_view_damaged(err, "tuples");
    return msg_view_template_of(&v->split, row, &ret->template, err);
}

/* The value of row `at` in a column that is open; *ret_has false: it has none. */
static al_code homed_value(stored_col *c, const field_block *b, const field_place *at, value *ret,
                           bool *ret_has, al_err *err)
{
    uint32_t i = 0;
    al_code code = field_view_find(&c->view, at, &i, err);
    *ret_has = !code && i != FIELD_NONE;
    return *ret_has ? field_view_value(&c->view, b, i, ret, err) : code;
}

static al_code row_tuples(block_view *v, al_err *err)
{
    if (v->row_tuple)
        return AL_OK;
    uint32_t n = v->info.n_rows;
    uint32_t *wide = al_arena_alloc(v->arena, n, sizeof *wide);
    uint16_t *rows = al_arena_alloc(v->arena, n, sizeof *rows);
    if (!wide || !rows)
        return al_fail(err, AL_NOMEM, "tuples");
    memset(wide, 0, n * sizeof *wide);
    if (v->tuple_refs)
        bits_unpack32(v->tuple_refs, n, v->tuple_width, wide);
    for (uint32_t i = 0; i < n; i++) {
        if (wide[i] >= v->n_tuples)
            return block_view_damaged(err, "tuples");
        rows[i] = (uint16_t)wide[i];
    }
    v->row_tuple = rows;
    return AL_OK;
}

/* What each row has of a column with a home, in the arena. */
static al_code homed_rows(block_view *v, stored_col *c, field_block *ret_block, uint32_t **ret,
                          al_err *err)
{
    const uint16_t *templates = NULL;
    al_code code = open_homed(v, c, ret_block, err);
    if (!code && c->view.home == HOME_TUPLES)
        code = row_tuples(v, err);
    if (!code && c->view.home == HOME_TEMPLATES)
        code = msg_view_row_templates(&v->split, &templates, err);
    if (code)
        return code;
    *ret = al_arena_alloc(v->arena, v->info.n_rows, sizeof **ret);
    if (!*ret)
        return al_fail(err, AL_NOMEM, "rows of a field");
    return field_view_rows(&c->view, ret_block, v->row_tuple, templates, *ret, err);
}

static al_code decode_homed(block_view *v, stored_col *c, al_err *err)
{
    uint32_t *rows = NULL;
    field_block b;
    al_code code = homed_rows(v, c, &b, &rows, err);
    if (code)
        return code;
    uint32_t n = field_view_values(&c->view);
    value *values = al_arena_alloc(v->arena, n, sizeof *values);
    if (!values)
        return al_fail(err, AL_NOMEM, "values");
    for (uint32_t i = 0; i < n && !code; i++)
        code = field_view_value(&c->view, &b, i, &values[i], err);
    c->col = (block_col){.values = values, .n_values = n, .row_value = rows};
    c->is_decoded = !code;
    return code;
}

/* ---- Shapes */

static al_code decode_shape_list(block_view *v, al_rd *r, al_err *err)
{
    uint64_t n = al_rd_varint(r);
    if (r->bad || n > BLOCK_SHAPES_MAX || n > v->info.n_rows)
        return block_view_damaged(err, "shapes");
    v->shape = al_arena_alloc(v->arena, (size_t)n, sizeof *v->shape);
    if (!v->shape)
        return al_fail(err, AL_NOMEM, "shapes");
    uint64_t entries = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t n_cols = al_rd_varint(r);
        entries += n_cols;
        if (r->bad || n_cols > v->n_fields || entries > BLOCK_SHAPE_ENTRIES_MAX)
            return block_view_damaged(err, "shapes");
        uint32_t *cols = al_arena_alloc(v->arena, (size_t)n_cols, sizeof *cols);
        if (!cols)
            return al_fail(err, AL_NOMEM, "shapes");
        for (uint64_t k = 0; k < n_cols; k++) {
            uint64_t col = al_rd_varint(r);
            if (r->bad || col >= v->n_fields)
                return block_view_damaged(err, "shapes");
            cols[k] = (uint32_t)col;
            v->fields[col].n_shapes++;
        }
        v->shape[i] = (shape){cols, (uint32_t)n_cols};
    }
    v->n_shapes = (uint32_t)n;
    return AL_OK;
}

/* Turns the list around: for each field the shapes that have it. A field twice in one shape would
 * make its values ambiguous: that is damage. */
static al_code invert_shapes(block_view *v, al_err *err)
{
    for (size_t f = 0; f < v->n_fields; f++) {
        v->fields[f].shapes = al_arena_alloc(v->arena, v->fields[f].n_shapes, sizeof(uint32_t));
        if (!v->fields[f].shapes)
            return al_fail(err, AL_NOMEM, "shapes");
        v->fields[f].n_shapes = 0;
    }
    for (uint32_t i = 0; i < v->n_shapes; i++) {
        for (uint32_t k = 0; k < v->shape[i].n; k++) {
            stored_col *f = &v->fields[v->shape[i].cols[k]];
            if (f->n_shapes && f->shapes[f->n_shapes - 1] == i)
                return block_view_damaged(err, "shapes");
            ((uint32_t *)f->shapes)[f->n_shapes++] = i; /* made above, const for later readers */
        }
    }
    return AL_OK;
}

static al_code open_row_shapes(block_view *v, al_err *err)
{
    field_block b;
    al_code c = open_homed(v, &v->row_shapes, &b, err);
    if (!c && field_view_values(&v->row_shapes.view) != v->n_shapes)
        c = block_view_damaged(err, "shapes");
    v->shapes.is_decoded = !c;
    return c;
}

static al_code shape_of(block_view *v, uint32_t row, const field_place *at, const shape **ret,
                        al_err *err)
{
    uint32_t i = 0;
    if (!v->row_shapes.is_present) {
        *ret = &v->shape[v->row_shape[row]];
        return AL_OK;
    }
    al_code c = field_view_find(&v->row_shapes.view, at, &i, err);
    if (!c && i >= v->n_shapes) /* also FIELD_NONE */
        c = block_view_damaged(err, "shapes");
    if (!c)
        *ret = &v->shape[i];
    return c;
}

static al_code decode_shapes(block_view *v, al_err *err)
{
    if (v->shapes.is_decoded)
        return AL_OK;
    for (size_t f = 0; f < v->n_fields; f++)
        v->fields[f].n_shapes = 0; /* of an attempt before this one */
    al_rd r;
    al_code c = block_view_load(v, &v->shapes, &r, err);
    if (!c)
        c = decode_shape_list(v, &r, err);
    if (!c)
        c = invert_shapes(v, err);
    if (c)
        return c;
    if (v->row_shapes.is_present)
        return r.left ? block_view_damaged(err, "shapes") : open_row_shapes(v, err);
    v->row_shape = al_arena_alloc(v->arena, v->info.n_rows, sizeof *v->row_shape);
    if (!v->row_shape)
        return al_fail(err, AL_NOMEM, "shapes");
    refs_decode(&r, v->info.n_rows, v->n_shapes, v->row_shape);
    if (r.bad || r.left)
        return block_view_damaged(err, "shapes");
    v->shapes.is_decoded = true;
    return AL_OK;
}

/* ---- Fields */

static al_code decode_values(block_view *v, al_rd *r, block_col *col, al_err *err)
{
    uint64_t n = al_rd_varint(r);
    if (r->bad || n > v->info.n_rows)
        return block_view_damaged(err, "field");
    al_slice types = al_rd_bytes(r, n);
    value *values = al_arena_alloc(v->arena, (size_t)n, sizeof *values);
    if (!values)
        return al_fail(err, AL_NOMEM, "values");
    for (size_t i = 0; i < types.len; i++) {
        if (types.ptr[i] > VAL_OBJECT)
            return block_view_damaged(err, "field");
        values[i] = (value){.type = (val_type)types.ptr[i]};
        uint64_t len = values[i].type >= VAL_NUMBER ? al_rd_varint(r) : 0;
        if (len > COLUMN_BYTES_MAX)
            return block_view_damaged(err, "field");
        values[i].text.len = (size_t)len;
    }
    for (size_t i = 0; i < types.len; i++)
        values[i].text = al_rd_bytes(r, values[i].text.len);
    if (r->bad)
        return block_view_damaged(err, "field");
    *col = (block_col){.values = values, .n_values = (uint32_t)n};
    return AL_OK;
}

static al_code decode_rows(block_view *v, const stored_col *c, al_rd *r, block_col *col,
                           al_err *err)
{
    uint32_t n = v->info.n_rows;
    uint8_t *has = al_arena_alloc(v->arena, v->n_shapes, 1);
    uint32_t *rows = al_arena_alloc(v->arena, n, sizeof *rows);
    uint32_t *refs = al_arena_alloc(v->arena, n, sizeof *refs);
    if (!has || !rows || !refs)
        return al_fail(err, AL_NOMEM, "rows of a field");
    memset(has, 0, v->n_shapes);
    for (uint32_t i = 0; i < c->n_shapes; i++)
        has[c->shapes[i]] = 1;
    uint32_t n_present = 0;
    for (uint32_t i = 0; i < n; i++)
        n_present += has[v->row_shape[i]];
    refs_decode(r, n_present, col->n_values, refs);
    if (r->bad || r->left)
        return block_view_damaged(err, "field");
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++)
        rows[i] = has[v->row_shape[i]] ? refs[next++] : BLOCK_NO_VALUE;
    col->row_value = rows;
    return AL_OK;
}

static al_code decode_field(block_view *v, stored_col *c, al_err *err)
{
    if (c->is_decoded)
        return AL_OK;
    if (c->is_homed)
        return decode_homed(v, c, err);
    al_code code = decode_shapes(v, err);
    if (code)
        return code;
    al_rd r;
    block_col col = {0};
    code = block_view_load(v, c, &r, err);
    if (!code)
        code = decode_values(v, &r, &col, err);
    if (!code)
        code = decode_rows(v, c, &r, &col, err);
    if (code)
        return code;
    c->col = col;
    c->is_decoded = true;
    return AL_OK;
}

static stored_col *find_field(block_view *v, al_slice name)
{
    for (size_t i = 0; i < v->n_fields; i++)
        if (al_slice_eq(v->names[i], name))
            return &v->fields[i];
    return NULL;
}

al_code block_view_field(block_view *v, al_slice name, const block_col **ret, al_err *err)
{
    stored_col *f = find_field(v, name);
    if (f) {
        al_code c = decode_field(v, f, err);
        if (c)
            return c;
    }
    *ret = f ? &f->col : NULL;
    return AL_OK;
}

/* ---- Fields of a row */

static al_code reserve_fields(block_view *v, size_t n, al_err *err)
{
    if (n <= v->row_fields_cap)
        return AL_OK;
    field *grown = al_realloc(v->row_fields, n, sizeof *grown);
    if (!grown)
        return al_fail(err, AL_NOMEM, "fields of a record");
    v->row_fields = grown;
    v->row_fields_cap = n;
    return AL_OK;
}

/* The value of a row, from the whole column if that is decoded or has no home. */
static al_code row_value(block_view *v, stored_col *f, const field_place *at, value *ret,
                         bool *ret_has, al_err *err)
{
    field_block b;
    if (f->is_homed && !f->is_decoded) {
        al_code c = open_homed(v, f, &b, err);
        return c ? c : homed_value(f, &b, at, ret, ret_has, err);
    }
    al_code c = decode_field(v, f, err);
    if (c)
        return c;
    assert(f->col.row_value);
    uint32_t i = f->col.row_value[at->row];
    *ret_has = i != BLOCK_NO_VALUE;
    assert(!*ret_has || f->col.values);
    if (*ret_has)
        *ret = f->col.values[i];
    return AL_OK;
}

static al_code all_fields(block_view *v, const field_place *at, uint32_t *ret_n, al_err *err)
{
    const shape *s = NULL;
    al_code c = decode_shapes(v, err);
    if (!c)
        c = shape_of(v, at->row, at, &s, err);
    if (!c)
        c = reserve_fields(v, s->n, err);
    for (uint32_t i = 0; !c && i < s->n; i++) {
        bool has = false;
        v->row_fields[i].name = v->names[s->cols[i]];
        c = row_value(v, &v->fields[s->cols[i]], at, &v->row_fields[i].val, &has, err);
        if (!c && !has)
            c = block_view_damaged(err, "shapes");
    }
    if (!c)
        *ret_n = s->n;
    return c;
}

static al_code some_fields(block_view *v, const field_place *at, const block_want *want,
                           uint32_t *ret_n, al_err *err)
{
    uint32_t n = 0;
    al_code c = reserve_fields(v, want->n_names, err);
    for (size_t i = 0; !c && i < want->n_names; i++) {
        bool has = false;
        stored_col *f = find_field(v, want->names[i]);
        if (f)
            c = row_value(v, f, at, &v->row_fields[n].val, &has, err);
        if (!c && has)
            v->row_fields[n++].name = want->names[i];
    }
    *ret_n = n;
    return c;
}

al_code block_view_row_fields(block_view *v, uint32_t row, const block_want *want, uint32_t *ret_n,
                              al_err *err)
{
    field_place at = {.row = row};
    if (v->row_shapes.is_present) {
        msg_view *split = NULL;
        al_code c = open_tuples(v, err);
        if (!c)
            c = block_view_templates(v, &split, err);
        if (!c)
            c = place_of(v, row, &at, err);
        if (c)
            return c;
    }
    return want->is_all ? all_fields(v, &at, ret_n, err) : some_fields(v, &at, want, ret_n, err);
}
