/* From the catalogue's words to those of sphinx_conf.h: neither room knows the other. */
#include "cli/sphinx_text.h"

#include "base/clock.h"
#include "catalog/cat_sphinx.h"

static al_code take_columns(catalog *cat, al_arena *arena, sphinx_index *ret, al_err *err)
{
    cat_field *fields = NULL;
    size_t n = 0;
    al_code c = catalog_fields(cat, ret->name, arena, &fields, &n, err);
    if (c)
        return c;
    al_slice *columns = al_arena_alloc(arena, CAT_SPHINX_COLUMNS_MAX, sizeof *columns);
    if (!columns)
        return al_fail(err, AL_NOMEM, "no memory");
    for (size_t i = 0; i < n && ret->n_columns < CAT_SPHINX_COLUMNS_MAX; i++)
        if (fields[i].indexed && cat_sphinx_column_is_good(fields[i].name))
            columns[ret->n_columns++] = fields[i].name;
    ret->columns = columns;
    return AL_OK;
}

al_code sphinx_text_put(const config *c, catalog *cat, al_slice node, al_buf *out, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new((size_t)64 * 1024);
    cat_index *all = NULL;
    size_t n = 0;
    size_t n_taken = 0;
    if (!arena)
        return al_fail(err, AL_NOMEM, "no memory");
    al_code code = catalog_indexes(cat, arena, &all, &n, err);
    sphinx_index *taken = code ? NULL : al_arena_alloc(arena, n + 1, sizeof *taken);
    if (!code && !taken)
        code = al_fail(err, AL_NOMEM, "no memory");
    for (size_t i = 0; !code && taken && i < n; i++) {
        if (!al_slice_eq(all[i].engine, AL_LIT("sphinx")))
            continue;
        sphinx_index idx = {.name = all[i].name, .intervals = all[i].intervals};
        code = take_columns(cat, arena, &idx, err);
        if (code == AL_NOT_FOUND) { /* it was dropped just now */
            code = AL_OK;
            continue;
        }
        taken[n_taken++] = idx;
    }
    return code ? code : sphinx_conf_put(c, node, taken, n_taken, al_now_ns(), out, err);
}
