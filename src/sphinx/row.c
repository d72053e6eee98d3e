/* Rows. `src` is, before its NULs and backslashes are escaped:
 *
 *     time in ns, then '=' (the message is logline) or ':' bytes of the message ':' message,
 *     then the fields as canonical JSON (record.h), bytes as they are; nothing: they are js
 *
 * Whether `js` gives the fields back is decided without asking Sphinx: only what is surely kept
 * (the table in row.h) is left to it. */
#include "sphinx/row.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "record/json.h"
#include "record/json_out.h"
#include "record/utf8.h"

enum {
    DEPTH_MAX = 8,  /* of nesting in `js` that is relied on */
    NAMES_MAX = 32, /* of one nested object; with more it is not looked for doubled ones */
};

/* ---- What comes back */

static bool is_kept_text(al_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' && s.ptr[i] != '\n' && s.ptr[i] != '\t')
            return false;
    return utf8_is_valid(s);
}

static bool is_kept_logline(al_slice s)
{
    return s.len <= ROW_STRING_BYTES_MAX &&
           !memchr(s.len ? s.ptr : (const uint8_t *)"", 0, s.len) && utf8_is_valid(s);
}

/* 64 bits, in the one spelling that Sphinx writes. */
static bool is_kept_number(al_slice s)
{
    int64_t n;
    size_t sign = s.len && s.ptr[0] == '-';
    if (s.len == sign || !al_parse_i64(s, &n))
        return false;
    return s.ptr[sign] != '0' || s.len == 1;
}

/* Of canonical text: other escapes than of a line's end and a tab are of other control
 * characters. */
static bool is_kept_raw(const json_token *t)
{
    if (t->flags & JSON_BAD_UTF8)
        return false;
    for (size_t i = 0; i + 1 < t->raw.len; i++) {
        if (t->raw.ptr[i] != '\\')
            continue;
        i++;
        uint8_t c = t->raw.ptr[i];
        if (c != 'n' && c != 't' && c != '"' && c != '\\')
            return false;
    }
    return true;
}

static bool is_kept_nested(json_reader *r, unsigned depth);

static bool is_kept_next(json_reader *r, unsigned depth)
{
    val_type type;
    json_token t;
    if (!json_peek(r, &type))
        return false;
    if (type == VAL_ARRAY || type == VAL_OBJECT)
        return depth < DEPTH_MAX && is_kept_nested(r, depth + 1);
    if (!json_value(r, &t))
        return false;
    return type == VAL_STRING ? is_kept_raw(&t) : type != VAL_NUMBER || is_kept_number(t.raw);
}

/* In front of an array or object. Names are canonical, so equal ones have equal bytes. */
static bool is_kept_nested(json_reader *r, unsigned depth)
{
    al_slice names[NAMES_MAX];
    size_t n = 0;
    val_type type;
    json_token name;
    json_step step;
    if (!json_peek(r, &type))
        return false;
    json_open(r);
    while ((step = json_next(r, type, &name)) == JSON_ITEM) {
        if (type == VAL_OBJECT) {
            for (size_t i = 0; i < n; i++)
                if (al_slice_eq(names[i], name.raw))
                    return false;
            if (n == NAMES_MAX || !is_kept_raw(&name))
                return false;
            names[n++] = name.raw;
        }
        if (!is_kept_next(r, depth))
            return false;
    }
    return step == JSON_CLOSE;
}

static bool is_kept_value(const value *v)
{
    switch (v->type) {
    case VAL_NULL:
    case VAL_FALSE:
    case VAL_TRUE:
        return true;
    case VAL_NUMBER:
        return is_kept_number(v->text);
    case VAL_STRING:
        return is_kept_text(v->text);
    case VAL_ARRAY:
    case VAL_OBJECT:
        break;
    }
    json_reader r = json_read(v->text);
    return is_kept_nested(&r, 1);
}

static bool are_kept_fields(const record *r, size_t js_bytes)
{
    if (js_bytes > ROW_JSON_BYTES_MAX)
        return false;
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (!is_kept_text(r->fields[i].name) || !is_kept_value(&r->fields[i].val))
            return false;
    return true;
}

/* ---- Writing */

/* Well-formed, without NUL. */
static void put_text(al_buf *out, al_slice s)
{
    for (size_t at = 0; at < s.len;) {
        bool ok = false;
        size_t n = utf8_step(s.ptr + at, s.len - at, &ok);
        if (ok && s.ptr[at])
            al_buf_put(out, s.ptr + at, n);
        else
            al_buf_str(out, "\xef\xbf\xbd");
        at += n;
    }
}

