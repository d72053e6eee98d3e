/* Log: any bytes behind a log file's header are replayed without harm; frames come in ascending
 * sequence; what was replayed once is replayed the same again, and a store can go on behind it.
 * Each input is tried raw and with the checksums of its frames repaired (else almost every change
 * would end at a checksum), beside a file `end` that is missing, made of the input, or right but
 * for where it says that the log ends. The block decoder takes what frames hold. */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "store/block.h"
#include "store/file_header.h"
#include "store/format.h"
#include "store/names.h"
#include "store/wal.h"

static const uint8_t store_id[STORE_ID_BYTES];

/* ---- One log file in memory: the table serves just that, takes one more, and `end`. */
#define FILE_NAME "0000000000000001.log"
enum { FD_FILE = 1, FD_NEXT, FD_END };

typedef struct disk {
    al_slice file;
    al_buf next;                /* what wal_start and wal_commit write */
    char next_name[NAME_BYTES]; /* empty: not there yet */
    uint8_t end[FMT_HEADER_BYTES];
    bool has_end;
} disk;

static al_code disk_list(const al_io *io, int dir,
                         al_code (*each)(void *ctx, const char *name, al_err *err), void *ctx,
                         al_err *err)
{
    const disk *d = io->ctx;
    (void)dir;
    al_code c = each(ctx, FILE_NAME, err);
    return !c && d->next_name[0] ? each(ctx, d->next_name, err) : c;
}

static al_code disk_open(const al_io *io, int dir, const char *name, al_open_mode mode, int *ret_fd,
                         al_err *err)
{
    disk *d = io->ctx;
    (void)dir;
    (void)err;
    if (strcmp(name, NAME_OF_LOG_END) == 0) {
        CHECK(mode != AL_OPEN_CREATE || !d->has_end);
        if (mode != AL_OPEN_CREATE && !d->has_end)
            return AL_NOT_FOUND;
        d->has_end = true;
        *ret_fd = FD_END;
        return AL_OK;
    }
    *ret_fd = strcmp(name, FILE_NAME) == 0 ? FD_FILE : FD_NEXT;
    if (mode == AL_OPEN_CREATE) {
        CHECK(*ret_fd == FD_NEXT && !d->next_name[0] && strlen(name) < NAME_BYTES);
        (void)snprintf(d->next_name, NAME_BYTES, "%s", name);
    }
    CHECK(*ret_fd == FD_FILE || strcmp(name, d->next_name) == 0);
    return AL_OK;
}

static void disk_close(const al_io *io, int fd)
{
    (void)io;
    (void)fd;
}

static al_slice content(const disk *d, int fd)
{
    if (fd == FD_END)
        return (al_slice){d->end, sizeof d->end};
    return fd == FD_FILE ? d->file : al_buf_slice(&d->next);
}

static al_code disk_read_at(const al_io *io, int fd, void *bytes, size_t n, uint64_t off,
                            al_err *err)
{
    al_slice s = content(io->ctx, fd);
    if (off > s.len || n > s.len - off)
        return al_fail(err, AL_CORRUPT, "file ends");
    if (n)
        memcpy(bytes, s.ptr + off, n);
    return AL_OK;
}

static al_code disk_write_at(const al_io *io, int fd, const void *bytes, size_t n, uint64_t off,
                             al_err *err)
{
    disk *d = io->ctx;
    (void)err;
    if (fd == FD_END) {
        CHECK(off == 0 && n == sizeof d->end);
        memcpy(d->end, bytes, n);
        return AL_OK;
    }
    CHECK(fd == FD_NEXT && off == d->next.len);
    al_buf_put(&d->next, bytes, n);
    return al_buf_code(&d->next);
}

static al_code disk_sync(const al_io *io, int fd, al_err *err)
{
    (void)io;
    (void)fd;
    (void)err;
    return AL_OK;
}

static al_code disk_file_bytes(const al_io *io, int fd, uint64_t *ret_bytes, al_err *err)
{
    (void)err;
    *ret_bytes = content(io->ctx, fd).len;
    return AL_OK;
}

/* ---- What replay says */
typedef struct heard {
    uint64_t n;
    uint64_t last;
    uint32_t digest;
    block_view *view;
} heard;

static al_code hear_part(void *ctx, const frame_part_view *p, al_err *err)
{
    static const block_want want = {.is_all = true};
    heard *h = ctx;
    if (block_view_open_slice(h->view, p->block, err))
        return AL_OK;
    uint64_t last = 0;
    for (uint32_t row = 0; row < block_view_info(h->view)->n_rows; row++) {
        record r;
        if (block_view_record(h->view, row, &want, &r, err))
            break;
        CHECK(row == 0 || r.id > last);
        CHECK(r.time_ns >= 0);
        last = r.id;
    }
    return AL_OK;
}

