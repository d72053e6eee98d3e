/* Reads the log at open.
 * Invariants: (1) frames reach the visitor in ascending sequence, each once; (2) the newest file
 * may end torn: what lies behind its last whole frame was never acknowledged, unless a later header
 * there calls the bad place synced; (3) a file counts up to where a successor's header says, and
 * all of that must be whole; (4) a file without frames never mattered, but its header may speak of
 * the file before; (5) what the file `end` says was on disk must be there and whole, unless a later
 * file's header speaks for it: files before that one may have been given back. */
#include "store/wal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "store/file_header.h"
#include "store/format.h"
#include "store/limits.h"
#include "store/names.h"
#include "store/wal_priv.h"

enum { SCAN_BYTES = 1 << 20 };

typedef struct log_file {
    uint64_t number;
    uint64_t bytes;    /* as found */
    bool has_header;   /* it checks out */
    const char *stray; /* why it is not of this log; NULL: it may be */
    file_header header;
} log_file;

typedef struct replay {
    wal *w;
    const wal_visitor *visit;
    log_file *found;
    size_t n_found;
    size_t found_cap;
    wal_end end;       /* as the last run left it */
    uint64_t expected; /* sequence of the next frame; 0: not known yet */
    al_buf body;
    uint8_t *scan;
} replay;

/* One file being read. */
typedef struct reading {
    const log_file *file;
    wal_file *entry;
    char name[NAME_BYTES];
    wal_source *source;
    uint64_t at;
    uint64_t limit;    /* bytes that count */
    uint64_t whole_to; /* bytes that were on disk for certain: no torn end is below */
    bool may_be_torn;
} reading;

static void tell_damage(const replay *p, reading *f, const char *why)
{
    f->entry->is_bad = true;
    if (p->visit->damage)
        p->visit->damage(p->visit->ctx, f->name, why);
}

/* ---- Which files there are */

static al_code note_file(void *ctx, const char *name, al_err *err)
{
    replay *p = ctx;
    uint64_t number = 0;
    if (names_parse(name, &number) != NAME_LOG)
        return AL_OK;
    log_file *grown =
        al_grow(p->found, &p->found_cap, p->n_found, sizeof *grown, 16, WAL_FILES_MAX);
    if (!grown)
        return al_fail(err, AL_NOMEM, "log files");
    p->found = grown;
    p->found[p->n_found++] = (log_file){.number = number};
    return AL_OK;
}

