/* Backup: a copy of a store that another process may be writing to, without a word to it.
 *
 * Why that is safe: doc/decisions/013. All that the owner does to its files is to make new ones, to
 * replace lists by rename, to append to the newest log file and to unlink what no list names any
 * more; and at each moment a kill -9 leaves a directory that opens with everything acknowledged. A
 * backup only has to see files in an order in which such a moment existed.
 *
 * Shape of a try: `end` and all log files held open -> root -> manifests, and the segments they
 * name linked (or held open) -> log files begun meanwhile held open -> bytes copied -> the log's
 * copy replayed -> lists written -> what stands beside the store copied -> root still the same?
 * Invariants: (1) a manifest that is copied was on disk after the first look at the log and before
 * the second (backup_log.c says what follows); (2) a segment that is gone when it is to be taken
 * means a newer manifest, which is then read instead; (3) what is doubtful is tried again, and
 * believed to be damage when it stays so while nothing else changes; (4) a segment's name in the
 * copy stands for all of its bytes: later tries keep it. */
#include "store/backup.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/backup_priv.h"
#include "store/limits.h"

enum {
    TRIES_MAX = 200,
    DOUBTS_MAX = 6, /* tries in a row that found something damaged */
    PAUSE_MS = 50,
    INDEX_TRIES_MAX = 10000, /* each time a manifest was replaced meanwhile */
    FINDINGS_BYTES_MAX = 1 << 20,
    MANIFEST_BYTES_MAX = 16 << 20,
};

void backup_doubt(backup *b, const char *file, const char *fmt, ...)
{
    va_list ap;
    char text[320];
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->n_damaged++;
    if (!al_buf_reserve(&b->findings, sizeof NAME_OF_STORE + strlen(file) + strlen(text) + 3))
        return; /* it counts all the same */
    al_buf_str(&b->findings, NAME_OF_STORE "/");
    al_buf_str(&b->findings, file);
    al_buf_u8(&b->findings, 0);
    al_buf_str(&b->findings, text);
    al_buf_u8(&b->findings, 0);
}

al_code backup_progress(backup *b, uint64_t bytes, al_err *err)
{
    b->done_bytes += bytes;
    if (b->o->progress && !b->o->progress(b->o->ctx, b->done_bytes, b->total_bytes))
        return al_fail(err, AL_CANCELLED, "stopped by a signal");
    return AL_OK;
}

/* ---- Lists */

static al_code read_root(backup *b, root *ret, al_err *err)
{
    al_code c = root_load(b->io, b->from, ret, err);
    if (c == AL_NOT_FOUND)
        return al_fail(err, c, "there is no store in it: expected a data directory of alco");
    return c ? al_wrap(err, NAME_OF_STORE) : AL_OK;
}

/* AL_OK also when it does not check out: x->is_read. */
static al_code read_manifest(backup *b, backup_index *x, int dir, al_err *err)
{
    manifest_done(&x->man);
    al_buf_clear(&x->bytes);
    al_code c = backup_read_file(b, dir, NAME_OF_MANIFEST, MANIFEST_BYTES_MAX, &x->bytes, err);
    if (!c)
        c = manifest_decode(al_buf_slice(&x->bytes), &x->man, err);
    if (!c && (x->man.index_id != x->id ||
               memcmp(x->man.store_id, b->root.store_id, STORE_ID_BYTES) != 0))
        c = al_fail(err, AL_CORRUPT, "it belongs to another index");
    x->is_read = c == AL_OK;
    if (c == AL_CORRUPT || c == AL_NOT_FOUND) {
        char path[NAME_BYTES * 2];
        (void)snprintf(path, sizeof path, "%u/" NAME_OF_MANIFEST, x->id);
        backup_doubt(b, path, "%s", c == AL_CORRUPT ? err->msg : "it is missing");
        manifest_done(&x->man);
        return AL_OK;
    }
    return c;
}

/* ---- One index */

