/* Builds message columns.
 * Shape: a message is split when it is added, while its bytes are near: its template gets a number
 * within the block, its slots are read as numbers where they are some, and each stream (slot of a
 * template) remembers what all its slots can be. The lexicon is asked at the end of the block, when
 * it is known how often a template occurs: row by row, since it counts rows.
 * Invariants: (1) rows, slots and streams are appended only when a row is complete; (2) slots of
 * row r are slots[rows[r].first_slot ...], as many as its template has; (3) streams of local
 * template t are streams[t.first_stream ...]. */
#include "store/msg/msg_builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/codec/bits.h"
#include "store/codec/grams.h"
#include "store/codec/packed.h"
#include "store/limits.h"
#include "store/msg/decimal.h"
#include "store/msg/msg_format.h"
#include "store/msg/split.h"

enum {
    TABLE_FIRST = 1024,
    LOCALS_MAX = BLOCK_ROWS_MAX,
    SEEN_MAX = 4096,    /* numbers of a list */
    LIST_ROWS_MIN = 16, /* a list is not tried for fewer */
};

typedef struct slot {
    uint64_t number; /* what it says; later the number of its value */
    uint32_t off;    /* in bytes */
    uint32_t len;
    uint8_t scale;
} slot;

/* A row's message and slots. */
typedef struct row {
    uint32_t local;
    uint32_t first_slot;
    uint32_t off;
    uint32_t len;
} row;

typedef struct stream {
    uint8_t can; /* be: IS_ flags that all slots share */
    bool is_text;
    uint8_t scale_min;
    uint8_t scale_max;
    uint32_t len_min;
    uint32_t len_max;
    uint64_t min;
    uint64_t max;
} stream;

/* A template of this block. */
typedef struct local {
    uint64_t hash;
    uint32_t off; /* of its text in template_bytes */
    uint32_t len;
    uint32_t n_rows;
    uint32_t first_stream;
    uint32_t n_slots;
    uint32_t number; /* in the lexicon */
    uint32_t to;     /* place in the column */
} local;

struct msg_builder {
    msg_split split;
    al_buf bytes; /* of messages */
    al_buf template_bytes;
    row *rows;
    uint32_t n_rows;
    slot *slots;
    size_t slots_cap;
    size_t n_slots;
    local *locals;
    size_t locals_cap;
    uint32_t n_locals;
    stream *streams;
    size_t streams_cap;
    size_t n_streams;
    uint32_t *table; /* 0: empty; else a local number + 1 */
    size_t n_table;
    uint32_t last_local;
    /* of encode */
    bool in_fields;  /* they are values of a field */
    local **places;  /* one template of each */
    uint32_t *order; /* rows by place of their template */
    uint32_t *first; /* per place: its first row in `order` */
    uint64_t *scratch;
    uint64_t *scratch2;
    uint32_t *seen;   /* 0: empty; else an index in scratch2 + 1 */
    al_buf table_out; /* numbers, rows and lengths of templates */
    al_buf heads;     /* of streams */
    al_buf data;      /* bit-packed */
    packer *pack;
};

msg_builder *msg_builder_new(void)
{
    msg_builder *b = al_zalloc(1, sizeof *b);
    if (!b)
        return NULL;
    al_buf_init(&b->bytes, COLUMN_BYTES_MAX);
    al_buf_init(&b->template_bytes, COLUMN_BYTES_MAX);
    al_buf_init(&b->table_out, COLUMN_BYTES_MAX);
    al_buf_init(&b->heads, COLUMN_BYTES_MAX);
    al_buf_init(&b->data, COLUMN_BYTES_MAX);
    b->pack = packer_new();
    b->places = al_alloc(LOCALS_MAX, sizeof(local *));
    b->rows = al_alloc(BLOCK_ROWS_MAX, sizeof *b->rows);
    b->order = al_alloc(BLOCK_ROWS_MAX, sizeof *b->order);
    b->first = al_alloc(LOCALS_MAX + 2, sizeof *b->first);
    b->scratch = al_alloc(BLOCK_ROWS_MAX, sizeof *b->scratch);
    b->scratch2 = al_alloc(BLOCK_ROWS_MAX, sizeof *b->scratch2);
    b->seen = al_alloc((size_t)2 * SEEN_MAX, sizeof *b->seen);
    if (!b->pack || !b->places || !b->rows || !b->order || !b->first || !b->scratch ||
        !b->scratch2 || !b->seen)
        return msg_builder_free(b);
    return b;
}

