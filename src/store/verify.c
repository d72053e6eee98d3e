/* Checks a data directory: every byte that a manifest or the log answers for is read and decoded,
 * and what files say about each other is compared. Changes nothing.
 * It stands on the same decoders as the store (they check what a reader relies on) and adds what no
 * single reader needs: sums against summaries, rows against partitions, files against lists. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/mem.h"
#include "store/manifest.h"
#include "store/names.h"
#include "store/partition.h"
#include "store/seg_env.h"
#include "store/store.h"
#include "store/verify_ids.h"
#include "store/wal.h"

enum { CACHE_BYTES = 1 << 20, PATH_MAX_BYTES = 128, DOUBLES_TOLD = 10 };

typedef struct check {
    const al_io *io;
    int store_dir;
    void (*found)(void *ctx, const store_finding *f);
    void *ctx;
    store_verified sum;
    root root;
    seg_env *env;
    block_view *view;
    /* the index being looked at */
    const root_entry *index;
    manifest man;
    segment **sound; /* those of its segments that check out; references */
    size_t n_sound;
    uint64_t n_doubles; /* ids that stand in two of them */
    uint64_t max_frame; /* that any manifest knows of */
    uint64_t *covered;  /* of each index of root: behind it rows stand in the log alone */
    uint64_t frame;     /* being looked at */
} check;

static void tell(check *k, bool is_damage, const char *file, const char *fmt, ...) AL_PRINTF(4, 5);

static void tell(check *k, bool is_damage, const char *file, const char *fmt, ...)
{
    char text[320];
    char path[PATH_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)snprintf(path, sizeof path, NAME_OF_STORE "/%.100s", file);
    k->sum.n_damaged += is_damage;
    if (k->found)
        k->found(k->ctx, &(store_finding){.file = path, .text = text, .is_damage = is_damage});
}

/* Damage is told and the check goes on, also after what cannot be read; want of memory ends it. */
static al_code judge(check *k, al_code c, const char *file, const al_err *err)
{
    if (c != AL_CORRUPT && c != AL_TOO_NEW && c != AL_IO && c != AL_NOT_FOUND)
        return c;
    tell(k, true, file, "%s", err->msg);
    return AL_OK;
}

/* ---- Segments */

typedef struct seg_sum {
    uint64_t rows;
    uint64_t last_id;
    int64_t min_ns;
    int64_t max_ns;
} seg_sum;

static al_code check_row(const seg_summary *s, const record *r, seg_sum *sum, al_err *err)
{
    if (r->id < (uint64_t)r->time_ns || (sum->rows && r->id <= sum->last_id))
        return al_fail(err, AL_CORRUPT, "row %" PRIu64 " is out of order", r->id);
    if (!s->is_off && part_day(r->id) != s->day)
        return al_fail(err, AL_CORRUPT, "row %" PRIu64 " belongs to another day", r->id);
    sum->rows++;
    sum->last_id = r->id;
    sum->min_ns = AL_MIN(sum->min_ns, r->time_ns);
    sum->max_ns = AL_MAX(sum->max_ns, r->time_ns);
    return AL_OK;
}

/* What its blocks share, also what reads nobody's records. */
static al_code check_lexicon(segment *seg, const seg_index *ix, al_err *err)
{
    AL_CLEANUP(lexicon_unrefp) lexicon *lex = NULL;
    al_code c = seg_lexicon(seg, ix, &lex, err);
    return !c && lex ? lexicon_check(lex, err) : c;
}

static al_code check_block(check *k, const seg_summary *s, const seg_index *ix, const block_info *b,
                           seg_sum *sum, al_err *err)
{
    static const block_want want = {.is_all = true};
    const block_info *is = block_view_info(k->view);
    if (is->n_rows != b->n_rows || is->min_id != b->min_id || is->max_id != b->max_id ||
        is->min_ns != b->min_ns || is->max_ns != b->max_ns)
        return al_fail(err, AL_CORRUPT, "a block is not what the directory says");
    const al_slice *names;
    size_t n_names = block_view_names(k->view, &names);
    for (size_t i = 0; i < n_names; i++) {
        if (block_view_kind(k->view, i) < FMT_COL_HOMED)
            return al_fail(err, AL_CORRUPT, "field %.*s has no home", AL_ARG(names[i]));
        if (!(seg_index_uses(ix, names[i]) >> (block_view_kind(k->view, i) - FMT_COL_HOMED) & 1))
            return al_fail(err, AL_CORRUPT, "the directory misses field %.*s", AL_ARG(names[i]));
    }
    al_code c = block_view_check(k->view, err);
    for (uint32_t row = 0; !c && row < is->n_rows; row++) {
        record r;
        c = block_view_record(k->view, row, &want, &r, err);
        if (!c)
            c = check_row(s, &r, sum, err);
    }
    return c;
}

