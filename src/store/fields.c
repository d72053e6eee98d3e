/* The names of an index's fields, from its blocks: asked once, when the catalogue that kept them
 * was lost.
 *
 * Shape: a column is a dictionary, so each distinct value is looked at once a block, and of those
 * that hold nothing inside only one a column. Ids, times and messages are not decoded; segments
 * without fields are not opened beyond their directory.
 * Memory: one block and a value_table of names. */
#include <stdint.h>

#include "base/checked.h"
#include "store/store_priv.h"
#include "store/value_table.h"

_Static_assert((int)ENG_FIELDS_MAX <= (int)VALUES_DISTINCT_MAX, "the table holds what is given");

enum { ARENA_BLOCK_BYTES = 16 * 1024 };

typedef struct gathering {
    al_arena *arena; /* of the units */
    al_arena *scratch;
    block_view *view;
    value_table *names; /* as strings of which no record has any: then their order is by bytes */
    al_code code;       /* of gather_path */
} gathering;

static void gathering_done(gathering *g)
{
    (void)al_arena_free(g->arena);
    (void)al_arena_free(g->scratch);
    (void)block_view_free(g->view);
    (void)value_table_free(g->names);
}

static rec_visit gather_path(void *ctx, al_slice path, const value *v)
{
    gathering *g = ctx;
    (void)v;
    const value name = {.type = VAL_STRING, .text = path};
    g->code = value_table_add(g->names, &name, 0);
    return g->code ? REC_VISIT_STOP : REC_VISIT_MORE;
}

static al_code gather_column(gathering *g, al_slice name, const block_col *col, al_err *err)
{
    bool is_told = false;
    for (uint32_t i = 0; i < col->n_values; i++) {
        const field f = {.name = name, .val = col->values[i]};
        const record one = {.fields = &f, .n_fields = 1};
        bool is_nested = f.val.type == VAL_ARRAY || f.val.type == VAL_OBJECT;
        if (is_told && !is_nested)
            continue;
        if (!rec_each_path(&one, g->scratch, gather_path, g) || g->code)
            return al_fail(err, AL_NOMEM, "names of fields");
        is_told = is_told || !is_nested;
    }
    return AL_OK;
}

static al_code gather_block(gathering *g, const unit *u, const unit_blocks *blocks, uint32_t i,
                            al_err *err)
{
    const al_slice *names = NULL;
    al_code c = unit_open_block(u, blocks, i, g->view, false, err);
    size_t n = c ? 0 : block_view_names(g->view, &names);
    for (size_t k = 0; !c && k < n; k++) {
        const block_col *col = NULL;
        c = block_view_field(g->view, names[k], &col, err);
        if (!c && col)
            c = gather_column(g, names[k], col, err);
    }
    return c;
}

static al_code gather_unit(gathering *g, const unit *u, al_err *err)
{
    AL_CLEANUP(unit_close) unit_blocks blocks = {0};
    al_code c = unit_open(u, &blocks, err);
    bool has_fields = !blocks.index || blocks.index->n_names > 0;
    for (uint32_t i = 0; c != AL_NOMEM && has_fields && i < blocks.n_blocks; i++)
        c = gather_block(g, u, &blocks, i, err);
    return c == AL_NOMEM ? c : AL_OK; /* searches find and report the damage of the others */
}

static al_code copy_names(gathering *g, al_arena *arena, const al_slice **ret, size_t *ret_n)
{
    size_t n = 0;
    const eng_value_count *all = value_table_sorted(g->names, &n);
    n = AL_MIN(n, (size_t)ENG_FIELDS_MAX);
    al_slice *names = al_arena_alloc(arena, n + 1, sizeof *names);
    if (!names)
        return AL_NOMEM;
    for (size_t i = 0; i < n; i++) {
        names[i] = al_arena_copy(arena, all[i].val.text);
        if (!names[i].ptr)
            return AL_NOMEM;
    }
    *ret = names;
    *ret_n = n;
    return AL_OK;
}

al_code store_fields(engine *e, const char *index, al_arena *arena, const al_slice **ret,
                     size_t *ret_n, al_err *err)
{
    AL_CLEANUP(snapshot_unrefp) snapshot *snap = NULL;
    al_code c = store_snapshot(e, index, &snap, err);
    if (c)
        return c;
    AL_CLEANUP(gathering_done)
    gathering g = {.arena = al_arena_new(ARENA_BLOCK_BYTES),
                   .scratch = al_arena_new(ARENA_BLOCK_BYTES),
                   .view = block_view_new(),
                   .names = value_table_new()};
    const unit *units = NULL;
    size_t n = 0;
    if (!g.arena || !g.scratch || !g.view || !g.names ||
        snapshot_select(snap, INT64_MIN, INT64_MAX, g.arena, &units, &n))
        return al_fail(err, AL_NOMEM, "names of fields");
    for (size_t i = 0; !c && i < n; i++)
        c = gather_unit(&g, &units[i], err);
    if (!c && copy_names(&g, arena, ret, ret_n))
        c = al_fail(err, AL_NOMEM, "names of fields");
    return c;
}
