/* Which files are followed. See file_set.h.
 * A file is the same file while device and inode are the same, whatever its name: after a rename
 * the new name may match a glob too (`syslog*`), and then it simply has a new name. States of an
 * entry: refused (fd -1, told once, tried again at every look) -> open, named by a glob
 * -> over (its name belongs to another file, or to none) -> finished, closed and gone. */
#include "inputs/file_set.h"

#include <assert.h>
#include <dirent.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { LINE_BYTES = 512, EVENT_BYTES = 65536 };

typedef struct spec {
    char *index;
    char *glob;
} spec;

struct file_set {
    void (*say)(void *ctx, const char *line);
    void *say_ctx;
    int notify_fd;
    spec *specs;
    size_t n_specs;
    size_t specs_cap;
    set_file *files;
    size_t n;
    size_t cap;
    bool has_looked;
    bool has_told_full;
};

al_code file_set_new(void (*say)(void *ctx, const char *line), void *say_ctx, file_set **ret,
                     al_err *err)
{
    file_set *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "files to follow");
    s->say = say;
    s->say_ctx = say_ctx;
    s->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* -1: looking must do */
    *ret = s;
    return AL_OK;
}

static void free_file(file_set *s, set_file *f)
{
    if (f->watch >= 0)
        (void)inotify_rm_watch(s->notify_fd, f->watch);
    file_tail_close(&f->tail);
    free(f->path);
}

file_set *file_set_free(file_set *s)
{
    if (!s)
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        free_file(s, &s->files[i]);
    for (size_t i = 0; i < s->n_specs; i++) {
        free(s->specs[i].index);
        free(s->specs[i].glob);
    }
    free(s->files);
    free(s->specs);
    al_closep(&s->notify_fd);
    free(s);
    return NULL;
}

