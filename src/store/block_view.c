/* Reads blocks: header first, each column when it is asked for.
 * Shape: doc/format.md section 4. The bytes come from disk: every count is checked against the
 * header, the header against limits.h, before anything is allocated.
 * Invariants: (1) what was given out lives in `arena` or in the block's bytes until the next open;
 * (2) a column is decoded at most once; a failed decode leaves it undecoded. Ids and times are
 * decoded by groups of rows: a page of results wants one of them, not the column. */
#include "store/block_view_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "store/format.h"

enum {
    ARENA_BYTES = 256 * 1024,
    FIXED_COLUMNS = 9, /* that are no fields, at most */
    HEAD_BYTES = 2048, /* read at once of a source: most headers are shorter */
    ALL_SHARE = 4,     /* writing one message takes as long as this many of all of them */
};

block_view *block_view_new(void)
{
    block_view *v = al_zalloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->pack = packer_new();
    v->arena = al_arena_new(ARENA_BYTES);
    if (!v->pack || !v->arena)
        return block_view_free(v);
    return v;
}

void block_view_keep(block_view *v, size_t bytes)
{
    al_arena_keep(v->arena, bytes);
}

/* Of what the bytes come from. */
static void let_go(block_view *v)
{
    (void)blob_unref(v->hold);
    if (v->source.done)
        v->source.done(&v->source);
}

block_view *block_view_free(block_view *v)
{
    if (!v)
        return NULL;
    (void)packer_free(v->pack);
    (void)al_arena_free(v->arena);
    let_go(v);
    (void)lexicon_unref(v->lex);
    free(v->own);
    free(v->row_fields);
    free(v);
    return NULL;
}

size_t block_view_bytes(const block_view *v)
{
    return al_arena_bytes(v->arena) + v->row_fields_cap * sizeof(field) + v->own_cap + sizeof *v;
}

/* Forgets the block; keeps memory for the next. */
static void reset(block_view *v)
{
    al_arena_reset(v->arena);
    let_go(v);
    *v = (block_view){.pack = v->pack,
                      .arena = v->arena,
                      .lex = v->lex,
                      .own = v->own,
                      .own_cap = v->own_cap,
                      .row_fields = v->row_fields,
                      .row_fields_cap = v->row_fields_cap};
}

void block_view_close(block_view *v)
{
    reset(v);
}

void block_view_use_lexicon(block_view *v, lexicon *lex)
{
    lexicon *old = v->lex;
    if (lex == old)
        return;
    reset(v); /* what it looks at needs the old one */
    v->lex = lex ? lexicon_ref(lex) : NULL;
    (void)lexicon_unref(old);
}

/* ---- Header */

typedef struct head {
    uint32_t magic, header_bytes, total_bytes;
    uint64_t n_columns;
} head;

static al_code read_fixed(block_view *v, al_rd *r, head *h, al_err *err)
{
    h->magic = al_rd_u32(r);
    h->header_bytes = al_rd_u32(r);
    h->total_bytes = al_rd_u32(r);
    v->info.n_rows = al_rd_u32(r);
    v->info.min_id = al_rd_u64(r);
    v->info.max_id = al_rd_u64(r);
    v->info.min_ns = (int64_t)al_rd_u64(r);
    v->info.max_ns = (int64_t)al_rd_u64(r);
    v->info.raw_bytes = al_rd_u32(r);
    if (r->bad || h->magic != FMT_MAGIC_BLOCK)
        return al_fail(err, AL_CORRUPT, "block: no header");
    if (h->header_bytes < FMT_BLOCK_FIXED_BYTES + 5 || h->header_bytes > v->bytes.len ||
        h->total_bytes != v->bytes.len)
        return al_fail(err, AL_CORRUPT, "block: says %u of %u bytes, there are %zu",
                       h->header_bytes, h->total_bytes, v->bytes.len);
    if (v->source.read && h->header_bytes > HEAD_BYTES) {
        al_code c = v->source.read(&v->source, v->own + HEAD_BYTES, HEAD_BYTES,
                                   h->header_bytes - HEAD_BYTES, err);
        if (c)
            return c;
    }
    al_slice covered = al_slice_sub(v->bytes, 0, h->header_bytes - 4);
    al_rd tail = al_rd_of(al_slice_sub(v->bytes, h->header_bytes - 4, h->header_bytes));
    if (al_crc32c(0, covered.ptr, covered.len) != al_rd_u32(&tail))
        return al_fail(err, AL_CORRUPT, "block: checksum of the header does not fit");
    if (v->info.n_rows == 0 || v->info.n_rows > BLOCK_ROWS_MAX)
        return al_fail(err, AL_CORRUPT, "block: %u rows", v->info.n_rows);
    if (v->info.min_id > v->info.max_id || v->info.min_ns > v->info.max_ns || v->info.min_ns < 0)
        return al_fail(err, AL_CORRUPT, "block: ids or times out of order");
    return AL_OK;
}

