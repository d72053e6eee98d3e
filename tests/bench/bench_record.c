/* bench_record FILE [ROUNDS]: how fast NDJSON becomes records. Prints the best round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/decode.h"
#include "record/json_out.h"

enum { ARENA_BLOCK_BYTES = 1 << 16, BATCH = 256, ROUNDS = 9 };

typedef struct totals {
    size_t n_rows;
    size_t n_fields;
    unsigned notes;
} totals;

static uint8_t *read_all(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rbe");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        return NULL;
    long n = ftell(f);
    rewind(f);
    uint8_t *bytes = n > 0 ? malloc((size_t)n) : NULL;
    if (bytes && fread(bytes, 1, (size_t)n, f) != (size_t)n)
        abort();
    (void)fclose(f); /* only read */
    *ret_n = (size_t)n;
    return bytes;
}

/* `out`: also write each record's fields as JSON. */
static totals decode_all(al_slice text, al_arena *arena, al_buf *out)
{
    totals t = {0};
    rec_options opt = {.arrival_ns = 1};
    for (size_t at = 0; at < text.len;) {
        size_t end = al_slice_find(text, '\n', at);
        record r;
        unsigned notes = 0;
        if (rec_decode(al_slice_sub(text, at, end), &opt, arena, &r, &notes))
            abort();
        if (out) {
            al_buf_clear(out);
            json_put_string(out, r.message);
            json_put_fields(out, r.fields, r.n_fields);
        }
        t.n_rows++;
        t.n_fields += r.n_fields;
        t.notes |= notes;
        if (t.n_rows % BATCH == 0)
            al_arena_reset(arena);
        at = end + 1;
    }
    return t;
}

static void measure(const char *what, al_slice text, al_buf *out, int rounds)
{
    int64_t best_ns = INT64_MAX;
    totals t = {0};
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(ARENA_BLOCK_BYTES);
    if (!arena)
        abort();
    for (int i = 0; i < rounds; i++) {
        int64_t from = al_mono_ns();
        t = decode_all(text, arena, out);
        int64_t took = al_mono_ns() - from;
        best_ns = took < best_ns ? took : best_ns;
    }
    double seconds = (double)best_ns / 1e9;
    printf("%-14s %zu rows, %zu B/row, %zu fields, notes %x: %.0f ns/row, %.0f rows/s, %.0f MB/s\n",
           what, t.n_rows, text.len / t.n_rows, t.n_fields, t.notes,
           (double)best_ns / (double)t.n_rows, (double)t.n_rows / seconds,
           (double)text.len / 1e6 / seconds);
}

int main(int argc, char **argv)
{
    size_t n = 0;
    uint8_t *bytes = argc > 1 ? read_all(argv[1], &n) : NULL;
    if (!bytes) {
        (void)fprintf(stderr, "usage: bench_record FILE [ROUNDS]\n");
        return 2;
    }
    uint64_t rounds = ROUNDS;
    if (argc > 2 && (!al_parse_u64(al_cstr(argv[2]), &rounds) || rounds < 1 || rounds > 1000))
        return 2;
    al_buf out;
    al_buf_init(&out, SIZE_MAX);
    measure("decode", (al_slice){bytes, n}, NULL, (int)rounds);
    measure("decode + write", (al_slice){bytes, n}, &out, (int)rounds);
    al_buf_done(&out);
    free(bytes);
    return 0;
}
