/* Reads message columns.
 * The bytes come from disk: the numbers of templates and rows are checked when they
 * are asked for, a template's streams when they are first used, and each number of a value when it
 * is looked up. Whoever renders asks how much room is left before every piece. Invariants: (1)
 * templates[i].n_rows are the rows whose entry in the map is i: checked when the map is unpacked;
 * (2) streams of a template have n_rows values each. */
#include "store/msg/msg_view.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "store/codec/bits.h"
#include "store/msg/decimal.h"
#include "store/msg/split.h"

static al_code damaged(al_err *err, const char *what)
{
    return al_fail(err, AL_CORRUPT, "messages: %s", what);
}

static al_code no_memory(al_err *err)
{
    return al_fail(err, AL_NOMEM, "messages");
}

/* ---- Opening */

static al_code read_templates(msg_view *v, al_rd *r, al_err *err)
{
    uint64_t rows = 0;
    uint64_t next = 0;
    for (uint32_t i = 0; i < v->n_templates; i++) {
        uint64_t skip = al_rd_varint(r);
        uint64_t n_rows = al_rd_varint(r);
        uint64_t head_bytes = al_rd_varint(r);
        uint64_t data_bytes = al_rd_varint(r);
        if (r->bad || skip >= LEX_TEMPLATES_MAX || next + skip >= lexicon_templates(v->lex) ||
            n_rows == 0 || n_rows > v->n_rows || head_bytes > COLUMN_BYTES_MAX ||
            data_bytes > COLUMN_BYTES_MAX)
            return damaged(err, "a template does not fit");
        rows += n_rows;
        v->templates[i] = (msg_template){.number = (uint32_t)(next + skip),
                                         .n_rows = (uint32_t)n_rows,
                                         .heads = {NULL, (size_t)head_bytes},
                                         .data = {NULL, (size_t)data_bytes}};
        next += skip + 1;
    }
    return rows == v->n_rows ? AL_OK : damaged(err, "templates have other rows");
}

/* Invariant 1, once both sides are known. */
static al_code check_rows(msg_view *v, al_err *err)
{
    for (uint32_t i = 0; v->has_heads && v->row_counts && i < v->n_templates; i++)
        if (v->row_counts[i] != v->templates[i].n_rows) {
            v->has_heads = v->has_data = false;
            v->row_counts = NULL;
            return damaged(err, "a template has other rows");
        }
    return AL_OK;
}

/* The part of the column that is compressed: numbers and rows of templates, heads of streams. */
static al_code need_heads(msg_view *v, al_err *err)
{
    if (v->has_heads)
        return AL_OK;
    uint8_t *raw = al_arena_alloc(v->arena, (size_t)v->heads.raw_bytes + 1, 1);
    v->templates = al_arena_alloc(v->arena, v->n_templates, sizeof *v->templates);
    if (!raw || !v->templates)
        return no_memory(err);
    al_code c = packed_load(v->pack, &v->heads, v->stored_heads, raw, err);
    al_rd heads = al_rd_of((al_slice){raw, (size_t)v->heads.raw_bytes});
    if (!c)
        c = read_templates(v, &heads, err);
    for (uint32_t i = 0; !c && i < v->n_templates; i++)
        v->templates[i].heads = al_rd_bytes(&heads, v->templates[i].heads.len);
    if (!c && (heads.bad || heads.left))
        c = damaged(err, "streams do not fit");
    v->has_heads = !c;
    return c ? c : check_rows(v, err);
}

/* The numbers of slots, each template's its own. */
static al_code need_data(msg_view *v, al_err *err)
{
    al_code c = need_heads(v, err);
    if (!c && !v->has_data && v->load)
        c = v->load(v->load_ctx, &v->data, &v->text, err);
    if (c || v->has_data)
        return c;
    al_rd data = al_rd_of(v->data);
    for (uint32_t i = 0; i < v->n_templates; i++) /* lengths stay: this may be asked again */
        v->templates[i].data.ptr = al_rd_bytes(&data, v->templates[i].data.len).ptr;
    v->has_data = !data.bad && !data.left;
    return v->has_data ? AL_OK : damaged(err, "streams do not fit");
}

