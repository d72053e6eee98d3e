/* `search` of old ALCO's API. Sphinx made a phrase of its words and indexed no punctuation; here it
 * is text to be found anywhere, also inside words, with the gaps as wide as they were there.
 * One word is looked for as such, several by one regular expression, so that the highlight is what
 * was found and not each word wherever it stands. */
#include <assert.h>

#include "query/tree.h"

enum { PATTERN_BYTES_MAX = 1 << 18 }; /* of a search of a whole request head, escaped */

#define GAP "[\\s\\p{Z}\\p{P}\\p{S}]+"

static bool is_gap(uint8_t c)
{
    return c == ',' || c == ' ' || (c >= '\t' && c <= '\r');
}

static al_slice next_word(al_slice text, size_t *at)
{
    size_t begin = *at;
    while (begin < text.len && is_gap(text.ptr[begin]))
        begin++;
    size_t end = begin;
    while (end < text.len && !is_gap(text.ptr[end]))
        end++;
    *at = end;
    return al_slice_sub(text, begin, end);
}

static void put_literally(al_buf *out, al_slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = word.ptr[i];
        bool is_plain =
            c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (c < 0x20 || c == 0x7f)
            al_buf_printf(out, "\\x%02x", c); /* NUL, too */
        else if (is_plain)
            al_buf_u8(out, c);
        else
            al_buf_printf(out, "\\%c", c);
    }
}

static al_code build(query *q, al_slice words, al_buf *pattern, al_err *err)
{
    size_t n = 0;
    size_t at = 0;
    al_slice first = {0};
    for (al_slice word; (word = next_word(words, &at)).len; n++) {
        al_buf_str(pattern, n ? GAP : "");
        put_literally(pattern, word);
        first = n ? first : word;
    }
    tree_node *leaf = NULL;
    ast_kind kind = n == 0 ? AST_ALL : n == 1 ? AST_CONTAINS : AST_FIELD_REGEX;
    al_code c = tree_add(q, kind, &leaf, err);
    if (c)
        return c;
    assert(leaf);
    q->root = &leaf->pub;
    if (n == 0)
        return AL_OK;
    if (al_buf_code(pattern) == AL_NOMEM)
        return al_fail(err, AL_NOMEM, "search");
    if (al_buf_code(pattern))
        return al_fail(err, AL_INVALID, "search: longer than %d bytes", PATTERN_BYTES_MAX);
    leaf->pub.ignores_case = true;
    leaf->pub.is_exact_space = n == 1; /* there is none in one word */
    leaf->pub.name = AL_LIT("message");
    leaf->pub.text = al_arena_copy(q->arena, n == 1 ? first : al_buf_slice(pattern));
    if (!leaf->pub.text.ptr)
        return al_fail(err, AL_NOMEM, "search");
    return n == 1 ? tree_prepare(q, leaf, err) : tree_compile(q, leaf, &at, err);
}

al_code query_old_search(al_slice words, query **ret, al_err *err)
{
    AL_CLEANUP(query_unrefp) query *q = tree_new();
    al_buf pattern;
    *ret = NULL;
    if (!q)
        return al_fail(err, AL_NOMEM, "search");
    al_buf_init(&pattern, PATTERN_BYTES_MAX);
    al_code c = build(q, words, &pattern, err);
    al_buf_done(&pattern);
    if (!c)
        *ret = AL_TAKE(q);
    return c;
}