static char *copy_of(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = al_alloc(n, 1);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

al_code file_set_add(file_set *s, const char *index, const char *glob, al_err *err)
{
    spec *grown = al_grow(s->specs, &s->specs_cap, s->n_specs, sizeof *grown, 8, FILES_SPECS_MAX);
    if (!grown)
        return al_fail(err, AL_LIMIT, "more than %d globs to follow", FILES_SPECS_MAX);
    s->specs = grown;
    spec made = {copy_of(index), copy_of(glob)};
    if (!made.index || !made.glob) {
        free(made.index);
        free(made.glob);
        return al_fail(err, AL_NOMEM, "files to follow");
    }
    s->specs[s->n_specs++] = made;
    return AL_OK;
}

size_t file_set_count(const file_set *s)
{
    return s->n;
}

set_file *file_set_at(file_set *s, size_t i)
{
    assert(i < s->n);
    return &s->files[i];
}

const char *file_set_index(const file_set *s, size_t i)
{
    for (size_t k = 0; k < s->n_specs; k++) {
        bool is_first = true;
        for (size_t j = 0; j < k && is_first; j++)
            is_first = strcmp(s->specs[j].index, s->specs[k].index) != 0;
        if (is_first && i-- == 0)
            return s->specs[k].index;
    }
    return NULL;
}

/* ---- inotify */

int file_set_fd(const file_set *s)
{
    return s->notify_fd;
}

bool file_set_drain(file_set *s)
{
    _Alignas(struct inotify_event) char bytes[4096];
    bool names_changed = false;
    for (size_t total = 0; s->notify_fd >= 0 && total < EVENT_BYTES;) {
        ssize_t n = read(s->notify_fd, bytes, sizeof bytes);
        if (n <= 0)
            break;
        total += (size_t)n;
        for (size_t at = 0; at < (size_t)n;) {
            struct inotify_event e;
            memcpy(&e, bytes + at, sizeof e);
            names_changed |= (e.mask & ~(uint32_t)IN_MODIFY) != 0;
            at += sizeof e + e.len;
        }
    }
    return names_changed;
}

/* The directory of a path into `ret`; "." when it has none. */
static void directory_of(const char *path, char ret[FILE_PATH_BYTES_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        (void)snprintf(ret, FILE_PATH_BYTES_MAX, ".");
    else
        (void)snprintf(ret, FILE_PATH_BYTES_MAX, "%.*s", n ? (int)n : 1, path);
}

/* Names that come and go in the directory of `path`; a directory with wildcards is only looked at.
 */
static void watch_directory(file_set *s, const char *path)
{
    char directory[FILE_PATH_BYTES_MAX];
    directory_of(path, directory);
    if (s->notify_fd >= 0 && !strpbrk(directory, "*?["))
        (void)inotify_add_watch(s->notify_fd, directory,
                                IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
}

/* ---- Opening */

static set_file *find_file(file_set *s, const char *index, const struct stat *st)
{
    for (size_t i = 0; i < s->n; i++) {
        set_file *f = &s->files[i];
        if (f->tail.fd >= 0 && f->tail.at.inode == (uint64_t)st->st_ino &&
            f->tail.device == (uint64_t)st->st_dev && strcmp(f->index, index) == 0)
            return f;
    }
    return NULL;
}

static set_file *find_refused(file_set *s, const char *index, const char *path)
{
    for (size_t i = 0; i < s->n; i++) {
        set_file *f = &s->files[i];
        if (f->tail.fd < 0 && strcmp(f->path, path) == 0 && strcmp(f->index, index) == 0)
            return f;
    }
    return NULL;
}

/* A new entry with this path, or NULL. */
static set_file *add_file(file_set *s, const char *index, const char *path)
{
    set_file *grown = al_grow(s->files, &s->cap, s->n, sizeof *grown, 16, FILES_OPEN_MAX);
    char *copy = grown ? copy_of(path) : NULL;
    if (grown)
        s->files = grown;
    if (!copy) {
        if (!s->has_told_full)
            s->say(s->say_ctx, "too many files to follow; some wait");
        s->has_told_full = true;
        return NULL;
    }
    s->files[s->n] =
        (set_file){.tail = {.fd = -1}, .path = copy, .index = index, .watch = -1, .is_named = true};
    return &s->files[s->n++];
}

static void tell(file_set *s, const al_err *err)
{
    char line[LINE_BYTES];
    (void)snprintf(line, sizeof line, "not followed: %s", err->msg);
    s->say(s->say_ctx, line);
}

/* Opens a path that is not open, as a new entry or as one that was refused before. */
static set_file *open_file(file_set *s, const char *index, const char *path, file_places *places,
                           int64_t mono_ns)
{
    al_err err = {0};
    file_tail tail;
    al_code c = file_tail_open(path, al_cstr(index), places, mono_ns, &tail, &err);
    set_file *f = find_refused(s, index, path);
    if (c == AL_NOT_FOUND || c == AL_INVALID) /* gone again; a directory, a socket */
        return NULL;
    if (!f) {
        f = add_file(s, index, path);
        if (f && c)
            tell(s, &err);
    }
    if (!f || c) {
        if (f)
            f->is_named = true;
        if (!c)
            file_tail_close(&tail);
        return NULL;
    }
    f->tail = tail;
    f->is_named = true;
    if (s->notify_fd >= 0)
        f->watch = inotify_add_watch(s->notify_fd, path, IN_MODIFY);
    return f;
}

/* ---- Looking */

static void rename_file(set_file *f, const char *path)
{
    if (strcmp(f->path, path) == 0)
        return;
    char *copy = copy_of(path);
    if (!copy)
        return; /* keeps its old name for now */
    free(f->path);
    f->path = copy;
}

static void look_at_glob(file_set *s, const spec *sp, file_places *places, int64_t mono_ns)
{
    glob_t found = {0};
    watch_directory(s, sp->glob);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): only with GLOB_TILDE */
    if (glob(sp->glob, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *path = found.gl_pathv[i];
            struct stat st;
            if (strlen(path) >= FILE_PATH_BYTES_MAX || stat(path, &st) || !S_ISREG(st.st_mode))
                continue;
            set_file *f = find_file(s, sp->index, &st);
            if (f) {
                f->is_named = true;
                rename_file(f, path);
            } else if (open_file(s, sp->index, path, places, mono_ns)) {
                watch_directory(s, path);
            }
        }
    }
    globfree(&found);
}

static void forget_last(file_set *s)
{
    free_file(s, &s->files[--s->n]);
}

/* A file that a place tells of and no glob names any more: it was renamed while nobody looked, and
 * its rest has not been read. Looks for its inode among the names that begin as its name did. */
static void open_renamed(file_set *s, const spec *sp, const char *path, const file_place *place,
                         file_places *places, int64_t mono_ns)
{
    char directory[FILE_PATH_BYTES_MAX];
    char name[FILE_PATH_BYTES_MAX * 2];
    directory_of(path, directory);
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    DIR *d = opendir(directory);
    if (!d)
        return;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own is safe */
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        struct stat st;
        if (e->d_ino != place->inode || strncmp(e->d_name, base, strlen(base)) != 0)
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", directory, e->d_name);
        if (stat(name, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size <= place->off ||
            find_file(s, sp->index, &st))
            continue;
        set_file *f = open_file(s, sp->index, name, places, mono_ns);
        if (f)
            f->is_named =
                f->tail.at.off != place->off; /* then it is another file with that inode */
        if (f && f->is_named)
            forget_last(s);
    }
    (void)closedir(d);
}

static void look_for_renamed(file_set *s, file_places *places, int64_t mono_ns)
{
    al_buf index;
    al_buf path;
    file_place place;
    al_buf_init(&index, FILE_PATH_BYTES_MAX);
    al_buf_init(&path, FILE_PATH_BYTES_MAX + 1);
    for (size_t i = 0; file_places_at(places, i, &index, &path, &place); i++) {
        al_buf_u8(&index, 0);
        al_buf_u8(&path, 0);
        for (size_t k = 0; k < s->n_specs && !al_buf_code(&index) && !al_buf_code(&path); k++)
            if (strcmp(s->specs[k].index, (const char *)index.ptr) == 0 &&
                fnmatch(s->specs[k].glob, (const char *)path.ptr, FNM_PATHNAME) == 0)
                open_renamed(s, &s->specs[k], (const char *)path.ptr, &place, places, mono_ns);
        al_buf_clear(&index);
        al_buf_clear(&path);
    }
    al_buf_done(&index);
    al_buf_done(&path);
}

/* Closes what is finished, and forgets refused names that are gone. */
static void sweep(file_set *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        set_file *f = &s->files[i];
        f->tail.is_over = f->tail.fd >= 0 && !f->is_named;
        bool is_gone = !f->is_named && (f->tail.fd < 0 || f->tail.is_finished);
        if (is_gone)
            free_file(s, f);
        else
            s->files[kept++] = *f;
    }
    s->n = kept;
}

void file_set_look(file_set *s, file_places *places, int64_t mono_ns)
{
    for (size_t i = 0; i < s->n; i++)
        s->files[i].is_named = false;
    for (size_t i = 0; i < s->n_specs; i++)
        look_at_glob(s, &s->specs[i], places, mono_ns);
    if (!s->has_looked)
        look_for_renamed(s, places, mono_ns);
    s->has_looked = true;
    sweep(s);
}
