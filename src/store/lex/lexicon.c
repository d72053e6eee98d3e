/* Reads lexicons. The bytes come from disk: the head has a checksum and says how long each part is,
 * every count in a part is checked against the head before anything is allocated.
 * Invariants: (1) a part stays while anybody has a reference; (2) what a part says
 * was checked when it was read: offsets of texts ascend within it, block numbers ascend below
 * n_blocks.
 * Threads: a part that was read is immutable; its pointer is stored last (release) and looked at
 * first (acquire). Reading itself is done under `lock`. */
#include "store/lex/lexicon.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/codec/fuse.h"
#include "store/codec/grams.h"
#include "store/codec/packed.h"
#include "store/lex/lex_priv.h"

/* A part: where it is, and its bytes once they were read. */
typedef struct part {
    packed d;
    uint64_t off;
    _Atomic(uint8_t *) raw; /* NULL: not read */
} part;

/* Texts of one part: text i is bytes [ends[i - 1], ends[i]). */
typedef struct texts {
    part at;
    uint32_t n;
    const uint8_t *bytes;     /* of at */
    uint32_t begin;           /* of text 0 */
    _Atomic(uint32_t *) ends; /* NULL: not read; offsets in `bytes` */
} texts;

typedef struct chunk {
    texts t;
    part postings;
} chunk;

/* Where the lists of one template begin in their part. */
typedef struct posting_at {
    uint32_t n;
    uint32_t blocks;
    uint32_t rows;
} posting_at;

typedef struct filter_set {
    part at;
    uint32_t n;
    _Atomic(fuse *) filters; /* NULL: not read */
} filter_set;

struct lexicon {
    atomic_uint refs;
    lex_source source; /* immutable, as the counts and where parts are */
    pthread_mutex_t lock;
    packer *pack; /* under lock */
    uint32_t n_values;
    uint32_t n_blocks;
    uint32_t flags; /* LEX_IS_PLAIN */
    texts templates;
    part blocks;
    _Atomic(lex_block *) block; /* NULL: not read */
    part template_postings;
    _Atomic(posting_at *) template_at; /* NULL: not read; of each template */
    part longest;                      /* of templates: bytes of their longest number */
    chunk *chunks;
    uint32_t n_chunks;
    filter_set sieve;    /* of templates, then of each chunk, then of letters of all values */
    filter_set outside;  /* of each block */
    atomic_size_t bytes; /* of what was read */
};

static al_code damaged(al_err *err, const char *what)
{
    return al_fail(err, AL_CORRUPT, "lexicon: %s", what);
}

static void part_done(part *p)
{
    free(atomic_load(&p->raw));
}

static void texts_done(texts *t)
{
    part_done(&t->at);
    free(atomic_load(&t->ends));
}

static void filters_done(filter_set *s)
{
    part_done(&s->at);
    free(atomic_load(&s->filters));
}

lexicon *lexicon_ref(lexicon *l)
{
    unsigned old = atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return l;
}

lexicon *lexicon_unref(lexicon *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (uint32_t i = 0; i < l->n_chunks; i++) {
        texts_done(&l->chunks[i].t);
        part_done(&l->chunks[i].postings);
    }
    filters_done(&l->sieve);
    filters_done(&l->outside);
    texts_done(&l->templates);
    part_done(&l->blocks);
    part_done(&l->template_postings);
    free(atomic_load(&l->template_at));
    part_done(&l->longest);
    free(l->chunks);
    free(atomic_load(&l->block));
    (void)packer_free(l->pack);
    (void)pthread_mutex_destroy(&l->lock);
    if (l->source.done)
        l->source.done(l->source.ctx);
    free(l);
    return NULL;
}

static size_t part_forget(part *p)
{
    uint8_t *raw = atomic_exchange(&p->raw, NULL);
    free(raw);
    return raw ? (size_t)p->d.raw_bytes : 0;
}

