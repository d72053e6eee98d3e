#pragma once
/* library.h: a shared library that is mapped when something first needs it, not when the program
 * starts. Any thread. What it costs to have all of them always: doc/decisions/012. */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct library {
    const char *file;         /* its soname: what a program linked with it would ask for */
    const char *package;      /* Debian's name of what brings it, for whoever lacks it */
    const char *const *names; /* of the functions that are used */
    size_t n_names;
} library;

/* Maps the library for the rest of the process' life and writes the address of each function to
 * `ret_table`: a struct of n_names pointers to functions, in the order of the names; on failure it
 * is not touched. AL_NOT_FOUND, with a message that names the package: the library is not there,
 * cannot be loaded, or lacks one of the functions. */
AL_CHECK al_code library_load(const library *l, void *ret_table, al_err *err);

/* What makes a library ready once it is loaded. */
typedef al_code library_start_fn(const void *table, al_err *err);
/* As library_load and then `start` (may be NULL), unless *is_ready: what is static beside a table
 * and begins false. Whoever comes meanwhile waits; after a failure the next one tries again. */
AL_CHECK al_code library_need(const library *l, library_start_fn *start, bool *is_ready,
                              void *table, al_err *err);
