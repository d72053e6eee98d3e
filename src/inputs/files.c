/* Following files. See files.h; one file is file_tail.h, which files there are is file_set.h.
 * Shape of the thread: look around (globs, names) once a second or when inotify says so -> for each
 * index one batch of what its files have new -> stored? then every file's place moves : read again
 * later -> nothing new? wait for inotify, for room, or until a record that was waiting for more
 * lines is due.
 * Invariants: (1) one batch is under way at a time, and a file's `next` runs ahead of `at` only
 * while it is; (2) a batch carries the place of every file that moved, so what the engine keeps and
 * where reading goes on can not differ.
 * Threads: everything here is the thread's own, but for is_stopping, the waker and the places. */
#include "inputs/files.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "inputs/file_places.h"
#include "inputs/file_set.h"
#include "inputs/line_head.h"

enum {
    LOOK_MS = 1000,  /* between two looks around when nothing says that there is something to see */
    RETRY_MS = 1000, /* after a batch that was not stored */
    MEMORY_BYTES_MAX = 16 << 20,
    HOST_BYTES = 256,
};

struct files_input {
    /* immutable after files_start */
    ingest *in;
    file_places *places; /* own lock */
    rec_zone *zone;
    char host[HOST_BYTES];
    files_say_fn *say;
    void *say_ctx;
    int waker; /* eventfd: room again, or stopping */
    bool is_started;
    pthread_t thread;

    atomic_bool is_stopping;

    /* thread only */
    file_set *set;
    uint8_t *buffer; /* FILE_TAIL_BYTES */
    int64_t now_ns;  /* wall clock of this round */
    int64_t mono_ns;
    int64_t retry_ns; /* nothing is read before; al_mono_ns */
    bool has_outage;  /* and it has been told */
};

/* ---- Memory: called by the engine's thread */

static void apply_memory(void *ctx, al_slice memory)
{
    files_input *f = ctx;
    file_places_apply(f->places, memory);
}

static al_code dump_memory(void *ctx, al_buf *out)
{
    files_input *f = ctx;
    return file_places_dump(f->places, out);
}

/* ---- Life */

al_code files_new(ingest *in, files_input **ret, al_err *err)
{
    AL_CLEANUP(files_freep) files_input *f = al_zalloc(1, sizeof *f);
    if (!f)
        return al_fail(err, AL_NOMEM, "file input");
    f->waker = -1;
    f->in = in;
    f->places = file_places_new();
    f->buffer = al_alloc(FILE_TAIL_BYTES, 1);
    if (!f->places || !f->buffer)
        return al_fail(err, AL_NOMEM, "file input");
    ingest_remember(in, &(ingest_memory){f, apply_memory, dump_memory});
    *ret = AL_TAKE(f);
    return AL_OK;
}

files_input *files_free(files_input *f)
{
    if (!f)
        return NULL;
    assert(!f->is_started);
    (void)file_set_free(f->set);
    (void)file_places_free(f->places);
    (void)rec_zone_free(f->zone);
    al_closep(&f->waker);
    free(f->buffer);
    free(f);
    return NULL;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

al_code files_spec_parse(const char *text, files_spec *ret, al_err *err)
{
    const char *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : 0;
    if (!n || !equals[1])
        return al_fail(err, AL_INVALID, "'%.100s' is not INDEX=GLOB", text);
    if (n > CAT_INDEX_NAME_MAX)
        return al_fail(err, AL_INVALID, "'%.*s' is longer than %d characters", (int)AL_MIN(n, 100u),
                       text, CAT_INDEX_NAME_MAX);
    for (size_t i = 0; i < n; i++)
        if (!is_name_byte((uint8_t)text[i]))
            return al_fail(err, AL_INVALID, "'%.*s' is not a name of letters, digits, underscores",
                           (int)n, text);
    *ret = (files_spec){.glob = equals + 1};
    memcpy(ret->index, text, n);
    return AL_OK;
}

static al_code make_index(ingest *in, const char *name, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    cat_index settings;
    if (!arena)
        return al_fail(err, AL_NOMEM, "index '%s'", name);
    al_code c = catalog_index_defaults(name, arena, &settings, err);
    settings.routing_key = (al_slice){0}; /* what brokers send is not for an index of files */
    if (!c)
        c = ingest_index_create(in, &settings, err);
    return c == AL_EXISTS ? AL_OK : c;
}

/* Wakes the thread: room again, or stopping. Any thread. */
static void wake(void *ctx)
{
    files_input *f = ctx;
    uint64_t one = 1;
    ssize_t n = write(f->waker, &one, sizeof one);
    (void)n; /* fails only when it is awake anyway */
}

static void *run(void *ctx);

al_code files_start(files_input *f, const files_spec *specs, size_t n, files_say_fn *say,
                    void *say_ctx, al_err *err)
{
    assert(!f->is_started);
    f->say = say;
    f->say_ctx = say_ctx;
    f->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->waker < 0)
        return al_fail_errno(err, "make an eventfd");
    if (gethostname(f->host, sizeof f->host - 1))
        f->host[0] = 0;
    al_code c = rec_zone_open(AL_LIT("local"), &f->zone, err);
    if (!c)
        c = file_set_new(say, say_ctx, &f->set, err);
    for (size_t i = 0; !c && i < n; i++) {
        c = make_index(f->in, specs[i].index, err);
        if (!c)
            c = file_set_add(f->set, specs[i].index, specs[i].glob, err);
    }
    if (!c)
        c = al_thread_start(&f->thread, "files", run, f, err);
    if (c)
        return c;
    f->is_started = true;
    ingest_on_room(f->in, wake, f);
    return AL_OK;
}