typedef struct taking {
    backup *b;
    backup_index *x;
    int from;
    int to;
} taking;

/* AL_NOT_FOUND: it is gone. */
static al_code take(const taking *t, name_kind kind, uint64_t id, al_err *err)
{
    char name[NAME_BYTES];
    names_format(name, kind, id);
    al_code c = backup_take(t->b, t->x->id, t->from, t->to, name, err);
    if (c == AL_CORRUPT) {
        char path[NAME_BYTES * 2 + 16];
        (void)snprintf(path, sizeof path, "%u/%s", t->x->id, name);
        backup_doubt(t->b, path, "%s", err->msg);
    }
    return c == AL_EXISTS || c == AL_CORRUPT ? AL_OK : c;
}

static al_code take_segment(const taking *t, const seg_summary *s, name_kind *ret_gone, al_err *err)
{
    size_t n_pending = t->b->n_pending;
    *ret_gone = NAME_SEG;
    al_code c = s->is_quarantined ? AL_OK : take(t, NAME_SEG, s->id, err);
    if (!c && s->has_positions) {
        *ret_gone = NAME_POS;
        c = take(t, NAME_POS, s->id, err);
    }
    return c ? c : backup_progress(t->b, t->b->n_pending > n_pending ? 0 : s->bytes, err);
}

/* Of a manifest that does not check out: whatever may be rebuilt from. */
static al_code take_any(void *ctx, const char *name, al_err *err)
{
    const taking *t = ctx;
    uint64_t id = 0;
    name_kind kind = names_parse(name, &id);
    if (kind != NAME_SEG && kind != NAME_POS)
        return AL_OK;
    al_code c = take(t, kind, id, err);
    return c == AL_NOT_FOUND ? AL_OK : c;
}

/* All that the manifest names. *ret_again: some of it is gone, and the manifest another one. */
static al_code take_listed(const taking *t, bool *ret_again, al_err *err)
{
    name_kind gone = NAME_OTHER;
    al_code c = AL_OK;
    for (size_t i = 0; i < t->x->man.n; i++) {
        const seg_summary *s = &t->x->man.segs[i];
        c = take_segment(t, s, &gone, err);
        if (c && c != AL_NOT_FOUND)
            return c;
        if (!c)
            continue;
        uint64_t generation = t->x->man.generation;
        uint64_t id = s->id;
        c = read_manifest(t->b, t->x, t->from, err);
        if (c)
            return c;
        *ret_again = !t->x->is_read || t->x->man.generation != generation;
        if (*ret_again)
            return AL_OK;
        char name[NAME_BYTES];
        char path[NAME_BYTES * 2];
        names_format(name, gone, id);
        (void)snprintf(path, sizeof path, "%u/%s", t->x->id, name);
        backup_doubt(t->b, path, "it is missing");
    }
    return AL_OK;
}

static al_code take_index_files(const taking *t, al_err *err)
{
    bool again = true;
    al_code c = AL_OK;
    for (int i = 0; !c && again && i < INDEX_TRIES_MAX; i++) {
        again = false;
        c = t->x->is_read ? take_listed(t, &again, err)
                          : t->b->io->list(t->b->io, t->from, take_any, (void *)t, err);
    }
    return c;
}

static al_code open_both(backup *b, uint32_t id, int *ret_from, int *ret_to, al_err *err)
{
    char name[NAME_BYTES];
    names_format(name, NAME_INDEX, id);
    al_code c = b->io->open_dir(b->io, b->from, name, false, ret_from, err);
    return c ? c : b->io->open_dir(b->io, b->to, name, true, ret_to, err);
}

static void close_both(backup *b, int from, int to)
{
    if (from >= 0)
        b->io->close(b->io, from);
    if (to >= 0)
        b->io->close(b->io, to);
}

