/* Following one file. See file_tail.h.
 * There is no buffer per file: each look reads on from t->next, hands out whole records and leaves
 * the rest in the file, so that a place in a file is all the state there is.
 * What rotation does: renamed and created anew - the caller opens the new one beside us, we go on
 * to the end of the old; copied and truncated - the size falls below where we were, or, when it has
 * grown again meanwhile, the beginning is not the one we knew. (Lines written between copy and
 * truncation are lost by whoever truncates.)
 * Invariants: (1) next.off only passes whole records, or parts of one that is_in_long_line says;
 * (2) next.print is of bytes that stand before bytes_seen. */
#include "inputs/file_tail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* Up to n bytes at off; fewer at the end of the file. */
static al_code read_up_to(int fd, uint8_t *bytes, size_t n, uint64_t off, size_t *ret_n,
                          al_err *err)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, bytes + got, n - got, (off_t)(off + got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return al_fail_errno(err, "read");
        if (r == 0)
            break;
        got += (size_t)r;
    }
    *ret_n = got;
    return AL_OK;
}

/* The print of the first `n` bytes; *ret_is_short when the file has fewer. */
static al_code print_of(int fd, size_t n, uint64_t *ret, bool *ret_is_short, al_err *err)
{
    uint8_t bytes[FILE_PRINT_BYTES];
    size_t got = 0;
    assert(n <= sizeof bytes);
    al_code c = read_up_to(fd, bytes, n, 0, &got, err);
    if (c)
        return c;
    *ret_is_short = got < n;
    *ret = file_print((al_slice){bytes, got});
    return AL_OK;
}

static al_code is_same_file(int fd, const file_place *place, bool *ret, al_err *err)
{
    uint64_t print = 0;
    bool is_short = false;
    al_code c = print_of(fd, place->print_bytes, &print, &is_short, err);
    if (!c)
        *ret = !is_short && print == place->print;
    return c;
}

static void begin_anew(file_tail *t)
{
    t->next = (file_place){.inode = t->at.inode, .print = file_print((al_slice){0}), .time_ns = -1};
}

/* Everything about the open file but who owns it. */
static al_code begin(int fd, const char *path, al_slice index, file_places *places, int64_t mono_ns,
                     file_tail *ret, al_err *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return al_fail_errno(err, "look at %.150s", path);
    if (!S_ISREG(st.st_mode))
        return al_fail(err, AL_INVALID, "%.150s is not a regular file", path);

    file_tail t = {.fd = fd,
                   .device = (uint64_t)st.st_dev,
                   .at = {.inode = (uint64_t)st.st_ino},
                   .grown_ns = mono_ns,
                   .due_ns = INT64_MAX};
    begin_anew(&t);
    file_place known;
    if (file_places_find(places, index, al_cstr(path), t.at.inode, &known)) {
        bool is_same = false;
        al_code c = is_same_file(fd, &known, &is_same, err);
        if (c)
            return c;
        if (is_same && known.off <= (uint64_t)st.st_size)
            t.next = known;
    }
    t.at = t.next;
    *ret = t;
    return AL_OK;
}

al_code file_tail_open(const char *path, al_slice index, file_places *places, int64_t mono_ns,
                       file_tail *ret, al_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return AL_NOT_FOUND;
    if (fd < 0)
        return al_fail_errno(err, "read %.150s", path);
    al_code c = begin(fd, path, index, places, mono_ns, ret, err);
    if (c)
        al_closep(&fd);
    return c;
}

void file_tail_close(file_tail *t)
{
    al_closep(&t->fd);
    t->fd = -1;
}

/* ---- Reading */

/* Size and beginning: has it grown, or begun anew? */
static al_code look(file_tail *t, int64_t mono_ns, struct stat *st, al_err *err)
{
    if (fstat(t->fd, st))
        return al_fail_errno(err, "look");
    uint64_t bytes = (uint64_t)st->st_size;
    if (bytes == t->bytes_seen)
        return AL_OK;
    t->bytes_seen = bytes;
    t->grown_ns = mono_ns;
    bool is_same = false;
    if (bytes >= t->next.off) {
        al_code c = is_same_file(t->fd, &t->next, &is_same, err);
        if (c)
            return c;
    }
    if (!is_same)
        begin_anew(t);
    return AL_OK;
}

