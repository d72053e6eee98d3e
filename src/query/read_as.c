/* How a query was read: the tree in the words of the language, every decision spelled out, so that
 * parsing it again gives the same tree in any environment:
 *   texts in quotes, `~"..."` where a run of white space matches any run;
 *   names with @ (in quotes where needed), values and lists of values in quotes;
 *   AND, OR and NOT written, brackets wherever two of them meet;
 *   case:yes in front, or around the single texts where only some of them mind the case. */
#include <assert.h>
#include <string.h>

#include "query/tree.h"

typedef struct writer {
    al_buf *out;
    bool has_case; /* case:yes was written in front */
} writer;

static void put_node(const writer *w, const ast_node *n);

static void put_quoted(al_buf *out, al_slice text)
{
    al_buf_u8(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, text.ptr[i]);
    }
    al_buf_u8(out, '"');
}

static void put_name(al_buf *out, const tree_node *n)
{
    al_slice name = n->pub.name;
    bool is_plain = name.len > 0 && !n->quotes_name;
    for (size_t i = 0; is_plain && i < name.len; i++)
        is_plain = name.ptr[i] >= 0x80 || (name.ptr[i] && strchr("abcdefghijklmnopqrstuvwxyz"
                                                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                                 "0123456789_.-/@$",
                                                                 name.ptr[i]));
    al_buf_u8(out, '@');
    if (is_plain)
        al_buf_slice_put(out, name);
    else
        put_quoted(out, name);
}

static void put_regex(al_buf *out, const ast_node *n)
{
    al_buf_u8(out, '/');
    al_buf_slice_put(out, n->text);
    al_buf_str(out, n->ignores_case ? "/i" : "/");
}

static void put_values(al_buf *out, const ast_node *n)
{
    if (n->n_values == 1) {
        put_quoted(out, n->values[0]);
        return;
    }
    for (uint32_t i = 0; i < n->n_values; i++) {
        al_buf_u8(out, i ? ',' : '(');
        put_quoted(out, n->values[i]);
    }
    al_buf_u8(out, ')');
}

static void put_filter(al_buf *out, const ast_node *n, bool is_negated)
{
    static const char *const compares[] = {
        [AST_LESS] = "<", [AST_LESS_EQUAL] = "<=", [AST_GREATER] = ">", [AST_GREATER_EQUAL] = ">="};
    put_name(out, tree_node_of(n));
    if (n->kind == AST_EXISTS) {
        al_buf_str(out, is_negated ? "!=*" : "=*");
    } else if (n->kind == AST_EQUALS) {
        al_buf_str(out, is_negated ? "!=" : "=");
        put_values(out, n);
    } else if (n->kind == AST_CONTAINS) {
        al_buf_u8(out, ':');
        put_quoted(out, n->text);
    } else if (n->kind == AST_FIELD_REGEX) {
        al_buf_u8(out, '~');
        put_regex(out, n);
    } else {
        assert(n->kind == AST_COMPARE);
        al_buf_str(out, compares[n->compare]);
        al_buf_slice_put(out, n->text);
    }
}

static void put_leaf(const writer *w, const ast_node *n)
{
    bool is_text = n->kind == AST_TEXT || n->kind == AST_CONTAINS;
    bool has_own_case = is_text && !n->ignores_case && !w->has_case;
    if (has_own_case)
        al_buf_str(w->out, "(case:yes ");
    if (n->kind == AST_TEXT) {
        if (!n->is_exact_space)
            al_buf_u8(w->out, '~');
        put_quoted(w->out, n->text);
    } else if (n->kind == AST_REGEX) {
        put_regex(w->out, n);
    } else {
        put_filter(w->out, n, false);
    }
    if (has_own_case)
        al_buf_u8(w->out, ')');
}

static bool is_joined(const ast_node *n)
{
    return n->kind == AST_AND || n->kind == AST_OR;
}

static void put_in_brackets(const writer *w, const ast_node *n)
{
    if (is_joined(n))
        al_buf_u8(w->out, '(');
    put_node(w, n);
    if (is_joined(n))
        al_buf_u8(w->out, ')');
}

static void put_node(const writer *w, const ast_node *n)
{
    if (is_joined(n)) {
        for (uint32_t i = 0; i < n->n_kids; i++) {
            if (i)
                al_buf_str(w->out, n->kind == AST_AND ? " AND " : " OR ");
            put_in_brackets(w, n->kids[i]);
        }
    } else if (n->kind == AST_NOT) {
        const ast_node *kid = n->kids[0];
        if (kid->kind == AST_EQUALS || kid->kind == AST_EXISTS) {
            put_filter(w->out, kid, true);
            return;
        }
        al_buf_str(w->out, "NOT ");
        put_in_brackets(w, kid);
    } else if (n->kind != AST_ALL) {
        put_leaf(w, n);
    }
}

typedef struct case_count {
    size_t minding;
    size_t ignoring;
} case_count;

static void count_case(const ast_node *n, case_count *ret)
{
    if (n->kind == AST_TEXT || n->kind == AST_CONTAINS)
        *(n->ignores_case ? &ret->ignoring : &ret->minding) += 1;
    for (uint32_t i = 0; i < n->n_kids; i++)
        count_case(n->kids[i], ret);
}

void query_read_as(const query *q, al_buf *out)
{
    case_count count = {0};
    count_case(q->root, &count);
    writer w = {.out = out, .has_case = count.minding && !count.ignoring};
    if (w.has_case)
        al_buf_str(out, "case:yes ");
    put_node(&w, q->root);
}