void row_put_logline(const record *r, al_buf *out)
{
    put_text(out, r->message);
}

void row_put_js(const record *r, al_buf *out)
{
    json_put_fields(out, r->fields, r->n_fields);
}

void row_put_column(const record *r, al_slice name, al_buf *out)
{
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const field *f = &r->fields[i];
        if (!al_slice_eq(f->name, name))
            continue;
        if (f->val.type == VAL_STRING)
            put_text(out, f->val.text);
        else
            json_put_value(out, &f->val);
    }
}

/* As canonical text: bytes as they are. */
static void put_quoted(al_buf *out, al_slice s)
{
    al_buf_u8(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t escaped[6];
        uint8_t c = s.ptr[i];
        if (c < ' ' || c == '"' || c == '\\')
            al_buf_put(out, escaped, json_escape(escaped, c));
        else
            al_buf_u8(out, c);
    }
    al_buf_u8(out, '"');
}

static void put_canonical(al_buf *out, const record *r)
{
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const value *v = &r->fields[i].val;
        al_buf_u8(out, i ? ',' : '{');
        put_quoted(out, r->fields[i].name);
        al_buf_u8(out, ':');
        if (v->type == VAL_STRING)
            put_quoted(out, v->text);
        else
            al_buf_slice_put(out, rec_value_text(v));
    }
    al_buf_str(out, r->n_fields ? "}" : "{}");
}

/* NUL is "\0", a backslash two. */
static void put_escaped(al_buf *out, al_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == 0 || s.ptr[i] == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, s.ptr[i] ? s.ptr[i] : '0');
    }
}

void row_put_src(const record *r, size_t js_bytes, al_buf *out)
{
    bool keeps_message = is_kept_logline(r->message);
    bool keeps_fields = are_kept_fields(r, js_bytes);
    if (keeps_message && keeps_fields && (uint64_t)r->time_ns == r->id)
        return;
    al_buf src;
    al_buf_init(&src, ROW_STRING_BYTES_MAX);
    al_buf_printf(&src, "%lld", (long long)r->time_ns);
    if (keeps_message) {
        al_buf_u8(&src, '=');
    } else {
        al_buf_printf(&src, ":%zu:", r->message.len);
        al_buf_slice_put(&src, r->message);
    }
    if (!keeps_fields)
        put_canonical(&src, r);
    size_t before = out->len;
    al_buf_fail(out, al_buf_code(&src));
    put_escaped(out, al_buf_slice(&src));
    if (out->len - before > ROW_STRING_BYTES_MAX)
        al_buf_fail(out, AL_LIMIT);
    al_buf_done(&src);
}

/* ---- Reading */

static al_slice unescape(al_arena *arena, al_slice s, bool *ret_ok)
{
    uint8_t *to = al_arena_alloc(arena, s.len + 1, 1);
    size_t n = 0;
    *ret_ok = to != NULL;
    for (size_t i = 0; to && i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c == '\\' && ++i == s.len)
            break;
        if (c == '\\')
            c = s.ptr[i] == '0' ? 0 : s.ptr[i];
        to[n++] = c;
    }
    return (al_slice){to, n};
}

static al_slice decode_string(al_arena *arena, al_slice raw, bool *ret_ok)
{
    bool ignored = false;
    uint8_t *to = al_arena_alloc(arena, raw.len + 1, 1);
    *ret_ok = to != NULL;
    return to ? (al_slice){to, json_unescape(raw, to, &ignored)} : (al_slice){0};
}

static al_slice decode_nested(al_arena *arena, al_slice raw, bool *ret_ok)
{
    bool ignored = false;
    uint8_t *to = al_arena_alloc(arena, raw.len + 1, 1);
    *ret_ok = to != NULL;
    return to ? (al_slice){to, json_compact(raw, to, &ignored)} : (al_slice){0};
}

static bool take_value(al_arena *arena, const json_token *t, value *ret)
{
    bool ok = true;
    *ret = (value){.type = t->type};
    switch (t->type) {
    case VAL_NULL:
    case VAL_FALSE:
    case VAL_TRUE:
        break;
    case VAL_NUMBER:
        ret->text = t->raw;
        break;
    case VAL_STRING:
        ret->text = decode_string(arena, t->raw, &ok);
        break;
    case VAL_ARRAY:
    case VAL_OBJECT:
        ret->text = decode_nested(arena, t->raw, &ok);
        break;
    }
    return ok;
}

static uint32_t count_items(al_slice text)
{
    json_reader r = json_read(text);
    json_token name;
    json_token t;
    uint32_t n = 0;
    json_open(&r);
    while (json_next(&r, VAL_OBJECT, &name) == JSON_ITEM && json_value(&r, &t))
        n++;
    return n;
}

