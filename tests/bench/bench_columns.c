/* bench_columns FILE [BLOCK_ROWS [lexicon]]: what each column of a block costs. FILE has one JSON
 * document a line. Sorts by time, gives ids as the store does, builds blocks of BLOCK_ROWS
 * (16,384), as in the log or as in segments (with a lexicon for each SEG_ROWS_MAX rows), reads
 * every row back and compares it; prints bytes a column and nanoseconds a row. Ends with an error
 * when a row comes back otherwise. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/clock.h"
#include "record/decode.h"
#include "store/block.h"
#include "store/codec/bits.h"
#include "store/codec/packed.h"
#include "store/format.h"

enum { NAMES_MAX = 512, FINDS = 64, ARENA_BYTES = 1 << 16, BLOCKS_MAX = SEG_ROWS_MAX };

typedef struct line {
    uint64_t id;
    int64_t time_ns;
    uint64_t off;
    uint32_t len;
} line;

typedef struct cost {
    char name[48];
    uint64_t stored;
    uint64_t raw;
    uint64_t packed; /* of a field: what it might take instead */
} cost;

typedef struct totals {
    cost costs[NAMES_MAX];
    size_t n_costs;
    uint64_t bytes;
    uint64_t blocks;
    uint64_t some_rows; /* read alone */
    int64_t add_ns, encode_ns, ids_ns, find_ns, page_ns;
    int64_t open_ns, first_ns, fields_ns, columns_ns;
    int64_t messages_ns; /* add and encode, as if there were no fields */
} totals;

/* Blocks that share a lexicon. */
typedef struct segment_of {
    al_buf *blocks;
    size_t *first; /* of each block: its first line */
    size_t n;
    al_buf lexicon;
    al_slice slice;
} segment_of;

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "bench_columns: %s\n", what);
    exit(1);
}

static int by_time(const void *a, const void *b)
{
    const line *x = a;
    const line *y = b;
    if (x->time_ns != y->time_ns)
        return x->time_ns < y->time_ns ? -1 : 1;
    return x->off < y->off ? -1 : x->off > y->off;
}

static line *read_lines(al_slice text, size_t *ret_n)
{
    al_arena *arena = al_arena_new(ARENA_BYTES);
    size_t n = 0;
    size_t cap = 1 << 20;
    line *lines = malloc(cap * sizeof *lines);
    for (size_t at = 0; at < text.len; n++) {
        if (n == cap)
            lines = realloc(lines, (cap *= 2) * sizeof *lines);
        must(arena && lines, "memory");
        size_t end = al_slice_find(text, '\n', at);
        record r;
        unsigned notes = 0;
        rec_options opt = {.arrival_ns = 1};
        must(!rec_decode(al_slice_sub(text, at, end), &opt, arena, &r, &notes), "decode");
        lines[n] = (line){.time_ns = r.time_ns, .off = at, .len = (uint32_t)(end - at)};
        al_arena_reset(arena);
        at = end + 1;
    }
    must(n > 0, "no rows");
    qsort(lines, n, sizeof *lines, by_time);
    uint64_t id = 0;
    for (size_t i = 0; i < n; i++)
        lines[i].id = id = AL_MAX(id + 1, (uint64_t)lines[i].time_ns);
    (void)al_arena_free(arena);
    *ret_n = n;
    return lines;
}

static cost *add_cost(totals *t, const char *name, uint64_t stored, uint64_t raw)
{
    size_t i = 0;
    while (i < t->n_costs && strcmp(t->costs[i].name, name) != 0)
        i++;
    must(i < NAMES_MAX, "too many columns");
    if (i == t->n_costs)
        (void)snprintf(t->costs[t->n_costs++].name, sizeof t->costs[0].name, "%s", name);
    t->costs[i].stored += stored;
    t->costs[i].raw += raw;
    return &t->costs[i];
}

/* The directory of a block: doc/format.md section 4. */
static void count_columns(totals *t, al_slice block)
{
    static const char *const kinds[] = {
        [FMT_COL_IDS] = "(ids)",
        [FMT_COL_TIMES] = "(times)",
        [FMT_COL_MESSAGE] = "(message)",
        [FMT_COL_SHAPES] = "(shapes)",
        [FMT_COL_TEMPLATES] = "(templates)",
        [FMT_COL_TEXTS] = "(texts)",
        [FMT_COL_TUPLES] = "(tuples)",
        [FMT_COL_ROW_SHAPES] = "(shapes of rows)",
        [FMT_COL_SLOTS] = "(slots)",
    };
    uint64_t data = 0;
    al_rd r = al_rd_of(al_slice_sub(block, FMT_BLOCK_FIXED_BYTES, block.len));
    uint64_t n = al_rd_varint(&r);
    for (uint64_t i = 0; i < n; i++) {
        char name[sizeof t->costs[0].name] = "";
        uint8_t kind = al_rd_u8(&r);
        if (kind < AL_COUNT(kinds) && kinds[kind]) {
            (void)snprintf(name, sizeof name, "%s", kinds[kind]);
        } else {
            al_slice s = al_rd_bytes(&r, al_rd_varint(&r));
            (void)snprintf(name, sizeof name, "%.*s", AL_ARG(s));
        }
        uint64_t raw = al_rd_varint(&r);
        uint64_t stored = al_rd_varint(&r);
        (void)al_rd_u32(&r);
        must(!r.bad, "directory");
        (void)add_cost(t, name, stored, raw);
        data += stored;
    }
    (void)add_cost(t, "(headers)", block.len - data, block.len - data);
}

