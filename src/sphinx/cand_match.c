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
    WORDS_MAX = 1000,   /* in one MATCH: thousands exhaust searchd's stack */
    VALUES_MAX = 64,    /* of one list */
    TEXT_BYTES_MAX = 8192,
};

static const char no_word[] = "no whole word that Sphinx could look up is in the text";
static const char no_column[] = "the field is not in Sphinx's full-text index";
static const char only_number[] = "the field's name is too short or not in the full-text index";

static bool fail(cand_plan *p, const char *why)
{
    p->why = p->why ? p->why : why;
    return false;
}

static bool is_column(const cand_plan *p, al_slice name)
{
    for (size_t i = 0; i < p->t->n_columns; i++)
        if (al_slice_eq(p->t->columns[i], name))
            return true;
    return false;
}

static bool has_dot(al_slice name)
{
    return al_slice_find(name, '.', 0) < name.len;
}

/* Words of the text in one place, with nothing around. */
static bool put_words(cand_plan *p, const words_text *t, words_place place, al_buf *out)
{
    if (t->text.len > TEXT_BYTES_MAX || p->n_words > WORDS_MAX)
        return false;
    size_t n = words_put(t, place, p->t->words, p->t->min_word_len, p->arena, out);
    p->n_words += (uint32_t)n;
    return n > 0;
}

/* (@column words) */
static bool put_in(cand_plan *p, const words_text *t, al_slice column, words_place place,
                   al_buf *out)
{
    size_t before = out->len;
    al_buf_str(out, "(@");
    al_buf_slice_put(out, column);
    al_buf_u8(out, ' ');
    if (!put_words(p, t, place, out)) {
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

static bool put_in_js(cand_plan *p, const words_text *t, al_buf *out)
{
    if (!p->t->has_js_text)
        return fail(p, no_column);
    return put_in(p, t, AL_LIT("js"), json_place(p), out);
}

/* In the value of the field. */
static bool put_in_field(cand_plan *p, const words_text *t, al_slice name, al_buf *out)
{
    if (al_slice_eq(name, AL_LIT("message")))
        return put_in(p, t, AL_LIT("logline"), WORDS_PLAIN, out);
    if (!has_dot(name) && is_column(p, name))
        return put_in(p, t, name, WORDS_EITHER, out);
    return put_in_js(p, t, out);
}

/* Bare text: in the message or a text field. */
static bool put_in_texts(cand_plan *p, const words_text *t, al_buf *out)
{
    size_t before = out->len;
    bool has_js = false;
    al_buf_u8(out, '(');
    bool is_there = put_in_field(p, t, AL_LIT("message"), out);
    for (size_t i = 0; i < p->n_text_fields && is_there; i++) {
        al_slice name = p->text_fields[i];
        bool is_in_js = has_dot(name) || !is_column(p, name);
        if ((is_in_js && has_js) || al_slice_eq(name, AL_LIT("message")))
            continue;
        has_js |= is_in_js;
        al_buf_str(out, " | ");
        is_there = put_in_field(p, t, name, out);
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
    const words_text t = {.text = name, .is_whole = true};
    if (has_dot(name) && charset_of(p->t->words, '.', false))
        return fail(p, only_number);
    if (!has_dot(name))
        return put_in_js(p, &t, out);
    size_t before = out->len;
    size_t n = 0;
    size_t at = 0;
    al_buf_u8(out, '(');
    for (size_t from = 0; from <= name.len; from = at + 1) {
        at = al_slice_find(name, '.', from);
        const words_text part = {.text = al_slice_sub(name, from, at), .is_whole = true};
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
    return may_be_number(v) ||
           (p->t->js_is_ascii && v.len && (*v.ptr == '[' || *v.ptr == '{'));
}

static bool put_values(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    size_t before = out->len;
    bool is_message = al_slice_eq(leaf->name, AL_LIT("message"));
    if (leaf->n_values > VALUES_MAX)
        return false;
    al_buf_u8(out, '(');
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        const words_text t = {.text = leaf->values[i], .is_whole = true};
        al_buf_str(out, i ? " | " : "");
        if ((!is_message && is_respelled(p, t.text)) || !put_in_field(p, &t, leaf->name, out)) {
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

static bool put_text(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    const words_text t = {.text = leaf->text,
                          .ignores_case = leaf->ignores_case,
                          .frees_space = !leaf->is_exact_space};
    return leaf->kind == AST_TEXT ? put_in_texts(p, &t, out)
                                  : put_in_field(p, &t, leaf->name, out);
}

static bool put_regex(cand_plan *p, const ast_node *leaf, al_buf *out)
{
    uint8_t needed[REGEX_NEEDS_BYTES_MAX];
    size_t n = regex_needs(leaf->text, leaf->ignores_case, needed);
    const words_text t = {.text = {needed, n}, .ignores_case = leaf->ignores_case};
    return leaf->kind == AST_REGEX ? put_in_texts(p, &t, out)
                                   : put_in_field(p, &t, leaf->name, out);
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
