#pragma once
/* store_help.h: what tests of the store share: a store over a directory of its own, and the set of
 * records that must be in it. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "query/engine.h"
#include "store/store.h"
#include "support/gen.h"
#include "support/tmpdir.h"

/* A record as one line, without its id: equal lines are equal records. */
static inline void put_record(al_buf *out, const record *r)
{
    al_buf_printf(out, "%lld ", (long long)r->time_ns);
    al_buf_varint(out, r->message.len);
    al_buf_slice_put(out, r->message);
    for (uint32_t i = 0; i < r->n_fields; i++) {
        al_buf_varint(out, r->fields[i].name.len);
        al_buf_slice_put(out, r->fields[i].name);
        al_buf_u8(out, (uint8_t)r->fields[i].val.type);
        al_buf_varint(out, r->fields[i].val.text.len);
        al_buf_slice_put(out, r->fields[i].val.text);
    }
}

typedef struct line {
    uint64_t id;
    al_slice text;
} line;

typedef struct lines {
    al_arena *arena;
    line *at;
    size_t n;
    size_t cap;
    bool is_out_of_order;
} lines;

static inline void lines_init(lines *l)
{
    *l = (lines){.arena = al_arena_new(1 << 16)};
    assert_non_null(l->arena);
}

static inline void lines_done(lines *l)
{
    (void)al_arena_free(l->arena);
    free(l->at);
}

static inline void lines_add(lines *l, const record *r)
{
    al_buf b;
    al_buf_init(&b, SIZE_MAX);
    put_record(&b, r);
    line *grown = al_grow(l->at, &l->cap, l->n, sizeof *grown, 64, SIZE_MAX / sizeof *grown);
    assert_non_null(grown);
    l->at = grown;
    if (l->n && r->id && l->at[l->n - 1].id >= r->id)
        l->is_out_of_order = true;
    l->at[l->n++] = (line){.id = r->id, .text = al_arena_copy(l->arena, al_buf_slice(&b))};
    al_buf_done(&b);
}

/* A copy of a line that stands elsewhere. */
static inline void lines_add_line(lines *l, const line *other)
{
    line *grown = al_grow(l->at, &l->cap, l->n, sizeof *grown, 64, SIZE_MAX / sizeof *grown);
    assert_non_null(grown);
    l->at = grown;
    l->at[l->n++] = (line){.id = other->id, .text = al_arena_copy(l->arena, other->text)};
}

static inline void lines_add_batch(lines *l, const rec_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        lines_add(l, &b->recs[i]);
}

static inline int line_by_text(const void *a, const void *b)
{
    return al_slice_cmp(((const line *)a)->text, ((const line *)b)->text);
}

/* Same records, each as often; order does not matter. Sorts both. */
static inline bool lines_equal(lines *a, lines *b)
{
    if (a->n != b->n)
        return false;
    if (a->n == 0)
        return true;
    qsort(a->at, a->n, sizeof *a->at, line_by_text);
    qsort(b->at, b->n, sizeof *b->at, line_by_text);
    for (size_t i = 0; i < a->n; i++)
        if (!al_slice_eq(a->at[i].text, b->at[i].text))
            return false;
    return true;
}

static inline eng_flow take_line(void *ctx, const eng_row *row)
{
    lines_add(ctx, row->rec);
    return ENG_MORE;
}

/* Every row of an index, ascending; asserts that ids ascend and the answer is complete (unless
 * ret_partial takes it). */
