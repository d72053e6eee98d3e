/* librabbitmq behind a table. It brings OpenSSL, which is most of its cost. */
#include "libs/rabbitmq_lib.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/checked.h"
#include "base/thread.h"
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
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static rabbitmq_lib lib; /* guarded by lock, immutable once is_ready */
    static bool is_ready;    /* guarded by lock */
    AL_LOCKED(&lock);
    if (!is_ready) {
        al_code c = library_load(&wanted, &lib, err);
        if (c)
            return c;
        is_ready = true;
    }
    *ret = &lib;
    return AL_OK;
}
