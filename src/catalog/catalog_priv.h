#pragma once
/* catalog_priv.h: the file of an open catalogue, for parts that keep nothing in memory. */
#include "catalog/cat_db.h"

/* Calls back with the file to itself: no other thread reads or writes it meanwhile. `writes`: what
 * is in SQLite's log afterwards is moved into the file when it is quiet. */
typedef al_code catalog_db_fn(void *ctx, cat_db *db, al_err *err);
AL_CHECK al_code catalog_use_db(catalog *cat, bool writes, catalog_db_fn *fn, void *ctx,
                                al_err *err);
