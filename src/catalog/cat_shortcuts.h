#pragma once
/* cat_shortcuts.h: saved searches. They are few and seldom read: they stand in the file alone, and
 * a change holds for whoever asks next. Any thread; may wait for the disk. */
#include "catalog/catalog.h"

enum {
    CAT_SHORTCUT_NAME_MAX = 30,
    CAT_SHORTCUT_DESCRIPTION_BYTES_MAX = 1024,
    CAT_SHORTCUT_URL_BYTES_MAX = 16384,
    CAT_SHORTCUT_FIELD_BYTES_MAX = 1024,
    CAT_SHORTCUTS_MAX = 10000, /* of all indexes */
};

typedef struct cat_shortcut {
    char name[CAT_SHORTCUT_NAME_MAX + 1]; /* \w{1,30}, one of all indexes */
    char index[CAT_INDEX_NAME_MAX + 1];
    al_slice description;   /* for people; may be empty */
    al_slice url;           /* a query string, or an address with one behind its '?' */
    al_slice default_field; /* empty: none */
} cat_shortcut;

/* Durable on return. AL_INVALID names what cannot be; AL_NOT_FOUND: no such index, or no shortcut
 * of that name in it to change; AL_EXISTS: the name is taken (*err says by which index); AL_LIMIT.
 * AL_IO, AL_NOMEM: nothing has changed. */
AL_CHECK al_code catalog_shortcut_create(catalog *cat, const cat_shortcut *s, al_err *err);
AL_CHECK al_code catalog_shortcut_change(catalog *cat, const cat_shortcut *s, al_err *err);
/* AL_NOT_FOUND: the index has no such shortcut. */
AL_CHECK al_code catalog_shortcut_drop(catalog *cat, const char *index, al_slice name, al_err *err);
/* A copy in the arena. AL_NOT_FOUND, with a message. */
AL_CHECK al_code catalog_shortcut_get(catalog *cat, al_slice name, al_arena *arena,
                                      cat_shortcut *ret, al_err *err);
/* Those of an index by name, in the arena; none if there is no such index. */
AL_CHECK al_code catalog_shortcuts(catalog *cat, const char *index, al_arena *arena,
                                   cat_shortcut **ret, size_t *ret_n, al_err *err);
/* The query string in `url`. */
al_slice cat_shortcut_query(const cat_shortcut *s);
