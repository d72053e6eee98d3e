/* Goal: blocks give back what was put in, and every damaged or cut block is noticed. Method: random
 * records; every truncation on a heap copy of its own; flipped bytes with a repaired header. */
#include "unit/lex_help.h"
#include "unit/store_help.h"

#include "base/checked.h"
#include "store/block.h"
#include "store/block_ids.h"
#include "store/codec/packed.h"
#include "store/codec/pfor.h"
#include "store/codec/refs.h"
#include "store/positions.h"

static const block_want everything = {.is_all = true};

/* Decodes all there is; false when something does not check out. */
static bool reads_whole(block_view *v, al_slice bytes)
{
    al_err err;
    if (block_view_open_slice(v, bytes, &err))
        return false;
    for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++) {
        record r;
        if (block_view_record(v, row, &everything, &r, &err))
            return false;
    }
    return true;
}

static void blocks_give_records_back(void **state)
{
    (void)state;
    block_builder *b = block_builder_new();
    block_view *v = block_view_new();
    gen_stream g = gen_stream_of(rng_env("ALCO_SEED", 11));
    g.odd_percent = 30;
    for (size_t n = 1; n < 600; n = n * 3 + 1) {
        rec_batch *batch = gen_batch(&g, n);
        lines expected;
        lines got;
        lines_init(&expected);
        lines_init(&got);
        uint64_t id = 0;
        for (size_t i = 0; i < batch->n; i++) {
            id = AL_MAX(id + 1, (uint64_t)batch->recs[i].time_ns);
            batch->recs[i].id = id;
            assert_int_equal(block_builder_add(b, &batch->recs[i]), AL_OK);
            lines_add(&expected, &batch->recs[i]);
        }
        al_buf out;
        al_buf_init(&out, SIZE_MAX);
        block_info info;
        al_err err;
        assert_int_equal(block_builder_encode(b, &out, &info, &err), AL_OK);
        assert_int_equal(block_view_open_slice(v, al_buf_slice(&out), &err), AL_OK);
        assert_int_equal(info.n_rows, batch->n);
        assert_true(info.max_id == id);
        for (uint32_t row = 0; row < info.n_rows; row++) {
            record r;
            assert_int_equal(block_view_record(v, row, &everything, &r, &err), AL_OK);
            assert_true(r.id == batch->recs[row].id);
            lines_add(&got, &r);
            uint32_t found = 0;
            assert_int_equal(block_view_find(v, r.id, &found, &err), AL_OK);
            assert_int_equal(found, row);
        }
        assert_true(lines_equal(&got, &expected));
        lines_done(&got);
        lines_done(&expected);
        al_buf_done(&out);
        (void)rec_batch_free(batch);
    }
    (void)block_view_free(v);
    (void)block_builder_free(b);
}

/* A small block with every kind of column. */
static void small_block(al_buf *out)
{
    static const field fields[] = {
        {{(const uint8_t *)"level", 5}, {VAL_STRING, {(const uint8_t *)"INFO", 4}}},
        {{(const uint8_t *)"n", 1}, {VAL_NUMBER, {(const uint8_t *)"1e3", 3}}},
        {{(const uint8_t *)"gone", 4}, {VAL_NULL, {NULL, 0}}},
        {{(const uint8_t *)"o", 1}, {VAL_OBJECT, {(const uint8_t *)"{\"a\":[]}", 8}}},
    };
    block_builder *b = block_builder_new();
    for (uint64_t i = 0; i < 40; i++) {
        record r = {.id = 1000 + i * 3,
                    .time_ns = i % 5 == 1 ? 1000 + (int64_t)i * 3 - 1 : 1000 + (int64_t)i * 3,
                    .message = al_cstr(i % 2 ? "the quick brown fox" : "jumps over"),
                    .fields = fields + i % 3,
                    .n_fields = (uint32_t)(i % 2 + 1)};
        assert_int_equal(block_builder_add(b, &r), AL_OK);
    }
    block_info info;
    assert_int_equal(block_builder_encode(b, out, &info, NULL), AL_OK);
    (void)block_builder_free(b);
}

static void every_cut_is_noticed(void **state)
{
    (void)state;
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    small_block(&out);
    block_view *v = block_view_new();
    assert_true(reads_whole(v, al_buf_slice(&out)));
    for (size_t cut = 0; cut < out.len; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, out.ptr, cut);
        assert_false(reads_whole(v, (al_slice){copy, cut}));
        free(copy);
    }
    (void)block_view_free(v);
    al_buf_done(&out);
}

