/* Backup, the log: held open before the lists are read, and again behind that, so that no file of
 * it is lost in between; then copied, and the copy read as the next start will read it. Why all
 * frames are there: a file is given back when the manifests on disk cover it. Those that are copied
 * are as new or newer; so what the first look does not hold, they need not. Frames behind the first
 * look stand in files that the second one holds; had one been begun and given back between both,
 * the sequences would have a gap, which the replay of the copy doubts. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/backup_priv.h"
#include "store/format.h"
#include "store/wal.h"

enum { LOGS_MAX = 1 << 20, READ_TRIES = 8 };

/* ---- Holding */

static al_code note_log(void *ctx, const char *name, al_err *err)
{
    backup *b = ctx;
    uint64_t number = 0;
    if (names_parse(name, &number) != NAME_LOG)
        return AL_OK;
    for (size_t i = 0; i < b->n_logs; i++)
        if (b->logs[i].number == number)
            return AL_OK;
    backup_log *grown = al_grow(b->logs, &b->logs_cap, b->n_logs, sizeof *grown, 16, LOGS_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "log files");
    b->logs = grown;
    b->logs[b->n_logs++] = (backup_log){.number = number, .fd = -1};
    return AL_OK;
}

static int by_number(const void *a, const void *b)
{
    const backup_log *x = a;
    const backup_log *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* One that is gone was given back. */
static al_code open_logs(backup *b, al_err *err)
{
    const al_io *io = b->io;
    size_t n = 0;
    al_code c = AL_OK;
    for (size_t i = 0; i < b->n_logs; i++) {
        backup_log *l = &b->logs[i];
        char name[NAME_BYTES];
        names_format(name, NAME_LOG, l->number);
        if (!c && l->fd < 0)
            c = io->open(io, b->from_log, name, AL_OPEN_READ, &l->fd, err);
        if (c == AL_CORRUPT)
            backup_doubt(b, name, "%s", err->msg);
        if (c == AL_CORRUPT || c == AL_NOT_FOUND)
            c = AL_OK;
        if (l->fd >= 0)
            b->logs[n++] = *l;
    }
    b->n_logs = n;
    return c;
}

al_code backup_hold_logs(backup *b, al_err *err)
{
    al_code c = b->io->list(b->io, b->from_log, note_log, b, err);
    if (!c && b->n_logs)
        qsort(b->logs, b->n_logs, sizeof *b->logs, by_number);
    al_code opened =
        open_logs(b, c ? NULL : err); /* after a failure, too: forgets what has no fd */
    return c ? c : opened;
}

void backup_drop_logs(backup *b)
{
    while (b->n_logs)
        b->io->close(b->io, b->logs[--b->n_logs].fd);
}

/* Its owner writes to it in place: read until it checks out, or as it is. */
al_code backup_read_end(backup *b, al_err *err)
{
    al_code c = AL_OK;
    for (int i = 0; i < READ_TRIES; i++) {
        al_buf end;
        al_buf_init(&end, sizeof b->end);
        file_header h;
        al_err ignored;
        c = backup_read_file(b, b->from_log, NAME_OF_LOG_END, sizeof b->end, &end, err);
        b->end_bytes = c ? 0 : end.len;
        if (b->end_bytes)
            memcpy(b->end, end.ptr, end.len);
        bool is_good =
            !c && !file_header_decode(al_buf_slice(&end), FMT_MAGIC_LOG_END, &h, &ignored);
        al_buf_done(&end);
        if (is_good || c == AL_IO || c == AL_NOMEM)
            return c;
    }
    return AL_OK; /* the replay of the copy says that it does not check out */
}

/* ---- Copying */

static al_code copy_logs(backup *b, al_err *err)
{
    const al_io *io = b->io;
    for (size_t i = 0; i < b->n_logs; i++) {
        backup_log *l = &b->logs[i];
        char name[NAME_BYTES];
        names_format(name, NAME_LOG, l->number);
        al_code c = io->file_bytes(io, l->fd, &l->bytes, err);
        if (!c && l->bytes < FMT_HEADER_BYTES)
            continue; /* being made: no frame is in it */
        b->total_bytes += l->bytes;
        if (!c)
            c = backup_copy(b, l->fd, l->bytes, b->to_log, name, err);
        if (c == AL_CORRUPT) { /* its owner cut off what could not be synced */
            backup_doubt(b, name, "%s", err->msg);
            continue;
        }
        if (c)
            return c;
    }
    al_slice end = {b->end, b->end_bytes};
    return end.len ? al_publish_file(io, b->to_log, NAME_OF_LOG_END, end, err)
                   : io->sync_dir(io, b->to_log, err);
}

/* ---- Looking at the copy */

typedef struct look {
    backup *b;
    uint64_t seq;
} look;

static al_code count_part(void *ctx, const frame_part_view *p, al_err *err)
{
    const look *l = ctx;
    (void)err;
    for (size_t i = 0; i < l->b->n_indexes; i++) {
        backup_index *x = &l->b->indexes[i];
        if (x->id == p->index_id && x->is_read && l->seq > x->man.covered)
            x->n_log_rows += p->n_rows;
    }
    return AL_OK;
}

static al_code count_frame(void *ctx, uint64_t seq, al_slice body, al_err *err)
{
    look *l = ctx;
    frame_body f;
    frame_visitor v = {.ctx = l, .part = count_part};
    l->seq = seq;
    return frame_body_visit(body, &v, &f, err);
}

static void note_damage(void *ctx, const char *file, const char *why)
{
    const look *l = ctx;
    backup_doubt(l->b, file, "%s", why);
}

static uint64_t last_frame_known(const backup *b)
{
    uint64_t seq = 0;
    for (size_t i = 0; i < b->n_indexes; i++) {
        const manifest *m = &b->indexes[i].man;
        seq = m->covered > seq ? m->covered : seq;
        for (size_t k = 0; k < m->n; k++)
            seq = m->segs[k].max_frame > seq ? m->segs[k].max_frame : seq;
    }
    return seq;
}

al_code backup_copy_log(backup *b, al_err *err)
{
    look l = {.b = b};
    wal_visitor v = {.ctx = &l, .frame = count_frame, .damage = note_damage};
    AL_CLEANUP(wal_closep) wal *w = NULL;
    al_code c = backup_sweep(b, b->to_log, NULL, NULL, err);
    if (!c)
        c = copy_logs(b, err);
    if (!c)
        c = wal_replay(b->io, b->to_log, b->root.store_id, &v, &w, err);
    if (c)
        return c;
    b->sum.last_frame = wal_last_seq(w);
    if (b->sum.last_frame < last_frame_known(b))
        backup_doubt(b, NAME_OF_LOG_DIR,
                     "it ends with frame %" PRIu64 ", segments have rows of frame %" PRIu64,
                     b->sum.last_frame, last_frame_known(b));
    /* What is damaged stays as it is, to be named by whoever looks. */
    return b->n_damaged ? AL_OK : wal_settle(w, err);
}