/* AL_INVALID: it is no object. */
static al_code take_fields(al_slice text, al_arena *arena, record *ret)
{
    json_reader r = json_read(text);
    json_token name;
    json_token t;
    json_step step;
    val_type type;
    bool ok = true;
    if (!json_peek(&r, &type) || type != VAL_OBJECT)
        return AL_INVALID;
    uint32_t n_max = count_items(text);
    field *fields = al_arena_alloc(arena, (size_t)n_max + 1, sizeof *fields);
    if (!fields)
        return AL_NOMEM;
    uint32_t n = 0;
    json_open(&r);
    while (n < n_max && (step = json_next(&r, VAL_OBJECT, &name)) == JSON_ITEM) {
        if (!json_value(&r, &t))
            return AL_INVALID;
        fields[n].name = decode_string(arena, name.raw, &ok);
        if (!ok || !take_value(arena, &t, &fields[n].val))
            return AL_NOMEM;
        n++;
    }
    if (n == n_max)
        step = json_next(&r, VAL_OBJECT, &name);
    if (step != JSON_CLOSE || !json_end(&r))
        return AL_INVALID;
    ret->fields = fields;
    ret->n_fields = n;
    return AL_OK;
}

/* What is not the object that it should be stays to be read. */
static al_code fields_of_js(const row_columns *row, al_arena *arena, record *ret)
{
    al_code c = take_fields(row->js, arena, ret);
    if (c != AL_INVALID || row->js.len == 0)
        return c == AL_INVALID ? AL_OK : c;
    field *f = al_arena_alloc(arena, 1, sizeof *f);
    if (!f)
        return AL_NOMEM;
    *f = (field){.name = AL_LIT("js"), .val = {.type = VAL_STRING, .text = row->js}};
    ret->fields = f;
    ret->n_fields = 1;
    return AL_OK;
}

/* Digits up to `end`; *at goes behind it. */
static bool take_number(al_slice s, uint8_t end, size_t *at, uint64_t *ret)
{
    size_t to = al_slice_find(s, end, *at);
    if (to == s.len || !al_parse_u64(al_slice_sub(s, *at, to), ret))
        return false;
    *at = to + 1;
    return true;
}

static al_code take_src(const row_columns *row, al_arena *arena, record *ret, bool *ret_has_fields,
                        al_err *err)
{
    bool ok = true;
    uint64_t time = 0;
    uint64_t len = 0;
    size_t at = 0;
    al_slice src = unescape(arena, row->src, &ok);
    if (!ok)
        return al_fail(err, AL_NOMEM, "row %llu", (unsigned long long)row->id);
    size_t digits = 0;
    while (digits < src.len && src.ptr[digits] >= '0' && src.ptr[digits] <= '9')
        digits++;
    uint8_t kind = digits < src.len ? src.ptr[digits] : 0;
    ok = (kind == '=' || kind == ':') && take_number(src, kind, &at, &time) && time <= INT64_MAX;
    if (ok && kind == ':') {
        ok = take_number(src, ':', &at, &len) && len <= src.len - at;
        ret->message = ok ? al_slice_sub(src, at, at + (size_t)len) : ret->message;
        at += ok ? (size_t)len : 0;
    }
    ret->time_ns = (int64_t)time;
    *ret_has_fields = ok && at < src.len;
    al_code c =
        ok && at < src.len ? take_fields(al_slice_sub(src, at, src.len), arena, ret) : AL_OK;
    if (c == AL_NOMEM)
        return al_fail(err, c, "row %llu", (unsigned long long)row->id);
    if (!ok || c)
        return al_fail(err, AL_CORRUPT, "row %llu: 'src' is no source of a record",
                       (unsigned long long)row->id);
    return AL_OK;
}

al_code row_decode(const row_columns *row, al_arena *arena, record *ret, al_err *err)
{
    enum { NS_PER_US = 1000 };
    uint64_t time = row->is_old ? row->id - row->id % NS_PER_US : row->id;
    bool has_fields = false;
    *ret = (record){.id = row->id,
                    .time_ns = (int64_t)AL_MIN(time, (uint64_t)INT64_MAX),
                    .message = row->logline};
    al_code c = row->src.len ? take_src(row, arena, ret, &has_fields, err) : AL_OK;
    if (!c && !has_fields && fields_of_js(row, arena, ret))
        c = al_fail(err, AL_NOMEM, "row %llu", (unsigned long long)row->id);
    return c;
}