static int by_number(const void *a, const void *b)
{
    const log_file *x = a;
    const log_file *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static al_code read_header(const wal *w, int fd, log_file *f, al_err *err)
{
    const al_io *io = w->io;
    uint8_t bytes[FMT_HEADER_BYTES];
    al_code c = io->file_bytes(io, fd, &f->bytes, err);
    if (c || f->bytes < sizeof bytes)
        return c;
    c = io->read_at(io, fd, bytes, sizeof bytes, 0, err);
    if (c)
        return c;
    al_slice head = {bytes, sizeof bytes};
    c = file_header_decode(head, FMT_MAGIC_LOG, &f->header, err);
    if (!c) {
        c = file_header_check(&f->header, w->store_id, f->header.index_id, f->number, err);
        if (c)
            f->stray = "its header says another number or another store";
    }
    f->has_header = c == AL_OK;
    return c == AL_CORRUPT ? AL_OK : c; /* judged when its frames are known */
}

static al_code read_headers(replay *p, al_err *err)
{
    const al_io *io = p->w->io;
    for (size_t i = 0; i < p->n_found; i++) {
        char name[NAME_BYTES];
        names_format(name, NAME_LOG, p->found[i].number);
        int fd = -1;
        log_file *f = &p->found[i];
        al_code c = io->open(io, p->w->dir, name, AL_OPEN_READ, &fd, err);
        if (!c) {
            c = read_header(p->w, fd, f, err);
            io->close(io, fd);
        } else if (c == AL_CORRUPT) {
            f->stray = "it is not a regular file";
            c = AL_OK;
        }
        if (c)
            return err ? al_wrap(err, "log %s", name) : c;
        if (!f->has_header && f->number > WAL_NUMBER_MAX / 2)
            f->stray = "its number is out of all order";
        else
            p->w->number_max = f->number;
    }
    return AL_OK;
}

/* ---- Where the last run left off */

static al_code read_end_bytes(const al_io *io, int dir, uint8_t bytes[FMT_HEADER_BYTES],
                              al_err *err)
{
    int fd = -1;
    al_code c = io->open(io, dir, NAME_OF_LOG_END, AL_OPEN_READ, &fd, err);
    if (c)
        return c;
    c = io->read_at(io, fd, bytes, FMT_HEADER_BYTES, 0, err);
    io->close(io, fd);
    return c;
}

static al_code read_end(replay *p, al_err *err)
{
    uint8_t bytes[FMT_HEADER_BYTES];
    file_header h = {0};
    al_code c = read_end_bytes(p->w->io, p->w->dir, bytes, err);
    if (!c)
        c = file_header_decode((al_slice){bytes, sizeof bytes}, FMT_MAGIC_LOG_END, &h, err);
    if (!c)
        c = file_header_check(&h, p->w->store_id, 0, h.file_id, err);
    if (c == AL_NOT_FOUND || c == AL_CORRUPT) {
        if (p->n_found && p->visit->end_unknown)
            p->visit->end_unknown(p->visit->ctx, c == AL_NOT_FOUND ? "it is missing" : err->msg);
        return AL_OK;
    }
    if (c)
        return err ? al_wrap(err, "end of the log") : c;
    p->end = (wal_end){.number = h.file_id, .bytes = h.prev_end, .seq = h.first_frame};
    p->w->number_max = AL_MAX(p->w->number_max, p->end.number);
    return AL_OK;
}

/* Invariant 5: is the file gone that the log ended with? */
static void look_for_newest(const replay *p)
{
    for (size_t i = 0; i < p->n_found; i++)
        if (p->found[i].number == p->end.number ||
            (p->found[i].number > p->end.number && p->found[i].has_header))
            return;
    if (p->end.number == 0 || !p->visit->damage)
        return;
    char name[NAME_BYTES];
    char why[120];
    names_format(name, NAME_LOG, p->end.number);
    (void)snprintf(why, sizeof why,
                   "it is missing: the log ended in it with frame %" PRIu64 ", at %" PRIu64,
                   p->end.seq, p->end.bytes);
    p->visit->damage(p->visit->ctx, name, why);
}

/* Bytes of the file that were on disk for certain, beside what headers say. */
static uint64_t known_bytes(const replay *p, const log_file *f)
{
    return f->number == p->end.number ? p->end.bytes : 0;
}

/* ---- Frames */

static al_code body_reserve(replay *p, uint32_t n, al_err *err)
{
    al_buf_clear(&p->body);
    return al_buf_extend(&p->body, n) ? AL_OK : al_fail(err, AL_NOMEM, "frame of %u bytes", n);
}

/* The frame at f->at: AL_OK with its header and body, AL_CORRUPT, AL_IO, AL_NOMEM. */
static al_code read_frame(replay *p, const reading *f, frame_header *ret, al_err *err)
{
    const al_io *io = p->w->io;
    uint8_t head[FMT_FRAME_HEADER_BYTES];
    if (f->limit - f->at < sizeof head)
        return al_fail(err, AL_CORRUPT, "%" PRIu64 " bytes left", f->limit - f->at);
    al_code c = io->read_at(io, f->source->fd, head, sizeof head, f->at, err);
    if (c)
        return c;
    frame_header h;
    if (!frame_header_decode((al_slice){head, sizeof head}, f->file->number, &h))
        return al_fail(err, AL_CORRUPT, "no frame header");
    if (h.body_bytes > f->limit - f->at - sizeof head)
        return al_fail(err, AL_CORRUPT, "frame %" PRIu64 " is cut short", h.seq);
    c = body_reserve(p, h.body_bytes, err);
    if (!c)
        c = io->read_at(io, f->source->fd, p->body.ptr, h.body_bytes, f->at + sizeof head, err);
    if (c)
        return c;
    if (al_crc32c(0, p->body.ptr, p->body.len) != h.body_crc)
        return al_fail(err, AL_CORRUPT, "checksum of frame %" PRIu64 " does not fit", h.seq);
    *ret = h;
    return AL_OK;
}

static al_code note_mark(void *ctx, al_slice marks, al_err *err)
{
    (void)marks;
    (void)err;
    *(bool *)ctx = true;
    return AL_OK;
}

static al_code hand_over(replay *p, reading *f, const frame_header *h, al_err *err)
{
    frame_body body = {0};
    frame_visitor marks = {.ctx = &f->entry->has_marks, .mark = note_mark};
    al_code c = frame_body_visit(al_buf_slice(&p->body), &marks, &body, err);
    if (c == AL_CORRUPT) { /* the checksum fits: written so, by a bug */
        tell_damage(p, f, "a frame's body does not decode");
        return AL_OK;
    }
    if (c)
        return c;
    if (p->visit->place)
        p->visit->place(p->visit->ctx, f->source, f->at + FMT_FRAME_HEADER_BYTES);
    return p->visit->frame(p->visit->ctx, h->seq, al_buf_slice(&p->body), err);
}

/* Looks behind f->at for a frame header with a sequence that may follow; AL_NOT_FOUND. */
static al_code scan_ahead(replay *p, const reading *f, uint64_t *ret_at, frame_header *ret,
                          al_err *err)
{
    static const uint8_t magic[4] = {'A', 'L', 'F', 'R'};
    const al_io *io = p->w->io;
    if (!p->scan)
        p->scan = al_alloc(SCAN_BYTES, 1);
    if (!p->scan)
        return al_fail(err, AL_NOMEM, "scan of a log file");
    uint64_t at = f->at + 1;
    while (at < f->limit && f->limit - at >= FMT_FRAME_HEADER_BYTES) {
        size_t n = (size_t)AL_MIN(f->limit - at, (uint64_t)SCAN_BYTES);
        al_code c = io->read_at(io, f->source->fd, p->scan, n, at, err);
        if (c)
            return c;
        const uint8_t *end = p->scan + n - FMT_FRAME_HEADER_BYTES + 1;
        for (const uint8_t *hit = p->scan; hit < end; hit++) {
            hit = memmem(hit, (size_t)(p->scan + n - hit), magic, sizeof magic);
            if (!hit || hit >= end)
                break;
            if (frame_header_decode((al_slice){hit, FMT_FRAME_HEADER_BYTES}, f->file->number,
                                    ret) &&
                ret->seq >= p->expected) {
                *ret_at = at + (uint64_t)(hit - p->scan);
                return AL_OK;
            }
        }
        at += n - FMT_FRAME_HEADER_BYTES + 1;
    }
    return AL_NOT_FOUND;
}

/* At a bad place: is it the torn end (AL_NOT_FOUND), or is there more behind it (AL_OK, f->at)? */
static al_code skip_bad(replay *p, reading *f, const char *why, al_err *err)
{
    uint64_t bad_at = f->at;
    uint64_t next_at = 0; /* of the first header behind it */
    bool must_be_whole = !f->may_be_torn || bad_at < f->whole_to;
    reading probe = *f;
    al_code c;
    do {
        frame_header h;
        c = scan_ahead(p, &probe, &probe.at, &h, err);
        if (!c && !next_at)
            next_at = probe.at;
        must_be_whole |= !c && h.synced > bad_at;
    } while (!c && !must_be_whole);
    if (must_be_whole && next_at)
        c = AL_OK;
    if (c && c != AL_NOT_FOUND)
        return c;
    if (must_be_whole)
        tell_damage(p, f, why);
    else if (p->visit->torn)
        p->visit->torn(p->visit->ctx, f->name, bad_at, f->limit - bad_at);
    f->at = next_at;
    return c;
}

static al_code read_frames(replay *p, reading *f, al_err *err)
{
    while (f->at < f->limit) {
        frame_header h = {0};
        al_code c = read_frame(p, f, &h, err);
        if (c && c != AL_CORRUPT)
            return c;
        if (!c && h.seq < p->expected)
            c = al_fail(err, AL_CORRUPT, "frame %" PRIu64 " comes again", h.seq);
        if (c) {
            char why[sizeof err->msg + 32];
            (void)snprintf(why, sizeof why, "at %" PRIu64 ": %s", f->at, err->msg);
            c = skip_bad(p, f, why, err);
            if (c)
                return c == AL_NOT_FOUND ? AL_OK : c;
            continue;
        }
        if (h.seq > p->expected && !f->entry->is_bad)
            tell_damage(p, f, "frames are missing");
        c = hand_over(p, f, &h, err);
        if (c)
            return c;
        p->expected = h.seq + 1;
        f->at += FMT_FRAME_HEADER_BYTES + h.body_bytes;
        f->entry->bytes = f->at;
        f->entry->last_seq = h.seq;
        p->w->seq = h.seq;
    }
    return AL_OK;
}

static al_code read_file(replay *p, const log_file *file, uint64_t limit, bool may_be_torn,
                         al_err *err)
{
    const al_io *io = p->w->io;
    if (p->expected == 0)
        p->expected = file->has_header ? file->header.first_frame : 1;
    wal_file entry = {.number = file->number,
                      .first_seq = p->expected,
                      .last_seq = p->expected - 1,
                      .bytes = FMT_HEADER_BYTES};
    reading f = {.file = file, .at = FMT_HEADER_BYTES, .may_be_torn = may_be_torn};
    names_format(f.name, NAME_LOG, file->number);
    f.entry = wal_add_file(p->w, &entry);
    if (!f.entry)
        return al_fail(err, AL_NOMEM, "log files");
    f.limit = AL_MIN(limit, file->bytes);
    f.whole_to = limit == UINT64_MAX ? known_bytes(p, file) : limit;
    if (!file->has_header)
        tell_damage(p, &f, "its header does not check out");
    else if (file->header.first_frame > p->expected)
        tell_damage(p, &f, "frames before it are missing");
    if (file->bytes < f.whole_to)
        tell_damage(p, &f, "it is shorter than it was");
    if (file->has_header && file->header.first_frame > p->expected)
        p->expected = file->header.first_frame;
    int fd = -1;
    al_code c = io->open(io, p->w->dir, f.name, AL_OPEN_READ, &fd, err);
    if (c)
        return c;
    f.source = wal_source_new(io, fd, file->number);
    c = f.source ? read_frames(p, &f, err) : al_fail(err, AL_NOMEM, "log file");
    (void)wal_source_unref(f.source);
    return c;
}

/* Invariant 4: never written to, or its creation was cut off; or it is not of this log. */
static bool is_without_frames(const log_file *f)
{
    return f->bytes <= FMT_HEADER_BYTES || f->stray;
}

static al_code note_without_frames(replay *p, const log_file *file, al_err *err)
{
    if (file->has_header && file->header.first_frame > p->w->seq)
        p->w->seq = file->header.first_frame - 1;
    wal_file entry = {.number = file->number,
                      .first_seq = p->w->seq + 1,
                      .last_seq = p->w->seq,
                      .bytes = file->bytes,
                      .is_empty = true};
    reading f = {.file = file, .entry = wal_add_file(p->w, &entry)};
    if (!f.entry)
        return al_fail(err, AL_NOMEM, "log files");
    names_format(f.name, NAME_LOG, file->number);
    if (file->stray)
        tell_damage(p, &f, file->stray);
    else if (file->bytes < known_bytes(p, file))
        tell_damage(p, &f, "it is shorter than it was");
    return AL_OK;
}

/* Up to where the file counts: what a later header says of it. */
static uint64_t limit_of(const replay *p, size_t i)
{
    for (size_t k = i + 1; k < p->n_found; k++)
        if (p->found[k].has_header && p->found[k].header.index_id == (uint32_t)p->found[i].number)
            return p->found[k].header.prev_end;
    return UINT64_MAX;
}

static al_code read_files(replay *p, al_err *err)
{
    size_t newest = 0;
    for (size_t i = 0; i < p->n_found; i++)
        if (!is_without_frames(&p->found[i]))
            newest = i;
    for (size_t i = 0; i < p->n_found; i++) {
        const log_file *file = &p->found[i];
        uint64_t limit = limit_of(p, i);
        al_code c = is_without_frames(file)
                        ? note_without_frames(p, file, err)
                        : read_file(p, file, limit, limit == UINT64_MAX && i == newest, err);
        if (c) {
            char name[NAME_BYTES];
            names_format(name, NAME_LOG, file->number);
            return err ? al_wrap(err, "log %s", name) : c;
        }
    }
    look_for_newest(p);
    p->w->seq = AL_MAX(p->w->seq, p->end.seq); /* a sequence is given once, also a lost one's */
    return AL_OK;
}

al_code wal_replay(const al_io *io, int dir, const uint8_t *store_id, const wal_visitor *v,
                   wal **ret, al_err *err)
{
    al_err mine; /* read_frames tells damage by the message */
    replay p = {.visit = v};
    al_buf_init(&p.body, FRAME_BYTES_MAX);
    AL_CLEANUP(wal_closep) wal *w = al_zalloc(1, sizeof *w);
    if (!w)
        return al_fail(err, AL_NOMEM, "log");
    *w = (wal){.io = io, .dir = dir, .store_id = store_id, .end_fd = -1};
    p.w = w;
    al_code c = io->list(io, dir, note_file, &p, &mine);
    if (!c && p.n_found)
        qsort(p.found, p.n_found, sizeof *p.found, by_number);
    if (!c)
        c = read_headers(&p, &mine);
    if (!c)
        c = read_end(&p, &mine);
    if (!c)
        c = read_files(&p, &mine);
    free(p.found);
    free(p.scan);
    al_buf_done(&p.body);
    if (c) {
        if (err)
            *err = mine;
        return c;
    }
    *ret = AL_TAKE(w);
    return AL_OK;
}
