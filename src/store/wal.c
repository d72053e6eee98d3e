/* The log of one data directory.
 * Why: a record is acknowledged before its segment exists; these files are what survives.
 * Shape: doc/format.md section 3. Invariants: (1) everything below files[last].bytes is on disk;
 * (2) a frame is valid only if its crc and sequence fit; (3) a file that failed to sync, or that
 * may already have a successor, is never written to again: the successor's header says where it
 * ends; (4) a file's header and name are on disk before its first frame is written; (5) the file
 * `end` never says more than is on disk. It costs one small write a commit and no sync; a power cut
 * may leave an older one. When it cannot be written nothing else suffers.
 * Threads: the committer's only; replay runs before it starts. */
#include "store/wal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/file_header.h"
#include "store/format.h"
#include "store/limits.h"
#include "store/names.h"
#include "store/wal_priv.h"

wal_file *wal_add_file(wal *w, const wal_file *f)
{
    wal_file *grown =
        al_grow(w->files, &w->files_cap, w->n_files, sizeof *grown, 16, WAL_FILES_MAX);
    if (!grown)
        return NULL;
    w->files = grown;
    w->files[w->n_files] = *f;
    return &w->files[w->n_files++];
}

wal *wal_close(wal *w)
{
    if (!w)
        return NULL;
    if (w->end_fd >= 0) {
        al_err ignored; /* invariant 5: then it may be behind */
        (void)w->io->sync(w->io, w->end_fd, &ignored);
        w->io->close(w->io, w->end_fd);
    }
    (void)wal_source_unref(w->file);
    free(w->files);
    free(w);
    return NULL;
}

/* A full disk is an answer, not a failure. */
static al_code as_full(al_code c, const al_err *err)
{
    return c == AL_IO && err && (err->sys_errno == ENOSPC || err->sys_errno == EDQUOT) ? AL_AGAIN
                                                                                       : c;
}

static al_code write_header(wal *w, int fd, const file_header *h, al_err *err)
{
    al_buf b;
    al_buf_init(&b, FMT_HEADER_BYTES);
    file_header_encode(h, &b);
    al_code c = al_buf_code(&b);
    if (c)
        (void)al_fail(err, c, "log header");
    else
        c = w->io->write_at(w->io, fd, b.ptr, b.len, 0, err);
    al_buf_done(&b);
    if (!c)
        c = w->io->sync(w->io, fd, err);
    if (!c)
        c = w->io->sync_dir(w->io, w->dir, err);
    return c;
}

/* ---- Where the log ends (invariant 5) */

static void encode_end(const wal *w, al_buf *ret)
{
    const wal_file *f = &w->files[w->n_files - 1];
    file_header h = {.magic = FMT_MAGIC_LOG_END,
                     .file_id = f->number,
                     .first_frame = w->seq,
                     .prev_end = f->bytes};
    memcpy(h.store_id, w->store_id, sizeof h.store_id);
    al_buf_init(ret, FMT_HEADER_BYTES);
    file_header_encode(&h, ret);
}

static void write_end(wal *w)
{
    al_err ignored;
    al_buf b;
    encode_end(w, &b);
    if (!al_buf_code(&b))
        (void)w->io->write_at(w->io, w->end_fd, b.ptr, b.len, 0, &ignored);
    al_buf_done(&b);
}

/* Of a file that was begun just now: its name, too, is on disk. */
static void begin_end(wal *w)
{
    al_err ignored;
    const al_io *io = w->io;
    al_code c = AL_OK;
    bool is_new = false;
    if (w->end_fd < 0) {
        c = io->open(io, w->dir, NAME_OF_LOG_END, AL_OPEN_WRITE, &w->end_fd, &ignored);
        is_new = c == AL_NOT_FOUND;
        if (is_new)
            c = io->open(io, w->dir, NAME_OF_LOG_END, AL_OPEN_CREATE, &w->end_fd, &ignored);
    }
    if (c) {
        w->end_fd = -1; /* tried again with the next file */
        return;
    }
    write_end(w);
    if (!io->sync(io, w->end_fd, &ignored) && is_new)
        (void)io->sync_dir(io, w->dir, &ignored);
}

