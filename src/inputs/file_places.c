/* Places in files. See file_places.h.
 * Shape of the bytes, repeated: u8 version (1), varint length and bytes of the index, the same of
 * the path, varint inode, varint off, varint print_bytes, u64 print, u8 flags (1 = in a long line),
 * varint time_ns + 1.
 * A list is enough: it is searched when a file is opened, and as often as batches are made durable.
 * Invariant: index, inode and path together are unique in it. */
#include "inputs/file_places.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"
#include "base/thread.h"

enum { VERSION = 1, FLAG_LONG_LINE = 1, INDEX_BYTES_MAX = 64 };

typedef struct entry {
    char *names; /* index and path, one after the other */
    size_t index_bytes;
    size_t path_bytes;
    file_place place;
    uint64_t turn; /* when it was marked last */
} entry;

struct file_places {
    pthread_mutex_t lock;
    /* guarded by lock */
    entry *entries;
    size_t n;
    size_t cap;
    uint64_t turns;
};

file_places *file_places_new(void)
{
    file_places *p = al_zalloc(1, sizeof *p);
    if (p)
        (void)pthread_mutex_init(&p->lock, NULL);
    return p;
}

file_places *file_places_free(file_places *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < p->n; i++)
        free(p->entries[i].names);
    free(p->entries);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

uint64_t file_print(al_slice beginning)
{
    return XXH3_64bits(beginning.ptr ? beginning.ptr : (const uint8_t *)"", beginning.len);
}

static al_slice index_of(const entry *e)
{
    return (al_slice){(const uint8_t *)e->names, e->index_bytes};
}

static al_slice path_of(const entry *e)
{
    return (al_slice){(const uint8_t *)e->names + e->index_bytes, e->path_bytes};
}

/* ---- Bytes */

static void put_text(al_buf *out, al_slice s)
{
    al_buf_varint(out, s.len);
    al_buf_slice_put(out, s);
}

void file_place_put(al_buf *out, al_slice index, al_slice path, const file_place *place)
{
    al_buf_u8(out, VERSION);
    put_text(out, index);
    put_text(out, path);
    al_buf_varint(out, place->inode);
    al_buf_varint(out, place->off);
    al_buf_varint(out, place->print_bytes);
    al_buf_u64(out, place->print);
    al_buf_u8(out, place->is_in_long_line ? FLAG_LONG_LINE : 0);
    al_buf_varint(out, (uint64_t)place->time_ns + 1); /* -1 is 0 */
}

static bool take(al_rd *r, al_slice *ret_index, al_slice *ret_path, file_place *ret)
{
    uint8_t version = al_rd_u8(r);
    *ret_index = al_rd_bytes(r, al_rd_varint(r));
    *ret_path = al_rd_bytes(r, al_rd_varint(r));
    ret->inode = al_rd_varint(r);
    ret->off = al_rd_varint(r);
    uint64_t print_bytes = al_rd_varint(r);
    ret->print = al_rd_u64(r);
    uint8_t flags = al_rd_u8(r);
    uint64_t time = al_rd_varint(r);
    if (r->bad || version != VERSION || ret_index->len > INDEX_BYTES_MAX ||
        ret_path->len > FILE_PATH_BYTES_MAX || print_bytes > FILE_PRINT_BYTES ||
        time > (uint64_t)INT64_MAX + 1)
        return false;
    ret->print_bytes = (uint32_t)print_bytes;
    ret->is_in_long_line = (flags & FLAG_LONG_LINE) != 0;
    ret->time_ns = time ? (int64_t)(time - 1) : -1;
    return true;
}

/* ---- The list */

static entry *find_locked(file_places *p, al_slice index, al_slice path, uint64_t inode)
{
    for (size_t i = 0; i < p->n; i++) {
        entry *e = &p->entries[i];
        if (e->place.inode == inode && al_slice_eq(index_of(e), index) &&
            al_slice_eq(path_of(e), path))
            return e;
    }
    return NULL;
}

/* Wherever the file lay when it was marked last. */
static const entry *newest_locked(const file_places *p, al_slice index, uint64_t inode)
{
    const entry *best = NULL;
    for (size_t i = 0; i < p->n; i++) {
        const entry *e = &p->entries[i];
        if (e->place.inode == inode && al_slice_eq(index_of(e), index) &&
            (!best || e->turn > best->turn))
            best = e;
    }
    return best;
}

/* A new entry, or the oldest one made free; NULL without memory. */
static entry *room_locked(file_places *p)
{
    entry *grown = al_grow(p->entries, &p->cap, p->n, sizeof *grown, 16, FILE_PLACES_MAX);
    if (grown) {
        p->entries = grown;
        p->entries[p->n] = (entry){0};
        return &p->entries[p->n++];
    }
    if (p->n < FILE_PLACES_MAX)
        return NULL;
    entry *oldest = &p->entries[0];
    for (size_t i = 1; i < p->n; i++)
        if (p->entries[i].turn < oldest->turn)
            oldest = &p->entries[i];
    free(oldest->names);
    *oldest = (entry){0};
    return oldest;
}

/* Without memory the file is forgotten, and read again after a restart. */
static void set_locked(file_places *p, al_slice index, al_slice path, const file_place *place)
{
    entry *e = find_locked(p, index, path, place->inode);
    if (!e) {
        char *names = al_alloc(index.len + path.len + 1, 1);
        e = names ? room_locked(p) : NULL;
        if (!e) {
            free(names);
            return;
        }
        if (index.len)
            memcpy(names, index.ptr, index.len);
        if (path.len)
            memcpy(names + index.len, path.ptr, path.len);
        e->names = names;
        e->index_bytes = index.len;
        e->path_bytes = path.len;
    }
    e->place = *place;
    e->turn = ++p->turns;
}

void file_places_apply(file_places *p, al_slice bytes)
{
    AL_LOCKED(&p->lock);
    al_rd r = al_rd_of(bytes);
    while (r.left) {
        al_slice index = {0};
        al_slice path = {0};
        file_place place = {0};
        if (!take(&r, &index, &path, &place))
            return;
        set_locked(p, index, path, &place);
    }
}

/* Oldest first, so that reading them back gives the same order of forgetting. */
static int by_turn(const void *a, const void *b)
{
    const entry *x = a;
    const entry *y = b;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

al_code file_places_dump(file_places *p, al_buf *out)
{
    AL_LOCKED(&p->lock);
    if (p->n)
        qsort(p->entries, p->n, sizeof *p->entries, by_turn);
    for (size_t i = 0; i < p->n; i++)
        file_place_put(out, index_of(&p->entries[i]), path_of(&p->entries[i]),
                       &p->entries[i].place);
    return al_buf_code(out);
}

bool file_places_find(file_places *p, al_slice index, al_slice path, uint64_t inode,
                      file_place *ret)
{
    AL_LOCKED(&p->lock);
    const entry *found = find_locked(p, index, path, inode);
    if (!found)
        found = newest_locked(p, index, inode);
    if (found)
        *ret = found->place;
    return found != NULL;
}

bool file_places_at(file_places *p, size_t i, al_buf *ret_index, al_buf *ret_path, file_place *ret)
{
    AL_LOCKED(&p->lock);
    if (i >= p->n)
        return false;
    al_buf_slice_put(ret_index, index_of(&p->entries[i]));
    al_buf_slice_put(ret_path, path_of(&p->entries[i]));
    *ret = p->entries[i].place;
    return true;
}
