/* Writes segments. Shape: doc/format.md sections 5 and 6.
 * The file is a .tmp until it is whole and synced: what is called .seg was finished, so that a
 * manifest made anew (rebuild.c) can tell damage from what was never done. Until a manifest lists
 * it it is garbage that recovery deletes. Invariants: (1) blocks, lexicon, directory and footer
 * are written in order, each byte once; (2) finish returns AL_OK only after both files and their
 * names are on disk.
 */
#include "store/seg_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/mem.h"
#include "store/codec/packed.h"
#include "store/format.h"
#include "store/names.h"

struct seg_writer {
    seg_env *env;
    seg_writer_options o;
    int dir;
    int fd;
    bool is_finished;
    uint64_t off;
    uint64_t n_rows;
    uint64_t last_id;
    block_builder *builder;
    lex_builder *lexicon;
    al_buf out; /* of one block or the directory */
    block_info *blocks;
    size_t n_blocks;
    size_t blocks_cap;
    pos_builder positions;
    /* Distinct field names, learned from each finished block. */
    al_arena *arena;
    seg_field *names;
    size_t n_names;
    size_t names_cap;
    block_view *view;
};

static al_code write_out(seg_writer *w, al_err *err)
{
    const al_io *io = seg_env_io(w->env);
    if (al_buf_code(&w->out))
        return al_fail(err, al_buf_code(&w->out), "segment directory");
    al_code c = io->write_at(io, w->fd, w->out.ptr, w->out.len, w->off, err);
    if (!c)
        w->off += w->out.len;
    al_buf_clear(&w->out);
    return c;
}

static void name_unfinished(const seg_writer *w, char ret[NAME_BYTES])
{
    names_format(ret, NAME_SEG, w->o.seg_id);
    memcpy(ret + strlen(ret), NAME_SUFFIX_TMP, sizeof NAME_SUFFIX_TMP);
}

static al_code create(seg_writer *w, al_err *err)
{
    const al_io *io = seg_env_io(w->env);
    char name[NAME_BYTES];
    name_unfinished(w, name);
    al_code c = seg_env_index_dir(w->env, w->o.index_id, false, &w->dir, err);
    if (c)
        return c == AL_NOT_FOUND ? al_fail(err, AL_CORRUPT, "its directory is missing") : c;
    c = io->open(io, w->dir, name, AL_OPEN_CREATE, &w->fd, err);
    if (c)
        return c;
    file_header h = {.magic = FMT_MAGIC_SEGMENT, .file_id = w->o.seg_id, .index_id = w->o.index_id};
    memcpy(h.store_id, seg_env_store_id(w->env), sizeof h.store_id);
    file_header_encode(&h, &w->out);
    return write_out(w, err);
}

al_code seg_writer_new(seg_env *env, const seg_writer_options *o, seg_writer **ret, al_err *err)
{
    AL_CLEANUP(seg_writer_freep) seg_writer *w = al_zalloc(1, sizeof *w);
    if (!w)
        return al_fail(err, AL_NOMEM, "segment writer");
    w->env = env;
    w->o = *o;
    w->dir = -1;
    w->fd = -1;
    al_buf_init(&w->out, (size_t)BLOCK_BYTES_MAX + SEG_DIRECTORY_BYTES_MAX);
    pos_builder_init(&w->positions);
    w->builder = block_builder_new();
    w->lexicon = lex_builder_new();
    w->view = block_view_new();
    w->arena = al_arena_new((size_t)16 * 1024);
    if (!w->builder || !w->lexicon || !w->view || !w->arena ||
        block_builder_use_lexicon(w->builder, w->lexicon))
        return al_fail(err, AL_NOMEM, "segment writer");
    al_code c = create(w, err);
    if (!c)
        *ret = AL_TAKE(w);
    return c;
}

