/* Goal: whatever a query matches is among the candidates that Sphinx is asked for.
 *
 * Method: random records and random queries. What the naive matcher takes, a model of Sphinx must
 * find by the MATCH that was planned (tests/support/sphinx_model.h). For a real searchd the same
 * rows, plans and answers are printed as JSON lines (--dump), and
 * tests/integration/test_sphinx_candidates.py asks it, for the attributes' conditions, too.
 *
 * Run: prop_candidates [queries] [seed], prop_candidates --dump ROUND [seed]. ALCO_QUERIES and
 * ALCO_SEED do the same. The seed is printed; it and the round repeat a failure. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/fold.h"
#include "record/json_out.h"
#include "record/utf8.h"
#include "sphinx/candidates.h"
#include "sphinx/words.h"
#include "support/gen.h"
#include "support/sphinx_model.h"
#include "support/word_gen.h"

enum {
    QUERIES = 4000,
    QUERIES_A_ROUND = 100,
    RECORDS = 150,
    TEXT_BYTES_MAX = 1 << 22,
    HUGE_BYTES_MAX = 4000,
    N_TABLES = 6,
    N_COLUMNS = 4,
};

/* Tables that rounds take turns with. */
typedef struct table {
    const char *name;
    const char *charset;
    uint32_t (*char_of)(uint32_t c);
    uint32_t min_word_len;
    bool has_js_text;
    bool has_column; /* exc_info is flagged indexed */
    uint32_t min_infix_len;
    bool is_ascii; /* js as old ALCO wrote it, and no src */
} table;
static const char old_charset[] = "0..9, A..Z->a..z, _, -, ., a..z, U+410..U+42F->U+430..U+44F, "
                                  "U+430..U+44F, U+401->U+451, U+451";
static const table tables[N_TABLES] = {
    {"ours", CHARSET_TABLE, sphinx_char_ours, 1, true, false, 0, false},
    {"old", old_charset, sphinx_char_old, 4, true, false, 0, false},
    {"bare", CHARSET_TABLE, sphinx_char_ours, 2, false, false, 0, false},
    {"column", CHARSET_TABLE, sphinx_char_ours, 3, true, true, 0, false},
    {"infix", CHARSET_TABLE, sphinx_char_ours, 1, true, true, 2, false},
    {"ascii", old_charset, sphinx_char_old, 2, true, false, 0, true},
};

typedef struct row {
    const record *rec;
    al_buf logline;
    al_buf js;
    al_buf exc_info;
    al_buf long_words;
    bool is_odd; /* the attributes do not hold it */
} row;

typedef struct round {
    const table *t;
    cand_table described;
    al_slice column;
    al_slice text_fields[2];
    rng r;
    rec_batch *batch;
    row rows[RECORDS];
    const record *recs[RECORDS];
    al_arena *arena;
    bool is_dump;
    uint64_t n_matches;
    uint64_t n_found; /* by the model */
    uint64_t n_useful;
} round_of;

static void must(bool is_so, const char *what)
{
    if (is_so)
        return;
    (void)fprintf(stderr, "prop_candidates: %s\n", what);
    abort();
}

/* ---- Rows as candidates.h wants them */

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

/* Behind the string at p, its opening quote. */
static const uint8_t *behind_string(const uint8_t *p)
{
    for (p++; *p != '"'; p++)
        p += *p == '\\';
    return p + 1;
}

/* Is there an object with two members of one name in the compact JSON? *p moves behind the value.
 */
static bool has_doubled(const uint8_t **p) /* NOLINT(misc-no-recursion) */
{
    enum { NAMES_MAX = 1000 };
    const uint8_t open = **p;
    bool is_double = false;
    if (open == '"') {
        *p = behind_string(*p);
        return false;
    }
    if (open != '{' && open != '[') {
        while (!strchr(",]}", **p))
            ++*p;
        return false;
    }
    al_slice names[NAMES_MAX];
    size_t n = 0;
    for (++*p; **p != '}' && **p != ']'; *p += **p == ',') {
        if (open == '{') {
            const uint8_t *name = *p;
            *p = behind_string(name);
            names[n] = (al_slice){name, (size_t)(*p - name)};
            for (size_t i = 0; i < n; i++)
                is_double |= al_slice_eq(names[i], names[n]);
            must(++n < NAMES_MAX, "too many names");
            ++*p; /* the colon */
        }
        is_double |= has_doubled(p);
    }
    ++*p;
    return is_double;
}

