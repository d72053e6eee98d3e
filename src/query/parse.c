/* Tokens to a tree, by recursive descent:
 *   or    = and { OR and }
 *   and   = unary { [AND] unary }
 *   unary = { NOT } [ - ] term
 *   term  = ( or ) | "..." | ~"..." | /.../ | filter | word { word }
 * Words that follow each other are one text; behind `-` only one word is.
 * case:yes holds for the brackets it stands in (outermost: for all), before and behind it: the
 * leaves of a bracket are changed when it ends. Hence needles are compiled last.
 * The first error ends the parsing; its column is where reading stopped. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "query/lex.h"
#include "query/tree.h"

enum { BRACKETS_MAX = 4 * QUERY_DEPTH_MAX, VECTOR_FIRST = 16 };

typedef struct node_vector {
    tree_node **items;
    size_t n;
    size_t cap;
} node_vector;

typedef struct parser {
    lexer lex;
    query *q;
    token tok;           /* the one to be read next; never TOKEN_CASE */
    bool has_case;       /* case:yes was seen in the innermost bracket */
    bool is_separated;   /* case:yes stood before tok */
    uint32_t n_brackets; /* open */
    node_vector pending; /* kids of unfinished ANDs and ORs */
    node_vector texts;   /* TEXT and CONTAINS leaves, in order */
    al_err *err;
} parser;

static al_code parse_or(parser *p, tree_node **ret);

static al_code no_memory(parser *p)
{
    return al_fail(p->err, AL_NOMEM, "query");
}

static al_code expected(parser *p, size_t at, const char *what)
{
    return al_fail(p->err, AL_INVALID, "column %zu: expected %s", lex_column(p->lex.text, at),
                   what);
}

/* Puts the column in front of a limit's message. */
static al_code at_column(parser *p, al_code c, size_t at)
{
    if (c == AL_LIMIT && p->err)
        return al_wrap(p->err, "column %zu", lex_column(p->lex.text, at));
    return c;
}

static al_code push(parser *p, node_vector *v, tree_node *n)
{
    if (v->n == v->cap) {
        tree_node **more =
            al_grow(v->items, &v->cap, v->n, sizeof(tree_node *), VECTOR_FIRST, QUERY_NODES_MAX);
        if (!more)
            return no_memory(p);
        v->items = more;
    }
    v->items[v->n++] = n;
    return AL_OK;
}

static void advance(parser *p)
{
    bool after_minus = p->tok.kind == TOKEN_MINUS;
    p->is_separated = false;
    do {
        p->tok = lex_next(&p->lex, after_minus);
        if (p->tok.kind == TOKEN_CASE)
            p->has_case = p->is_separated = true;
    } while (p->tok.kind == TOKEN_CASE);
}

/* ---- Pieces of text in the query's memory */

static al_code keep(parser *p, al_slice s, al_slice *ret)
{
    *ret = al_arena_copy(p->q->arena, s);
    return ret->ptr ? AL_OK : no_memory(p);
}

static al_code keep_unescaped(parser *p, al_slice body, al_slice *ret)
{
    uint8_t *out = al_arena_alloc(p->q->arena, body.len + 1, 1);
    if (!out)
        return no_memory(p);
    *ret = (al_slice){out, lex_unescape(body, out)};
    return AL_OK;
}

static al_code keep_either(parser *p, bool is_quoted, al_slice body, al_slice *ret)
{
    return is_quoted ? keep_unescaped(p, body, ret) : keep(p, body, ret);
}

