/* Root and manifests: small lists, replaced whole.
 * Invariant: what decode accepts, encode writes back byte for byte (but for reserved bytes), and
 * every number a reader relies on was checked here: ranges in order, ids ascending and unique. */
#include "store/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/format.h"
#include "store/limits.h"
#include "store/names.h"

enum {
    ROOT_BYTES_MAX = FMT_HEADER_BYTES + 12 + INDEXES_MAX * (5 + ENG_INDEX_NAME_MAX),
    MANIFEST_FIXED_BYTES = FMT_HEADER_BYTES + 24,
    MANIFEST_BYTES_MAX = MANIFEST_FIXED_BYTES + INDEX_SEGMENTS_MAX * FMT_SUMMARY_BYTES + 4,
    SUMMARY_RESERVED_BYTES = 20,
};

static void put_crc(al_buf *out)
{
    if (!al_buf_code(out))
        al_buf_u32(out, al_crc32c(0, out->ptr, out->len));
}

/* Header, crc at the end, and a reader of what lies between. */
static al_code open_list(al_slice bytes, uint32_t magic, file_header *h, al_rd *ret, al_err *err)
{
    al_code c = file_header_decode(bytes, magic, h, err);
    if (c)
        return c;
    if (bytes.len < FMT_HEADER_BYTES + 4)
        return al_fail(err, AL_CORRUPT, "%zu bytes only", bytes.len);
    al_rd tail = al_rd_of(al_slice_sub(bytes, bytes.len - 4, bytes.len));
    if (al_rd_u32(&tail) != al_crc32c(0, bytes.ptr, bytes.len - 4))
        return al_fail(err, AL_CORRUPT, "checksum does not fit");
    *ret = al_rd_of(al_slice_sub(bytes, FMT_HEADER_BYTES, bytes.len - 4));
    return AL_OK;
}

/* ---- Root */

void root_encode(const root *r, al_buf *out)
{
    file_header h = {.magic = FMT_MAGIC_ROOT, .file_id = r->generation};
    memcpy(h.store_id, r->store_id, sizeof h.store_id);
    file_header_encode(&h, out);
    al_buf_u32(out, r->index_id_max);
    al_buf_u32(out, (uint32_t)r->n);
    for (size_t i = 0; i < r->n; i++) {
        size_t len = strlen(r->entries[i].name);
        assert(len > 0 && len <= ENG_INDEX_NAME_MAX);
        assert(r->entries[i].id > 0 && r->entries[i].id <= r->index_id_max);
        al_buf_u32(out, r->entries[i].id);
        al_buf_u8(out, (uint8_t)len);
        al_buf_put(out, r->entries[i].name, len);
    }
    put_crc(out);
}

static al_code root_entry_decode(al_rd *rd, const root *r, root_entry *ret, al_err *err)
{
    root_entry e = {0};
    e.id = al_rd_u32(rd);
    uint8_t len = al_rd_u8(rd);
    al_slice name = al_rd_bytes(rd, len);
    if (rd->bad || len == 0 || len > ENG_INDEX_NAME_MAX || memchr(name.ptr, 0, len))
        return al_fail(err, AL_CORRUPT, "name of an index");
    if (e.id == 0 || e.id > r->index_id_max)
        return al_fail(err, AL_CORRUPT, "index id %u of %u", e.id, r->index_id_max);
    memcpy(e.name, name.ptr, len);
    for (size_t k = 0; k < r->n; k++)
        if (r->entries[k].id == e.id || strcmp(r->entries[k].name, e.name) == 0)
            return al_fail(err, AL_CORRUPT, "index '%s' stands twice", e.name);
    *ret = e;
    return AL_OK;
}

al_code root_decode(al_slice bytes, root *ret, al_err *err)
{
    file_header h;
    al_rd rd;
    al_code c = open_list(bytes, FMT_MAGIC_ROOT, &h, &rd, err);
    if (c)
        return c;
    root r = {.generation = h.file_id};
    memcpy(r.store_id, h.store_id, sizeof r.store_id);
    r.index_id_max = al_rd_u32(&rd);
    uint32_t n = al_rd_u32(&rd);
    if (rd.bad || n > INDEXES_MAX)
        return al_fail(err, AL_CORRUPT, "%u indexes", n);
    r.entries = al_alloc(n, sizeof *r.entries);
    if (!r.entries)
        return al_fail(err, AL_NOMEM, "%u indexes", n);
    while (!c && r.n < n) {
        c = root_entry_decode(&rd, &r, &r.entries[r.n], err);
        r.n += c == AL_OK;
    }
    if (!c && rd.left)
        c = al_fail(err, AL_CORRUPT, "%zu bytes left over", rd.left);
    if (c) {
        root_done(&r);
        return c;
    }
    *ret = r;
    return AL_OK;
}