seg_writer *seg_writer_free(seg_writer *w)
{
    if (!w)
        return NULL;
    const al_io *io = seg_env_io(w->env);
    if (w->fd >= 0) {
        io->close(io, w->fd);
        if (!w->is_finished) {
            al_err ignored; /* left-overs are garbage to recovery */
            char name[NAME_BYTES];
            name_unfinished(w, name);
            (void)io->unlink(io, w->dir, name, &ignored);
            names_format(name, NAME_SEG, w->o.seg_id);
            (void)io->unlink(io, w->dir, name, &ignored);
            names_format(name, NAME_POS, w->o.seg_id);
            (void)io->unlink(io, w->dir, name, &ignored);
        }
    }
    if (w->dir >= 0)
        io->close(io, w->dir);
    (void)block_builder_free(w->builder);
    (void)lex_builder_free(w->lexicon);
    (void)block_view_free(w->view);
    (void)al_arena_free(w->arena);
    pos_builder_done(&w->positions);
    al_buf_done(&w->out);
    free(w->blocks);
    free(w->names);
    free(w);
    return NULL;
}

/* Keeps `names` sorted; blocks of one segment mostly have the same few. */
static al_code add_name(seg_writer *w, al_slice name, uint8_t uses)
{
    size_t lo = 0;
    size_t hi = w->n_names;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = al_slice_cmp(w->names[mid].name, name);
        if (order == 0) {
            w->names[mid].uses |= uses;
            return AL_OK;
        }
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    seg_field *grown =
        al_grow(w->names, &w->names_cap, w->n_names, sizeof *grown, 64, SEG_NAMES_MAX);
    if (!grown)
        return AL_NOMEM;
    w->names = grown;
    al_slice copy = al_arena_copy(w->arena, name);
    if (!copy.ptr)
        return AL_NOMEM;
    memmove(w->names + lo + 1, w->names + lo, (w->n_names - lo) * sizeof *w->names);
    w->names[lo] = (seg_field){copy, uses};
    w->n_names++;
    return AL_OK;
}

static al_code add_names(seg_writer *w, al_err *err)
{
    al_code c = block_view_open_slice(w->view, al_buf_slice(&w->out), err);
    if (c)
        return c;
    const al_slice *names;
    size_t n = block_view_names(w->view, &names);
    for (size_t i = 0; !c && i < n; i++)
        c = add_name(w, names[i], (uint8_t)(1U << (block_view_kind(w->view, i) - FMT_COL_HOMED)));
    return c ? al_fail(err, c, "names of a segment") : AL_OK;
}

static al_code end_block(seg_writer *w, al_err *err)
{
    block_info *grown =
        al_grow(w->blocks, &w->blocks_cap, w->n_blocks, sizeof *grown, 64, SEG_BLOCKS_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "segment of %zu blocks", w->n_blocks);
    w->blocks = grown;
    block_info *b = &w->blocks[w->n_blocks];
    al_code c = block_builder_encode(w->builder, &w->out, b, err);
    if (c)
        return c;
    b->off = w->off;
    w->n_blocks++;
    c = add_names(w, err);
    return c ? c : write_out(w, err);
}

al_code seg_writer_add(seg_writer *w, const record *r, uint64_t frame, uint32_t row, al_err *err)
{
    if (w->n_rows && r->id <= w->last_id)
        return al_fail(err, AL_CORRUPT, "row %llu comes behind row %llu", (unsigned long long)r->id,
                       (unsigned long long)w->last_id);
    if (w->n_rows >= SEG_ROWS_MAX)
        return al_fail(err, AL_LIMIT, "segment of more than %d rows", SEG_ROWS_MAX);
    al_code c = block_builder_add(w->builder, r);
    if (c == AL_AGAIN) {
        c = end_block(w, err);
        if (c)
            return c;
        c = block_builder_add(w->builder, r);
    }
    if (!c && w->o.has_positions)
        c = pos_builder_add(&w->positions, frame, row);
    if (c)
        return al_fail(err, c, "add row %llu to a segment", (unsigned long long)r->id);
    w->last_id = r->id;
    w->n_rows++;
    return AL_OK;
}