/* One column's entry; its bytes follow those of the columns before it. */
static al_code read_column(block_view *v, al_rd *r, al_rd *data, uint64_t *decoded, al_err *err)
{
    uint8_t kind = al_rd_u8(r);
    stored_col *slots[] = {[FMT_COL_IDS] = &v->ids,
                           [FMT_COL_TIMES] = &v->times,
                           [FMT_COL_MESSAGE] = &v->message,
                           [FMT_COL_SHAPES] = &v->shapes,
                           [FMT_COL_TEMPLATES] = &v->templates,
                           [FMT_COL_TEXTS] = &v->texts,
                           [FMT_COL_TUPLES] = &v->tuples,
                           [FMT_COL_ROW_SHAPES] = &v->row_shapes,
                           [FMT_COL_SLOTS] = &v->slots};
    stored_col *c = NULL;
    if (kind == FMT_COL_FIELD || (kind >= FMT_COL_HOMED && kind <= FMT_COL_HOMED_OUTSIDE)) {
        uint64_t len = al_rd_varint(r);
        v->names[v->n_fields] = al_rd_bytes(r, len);
        c = &v->fields[v->n_fields++];
        *c = (stored_col){.is_homed = kind != FMT_COL_FIELD};
        v->kinds[v->n_fields - 1] = kind;
    } else if (kind < AL_COUNT(slots) && v->n_fields == 0) {
        c = slots[kind];
    }
    if (!c || c->is_present)
        return al_fail(err, AL_CORRUPT, "block: column of kind %u", kind);
    c->is_present = true;
    c->has_bytes = !v->source.read;
    c->part = packed_get(r, COLUMN_BYTES_MAX);
    c->bytes = al_rd_bytes(data, c->part.stored_bytes);
    *decoded += c->part.raw_bytes;
    if (r->bad || data->bad || *decoded > BLOCK_DECODED_MAX)
        return al_fail(err, AL_CORRUPT, "block: column of kind %u does not fit", kind);
    return AL_OK;
}

/* Fields have homes exactly where messages have templates. */
static bool homes_fit(const block_view *v)
{
    for (size_t i = 0; i < v->n_fields; i++)
        if (v->fields[i].is_homed != v->templates.is_present)
            return false;
    return v->templates.is_present || !v->tuples.is_present;
}

static al_code read_header(block_view *v, al_err *err)
{
    head h = {0};
    al_rd r = al_rd_of(v->bytes);
    al_code c = read_fixed(v, &r, &h, err);
    if (c)
        return c;
    r = al_rd_of(al_slice_sub(v->bytes, FMT_BLOCK_FIXED_BYTES, h.header_bytes - 4));
    h.n_columns = al_rd_varint(&r);
    if (r.bad || h.n_columns > BLOCK_NAMES_MAX + FIXED_COLUMNS || h.n_columns > r.left)
        return al_fail(err, AL_CORRUPT, "block: %llu columns", (unsigned long long)h.n_columns);
    if (v->info.n_rows > 1 &&
        h.n_columns * v->info.n_rows > BLOCK_CELLS_MAX + FIXED_COLUMNS * BLOCK_ROWS_MAX)
        return al_fail(err, AL_CORRUPT, "block: %llu columns of %u rows",
                       (unsigned long long)h.n_columns, v->info.n_rows);
    v->fields = al_arena_alloc(v->arena, (size_t)h.n_columns, sizeof *v->fields);
    v->names = al_arena_alloc(v->arena, (size_t)h.n_columns, sizeof *v->names);
    v->kinds = al_arena_alloc(v->arena, (size_t)h.n_columns, sizeof *v->kinds);
    if (!v->fields || !v->names || !v->kinds)
        return al_fail(err, AL_NOMEM, "block: columns");
    al_rd data = al_rd_of(al_slice_sub(v->bytes, h.header_bytes, h.total_bytes));
    uint64_t decoded = 0;
    for (uint64_t i = 0; i < h.n_columns; i++) {
        c = read_column(v, &r, &data, &decoded, err);
        if (c)
            return c;
    }
    bool has_messages = v->message.is_present != v->templates.is_present &&
                        (v->templates.is_present || !(v->texts.is_present || v->slots.is_present));
    if (r.left || data.left || !v->ids.is_present || !has_messages || !v->shapes.is_present ||
        v->row_shapes.is_present != v->templates.is_present || !homes_fit(v))
        return al_fail(err, AL_CORRUPT, "block: columns missing or bytes left over");
    v->info.len = h.total_bytes;
    return AL_OK;
}

