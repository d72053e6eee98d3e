/* Query language: any bytes are parsed or refused with a column; what was read is read the same
 * again from its read_as; it matches a record cut from the same input, or not, without harm;
 * a text that a leaf matches is not passed over by a scan of many; highlights are sorted, do not
 * overlap and lie inside their text. Up to the first NUL the input is the query, behind it the
 * message; the environment knows every name of one letter. */
#include "fuzz.h"

#include "query/ast.h"

static bool is_field(void *ctx, al_slice name)
{
    (void)ctx;
    return name.len == 1;
}

static void check_reads_again(const query *q, const query_env *env)
{
    al_buf once;
    al_buf twice;
    al_buf_init(&once, QUERY_BYTES_MAX);
    al_buf_init(&twice, QUERY_BYTES_MAX);
    query_read_as(q, &once);
    if (!al_buf_code(&once)) {
        query *again = NULL;
        al_err err = {0};
        CHECK(query_parse(al_buf_slice(&once), env, &again, &err) == AL_OK);
        query_read_as(again, &twice);
        CHECK(al_slice_eq(al_buf_slice(&once), al_buf_slice(&twice)));
        (void)query_unref(again);
    }
    al_buf_done(&once);
    al_buf_done(&twice);
}

static void check_places(const highlight *found, size_t n, size_t text_bytes)
{
    CHECK(n <= 50);
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        CHECK(found[i].length > 0);
        CHECK(i == 0 || found[i].start >= end);
        end = (size_t)found[i].start + found[i].length;
        CHECK(end <= text_bytes);
    }
}

static void check_scan(matcher *m, const ast_node *n, al_slice text)
{
    for (uint32_t i = 0; i < n->n_kids; i++)
        check_scan(m, n->kids[i], text);
    if (n->n_kids || n->kind == AST_ALL)
        return;
    literal_scan s;
    al_code code = AL_OK;
    bool can_scan = matcher_scan(m, n, text, &s, &code);
    CHECK(code == AL_OK);
    CHECK(!can_scan || n->kind == AST_TEXT || n->kind == AST_CONTAINS || n->kind == AST_REGEX ||
          n->kind == AST_FIELD_REGEX);
    if (!can_scan)
        return;
    const value v = {VAL_STRING, text};
    size_t at = literal_scan_next(&s, 0);
    CHECK(at <= text.len);
    CHECK(at < text.len || !matcher_leaf_matches(m, n, &v, &code));
}

static void check_matches(query *q, al_slice message)
{
    field fields[] = {
        {AL_LIT("a"),
         {VAL_OBJECT, AL_LIT("{\"b\":[1,\"x\",null,{\"c\":\"\\u0001\"}],\"d\":2.50}")}},
        {AL_LIT("n"), {VAL_NUMBER, AL_LIT("5")}},
        {AL_LIT("s"), {VAL_STRING, message}},
        {AL_LIT("exc_info"), {VAL_STRING, AL_LIT("KeyError: 'id'")}},
    };
    record r = {.message = message, .fields = fields, .n_fields = 4};
    al_slice text_field = AL_LIT("exc_info");
    matcher *m = NULL;
    CHECK(matcher_new(q, &text_field, 1, &m, NULL) == AL_OK);
    al_code code = AL_OK;
    bool is_match = matcher_matches(m, &r, &code);
    CHECK(code == AL_OK || (code == AL_LIMIT && !is_match));
    check_scan(m, query_root(q), message);
    highlight found[50];
    check_places(found, matcher_highlights(m, &r, found, 50), message.len);
    for (uint32_t i = 0; i < r.n_fields; i++)
        check_places(found, matcher_field_highlights(m, &fields[i], found, 50),
                     fields[i].val.text.len);
    (void)matcher_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    al_slice all = {data, size};
    size_t cut = al_slice_find(all, 0, 0);
    al_slice text = al_slice_sub(all, 0, cut);
    al_slice message = cut < size ? al_slice_sub(all, cut + 1, size) : all;
    query_env env = {.is_field = is_field};
    query *q = NULL;
    al_err err = {0};
    al_code c = query_parse(text, &env, &q, &err);
    CHECK(c == err.code);
    if (c) {
        CHECK(!q);
        CHECK(al_slice_starts(al_cstr(err.msg), AL_LIT("column ")));
        return 0;
    }
    check_reads_again(q, &env);
    check_matches(q, message);
    (void)query_unref(q);
    return 0;
}
