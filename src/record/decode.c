/* One document -> one record. See decode.h for the contract and doc/records.md for the decisions.
 * Shape: take_members reads the object into a list of entries, in order, values already in their
 * final form (slices of the body, or decoded text in the arena). Then settle_* decide: which entry
 * is the time, the message, the seq; which are doubled or too many; what reserved names become.
 * Most records have fewer than FEW entries: they stand on the stack, and a 64-bit set of hashes
 * tells that a key is new. A record with more moves to the heap, and doubled keys are found by
 * sorting, whose cost no sender can make quadratic.
 * Invariants: (1) nothing of the input is dropped silently: what is not a field is the time, the
 * seq, the message, or text in parse_error's message, `doubled` or `more_fields`, or was cut with a
 * marker; (2) a record has at most REC_FIELDS_MAX fields with unique names of at most
 * REC_NAME_BYTES_MAX bytes; (3) the arena keeps everything, the heap nothing. */
#include "record/decode.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "record/json.h"
#include "record/text_field.h"
#include "record/timestamp.h"
#include "record/utf8.h"

enum {
    FEW = 48,             /* entries that stand on the stack: 3 KiB */
    RESERVED_NAMES = 6,   /* pk id ts ms seq model */
    TEXT_BYTES_MIN = 128, /* smallest ceiling: a marker and something in front of it */
};

/* What a name means. The times stand in the order in which they are tried. */
typedef enum role {
    ROLE_AT_TIMESTAMP,
    ROLE_TIME,
    ROLE_TIMESTAMP,
    ROLE_MESSAGE,
    ROLE_SEQ,      /* consumed when an integer, else reserved */
    ROLE_RESERVED, /* pk id ts ms model */
    ROLE_FIELD,
    ROLE_COUNT
} role;

typedef struct entry {
    field f;
    uint32_t hash;
    role role;
    bool is_gone; /* no field: consumed, doubled or too many */
} entry;

typedef struct decoder {
    const rec_options *opt;
    al_arena *arena;
    size_t text_bytes_max;
    unsigned notes;
    bool is_nomem;

    entry *entries; /* `few` or a block of the heap */
    size_t n;
    size_t cap;
    size_t longest_name;     /* bytes */
    uint64_t seen;           /* set of hash bits; meaningful while entries == few */
    size_t last[ROLE_COUNT]; /* index + 1 of the last entry of each role; 0: none */
    entry few[FEW];
} decoder;

static void decoder_init(decoder *d, const rec_options *opt, al_arena *arena)
{
    size_t max = opt->message_bytes_max ? opt->message_bytes_max : REC_MESSAGE_BYTES_MAX;
    d->opt = opt;
    d->arena = arena;
    d->text_bytes_max = AL_MAX(max, (size_t)TEXT_BYTES_MIN);
    d->notes = 0;
    d->is_nomem = false;
    d->entries = d->few;
    d->n = 0;
    d->cap = FEW;
    d->longest_name = 0;
    d->seen = 0;
    memset(d->last, 0, sizeof d->last);
}

static void decoder_done(decoder *d)
{
    if (d->entries != d->few)
        free(d->entries);
}

static void *take_memory(decoder *d, size_t n, size_t size)
{
    void *p = al_arena_alloc(d->arena, n, size);
    if (!p)
        d->is_nomem = true;
    return p;
}

/* ---- Text */

/* text_cut to the ceiling of this decoder. */
static al_slice limit_text(decoder *d, al_slice s)
{
    al_slice kept = text_cut(s, d->text_bytes_max, d->arena);
    if (s.len > d->text_bytes_max) {
        d->notes |= REC_NOTE_TRUNCATED;
        d->is_nomem |= !kept.ptr;
    }
    return kept;
}

