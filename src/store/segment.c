/* One segment file.
 * Shape: doc/format.md section 5. Invariants: (1) the file never changes; it disappears at the last
 * unref of a handle that was marked; (2) what a directory says was checked against limits, file
 * length and itself before anyone sees it; (3) whether it fits the summary is checked too: the
 * manifest and the file must tell the same story.
 * Threads: any. Everything read goes through the cache of seg_env. */
#include "store/segment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "store/codec/packed.h"
#include "store/format.h"
#include "store/names.h"
#include "store/seg_env.h"

struct segment {
    atomic_uint refs;
    atomic_bool is_dropped;
    /* immutable */
    seg_env *env;
    uint32_t index_id;
    seg_summary sum;
    char name[NAME_BYTES + 16];
};

segment *seg_new(seg_env *e, uint32_t index_id, const seg_summary *s)
{
    segment *seg = al_zalloc(1, sizeof *seg);
    if (!seg)
        return NULL;
    atomic_init(&seg->refs, 1);
    atomic_init(&seg->is_dropped, false);
    seg->env = e;
    seg->index_id = index_id;
    seg->sum = *s;
    char file[NAME_BYTES];
    names_format(file, NAME_SEG, s->id);
    (void)snprintf(seg->name, sizeof seg->name, "%" PRIu32 "/%s", index_id, file);
    return seg;
}

segment *seg_ref(segment *s)
{
    unsigned old = atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return s;
}

/* Calls `change` for the .seg and the .pos name in the index's directory. */
static al_code each_file(segment *s, al_code (*change)(const al_io *, int, const char *, al_err *),
                         al_err *err)
{
    const al_io *io = seg_env_io(s->env);
    int dir = -1;
    al_code c = seg_env_index_dir(s->env, s->index_id, false, &dir, err);
    if (c)
        return c == AL_NOT_FOUND ? AL_OK : c;
    static const name_kind kinds[] = {NAME_SEG, NAME_POS};
    for (unsigned i = 0; !c && i < 2; i++) {
        char name[NAME_BYTES];
        names_format(name, kinds[i], s->sum.id);
        c = change(io, dir, name, err);
        if (c == AL_NOT_FOUND)
            c = AL_OK;
    }
    io->close(io, dir);
    return c;
}

static al_code delete_file(const al_io *io, int dir, const char *name, al_err *err)
{
    return io->unlink(io, dir, name, err);
}

static al_code rename_bad(const al_io *io, int dir, const char *name, al_err *err)
{
    char bad[NAME_BYTES + sizeof NAME_SUFFIX_BAD];
    (void)snprintf(bad, sizeof bad, "%s%s", name, NAME_SUFFIX_BAD);
    int fd = -1;
    al_code c = io->open(io, dir, name, AL_OPEN_READ, &fd, err); /* is it there at all? */
    if (c && c != AL_CORRUPT)
        return c;
    if (!c)
        io->close(io, fd);
    return io->rename(io, dir, name, bad, err);
}

segment *seg_unref(segment *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (atomic_load(&s->is_dropped)) {
        al_err ignored; /* no manifest lists it: recovery deletes what stays behind */
        seg_env_drop(s->env, s->index_id, s->sum.id);
        (void)each_file(s, delete_file, &ignored);
    }
    free(s);
    return NULL;
}

void seg_mark_drop(segment *s)
{
    atomic_store(&s->is_dropped, true);
}

al_code seg_set_aside(segment *s, al_err *err)
{
    return each_file(s, rename_bad, err);
}

void seg_delete_positions(segment *s)
{
    al_err ignored; /* what stays behind is garbage to recovery */
    const al_io *io = seg_env_io(s->env);
    char name[NAME_BYTES];
    int dir = -1;
    if (seg_env_index_dir(s->env, s->index_id, false, &dir, &ignored))
        return;
    names_format(name, NAME_POS, s->sum.id);
    (void)io->unlink(io, dir, name, &ignored);
    io->close(io, dir);
}

const seg_summary *seg_summary_of(const segment *s)
{
    return &s->sum;
}

const char *seg_name(const segment *s)
{
    return s->name;
}

uint32_t seg_index_id(const segment *s)
{
    return s->index_id;
}

/* ---- Footer and directory */

