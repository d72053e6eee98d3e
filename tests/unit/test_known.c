/* Goal: what the lexicon of a segment says about a query is true: a block it rules out has no row
 * that matches, a count it gives is exact, and the rows that filter_text finds are those of the
 * naive matcher. Method: random records in some blocks; queries cut out of them: pieces over the
 * edges of slots, of letters and digits, words, numbers and parts of them, spellings of fields,
 * regular expressions. */
#include "unit/seg_help.h"

#include "query/ast.h"
#include "store/filter.h"
#include "store/format.h"
#include "store/known.h"
#include "store/segment.h"

typedef struct asking {
    mem_seg *s;
    rng r;
    /* How often each was said; a test that never hears them checks nothing. */
    unsigned n_asked, n_ruled_out, n_counted, n_counted_some, n_matches;
} asking;

/* ---- Queries */

static void put_quoted(al_buf *out, al_slice s)
{
    al_buf_u8(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            al_buf_u8(out, '\\');
        al_buf_u8(out, s.ptr[i]);
    }
    al_buf_u8(out, '"');
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static al_slice cut_bytes(rng *r, al_slice s)
{
    size_t from = (size_t)rng_below(r, s.len + 1);
    size_t len = (size_t)rng_below(r, AL_MIN(s.len - from, rng_chance(r, 80) ? 12 : 60) + 1);
    size_t to = from + len;
    if (rng_chance(r, 30)) { /* whole words */
        while (from > 0 && is_letter(s.ptr[from - 1]))
            from--;
        while (to < s.len && is_letter(s.ptr[to]))
            to++;
    }
    return al_slice_sub(s, from, to);
}

/* Letters, digits, each other byte: what follows `at` begins a part of another kind. */
static size_t part_end(al_slice s, size_t at)
{
    bool digits = is_digit(s.ptr[at]);
    bool letters = is_letter(s.ptr[at]) && !digits;
    for (at++; at < s.len && (digits || letters); at++)
        if (digits != is_digit(s.ptr[at]) || letters == !is_letter(s.ptr[at]))
            break;
    return at;
}

/* Some parts: over the edges of slots, and of letters and digits within them. */
static al_slice cut_parts(rng *r, al_slice s)
{
    size_t from = 0;
    for (size_t at = 0, goal = rng_below(r, s.len + 1); at < goal; at = part_end(s, at))
        from = at;
    size_t to = from;
    for (uint64_t n = 1 + rng_below(r, 8); n > 0 && to < s.len; n--)
        to = part_end(s, to);
    return al_slice_sub(s, from, to);
}

/* A number with its points, or digits out of it. */
static al_slice cut_number(rng *r, al_slice s)
{
    size_t from = (size_t)rng_below(r, s.len + 1);
    while (from < s.len && !is_digit(s.ptr[from]))
        from++;
    size_t to = from;
    while (from > 0 && (is_digit(s.ptr[from - 1]) || s.ptr[from - 1] == '.'))
        from--;
    while (to < s.len && (is_digit(s.ptr[to]) || s.ptr[to] == '.'))
        to++;
    if (rng_chance(r, 50)) {
        from += (size_t)rng_below(r, (to - from) / 2 + 1);
        to -= (size_t)rng_below(r, (to - from) / 2 + 1);
    }
    return al_slice_sub(s, from, to);
}

/* Something out of a text; sometimes one of its bytes is another then. */
static void put_piece(rng *r, al_slice s, al_buf *out)
{
    static al_slice (*const cuts[])(rng *, al_slice) = {cut_bytes, cut_bytes, cut_parts,
                                                        cut_number};
    al_buf_slice_put(out, cuts[rng_below(r, AL_COUNT(cuts))](r, s));
    if (out->len && rng_chance(r, 10))
        out->ptr[rng_below(r, out->len)] = (uint8_t) "0a .-Z\xc3\x9f"[rng_below(r, 8)];
    if (out->len && rng_chance(r, 10)) { /* a number beside it */
        uint8_t *last = &out->ptr[out->len - 1];
        *last = is_digit(*last) ? (uint8_t)('0' + rng_below(r, 10)) : *last;
    }
    for (size_t i = 0; i < out->len && rng_chance(r, 15); i++)
        if (out->ptr[i] >= 'a' && out->ptr[i] <= 'z')
            out->ptr[i] ^= 0x20;
}

static void put_regex(al_buf *out, al_slice piece)
{
    al_buf_u8(out, '/');
    for (size_t i = 0; i < piece.len; i++) {
        if (!is_letter(piece.ptr[i]) && piece.ptr[i] != ' ')
            al_buf_u8(out, '\\');
        al_buf_u8(out, piece.ptr[i]);
        if (i == piece.len / 2)
            al_buf_str(out, "+");
    }
    al_buf_u8(out, '/');
}

static void put_leaf(asking *a, const record *of, al_buf *out)
{
    rng *r = &a->r;
    al_buf piece;
    al_buf_init(&piece, SIZE_MAX);
    if (of->n_fields && rng_chance(r, 40)) {
        const field *f = &of->fields[rng_below(r, of->n_fields)];
        bool is_whole = rng_chance(r, 50);
        al_buf_u8(out, '@');
        put_quoted(out, f->name);
        al_buf_u8(out, is_whole ? '=' : ':');
        if (is_whole && rng_chance(r, 90))
            al_buf_slice_put(&piece, f->val.text);
        else
            put_piece(r, f->val.text, &piece);
        put_quoted(out, al_buf_slice(&piece));
    } else {
        put_piece(r, of->message, &piece);
        switch (rng_below(r, 6)) {
        case 0:
            put_regex(out, al_buf_slice(&piece));
            break;
        case 1:
            al_buf_slice_put(out, al_buf_slice(&piece)); /* read as it may be */
            break;
        case 2:
            al_buf_u8(out, '~');
            put_quoted(out, al_buf_slice(&piece));
            break;
        case 3:
            al_buf_str(out, rng_chance(r, 50) ? "@message:" : "@message=");
            put_quoted(out, rng_chance(r, 50) ? of->message : al_buf_slice(&piece));
            break;
        default:
            put_quoted(out, al_buf_slice(&piece));
        }
    }
    al_buf_done(&piece);
}

static const record *any_row(asking *a)
{
    return &a->s->rows->recs[rng_below(&a->r, a->s->rows->n)];
}

static void put_query(asking *a, al_buf *out)
{
    static const char *const joins[] = {" AND ", " OR ", " AND NOT "};
    put_leaf(a, any_row(a), out);
    while (rng_chance(&a->r, 20)) {
        al_buf_str(out, joins[rng_below(&a->r, AL_COUNT(joins))]);
        put_leaf(a, any_row(a), out);
    }
}

/* ---- Answers */

static bool is_any_field(void *ctx, al_slice name)
{
    (void)ctx;
    (void)name;
    return true;
}

/* As the directory of a segment says it. */
static uint8_t uses_of(void *ctx, al_slice name)
{
    mem_seg *s = ctx;
    uint8_t uses = 0;
    for (uint32_t b = 0; b < s->n_blocks; b++) {
        const al_slice *names = NULL;
        mem_seg_open(s, b);
        size_t n = block_view_names(s->view, &names);
        for (size_t i = 0; i < n; i++)
            if (al_slice_eq(names[i], name))
                uses |= (uint8_t)(1U << (block_view_kind(s->view, i) - FMT_COL_HOMED));
    }
    return uses;
}

static void count_naive(asking *a, matcher *m, uint32_t block, row_bits *ret, al_code *ret_code)
{
    memset(ret, 0, sizeof *ret);
    for (uint32_t row = 0; row < mem_seg_rows(a->s, block) && !*ret_code; row++)
        if (matcher_matches(m, mem_seg_row(a->s, block, row), ret_code))
            row_bits_set(ret, row);
}

static void check_rows(asking *a, filter *f, const known *k, uint32_t block,
                       const row_bits *expected)
{
    al_err err;
    bool gave_up = false;
    uint32_t n = mem_seg_rows(a->s, block);
    AL_CLEANUP(verdicts_freep) verdicts *v = verdicts_new(f);
    static decided d;
    assert_non_null(v);
    d = (decided){.view = a->s->view, .known = v, .lex = k, .block = block};
    mem_seg_open(a->s, block);
    verdicts_clear(v);
    row_bits_fill(&d.bits, 0, n);
    assert_int_equal(filter_rows(f, &d, 0, n, &gave_up, &err), AL_OK);
    assert_false(gave_up);
    for (uint32_t row = 0; row < n; row++)
        assert_true(row_bits_has(&d.bits, row) == row_bits_has(expected, row));
}

static void check_block(asking *a, filter *f, const known *k, uint32_t block,
                        const row_bits *expected)
{
    uint32_t n = row_bits_count(expected, 0, mem_seg_rows(a->s, block));
    uint32_t said = 0;
    a->n_matches += n;
    if (!known_may_match(k, block)) {
        assert_int_equal(n, 0);
        a->n_ruled_out++;
    }
    if (known_count(k, block, &said)) {
        assert_int_equal(said, n);
        a->n_counted++;
        a->n_counted_some += n > 0;
    }
    check_rows(a, f, k, block, expected);
}

static void ask(asking *a, al_slice text)
{
    al_err err;
    const query_env env = {.is_field = is_any_field};
    static const al_slice text_fields[] = {{(const uint8_t *)"trace", 5}};
    static row_bits expected[MEM_BLOCKS_MAX];
    AL_CLEANUP(query_unrefp) query *q = NULL;
    AL_CLEANUP(filter_freep) filter *f = NULL;
    AL_CLEANUP(matcher_freep) matcher *m = NULL;
    AL_CLEANUP(known_freep) known *k = NULL;
    size_t n_text_fields = rng_below(&a->r, 2);
    if (query_parse(text, &env, &q, &err))
        return;
    al_code c = AL_OK;
    assert_int_equal(filter_new(q, text_fields, n_text_fields, &f, &err), AL_OK);
    assert_int_equal(matcher_new(q, text_fields, n_text_fields, &m, &err), AL_OK);
    for (uint32_t b = 0; b < a->s->n_blocks; b++)
        count_naive(a, m, b, &expected[b], &c);
    if (c || filter_plan(f)->is_all)
        return;
    const known_names names = {uses_of, a->s};
    assert_int_equal(known_new(filter_plan(f), a->s->lex, &names, &k, &err), AL_OK);
    a->n_asked++;
    uint32_t first = (uint32_t)rng_below(&a->r, a->s->n_blocks);
    check_rows(a, f, k, first, &expected[first]); /* also before blocks are known */
    assert_int_equal(known_blocks(k, &err), AL_OK);
    for (uint32_t b = 0; b < a->s->n_blocks; b++)
        check_block(a, f, k, b, &expected[b]);
}

static void ask_much(asking *a, unsigned n)
{
    al_buf text;
    al_buf_init(&text, SIZE_MAX);
    for (unsigned i = 0; i < n; i++) {
        al_buf_clear(&text);
        put_query(a, &text);
        ask(a, al_buf_slice(&text));
    }
    al_buf_done(&text);
    assert_true(a->n_asked > n / 2);
    assert_true(a->n_matches > 0);
}

/* ---- Segments */

static void add_line(mem_seg *s, rng *r)
{
    char line[512];
    rec_batch *b = s->rows;
    record *rec = rec_batch_add(b);
    field *fields = al_arena_alloc(b->arena, 4, sizeof *fields);
    assert_true(rec && fields);
    size_t n = lex_message(r, line, sizeof line);
    rec->message = al_arena_copy(b->arena, (al_slice){(const uint8_t *)line, n});
    rec->fields = fields;
    if (rng_chance(r, 70)) {
        n = lex_message(r, line, sizeof line);
        fields[rec->n_fields++] =
            (field){AL_LIT("said"),
                    {VAL_STRING, al_arena_copy(b->arena, (al_slice){(const uint8_t *)line, n})}};
    }
    if (rng_chance(r, 50)) {
        int k = snprintf(line, sizeof line, "%u", (unsigned)rng_below(r, 400));
        fields[rec->n_fields++] =
            (field){AL_LIT("n"),
                    {rng_chance(r, 50) ? VAL_NUMBER : VAL_STRING,
                     al_arena_copy(b->arena, (al_slice){(const uint8_t *)line, (size_t)k})}};
    }
    if (rng_chance(r, 10)) {
        al_buf trace;
        al_buf_init(&trace, SIZE_MAX);
        for (unsigned i = 0; i < 6; i++) {
            al_buf_put(&trace, line, lex_message(r, line, sizeof line));
            al_buf_printf(&trace, "\n  File \"x%u.py\", line %u, in call\n", i, i * 7);
        }
        fields[rec->n_fields++] =
            (field){AL_LIT("trace"), {VAL_STRING, al_arena_copy(b->arena, al_buf_slice(&trace))}};
        al_buf_done(&trace);
    }
}

/* Up to 18 digits, small ones as often as large ones; some of them again and again. */
static unsigned long long any_number(rng *r)
{
    static const unsigned long long often[] = {0, 7, 80, 1000, 67108864, 123456789012};
    unsigned long long below = 10;
    if (rng_chance(r, 20))
        return often[rng_below(r, AL_COUNT(often))];
    for (uint64_t n = rng_below(r, 18); n > 0; n--)
        below *= 10;
    return rng_below(r, below);
}

static int number_line(rng *r, char *to, size_t max)
{
    unsigned a = (unsigned)rng_below(r, 300);
    unsigned b = (unsigned)rng_below(r, 12);
    unsigned long long n = any_number(r);
    switch (rng_below(r, 9)) {
    case 0:
        return snprintf(to, max, "order %llu paid %llu.%02u EUR", n, any_number(r), a % 100);
    case 1: /* leading zeros */
        return snprintf(to, max, "block %0*llu of %018llu", (int)(8 + b % 11), n, any_number(r));
    case 2:
        return snprintf(to, max, "from 10.0.%u.%u:%u to 192.168.%u.1, %llu bytes", a % 256, b, a, b,
                        n);
    case 3:
        return snprintf(to, max, "node%u json-%u restarted%u v%u.%u.%u", b, a, b, b, a, b);
    case 4:
        return snprintf(to, max, "upgrade 1.%u.%u 2.%u to app%u.%u.%u.jar", a, b, a, b, b, a);
    case 5:
        return snprintf(to, max, "load 0.%06u %u.%llu .%llu %u.", a, b, n, n, a);
    case 6:
        return snprintf(to, max, "\xe2\x84\xaa%uelvin stra\xc3\x9f%u %uNODE x%llu_y", a, b, a, n);
    case 7:
        return snprintf(to, max, "t=%llu.%09llu id=%08x%llu", any_number(r), n % 1000000000, a, n);
    default:
        return snprintf(to, max, "%llu", n);
    }
}

static void add_number_line(mem_seg *s, rng *r)
{
    char line[256];
    rec_batch *b = s->rows;
    record *rec = rec_batch_add(b);
    field *fields = al_arena_alloc(b->arena, 1, sizeof *fields);
    assert_true(rec && fields);
    int n = number_line(r, line, sizeof line);
    rec->message = al_arena_copy(b->arena, (al_slice){(const uint8_t *)line, (size_t)n});
    rec->fields = fields;
    if (rng_chance(r, 30)) {
        n = number_line(r, line, sizeof line);
        al_slice text = al_arena_copy(b->arena, (al_slice){(const uint8_t *)line, (size_t)n});
        fields[rec->n_fields++] = (field){AL_LIT("said"), {VAL_STRING, text}};
    }
}

static void numbers_and_edges_are_found(void **state)
{
    (void)state;
    mem_seg s;
    mem_seg_init(&s);
    asking a = {.s = &s, .r = rng_of(rng_env("ALCO_SEED", 204))};
    static const unsigned sizes[] = {300, 1, 40, 7, 120, 2};
    for (size_t k = 0; k < AL_COUNT(sizes); k++) {
        for (unsigned i = 0; i < sizes[k]; i++)
            add_number_line(&s, &a.r);
        mem_seg_block(&s);
    }
    mem_seg_close(&s);
    ask_much(&a, 3000);
    assert_true(a.n_ruled_out > 300 && a.n_counted > 100 && a.n_counted_some > 5);
    mem_seg_done(&s);
}

static void lines_are_found(void **state)
{
    (void)state;
    mem_seg s;
    mem_seg_init(&s);
    asking a = {.s = &s, .r = rng_of(rng_env("ALCO_SEED", 201))};
    static const unsigned sizes[] = {1, 2, 10, 40, 300, 3};
    for (size_t k = 0; k < AL_COUNT(sizes); k++) {
        for (unsigned i = 0; i < sizes[k]; i++)
            add_line(&s, &a.r);
        mem_seg_block(&s);
    }
    mem_seg_close(&s);
    ask_much(&a, 3000);
    assert_true(a.n_ruled_out > 100 && a.n_counted > 100 && a.n_counted_some > 10);
    mem_seg_done(&s);
}

static void records_are_found(void **state)
{
    (void)state;
    mem_seg s;
    mem_seg_init(&s);
    uint64_t seed = rng_env("ALCO_SEED", 202);
    asking a = {.s = &s, .r = rng_of(seed)};
    gen_stream g = gen_stream_of(seed);
    static const unsigned sizes[] = {5, 1, 200, 30, 30};
    for (size_t k = 0; k < AL_COUNT(sizes); k++) {
        g.odd_percent = (unsigned)k * 12;
        for (unsigned i = 0; i < sizes[k]; i++)
            gen_record(&g, s.rows);
        mem_seg_block(&s);
    }
    mem_seg_close(&s);
    ask_much(&a, 2000);
    assert_true(a.n_ruled_out > 0 && a.n_counted > 0);
    mem_seg_done(&s);
}

/* What the lexicon did not take must be asked of the blocks. */
static void a_full_lexicon_rules_out_nothing_that_is_there(void **state)
{
    (void)state;
    char text[32];
    uint32_t number = 0;
    mem_seg s;
    mem_seg_init(&s);
    asking a = {.s = &s, .r = rng_of(rng_env("ALCO_SEED", 203))};
    for (unsigned i = 0; i < 20; i++)
        add_line(&s, &a.r);
    mem_seg_block(&s);
    for (uint32_t i = 0; lex_builder_values(s.lex_builder) < LEX_VALUES_MAX - 30; i++) {
        int n = snprintf(text, sizeof text, "w%u", i);
        assert_int_equal(lex_builder_value(s.lex_builder,
                                           (al_slice){(const uint8_t *)text, (size_t)n}, 0,
                                           &number),
                         AL_OK);
    }
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < 50; i++)
            add_line(&s, &a.r);
        mem_seg_block(&s);
    }
    mem_seg_close(&s);
    ask_much(&a, 120);
    mem_seg_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found),
        cmocka_unit_test(numbers_and_edges_are_found),
        cmocka_unit_test(records_are_found),
        cmocka_unit_test(a_full_lexicon_rules_out_nothing_that_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
