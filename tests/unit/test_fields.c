/* Goal: fields come back as they were sent, whatever home and form their columns got; damage is
 * named. Method: rows made for each home and form, and random ones; each record, then each column,
 * then each record again; every truncation and flipped bits with repaired checksums. */
#include "unit/seg_help.h"

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/block_view_priv.h"
#include "store/codec/bits.h"
#include "store/field_format.h"
#include "store/format.h"

static const block_want everything = {.is_all = true};

/* ---- Rows */

typedef struct making {
    mem_seg *s;
    rng r;
    uint32_t n; /* rows of the block */
    field fields[160];
    uint32_t n_fields;
} making;

static al_slice text_of(making *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static al_slice text_of(making *m, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(n >= 0 && n < (int)sizeof text);
    al_slice copy = al_arena_copy(m->s->rows->arena, (al_slice){(const uint8_t *)text, (size_t)n});
    assert_true(n == 0 || copy.ptr);
    return copy;
}

static void has(making *m, const char *name, val_type type, al_slice text)
{
    assert_true(m->n_fields < AL_COUNT(m->fields));
    m->fields[m->n_fields++] =
        (field){.name = text_of(m, "%s", name), .val = {.type = type, .text = text}};
}

/* Ends the row. */
static void row_is(making *m, al_slice message)
{
    record *r = rec_batch_add(m->s->rows);
    field *fields = al_arena_alloc(m->s->rows->arena, m->n_fields + 1, sizeof *fields);
    assert_true(r && fields);
    memcpy(fields, m->fields, m->n_fields * sizeof *fields);
    r->message = message;
    r->fields = fields;
    r->n_fields = m->n_fields;
    m->n_fields = 0;
}

static void by_template(making *m, uint32_t i)
{
    static const char *const lines[] = {"job started", "job %u done", "lost %u of 7 packets",
                                        "disk /dev/sd%u is full", "retry"};
    size_t line = rng_below(&m->r, AL_COUNT(lines));
    bool is_other = rng_below(&m->r, 100) == 0;
    has(m, "logger", VAL_STRING, text_of(m, "app.part%zu", is_other ? i % 5 : line));
    has(m, "level", VAL_STRING, text_of(m, "%s", line < 3 ? "INFO" : "WARNING"));
    has(m, "line", VAL_NUMBER, text_of(m, "%zu", 100 + line * 3));
    if (line != 4 || is_other)
        has(m, "pool", VAL_STRING, text_of(m, "p%zu", line));
    const char *end = strchr(lines[line], '%');
    row_is(m, end ? text_of(m, "%.*s%u%s", (int)(end - lines[line]), lines[line], i, end + 2)
                  : text_of(m, "%s", lines[line]));
}

static void tuples(making *m, uint32_t i)
{
    uint32_t q = (uint32_t)rng_below(&m->r, AL_MIN(2000, m->n / 4 + 1)); /* request */
    has(m, "request", VAL_STRING, text_of(m, "req-%08x-%u", q * 2654435761U, q));
    has(m, "project", VAL_STRING, text_of(m, "%032x", q % 50));
    has(m, "user", VAL_STRING, text_of(m, "u%u", q % 90));
    has(m, "host", VAL_STRING, text_of(m, "host-%u.example", q % 7));
    has(m, "pid", VAL_NUMBER, text_of(m, "%u", 2000 + q % 7));
    has(m, "domain", q % 3 ? VAL_STRING : VAL_NULL, q % 3 ? AL_LIT("default") : (al_slice){0});
    row_is(m, text_of(m, "step %u of request", i % 10));
}

static void numbers(making *m, uint32_t i)
{
    static const char *const odd[] = {"NaN", "-5", "1e5", "007", "123456789012345678901234567890",
                                      "0",   "-0", "0.0", "1.",  ".5",
                                      ""};
    unsigned long long big = rng_next(&m->r);
    has(m, "int", VAL_NUMBER, text_of(m, "%llu", big % 1000000000000ULL));
    has(m, "seconds", VAL_NUMBER,
        text_of(m, "%.*f", 1 + (int)(big % 6), (double)(big >> 8 & 0xfffffff) / 1e6));
    has(m, "mixed scale", VAL_NUMBER,
        i % 3 ? text_of(m, "%u", i) : text_of(m, "%u.%03u", i, i % 1000));
    has(m, "odd", VAL_NUMBER, i % 50 ? text_of(m, "%u", i) : al_cstr(odd[i / 50 % AL_COUNT(odd)]));
    has(m, "few", VAL_NUMBER, text_of(m, "%u", i % 3));
    has(m, "18", VAL_NUMBER, text_of(m, "%018llu", big % 1000000000000000000ULL));
    if (i % 2)
        has(m, "half", VAL_NUMBER, text_of(m, "%u.%02u", i, i % 100));
    if (i % 40 == 7)
        has(m, "rare", VAL_NUMBER, text_of(m, "%u", i * 77));
    row_is(m, text_of(m, "took %u.%02u s", i % 9, i % 100));
}

static void absent(making *m, uint32_t i)
{
    if (rng_below(&m->r, 100) == 0)
        has(m, "listed", VAL_STRING, text_of(m, "x%u", i % 5));
    if (rng_below(&m->r, 3) == 0)
        has(m, "bits", VAL_STRING, text_of(m, "y%u", i));
    if (rng_below(&m->r, 100))
        has(m, "mostly", VAL_STRING, text_of(m, "z%u", i / 100 % 4));
    if (i == m->n - 1)
        has(m, "last row", VAL_TRUE, (al_slice){0});
    if (i == 0)
        has(m, "first row", VAL_FALSE, (al_slice){0});
    row_is(m, i % 7 ? AL_LIT("") : AL_LIT("tick"));
}

static void mixed_types(making *m, uint32_t i)
{
    static const val_type types[] = {VAL_NULL,   VAL_FALSE, VAL_TRUE,  VAL_NUMBER,
                                     VAL_STRING, VAL_ARRAY, VAL_OBJECT};
    static const char *const texts[] = {"", "", "", "5", "5", "[5]", "{\"a\":5}"};
    size_t a = rng_below(&m->r, AL_COUNT(types));
    size_t b = i / 3 % AL_COUNT(types);
    if (i % 11)
        has(m, "random", types[a], al_cstr(texts[a]));
    has(m, "slow", types[b], al_cstr(texts[b]));
    has(m, "", VAL_STRING, al_cstr(texts[b]));
    row_is(m, text_of(m, "%u", i % 4));
}

static al_slice trace(making *m, uint32_t i, bool has_digits, size_t n_lines)
{
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    for (size_t k = 0; k < n_lines; k++)
        al_buf_printf(&b,
                      has_digits ? "  at module.name (file.py, line %zu of %u)\n"
                                 : "  at module.name (file.py)\n",
                      k, i);
    al_buf_printf(&b, "Error: %c%c", 'a' + (int)(i % 26), 'a' + (int)(i / 26 % 26));
    al_slice s = al_arena_copy(m->s->rows->arena, al_buf_slice(&b));
    al_buf_done(&b);
    return s;
}

static void long_texts(making *m, uint32_t i)
{
    if (i % 3 == 0)
        has(m, "trace", VAL_STRING, i % 12 ? trace(m, i, true, 20) : (al_slice){0});
    has(m, "plain", VAL_STRING, trace(m, i, false, 15));
    has(m, "repeated", VAL_STRING, trace(m, i % 3, true, 30));
    if (i % 60 == 0)
        has(m, "huge", VAL_STRING, trace(m, i, i % 120 == 0, 700));
    row_is(m, text_of(m, "failed %u", i));
}

static void distinct_objects(making *m, uint32_t i)
{
    has(m, "o", VAL_OBJECT, text_of(m, "{\"id\":%u,\"at\":{\"x\":[%u]}}", i, i * 7));
    has(m, "a", VAL_ARRAY, text_of(m, "[%u,\"%u\"]", i, i));
    has(m, "same", VAL_OBJECT, AL_LIT("{}"));
    row_is(m, AL_LIT("object"));
}

static void many_names(making *m, uint32_t i)
{
    uint32_t n = 70 + i % 40;
    for (uint32_t k = 0; k < n; k++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%u",
                       i % 2 ? (k + i / 50) % 150 : (n - 1 - k + i / 50) % 150);
        has(m, name, k % 2 ? VAL_STRING : VAL_NUMBER, text_of(m, "%u", k % 3 ? k : i));
    }
    row_is(m, text_of(m, "row %u", i));
}

