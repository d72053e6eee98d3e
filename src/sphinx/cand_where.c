/* A leaf as an expression over attributes.
 * js['name'] is one value. A name with dots may be several: `a.b` the name of a field, or of a
 * member of a, or that in objects of an array. The first two are asked for one by one; an array on
 * the way is let through. Of two members with the same name Sphinx knows one, the matcher both:
 * upper bounds for names with dots want rows without such (has_single_names). What searchd 2.2.11
 * makes of it, as seen there:
 * - LENGTH is 1 for a number, the number of members for arrays and objects, and 0 for strings,
 *   true, false, null and what is not there: it tells the types apart as far as that is needed.
 * - IN(js['a'],'x') holds for the string and for an array with it (not in an array in that), but
 *   IN(js['a'],'') for some arrays of numbers, too. js['a']='x' must not be asked: searchd crashes
 *   when a row on disk has a string of some hundred bytes there.
 * - DOUBLE(js['a']) is 0 for all but numbers and true; numbers are compared as 32-bit floats.
 *   Rounding keeps the order, so that >= and <= with whole numbers around the bound miss nothing.
 * - IS NULL holds for null and for what is not there. `!=` is no operator in expressions.
 * - js['a'][0] IS NOT NULL holds for arrays whose first element is not null; the number in an
 *   array of one must not be overlooked.
 * Lower bounds (for NOT) are only equal strings, and existing. */
#include <stdio.h>

#include "record/utf8.h"
#include "sphinx/cand_priv.h"
#include "sphinx/sql_text.h"

enum { VALUES_MAX = 64, VALUE_BYTES_MAX = 1000, NAME_BYTES_MAX = 100, PARTS_MAX = 3 };
static const int64_t bound_max = 1000000000000000; /* 10^15: doubles are exact far beyond */

/* Can it be an SQL string that means these bytes, also to Sphinx's JSON? */
static bool is_plain(al_slice s, size_t max)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ')
            return false;
    return s.len > 0 && s.len <= max && utf8_is_valid(s);
}

/* Where a value may be: js['a']['b']. */
typedef struct place {
    al_slice keys[PARTS_MAX];
    unsigned n;
} place;

static bool is_number(al_slice text)
{
    bool is_ok = false;
    (void)rec_number_cmp(text, AL_LIT("0"), &is_ok);
    return is_ok;
}

static void put_value(const place *v, al_buf *out)
{
    sql_put_path(out, v->keys, v->n);
}

/* How the number that is spelled stands to n. */
static int compare_with(al_slice number, int64_t n)
{
    char text[32];
    bool is_ok = false;
    (void)snprintf(text, sizeof text, "%lld", (long long)n);
    return rec_number_cmp(number, al_cstr(text), &is_ok);
}

/* The largest whole number <= it; false when that is beyond the bound. */
static bool whole_below(al_slice number, int64_t *ret)
{
    int64_t low = -bound_max;
    int64_t high = bound_max;
    if (compare_with(number, low) < 0 || compare_with(number, high) > 0)
        return false;
    while (low < high) {
        int64_t mid = low + (high - low + 1) / 2;
        if (compare_with(number, mid) >= 0)
            low = mid;
        else
            high = mid - 1;
    }
    *ret = low;
    return true;
}

/* One of these holds for whatever equals one of the values as a string, constant or element. */
static void put_strings(const ast_node *leaf, const place *v, al_buf *out)
{
    al_buf_str(out, "IN(");
    put_value(v, out);
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        al_buf_u8(out, ',');
        sql_put_string(out, leaf->values[i]);
    }
    al_buf_u8(out, ')');
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        bool is_null = al_slice_eq(leaf->values[i], AL_LIT("null"));
        if (!is_null && !al_slice_eq(leaf->values[i], AL_LIT("true")))
            continue;
        al_buf_str(out, is_null ? " OR " : " OR DOUBLE(");
        put_value(v, out);
        al_buf_str(out, is_null ? " IS NULL OR LENGTH(" : ")=1 OR LENGTH(");
        put_value(v, out);
        al_buf_str(out, ")=1");
    }
}

/* Arrays that may hold anything. */
static void put_arrays(const place *v, al_buf *out)
{
    al_buf_str(out, " OR LENGTH(");
    put_value(v, out);
    al_buf_str(out, ")>1 OR ");
    put_value(v, out);
    al_buf_str(out, "[0] IS NOT NULL");
}

static void put_number(const place *v, al_slice number, al_buf *out)
{
    int64_t below = 0;
    if (!whole_below(number, &below)) {
        al_buf_str(out, " OR LENGTH(");
        put_value(v, out);
        al_buf_str(out, ")=1");
        return;
    }
    bool is_whole = compare_with(number, below) == 0;
    al_buf_str(out, " OR (LENGTH(");
    put_value(v, out);
    al_buf_str(out, ")=1 AND DOUBLE(");
    put_value(v, out);
    al_buf_printf(out, ")>=%lld AND DOUBLE(", (long long)below);
    put_value(v, out);
    al_buf_printf(out, ")<=%lld)", (long long)below + !is_whole);
}

/* Values that attributes do not tell from others, or not as the record has them. */
static bool has_no_attribute(al_slice text)
{
    return *text.ptr == '[' || *text.ptr == '{' || al_slice_eq(text, AL_LIT("false")) ||
           al_slice_eq(text, AL_LIT("NaN")) || al_slice_ends(text, AL_LIT("Infinity"));
}