static bool is_odd(const record *r, al_slice js)
{
    const uint8_t *p = js.ptr;
    if (has_doubled(&p))
        return true;
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (!utf8_is_valid(r->fields[i].name) || !utf8_is_valid(r->fields[i].val.text) ||
            memchr(r->fields[i].name.ptr, 0, r->fields[i].name.len))
            return true;
    static const char nul[] = "\\u0000";
    return memmem(js.ptr, js.len, nul, sizeof nul - 1) ||
           memchr(js.ptr, 0, js.len); /* NOLINT: js is never empty */
}

/* JSON without a character beyond ASCII. */
static void put_ascii(al_buf *out, al_slice json)
{
    size_t len = 0;
    for (size_t at = 0; at < json.len; at += len) {
        uint32_t c = al_char_at(json.ptr + at, json.ptr + json.len, &len);
        if (c < 0x7f)
            al_buf_u8(out, (uint8_t)c);
        else if (c < 0x10000)
            al_buf_printf(out, "\\u%04x", c);
        else
            al_buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                          0xdc00 + (c & 0x3ff));
    }
}

static void make_row(row *to, const record *r, const charset *cs, bool is_ascii)
{
    *to = (row){.rec = r};
    al_buf_init(&to->long_words, TEXT_BYTES_MAX);
    al_buf_init(&to->logline, TEXT_BYTES_MAX);
    al_buf_init(&to->js, TEXT_BYTES_MAX);
    al_buf_init(&to->exc_info, TEXT_BYTES_MAX);
    put_mended(&to->logline, r->message);
    al_buf json;
    al_buf_init(&json, TEXT_BYTES_MAX);
    json_put_fields(is_ascii ? &json : &to->js, r->fields, r->n_fields);
    if (is_ascii)
        put_ascii(&to->js, al_buf_slice(&json));
    al_buf_done(&json);
    for (uint32_t i = 0; i < r->n_fields; i++) {
        const value *v = &r->fields[i].val;
        if (!al_slice_eq(r->fields[i].name, AL_LIT("exc_info")))
            continue;
        if (v->type == VAL_STRING)
            put_mended(&to->exc_info, v->text);
        else
            json_put_value(&to->exc_info, v);
    }
    to->is_odd = is_odd(r, al_buf_slice(&to->js));
    words_put_pieces(al_buf_slice(&to->logline), cs, &to->long_words);
    words_put_pieces(al_buf_slice(&to->js), cs, &to->long_words);
    words_put_pieces(al_buf_slice(&to->exc_info), cs, &to->long_words);
    must(!al_buf_code(&to->logline) && !al_buf_code(&to->js) && !al_buf_code(&to->exc_info) &&
             !al_buf_code(&to->long_words),
         "no memory");
}

/* ---- The question */

static void fail_query(const round_of *c, al_slice text, const candidates *plan, const row *r)
{
    (void)fprintf(stderr, "table %s\nquery  %.*s\nMATCH  %.*s\nlogline %.*s\njs     %.*s\n",
                  c->t->name, (int)text.len, (const char *)text.ptr, (int)plan->match.len,
                  plan->match.len ? (const char *)plan->match.ptr : "", (int)r->logline.len,
                  r->logline.len ? (const char *)r->logline.ptr : "", (int)r->js.len,
                  (const char *)r->js.ptr);
    must(false, "a row that matches is no candidate");
}

