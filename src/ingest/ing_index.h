#pragma once
/* ing_index.h: what ingest knows of one index: its settings as a snapshot, its known paths, its
 * counter. Refcounted; any thread. */
#include <pthread.h>
#include <stdatomic.h>

#include "catalog/catalog.h"
#include "ingest/pathset.h"
#include "query/engine.h"
#include "record/timezone.h"

typedef struct ing_settings { /* immutable, refcounted */
    _Atomic unsigned refs;
    uint64_t number; /* newer settings of the index have a higher one */
    al_arena *arena;
    rec_zone *zone;     /* NULL = UTC */
    al_slice *excluded; /* sorted */
    size_t n_excluded;
} ing_settings;

typedef struct ing_index {
    _Atomic unsigned refs;
    char name[CAT_INDEX_NAME_MAX + 1];
    pathset *known;
    pathset *parents;           /* "a" and "a.b" of a known "a.b.c" */
    _Atomic unsigned n_parents; /* at most CAT_FIELDS_MAX of them are kept */
    _Atomic bool is_full;       /* of field names: the catalogue takes none any more */
    _Atomic uint64_t records;   /* made durable since the start */
    _Atomic uint64_t number;    /* of the settings that hold: it is compared without the lock */
    pthread_mutex_t lock;
    ing_settings *settings; /* guarded by lock */
} ing_index;

/* Reads the index's settings and fields from the catalogue. */
AL_CHECK al_code ing_index_new(catalog *cat, const char *name, ing_index **ret, al_err *err);
ing_index *ing_index_ref(ing_index *ix);
ing_index *ing_index_unref(ing_index *ix);
/* Makes a path known, and what it stands in. False without memory. */
bool ing_index_know(ing_index *ix, al_slice path);
/* Is it a known path, or does one stand in it? */
bool ing_index_is_field(const ing_index *ix, al_slice name);
/* Reads the settings again. */
AL_CHECK al_code ing_index_reload(catalog *cat, ing_index *ix, al_err *err);
/* The settings as they are now, to be unreferenced. */
ing_settings *ing_index_pin(ing_index *ix);
/* Are there newer ones? */
bool ing_index_has_changed(const ing_index *ix, const ing_settings *than);
ing_settings *ing_settings_unref(ing_settings *s);
/* Is `engine` one this build has, and `timestamp_zone` known to the system? */
AL_CHECK al_code ing_index_check(const cat_index *idx, bool has_sphinx, al_err *err);

AL_DEFINE_CLEANUP(ing_index, ing_index_unref);
AL_DEFINE_CLEANUP(ing_settings, ing_settings_unref);
