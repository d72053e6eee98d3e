/* Values by path and paths of a record. See record.h for the contract.
 * Most paths are the name of a top-level scalar: one pass over the names. Only a name that is the
 * beginning of the path, followed by a dot, on an array or object has its text read, in one pass
 * and by recursion: depth is bounded, because decoding keeps nesting to REC_DEPTH_MAX and what has
 * more (damaged text from disk) is not looked into.
 * A name may hold dots itself, so at each object every prefix of the path is tried that is a name
 * there. Doubled names inside an object are all visited.
 * Without memory to decode a name or string the walk stops, as when a visitor stops it. */
#include <string.h>

#include "record/json.h"

enum { WALK_DEPTH_MAX = REC_DEPTH_MAX + 1 };

/* ---- rec_values_at */

typedef struct finder {
    al_arena *scratch;
    rec_value_fn *fn;
    void *ctx;
    size_t n_visited;
    bool is_stopped;
    bool is_nomem; /* then is_stopped too */
} finder;

static void visit(finder *f, const value *v, bool is_element)
{
    f->n_visited++;
    f->is_stopped = f->fn(f->ctx, v, is_element) == REC_VISIT_STOP;
}

/* The bytes of a name or string; the token's own when nothing is escaped. False without memory. */
static bool decode_token(al_arena *scratch, const json_token *t, al_slice *ret)
{
    bool is_lone = false;
    *ret = t->raw;
    if (!(t->flags & JSON_ESCAPED))
        return true;
    uint8_t *out = al_arena_alloc(scratch, t->raw.len, 1);
    if (!out)
        return false;
    *ret = (al_slice){out, json_unescape(t->raw, out, &is_lone)};
    return true;
}

static bool token_value(al_arena *scratch, const json_token *t, value *ret)
{
    *ret = (value){.type = t->type};
    if (t->type == VAL_STRING)
        return decode_token(scratch, t, &ret->text);
    if (t->type == VAL_NUMBER || t->type == VAL_ARRAY || t->type == VAL_OBJECT)
        ret->text = t->raw;
    return true;
}

/* What token_value and decode_token say, remembered. */
static bool is_decoded(finder *f, bool has_memory)
{
    if (!has_memory)
        f->is_nomem = f->is_stopped = true;
    return has_memory;
}

/* Visits the elements of the array in front of r, those of nested arrays in their place. */
static void visit_elements(finder *f, json_reader *r, unsigned depth)
{
    json_token t;
    value v;
    val_type type = VAL_NULL;
    json_open(r);
    while (!f->is_stopped && json_next(r, VAL_ARRAY, &t) == JSON_ITEM && json_peek(r, &type)) {
        if (type == VAL_ARRAY && depth < WALK_DEPTH_MAX)
            visit_elements(f, r, depth + 1);
        else if (json_value(r, &t) && is_decoded(f, token_value(f->scratch, &t, &v)))
            visit(f, &v, true);
    }
}

static void visit_value(finder *f, const value *v)
{
    visit(f, v, false);
    if (v->type != VAL_ARRAY || f->is_stopped)
        return;
    json_reader r = json_read(v->text);
    val_type type = VAL_NULL;
    if (json_peek(&r, &type) && type == VAL_ARRAY)
        visit_elements(f, &r, 1);
}

/* The path behind `name` and its dot; false when the path does not lead through that name. */
static bool path_below(al_slice path, al_slice name, al_slice *ret)
{
    if (path.len <= name.len || path.ptr[name.len] != '.' || !al_slice_starts(path, name))
        return false;
    *ret = al_slice_sub(path, name.len + 1, path.len);
    if (!ret->ptr)
        *ret = AL_LIT("");
    return true;
}

/* Looks for `path` in the array or object in front of r, and takes it. */
static void find_inside(finder *f, json_reader *r, val_type type, al_slice path, unsigned depth);

/* One member of an object, its value in front of r; takes that. */
static void find_in_member(finder *f, json_reader *r, al_slice name, al_slice path, unsigned depth)
{
    json_token t;
    value v;
    al_slice below = {0};
    val_type type = VAL_NULL;
    if (al_slice_eq(name, path)) {
        if (json_value(r, &t) && is_decoded(f, token_value(f->scratch, &t, &v)))
            visit_value(f, &v);
    } else if (json_peek(r, &type) && (type == VAL_OBJECT || type == VAL_ARRAY) &&
               path_below(path, name, &below)) {
        find_inside(f, r, type, below, depth + 1);
    } else {
        (void)json_value(r, &t); /* an error ends the caller's loop */
    }
}

static void find_inside(finder *f, json_reader *r, val_type type, al_slice path, unsigned depth)
{
    json_token t;
    al_slice name;
    val_type inner = VAL_NULL;
    if (depth > WALK_DEPTH_MAX) {
        (void)json_value(r, &t);
        return;
    }
    json_open(r);
    while (!f->is_stopped && json_next(r, type, &t) == JSON_ITEM) {
        if (type == VAL_OBJECT) {
            if (!is_decoded(f, decode_token(f->scratch, &t, &name)))
                return;
            find_in_member(f, r, name, path, depth);
        } else if (json_peek(r, &inner) && (inner == VAL_OBJECT || inner == VAL_ARRAY)) {
            find_inside(f, r, inner, path, depth + 1);
        } else {
            (void)json_value(r, &t);
        }
    }
}

static bool is_nested(val_type type)
{
    return type == VAL_ARRAY || type == VAL_OBJECT;
}

