/* bench_message FILE [SEGMENT_ROWS]: what messages cost as templates and slots. FILE has messages
 * as a length (4 bytes, little-endian) and bytes each. Splits, encodes in blocks of 16,384 rows
 * with a lexicon for each SEGMENT_ROWS (1 Mi), decodes and compares every message; prints bytes by
 * part and nanoseconds a row. Ends with an error when a message comes back otherwise. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "store/codec/bits.h"
#include "store/codec/packed.h"
#include "store/limits.h"
#include "store/msg/msg_builder.h"
#include "store/msg/msg_view.h"
#include "store/msg/split.h"

typedef struct stored_block {
    size_t column_at, column_len, text_at, text_len;
    uint32_t first, n_rows;
} stored_block;

typedef struct totals {
    uint64_t column, column_packed, text, text_packed, lexicon, rows, raw;
    uint64_t add_ns, encode_ns, lexicon_ns, decode_ns;
    uint64_t values, templates;
    size_t builder_bytes, lexicon_memory;
    uint64_t map, stream_bytes[MSG_STREAM_KINDS], stream_values[MSG_STREAM_KINDS];
    uint64_t templates_bytes, values_bytes, blocks_bytes, sieve_bytes; /* of the lexicon */
} totals;

static void must(al_code c, const al_err *err)
{
    if (!c)
        return;
    (void)fprintf(stderr, "%s: %s\n", al_code_name(c), err ? err->msg : "");
    exit(1);
}

static al_slice *read_messages(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rbe");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        exit(2);
    long bytes = ftell(f);
    rewind(f);
    uint8_t *all = malloc((size_t)bytes + 1);
    if (!all || fread(all, 1, (size_t)bytes, f) != (size_t)bytes)
        exit(2);
    (void)fclose(f); /* only read */
    al_rd r = al_rd_of((al_slice){all, (size_t)bytes});
    size_t cap = (size_t)bytes / 8 + 16;
    al_slice *messages = malloc(cap * sizeof *messages);
    size_t n = 0;
    while (messages && r.left && n < cap) {
        uint32_t len = al_rd_u32(&r);
        messages[n++] = al_rd_bytes(&r, len);
    }
    if (!messages || r.bad || r.left)
        exit(2);
    *ret_n = n;
    return messages;
}