static bool put_equals(const ast_node *leaf, const place *v, al_buf *out)
{
    if (leaf->n_values > VALUES_MAX)
        return false;
    for (uint32_t i = 0; i < leaf->n_values; i++) {
        al_slice text = leaf->values[i];
        if (!is_plain(text, VALUE_BYTES_MAX) || has_no_attribute(text))
            return false;
    }
    al_buf_u8(out, '(');
    put_strings(leaf, v, out);
    put_arrays(v, out);
    for (uint32_t i = 0; i < leaf->n_values; i++)
        if (is_number(leaf->values[i]))
            put_number(v, leaf->values[i], out);
    al_buf_u8(out, ')');
    return true;
}

/* Some of the values are enough. IN is sure for a string alone. */
static bool put_surely_equals(const ast_node *leaf, const place *v, al_buf *out)
{
    unsigned n = 0;
    size_t before = out->len;
    al_buf_str(out, "(IN(");
    put_value(v, out);
    for (uint32_t i = 0; i < leaf->n_values && n < VALUES_MAX; i++) {
        if (!is_plain(leaf->values[i], VALUE_BYTES_MAX))
            continue;
        al_buf_u8(out, ',');
        sql_put_string(out, leaf->values[i]);
        n++;
    }
    if (!n) {
        out->len = before;
        return false;
    }
    al_buf_str(out, ") AND LENGTH(");
    put_value(v, out);
    al_buf_str(out, ")=0)");
    return true;
}

static void put_bound(const ast_node *leaf, const place *v, bool is_above, int64_t below,
                      al_buf *out)
{
    al_buf_str(out, " OR DOUBLE(");
    put_value(v, out);
    if (is_above)
        al_buf_printf(out, ")>=%lld", (long long)below);
    else
        al_buf_printf(out, ")<=%lld", (long long)below + (compare_with(leaf->text, below) != 0));
}

/* A string may spell a number: only what is one itself, or not there, can be left out. */
static bool put_compare(const ast_node *leaf, const place *v, al_buf *out)
{
    int64_t below = 0;
    if (!whole_below(leaf->text, &below))
        return false;
    bool is_above = leaf->compare == AST_GREATER || leaf->compare == AST_GREATER_EQUAL;
    al_buf_str(out, "(");
    put_value(v, out);
    al_buf_str(out, " IS NOT NULL AND (LENGTH(");
    put_value(v, out);
    al_buf_str(out, ")<>1 OR ");
    put_value(v, out);
    al_buf_str(out, "[0] IS NOT NULL");
    put_bound(leaf, v, is_above, below, out);
    al_buf_str(out, "))");
    return true;
}

static void put_exists(const place *v, al_buf *out)
{
    al_buf_u8(out, '(');
    put_value(v, out);
    al_buf_str(out, " IS NOT NULL)");
}

/* The leaf for the value in one place. */
static bool put_leaf(const cand_plan *p, const ast_node *leaf, const place *v, bool is_lower,
                     al_buf *out)
{
    switch (leaf->kind) {
    case AST_EQUALS:
        return is_lower ? p->t->has_exact_strings && put_surely_equals(leaf, v, out)
                        : put_equals(leaf, v, out);
    case AST_COMPARE:
        return !is_lower && put_compare(leaf, v, out);
    case AST_EXISTS: /* a null is there, too: a lower bound alone */
        if (is_lower)
            put_exists(v, out);
        return is_lower;
    case AST_CONTAINS:
    case AST_FIELD_REGEX: /* null holds no text */
        if (!is_lower)
            put_exists(v, out);
        return !is_lower;
    case AST_ALL:
    case AST_AND:
    case AST_OR:
    case AST_NOT:
    case AST_TEXT:
    case AST_REGEX:
        break;
    }
    return false;
}

/* The parts of the name; false when there are too many, or one cannot be asked for. */
static bool split(al_slice name, place *ret)
{
    size_t at = 0;
    if (!is_plain(name, NAME_BYTES_MAX) || al_slice_eq(name, AL_LIT("message")))
        return false;
    *ret = (place){0};
    for (size_t from = 0; from <= name.len; from = at + 1) {
        at = al_slice_find(name, '.', from);
        if (at == from || ret->n == PARTS_MAX)
            return false;
        ret->keys[ret->n++] = al_slice_sub(name, from, at);
    }
    return true;
}

/* The parts with dots between them, or brackets where `cuts` has a bit. */
static place join(const place *parts, unsigned cuts)
{
    place v = {.keys = {parts->keys[0]}, .n = 1};
    for (unsigned i = 1; i < parts->n; i++) {
        if (cuts & 1U << (i - 1))
            v.keys[v.n++] = parts->keys[i];
        else /* they lie one behind the other */
            v.keys[v.n - 1].len += 1 + parts->keys[i].len;
    }
    return v;
}

/* What is on the way to the value may be an array: its objects are not asked. */
static void put_arrays_before(const place *v, al_buf *out)
{
    for (unsigned n = 1; n < v->n; n++) {
        al_buf_str(out, " OR (LENGTH(");
        sql_put_path(out, v->keys, n);
        al_buf_str(out, ")>0 AND ");
        put_value(v, out);
        al_buf_str(out, " IS NULL)");
    }
}

bool cand_where_leaf(const cand_plan *p, const ast_node *leaf, bool is_lower, al_buf *out)
{
    place parts;
    size_t before = out->len;
    if (!split(leaf->name, &parts))
        return false;
    if (parts.n == 1)
        return put_leaf(p, leaf, &parts, is_lower, out);
    if (!is_lower && !p->t->has_single_names)
        return false;
    al_buf_u8(out, '(');
    for (unsigned cuts = 0; cuts < 1U << (parts.n - 1); cuts++) {
        place v = join(&parts, cuts);
        al_buf_str(out, cuts ? " OR " : "");
        if (!put_leaf(p, leaf, &v, is_lower, out)) {
            out->len = before;
            return false;
        }
        if (!is_lower)
            put_arrays_before(&v, out);
    }
    al_buf_u8(out, ')');
    return true;
}