static al_slice unescape(decoder *d, const json_token *t)
{
    if (t->flags & JSON_BAD_UTF8)
        d->notes |= REC_NOTE_BAD_UTF8;
    if (!(t->flags & JSON_ESCAPED))
        return t->raw;
    bool is_lone = false;
    uint8_t *out = take_memory(d, t->raw.len, 1);
    if (!out)
        return (al_slice){0};
    size_t n = json_unescape(t->raw, out, &is_lone);
    if (is_lone)
        d->notes |= REC_NOTE_BAD_UTF8;
    return (al_slice){out, n};
}

/* The canonical text of an array or object. */
static al_slice canonical(decoder *d, const json_token *t)
{
    al_slice text = t->raw;
    bool is_lone = false;
    if (t->flags & JSON_BAD_UTF8)
        d->notes |= REC_NOTE_BAD_UTF8;
    if (t->flags & (JSON_ESCAPED | JSON_SPACED)) {
        uint8_t *out = take_memory(d, text.len, 1);
        if (!out)
            return (al_slice){0};
        text = (al_slice){out, json_compact(text, out, &is_lone)};
    }
    if (is_lone)
        d->notes |= REC_NOTE_BAD_UTF8;
    if (t->flags & JSON_DEEP) {
        uint8_t *out = take_memory(d, text.len, 2);
        if (!out)
            return (al_slice){0};
        text = (al_slice){out, json_flatten_deep(text, out)};
        d->notes |= REC_NOTE_DEPTH;
    }
    return text;
}

static value value_of(decoder *d, const json_token *t)
{
    switch (t->type) {
    case VAL_NUMBER:
        return (value){VAL_NUMBER, t->raw};
    case VAL_STRING:
        return (value){VAL_STRING, unescape(d, t)};
    case VAL_ARRAY:
    case VAL_OBJECT:
        return (value){t->type, canonical(d, t)};
    case VAL_NULL:
    case VAL_FALSE:
    case VAL_TRUE:
    default:
        return (value){.type = t->type};
    }
}

/* ---- Entries */

static uint32_t hash_name(al_slice s)
{
    uint64_t head = 0;
    uint64_t tail = 0;
    if (s.len >= 8) {
        memcpy(&head, s.ptr, 8);
        memcpy(&tail, s.ptr + s.len - 8, 8);
    } else if (s.len >= 4) {
        memcpy(&head, s.ptr, 4);
        memcpy(&tail, s.ptr + s.len - 4, 4);
    } else if (s.len) {
        head = s.ptr[0];
        tail = (uint64_t)s.ptr[s.len / 2] << 8 | s.ptr[s.len - 1];
    }
    uint64_t h = (head ^ s.len) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 32 ^ tail) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h >> 32);
}

/* Constant lengths, so that each comparison is a few instructions: this runs for every key. */
#define IS_NAMED(literal) (memcmp(name.ptr, literal, sizeof(literal) - 1) == 0)

static role role_of(al_slice name)
{
    switch (name.len) {
    case 2:
        return IS_NAMED("id") || IS_NAMED("pk") || IS_NAMED("ts") || IS_NAMED("ms") ? ROLE_RESERVED
                                                                                    : ROLE_FIELD;
    case 3:
        return IS_NAMED("seq") ? ROLE_SEQ : ROLE_FIELD;
    case 4:
        return IS_NAMED("time") ? ROLE_TIME : ROLE_FIELD;
    case 5:
        return IS_NAMED("model") ? ROLE_RESERVED : ROLE_FIELD;
    case 7:
        return IS_NAMED("message") ? ROLE_MESSAGE : ROLE_FIELD;
    case 9:
        return IS_NAMED("timestamp") ? ROLE_TIMESTAMP : ROLE_FIELD;
    case 10:
        return IS_NAMED("@timestamp") ? ROLE_AT_TIMESTAMP : ROLE_FIELD;
    default:
        return ROLE_FIELD;
    }
}

