/* Followed files: any bytes as a piece of a log file, and as the places that a restart reads back.
 * Properties: records of a piece lie one behind the other, hold no more than the maximum, and are
 * the same when what follows the first one is cut off; what a line's head says are pieces of that
 * line, and a time in range, which what follows the line does not change; places that were read are
 * written and read again the same, and are found. */
#include "fuzz.h"

#include "inputs/file_places.h"
#include "inputs/line_head.h"
#include "inputs/line_join.h"

enum { NOW_S = 1795349506 };

static void check_inside(al_slice piece, al_slice line)
{
    if (piece.len)
        CHECK(piece.ptr >= line.ptr && piece.ptr + piece.len <= line.ptr + line.len);
}

static void check_head(al_slice line)
{
    line_head h = line_head_read(line, NULL, NOW_S * INT64_C(1000000000));
    CHECK(h.time_ns >= -1);
    check_inside(h.host, line);
    check_inside(h.app, line);
    check_inside(h.pid, line);
    for (size_t i = 0; i < h.pid.len; i++)
        CHECK(h.pid.ptr[i] >= '0' && h.pid.ptr[i] <= '9');
    CHECK(h.time_end <= line.len);
    if (h.time_ns < 0)
        CHECK(h.time_end == 0 && h.level.len == 0 && h.app.len == 0);
    /* The first line says it all, but for Docker's JSON, whose time is at its end. */
    line_head one = line_head_read(al_slice_sub(line, 0, al_slice_find(line, '\n', 0)), NULL,
                                   NOW_S * INT64_C(1000000000));
    if (line.len && line.ptr[0] != '{' && one.time_ns >= 0)
        CHECK(h.time_ns == one.time_ns);
}

static void check_records(al_slice data)
{
    line_rec r;
    while (data.len && line_join_first(data, &r)) {
        CHECK(r.bytes > 0 && r.bytes <= data.len && r.bytes <= LINE_JOIN_BYTES_MAX);
        CHECK(r.text.len <= r.bytes);
        check_inside(r.text, data);
        check_head(r.text);
        line_rec again;
        CHECK(line_join_first(al_slice_sub(data, 0, r.bytes), &again));
        CHECK(again.bytes == r.bytes && al_slice_eq(again.text, r.text));
        data = al_slice_sub(data, r.bytes, data.len);
    }
    if (data.len) {
        CHECK(data.len < LINE_JOIN_BYTES_MAX);
        CHECK(al_slice_find(data, '\n', 0) == data.len);
    }
}

static void check_places(al_slice bytes)
{
    file_places *p = file_places_new();
    file_places *q = file_places_new();
    al_buf once, twice, index, path;
    CHECK(p && q);
    al_buf_init(&once, SIZE_MAX);
    al_buf_init(&twice, SIZE_MAX);
    al_buf_init(&index, SIZE_MAX);
    al_buf_init(&path, SIZE_MAX);
    file_places_apply(p, bytes);
    CHECK(file_places_dump(p, &once) == AL_OK);
    file_places_apply(q, al_buf_slice(&once));
    CHECK(file_places_dump(q, &twice) == AL_OK);
    CHECK(al_slice_eq(al_buf_slice(&once), al_buf_slice(&twice)));
    file_place at;
    file_place found;
    for (size_t i = 0; file_places_at(p, i, &index, &path, &at); i++) {
        CHECK(file_places_find(p, al_buf_slice(&index), al_buf_slice(&path), at.inode, &found));
        CHECK(found.off == at.off && found.print == at.print && found.time_ns == at.time_ns);
        al_buf_clear(&index);
        al_buf_clear(&path);
    }
    al_buf_done(&once);
    al_buf_done(&twice);
    al_buf_done(&index);
    al_buf_done(&path);
    (void)file_places_free(p);
    (void)file_places_free(q);
}

/* The first byte says what the rest is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t *copy = fuzz_copy((al_slice){data + 1, size - 1});
    al_slice bytes = {copy, size - 1};
    if (data[0] % 2)
        check_places(bytes);
    else
        check_records(bytes);
    free(copy);
    return 0;
}
