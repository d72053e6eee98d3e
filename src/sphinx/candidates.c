/* What to ask Sphinx for a query.
 * Two conditions are worked out apart, one for MATCH and one over attributes: SphinxQL 2.2 joins
 * them by AND alone. Each of them holds wherever the query does (an upper bound); either may be
 * missing, and then says nothing.
 * Shape, for both: of an AND, whatever its kids have; of an OR, something only if each kid has. A
 * NOT turns an upper bound around: its own needs a condition that holds only where the kid does (a
 * lower bound), which few leaves have, and MATCH none: words found do not say that the text stands
 * in one field. NOT is brought down to the leaves on the way, so that brackets are not deeper than
 * the query; what is deeper than DEPTH_MAX has no condition (searchd's parser gives up at about
 * 100).
 * A row whose source does not fit into the columns (src) is always let through the attributes'
 * condition: they may have changed there. */
#include "sphinx/candidates.h"

#include <assert.h>

#include "sphinx/cand_priv.h"

enum {
    ARENA_BLOCK_BYTES = 16 * 1024,
    BYTES_MAX = 512 * 1024, /* of a condition; more: none */
    DEPTH_MAX = 20,
    LEAVES_MAX = 100, /* over attributes: each row is asked all of them */
};

static const char asks_all[] = "the query asks for everything";
static const char no_charset[] = "how the tables split words is not known";
static const char only_not[] = "the query only says what is not wanted";
static const char too_large[] = "the query is too large for one question to Sphinx";

void candidates_done(candidates *c)
{
    al_buf_done(&c->match);
    al_buf_done(&c->where);
}

/* ---- MATCH */

static bool put_match(cand_plan *p, const ast_node *n, unsigned depth, al_buf *out);

static bool put_match_kids(cand_plan *p, const ast_node *n, unsigned depth, al_buf *out)
{
    bool is_or = n->kind == AST_OR;
    size_t before = out->len;
    uint32_t n_put = 0;
    al_buf_u8(out, '(');
    for (uint32_t i = 0; i < n->n_kids; i++) {
        size_t before_kid = out->len;
        al_buf_str(out, !n_put ? "" : is_or ? " | " : " ");
        if (put_match(p, n->kids[i], depth + 1, out)) {
            n_put++;
            continue;
        }
        out->len = before_kid;
        if (is_or)
            break;
    }
    if (n_put == 0 || (is_or && n_put < n->n_kids)) {
        out->len = before;
        return false;
    }
    al_buf_u8(out, ')');
    return true;
}

static bool put_match(cand_plan *p, const ast_node *n, unsigned depth, al_buf *out)
{
    if (depth > DEPTH_MAX) {
        p->why = p->why ? p->why : too_large;
        return false;
    }
    if (n->kind == AST_AND || n->kind == AST_OR)
        return put_match_kids(p, n, depth, out);
    if (n->kind == AST_NOT) {
        p->why = p->why ? p->why : only_not;
        return false;
    }
    return cand_match_leaf(p, n, out);
}

/* ---- Attributes */

typedef struct attributes {
    const cand_plan *p;
    al_buf *out;
    unsigned n_leaves;
} attributes;

/* What holds wherever n does, or with `is_not` wherever it does not. */
static bool put_where(attributes *a, const ast_node *n, bool is_not, unsigned depth);

static bool put_where_kids(attributes *a, const ast_node *n, bool is_not, unsigned depth)
{
    bool is_or = (n->kind == AST_OR) != is_not;
    size_t before = a->out->len;
    uint32_t n_put = 0;
    al_buf_u8(a->out, '(');
    for (uint32_t i = 0; i < n->n_kids; i++) {
        size_t before_kid = a->out->len;
        al_buf_str(a->out, !n_put ? "" : is_or ? " OR " : " AND ");
        if (put_where(a, n->kids[i], is_not, depth + 1)) {
            n_put++;
            continue;
        }
        a->out->len = before_kid;
        if (is_or)
            break;
    }
    if (n_put == 0 || (is_or && n_put < n->n_kids)) {
        a->out->len = before;
        return false;
    }
    al_buf_u8(a->out, ')');
    return true;
}