/* Room for one more entry. */
static bool grow(decoder *d)
{
    if (d->n < d->cap)
        return true;
    bool is_first = d->entries == d->few;
    size_t cap = d->cap * 2;
    entry *moved = al_realloc(is_first ? NULL : d->entries, cap, sizeof *moved);
    if (!moved) {
        d->is_nomem = true;
        return false;
    }
    if (is_first)
        memcpy(moved, d->few, sizeof d->few);
    d->entries = moved;
    d->cap = cap;
    return true;
}

/* Marks the earlier entry of the same name, if there is one. */
static void drop_earlier(decoder *d, const entry *added)
{
    uint64_t bit = UINT64_C(1) << (added->hash % 64);
    bool is_new = !(d->seen & bit);
    d->seen |= bit;
    if (is_new || d->entries != d->few)
        return;
    for (entry *e = d->entries; e < added; e++) {
        if (e->hash == added->hash && al_slice_eq(e->f.name, added->f.name)) {
            e->is_gone = true;
            d->notes |= REC_NOTE_DOUBLED;
        }
    }
}

static int by_name_then_place(const void *a, const void *b)
{
    const entry *x = *(entry *const *)a;
    const entry *y = *(entry *const *)b;
    int c = al_slice_cmp(x->f.name, y->f.name);
    return c ? c : (x > y) - (x < y);
}

/* As drop_earlier for all entries at once, when they are many. */
static void drop_earlier_of_many(decoder *d)
{
    AL_CLEANUP(al_freep) entry **order = al_alloc(d->n, sizeof(entry *));
    if (!order) {
        d->is_nomem = true;
        return;
    }
    for (size_t i = 0; i < d->n; i++)
        order[i] = &d->entries[i];
    qsort(order, d->n, sizeof(entry *), by_name_then_place);
    for (size_t i = 1; i < d->n; i++) {
        if (al_slice_eq(order[i - 1]->f.name, order[i]->f.name)) {
            order[i - 1]->is_gone = true;
            d->notes |= REC_NOTE_DOUBLED;
        }
    }
}

/* Reads all members of the object in front of `in`; false at an error in it or without memory. */
static bool take_members(decoder *d, json_reader *in)
{
    json_token name;
    json_token val;
    json_step step = JSON_ERROR;
    json_open(in);
    while ((step = json_next(in, VAL_OBJECT, &name)) == JSON_ITEM) {
        if (!json_value(in, &val) || !grow(d))
            return false;
        entry *e = &d->entries[d->n];
        e->f.name = unescape(d, &name);
        e->f.val = value_of(d, &val);
        if (d->is_nomem)
            return false;
        e->hash = hash_name(e->f.name);
        e->role = role_of(e->f.name);
        e->is_gone = false;
        d->longest_name = AL_MAX(d->longest_name, e->f.name.len);
        d->n++;
        d->last[e->role] = d->n;
        drop_earlier(d, e);
    }
    if (step != JSON_CLOSE || !json_end(in))
        return false;
    if (d->entries != d->few)
        drop_earlier_of_many(d);
    return !d->is_nomem;
}

/* ---- Decisions. Each takes its entries out of the list. */

/* The entry that counts of those with this role, or NULL. */
static entry *entry_of(decoder *d, role r)
{
    return d->last[r] ? &d->entries[d->last[r] - 1] : NULL;
}

static void settle_time(decoder *d, record *r)
{
    for (role which = ROLE_AT_TIMESTAMP; which <= ROLE_TIMESTAMP; which++) {
        entry *e = entry_of(d, which);
        if (!e || (e->f.val.type != VAL_STRING && e->f.val.type != VAL_NUMBER))
            continue;
        if (rec_time_parse(e->f.val.text, d->opt->zone, &r->time_ns)) {
            e->is_gone = true;
            return;
        }
    }
    r->time_ns = d->opt->arrival_ns;
    d->notes |= REC_NOTE_NO_TIME;
}

static void settle_message(decoder *d, record *r)
{
    entry *e = entry_of(d, ROLE_MESSAGE);
    if (!e)
        return;
    e->is_gone = true;
    r->message = limit_text(d, rec_value_text(&e->f.val));
}

