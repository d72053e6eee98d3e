/* Goal: what happens to a store over time: retention, marks and fields over restarts, a full disk,
 * a log that does not grow. Method: an injected clock and I/O table; conditions are waited
 * for, never slept for. */
#include "store_help.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/thread.h"
#include "store/names.h"
#include "support/fail_io.h"

static void keep(engine *e, uint32_t intervals, uint64_t max_bytes)
{
    eng_index_settings s = {.name = "logs", .intervals = intervals, .max_bytes = max_bytes};
    al_err err;
    assert_int_equal(engine_index_open(e, &s, &err), AL_OK);
}

/* ---- Retention */

static void segments_expire_by_their_last_arrival(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    engine *e = must_open(&w.o, NULL);
    keep(e, 3, 0);
    for (int day = 0; day < 6; day++) {
        must_append(e, "logs", batch_of(w.now, "in time"));
        must_append(e, "logs", batch_of(w.now - 20 * AL_NS_PER_DAY, "a clock that stands"));
        must_append(e, "logs", batch_of(w.now + 300 * AL_NS_PER_DAY, "a clock that runs"));
        must_compact(e, "logs");
        w.now += AL_NS_PER_DAY;
    }
    w.now -= AL_NS_PER_DAY; /* day 5: arrivals of days 2..5 are kept (older than 3 days: gone) */
    keep(e, 3, 0);
    assert_true(stats_of(e, "logs").records == 4 * 3);
    assert_int_equal(n_files(w.dir.path, ".seg"), 0); /* they stand one below */
    (void)engine_close(e);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    e = must_open(&w.o, NULL);
    keep(e, 1, 0);
    assert_true(stats_of(e, "logs").records == 2 * 3);
    world_done(&w, e);
}

static void beyond_max_bytes_the_oldest_go_but_never_todays(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    engine *e = must_open(&w.o, NULL);
    keep(e, 300, 0);
    for (int day = 0; day < 4; day++) {
        must_append(e, "logs", batch_of(w.now, "a message"));
        must_compact(e, "logs");
        w.now += AL_NS_PER_DAY;
    }
    w.now -= AL_NS_PER_DAY;
    uint64_t bytes = stats_of(e, "logs").bytes;
    keep(e, 300, bytes * 3 / 4 + 8);
    eng_index_stats s = stats_of(e, "logs");
    assert_true(s.records == 3);
    assert_true(s.first_ns == world_noon + AL_NS_PER_DAY);
    keep(e, 300, 1);
    assert_true(stats_of(e, "logs").records == 1);
    world_done(&w, e);
}

static void positions_are_given_up_after_an_hour_and_ten_minutes(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    char path[300];
    engine *e = must_open(&w.o, NULL);
    keep(e, 30, 0);
    must_append(e, "logs", batch_of(w.now, "first"));
    must_compact(e, "logs");
    (void)tmpdir_join(&w.dir, "store/1", path, sizeof path);
    w.now += 60 * 60 * AL_NS_PER_S;
    keep(e, 30, 0);
    assert_int_equal(n_files(path, ".pos"), 1);
    w.now += 11 * 60 * AL_NS_PER_S;
    keep(e, 30, 0);
    assert_int_equal(n_files(path, ".pos"), 0);
    assert_true(stats_of(e, "logs").records == 1);
    (void)engine_close(e);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    world_done(&w, NULL);
}

static eng_flow count_row(void *ctx, const eng_row *row, eng_arrival at)
{
    unsigned *n = ctx;
    (void)row;
    (void)at;
    ++*n;
    return ENG_MORE;
}

/* A journal is read from wherever its readers are. */
static void positions_stay_with_an_index_that_keeps_them(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    engine *e = must_open(&w.o, NULL);
    eng_index_settings s = {.name = "logs", .intervals = 30, .keeps_positions = true};
    al_err err;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(engine_index_open(e, &s, &err), AL_OK);
        must_append(e, "logs", batch_of(w.now, "one of three"));
        must_compact(e, "logs");
        w.now += 2 * 60 * 60 * AL_NS_PER_S;
    }
    (void)engine_close(e);
    e = must_open(&w.o, NULL);
    assert_int_equal(engine_index_open(e, &s, &err), AL_OK); /* what is due is given up here */
    const char *index = "logs";
    query *all = query_all();
    eng_scope scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all};
    eng_arrival reached;
    unsigned n = 0;
    assert_int_equal(
        engine_tail(e, &scope, (eng_arrival){0}, NULL, count_row, &n, &reached, NULL, &err), AL_OK);
    assert_int_equal(n, 3);
    (void)query_unref(all);
    world_done(&w, e);
}