static al_code check_blocks(check *k, segment *seg, const seg_index *ix, al_err *err)
{
    const seg_summary *s = seg_summary_of(seg);
    seg_sum sum = {.min_ns = INT64_MAX, .max_ns = INT64_MIN};
    for (uint32_t i = 0; i < ix->n_blocks; i++) {
        al_code c = seg_open_block(seg, ix, i, k->view, false, err);
        if (!c)
            c = check_block(k, s, ix, &ix->blocks[i], &sum, err);
        if (c)
            return c == AL_CORRUPT ? al_wrap(err, "block %u", i) : c;
    }
    if (sum.min_ns != s->min_ns || sum.max_ns != s->max_ns)
        return al_fail(err, AL_CORRUPT, "the manifest says other times");
    k->sum.n_rows += sum.rows;
    return AL_OK;
}

static al_code check_segment(check *k, const seg_summary *s, al_err *err)
{
    AL_CLEANUP(seg_unrefp) segment *seg = seg_new(k->env, k->index->id, s);
    AL_CLEANUP(seg_index_unrefp) seg_index *ix = NULL;
    AL_CLEANUP(positions_unrefp) positions *pos = NULL;
    if (!seg)
        return al_fail(err, AL_NOMEM, "verify");
    k->sum.n_segments++;
    if (s->is_quarantined) {
        if (s->max_ns == INT64_MAX) /* a rebuilt manifest does not know more */
            tell(k, true, seg_name(seg), "set aside as damaged: its rows are missing");
        else
            tell(k, true, seg_name(seg), "set aside as damaged: %" PRIu64 " rows are missing",
                 s->n_rows);
        return AL_OK;
    }
    al_code c = seg_index_get(seg, &ix, err);
    if (!c)
        c = check_lexicon(seg, ix, err);
    if (!c)
        c = check_blocks(k, seg, ix, err);
    if (c)
        return judge(k, c, seg_name(seg), err);
    k->sound[k->n_sound++] = seg_ref(seg);
    c = s->has_positions ? seg_positions(seg, &pos, err) : AL_OK;
    return judge(k, c, seg_name(seg), err);
}

static void tell_double(void *ctx, uint64_t id, const segment *a, const segment *b)
{
    check *k = ctx;
    if (k->n_doubles++ < DOUBLES_TOLD)
        tell(k, true, seg_name(a), "id %" PRIu64 " stands in %s, too", id, seg_name(b));
}

/* Segments that were found sound can be read again; when one cannot, that is told as any damage. */
static al_code check_ids(check *k, al_err *err)
{
    char dir_name[NAME_BYTES];
    names_format(dir_name, NAME_INDEX, k->index->id);
    k->n_doubles = 0;
    al_code c = verify_ids(k->sound, k->n_sound, k->view, VERIFY_IDS, tell_double, k, err);
    if (!c && k->n_doubles > DOUBLES_TOLD)
        tell(k, true, dir_name, "%" PRIu64 " ids in all stand twice", k->n_doubles);
    return judge(k, c, dir_name, err);
}

static al_code check_segments(check *k, al_err *err)
{
    k->n_sound = 0;
    AL_CLEANUP(al_freep) segment **sound = al_alloc(k->man.n, sizeof(segment *));
    if (!sound)
        return al_fail(err, AL_NOMEM, "verify");
    k->sound = sound;
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < k->man.n; i++)
        c = check_segment(k, &k->man.segs[i], err);
    if (!c)
        c = check_ids(k, err);
    while (k->n_sound)
        (void)seg_unref(sound[--k->n_sound]);
    return c;
}

/* ---- One index */

static bool is_listed(const manifest *m, name_kind kind, uint64_t id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->segs[i].id == id)
            return kind == NAME_SEG ? !m->segs[i].is_quarantined : m->segs[i].has_positions;
    return false;
}

static al_code check_file(void *ctx, const char *name, al_err *err)
{
    check *k = ctx;
    char path[PATH_MAX_BYTES];
    uint64_t id = 0;
    (void)err;
    name_kind kind = names_parse(name, &id);
    bool is_known = kind == NAME_MANIFEST ||
                    ((kind == NAME_SEG || kind == NAME_POS) && is_listed(&k->man, kind, id));
    (void)snprintf(path, sizeof path, "%" PRIu32 "/%.90s", k->index->id, name);
    if (kind == NAME_BAD)
        tell(k, false, path, "set aside as damaged");
    else if (!is_known)
        tell(k, false, path, "left over: no list names it");
    return AL_OK;
}

