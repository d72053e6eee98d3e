/* Candidates of a query: any query that parses gets a plan whose conditions are well formed
 * (brackets and quotes are closed; outside of quotes stand only the words that alco writes), and
 * whatever the naive matcher takes, a model of Sphinx finds by the MATCH. The first byte chooses
 * the table; up to the first NUL behind it the input is the query, then a message, behind the next
 * NUL the text of the field exc_info. */
#include "fuzz.h"

#include "query/query.h"
#include "record/json_out.h"
#include "record/utf8.h"
#include "sphinx/candidates.h"
#include "sphinx/words.h"
#include "support/sphinx_model.h"

static const char old_charset[] = "0..9, A..Z->a..z, _, -, ., a..z, U+410..U+42F->U+430..U+44F, "
                                  "U+430..U+44F, U+401->U+451, U+451";

static bool is_field(void *ctx, al_slice name)
{
    (void)ctx;
    return name.len == 1;
}

/* Behind the quoted text that begins at i: its closing quote. */
static size_t closing(al_slice text, size_t i)
{
    const uint8_t quote = text.ptr[i];
    for (i++; i < text.len && text.ptr[i] != quote; i++)
        i += text.ptr[i] == '\\';
    CHECK(i < text.len);
    return i;
}

/* Without what stands in quotes: balanced, and of `known` characters alone. */
static void check_form(al_slice text, uint8_t quote, const char *known)
{
    int depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        i = c == quote ? closing(text, i) : i;
        depth += c == '(' || c == '[';
        depth -= c == ')' || c == ']';
        CHECK(depth >= 0);
        CHECK(c == quote || (c && strchr(known, c)));
    }
    CHECK(depth == 0);
}

static void put_mended(al_buf *out, al_slice text)
{
    for (size_t at = 0; at < text.len;) {
        bool is_ok = false;
        size_t n = utf8_step(text.ptr + at, text.len - at, &is_ok);
        if (is_ok && text.ptr[at])
            al_buf_put(out, text.ptr + at, n);
        else
            al_buf_str(out, "\xef\xbf\xbd");
        at += n;
    }
}

static void check_finds(al_slice match, const sphinx_words *words, const charset *cs,
                        const record *r)
{
    al_buf logline;
    al_buf js;
    al_buf pieces;
    al_buf_init(&logline, 1 << 24);
    al_buf_init(&js, 1 << 24);
    put_mended(&logline, r->message);
    json_put_fields(&js, r->fields, r->n_fields);
    al_buf_init(&pieces, 1 << 24);
    words_put_pieces(al_buf_slice(&logline), cs, &pieces);
    words_put_pieces(al_buf_slice(&js), cs, &pieces);
    const sphinx_column columns[] = {{AL_LIT("logline"), al_buf_slice(&logline)},
                                     {AL_LIT("js"), al_buf_slice(&js)},
                                     {AL_LIT("long_words"), al_buf_slice(&pieces)}};
    CHECK(!al_buf_code(&logline) && !al_buf_code(&js) && !al_buf_code(&pieces));
    CHECK(sphinx_model_matches(match, words, columns, 3));
    al_buf_done(&pieces);
    al_buf_done(&logline);
    al_buf_done(&js);
}

static void check_plan(query *q, uint8_t kind, const record *r)
{
    al_slice text_field = AL_LIT("exc_info");
    al_arena *arena = al_arena_new(4096);
    CHECK(arena);
    const bool is_old = kind & 1;
    const sphinx_words words = {is_old ? sphinx_char_old : sphinx_char_ours, 1 + (kind >> 1) % 5,
                                kind & 32 ? 2 : 0};
    cand_table t = {.min_word_len = words.min_word_len,
                    .min_infix_len = words.min_infix_len,
                    .has_pieces = true,
                    .has_js_text = true,
                    .is_sphinx_2 = true,
                    .has_single_names = true,
                    .has_src = kind & 64,
                    .has_exact_strings = true};
    CHECK(charset_new(arena, al_cstr(is_old ? old_charset : CHARSET_TABLE), &t.words) == AL_OK);
    candidates c;
    CHECK(candidates_plan(q, &text_field, 1, &t, &c) == AL_OK);
    CHECK(c.is_useful == !c.why);
    CHECK(c.is_useful == (c.match.len || c.where.len));
    check_form(al_buf_slice(&c.match), '"', "()@| abcdefghijklmnopqrstuvwxyz_");
    check_form(al_buf_slice(&c.where), '\'', "()[]=<>- ,0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZjsrc");
    matcher *m = NULL;
    CHECK(matcher_new(q, &text_field, 1, &m, NULL) == AL_OK);
    al_code code = AL_OK;
    if (c.match.len && matcher_matches(m, r, &code))
        check_finds(al_buf_slice(&c.match), &words, t.words, r);
    (void)matcher_free(m);
    candidates_done(&c);
    (void)al_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    al_slice all = {data + 1, size - 1};
    size_t cut = al_slice_find(all, 0, 0);
    al_slice rest = al_slice_sub(all, cut + 1, all.len);
    size_t end = al_slice_find(rest, 0, 0);
    query_env env = {.is_field = is_field};
    query *q = NULL;
    if (query_parse(al_slice_sub(all, 0, cut), &env, &q, NULL))
        return 0;
    al_slice text = al_slice_sub(rest, end + 1, rest.len);
    field fields[] = {
        {AL_LIT("a"),
         {VAL_OBJECT, AL_LIT("{\"b\":[1,\"x\",null,{\"c\":\"\\u0001\"}],\"d\":2.50}")}},
        {AL_LIT("n"), {VAL_NUMBER, AL_LIT("5")}},
        {AL_LIT("s"), {VAL_STRING, al_slice_sub(rest, 0, end)}},
        {AL_LIT("exc_info"), {VAL_STRING, text}},
    };
    record r = {.message = al_slice_sub(rest, 0, end), .fields = fields, .n_fields = 4};
    check_plan(q, *data, &r);
    (void)query_unref(q);
    return 0;
}
