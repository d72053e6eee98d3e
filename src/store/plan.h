#pragma once
/* plan.h: how a query is evaluated on columns: which ones it looks at and in which order its parts
 * are tried. The seam for everything that lets the engine look at less. Pure; immutable once made,
 * any thread. */
#include "base/arena.h"
#include "base/err.h"
#include "query/ast.h"

/* A column that values of a path can stand in: path "a.b" is looked for in the top-level field
 * "a.b" and inside objects of the top-level field "a". */
typedef struct plan_head {
    al_slice name; /* of the column */
    al_slice path;
    uint32_t slot; /* 0 .. plan.n_slots - 1: number of this leaf and column */
} plan_head;

typedef struct plan_node plan_node;
struct plan_node {
    const ast_node *ast;
    const plan_node *const *kids; /* cheapest first */
    uint32_t n_kids;
    uint32_t cost;          /* of one row, about */
    bool asks_message;      /* a leaf: bare text or regex, or a field called `message` */
    uint32_t text_no;       /* a leaf that looks for texts: 0 .. plan.n_texts - 1 */
    const plan_head *heads; /* of a leaf; of bare text and regex: those of the text fields */
    uint32_t n_heads;
};

typedef struct plan {
    const plan_node *root;
    bool is_all; /* matches every record */
    uint32_t n_slots;
    uint32_t n_texts;
} plan;

/* Does the leaf look for texts, so that it has a text_no? */
static inline bool plan_has_text(const ast_node *ast)
{
    return ast->kind == AST_TEXT || ast->kind == AST_REGEX || ast->kind == AST_CONTAINS ||
           ast->kind == AST_FIELD_REGEX || ast->kind == AST_EQUALS;
}

/* In the arena; borrows names from the tree and from `text_fields`. AL_NOMEM. */
AL_CHECK al_code plan_new(const ast_node *root, const al_slice *text_fields, size_t n_text_fields,
                          al_arena *arena, plan *ret);

/* The columns that a path can stand in, in the arena. */
AL_CHECK al_code plan_heads(al_slice path, al_arena *arena, const plan_head **ret, uint32_t *ret_n);

/* False only if no record can match when the top-level fields are those that `has_name` knows. */
bool plan_may_match(const plan *p, bool (*has_name)(void *ctx, al_slice name), void *ctx);