static al_code take_index(backup *b, backup_index *x, al_err *err)
{
    taking t = {.b = b, .x = x, .from = -1, .to = -1};
    al_code c = open_both(b, x->id, &t.from, &t.to, err);
    if (c == AL_NOT_FOUND) {
        char name[NAME_BYTES];
        names_format(name, NAME_INDEX, x->id);
        backup_doubt(b, name, "the directory of an index is missing");
        c = AL_OK;
    } else {
        c = c ? c : read_manifest(b, x, t.from, err);
        for (size_t i = 0; i < x->man.n; i++)
            b->total_bytes += x->man.segs[i].bytes;
        c = c ? c : take_index_files(&t, err);
    }
    close_both(b, t.from, t.to);
    return c;
}

static al_code take_indexes(backup *b, al_err *err)
{
    b->indexes = al_zalloc(b->root.n + 1, sizeof *b->indexes);
    if (!b->indexes)
        return al_fail(err, AL_NOMEM, "indexes");
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < b->root.n; i++) {
        backup_index *x = &b->indexes[b->n_indexes++];
        *x = (backup_index){.id = b->root.entries[i].id};
        al_buf_init(&x->bytes, MANIFEST_BYTES_MAX);
        c = take_index(b, x, err);
    }
    return c;
}

/* ---- Writing the lists */

static bool index_keeps(void *ctx, const char *name)
{
    const backup_index *x = ctx;
    uint64_t id = 0;
    name_kind kind = names_parse(name, &id);
    if (kind != NAME_SEG && kind != NAME_POS)
        return kind == NAME_BAD || kind == NAME_MANIFEST;
    for (size_t i = 0; i < x->man.n; i++)
        if (x->man.segs[i].id == id)
            return true;
    return !x->is_read;
}

static al_code finish_index(backup *b, backup_index *x, al_err *err)
{
    int from = -1;
    int to = -1;
    al_code c = open_both(b, x->id, &from, &to, err);
    bool is_there = c == AL_OK;
    if (is_there)
        c = backup_sweep(b, to, index_keeps, x, err);
    if (is_there && !c)
        c = backup_take_aside(b, from, to, err);
    if (is_there && !c && x->bytes.len)
        c = al_publish_file(b->io, to, NAME_OF_MANIFEST, al_buf_slice(&x->bytes), err);
    if (is_there && !c)
        c = b->io->sync_dir(b->io, to, err);
    close_both(b, from, to);
    return c == AL_NOT_FOUND ? AL_OK : c;
}

typedef struct stray {
    const backup *b;
    uint32_t ids[64]; /* more of them are left over, and named so */
    size_t n;
} stray;

static al_code note_stray(void *ctx, const char *name, al_err *err)
{
    stray *s = ctx;
    uint64_t id = 0;
    bool is_known = false;
    (void)err;
    if (names_parse(name, &id) != NAME_INDEX)
        return AL_OK;
    for (size_t i = 0; i < s->b->n_indexes; i++)
        is_known |= s->b->indexes[i].id == id && !s->b->indexes[i].is_dropped;
    if (!is_known && s->n < AL_COUNT(s->ids))
        s->ids[s->n++] = (uint32_t)id;
    return AL_OK;
}

/* Indexes that this or an earlier try saw, and that were dropped. */
static al_code drop_strays(backup *b, al_err *err)
{
    stray s = {.b = b};
    al_code c = b->io->list(b->io, b->to, note_stray, &s, err);
    for (size_t i = 0; !c && i < s.n; i++) {
        char name[NAME_BYTES];
        int dir = -1;
        names_format(name, NAME_INDEX, s.ids[i]);
        c = b->io->open_dir(b->io, b->to, name, false, &dir, err);
        if (!c)
            c = backup_sweep(b, dir, NULL, NULL, err);
        close_both(b, dir, -1);
        if (!c)
            (void)unlinkat(b->to, name, AT_REMOVEDIR); /* else it is a left-over, and named so */
    }
    return c;
}