static bool is_found(const round_of *c, al_slice match, const row *r)
{
    const sphinx_words words = {c->t->char_of, c->t->min_word_len, c->t->min_infix_len};
    const sphinx_column columns[] = {
        {AL_LIT("logline"), al_buf_slice(&r->logline)},
        {AL_LIT("exc_info"), al_buf_slice(&r->exc_info)},
        {AL_LIT("js"), al_buf_slice(&r->js)},
        {AL_LIT("long_words"), al_buf_slice(&r->long_words)},
    };
    return sphinx_model_matches(match, &words, columns, N_COLUMNS);
}

static void put_json_member(const char *name, al_slice text, bool is_last)
{
    al_buf out;
    al_buf_init(&out, TEXT_BYTES_MAX);
    json_put_string(&out, text);
    must(!al_buf_code(&out), "no memory");
    (void)printf("\"%s\":%.*s%s", name, (int)out.len, (const char *)out.ptr, is_last ? "" : ",");
    al_buf_done(&out);
}

static void ask(round_of *c, al_slice text)
{
    query *q = NULL;
    al_err err = {0};
    candidates plan;
    matcher *m = NULL;
    al_code code = query_parse(text, NULL, &q, &err);
    must(!code, err.msg);
    must(!candidates_plan(q, c->text_fields, 2, &c->described, &plan), "no memory");
    must(plan.is_useful == !plan.why, "useful without a word why, or the other way round");
    must(!matcher_new(q, c->text_fields, 2, &m, &err), "no memory");
    c->n_useful += plan.is_useful;
    if (c->is_dump) {
        (void)printf("{");
        put_json_member("query", text, false);
        put_json_member("match", al_buf_slice(&plan.match), false);
        put_json_member("where", al_buf_slice(&plan.where), false);
        put_json_member("why", al_cstr(plan.why ? plan.why : ""), false);
        (void)printf("\"matches\":[");
    }
    bool is_first = true;
    for (size_t i = 0; i < RECORDS; i++) {
        bool found = !plan.match.len || is_found(c, al_buf_slice(&plan.match), &c->rows[i]);
        c->n_found += found;
        if (!matcher_matches(m, c->rows[i].rec, &code))
            continue;
        c->n_matches++;
        if (!found)
            fail_query(c, text, &plan, &c->rows[i]);
        if (c->is_dump)
            (void)printf("%s%zu", is_first ? "" : ",", i + 1);
        is_first = false;
    }
    if (c->is_dump)
        (void)printf("]}\n");
    (void)matcher_free(m);
    (void)query_unref(q);
    candidates_done(&plan);
}

static void begin(round_of *c, uint64_t seed, uint64_t number)
{
    gen_stream stream = gen_stream_of(seed);
    c->r = rng_fork(seed, number);
    stream.r = rng_fork(seed, number + UINT64_C(1000000));
    stream.huge_bytes_max = HUGE_BYTES_MAX;
    stream.odd_percent = 30;
    c->t = &tables[number % N_TABLES];
    c->arena = al_arena_new(4096);
    c->column = AL_LIT("exc_info");
    c->text_fields[0] = AL_LIT("exc_info");
    c->text_fields[1] = AL_LIT("ctx");
    const charset *words = NULL;
    must(c->arena && !charset_new(c->arena, al_cstr(c->t->charset), &words), "the charset");
    c->described = (cand_table){
        .words = words,
        .min_word_len = c->t->min_word_len,
        .min_infix_len = c->t->min_infix_len,
        .has_pieces = c->t->min_infix_len > 0,
        .has_js_text = c->t->has_js_text,
        .js_is_ascii = c->t->is_ascii,
        .has_src = !c->t->is_ascii,
        .is_sphinx_2 = true,
        .has_exact_strings = !c->t->is_ascii,
        .has_single_names = !c->t->is_ascii,
        .columns = &c->column,
        .n_columns = c->t->has_column,
    };
    c->batch = gen_batch(&stream, RECORDS / 3);
    while (c->batch->n < RECORDS)
        word_record(&c->r, c->batch);
    for (size_t i = 0; i < RECORDS; i++) {
        make_row(&c->rows[i], &c->batch->recs[i], words, c->t->is_ascii);
        c->recs[i] = c->rows[i].rec;
    }
}