al_code wal_settle(wal *w, al_err *err)
{
    assert(!w->file);
    if (w->n_files == 0)
        return AL_OK;
    char name[NAME_BYTES];
    al_buf end;
    int fd = -1;
    names_format(name, NAME_LOG, w->files[w->n_files - 1].number);
    encode_end(w, &end);
    al_code c = al_buf_code(&end);
    c = c ? al_fail(err, c, "end of the log")
          : w->io->open(w->io, w->dir, name, AL_OPEN_WRITE, &fd, err);
    if (!c)
        c = w->io->truncate(w->io, fd, w->files[w->n_files - 1].bytes, err);
    if (!c)
        c = w->io->sync(w->io, fd, err);
    if (!c)
        c = al_publish_file(w->io, w->dir, NAME_OF_LOG_END, al_buf_slice(&end), err);
    if (fd >= 0)
        w->io->close(w->io, fd);
    al_buf_done(&end);
    return c;
}

/* ---- Files */

/* The newest file that may hold frames; NULL when there is none. */
static const wal_file *file_before(const wal *w)
{
    for (size_t i = w->n_files; i-- > 0;)
        if (!w->files[i].is_empty)
            return &w->files[i];
    return NULL;
}

al_code wal_rotate(wal *w, al_err *err)
{
    const wal_file *prev = file_before(w);
    if (w->number_max >= WAL_NUMBER_MAX)
        return al_fail(err, AL_LIMIT, "the numbers of log files are used up");
    wal_file next = {.number = ++w->number_max,
                     .first_seq = w->seq + 1,
                     .last_seq = w->seq,
                     .bytes = FMT_HEADER_BYTES};
    file_header h = {.magic = FMT_MAGIC_LOG,
                     .file_id = next.number,
                     .first_frame = next.first_seq,
                     .index_id = prev ? (uint32_t)prev->number : 0,
                     .prev_end = prev ? prev->bytes : 0};
    memcpy(h.store_id, w->store_id, sizeof h.store_id);
    char name[NAME_BYTES];
    names_format(name, NAME_LOG, next.number);
    w->must_rotate = true; /* invariant 3: from here on a successor may exist */
    int fd = -1;
    al_code c = w->io->open(w->io, w->dir, name, AL_OPEN_CREATE, &fd, err);
    if (c)
        return as_full(c, err);
    AL_CLEANUP(wal_source_unrefp) wal_source *file = wal_source_new(w->io, fd, next.number);
    c = file ? write_header(w, fd, &h, err) : al_fail(err, AL_NOMEM, "log file");
    if (!c && !wal_add_file(w, &next))
        c = al_fail(err, AL_NOMEM, "log files");
    if (c) {
        al_err ignored; /* an empty log file is ignored by replay */
        (void)w->io->unlink(w->io, w->dir, name, &ignored);
        return as_full(c, err);
    }
    (void)wal_source_unref(w->file);
    w->file = AL_TAKE(file);
    w->must_rotate = false;
    w->fresh_bytes = 0;
    w->syncs++;
    begin_end(w);
    return AL_OK;
}

al_code wal_start(wal *w, uint64_t seq_min, al_err *err)
{
    assert(!w->file);
    if (w->seq < seq_min)
        w->seq = seq_min;
    return wal_rotate(w, err);
}

/* Puts the frame behind the file's last one; on failure the file is as before or not used again. */
static al_code append(wal *w, al_buf *frame, al_err *err)
{
    wal_file *f = &w->files[w->n_files - 1];
    frame_seal(frame->ptr, frame->len, w->seq + 1, f->bytes, f->number);
    al_code c = w->io->write_at(w->io, w->file->fd, frame->ptr, frame->len, f->bytes, err);
    if (c) {
        al_err ignored; /* the first failure is the one to tell */
        if (w->io->truncate(w->io, w->file->fd, f->bytes, &ignored))
            w->must_rotate = true;
        return c;
    }
    c = w->io->sync(w->io, w->file->fd, err);
    if (c) {
        al_err ignored;
        w->must_rotate = true; /* invariant 3 */
        (void)w->io->truncate(w->io, w->file->fd, f->bytes, &ignored);
        return c;
    }
    w->syncs++;
    w->last_off = f->bytes;
    f->bytes += frame->len;
    f->last_seq = ++w->seq;
    if (w->end_fd >= 0)
        write_end(w);
    return AL_OK;
}