static al_code write_lists(backup *b, al_err *err)
{
    al_code c = AL_OK;
    for (size_t i = 0; !c && i < b->n_indexes; i++)
        c = finish_index(b, &b->indexes[i], err);
    if (!c)
        c = drop_strays(b, err);
    if (!c)
        c = backup_take_aside(b, b->from_log, b->to_log, err);
    return c ? c : b->io->sync_dir(b->io, b->to_log, err);
}

static const root_entry *find_entry(const root *r, uint32_t id)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i].id == id)
            return &r->entries[i];
    return NULL;
}

/* Indexes that are in the root of the try's begin and of its end. What was made meanwhile came
 * after the backup began; its number is not given again. */
static al_code write_root(backup *b, bool *ret_dropped, al_err *err)
{
    root now = {0};
    al_code c = read_root(b, &now, err);
    size_t n = 0;
    for (size_t i = 0; !c && i < b->n_indexes; i++) {
        backup_index *x = &b->indexes[i];
        const root_entry *e = find_entry(&b->root, x->id);
        x->is_dropped = !find_entry(&now, x->id);
        *ret_dropped |= x->is_dropped;
        if (!x->is_dropped)
            b->root.entries[n++] = *e;
    }
    if (!c) {
        b->root.n = n;
        b->root.index_id_max = now.index_id_max;
        b->root.generation = now.generation;
        c = root_save(b->io, b->to, &b->root, err);
    }
    root_done(&now);
    return c;
}

static void sum_up(backup *b)
{
    b->sum.n_rows = b->sum.n_segments = b->sum.n_indexes = 0;
    for (size_t i = 0; i < b->n_indexes; i++) {
        const backup_index *x = &b->indexes[i];
        if (x->is_dropped)
            continue;
        b->sum.n_indexes++;
        b->sum.n_rows += x->n_log_rows;
        b->sum.n_segments += x->man.n;
        for (size_t k = 0; k < x->man.n; k++)
            b->sum.n_rows += x->man.segs[k].is_quarantined ? 0 : x->man.segs[k].n_rows;
    }
}

/* ---- A try */

static void forget_try(backup *b)
{
    for (size_t i = 0; i < b->n_indexes; i++) {
        al_buf_done(&b->indexes[i].bytes);
        manifest_done(&b->indexes[i].man);
    }
    free(b->indexes);
    b->indexes = NULL;
    b->n_indexes = 0;
    backup_drop_pending(b);
    backup_drop_logs(b);
    al_buf_clear(&b->findings);
    b->n_damaged = 0;
    b->is_cut = false;
    b->done_bytes = b->total_bytes = 0;
    root_done(&b->root);
}

/* *ret_is_done: it is a copy of one moment, or what is doubtful has no other reason than damage. */
static al_code try_once(backup *b, bool *ret_is_done, al_err *err)
{
    bool was_dropped = false;
    al_code c = backup_read_end(b, err);
    if (!c)
        c = backup_hold_logs(b, err);
    if (!c)
        c = read_root(b, &b->root, err);
    if (!c)
        c = take_indexes(b, err);
    if (!c)
        c = backup_hold_logs(b, err);
    if (!c)
        c = backup_copy_pending(b, err);
    if (c || b->is_cut)
        return c;
    c = backup_copy_log(b, err);
    if (!c)
        c = write_lists(b, err);
    if (!c && b->o->beside)
        c = b->o->beside(b->o->ctx, err);
    if (!c)
        c = write_root(b, &was_dropped, err);
    if (!c && was_dropped)
        c = drop_strays(b, err);
    *ret_is_done = !was_dropped || !b->n_damaged;
    return c;
}

static void pause_ms(int64_t ms)
{
    struct timespec t = {.tv_nsec = ms * AL_NS_PER_MS};
    (void)nanosleep(&t, NULL); /* a signal ends it early */
}