/* ---- Hooks */

typedef struct hooked {
    al_buf marks;  /* as mark() told them, each followed by a comma */
    al_buf fields; /* index:path, each followed by a comma */
    unsigned n_dumps;
    unsigned n_before;
    atomic_uint n_committed;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned n_room; /* guarded by lock */
} hooked;

static void on_mark(void *ctx, al_slice marks)
{
    hooked *h = ctx;
    al_buf_slice_put(&h->marks, marks);
    al_buf_str(&h->marks, ",");
}

static al_code on_dump(void *ctx, al_buf *out)
{
    hooked *h = ctx;
    h->n_dumps++;
    assert_true(h->n_before > 0); /* fields first, then the frames go */
    if (h->marks.len)
        al_buf_put(out, h->marks.ptr, h->marks.len - 1);
    return AL_OK;
}

static void on_field(void *ctx, const char *index, al_slice path)
{
    hooked *h = ctx;
    al_buf_printf(&h->fields, "%s:%.*s,", index, AL_ARG(path));
}

static al_code on_before_forget(void *ctx, al_err *err)
{
    (void)err;
    ((hooked *)ctx)->n_before++;
    return AL_OK;
}

static void on_committed(void *ctx)
{
    (void)atomic_fetch_add(&((hooked *)ctx)->n_committed, 1);
}

static void on_room(void *ctx)
{
    hooked *h = ctx;
    AL_LOCKED(&h->lock);
    h->n_room++;
    (void)pthread_cond_broadcast(&h->changed);
}

static eng_hooks hooks_of(hooked *h)
{
    *h = (hooked){0};
    al_buf_init(&h->marks, SIZE_MAX);
    al_buf_init(&h->fields, SIZE_MAX);
    (void)pthread_mutex_init(&h->lock, NULL);
    al_cond_init(&h->changed);
    return (eng_hooks){.ctx = h,
                       .mark = on_mark,
                       .marks_dump = on_dump,
                       .field_seen = on_field,
                       .before_forget = on_before_forget,
                       .committed = on_committed,
                       .has_room = on_room};
}

static void hooked_done(hooked *h)
{
    al_buf_done(&h->marks);
    al_buf_done(&h->fields);
    (void)pthread_cond_destroy(&h->changed);
    (void)pthread_mutex_destroy(&h->lock);
}

static engine *open_hooked(const world *w, hooked *h)
{
    eng_hooks hooks = hooks_of(h); /* copied */
    return must_open(&w->o, &hooks);
}

static void close_hooked(engine *e, hooked *h)
{
    (void)engine_close(e);
    hooked_done(h);
}

static void append_marked(engine *e, rec_batch *b, const char *marks)
{
    al_err err = {0};
    assert_int_equal(engine_append_wait(e, "logs", b, al_cstr(marks), NULL, &err), AL_OK);
}

static void marks_are_told_again_and_carried_on(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    hooked h;
    engine *e = open_hooked(&w, &h);
    must_index(e, "logs");
    append_marked(e, batch_of(w.now, "one"), "a");
    append_marked(e, NULL, "b"); /* marks only */
    assert_true(is_text(&h.marks, "a,b,"));
    assert_int_equal(atomic_load(&h.n_committed), 2);
    close_hooked(e, &h);

    e = open_hooked(&w, &h); /* from the log */
    assert_true(is_text(&h.marks, "a,b,"));
    must_index(e, "logs");
    append_marked(e, large_batch(w.now), "c");
    wait_for_small_log(e, 4096);
    assert_int_equal(h.n_dumps, 1);
    append_marked(e, batch_of(w.now, "two"), "d");
    close_hooked(e, &h);

    e = open_hooked(&w, &h); /* the dump is one blob, then what came behind it */
    assert_true(is_text(&h.marks, "a,b,c,d,"));
    close_hooked(e, &h);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    world_done(&w, NULL);
}

static al_code nothing_is_remembered(void *ctx, al_buf *out)
{
    (void)ctx;
    (void)out;
    return AL_OK;
}