static void every_flipped_byte_is_noticed(void **state)
{
    (void)state;
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    small_block(&out);
    block_view *v = block_view_new();
    for (size_t at = 0; at < out.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            out.ptr[at] ^= (uint8_t)(1U << bit);
            assert_false(reads_whole(v, al_buf_slice(&out)));
            out.ptr[at] ^= (uint8_t)(1U << bit);
        }
    }
    assert_true(reads_whole(v, al_buf_slice(&out)));
    (void)block_view_free(v);
    al_buf_done(&out);
}

static void a_block_says_when_it_is_full(void **state)
{
    (void)state;
    block_builder *b = block_builder_new();
    char name[16];
    uint32_t rows = 0;
    al_code c = AL_OK;
    while (!c) { /* each row has a name of its own: cells are bounded */
        (void)snprintf(name, sizeof name, "f%u", rows);
        field f = {al_cstr(name), {VAL_NULL, {0}}};
        record r = {.id = rows + 1, .fields = &f, .n_fields = 1};
        c = block_builder_add(b, &r);
        rows += c == AL_OK;
    }
    assert_int_equal(c, AL_AGAIN);
    assert_true((uint64_t)rows * rows <= BLOCK_CELLS_MAX);
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    block_info info;
    al_err err;
    assert_int_equal(block_builder_encode(b, &out, &info, &err), AL_OK);
    block_view *v = block_view_new();
    assert_true(reads_whole(v, al_buf_slice(&out)));
    assert_int_equal(block_builder_rows(b), 0);
    for (rows = 0, c = AL_OK; !c; rows += c == AL_OK) {
        record r = {.id = rows + 1};
        c = block_builder_add(b, &r);
    }
    assert_int_equal(rows, BLOCK_ROWS_MAX);
    block_builder_clear(b);
    /* One row may be larger than what a block otherwise holds. */
    size_t huge = BLOCK_RAW_BYTES * 2;
    uint8_t *text = calloc(1, huge);
    record r = {.id = 1, .message = {text, huge}};
    assert_int_equal(block_builder_add(b, &r), AL_OK);
    r.id = 2;
    assert_int_equal(block_builder_add(b, &r), AL_AGAIN);
    free(text);
    al_buf_done(&out);
    (void)block_view_free(v);
    (void)block_builder_free(b);
}

static void without_memory_nothing_breaks(void **state)
{
    (void)state;
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    small_block(&out);
    for (unsigned long n = 1;; n++) {
        al_mem_fail_at(n);
        block_view *v = block_view_new();
        bool ok = v && reads_whole(v, al_buf_slice(&out));
        bool failed = al_mem_calls() >= n;
        al_mem_fail_at(0);
        (void)block_view_free(v);
        assert_true(ok == !failed);
        if (!failed)
            break;
    }
    al_buf_done(&out);
}

/* ---- Ids and times */

/* Steps of a clock: how fine it is, how long it pauses, how often rows share a tick. */
typedef struct ticking {
    uint64_t unit, gap, start;
    unsigned same_percent;
} ticking;

static const ticking clocks[] = {
    {1, 100000000, 1, 0},
    {1000, 100000, UINT64_C(1793491200000000000), 0},
    {1000, 100000, UINT64_C(1793491200000000000), 3},
    {1000000, 20, UINT64_C(1793491200000000000), 60},
    {1000000000, 3, UINT64_C(1793491200000000000), 90},
    {1, 1, 0, 100},
    {1, UINT64_C(1) << 40, 7, 20},
};

/* Rows of random times, ids as the store gives them. */
static void add_ticks(block_builder *b, const ticking *k, rng *r, uint64_t *ids, int64_t *times,
                      uint32_t n)
{
    uint64_t time = k->start;
    for (uint32_t i = 0; i < n; i++) {
        if (rng_below(r, 100) >= k->same_percent)
            time += (rng_below(r, k->gap) + 1) * k->unit;
        ids[i] = i && time <= ids[i - 1] ? ids[i - 1] + 1 : time;
        times[i] = (int64_t)time;
        record rec = {.id = ids[i], .time_ns = times[i]};
        assert_int_equal(block_builder_add(b, &rec), AL_OK);
    }
}