void files_stop(files_input *f)
{
    if (!f->is_started)
        return;
    atomic_store(&f->is_stopping, true);
    wake(f);
    (void)pthread_join(f->thread, NULL);
    f->is_started = false;
}

/* ---- One batch */

typedef struct round {
    files_input *f;
    const set_file *file; /* whose records come */
    ingest_batch *batch;  /* NULL until there is something for it */
    al_code code;
    al_err err;
} round;

static bool begin_batch(round *r, const char *index)
{
    if (!r->batch && !r->code)
        r->code = ingest_begin(r->f->in, index, "files", &r->batch, &r->err);
    return r->code == AL_OK;
}

static field text_field(const char *name, al_slice text)
{
    return (field){al_cstr(name), {VAL_STRING, text}};
}

static bool add_record(void *ctx, file_tail *t, const file_record *rec)
{
    round *r = ctx;
    files_input *f = r->f;
    if (!begin_batch(r, r->file->index) || ingest_is_full(r->batch))
        return false;
    line_head h = line_head_read(rec->text, f->zone, f->now_ns);
    if (h.time_ns >= 0)
        t->next.time_ns = h.time_ns;
    int64_t time_ns = t->next.time_ns >= 0 ? t->next.time_ns : rec->modified_ns;

    field fields[5];
    size_t n = 0;
    fields[n++] = text_field("file", al_cstr(r->file->path));
    fields[n++] = text_field("host", h.host.len ? h.host : al_cstr(f->host));
    if (h.app.len)
        fields[n++] = text_field("app", h.app);
    if (h.pid.len)
        fields[n++] = text_field("pid", h.pid);
    if (h.level.len)
        fields[n++] = text_field("levelname", h.level);
    r->code = ingest_add_text(r->batch, rec->text, time_ns, fields, n);
    if (!r->code && rec->is_cut)
        ingest_note_long_line(r->batch);
    return r->code == AL_OK;
}

static bool has_moved(const file_tail *t)
{
    return t->next.off != t->at.off || t->next.print_bytes != t->at.print_bytes ||
           t->next.is_in_long_line != t->at.is_in_long_line;
}

/* The places of all files of the index that moved. */
static void add_places(round *r, const char *index)
{
    al_buf memory;
    al_buf_init(&memory, MEMORY_BYTES_MAX);
    for (size_t i = 0; i < file_set_count(r->f->set); i++) {
        const set_file *file = file_set_at(r->f->set, i);
        if (file->tail.fd >= 0 && strcmp(file->index, index) == 0 && has_moved(&file->tail))
            file_place_put(&memory, al_cstr(index), al_cstr(file->path), &file->tail.next);
    }
    if (memory.len && begin_batch(r, index)) {
        r->code = al_buf_code(&memory);
        if (!r->code)
            r->code = ingest_add_memory(r->batch, al_buf_slice(&memory));
    }
    al_buf_done(&memory);
}

