/* Log: any bytes behind a log file's header are replayed without harm; frames come in ascending
 * sequence; what was replayed once is replayed the same again, and a store can go on behind it.
 * Each input is tried raw and with the checksums of its frames repaired (else almost every change
 * would end at a checksum). The block decoder takes what frames hold. */
#include "fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "store/block.h"
#include "store/file_header.h"
#include "store/format.h"
#include "store/wal.h"

static const uint8_t store_id[STORE_ID_BYTES];

/* ---- One log file in memory: the table serves just that and takes one more. */
typedef struct disk {
    al_slice file;
    al_buf next; /* what wal_start and wal_commit write */
    bool has_next;
} disk;

static al_code disk_list(const al_io *io, int dir,
                         al_code (*each)(void *ctx, const char *name, al_err *err), void *ctx,
                         al_err *err)
{
    const disk *d = io->ctx;
    (void)dir;
    al_code c = each(ctx, "0000000000000001.log", err);
    return !c && d->has_next ? each(ctx, "0000000000000002.log", err) : c;
}

static al_code disk_open(const al_io *io, int dir, const char *name, al_open_mode mode, int *ret_fd,
                         al_err *err)
{
    disk *d = io->ctx;
    (void)dir;
    (void)err;
    *ret_fd = name[15] - '0';
    if (mode == AL_OPEN_CREATE) {
        CHECK(*ret_fd == 2 && !d->has_next);
        d->has_next = true;
    }
    return AL_OK;
}

static void disk_close(const al_io *io, int fd)
{
    (void)io;
    (void)fd;
}

static al_slice content(const disk *d, int fd)
{
    return fd == 1 ? d->file : al_buf_slice(&d->next);
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
    CHECK(fd == 2 && off == d->next.len);
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

static void check_log(al_slice file)
{
    disk d = {.file = file};
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    file_header h = {.magic = FMT_MAGIC_LOG, .file_id = 1, .first_frame = 1};
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    file_header_encode(&h, &b);
    al_buf_put(&b, data, size);
    CHECK(al_buf_code(&b) == AL_OK);
    uint8_t *file = fuzz_copy(al_buf_slice(&b));
    check_log((al_slice){file, b.len});
    repair(file, b.len);
    check_log((al_slice){file, b.len});
    free(file);
    al_buf_done(&b);
    return 0;
}
