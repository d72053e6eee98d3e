/* Backup, files: a segment never changes, so a second name is as good as a copy and costs nothing.
 * Where names cannot be given (another file system), its bytes are copied: under a .tmp name until
 * they are whole and synced, so that a name that is there stands for a whole file, also in the next
 * try. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/backup_priv.h"

al_code backup_read_file(backup *b, int dir, const char *name, size_t max, al_buf *out, al_err *err)
{
    const al_io *io = b->io;
    uint64_t bytes = 0;
    int fd = -1;
    al_code c = io->open(io, dir, name, AL_OPEN_READ, &fd, err);
    if (c)
        return c;
    c = io->file_bytes(io, fd, &bytes, err);
    if (!c && bytes > max)
        c = al_fail(err, AL_CORRUPT, "%s has %llu bytes", name, (unsigned long long)bytes);
    if (!c && bytes) {
        uint8_t *to = al_buf_extend(out, (size_t)bytes);
        c = to ? io->read_at(io, fd, to, (size_t)bytes, 0, err)
               : al_fail(err, AL_NOMEM, "%s", name);
    }
    io->close(io, fd);
    return c;
}

/* ---- Copies */

static al_code copy_bytes(backup *b, int from, uint64_t bytes, int to, al_err *err)
{
    const al_io *io = b->io;
    al_code c = AL_OK;
    for (uint64_t at = 0; !c && at < bytes;) {
        size_t n = (size_t)AL_MIN(bytes - at, (uint64_t)BACKUP_CHUNK_BYTES);
        c = io->read_at(io, from, b->chunk, n, at, err);
        if (!c)
            c = io->write_at(io, to, b->chunk, n, at, err);
        if (!c)
            c = backup_progress(b, n, err);
        at += n;
    }
    return c ? c : io->sync(io, to, err);
}

al_code backup_copy(backup *b, int fd, uint64_t bytes, int dir, const char *name, al_err *err)
{
    const al_io *io = b->io;
    char tmp[NAME_BYTES + sizeof NAME_SUFFIX_TMP];
    int to = -1;
    (void)snprintf(tmp, sizeof tmp, "%s" NAME_SUFFIX_TMP, name);
    al_code c = io->unlink(io, dir, tmp, err); /* of a copy that broke off */
    if (!c || c == AL_NOT_FOUND)
        c = io->open(io, dir, tmp, AL_OPEN_CREATE, &to, err);
    if (c)
        return c;
    c = copy_bytes(b, fd, bytes, to, err);
    io->close(io, to);
    if (!c)
        c = io->rename(io, dir, tmp, name, err);
    if (!c)
        b->sum.n_copied++;
    return c && err ? al_wrap(err, "copy %s", name) : c;
}

al_code backup_take(backup *b, uint32_t index_id, int from_dir, int to_dir, const char *name,
                    al_err *err)
{
    const al_io *io = b->io;
    al_code c = io->link(io, from_dir, name, to_dir, name, err);
    b->sum.n_linked += c == AL_OK;
    if (c != AL_LIMIT)
        return c;
    int there =
        -1; /* which of two reasons a link has not to be made is told is the system's choice */
    if (io->open(io, to_dir, name, AL_OPEN_READ, &there, err) == AL_OK) {
        io->close(io, there);
        return AL_EXISTS;
    }
    if (b->n_pending == BACKUP_PENDING_MAX) {
        b->is_cut = true;
        return AL_OK;
    }
    backup_pending *p = &b->pending[b->n_pending];
    *p = (backup_pending){.index_id = index_id};
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    c = io->open(io, from_dir, name, AL_OPEN_READ, &p->fd, err);
    b->n_pending += c == AL_OK;
    return c;
}

static al_code copy_one(backup *b, const backup_pending *p, al_err *err)
{
    const al_io *io = b->io;
    char index[NAME_BYTES];
    uint64_t bytes = 0;
    int dir = -1;
    names_format(index, NAME_INDEX, p->index_id);
    al_code c = io->open_dir(io, b->to, index, false, &dir, err);
    if (c)
        return c;
    c = io->file_bytes(io, p->fd, &bytes, err);
    if (!c)
        c = backup_copy(b, p->fd, bytes, dir, p->name, err);
    io->close(io, dir);
    return c;
}

al_code backup_copy_pending(backup *b, al_err *err)
{
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < b->n_pending; i++)
        c = copy_one(b, &b->pending[i], err);
    backup_drop_pending(b);
    return c;
}

void backup_drop_pending(backup *b)
{
    while (b->n_pending)
        b->io->close(b->io, b->pending[--b->n_pending].fd);
}

/* ---- Directories */

typedef struct name_list {
    char (*at)[NAME_BYTES * 2];
    size_t n;
    size_t cap;
    bool (*keeps)(void *ctx, const char *name);
    void *ctx;
} name_list;

static al_code note_name(void *ctx, const char *name, al_err *err)
{
    name_list *l = ctx;
    if (strlen(name) >= sizeof l->at[0] || (l->keeps && l->keeps(l->ctx, name)))
        return AL_OK;
    void *grown = al_grow(l->at, &l->cap, l->n, sizeof l->at[0], 16, SIZE_MAX / sizeof l->at[0]);
    if (!grown)
        return al_fail(err, AL_NOMEM, "names of files");
    l->at = grown;
    memcpy(l->at[l->n++], name, strlen(name) + 1);
    return AL_OK;
}

al_code backup_sweep(backup *b, int dir, bool (*keeps)(void *ctx, const char *name), void *ctx,
                     al_err *err)
{
    name_list l = {.keeps = keeps, .ctx = ctx};
    al_code c = b->io->list(b->io, dir, note_name, &l, err);
    for (size_t i = 0; !c && i < l.n; i++)
        c = b->io->unlink(b->io, dir, l.at[i], err);
    free(l.at);
    return c;
}

static bool is_not_aside(void *ctx, const char *name)
{
    uint64_t id = 0;
    (void)ctx;
    return names_parse(name, &id) != NAME_BAD;
}

static al_code take_aside(backup *b, int from_dir, int to_dir, const char *name, al_err *err)
{
    const al_io *io = b->io;
    uint64_t bytes = 0;
    int fd = -1;
    al_code c = io->link(io, from_dir, name, to_dir, name, err);
    if (c != AL_LIMIT)
        return c == AL_EXISTS || c == AL_NOT_FOUND ? AL_OK : c;
    c = io->open(io, from_dir, name, AL_OPEN_READ, &fd, err);
    if (c)
        return c == AL_NOT_FOUND || c == AL_CORRUPT ? AL_OK : c;
    c = io->file_bytes(io, fd, &bytes, err);
    if (!c)
        c = backup_copy(b, fd, bytes, to_dir, name, err);
    io->close(io, fd);
    return c;
}

al_code backup_take_aside(backup *b, int from_dir, int to_dir, al_err *err)
{
    name_list l = {.keeps = is_not_aside};
    al_code c = b->io->list(b->io, from_dir, note_name, &l, err);
    for (size_t i = 0; !c && i < l.n; i++)
        c = take_aside(b, from_dir, to_dir, l.at[i], err);
    free(l.at);
    return c;
}