/* Knows the file by more bytes while it is still short. */
static al_code widen_print(file_tail *t, al_err *err)
{
    uint32_t n = (uint32_t)AL_MIN(t->bytes_seen, (uint64_t)FILE_PRINT_BYTES);
    uint64_t print = 0;
    bool is_short = false;
    if (n <= t->next.print_bytes)
        return AL_OK;
    al_code c = print_of(t->fd, n, &print, &is_short, err);
    if (c || is_short)
        return c;
    t->next.print = print;
    t->next.print_bytes = n;
    return AL_OK;
}

typedef struct reading {
    file_tail *t;
    al_slice left;  /* not yet handed out */
    bool is_at_end; /* `left` ends where the file does */
    bool is_quiet;  /* nothing came for long enough that the last record is whole */
    bool is_done;   /* nor will anything come */
    int64_t modified_ns;
} reading;

static void pass(reading *r, size_t bytes)
{
    r->left = al_slice_sub(r->left, bytes, r->left.len);
    r->t->next.off += bytes;
}

/* The rest of a line that was cut; true when its end was found. */
static bool pass_long_line(reading *r)
{
    size_t end = al_slice_find(r->left, '\n', 0);
    bool is_found = end < r->left.len;
    pass(r, is_found ? end + 1 : end);
    r->t->next.is_in_long_line = !is_found;
    return is_found;
}

/* The next record that may be handed out now. */
static bool next_record(const reading *r, line_rec *ret)
{
    if (!r->left.len)
        return false;
    if (line_join_first(r->left, ret))
        return ret->is_closed || (r->is_at_end && r->is_quiet);
    *ret = (line_rec){.text = r->left, .bytes = r->left.len, .is_closed = true};
    return r->is_at_end && r->is_done; /* a last line without its end */
}

/* False when the caller had enough. */
static bool hand_out(reading *r, file_record_fn *fn, void *ctx)
{
    line_rec rec;
    while (next_record(r, &rec)) {
        file_record out = {rec.text, r->modified_ns, rec.is_cut};
        if (al_slice_trim(rec.text).len && !fn(ctx, r->t, &out))
            return false;
        pass(r, rec.bytes);
        r->t->next.is_in_long_line = rec.is_cut;
        if (rec.is_cut && !pass_long_line(r))
            break;
    }
    return true;
}

al_code file_tail_read(file_tail *t, uint8_t *buffer, int64_t mono_ns, file_record_fn *fn,
                       void *ctx, al_err *err)
{
    struct stat st;
    size_t n = 0;
    al_code c = look(t, mono_ns, &st, err);
    if (!c)
        c = widen_print(t, err);
    if (c)
        return c;
    uint64_t unread = t->bytes_seen - t->next.off;
    c = read_up_to(t->fd, buffer, (size_t)AL_MIN(unread, (uint64_t)FILE_TAIL_BYTES), t->next.off,
                   &n, err);
    if (c)
        return c;

    int64_t quiet_ns = mono_ns - t->grown_ns;
    reading r = {
        .t = t,
        .left = {buffer, n},
        .is_at_end = t->next.off + n >= t->bytes_seen,
        .is_done = t->is_over && quiet_ns >= FILE_TAIL_OVER_MS * AL_NS_PER_MS,
        .is_quiet = quiet_ns >= FILE_TAIL_JOIN_MS * AL_NS_PER_MS,
        .modified_ns = st.st_mtim.tv_sec * AL_NS_PER_S + st.st_mtim.tv_nsec,
    };
    bool is_enough = false;
    if (!t->next.is_in_long_line || pass_long_line(&r))
        is_enough = !hand_out(&r, fn, ctx);
    t->has_more = is_enough || !r.is_at_end;
    t->is_finished = r.is_done && !t->has_more && !r.left.len;
    t->due_ns = INT64_MAX;
    if (!t->has_more && r.left.len && !r.is_quiet)
        t->due_ns = t->grown_ns + FILE_TAIL_JOIN_MS * AL_NS_PER_MS;
    return AL_OK;
}