msg_builder *msg_builder_free(msg_builder *b)
{
    if (!b)
        return NULL;
    al_buf_done(&b->bytes);
    al_buf_done(&b->template_bytes);
    al_buf_done(&b->table_out);
    al_buf_done(&b->heads);
    al_buf_done(&b->data);
    (void)packer_free(b->pack);
    free(b->places);
    free(b->rows);
    free(b->slots);
    free(b->locals);
    free(b->streams);
    free(b->table);
    free(b->order);
    free(b->first);
    free(b->scratch);
    free(b->scratch2);
    free(b->seen);
    free(b);
    return NULL;
}

void msg_builder_clear(msg_builder *b)
{
    al_buf_reuse(&b->bytes, BLOCK_BUF_KEPT_BYTES);
    al_buf_reuse(&b->template_bytes, BLOCK_BUF_KEPT_BYTES);
    al_buf_clear(&b->table_out);
    al_buf_clear(&b->heads);
    al_buf_reuse(&b->data, BLOCK_BUF_KEPT_BYTES);
    if (b->n_table)
        memset(b->table, 0, b->n_table * sizeof *b->table);
    b->n_rows = 0;
    b->n_slots = 0;
    b->n_locals = 0;
    b->n_streams = 0;
    b->last_local = 0;
}

/* ---- Templates of the block */

static bool local_is(const msg_builder *b, uint32_t i, al_slice text, uint64_t hash)
{
    const local *l = &b->locals[i];
    return l->hash == hash && l->len == text.len &&
           (text.len == 0 || memcmp(b->template_bytes.ptr + l->off, text.ptr, text.len) == 0);
}

static void table_put(uint32_t *table, size_t n, uint64_t hash, uint32_t i)
{
    size_t at = hash & (n - 1);
    while (table[at])
        at = (at + 1) & (n - 1);
    table[at] = i + 1;
}

static bool table_reserve(msg_builder *b)
{
    if ((size_t)b->n_locals * 2 < b->n_table)
        return true;
    size_t n = b->n_table ? b->n_table * 2 : TABLE_FIRST;
    uint32_t *table = al_zalloc(n, sizeof *table);
    if (!table)
        return false;
    for (uint32_t i = 0; i < b->n_locals; i++)
        table_put(table, n, b->locals[i].hash, i);
    free(b->table);
    b->table = table;
    b->n_table = n;
    return true;
}

static al_code local_make(msg_builder *b, al_slice text, uint64_t hash, uint32_t *ret)
{
    local *locals =
        al_grow(b->locals, &b->locals_cap, b->n_locals, sizeof *locals, 256, LOCALS_MAX);
    if (!locals)
        return AL_NOMEM;
    b->locals = locals;
    if (!table_reserve(b))
        return AL_NOMEM;
    while (b->n_streams + b->split.n_slots > b->streams_cap) {
        size_t cap = AL_MAX(b->streams_cap * 2, (size_t)1024);
        stream *streams = al_realloc(b->streams, cap, sizeof *streams);
        if (!streams)
            return AL_NOMEM;
        b->streams = streams;
        b->streams_cap = cap;
    }
    size_t off = b->template_bytes.len;
    al_buf_slice_put(&b->template_bytes, text);
    if (al_buf_code(&b->template_bytes))
        return al_buf_code(&b->template_bytes);
    for (size_t i = 0; i < b->split.n_slots; i++)
        b->streams[b->n_streams + i] =
            (stream){.can = DECIMAL_INT | DECIMAL_DIGITS | DECIMAL_SCALED,
                     .scale_min = UINT8_MAX,
                     .len_min = UINT32_MAX,
                     .min = UINT64_MAX};
    b->locals[b->n_locals] = (local){.hash = hash,
                                     .off = (uint32_t)off,
                                     .len = (uint32_t)text.len,
                                     .first_stream = (uint32_t)b->n_streams,
                                     .n_slots = (uint32_t)b->split.n_slots};
    b->n_streams += b->split.n_slots;
    table_put(b->table, b->n_table, hash, b->n_locals);
    *ret = b->n_locals++;
    return AL_OK;
}