/* ---- Reading */

static const field *field_of(const record *r, al_slice name)
{
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (al_slice_eq(r->fields[i].name, name))
            return &r->fields[i];
    return NULL;
}

static bool is_same_value(const value *a, const value *b)
{
    return a->type == b->type && (a->type < VAL_NUMBER || al_slice_eq(a->text, b->text));
}

static void assert_same(const record *a, const record *b)
{
    assert_true(a->id == b->id && a->time_ns == b->time_ns);
    assert_true(al_slice_eq(a->message, b->message));
    assert_int_equal(a->n_fields, b->n_fields);
    for (uint32_t i = 0; i < a->n_fields; i++) {
        assert_true(al_slice_eq(a->fields[i].name, b->fields[i].name));
        assert_true(is_same_value(&a->fields[i].val, &b->fields[i].val));
    }
}

static void check_rows(mem_seg *s, uint32_t block, uint32_t step)
{
    al_err err;
    record r;
    for (uint32_t row = 0; row < mem_seg_rows(s, block); row += step) {
        assert_int_equal(block_view_record(s->view, row, &everything, &r, &err), AL_OK);
        assert_same(&r, mem_seg_row(s, block, row));
    }
}

/* The last name that there is, and one that is not. */
static void check_some(mem_seg *s, uint32_t block, uint32_t row)
{
    al_err err;
    record r;
    const al_slice *names = NULL;
    size_t n = block_view_names(s->view, &names);
    al_slice wanted[] = {AL_LIT("no such name"), n ? names[n - 1] : AL_LIT("?")};
    const block_want want = {.names = wanted, .n_names = 2};
    assert_int_equal(block_view_record(s->view, row, &want, &r, &err), AL_OK);
    const field *f = field_of(mem_seg_row(s, block, row), wanted[1]);
    assert_int_equal(r.n_fields, f != NULL);
    assert_true(!f || is_same_value(&r.fields[0].val, &f->val));
}