void seg_footer_encode(const seg_footer *f, al_buf *out)
{
    size_t at = out->len;
    if (!al_buf_reserve(out, FMT_FOOTER_BYTES))
        return; /* the error sticks in out */
    al_buf_u64(out, f->dir_off);
    al_buf_u64(out, f->dir_bytes);
    al_buf_u64(out, f->n_rows);
    al_buf_u64(out, f->file_bytes);
    al_buf_u64(out, f->lex_bytes);
    al_buf_u32(out, f->n_blocks);
    al_buf_u32(out, f->dir_crc);
    al_buf_u32(out, FMT_MAGIC_FOOTER);
    al_buf_u32(out, al_crc32c(0, out->ptr + at, FMT_FOOTER_BYTES - 4));
    assert(out->len == at + FMT_FOOTER_BYTES);
}

al_code seg_footer_decode(al_slice bytes, uint64_t file_bytes, seg_footer *ret, al_err *err)
{
    seg_footer f = {0};
    al_rd r = al_rd_of(bytes);
    f.dir_off = al_rd_u64(&r);
    f.dir_bytes = al_rd_u64(&r);
    f.n_rows = al_rd_u64(&r);
    f.file_bytes = al_rd_u64(&r);
    f.lex_bytes = al_rd_u64(&r);
    f.n_blocks = al_rd_u32(&r);
    f.dir_crc = al_rd_u32(&r);
    uint32_t magic = al_rd_u32(&r);
    uint32_t crc = al_rd_u32(&r);
    if (r.bad || r.left || magic != FMT_MAGIC_FOOTER ||
        crc != al_crc32c(0, bytes.ptr, FMT_FOOTER_BYTES - 4))
        return al_fail(err, AL_CORRUPT, "footer does not check out");
    if (f.file_bytes != file_bytes || f.dir_off < FMT_HEADER_BYTES || f.dir_off > file_bytes ||
        f.dir_bytes > SEG_DIRECTORY_BYTES_MAX || f.lex_bytes > LEX_BYTES_MAX ||
        f.lex_bytes > f.dir_off - FMT_HEADER_BYTES ||
        f.dir_bytes + FMT_FOOTER_BYTES != file_bytes - f.dir_off)
        return al_fail(err, AL_CORRUPT, "footer: lengths do not fit a file of %" PRIu64 " bytes",
                       file_bytes);
    if (f.n_blocks == 0 || f.n_blocks > SEG_BLOCKS_MAX || f.n_rows == 0 || f.n_rows > SEG_ROWS_MAX)
        return al_fail(err, AL_CORRUPT, "footer: %" PRIu64 " rows in %u blocks", f.n_rows,
                       f.n_blocks);
    *ret = f;
    return AL_OK;
}

void seg_sum_blocks(const block_info *blocks, size_t n, seg_summary *ret)
{
    ret->min_id = blocks[0].min_id;
    ret->max_id = blocks[n - 1].max_id;
    ret->min_ns = INT64_MAX;
    ret->max_ns = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        ret->min_ns = AL_MIN(ret->min_ns, blocks[i].min_ns);
        ret->max_ns = AL_MAX(ret->max_ns, blocks[i].max_ns);
    }
}

void seg_directory_encode(const block_info *blocks, size_t n, const seg_field *names,
                          size_t n_names, al_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        al_buf_u64(out, blocks[i].off);
        al_buf_u32(out, blocks[i].len);
        al_buf_u32(out, blocks[i].n_rows);
        al_buf_u64(out, blocks[i].min_id);
        al_buf_u64(out, blocks[i].max_id);
        al_buf_u64(out, (uint64_t)blocks[i].min_ns);
        al_buf_u64(out, (uint64_t)blocks[i].max_ns);
        al_buf_u32(out, blocks[i].raw_bytes);
        al_buf_u32(out, 0);
    }
    al_buf_varint(out, n_names);
    for (size_t i = 0; i < n_names; i++) {
        al_buf_varint(out, names[i].name.len);
        al_buf_slice_put(out, names[i].name);
        al_buf_u8(out, names[i].uses);
    }
}

/* A directory in memory: one allocation, names point into `bytes` behind the arrays. */
typedef struct index_box {
    seg_index ix; /* first: given out */
    atomic_uint refs;
    size_t box_bytes;
} index_box;

