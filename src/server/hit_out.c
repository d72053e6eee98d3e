/* One row on its way out: JSON, CSV (RFC 4180), text.
 * Text and CSV may hold any bytes of the log but for ill-formed UTF-8, which becomes U+FFFD as in
 * JSON: whoever reads them expects text. */
#include <inttypes.h>

#include "record/json_out.h"
#include "record/timestamp.h"
#include "record/utf8.h"
#include "server/api.h"
#include "server/utf16.h"

typedef struct found {
    al_buf *out;
    bool is_found;
    bool as_text; /* strings without quotes */
} found;

static void put_text(al_buf *out, al_slice s)
{
    for (size_t i = 0; i < s.len;) {
        bool is_good = false;
        size_t n = utf8_step(s.ptr + i, s.len - i, &is_good);
        if (is_good)
            al_buf_put(out, s.ptr + i, n);
        else
            al_buf_str(out, "\xef\xbf\xbd");
        i += n;
    }
}

static rec_visit take_first(void *ctx, const value *v, bool is_element)
{
    found *f = ctx;
    (void)is_element;
    f->is_found = true;
    if (f->as_text && v->type == VAL_STRING)
        put_text(f->out, v->text);
    else
        json_put_value(f->out, v);
    return REC_VISIT_STOP;
}

static bool put_value_at(al_buf *out, const hit_style *s, const record *rec, al_slice path,
                         bool as_text)
{
    found f = {.out = out, .as_text = as_text};
    if (rec_values_at(rec, path, s->scratch, take_first, &f) == REC_NOMEM)
        al_buf_fail(out, AL_NOMEM);
    return f.is_found;
}

static void put_chosen_fields(al_buf *out, const hit_style *s, const record *rec)
{
    bool is_first = true;
    al_buf_u8(out, '{');
    for (size_t i = 0; i < s->n_fields; i++) {
        size_t before = out->len;
        if (!is_first)
            al_buf_u8(out, ',');
        json_put_string(out, s->fields[i]);
        al_buf_u8(out, ':');
        if (put_value_at(out, s, rec, s->fields[i], false))
            is_first = false;
        else if (al_buf_code(out) == AL_OK)
            out->len = before;
    }
    al_buf_u8(out, '}');
}

/* Pairs of start and length in UTF-16 units of the text that is sent. */
static void put_places(al_buf *out, al_slice text, const highlight *places, size_t n)
{
    utf16_pos at = {0};
    al_buf_u8(out, '[');
    for (size_t i = 0; i < n; i++) {
        uint64_t start = utf16_units_at(&at, text, places[i].start);
        uint64_t end = utf16_units_at(&at, text, places[i].start + places[i].length);
        al_buf_printf(out, "%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", start, end - start);
    }
    al_buf_u8(out, ']');
}

static bool is_sent(const hit_style *s, al_slice name)
{
    for (size_t i = 0; s->has_fields && i < s->n_fields; i++)
        if (al_slice_eq(s->fields[i], name))
            return true;
    return !s->has_fields;
}

/* In the message always; in fields only where there are some, for few queries reach into one. */
static void put_highlights(al_buf *out, const hit_style *s, const record *rec)
{
    highlight *all = s->m ? al_arena_alloc(s->scratch, HIGHLIGHTS_MAX, sizeof *all) : NULL;
    size_t n = all ? matcher_highlights(s->m, rec, all, HIGHLIGHTS_MAX) : 0;
    al_buf_str(out, ",\"highlights\":");
    put_places(out, rec->message, all, n);
    bool is_first = true;
    for (uint32_t i = 0; all && i < rec->n_fields; i++) {
        const field *f = &rec->fields[i];
        n = is_sent(s, f->name) ? matcher_field_highlights(s->m, f, all, HIGHLIGHTS_MAX) : 0;
        if (n == 0)
            continue;
        al_buf_str(out, is_first ? ",\"field_highlights\":{" : ",");
        json_put_string(out, f->name);
        al_buf_u8(out, ':');
        put_places(out, f->val.text, all, n);
        is_first = false;
    }
    if (!is_first)
        al_buf_u8(out, '}');
}

