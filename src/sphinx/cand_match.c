/* A leaf as an expression for MATCH.
 * Where a text may stand decides how its words are spelled (words.h): the message is a column of
 * its own, other fields have one where they are flagged `indexed`, and all of them stand in the
 * JSON text. A field's name stands in the JSON text, too, in quotes; one with dots may be one name
 * or several in each other, so that its parts are looked for by themselves.
 * Numbers that are equal may be spelled differently: of them only the name is asked for.
 * An array's elements are values of their own; each begins and ends with a sign of JSON. */
#include "base/checked.h"
#include "query/regex_needs.h"
#include "record/json.h"
#include "sphinx/cand_priv.h"
#include "sphinx/words.h"

enum {
    WORDS_MAX = 1000, /* in one MATCH: thousands exhaust searchd's stack */
    VALUES_MAX = 64,  /* of one list */
    TEXT_BYTES_MAX = 8192,
};

static const char no_word[] = "no whole word that Sphinx could look up is in the text";
static const char too_long[] = "the query is too large for one question to Sphinx";
static const char no_column[] = "the field is not in Sphinx's full-text index";
static const char only_number[] = "the field's name is too short or not in the full-text index";

static bool fail(cand_plan *p, const char *why)
{
    p->why = p->why ? p->why : why;
    return false;
}

/* Other names MATCH could not spell; they stand in js all the same. */
static bool is_column(const cand_plan *p, al_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t lower = name.ptr[i] | 0x20;
        bool is_digit = name.ptr[i] >= '0' && name.ptr[i] <= '9';
        if (!(lower >= 'a' && lower <= 'z') && name.ptr[i] != '_' && !(is_digit && i))
            return false;
    }
    for (size_t i = 0; i < p->t->n_columns; i++)
        if (al_slice_eq(p->t->columns[i], name))
            return true;
    return false;
}

static bool has_dot(al_slice name)
{
    return al_slice_find(name, '.', 0) < name.len;
}

static words_index index_of(const cand_plan *p)
{
    return (words_index){p->t->words, p->t->min_word_len,
                         p->t->has_pieces ? p->t->min_infix_len : 0};
}

/* What is looked for, and how. */
typedef struct ask {
    words_text t;
    bool looks_inside; /* see words_put */
} ask;

/* (@column words) */
static bool put_in(cand_plan *p, const ask *a, al_slice column, words_place place, al_buf *out)
{
    size_t before = out->len;
    const words_index ix = index_of(p);
    if (a->t.text.len > TEXT_BYTES_MAX || p->n_words > WORDS_MAX)
        return fail(p, too_long);
    al_buf_str(out, "(@");
    al_buf_slice_put(out, column);
    al_buf_u8(out, ' ');
    size_t n = words_put(&a->t, place, &ix, a->looks_inside, p->arena, out);
    p->n_words += (uint32_t)n;
    if (!n) {
        out->len = before;
        return fail(p, no_word);
    }
    al_buf_u8(out, ')');
    return true;
}

static words_place json_place(const cand_plan *p)
{
    return p->t->js_is_ascii ? WORDS_JSON_ASCII : WORDS_JSON;
}

static bool put_in_js(cand_plan *p, const ask *a, al_buf *out)
{
    if (!p->t->has_js_text)
        return fail(p, no_column);
    return put_in(p, a, AL_LIT("js"), json_place(p), out);
}

/* In the value of the field. */
static bool put_in_field(cand_plan *p, const ask *a, al_slice name, al_buf *out)
{
    if (al_slice_eq(name, AL_LIT("message")))
        return put_in(p, a, AL_LIT("logline"), WORDS_PLAIN, out);
    if (!has_dot(name) && is_column(p, name))
        return put_in(p, a, name, WORDS_EITHER, out);
    return put_in_js(p, a, out);
}

/* Bare text: in the message or a text field. */
static bool put_in_texts(cand_plan *p, const ask *a, al_buf *out)
{
    size_t before = out->len;
    bool has_js = false;
    al_buf_u8(out, '(');
    bool is_there = put_in_field(p, a, AL_LIT("message"), out);
    for (size_t i = 0; i < p->n_text_fields && is_there; i++) {
        al_slice name = p->text_fields[i];
        bool is_in_js = has_dot(name) || !is_column(p, name);
        if ((is_in_js && has_js) || al_slice_eq(name, AL_LIT("message")))
            continue;
        has_js |= is_in_js;
        al_buf_str(out, " | ");
        is_there = put_in_field(p, a, name, out);
    }
    if (!is_there) {
        out->len = before;
        return false;
    }
    al_buf_u8(out, ')');
    return true;
}

/* The parts of the name are looked for one by one: each stands between quotes or dots. */
static bool put_name(cand_plan *p, al_slice name, al_buf *out)
{
    const ask whole = {.t = {.text = name, .is_whole = true}};
    if (has_dot(name) && charset_of(p->t->words, '.', false))
        return fail(p, only_number);
    if (!has_dot(name))
        return put_in_js(p, &whole, out);
    size_t before = out->len;
    size_t n = 0;
    size_t at = 0;
    al_buf_u8(out, '(');
    for (size_t from = 0; from <= name.len; from = at + 1) {
        at = al_slice_find(name, '.', from);
        const ask part = {.t = {.text = al_slice_sub(name, from, at), .is_whole = true}};
        size_t before_part = out->len;
        al_buf_str(out, n ? " " : "");
        if (put_in_js(p, &part, out))
            n++;
        else
            out->len = before_part;
    }
    if (!n) {
        out->len = before;
        return false;
    }
    al_buf_u8(out, ')');
    return true;
}