static inline void read_all(engine *e, const char *index, lines *ret, eng_partial *ret_partial)
{
    lines_init(ret);
    query *all = query_all();
    eng_search s = {.scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_budget budget = {0};
    eng_answer answer = {0};
    al_err err = {0};
    al_code c = engine_search(e, &s, &budget, take_line, ret, &answer, &err);
    if (c)
        print_error("search: %s\n", err.msg);
    assert_int_equal(c, AL_OK);
    assert_false(ret->is_out_of_order);
    if (ret_partial)
        *ret_partial = answer.partial;
    else if (answer.partial.n)
        fail_msg("partial: %s: %s", answer.partial.reasons[0].part, answer.partial.reasons[0].why);
    (void)query_unref(all);
}

/* The index holds exactly these records. */
static inline void assert_holds(engine *e, const char *index, lines *expected)
{
    lines got;
    read_all(e, index, &got, NULL);
    if (got.n != expected->n)
        print_error("%zu rows, expected %zu\n", got.n, expected->n);
    assert_true(lines_equal(&got, expected));
    lines_done(&got);
}

static inline engine *must_open(const store_options *o, const eng_hooks *hooks)
{
    engine *e = NULL;
    al_err err = {0};
    al_code c = store_open(o, hooks, &e, &err);
    if (c)
        print_error("open: %s\n", err.msg);
    assert_int_equal(c, AL_OK);
    return e;
}

static inline void must_index(engine *e, const char *name)
{
    eng_index_settings s = {.intervals = 30};
    al_err err = {0};
    memcpy(s.name, name, strlen(name) + 1);
    al_code c = engine_index_open(e, &s, &err);
    if (c)
        print_error("index: %s\n", err.msg);
    assert_int_equal(c, AL_OK);
}

static inline void must_append(engine *e, const char *index, rec_batch *b)
{
    al_err err = {0};
    al_code c = engine_append_wait(e, index, b, (al_slice){0}, NULL, &err);
    if (c)
        print_error("append: %s\n", err.msg);
    assert_int_equal(c, AL_OK);
}

static inline void must_compact(engine *e, const char *index)
{
    al_err err = {0};
    al_code c = engine_compact(e, index, NULL, &err);
    if (c)
        print_error("compact: %s\n", err.msg);
    assert_int_equal(c, AL_OK);
}

static inline eng_index_stats stats_of(engine *e, const char *index)
{
    eng_index_stats s = {0};
    al_err err = {0};
    assert_int_equal(engine_index_stats(e, index, &s, &err), AL_OK);
    return s;
}

/* One record. */
static inline rec_batch *batch_of(int64_t time_ns, const char *message)
{
    rec_batch *b = rec_batch_new(time_ns);
    assert_non_null(b);
    record *r = rec_batch_add(b);
    assert_non_null(r);
    r->time_ns = time_ns;
    r->message = al_arena_copy(b->arena, al_cstr(message));
    return b;
}

/* Rows that no compression makes small: merged, they leave little in the log. Each time has rows of
 * its own. */
static inline rec_batch *large_batch(int64_t time_ns)
{
    rng r = rng_of((uint64_t)time_ns);
    rec_batch *b = rec_batch_new(time_ns);
    assert_non_null(b);
    for (int i = 0; i < 200; i++) {
        record *rec = rec_batch_add(b);
        uint8_t *text = al_arena_alloc(b->arena, 1000, 1);
        assert_true(rec && text);
        for (int k = 0; k < 1000; k++)
            text[k] = (uint8_t)rng_next(&r);
        rec->time_ns = time_ns + i;
        rec->message = (al_slice){text, 1000};
    }
    return b;
}

/* Merges, and waits until the log is small: a thread of the store gives it back. */
static inline void wait_for_small_log(engine *e, uint64_t max)
{
    eng_stats s;
    do {
        (void)sched_yield();
        must_compact(e, NULL);
        engine_stats(e, &s);
    } while (s.log_bytes > max);
}

/* ---- What is on disk */

static inline void count_damage(void *ctx, const store_finding *f)
{
    if (f->is_damage)
        ++*(unsigned *)ctx;
}

/* Damaged things that verify finds; it says as many. */
static inline unsigned n_damaged_in(const char *path)
{
    unsigned n = 0;
    store_verified v;
    al_err err = {0};
    assert_int_equal(store_verify(path, NULL, count_damage, &n, &v, &err), AL_OK);
    assert_int_equal(v.n_damaged, n);
    return n;
}

/* How many files of a directory have names that end so. */
static inline unsigned n_files(const char *path, const char *suffix)
{
    unsigned n = 0;
    DIR *d = opendir(path);
    for (const struct dirent *f; d && (f = readdir(d));)
        n += al_slice_ends(al_cstr(f->d_name), al_cstr(suffix));
    if (d)
        (void)closedir(d);
    return n;
}

static inline bool is_text(const al_buf *b, const char *text)
{
    bool same = al_slice_eq(al_buf_slice(b), al_cstr(text));
    if (!same)
        print_error("'%.*s' is not '%s'\n", (int)b->len, (const char *)b->ptr, text);
    return same;
}

/* ---- A store of one test, with a clock that the test sets. */
typedef struct world {
    tmpdir dir;
    int64_t now; /* wall clock, ns; at first noon of a day in 2026 */
    store_options o;
    lines all; /* for tests that count what must be there */
} world;

static const int64_t world_noon = 20600 * AL_NS_PER_DAY + AL_NS_PER_DAY / 2;

static inline int64_t world_clock(void *ctx)
{
    return *(int64_t *)ctx;
}

/* Merges only when full or told to. `w` stays where it is: the options point into it. */
static inline void world_init(world *w, const char *name)
{
    tmpdir_init(&w->dir, name);
    w->now = world_noon;
    w->o = (store_options){
        .path = w->dir.path, .idle_ns = -1, .now_ns = world_clock, .now_ctx = &w->now};
    lines_init(&w->all);
}

/* With the index `logs`. */
static inline engine *world_open(const world *w)
{
    engine *e = must_open(&w->o, NULL);
    must_index(e, "logs");
    return e;
}

/* `e`: NULL when it is closed. */
static inline void world_done(world *w, engine *e)
{
    (void)engine_close(e);
    lines_done(&w->all);
    tmpdir_done(&w->dir);
}

/* An I/O table on which files of some names cannot be opened. */
typedef struct refusing_io {
    al_io io;
    const char *name; /* a part of theirs */
    al_open_mode mode;
    int error;
    atomic_bool is_on;
} refusing_io;

static inline al_code refusing_open(const al_io *io, int dir, const char *name, al_open_mode mode,
                                    int *ret_fd, al_err *err)
{
    const refusing_io *r = io->ctx;
    if (atomic_load(&r->is_on) && mode == r->mode && strstr(name, r->name)) {
        errno = r->error;
        return al_fail_errno(err, "open %s", name);
    }
    const al_io *posix = al_io_posix();
    return posix->open(posix, dir, name, mode, ret_fd, err);
}

/* `r` stays where it is: its table points at it. */
static inline void refusing_init(refusing_io *r, const char *name, al_open_mode mode, int error)
{
    *r = (refusing_io){.io = *al_io_posix(), .name = name, .mode = mode, .error = error};
    r->io.ctx = r;
    r->io.open = refusing_open;
    atomic_init(&r->is_on, true);
}
