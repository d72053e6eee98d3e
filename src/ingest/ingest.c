/* The ingest path: indexes, hooks and listeners. Batches are in ing_batch.c.
 * Order of a change, so that a crash at any point leaves something sensible: create = catalogue,
 * then engine (attach opens what an earlier run only wrote down); drop = engine, then catalogue (an
 * index without records is left, and can be dropped again).
 * Locks: change_lock (over a whole change, from reading what is changed on), then lock or
 * listen_lock (short); no call into engine or catalogue is made under the short ones, no listener
 * of changes under any. Listeners for commits and room run under listen_lock: they must not block,
 * and not come back here. */
#include "ingest/ingest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "ingest/ing_marks.h"
#include "ingest/ing_priv.h"

enum { MEMORY_BYTES_MAX = 64 << 20 };

/* ---- Hooks: called by the engine */

static void apply_memory(void *ctx, al_slice memory)
{
    ingest *in = ctx;
    if (in->memory.apply)
        in->memory.apply(in->memory.ctx, memory);
}

static void hook_mark(void *ctx, al_slice marks)
{
    ingest *in = ctx;
    al_slice ledgers = ing_marks_split(marks, apply_memory, in);
    if (ledgers.len)
        ledger_apply(in->led, ledgers);
}

static al_code hook_marks_dump(void *ctx, al_buf *out)
{
    ingest *in = ctx;
    if (in->memory.dump) {
        al_buf memory;
        al_buf_init(&memory, MEMORY_BYTES_MAX);
        al_code c = in->memory.dump(in->memory.ctx, &memory);
        if (!c)
            ing_marks_put_memory(out, al_buf_slice(&memory));
        al_buf_done(&memory);
        if (c)
            return c;
    }
    return ledger_dump(in->led, out);
}

static void hook_field_seen(void *ctx, const char *index, al_slice path)
{
    ingest *in = ctx;
    /* Dropped or full: as at first sight; without memory it is known again when it comes. */
    al_code ignored = catalog_field_seen(in->cat, index, path);
    (void)ignored;
}

static al_code hook_before_forget(void *ctx, al_err *err)
{
    ingest *in = ctx;
    return catalog_flush(in->cat, err);
}

static void hook_committed(void *ctx)
{
    ingest *in = ctx;
    AL_LOCKED(&in->listen_lock);
    for (size_t i = 0; i < in->n_commit; i++)
        in->on_commit[i].fn(in->on_commit[i].ctx);
}

static void hook_has_room(void *ctx)
{
    ingest *in = ctx;
    AL_LOCKED(&in->listen_lock);
    for (size_t i = 0; i < in->n_room; i++)
        in->on_room[i].fn(in->on_room[i].ctx);
}

/* ---- Life */

al_code ingest_new(catalog *cat, ingest **ret, al_err *err)
{
    ingest *in = al_zalloc(1, sizeof *in);
    if (!in)
        return al_fail(err, AL_NOMEM, "ingest");
    in->cat = cat;
    in->led = ledger_new();
    if (!in->led) {
        free(in);
        return al_fail(err, AL_NOMEM, "ingest");
    }
    in->hooks = (eng_hooks){.ctx = in,
                            .mark = hook_mark,
                            .marks_dump = hook_marks_dump,
                            .field_seen = hook_field_seen,
                            .before_forget = hook_before_forget,
                            .committed = hook_committed,
                            .has_room = hook_has_room};
    (void)pthread_mutex_init(&in->change_lock, NULL);
    (void)pthread_mutex_init(&in->listen_lock, NULL);
    (void)pthread_rwlock_init(&in->lock, NULL);
    *ret = in;
    return AL_OK;
}

ingest *ingest_free(ingest *in)
{
    if (!in)
        return NULL;
    for (size_t i = 0; i < in->n; i++)
        (void)ing_index_unref(in->indexes[i]);
    free(in->indexes);
    (void)ledger_free(in->led);
    (void)pthread_mutex_destroy(&in->change_lock);
    (void)pthread_mutex_destroy(&in->listen_lock);
    (void)pthread_rwlock_destroy(&in->lock);
    free(in);
    return NULL;
}