size_t rec_values_at(const record *r, al_slice path, al_arena *scratch, rec_value_fn *fn, void *ctx)
{
    finder f = {.scratch = scratch, .fn = fn, .ctx = ctx};
    bool is_scratch_used = false;
    for (uint32_t i = 0; i < r->n_fields && !f.is_stopped; i++) {
        const field *at = &r->fields[i];
        al_slice below = {0};
        bool is_here = al_slice_eq(at->name, path);
        if (!is_nested(at->val.type)) {
            if (is_here)
                visit(&f, &at->val, false);
            continue;
        }
        if (!is_here && !path_below(path, at->name, &below))
            continue;
        if (!is_scratch_used)
            al_arena_reset(scratch);
        is_scratch_used = true;
        if (is_here) {
            visit_value(&f, &at->val);
            continue;
        }
        json_reader in = json_read(at->val.text);
        val_type type = VAL_NULL;
        if (json_peek(&in, &type) && is_nested(type))
            find_inside(&f, &in, type, below, 1);
    }
    return f.is_nomem ? REC_NOMEM : f.n_visited;
}

/* ---- rec_each_path */

typedef struct path_walk {
    al_arena *scratch;
    rec_path_fn *fn;
    void *ctx;
    bool is_stopped;
    bool is_nomem;    /* then is_stopped too */
    bool has_visited; /* a path of the field at hand */
    size_t path_bytes;
    uint8_t path[REC_NAME_BYTES_MAX];
} path_walk;

static void visit_path(path_walk *w, const value *v)
{
    w->has_visited = true;
    w->is_stopped = w->fn(w->ctx, (al_slice){w->path, w->path_bytes}, v) == REC_VISIT_STOP;
}

/* Appends .name; false when the path would be longer than any field's name. */
static bool push_name(path_walk *w, al_slice name)
{
    if (name.len + 1 > sizeof w->path - w->path_bytes)
        return false;
    w->path[w->path_bytes++] = '.';
    if (name.len)
        memcpy(w->path + w->path_bytes, name.ptr, name.len);
    w->path_bytes += name.len;
    return true;
}

static void walk_elements(path_walk *w, json_reader *r, unsigned depth);

/* The members of the object in front of r; how many there were, to tell an empty one. */
static size_t walk_members(path_walk *w, json_reader *r, unsigned depth)
{
    json_token t;
    value v;
    size_t n = 0;
    val_type type = VAL_NULL;
    json_open(r);
    while (!w->is_stopped && json_next(r, VAL_OBJECT, &t) == JSON_ITEM && json_peek(r, &type)) {
        al_slice name;
        size_t before = w->path_bytes;
        n++;
        if (!decode_token(w->scratch, &t, &name)) {
            w->is_nomem = w->is_stopped = true;
            return n;
        }
        json_reader inside = *r; /* an array is visited whole, then looked into */
        if (!push_name(w, name) || (type == VAL_OBJECT && depth >= WALK_DEPTH_MAX)) {
            (void)json_value(r, &t);
        } else if (type == VAL_OBJECT) {
            size_t n_inside = walk_members(w, r, depth + 1);
            v = (value){VAL_OBJECT, AL_LIT("{}")};
            if (n_inside == 0 && !r->error && !w->is_stopped)
                visit_path(w, &v);
        } else if (json_value(r, &t)) {
            if (!token_value(w->scratch, &t, &v)) {
                w->is_nomem = w->is_stopped = true;
                return n;
            }
            visit_path(w, &v);
            if (type == VAL_ARRAY && !w->is_stopped && memchr(v.text.ptr, '{', v.text.len))
                walk_elements(w, &inside, depth + 1);
        }
        w->path_bytes = before;
    }
    return n;
}

/* The objects among the elements of the array in front of r, at the path of the array. */
static void walk_elements(path_walk *w, json_reader *r, unsigned depth)
{
    json_token t;
    val_type type = VAL_NULL;
    if (depth > WALK_DEPTH_MAX) {
        (void)json_value(r, &t);
        return;
    }
    json_open(r);
    while (!w->is_stopped && json_next(r, VAL_ARRAY, &t) == JSON_ITEM && json_peek(r, &type)) {
        if (type == VAL_OBJECT)
            (void)walk_members(w, r, depth + 1); /* an empty one has no path of its own */
        else if (type == VAL_ARRAY)
            walk_elements(w, r, depth + 1);
        else
            (void)json_value(r, &t);
    }
}

static void walk_field(path_walk *w, const field *f)
{
    json_reader r = json_read(f->val.text);
    val_type type = VAL_NULL;
    if (f->name.len > sizeof w->path)
        return;
    if (f->name.len)
        memcpy(w->path, f->name.ptr, f->name.len);
    w->path_bytes = f->name.len;
    if (!is_nested(f->val.type) || !json_peek(&r, &type) || !is_nested(type)) {
        visit_path(w, &f->val);
        return;
    }
    if (type == VAL_OBJECT) {
        w->has_visited = false;
        (void)walk_members(w, &r, 1);
        if (!w->has_visited && !w->is_stopped) /* an empty one, or all paths are too long */
            visit_path(w, &f->val);
        return;
    }
    visit_path(w, &f->val);
    if (!w->is_stopped && memchr(f->val.text.ptr, '{', f->val.text.len))
        walk_elements(w, &r, 1);
}

bool rec_each_path(const record *r, al_arena *scratch, rec_path_fn *fn, void *ctx)
{
    path_walk w;
    w.scratch = scratch;
    w.fn = fn;
    w.ctx = ctx;
    w.is_stopped = false;
    w.is_nomem = false;
    w.has_visited = false;
    w.path_bytes = 0;
    al_arena_reset(scratch);
    for (uint32_t i = 0; i < r->n_fields && !w.is_stopped; i++)
        walk_field(&w, &r->fields[i]);
    return !w.is_nomem;
}