size_t lexicon_shrink(lexicon *l)
{
    size_t n = 0;
    if (atomic_load_explicit(&l->refs, memory_order_acquire) != 1)
        return 0;
    for (uint32_t i = 0; i < l->n_chunks; i++) {
        chunk *c = &l->chunks[i];
        uint32_t *ends = atomic_exchange(&c->t.ends, NULL);
        n += ends ? c->t.n * sizeof *ends : 0;
        free(ends);
        n += part_forget(&c->t.at) + part_forget(&c->postings);
    }
    (void)atomic_fetch_sub_explicit(&l->bytes, n, memory_order_relaxed);
    return n;
}

size_t lexicon_bytes(const lexicon *l)
{
    return atomic_load_explicit(&l->bytes, memory_order_relaxed);
}

uint32_t lexicon_templates(const lexicon *l)
{
    return l->templates.n;
}

uint32_t lexicon_values(const lexicon *l)
{
    return l->n_values;
}

uint32_t lexicon_blocks(const lexicon *l)
{
    return l->n_blocks;
}

/* ---- Head */

static void get_part(al_rd *r, uint64_t raw_max, uint64_t *off, part *ret)
{
    ret->d = packed_get(r, raw_max);
    ret->off = *off;
    *off += ret->d.stored_bytes; /* below 2^64: a head has few parts of LEX_PART_BYTES_MAX */
}

static void get_chunks(lexicon *l, al_rd *r, uint64_t *off)
{
    for (uint32_t i = 0; i < l->n_chunks; i++) {
        chunk *c = &l->chunks[i];
        c->t.n = AL_MIN(l->n_values - i * LEX_CHUNK_VALUES, (uint32_t)LEX_CHUNK_VALUES);
        get_part(r, LEX_CHUNK_BYTES_MAX, off, &c->t.at);
    }
    for (uint32_t i = 0; i < l->n_chunks; i++)
        get_part(r, LEX_POSTING_BYTES_MAX, off, &l->chunks[i].postings);
}

static al_code get_counts(lexicon *l, al_rd *r, al_err *err)
{
    uint64_t n_templates = al_rd_varint(r);
    uint64_t n_values = al_rd_varint(r);
    uint64_t n_blocks = al_rd_varint(r);
    uint64_t flags = al_rd_varint(r);
    if (r->bad || flags > LEX_IS_PLAIN || n_templates == 0 || n_templates > LEX_TEMPLATES_MAX ||
        n_values > LEX_VALUES_MAX || n_blocks > LEX_BLOCKS_MAX)
        return damaged(err, "counts are out of range");
    l->templates.n = (uint32_t)n_templates;
    l->n_values = (uint32_t)n_values;
    l->n_blocks = (uint32_t)n_blocks;
    l->flags = (uint32_t)flags;
    if (n_values == 0)
        return AL_OK;
    uint32_t n_chunks = (l->n_values + LEX_CHUNK_VALUES - 1) / LEX_CHUNK_VALUES;
    l->chunks = al_zalloc(n_chunks, sizeof *l->chunks);
    if (!l->chunks)
        return al_fail(err, AL_NOMEM, "lexicon");
    l->n_chunks = n_chunks;
    return AL_OK;
}

static al_code get_head(lexicon *l, al_slice head, al_err *err)
{
    al_rd crc = al_rd_of(al_slice_sub(head, head.len - 4, head.len));
    if (al_rd_u32(&crc) != al_crc32c(0, head.ptr, head.len - 4))
        return damaged(err, "checksum of the head does not fit");
    al_rd r = al_rd_of(al_slice_sub(head, 8, head.len - 4));
    al_code c = get_counts(l, &r, err);
    if (c)
        return c;
    uint64_t off = head.len;
    const uint64_t longest_bytes = 2 * (uint64_t)l->templates.n;
    get_part(&r, LEX_TEMPLATE_BYTES_MAX + LEX_TEMPLATES_MAX * 5, &off, &l->templates.at);
    get_part(&r, (uint64_t)l->n_blocks * 10, &off, &l->blocks);
    get_part(&r, LEX_POSTING_BYTES_MAX, &off, &l->template_postings);
    get_part(&r, longest_bytes, &off, &l->longest);
    get_part(&r, LEX_SIEVE_BYTES_MAX, &off, &l->sieve.at);
    get_part(&r, LEX_OUTSIDE_BYTES_MAX, &off, &l->outside.at);
    l->sieve.n = l->n_chunks + 2;
    l->outside.n = l->n_blocks;
    get_chunks(l, &r, &off);
    if (r.bad || r.left || off != l->source.bytes || l->longest.d.raw_bytes != longest_bytes)
        return damaged(err, "parts do not fit");
    return AL_OK;
}

