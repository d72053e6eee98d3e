/* Rows as a searchd may give them back: any bytes become a record or are refused; a record that
 * came out, put into columns again, comes out the same. The first byte says whose table it is; up
 * to the next NUL stands logline, then js, then src. */
#include "fuzz.h"

#include "base/arena.h"
#include "base/buf.h"
#include "sphinx/row.h"
#include "support/rows.h"

enum { TEXT_BYTES_MAX = 1 << 22 };

static al_slice next(al_slice *rest)
{
    size_t end = al_slice_find(*rest, 0, 0);
    al_slice s = al_slice_sub(*rest, 0, end);
    *rest = al_slice_sub(*rest, end + 1, rest->len);
    return s;
}

static void check_again(record *r, al_arena *arena)
{
    al_buf logline;
    al_buf js;
    al_buf src;
    record again;
    al_err err;
    al_buf_init(&logline, TEXT_BYTES_MAX);
    al_buf_init(&js, TEXT_BYTES_MAX);
    al_buf_init(&src, TEXT_BYTES_MAX);
    r->id = (uint64_t)r->time_ns;
    row_put_logline(r, &logline);
    row_put_js(r, &js);
    row_put_src(r, js.len, &src);
    CHECK(!al_buf_code(&logline) && !al_buf_code(&js) && !al_buf_code(&src));
    const row_columns row = {.id = r->id,
                             .logline = al_buf_slice(&logline),
                             .js = al_buf_slice(&js),
                             .src = al_buf_slice(&src)};
    CHECK(row_decode(&row, arena, &again, &err) == AL_OK);
    CHECK(rows_content(&again) == rows_content(r));
    al_buf_done(&logline);
    al_buf_done(&js);
    al_buf_done(&src);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t *copy = fuzz_copy((al_slice){data + 1, size - 1});
    al_slice rest = {copy, size - 1};
    al_arena *arena = al_arena_new(4096);
    row_columns row = {.id = UINT64_C(1795433354467471355), .is_old = data[0] & 1};
    record r;
    al_err err;
    row.logline = next(&rest);
    row.js = next(&rest);
    row.src = rest;
    if (row_decode(&row, arena, &r, &err) == AL_OK)
        check_again(&r, arena);
    (void)al_arena_free(arena);
    free(copy);
    return 0;
}
