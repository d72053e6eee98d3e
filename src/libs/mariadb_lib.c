/* libmariadb behind a table. */
#include "libs/mariadb_lib.h"

#include "base/checked.h"
#include "libs/library.h"

#define MARIADB_LIB_NAME(name) #name,
static const char *const names[] = {MARIADB_LIB_FUNCTIONS(MARIADB_LIB_NAME)};
static const library wanted = {.file = "libmariadb.so.3",
                               .package = "libmariadb3",
                               .names = names,
                               .n_names = AL_COUNT(names)};
_Static_assert(sizeof(mariadb_lib) == AL_COUNT(names) * sizeof(void *), "a member for each name");

/* Not safe beside itself, so it is not left to the first connections. */
static al_code start(const void *table, al_err *err)
{
    const mariadb_lib *l = table;
    if (l->mysql_server_init(0, NULL, NULL))
        return al_fail(err, AL_IO, "libmariadb does not start");
    return AL_OK;
}

al_code mariadb_lib_get(const mariadb_lib **ret, al_err *err)
{
    static mariadb_lib lib; /* immutable once is_ready */
    static bool is_ready;
    al_code c = library_need(&wanted, start, &is_ready, &lib, err);
    if (!c)
        *ret = &lib;
    return c;
}