static void note_frames(check *k)
{
    k->max_frame = AL_MAX(k->max_frame, k->man.covered);
    for (size_t i = 0; i < k->man.n; i++)
        k->max_frame = AL_MAX(k->max_frame, k->man.segs[i].max_frame);
}

static al_code check_index(check *k, al_err *err)
{
    char dir_name[NAME_BYTES];
    char path[PATH_MAX_BYTES];
    int dir = -1;
    names_format(dir_name, NAME_INDEX, k->index->id);
    (void)snprintf(path, sizeof path, "%s/" NAME_OF_MANIFEST, dir_name);
    al_code c = k->io->open_dir(k->io, k->store_dir, dir_name, false, &dir, err);
    if (!c)
        c = manifest_load(k->io, dir, &k->man, err);
    if (c == AL_NOT_FOUND)
        c = al_fail(err, AL_CORRUPT, "missing");
    if (!c && (k->man.index_id != k->index->id ||
               memcmp(k->man.store_id, k->root.store_id, STORE_ID_BYTES) != 0))
        c = al_fail(err, AL_CORRUPT, "it belongs to another index");
    bool is_read = c == AL_OK;
    if (c == AL_CORRUPT) {
        tell(k, true, path, "%.200s; the next start rebuilds it from segments and log", err->msg);
        c = AL_OK;
    }
    c = judge(k, c, path, err);
    if (is_read && !c)
        c = judge(k, k->io->list(k->io, dir, check_file, k, err), dir_name, err);
    note_frames(k);
    k->covered[k->index - k->root.entries] = is_read ? k->man.covered : UINT64_MAX;
    if (is_read && !c)
        c = check_segments(k, err);
    manifest_done(&k->man);
    if (dir >= 0)
        k->io->close(k->io, dir);
    return c;
}

/* ---- Log */

/* Are the rows of the frame at hand in no segment of this index? */
static bool is_in_log_alone(const check *k, uint32_t index_id)
{
    for (size_t i = 0; i < k->root.n; i++)
        if (k->root.entries[i].id == index_id)
            return k->frame > k->covered[i];
    return false; /* the index was dropped */
}

static al_code check_part(void *ctx, const frame_part_view *p, al_err *err)
{
    static const block_want want = {.is_all = true};
    check *k = ctx;
    al_code c = block_view_open_slice(k->view, p->block, err);
    if (!c && block_view_info(k->view)->n_rows != p->n_rows)
        c = al_fail(err, AL_CORRUPT, "a block has other rows than its frame says");
    for (uint32_t row = 0; !c && row < p->n_rows; row++) {
        record r;
        c = block_view_record(k->view, row, &want, &r, err);
    }
    if (!c && is_in_log_alone(k, p->index_id))
        k->sum.n_log_rows += p->n_rows;
    return c;
}

static al_code check_frame(void *ctx, uint64_t seq, al_slice body, al_err *err)
{
    check *k = ctx;
    char name[PATH_MAX_BYTES];
    frame_visitor v = {.ctx = k, .part = check_part};
    frame_body b;
    k->sum.n_frames++;
    k->frame = seq;
    (void)snprintf(name, sizeof name, NAME_OF_LOG_DIR " frame %" PRIu64, seq);
    return judge(k, frame_body_visit(body, &v, &b, err), name, err);
}

static void log_damage(void *ctx, const char *file, const char *why)
{
    char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof path, NAME_OF_LOG_DIR "/%s", file);
    tell(ctx, true, path, "%s", why);
}

static void log_torn(void *ctx, const char *file, uint64_t at, uint64_t bytes)
{
    char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof path, NAME_OF_LOG_DIR "/%s", file);
    tell(ctx, false, path, "%" PRIu64 " bytes at %" PRIu64 " were never acknowledged", bytes, at);
}

static void log_end_unknown(void *ctx, const char *why)
{
    tell(ctx, false, NAME_OF_LOG_DIR "/" NAME_OF_LOG_END,
         "%s: a lost end of the log would not show", why);
}

static al_code check_log_file(void *ctx, const char *name, al_err *err)
{
    char path[PATH_MAX_BYTES];
    uint64_t number = 0;
    (void)err;
    name_kind kind = names_parse(name, &number);
    (void)snprintf(path, sizeof path, NAME_OF_LOG_DIR "/%.90s", name);
    if (kind == NAME_BAD)
        tell(ctx, false, path, "set aside as damaged");
    else if (kind != NAME_LOG && kind != NAME_LOG_END)
        tell(ctx, false, path, "left over: no list names it");
    return AL_OK;
}

