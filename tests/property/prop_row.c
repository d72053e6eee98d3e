/* Goal: what goes through the columns of a Sphinx row comes back the same to the byte, and `src` is
 * empty only where searchd keeps the rest.
 *
 * Method: random records, many of them hostile; a model of what searchd makes of a JSON attribute
 * (row.h) that takes from `js` what is not surely kept. tests/integration/test_sphinx_rows.py does
 * the same with the real one: --encode SEED N prints rows as JSON lines, --decode reads what came
 * back in the same form and compares.
 *
 * Run: prop_row [rounds] [seed]. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "record/json.h"
#include "record/utf8.h"
#include "sphinx/row.h"
#include "support/gen.h"
#include "support/rows.h"

enum { ROUNDS = 200, RECORDS = 60, TEXT_BYTES_MAX = 1 << 24 };

typedef struct row {
    al_buf logline;
    al_buf js;
    al_buf src;
} row;

static void row_init(row *w)
{
    al_buf_init(&w->logline, TEXT_BYTES_MAX);
    al_buf_init(&w->js, TEXT_BYTES_MAX);
    al_buf_init(&w->src, TEXT_BYTES_MAX);
}

static void row_done(row *w)
{
    al_buf_done(&w->logline);
    al_buf_done(&w->js);
    al_buf_done(&w->src);
}

static void encode(const record *r, row *w)
{
    row_put_logline(r, &w->logline);
    row_put_js(r, &w->js);
    row_put_src(r, w->js.len, &w->src);
}

static void give_up(const char *what, const record *r)
{
    (void)fprintf(stderr, "%s: id %" PRIu64 " time %" PRId64 " message '%.*s'\n", what, r->id,
                  r->time_ns, AL_ARG(r->message));
    for (uint32_t i = 0; i < r->n_fields; i++)
        (void)fprintf(stderr, "  %.*s: %d %.*s\n", AL_ARG(r->fields[i].name),
                      (int)r->fields[i].val.type, AL_ARG(r->fields[i].val.text));
    exit(1);
}

/* Reads the number at `at` as searchd does: of 64 bits, else with six places. */
static size_t change_number(al_slice s, size_t at, al_buf *out)
{
    const uint8_t *end = json_number_end(s.ptr + at, s.ptr + s.len);
    size_t n = (size_t)(end - (s.ptr + at));
    char text[400];
    if (n >= sizeof text)
        n = sizeof text - 1;
    memcpy(text, s.ptr + at, n);
    text[n] = 0;
    if (strpbrk(text, ".eE"))
        al_buf_printf(out, "%f", strtod(text, NULL));
    else
        al_buf_printf(out, "%lld", strtoll(text, NULL, 10));
    return n;
}

/* What searchd gives back of a JSON attribute. */
static void through_searchd(al_slice js, al_buf *out)
{
    bool in_string = false;
    for (size_t i = 0; i < js.len; i++) {
        uint8_t c = js.ptr[i];
        if (in_string && c == '\\' && js.ptr[i + 1] == 'u') {
            bool ignored = false;
            uint8_t raw[6];
            al_slice escape = al_slice_sub(js, i, i + 6);
            al_buf_put(out, raw, json_unescape(escape, raw, &ignored));
            i += 5;
        } else if (in_string && c == '\\') {
            al_buf_put(out, js.ptr + i++, 2);
        } else if (in_string && c == '/') {
            al_buf_str(out, "\\/");
        } else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
            i += change_number(js, i, out) - 1;
        } else {
            in_string ^= c == '"';
            al_buf_u8(out, c);
        }
    }
}

static void check(const record *r, size_t *n_src)
{
    row w;
    al_buf back;
    al_err err = {0};
    record got;
    row_init(&w);
    al_buf_init(&back, TEXT_BYTES_MAX);
    encode(r, &w);
    if (al_buf_code(&w.logline) || al_buf_code(&w.js) || al_buf_code(&w.src))
        give_up("not encoded", r);
    if (!utf8_is_valid(al_buf_slice(&w.logline)) || !utf8_is_valid(al_buf_slice(&w.js)) ||
        memchr(w.src.len ? w.src.ptr : (const uint8_t *)"", 0, w.src.len))
        give_up("no text for Sphinx", r);
    through_searchd(al_buf_slice(&w.js), &back);
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    row_columns c = {.id = r->id,
                     .logline = al_buf_slice(&w.logline),
                     .js = al_buf_slice(&back),
                     .src = al_buf_slice(&w.src)};
    if (row_decode(&c, arena, &got, &err))
        give_up(err.msg, r);
    if (got.id != r->id || rows_content(&got) != rows_content(r)) {
        (void)fprintf(stderr, "js '%.*s'\nsrc '%.*s'\n", AL_ARG(c.js), AL_ARG(c.src));
        give_up("another record came back", r);
    }
    *n_src += w.src.len > 0;
    row_done(&w);
    al_buf_done(&back);
}

