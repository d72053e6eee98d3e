/* libcurl behind a table. It brings some twenty libraries (TLS, LDAP, Kerberos, SSH, ...), of which
 * a server without a management URL needs none. */
#include "libs/curl_lib.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/checked.h"
#include "base/thread.h"
#include "libs/library.h"

#define CURL_LIB_NAME(name) "curl_" #name,
static const char *const names[] = {CURL_LIB_FUNCTIONS(CURL_LIB_NAME)};
static const library wanted = {
    .file = "libcurl.so.4", .package = "libcurl4", .names = names, .n_names = AL_COUNT(names)};
_Static_assert(sizeof(curl_lib) == AL_COUNT(names) * sizeof(void *), "a member for each name");

al_code curl_lib_get(const curl_lib **ret, al_err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static curl_lib lib;  /* guarded by lock, immutable once is_ready */
    static bool is_ready; /* guarded by lock */
    AL_LOCKED(&lock);
    if (!is_ready) {
        al_code c = library_load(&wanted, &lib, err);
        if (c)
            return c;
        if (lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
            return al_fail(err, AL_IO, "libcurl does not start");
        is_ready = true;
    }
    *ret = &lib;
    return AL_OK;
}