static bool put_where(attributes *a, const ast_node *n, bool is_not, unsigned depth)
{
    if (depth > DEPTH_MAX || a->n_leaves >= LEAVES_MAX)
        return false;
    if (n->kind == AST_AND || n->kind == AST_OR)
        return put_where_kids(a, n, is_not, depth);
    if (n->kind == AST_NOT)
        return put_where(a, n->kids[0], !is_not, depth + 1);
    size_t before = a->out->len;
    al_buf_str(a->out, is_not ? "(NOT" : "");
    if (!cand_where_leaf(a->p, n, is_not, a->out)) {
        a->out->len = before;
        return false;
    }
    al_buf_str(a->out, is_not ? ")" : "");
    a->n_leaves++;
    return true;
}

static void put_where_root(const cand_plan *p, const ast_node *root, al_buf *out)
{
    attributes a = {.p = p, .out = out};
    al_buf_str(out, p->t->has_src ? "(" : "");
    if (!put_where(&a, root, false, 0))
        al_buf_clear(out);
    else if (p->t->has_src)
        al_buf_str(out, " OR NOT(src=''))");
}

/* A condition that grew too long is none. */
static al_code settle(cand_plan *p, al_buf *condition)
{
    al_code code = al_buf_code(condition);
    if (code != AL_LIMIT)
        return code;
    al_buf_clear(condition);
    p->why = too_large;
    return AL_OK;
}

al_code candidates_plan(const query *q, const al_slice *text_fields, size_t n_text_fields,
                        const cand_table *t, candidates *ret)
{
    const ast_node *root = query_root(q);
    assert(t->min_word_len > 0);
    *ret = (candidates){0};
    al_buf_init(&ret->match, BYTES_MAX);
    al_buf_init(&ret->where, BYTES_MAX);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(ARENA_BLOCK_BYTES);
    if (!arena)
        return AL_NOMEM;
    cand_plan p = {
        .t = t, .text_fields = text_fields, .n_text_fields = n_text_fields, .arena = arena};
    if (root->kind == AST_ALL)
        p.why = asks_all;
    else if (!t->words)
        p.why = no_charset;
    else if (!put_match(&p, root, 0, &ret->match))
        al_buf_clear(&ret->match);
    al_code c = settle(&p, &ret->match);
    if (!c && root->kind != AST_ALL && t->is_sphinx_2)
        put_where_root(&p, root, &ret->where);
    c = c ? c : settle(&p, &ret->where);
    if (c) {
        al_buf_clear(&ret->match);
        al_buf_clear(&ret->where);
        return c;
    }
    ret->is_useful = ret->match.len || ret->where.len;
    ret->why = ret->is_useful ? NULL : p.why;
    return AL_OK;
}

bool candidates_setting_is_safe(al_slice name, al_slice text)
{
    /* Where words are kept and how fast they are found, or more that is found. */
    static const char *const safe[] = {
        "type",
        "path",
        "rt_field",
        "rt_attr_string",
        "rt_attr_json",
        "rt_mem_limit",
        "rt_attr_uint",
        "rt_attr_bigint",
        "dict",
        "min_prefix_len",
        "min_infix_len",
        "ondisk_attrs",
        "preopen",
        "mlock",
        "docinfo",
        "access_plain_attrs",
        "access_doclists",
        "access_hitlists",
        "access_blob_attrs",
        "rt_attr_float",
        "charset_table",
        "min_word_len",
    };
    if (al_slice_eq(name, AL_LIT("morphology")))
        return al_slice_eq(al_slice_trim(text), AL_LIT("none"));
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
        if (al_slice_eq(name, al_cstr(safe[i])))
            return true;
    return false;
}