static al_code check_log(check *k, al_err *err)
{
    int dir = -1;
    al_code c = k->io->open_dir(k->io, k->store_dir, NAME_OF_LOG_DIR, false, &dir, err);
    if (c == AL_NOT_FOUND) {
        tell(k, true, NAME_OF_LOG_DIR, "the log is missing");
        return AL_OK;
    }
    if (c)
        return judge(k, c, NAME_OF_LOG_DIR, err);
    wal_visitor v = {.ctx = k,
                     .frame = check_frame,
                     .damage = log_damage,
                     .torn = log_torn,
                     .end_unknown = log_end_unknown};
    AL_CLEANUP(wal_closep) wal *w = NULL;
    c = judge(k, k->io->list(k->io, dir, check_log_file, k, err), NAME_OF_LOG_DIR, err);
    if (!c)
        c = wal_replay(k->io, dir, k->root.store_id, &v, &w, err);
    k->io->close(k->io, dir);
    if (!c && wal_last_seq(w) < k->max_frame)
        tell(k, true, NAME_OF_LOG_DIR,
             "it ends with frame %" PRIu64 ", segments have rows of frame %" PRIu64,
             wal_last_seq(w), k->max_frame);
    return judge(k, c, NAME_OF_LOG_DIR, err);
}

/* ---- All */

static al_code check_name(void *ctx, const char *name, al_err *err)
{
    check *k = ctx;
    uint64_t id = 0;
    (void)err;
    name_kind kind = names_parse(name, &id);
    bool is_known = kind == NAME_ROOT || kind == NAME_LOCK || kind == NAME_LOG_DIR;
    for (size_t i = 0; kind == NAME_INDEX && i < k->root.n; i++)
        is_known |= k->root.entries[i].id == id;
    if (!is_known)
        tell(k, false, name, "left over: no list names it");
    return AL_OK;
}

static al_code check_all(check *k, al_err *err)
{
    al_code c = root_load(k->io, k->store_dir, &k->root, err);
    if (c == AL_NOT_FOUND) {
        bool has_data = false;
        c = root_has_data(k->io, k->store_dir, &has_data, err);
        if (!c && !has_data) {
            tell(k, false, NAME_OF_ROOT, "there is no store here yet");
            return AL_OK;
        }
        c = c ? c : al_fail(err, AL_CORRUPT, "missing");
    }
    if (c)
        return judge(k, c, NAME_OF_ROOT, err); /* nothing else can be told without it */
    k->view = block_view_new();
    k->env = seg_env_new(k->io, k->store_dir, k->root.store_id, CACHE_BYTES);
    k->covered = al_zalloc(k->root.n + 1, sizeof *k->covered);
    if (!k->view || !k->env || !k->covered)
        return al_fail(err, AL_NOMEM, "verify");
    k->sum.n_indexes = k->root.n;
    c = judge(k, k->io->list(k->io, k->store_dir, check_name, k, err), "", err);
    for (size_t i = 0; !c && i < k->root.n; i++) {
        k->index = &k->root.entries[i];
        c = check_index(k, err);
    }
    return c ? c : check_log(k, err);
}

/* Nobody may write meanwhile. A directory without a lock file was never open. */
static al_code lock_shared(int store_dir, const char *path, int *ret_fd, al_err *err)
{
    int fd = openat(store_dir, NAME_OF_LOCK, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return AL_OK;
    *ret_fd = fd;
    if (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return al_fail(err, AL_EXISTS, "the data directory %.150s is in use by another process",
                       path);
    return AL_OK;
}

al_code store_verify(const char *path, const al_io *io,
                     void (*found)(void *ctx, const store_finding *f), void *ctx,
                     store_verified *ret, al_err *err)
{
    al_err mine;
    if (!err)
        err = &mine;
    AL_CLEANUP(al_closep) int data_dir = -1;
    AL_CLEANUP(al_closep) int lock_fd = -1;
    check k = {.io = io ? io : al_io_posix(), .store_dir = -1, .found = found, .ctx = ctx};
    al_code c = al_dir_open(path, false, &data_dir, err);
    if (!c)
        c = k.io->open_dir(k.io, data_dir, NAME_OF_STORE, false, &k.store_dir, err);
    if (c)
        return al_wrap(err, "verify %.100s", path);
    c = lock_shared(k.store_dir, path, &lock_fd, err);
    if (!c)
        c = check_all(&k, err);
    (void)seg_env_free(k.env);
    (void)block_view_free(k.view);
    free(k.covered);
    root_done(&k.root);
    k.io->close(k.io, k.store_dir);
    if (!c)
        *ret = k.sum;
    return c;
}
