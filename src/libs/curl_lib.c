/* libcurl behind a table. It brings some twenty libraries (TLS, LDAP, Kerberos, SSH, ...), of which
 * a server without a management URL needs none. */
#include "libs/curl_lib.h"

#include "base/checked.h"
#include "libs/library.h"

#define CURL_LIB_NAME(name) "curl_" #name,
static const char *const names[] = {CURL_LIB_FUNCTIONS(CURL_LIB_NAME)};
static const library wanted = {
    .file = "libcurl.so.4", .package = "libcurl4", .names = names, .n_names = AL_COUNT(names)};
_Static_assert(sizeof(curl_lib) == AL_COUNT(names) * sizeof(void *), "a member for each name");

static al_code start(const void *table, al_err *err)
{
    const curl_lib *l = table;
    return l->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? AL_OK
               : al_fail(err, AL_IO, "libcurl does not start");
}

al_code curl_lib_get(const curl_lib **ret, al_err *err)
{
    static curl_lib lib; /* immutable once is_ready */
    static bool is_ready;
    al_code c = library_need(&wanted, start, &is_ready, &lib, err);
    if (!c)
        *ret = &lib;
    return c;
}
