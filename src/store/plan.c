/* The tree of a query with what an engine of columns adds to it.
 *
 * Why: the naive matcher asks a whole record; here a leaf is answered from one or two columns,
 * mostly once per distinct value, so the plan says which columns those are and lets cheap leaves
 * spare dear ones. What a leaf means stays the matcher's word (query/ast.h).
 *
 * Invariants: (1) kids of AND and OR may be tried in any order: no leaf has a side effect; (2) a
 * path's columns are its prefixes that end before a dot, and itself: a superset of where
 * rec_values_at finds values. */
#include "store/plan.h"

#include <assert.h>

enum { COST_FIELD = 1, COST_FIELD_REGEX = 2, COST_TEXT = 16, COST_REGEX = 64 };

typedef struct maker {
    const al_slice *text_fields;
    size_t n_text_fields;
    al_arena *arena;
    uint32_t n_slots;
    uint32_t n_texts;
} maker;

static uint32_t heads_of(al_slice path, plan_head *out)
{
    uint32_t n = 0;
    for (size_t i = 0; i <= path.len; i++)
        if (i == path.len || path.ptr[i] == '.') {
            if (out)
                out[n] = (plan_head){.name = al_slice_sub(path, 0, i), .path = path};
            n++;
        }
    return n;
}

al_code plan_heads(al_slice path, al_arena *arena, const plan_head **ret, uint32_t *ret_n)
{
    uint32_t n = heads_of(path, NULL);
    plan_head *heads = al_arena_alloc(arena, n, sizeof *heads);
    if (!heads)
        return AL_NOMEM;
    (void)heads_of(path, heads);
    for (uint32_t i = 0; i < n; i++)
        heads[i].slot = i;
    *ret = heads;
    *ret_n = n;
    return AL_OK;
}

/* In queries the message goes by this name; no field does. */
static bool is_message(al_slice path)
{
    return al_slice_eq(path, AL_LIT("message"));
}

static al_code set_heads(maker *mk, plan_node *node)
{
    const ast_node *ast = node->ast;
    bool is_text = ast->kind == AST_TEXT || ast->kind == AST_REGEX;
    const al_slice *paths = is_text ? mk->text_fields : &ast->name;
    size_t n_paths = is_text ? mk->n_text_fields : 1;
    uint32_t n = 0;
    node->asks_message = is_text || is_message(ast->name);
    node->text_no = plan_has_text(ast) ? mk->n_texts++ : 0;
    for (size_t i = 0; i < n_paths; i++)
        n += is_message(paths[i]) ? 0 : heads_of(paths[i], NULL);
    plan_head *heads = al_arena_alloc(mk->arena, n ? n : 1, sizeof *heads);
    if (!heads)
        return AL_NOMEM;
    node->heads = heads;
    for (size_t i = 0; i < n_paths; i++)
        if (!is_message(paths[i]))
            node->n_heads += heads_of(paths[i], heads + node->n_heads);
    for (uint32_t i = 0; i < n; i++)
        heads[i].slot = mk->n_slots++;
    return AL_OK;
}

static uint32_t leaf_cost(ast_kind kind)
{
    switch (kind) {
    case AST_TEXT:
        return COST_TEXT;
    case AST_REGEX:
        return COST_REGEX;
    case AST_CONTAINS:
    case AST_FIELD_REGEX:
        return COST_FIELD_REGEX;
    case AST_EXISTS:
    case AST_EQUALS:
    case AST_COMPARE:
        return COST_FIELD;
    case AST_ALL:
    case AST_AND:
    case AST_OR:
    case AST_NOT:
        return 0;
    }
    return 0;
}

static al_code make(maker *mk, const ast_node *ast, const plan_node **ret);

static al_code set_kids(maker *mk, plan_node *node)
{
    const ast_node *ast = node->ast;
    const plan_node **kids = al_arena_alloc(mk->arena, ast->n_kids + 1, sizeof(plan_node *));
    if (!kids)
        return AL_NOMEM;
    node->kids = kids;
    for (uint32_t i = 0; i < ast->n_kids; i++) {
        const plan_node *kid = NULL;
        al_code c = make(mk, ast->kids[i], &kid);
        if (c)
            return c;
        uint32_t at = node->n_kids++;
        for (; at > 0 && kids[at - 1]->cost > kid->cost; at--) /* invariant 1 */
            kids[at] = kids[at - 1];
        kids[at] = kid;
        node->cost += kid->cost;
    }
    return AL_OK;
}

static al_code make(maker *mk, const ast_node *ast, const plan_node **ret)
{
    plan_node *node = al_arena_alloc(mk->arena, 1, sizeof *node);
    if (!node)
        return AL_NOMEM;
    *node = (plan_node){.ast = ast, .cost = leaf_cost(ast->kind)};
    *ret = node;
    switch (ast->kind) {
    case AST_ALL:
        return AL_OK;
    case AST_AND:
    case AST_OR:
    case AST_NOT:
        return set_kids(mk, node);
    case AST_TEXT:
    case AST_REGEX:
    case AST_EXISTS:
    case AST_EQUALS:
    case AST_CONTAINS:
    case AST_FIELD_REGEX:
    case AST_COMPARE:
        return set_heads(mk, node);
    }
    return AL_OK;
}

al_code plan_new(const ast_node *root, const al_slice *text_fields, size_t n_text_fields,
                 al_arena *arena, plan *ret)
{
    assert(root);
    maker mk = {.text_fields = text_fields, .n_text_fields = n_text_fields, .arena = arena};
    const plan_node *node = NULL;
    al_code c = make(&mk, root, &node);
    if (c)
        return c;
    *ret = (plan){.root = node,
                  .is_all = root->kind == AST_ALL,
                  .n_slots = mk.n_slots,
                  .n_texts = mk.n_texts};
    return AL_OK;
}

typedef struct names {
    bool (*has)(void *ctx, al_slice name);
    void *ctx;
} names;

static bool node_may_match(const plan_node *node, const names *n)
{
    switch (node->ast->kind) {
    case AST_AND:
        for (uint32_t i = 0; i < node->n_kids; i++)
            if (!node_may_match(node->kids[i], n))
                return false;
        return true;
    case AST_OR:
        for (uint32_t i = 0; i < node->n_kids; i++)
            if (node_may_match(node->kids[i], n))
                return true;
        return false;
    case AST_EXISTS:
    case AST_EQUALS:
    case AST_CONTAINS:
    case AST_FIELD_REGEX:
    case AST_COMPARE:
        if (node->asks_message)
            return true;
        for (uint32_t i = 0; i < node->n_heads; i++)
            if (n->has(n->ctx, node->heads[i].name))
                return true;
        return false;
    case AST_ALL:
    case AST_NOT:
    case AST_TEXT:
    case AST_REGEX:
        return true;
    }
    return true;
}

bool plan_may_match(const plan *p, bool (*has_name)(void *ctx, al_slice name), void *ctx)
{
    const names n = {.has = has_name, .ctx = ctx};
    return node_may_match(p->root, &n);
}
