/* Writes a lexicon: doc/format.md section 9. Everything is there when a segment ends, so parts are
 * made in order and the head, which says where they are, is put in front of them at last. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "store/codec/fuse.h"
#include "store/codec/grams.h"
#include "store/codec/packed.h"
#include "store/lex/lex_priv.h"
#include "store/msg/split.h"

typedef struct writing {
    lex_builder *b;
    packer *pack;
    al_buf raw;      /* of one part */
    al_buf head;     /* entries of parts */
    al_buf parts;    /* stored */
    uint32_t *first; /* per value, and one behind the last: its first posting in `sorted` */
    lex_posting *sorted;
} writing;

/* Stores `raw` as the next part and notes it in the head. */
static al_code put_part(writing *w)
{
    packed d;
    if (al_buf_code(&w->raw))
        return al_buf_code(&w->raw);
    al_code c = packed_store(w->pack, al_buf_slice(&w->raw), &w->parts, &d);
    if (!c)
        packed_put(&d, &w->head);
    al_buf_clear(&w->raw);
    return c;
}

static al_code put_texts(writing *w, const lex_table *t, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        al_buf_varint(&w->raw, t->texts[i].len);
    for (uint32_t i = from; i < to; i++)
        al_buf_slice_put(&w->raw, lex_table_text(t, i));
    return put_part(w);
}

static al_code put_blocks(writing *w)
{
    const lex_builder *b = w->b;
    for (uint32_t i = 0; i < b->n_blocks; i++) {
        uint32_t end = i + 1 < b->n_blocks ? b->blocks[i + 1].first_value : b->values.n;
        al_buf_varint(&w->raw, end - b->blocks[i].first_value);
        al_buf_varint(&w->raw, b->blocks[i].flags);
    }
    return put_part(w);
}

/* ---- Postings */

/* Sorts postings by number, those of one number stay in order of blocks. */
static void sort_postings(const lex_postings *p, uint32_t n, uint32_t *first, lex_posting *sorted)
{
    for (size_t i = 0; i < p->n; i++)
        first[p->at[i].number + 1]++;
    for (uint32_t i = 0; i < n; i++)
        first[i + 1] += first[i];
    for (size_t i = 0; i < p->n; i++)
        sorted[first[p->at[i].number]++] = p->at[i];
    for (uint32_t i = n; i > 0; i--)
        first[i] = first[i - 1];
    first[0] = 0;
}

static al_code prepare_postings(writing *w, const lex_postings *p, uint32_t n)
{
    free(w->first);
    free(w->sorted);
    w->first = al_zalloc((size_t)n + 1, sizeof *w->first);
    w->sorted = al_alloc(p->n + 1, sizeof *w->sorted);
    if (!w->first || !w->sorted)
        return AL_NOMEM;
    sort_postings(p, n, w->first, w->sorted);
    return AL_OK;
}

/* A template that messages and fields of a block have was posted for each of them. */
static void join_postings(writing *w, uint32_t n)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = w->first[i];
        w->first[i] = to;
        for (; k < w->first[i + 1]; k++) {
            lex_posting *last = to > w->first[i] ? &w->sorted[to - 1] : NULL;
            if (last && last->block == w->sorted[k].block) {
                last->rows += w->sorted[k].rows;
                last->uses |= w->sorted[k].uses;
            } else {
                w->sorted[to++] = w->sorted[k];
            }
        }
    }
    w->first[n] = to;
}

static void put_use(writing *w, uint32_t rows, uint8_t uses)
{
    al_buf_varint(&w->raw, (uint64_t)rows << LEX_USE_BITS | uses);
}

static al_code put_template_postings(writing *w)
{
    uint32_t n = w->b->templates.n;
    al_code c = prepare_postings(w, &w->b->template_postings, n);
    if (c)
        return c;
    join_postings(w, n);
    for (uint32_t i = 0; i < n; i++)
        al_buf_varint(&w->raw, w->first[i + 1] - w->first[i]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t next = 0;
        for (uint32_t k = w->first[i]; k < w->first[i + 1]; k++) {
            al_buf_varint(&w->raw, w->sorted[k].block - next);
            next = w->sorted[k].block + 1;
        }
    }
    for (uint32_t k = 0; k < w->first[n]; k++)
        put_use(w, w->sorted[k].rows, w->sorted[k].uses);
    return put_part(w);
}