static void check_columns(mem_seg *s, uint32_t block)
{
    al_err err;
    const al_slice *names = NULL;
    size_t n = block_view_names(s->view, &names);
    for (size_t i = 0; i < n; i++) {
        const block_col *col = NULL;
        assert_int_equal(block_view_field(s->view, names[i], &col, &err), AL_OK);
        assert_non_null(col);
        for (uint32_t row = 0; row < mem_seg_rows(s, block); row++) {
            const field *f = field_of(mem_seg_row(s, block, row), names[i]);
            uint32_t v = col->row_value[row];
            assert_true((f == NULL) == (v == BLOCK_NO_VALUE));
            assert_true(!f || v < col->n_values);
            assert_true(!f || is_same_value(&col->values[v], &f->val));
        }
    }
}

static void check_segment(mem_seg *s)
{
    for (uint32_t b = 0; b < s->n_blocks; b++) {
        mem_seg_open(s, b);
        check_some(s, b, mem_seg_rows(s, b) / 2);
        check_rows(s, b, 1 + mem_seg_rows(s, b) / 3000);
        check_columns(s, b);
        check_rows(s, b, 1 + mem_seg_rows(s, b) / 3000);
    }
}

/* Of a column that was opened. */
static const field_view *column_of(const mem_seg *s, const char *name)
{
    for (size_t i = 0; i < s->view->n_fields; i++)
        if (al_slice_eq(s->view->names[i], al_cstr(name))) {
            assert_true(s->view->fields[i].is_opened);
            return &s->view->fields[i].view;
        }
    fail_msg("no column %s", name);
    return NULL;
}

typedef void row_maker(making *m, uint32_t i);

static void add_block(mem_seg *s, row_maker *make, uint32_t n, uint64_t seed)
{
    making m = {.s = s, .r = rng_of(rng_env("ALCO_SEED", seed)), .n = n};
    for (uint32_t i = 0; i < n; i++)
        make(&m, i);
    mem_seg_block(s);
}