/* Runs of white space become one space, none at the ends; in place. */
static void squeeze(al_slice *text, bool *ret_has_space)
{
    uint8_t *out = (uint8_t *)text->ptr; /* our own copy */
    size_t n = 0;
    *ret_has_space = false;
    for (size_t i = 0; i < text->len; i++) {
        bool is_space = query_is_space(text->ptr[i]);
        if (!is_space)
            out[n++] = text->ptr[i];
        else if (n && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n && out[n - 1] == ' ')
        n--;
    text->len = n;
    *ret_has_space = n && memchr(out, ' ', n);
}

/* ---- Leaves */

static al_code add_leaf(parser *p, ast_kind kind, tree_node **ret)
{
    return at_column(p, tree_add(p->q, kind, ret, p->err), p->tok.start);
}

/* Takes a text whose `text` is our own copy as a leaf; free_space: squeezes it. */
static al_code finish_text(parser *p, tree_node *leaf, bool free_space)
{
    bool has_space = free_space;
    if (free_space)
        squeeze((al_slice *)&leaf->pub.text, &has_space);
    leaf->pub.is_exact_space = !has_space;
    leaf->pub.ignores_case = true;
    return push(p, &p->texts, leaf);
}

static al_code parse_quoted(parser *p, tree_node **ret)
{
    al_code c = add_leaf(p, AST_TEXT, ret);
    if (!c)
        c = keep_unescaped(p, p->tok.body, &(*ret)->pub.text);
    if (!c)
        c = finish_text(p, *ret, p->tok.kind == TOKEN_FREE);
    if (!c)
        advance(p);
    return c;
}

static al_code parse_words(parser *p, bool only_one, tree_node **ret)
{
    size_t from = p->tok.start;
    size_t to = 0;
    al_code c = add_leaf(p, AST_TEXT, ret);
    if (c)
        return c;
    do {
        to = p->tok.end;
        advance(p);
    } while (p->tok.kind == TOKEN_WORD && !only_one && !p->is_separated);
    c = keep(p, al_slice_sub(p->lex.text, from, to), &(*ret)->pub.text);
    return c ? c : finish_text(p, *ret, true);
}

/* The pattern in the token's body; `kind` REGEX or FIELD_REGEX leaf. */
static al_code finish_regex(parser *p, tree_node *leaf)
{
    const token *t = &p->tok;
    leaf->pub.ignores_case = t->ignores_case;
    al_code c = keep(p, t->body, &leaf->pub.text);
    if (c)
        return c;
    size_t at = 0;
    al_err why = {0};
    c = tree_compile(p->q, leaf, &at, &why);
    if (c == AL_INVALID)
        return al_fail(p->err, c, "column %zu: expected a regular expression: %s",
                       lex_column(p->lex.text, t->body_at + at), why.msg);
    return c ? no_memory(p) : AL_OK;
}

static al_code parse_regex(parser *p, tree_node **ret)
{
    al_code c = add_leaf(p, AST_REGEX, ret);
    if (!c)
        c = finish_regex(p, *ret);
    if (!c)
        advance(p);
    return c;
}

static al_code keep_values(parser *p, tree_node *leaf)
{
    const token *t = &p->tok;
    size_t n = 1;
    al_slice element = t->body;
    bool is_quoted = t->value == VALUE_QUOTED;
    if (t->value == VALUE_LIST) {
        n = 0;
        for (size_t at = 0; lex_element(t->body, &at, &element, &is_quoted);)
            n++;
    }
    al_slice *values = al_arena_alloc(p->q->arena, n, sizeof *values);
    if (!values)
        return no_memory(p);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (t->value == VALUE_LIST)
            (void)lex_element(t->body, &at, &element, &is_quoted);
        al_code c = keep_either(p, is_quoted, element, &values[i]);
        if (c)
            return c;
    }
    leaf->pub.values = values;
    leaf->pub.n_values = (uint32_t)n;
    return AL_OK;
}

static al_code finish_compare(parser *p, tree_node *leaf)
{
    const token *t = &p->tok;
    static const ast_compare compares[] = {
        [FILTER_LESS] = AST_LESS,
        [FILTER_LESS_EQUAL] = AST_LESS_EQUAL,
        [FILTER_GREATER] = AST_GREATER,
        [FILTER_GREATER_EQUAL] = AST_GREATER_EQUAL,
    };
    leaf->pub.compare = compares[t->op];
    al_code c = keep_either(p, t->value == VALUE_QUOTED, t->body, &leaf->pub.text);
    if (c)
        return c;
    bool is_number = false;
    (void)rec_number_cmp(leaf->pub.text, leaf->pub.text, &is_number);
    return is_number ? AL_OK : expected(p, t->body_at, "a number");
}