static al_code open_bytes(block_view *v, al_slice bytes, al_err *err)
{
    v->bytes = bytes;
    al_code c = read_header(v, err);
    if (c)
        reset(v);
    return c;
}

al_code block_view_open(block_view *v, blob *bytes, al_err *err)
{
    blob *hold = blob_ref(bytes); /* before reset: it may be the same block */
    reset(v);
    v->hold = hold;
    return open_bytes(v, blob_slice(bytes), err);
}

al_code block_view_open_slice(block_view *v, al_slice bytes, al_err *err)
{
    reset(v);
    return open_bytes(v, bytes, err);
}

al_code block_view_open_source(block_view *v, const block_source *source, al_err *err)
{
    reset(v);
    v->source = *source;
    al_code c = AL_OK;
    if (source->bytes > v->own_cap) {
        free(v->own);
        v->own = al_alloc(source->bytes, 1);
        v->own_cap = v->own ? source->bytes : 0;
        if (!v->own)
            c = al_fail(err, AL_NOMEM, "block of %zu bytes", source->bytes);
    }
    if (!c)
        c = source->read(&v->source, v->own, 0, AL_MIN(source->bytes, (size_t)HEAD_BYTES), err);
    if (c) {
        reset(v);
        return c;
    }
    return open_bytes(v, (al_slice){v->own, source->bytes}, err);
}

const block_info *block_view_info(const block_view *v)
{
    return &v->info;
}

size_t block_view_names(const block_view *v, const al_slice **ret)
{
    *ret = v->names;
    return v->n_fields;
}

uint8_t block_view_kind(const block_view *v, size_t i)
{
    assert(i < v->n_fields);
    return v->kinds[i];
}

/* ---- Columns */

static al_code need_bytes(block_view *v, stored_col *c, al_err *err)
{
    if (c->has_bytes)
        return AL_OK;
    size_t off = (size_t)(c->bytes.ptr - v->own);
    al_code code = v->source.read(&v->source, v->own + off, off, c->bytes.len, err);
    c->has_bytes = !code;
    return code;
}

al_code block_view_load(block_view *v, stored_col *c, al_rd *ret, al_err *err)
{
    al_code code = need_bytes(v, c, err);
    if (code)
        return code;
    if (packed_is_raw(&c->part)) {
        *ret = al_rd_of(c->bytes);
        return packed_check(&c->part, c->bytes, err);
    }
    uint8_t *raw = al_arena_alloc(v->arena, (size_t)c->part.raw_bytes, 1);
    if (!raw)
        return al_fail(err, AL_NOMEM, "column of %llu bytes",
                       (unsigned long long)c->part.raw_bytes);
    *ret = al_rd_of((al_slice){raw, (size_t)c->part.raw_bytes});
    return packed_load(v->pack, &c->part, c->bytes, raw, err);
}

al_code block_view_check(block_view *v, al_err *err)
{
    stored_col *all[] = {&v->ids,   &v->times, &v->message, &v->shapes,    &v->templates,
                         &v->slots, &v->texts, &v->tuples,  &v->row_shapes};
    al_code c = AL_OK;
    for (size_t i = 0; i < AL_COUNT(all) + v->n_fields && !c; i++) {
        stored_col *col = i < AL_COUNT(all) ? all[i] : &v->fields[i - AL_COUNT(all)];
        if (!col->is_present)
            continue;
        c = need_bytes(v, col, err);
        if (!c)
            c = packed_check(&col->part, col->bytes, err);
    }
    return c;
}

al_code block_view_damaged(al_err *err, const char *what)
{
    return al_fail(err, AL_CORRUPT, "block: column %s does not decode", what);
}

/* ---- Ids and times */

_Static_assert(PFOR_GROUPS_MAX == 64, "a word has a bit for each group");

static uint32_t group_count(const block_view *v)
{
    return (v->info.n_rows + BLOCK_GROUP - 1) / BLOCK_GROUP;
}