static void ids_and_times_are_read_alone(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 255, 256, 257, 1000, BLOCK_ROWS_MAX};
    rng r = rng_of(rng_env("ALCO_SEED", 31));
    block_builder *b = block_builder_new();
    block_view *v = block_view_new();
    uint64_t *ids = malloc(BLOCK_ROWS_MAX * sizeof *ids);
    int64_t *times = malloc(BLOCK_ROWS_MAX * sizeof *times);
    al_err err;
    for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++)
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            uint32_t n = counts[k];
            add_ticks(b, &clocks[c], &r, ids, times, n);
            al_buf out;
            al_buf_init(&out, SIZE_MAX);
            block_info info;
            assert_int_equal(block_builder_encode(b, &out, &info, &err), AL_OK);
            assert_int_equal(block_view_open_slice(v, al_buf_slice(&out), &err), AL_OK);
            bool are_ids = true;
            for (uint32_t i = 0; i < n; i++)
                are_ids = are_ids && ids[i] == (uint64_t)times[i];
            assert_true(block_view_times_are_ids(v) == are_ids);
            for (unsigned i = 0; i < 300; i++) {
                uint32_t row = (uint32_t)rng_below(&r, n);
                uint64_t id = 0;
                int64_t time = 0;
                uint32_t found = 0;
                assert_int_equal(block_view_id(v, row, &id, &err), AL_OK);
                assert_true(id == ids[row]);
                assert_int_equal(block_view_time(v, row, &time, &err), AL_OK);
                assert_true(time == times[row]);
                uint64_t wanted = ids[row] + rng_below(&r, 3) - 1;
                assert_int_equal(block_view_find(v, wanted, &found, &err), AL_OK);
                assert_true(found == n || ids[found] >= wanted);
                assert_true(found == 0 || ids[found - 1] < wanted);
            }
            uint32_t found = 1;
            assert_int_equal(block_view_find(v, 0, &found, &err), AL_OK);
            assert_int_equal(found, 0);
            assert_int_equal(block_view_find(v, ids[n - 1] + 1, &found, &err), AL_OK);
            assert_int_equal(found, n);
            const uint64_t *all_ids = NULL;
            const int64_t *all_times = NULL;
            assert_int_equal(block_view_ids(v, &all_ids, &err), AL_OK);
            assert_int_equal(block_view_times(v, &all_times, &err), AL_OK);
            assert_memory_equal(all_ids, ids, n * sizeof *ids);
            assert_memory_equal(all_times, times, n * sizeof *times);
            al_buf_done(&out);
        }
    free(ids);
    free(times);
    (void)block_view_free(v);
    (void)block_builder_free(b);
}

/* Every cut of the column itself: behind a checksum the block's own test does not get there. */
static void cut_ids_and_lists_are_noticed(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 32));
    uint64_t ids[600];
    uint64_t got[PFOR_GROUP];
    for (size_t i = 0; i < 600; i++)
        ids[i] = 5000 + (i ? ids[i - 1] : 0) + rng_below(&r, 9) * 1000 + (rng_below(&r, 50) == 0);
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    block_ids_encode(ids, 600, &b);
    for (size_t cut = 0; cut <= b.len; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, b.ptr, cut);
        al_rd rd = al_rd_of((al_slice){copy, cut});
        block_ids list;
        block_ids_open(&rd, 600, ids[0], ids[599], &list);
        assert_true(rd.bad == (cut < b.len));
        for (uint32_t g = 0; !rd.bad && g < 3; g++) {
            assert_true(block_ids_group(&list, g, got));
            assert_memory_equal(got, ids + (size_t)g * PFOR_GROUP,
                                (g < 2 ? PFOR_GROUP : 600 - 2 * PFOR_GROUP) * sizeof *got);
        }
        free(copy);
    }
    al_buf_done(&b);
}