static bool may_be_number(al_slice text)
{
    bool is_ok = false;
    (void)rec_number_cmp(text, AL_LIT("0"), &is_ok);
    return is_ok;
}

/* A value that may be spelled otherwise in the JSON text. */
static bool is_respelled(const cand_plan *p, al_slice v)
{
    return may_be_number(v) || (p->t->js_is_ascii && v.len && (*v.ptr == '[' || *v.ptr == '{'));
}

static bool put_values(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    size_t before = out->len;
    bool is_message = al_slice_eq(leaf->name, AL_LIT("message"));
    if (leaf->n_values > VALUES_MAX)
        return false;
    al_buf_u8(out, '(');
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        const ask v = {.t = {.text = leaf->values[i], .is_whole = true}};
        al_buf_str(out, i ? " | " : "");
        if ((!is_message && is_respelled(p, v.t.text)) || !put_in_field(p, &v, leaf->name, out)) {
            out->len = before;
            return false;
        }
    }
    al_buf_u8(out, ')');
    return true;
}

/* The name, and what `put_value` can say about the value: either will do. */
static bool put_named(cand_plan *p, const ast_node *leaf,
                      bool (*put_value)(cand_plan *, const ast_node *, al_buf *), al_buf *out)
{
    size_t before = out->len;
    al_buf_u8(out, '(');
    bool is_named = !al_slice_eq(leaf->name, AL_LIT("message")) && put_name(p, leaf->name, out);
    size_t before_value = out->len;
    al_buf_str(out, is_named ? " " : "");
    bool has_value = put_value && put_value(p, leaf, out);
    if (!has_value)
        out->len = before_value;
    if (!is_named && !has_value) {
        out->len = before;
        return fail(p, only_number);
    }
    al_buf_u8(out, ')');
    return true;
}

/* ---- Texts and regular expressions: parts of words */

/* Where the leaf looks. */
static bool put_places(cand_plan *p, const ast_node *leaf, const ask *a, al_buf *out)
{
    bool is_bare = leaf->kind == AST_TEXT || leaf->kind == AST_REGEX;
    return is_bare ? put_in_texts(p, a, out) : put_in_field(p, a, leaf->name, out);
}

/* (@long_words parts) */
static bool put_parts(cand_plan *p, const words_text *t, bool is_sure, al_buf *out)
{
    size_t before = out->len;
    const words_index ix = index_of(p);
    if (t->text.len > TEXT_BYTES_MAX)
        return false;
    al_buf_str(out, "(@long_words ");
    if (!words_put_parts(t, &ix, is_sure, p->arena, out)) {
        out->len = before;
        return false;
    }
    al_buf_u8(out, ')');
    return true;
}

/* Parts of words of usual length, or parts of longer ones with whole words between. */
static bool put_either(cand_plan *p, const ast_node *leaf, const words_text *t, al_buf *out)
{
    size_t before = out->len;
    const ask inside = {*t, true};
    const ask whole = {*t, false};
    al_buf_u8(out, '(');
    if (!put_places(p, leaf, &inside, out)) {
        out->len = before;
        return false;
    }
    size_t behind = out->len;
    al_buf_str(out, " | (");
    if (put_parts(p, t, false, out)) {
        size_t behind_parts = out->len;
        al_buf_u8(out, ' ');
        if (!put_places(p, leaf, &whole, out))
            out->len = behind_parts;
        al_buf_u8(out, ')');
    } else {
        out->len = behind;
    }
    al_buf_u8(out, ')');
    return true;
}

/* Also what can only be a part of a longer word. */
static bool put_with_parts(cand_plan *p, const ast_node *leaf, const words_text *t, al_buf *out)
{
    size_t before = out->len;
    al_buf_u8(out, '(');
    bool has_parts = put_parts(p, t, true, out);
    size_t behind = out->len;
    al_buf_str(out, has_parts ? " " : "");
    bool has_either = put_either(p, leaf, t, out);
    if (!has_either)
        out->len = behind;
    if (!has_either && !has_parts) {
        out->len = before;
        return false;
    }
    al_buf_u8(out, ')');
    return true;
}

static bool put_literal(cand_plan *p, const ast_node *leaf, const words_text *t, al_buf *out)
{
    const ask whole = {*t, false};
    return index_of(p).min_infix_len ? put_with_parts(p, leaf, t, out)
                                     : put_places(p, leaf, &whole, out);
}

static bool put_text(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    const words_text t = {.text = leaf->text,
                          .ignores_case = leaf->ignores_case,
                          .frees_space = !leaf->is_exact_space};
    return put_literal(p, leaf, &t, out);
}

static bool put_regex(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    uint8_t needed[REGEX_NEEDS_BYTES_MAX];
    size_t n = regex_needs(leaf->text, leaf->ignores_case, needed);
    const words_text t = {.text = {needed, n}, .ignores_case = leaf->ignores_case};
    return put_literal(p, leaf, &t, out);
}

bool cand_match_leaf(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    switch (leaf->kind) {
    case AST_TEXT:
        return put_text(p, leaf, out);
    case AST_REGEX:
        return put_regex(p, leaf, out);
    case AST_CONTAINS:
        return put_named(p, leaf, put_text, out);
    case AST_FIELD_REGEX:
        return put_named(p, leaf, put_regex, out);
    case AST_EQUALS:
        return put_named(p, leaf, put_values, out);
    case AST_EXISTS:
    case AST_COMPARE:
        return put_named(p, leaf, NULL, out);
    case AST_ALL:
    case AST_AND:
    case AST_OR:
    case AST_NOT:
        break;
    }
    return false;
}