/* A value's blocks: those of `sorted`, then the one of its last use. */
static void put_value_blocks(writing *w, uint32_t i)
{
    uint32_t last = w->b->uses[i].block;
    uint32_t before = UINT32_MAX;
    for (uint32_t k = w->first[i]; k < w->first[i + 1]; k++) {
        if (before != UINT32_MAX)
            al_buf_varint(&w->raw, w->sorted[k].block - before - 1);
        before = w->sorted[k].block;
    }
    if (before != UINT32_MAX)
        al_buf_varint(&w->raw, last - before - 1);
}

static al_code put_value_postings(writing *w, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        al_buf_varint(&w->raw, w->first[i + 1] - w->first[i]);
    for (uint32_t i = from; i < to; i++)
        put_value_blocks(w, i);
    for (uint32_t i = from; i < to; i++) {
        for (uint32_t k = w->first[i]; k < w->first[i + 1]; k++)
            put_use(w, w->sorted[k].rows, w->sorted[k].uses);
        put_use(w, w->b->uses[i].rows, w->b->uses[i].uses);
    }
    return put_part(w);
}

/* ---- The sieve: a filter for templates, for each chunk, and for letters of values */

typedef struct lex_key_list {
    uint64_t *at;
    size_t cap;
    size_t n;
} lex_key_list;

static bool add_key(void *ctx, uint64_t key)
{
    lex_key_list *k = ctx;
    uint64_t *grown = al_grow(k->at, &k->cap, k->n, sizeof *grown, 8192, LEX_PART_BYTES_MAX);
    if (!grown)
        return false;
    k->at = grown;
    k->at[k->n++] = key;
    return true;
}

/* Appends the filter of texts [from, to) to `raw`, its length to `head`. */
static al_code put_filter(writing *w, const lex_table *t, uint32_t from, uint32_t to,
                          lex_key_list *k, al_buf *lens)
{
    size_t at = w->raw.len;
    k->n = 0;
    for (uint32_t i = from; i < to; i++)
        if (!grams_each(lex_table_text(t, i), add_key, k))
            return AL_NOMEM;
    al_code c = fuse_build(k->at, k->n, &w->raw);
    al_buf_varint(lens, w->raw.len - at);
    return c;
}

/* The letters of values, and those that they begin and end with: real words are few, and so are the
 * beginnings of hexadecimal numbers. */
static al_code put_letters(writing *w, al_buf *lens)
{
    AL_CLEANUP(al_freep) lex_key_set *k = al_zalloc(1, sizeof *k);
    size_t at = w->raw.len;
    if (!k)
        return AL_NOMEM;
    lex_keys_begin(k, LEX_LETTER_KEYS_MAX);
    bool fits = true;
    for (uint32_t i = 0; i < w->b->values.n && fits; i++) {
        al_slice text = lex_table_text(&w->b->values, i);
        fits = grams_of_edges(text, lex_key_add, k) && grams_of_letters(text, lex_key_add, k);
    }
    al_code c = k->lacks_memory ? AL_NOMEM : AL_OK;
    if (!c && fits)
        c = fuse_build(k->at, k->n, &w->raw);
    al_buf_varint(lens, w->raw.len - at);
    free(k->at);
    return c;
}

/* Filters of what each block has that is in no lexicon. */
static al_code put_outside(writing *w)
{
    lex_builder *b = w->b;
    packed d;
    al_code c = lex_end_block(b);
    al_buf_slice_put(&b->outside_lens, al_buf_slice(&b->outside_filters)); /* lengths come first */
    if (!c)
        c = al_buf_code(&b->outside_lens);
    if (!c)
        c = packed_store_raw(al_buf_slice(&b->outside_lens), &w->parts, &d);
    if (!c)
        packed_put(&d, &w->head);
    return c;
}

