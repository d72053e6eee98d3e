/* Binary fuse filters.
 * Shape: a key has one place in each of three neighbouring segments of fingerprints, chosen by its
 * hash, and is in when the three, xored, are its own fingerprint. Building looks for an order in
 * which each key has a place that no later one needs (peeling: a place that only one key left
 * wants is that key's), and then sets the places in the reverse of it. When a few keys block each
 * other, another seed is tried, and when some seeds in a row did not do, with one segment more: the
 * paper's sizes are too small for some numbers of keys (100 seeds did not
 * arrange every third set of 11,500).
 * Bytes: u64 seed, u8 log2 of places in a segment, u32 segments where first places lie,
 * fingerprints. */
#include "store/codec/fuse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    WAYS = 3,
    HEAD_BYTES = 8 + 1 + 4, /* seed, segment_bits, n_segments */
    SEGMENT_BITS_MAX = 18,  /* as in the paper's own program */
    TRIES_MAX = 8,          /* seeds of a size */
    MORE_SEGMENTS_MAX = 16,
};

typedef struct places {
    uint32_t at[WAYS];
} places;

/* What a builder needs for each place. */
typedef struct cell {
    uint64_t hashes; /* of the keys that want it, xored */
    uint32_t n;
} cell;

typedef struct builder {
    const uint64_t *keys;
    size_t n;
    fuse f;
    uint32_t n_places;
    cell *cells;
    uint32_t *alone; /* places that one key wants */
    uint64_t *order; /* hashes, in the order in which they were peeled */
    uint8_t *way;    /* which of its places each has */
    uint8_t *prints;
} builder;