/* Where ids stand; decodes none. */
static al_code open_ids(block_view *v, al_err *err)
{
    if (v->id)
        return AL_OK;
    al_rd r;
    al_code c = block_view_load(v, &v->ids, &r, err);
    if (c)
        return c;
    block_ids_open(&r, v->info.n_rows, v->info.min_id, v->info.max_id, &v->id_list);
    if (r.bad || r.left)
        return block_view_damaged(err, "ids");
    v->id = al_arena_alloc(v->arena, v->info.n_rows, sizeof *v->id);
    return v->id ? AL_OK : al_fail(err, AL_NOMEM, "ids");
}

static al_code need_ids(block_view *v, uint32_t g, al_err *err)
{
    if (v->has_id >> g & 1)
        return AL_OK;
    al_code c = open_ids(v, err);
    if (c)
        return c;
    assert(v->id);
    uint64_t *id = v->id + (size_t)g * BLOCK_GROUP;
    if (!block_ids_group(&v->id_list, g, id))
        return block_view_damaged(err, "ids");
    /* With its neighbours, as far as they are known: whoever has seen all saw them ascend. */
    if (g > 0 && v->has_id >> (g - 1) & 1 && id[0] <= id[-1])
        return block_view_damaged(err, "ids");
    if (g + 1 < group_count(v) && v->has_id >> (g + 1) & 1 &&
        id[BLOCK_GROUP - 1] >= id[BLOCK_GROUP])
        return block_view_damaged(err, "ids");
    v->has_id |= UINT64_C(1) << g;
    return AL_OK;
}

al_code block_view_ids(block_view *v, const uint64_t **ret, al_err *err)
{
    for (uint32_t g = 0; !v->ids.is_decoded && g < group_count(v); g++) {
        al_code c = need_ids(v, g, err);
        if (c)
            return c;
    }
    v->ids.is_decoded = true;
    *ret = v->id;
    return AL_OK;
}

al_code block_view_id(block_view *v, uint32_t row, uint64_t *ret, al_err *err)
{
    assert(row < v->info.n_rows);
    al_code c = need_ids(v, row / BLOCK_GROUP, err);
    if (c)
        return c;
    assert(v->id);
    *ret = v->id[row];
    return AL_OK;
}

static al_code open_times(block_view *v, al_err *err)
{
    if (v->time)
        return AL_OK;
    if (v->times.is_present) {
        al_rd r;
        al_code c = block_view_load(v, &v->times, &r, err);
        if (c)
            return c;
        pfor_open(&r, v->info.n_rows, &v->off_list);
        if (r.bad || r.left)
            return block_view_damaged(err, "times");
    }
    v->time = al_arena_alloc(v->arena, v->info.n_rows, sizeof *v->time);
    return v->time ? AL_OK : al_fail(err, AL_NOMEM, "times");
}

static al_code need_times(block_view *v, uint32_t g, al_err *err)
{
    if (v->has_time >> g & 1)
        return AL_OK;
    al_code c = need_ids(v, g, err);
    if (!c)
        c = open_times(v, err);
    if (c)
        return c;
    uint64_t off[BLOCK_GROUP] = {0};
    if (v->times.is_present)
        pfor_group(&v->off_list, g, off);
    size_t first = (size_t)g * BLOCK_GROUP;
    uint32_t rows = pfor_group_rows(&v->id_list.steps, g);
    assert(v->id && v->time);
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t id = v->id[first + i];
        int64_t time = (int64_t)(id - off[i]);
        if (off[i] > id || time < v->info.min_ns || time > v->info.max_ns)
            return block_view_damaged(err, "times");
        v->time[first + i] = time;
    }
    v->has_time |= UINT64_C(1) << g;
    return AL_OK;
}

al_code block_view_times(block_view *v, const int64_t **ret, al_err *err)
{
    al_code c = AL_OK;
    for (uint32_t g = 0; !c && g < group_count(v); g++)
        c = need_times(v, g, err);
    if (!c)
        *ret = v->time;
    return c;
}

al_code block_view_time(block_view *v, uint32_t row, int64_t *ret, al_err *err)
{
    assert(row < v->info.n_rows);
    al_code c = need_times(v, row / BLOCK_GROUP, err);
    if (c)
        return c;
    assert(v->time);
    *ret = v->time[row];
    return AL_OK;
}