static void number_lists_come_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 33));
    uint64_t v[1000];
    uint64_t got[PFOR_GROUP];
    for (unsigned round = 0; round < 400; round++) {
        size_t n = rng_below(&r, 1000);
        unsigned usual = (unsigned)rng_below(&r, 64);
        unsigned odd = (unsigned)rng_below(&r, 64);
        unsigned odd_percent = (unsigned)rng_below(&r, 110);
        for (size_t i = 0; i < n; i++)
            v[i] = rng_next(&r) >> (rng_below(&r, 100) < odd_percent ? odd : usual);
        al_buf b;
        al_buf_init(&b, SIZE_MAX);
        pfor_encode(v, n, &b);
        uint8_t *copy = malloc(b.len ? b.len : 1);
        if (b.len)
            memcpy(copy, b.ptr, b.len);
        al_rd rd = al_rd_of((al_slice){copy, b.len});
        pfor p;
        pfor_open(&rd, n, &p);
        assert_false(rd.bad);
        assert_int_equal(rd.left, 0);
        assert_true(b.len <= n * 8 + 3 * ((n + PFOR_GROUP - 1) / PFOR_GROUP));
        for (uint32_t g = 0; g * (size_t)PFOR_GROUP < n; g++) {
            pfor_group(&p, g, got);
            assert_memory_equal(got, v + (size_t)g * PFOR_GROUP,
                                pfor_group_rows(&p, g) * sizeof *got);
            assert_true(pfor_first(&p, g) == v[(size_t)g * PFOR_GROUP]);
        }
        free(copy);
        al_buf_done(&b);
    }
}

/* ---- Codecs */

static void references_come_back(void **state)
{
    (void)state;
    rng r = rng_of(rng_env("ALCO_SEED", 3));
    for (uint32_t n_values = 1; n_values < 100000; n_values *= 7) {
        uint32_t n = n_values + (uint32_t)rng_below(&r, 1000);
        uint32_t *values = malloc(n * sizeof *values);
        uint32_t *got = malloc(n * sizeof *got);
        uint32_t next = 0;
        for (uint32_t i = 0; i < n; i++) {
            bool is_new =
                next == 0 || (next < n_values && (n - i <= n_values - next || rng_chance(&r, 50)));
            values[i] = is_new ? next : (uint32_t)rng_below(&r, next);
            next += is_new;
        }
        al_buf b;
        al_buf_init(&b, SIZE_MAX);
        refs_encode(values, n, &b);
        al_rd rd = al_rd_of(al_buf_slice(&b));
        refs_decode(&rd, n, next, got);
        assert_false(rd.bad);
        assert_int_equal(rd.left, 0);
        assert_memory_equal(values, got, n * sizeof *values);
        rd = al_rd_of(al_slice_sub(al_buf_slice(&b), 0, b.len - 1));
        refs_decode(&rd, n, next, got);
        assert_true(rd.bad);
        rd = al_rd_of(al_buf_slice(&b));
        refs_decode(&rd, n, next + 1, got); /* a value that nothing refers to */
        assert_true(rd.bad);
        al_buf_done(&b);
        free(values);
        free(got);
    }
}

static void packed_parts_come_back(void **state)
{
    (void)state;
    packer *p = packer_new();
    rng r = rng_of(5);
    for (size_t len = 0; len < 5000; len = len * 2 + 1) {
        uint8_t *raw = malloc(len + 1);
        uint8_t *got = malloc(len + 1);
        for (size_t i = 0; i < len; i++)
            raw[i] = (uint8_t)(len % 2 ? rng_next(&r) : 'x');
        al_buf out;
        al_buf_init(&out, SIZE_MAX);
        packed d;
        al_err err;
        assert_int_equal(packed_store(p, (al_slice){raw, len}, &out, &d), AL_OK);
        assert_true(d.stored_bytes <= d.raw_bytes);
        assert_int_equal(packed_load(p, &d, al_buf_slice(&out), got, &err), AL_OK);
        assert_memory_equal(raw, got, len);
        if (len) {
            out.ptr[0] ^= 1;
            assert_int_equal(packed_load(p, &d, al_buf_slice(&out), got, &err), AL_CORRUPT);
        }
        al_buf_done(&out);
        free(raw);
        free(got);
    }
    (void)packer_free(p);
}

static void positions_come_back_and_cuts_are_noticed(void **state)
{
    (void)state;
    pos_builder b;
    pos_builder_init(&b);
    rng r = rng_of(8);
    uint32_t n = 0;
    for (; n < 500; n++)
        assert_int_equal(pos_builder_add(&b, rng_below(&r, 3) ? 7 : rng_below(&r, 4), n), AL_OK);
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    positions_encode(b.runs, b.n, &out);
    positions *p = NULL;
    al_err err;
    assert_int_equal(positions_decode(al_buf_slice(&out), n, &p, &err), AL_OK);
    size_t n_runs;
    const pos_run *runs = positions_runs(p, &n_runs);
    assert_int_equal(n_runs, b.n);
    for (size_t i = 0; i < n_runs; i++)
        assert_true(runs[i].frame == b.runs[i].frame && runs[i].row == b.runs[i].row &&
                    runs[i].first_row == b.runs[i].first_row && runs[i].n_rows == b.runs[i].n_rows);
    (void)positions_unref(p);
    for (size_t cut = 0; cut < out.len; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, out.ptr, cut);
        assert_int_equal(positions_decode((al_slice){copy, cut}, n, &p, &err), AL_CORRUPT);
        free(copy);
    }
    assert_int_equal(positions_decode(al_buf_slice(&out), n + 1, &p, &err), AL_CORRUPT);
    al_buf_done(&out);
    pos_builder_done(&b);
}