void hit_put_json(al_buf *out, const hit_style *s, const eng_row *row)
{
    const record *rec = row->rec;
    al_arena_reset(s->scratch);
    al_buf_printf(out, "{\"id\":\"%" PRIu64 "\"", rec->id);
    if (s->is_many)
        al_buf_printf(out, ",\"index\":\"%s\"", row->index);
    al_buf_str(out, ",\"time\":\"");
    rec_time_format(out, rec->time_ns);
    al_buf_str(out, "\",\"message\":");
    json_put_string(out, rec->message);
    al_buf_str(out, ",\"fields\":");
    if (s->has_fields)
        put_chosen_fields(out, s, rec);
    else
        json_put_fields(out, rec->fields, rec->n_fields);
    put_highlights(out, s, rec);
    al_buf_u8(out, '}');
}

static void put_cell(al_buf *out, al_slice text)
{
    al_buf_u8(out, '"');
    for (size_t at = 0; at < text.len;) {
        size_t quote = al_slice_find(text, '"', at);
        put_text(out, al_slice_sub(text, at, quote));
        if (quote < text.len)
            al_buf_str(out, "\"\"");
        at = quote + 1;
    }
    al_buf_u8(out, '"');
}

void hit_put_csv_head(al_buf *out, const hit_style *s)
{
    al_buf_str(out, s->is_many ? "id,index,time,message" : "id,time,message");
    for (size_t i = 0; i < s->n_fields; i++) {
        al_buf_u8(out, ',');
        put_cell(out, s->fields[i]);
    }
    al_buf_str(out, s->has_fields ? "\r\n" : ",fields\r\n");
}

void hit_put_csv(al_buf *out, const hit_style *s, const eng_row *row)
{
    const record *rec = row->rec;
    al_buf cell;
    al_arena_reset(s->scratch);
    al_buf_init(&cell, REQ_ANSWER_BYTES_MAX);
    al_buf_printf(out, "%" PRIu64 ",", rec->id);
    if (s->is_many)
        al_buf_printf(out, "%s,", row->index);
    rec_time_format(out, rec->time_ns);
    al_buf_u8(out, ',');
    put_cell(out, rec->message);
    for (size_t i = 0; i < s->n_fields; i++) {
        al_buf_clear(&cell);
        al_buf_u8(out, ',');
        if (put_value_at(&cell, s, rec, s->fields[i], true))
            put_cell(out, al_buf_slice(&cell));
        al_buf_fail(out, al_buf_code(&cell));
    }
    if (!s->has_fields) {
        al_buf_clear(&cell);
        json_put_fields(&cell, rec->fields, rec->n_fields);
        al_buf_u8(out, ',');
        put_cell(out, al_buf_slice(&cell));
        al_buf_fail(out, al_buf_code(&cell));
    }
    al_buf_str(out, "\r\n");
    al_buf_done(&cell);
}

void hit_put_text(al_buf *out, const hit_style *s, const eng_row *row)
{
    const record *rec = row->rec;
    al_arena_reset(s->scratch);
    rec_time_format(out, rec->time_ns);
    if (s->is_many)
        al_buf_printf(out, " %s", row->index);
    for (size_t i = 0; i < s->n_fields; i++) {
        al_buf_u8(out, ' ');
        if (!put_value_at(out, s, rec, s->fields[i], true))
            al_buf_u8(out, '-');
    }
    al_buf_u8(out, ' ');
    put_text(out, rec->message);
    al_buf_u8(out, '\n');
}

bool hit_read_fields(req *r, hit_style *ret)
{
    enum { FIELDS_MAX = 1000 };
    al_slice list;
    if (!req_text(r, "fields", &list))
        return true;
    ret->has_fields = true;
    al_slice *all = al_arena_alloc(r->arena, FIELDS_MAX, sizeof *all);
    if (!all) {
        req_problem(r, 503, "no memory");
        return false;
    }
    for (size_t at = 0; at < list.len;) {
        size_t comma = al_slice_find(list, ',', at);
        al_slice name = al_slice_trim(al_slice_sub(list, at, comma));
        at = comma + 1;
        bool is_known = name.len == 0;
        for (size_t i = 0; i < ret->n_fields && !is_known; i++)
            is_known = al_slice_eq(all[i], name);
        if (is_known)
            continue;
        if (ret->n_fields == FIELDS_MAX) {
            req_problem(r, 400, "fields: more than %d names", FIELDS_MAX);
            return false;
        }
        all[ret->n_fields++] = name;
    }
    ret->fields = all;
    return true;
}
