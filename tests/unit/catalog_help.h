#pragma once
/* catalog_help.h: a catalogue in a directory of the test's own. */
#include "test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "catalog/catalog.h"

typedef struct fixture {
    char dir[64];
    catalog *cat;
    al_arena *arena;
} fixture;

static inline void reopen(fixture *f)
{
    al_err err = {0};
    f->cat = catalog_close(f->cat);
    if (catalog_open(f->dir, &f->cat, &err))
        fail_msg("%s", err.msg);
}

static inline int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/alco-catalog-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->arena = al_arena_new(4096);
    reopen(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    char path[100];
    (void)catalog_close(f->cat);
    (void)al_arena_free(f->arena);
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    (void)unlink(path);
    assert_int_equal(rmdir(f->dir), 0); /* no other file is left behind */
    free(f);
    return 0;
}

/* Of a closed one. */
static inline void change_file(const fixture *f, const char *sql)
{
    char path[100];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/catalog.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