static al_code local_of(msg_builder *b, uint32_t *ret)
{
    al_slice text = {b->split.template, b->split.template_len};
    uint64_t hash = XXH3_64bits(text.ptr, text.len);
    if (b->n_table)
        for (size_t at = hash & (b->n_table - 1); b->table[at]; at = (at + 1) & (b->n_table - 1)) {
            *ret = b->table[at] - 1;
            if (local_is(b, *ret, text, hash))
                return AL_OK;
        }
    return local_make(b, text, hash, ret);
}

/* ---- Slots */

static void stream_note(stream *s, const slot *x, uint8_t can)
{
    s->can &= can;
    s->min = AL_MIN(s->min, x->number);
    s->max = AL_MAX(s->max, x->number);
    s->len_min = AL_MIN(s->len_min, x->len);
    s->len_max = AL_MAX(s->len_max, x->len);
    s->scale_min = AL_MIN(s->scale_min, x->scale);
    s->scale_max = AL_MAX(s->scale_max, x->scale);
}

static al_code reserve_slots(msg_builder *b, size_t n)
{
    while (b->n_slots + n > b->slots_cap) {
        size_t cap = AL_MAX(b->slots_cap * 2, (size_t)16 * 1024);
        slot *slots = al_realloc(b->slots, cap, sizeof *slots);
        if (!slots)
            return AL_NOMEM;
        b->slots = slots;
        b->slots_cap = cap;
    }
    return AL_OK;
}

al_code msg_builder_add(msg_builder *b, al_slice message)
{
    assert(b->n_rows < BLOCK_ROWS_MAX);
    size_t off = b->bytes.len;
    al_buf_slice_put(&b->bytes, message);
    if (al_buf_code(&b->bytes))
        return al_buf_code(&b->bytes);
    msg_split_make(message, &b->split);
    if (b->n_slots + b->split.n_slots > MSG_BLOCK_SLOTS_MAX)
        msg_split_whole(message, &b->split);
    al_code c = reserve_slots(b, b->split.n_slots);
    uint32_t number = 0;
    if (!c)
        c = local_of(b, &number);
    if (c)
        return c;
    local *l = &b->locals[number];
    assert(l->n_slots == b->split.n_slots);
    b->rows[b->n_rows++] = (row){.local = number,
                                 .first_slot = (uint32_t)b->n_slots,
                                 .off = (uint32_t)off,
                                 .len = (uint32_t)message.len};
    l->n_rows++;
    for (size_t i = 0; i < b->split.n_slots; i++) {
        msg_slot at = b->split.slots[i];
        slot *x = &b->slots[b->n_slots++];
        uint8_t can =
            decimal_read(al_slice_sub(message, at.off, at.off + at.len), &x->number, &x->scale);
        x->off = (uint32_t)off + at.off;
        x->len = at.len;
        stream_note(&b->streams[l->first_stream + i], x, can);
    }
    return AL_OK;
}

/* ---- Encoding: templates and rows */

static int by_template(const void *a, const void *b)
{
    const local *x = *(local *const *)a;
    const local *y = *(local *const *)b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* Asks for numbers and puts templates in their order; those that the lexicon does not take have
 * number 0 and share the first place. */
static al_code number_templates(msg_builder *b, lex_builder *lex, uint32_t *ret_places)
{
    uint32_t n_whole = 0;
    for (uint32_t i = 0; i < b->n_locals; i++) {
        local *l = &b->locals[i];
        al_slice text = {l->len ? b->template_bytes.ptr + l->off : NULL, l->len};
        al_code c = b->in_fields ? lex_builder_field_template(lex, text, l->n_rows, &l->number)
                                 : lex_builder_template(lex, text, l->n_rows, &l->number);
        if (c)
            return c;
        n_whole += l->number ? 0 : l->n_rows;
        b->places[i] = l;
    }
    qsort(b->places, b->n_locals, sizeof(local *), by_template);
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n_locals; i++) {
        if (i && b->places[i]->number)
            n++;
        b->places[i]->to = n;
        b->places[n] = b->places[i];
    }
    *ret_places = n + 1;
    return n_whole && !b->in_fields ? lex_builder_whole(lex, n_whole) : AL_OK;
}

