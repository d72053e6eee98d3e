/* Root and manifest: any bytes are read or refused; what was read is written back the same and read
 * again. Each input is tried raw and with both checksums repaired. */
#include "fuzz.h"

#include "base/crc32c.h"
#include "store/format.h"
#include "store/manifest.h"

static void check_root(al_slice bytes)
{
    root r;
    root again;
    al_err err;
    if (root_decode(bytes, &r, &err))
        return;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    root_encode(&r, &b);
    CHECK(root_decode(al_buf_slice(&b), &again, &err) == AL_OK);
    CHECK(again.n == r.n && again.index_id_max == r.index_id_max);
    CHECK(r.n == 0 || memcmp(r.entries, again.entries, r.n * sizeof *r.entries) == 0);
    root_done(&again);
    root_done(&r);
    al_buf_done(&b);
}

static void check_manifest(al_slice bytes)
{
    manifest m;
    manifest again;
    al_err err;
    if (manifest_decode(bytes, &m, &err))
        return;
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    manifest_encode(&m, &b);
    CHECK(manifest_decode(al_buf_slice(&b), &again, &err) == AL_OK);
    CHECK(again.n == m.n && again.covered == m.covered && again.index_id == m.index_id);
    for (size_t i = 0; i < m.n; i++) {
        CHECK(m.segs[i].id == again.segs[i].id && m.segs[i].max_id == again.segs[i].max_id);
        CHECK(m.segs[i].id <= m.seg_id_max && m.segs[i].min_id <= m.segs[i].max_id);
    }
    manifest_done(&again);
    manifest_done(&m);
    al_buf_done(&b);
}

static void repair(uint8_t *bytes, size_t n, uint32_t magic)
{
    if (n < FMT_HEADER_BYTES + 4)
        return;
    fuzz_put_u32(bytes, magic);
    bytes[4] = FMT_VERSION;
    bytes[5] = 0;
    memset(bytes + 12, 0, 4); /* no flags of later versions */
    fuzz_put_u32(bytes + FMT_HEADER_BYTES - 4, al_crc32c(0, bytes, FMT_HEADER_BYTES - 4));
    fuzz_put_u32(bytes + n - 4, al_crc32c(0, bytes, n - 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((al_slice){data, size});
    check_root((al_slice){copy, size});
    check_manifest((al_slice){copy, size});
    repair(copy, size, FMT_MAGIC_ROOT);
    check_root((al_slice){copy, size});
    repair(copy, size, FMT_MAGIC_MANIFEST);
    check_manifest((al_slice){copy, size});
    free(copy);
    return 0;
}