/* Blocks of some sizes, the last of n rows and opened. */
static void make_and_check(mem_seg *s, row_maker *make, uint32_t n, uint64_t seed)
{
    mem_seg_init(s);
    add_block(s, make, 1, seed);
    add_block(s, make, 65, seed + 1);
    add_block(s, make, n, seed + 2);
    mem_seg_close(s);
    check_segment(s);
}

/* ---- Each home and form */

static void fields_of_templates_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, by_template, 5000, 41);
    assert_int_equal(column_of(&s, "logger")->home, HOME_TEMPLATES);
    assert_true(column_of(&s, "logger")->n_others > 0);
    assert_int_equal(column_of(&s, "level")->home, HOME_TEMPLATES);
    assert_int_equal(column_of(&s, "pool")->home, HOME_TEMPLATES);
    mem_seg_done(&s);
}

static void tuples_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, tuples, BLOCK_ROWS_MAX, 44);
    assert_int_equal(column_of(&s, "request")->home, HOME_TUPLES);
    assert_int_equal(column_of(&s, "pid")->home, HOME_TUPLES);
    assert_true(s.view->n_tuples > 1000);
    mem_seg_done(&s);
}

static void numbers_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, numbers, BLOCK_ROWS_MAX, 47);
    assert_int_equal(column_of(&s, "int")->form, FIELD_FORM_NUMBERS);
    assert_int_equal(column_of(&s, "seconds")->form, FIELD_FORM_NUMBERS);
    assert_int_equal(column_of(&s, "mixed scale")->form, FIELD_FORM_NUMBERS);
    assert_int_equal(column_of(&s, "half")->form, FIELD_FORM_NUMBERS);
    assert_int_equal(column_of(&s, "odd")->form, FIELD_FORM_VALUES);
    mem_seg_done(&s);
}

static void absent_fields_stay_absent(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, absent, 4001, 50);
    assert_non_null(column_of(&s, "listed")->rows);
    assert_non_null(column_of(&s, "bits")->rows);
    assert_null(column_of(&s, "mostly")->rows); /* one of its values is "absent" */
    mem_seg_done(&s);
}

static void types_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, mixed_types, 3000, 53);
    assert_int_equal(column_of(&s, "random")->type, FIELD_MIXED);
    mem_seg_done(&s);
}

static void long_texts_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, long_texts, 700, 56);
    assert_int_equal(column_of(&s, "trace")->form, FIELD_FORM_SPLIT);
    assert_int_equal(column_of(&s, "plain")->form, FIELD_FORM_SPLIT);
    assert_int_equal(column_of(&s, "huge")->form, FIELD_FORM_SPLIT);
    mem_seg_done(&s);
}

static void distinct_objects_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, distinct_objects, 2000, 59);
    mem_seg_done(&s);
}

static void many_names_come_back(void **state)
{
    (void)state;
    mem_seg s;
    make_and_check(&s, many_names, 600, 62);
    mem_seg_done(&s);
}

static void random_records_come_back(void **state)
{
    (void)state;
    mem_seg s;
    mem_seg_init(&s);
    gen_stream g = gen_stream_of(rng_env("ALCO_SEED", 65));
    static const size_t sizes[] = {1, 2, 63, 64, 65, 300, 2000};
    for (size_t k = 0; k < AL_COUNT(sizes); k++) {
        g.odd_percent = (unsigned)k * 10;
        g.huge_bytes_max = k == 5 ? 40000 : 0;
        for (size_t i = 0; i < sizes[k]; i++)
            gen_record(&g, s.rows);
        mem_seg_block(&s);
    }
    mem_seg_close(&s);
    check_segment(&s);
    mem_seg_done(&s);
}

