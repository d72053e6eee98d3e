/* The embedded engine's face: opening, closing, and the table of engine.h.
 * Shutdown, in this order: no new appends -> the merger is cancelled and joined (it may be waiting
 * for the committer, which still runs) -> the committer empties its lists and is joined -> memory.
 * What is not merged stays in the log and is replayed at the next open. */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/limits.h"
#include "store/names.h"
#include "store/store_impl.h"

#define MEMORY_DEFAULT (UINT64_C(256) << 20)
#define MEMORY_MIN     ((uint64_t)STORE_MEMORY_MIN)
/* Above all what questions want of every segment, 1.7 MB of one with a million rows; to read blocks
 * again from the page cache costs 3 % of a scan. */
#define CACHE_SHARE      4
#define MIN_FREE_DEFAULT (UINT64_C(1) << 30)

void store_note(const store *st, const char *index, const char *fmt, ...)
{
    char text[400] = "";
    va_list ap;
    if (!st->note)
        return;
    if (index)
        (void)snprintf(text, sizeof text, "index %s: ", index);
    size_t len = strlen(text);
    va_start(ap, fmt);
    (void)vsnprintf(text + len, sizeof text - len, fmt, ap);
    va_end(ap);
    st->note(st->note_ctx, text);
}

/* ---- Indexes */

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return n > 0 && n <= ENG_INDEX_NAME_MAX;
}

static al_code op_index_open(engine *e, const eng_index_settings *s, al_err *err)
{
    if (!is_name(s->name))
        return al_fail(err, AL_INVALID, "index name '%.40s': 1 to %d letters, digits or _", s->name,
                       ENG_INDEX_NAME_MAX);
    index_change change = {.settings = s};
    return committer_call(store_of(e), publish_index_open, &change, err);
}

static al_code op_index_drop(engine *e, const char *name, al_err *err)
{
    index_change change = {.name = name};
    return committer_call(store_of(e), publish_index_drop, &change, err);
}

/* The name, in the arena; NULL: no memory. */
static const char *keep_name(al_arena *arena, const char *name)
{
    return (const char *)al_arena_copy(arena, al_cstr(name)).ptr;
}

static al_code op_indexes(engine *e, al_arena *arena, const char ***ret, size_t *ret_n, al_err *err)
{
    store *st = store_of(e);
    size_t n = 0;
    AL_LOCKED(&st->lock);
    const char **names = al_arena_alloc(arena, st->n_indexes, sizeof *names);
    if (!names)
        return al_fail(err, AL_NOMEM, "names of indexes");
    for (size_t i = 0; i < st->n_indexes; i++) {
        if (st->indexes[i]->is_dropped)
            continue;
        names[n] = keep_name(arena, st->indexes[i]->name);
        if (!names[n++])
            return al_fail(err, AL_NOMEM, "names of indexes");
    }
    *ret = names;
    *ret_n = n;
    return AL_OK;
}

/* ---- Compact */

static bool is_compact_locked(const sindex *ix)
{
    return ix->is_dropped || (!ix->wants_wide && (ix->snap->n_mems == 0 ||
                                                  ix->snap->mems[0]->frame > ix->compact_frame));
}

/* The index, or with NULL all of them. */
static bool are_compact_locked(const store *st, const sindex *ix)
{
    bool yes = true;
    for (size_t i = 0; i < st->n_indexes; i++)
        if (!ix || st->indexes[i] == ix)
            yes = yes && is_compact_locked(st->indexes[i]);
    return yes;
}

static void wish_locked(store *st, const sindex *ix)
{
    for (size_t i = 0; i < st->n_indexes; i++) {
        if (ix && st->indexes[i] != ix)
            continue;
        st->indexes[i]->compact_frame = st->end.frame;
        st->indexes[i]->wants_wide = true;
        st->indexes[i]->retry_at_ns = 0;
    }
    st->wants_try_now = true;
    (void)pthread_cond_broadcast(&st->changed);
}