static void count_packed(totals *t, block_view *v, packer *p)
{
    const al_slice *names = NULL;
    size_t n_names = block_view_names(v, &names);
    al_buf raw;
    al_buf out;
    al_buf_init(&raw, SIZE_MAX);
    al_buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < n_names; i++) {
        const block_col *col = NULL;
        al_err err;
        packed d;
        char name[sizeof t->costs[0].name];
        must(!block_view_field(v, names[i], &col, &err) && col, "field");
        size_t n = 0;
        for (uint32_t row = 0; row < block_view_info(v)->n_rows; row++)
            n += col->row_value[row] != BLOCK_NO_VALUE;
        al_buf_clear(&raw);
        al_buf_clear(&out);
        for (uint32_t k = 0; k < col->n_values; k++)
            al_buf_varint(&raw, col->values[k].text.len);
        for (uint32_t k = 0; k < col->n_values; k++)
            al_buf_slice_put(&raw, col->values[k].text);
        must(!packed_store(p, al_buf_slice(&raw), &out, &d), "pack");
        (void)snprintf(name, sizeof name, "%.*s", AL_ARG(names[i]));
        add_cost(t, name, 0, 0)->packed +=
            d.stored_bytes + bits_bytes(n, bits_width(col->n_values ? col->n_values - 1 : 0));
    }
    al_buf_done(&raw);
    al_buf_done(&out);
}

static bool same(const record *a, const record *b)
{
    if (a->id != b->id || a->time_ns != b->time_ns || !al_slice_eq(a->message, b->message) ||
        a->n_fields != b->n_fields)
        return false;
    for (uint32_t i = 0; i < a->n_fields; i++)
        if (!al_slice_eq(a->fields[i].name, b->fields[i].name) ||
            a->fields[i].val.type != b->fields[i].val.type ||
            !al_slice_eq(a->fields[i].val.text, b->fields[i].val.text))
            return false;
    return true;
}

static record record_of(al_slice text, const line *l, al_arena *arena)
{
    record r;
    unsigned notes = 0;
    rec_options opt = {.arrival_ns = 1};
    must(!rec_decode(al_slice_sub(text, l->off, l->off + l->len), &opt, arena, &r, &notes),
         "decode");
    r.id = l->id;
    return r;
}

static void compare_rows(al_slice text, const line *lines, size_t n, block_view *v, al_arena *arena)
{
    static const block_want all = {.is_all = true};
    al_err err;
    for (uint32_t i = 0; i < n; i++) {
        record is;
        record expected = record_of(text, &lines[i], arena);
        must(!block_view_record(v, i, &all, &is, &err), "row");
        must(same(&is, &expected), "a row came back otherwise");
        al_arena_reset(arena);
    }
}

/* Fields of single rows, and columns as a filter asks for them. */
static void read_fields(totals *t, size_t n, al_slice block, block_view *v)
{
    al_err err;
    record r;
    const al_slice *names = NULL;
    int64_t from = al_mono_ns();
    must(!block_view_open_slice(v, block, &err), "open");
    t->open_ns += al_mono_ns() - from;
    block_want fields = {.n_names = block_view_names(v, &names)};
    fields.names = names;
    from = al_mono_ns();
    must(!block_view_record(v, (uint32_t)n / 2, &fields, &r, &err), "row");
    t->first_ns += al_mono_ns() - from;
    from = al_mono_ns();
    for (size_t i = 0; i < FINDS; i++)
        must(!block_view_record(v, (uint32_t)(i * n / FINDS), &fields, &r, &err), "row");
    t->fields_ns += al_mono_ns() - from;
    must(!block_view_open_slice(v, block, &err), "open");
    fields.n_names = block_view_names(v, &names);
    from = al_mono_ns();
    for (size_t i = 0; i < fields.n_names; i++) {
        const block_col *col = NULL;
        must(!block_view_field(v, names[i], &col, &err) && col, "field");
    }
    t->columns_ns += al_mono_ns() - from;
}