static al_code read_head(lexicon *l, al_err *err)
{
    uint8_t start[8];
    if (l->source.bytes < sizeof start)
        return damaged(err, "no head");
    al_code c = l->source.read(l->source.ctx, 0, start, sizeof start, err);
    if (c)
        return c;
    al_rd r = al_rd_of((al_slice){start, sizeof start});
    uint32_t magic = al_rd_u32(&r);
    uint32_t bytes = al_rd_u32(&r);
    if (magic != LEX_MAGIC || bytes < sizeof start + 4 || bytes > LEX_HEAD_BYTES_MAX ||
        bytes > l->source.bytes)
        return damaged(err, "no head");
    AL_CLEANUP(al_freep) uint8_t *head = al_alloc(bytes, 1);
    if (!head)
        return al_fail(err, AL_NOMEM, "lexicon");
    c = l->source.read(l->source.ctx, 0, head, bytes, err);
    return c ? c : get_head(l, (al_slice){head, bytes}, err);
}

al_code lexicon_open(const lex_source *source, lexicon **ret, al_err *err)
{
    AL_CLEANUP(lexicon_unrefp) lexicon *l = al_zalloc(1, sizeof *l);
    if (!l)
        return al_fail(err, AL_NOMEM, "lexicon");
    atomic_init(&l->refs, 1);
    (void)pthread_mutex_init(&l->lock, NULL);
    l->source = *source;
    l->source.done = NULL; /* the caller's until all went well */
    l->pack = packer_new();
    if (!l->pack)
        return al_fail(err, AL_NOMEM, "lexicon");
    al_code c = read_head(l, err);
    if (c)
        return c;
    l->source.done = source->done;
    atomic_init(&l->bytes, sizeof *l + l->n_chunks * sizeof(chunk));
    *ret = AL_TAKE(l);
    return AL_OK;
}

/* ---- Parts */

static void add_bytes(lexicon *l, size_t n)
{
    (void)atomic_fetch_add_explicit(&l->bytes, n, memory_order_relaxed);
    if (l->source.grown)
        l->source.grown(l->source.ctx, n);
}

static al_code load_locked(lexicon *l, part *p, al_rd *ret, al_err *err)
{
    uint8_t *have = atomic_load_explicit(&p->raw, memory_order_acquire);
    if (!have) {
        AL_CLEANUP(al_freep) uint8_t *stored = al_alloc((size_t)p->d.stored_bytes + 1, 1);
        AL_CLEANUP(al_freep) uint8_t *raw = al_alloc((size_t)p->d.raw_bytes + 1, 1);
        if (!stored || !raw)
            return al_fail(err, AL_NOMEM, "lexicon");
        al_code c = l->source.read(l->source.ctx, p->off, stored, (size_t)p->d.stored_bytes, err);
        if (!c)
            c = packed_load(l->pack, &p->d, (al_slice){stored, (size_t)p->d.stored_bytes}, raw,
                            err);
        if (c)
            return c;
        have = AL_TAKE(raw);
        atomic_store_explicit(&p->raw, have, memory_order_release);
        add_bytes(l, (size_t)p->d.raw_bytes);
    }
    *ret = al_rd_of((al_slice){have, (size_t)p->d.raw_bytes});
    return AL_OK;
}