/* A full disk passes: AL_AGAIN. */
static al_code merge_failure_locked(const store *st, al_err *err)
{
    const al_err *why = &st->merge_err;
    bool is_full = why->sys_errno == ENOSPC || why->sys_errno == EDQUOT;
    if (err)
        *err = *why;
    if (is_full)
        return al_fail(err, AL_AGAIN, "compact: the disk is full: %.150s", why->msg);
    return why->code ? why->code : AL_IO;
}

static al_code op_compact(engine *e, const char *index, const atomic_bool *cancel, al_err *err)
{
    store *st = store_of(e);
    al_code c = engine_append_wait(e, NULL, NULL, (al_slice){0}, cancel, err);
    if (c)
        return c;
    AL_LOCKED(&st->lock);
    sindex *ix = index ? store_find_locked(st, index) : NULL;
    if (index && !ix)
        return al_fail(err, AL_NOT_FOUND, "there is no index '%.40s'", index);
    uint64_t failures = st->merge_failures;
    wish_locked(st, ix);
    for (;;) {
        if (st->merge_failures != failures) /* first: a failure takes the wish back */
            return merge_failure_locked(st, err);
        if (are_compact_locked(st, ix))
            return AL_OK;
        if ((cancel && atomic_load(cancel)) || atomic_load(&st->is_ending))
            return al_fail(err, AL_CANCELLED, "compact cancelled");
        (void)al_cond_wait_until(&st->changed, &st->lock, al_mono_ns() + 50 * AL_NS_PER_MS);
    }
}

/* ---- Statistics */

static void add_index_locked(const sindex *ix, eng_index_stats *s)
{
    const snapshot *snap = ix->snap;
    s->records += snap->n_rows;
    for (size_t i = 0; i < snap->segs->n; i++) {
        const seg_summary *sum = seg_summary_of(snap->segs->segs[i]);
        s->segments++;
        s->bytes += sum->bytes;
        if (sum->is_quarantined) /* its times may not be known */
            continue;
        if (s->first_ns < 0 || sum->min_ns < s->first_ns)
            s->first_ns = sum->min_ns;
        if (sum->max_ns > s->last_ns)
            s->last_ns = sum->max_ns;
    }
    for (size_t i = 0; i < snap->n_mems; i++) {
        const block_info *b = &snap->mems[i]->info;
        s->bytes += b->len;
        if (s->first_ns < 0 || b->min_ns < s->first_ns)
            s->first_ns = b->min_ns;
        if (b->max_ns > s->last_ns)
            s->last_ns = b->max_ns;
    }
}

static al_code op_index_stats(engine *e, const char *index, eng_index_stats *ret, al_err *err)
{
    store *st = store_of(e);
    AL_LOCKED(&st->lock);
    const sindex *ix = store_find_locked(st, index);
    if (!ix)
        return al_fail(err, AL_NOT_FOUND, "there is no index '%.40s'", index);
    *ret = (eng_index_stats){.first_ns = -1, .last_ns = -1};
    add_index_locked(ix, ret);
    return AL_OK;
}

static void op_stats(engine *e, eng_stats *ret)
{
    store *st = store_of(e);
    *ret = (eng_stats){.frames_appended = atomic_load(&st->frames_appended),
                       .records_appended = atomic_load(&st->records_appended),
                       .syncs = atomic_load(&st->syncs),
                       .merges = atomic_load(&st->merges),
                       .bytes_written = atomic_load(&st->bytes_written),
                       .bytes_free_disk = atomic_load(&st->free_bytes),
                       .is_low_on_disk = atomic_load(&st->is_low),
                       .quarantined = atomic_load(&st->quarantined)};
    AL_LOCKED(&st->lock);
    ret->log_bytes = st->log_bytes;
    ret->bytes = st->log_bytes;
    for (size_t i = 0; i < st->n_indexes; i++) {
        const snapshot *s = st->indexes[i]->snap;
        ret->records += s->n_rows;
        ret->segments += s->segs->n;
        for (size_t k = 0; k < s->segs->n; k++)
            ret->bytes += seg_summary_of(s->segs->segs[k])->bytes;
    }
}

/* ---- Life */

