/* Loading shared libraries.
 * Nothing is unloaded again: libraries below (OpenSSL, Kerberos) leave handlers for the end of the
 * process behind. Functions are bound when they are first called (RTLD_LAZY): of a library that
 * brings twenty others most are never called. Symbols stay its own (RTLD_LOCAL). */
#include "libs/library.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"

static al_code fail(const library *l, al_err *err)
{
    const char *why =
        dlerror(); /* NOLINT(concurrency-mt-unsafe): glibc keeps one for each thread */
    return al_fail(err, AL_NOT_FOUND, "this needs a library that Debian has in package %s: %s",
                   l->package, why ? why : l->file);
}

al_code library_load(const library *l, void *ret_table, al_err *err)
{
    assert(l->n_names > 0);
    _Static_assert(sizeof(void *) == sizeof(void (*)(void)), "POSIX: dlsym finds functions, too");
    AL_CLEANUP(al_freep) void **found = al_alloc(l->n_names, sizeof *found);
    if (!found)
        return al_fail(err, AL_NOMEM, "load %s", l->file);
    void *handle = dlopen(l->file, RTLD_LAZY | RTLD_LOCAL);
    if (!handle)
        return fail(l, err);
    for (size_t i = 0; i < l->n_names; i++) {
        found[i] = dlsym(handle, l->names[i]);
        if (!found[i])
            return fail(l, err);
    }
    memcpy(ret_table, found, l->n_names * sizeof *found);
    return AL_OK;
}

al_code library_need(const library *l, library_start_fn *start, bool *is_ready, void *table,
                     al_err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    AL_LOCKED(&lock);
    if (*is_ready)
        return AL_OK;
    al_code c = library_load(l, table, err);
    if (!c && start)
        c = start(table, err);
    *is_ready = !c;
    return c;
}