/* ---- Blocks that are read by columns */

typedef struct reads {
    al_slice bytes;
    unsigned n;
    size_t n_bytes;
    unsigned fail_at; /* the call that fails; 0: none */
    unsigned n_done;
} reads;

static al_code read_some(const block_source *s, uint8_t *to, uint64_t off, size_t n, al_err *err)
{
    reads *r = s->ctx;
    assert_int_equal(s->at, 7);
    assert_true(off + n <= r->bytes.len);
    if (++r->n == r->fail_at)
        return al_fail(err, AL_IO, "cannot be read");
    memcpy(to, r->bytes.ptr + off, n);
    r->n_bytes += n;
    return AL_OK;
}

static void reads_done(const block_source *s)
{
    ((reads *)s->ctx)->n_done++;
}

static al_code read_lines(block_view *v, lines *ret)
{
    al_err err;
    for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++) {
        record r;
        al_code c = block_view_record(v, row, &everything, &r, &err);
        if (c)
            return c;
        lines_add(ret, &r);
    }
    return AL_OK;
}

/* Whichever read fails: the view says so, and goes on once it can be read. */
static void check_source(block_view *v, al_slice bytes)
{
    al_err err;
    lines expected;
    lines_init(&expected);
    assert_int_equal(block_view_open_slice(v, bytes, &err), AL_OK);
    assert_int_equal(read_lines(v, &expected), AL_OK);
    reads r = {.bytes = bytes, .fail_at = 1};
    for (unsigned n_opened = 1; r.fail_at; n_opened++) {
        const block_source source = {
            .read = read_some, .done = reads_done, .ctx = &r, .at = 7, .bytes = bytes.len};
        r.n = 0;
        al_code c = block_view_open_source(v, &source, &err);
        lines got;
        lines_init(&got);
        if (!c) {
            c = read_lines(v, &got);
            bool has_failed = r.n >= r.fail_at;
            assert_int_equal(c, has_failed ? AL_IO : AL_OK);
            if (c) {
                lines_done(&got);
                lines_init(&got);
                assert_int_equal(read_lines(v, &got), AL_OK);
            }
            assert_true(lines_equal(&got, &expected));
            r.fail_at = has_failed ? r.fail_at + 1 : 0;
        } else {
            assert_int_equal(c, AL_IO);
            r.fail_at++;
        }
        lines_done(&got);
        block_view_close(v);
        assert_int_equal(r.n_done, n_opened);
    }
    lines_done(&expected);
}

static void only_what_is_asked_for_is_read(void **state)
{
    (void)state;
    AL_CLEANUP(block_builder_freep) block_builder *b = block_builder_new();
    AL_CLEANUP(block_view_freep) block_view *v = block_view_new();
    gen_stream g = gen_stream_of(rng_env("ALCO_SEED", 19));
    rec_batch *batch = gen_batch(&g, 2000);
    block_info info;
    al_err err;
    uint64_t id = 0;
    for (size_t i = 0; i < batch->n; i++) {
        id = AL_MAX(id + 1, (uint64_t)batch->recs[i].time_ns);
        batch->recs[i].id = id;
        assert_int_equal(block_builder_add(b, &batch->recs[i]), AL_OK);
    }
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    assert_int_equal(block_builder_encode(b, &out, &info, &err), AL_OK);
    check_source(v, al_buf_slice(&out));
    reads r = {.bytes = al_buf_slice(&out)};
    const block_source source = {
        .read = read_some, .done = reads_done, .ctx = &r, .at = 7, .bytes = out.len};
    const uint64_t *ids = NULL;
    assert_int_equal(block_view_open_source(v, &source, &err), AL_OK);
    assert_int_equal(block_view_ids(v, &ids, &err), AL_OK);
    assert_true(r.n_bytes < out.len / 2);
    const al_slice *names = NULL;
    size_t n_names = block_view_names(v, &names);
    assert_true(n_names > 3);
    for (size_t i = 0; i < 3; i++) {
        const block_col *col = NULL;
        r.n_bytes = 0;
        assert_int_equal(block_view_field(v, names[i], &col, &err), AL_OK);
        assert_non_null(col);
        assert_true(r.n_bytes > 0 && r.n_bytes < out.len / 2);
        r.n_bytes = 0; /* what was read stays */
        assert_int_equal(block_view_field(v, names[i], &col, &err), AL_OK);
        assert_int_equal(r.n_bytes, 0);
    }
    block_view_close(v); /* its source ends here */
    assert_int_equal(r.n_done, 1);
    (void)rec_batch_free(batch);
    al_buf_done(&out);
}

