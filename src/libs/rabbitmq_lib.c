/* librabbitmq behind a table. It brings OpenSSL, which is most of its cost. */
#include "libs/rabbitmq_lib.h"

#include "base/checked.h"
#include "libs/library.h"

#define RABBITMQ_LIB_NAME(name) "amqp_" #name,
static const char *const names[] = {RABBITMQ_LIB_FUNCTIONS(RABBITMQ_LIB_NAME)};
static const library wanted = {.file = "librabbitmq.so.4",
                               .package = "librabbitmq4",
                               .names = names,
                               .n_names = AL_COUNT(names)};
_Static_assert(sizeof(rabbitmq_lib) == AL_COUNT(names) * sizeof(void *), "a member for each name");

al_code rabbitmq_lib_get(const rabbitmq_lib **ret, al_err *err)
{
    static rabbitmq_lib lib; /* immutable once is_ready */
    static bool is_ready;
    al_code c = library_need(&wanted, NULL, &is_ready, &lib, err);
    if (!c)
        *ret = &lib;
    return c;
}
