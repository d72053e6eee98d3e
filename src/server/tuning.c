/* The newest set is published by one atomic store; readers take it once per use. */
#include "server/tuning.h"

static uint32_t or_else(uint32_t asked, uint32_t otherwise)
{
    return asked ? asked : otherwise;
}

al_code tuning_set(tuning_now *now, const server_tuning *asked, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(1024);
    tuning *t = arena ? al_arena_alloc(arena, 1, sizeof *t) : NULL;
    al_slice *hosts = t ? al_arena_alloc(arena, asked->n_hosts + 1, sizeof *hosts) : NULL;
    if (!hosts)
        return al_fail(err, AL_NOMEM, "settings of the server");
    for (size_t i = 0; i < asked->n_hosts; i++) {
        hosts[i] = al_arena_copy(arena, al_cstr(asked->hosts[i]));
        if (!hosts[i].ptr)
            return al_fail(err, AL_NOMEM, "settings of the server");
    }
    *t = (tuning){.hosts = hosts, .n_hosts = asked->n_hosts};
    t->page_size = or_else(asked->page_size, 100);
    t->query_ms = or_else(asked->query_ms, 30000);
    t->queries_waiting = or_else(asked->queries_waiting, 1024);
    t->request_ms = or_else(asked->request_ms, 30000);
    t->older = atomic_load(&now->newest);
    t->arena = AL_TAKE(arena);
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
        (void)al_arena_free(t->arena);
    }
    atomic_store(&now->newest, NULL);
}
