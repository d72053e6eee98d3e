#pragma once
/* new_dir.h: a directory that is there as a whole or not at all: it is made beside its place as
 * NAME.partial and gets its name when all in it is on disk. While it is being made it is locked and
 * holds a file `unfinished`; what a killed process left of one is removed by the next. Main thread
 * only. */
#include "base/err.h"
#include "base/slice.h"

#define NEW_DIR_MARK "unfinished"

typedef struct new_dir {
    char path[4096]; /* where it is to be, without slashes at the end */
    char partial[4096];
    int parent; /* descriptors, -1: not open */
    int fd;
    bool is_made; /* `partial` is ours */
} new_dir;

/* `path` must not exist, or be an empty directory. AL_INVALID, AL_EXISTS, AL_IO, each with a
 * message that names it. new_dir_drop in any case. */
AL_CHECK al_code new_dir_begin(const char *path, new_dir *ret, al_err *err);
/* What is in it is on disk already: it gets its name. With `name`, a file of that name and content
 * is in it when it does; the mark is not. AL_IO: it has not got its name, or that is not on disk.
 */
AL_CHECK al_code new_dir_finish(new_dir *d, const char *name, al_slice content, al_err *err);
/* Removes what is not finished. */
void new_dir_drop(new_dir *d);