/* Such as inputs send that only find out what is stored already. No merge comes after them. */
static void marks_alone_do_not_fill_the_log(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    static const uint8_t zeros[16 << 10];
    eng_hooks hooks = {.marks_dump = nothing_is_remembered};
    engine *e = must_open(&w.o, &hooks);
    must_index(e, "logs");
    eng_stats s = {0};
    al_err err = {0};
    for (size_t n = 0; s.log_bytes >= n * sizeof zeros; n++) { /* until some are gone */
        assert_true(n < 4096);
        al_slice marks = {zeros, sizeof zeros};
        assert_int_equal(engine_append_wait(e, "logs", NULL, marks, NULL, &err), AL_OK);
        engine_stats(e, &s);
    }
    world_done(&w, e);
}

/* While covered files are being given back a commit begins a new one: what the file before it holds
 * was not looked at when it was decided what goes. */
typedef struct rotating {
    hooked h; /* first */
    al_io io;
    engine *e;
    int64_t now;
    atomic_bool fails; /* the next sync: a file that failed to sync is not written to again */
    atomic_bool is_done;
} rotating;

static al_code sync_or_not(const al_io *io, int fd, al_err *err)
{
    const al_io *posix = al_io_posix();
    if (!atomic_exchange(&((rotating *)io->ctx)->fails, false))
        return posix->sync(posix, fd, err);
    errno = EIO;
    return al_fail_errno(err, "sync");
}

static al_code rotate_before_forget(void *ctx, al_err *err)
{
    rotating *r = ctx;
    al_code c = on_before_forget(ctx, err);
    if (c || r->h.n_before > 1)
        return c;
    atomic_store(&r->fails, true);
    c = engine_append_wait(r->e, "logs", batch_of(r->now, "two"), (al_slice){0}, NULL, err);
    atomic_store(&r->is_done, true);
    return c;
}

static void marks_survive_a_new_file_while_others_are_forgotten(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    rotating r = {.now = w.now};
    engine *e = world_open(&w);
    must_append(e, "logs", batch_of(w.now, "one"));
    (void)engine_close(e); /* file 1: no marks, not merged */
    eng_hooks hooks = hooks_of(&r.h);
    hooks.before_forget = rotate_before_forget;
    r.io = *al_io_posix();
    r.io.ctx = &r;
    r.io.sync = sync_or_not;
    w.o.io = &r.io;
    r.e = e = must_open(&w.o, &hooks);
    must_index(e, "logs");
    append_marked(e, NULL, "a"); /* file 2 */
    must_compact(e, "logs");     /* file 1 can go */
    while (!atomic_load(&r.is_done))
        (void)sched_yield();
    close_hooked(e, &r.h);
    assert_false(atomic_load(&r.fails));
    w.o.io = NULL;
    e = open_hooked(&w, &r.h);
    assert_true(is_text(&r.h.marks, "a,"));
    must_index(e, "logs");
    assert_true(stats_of(e, "logs").records == 2);
    close_hooked(e, &r.h);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    world_done(&w, NULL);
}

static void fields_are_told_while_their_frame_is_in_the_log(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    hooked h;
    static const field fields[] = {
        {{(const uint8_t *)"level", 5}, {VAL_STRING, {(const uint8_t *)"INFO", 4}}},
        {{(const uint8_t *)"o", 1}, {VAL_OBJECT, {(const uint8_t *)"{\"a\":1}", 7}}}};
    engine *e = world_open(&w);
    rec_batch *b = batch_of(w.now, "m");
    b->recs[0].fields = fields;
    b->recs[0].n_fields = 2;
    must_append(e, "logs", b);
    must_compact(e, "logs"); /* in a segment, and still in the log */
    (void)engine_close(e);
    e = open_hooked(&w, &h);
    assert_true(is_text(&h.fields, "logs:level,logs:o.a,"));
    must_index(e, "logs");
    must_append(e, "logs", large_batch(w.now));
    wait_for_small_log(e, 4096);
    assert_true(h.n_before > 0);
    close_hooked(e, &h);
    e = open_hooked(&w, &h);
    assert_true(is_text(&h.fields, ""));
    close_hooked(e, &h);
    world_done(&w, NULL);
}

/* ---- A full disk */

typedef struct outcome {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    al_code code;
} outcome;

static void on_done(void *ctx, al_code code, const al_err *err)
{
    outcome *o = ctx;
    (void)err;
    AL_LOCKED(&o->lock);
    o->code = code;
    o->is_done = true;
    (void)pthread_cond_broadcast(&o->changed);
}