static al_code put_sieve(writing *w)
{
    const lex_builder *b = w->b;
    lex_key_list k = {0};
    al_buf lens;
    al_buf_init(&lens, LEX_SIEVE_BYTES_MAX);
    al_code c = put_filter(w, &b->templates, 0, b->templates.n, &k, &lens);
    for (uint32_t from = 0; !c && from < b->values.n; from += LEX_CHUNK_VALUES) {
        uint32_t to = AL_MIN(b->values.n, from + LEX_CHUNK_VALUES);
        c = put_filter(w, &b->values, from, to, &k, &lens);
    }
    free(k.at);
    packed d;
    if (!c)
        c = put_letters(w, &lens);
    if (!c)
        c = al_buf_code(&w->raw);
    al_buf_slice_put(&lens, al_buf_slice(&w->raw)); /* lengths come first */
    if (!c)
        c = al_buf_code(&lens);
    if (!c)
        c = packed_store_raw(al_buf_slice(&lens), &w->parts, &d);
    if (!c)
        packed_put(&d, &w->head);
    al_buf_clear(&w->raw);
    al_buf_done(&lens);
    return c;
}

/* ---- Chunks */

static al_code put_values(writing *w)
{
    uint32_t n = w->b->values.n;
    al_code c = AL_OK;
    for (uint32_t from = 0; !c && from < n; from += LEX_CHUNK_VALUES) {
        uint32_t to = AL_MIN(n, from + LEX_CHUNK_VALUES);
        c = put_texts(w, &w->b->values, from, to);
    }
    if (!c)
        c = prepare_postings(w, &w->b->value_postings, n);
    for (uint32_t from = 0; !c && from < n; from += LEX_CHUNK_VALUES)
        c = put_value_postings(w, from, AL_MIN(n, from + LEX_CHUNK_VALUES));
    return c;
}

/* ---- All of it */

bool lex_template_is_plain(al_slice t)
{
    assert(t.len == 0 || t.ptr);
    if (msg_marks(t) > MSG_VARIABLES_MAX)
        return false;
    for (size_t k = 0; k < t.len; k++)
        if (t.ptr[k] == MSG_MARK &&
            ((k && msg_is_word(t.ptr[k - 1])) || (k + 1 < t.len && msg_is_word(t.ptr[k + 1]))))
            return false;
    return true;
}

static al_code put_all(writing *w, al_buf *out)
{
    const lex_builder *b = w->b;
    al_buf_varint(&w->head, b->templates.n);
    al_buf_varint(&w->head, b->values.n);
    al_buf_varint(&w->head, b->n_blocks);
    bool is_plain = true;
    for (uint32_t i = 0; i < b->templates.n && is_plain; i++)
        is_plain = lex_template_is_plain(lex_table_text(&b->templates, i));
    al_buf_varint(&w->head, is_plain ? LEX_IS_PLAIN : 0);
    al_code c = put_texts(w, &b->templates, 0, b->templates.n);
    if (!c)
        c = put_blocks(w);
    if (!c)
        c = put_template_postings(w);
    if (!c) {
        al_buf_put(&w->raw, b->longest, b->templates.n * sizeof b->longest[0]);
        c = put_part(w);
    }
    if (!c)
        c = put_sieve(w);
    if (!c)
        c = put_outside(w);
    if (!c && b->values.n)
        c = put_values(w);
    if (!c)
        c = al_buf_code(&w->head);
    if (c)
        return c;
    size_t at = out->len;
    al_buf_u32(out, LEX_MAGIC);
    al_buf_u32(out, (uint32_t)w->head.len + 12);
    al_buf_slice_put(out, al_buf_slice(&w->head));
    if (al_buf_code(out))
        return al_buf_code(out);
    al_buf_u32(out, al_crc32c(0, out->ptr + at, out->len - at));
    al_buf_slice_put(out, al_buf_slice(&w->parts));
    return al_buf_code(out);
}

al_code lex_builder_encode(lex_builder *b, al_buf *out, al_err *err)
{
    writing w = {.b = b, .pack = packer_new()};
    al_buf_init(&w.raw, LEX_PART_BYTES_MAX);
    al_buf_init(&w.head, LEX_HEAD_BYTES_MAX);
    al_buf_init(&w.parts, LEX_BYTES_MAX);
    al_code c = w.pack ? put_all(&w, out) : AL_NOMEM;
    (void)packer_free(w.pack);
    al_buf_done(&w.raw);
    al_buf_done(&w.head);
    al_buf_done(&w.parts);
    free(w.first);
    free(w.sorted);
    return c ? al_fail(err, c, "lexicon of %u values", b->values.n) : AL_OK;
}