static al_code decode_blocks(al_rd *r, const seg_footer *f, block_info *blocks, al_err *err)
{
    uint64_t off = FMT_HEADER_BYTES;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < f->n_blocks; i++) {
        block_info b = {.first_row = (uint32_t)rows};
        b.off = al_rd_u64(r);
        b.len = al_rd_u32(r);
        b.n_rows = al_rd_u32(r);
        b.min_id = al_rd_u64(r);
        b.max_id = al_rd_u64(r);
        b.min_ns = (int64_t)al_rd_u64(r);
        b.max_ns = (int64_t)al_rd_u64(r);
        b.raw_bytes = al_rd_u32(r);
        (void)al_rd_u32(r); /* reserved */
        rows += b.n_rows;
        if (r->bad || b.off != off || b.len > BLOCK_BYTES_MAX || b.len > f->dir_off - off ||
            b.n_rows == 0 || b.n_rows > BLOCK_ROWS_MAX || rows > f->n_rows)
            return al_fail(err, AL_CORRUPT, "directory: block %u does not fit", i);
        if (b.min_id > b.max_id || (i && b.min_id <= blocks[i - 1].max_id) || b.min_ns < 0 ||
            b.min_ns > b.max_ns)
            return al_fail(err, AL_CORRUPT, "directory: block %u is out of order", i);
        off += b.len;
        blocks[i] = b;
    }
    if (off != f->dir_off - f->lex_bytes || rows != f->n_rows)
        return al_fail(err, AL_CORRUPT, "directory: blocks end at %" PRIu64, off);
    return AL_OK;
}

static al_code decode_names(al_rd *r, uint64_t n, seg_field *names, al_err *err)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t len = al_rd_varint(r);
        names[i].name = al_rd_bytes(r, len);
        names[i].uses = al_rd_u8(r);
        if (r->bad || names[i].uses == 0 || names[i].uses > SEG_FIELD_USES ||
            (i && al_slice_cmp(names[i - 1].name, names[i].name) >= 0))
            return al_fail(err, AL_CORRUPT, "directory: name %" PRIu64, i);
    }
    if (r->left)
        return al_fail(err, AL_CORRUPT, "directory: %zu bytes left over", r->left);
    return AL_OK;
}

al_code seg_directory_decode(al_slice bytes, const seg_footer *f, seg_index **ret, al_err *err)
{
    if (bytes.len != f->dir_bytes || al_crc32c(0, bytes.ptr, bytes.len) != f->dir_crc)
        return al_fail(err, AL_CORRUPT, "directory: checksum does not fit");
    uint64_t entries = (uint64_t)f->n_blocks * FMT_BLOCK_ENTRY_BYTES;
    if (entries >= bytes.len)
        return al_fail(err, AL_CORRUPT, "directory: too short");
    al_slice tail = al_slice_sub(bytes, (size_t)entries, bytes.len);
    al_rd r = al_rd_of(tail);
    uint64_t n_names = al_rd_varint(&r);
    if (r.bad || n_names > SEG_NAMES_MAX || n_names > r.left)
        return al_fail(err, AL_CORRUPT, "directory: %" PRIu64 " names", n_names);
    size_t blocks_bytes = f->n_blocks * sizeof(block_info);
    size_t names_bytes = (size_t)n_names * sizeof(seg_field);
    size_t box_bytes = sizeof(index_box) + blocks_bytes + names_bytes + r.left;
    index_box *box = al_alloc(1, box_bytes);
    if (!box)
        return al_fail(err, AL_NOMEM, "directory");
    block_info *blocks = (block_info *)(box + 1);
    seg_field *names = (seg_field *)((uint8_t *)blocks + blocks_bytes);
    uint8_t *text = (uint8_t *)names + names_bytes;
    if (r.left)
        memcpy(text, r.p, r.left);
    *box = (index_box){.ix = {.n_blocks = f->n_blocks,
                              .blocks = blocks,
                              .n_names = (uint32_t)n_names,
                              .names = names,
                              .lex_off = f->dir_off - f->lex_bytes,
                              .lex_bytes = f->lex_bytes},
                       .box_bytes = box_bytes};
    atomic_init(&box->refs, 1);
    r = al_rd_of((al_slice){text, r.left});
    al_code c = decode_names(&r, n_names, names, err);
    r = al_rd_of(al_slice_sub(bytes, 0, (size_t)entries));
    if (!c)
        c = decode_blocks(&r, f, blocks, err);
    if (c) {
        free(box);
        return c;
    }
    *ret = &box->ix;
    return AL_OK;
}

seg_index *seg_index_unref(seg_index *ix)
{
    index_box *box = (index_box *)ix;
    if (box && atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) == 1)
        free(box);
    return NULL;
}