static al_code open_map(msg_view *v, al_rd *r, al_err *err)
{
    assert(v->n_rows > 0 && v->n_rows <= BLOCK_ROWS_MAX);
    v->raw_bytes = al_rd_varint(r);
    uint64_t n = al_rd_varint(r);
    v->heads = packed_get(r, COLUMN_BYTES_MAX);
    v->stored_heads = al_rd_bytes(r, v->heads.stored_bytes);
    if (r->bad || v->raw_bytes > COLUMN_BYTES_MAX || n == 0 || n > v->n_rows)
        return damaged(err, "no header");
    v->n_templates = (uint32_t)n;
    v->width = bits_width(n - 1);
    v->map = al_rd_bytes(r, bits_bytes(v->n_rows, v->width)).ptr;
    return r->bad ? damaged(err, "no rows") : AL_OK;
}

al_code msg_view_open(msg_view *v, al_slice column, al_slice text, uint32_t n_rows, lexicon *lex,
                      packer *pack, al_arena *arena, al_err *err)
{
    *v = (msg_view){.arena = arena, .lex = lex, .pack = pack, .text = text, .n_rows = n_rows};
    al_rd r = al_rd_of(column);
    al_code c = open_map(v, &r, err);
    v->data = (al_slice){r.p, r.left};
    return c;
}

al_code msg_view_open_map(msg_view *v, al_slice map, msg_load_fn *load, void *load_ctx,
                          uint32_t n_rows, lexicon *lex, packer *pack, al_arena *arena, al_err *err)
{
    *v = (msg_view){.arena = arena, .lex = lex, .pack = pack, .n_rows = n_rows};
    v->load = load;
    v->load_ctx = load_ctx;
    al_rd r = al_rd_of(map);
    al_code c = open_map(v, &r, err);
    return !c && r.left ? damaged(err, "bytes behind the map") : c;
}

al_code msg_view_templates(msg_view *v, const msg_template **ret, al_err *err)
{
    al_code c = need_heads(v, err);
    *ret = v->templates;
    return c;
}

/* ---- Streams */

/* What a template's streams are read from. */
typedef struct stream_rd {
    al_rd head;
    al_rd data;
} stream_rd;

static bool has_aux(const msg_stream *s)
{
    return s->kind == MSG_STREAM_DIGITS || s->kind == MSG_STREAM_SCALED;
}

static const uint8_t *get_packed(stream_rd *r, uint32_t n, unsigned width)
{
    return al_rd_bytes(&r->data, bits_bytes(n, width)).ptr;
}

/* A base, a width unless there is one row only, and the numbers. */
static const uint8_t *get_numbers(stream_rd *r, uint32_t n, uint64_t *base, uint8_t *width)
{
    *base = al_rd_varint(&r->head);
    *width = n > 1 ? al_rd_u8(&r->head) : 0;
    if (*width > 64) {
        r->head.bad = true;
        *width = 0;
    }
    return get_packed(r, n, *width);
}

static al_code read_list(msg_view *v, stream_rd *r, msg_stream *s, al_err *err)
{
    uint64_t n = al_rd_varint(&r->head);
    if (r->head.bad || n == 0 || n > s->n || n > r->head.left)
        return damaged(err, "a list does not fit");
    uint64_t *list = al_arena_alloc(v->arena, (size_t)n, sizeof *list);
    if (!list)
        return no_memory(err);
    list[0] = al_rd_varint(&r->head);
    for (uint64_t i = 1; i < n; i++) {
        uint64_t skip = al_rd_varint(&r->head);
        if (!al_add(list[i - 1], skip, &list[i]) || !al_add(list[i], UINT64_C(1), &list[i]))
            return damaged(err, "a list does not fit");
    }
    if (s->kind == MSG_STREAM_VALUES && list[n - 1] >= lexicon_values(v->lex))
        return damaged(err, "a value is out of range");
    s->list = list;
    s->n_list = (uint32_t)n;
    s->width = (uint8_t)bits_width(n - 1);
    s->numbers = get_packed(r, s->n, s->width);
    return AL_OK;
}