al_code wal_commit(wal *w, al_buf *frame, wal_content content, al_err *err)
{
    assert(w->file);
    assert(al_buf_code(frame) == AL_OK);
    al_err mine = {0};
    al_code c = AL_OK;
    for (int tries = 0; tries < 2; tries++) {
        const wal_file *f = &w->files[w->n_files - 1];
        bool is_full = f->bytes > FMT_HEADER_BYTES && f->bytes + frame->len > LOG_FILE_BYTES;
        if (w->must_rotate || is_full)
            c = wal_rotate(w, &mine);
        if (!c)
            c = append(w, frame, &mine);
        if (!c || !w->must_rotate)
            break;
        if (tries == 0)
            c = AL_OK; /* what could not be synced is written once more, to a new file */
    }
    if (c) {
        if (err)
            *err = mine;
        return as_full(c, &mine);
    }
    if (content != WAL_ROWS)
        w->files[w->n_files - 1].has_marks = true;
    if (content != WAL_CHECKPOINT)
        w->fresh_bytes += frame->len;
    return AL_OK;
}

wal_source *wal_last_frame(const wal *w, uint64_t *ret_off)
{
    *ret_off = w->last_off;
    return w->file;
}

void wal_is_bad(wal *w, uint64_t seq)
{
    for (size_t i = 0; i < w->n_files; i++)
        if (w->files[i].first_seq <= seq && seq <= w->files[i].last_seq)
            w->files[i].is_bad = true;
}

/* Files before the one in use whose frames all come before `seq`. */
static size_t n_forgettable(const wal *w, uint64_t seq)
{
    size_t n = 0;
    while (n + 1 < w->n_files && w->files[n].last_seq < seq)
        n++;
    return n;
}

bool wal_can_forget(const wal *w, uint64_t seq, bool *ret_marks)
{
    size_t n = n_forgettable(w, seq);
    *ret_marks = false;
    for (size_t i = 0; i < n; i++)
        *ret_marks |= w->files[i].has_marks;
    return n > 0;
}

static al_code forget_file(wal *w, const wal_file *f, al_err *err)
{
    char name[NAME_BYTES];
    char bad[NAME_BYTES + sizeof NAME_SUFFIX_BAD];
    names_format(name, NAME_LOG, f->number);
    if (!f->is_bad) {
        al_code c = w->io->unlink(w->io, w->dir, name, err);
        return c == AL_NOT_FOUND ? AL_OK : c;
    }
    (void)snprintf(bad, sizeof bad, "%s%s", name, NAME_SUFFIX_BAD);
    return w->io->rename(w->io, w->dir, name, bad, err);
}

al_code wal_forget(wal *w, uint64_t seq, al_err *err)
{
    size_t n = n_forgettable(w, seq);
    al_code c = AL_OK;
    size_t done = 0;
    /* Oldest first, each for good before the next: what is left after a crash has no gap. */
    while (!c && done < n) {
        c = forget_file(w, &w->files[done], err);
        if (!c)
            c = w->io->sync_dir(w->io, w->dir, err);
        done += c == AL_OK;
    }
    w->n_files -= done;
    if (done)
        memmove(w->files, w->files + done, w->n_files * sizeof *w->files);
    return c;
}

uint64_t wal_last_seq(const wal *w)
{
    return w->seq;
}

uint64_t wal_first_seq(const wal *w)
{
    return w->n_files ? w->files[0].first_seq : w->seq + 1;
}

uint64_t wal_bytes(const wal *w)
{
    uint64_t n = 0;
    for (size_t i = 0; i < w->n_files; i++)
        n += w->files[i].bytes;
    return n;
}

uint64_t wal_fresh_bytes(const wal *w)
{
    return w->fresh_bytes;
}

uint64_t wal_syncs(const wal *w)
{
    return w->syncs;
}