static void sort_rows(msg_builder *b, uint32_t n_places)
{
    memset(b->first, 0, (n_places + 2) * sizeof *b->first);
    for (uint32_t r = 0; r < b->n_rows; r++)
        b->first[b->locals[b->rows[r].local].to + 2]++;
    for (uint32_t i = 2; i < n_places + 2; i++)
        b->first[i] += b->first[i - 1];
    for (uint32_t r = 0; r < b->n_rows; r++)
        b->order[b->first[b->locals[b->rows[r].local].to + 1]++] = r;
}

/* Gives values their numbers, row by row. */
static al_code number_values(msg_builder *b, lex_builder *lex)
{
    for (uint32_t r = 0; r < b->n_rows; r++) {
        const local *l = &b->locals[b->rows[r].local];
        if (!l->number)
            continue;
        for (uint32_t i = 0; i < l->n_slots; i++) {
            stream *s = &b->streams[l->first_stream + i];
            slot *x = &b->slots[b->rows[r].first_slot + i];
            if (s->can)
                continue;
            uint32_t number;
            al_slice text = {b->bytes.ptr + x->off, x->len};
            al_code c = b->in_fields ? lex_builder_field_slot(lex, text, &number)
                                     : lex_builder_value(lex, text, r, &number);
            if (c)
                return c;
            s->is_text |= number == LEX_NONE;
            x->number = number;
        }
    }
    return AL_OK;
}

/* ---- Encoding: streams of n rows from order[first] on; their numbers go through b->scratch. */

typedef struct place {
    uint32_t first;
    uint32_t n;
    uint32_t k; /* slot */
} place;

static const slot *slot_at(const msg_builder *b, const place *p, uint32_t i)
{
    return &b->slots[b->rows[b->order[p->first + i]].first_slot + p->k];
}

/* The smallest number, and in how many bits the others stand above it: one row needs none. */
static unsigned put_base(msg_builder *b, const place *p, uint64_t min, uint64_t max)
{
    al_buf_varint(&b->heads, min);
    if (p->n > 1)
        al_buf_u8(&b->heads, (uint8_t)bits_width(max - min));
    return bits_width(max - min);
}