static al_code read_texts(msg_view *v, stream_rd *r, msg_stream *s, al_err *err)
{
    uint64_t off = al_rd_varint(&r->head);
    s->numbers = get_numbers(r, s->n, &s->base, &s->width);
    uint32_t *ends = al_arena_alloc(v->arena, s->n, sizeof *ends);
    if (!ends)
        return no_memory(err);
    if (r->head.bad || r->data.bad || off > v->text.len)
        return damaged(err, "texts do not fit");
    s->text = al_slice_sub(v->text, (size_t)off, v->text.len);
    uint64_t end = 0;
    for (uint32_t k = 0; k < s->n; k++) {
        uint64_t len = bits_get(s->numbers, s->width, k);
        if (len > s->text.len || s->base > s->text.len || (end += s->base + len) > s->text.len)
            return damaged(err, "texts do not fit");
        ends[k] = (uint32_t)end;
    }
    s->ends = ends;
    return AL_OK;
}

static al_code read_stream(msg_view *v, stream_rd *r, msg_stream *s, al_err *err)
{
    uint8_t kind = al_rd_u8(&r->head);
    s->kind = kind & (MSG_STREAM_LIST - 1);
    if (r->head.bad || s->kind >= MSG_STREAM_KINDS)
        return damaged(err, "a stream of no known kind");
    if (s->kind == MSG_STREAM_TEXT)
        return kind == s->kind ? read_texts(v, r, s, err) : damaged(err, "texts with a list");
    if (kind & MSG_STREAM_LIST) {
        al_code c = read_list(v, r, s, err);
        if (c)
            return c;
    } else {
        s->numbers = get_numbers(r, s->n, &s->base, &s->width);
    }
    if (has_aux(s)) {
        s->aux = get_numbers(r, s->n, &s->aux_base, &s->aux_width);
        if (s->aux_base > MSG_DIGITS_MAX || s->aux_width > 5)
            return damaged(err, "digits do not fit");
    }
    return r->head.bad || r->data.bad ? damaged(err, "a stream does not fit") : AL_OK;
}

al_code msg_view_template(msg_view *v, uint32_t i, const msg_template **ret, al_err *err)
{
    assert(i < v->n_templates);
    al_code c = need_data(v, err);
    if (c)
        return c;
    msg_template *t = &v->templates[i];
    *ret = t;
    if (t->streams)
        return AL_OK;
    c = lexicon_template(v->lex, t->number, &t->text, err);
    if (c)
        return c;
    t->n_slots = msg_marks(t->text);
    stream_rd r = {al_rd_of(t->heads), al_rd_of(t->data)};
    if (t->n_slots > t->heads.len)
        return damaged(err, "streams are missing");
    msg_stream *streams = al_arena_alloc(v->arena, (size_t)t->n_slots + 1, sizeof *streams);
    uint32_t *marks = al_arena_alloc(v->arena, (size_t)t->n_slots + 1, sizeof *marks);
    if (!streams || !marks)
        return no_memory(err);
    uint32_t n_marks = 0;
    for (size_t k = 0; k < t->text.len; k++)
        if (t->text.ptr[k] == MSG_MARK)
            marks[n_marks++] = (uint32_t)k;
    t->marks = marks;
    for (uint32_t k = 0; !c && k < t->n_slots; k++) {
        streams[k] = (msg_stream){.n = t->n_rows};
        c = read_stream(v, &r, &streams[k], err);
    }
    if (!c && (r.head.bad || r.head.left || r.data.left))
        c = damaged(err, "streams do not fit");
    if (!c)
        t->streams = streams;
    return c;
}