static void settle_seq(decoder *d, record *r)
{
    entry *e = entry_of(d, ROLE_SEQ);
    if (e && e->f.val.type == VAL_NUMBER && al_parse_i64(e->f.val.text, &r->seq))
        e->is_gone = true;
}

/* Text of what cannot be fields, each as one JSON object; empty: there is nothing. */
typedef struct leftovers {
    al_buf doubled;
    al_buf more;
} leftovers;

static void put_gone(decoder *d, al_buf *out)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->entries[i].is_gone)
            text_put_member(out, &d->entries[i].f);
    al_buf_u8(out, '}');
}

static size_t count_fields(const decoder *d, size_t name_bytes_min)
{
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++)
        n += !d->entries[i].is_gone && d->entries[i].f.name.len >= name_bytes_min;
    return n;
}

/* Moves fields beyond the maxima to left->more, the last ones first to go. */
static void settle_maxima(decoder *d, leftovers *left)
{
    size_t room = (size_t)REC_FIELDS_MAX - (left->doubled.len > 0);
    size_t name_bytes_max = REC_NAME_BYTES_MAX;
    if (d->n < REC_FIELDS_MAX && d->longest_name <= name_bytes_max - 2)
        return; /* nearly every record */
    bool is_over = count_fields(d, 0) > room || count_fields(d, name_bytes_max + 1) > 0;
    if (is_over || left->doubled.len || d->last[ROLE_SEQ] || d->last[ROLE_RESERVED]) {
        /* A name will get _x appended until it is free: it stays within the maximum only if those
         * in its way are that much shorter. */
        name_bytes_max -= 2;
        is_over = is_over || count_fields(d, name_bytes_max + 1) > 0;
    }
    if (!is_over)
        return;
    room--; /* for the field that takes the others */
    for (size_t i = 0; i < d->n; i++) {
        entry *e = &d->entries[i];
        if (e->is_gone)
            continue;
        if (room && e->f.name.len <= name_bytes_max) {
            room--;
            continue;
        }
        text_put_member(&left->more, &e->f);
        e->is_gone = true;
    }
    al_buf_u8(&left->more, '}');
    d->notes |= REC_NOTE_FIELDS;
}

/* Appends a field of ours, if there is text for it. */
static void add_text_field(decoder *d, record *r, field *fields, al_slice name, const al_buf *text)
{
    if (text->len == 0)
        return;
    al_slice kept = limit_text(d, al_buf_slice(text));
    if (kept.ptr == text->ptr)
        kept = al_arena_copy(d->arena, kept);
    name = text_name(fields, r->n_fields, name, d->arena);
    if (!kept.ptr || !name.ptr) {
        d->is_nomem = true;
        return;
    }
    fields[r->n_fields++] = (field){name, {VAL_STRING, kept}};
}

static void limit_value(decoder *d, value *v)
{
    if (v->text.len <= d->text_bytes_max)
        return;
    v->text = limit_text(d, v->text);
    v->type = VAL_STRING; /* a number or nested value that was cut is none any more */
}

static void settle_fields(decoder *d, record *r, const leftovers *left)
{
    size_t reserved[RESERVED_NAMES];
    size_t n_reserved = 0;
    size_t n = count_fields(d, 0) + (left->doubled.len > 0) + (left->more.len > 0);
    assert(n <= REC_FIELDS_MAX);
    field *fields = n ? take_memory(d, n, sizeof *fields) : NULL;
    if (!fields)
        return;
    r->fields = fields;
    for (size_t i = 0; i < d->n; i++) {
        entry *e = &d->entries[i];
        if (e->is_gone)
            continue;
        limit_value(d, &e->f.val);
        if (e->role == ROLE_SEQ || e->role == ROLE_RESERVED) {
            assert(n_reserved < RESERVED_NAMES);
            reserved[n_reserved++] = r->n_fields;
        }
        fields[r->n_fields++] = e->f;
    }
    /* All names are known now, so that `ts` does not take the name of a later `ts_x`. */
    for (size_t i = 0; i < n_reserved; i++) {
        field *f = &fields[reserved[i]];
        f->name = text_name(fields, r->n_fields, f->name, d->arena);
        d->is_nomem |= !f->name.ptr;
    }
    add_text_field(d, r, fields, AL_LIT("doubled"), &left->doubled);
    add_text_field(d, r, fields, AL_LIT("more_fields"), &left->more);
}