/* Then texts stand in the columns. */
static void a_full_lexicon_loses_no_field(void **state)
{
    (void)state;
    mem_seg s;
    char text[32];
    uint32_t number = 0;
    mem_seg_init(&s);
    add_block(&s, by_template, 10, 70);
    for (uint32_t i = 0; lex_builder_values(s.lex_builder) < LEX_VALUES_MAX - 20; i++) {
        int n = snprintf(text, sizeof text, "w%u", i);
        assert_int_equal(lex_builder_value(s.lex_builder,
                                           (al_slice){(const uint8_t *)text, (size_t)n}, 0,
                                           &number),
                         AL_OK);
    }
    add_block(&s, tuples, 500, 71);
    add_block(&s, long_texts, 200, 72);
    add_block(&s, mixed_types, 100, 73);
    mem_seg_close(&s);
    assert_int_equal(lexicon_values(s.lex), LEX_VALUES_MAX);
    check_segment(&s);
    mem_seg_done(&s);
}

/* ---- Homes */

enum { HOME_ROWS_N = 3000, HOME_FIELDS_N = 8 };

/* What the block takes with these homes. */
static uint64_t bits_of(const homes *h, const homes_field *f, uint32_t n, const uint16_t *templates,
                        uint32_t n_templates, uint32_t n_rows)
{
    uint64_t bits = (uint64_t)n_rows * bits_width(homes_tuples(h) - 1);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t width = bits_width(f[i].n_values - 1);
        uint64_t n_others = 0;
        for (uint32_t r = 0; r < n_rows; r++)
            n_others += f[i].rows[r] != f[i].rows[homes_template_rows(h)[templates[r]]];
        bits += f[i].home == HOME_ROWS     ? n_rows * width
                : f[i].home == HOME_TUPLES ? homes_tuples(h) * width
                                           : n_templates * width + n_others * (16 + width);
    }
    return bits;
}

static void homes_never_cost_more_than_rows(void **state)
{
    (void)state;
    static uint16_t rows[HOME_FIELDS_N][HOME_ROWS_N];
    static uint16_t templates[HOME_ROWS_N];
    rng r = rng_of(rng_env("ALCO_SEED", 80));
    AL_CLEANUP(homes_freep) homes *h = homes_new();
    unsigned chosen[HOME_KINDS] = {0};
    for (unsigned round = 0; round < 150; round++) {
        homes_field f[HOME_FIELDS_N];
        uint32_t n = 1 + (uint32_t)rng_below(&r, round % 3 ? HOME_ROWS_N : 20);
        uint32_t n_templates = 1 + (uint32_t)rng_below(&r, AL_MIN(n, 50));
        uint32_t n_speakers = 1 + (uint32_t)rng_below(&r, n);
        uint64_t as_rows = 0;
        for (uint32_t i = 0; i < HOME_FIELDS_N; i++) {
            f[i] = (homes_field){.rows = rows[i],
                                 .n_values = 1 + (uint32_t)rng_below(&r, i % 2 ? 5 : n)};
            as_rows += (uint64_t)n * bits_width(f[i].n_values - 1);
        }
        for (uint32_t k = 0; k < n; k++) {
            templates[k] = (uint16_t)(k < n_templates ? k : rng_below(&r, n_templates));
            uint32_t speaker = (uint32_t)rng_below(&r, n_speakers);
            for (uint32_t i = 0; i < HOME_FIELDS_N; i++) {
                uint32_t by = i % 3 == 0   ? templates[k]
                              : i % 3 == 1 ? speaker
                                           : (uint32_t)rng_next(&r);
                rows[i][k] = (uint16_t)((rng_below(&r, 200) ? by : k) % f[i].n_values);
            }
        }
        homes_choose(h, f, HOME_FIELDS_N, templates, n_templates, n);
        assert_true(bits_of(h, f, HOME_FIELDS_N, templates, n_templates, n) <= as_rows);
        for (uint32_t i = 0; i < HOME_FIELDS_N; i++) {
            chosen[f[i].home]++;
            for (uint32_t k = 0; k < n && f[i].home == HOME_TUPLES; k++)
                assert_int_equal(rows[i][k], rows[i][homes_tuple_rows(h)[homes_row_tuples(h)[k]]]);
        }
        for (uint32_t k = 0, next = 0; k < n; k++) { /* in order of first appearance */
            assert_true(homes_row_tuples(h)[k] <= next && homes_row_tuples(h)[k] < homes_tuples(h));
            next += homes_row_tuples(h)[k] == next;
        }
    }
    for (unsigned i = 0; i < HOME_KINDS; i++)
        assert_true(chosen[i] > 0);
}