/* A stream's numbers without their check against the lexicon. */
static void unpack(const msg_stream *s, uint64_t *ret)
{
    assert(ret);
    bits_unpack(s->numbers, s->n, s->width, ret);
    for (uint32_t k = 0; s->base && k < s->n; k++)
        ret[k] += s->base;
}

static al_code list_number(const msg_stream *s, uint64_t *number, al_err *err)
{
    if (*number >= s->n_list)
        return damaged(err, "a reference is out of range");
    *number = s->list[*number];
    return AL_OK;
}

al_code msg_stream_numbers(const msg_view *v, const msg_stream *s, uint64_t *ret, al_err *err)
{
    assert(s->kind != MSG_STREAM_TEXT);
    unpack(s, ret);
    for (uint32_t k = 0; s->list && k < s->n; k++)
        if (list_number(s, &ret[k], err))
            return AL_CORRUPT;
    for (uint32_t k = 0; s->kind == MSG_STREAM_VALUES && k < s->n; k++)
        if (ret[k] >= lexicon_values(v->lex))
            return damaged(err, "a value is out of range");
    return AL_OK;
}

/* ---- Rendering */

typedef struct pen {
    uint8_t *at;
    uint8_t *end;
} pen;

static inline bool write_bytes(pen *p, const uint8_t *from, size_t n)
{
    if (n > (size_t)(p->end - p->at))
        return false;
    memcpy(p->at, from, n);
    p->at += n;
    return true;
}

static bool write_number(pen *p, uint64_t v, unsigned scale)
{
    uint8_t text[DECIMAL_BYTES];
    size_t n = decimal_write(v, scale, text);
    return write_bytes(p, text, n);
}

static bool write_digits(pen *p, uint64_t v, unsigned n_digits)
{
    uint8_t text[DECIMAL_BYTES];
    size_t n = decimal_write_digits(v, n_digits, text);
    return write_bytes(p, text, n);
}

static al_code too_long(al_err *err)
{
    return damaged(err, "a message is longer than said");
}

/* Writes value `k`, whose number and length or scale are given (of no use for texts). */
static al_code write_slot(msg_view *v, const msg_stream *s, uint32_t k, uint64_t number,
                          uint64_t aux, pen *p, al_err *err)
{
    al_slice text;
    bool fits;
    if (s->list && list_number(s, &number, err))
        return AL_CORRUPT;
    switch (s->kind) {
    case MSG_STREAM_INTS:
        fits = write_number(p, number, 0);
        break;
    case MSG_STREAM_DIGITS:
    case MSG_STREAM_SCALED:
        if (aux > MSG_DIGITS_MAX)
            return damaged(err, "digits do not fit");
        fits = s->kind == MSG_STREAM_DIGITS ? write_digits(p, number, (unsigned)aux)
                                            : write_number(p, number, (unsigned)aux);
        break;
    case MSG_STREAM_TEXT: {
        uint32_t from = k ? s->ends[k - 1] : 0;
        fits = write_bytes(p, s->text.ptr + from, s->ends[k] - from);
        break;
    }
    default:
        if (number >= lexicon_values(v->lex))
            return damaged(err, "a value is out of range");
        al_code c = lexicon_value(v->lex, (uint32_t)number, &text, err);
        if (c)
            return c;
        fits = write_bytes(p, text.ptr, text.len);
    }
    return fits ? AL_OK : too_long(err);
}

static uint64_t stream_number(const msg_stream *s, uint32_t k)
{
    return s->kind == MSG_STREAM_TEXT ? 0 : s->base + bits_get(s->numbers, s->width, k);
}

static uint64_t stream_aux(const msg_stream *s, uint32_t k)
{
    return has_aux(s) ? s->aux_base + bits_get(s->aux, s->aux_width, k) : 0;
}

