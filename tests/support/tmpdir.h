#pragma once
/* tmpdir.h: a directory of its own for each test, gone afterwards. Any failure ends the test run:
 * without a directory no test can say anything. */
#include <stddef.h>

typedef struct tmpdir {
    char path[256];
} tmpdir;

/* A fresh, empty directory under $TMPDIR (default /tmp), `tag` in its name. */
void tmpdir_init(tmpdir *d, const char *tag);
/* Removes it with everything in it. */
void tmpdir_done(tmpdir *d);
/* "<dir>/<name>" in buf. */
const char *tmpdir_join(const tmpdir *d, const char *name, char *buf, size_t cap);
/* Removes a tree; a path that is not there is fine. */
void tmpdir_remove_tree(const char *path);
/* Copies a tree of directories and regular files to `to`, which must not exist. */
void tmpdir_copy_tree(const char *from, const char *to);