static void print_encoded(uint64_t seed, size_t n)
{
    gen_stream g = gen_stream_of(seed);
    AL_CLEANUP(rec_batch_freep) rec_batch *b = NULL;
    g.odd_percent = 30;
    b = gen_batch(&g, n);
    for (size_t i = 0; i < b->n; i++) {
        record *r = &b->recs[i];
        row w;
        row_init(&w);
        r->id = AL_MAX((uint64_t)r->time_ns, UINT64_C(1)) + i % 3;
        encode(r, &w);
        const al_buf *columns[] = {&w.logline, &w.js, &w.src};
        (void)printf("%" PRIu64 " %016" PRIx64, r->id, rows_content(r));
        for (size_t k = 0; k < AL_COUNT(columns); k++) {
            (void)putchar(' ');
            for (size_t at = 0; at < columns[k]->len; at++)
                (void)printf("%02x", columns[k]->ptr[at]);
        }
        (void)putchar('\n');
        row_done(&w);
    }
}

static al_slice from_hex(al_arena *arena, const char *text)
{
    size_t n = strlen(text) / 2;
    uint8_t *to = al_arena_alloc(arena, n + 1, 1);
    for (size_t i = 0; i < n; i++) {
        const char digits[] = {text[2 * i], text[2 * i + 1], 0};
        to[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return (al_slice){to, n};
}

/* Lines of print_encoded, with what came back: each is the record whose content they name. */
static void check_decoded(void)
{
    char *line = NULL;
    size_t cap = 0;
    size_t n = 0;
    while (getline(&line, &cap, stdin) > 0) {
        AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
        char *rest = line;
        char *id = strsep(&rest, " ");
        char *content = strsep(&rest, " ");
        row_columns c = {.id = strtoull(id, NULL, 10)};
        c.logline = from_hex(arena, strsep(&rest, " "));
        c.js = from_hex(arena, strsep(&rest, " "));
        c.src = from_hex(arena, strsep(&rest, "\n"));
        record got;
        al_err err = {0};
        if (row_decode(&c, arena, &got, &err))
            give_up(err.msg, &got);
        if (rows_content(&got) != strtoull(content, NULL, 16))
            give_up("another record came back", &got);
        n++;
    }
    free(line);
    (void)printf("%zu rows are as they were\n", n);
}

static void run(long rounds, uint64_t seed)
{
    size_t n = 0;
    size_t n_src = 0;
    (void)printf("prop_row: seed %" PRIu64 "\n", seed);
    for (long round = 0; round < rounds; round++) {
        gen_stream g = gen_stream_of(seed + (uint64_t)round);
        g.odd_percent = (unsigned)round % 2 ? 50 : 5;
        AL_CLEANUP(rec_batch_freep) rec_batch *b = gen_batch(&g, RECORDS);
        for (size_t i = 0; i < b->n; i++, n++) {
            b->recs[i].id = (uint64_t)b->recs[i].time_ns + i % 5 / 4;
            check(&b->recs[i], &n_src);
        }
    }
    (void)printf("prop_row: %zu records, %zu of them with src\n", n, n_src);
    if (n_src == 0 || n_src == n) {
        (void)fprintf(stderr, "prop_row: one of both kinds is missing\n");
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *of_env = getenv("ALCO_SEED");
    if (argc == 4 && strcmp(argv[1], "--encode") == 0) {
        print_encoded(strtoull(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--decode") == 0) {
        check_decoded();
        return 0;
    }
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10)
                    : of_env ? strtoull(of_env, NULL, 10)
                             : (uint64_t)al_now_ns();
    run(rounds, seed);
    return 0;
}