al_code msg_stream_text(msg_view *v, const msg_stream *s, uint32_t k, al_buf *out, al_err *err)
{
    assert(k < s->n);
    size_t room = LEX_VALUE_BYTES_MAX + DECIMAL_BYTES;
    if (s->kind == MSG_STREAM_TEXT)
        room = s->ends[k] - (k ? s->ends[k - 1] : 0);
    if (room == 0) /* an empty text; the buffer may have no memory yet */
        return AL_OK;
    if (!al_buf_reserve(out, room))
        return al_fail(err, al_buf_code(out), "messages");
    pen p = {out->ptr + out->len, out->ptr + out->len + room};
    al_code c = write_slot(v, s, k, stream_number(s, k), stream_aux(s, k), &p, err);
    if (!c)
        out->len = (size_t)(p.at - out->ptr);
    return c;
}

al_code msg_stream_spell(msg_view *v, const msg_stream *s, al_buf *out, al_err *err)
{
    assert(s->kind != MSG_STREAM_TEXT && s->kind != MSG_STREAM_VALUES);
    size_t room = (size_t)s->n * (DECIMAL_BYTES + 1);
    if (!al_buf_reserve(out, room))
        return al_fail(err, al_buf_code(out), "messages");
    pen p = {out->ptr + out->len, out->ptr + out->len + room};
    al_code c = AL_OK;
    for (uint32_t k = 0; !c && k < s->n; k++) {
        c = write_slot(v, s, k, stream_number(s, k), stream_aux(s, k), &p, err);
        *p.at++ = '\n';
    }
    if (!c)
        out->len = (size_t)(p.at - out->ptr);
    return c;
}

/* ---- Rows */

al_code msg_view_row_templates(msg_view *v, const uint16_t **ret, al_err *err)
{
    if (!v->row_template) {
        uint32_t *wide = al_arena_alloc(v->arena, v->n_rows, sizeof *wide);
        uint16_t *rows = al_arena_alloc(v->arena, v->n_rows, sizeof *rows);
        if (!wide || !rows)
            return no_memory(err);
        bits_unpack32(v->map, v->n_rows, v->width, wide);
        uint32_t most = 0;
        for (uint32_t r = 0; r < v->n_rows; r++) {
            most |= wide[r] >= v->n_templates;
            rows[r] = (uint16_t)wide[r];
        }
        if (most)
            return damaged(err, "a row has no template");
        v->row_template = rows;
    }
    *ret = v->row_template;
    return AL_OK;
}

/* Ranks of rows and counts of templates. */
static al_code count_rows(msg_view *v, al_err *err)
{
    const uint16_t *of = NULL;
    if (v->row_counts)
        return AL_OK;
    al_code c = msg_view_row_templates(v, &of, err);
    if (c)
        return c;
    uint16_t *ranks = al_arena_alloc(v->arena, v->n_rows, sizeof *ranks);
    uint32_t *count = al_arena_alloc(v->arena, v->n_templates, sizeof *count);
    if (!ranks || !count)
        return no_memory(err);
    assert(of);
    memset(count, 0, v->n_templates * sizeof *count);
    for (uint32_t r = 0; r < v->n_rows; r++)
        ranks[r] = (uint16_t)count[of[r]]++;
    v->row_rank = ranks;
    v->row_counts = count;
    return check_rows(v, err);
}

al_code msg_view_template_of(const msg_view *v, uint32_t row, uint32_t *ret, al_err *err)
{
    assert(row < v->n_rows);
    uint64_t i = v->row_template ? v->row_template[row] : bits_get(v->map, v->width, row);
    if (i >= v->n_templates)
        return damaged(err, "a row has no template");
    *ret = (uint32_t)i;
    return AL_OK;
}

al_code msg_view_row_ranks(msg_view *v, const uint16_t **ret, al_err *err)
{
    al_code c = count_rows(v, err);
    *ret = v->row_rank;
    return c;
}

al_code msg_view_rows(msg_view *v, uint32_t i, const uint32_t **ret, al_err *err)
{
    assert(i < v->n_templates);
    al_code c = count_rows(v, err);
    if (c)
        return c;
    uint32_t *rows = al_arena_alloc(v->arena, v->row_counts[i], sizeof *rows);
    if (!rows)
        return no_memory(err);
    uint32_t n = 0;
    for (uint32_t r = 0; r < v->n_rows; r++)
        if (v->row_template[r] == i)
            rows[n++] = r;
    *ret = rows;
    return AL_OK;
}

