/* One index as ingest sees it. A batch pins the settings, and looks with each document whether
 * there are newer ones: a change applies to all that is added after it, also to batches that were
 * begun before, as those that fill while the disk is busy. */
#include "ingest/ing_index.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "catalog/cat_sphinx.h"

/* Names are checked here, where none of engine sphinx exists yet that could have a bad one. */
static al_code check_sphinx(const cat_index *idx, bool has_sphinx, al_err *err)
{
    if (!has_sphinx)
        return al_fail(err, AL_INVALID,
                       "engine 'sphinx': sphinx.shards is not set in the configuration of alco "
                       "serve, so there is no node to keep the index on; expected embedded");
    if (!cat_sphinx_index_is_good(idx->name))
        return al_fail(err, AL_INVALID,
                       "name '%s': an index of engine sphinx is expected to have small letters, "
                       "digits and underscores, no digit first, and not to end as the tables of "
                       "a day do (_YYYYMMDD, _YYYYMMDD_distr)",
                       idx->name);
    return AL_OK;
}

al_code ing_index_check(const cat_index *idx, bool has_sphinx, al_err *err)
{
    AL_CLEANUP(rec_zone_freep) rec_zone *zone = NULL;
    if (al_slice_eq(idx->engine, AL_LIT("sphinx"))) {
        al_code bad = check_sphinx(idx, has_sphinx, err);
        if (bad)
            return bad;
    }
    al_code c = rec_zone_open(idx->timestamp_zone, &zone, err);
    if (c == AL_INVALID)
        return al_fail(err, AL_INVALID,
                       "timestamp_zone '%.*s': expected utc, local or a name of the time zone "
                       "database such as Europe/Moscow",
                       AL_ARG(idx->timestamp_zone));
    return c;
}

ing_settings *ing_settings_unref(ing_settings *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    (void)rec_zone_free(s->zone);
    (void)al_arena_free(s->arena);
    free(s);
    return NULL;
}

bool ing_index_know(ing_index *ix, al_slice path)
{
    for (size_t dot = al_slice_find(path, '.', 0); dot < path.len;
         dot = al_slice_find(path, '.', dot + 1)) {
        al_slice parent = al_slice_sub(path, 0, dot);
        if (pathset_has(ix->parents, parent) || atomic_load(&ix->n_parents) >= CAT_FIELDS_MAX)
            continue;
        if (!pathset_add(ix->parents, parent))
            return false;
        atomic_fetch_add(&ix->n_parents, 1);
    }
    return pathset_add(ix->known, path);
}

bool ing_index_is_field(const ing_index *ix, al_slice name)
{
    return pathset_has(ix->known, name) || pathset_has(ix->parents, name);
}

static al_code read_fields(catalog *cat, ing_index *ix, ing_settings *s, al_err *err)
{
    cat_field *fields = NULL;
    size_t n = 0;
    al_code c = catalog_fields(cat, ix->name, s->arena, &fields, &n, err);
    if (c)
        return c;
    s->excluded = al_arena_alloc(s->arena, n + 1, sizeof *s->excluded);
    if (!s->excluded)
        return al_fail(err, AL_NOMEM, "index '%s'", ix->name);
    for (size_t i = 0; i < n; i++) { /* sorted by name, and so are the excluded ones */
        if (!ing_index_know(ix, fields[i].name))
            return al_fail(err, AL_NOMEM, "index '%s'", ix->name);
        if (fields[i].excluded)
            s->excluded[s->n_excluded++] = fields[i].name;
    }
    return AL_OK;
}

static al_code read_settings(catalog *cat, ing_index *ix, ing_settings **ret, al_err *err)
{
    AL_CLEANUP(ing_settings_unrefp) ing_settings *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "index '%s'", ix->name);
    atomic_init(&s->refs, 1);
    s->arena = al_arena_new(1024);
    if (!s->arena)
        return al_fail(err, AL_NOMEM, "index '%s'", ix->name);
    cat_index idx;
    al_code c = catalog_index_get(cat, ix->name, s->arena, &idx, err);
    if (!c)
        c = rec_zone_open(idx.timestamp_zone, &s->zone, err);
    if (!c)
        c = read_fields(cat, ix, s, err);
    if (!c)
        *ret = AL_TAKE(s);
    return c;
}

al_code ing_index_reload(catalog *cat, ing_index *ix, al_err *err)
{
    AL_CLEANUP(ing_settings_unrefp) ing_settings *s = NULL; /* at the end, the old ones */
    al_code c = read_settings(cat, ix, &s, err);
    if (c)
        return c;
    assert(s);
    AL_LOCKED(&ix->lock);
    ing_settings *old = ix->settings;
    s->number = atomic_load(&ix->number) + 1;
    ix->settings = s;
    atomic_store(&ix->number, s->number);
    s = old;
    return AL_OK;
}

bool ing_index_has_changed(const ing_index *ix, const ing_settings *than)
{
    return atomic_load(&ix->number) != than->number;
}

al_code ing_index_new(catalog *cat, const char *name, ing_index **ret, al_err *err)
{
    AL_CLEANUP(ing_index_unrefp) ing_index *ix = al_zalloc(1, sizeof *ix);
    if (!ix)
        return al_fail(err, AL_NOMEM, "index '%s'", name);
    atomic_init(&ix->refs, 1);
    (void)pthread_mutex_init(&ix->lock, NULL);
    (void)snprintf(ix->name, sizeof ix->name, "%s", name);
    ix->known = pathset_new();
    ix->parents = pathset_new();
    if (!ix->known || !ix->parents)
        return al_fail(err, AL_NOMEM, "index '%s'", name);
    al_code c = ing_index_reload(cat, ix, err);
    if (!c)
        *ret = AL_TAKE(ix);
    return c;
}

ing_index *ing_index_ref(ing_index *ix)
{
    unsigned before = atomic_fetch_add_explicit(&ix->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return ix;
}

ing_index *ing_index_unref(ing_index *ix)
{
    if (!ix || atomic_fetch_sub_explicit(&ix->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    (void)ing_settings_unref(ix->settings);
    (void)pathset_free(ix->known);
    (void)pathset_free(ix->parents);
    (void)pthread_mutex_destroy(&ix->lock);
    free(ix);
    return NULL;
}

ing_settings *ing_index_pin(ing_index *ix)
{
    AL_LOCKED(&ix->lock);
    (void)atomic_fetch_add_explicit(&ix->settings->refs, 1, memory_order_relaxed);
    return ix->settings;
}
