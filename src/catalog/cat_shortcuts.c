/* Saved searches, in a table of the catalogue's file. Their names are those of the addresses
 * /grep/shortcut/NAME/, which name no index: so each is there once, over all indexes. An index
 * takes its shortcuts along when it is dropped (cat_db_drop_index). */
#include "catalog/cat_shortcuts.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "catalog/cat_sql.h"
#include "catalog/catalog_priv.h"

typedef struct call {
    const cat_shortcut *given;
    const char *index;
    al_slice name;
    al_arena *arena;
    cat_shortcut *ret; /* n of them */
    size_t n;
    size_t room;
} call;

/* ---- Checks */

static bool is_word(al_slice s, size_t max)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        uint8_t letter = c | 0x20;
        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return s.len > 0 && s.len <= max;
}

static bool has_control(al_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return true;
    return false;
}

static al_code check_text(const char *what, al_slice s, size_t max, al_err *err)
{
    if (s.len <= max && !has_control(s))
        return AL_OK;
    return al_fail(err, AL_INVALID, "%s '%.*s': expected at most %zu printable bytes", what,
                   AL_ARG(al_slice_sub(s, 0, 80)), max);
}

static al_code check(const cat_shortcut *s, al_err *err)
{
    if (!is_word(al_cstr(s->name), CAT_SHORTCUT_NAME_MAX))
        return al_fail(err, AL_INVALID,
                       "name '%.40s': expected 1 to %d letters, digits or underscores", s->name,
                       CAT_SHORTCUT_NAME_MAX);
    al_code c = check_text("description", s->description, CAT_SHORTCUT_DESCRIPTION_BYTES_MAX, err);
    if (!c)
        c = check_text("url", s->url, CAT_SHORTCUT_URL_BYTES_MAX, err);
    if (!c)
        c = check_text("default_field", s->default_field, CAT_SHORTCUT_FIELD_BYTES_MAX, err);
    return c;
}

al_slice cat_shortcut_query(const cat_shortcut *s)
{
    al_slice url = al_slice_sub(s->url, 0, al_slice_find(s->url, '#', 0));
    size_t question = al_slice_find(url, '?', 0);
    if (question < url.len)
        return al_slice_sub(url, question + 1, url.len);
    /* an address without a query string, or nothing but one */
    return al_slice_starts(url, AL_LIT("/")) ? (al_slice){0} : url;
}

/* ---- Reading */

static al_code take_text(const call *c, sqlite3_stmt *s, int i, al_slice *ret, al_err *err)
{
    *ret = al_arena_copy(c->arena, cat_sql_bytes(s, i));
    return ret->ptr ? AL_OK : al_fail(err, AL_NOMEM, "read shortcuts");
}

static al_code take_row(void *ctx, sqlite3_stmt *s, al_err *err)
{
    call *c = ctx;
    if (c->n == c->room)
        return al_fail(err, AL_CORRUPT, "catalog.db: shortcuts do not hold still");
    cat_shortcut *to = &c->ret[c->n];
    *to = (cat_shortcut){0};
    (void)snprintf(to->name, sizeof to->name, "%.*s", AL_ARG(cat_sql_bytes(s, 0)));
    (void)snprintf(to->index, sizeof to->index, "%.*s", AL_ARG(cat_sql_bytes(s, 1)));
    al_code code = take_text(c, s, 2, &to->description, err);
    if (!code)
        code = take_text(c, s, 3, &to->url, err);
    if (!code)
        code = take_text(c, s, 4, &to->default_field, err);
    c->n += code == AL_OK;
    return code;
}

#define SELECT "SELECT name, index_name, description, url, default_field FROM shortcuts "

static al_code read_one(void *ctx, cat_db *db, al_err *err)
{
    call *c = ctx;
    const cat_value name = cat_blob(c->name);
    al_code code = cat_sql_each(db, SELECT "WHERE name=?", &name, 1, take_row, c, err);
    if (!code && c->n == 0)
        return al_fail(err, AL_NOT_FOUND, "no shortcut '%.*s'", AL_ARG(c->name));
    return code;
}

al_code catalog_shortcut_get(catalog *cat, al_slice name, al_arena *arena, cat_shortcut *ret,
                             al_err *err)
{
    call c = {.name = name, .arena = arena, .ret = ret, .room = 1};
    return catalog_use_db(cat, false, read_one, &c, err);
}