/* The same records through a lexicon: equal, and refused without it. */
static void a_lexicon_gives_records_back(void **state)
{
    (void)state;
    al_err err;
    AL_CLEANUP(block_builder_freep) block_builder *b = block_builder_new();
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    AL_CLEANUP(block_view_freep) block_view *v = block_view_new();
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    gen_stream g = gen_stream_of(rng_env("ALCO_SEED", 12));
    g.odd_percent = 30;
    al_buf blocks[3];
    al_buf bytes;
    lines expected;
    lines got;
    lines_init(&expected);
    lines_init(&got);
    al_buf_init(&bytes, SIZE_MAX);
    assert_int_equal(block_builder_use_lexicon(b, lex), AL_OK);
    uint64_t id = 0;
    for (size_t k = 0; k < AL_COUNT(blocks); k++) {
        rec_batch *batch = gen_batch(&g, 1 + k * 700);
        block_info info;
        for (size_t i = 0; i < batch->n; i++) {
            id = AL_MAX(id + 1, (uint64_t)batch->recs[i].time_ns);
            batch->recs[i].id = id;
            assert_int_equal(block_builder_add(b, &batch->recs[i]), AL_OK);
            lines_add(&expected, &batch->recs[i]);
        }
        al_buf_init(&blocks[k], SIZE_MAX);
        assert_int_equal(block_builder_encode(b, &blocks[k], &info, &err), AL_OK);
        (void)rec_batch_free(batch);
    }
    assert_int_equal(lex_builder_encode(lex, &bytes, &err), AL_OK);
    al_slice slice = al_buf_slice(&bytes);
    assert_int_equal(lex_open_slice(&slice, &l, &err), AL_OK);
    const al_slice *messages = NULL;
    assert_int_equal(block_view_open_slice(v, al_buf_slice(&blocks[0]), &err), AL_OK);
    assert_int_equal(block_view_messages(v, &messages, &err), AL_CORRUPT);
    block_view_use_lexicon(v, l);
    for (size_t k = 0; k < AL_COUNT(blocks); k++) {
        msg_view *split = NULL;
        assert_int_equal(block_view_open_slice(v, al_buf_slice(&blocks[k]), &err), AL_OK);
        assert_int_equal(block_view_templates(v, &split, &err), AL_OK);
        assert_non_null(split);
        for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++) {
            record r;
            assert_int_equal(block_view_record(v, row, &everything, &r, &err), AL_OK);
            lines_add(&got, &r);
        }
        check_source(v, al_buf_slice(&blocks[k]));
        for (size_t len = 0; len < blocks[k].len && k == 1; len += 1 + len / 40)
            assert_false(reads_whole(v, al_slice_sub(al_buf_slice(&blocks[k]), 0, len)));
    }
    assert_true(lines_equal(&got, &expected));
    for (size_t k = 0; k < AL_COUNT(blocks); k++)
        al_buf_done(&blocks[k]);
    al_buf_done(&bytes);
    lines_done(&expected);
    lines_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_give_records_back),
        cmocka_unit_test(a_lexicon_gives_records_back),
        cmocka_unit_test(only_what_is_asked_for_is_read),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(every_flipped_byte_is_noticed),
        cmocka_unit_test(a_block_says_when_it_is_full),
        cmocka_unit_test(without_memory_nothing_breaks),
        cmocka_unit_test(ids_and_times_are_read_alone),
        cmocka_unit_test(cut_ids_and_lists_are_noticed),
        cmocka_unit_test(number_lists_come_back),
        cmocka_unit_test(references_come_back),
        cmocka_unit_test(packed_parts_come_back),
        cmocka_unit_test(positions_come_back_and_cuts_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