static al_code append_once(engine *e, const char *message, int64_t now)
{
    outcome o = {0};
    al_err err;
    (void)pthread_mutex_init(&o.lock, NULL);
    al_cond_init(&o.changed);
    rec_batch *b = batch_of(now, message);
    eng_append a = {.index = "logs", .batch = b, .done = on_done, .ctx = &o};
    al_code c = engine_append(e, &a, &err);
    if (c) {
        (void)rec_batch_free(b);
        return c;
    }
    AL_LOCKED(&o.lock);
    while (!o.is_done)
        (void)pthread_cond_wait(&o.changed, &o.lock);
    return o.code;
}

/* ---- Ids of a class */

typedef struct sharded {
    outcome o; /* first: on_done's */
    uint32_t shard;
    int64_t two_from_ns; /* three shards before, two from here on */
} sharded;

static eng_id_class ids_of_shard(void *ctx, int64_t time_ns)
{
    const sharded *s = ctx;
    uint32_t n = time_ns < s->two_from_ns ? 3 : 2;
    return (eng_id_class){n, s->shard % n};
}

/* Ten rows of the shard, four at one time; as many of any id come with them. */
static void append_sharded(engine *e, sharded *s, int64_t time_ns)
{
    al_err err;
    (void)pthread_mutex_init(&s->o.lock, NULL);
    al_cond_init(&s->o.changed);
    s->o.is_done = false;
    rec_batch *b = rec_batch_new(time_ns);
    for (uint32_t i = 0; i < 10; i++) {
        record *r = rec_batch_add(b);
        r->time_ns = time_ns + (i < 4 ? 0 : (int64_t)i / 2);
        r->message = al_arena_copy(b->arena, s->shard == 0   ? AL_LIT("0")
                                             : s->shard == 1 ? AL_LIT("1")
                                                             : AL_LIT("2"));
    }
    eng_append a = {.index = "logs", .batch = b, .ids = ids_of_shard, .done = on_done, .ctx = s};
    assert_int_equal(engine_append(e, &a, &err), AL_OK);
    must_append(e, "logs", batch_of(time_ns, "any"));
    AL_LOCKED(&s->o.lock);
    while (!s->o.is_done)
        (void)pthread_cond_wait(&s->o.changed, &s->o.lock);
    assert_int_equal(s->o.code, AL_OK);
}

static eng_flow check_class(void *ctx, const eng_row *row)
{
    const sharded *s = ctx;
    al_slice m = row->rec->message;
    if (m.len == 1) {
        uint32_t n = row->rec->time_ns < s->two_from_ns ? 3 : 2;
        assert_int_equal(row->rec->id % n, (m.ptr[0] - '0') % n);
        assert_true(row->rec->id > 0);
    }
    assert_true(row->rec->id >= (uint64_t)row->rec->time_ns);
    assert_true(row->rec->id < (uint64_t)row->rec->time_ns + 500);
    return ENG_MORE;
}

/* Each is of its class and free, whether what stands there is in a segment or in the log. */
static void ids_are_of_the_class_that_was_asked_for(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    engine *e = world_open(&w);
    must_index(e, "logs");
    sharded s = {.two_from_ns = w.now + 3};
    for (uint32_t round = 0; round < 9; round++) {
        s.shard = round % 3;
        append_sharded(e, &s, w.now);
        if (round == 4)
            must_compact(e, "logs");
    }
    s.shard = 0;
    append_sharded(e, &s, 0); /* 1970: not id 0 */
    const char *index = "logs";
    query *all = query_all();
    eng_search q = {.scope = {.indexes = &index, .n_indexes = 1, .to_ns = INT64_MAX, .q = all}};
    eng_answer answer = {0};
    al_err err;
    assert_int_equal(engine_search(e, &q, NULL, check_class, &s, &answer, &err), AL_OK);
    (void)query_unref(all);
    lines got;
    read_all(e, "logs", &got, NULL); /* ids ascend, so no two are equal */
    assert_int_equal(got.n, 10 * 11);
    lines_done(&got);
    world_done(&w, e);
}

static void wait_for_room(hooked *h, unsigned n)
{
    AL_LOCKED(&h->lock);
    while (h->n_room < n)
        (void)pthread_cond_wait(&h->changed, &h->lock);
}

