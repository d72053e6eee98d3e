/* Numbers of indexes. Old ALCO's API gave each one, from its database; ours know each other by
 * name. A number is given when it is first asked for, and never again to another index. */
#include "catalog/cat_sql.h"
#include "catalog/catalog_priv.h"

typedef struct asked {
    const char *name;
    int64_t number;
} asked;

/* AL_NOT_FOUND: none yet. */
static al_code look_up(cat_db *db, asked *a, al_err *err)
{
    const cat_value name = cat_text(a->name);
    return cat_sql_number(db, "SELECT number FROM index_numbers WHERE name=?", &name, 1, &a->number,
                          err);
}

static al_code give(cat_db *db, const asked *a, al_err *err)
{
    const cat_value name = cat_text(a->name);
    al_code c = cat_sql_do(
        db, "INSERT INTO index_numbers(name) SELECT name FROM indexes WHERE name=?", &name, 1, err);
    if (!c && cat_sql_changes(db) == 0)
        return al_fail(err, AL_NOT_FOUND, "no index '%.40s'", a->name);
    return c;
}

static al_code find(void *ctx, cat_db *db, al_err *err)
{
    return look_up(db, ctx, err);
}

static al_code give_and_find(void *ctx, cat_db *db, al_err *err)
{
    al_code c = look_up(db, ctx, err);
    if (c != AL_NOT_FOUND)
        return c;
    c = give(db, ctx, err);
    return c ? c : look_up(db, ctx, err);
}

al_code catalog_index_number(catalog *cat, const char *name, uint64_t *ret, al_err *err)
{
    asked a = {.name = name};
    al_code c = catalog_use_db(cat, false, find, &a, err);
    if (c == AL_NOT_FOUND)
        c = catalog_use_db(cat, true, give_and_find, &a, err);
    if (!c)
        *ret = (uint64_t)a.number;
    return c;
}
