#pragma once
/* file_set.h: which files are followed: those that the globs name now, and those that they named
 * until they were renamed or deleted. inotify only makes it quick. One thread. */
#include "inputs/file_tail.h"

enum {
    FILES_SPECS_MAX = 256,
    FILES_OPEN_MAX = 1000, /* files followed at a time; what is beyond waits, and is told */
};

typedef struct file_set file_set;

typedef struct set_file {
    file_tail tail;    /* fd -1: not readable (yet) */
    char *path;        /* its name now */
    const char *index; /* of the spec; lives as long as the set */
    int watch;         /* inotify; -1 */
    bool is_named;     /* during a look: a glob has named it */
} set_file;

/* `say` may be told one line about a file that cannot be read. AL_NOMEM. */
AL_CHECK al_code file_set_new(void (*say)(void *ctx, const char *line), void *say_ctx,
                              file_set **ret, al_err *err);
file_set *file_set_free(file_set *s);
/* Both are copied. AL_LIMIT: more than FILES_SPECS_MAX. AL_NOMEM. */
AL_CHECK al_code file_set_add(file_set *s, const char *index, const char *glob, al_err *err);

/* Opens what the globs name and is not open, notes which files lost their name, closes those of
 * them that are finished. The first look also finds the rest of files that were renamed while
 * nobody looked. */
void file_set_look(file_set *s, file_places *places, int64_t mono_ns);
/* To be polled for input; -1 when there is no inotify. */
int file_set_fd(const file_set *s);
/* Reads what inotify has; true when names changed, so that it is worth looking. */
bool file_set_drain(file_set *s);

size_t file_set_count(const file_set *s);
/* Valid until the next look. */
set_file *file_set_at(file_set *s, size_t i);
/* The distinct indexes; NULL behind the last. */
const char *file_set_index(const file_set *s, size_t i);

AL_DEFINE_CLEANUP(file_set, file_set_free);
