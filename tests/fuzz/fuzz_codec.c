/* Parts of the store's files that fuzz_segment and fuzz_wal reach only behind a checksum or inside
 * zstd: reference lists, number lists, ids, packed parts, file headers, the names of files.
 * Properties: what decodes is in range; what was decoded is encoded and decoded the same; a name
 * that is one of ours is what names_format writes. The first byte says what the rest is, the second
 * one how much of it. */
#include "fuzz.h"

#include "base/crc32c.h"
#include "store/block_ids.h"
#include "store/codec/packed.h"
#include "store/codec/pfor.h"
#include "store/codec/refs.h"
#include "store/file_header.h"
#include "store/format.h"
#include "store/names.h"

enum { ROWS_MAX = 256, RAW_BYTES_MAX = 1 << 20 };

static void check_refs(al_slice bytes, uint32_t n)
{
    uint32_t values[ROWS_MAX];
    uint32_t again[ROWS_MAX];
    al_rd r = al_rd_of(bytes);
    uint32_t n_values = al_rd_u8(&r);
    refs_decode(&r, n, n_values, values);
    if (r.bad)
        return;
    for (uint32_t i = 0; i < n; i++)
        CHECK(values[i] < n_values);
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    refs_encode(values, n, &b);
    al_rd back = al_rd_of(al_buf_slice(&b));
    refs_decode(&back, n, n_values, again);
    CHECK(!back.bad && back.left == 0);
    CHECK(memcmp(values, again, n * sizeof *values) == 0);
    al_buf_done(&b);
}

/* Up to 4 groups. */
static void check_list(al_slice bytes, uint32_t n)
{
    uint64_t values[ROWS_MAX * 4];
    al_rd r = al_rd_of(bytes);
    pfor p;
    pfor_open(&r, n, &p);
    if (r.bad)
        return;
    for (uint32_t g = 0; g * PFOR_GROUP < n; g++) {
        pfor_group(&p, g, values + (size_t)g * PFOR_GROUP);
        CHECK(values[(size_t)g * PFOR_GROUP] == pfor_first(&p, g));
    }
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    pfor_encode(values, n, &b);
    al_rd back = al_rd_of(al_buf_slice(&b));
    pfor again;
    pfor_open(&back, n, &again);
    CHECK(!back.bad && back.left == 0);
    for (uint32_t g = 0; g * PFOR_GROUP < n; g++) {
        uint64_t group[PFOR_GROUP];
        pfor_group(&again, g, group);
        CHECK(memcmp(group, values + (size_t)g * PFOR_GROUP,
                     pfor_group_rows(&again, g) * sizeof *group) == 0);
    }
    al_buf_done(&b);
}

/* What a group lets through ascends and lies between the ends, whatever the bytes say. */
static void check_ids(al_slice bytes, uint32_t n)
{
    uint64_t ids[PFOR_GROUP];
    al_rd r = al_rd_of(bytes);
    uint64_t min_id = al_rd_u64(&r);
    uint64_t max_id = al_rd_u64(&r);
    uint64_t wanted = al_rd_u64(&r);
    if (r.bad || min_id > max_id)
        return;
    block_ids b;
    block_ids_open(&r, n, min_id, max_id, &b);
    if (r.bad)
        return;
    CHECK(block_ids_find_group(&b, wanted) * PFOR_GROUP < n);
    for (uint32_t g = 0; g * PFOR_GROUP < n; g++) {
        if (!block_ids_group(&b, g, ids))
            continue;
        for (uint32_t i = 0; i < pfor_group_rows(&b.steps, g); i++) {
            CHECK(ids[i] >= min_id && ids[i] <= max_id);
            CHECK(i == 0 || ids[i] > ids[i - 1]);
        }
    }
}

/* Numbers from the input, with the checksum that fits: zstd sees any bytes. */
static void check_load(packer *p, al_slice bytes)
{
    al_err err;
    al_rd r = al_rd_of(bytes);
    packed d = packed_get(&r, RAW_BYTES_MAX);
    if (r.bad)
        return;
    CHECK(d.stored_bytes <= d.raw_bytes && d.raw_bytes <= RAW_BYTES_MAX);
    al_slice stored = al_rd_bytes(&r, d.stored_bytes);
    if (r.bad)
        return;
    uint8_t *raw = malloc(d.raw_bytes ? d.raw_bytes : 1);
    CHECK(raw);
    d.crc = al_crc32c(0, stored.ptr, stored.len);
    CHECK(packed_check(&d, stored, &err) == AL_OK);
    al_code c = packed_load(p, &d, stored, raw, &err);
    CHECK(c == AL_OK || c == AL_CORRUPT);
    free(raw);
}

static void check_store(packer *p, al_slice raw)
{
    al_buf b;
    al_err err;
    packed d;
    al_buf_init(&b, SIZE_MAX);
    CHECK(packed_store(p, raw, &b, &d) == AL_OK);
    CHECK(d.raw_bytes == raw.len && d.stored_bytes == b.len && b.len <= raw.len);
    uint8_t *back = malloc(raw.len ? raw.len : 1);
    CHECK(back);
    CHECK(packed_load(p, &d, al_buf_slice(&b), back, &err) == AL_OK);
    CHECK(raw.len == 0 || memcmp(back, raw.ptr, raw.len) == 0);
    free(back);
    al_buf_done(&b);
}

static void check_header(uint8_t *bytes, size_t n)
{
    file_header h;
    al_err err;
    al_buf b;
    if (n < FMT_HEADER_BYTES)
        return;
    fuzz_put_u32(bytes, FMT_MAGIC_LOG);
    fuzz_put_u32(bytes + FMT_HEADER_BYTES - 4, al_crc32c(0, bytes, FMT_HEADER_BYTES - 4));
    if (file_header_decode((al_slice){bytes, n}, FMT_MAGIC_LOG, &h, &err))
        return;
    al_buf_init(&b, SIZE_MAX);
    file_header_encode(&h, &b);
    file_header again;
    CHECK(file_header_decode(al_buf_slice(&b), FMT_MAGIC_LOG, &again, &err) == AL_OK);
    CHECK(again.file_id == h.file_id && again.index_id == h.index_id);
    CHECK(again.first_frame == h.first_frame && again.prev_end == h.prev_end);
    al_buf_done(&b);
}

static void check_name(al_slice bytes)
{
    char name[256];
    char again[NAME_BYTES];
    uint64_t number = 0;
    size_t n = bytes.len < sizeof name ? bytes.len : sizeof name - 1;
    memcpy(name, bytes.ptr, n);
    name[n] = 0;
    name_kind kind = names_parse(name, &number);
    if (kind != NAME_LOG && kind != NAME_SEG && kind != NAME_POS && kind != NAME_INDEX)
        return;
    names_format(again, kind, number);
    CHECK(strcmp(name, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    packer *p = packer_new();
    uint8_t *copy = fuzz_copy((al_slice){data + 2, size - 2});
    al_slice bytes = {copy, size - 2};
    CHECK(p);
    switch (data[0] % 7) {
    case 0:
        check_refs(bytes, data[1]);
        break;
    case 1:
        check_load(p, bytes);
        break;
    case 2:
        check_store(p, bytes);
        break;
    case 3:
        check_header(copy, bytes.len);
        break;
    case 4:
        check_name(bytes);
        break;
    case 5:
        check_list(bytes, data[1] * 4U);
        break;
    default:
        check_ids(bytes, data[1] * 4U + 1);
    }
    (void)packer_free(p);
    free(copy);
    return 0;
}