ledger *ingest_ledger(ingest *in)
{
    return in->led;
}

void ingest_remember(ingest *in, const ingest_memory *m)
{
    in->memory = *m;
}

const eng_hooks *ingest_hooks(ingest *in)
{
    return &in->hooks;
}

void ingest_stop(ingest *in)
{
    atomic_store(&in->is_stopped, true);
}

/* ---- Indexes */

static size_t place_locked(const ingest *in, const char *name, bool *ret_found)
{
    size_t i = 0;
    while (i < in->n && strcmp(in->indexes[i]->name, name) < 0)
        i++;
    *ret_found = i < in->n && strcmp(in->indexes[i]->name, name) == 0;
    return i;
}

ing_index *ingest_find(ingest *in, const char *name)
{
    bool is_found = false;
    (void)pthread_rwlock_rdlock(&in->lock);
    size_t i = place_locked(in, name, &is_found);
    ing_index *ix = is_found ? ing_index_ref(in->indexes[i]) : NULL;
    (void)pthread_rwlock_unlock(&in->lock);
    return ix;
}

/* Takes ix on AL_OK. */
static al_code insert(ingest *in, ing_index *ix, al_err *err)
{
    bool is_found = false;
    (void)pthread_rwlock_wrlock(&in->lock);
    size_t i = place_locked(in, ix->name, &is_found);
    assert(!is_found);
    ing_index **grown = al_grow(in->indexes, &in->cap, in->n, sizeof(void *), 8, CAT_INDEXES_MAX);
    if (grown) {
        in->indexes = grown;
        memmove(grown + i + 1, grown + i, (in->n - i) * sizeof(void *));
        grown[i] = ix;
        in->n++;
    }
    (void)pthread_rwlock_unlock(&in->lock);
    return grown ? AL_OK : al_fail(err, AL_NOMEM, "index '%s'", ix->name);
}

static void take_out(ingest *in, const char *name)
{
    bool is_found = false;
    ing_index *gone = NULL;
    (void)pthread_rwlock_wrlock(&in->lock);
    size_t i = place_locked(in, name, &is_found);
    if (is_found) {
        gone = in->indexes[i];
        in->n--;
        memmove(in->indexes + i, in->indexes + i + 1, (in->n - i) * sizeof(void *));
    }
    (void)pthread_rwlock_unlock(&in->lock);
    (void)ing_index_unref(gone);
}

static al_code open_in_engine(engine *e, const cat_index *idx, al_err *err)
{
    eng_index_settings s = {.intervals = idx->intervals,
                            .max_bytes = idx->max_bytes,
                            .text_fields = idx->text_fields,
                            .n_text_fields = idx->n_text_fields};
    (void)snprintf(s.name, sizeof s.name, "%s", idx->name);
    return engine_index_open(e, &s, err);
}

static al_code open_index(ingest *in, engine *e, const cat_index *idx, al_err *err)
{
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = NULL;
    al_code c = ing_index_new(in->cat, idx->name, &ix, err);
    if (!c)
        c = open_in_engine(e, idx, err);
    if (!c)
        c = insert(in, ix, err);
    if (!c)
        (void)AL_TAKE(ix);
    return c;
}

al_code ingest_attach(ingest *in, engine *e, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(16384);
    cat_index *all = NULL;
    size_t n = 0;
    if (!arena)
        return al_fail(err, AL_NOMEM, "open indexes");
    al_code c = catalog_indexes(in->cat, arena, &all, &n, err);
    for (size_t i = 0; !c && i < n; i++)
        c = open_index(in, e, &all[i], err);
    if (!c)
        atomic_store(&in->eng, e);
    return c;
}

static void tell_change(ingest *in, const char *index)
{
    for (size_t i = 0;; i++) {
        ingest_listener_fn *fn = NULL;
        void *ctx = NULL;
        {
            AL_LOCKED(&in->listen_lock);
            if (i < in->n_change) {
                fn = in->on_change[i].fn;
                ctx = in->on_change[i].ctx;
            }
        }
        if (!fn)
            return;
        fn(ctx, index);
    }
}