void root_done(root *r)
{
    free(r->entries);
    *r = (root){0};
}

/* ---- Manifest */

static void summary_encode(const seg_summary *s, al_buf *out)
{
    uint32_t flags = (s->is_off ? FMT_SEG_OFF : 0U) |
                     (s->is_quarantined ? FMT_SEG_QUARANTINED : 0U) |
                     (s->has_positions ? FMT_SEG_POSITIONS : 0U);
    static const uint8_t zeros[SUMMARY_RESERVED_BYTES];
    size_t at = out->len;
    al_buf_u64(out, s->id);
    al_buf_u32(out, s->day);
    al_buf_u32(out, flags);
    al_buf_u64(out, s->n_rows);
    al_buf_u64(out, s->bytes);
    al_buf_u64(out, s->min_id);
    al_buf_u64(out, s->max_id);
    al_buf_u64(out, (uint64_t)s->min_ns);
    al_buf_u64(out, (uint64_t)s->max_ns);
    al_buf_u64(out, (uint64_t)s->max_arrival_ns);
    al_buf_u64(out, s->max_frame);
    al_buf_u64(out, s->unplaced_frame);
    al_buf_u32(out, s->n_names);
    al_buf_put(out, zeros, sizeof zeros);
    assert(al_buf_code(out) || out->len == at + FMT_SUMMARY_BYTES);
}

static al_code summary_decode(al_rd *rd, seg_summary *ret, al_err *err)
{
    seg_summary s = {0};
    s.id = al_rd_u64(rd);
    s.day = al_rd_u32(rd);
    uint32_t flags = al_rd_u32(rd);
    s.n_rows = al_rd_u64(rd);
    s.bytes = al_rd_u64(rd);
    s.min_id = al_rd_u64(rd);
    s.max_id = al_rd_u64(rd);
    s.min_ns = (int64_t)al_rd_u64(rd);
    s.max_ns = (int64_t)al_rd_u64(rd);
    s.max_arrival_ns = (int64_t)al_rd_u64(rd);
    s.max_frame = al_rd_u64(rd);
    s.unplaced_frame = al_rd_u64(rd);
    s.n_names = al_rd_u32(rd);
    (void)al_rd_bytes(rd, SUMMARY_RESERVED_BYTES);
    s.is_off = flags & FMT_SEG_OFF;
    s.is_quarantined = flags & FMT_SEG_QUARANTINED;
    s.has_positions = flags & FMT_SEG_POSITIONS;
    if (rd->bad || s.id == 0 || s.n_rows == 0 || s.n_rows > SEG_ROWS_MAX)
        return al_fail(err, AL_CORRUPT, "summary of segment %llx", (unsigned long long)s.id);
    if (s.min_id > s.max_id || s.min_ns > s.max_ns || s.min_ns < 0 ||
        s.unplaced_frame > s.max_frame)
        return al_fail(err, AL_CORRUPT, "ranges of segment %llx", (unsigned long long)s.id);
    *ret = s;
    return AL_OK;
}

void manifest_encode(const manifest *m, al_buf *out)
{
    file_header h = {
        .magic = FMT_MAGIC_MANIFEST, .file_id = m->generation, .index_id = m->index_id};
    memcpy(h.store_id, m->store_id, sizeof h.store_id);
    file_header_encode(&h, out);
    al_buf_u64(out, m->covered);
    al_buf_u64(out, m->seg_id_max);
    al_buf_u32(out, (uint32_t)m->n);
    al_buf_u32(out, 0);
    for (size_t i = 0; i < m->n; i++) {
        assert(m->segs[i].id > 0 && m->segs[i].id <= m->seg_id_max);
        summary_encode(&m->segs[i], out);
    }
    put_crc(out);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static al_code check_ids(const manifest *m, al_err *err)
{
    uint64_t *ids = al_alloc(m->n, sizeof *ids);
    if (!ids)
        return al_fail(err, AL_NOMEM, "%zu segments", m->n);
    for (size_t i = 0; i < m->n; i++)
        ids[i] = m->segs[i].id;
    qsort(ids, m->n, sizeof *ids, compare_ids);
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < m->n; i++)
        if (ids[i] > m->seg_id_max || (i && ids[i] == ids[i - 1]))
            c = al_fail(err, AL_CORRUPT, "segment %llx stands twice or is too new",
                        (unsigned long long)ids[i]);
    free(ids);
    return c;
}