static al_code hear_frame(void *ctx, uint64_t seq, al_slice body, al_err *err)
{
    heard *h = ctx;
    CHECK(h->n == 0 || seq > h->last);
    h->n++;
    h->last = seq;
    h->digest = al_crc32c(h->digest, body.ptr, body.len);
    frame_visitor v = {.ctx = h, .part = hear_part};
    frame_body b;
    CHECK(frame_body_visit(body, &v, &b, err) == AL_OK); /* it was checked before */
    return AL_OK;
}

static heard replay(const al_io *io, wal **ret)
{
    heard h = {.view = block_view_new()};
    wal_visitor v = {.ctx = &h, .frame = hear_frame};
    al_err err = {0};
    CHECK(h.view);
    CHECK(wal_replay(io, 3, store_id, &v, ret, &err) == AL_OK);
    h.view = block_view_free(h.view);
    return h;
}

/* `end`: FMT_HEADER_BYTES, or NULL: there is none. */
static void check_log(al_slice file, const uint8_t *end)
{
    disk d = {.file = file, .has_end = end != NULL};
    if (end)
        memcpy(d.end, end, sizeof d.end);
    al_buf_init(&d.next, SIZE_MAX);
    al_io io = {.ctx = &d,
                .list = disk_list,
                .open = disk_open,
                .close = disk_close,
                .read_at = disk_read_at,
                .write_at = disk_write_at,
                .sync = disk_sync,
                .sync_dir = disk_sync,
                .file_bytes = disk_file_bytes};
    wal *w = NULL;
    al_err err = {0};
    heard first = replay(&io, &w);
    if (first.last < UINT64_MAX - 4 && wal_start(w, 0, &err) == AL_OK) {
        al_buf b;
        al_buf_init(&b, SIZE_MAX);
        frame_begin(&b, FRAME_DATA, 1, 0);
        frame_marks_begin(&b, 0);
        CHECK(wal_commit(w, &b, WAL_ROWS, &err) == AL_OK);
        al_buf_done(&b);
        (void)wal_close(w);
        heard again = replay(&io, &w);
        CHECK(again.n == first.n + 1);
        CHECK(again.last > first.last);
    }
    (void)wal_close(w);
    al_buf_done(&d.next);
}

/* Makes every frame's checksums fit, as long as lengths lead from one to the next. */
static void repair(uint8_t *bytes, size_t n)
{
    uint64_t seq = 1;
    size_t at = FMT_HEADER_BYTES;
    while (n - at > FMT_FRAME_HEADER_BYTES) {
        uint32_t len = 0;
        memcpy(&len, bytes + at + 4, sizeof len);
        size_t left = n - at - FMT_FRAME_HEADER_BYTES;
        if (len == 0 || len > left)
            len = (uint32_t)left;
        frame_seal(bytes + at, FMT_FRAME_HEADER_BYTES + len, seq++, at, 1);
        at += FMT_FRAME_HEADER_BYTES + len;
    }
}

/* What the input begins with, as it is or as the numbers of a sound header. */
static void make_end(al_slice data, bool is_sound, uint8_t ret[FMT_HEADER_BYTES])
{
    memset(ret, 0, FMT_HEADER_BYTES);
    memcpy(ret, data.ptr, data.len < FMT_HEADER_BYTES ? data.len : FMT_HEADER_BYTES);
    if (!is_sound)
        return;
    file_header h = {.magic = FMT_MAGIC_LOG_END,
                     .file_id = 1 + ret[0] % 3,
                     .first_frame = ret[1],
                     .prev_end = ret[2] + 256U * ret[3]};
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    file_header_encode(&h, &b);
    CHECK(al_buf_code(&b) == AL_OK && b.len == FMT_HEADER_BYTES);
    memcpy(ret, b.ptr, b.len);
    al_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    file_header h = {.magic = FMT_MAGIC_LOG, .file_id = 1, .first_frame = 1};
    uint8_t raw_end[FMT_HEADER_BYTES];
    uint8_t sound_end[FMT_HEADER_BYTES];
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    file_header_encode(&h, &b);
    al_buf_put(&b, data, size);
    CHECK(al_buf_code(&b) == AL_OK);
    make_end((al_slice){data, size}, false, raw_end);
    make_end((al_slice){data, size}, true, sound_end);
    uint8_t *file = fuzz_copy(al_buf_slice(&b));
    al_slice log = {file, b.len};
    check_log(log, NULL);
    check_log(log, raw_end);
    repair(file, b.len);
    check_log(log, NULL);
    check_log(log, sound_end);
    free(file);
    al_buf_done(&b);
    return 0;
}