static al_code load(lexicon *l, part *p, al_rd *ret, al_err *err)
{
    uint8_t *raw = atomic_load_explicit(&p->raw, memory_order_acquire);
    if (raw) {
        *ret = al_rd_of((al_slice){raw, (size_t)p->d.raw_bytes});
        return AL_OK;
    }
    AL_LOCKED(&l->lock);
    return load_locked(l, p, ret, err);
}

static al_code load_texts(lexicon *l, texts *t, size_t text_max, al_err *err)
{
    if (atomic_load_explicit(&t->ends, memory_order_acquire))
        return AL_OK;
    AL_LOCKED(&l->lock);
    if (atomic_load_explicit(&t->ends, memory_order_relaxed))
        return AL_OK; /* another thread was faster */
    al_rd r = {0};
    al_code c = load_locked(l, &t->at, &r, err);
    if (c)
        return c;
    AL_CLEANUP(al_freep) uint32_t *ends = al_alloc((size_t)t->n + 1, sizeof *ends);
    if (!ends)
        return al_fail(err, AL_NOMEM, "lexicon");
    const uint8_t *bytes = r.p;
    uint64_t end = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t len = al_rd_varint(&r);
        if (r.bad || len > text_max)
            return damaged(err, "a text is too long");
        end += len;
        ends[i] = (uint32_t)end;
    }
    if (end != r.left)
        return damaged(err, "texts do not fit");
    t->bytes = bytes;
    t->begin = (uint32_t)(t->at.d.raw_bytes - end);
    for (uint32_t i = 0; i < t->n; i++)
        ends[i] += t->begin;
    atomic_store_explicit(&t->ends, AL_TAKE(ends), memory_order_release);
    add_bytes(l, t->n * sizeof *ends);
    return AL_OK;
}

/* Of texts that were loaded, as all below. */
static const uint32_t *ends_of(const texts *t)
{
    return atomic_load_explicit(&t->ends, memory_order_acquire);
}

static al_slice text_of(const texts *t, uint32_t i)
{
    const uint32_t *ends = ends_of(t);
    uint32_t from = i ? ends[i - 1] : t->begin;
    return (al_slice){t->bytes + from, ends[i] - from};
}

static lex_chunk chunk_of(const texts *t, uint32_t first)
{
    return (lex_chunk){.first = first,
                       .n = t->n,
                       .texts = {t->bytes + t->begin, (size_t)t->at.d.raw_bytes - t->begin},
                       .begin = t->begin,
                       .ends = ends_of(t)};
}

al_code lexicon_template(lexicon *l, uint32_t i, al_slice *ret, al_err *err)
{
    assert(i < l->templates.n);
    al_code c = load_texts(l, &l->templates, LEX_TEMPLATE_BYTES_MAX, err);
    if (!c)
        *ret = text_of(&l->templates, i);
    return c;
}

al_code lexicon_all_templates(lexicon *l, lex_chunk *ret, al_err *err)
{
    al_code c = load_texts(l, &l->templates, LEX_TEMPLATE_BYTES_MAX, err);
    if (!c)
        *ret = chunk_of(&l->templates, 0);
    return c;
}

bool lexicon_is_plain(const lexicon *l)
{
    return l->flags & LEX_IS_PLAIN;
}

static al_code load_chunk(lexicon *l, uint32_t i, al_err *err)
{
    return load_texts(l, &l->chunks[i].t, LEX_VALUE_BYTES_MAX, err);
}

al_code lexicon_value(lexicon *l, uint32_t i, al_slice *ret, al_err *err)
{
    assert(i < l->n_values);
    chunk *c = &l->chunks[i / LEX_CHUNK_VALUES];
    al_code code = load_chunk(l, i / LEX_CHUNK_VALUES, err);
    if (code)
        return code;
    *ret = text_of(&c->t, i % LEX_CHUNK_VALUES);
    return AL_OK;
}

/* ---- Finding */