al_code manifest_decode(al_slice bytes, manifest *ret, al_err *err)
{
    file_header h;
    al_rd rd;
    al_code c = open_list(bytes, FMT_MAGIC_MANIFEST, &h, &rd, err);
    if (c)
        return c;
    manifest m = {.generation = h.file_id, .index_id = h.index_id};
    memcpy(m.store_id, h.store_id, sizeof m.store_id);
    m.covered = al_rd_u64(&rd);
    m.seg_id_max = al_rd_u64(&rd);
    uint32_t n = al_rd_u32(&rd);
    (void)al_rd_u32(&rd); /* reserved */
    if (rd.bad || n > INDEX_SEGMENTS_MAX || (uint64_t)n * FMT_SUMMARY_BYTES != rd.left)
        return al_fail(err, AL_CORRUPT, "%u segments in %zu bytes", n, rd.left);
    m.segs = al_alloc(n, sizeof *m.segs);
    if (!m.segs)
        return al_fail(err, AL_NOMEM, "%u segments", n);
    for (; !c && m.n < n; m.n++)
        c = summary_decode(&rd, &m.segs[m.n], err);
    if (!c)
        c = check_ids(&m, err);
    if (c) {
        manifest_done(&m);
        return c;
    }
    *ret = m;
    return AL_OK;
}

void manifest_done(manifest *m)
{
    free(m->segs);
    *m = (manifest){0};
}

/* ---- Files */

al_code root_load(const al_io *io, int store_dir, root *ret, al_err *err)
{
    al_buf b;
    al_buf_init(&b, ROOT_BYTES_MAX);
    al_code c = al_read_file(io, store_dir, NAME_OF_ROOT, ROOT_BYTES_MAX, &b, err);
    if (c == AL_LIMIT)
        c = al_fail(err, AL_CORRUPT, "root is too large");
    if (!c)
        c = root_decode(al_buf_slice(&b), ret, err);
    al_buf_done(&b);
    return c && c != AL_NOT_FOUND && err ? al_wrap(err, "root") : c;
}

al_code root_save(const al_io *io, int store_dir, const root *r, al_err *err)
{
    al_buf b;
    al_buf_init(&b, ROOT_BYTES_MAX);
    root_encode(r, &b);
    al_code c = al_buf_code(&b);
    c = c ? al_fail(err, c, "encode root")
          : al_publish_file(io, store_dir, NAME_OF_ROOT, al_buf_slice(&b), err);
    al_buf_done(&b);
    return c;
}

static al_code look_for_data(void *ctx, const char *name, al_err *err)
{
    uint64_t number;
    (void)err;
    name_kind kind = names_parse(name, &number);
    if (kind == NAME_INDEX || kind == NAME_LOG)
        *(bool *)ctx = true;
    return AL_OK;
}

al_code root_has_data(const al_io *io, int store_dir, bool *ret, al_err *err)
{
    bool has_data = false;
    int log_dir = -1;
    al_code c = io->list(io, store_dir, look_for_data, &has_data, err);
    if (c)
        return c;
    c = io->open_dir(io, store_dir, NAME_OF_LOG_DIR, false, &log_dir, err);
    if (!c) {
        c = io->list(io, log_dir, look_for_data, &has_data, err);
        io->close(io, log_dir);
    }
    if (c && c != AL_NOT_FOUND)
        return c;
    *ret = has_data;
    return AL_OK;
}

al_code manifest_load(const al_io *io, int index_dir, manifest *ret, al_err *err)
{
    al_buf b;
    al_buf_init(&b, MANIFEST_BYTES_MAX);
    al_code c = al_read_file(io, index_dir, NAME_OF_MANIFEST, MANIFEST_BYTES_MAX, &b, err);
    if (c == AL_LIMIT)
        c = al_fail(err, AL_CORRUPT, "manifest is too large");
    if (!c)
        c = manifest_decode(al_buf_slice(&b), ret, err);
    al_buf_done(&b);
    return c && c != AL_NOT_FOUND && err ? al_wrap(err, "manifest") : c;
}

al_code manifest_save(const al_io *io, int index_dir, const manifest *m, al_err *err)
{
    al_buf b;
    al_buf_init(&b, MANIFEST_BYTES_MAX);
    manifest_encode(m, &b);
    al_code c = al_buf_code(&b);
    c = c ? al_fail(err, c, "encode manifest")
          : al_publish_file(io, index_dir, NAME_OF_MANIFEST, al_buf_slice(&b), err);
    al_buf_done(&b);
    return c;
}