static void a_full_disk_refuses_and_resumes_by_itself(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    hooked h;
    eng_hooks hooks = hooks_of(&h);
    fail_io f;
    fail_io_init(&f, al_io_posix(), 0, FAIL_ONCE);
    w.o.io = &f.io;
    w.o.min_free_bytes = 1; /* of what is free here anything is enough; 0 is not */
    engine *e = must_open(&w.o, &hooks);
    must_index(e, "logs");
    assert_int_equal(append_once(e, "before", w.now), AL_OK);
    fail_io_arm(&f, 1, FAIL_NO_SPACE);
    al_code c;
    unsigned refused = 0;
    do { /* the first may still be taken, and be refused when it finds no room */
        c = append_once(e, "refused", w.now);
        assert_int_equal(c, AL_AGAIN);
    } while (++refused < 3);
    lines got;
    read_all(e, "logs", &got, NULL); /* reading goes on */
    assert_int_equal(got.n, 1);
    lines_done(&got);
    eng_stats s;
    engine_stats(e, &s);
    assert_true(s.is_low_on_disk);
    assert_int_equal(h.n_room, 0);
    fail_io_heal(&f);
    wait_for_room(&h, 1);
    assert_int_equal(append_once(e, "after", w.now + 1), AL_OK);
    close_hooked(e, &h);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    w.o.io = NULL;
    w.o.min_free_bytes = 0;
    e = world_open(&w);
    assert_true(stats_of(e, "logs").records == 2);
    world_done(&w, e);
}

/* A disk with `room` bytes for segments and nothing else. */
typedef struct small_disk {
    al_io io;
    const char *path; /* of the data directory */
    atomic_uint_least64_t room;
    atomic_uint n_looks;
} small_disk;

static uint64_t bytes_of_segments(const char *store_path, const char *index_dir)
{
    char path[400];
    uint64_t bytes = 0;
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/store/%s", store_path, index_dir);
    DIR *d = opendir(path);
    for (const struct dirent *f; d && (f = readdir(d));)
        if (al_slice_ends(al_cstr(f->d_name), AL_LIT(".seg")) &&
            fstatat(dirfd(d), f->d_name, &st, 0) == 0)
            bytes += (uint64_t)st.st_size;
    if (d)
        (void)closedir(d);
    return bytes;
}

static al_code small_free_bytes(const al_io *io, int dir, uint64_t *ret, al_err *err)
{
    small_disk *d = io->ctx;
    (void)dir;
    (void)err;
    uint64_t used = bytes_of_segments(d->path, "1") + bytes_of_segments(d->path, "2");
    uint64_t room = atomic_load(&d->room);
    *ret = used < room ? room - used : 0;
    atomic_fetch_add(&d->n_looks, 1);
    return AL_OK;
}

/* Until the store has looked at the disk, and acted on it, once more. */
static void wait_for_look(small_disk *d)
{
    unsigned n = atomic_load(&d->n_looks) + 2;
    while (atomic_load(&d->n_looks) < n)
        (void)sched_yield();
}

static uint64_t records_of(engine *e, const char *index)
{
    return stats_of(e, index).records;
}

/* Two indexes by turns, one segment of a day each, over six days; today is the last. */
static engine *open_on_small_disk(world *w, small_disk *d, const eng_hooks *hooks)
{
    static const char *const names[] = {"logs", "other"};
    *d = (small_disk){.io = *al_io_posix(), .path = w->dir.path};
    d->io.ctx = d;
    d->io.free_bytes = small_free_bytes;
    atomic_init(&d->room, UINT64_C(1) << 40);
    w->o.io = &d->io;
    w->o.min_free_bytes = 1000;
    engine *e = must_open(&w->o, hooks);
    must_index(e, "logs");
    must_index(e, "other");
    for (int day = 0; day < 6; day++) {
        must_append(e, names[day % 2], large_batch(w->now));
        must_compact(e, NULL);
        w->now += AL_NS_PER_DAY;
    }
    w->now -= AL_NS_PER_DAY;
    return e;
}