static ast_kind kind_of_filter(const token *t)
{
    switch (t->op) {
    case FILTER_EQUAL:
    case FILTER_NOT_EQUAL:
        return t->value == VALUE_ANY ? AST_EXISTS : AST_EQUALS;
    case FILTER_CONTAINS:
        return AST_CONTAINS;
    case FILTER_REGEX:
        return AST_FIELD_REGEX;
    case FILTER_LESS:
    case FILTER_LESS_EQUAL:
    case FILTER_GREATER:
    case FILTER_GREATER_EQUAL:
        break;
    }
    return AST_COMPARE;
}

static al_code fill_filter(parser *p, tree_node *leaf)
{
    const token *t = &p->tok;
    leaf->quotes_name = t->is_name_escaped;
    al_code c = keep_either(p, t->is_name_escaped, t->name, &leaf->pub.name);
    if (c)
        return c;
    ast_kind kind = leaf->pub.kind;
    if (kind == AST_EQUALS)
        return keep_values(p, leaf);
    if (kind == AST_FIELD_REGEX)
        return finish_regex(p, leaf);
    if (kind == AST_COMPARE)
        return finish_compare(p, leaf);
    if (kind == AST_EXISTS)
        return AL_OK;
    assert(kind == AST_CONTAINS);
    c = keep_either(p, t->value == VALUE_QUOTED, t->body, &leaf->pub.text);
    return c ? c : finish_text(p, leaf, false);
}

static al_code parse_filter(parser *p, tree_node **ret)
{
    if (p->tok.expected)
        return expected(p, p->tok.wrong_at, p->tok.expected);
    al_code c = add_leaf(p, kind_of_filter(&p->tok), ret);
    if (!c)
        c = fill_filter(p, *ret);
    if (!c && p->tok.op == FILTER_NOT_EQUAL)
        c = at_column(p, tree_negate(p->q, *ret, ret, p->err), p->tok.start);
    if (!c)
        advance(p);
    return c;
}

/* ---- Terms */

/* The text leaves from `first` on stand in brackets with case:yes. */
static void apply_case(parser *p, size_t first)
{
    for (size_t i = first; p->has_case && i < p->texts.n; i++)
        p->texts.items[i]->pub.ignores_case = false;
}

static al_code parse_group(parser *p, tree_node **ret)
{
    if (p->n_brackets == BRACKETS_MAX)
        return at_column(p,
                         al_fail(p->err, AL_LIMIT, "more than %d brackets are open", BRACKETS_MAX),
                         p->tok.start);
    bool outer_has_case = p->has_case;
    size_t first = p->texts.n;
    p->has_case = false;
    p->n_brackets++;
    advance(p);
    al_code c = parse_or(p, ret);
    if (c)
        return c;
    assert(p->tok.kind == TOKEN_CLOSE); /* the brackets were paired */
    apply_case(p, first);
    p->has_case = outer_has_case;
    p->n_brackets--;
    advance(p);
    return AL_OK;
}

static al_code parse_term(parser *p, bool after_minus, const char *behind, tree_node **ret)
{
    switch (p->tok.kind) {
    case TOKEN_OPEN:
        return parse_group(p, ret);
    case TOKEN_QUOTED:
    case TOKEN_FREE:
        return parse_quoted(p, ret);
    case TOKEN_REGEX:
        return parse_regex(p, ret);
    case TOKEN_FILTER:
        return parse_filter(p, ret);
    case TOKEN_WORD:
        return parse_words(p, after_minus, ret);
    case TOKEN_END:
    case TOKEN_CLOSE:
    case TOKEN_AND:
    case TOKEN_OR:
    case TOKEN_NOT:
    case TOKEN_MINUS:
    case TOKEN_CASE:
        break;
    }
    return expected(p, p->tok.start, behind);
}