static void read_back(totals *t, al_slice text, const line *lines, size_t n, al_slice block,
                      block_view *v, al_arena *arena)
{
    al_err err;
    int64_t from = al_mono_ns();
    uint32_t row = 0;
    must(!block_view_open_slice(v, block, &err), "open");
    must(!block_view_find(v, lines[n / 3].id, &row, &err) && row == n / 3, "find");
    t->page_ns += al_mono_ns() - from;
    from = al_mono_ns();
    for (size_t i = 0; i < FINDS; i++) {
        size_t at = i * n / FINDS;
        must(!block_view_find(v, lines[at].id, &row, &err) && row == at, "find");
    }
    t->find_ns += al_mono_ns() - from;
    must(!block_view_open_slice(v, block, &err), "open");
    const uint64_t *ids = NULL;
    const int64_t *times = NULL;
    from = al_mono_ns();
    must(!block_view_ids(v, &ids, &err) && !block_view_times(v, &times, &err), "ids");
    t->ids_ns += al_mono_ns() - from;
    compare_rows(text, lines, n, v, arena); /* each alone, where the block allows it */
}

/* ---- Segments */

static void end_block(totals *t, block_builder *b, segment_of *s)
{
    block_info info;
    al_err err;
    al_buf_init(&s->blocks[s->n], SIZE_MAX);
    int64_t from = al_mono_ns();
    must(!block_builder_encode(b, &s->blocks[s->n], &info, &err), "encode");
    t->encode_ns += al_mono_ns() - from;
    s->n++;
}

/* Blocks of all lines; `has_fields` false: as if they had none. */
static void build(totals *t, al_slice text, const line *lines, size_t n, size_t block_rows,
                  lex_builder *lex, bool has_fields, segment_of *s)
{
    AL_CLEANUP(block_builder_freep) block_builder *b = block_builder_new();
    al_arena *arena = al_arena_new(ARENA_BYTES);
    must(b && arena && (!lex || !block_builder_use_lexicon(b, lex)), "memory");
    s->first[0] = 0;
    for (size_t i = 0; i < n;) {
        record r = record_of(text, &lines[i], arena);
        r.n_fields = has_fields ? r.n_fields : 0;
        int64_t from = al_mono_ns();
        al_code c = block_builder_add(b, &r);
        t->add_ns += al_mono_ns() - from;
        al_arena_reset(arena);
        must(c == AL_OK || c == AL_AGAIN, "add");
        i += c == AL_OK;
        if (c == AL_AGAIN || block_builder_rows(b) == block_rows || i == n) {
            end_block(t, b, s);
            s->first[s->n] = i;
        }
    }
    (void)al_arena_free(arena);
}

static al_code read_slice(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const al_slice *bytes = ctx;
    if (off > bytes->len || n > bytes->len - off)
        return al_fail(err, AL_CORRUPT, "behind the end");
    if (n)
        memcpy(to, bytes->ptr + off, n);
    return AL_OK;
}

static void segment_init(segment_of *s)
{
    *s = (segment_of){.blocks = calloc(BLOCKS_MAX, sizeof *s->blocks),
                      .first = calloc(BLOCKS_MAX + 1, sizeof *s->first)};
    must(s->blocks && s->first, "memory");
    al_buf_init(&s->lexicon, SIZE_MAX);
}

static void segment_done(segment_of *s)
{
    for (size_t i = 0; i < s->n; i++)
        al_buf_done(&s->blocks[i]);
    al_buf_done(&s->lexicon);
    free(s->blocks);
    free(s->first);
}

static lexicon *end_lexicon(lex_builder *lex, segment_of *s)
{
    lexicon *l = NULL;
    al_err err;
    must(!lex_builder_encode(lex, &s->lexicon, &err), "lexicon");
    s->slice = al_buf_slice(&s->lexicon);
    lex_source source = {.read = read_slice, .ctx = &s->slice, .bytes = s->slice.len};
    must(!lexicon_open(&source, &l, &err), "lexicon");
    return l;
}

/* What the lexicon would take if there were no fields. */
static size_t messages_lexicon(totals *t, al_slice text, const line *lines, size_t n,
                               size_t block_rows)
{
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = lex_builder_new();
    totals unused = {0};
    segment_of s;
    segment_init(&s);
    must(lex, "memory");
    build(&unused, text, lines, n, block_rows, lex, false, &s);
    t->messages_ns += unused.add_ns + unused.encode_ns;
    (void)lexicon_unref(end_lexicon(lex, &s));
    size_t bytes = s.lexicon.len;
    segment_done(&s);
    return bytes;
}