static al_code create(ingest *in, const cat_index *idx, al_err *err)
{
    engine *e = atomic_load(&in->eng);
    if (!e)
        return AL_AGAIN;
    AL_LOCKED(&in->change_lock);
    al_code c = ing_index_check(idx, atomic_load(&in->has_sphinx), err);
    if (!c)
        c = catalog_index_create(in->cat, idx, err);
    if (c)
        return c;
    c = open_index(in, e, idx, err);
    if (c) { /* if it stays in the catalogue all the same, it is opened at the next start */
        al_code ignored = catalog_index_drop(in->cat, idx->name, NULL);
        (void)ignored;
    }
    return c;
}

al_code ingest_index_create(ingest *in, const cat_index *idx, al_err *err)
{
    al_code c = create(in, idx, err);
    if (!c)
        tell_change(in, idx->name);
    return c;
}

void ingest_take_sphinx(ingest *in)
{
    atomic_store(&in->has_sphinx, true);
}

/* What keeps an index is chosen when it is made, for good: its records would be on both sides, and
 * between a look whether it is empty and the change one might come in. */
static al_code check_engine(ingest *in, const cat_index *idx, al_err *err)
{
    cat_index now;
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    if (!arena)
        return al_fail(err, AL_NOMEM, "no memory");
    al_code c = catalog_index_get(in->cat, idx->name, arena, &now, err);
    if (!c && !al_slice_eq(idx->engine, now.engine))
        c = al_fail(err, AL_INVALID,
                    "engine '%.*s': index '%s' is of engine %.*s, and that cannot be changed: drop "
                    "it and create it anew, or create another one",
                    AL_ARG(idx->engine), idx->name, AL_ARG(now.engine));
    return c;
}

/* The caller holds change_lock. */
static al_code change_locked(ingest *in, const cat_index *idx, al_err *err)
{
    engine *e = atomic_load(&in->eng);
    if (!e)
        return AL_AGAIN;
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = ingest_find(in, idx->name);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", idx->name);
    al_code c = check_engine(in, idx, err);
    if (!c)
        c = ing_index_check(idx, true, err); /* what it is already stays possible */
    if (!c)
        c = catalog_index_change(in->cat, idx, err);
    if (!c)
        c = open_in_engine(e, idx, err);
    return c ? c : ing_index_reload(in->cat, ix, err);
}

al_code ingest_index_change(ingest *in, const cat_index *idx, al_err *err)
{
    al_code c = AL_OK;
    {
        AL_LOCKED(&in->change_lock);
        c = change_locked(in, idx, err);
    }
    if (!c)
        tell_change(in, idx->name);
    return c;
}