static uint64_t hash_of(uint64_t key, uint64_t seed)
{
    uint64_t h = key + seed; /* the finalizer of MurmurHash3, by A. Appleby */
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

static uint8_t print_of(uint64_t hash)
{
    return (uint8_t)(hash ^ hash >> 32);
}

static places places_of(const fuse *f, uint64_t hash)
{
    uint32_t size = UINT32_C(1) << f->segment_bits;
    uint64_t n_first = (uint64_t)f->n_segments << f->segment_bits;
    uint32_t first = (uint32_t)((unsigned __int128)hash * n_first >> 64);
    return (places){{first, (first + size) ^ ((uint32_t)(hash >> 18) & (size - 1)),
                     (first + 2 * size) ^ ((uint32_t)hash & (size - 1))}};
}

bool fuse_has(const fuse *f, uint64_t key)
{
    if (!f->n_segments)
        return false;
    uint64_t hash = hash_of(key, f->seed);
    places p = places_of(f, hash);
    uint8_t sum = f->prints.ptr[p.at[0]] ^ f->prints.ptr[p.at[1]] ^ f->prints.ptr[p.at[2]];
    return sum == print_of(hash);
}

al_code fuse_open(al_slice bytes, fuse *ret, al_err *err)
{
    al_rd r = al_rd_of(bytes);
    *ret = (fuse){.seed = al_rd_u64(&r)};
    ret->segment_bits = al_rd_u8(&r);
    ret->n_segments = al_rd_u32(&r);
    if (r.bad || ret->segment_bits > SEGMENT_BITS_MAX)
        return al_fail(err, AL_CORRUPT, "filter: bad header");
    ret->prints = al_slice_sub(bytes, HEAD_BYTES, bytes.len);
    uint64_t n_segments = ret->n_segments ? (uint64_t)ret->n_segments + WAYS - 1 : 0;
    if (ret->prints.len != n_segments << ret->segment_bits)
        return al_fail(err, AL_CORRUPT, "filter: %zu fingerprints are not those of %u segments",
                       ret->prints.len, ret->n_segments);
    return AL_OK;
}

/* ---- Building */

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static size_t sort_unique(uint64_t *keys, size_t n)
{
    size_t kept = 0;
    if (n)
        qsort(keys, n, sizeof *keys, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || keys[i] != keys[i - 1])
            keys[kept++] = keys[i];
    return kept;
}

/* Sizes as the paper found them to work for three ways. */
static void choose_size(fuse *f, size_t n)
{
    if (!n)
        return;
    double logn = log((double)n);
    double bits = floor(logn / log(3.33) + 2.25);
    f->segment_bits = bits > SEGMENT_BITS_MAX ? SEGMENT_BITS_MAX : (uint32_t)bits;
    double factor = n < 2 ? 2 : fmax(1.125, 0.875 + 0.25 * log(1e6) / logn);
    uint64_t n_places = (uint64_t)ceil((double)n * factor);
    uint64_t n_segments = (n_places + (UINT64_C(1) << f->segment_bits) - 1) >> f->segment_bits;
    f->n_segments = n_segments < WAYS ? 1 : (uint32_t)n_segments - (WAYS - 1);
}

static void count_wants(builder *b)
{
    memset(b->cells, 0, b->n_places * sizeof *b->cells);
    for (size_t i = 0; i < b->n; i++) {
        uint64_t hash = hash_of(b->keys[i], b->f.seed);
        places p = places_of(&b->f, hash);
        for (int k = 0; k < WAYS; k++) {
            b->cells[p.at[k]].n++;
            b->cells[p.at[k]].hashes ^= hash;
        }
    }
}

/* Takes the key of place `at`, the only one that wants it, from its other places; *n_alone grows by
 * those that now have one left. */
static void peel(builder *b, uint32_t at, size_t n_done, size_t *n_alone)
{
    uint64_t hash = b->cells[at].hashes;
    places p = places_of(&b->f, hash);
    b->order[n_done] = hash;
    for (int k = 0; k < WAYS; k++) {
        cell *c = &b->cells[p.at[k]];
        if (p.at[k] == at)
            b->way[n_done] = (uint8_t)k;
        c->n--;
        c->hashes ^= hash;
        if (c->n == 1)
            b->alone[(*n_alone)++] = p.at[k];
    }
}

/* False: this seed does not do. */
static bool arrange(builder *b)
{
    size_t n_alone = 0;
    size_t n_done = 0;
    count_wants(b);
    for (uint32_t i = 0; i < b->n_places; i++)
        if (b->cells[i].n == 1)
            b->alone[n_alone++] = i;
    while (n_alone) {
        uint32_t at = b->alone[--n_alone];
        if (b->cells[at].n == 1)
            peel(b, at, n_done++, &n_alone);
    }
    return n_done == b->n;
}

static void set_prints(builder *b)
{
    memset(b->prints, 0, b->n_places);
    for (size_t i = b->n; i-- > 0;) {
        places p = places_of(&b->f, b->order[i]);
        uint8_t *own = &b->prints[p.at[b->way[i]]];
        *own = 0;
        *own = print_of(b->order[i]) ^ b->prints[p.at[0]] ^ b->prints[p.at[1]] ^ b->prints[p.at[2]];
    }
}

static void builder_done(builder *b)
{
    free(b->cells);
    free(b->alone);
    free(b->order);
    free(b->way);
    free(b->prints);
}

static al_code make_room(builder *b)
{
    b->n_places = b->n ? (b->f.n_segments + WAYS - 1) << b->f.segment_bits : 0;
    size_t room = (size_t)b->n_places + 1;
    b->cells = al_alloc(room, sizeof *b->cells);
    b->alone = al_alloc(room, sizeof *b->alone); /* each place is alone once at most */
    b->order = al_alloc(b->n + 1, sizeof *b->order);
    b->way = al_alloc(b->n + 1, sizeof *b->way);
    b->prints = al_alloc(room, sizeof *b->prints);
    return b->cells && b->alone && b->order && b->way && b->prints ? AL_OK : AL_NOMEM;
}

/* With the size that `f` says. AL_AGAIN: no seed does. */
static al_code build(const uint64_t *keys, size_t n, fuse *f, al_buf *out)
{
    AL_CLEANUP(builder_done) builder b = {.keys = keys, .n = n, .f = *f};
    if (make_room(&b))
        return AL_NOMEM;
    bool is_found = false;
    for (int i = 0; i < TRIES_MAX && !is_found; i++) {
        b.f.seed = hash_of(b.f.seed, UINT64_C(0x9e3779b97f4a7c15)); /* the same for the same keys */
        is_found = arrange(&b);
    }
    f->seed = b.f.seed;
    if (!is_found)
        return AL_AGAIN;
    set_prints(&b);
    al_buf_u64(out, b.f.seed);
    al_buf_u8(out, (uint8_t)b.f.segment_bits);
    al_buf_u32(out, b.f.n_segments);
    al_buf_slice_put(out, (al_slice){b.prints, b.n_places});
    return al_buf_code(out);
}

al_code fuse_build(uint64_t *keys, size_t n, al_buf *out)
{
    fuse f = {0};
    if (n > FUSE_KEYS_MAX)
        return AL_LIMIT;
    n = sort_unique(keys, n);
    choose_size(&f, n);
    for (int i = 0; i <= MORE_SEGMENTS_MAX; i++) {
        al_code c = build(keys, n, &f, out);
        if (c != AL_AGAIN)
            return c;
        f.n_segments++;
    }
    return AL_LIMIT;
}