static void put_numbers(msg_builder *b, uint32_t n, uint64_t min, unsigned width)
{
    for (uint32_t i = 0; i < n; i++)
        b->scratch[i] -= min;
    bits_pack(b->scratch, n, width, &b->data);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static unsigned varint_bytes(uint64_t v)
{
    return (bits_width(v | 1) + 6) / 7;
}

static uint32_t *seen_slot(msg_builder *b, uint32_t mask, uint64_t number)
{
    uint32_t at = (uint32_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 40) & mask;
    while (b->seen[at] && b->scratch2[b->seen[at] - 1] != number)
        at = (at + 1) & mask;
    return &b->seen[at];
}

/* The distinct numbers of the stream, ascending, in scratch2; 0 when they are more than `most`. */
static uint32_t list_numbers(msg_builder *b, uint32_t n, uint32_t most)
{
    uint32_t mask = 2 * SEEN_MAX - 1;
    uint32_t n_list = 0;
    most = AL_MIN(most, (uint32_t)SEEN_MAX);
    while (mask > 63 && mask > 4 * most)
        mask >>= 1;
    memset(b->seen, 0, (mask + 1) * sizeof *b->seen);
    for (uint32_t i = 0; i < n; i++) {
        if (i && b->scratch[i] == b->scratch[i - 1])
            continue;
        uint32_t *at = seen_slot(b, mask, b->scratch[i]);
        if (*at)
            continue;
        if (n_list == most)
            return 0;
        b->scratch2[n_list++] = b->scratch[i];
        *at = n_list;
    }
    qsort(b->scratch2, n_list, sizeof *b->scratch2, by_number);
    return n_list;
}

static uint32_t find_number(const uint64_t *sorted, uint32_t n, uint64_t want)
{
    uint32_t lo = 0;
    while (n > 1) {
        uint32_t half = n / 2;
        lo += sorted[lo + half] <= want ? half : 0;
        n -= half;
    }
    return lo;
}

/* As a list of the numbers that occur, when that is smaller. */
static bool put_list(msg_builder *b, const place *p, uint8_t kind, uint64_t min, uint64_t max)
{
    unsigned width = bits_width(max - min);
    size_t direct = varint_bytes(min) + bits_bytes(p->n, width);
    uint32_t n_list = list_numbers(b, p->n, (uint32_t)AL_MIN(direct, (size_t)p->n / 2));
    if (n_list < 2)
        return false;
    size_t bytes =
        varint_bytes(n_list) + varint_bytes(min) + bits_bytes(p->n, bits_width(n_list - 1));
    for (uint32_t i = 1; i < n_list; i++)
        bytes += varint_bytes(b->scratch2[i] - b->scratch2[i - 1] - 1);
    if (bytes >= direct)
        return false;
    al_buf_u8(&b->heads, kind | MSG_STREAM_LIST);
    al_buf_varint(&b->heads, n_list);
    al_buf_varint(&b->heads, min);
    for (uint32_t i = 1; i < n_list; i++)
        al_buf_varint(&b->heads, b->scratch2[i] - b->scratch2[i - 1] - 1);
    for (uint32_t i = 0; i < p->n; i++)
        b->scratch[i] = find_number(b->scratch2, n_list, b->scratch[i]);
    put_numbers(b, p->n, 0, bits_width(n_list - 1));
    return true;
}

/* Numbers of a stream of any kind but text. */
static void put_stream(msg_builder *b, const place *p, uint8_t kind)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        b->scratch[i] = slot_at(b, p, i)->number;
        min = AL_MIN(min, b->scratch[i]);
        max = AL_MAX(max, b->scratch[i]);
    }
    if (p->n >= LIST_ROWS_MIN && put_list(b, p, kind, min, max))
        return;
    al_buf_u8(&b->heads, kind);
    put_numbers(b, p->n, min, put_base(b, p, min, max));
}

static void put_number_stream(msg_builder *b, const stream *s, const place *p)
{
    if (s->can & DECIMAL_INT) {
        put_stream(b, p, MSG_STREAM_INTS);
        return;
    }
    bool is_digits = s->can & DECIMAL_DIGITS;
    uint64_t min = is_digits ? s->len_min : s->scale_min;
    uint64_t max = is_digits ? s->len_max : s->scale_max;
    put_stream(b, p, is_digits ? MSG_STREAM_DIGITS : MSG_STREAM_SCALED);
    for (uint32_t i = 0; i < p->n; i++) {
        const slot *x = slot_at(b, p, i);
        b->scratch[i] = is_digits ? x->len : x->scale;
    }
    put_numbers(b, p->n, min, put_base(b, p, min, max));
}

/* Lengths in the stream, bytes in the column of texts. */
static void put_text_stream(msg_builder *b, lex_builder *lex, const place *p, bool is_whole,
                            al_buf *text)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    al_buf_u8(&b->heads, MSG_STREAM_TEXT);
    al_buf_varint(&b->heads, text->len);
    for (uint32_t i = 0; i < p->n; i++) {
        const row *r = &b->rows[b->order[p->first + i]];
        uint32_t off = is_whole ? r->off : slot_at(b, p, i)->off;
        uint32_t len = is_whole ? r->len : slot_at(b, p, i)->len;
        al_slice one = {len ? b->bytes.ptr + off : NULL, len};
        al_buf_slice_put(text, one);
        lex_builder_text(lex, one);
        b->scratch[i] = len;
        min = AL_MIN(min, len);
        max = AL_MAX(max, len);
    }
    put_numbers(b, p->n, min, put_base(b, p, min, max));
}