static void stop_threads(store *st)
{
    {
        AL_LOCKED(&st->queue_lock);
        st->is_stopping = true;
    }
    atomic_store(&st->is_ending, true);
    {
        AL_LOCKED(&st->lock);
        (void)pthread_cond_broadcast(&st->changed);
    }
    if (st->has_merger)
        (void)pthread_join(st->merger, NULL);
    {
        AL_LOCKED(&st->queue_lock);
        st->is_draining = true;
        (void)pthread_cond_broadcast(&st->queue_changed);
    }
    if (st->has_committer)
        (void)pthread_join(st->committer, NULL);
}

static void free_indexes(store *st)
{
    for (size_t i = 0; i < st->n_indexes; i++) {
        (void)snapshot_unref(st->indexes[i]->snap);
        (void)text_fields_unref(st->indexes[i]->text);
        free(st->indexes[i]);
    }
    free(st->indexes);
}

static void op_close(engine *e)
{
    store *st = store_of(e);
    stop_threads(st);
    engine_wait_for_waiting(e);
    assert(!st->queue_first && !st->calls_first);
    damage_forget(st);
    free_indexes(st);
    (void)pool_free(st->pool);
    spare_views_done(&st->spare_views);
    (void)ids_free(st->ids);
    (void)block_view_free(st->view); /* it may look at a segment */
    (void)seg_env_free(st->env);
    (void)wal_close(st->wal);
    (void)block_builder_free(st->builder);
    al_buf_done(&st->frame);
    al_buf_done(&st->encoded);
    root_done(&st->root);
    if (st->log_dir >= 0)
        st->io->close(st->io, st->log_dir);
    if (st->store_dir >= 0)
        st->io->close(st->io, st->store_dir);
    if (st->lock_fd >= 0)
        (void)close(st->lock_fd); /* gives the lock back */
    (void)pthread_cond_destroy(&st->queue_changed);
    (void)pthread_cond_destroy(&st->call_done);
    (void)pthread_cond_destroy(&st->changed);
    (void)pthread_mutex_destroy(&st->queue_lock);
    (void)pthread_mutex_destroy(&st->lock);
    free(st);
}

static const engine_ops store_engine_ops = {
    .close = op_close,
    .index_open = op_index_open,
    .index_drop = op_index_drop,
    .append = store_append,
    .search = store_search,
    .count = store_count,
    .histogram = store_histogram,
    .values = store_values,
    .tail_end = store_tail_end,
    .tail = store_tail,
    .compact = op_compact,
    .indexes = op_indexes,
    .fields = store_fields,
    .index_stats = op_index_stats,
    .stats = op_stats,
};

static uint64_t memory_of(const store_options *o)
{
    return AL_MAX(o->memory_bytes ? o->memory_bytes : MEMORY_DEFAULT, MEMORY_MIN);
}

void store_set_min_free(engine *e, uint64_t min_free_bytes, bool drops_when_low)
{
    store *st = store_of(e);
    atomic_store(&st->min_free_bytes,
                 min_free_bytes == UINT64_MAX ? MIN_FREE_DEFAULT : min_free_bytes);
    atomic_store(&st->drops_when_low, drops_when_low);
}

static store *new_store(const store_options *o, const eng_hooks *hooks)
{
    store *st = al_zalloc(1, sizeof *st);
    if (!st)
        return NULL;
    uint64_t memory = memory_of(o);
    st->base.ops = &store_engine_ops;
    st->io = o->io ? o->io : al_io_posix();
    st->store_dir = st->log_dir = st->lock_fd = -1;
    if (hooks)
        st->hooks = *hooks;
    st->queue_bytes_max = memory / 8;
    st->tail_bytes_max = memory / 4;
    store_set_min_free(&st->base, o->min_free_bytes, o->drops_when_low);
    st->idle_ns = o->idle_ns ? o->idle_ns : TAIL_IDLE_S * AL_NS_PER_S;
    st->now_ns = o->now_ns;
    st->now_ctx = o->now_ctx;
    st->note = o->note;
    st->note_ctx = o->note_ctx;
    st->tidied_ns = al_mono_ns();
    (void)pthread_mutex_init(&st->queue_lock, NULL);
    (void)pthread_mutex_init(&st->lock, NULL);
    spare_views_init(&st->spare_views);
    al_cond_init(&st->queue_changed);
    al_cond_init(&st->call_done);
    al_cond_init(&st->changed);
    al_buf_init(&st->frame, FRAME_BYTES_MAX);
    al_buf_init(&st->encoded, FRAME_BYTES_MAX);
    return st;
}

