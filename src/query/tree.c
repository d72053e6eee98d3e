/* Queries as trees: building, sharing, combining. See query.h, ast.h and tree.h for the contracts.
 * Invariants of every tree: (1) the kids of an AND are never ANDs, those of an OR never ORs, and
 * there are at least two; (2) the kid of a NOT is never a NOT; (3) AST_ALL stands only at the root;
 * (4) a text without white space has is_exact_space set, since both readings are the same one.
 * They make the spelling of read_as unique. A query is immutable once it has its root;
 * query_and shares the trees of both sides and holds references to them. */
#include "query/tree.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "query/regex_needs.h"

enum {
    ARENA_BLOCK_BYTES = 4096,
    NEEDED_BYTES_MIN = 2, /* one character is nearly everywhere */
};

static al_code no_memory(al_err *err)
{
    return al_fail(err, AL_NOMEM, "query");
}

query *tree_new(void)
{
    query *q = al_zalloc(1, sizeof *q);
    if (!q)
        return NULL;
    atomic_init(&q->refs, 1);
    q->arena = al_arena_new(ARENA_BLOCK_BYTES);
    if (!q->arena)
        return query_unref(q);
    return q;
}

query *query_ref(query *q)
{
    unsigned before = atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return q;
}

/* Chains of query_and are as long as a caller makes them: the left side is followed by the loop. */
query *query_unref(query *q)
{
    while (q) {
        unsigned before = atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel);
        assert(before > 0);
        if (before > 1)
            return NULL;
        for (tree_code *code = q->codes; code; code = code->next)
            (void)regex_free(code->re);
        query *left = q->parts[0];
        (void)query_unref(q->parts[1]);
        (void)al_arena_free(q->arena);
        free(q);
        q = left;
    }
    return NULL;
}

al_code tree_add(query *q, ast_kind kind, tree_node **ret, al_err *err)
{
    if (q->n_nodes == QUERY_NODES_MAX)
        return al_fail(err, AL_LIMIT, "the query has more than %d parts", QUERY_NODES_MAX);
    tree_node *n = al_arena_alloc(q->arena, 1, sizeof *n);
    if (!n)
        return no_memory(err);
    *n = (tree_node){.pub.kind = kind, .depth = 1};
    q->n_nodes++;
    *ret = n;
    return AL_OK;
}

static al_code take_kids(query *q, tree_node *parent, tree_node *const *kids, size_t n, al_err *err)
{
    size_t n_all = 0;
    assert(parent);
    for (size_t i = 0; i < n; i++)
        n_all += kids[i]->pub.kind == parent->pub.kind ? kids[i]->pub.n_kids : 1;
    const ast_node **all = al_arena_alloc(q->arena, n_all, sizeof(const ast_node *));
    if (!all)
        return no_memory(err);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const ast_node *kid = &kids[i]->pub;
        if (kid->kind != parent->pub.kind) {
            all[at++] = kid;
            continue;
        }
        for (uint32_t k = 0; k < kid->n_kids; k++)
            all[at++] = kid->kids[k];
    }
    assert(at == n_all);
    parent->pub.kids = all;
    parent->pub.n_kids = (uint32_t)n_all;
    for (size_t i = 0; i < n_all; i++)
        if (tree_node_of(all[i])->depth >= parent->depth)
            parent->depth = tree_node_of(all[i])->depth + 1;
    if (parent->depth > QUERY_DEPTH_MAX)
        return al_fail(err, AL_LIMIT, "the query is nested more than %d deep", QUERY_DEPTH_MAX);
    return AL_OK;
}

al_code tree_join(query *q, ast_kind kind, tree_node *const *kids, size_t n, tree_node **ret,
                  al_err *err)
{
    assert(kind == AST_AND || kind == AST_OR);
    assert(n > 0);
    if (n == 1) {
        *ret = kids[0];
        return AL_OK;
    }
    tree_node *parent = NULL;
    al_code c = tree_add(q, kind, &parent, err);
    if (!c)
        c = take_kids(q, parent, kids, n, err);
    if (!c)
        *ret = parent;
    return c;
}

al_code tree_negate(query *q, tree_node *kid, tree_node **ret, al_err *err)
{
    if (kid->pub.kind == AST_NOT) {
        *ret = (tree_node *)kid->pub.kids[0]; /* made by tree_add: not const in truth */
        return AL_OK;
    }
    tree_node *n = NULL;
    al_code c = tree_add(q, AST_NOT, &n, err);
    if (!c)
        c = take_kids(q, n, &kid, 1, err);
    if (!c)
        *ret = n;
    return c;
}

