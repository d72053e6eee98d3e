#pragma once
/* catalog.h: indexes and their fields, and what inputs must remember, in an SQLite file of the data
 * directory (catalog.db). Reads come from memory; writes of fields are collected and written behind
 * ingest by a thread of its own, all other writes are durable when the call returns. Any thread. */
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

typedef struct catalog catalog;

enum { CAT_INDEX_NAME_MAX = 20, CAT_INDEXES_MAX = 1000, CAT_FIELDS_MAX = 10000 };

typedef struct cat_index { /* PRODUCT section 4; the slices live as long as whoever gave it says */
    char name[CAT_INDEX_NAME_MAX + 1];
    uint32_t intervals;
    uint64_t max_bytes;
    al_slice queue_name;
    al_slice exchange;
    al_slice routing_key; /* comma list; empty: the queue is bound to nothing */
    bool durable;
    uint32_t num_processes;
    al_slice timestamp_zone;
    const al_slice *text_fields;
    size_t n_text_fields;
    al_slice engine; /* "embedded" or "sphinx" */
} cat_index;

typedef struct cat_field {
    al_slice name;
    bool filtered;
    bool display;
    bool excluded;
    bool context;
    bool indexed;
} cat_field;

/* Opens or makes `dir`/catalog.db; a new one has the index `logs`. AL_CORRUPT, AL_TOO_NEW, AL_AGAIN
 * (another process holds it, with a message), AL_IO. */
AL_CHECK al_code catalog_open(const char *dir, catalog **ret, al_err *err);
/* Names of the indexes in `dir`/catalog.db in the arena, and a check of its pages, with a copy of
 * it below TMPDIR: no byte of the directory changes. AL_NOT_FOUND: there is none, or an empty one.
 * AL_CORRUPT: catalog_open would refuse it. AL_IO: it cannot be copied. AL_NOMEM. */
AL_CHECK al_code catalog_peek(const char *dir, al_arena *arena, const char ***ret, size_t *ret_n,
                              al_err *err);
/* Makes `to`/catalog.db a copy of `from`/catalog.db as of one moment, also while its owner writes
 * to it; checked and on disk. An earlier copy is replaced. AL_NOT_FOUND with a message: there is
 * none. AL_CORRUPT: it is damaged; what could be copied is in `to`. AL_AGAIN with a message: it
 * never held still. AL_IO, AL_NOMEM. */
AL_CHECK al_code catalog_copy(const char *from, const char *to, al_err *err);
/* Is there an admin among the users of `dir`/catalog.db? Looks as catalog_peek does; false also
 * when there is no catalogue yet. */
AL_CHECK al_code catalog_peek_admin(const char *dir, bool *ret, al_err *err);
/* Was there none, or an empty one, before this open? */
bool catalog_is_new(catalog *cat);
/* Writes what is pending. */
catalog *catalog_close(catalog *cat);

/* Defaults of section 4 for an index of this name. AL_INVALID: the name is not \w{1,20}. */
AL_CHECK al_code catalog_index_defaults(const char *name, al_arena *arena, cat_index *ret,
                                        al_err *err);
/* `idx` is copied. AL_INVALID names the bad setting; AL_EXISTS: the name or the queue is taken;
 * AL_LIMIT: CAT_INDEXES_MAX are there; AL_NOT_FOUND: no index of that name to change. AL_IO: the
 * file was not written and nothing has changed; sys_errno is ENOSPC when the disk is full. */
AL_CHECK al_code catalog_index_create(catalog *cat, const cat_index *idx, al_err *err);
AL_CHECK al_code catalog_index_change(catalog *cat, const cat_index *idx, al_err *err);
/* With its fields and shortcuts. AL_NOT_FOUND, AL_IO. */
AL_CHECK al_code catalog_index_drop(catalog *cat, const char *name, al_err *err);
/* A copy in the arena. AL_NOT_FOUND, with a message; AL_NOMEM. */
AL_CHECK al_code catalog_index_get(catalog *cat, const char *name, al_arena *arena, cat_index *ret,
                                   al_err *err);
/* All, by name, in the arena. AL_NOMEM. */
AL_CHECK al_code catalog_indexes(catalog *cat, al_arena *arena, cat_index **ret, size_t *ret_n,
                                 al_err *err);

/* A number for old ALCO's API: the same one for ever, and no other index ever has it. AL_NOT_FOUND,
 * AL_IO, AL_NOMEM. May wait for the disk. */
AL_CHECK al_code catalog_index_number(catalog *cat, const char *name, uint64_t *ret, al_err *err);

/* Makes a field known at once, durable soon (catalog_flush). AL_LIMIT: the index has CAT_FIELDS_MAX
 * others. AL_NOT_FOUND: no such index. AL_NOMEM. */
AL_CHECK al_code catalog_field_seen(catalog *cat, const char *index, al_slice name);
bool catalog_is_field(catalog *cat, const char *index, al_slice name);
/* All, by name, copied into the arena. AL_NOT_FOUND: no such index. AL_NOMEM. */
AL_CHECK al_code catalog_fields(catalog *cat, const char *index, al_arena *arena, cat_field **ret,
                                size_t *ret_n, al_err *err);
/* Sets the flags, and makes the field known if it is not; durable on return. AL_NOT_FOUND: no such
 * index. AL_LIMIT: it has CAT_FIELDS_MAX others. AL_IO. */
AL_CHECK al_code catalog_field_set(catalog *cat, const char *index, const cat_field *f,
                                   al_err *err);
/* Returns when every field seen before is durable. */
AL_CHECK al_code catalog_flush(catalog *cat, al_err *err);

/* Notes: what an input must know after a crash, any bytes under a name of its own. Durable on
 * return; an empty text removes the note. AL_IO, AL_NOMEM: nothing has changed. */
AL_CHECK al_code catalog_note_put(catalog *cat, al_slice name, al_slice text, al_err *err);
/* Calls back for each note, by name; the slices live during the call, which must not call the
 * catalogue. An error of `fn` ends the reading. */
AL_CHECK al_code catalog_notes(catalog *cat,
                               al_code (*fn)(void *ctx, al_slice name, al_slice text, al_err *err),
                               void *ctx, al_err *err);