static al_code write_directory(seg_writer *w, al_err *err)
{
    seg_footer f = {.n_rows = w->n_rows, .n_blocks = (uint32_t)w->n_blocks};
    al_code c = lex_builder_encode(w->lexicon, &w->out, err);
    f.lex_bytes = w->out.len;
    if (!c)
        c = write_out(w, err);
    if (c)
        return c;
    f.dir_off = w->off;
    seg_directory_encode(w->blocks, w->n_blocks, w->names, w->n_names, &w->out);
    if (al_buf_code(&w->out))
        return al_fail(err, al_buf_code(&w->out), "segment directory");
    f.dir_bytes = w->out.len;
    f.dir_crc = al_crc32c(0, w->out.ptr, w->out.len);
    f.file_bytes = w->off + w->out.len + FMT_FOOTER_BYTES;
    seg_footer_encode(&f, &w->out);
    return write_out(w, err);
}

static al_code write_positions(seg_writer *w, uint64_t *ret_bytes, al_err *err)
{
    const al_io *io = seg_env_io(w->env);
    AL_CLEANUP(packer_freep) packer *pack = packer_new();
    if (!pack)
        return al_fail(err, AL_NOMEM, "positions");
    al_buf raw, stored;
    al_buf_init(&raw, SEG_POSITIONS_BYTES_MAX);
    al_buf_init(&stored, SEG_POSITIONS_BYTES_MAX);
    positions_encode(w->positions.runs, w->positions.n, &raw);
    packed part;
    al_code c = al_buf_code(&raw);
    if (!c)
        c = packed_store(pack, al_buf_slice(&raw), &stored, &part);
    if (!c) {
        file_header h = {
            .magic = FMT_MAGIC_POSITIONS, .file_id = w->o.seg_id, .index_id = w->o.index_id};
        memcpy(h.store_id, seg_env_store_id(w->env), sizeof h.store_id);
        al_buf_clear(&w->out);
        file_header_encode(&h, &w->out);
        packed_put(&part, &w->out);
        al_buf_slice_put(&w->out, al_buf_slice(&stored));
        c = al_buf_code(&w->out);
    }
    al_buf_done(&raw);
    al_buf_done(&stored);
    if (c)
        return al_fail(err, c, "positions");
    char name[NAME_BYTES];
    names_format(name, NAME_POS, w->o.seg_id);
    *ret_bytes = w->out.len;
    return al_write_file(io, w->dir, name, AL_OPEN_CREATE, al_buf_slice(&w->out), err);
}

static void summarize(const seg_writer *w, uint64_t pos_bytes, seg_summary *sum)
{
    sum->id = w->o.seg_id;
    sum->day = w->o.day;
    sum->is_off = w->o.is_off;
    sum->is_quarantined = false;
    sum->has_positions = w->o.has_positions;
    sum->n_rows = w->n_rows;
    sum->bytes = w->off + pos_bytes;
    sum->n_names = (uint32_t)w->n_names;
    seg_sum_blocks(w->blocks, w->n_blocks, sum);
}

al_code seg_writer_finish(seg_writer *w, seg_summary *sum, al_err *err)
{
    const al_io *io = seg_env_io(w->env);
    assert(w->n_rows > 0 && !w->is_finished);
    al_code c = block_builder_rows(w->builder) ? end_block(w, err) : AL_OK;
    if (!c)
        c = write_directory(w, err);
    if (!c)
        c = io->sync(io, w->fd, err);
    uint64_t pos_bytes = 0;
    if (!c && w->o.has_positions)
        c = write_positions(w, &pos_bytes, err);
    char unfinished[NAME_BYTES];
    char name[NAME_BYTES];
    name_unfinished(w, unfinished);
    names_format(name, NAME_SEG, w->o.seg_id);
    if (!c)
        c = io->rename(io, w->dir, unfinished, name, err);
    if (!c)
        c = io->sync_dir(io, w->dir, err);
    if (c)
        return c;
    summarize(w, pos_bytes, sum);
    w->is_finished = true;
    return AL_OK;
}
