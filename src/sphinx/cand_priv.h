#pragma once
/* cand_priv.h: one leaf of a query as conditions, for candidates.c. */
#include "query/ast.h"
#include "sphinx/candidates.h"

typedef struct cand_plan {
    const cand_table *t;
    const al_slice *text_fields;
    size_t n_text_fields;
    al_arena *arena;
    uint32_t n_words; /* in MATCH so far */
    const char *why;  /* what was missing first, or NULL */
} cand_plan;

/* A leaf as an expression for MATCH, in brackets. False: there is none, nothing was appended. */
bool cand_match_leaf(cand_plan *p, const ast_node *leaf, al_buf *out);
/* A leaf as an expression over attributes, in brackets: true wherever the leaf holds, or if
 * `is_lower` only where it does; for rows whose src is empty. */
bool cand_where_leaf(const cand_plan *p, const ast_node *leaf, bool is_lower, al_buf *out);