static void when_low_the_oldest_are_dropped_but_never_todays(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    hooked h;
    small_disk d;
    eng_hooks hooks = hooks_of(&h);
    eng_stats s;
    w.o.drops_when_low = true;
    engine *e = open_on_small_disk(&w, &d, &hooks);
    uint64_t used = bytes_of_segments(w.dir.path, "1") + bytes_of_segments(w.dir.path, "2");
    wait_for_look(&d);
    assert_true(records_of(e, "logs") == 600 && records_of(e, "other") == 600);

    /* Not enough by a little more than one segment: two must go, the oldest of both indexes. */
    atomic_store(&d.room, used - used / 6 + 999);
    do {
        wait_for_look(&d);
        engine_stats(e, &s);
    } while (s.is_low_on_disk);
    assert_true(records_of(e, "logs") == 400 && records_of(e, "other") == 400);
    assert_true(stats_of(e, "logs").first_ns == world_noon + 2 * AL_NS_PER_DAY);
    assert_int_equal(append_once(e, "there is room", w.now), AL_OK);

    atomic_store(&d.room, 0); /* nothing helps: today's stay, input stops */
    while (records_of(e, "logs") > 1 || records_of(e, "other") > 200)
        wait_for_look(&d);
    for (int i = 0; i < 5; i++)
        wait_for_look(&d);
    assert_true(records_of(e, "logs") == 1 && records_of(e, "other") == 200);
    assert_int_equal(append_once(e, "refused", w.now), AL_AGAIN);
    engine_stats(e, &s);
    assert_true(s.is_low_on_disk);
    unsigned n_offers = h.n_room;
    atomic_store(&d.room, UINT64_C(1) << 40);
    wait_for_room(&h, n_offers + 1);
    assert_int_equal(append_once(e, "after", w.now), AL_OK);
    close_hooked(e, &h);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    world_done(&w, NULL);
}

static void when_low_input_stops_and_nothing_is_dropped(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    hooked h;
    small_disk d;
    eng_hooks hooks = hooks_of(&h);
    engine *e = open_on_small_disk(&w, &d, &hooks);
    atomic_store(&d.room, 0);
    wait_for_look(&d);
    assert_int_equal(append_once(e, "refused", w.now), AL_AGAIN);
    for (int i = 0; i < 5; i++)
        wait_for_look(&d);
    assert_true(records_of(e, "logs") == 600 && records_of(e, "other") == 600);
    assert_int_equal(h.n_room, 0);
    atomic_store(&d.room, UINT64_C(1) << 40);
    wait_for_room(&h, 1);
    assert_int_equal(append_once(e, "after", w.now), AL_OK);
    assert_true(records_of(e, "logs") == 601);
    close_hooked(e, &h);
    world_done(&w, NULL);
}

typedef struct waiting_append {
    engine *e;
    int64_t now;
    al_code code;
} waiting_append;

static void *append_and_wait(void *arg)
{
    waiting_append *w = arg;
    al_err err = {0};
    w->code =
        engine_append_wait(w->e, "logs", batch_of(w->now, "waits"), (al_slice){0}, NULL, &err);
    return NULL;
}

static void closing_ends_an_append_that_waits_for_room(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    hooked h;
    small_disk d;
    pthread_t thread;
    eng_hooks hooks = hooks_of(&h);
    waiting_append a = {.e = open_on_small_disk(&w, &d, &hooks), .now = w.now};
    atomic_store(&d.room, 0);
    wait_for_look(&d);
    assert_int_equal(al_thread_start(&thread, "append", append_and_wait, &a, NULL), AL_OK);
    while (atomic_load(&a.e->n_waiting) == 0)
        (void)sched_yield();
    (void)engine_close(a.e);
    (void)pthread_join(thread, NULL);
    assert_int_equal(a.code, AL_CANCELLED);
    hooked_done(&h);
    assert_int_equal(n_damaged_in(w.dir.path), 0);
    world_done(&w, NULL);
}

/* ---- Idle */

static void an_idle_store_is_merged_and_its_log_small(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    w.o.idle_ns = 1;
    engine *e = world_open(&w);
    for (int i = 0; i < 10; i++)
        must_append(e, "logs", large_batch(w.now + i));
    eng_stats s;
    do {
        (void)sched_yield();
        engine_stats(e, &s);
    } while (s.log_bytes > 64 || stats_of(e, "logs").segments == 0);
    assert_true(s.records == 2000);
    world_done(&w, e);
}