enum { NO_FILTER = UINT8_MAX }; /* segment_bits of one that was not made; one without keys is one */

static al_code open_filters(uint32_t n, al_rd *r, fuse *filters, al_err *err)
{
    al_rd lens = *r;
    for (uint32_t i = 0; i < n; i++)
        (void)al_rd_varint(r);
    for (uint32_t i = 0; i < n; i++) {
        al_slice bytes = al_rd_bytes(r, al_rd_varint(&lens));
        al_code c = AL_OK;
        filters[i] = (fuse){.segment_bits = NO_FILTER};
        if (r->bad)
            return damaged(err, "filters do not fit");
        if (bytes.len) /* else it has none */
            c = fuse_open(bytes, &filters[i], err);
        if (c)
            return c;
    }
    return r->left ? damaged(err, "filters do not fit") : AL_OK;
}

static al_code load_filters(lexicon *l, filter_set *s, const fuse **ret, al_err *err)
{
    *ret = atomic_load_explicit(&s->filters, memory_order_acquire);
    if (*ret)
        return AL_OK;
    AL_LOCKED(&l->lock);
    *ret = atomic_load_explicit(&s->filters, memory_order_relaxed);
    if (*ret)
        return AL_OK; /* another thread was faster */
    al_rd r = {0};
    al_code c = load_locked(l, &s->at, &r, err);
    AL_CLEANUP(al_freep) fuse *filters = al_alloc((size_t)s->n + 1, sizeof *filters);
    if (!c && !filters)
        return al_fail(err, AL_NOMEM, "lexicon");
    if (!c)
        c = open_filters(s->n, &r, filters, err);
    if (c)
        return c;
    *ret = filters;
    atomic_store_explicit(&s->filters, AL_TAKE(filters), memory_order_release);
    add_bytes(l, ((size_t)s->n + 1) * sizeof(fuse));
    return AL_OK;
}

static bool add_key(void *ctx, uint64_t key)
{
    lex_keys *k = ctx;
    k->at[k->n++] = key;
    return k->n < AL_COUNT(k->at); /* the others are not asked for */
}

lex_keys lex_keys_of(al_slice text)
{
    lex_keys k = {.n = 0};
    (void)grams_each(text, add_key, &k);
    return k;
}

lex_keys lex_keys_of_runs(al_slice text)
{
    lex_keys k = {.n = 0};
    (void)(grams_of_digits(text, add_key, &k) && grams_of_letters(text, add_key, &k));
    return k;
}

static bool has_all(const fuse *f, const lex_keys *k)
{
    for (uint32_t i = 0; i < k->n && f->segment_bits != NO_FILTER; i++)
        if (!fuse_has(f, k->at[i]))
            return false;
    return true;
}

static al_code may_hold(lexicon *l, filter_set *s, uint32_t i, const lex_keys *k, bool *ret,
                        al_err *err)
{
    assert(i < s->n);
    const fuse *filters = NULL;
    *ret = true;
    if (k->n == 0)
        return AL_OK;
    al_code c = load_filters(l, s, &filters, err);
    if (!c)
        *ret = has_all(&filters[i], k);
    return c;
}

al_code lexicon_may_hold(lexicon *l, uint32_t chunk, const lex_keys *k, bool *ret, al_err *err)
{
    return may_hold(l, &l->sieve, chunk == LEX_TEMPLATES ? 0 : chunk + 1, k, ret, err);
}

al_code lexicon_may_have_outside(lexicon *l, uint32_t block, const lex_keys *k, bool *ret,
                                 al_err *err)
{
    return may_hold(l, &l->outside, block, k, ret, err);
}

al_code lexicon_may_have_letters(lexicon *l, al_slice text, bool *ret, al_err *err)
{
    lex_keys k = {.n = 0};
    (void)grams_of_letters(text, add_key, &k);
    return may_hold(l, &l->sieve, l->n_chunks + 1, &k, ret, err);
}