static al_code read_all(void *ctx, cat_db *db, al_err *err)
{
    call *c = ctx;
    const cat_value index = cat_text(c->index);
    int64_t n = 0;
    al_code code =
        cat_sql_number(db, "SELECT count(*) FROM shortcuts WHERE index_name=?", &index, 1, &n, err);
    if (code)
        return code;
    c->room = (size_t)n;
    c->ret = al_arena_alloc(c->arena, c->room + 1, sizeof *c->ret);
    if (!c->ret)
        return al_fail(err, AL_NOMEM, "read shortcuts");
    return cat_sql_each(db, SELECT "WHERE index_name=? ORDER BY name", &index, 1, take_row, c, err);
}

al_code catalog_shortcuts(catalog *cat, const char *index, al_arena *arena, cat_shortcut **ret,
                          size_t *ret_n, al_err *err)
{
    call c = {.index = index, .arena = arena};
    al_code code = catalog_use_db(cat, false, read_all, &c, err);
    if (code)
        return code;
    *ret = c.ret;
    *ret_n = c.n;
    return AL_OK;
}

/* ---- Writing */

static al_code put(cat_db *db, const cat_shortcut *given, al_err *err)
{
    const cat_value row[] = {cat_blob(al_cstr(given->name)), cat_text(given->index),
                             cat_blob(given->description), cat_blob(given->url),
                             cat_blob(given->default_field)};
    return cat_sql_do(db, "INSERT OR REPLACE INTO shortcuts VALUES(?,?,?,?,?)", row, AL_COUNT(row),
                      err);
}

typedef struct owner {
    char index[CAT_INDEX_NAME_MAX + 1];
    bool is_there;
} owner;

static al_code take_owner(void *ctx, sqlite3_stmt *s, al_err *err)
{
    owner *o = ctx;
    (void)err;
    (void)snprintf(o->index, sizeof o->index, "%.*s", AL_ARG(cat_sql_bytes(s, 0)));
    o->is_there = true;
    return AL_OK;
}

/* Whose is the name now? */
static al_code find_owner(cat_db *db, al_slice name, owner *ret, al_err *err)
{
    const cat_value value = cat_blob(name);
    *ret = (owner){0};
    return cat_sql_each(db, "SELECT index_name FROM shortcuts WHERE name=?", &value, 1, take_owner,
                        ret, err);
}

static al_code create(void *ctx, cat_db *db, al_err *err)
{
    const call *c = ctx;
    const cat_value index = cat_text(c->given->index);
    owner has;
    int64_t n = 0;
    al_code code = find_owner(db, al_cstr(c->given->name), &has, err);
    if (code)
        return code;
    if (has.is_there)
        return al_fail(err, AL_EXISTS, "shortcut '%s' exists, of index '%s'", c->given->name,
                       has.index);
    code = cat_sql_number(db, "SELECT count(*) FROM indexes WHERE name=?", &index, 1, &n, err);
    if (!code && n == 0)
        return al_fail(err, AL_NOT_FOUND, "no index '%s'", c->given->index);
    if (!code)
        code = cat_sql_number(db, "SELECT count(*) FROM shortcuts", NULL, 0, &n, err);
    if (!code && n >= CAT_SHORTCUTS_MAX)
        return al_fail(err, AL_LIMIT, "there are %d shortcuts already", CAT_SHORTCUTS_MAX);
    return code ? code : put(db, c->given, err);
}

static al_code owned(cat_db *db, const char *index, al_slice name, al_err *err)
{
    owner has;
    al_code code = find_owner(db, name, &has, err);
    if (!code && (!has.is_there || strcmp(has.index, index) != 0))
        return al_fail(err, AL_NOT_FOUND, "index '%s' has no shortcut '%.*s'", index, AL_ARG(name));
    return code;
}

static al_code change(void *ctx, cat_db *db, al_err *err)
{
    const call *c = ctx;
    al_code code = owned(db, c->given->index, al_cstr(c->given->name), err);
    return code ? code : put(db, c->given, err);
}

static al_code drop(void *ctx, cat_db *db, al_err *err)
{
    const call *c = ctx;
    const cat_value name = cat_blob(c->name);
    al_code code = owned(db, c->index, c->name, err);
    return code ? code : cat_sql_do(db, "DELETE FROM shortcuts WHERE name=?", &name, 1, err);
}

al_code catalog_shortcut_create(catalog *cat, const cat_shortcut *s, al_err *err)
{
    call c = {.given = s};
    al_code code = check(s, err);
    return code ? code : catalog_use_db(cat, true, create, &c, err);
}

al_code catalog_shortcut_change(catalog *cat, const cat_shortcut *s, al_err *err)
{
    call c = {.given = s};
    al_code code = check(s, err);
    return code ? code : catalog_use_db(cat, true, change, &c, err);
}

al_code catalog_shortcut_drop(catalog *cat, const char *index, al_slice name, al_err *err)
{
    call c = {.index = index, .name = name};
    return catalog_use_db(cat, true, drop, &c, err);
}