/* Of this process: others may use the machine. */
static uint64_t now_ns(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
        exit(2);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void measure_split(const al_slice *messages, size_t n)
{
    msg_split *s = malloc(sizeof *s);
    uint64_t from = now_ns();
    uint64_t slots = 0;
    uint64_t fixed = 0;
    for (size_t i = 0; s && i < n; i++) {
        msg_split_make(messages[i], s);
        slots += s->n_slots;
        fixed += s->template_len;
    }
    printf("split        %7.1f ns a row, %.2f slots, %.1f bytes of template\n",
           (double)(now_ns() - from) / (double)n, (double)slots / (double)n,
           (double)fixed / (double)n);
    free(s);
}

typedef struct memory_source {
    al_slice bytes;
    uint64_t n_read;
} memory_source;

static al_code read_memory(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    memory_source *m = ctx;
    if (off > m->bytes.len || n > m->bytes.len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    memcpy(to, m->bytes.ptr + off, n);
    m->n_read += n;
    return AL_OK;
}

static uint64_t reads(memory_source *m)
{
    uint64_t n = m->n_read;
    m->n_read = 0;
    return n;
}

static void pass_over(void *ctx, uint32_t number, const lex_use_in *use)
{
    (void)ctx;
    (void)number;
    (void)use;
}

/* A lexicon reads a part when it is first asked for: what it reads then is the part's length. */
static void count_parts(al_slice lex_bytes, totals *t)
{
    al_err err;
    memory_source m = {.bytes = lex_bytes};
    lex_source source = {.read = read_memory, .ctx = &m, .bytes = lex_bytes.len};
    AL_CLEANUP(lexicon_unrefp) lexicon *lex = NULL;
    lex_chunk all = {0};
    bool holds = false;
    const lex_keys keys = lex_keys_of(AL_LIT("abcdefghijkl"));
    const lex_keys digits = lex_keys_of_runs(AL_LIT("12345678"));
    must(lexicon_open(&source, &lex, &err), &err);
    (void)reads(&m);
    must(lexicon_all_templates(lex, &all, &err), &err);
    t->templates_bytes += reads(&m);
    must(lexicon_template_blocks(lex, NULL, pass_over, NULL, &err), &err);
    t->blocks_bytes += reads(&m);
    for (uint32_t i = 0; i < lexicon_chunks(lex); i++) {
        must(lexicon_chunk(lex, i, &all, &err), &err);
        t->values_bytes += reads(&m);
        must(lexicon_value_blocks(lex, i, NULL, pass_over, NULL, &err), &err);
        t->blocks_bytes += reads(&m);
    }
    must(lexicon_may_hold(lex, LEX_TEMPLATES, &keys, &holds, &err), &err);
    must(lexicon_may_have_outside(lex, 0, &digits, &holds, &err), &err);
    t->sieve_bytes += reads(&m);
    t->values += lexicon_values(lex);
    t->templates += lexicon_templates(lex);
}

/* Where a block's bytes are. */
static void count_streams(msg_view *v, totals *t)
{
    al_err err;
    t->map += bits_bytes(v->n_rows, v->width);
    for (uint32_t i = 0; i < v->n_templates; i++) {
        const msg_template *m = NULL;
        must(msg_view_template(v, i, &m, &err), &err);
        for (uint32_t k = 0; k < m->n_slots; k++) {
            const msg_stream *s = &m->streams[k];
            t->stream_values[s->kind] += s->n;
            t->stream_bytes[s->kind] += bits_bytes(s->n, s->width) + s->n_list +
                                        bits_bytes(s->aux ? s->n : 0, s->aux_width);
        }
    }
}

static void print_parts(const totals *t)
{
    static const char *const kinds[] = {"ints", "digits", "scaled", "values", "text"};
    printf("row map      %llu bytes\n", (unsigned long long)t->map);
    for (unsigned i = 0; i < MSG_STREAM_KINDS; i++)
        printf("  %-10s %llu values, about %llu bytes\n", kinds[i],
               (unsigned long long)t->stream_values[i], (unsigned long long)t->stream_bytes[i]);
    printf("of lexicons: templates %llu bytes, values %llu, blocks of both %llu, sieves %llu\n",
           (unsigned long long)t->templates_bytes, (unsigned long long)t->values_bytes,
           (unsigned long long)t->blocks_bytes, (unsigned long long)t->sieve_bytes);
}

static void decode(const al_slice *messages, const stored_block *blocks, size_t n, al_slice columns,
                   al_slice texts, al_slice lex_bytes, totals *t)
{
    al_err err;
    memory_source m = {.bytes = lex_bytes};
    lex_source source = {.read = read_memory, .ctx = &m, .bytes = lex_bytes.len};
    AL_CLEANUP(lexicon_unrefp) lexicon *lex = NULL;
    AL_CLEANUP(packer_freep) packer *pack = packer_new();
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1 << 20);
    must(lexicon_open(&source, &lex, &err), &err);
    for (size_t i = 0; i < n; i++) {
        const stored_block *b = &blocks[i];
        const al_slice *got = NULL;
        msg_view v;
        al_arena_reset(arena);
        uint64_t from = now_ns();
        must(msg_view_open(&v, al_slice_sub(columns, b->column_at, b->column_at + b->column_len),
                           al_slice_sub(texts, b->text_at, b->text_at + b->text_len), b->n_rows,
                           lex, pack, arena, &err),
             &err);
        must(msg_view_all(&v, &got, &err), &err);
        t->decode_ns += now_ns() - from;
        for (uint32_t r = 0; r < b->n_rows; r++)
            if (!al_slice_eq(got[r], messages[b->first + r])) {
                (void)fprintf(stderr, "message %u differs\n", b->first + r);
                exit(1);
            }
        count_streams(&v, t);
    }
    t->lexicon_memory = AL_MAX(t->lexicon_memory, lexicon_bytes(lex));
}

static void pack(packer *p, al_slice raw, uint64_t *sum)
{
    al_buf out;
    packed d;
    al_buf_init(&out, SIZE_MAX);
    must(packed_store(p, raw, &out, &d), NULL);
    *sum += d.stored_bytes;
    al_buf_done(&out);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void one_segment(const al_slice *messages, size_t n, totals *t)
{
    uint32_t n_templates = 0;
    AL_CLEANUP(msg_builder_freep) msg_builder *b = msg_builder_new();
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    AL_CLEANUP(packer_freep) packer *p = packer_new();
    stored_block *blocks = malloc((n / BLOCK_ROWS_MAX + 1) * sizeof *blocks);
    if (!b || !lex || !p || !blocks)
        exit(2);
    al_buf columns, texts, lexicon_bytes_out;
    al_err err;
    al_buf_init(&columns, SIZE_MAX);
    al_buf_init(&texts, SIZE_MAX);
    al_buf_init(&lexicon_bytes_out, SIZE_MAX);
    size_t n_blocks = 0;
    for (size_t first = 0; first < n; first += BLOCK_ROWS_MAX) {
        uint32_t rows = (uint32_t)AL_MIN(n - first, (size_t)BLOCK_ROWS_MAX);
        uint64_t from = now_ns();
        for (uint32_t r = 0; r < rows; r++) {
            must(msg_builder_add(b, messages[first + r]), NULL);
            t->raw += messages[first + r].len;
        }
        uint64_t added = now_ns();
        stored_block s = {
            .column_at = columns.len, .text_at = 0, .first = (uint32_t)first, .n_rows = rows};
        al_buf text;
        al_buf_init(&text, SIZE_MAX);
        must(lex_builder_block(lex), NULL);
        const msg_column to = {.map = &columns, .slots = &columns, .text = &text};
        must(msg_builder_encode(b, lex, &to, NULL, &n_templates), NULL);
        t->encode_ns += now_ns() - added;
        t->add_ns += added - from;
        s.column_len = columns.len - s.column_at;
        s.text_at = texts.len;
        s.text_len = text.len;
        al_buf_slice_put(&texts, al_buf_slice(&text));
        pack(p, al_buf_slice(&text), &t->text_packed);
        pack(p, al_slice_sub(al_buf_slice(&columns), s.column_at, columns.len), &t->column_packed);
        al_buf_done(&text);
        blocks[n_blocks++] = s;
    }
    uint64_t from = now_ns();
    must(lex_builder_encode(lex, &lexicon_bytes_out, &err), &err);
    t->lexicon_ns += now_ns() - from;
    t->column += columns.len;
    t->text += texts.len;
    t->lexicon += lexicon_bytes_out.len;
    t->rows += n;
    size_t with_builders = heap_bytes();
    (void)msg_builder_free(AL_TAKE(b));
    (void)lex_builder_free(AL_TAKE(lex));
    t->builder_bytes = AL_MAX(t->builder_bytes, with_builders - heap_bytes());
    count_parts(al_buf_slice(&lexicon_bytes_out), t);
    decode(messages, blocks, n_blocks, al_buf_slice(&columns), al_buf_slice(&texts),
           al_buf_slice(&lexicon_bytes_out), t);
    al_buf_done(&columns);
    al_buf_done(&texts);
    al_buf_done(&lexicon_bytes_out);
    free(blocks);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_message FILE [SEGMENT_ROWS]\n");
        return 2;
    }
    uint64_t segment_rows = SEG_ROWS_MAX;
    if (argc > 2 && (!al_parse_u64(al_cstr(argv[2]), &segment_rows) || segment_rows == 0))
        return 2;
    size_t n = 0;
    al_slice *messages = read_messages(argv[1], &n);
    measure_split(messages, n);
    totals t = {0};
    for (size_t at = 0; at < n; at += segment_rows)
        one_segment(messages + at, AL_MIN(n - at, (size_t)segment_rows), &t);
    double rows = (double)t.rows;
    printf("rows         %llu, %.1f bytes each\n", (unsigned long long)t.rows,
           (double)t.raw / rows);
    printf("column       %llu bytes (zstd: %llu)\n", (unsigned long long)t.column,
           (unsigned long long)t.column_packed);
    printf("texts        %llu bytes (zstd: %llu)\n", (unsigned long long)t.text,
           (unsigned long long)t.text_packed);
    printf("lexicon      %llu bytes, %llu values, %llu templates\n", (unsigned long long)t.lexicon,
           (unsigned long long)t.values, (unsigned long long)t.templates);
    print_parts(&t);
    printf("all          %llu bytes\n", (unsigned long long)t.column + t.text_packed + t.lexicon);
    printf(
        "add          %7.1f ns a row\nencode       %7.1f ns a row\nlexicon      %7.1f ns a row\n",
        (double)t.add_ns / rows, (double)t.encode_ns / rows, (double)t.lexicon_ns / rows);
    printf("decode       %7.1f ns a row, every message equal\n", (double)t.decode_ns / rows);
    printf("memory       %zu bytes builders, %zu bytes lexicon when read whole\n", t.builder_bytes,
           t.lexicon_memory);
    /* the file stays until the end */
    free(messages);
    return 0;
}