al_code tree_compile(query *q, tree_node *leaf, size_t *ret_at, al_err *err)
{
    tree_code *code = al_arena_alloc(q->arena, 1, sizeof *code);
    if (!code)
        return no_memory(err);
    *code = (tree_code){0};
    al_code c = regex_new(leaf->pub.text, leaf->pub.ignores_case, &code->re, ret_at, err);
    if (c)
        return c;
    code->next = q->codes;
    q->codes = code;
    leaf->re = code->re;
    uint8_t needed[REGEX_NEEDS_BYTES_MAX];
    size_t n = regex_needs(leaf->pub.text, leaf->pub.ignores_case, needed);
    if (n < NEEDED_BYTES_MIN)
        return AL_OK;
    al_slice copy = al_arena_copy(q->arena, (al_slice){needed, n});
    leaf->needed = copy.ptr ? literal_new(q->arena, copy, leaf->pub.ignores_case, false) : NULL;
    return leaf->needed ? AL_OK : no_memory(err);
}

al_code tree_prepare(query *q, tree_node *leaf, al_err *err)
{
    leaf->needle =
        literal_new(q->arena, leaf->pub.text, leaf->pub.ignores_case, !leaf->pub.is_exact_space);
    return leaf->needle ? AL_OK : no_memory(err);
}

const ast_node *query_root(const query *q)
{
    return q->root;
}

/* ---- Queries that are not parsed */

query *query_all(void)
{
    AL_CLEANUP(query_unrefp) query *q = tree_new();
    tree_node *all = NULL;
    if (!q || tree_add(q, AST_ALL, &all, NULL))
        return NULL;
    assert(all);
    q->root = &all->pub;
    return AL_TAKE(q);
}

al_code query_and(query *a, query *b, query **ret)
{
    *ret = NULL;
    if (a->root->kind == AST_ALL || b->root->kind == AST_ALL) {
        *ret = query_ref(a->root->kind == AST_ALL ? b : a);
        return AL_OK;
    }
    AL_CLEANUP(query_unrefp) query *q = tree_new();
    if (!q)
        return AL_NOMEM;
    q->parts[0] = query_ref(a);
    q->parts[1] = query_ref(b);
    q->n_nodes = a->n_nodes;
    if (b->n_nodes > QUERY_NODES_MAX - q->n_nodes)
        return AL_LIMIT;
    q->n_nodes += b->n_nodes;
    tree_node *sides[2] = {(tree_node *)a->root, (tree_node *)b->root}; /* only read */
    tree_node *root = NULL;
    al_code c = tree_join(q, AST_AND, sides, 2, &root, NULL);
    if (c)
        return c;
    assert(root);
    q->root = &root->pub;
    *ret = AL_TAKE(q);
    return AL_OK;
}

al_code query_field_one_of(al_slice name, const al_slice *values, size_t n, query **ret)
{
    *ret = NULL;
    AL_CLEANUP(query_unrefp) query *q = tree_new();
    tree_node *leaf = NULL;
    assert(n > 0);
    if (!q)
        return AL_NOMEM;
    al_code c = tree_add(q, AST_EQUALS, &leaf, NULL);
    if (c)
        return c;
    assert(leaf);
    al_slice *copies = al_arena_alloc(q->arena, n, sizeof *copies);
    leaf->pub.name = al_arena_copy(q->arena, name);
    if (!copies || !leaf->pub.name.ptr)
        return AL_NOMEM;
    for (size_t i = 0; i < n; i++) {
        copies[i] = al_arena_copy(q->arena, values[i]);
        if (!copies[i].ptr)
            return AL_NOMEM;
    }
    leaf->pub.values = copies;
    leaf->pub.n_values = (uint32_t)n;
    leaf->quotes_name = true; /* no parser has seen which names are known */
    q->root = &leaf->pub;
    *ret = AL_TAKE(q);
    return AL_OK;
}

al_code query_field_equals(al_slice name, const value *v, query **ret)
{
    al_slice text = rec_value_text(v);
    return query_field_one_of(name, &text, 1, ret);
}

al_code query_field_missing(al_slice name, query **ret)
{
    *ret = NULL;
    AL_CLEANUP(query_unrefp) query *q = tree_new();
    tree_node *leaf = NULL;
    tree_node *root = NULL;
    if (!q)
        return AL_NOMEM;
    al_code c = tree_add(q, AST_EXISTS, &leaf, NULL);
    if (c)
        return c;
    assert(leaf);
    leaf->pub.name = al_arena_copy(q->arena, name);
    if (!leaf->pub.name.ptr)
        return AL_NOMEM;
    leaf->quotes_name = true; /* no parser has seen which names are known */
    c = tree_negate(q, leaf, &root, NULL);
    if (c)
        return c;
    assert(root);
    q->root = &root->pub;
    *ret = AL_TAKE(q);
    return AL_OK;
}
