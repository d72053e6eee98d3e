/* Any bytes through rec_decode, json_put_fields, and rec_decode again.
 * Properties: the invariants of record.h hold (times in range, names unique and bounded, texts
 * within the maximum); what is written is JSON in UTF-8, and decodes to the same record unless it
 * held what JSON cannot say; the decoder reads nothing behind its input; every path that
 * rec_each_path names is found by rec_values_at; numbers equal themselves. The first byte chooses
 * the ceiling of texts. */
#include "fuzz.h"

#include "base/buf.h"
#include "record/decode.h"
#include "record/json.h"
#include "record/json_out.h"
#include "record/timestamp.h"
#include "record/utf8.h"

enum { ARRIVAL = 42, TEXT_MAX_SHORT = 128, PATHS_MAX = 64 };

static void check_value(const value *v)
{
    json_token t;
    json_reader r = json_read(v->text);
    bool is_ok = false;
    switch (v->type) {
    case VAL_NULL:
    case VAL_FALSE:
    case VAL_TRUE:
        CHECK(v->text.len == 0);
        break;
    case VAL_NUMBER:
    case VAL_ARRAY:
    case VAL_OBJECT:
        CHECK(json_value(&r, &t) && json_end(&r));
        CHECK(t.type == v->type);
        CHECK(!(t.flags & (JSON_SPACED | JSON_DEEP)));
        if (v->type == VAL_NUMBER) {
            CHECK(rec_number_cmp(v->text, v->text, &is_ok) == 0);
            CHECK(is_ok == !(t.flags & JSON_CONSTANT));
        }
        break;
    case VAL_STRING:
        break;
    }
}

static void check_record(const record *r, size_t text_max)
{
    CHECK(r->time_ns >= 0);
    CHECK(r->message.len <= text_max);
    CHECK(r->n_fields <= REC_FIELDS_MAX);
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const field *f = &r->fields[i];
        CHECK(f->name.len <= REC_NAME_BYTES_MAX);
        CHECK(f->val.text.len <= text_max);
        check_value(&f->val);
        for (uint32_t k = 0; k < i && i < 100; k++)
            CHECK(!al_slice_eq(f->name, r->fields[k].name));
    }
}

typedef struct seeker {
    const record *r;
    al_arena *scratch;
    size_t n_paths;
} seeker;

static rec_visit count(void *ctx, const value *v, bool is_element)
{
    (void)is_element;
    check_value(v);
    ++*(size_t *)ctx;
    return REC_VISIT_MORE;
}

static rec_visit seek(void *ctx, al_slice path, const value *v)
{
    seeker *s = ctx;
    size_t n = 0;
    check_value(v);
    CHECK(rec_values_at(s->r, path, s->scratch, count, &n) == n);
    CHECK(n > 0);
    return ++s->n_paths < PATHS_MAX ? REC_VISIT_MORE : REC_VISIT_STOP;
}

/* The record as a document that decodes to it. */
static void write_document(const record *r, al_buf *out)
{
    al_buf_str(out, "{\"@timestamp\":\"");
    rec_time_format(out, r->time_ns);
    al_buf_printf(out, "\",\"seq\":%lld,\"message\":", (long long)r->seq);
    json_put_string(out, r->message);
    al_buf_u8(out, ',');
    size_t at = out->len;
    json_put_fields(out, r->fields, r->n_fields);
    if (r->n_fields) /* its opening bracket is there already */
        memmove(out->ptr + at, out->ptr + at + 1, --out->len - at);
    else {
        out->len = at - 1;
        al_buf_u8(out, '}');
    }
    CHECK(al_buf_code(out) == AL_OK);
    CHECK(utf8_is_valid(al_buf_slice(out)));
}

static bool has_constant(const value *v)
{
    json_token t;
    json_reader r = json_read(v->text);
    return v->type > VAL_TRUE && v->type != VAL_STRING && json_value(&r, &t) &&
           (t.flags & JSON_CONSTANT);
}

/* Does writing keep everything? Not ill-formed bytes, NaN and infinities; and beside a field
 * @timestamp that was not readable another name is tried for the time. */
static bool is_exact(const record *r, unsigned notes)
{
    if (notes & (REC_NOTE_BAD_UTF8 | REC_NOTE_PARSE_ERROR))
        return false;
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (has_constant(&r->fields[i].val) || al_slice_eq(r->fields[i].name, AL_LIT("@timestamp")))
            return false;
    return true;
}

static void check_equal(const record *a, const record *b)
{
    CHECK(a->seq == b->seq);
    CHECK(al_slice_eq(a->message, b->message));
    CHECK(a->n_fields == b->n_fields);
    for (uint32_t i = 0; i < a->n_fields; i++) {
        const value *x = &a->fields[i].val;
        const value *y = &b->fields[i].val;
        CHECK(al_slice_eq(a->fields[i].name, b->fields[i].name));
        CHECK(x->type == y->type);
        CHECK(al_slice_eq(x->text, y->text));
    }
}

static void decode(al_slice body, const rec_options *opt, al_arena *arena, record *ret,
                   unsigned *ret_notes)
{
    uint8_t *copy = al_arena_alloc(arena, body.len + 1, 1);
    uint8_t *tight = fuzz_copy(body);
    record tight_record;
    CHECK(copy);
    memcpy(copy, body.ptr, body.len);
    CHECK(rec_decode((al_slice){tight, body.len}, opt, arena, &tight_record, ret_notes) == AL_OK);
    CHECK(rec_decode((al_slice){copy, body.len}, opt, arena, ret, ret_notes) == AL_OK);
    check_equal(ret, &tight_record);
    free(tight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    rec_options opt = {.arrival_ns = ARRIVAL};
    opt.message_bytes_max = data[0] & 1 ? TEXT_MAX_SHORT : 0;
    size_t text_max = opt.message_bytes_max ? opt.message_bytes_max : REC_MESSAGE_BYTES_MAX;
    al_slice body = {data + 1, n - 1};
    al_arena *arena = al_arena_new(1 << 14);
    al_arena *scratch = al_arena_new(1 << 10);
    al_arena *other = al_arena_new(1 << 10);
    record first;
    record again;
    unsigned notes = 0;
    unsigned notes_again = 0;
    CHECK(arena && scratch && other);

    decode(body, &opt, arena, &first, &notes);
    check_record(&first, text_max);
    CHECK(rec_each_path(&first, scratch, seek, &(seeker){&first, other, 0}));

    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    if (is_exact(&first, notes)) {
        write_document(&first, &out);
        decode(al_buf_slice(&out), &opt, arena, &again, &notes_again);
        CHECK(notes_again == 0);
        CHECK(first.time_ns == again.time_ns);
        check_equal(&first, &again);
    } else {
        json_put_fields(&out, first.fields, first.n_fields);
        decode(al_buf_slice(&out), &opt, arena, &again, &notes_again);
        CHECK(!(notes_again & (REC_NOTE_BAD_UTF8 | REC_NOTE_PARSE_ERROR)));
        check_record(&again, text_max);
    }
    al_buf_done(&out);
    (void)al_arena_free(arena);
    (void)al_arena_free(scratch);
    (void)al_arena_free(other);
    return 0;
}
