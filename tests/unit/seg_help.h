#pragma once
/* seg_help.h: a segment without a file: rows of one batch as some blocks and their lexicon. */
#include "unit/lex_help.h"
#include "unit/store_help.h"

#include "store/block.h"

enum { MEM_BLOCKS_MAX = 8 };

typedef struct mem_seg {
    rec_batch *rows;
    block_builder *builder;
    lex_builder *lex_builder; /* may be filled before the first block */
    al_buf blocks[MEM_BLOCKS_MAX];
    size_t first[MEM_BLOCKS_MAX + 1]; /* row of each block */
    uint32_t n_blocks;
    al_buf lex_bytes;
    al_slice lex_slice;
    lexicon *lex; /* once it is closed */
    block_view *view;
} mem_seg;

/* Stays where it is. */
static inline void mem_seg_init(mem_seg *s)
{
    *s = (mem_seg){.rows = rec_batch_new(1),
                   .builder = block_builder_new(),
                   .lex_builder = lex_builder_new(),
                   .view = block_view_new()};
    assert_true(s->rows && s->builder && s->lex_builder && s->view);
    al_buf_init(&s->lex_bytes, SIZE_MAX);
    assert_int_equal(block_builder_use_lexicon(s->builder, s->lex_builder), AL_OK);
}

static inline void mem_seg_done(mem_seg *s)
{
    (void)block_view_free(s->view);
    (void)lexicon_unref(s->lex);
    (void)lex_builder_free(s->lex_builder);
    (void)block_builder_free(s->builder);
    (void)rec_batch_free(s->rows);
    for (uint32_t i = 0; i < s->n_blocks; i++)
        al_buf_done(&s->blocks[i]);
    al_buf_done(&s->lex_bytes);
}

/* The rows that were added to the batch since the last block. */
static inline void mem_seg_block(mem_seg *s)
{
    al_err err;
    block_info info;
    assert_true(s->n_blocks < MEM_BLOCKS_MAX);
    size_t from = s->first[s->n_blocks];
    for (size_t i = from; i < s->rows->n; i++) {
        s->rows->recs[i].id = 1000 + i;
        s->rows->recs[i].time_ns = 1000 + (int64_t)i;
        assert_int_equal(block_builder_add(s->builder, &s->rows->recs[i]), AL_OK);
    }
    al_buf *out = &s->blocks[s->n_blocks++];
    al_buf_init(out, SIZE_MAX);
    assert_int_equal(block_builder_encode(s->builder, out, &info, &err), AL_OK);
    assert_int_equal(info.n_rows, s->rows->n - from);
    s->first[s->n_blocks] = s->rows->n;
}

/* No more blocks; now it can be read. */
static inline void mem_seg_close(mem_seg *s)
{
    al_err err;
    assert_int_equal(lex_builder_encode(s->lex_builder, &s->lex_bytes, &err), AL_OK);
    s->lex_slice = al_buf_slice(&s->lex_bytes);
    assert_int_equal(lex_open_slice(&s->lex_slice, &s->lex, &err), AL_OK);
    assert_int_equal(lexicon_check(s->lex, &err), AL_OK);
    block_view_use_lexicon(s->view, s->lex);
}

static inline uint32_t mem_seg_rows(const mem_seg *s, uint32_t block)
{
    return (uint32_t)(s->first[block + 1] - s->first[block]);
}

static inline const record *mem_seg_row(const mem_seg *s, uint32_t block, uint32_t row)
{
    return &s->rows->recs[s->first[block] + row];
}

static inline void mem_seg_open(mem_seg *s, uint32_t block)
{
    al_err err;
    assert_int_equal(block_view_open_slice(s->view, al_buf_slice(&s->blocks[block]), &err), AL_OK);
}