/* Writes a message: what stands between the marks, and for each mark what `slot` writes. */
typedef al_code slot_fn(void *ctx, uint32_t i, pen *p, al_err *err);

static al_code write_message(const msg_template *t, pen *p, slot_fn *slot, void *ctx, al_err *err)
{
    const uint8_t *at = t->text.ptr;
    const uint8_t *end = at + t->text.len;
    for (uint32_t i = 0; i < t->n_slots; i++) {
        const uint8_t *mark = t->text.ptr + t->marks[i];
        if (!write_bytes(p, at, (size_t)(mark - at)))
            return too_long(err);
        al_code c = slot(ctx, i, p, err);
        if (c)
            return c;
        at = mark + 1;
    }
    return write_bytes(p, at, (size_t)(end - at)) ? AL_OK : too_long(err);
}

typedef struct one_row {
    msg_view *v;
    const msg_template *t;
    uint32_t k; /* which of the template's rows */
} one_row;

static al_code slot_of_row(void *ctx, uint32_t i, pen *p, al_err *err)
{
    const one_row *o = ctx;
    const msg_stream *s = &o->t->streams[i];
    return write_slot(o->v, s, o->k, stream_number(s, o->k), stream_aux(s, o->k), p, err);
}

/* Room that a row of this template can need. */
static al_code row_room(const one_row *o, size_t *ret, al_err *err)
{
    uint64_t n = o->t->text.len;
    for (uint32_t i = 0; i < o->t->n_slots; i++) {
        const msg_stream *s = &o->t->streams[i];
        uint64_t number = stream_number(s, o->k);
        al_slice text = {.len = DECIMAL_BYTES};
        al_code c = AL_OK;
        if (s->list && list_number(s, &number, err))
            return AL_CORRUPT;
        if (s->kind == MSG_STREAM_TEXT)
            text.len = s->ends[o->k] - (o->k ? s->ends[o->k - 1] : 0);
        else if (s->kind == MSG_STREAM_VALUES && number >= lexicon_values(o->v->lex))
            return damaged(err, "a value is out of range");
        else if (s->kind == MSG_STREAM_VALUES)
            c = lexicon_value(o->v->lex, (uint32_t)number, &text, err);
        if (c)
            return c;
        n += text.len;
    }
    *ret = (size_t)AL_MIN(n, o->v->raw_bytes);
    return AL_OK;
}

al_code msg_view_row(msg_view *v, uint32_t row, al_slice *ret, al_err *err)
{
    assert(row < v->n_rows);
    one_row o = {.v = v};
    al_code c = count_rows(v, err);
    if (!c)
        c = msg_view_template(v, v->row_template[row], &o.t, err);
    if (c)
        return c;
    o.k = v->row_rank[row];
    size_t room = 0;
    c = row_room(&o, &room, err);
    if (c)
        return c;
    uint8_t *bytes = al_arena_alloc(v->arena, room + 1, 1);
    if (!bytes)
        return no_memory(err);
    pen p = {bytes, bytes + room};
    c = write_message(o.t, &p, slot_of_row, &o, err);
    if (!c)
        *ret = (al_slice){bytes, (size_t)(p.at - bytes)};
    return c;
}

/* ---- All rows: template after template, so that each stream is unpacked once. */

typedef struct all_rows {
    msg_view *v;
    const msg_template *t;
    uint32_t k;
    uint64_t *numbers; /* of slot i at i * n_rows */
    uint64_t *aux;
} all_rows;

static al_code slot_of_all(void *ctx, uint32_t i, pen *p, al_err *err)
{
    const all_rows *a = ctx;
    assert(a->numbers);
    assert(a->aux);
    size_t at = (size_t)i * a->t->n_rows + a->k;
    return write_slot(a->v, &a->t->streams[i], a->k, a->numbers[at], a->aux[at], p, err);
}