al_code lexicon_may_have_edge(lexicon *l, al_slice word, bool ends, bool *ret, al_err *err)
{
    lex_keys k = {.n = 1};
    *ret = true;
    return grams_edge_key(word, ends, &k.at[0])
               ? may_hold(l, &l->sieve, l->n_chunks + 1, &k, ret, err)
               : AL_OK;
}

al_code lexicon_find(lexicon *l, al_slice text, uint32_t *ret, al_err *err)
{
    lex_keys keys = lex_keys_of(text);
    for (uint32_t i = 0; i < l->n_chunks; i++) {
        bool may = false;
        lex_chunk chunk;
        al_code c = lexicon_may_hold(l, i, &keys, &may, err);
        if (!c && may)
            c = lexicon_chunk(l, i, &chunk, err);
        if (c)
            return c;
        for (uint32_t k = 0; may && k < chunk.n; k++)
            if (al_slice_eq(lex_chunk_text(&chunk, k), text)) {
                *ret = chunk.first + k;
                return AL_OK;
            }
    }
    return AL_NOT_FOUND;
}

uint32_t lexicon_chunks(const lexicon *l)
{
    return l->n_chunks;
}

al_code lexicon_chunk(lexicon *l, uint32_t i, lex_chunk *ret, al_err *err)
{
    assert(i < l->n_chunks);
    al_code c = load_chunk(l, i, err);
    if (c)
        return c;
    const texts *t = &l->chunks[i].t;
    *ret = chunk_of(t, i * LEX_CHUNK_VALUES);
    return AL_OK;
}

/* ---- Blocks */

static al_code load_blocks(lexicon *l, al_err *err)
{
    if (atomic_load_explicit(&l->block, memory_order_acquire))
        return AL_OK;
    AL_LOCKED(&l->lock);
    if (atomic_load_explicit(&l->block, memory_order_relaxed))
        return AL_OK;
    al_rd r = {0};
    al_code c = load_locked(l, &l->blocks, &r, err);
    if (c)
        return c;
    AL_CLEANUP(al_freep) lex_block *block = al_alloc((size_t)l->n_blocks + 1, sizeof *block);
    if (!block)
        return al_fail(err, AL_NOMEM, "lexicon");
    uint64_t next = 0;
    for (uint32_t i = 0; i < l->n_blocks; i++) {
        uint64_t n = al_rd_varint(&r);
        uint64_t flags = al_rd_varint(&r);
        if (r.bad || n > l->n_values || next + n > l->n_values || flags > UINT32_MAX)
            return damaged(err, "blocks do not fit");
        block[i] = (lex_block){(uint32_t)next, (uint32_t)flags};
        next += n;
    }
    if (r.left || next != l->n_values)
        return damaged(err, "blocks do not fit");
    block[l->n_blocks] = (lex_block){.first_value = l->n_values};
    atomic_store_explicit(&l->block, AL_TAKE(block), memory_order_release);
    add_bytes(l, l->n_blocks * sizeof *block);
    return AL_OK;
}

static const lex_block *block_of(const lexicon *l, uint32_t i)
{
    return atomic_load_explicit(&l->block, memory_order_acquire) + i;
}

al_code lexicon_block_flags(lexicon *l, uint32_t block, uint32_t *ret, al_err *err)
{
    assert(block < l->n_blocks);
    al_code c = load_blocks(l, err);
    if (!c)
        *ret = block_of(l, block)->flags;
    return c;
}

/* The block in which a value appeared first: the last one with first_value <= i. */
static uint32_t first_block(const lexicon *l, uint32_t i)
{
    uint32_t lo = 0;
    uint32_t hi = l->n_blocks;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (block_of(l, mid)->first_value <= i)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Each ends with a byte below 0x80: eight bytes at a time, as long as their ends are not enough. */
static void skip_varints(al_rd *r, uint64_t n)
{
    while (n && r->left >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, r->p, sizeof word);
        uint64_t n_ends =
            (~word >> 7 & UINT64_C(0x0101010101010101)) * UINT64_C(0x0101010101010101) >> 56;
        if (n_ends >= n)
            break;
        n -= n_ends;
        (void)al_rd_bytes(r, sizeof word);
    }
    while (n && !r->bad)
        n -= al_rd_u8(r) < 0x80;
}