/* No room for a new segment, while the log goes on. */
static void compact_says_that_the_disk_is_full(void **state)
{
    (void)state;
    world w;
    world_init(&w, "life");
    al_err err = {0};
    refusing_io full;
    refusing_init(&full, ".seg", AL_OPEN_CREATE, ENOSPC);
    w.o.io = &full.io;
    engine *e = world_open(&w);
    must_append(e, "logs", large_batch(w.now));
    for (int i = 0; i < 3; i++) { /* also while the merger backs off */
        assert_int_equal(engine_compact(e, "logs", NULL, &err), AL_AGAIN);
        assert_true(stats_of(e, "logs").segments == 0);
    }
    atomic_store(&full.is_on, false);
    must_compact(e, "logs");
    assert_true(stats_of(e, "logs").segments == 1);
    world_done(&w, e);
}

/* No segment can be made in the directory of one index. */
typedef struct half_broken {
    al_io io;
    char name[NAME_BYTES]; /* of the directory */
    atomic_int dir;
    atomic_uint n_failed;
} half_broken;

static al_code open_dir_and_note(const al_io *io, int parent, const char *name, bool create,
                                 int *ret_fd, al_err *err)
{
    const al_io *posix = al_io_posix();
    half_broken *b = io->ctx;
    al_code c = posix->open_dir(posix, parent, name, create, ret_fd, err);
    if (c)
        return c;
    if (strcmp(name, b->name) == 0)
        atomic_store(&b->dir, *ret_fd);
    else if (*ret_fd == atomic_load(&b->dir))
        atomic_store(&b->dir, -1); /* it was closed meanwhile */
    return AL_OK;
}

static al_code open_elsewhere(const al_io *io, int dir, const char *name, al_open_mode mode,
                              int *ret_fd, al_err *err)
{
    const al_io *posix = al_io_posix();
    half_broken *b = io->ctx;
    if (mode != AL_OPEN_CREATE || dir != atomic_load(&b->dir) || !strstr(name, ".seg"))
        return posix->open(posix, dir, name, mode, ret_fd, err);
    atomic_fetch_add(&b->n_failed, 1);
    errno = EIO;
    return al_fail_errno(err, "open '%s'", name);
}

static void an_index_that_cannot_be_merged_keeps_no_other_waiting(void **state)
{
    (void)state;
    half_broken b = {.dir = -1};
    names_format(b.name, NAME_INDEX, 1);
    b.io = *al_io_posix();
    b.io.ctx = &b;
    b.io.open_dir = open_dir_and_note;
    b.io.open = open_elsewhere;
    world w;
    world_init(&w, "life");
    w.o.io = &b.io;
    w.o.idle_ns = 1;
    engine *e = must_open(&w.o, NULL);
    must_index(e, "broken");
    must_index(e, "sound");
    must_append(e, "broken", batch_of(w.now, "first"));
    while (atomic_load(&b.n_failed) == 0)
        (void)sched_yield();
    must_append(e, "sound", batch_of(w.now, "second"));
    while (stats_of(e, "sound").segments == 0) {
        assert_true(atomic_load(&b.n_failed) < 4); /* it is tried again after longer and longer */
        (void)sched_yield();
    }
    assert_int_equal(stats_of(e, "broken").segments, 0);
    world_done(&w, e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_expire_by_their_last_arrival),
        cmocka_unit_test(beyond_max_bytes_the_oldest_go_but_never_todays),
        cmocka_unit_test(positions_are_given_up_after_an_hour_and_ten_minutes),
        cmocka_unit_test(positions_stay_with_an_index_that_keeps_them),
        cmocka_unit_test(marks_are_told_again_and_carried_on),
        cmocka_unit_test(marks_alone_do_not_fill_the_log),
        cmocka_unit_test(marks_survive_a_new_file_while_others_are_forgotten),
        cmocka_unit_test(fields_are_told_while_their_frame_is_in_the_log),
        cmocka_unit_test(ids_are_of_the_class_that_was_asked_for),
        cmocka_unit_test(a_full_disk_refuses_and_resumes_by_itself),
        cmocka_unit_test(when_low_the_oldest_are_dropped_but_never_todays),
        cmocka_unit_test(when_low_input_stops_and_nothing_is_dropped),
        cmocka_unit_test(compact_says_that_the_disk_is_full),
        cmocka_unit_test(closing_ends_an_append_that_waits_for_room),
        cmocka_unit_test(an_idle_store_is_merged_and_its_log_small),
        cmocka_unit_test(an_index_that_cannot_be_merged_keeps_no_other_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