static void tell_findings(const backup *b)
{
    if (!b->o->found || b->findings.len == 0)
        return;
    const char *at = (const char *)b->findings.ptr;
    const char *end = at + b->findings.len;
    while (at < end) {
        const char *text = at + strlen(at) + 1;
        store_finding f = {.file = at, .text = text, .is_damage = true};
        b->o->found(b->o->ctx, &f);
        at = text + strlen(text) + 1;
    }
}

static al_code try_until_done(backup *b, al_err *err)
{
    int doubts = 0;
    for (int n = 0; n < TRIES_MAX; n += !b->is_cut) {
        bool is_done = false;
        forget_try(b);
        al_code c = try_once(b, &is_done, err);
        b->sum.n_tries++;
        if (c)
            return c;
        doubts = b->n_damaged && is_done ? doubts + 1 : 0;
        if (is_done && (!b->n_damaged || doubts == DOUBTS_MAX)) {
            tell_findings(b);
            return AL_OK;
        }
        if (!b->is_cut)
            pause_ms(PAUSE_MS);
        if (b->o->progress && backup_progress(b, 0, err))
            return AL_CANCELLED;
    }
    return al_fail(err, AL_AGAIN, "it never held still in %d tries", TRIES_MAX);
}

/* ---- All */

static al_code open_dirs(backup *b, al_err *err)
{
    const al_io *io = b->io;
    AL_CLEANUP(al_closep) int from = -1;
    AL_CLEANUP(al_closep) int to = -1;
    al_code c = al_dir_open(b->o->from, false, &from, err);
    if (c)
        return c == AL_NOT_FOUND ? al_fail(err, c, "there is no such directory") : c;
    if (!c)
        c = io->open_dir(io, from, NAME_OF_STORE, false, &b->from, err);
    if (!c)
        c = io->open_dir(io, b->from, NAME_OF_LOG_DIR, false, &b->from_log, err);
    if (c == AL_NOT_FOUND)
        return al_fail(err, c, "there is no store in it: expected a data directory of alco");
    if (!c)
        c = al_dir_open(b->o->to, false, &to, err);
    if (!c)
        c = io->open_dir(io, to, NAME_OF_STORE, true, &b->to, err);
    if (!c)
        c = io->open_dir(io, b->to, NAME_OF_LOG_DIR, true, &b->to_log, err);
    return c;
}

/* The names of both directories; root was the last thing in them. */
static al_code sync_names(backup *b, al_err *err)
{
    AL_CLEANUP(al_closep) int to = -1;
    al_code c = al_dir_open(b->o->to, false, &to, err);
    if (!c)
        c = b->io->sync_dir(b->io, b->to, err);
    return c ? c : b->io->sync_dir(b->io, to, err);
}

al_code store_backup(const store_backup_options *o, store_backup_sum *ret, al_err *err)
{
    al_err mine;
    if (!err)
        err = &mine;
    AL_CLEANUP(al_freep) backup *b = al_zalloc(1, sizeof *b);
    AL_CLEANUP(al_freep) uint8_t *chunk = al_alloc(BACKUP_CHUNK_BYTES, 1);
    if (!b || !chunk)
        return al_fail(err, AL_NOMEM, "backup");
    *b = (backup){.o = o, .io = o->io ? o->io : al_io_posix(), .chunk = chunk};
    b->from = b->to = b->from_log = b->to_log = -1;
    al_buf_init(&b->findings, FINDINGS_BYTES_MAX);
    al_code c = open_dirs(b, err);
    if (!c)
        c = try_until_done(b, err);
    if (!c)
        c = sync_names(b, err);
    if (!c) {
        sum_up(b);
        b->sum.n_damaged = b->n_damaged;
        for (size_t i = 0; i < STORE_ID_BYTES; i++)
            (void)snprintf(b->sum.store_id + 2 * i, 3, "%02x", b->root.store_id[i]);
        *ret = b->sum;
    }
    forget_try(b);
    free(b->logs);
    close_both(b, b->from_log, b->to_log);
    close_both(b, b->from, b->to);
    al_buf_done(&b->findings);
    return c;
}