static void settle(decoder *d, record *r)
{
    leftovers left;
    al_buf_init(&left.doubled, SIZE_MAX);
    al_buf_init(&left.more, SIZE_MAX);
    if (d->notes & REC_NOTE_DOUBLED)
        put_gone(d, &left.doubled); /* only doubled entries are gone so far */
    settle_time(d, r);
    settle_message(d, r);
    settle_seq(d, r);
    settle_maxima(d, &left);
    if (al_buf_code(&left.doubled) || al_buf_code(&left.more))
        d->is_nomem = true;
    if (!d->is_nomem)
        settle_fields(d, r, &left);
    al_buf_done(&left.doubled);
    al_buf_done(&left.more);
}

/* ---- Whole documents */

static void make_raw(decoder *d, al_slice text, record *r)
{
    *r = (record){.time_ns = d->opt->arrival_ns};
    d->notes = REC_NOTE_NO_TIME;
    if (!utf8_is_valid(text))
        d->notes |= REC_NOTE_BAD_UTF8;
    r->message = limit_text(d, text);
}

static void add_parse_error(decoder *d, const json_reader *in, al_slice body, record *r)
{
    char text[160];
    size_t at = AL_MIN((size_t)(in->p - body.ptr) + 1, body.len); /* an end too early: the last */
    int n = snprintf(text, sizeof text, "at byte %zu of %zu: %s", at, body.len, in->error);
    assert(n > 0 && (size_t)n < sizeof text);
    al_slice kept = al_arena_copy(d->arena, (al_slice){(const uint8_t *)text, (size_t)n});
    field *f = take_memory(d, 1, sizeof *f);
    if (!f || !kept.ptr) {
        d->is_nomem = true;
        return;
    }
    *f = (field){AL_LIT("parse_error"), {VAL_STRING, kept}};
    r->fields = f;
    r->n_fields = 1;
    d->notes |= REC_NOTE_PARSE_ERROR;
}

al_code rec_decode(al_slice body, const rec_options *opt, al_arena *arena, record *ret,
                   unsigned *ret_notes)
{
    static const uint8_t nothing[1];
    decoder d;
    record r = {0};
    if (!body.ptr)
        body = (al_slice){nothing, 0};
    decoder_init(&d, opt, arena);
    json_reader in = json_read(body);
    if (al_slice_starts(body, AL_LIT("\xef\xbb\xbf"))) /* a byte order mark is no text */
        in = json_read((al_slice){body.ptr + 3, body.len - 3});
    val_type type = VAL_NULL;
    if (json_peek(&in, &type) && type != VAL_OBJECT)
        in.error = "expected an object";
    if (!in.error && take_members(&d, &in)) {
        settle(&d, &r);
    } else if (!d.is_nomem) {
        make_raw(&d, body, &r);
        add_parse_error(&d, &in, body, &r);
    }
    decoder_done(&d);
    if (d.is_nomem)
        return AL_NOMEM;
    *ret = r;
    *ret_notes = d.notes;
    return AL_OK;
}

al_code rec_decode_raw(al_slice line, const rec_options *opt, al_arena *arena, record *ret,
                       unsigned *ret_notes)
{
    decoder d;
    record r;
    decoder_init(&d, opt, arena);
    make_raw(&d, line, &r);
    if (d.is_nomem)
        return AL_NOMEM;
    *ret = r;
    *ret_notes = d.notes;
    return AL_OK;
}