/* Postings: how many blocks each thing has, which, and with how many rows, one list behind the
 * other. */
typedef struct postings {
    const lexicon *l;
    al_rd counts;
    al_rd blocks;
    al_rd rows;
    const uint64_t *wanted; /* NULL: all */
    lex_posting_fn *fn;
    void *ctx;
} postings;

/* `extra`: 1 when there is a count of rows for a first block that is not listed. */
static bool open_postings(postings *p, const al_rd *part, uint32_t n, uint64_t extra)
{
    p->counts = *part;
    p->blocks = *part;
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t count = al_rd_varint(&p->blocks);
        if (count > LEX_POSTINGS_MAX + LEX_BLOCKS_MAX)
            return false;
        all += count;
    }
    if (p->blocks.bad || all > p->blocks.left)
        return false;
    p->rows = p->blocks;
    skip_varints(&p->rows, all);
    al_rd end = p->rows;
    skip_varints(&end, all + n * extra);
    return !end.bad && !end.left;
}

static bool is_wanted(const postings *p, uint32_t number)
{
    return !p->wanted || p->wanted[number / 64] >> (number % 64) & 1;
}

static bool tell(postings *p, uint32_t number, uint64_t block)
{
    uint64_t use = al_rd_varint(&p->rows);
    if (block >= p->l->n_blocks || use >> LEX_USE_BITS > UINT32_MAX)
        return false;
    const lex_use_in in = {(uint32_t)block, (uint32_t)(use >> LEX_USE_BITS),
                           use & ((1U << LEX_USE_BITS) - 1)};
    p->fn(p->ctx, number, &in);
    return true;
}

/* The next `n` blocks that thing `number` has listed, behind block `next` - 1. */
static bool tell_all(postings *p, uint32_t number, uint64_t n, uint64_t next)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t skip = al_rd_varint(&p->blocks);
        if (skip > p->l->n_blocks || !tell(p, number, next + skip))
            return false;
        next += skip + 1;
    }
    return true;
}

static bool tell_listed(postings *p, uint32_t number, uint64_t next)
{
    uint64_t count = al_rd_varint(&p->counts);
    if (is_wanted(p, number))
        return tell_all(p, number, count, next);
    skip_varints(&p->blocks, count);
    skip_varints(&p->rows, count);
    return true;
}

/* A question wants few of the templates, so where each one's lists are is found out once. */
static al_code load_template_at(lexicon *l, const posting_at **ret, al_err *err)
{
    *ret = atomic_load_explicit(&l->template_at, memory_order_acquire);
    if (*ret)
        return AL_OK;
    AL_LOCKED(&l->lock);
    *ret = atomic_load_explicit(&l->template_at, memory_order_relaxed);
    if (*ret)
        return AL_OK; /* another thread was faster */
    postings p = {.l = l};
    al_rd part = {0};
    al_code c = load_locked(l, &l->template_postings, &part, err);
    if (c)
        return c;
    AL_CLEANUP(al_freep) posting_at *at = al_alloc((size_t)l->templates.n + 1, sizeof *at);
    if (!at)
        return al_fail(err, AL_NOMEM, "lexicon");
    if (!open_postings(&p, &part, l->templates.n, 0))
        return damaged(err, "blocks of templates do not fit");
    for (uint32_t i = 0; i < l->templates.n; i++) {
        uint32_t n = (uint32_t)al_rd_varint(&p.counts);
        at[i] = (posting_at){n, (uint32_t)(p.blocks.p - part.p), (uint32_t)(p.rows.p - part.p)};
        skip_varints(&p.blocks, n);
        skip_varints(&p.rows, n);
    }
    *ret = at;
    atomic_store_explicit(&l->template_at, AL_TAKE(at), memory_order_release);
    add_bytes(l, l->templates.n * sizeof **ret);
    return AL_OK;
}