al_code ingest_index_edit(ingest *in, cat_index *idx, al_arena *arena, ingest_index_edit_fn *edit,
                          void *ctx, al_err *err)
{
    char name[CAT_INDEX_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s", idx->name);
    al_code c = AL_OK;
    {
        AL_LOCKED(&in->change_lock);
        c = catalog_index_get(in->cat, name, arena, idx, err);
        if (!c)
            c = edit(ctx, idx, err);
        if (!c)
            c = change_locked(in, idx, err);
    }
    if (!c)
        tell_change(in, name);
    return c;
}

static al_code drop(ingest *in, const char *name, al_err *err)
{
    engine *e = atomic_load(&in->eng);
    if (!e)
        return AL_AGAIN;
    AL_LOCKED(&in->change_lock);
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = ingest_find(in, name);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", name);
    al_code c = engine_index_drop(e, name, err);
    if (c && c != AL_NOT_FOUND)
        return c;
    c = catalog_index_drop(in->cat, name, err);
    if (!c)
        take_out(in, name);
    return c;
}

al_code ingest_index_drop(ingest *in, const char *name, al_err *err)
{
    char copy[CAT_INDEX_NAME_MAX + 1];
    (void)snprintf(copy, sizeof copy, "%s", name);
    al_code c = drop(in, name, err);
    if (!c)
        tell_change(in, copy);
    return c;
}

/* The caller holds change_lock. */
static al_code field_set_locked(ingest *in, const char *index, const cat_field *f, al_err *err)
{
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = ingest_find(in, index);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", index);
    al_code c = catalog_field_set(in->cat, index, f, err);
    return c ? c : ing_index_reload(in->cat, ix, err);
}

al_code ingest_field_set(ingest *in, const char *index, const cat_field *f, al_err *err)
{
    AL_LOCKED(&in->change_lock);
    return field_set_locked(in, index, f, err);
}

static al_code get_flags(ingest *in, const char *index, cat_field *f, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    cat_field *all = NULL;
    size_t n = 0;
    if (!arena)
        return al_fail(err, AL_NOMEM, "no memory for the fields of index '%.40s'", index);
    al_code c = catalog_fields(in->cat, index, arena, &all, &n, err);
    for (size_t i = 0; !c && i < n; i++) {
        if (!al_slice_eq(all[i].name, f->name))
            continue;
        al_slice name = f->name; /* the one found goes with the arena */
        *f = all[i];
        f->name = name;
        return AL_OK;
    }
    return c ? c
             : al_fail(err, AL_NOT_FOUND, "index '%.40s' has no field '%.*s'", index,
                       AL_ARG(f->name));
}

al_code ingest_field_edit(ingest *in, const char *index, cat_field *f, ingest_field_edit_fn *edit,
                          void *ctx, al_err *err)
{
    AL_LOCKED(&in->change_lock);
    al_code c = get_flags(in, index, f, err);
    if (!c)
        c = edit(ctx, f, err);
    return c ? c : field_set_locked(in, index, f, err);
}

bool ingest_is_field(ingest *in, const char *index, al_slice name)
{
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = ingest_find(in, index);
    return ix && ing_index_is_field(ix, name);
}

void ingest_each_index(ingest *in, void (*fn)(void *ctx, const char *index, uint64_t records),
                       void *ctx)
{
    (void)pthread_rwlock_rdlock(&in->lock);
    for (size_t i = 0; i < in->n; i++)
        fn(ctx, in->indexes[i]->name, atomic_load(&in->indexes[i]->records));
    (void)pthread_rwlock_unlock(&in->lock);
}

/* ---- Listeners and counters */

void ingest_on_change(ingest *in, ingest_listener_fn *fn, void *ctx)
{
    AL_LOCKED(&in->listen_lock);
    assert(in->n_change < ING_LISTENERS_MAX);
    in->on_change[in->n_change].fn = fn;
    in->on_change[in->n_change++].ctx = ctx;
}

void ingest_on_commit(ingest *in, void (*fn)(void *ctx), void *ctx)
{
    AL_LOCKED(&in->listen_lock);
    assert(in->n_commit < ING_LISTENERS_MAX);
    in->on_commit[in->n_commit].fn = fn;
    in->on_commit[in->n_commit++].ctx = ctx;
}

void ingest_on_room(ingest *in, void (*fn)(void *ctx), void *ctx)
{
    AL_LOCKED(&in->listen_lock);
    assert(in->n_room < ING_LISTENERS_MAX);
    in->on_room[in->n_room].fn = fn;
    in->on_room[in->n_room++].ctx = ctx;
}

static ing_source *find_source(ingest *in, const char *name)
{
    size_t n = atomic_load(&in->n_sources);
    for (size_t i = 0; i < n; i++)
        if (strcmp(in->sources[i].name, name) == 0)
            return &in->sources[i];
    return NULL;
}

ing_source *ingest_source(ingest *in, const char *name)
{
    ing_source *known = find_source(in, name);
    if (known)
        return known;
    AL_LOCKED(&in->listen_lock);
    known = find_source(in, name);
    if (known)
        return known;
    size_t n = atomic_load(&in->n_sources);
    if (n == ING_SOURCES_MAX)
        return &in->sources[n - 1];
    (void)snprintf(in->sources[n].name, sizeof in->sources[n].name, "%s", name);
    atomic_store(&in->n_sources, n + 1);
    return &in->sources[n];
}

void ingest_metrics(ingest *in, al_buf *out)
{
    ing_count_text(out, in->sources, atomic_load(&in->n_sources));
}