/* ---- Damage */

static void put_crc(uint8_t *to, const uint8_t *from, size_t n)
{
    uint32_t crc = al_crc32c(0, from, n);
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(crc >> (8 * i));
}

/* Checksums of columns and header, as far as they can be found. */
static void repair(uint8_t *bytes, size_t n)
{
    al_rd r = al_rd_of((al_slice){bytes, n});
    (void)al_rd_u32(&r);
    uint32_t header = al_rd_u32(&r);
    if (r.bad || header > n || header < FMT_BLOCK_FIXED_BYTES + 4)
        return;
    size_t data = header;
    r = al_rd_of((al_slice){bytes + FMT_BLOCK_FIXED_BYTES, header - 4 - FMT_BLOCK_FIXED_BYTES});
    for (uint64_t n_columns = al_rd_varint(&r); n_columns && !r.bad; n_columns--) {
        uint8_t kind = al_rd_u8(&r);
        if (kind == FMT_COL_FIELD || (kind >= FMT_COL_HOMED && kind <= FMT_COL_HOMED_OUTSIDE))
            (void)al_rd_bytes(&r, al_rd_varint(&r));
        (void)al_rd_varint(&r);
        uint64_t stored = al_rd_varint(&r);
        size_t at = header - 4 - r.left;
        (void)al_rd_u32(&r);
        if (r.bad || stored > n - data)
            break;
        put_crc(bytes + at, bytes + data, (size_t)stored);
        data += (size_t)stored;
    }
    put_crc(bytes + header - 4, bytes, header - 4);
}

/* Whatever it says, it ends well, and once it was AL_OK for all rows the columns say the same. */
static al_code read_all_of(mem_seg *s, al_slice bytes)
{
    al_err err;
    record r;
    const al_slice *names = NULL;
    const block_col *col = NULL;
    al_code c = block_view_open_slice(s->view, bytes, &err);
    if (c)
        return c;
    for (uint32_t row = 0; !c && row < block_view_info(s->view)->n_rows; row += 3)
        c = block_view_record(s->view, row, &everything, &r, &err);
    size_t n = block_view_names(s->view, &names);
    for (size_t i = 0; i < n; i++) { /* also behind a damaged one */
        al_code column = block_view_field(s->view, names[i], &col, &err);
        c = c ? c : column;
    }
    for (uint32_t row = 0; !c && row < block_view_info(s->view)->n_rows; row++)
        c = block_view_record(s->view, row, &everything, &r, &err);
    return c;
}

static void damage_of(row_maker *make, uint32_t n, uint64_t seed)
{
    mem_seg s;
    mem_seg_init(&s);
    add_block(&s, make, n, seed);
    mem_seg_close(&s);
    al_slice whole = al_buf_slice(&s.blocks[0]);
    assert_int_equal(read_all_of(&s, whole), AL_OK);
    uint8_t *copy = malloc(whole.len);
    rng r = rng_of(rng_env("ALCO_SEED", seed));
    unsigned n_noticed = 0;
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        memcpy(cut, whole.ptr, len);
        assert_int_equal(read_all_of(&s, (al_slice){cut, len}), AL_CORRUPT);
        free(cut);
    }
    size_t step = 1 + whole.len / 3000;
    for (size_t at = 0; at < whole.len; at += step) {
        for (unsigned k = 0; k < 3; k++) {
            memcpy(copy, whole.ptr, whole.len);
            copy[at] = k < 2 ? copy[at] ^ (uint8_t)(1U << rng_below(&r, 8)) : (uint8_t)rng_next(&r);
            repair(copy, whole.len);
            al_code c = read_all_of(&s, (al_slice){copy, whole.len});
            assert_true(c == AL_OK || c == AL_CORRUPT);
            n_noticed += c == AL_CORRUPT;
        }
    }
    assert_true(n_noticed > 0);
    free(copy);
    mem_seg_done(&s);
}

static void damage_is_named(void **state)
{
    (void)state;
    damage_of(by_template, 90, 90);
    damage_of(tuples, 90, 91);
    damage_of(numbers, 100, 92);
    damage_of(absent, 150, 93);
    damage_of(mixed_types, 60, 94);
    damage_of(long_texts, 20, 95);
    damage_of(distinct_objects, 30, 96);
    damage_of(by_template, 1, 97);
}

