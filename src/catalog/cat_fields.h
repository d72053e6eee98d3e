#pragma once
/* cat_fields.h: the fields of one index in memory: a hash by name. The caller locks. */
#include "catalog/catalog.h"

typedef struct cat_known {
    cat_field field; /* the name stands behind the struct */
    bool is_dirty;   /* not in the file yet */
} cat_known;

typedef struct cat_fields {
    cat_known **slots; /* open addressing; NULL = free */
    size_t n_slots;    /* a power of two, or 0 */
    size_t n;
    size_t n_dirty;
} cat_fields;

/* NULL when it is not there. */
cat_known *cat_fields_find(const cat_fields *f, al_slice name);
/* Adds a field with the flags of a first sight. NULL: CAT_FIELDS_MAX are there, or no memory. */
cat_known *cat_fields_add(cat_fields *f, al_slice name);
void cat_fields_done(cat_fields *f);