static al_code take_lock(store *st, const char *path, al_err *err)
{
    st->lock_fd = openat(st->store_dir, NAME_OF_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (st->lock_fd < 0)
        return al_fail_errno(err, "lock file in %.100s/" NAME_OF_STORE, path);
    if (flock(st->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return AL_OK;
    if (errno == EWOULDBLOCK)
        return al_fail(err, AL_EXISTS, "the data directory %.150s is in use by another process",
                       path);
    return al_fail_errno(err, "lock %.100s/" NAME_OF_STORE, path);
}

static al_code open_files(store *st, const store_options *o, al_err *err)
{
    AL_CLEANUP(al_closep) int data_dir = -1;
    al_code c = al_dir_open(o->path, true, &data_dir, err);
    if (!c)
        c = st->io->open_dir(st->io, data_dir, NAME_OF_STORE, true, &st->store_dir, err);
    if (!c)
        c = take_lock(st, o->path, err);
    if (!c)
        c = st->io->sync_dir(st->io, data_dir, err);
    if (!c)
        c = recover_open(st, err);
    if (!c)
        c = belongs_check(st, err);
    if (c)
        return c;
    st->env =
        seg_env_new(st->io, st->store_dir, st->store_id, (size_t)(memory_of(o) / CACHE_SHARE));
    st->ids = ids_new();
    st->builder = block_builder_new();
    st->view = block_view_new();
    if (!st->env || !st->ids || !st->builder || !st->view)
        return al_fail(err, AL_NOMEM, "store");
    return recover_indexes(st, err);
}

pool *store_pool(engine *e)
{
    return store_of(e)->pool;
}

spare_views *store_spare_views(engine *e)
{
    return &store_of(e)->spare_views;
}

/* Who asks works too. With a single core one helper is no loss. */
static unsigned n_helpers(void)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    return (unsigned)AL_MAX(AL_MIN(n_cores - 1, (long)POOL_HELPERS_MAX), 1L);
}

al_code store_open(const store_options *o, const eng_hooks *hooks, engine **ret, al_err *err)
{
    store *st = new_store(o, hooks);
    if (!st)
        return al_fail(err, AL_NOMEM, "store");
    al_code c = open_files(st, o, err);
    if (!c)
        c = pool_new(n_helpers(), &st->pool, err);
    if (!c) {
        retention_look_at_disk(st, true);
        c = al_thread_start(&st->committer, "alco-commit", committer_run, st, err);
        st->has_committer = c == AL_OK;
    }
    if (!c) {
        c = al_thread_start(&st->merger, "alco-merge", merger_run, st, err);
        st->has_merger = c == AL_OK;
    }
    if (c) {
        op_close(&st->base);
        return err && c != AL_EXISTS ? al_wrap(err, "open store %.100s", o->path) : c;
    }
    *ret = &st->base;
    return AL_OK;
}

al_code store_index_names(const char *path, al_arena *arena, const char ***ret, size_t *ret_n,
                          al_err *err)
{
    const al_io *io = al_io_posix();
    AL_CLEANUP(al_closep) int data_dir = -1;
    AL_CLEANUP(al_closep) int store_dir = -1;
    root r = {0};
    size_t n = 0;
    al_code c = al_dir_open(path, false, &data_dir, err);
    if (!c)
        c = io->open_dir(io, data_dir, NAME_OF_STORE, false, &store_dir, err);
    if (!c)
        c = root_load(io, store_dir, &r, err);
    const char **names = c ? NULL : al_arena_alloc(arena, r.n, sizeof *names);
    while (names && n < r.n && (names[n] = keep_name(arena, r.entries[n].name)))
        n++;
    if (!c && n < r.n)
        c = al_fail(err, AL_NOMEM, "names of indexes");
    root_done(&r);
    if (c)
        return c;
    *ret = names;
    *ret_n = n;
    return AL_OK;
}
