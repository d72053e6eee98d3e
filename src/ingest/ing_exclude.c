/* Excluded fields.
 * A field is known by its path: a top-level name, or names joined with dots through objects and the
 * elements of arrays. A top-level match drops the field; a match inside rewrites the field's text
 * without the member. An object that lost its last member stays as {}: it was sent. */
#include "ingest/ing_exclude.h"

#include <string.h>

#include "base/buf.h"
#include "record/json.h"

enum { REWRITE_BYTES_MAX = 64 << 20 };

typedef struct rewrite {
    const al_slice *names;
    size_t n_names;
    al_arena *arena;
    al_buf path; /* of the value at hand */
    al_buf out;
    bool has_dropped;
} rewrite;

static bool is_excluded(const rewrite *w, al_slice path)
{
    size_t low = 0;
    size_t high = w->n_names;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = al_slice_cmp(w->names[mid], path);
        if (c == 0)
            return true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* Does an excluded path lead through `path`? */
static bool leads_through(const rewrite *w, al_slice path)
{
    for (size_t i = 0; i < w->n_names; i++)
        if (w->names[i].len > path.len && w->names[i].ptr[path.len] == '.' &&
            al_slice_starts(w->names[i], path))
            return true;
    return false;
}

static void put_path(rewrite *w, const json_token *name)
{
    al_buf_u8(&w->path, '.');
    uint8_t *out = al_buf_extend(&w->path, name->raw.len);
    bool is_lone = false;
    if (out)
        w->path.len -= name->raw.len - json_unescape(name->raw, out, &is_lone);
}

static void copy_value(rewrite *w, json_reader *r, unsigned depth);

/* The text is canonical (record.h), so copying tokens as they stand keeps it so. */
static void copy_object(rewrite *w, json_reader *r, unsigned depth)
{
    json_token name;
    bool is_first = true;
    json_open(r);
    al_buf_u8(&w->out, '{');
    while (json_next(r, VAL_OBJECT, &name) == JSON_ITEM) {
        size_t path_len = w->path.len;
        put_path(w, &name);
        if (is_excluded(w, al_buf_slice(&w->path))) {
            json_token gone;
            (void)json_value(r, &gone); /* the text was checked when it was decoded */
            w->has_dropped = true;
        } else {
            al_buf_str(&w->out, is_first ? "\"" : ",\"");
            al_buf_slice_put(&w->out, name.raw);
            al_buf_str(&w->out, "\":");
            copy_value(w, r, depth);
            is_first = false;
        }
        if (al_buf_code(&w->path) == AL_OK)
            w->path.len = path_len;
    }
    al_buf_u8(&w->out, '}');
}

/* Elements have the path of their array. */
static void copy_array(rewrite *w, json_reader *r, unsigned depth)
{
    json_token none;
    bool is_first = true;
    json_open(r);
    al_buf_u8(&w->out, '[');
    while (json_next(r, VAL_ARRAY, &none) == JSON_ITEM) {
        if (!is_first)
            al_buf_u8(&w->out, ',');
        copy_value(w, r, depth);
        is_first = false;
    }
    al_buf_u8(&w->out, ']');
}

static bool is_nested(val_type type)
{
    return type == VAL_OBJECT || type == VAL_ARRAY;
}

static void copy_value(rewrite *w, json_reader *r, unsigned depth)
{
    val_type type;
    json_token whole;
    if (depth < REC_DEPTH_MAX && json_peek(r, &type) && is_nested(type) &&
        leads_through(w, al_buf_slice(&w->path))) {
        (type == VAL_OBJECT ? copy_object : copy_array)(w, r, depth + 1);
        return;
    }
    if (!json_value(r, &whole))
        return;
    if (whole.type == VAL_STRING)
        al_buf_u8(&w->out, '"');
    al_buf_slice_put(&w->out, whole.raw);
    if (whole.type == VAL_STRING)
        al_buf_u8(&w->out, '"');
}

/* The field's text without what is excluded; the same text when nothing is. */
static bool rewrite_field(rewrite *w, const field *f, al_slice *ret)
{
    al_buf_clear(&w->out);
    al_buf_clear(&w->path);
    w->has_dropped = false;
    al_buf_slice_put(&w->path, f->name);
    json_reader r = json_read(f->val.text);
    copy_value(w, &r, 0);
    if (al_buf_code(&w->out) || al_buf_code(&w->path))
        return false;
    *ret = w->has_dropped ? al_arena_copy(w->arena, al_buf_slice(&w->out)) : f->val.text;
    return ret->ptr;
}

static bool filter(rewrite *w, record *r)
{
    field *kept = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_fields; i++) {
        field f = r->fields[i];
        bool is_gone = is_excluded(w, f.name);
        al_slice text = f.val.text;
        if (!is_gone && is_nested(f.val.type) && leads_through(w, f.name) &&
            !rewrite_field(w, &f, &text))
            return false;
        bool is_same = !is_gone && text.ptr == f.val.text.ptr;
        if (!is_same && !kept) {
            kept = al_arena_alloc(w->arena, r->n_fields, sizeof *kept);
            if (!kept)
                return false;
            if (i)
                memcpy(kept, r->fields, i * sizeof *kept);
        }
        f.val.text = text;
        if (kept && !is_gone)
            kept[n] = f;
        n += is_gone ? 0 : 1;
    }
    if (kept) {
        r->fields = kept;
        r->n_fields = n;
    }
    return true;
}

bool ing_exclude(record *r, const al_slice *names, size_t n_names, al_arena *arena)
{
    if (n_names == 0)
        return true;
    rewrite w = {.names = names, .n_names = n_names, .arena = arena};
    al_buf_init(&w.path, REWRITE_BYTES_MAX);
    al_buf_init(&w.out, REWRITE_BYTES_MAX);
    bool is_good = filter(&w, r);
    al_buf_done(&w.path);
    al_buf_done(&w.out);
    return is_good;
}
