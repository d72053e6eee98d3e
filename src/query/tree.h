#pragma once
/* tree.h: the insides of a query, for the files of this folder that build, write and match it. */
#include <stdatomic.h>

#include "base/arena.h"
#include "query/ast.h"
#include "query/literal.h"
#include "query/regex.h"

/* Every ast_node of a query is the first member of one of these. */
typedef struct tree_node {
    ast_node pub;
    uint32_t depth;        /* of the tree below, 1 for a leaf */
    bool quotes_name;      /* `@name` would be read as another field: write `@"name"` */
    const literal *needle; /* TEXT, CONTAINS */
    const regex *re;       /* REGEX, FIELD_REGEX */
    const literal *needed; /* of `re`: what all its matches hold; NULL: nothing is known */
} tree_node;

typedef struct tree_code { /* compiled expressions of a query, to be freed with it */
    regex *re;
    struct tree_code *next;
} tree_code;

struct query {
    atomic_uint refs;
    /* immutable after building */
    al_arena *arena;
    const ast_node *root;
    query *parts[2]; /* of query_and: the tree goes on in theirs */
    tree_code *codes;
    uint32_t n_nodes;
};

static inline const tree_node *tree_node_of(const ast_node *n)
{
    return (const tree_node *)n;
}

/* ---- Building: a query without a root yet, filled by one thread; setting the root ends it. */

/* NULL without memory. */
query *tree_new(void);
/* A zeroed node of `kind`; AL_LIMIT beyond QUERY_NODES_MAX. */
AL_CHECK al_code tree_add(query *q, ast_kind kind, tree_node **ret, al_err *err);
/* AND or OR of `n` kids: kids of the same kind are taken in their place; one kid is itself. */
AL_CHECK al_code tree_join(query *q, ast_kind kind, tree_node *const *kids, size_t n,
                           tree_node **ret, al_err *err);
/* The opposite; of a NOT, its kid. */
AL_CHECK al_code tree_negate(query *q, tree_node *kid, tree_node **ret, al_err *err);
/* Compiles the pattern of a REGEX or FIELD_REGEX; *ret_at as regex_new. */
AL_CHECK al_code tree_compile(query *q, tree_node *leaf, size_t *ret_at, al_err *err);
/* Prepares the TEXT or CONTAINS leaf for matching, once its flags are final. */
AL_CHECK al_code tree_prepare(query *q, tree_node *leaf, al_err *err);