al_code lexicon_template_blocks(lexicon *l, const uint64_t *wanted, lex_posting_fn *fn, void *ctx,
                                al_err *err)
{
    postings p = {.l = l, .wanted = wanted, .fn = fn, .ctx = ctx};
    const posting_at *at;
    al_rd part = {0};
    al_code c = load_template_at(l, &at, err);
    if (!c)
        c = load(l, &l->template_postings, &part, err);
    bool fits = true;
    for (uint32_t i = 0; !c && fits && i < l->templates.n; i++) {
        if (!is_wanted(&p, i))
            continue;
        p.blocks = al_rd_of(al_slice_sub((al_slice){part.p, part.left}, at[i].blocks, part.left));
        p.rows = al_rd_of(al_slice_sub((al_slice){part.p, part.left}, at[i].rows, part.left));
        fits = tell_all(&p, i, at[i].n, 0);
    }
    return c || fits ? c : damaged(err, "blocks of templates do not fit");
}

/* NOLINTNEXTLINE(readability-function-size): as lexicon_template_blocks, and of which chunk */
al_code lexicon_value_blocks(lexicon *l, uint32_t chunk, const uint64_t *wanted, lex_posting_fn *fn,
                             void *ctx, al_err *err)
{
    assert(chunk < l->n_chunks);
    postings p = {.l = l, .wanted = wanted, .fn = fn, .ctx = ctx};
    al_rd part = {0};
    al_code c = load_blocks(l, err);
    if (!c)
        c = load(l, &l->chunks[chunk].postings, &part, err);
    if (c)
        return c;
    uint32_t n = l->chunks[chunk].t.n;
    bool fits = open_postings(&p, &part, n, 1);
    for (uint32_t i = 0; fits && i < n; i++) {
        uint32_t number = chunk * LEX_CHUNK_VALUES + i;
        uint32_t first = first_block(l, number);
        if (is_wanted(&p, number))
            fits = tell(&p, number, first);
        else
            skip_varints(&p.rows, 1);
        fits = fits && tell_listed(&p, number, (uint64_t)first + 1);
    }
    return fits ? AL_OK : damaged(err, "blocks of values do not fit");
}

al_code lexicon_numbers(lexicon *l, const uint8_t **ret, al_err *err)
{
    al_rd r = {0};
    al_code c = load(l, &l->longest, &r, err);
    *ret = r.p;
    return c;
}

/* ---- Checking */

static void ignore_posting(void *ctx, uint32_t number, const lex_use_in *use)
{
    (void)ctx;
    (void)number;
    (void)use;
}

static al_code check_postings(lexicon *l, al_err *err)
{
    al_code c = lexicon_template_blocks(l, NULL, ignore_posting, NULL, err);
    for (uint32_t i = 0; !c && i < l->n_chunks; i++)
        c = lexicon_value_blocks(l, i, NULL, ignore_posting, NULL, err);
    return c;
}

al_code lexicon_check(lexicon *l, al_err *err)
{
    al_slice text;
    const fuse *filters;
    const uint8_t *longest;
    al_code c = lexicon_template(l, 0, &text, err);
    if (!c)
        c = lexicon_numbers(l, &longest, err);
    if (!c)
        c = load_blocks(l, err);
    if (!c)
        c = load_filters(l, &l->sieve, &filters, err);
    if (!c)
        c = load_filters(l, &l->outside, &filters, err);
    for (uint32_t i = 0; !c && i < l->templates.n; i++)
        if (lexicon_is_plain(l) && !lex_template_is_plain(text_of(&l->templates, i)))
            c = damaged(err, "a template is not plain");
    for (uint32_t i = 0; !c && i < l->n_chunks; i++)
        c = load_chunk(l, i, err);
    return c ? c : check_postings(l, err);
}