static void measure(totals *t, al_slice text, const line *lines, size_t n, size_t block_rows,
                    bool has_lexicon)
{
    AL_CLEANUP(lex_builder_freep) lex_builder *lex = has_lexicon ? lex_builder_new() : NULL;
    AL_CLEANUP(lexicon_unrefp) lexicon *l = NULL;
    AL_CLEANUP(block_view_freep) block_view *v = block_view_new();
    al_arena *arena = al_arena_new(ARENA_BYTES);
    packer *p = packer_new();
    segment_of s;
    segment_init(&s);
    must(v && arena && p && (lex || !has_lexicon), "memory");
    build(t, text, lines, n, block_rows, lex, true, &s);
    if (lex) {
        l = end_lexicon(lex, &s);
        size_t messages = messages_lexicon(t, text, lines, n, block_rows);
        (void)add_cost(t, "(lexicon: messages)", messages, messages);
        (void)add_cost(t, "(lexicon: fields)", s.lexicon.len - messages, s.lexicon.len - messages);
        t->bytes += s.lexicon.len;
        block_view_use_lexicon(v, l);
    }
    for (size_t i = 0; i < s.n; i++) {
        al_slice block = al_buf_slice(&s.blocks[i]);
        size_t rows = s.first[i + 1] - s.first[i];
        t->bytes += block.len;
        t->blocks++;
        t->some_rows += FINDS;
        count_columns(t, block);
        read_back(t, text, lines + s.first[i], rows, block, v, arena);
        read_fields(t, rows, block, v);
        compare_rows(text, lines + s.first[i], rows, v, arena); /* now from whole columns */
        count_packed(t, v, p);
    }
    segment_done(&s);
    (void)packer_free(p);
    (void)al_arena_free(arena);
}

static int by_stored(const void *a, const void *b)
{
    const cost *x = a;
    const cost *y = b;
    return x->stored > y->stored ? -1 : x->stored < y->stored;
}

static void print(totals *t, size_t n)
{
    double rows = (double)n;
    qsort(t->costs, t->n_costs, sizeof t->costs[0], by_stored);
    printf("%-20s %12s %8s %12s %14s\n", "column", "bytes", "B/row", "decoded", "refs as bits");
    for (size_t i = 0; i < t->n_costs; i++)
        printf("%-20s %12llu %8.3f %12llu %14llu\n", t->costs[i].name,
               (unsigned long long)t->costs[i].stored, (double)t->costs[i].stored / rows,
               (unsigned long long)t->costs[i].raw, (unsigned long long)t->costs[i].packed);
    printf("%-20s %12llu %8.3f in %llu blocks, %zu rows, all came back\n", "together",
           (unsigned long long)t->bytes, (double)t->bytes / rows, (unsigned long long)t->blocks, n);
    double blocks = (double)t->blocks;
    printf("ns/row: add %.0f, encode %.0f, ids and times %.2f; ns: find %.0f, open and first find "
           "%.0f\n",
           (double)t->add_ns / rows, (double)t->encode_ns / rows, (double)t->ids_ns / rows,
           (double)t->find_ns / blocks / FINDS, (double)t->page_ns / blocks);
    if (t->messages_ns)
        printf("ns/row: fields %.0f, messages and ids %.0f of add and encode\n",
               (double)(t->add_ns + t->encode_ns - t->messages_ns) / rows,
               (double)t->messages_ns / rows);
    printf(
        "fields: ns a block: open %.0f, first row %.0f; ns a row: a row alone %.0f, whole columns "
        "%.1f\n",
        (double)t->open_ns / blocks, (double)t->first_ns / blocks,
        (double)t->fields_ns / (double)t->some_rows, (double)t->columns_ns / rows);
}

int main(int argc, char **argv)
{
    must(argc >= 2 && argc <= 4, "usage: bench_columns FILE [BLOCK_ROWS [lexicon]]");
    bool has_lexicon = argc == 4 && strcmp(argv[3], "lexicon") == 0;
    must(argc < 4 || has_lexicon, "usage: bench_columns FILE [BLOCK_ROWS [lexicon]]");
    uint64_t block_rows = BLOCK_ROWS_MAX;
    must(argc < 3 || al_parse_u64(al_cstr(argv[2]), &block_rows), "BLOCK_ROWS is no number");
    must(block_rows > 0 && block_rows <= BLOCK_ROWS_MAX, "BLOCK_ROWS is 1 to 16384");
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    struct stat st;
    must(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0, "cannot read the file");
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    must(map != MAP_FAILED, "cannot map the file");
    (void)close(fd); /* the mapping stays */
    al_slice text = {map, (size_t)st.st_size};
    size_t n = 0;
    line *lines = read_lines(text, &n);
    totals *t = calloc(1, sizeof *t);
    must(t, "memory");
    for (size_t at = 0; at < n; at += SEG_ROWS_MAX)
        measure(t, text, lines + at, AL_MIN(n - at, (size_t)SEG_ROWS_MAX), (size_t)block_rows,
                has_lexicon);
    print(t, n);
    free(t);
    free(lines);
    (void)munmap(map, text.len); /* the process ends */
    return 0;
}