static const char *const what_begins =
    "text or a filter (the words AND, OR, NOT themselves are found in quotes)";

static al_code parse_unary(parser *p, const char *behind, tree_node **ret)
{
    bool is_negated = false;
    size_t start = p->tok.start;
    while (p->tok.kind == TOKEN_NOT) {
        is_negated = !is_negated;
        behind = "text or a filter behind NOT";
        advance(p);
    }
    bool has_minus = p->tok.kind == TOKEN_MINUS;
    if (has_minus) {
        is_negated = !is_negated;
        advance(p);
    }
    al_code c = parse_term(p, has_minus, behind, ret);
    if (c || !is_negated)
        return c;
    return at_column(p, tree_negate(p->q, *ret, ret, p->err), start);
}

/* Joins what was pushed since `first`. */
static al_code join_pending(parser *p, ast_kind kind, size_t first, size_t start, tree_node **ret)
{
    al_code c = tree_join(p->q, kind, p->pending.items + first, p->pending.n - first, ret, p->err);
    p->pending.n = first;
    return at_column(p, c, start);
}

static bool begins_term(token_kind kind)
{
    return kind != TOKEN_END && kind != TOKEN_CLOSE && kind != TOKEN_OR && kind != TOKEN_AND;
}

static al_code parse_and(parser *p, const char *behind, tree_node **ret)
{
    size_t first = p->pending.n;
    size_t start = p->tok.start;
    do {
        if (p->tok.kind == TOKEN_AND && p->pending.n > first) {
            behind = "text or a filter behind AND";
            advance(p);
        }
        tree_node *kid = NULL;
        al_code c = parse_unary(p, behind, &kid);
        if (!c)
            c = push(p, &p->pending, kid);
        if (c)
            return c;
    } while (p->tok.kind == TOKEN_AND || begins_term(p->tok.kind));
    return join_pending(p, AST_AND, first, start, ret);
}

static al_code parse_or(parser *p, tree_node **ret)
{
    size_t first = p->pending.n;
    size_t start = p->tok.start;
    const char *behind = what_begins;
    for (;;) {
        tree_node *kid = NULL;
        al_code c = parse_and(p, behind, &kid);
        if (!c)
            c = push(p, &p->pending, kid);
        if (c)
            return c;
        if (p->tok.kind != TOKEN_OR)
            break;
        behind = "text or a filter behind OR";
        advance(p);
    }
    return join_pending(p, AST_OR, first, start, ret);
}

static al_code parse_all(parser *p)
{
    tree_node *root = NULL;
    advance(p);
    al_code c = p->tok.kind == TOKEN_END ? add_leaf(p, AST_ALL, &root) : parse_or(p, &root);
    if (c)
        return c;
    assert(p->tok.kind == TOKEN_END);
    apply_case(p, 0);
    for (size_t i = 0; i < p->texts.n; i++) {
        c = tree_prepare(p->q, p->texts.items[i], p->err);
        if (c)
            return c;
    }
    p->q->root = &root->pub;
    return AL_OK;
}

al_code query_parse(al_slice text, const query_env *env, query **ret, al_err *err)
{
    *ret = NULL;
    if (text.len > QUERY_BYTES_MAX)
        return al_fail(err, AL_LIMIT, "column %zu: the query is longer than %d bytes",
                       lex_column(text, QUERY_BYTES_MAX), QUERY_BYTES_MAX);
    AL_CLEANUP(query_unrefp) query *q = tree_new();
    parser p = {.q = q, .err = err};
    if (!q || lex_begin(&p.lex, text, env))
        return al_fail(err, AL_NOMEM, "query");
    al_code c = parse_all(&p);
    lex_done(&p.lex);
    free(p.pending.items);
    free(p.texts.items);
    if (!c)
        *ret = AL_TAKE(q);
    return c;
}
