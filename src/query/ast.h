#pragma once
/* ast.h: the tree of a query, for engines that plan (which columns, which terms) before they match.
 * Built by query_parse, immutable. The meaning of every node is what the naive matcher does:
 * - the name "message" is the record's message, which is no field;
 * - a value's text is a string's bytes, a number's spelling, the words true and false, a nested
 *   object's compact JSON; null and an array have none (AST_TEXT, REGEX, CONTAINS, FIELD_REGEX);
 * - an array is looked at element by element, nested ones too; AST_EXISTS and AST_EQUALS also take
 * it as a whole, as its compact JSON;
 * - AST_COMPARE takes numbers, and strings that spell a JSON number.
 * Shape: kids of an AND are never ANDs, those of an OR never ORs, that of a NOT never a NOT;
 * AST_ALL stands only at the root. White space is the six ASCII characters; a text that is not
 * is_exact_space begins and ends with none, and its runs are one space each. Case is ignored by
 * base/fold.h; bytes that are no UTF-8 match themselves, but never inside a character. */
#include "query/literal.h"
#include "query/literal_scan.h"
#include "query/query.h"

typedef enum ast_kind {
    AST_ALL,         /* everything */
    AST_AND,         /* kids */
    AST_OR,          /* kids */
    AST_NOT,         /* kids[0] */
    AST_TEXT,        /* `text` in the message or a text field */
    AST_REGEX,       /* `text` is a PCRE2 pattern, in the message or a text field */
    AST_EXISTS,      /* field has a value, null included */
    AST_EQUALS,      /* field equals one of `values` (any element of an array) */
    AST_CONTAINS,    /* field's text contains `text` */
    AST_FIELD_REGEX, /* field's text matches the pattern `text` */
    AST_COMPARE,     /* field's number `compare` the number spelled `text` */
} ast_kind;

typedef enum ast_compare { AST_LESS, AST_LESS_EQUAL, AST_GREATER, AST_GREATER_EQUAL } ast_compare;

/* `text` of an AST_EQUALS value as typed: equal as numbers if both are JSON numbers, else as exact
 * bytes; true, false and null also equal the JSON constants (doc/query.md). */
typedef struct ast_node ast_node;
struct ast_node {
    ast_kind kind;
    bool ignores_case;   /* TEXT, REGEX, CONTAINS, FIELD_REGEX */
    bool is_exact_space; /* TEXT, CONTAINS: white space as written (also when there is none); else a
                            run matches any run */
    ast_compare compare;
    al_slice name; /* of the field */
    al_slice text;
    const al_slice *values;
    uint32_t n_values;
    const ast_node *const *kids;
    uint32_t n_kids;
};

const ast_node *query_root(const query *q);
/* Does one AST_EQUALS/… leaf hold for a single value of its field (not for its absence)? The truth
 * for per-dictionary evaluation. An array is looked into. TEXT and REGEX leaves are taken too.
 * Matcher scratch is used; same thread rule. *ret_code as in query.h. */
AL_CHECK bool matcher_leaf_matches(matcher *m, const ast_node *leaf, const value *v,
                                   al_code *ret_code);
/* A text without which the leaf (TEXT, CONTAINS, REGEX, FIELD_REGEX) does not hold for a value, and
 * if *ret_is_leaf, with which it does. NULL: none is known. Lives as long as the query. */
const literal *query_leaf_literal(const ast_node *leaf, bool *ret_is_leaf);
/* Begins to go over many texts that lie one behind the other: only those with a place that
 * literal_scan_next gives can match the leaf, and have to be asked. False: the leaf is of a kind
 * that has to be asked for each text. *ret_code: AL_CANCELLED, and false; else AL_OK. */
AL_CHECK bool matcher_scan(matcher *m, const ast_node *leaf, al_slice texts, literal_scan *ret,
                           al_code *ret_code);