al_code block_view_find(block_view *v, uint64_t id, uint32_t *ret_row, al_err *err)
{
    al_code c = open_ids(v, err);
    if (c)
        return c;
    uint32_t g = block_ids_find_group(&v->id_list, id);
    c = need_ids(v, g, err);
    if (c)
        return c;
    assert(v->id);
    uint32_t lo = g * BLOCK_GROUP;
    uint32_t hi = lo + pfor_group_rows(&v->id_list.steps, g);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (v->id[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_row = lo;
    return AL_OK;
}

bool block_view_times_are_ids(const block_view *v)
{
    return !v->times.is_present;
}

static al_code load_slots(void *ctx, al_slice *ret_slots, al_slice *ret_text, al_err *err)
{
    block_view *v = ctx;
    al_rd slots = {0};
    al_rd texts = {0};
    al_code c = v->slots.is_present ? block_view_load(v, &v->slots, &slots, err) : AL_OK;
    if (!c && v->texts.is_present)
        c = block_view_load(v, &v->texts, &texts, err);
    *ret_slots = (al_slice){slots.p, slots.left};
    *ret_text = (al_slice){texts.p, texts.left};
    return c;
}

al_code block_view_templates(block_view *v, msg_view **ret, al_err *err)
{
    *ret = NULL;
    if (!v->templates.is_present)
        return AL_OK;
    if (!v->lex)
        return al_fail(err, AL_CORRUPT, "block: its segment has no lexicon");
    if (!v->templates.is_decoded) {
        al_rd column = {0};
        al_code c = block_view_load(v, &v->templates, &column, err);
        if (!c)
            c = msg_view_open_map(&v->split, (al_slice){column.p, column.left}, load_slots, v,
                                  v->info.n_rows, v->lex, v->pack, v->arena, err);
        if (c)
            return c;
        v->templates.is_decoded = true;
    }
    *ret = &v->split;
    return AL_OK;
}

static al_code decode_messages(block_view *v, al_err *err)
{
    al_rd r = {0};
    al_code c = block_view_load(v, &v->message, &r, err);
    if (c)
        return c;
    uint32_t n = v->info.n_rows;
    v->msg = al_arena_alloc(v->arena, n, sizeof *v->msg);
    if (!v->msg)
        return al_fail(err, AL_NOMEM, "messages");
    for (uint32_t i = 0; i < n; i++) {
        uint64_t len = al_rd_varint(&r);
        if (len > COLUMN_BYTES_MAX)
            return block_view_damaged(err, "messages");
        v->msg[i].len = (size_t)len;
    }
    for (uint32_t i = 0; i < n; i++)
        v->msg[i] = al_rd_bytes(&r, v->msg[i].len);
    return r.bad || r.left ? block_view_damaged(err, "messages") : AL_OK;
}

al_code block_view_messages(block_view *v, const al_slice **ret, al_err *err)
{
    msg_view *split = NULL;
    al_code c = block_view_templates(v, &split, err);
    if (c || split)
        return c ? c : msg_view_all(split, ret, err);
    if (!v->message.is_decoded) {
        c = decode_messages(v, err);
        if (c)
            return c;
        v->message.is_decoded = true;
    }
    *ret = v->msg;
    return AL_OK;
}

/* ---- Records */

/* One message, until so many were asked for that all of them are cheaper. */
al_code block_view_message(block_view *v, uint32_t row, al_slice *ret, al_err *err)
{
    assert(row < v->info.n_rows);
    msg_view *split = NULL;
    al_code c = block_view_templates(v, &split, err);
    if (c)
        return c;
    if (split && !split->messages && v->n_rows_written < v->info.n_rows / ALL_SHARE) {
        v->n_rows_written++;
        return msg_view_row(split, row, ret, err);
    }
    const al_slice *messages = NULL;
    c = block_view_messages(v, &messages, err);
    assert(c || messages);
    if (!c)
        *ret = messages[row];
    return c;
}

al_code block_view_record(block_view *v, uint32_t row, const block_want *want, record *ret,
                          al_err *err)
{
    assert(row < v->info.n_rows);
    record r = {0};
    al_code c = block_view_time(v, row, &r.time_ns, err);
    if (!c)
        c = block_view_id(v, row, &r.id, err);
    if (c)
        return c;
    if (want->is_all || want->message)
        c = block_view_message(v, row, &r.message, err);
    if (c)
        return c;
    c = block_view_row_fields(v, row, want, &r.n_fields, err);
    if (c)
        return c;
    r.fields = v->row_fields;
    *ret = r;
    return AL_OK;
}
