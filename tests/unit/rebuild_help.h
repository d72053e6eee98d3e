#pragma once
/* rebuild_help.h: a store that lost its manifest at a bad moment: what a merge left behind, what it
 * had written but not published, what is in the log, too. */
#include "store_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void copy_file(const char *from, const char *to)
{
    char bytes[4096];
    ssize_t n = 0;
    int in = open(from, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, bytes, sizeof bytes)) > 0)
        assert_int_equal(write(out, bytes, (size_t)n), n);
    assert_int_equal(n, 0);
    (void)close(in);
    (void)close(out);
}

/* The files of one directory that end so, unless they are there already. */
static inline void copy_files(const char *from, const char *to, const char *suffix)
{
    DIR *d = opendir(from);
    assert_non_null(d);
    (void)mkdir(to, 0750);
    for (const struct dirent *f; (f = readdir(d));) { /* NOLINT(concurrency-mt-unsafe): ours */
        char a[800], b[800];
        struct stat st;
        (void)snprintf(a, sizeof a, "%s/%s", from, f->d_name);
        (void)snprintf(b, sizeof b, "%s/%s", to, f->d_name);
        if (stat(a, &st) == 0 && S_ISREG(st.st_mode) && access(b, F_OK) != 0 &&
            al_slice_ends(al_cstr(f->d_name), al_cstr(suffix)))
            copy_file(a, b);
    }
    (void)closedir(d);
}

/* Rows of three days, `n` of each, in one frame: a merge makes three segments of it. */
static inline rec_batch *three_days(int64_t now, unsigned first, unsigned n)
{
    rec_batch *b = rec_batch_new(now);
    assert_non_null(b);
    for (unsigned i = 0; i < 3 * n; i++) {
        char text[40];
        record *r = rec_batch_add(b);
        assert_non_null(r);
        (void)snprintf(text, sizeof text, "row %u.%u", first, i);
        r->time_ns = now + ((int64_t)(i % 3) - 1) * AL_NS_PER_DAY + i / 3;
        r->message = al_arena_copy(b->arena, al_cstr(text));
    }
    return b;
}

static inline void append_noted(engine *e, rec_batch *b, lines *all)
{
    lines_add_batch(all, b);
    must_append(e, "logs", b);
}

/* Makes `path` the worst case: the segments of the index hold {first, left}, beside them lie
 * {first} and {first, right} (which overlap without one holding the other), and the log holds
 * {first, left, last}. No manifest. `all` gets every record once. `side` is a directory to work in.
 */
static inline void make_lost(const char *path, const char *side, int64_t now, lines *all)
{
    char inputs[400], other[400], here[400], there[400];
    store_options o = {.path = path, .idle_ns = -1};
    (void)snprintf(inputs, sizeof inputs, "%s/inputs", side);
    (void)snprintf(other, sizeof other, "%s/other", side);
    (void)snprintf(here, sizeof here, "%s/store/1", path);
    (void)snprintf(there, sizeof there, "%s/other/store/1", side);
    lines_init(all);

    engine *e = must_open(&o, NULL);
    must_index(e, "logs");
    append_noted(e, three_days(now, 1, 20), all);
    must_compact(e, "logs");
    (void)engine_close(e);
    copy_files(here, inputs, ".seg");
    tmpdir_copy_tree(path, other);

    o.path = other; /* another life of the same store, with other rows and higher numbers */
    e = must_open(&o, NULL);
    must_index(e, "logs");
    for (unsigned i = 0; i < 3; i++) {
        append_noted(e, three_days(now + 1000, 10 + i, 5), all);
        must_compact(e, "logs");
    }
    (void)engine_close(e);

    o.path = path;
    e = must_open(&o, NULL);
    must_index(e, "logs");
    append_noted(e, three_days(now + 50, 20, 7), all);
    must_compact(e, "logs");
    append_noted(e, three_days(now + 70, 30, 9), all);
    (void)engine_close(e);
    copy_files(inputs, here, ".seg");
    copy_files(there, here, ".seg");
    (void)snprintf(here, sizeof here, "%s/store/1/manifest", path);
    assert_int_equal(unlink(here), 0);
}
