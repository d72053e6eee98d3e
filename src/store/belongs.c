/* Do root, log and indexes belong together? Asked at open, before anything is renamed or written:
 * a root of another store, or directories that changed places, would make every single file look
 * damaged, while nothing is but the order. Only headers that check out have a say; what is damaged
 * or missing is left to recovery. */
#include <inttypes.h>
#include <string.h>

#include "store/format.h"
#include "store/names.h"
#include "store/store_impl.h"

typedef struct look {
    store *st;
    int dir; /* of the names being listed */
    unsigned n_own;
    unsigned n_foreign;
} look;

/* AL_NOT_FOUND: there is no such header to read. */
static al_code read_header(const al_io *io, int dir, const char *name, uint32_t magic,
                           file_header *ret)
{
    al_err ignored; /* whoever needs the file meets this, too */
    uint8_t bytes[FMT_HEADER_BYTES];
    int fd = -1;
    if (io->open(io, dir, name, AL_OPEN_READ, &fd, &ignored))
        return AL_NOT_FOUND;
    al_code c = io->read_at(io, fd, bytes, sizeof bytes, 0, &ignored);
    io->close(io, fd);
    if (!c)
        c = file_header_decode((al_slice){bytes, sizeof bytes}, magic, ret, &ignored);
    return c ? AL_NOT_FOUND : AL_OK;
}

static bool note_owner(look *l, const file_header *h)
{
    bool is_own = memcmp(h->store_id, l->st->store_id, STORE_ID_BYTES) == 0;
    l->n_own += is_own;
    l->n_foreign += !is_own;
    return is_own;
}

static al_code look_at_log(void *ctx, const char *name, al_err *err)
{
    look *l = ctx;
    uint64_t number = 0;
    file_header h;
    (void)err;
    if (names_parse(name, &number) == NAME_LOG &&
        !read_header(l->st->io, l->dir, name, FMT_MAGIC_LOG, &h))
        (void)note_owner(l, &h);
    return AL_OK;
}

typedef struct owners {
    const al_io *io;
    int dir;
    uint32_t id;        /* of the directory */
    uint32_t listed_id; /* of its manifest */
    bool has_own;
    bool has_listed;
} owners;

static al_code look_at_segment(void *ctx, const char *name, al_err *err)
{
    owners *o = ctx;
    uint64_t number = 0;
    file_header h;
    (void)err;
    if (names_parse(name, &number) == NAME_SEG &&
        !read_header(o->io, o->dir, name, FMT_MAGIC_SEGMENT, &h)) {
        o->has_own |= h.index_id == o->id;
        o->has_listed |= h.index_id == o->listed_id;
    }
    return AL_OK;
}

/* Another's manifest alone is damage, and made anew; with the other's segments the directory is. */
static al_code check_place(const al_io *io, int dir, uint32_t id, const file_header *h, al_err *err)
{
    owners o = {.io = io, .dir = dir, .id = id, .listed_id = h->index_id};
    if (h->index_id == id)
        return AL_OK;
    al_code c = io->list(io, dir, look_at_segment, &o, err);
    if (c || o.has_own || !o.has_listed)
        return c;
    return al_fail(err, AL_CORRUPT,
                   "the directory store/%" PRIu32 " is that of index %" PRIu32
                   ", say its manifest and segments: give it its old name; nothing was changed",
                   id, h->index_id);
}

static al_code look_at_index(void *ctx, const char *name, al_err *err)
{
    look *l = ctx;
    uint64_t id = 0;
    int dir = -1;
    file_header h;
    al_err ignored;
    const al_io *io = l->st->io;
    if (names_parse(name, &id) != NAME_INDEX ||
        io->open_dir(io, l->dir, name, false, &dir, &ignored))
        return AL_OK;
    al_code c = AL_OK;
    if (!read_header(io, dir, NAME_OF_MANIFEST, FMT_MAGIC_MANIFEST, &h) && note_owner(l, &h))
        c = check_place(io, dir, (uint32_t)id, &h, err);
    io->close(io, dir);
    return c;
}

al_code belongs_check(store *st, al_err *err)
{
    look l = {.st = st, .dir = st->store_dir};
    al_code c = st->io->list(st->io, st->store_dir, look_at_index, &l, err);
    l.dir = st->log_dir;
    if (!c)
        c = st->io->list(st->io, st->log_dir, look_at_log, &l, err);
    if (!c && l.n_foreign && !l.n_own)
        c = al_fail(err, AL_CORRUPT,
                    "store/root is of another store than all logs and indexes beside it: put the "
                    "right one back; nothing was changed");
    return c;
}