static void end(round_of *c)
{
    for (size_t i = 0; i < RECORDS; i++) {
        al_buf_done(&c->rows[i].logline);
        al_buf_done(&c->rows[i].js);
        al_buf_done(&c->rows[i].exc_info);
        al_buf_done(&c->rows[i].long_words);
    }
    (void)rec_batch_free(c->batch);
    (void)al_arena_free(c->arena);
}

static void put_rows(const round_of *c)
{
    (void)printf("{\"table\":\"%s\",\"charset_table\":\"%s\",\"min_word_len\":%u,"
                 "\"min_infix_len\":%u,\"has_js_text\":%s,\"has_column\":%s}\n",
                 c->t->name, c->t->charset, c->t->min_word_len, c->t->min_infix_len,
                 c->t->has_js_text ? "true" : "false", c->t->has_column ? "true" : "false");
    for (size_t i = 0; i < RECORDS; i++) {
        const row *r = &c->rows[i];
        (void)printf("{\"id\":%zu,", i + 1);
        put_json_member("logline", al_buf_slice(&r->logline), false);
        put_json_member("js", al_buf_slice(&r->js), false);
        put_json_member("exc_info", al_buf_slice(&r->exc_info), false);
        put_json_member("long_words", al_buf_slice(&r->long_words), false);
        put_json_member("src", r->is_odd ? AL_LIT("odd") : (al_slice){0}, true);
        (void)printf("}\n");
    }
}

static void play(round_of *c, uint64_t n_queries)
{
    al_buf text;
    al_buf_init(&text, QUERY_BYTES_MAX);
    for (uint64_t i = 0; i < n_queries; i++) {
        al_buf_clear(&text);
        if (rng_chance(&c->r, 70))
            word_query(&c->r, c->recs, RECORDS, &text);
        else
            gen_query(&c->r, c->recs, RECORDS, &text);
        must(!al_buf_code(&text), "no memory");
        ask(c, al_buf_slice(&text));
    }
    al_buf_done(&text);
}

int main(int argc, char **argv)
{
    uint64_t n_queries = rng_env("ALCO_QUERIES", QUERIES);
    uint64_t seed = rng_env("ALCO_SEED", (uint64_t)al_now_ns());
    uint64_t number = 0;
    static round_of c;
    bool is_dump = argc > 2 && strcmp(argv[1], "--dump") == 0;
    if (is_dump)
        must(al_parse_u64(al_cstr(argv[2]), &number), "--dump ROUND [seed]");
    else if (argc > 1)
        must(al_parse_u64(al_cstr(argv[1]), &n_queries), "prop_candidates [queries] [seed]");
    if (argc > 2 + is_dump)
        must(al_parse_u64(al_cstr(argv[2 + is_dump]), &seed), "a seed is a number");
    (void)fprintf(stderr, "prop_candidates: seed %" PRIu64 "\n", seed);
    uint64_t n_asked = 0;
    uint64_t n_found = 0;
    uint64_t n_matches = 0;
    uint64_t n_useful = 0;
    do {
        c = (round_of){.is_dump = is_dump};
        begin(&c, seed, number++);
        if (is_dump)
            put_rows(&c);
        play(&c, QUERIES_A_ROUND);
        n_asked += QUERIES_A_ROUND;
        n_found += c.n_found;
        n_matches += c.n_matches;
        n_useful += c.n_useful;
        end(&c);
    } while (!is_dump && n_asked < n_queries);
    (void)fprintf(stderr,
                  "prop_candidates: %" PRIu64 " queries, %" PRIu64 " useful, %" PRIu64
                  " matches among %" PRIu64 " candidates\n",
                  n_asked, n_useful, n_matches, n_found);
    must(is_dump || (n_matches > 0 && n_useful > n_asked / 3), "hardly a query tells anything");
    return 0;
}