/* Everything behind `at` is stored, or is read again later. */
static void settle(files_input *f, const char *index, bool is_stored)
{
    for (size_t i = 0; i < file_set_count(f->set); i++) {
        file_tail *t = &file_set_at(f->set, i)->tail;
        if (t->fd < 0 || strcmp(file_set_at(f->set, i)->index, index) != 0)
            continue;
        if (is_stored)
            t->at = t->next;
        else
            t->next = t->at;
        t->is_finished = t->is_finished && is_stored;
    }
}

static void tell_outage(files_input *f, const char *index, al_code code, const al_err *err)
{
    char line[512];
    f->retry_ns = f->mono_ns + RETRY_MS * AL_NS_PER_MS;
    if (f->has_outage || code == AL_CANCELLED)
        return;
    f->has_outage = true;
    (void)snprintf(line, sizeof line, "files for index '%s' wait: %s", index,
                   code == AL_AGAIN ? "the disk is full" : err->msg);
    f->say(f->say_ctx, line);
}

/* A file that cannot be read any more: told, closed; the next look tries again. */
static void give_up(round *r, set_file *file, const al_err *err)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%.200s: %s", file->path, err->msg);
    r->f->say(r->f->say_ctx, line);
    file_tail_close(&file->tail);
}

/* One batch of what the files of `index` have new; true when there may be more at once. */
static bool read_index(files_input *f, const char *index, int64_t *due_ns)
{
    round r = {.f = f};
    bool has_more = false;
    for (size_t i = 0; !r.code && i < file_set_count(f->set); i++) {
        set_file *file = file_set_at(f->set, i);
        if (file->tail.fd < 0 || strcmp(file->index, index) != 0)
            continue;
        al_err err = {0};
        r.file = file;
        if (file_tail_read(&file->tail, f->buffer, f->mono_ns, add_record, &r, &err)) {
            give_up(&r, file, &err);
            continue;
        }
        has_more |= file->tail.has_more;
        *due_ns = AL_MIN(*due_ns, file->tail.due_ns);
    }
    if (!r.code)
        add_places(&r, index);
    if (!r.batch && !r.code)
        return false;
    if (!r.code)
        r.code = ingest_submit_wait(AL_TAKE(r.batch), &f->is_stopping, &r.err);
    (void)ingest_batch_free(r.batch);
    settle(f, index, r.code == AL_OK);
    if (r.code)
        tell_outage(f, index, r.code, &r.err);
    else
        f->has_outage = false;
    return has_more && !r.code;
}

/* ---- The thread */

/* Until something is new, `until_ns` comes, or somebody wakes us; true when names changed. */
static bool wait_for_news(files_input *f, int64_t until_ns)
{
    int64_t left_ms = (until_ns - al_mono_ns() + AL_NS_PER_MS - 1) / AL_NS_PER_MS;
    struct pollfd polled[2] = {{.fd = f->waker, .events = POLLIN},
                               {.fd = file_set_fd(f->set), .events = POLLIN}};
    (void)poll(polled, 2, left_ms < 0 ? 0 : (int)AL_MIN(left_ms, (int64_t)LOOK_MS));
    uint64_t count = 0;
    ssize_t n = read(f->waker, &count, sizeof count);
    (void)n; /* nothing to read: not woken */
    return file_set_drain(f->set);
}

static void *run(void *ctx)
{
    files_input *f = ctx;
    int64_t look_ns = 0;
    bool names_changed = true;
    while (!atomic_load(&f->is_stopping)) {
        f->now_ns = al_now_ns();
        f->mono_ns = al_mono_ns();
        if (names_changed || f->mono_ns >= look_ns) {
            file_set_look(f->set, f->places, f->mono_ns);
            look_ns = f->mono_ns + LOOK_MS * AL_NS_PER_MS;
        }
        bool has_more = false;
        int64_t due_ns = look_ns;
        for (size_t i = 0; f->mono_ns >= f->retry_ns && file_set_index(f->set, i); i++)
            has_more |= read_index(f, file_set_index(f->set, i), &due_ns);
        names_changed = !has_more && wait_for_news(f, due_ns);
    }
    return NULL;
}