/* ---- Memory */

/* The rows of `s` as one block, and its lexicon; new builders, so that they have to grow. */
static al_code write_again(const mem_seg *s, bool has_lexicon, al_buf *out)
{
    al_err err;
    block_info info;
    AL_CLEANUP(block_builder_freep) block_builder *b = block_builder_new();
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    al_code c = b && lex ? AL_OK : AL_NOMEM;
    if (!c && has_lexicon)
        c = block_builder_use_lexicon(b, lex);
    for (size_t i = 0; !c && i < s->rows->n; i++)
        c = block_builder_add(b, &s->rows->recs[i]);
    if (!c)
        c = block_builder_encode(b, out, &info, &err);
    if (!c && has_lexicon)
        c = lex_builder_encode(lex, out, &err);
    return c;
}

/* Each allocation fails once: what is said to be written is written whole. */
static void missing_memory_loses_nothing(void **state)
{
    (void)state;
    static row_maker *const makers[] = {by_template, tuples,     numbers,          absent,
                                        mixed_types, long_texts, distinct_objects, many_names};
    for (size_t i = 0; i < 2 * AL_COUNT(makers); i++) {
        mem_seg s;
        al_buf whole;
        mem_seg_init(&s);
        add_block(&s, makers[i / 2], 60, 98);
        al_buf_init(&whole, SIZE_MAX);
        assert_int_equal(write_again(&s, i % 2, &whole), AL_OK);
        bool has_failed = true;
        for (unsigned long fail_at = 1; has_failed; fail_at++) {
            al_buf out;
            al_buf_init(&out, SIZE_MAX);
            al_mem_fail_at(fail_at);
            al_code c = write_again(&s, i % 2, &out);
            has_failed = al_mem_calls() >= fail_at;
            al_mem_fail_at(0);
            assert_int_equal(c, has_failed ? AL_NOMEM : AL_OK);
            if (!c)
                assert_true(al_slice_eq(al_buf_slice(&out), al_buf_slice(&whole)));
            al_buf_done(&out);
        }
        al_buf_done(&whole);
        mem_seg_done(&s);
    }
}

/* Reading, all that is read at all: right, or AL_NOMEM. */
static void missing_memory_is_said_when_read(void **state)
{
    (void)state;
    static row_maker *const makers[] = {by_template, tuples,     numbers,          absent,
                                        mixed_types, long_texts, distinct_objects, many_names};
    for (size_t i = 0; i < AL_COUNT(makers); i++) {
        mem_seg s;
        mem_seg_init(&s);
        add_block(&s, makers[i], 60, 99);
        mem_seg_close(&s);
        bool has_failed = true;
        for (unsigned long fail_at = 1; has_failed; fail_at++) {
            al_err err;
            lexicon *lex = NULL;
            (void)block_view_free(s.view);
            al_mem_fail_at(fail_at);
            s.view = block_view_new();
            al_code c = s.view ? lex_open_slice(&s.lex_slice, &lex, &err) : AL_NOMEM;
            if (!c) {
                block_view_use_lexicon(s.view, lex);
                c = read_all_of(&s, al_buf_slice(&s.blocks[0]));
            }
            has_failed = al_mem_calls() >= fail_at;
            al_mem_fail_at(0);
            assert_int_equal(c, has_failed ? AL_NOMEM : AL_OK);
            (void)lexicon_unref(lex);
        }
        mem_seg_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(homes_never_cost_more_than_rows),
        cmocka_unit_test(fields_of_templates_come_back),
        cmocka_unit_test(tuples_come_back),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(absent_fields_stay_absent),
        cmocka_unit_test(types_come_back),
        cmocka_unit_test(long_texts_come_back),
        cmocka_unit_test(distinct_objects_come_back),
        cmocka_unit_test(many_names_come_back),
        cmocka_unit_test(random_records_come_back),
        cmocka_unit_test(a_full_lexicon_loses_no_field),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(missing_memory_loses_nothing),
        cmocka_unit_test(missing_memory_is_said_when_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