static void unpack_all(const msg_template *t, all_rows *a)
{
    assert(a->numbers);
    assert(a->aux);
    for (uint32_t i = 0; i < t->n_slots; i++) {
        const msg_stream *s = &t->streams[i];
        size_t at = (size_t)i * t->n_rows;
        if (s->kind != MSG_STREAM_TEXT)
            unpack(s, a->numbers + at);
        if (!has_aux(s))
            continue;
        bits_unpack(s->aux, s->n, s->aux_width, a->aux + at);
        for (uint32_t k = 0; k < s->n; k++)
            a->aux[at + k] += s->aux_base;
    }
}

/* Slots times rows of its largest template; a hostile block may say as much as the limit. */
static al_code reserve_all(msg_view *v, all_rows *a, al_err *err)
{
    size_t most = 1;
    for (uint32_t i = 0; i < v->n_templates; i++) {
        const msg_template *t = NULL;
        al_code c = msg_view_template(v, i, &t, err);
        if (c)
            return c;
        assert(t);
        most = AL_MAX(most, (size_t)t->n_slots * t->n_rows);
    }
    if (most > MSG_BLOCK_SLOTS_MAX)
        return damaged(err, "too many slots");
    a->numbers = al_arena_alloc(v->arena, most, sizeof *a->numbers);
    a->aux = al_arena_alloc(v->arena, most, sizeof *a->aux);
    if (!a->numbers || !a->aux)
        return no_memory(err);
    memset(a->aux, 0, most * sizeof *a->aux);
    memset(a->numbers, 0, most * sizeof *a->numbers);
    return AL_OK;
}

/* Rows by template, in order. */
static al_code group_rows(msg_view *v, uint32_t **ret, al_err *err)
{
    al_code c = count_rows(v, err);
    if (c)
        return c;
    uint32_t *rows = al_arena_alloc(v->arena, v->n_rows, sizeof *rows);
    uint32_t *next = al_arena_alloc(v->arena, v->n_templates, sizeof *next);
    if (!rows || !next)
        return no_memory(err);
    assert(v->row_counts);
    uint32_t at = 0;
    for (uint32_t i = 0; i < v->n_templates; i++) {
        next[i] = at;
        at += v->row_counts[i];
    }
    for (uint32_t r = 0; r < v->n_rows; r++)
        rows[next[v->row_template[r]]++] = r;
    *ret = rows;
    return AL_OK;
}

static al_code write_all(msg_view *v, all_rows *a, const uint32_t *rows, pen *p, al_slice *ret,
                         al_err *err)
{
    for (uint32_t i = 0; i < v->n_templates; i++) {
        a->t = &v->templates[i];
        unpack_all(a->t, a);
        for (a->k = 0; a->k < a->t->n_rows; a->k++) {
            const uint8_t *from = p->at;
            al_code c = write_message(a->t, p, slot_of_all, a, err);
            if (c)
                return c;
            ret[*rows++] = (al_slice){from, (size_t)(p->at - from)};
        }
    }
    return p->at == p->end ? AL_OK : damaged(err, "messages are shorter than said");
}

al_code msg_view_all(msg_view *v, const al_slice **ret, al_err *err)
{
    if (!v->messages) {
        all_rows a = {.v = v};
        uint32_t *rows = NULL;
        al_code c = group_rows(v, &rows, err);
        if (!c)
            c = reserve_all(v, &a, err);
        if (c)
            return c;
        assert(rows);
        uint8_t *bytes = al_arena_alloc(v->arena, (size_t)v->raw_bytes + 1, 1);
        al_slice *messages = al_arena_alloc(v->arena, v->n_rows, sizeof *messages);
        if (!bytes || !messages)
            return no_memory(err);
        pen p = {bytes, bytes + v->raw_bytes};
        c = write_all(v, &a, rows, &p, messages, err);
        if (c)
            return c;
        v->messages = messages;
    }
    *ret = v->messages;
    return AL_OK;
}