static void put_streams(msg_builder *b, lex_builder *lex, const local *l, al_buf *text)
{
    place p = {.first = b->first[l->to], .n = b->first[l->to + 1] - b->first[l->to]};
    if (!l->number) {
        put_text_stream(b, lex, &p, true, text);
        return;
    }
    for (p.k = 0; p.k < l->n_slots; p.k++) {
        const stream *s = &b->streams[l->first_stream + p.k];
        if (s->can) {
            put_number_stream(b, s, &p);
            lex_builder_numbers(lex, l->number, s->len_max, s->scale_max > 0);
            for (uint32_t i = 0; i < p.n && s->len_max >= GRAMS_DIGITS; i++) {
                const slot *x = slot_at(b, &p, i);
                lex_builder_number(lex, (al_slice){b->bytes.ptr + x->off, x->len});
            }
        } else if (!s->is_text) {
            put_stream(b, &p, MSG_STREAM_VALUES);
        } else {
            if (!b->in_fields)
                lex_builder_has_text(lex);
            put_text_stream(b, lex, &p, false, text);
        }
    }
}

/* ---- Encoding: the column */

static al_code put_heads(msg_builder *b, al_buf *column)
{
    packed d;
    al_buf_slice_put(&b->table_out, al_buf_slice(&b->heads));
    if (al_buf_code(&b->table_out))
        return al_buf_code(&b->table_out);
    al_buf_clear(&b->heads); /* now for the stored form */
    al_code c = packed_store(b->pack, al_buf_slice(&b->table_out), &b->heads, &d);
    if (c)
        return c;
    packed_put(&d, column);
    al_buf_slice_put(column, al_buf_slice(&b->heads));
    return AL_OK;
}

static al_code put_column(msg_builder *b, lex_builder *lex, uint32_t n_places, const msg_column *to)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < n_places; i++) {
        const local *l = b->places[i];
        size_t heads_at = b->heads.len;
        size_t data_at = b->data.len;
        put_streams(b, lex, l, to->text);
        al_buf_varint(&b->table_out, l->number - number);
        al_buf_varint(&b->table_out, b->first[i + 1] - b->first[i]);
        al_buf_varint(&b->table_out, b->heads.len - heads_at);
        al_buf_varint(&b->table_out, b->data.len - data_at);
        number = l->number + 1;
    }
    if (al_buf_code(&b->heads))
        return al_buf_code(&b->heads);
    al_buf_varint(to->map, b->bytes.len);
    al_buf_varint(to->map, n_places);
    al_code c = put_heads(b, to->map);
    if (c)
        return c;
    for (uint32_t r = 0; r < b->n_rows; r++)
        b->scratch[r] = b->locals[b->rows[r].local].to;
    bits_pack(b->scratch, b->n_rows, bits_width(n_places - 1), to->map);
    al_buf_slice_put(to->slots, al_buf_slice(&b->data));
    const al_buf *all[] = {&b->data, to->map, to->slots, to->text};
    for (size_t i = 0; i < AL_COUNT(all); i++)
        if (al_buf_code(all[i]))
            return al_buf_code(all[i]);
    return AL_OK;
}

static al_code encode(msg_builder *b, lex_builder *lex, const msg_column *to, uint16_t *ret_rows,
                      uint32_t *ret_templates)
{
    assert(b->n_rows > 0);
    uint32_t n_places = 0;
    al_code c = number_templates(b, lex, &n_places);
    if (c)
        return c;
    sort_rows(b, n_places);
    c = number_values(b, lex);
    if (!c)
        c = put_column(b, lex, n_places, to);
    if (c)
        return c;
    for (uint32_t r = 0; ret_rows && r < b->n_rows; r++)
        ret_rows[r] = (uint16_t)b->locals[b->rows[r].local].to;
    *ret_templates = n_places;
    msg_builder_clear(b);
    return AL_OK;
}

al_code msg_builder_encode(msg_builder *b, lex_builder *lex, const msg_column *to,
                           uint16_t *ret_rows, uint32_t *ret_templates)
{
    b->in_fields = false;
    return encode(b, lex, to, ret_rows, ret_templates);
}

al_code msg_builder_encode_field(msg_builder *b, lex_builder *lex, const msg_column *to)
{
    uint32_t n_templates = 0;
    b->in_fields = true;
    return encode(b, lex, to, NULL, &n_templates);
}