uint8_t seg_index_uses(const seg_index *ix, al_slice name)
{
    uint32_t lo = 0;
    uint32_t hi = ix->n_names;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = al_slice_cmp(ix->names[mid].name, name);
        if (order == 0)
            return ix->names[mid].uses;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

/* ---- Through the cache */

static void *index_ref_any(void *p)
{
    index_box *box = p;
    (void)atomic_fetch_add_explicit(&box->refs, 1, memory_order_relaxed);
    return p;
}

static void *index_unref_any(void *p)
{
    return seg_index_unref(p);
}

static void *blob_ref_any(void *p)
{
    return blob_ref(p);
}

static void *blob_unref_any(void *p)
{
    return blob_unref(p);
}

static void *positions_ref_any(void *p)
{
    return positions_ref(p);
}

static void *positions_unref_any(void *p)
{
    return positions_unref(p);
}

static void *lexicon_ref_any(void *p)
{
    return lexicon_ref(p);
}

static void *lexicon_unref_any(void *p)
{
    return lexicon_unref(p);
}

static size_t lexicon_shrink_any(void *p)
{
    return lexicon_shrink(p);
}

static const cache_kind kind_lexicon = {lexicon_ref_any, lexicon_unref_any, lexicon_shrink_any,
                                        false};
static const cache_kind kind_index = {index_ref_any, index_unref_any, NULL, false};
static const cache_kind kind_blob = {blob_ref_any, blob_unref_any, NULL, true};
static const cache_kind kind_positions = {positions_ref_any, positions_unref_any, NULL, false};

static cache_key key_of(const segment *s, uint32_t item)
{
    return (cache_key){.index_id = s->index_id, .item = item, .seg_id = s->sum.id};
}

static al_code check_against_summary(const segment *s, const seg_footer *f, const seg_index *ix,
                                     al_err *err)
{
    assert(ix);
    if (f->n_rows != s->sum.n_rows || ix->blocks[0].min_id != s->sum.min_id ||
        ix->blocks[ix->n_blocks - 1].max_id != s->sum.max_id)
        return al_fail(err, AL_CORRUPT, "the manifest says other rows or ids");
    return AL_OK;
}

static al_code read_directory(seg_env *env, uint32_t index_id, uint64_t seg_id, int fd,
                              seg_footer *ret_footer, seg_index **ret, al_err *err)
{
    const al_io *io = seg_env_io(env);
    uint8_t head[FMT_HEADER_BYTES];
    uint8_t foot[FMT_FOOTER_BYTES];
    uint64_t bytes = 0;
    al_code c = io->file_bytes(io, fd, &bytes, err);
    if (!c && bytes < sizeof head + sizeof foot)
        return al_fail(err, AL_CORRUPT, "%" PRIu64 " bytes only", bytes);
    if (!c)
        c = io->read_at(io, fd, head, sizeof head, 0, err);
    file_header h;
    if (!c)
        c = file_header_decode((al_slice){head, sizeof head}, FMT_MAGIC_SEGMENT, &h, err);
    if (!c)
        c = file_header_check(&h, seg_env_store_id(env), index_id, seg_id, err);
    if (!c)
        c = io->read_at(io, fd, foot, sizeof foot, bytes - sizeof foot, err);
    seg_footer f = {0};
    if (!c)
        c = seg_footer_decode((al_slice){foot, sizeof foot}, bytes, &f, err);
    if (c)
        return c;
    AL_CLEANUP(al_freep) uint8_t *dir = al_alloc((size_t)f.dir_bytes, 1);
    if (!dir)
        return al_fail(err, AL_NOMEM, "directory");
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    c = io->read_at(io, fd, dir, (size_t)f.dir_bytes, f.dir_off, err);
    if (!c)
        c = seg_directory_decode((al_slice){dir, (size_t)f.dir_bytes}, &f, &ix, err);
    if (c)
        return c;
    *ret_footer = f;
    *ret = AL_TAKE(ix);
    return AL_OK;
}

/* Of the .seg and the .pos file together; either may be missing. */
static al_code bytes_of_files(const al_io *io, int dir, uint64_t id, uint64_t *ret, al_err *err)
{
    static const name_kind kinds[] = {NAME_SEG, NAME_POS};
    uint64_t sum = 0;
    for (unsigned i = 0; i < 2; i++) {
        char name[NAME_BYTES];
        uint64_t bytes = 0;
        int fd = -1;
        names_format(name, kinds[i], id);
        al_code c = io->open(io, dir, name, AL_OPEN_READ, &fd, err);
        if (c == AL_NOT_FOUND || (c == AL_CORRUPT && kinds[i] == NAME_POS))
            continue;
        if (!c) {
            c = io->file_bytes(io, fd, &bytes, err);
            io->close(io, fd);
        }
        if (c)
            return c;
        sum += bytes;
    }
    *ret = sum;
    return AL_OK;
}

al_code seg_inspect(seg_env *e, uint32_t index_id, uint64_t id, bool is_aside, seg_summary *ret,
                    al_err *err)
{
    const al_io *io = seg_env_io(e);
    char name[NAME_BYTES + sizeof NAME_SUFFIX_BAD];
    names_format(name, NAME_SEG, id);
    if (is_aside)
        memcpy(name + strlen(name), NAME_SUFFIX_BAD, sizeof NAME_SUFFIX_BAD);
    int dir = -1;
    al_code c = seg_env_index_dir(e, index_id, false, &dir, err);
    if (c)
        return c;
    int fd = -1;
    seg_summary sum = {.id = id};
    seg_footer f = {0};
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    c = io->open(io, dir, name, AL_OPEN_READ, &fd, err);
    if (!c) {
        c = read_directory(e, index_id, id, fd, &f, &ix, err);
        io->close(io, fd);
    }
    if (!c)
        c = bytes_of_files(io, dir, id, &sum.bytes, err);
    io->close(io, dir);
    if (c)
        return c;
    assert(ix);
    sum.n_rows = f.n_rows;
    sum.n_names = ix->n_names;
    seg_sum_blocks(ix->blocks, ix->n_blocks, &sum);
    *ret = sum;
    return AL_OK;
}

/* A file that the manifest lists and that is not there is damage like any other. */
static al_code open_file(segment *s, seg_fd *ret, al_err *err)
{
    al_code c = seg_env_get(s->env, s->index_id, s->sum.id, ret, err);
    return c == AL_NOT_FOUND ? al_fail(err, AL_CORRUPT, "the file is missing") : c;
}

al_code seg_index_get(segment *s, seg_index **ret, al_err *err)
{
    al_err mine;
    if (!err)
        err = &mine;
    cache_key key = key_of(s, CACHE_ITEM_INDEX);
    cache *cached = seg_env_cache(s->env);
    *ret = cache_get(cached, &key);
    if (*ret)
        return AL_OK;
    seg_fd f;
    al_code c = open_file(s, &f, err);
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    if (!c) {
        seg_footer footer;
        c = read_directory(s->env, s->index_id, s->sum.id, f.fd, &footer, &ix, err);
        if (!c)
            c = check_against_summary(s, &footer, ix, err);
        seg_env_put(s->env, f);
    }
    if (c)
        return al_wrap(err, "segment %s", s->name);
    *ret = AL_TAKE(ix);
    cache_put(cached, &key, *ret, &kind_index, ((index_box *)*ret)->box_bytes);
    return AL_OK;
}

/* ---- Lexicon */

/* Where a lexicon's bytes come from: outlives the segment's handle. */
typedef struct lex_place {
    seg_env *env;
    uint32_t index_id;
    uint64_t seg_id;
    uint64_t off;
    char name[NAME_BYTES + 16];
} lex_place;

static al_code read_lexicon(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err)
{
    const lex_place *p = ctx;
    const al_io *io = seg_env_io(p->env);
    seg_fd f;
    al_code c = seg_env_get(p->env, p->index_id, p->seg_id, &f, err);
    if (c)
        return c == AL_NOT_FOUND ? al_fail(err, AL_CORRUPT, "the file is missing") : c;
    c = io->read_at(io, f.fd, to, n, p->off + off, err);
    seg_env_put(p->env, f);
    return c ? al_wrap(err, "segment %s", p->name) : AL_OK;
}

static void lexicon_has_grown(void *ctx, size_t bytes)
{
    const lex_place *p = ctx;
    cache_key key = {.index_id = p->index_id, .item = CACHE_ITEM_LEXICON, .seg_id = p->seg_id};
    cache_grow(seg_env_cache(p->env), &key, bytes);
}

al_code seg_lexicon(segment *s, const seg_index *ix, lexicon **ret, al_err *err)
{
    *ret = NULL;
    if (ix->lex_bytes == 0)
        return AL_OK;
    al_err mine;
    if (!err)
        err = &mine;
    cache_key key = key_of(s, CACHE_ITEM_LEXICON);
    cache *cached = seg_env_cache(s->env);
    *ret = cache_get(cached, &key);
    if (*ret)
        return AL_OK;
    AL_CLEANUP(al_freep) lex_place *place = al_zalloc(1, sizeof *place);
    if (!place)
        return al_fail(err, AL_NOMEM, "lexicon");
    *place = (lex_place){
        .env = s->env, .index_id = s->index_id, .seg_id = s->sum.id, .off = ix->lex_off};
    memcpy(place->name, s->name, sizeof place->name);
    lex_source source = {.read = read_lexicon,
                         .ctx = place,
                         .bytes = ix->lex_bytes,
                         .grown = lexicon_has_grown,
                         .done = free};
    lexicon *l = NULL;
    al_code c = lexicon_open(&source, &l, err);
    if (c)
        return al_wrap(err, "segment %s", s->name);
    (void)AL_TAKE(place);
    cache_put(cached, &key, l, &kind_lexicon, lexicon_bytes(l));
    *ret = l;
    return AL_OK;
}

/* ---- Blocks */

static al_code read_at(segment *s, uint8_t *to, uint64_t off, size_t n, al_err *err)
{
    seg_fd f;
    al_code c = open_file(s, &f, err);
    if (!c) {
        const al_io *io = seg_env_io(s->env);
        c = io->read_at(io, f.fd, to, n, off, err);
        seg_env_put(s->env, f);
    }
    return c ? al_wrap(err, "segment %s", s->name) : AL_OK;
}

static al_code read_source(const block_source *b, uint8_t *to, uint64_t off, size_t n, al_err *err)
{
    return read_at(b->ctx, to, b->at + off, n, err);
}

static void source_done(const block_source *b)
{
    (void)seg_unref(b->ctx);
}

/* Into the cache. */
static al_code read_block(segment *s, const seg_index *ix, uint32_t i, blob **ret, al_err *err)
{
    AL_CLEANUP(blob_unrefp) blob *b = blob_new(ix->blocks[i].len);
    if (!b)
        return al_fail(err, AL_NOMEM, "block of %u bytes", ix->blocks[i].len);
    al_code c = read_at(s, b->bytes, ix->blocks[i].off, b->len, err);
    if (c)
        return al_wrap(err, "block %u", i);
    cache_key key = key_of(s, i);
    cache_put(seg_env_cache(s->env), &key, b, &kind_blob, b->len);
    *ret = AL_TAKE(b);
    return AL_OK;
}

static al_code open_bytes(segment *s, const seg_index *ix, uint32_t i, block_view *view, bool keeps,
                          al_err *err)
{
    cache_key key = key_of(s, i);
    AL_CLEANUP(blob_unrefp) blob *b = cache_get(seg_env_cache(s->env), &key);
    al_code c = !b && keeps ? read_block(s, ix, i, &b, err) : AL_OK;
    if (c || b)
        return c ? c : block_view_open(view, b, err);
    const block_source from = {.read = read_source,
                               .done = source_done,
                               .ctx = seg_ref(s),
                               .at = ix->blocks[i].off,
                               .bytes = ix->blocks[i].len};
    return block_view_open_source(view, &from, err);
}

al_code seg_open_block(segment *s, const seg_index *ix, uint32_t i, block_view *view, bool keeps,
                       al_err *err)
{
    assert(i < ix->n_blocks);
    al_err mine;
    if (!err)
        err = &mine;
    AL_CLEANUP(lexicon_unrefp) lexicon *lex = NULL;
    al_code c = seg_lexicon(s, ix, &lex, err);
    if (c)
        return c;
    block_view_use_lexicon(view, lex);
    c = open_bytes(s, ix, i, view, keeps, err);
    const block_info *want = &ix->blocks[i];
    const block_info *is = block_view_info(view);
    if (!c &&
        (is->n_rows != want->n_rows || is->min_id != want->min_id || is->max_id != want->max_id))
        c = al_fail(err, AL_CORRUPT, "block %u is not what the directory says", i);
    return c ? al_wrap(err, "segment %s", s->name) : AL_OK;
}

static al_code check_block(segment *s, const seg_index *ix, uint32_t i, block_view *scratch,
                           al_err *err)
{
    static const block_want want = {.is_all = true};
    const al_slice *messages = NULL;
    al_code c = seg_open_block(s, ix, i, scratch, false, err);
    if (!c)
        c = block_view_check(scratch, err);
    if (!c)
        c = block_view_messages(scratch, &messages, err);
    for (uint32_t row = 0; !c && row < ix->blocks[i].n_rows; row++) {
        record r;
        c = block_view_record(scratch, row, &want, &r, err);
    }
    return c;
}

al_code seg_check(segment *s, block_view *scratch, al_err *err)
{
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    AL_CLEANUP(lexicon_unrefp) lexicon *lex = NULL;
    al_code c = seg_index_get(s, &ix, err);
    if (!c)
        c = seg_lexicon(s, ix, &lex, err);
    if (!c && lex)
        c = lexicon_check(lex, err);
    for (uint32_t i = 0; !c && i < ix->n_blocks; i++)
        c = check_block(s, ix, i, scratch, err);
    return c;
}

/* ---- Positions */

static al_code decode_positions(const segment *s, al_slice bytes, positions **ret, al_err *err)
{
    file_header h;
    al_code c = file_header_decode(bytes, FMT_MAGIC_POSITIONS, &h, err);
    if (!c)
        c = file_header_check(&h, seg_env_store_id(s->env), s->index_id, s->sum.id, err);
    if (c)
        return c;
    al_rd r = al_rd_of(al_slice_sub(bytes, FMT_HEADER_BYTES, bytes.len));
    packed part = packed_get(&r, SEG_POSITIONS_BYTES_MAX);
    al_slice stored = al_rd_bytes(&r, part.stored_bytes);
    if (r.bad || r.left)
        return al_fail(err, AL_CORRUPT, "positions: lengths do not fit");
    AL_CLEANUP(packer_freep) packer *pack = packer_new();
    AL_CLEANUP(al_freep) uint8_t *raw = al_alloc((size_t)part.raw_bytes, 1);
    if (!pack || !raw)
        return al_fail(err, AL_NOMEM, "positions");
    c = packed_load(pack, &part, stored, raw, err);
    if (c)
        return c;
    return positions_decode((al_slice){raw, (size_t)part.raw_bytes}, (uint32_t)s->sum.n_rows, ret,
                            err);
}

static al_code read_positions(segment *s, positions **ret, al_err *err)
{
    const al_io *io = seg_env_io(s->env);
    int dir = -1;
    al_code c = seg_env_index_dir(s->env, s->index_id, false, &dir, err);
    if (c)
        return c;
    char name[NAME_BYTES];
    names_format(name, NAME_POS, s->sum.id);
    al_buf b;
    al_buf_init(&b, SEG_POSITIONS_BYTES_MAX + FMT_HEADER_BYTES);
    int fd = -1;
    uint64_t bytes = 0;
    c = io->open(io, dir, name, AL_OPEN_READ, &fd, err);
    io->close(io, dir);
    if (c)
        return c;
    c = io->file_bytes(io, fd, &bytes, err);
    uint8_t *to = !c && bytes <= b.max ? al_buf_extend(&b, (size_t)bytes) : NULL;
    if (!c && !to)
        c = al_fail(err, al_buf_code(&b) == AL_NOMEM ? AL_NOMEM : AL_CORRUPT,
                    "positions: %" PRIu64 " bytes", bytes);
    if (!c)
        c = io->read_at(io, fd, to, (size_t)bytes, 0, err);
    io->close(io, fd);
    if (!c)
        c = decode_positions(s, al_buf_slice(&b), ret, err);
    al_buf_done(&b);
    return c;
}

al_code seg_positions(segment *s, positions **ret, al_err *err)
{
    al_err mine;
    if (!err)
        err = &mine;
    if (!s->sum.has_positions)
        return AL_NOT_FOUND;
    cache_key key = key_of(s, CACHE_ITEM_POSITIONS);
    cache *cached = seg_env_cache(s->env);
    *ret = cache_get(cached, &key);
    if (*ret)
        return AL_OK;
    al_code c = read_positions(s, ret, err);
    if (c == AL_NOT_FOUND)
        c = al_fail(err, AL_CORRUPT, "the file is missing");
    if (c)
        return al_wrap(err, "positions of %s", s->name);
    size_t n;
    (void)positions_runs(*ret, &n);
    cache_put(cached, &key, *ret, &kind_positions, n * sizeof(pos_run) + 64);
    return AL_OK;
}
