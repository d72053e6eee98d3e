/* The newest set is published by one atomic store; readers take it once per use. */
#include "server/tuning.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static tuning *free_one(tuning *t)
{
    for (size_t i = 0; t->hosts && i < t->n_hosts; i++)
        free((void *)t->hosts[i].ptr);
    free(t->hosts);
    free(t);
    return NULL;
}

static uint32_t or_else(uint32_t asked, uint32_t otherwise)
{
    return asked ? asked : otherwise;
}

al_code tuning_set(tuning_now *now, const server_tuning *asked, al_err *err)
{
    tuning *t = al_zalloc(1, sizeof *t);
    if (t)
        t->hosts = al_zalloc(asked->n_hosts + 1, sizeof *t->hosts);
    bool is_made = t && t->hosts;
    for (size_t i = 0; is_made && i < asked->n_hosts; i++) {
        char *copy = strdup(asked->hosts[i]);
        is_made = copy != NULL;
        t->hosts[t->n_hosts++] = copy ? al_cstr(copy) : (al_slice){0};
    }
    if (!is_made) {
        if (t)
            (void)free_one(t);
        return al_fail(err, AL_NOMEM, "settings of the server");
    }
    t->page_size = or_else(asked->page_size, 100);
    t->query_ms = or_else(asked->query_ms, 30000);
    t->queries_waiting = or_else(asked->queries_waiting, 1024);
    t->request_ms = or_else(asked->request_ms, 30000);
    t->older = atomic_load(&now->newest);
    atomic_store(&now->newest, t);
    return AL_OK;
}

const tuning *tuning_of(tuning_now *now)
{
    return atomic_load(&now->newest);
}

void tuning_done(tuning_now *now)
{
    for (tuning *t = atomic_load(&now->newest), *older = NULL; t; t = older) {
        older = t->older;
        (void)free_one(t);
    }
    atomic_store(&now->newest, NULL);
}
