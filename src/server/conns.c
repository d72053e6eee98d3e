/* Connections and when they are due: a list, looked through about once a second. With as many
 * connections as there may be that is a walk over some thousand entries, so nothing cleverer.
 * A socket is shut, not closed: its descriptor stays the library's, which finds it at its end. As
 * long as an entry is listed its descriptor is open. */
#include "server/conns.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

struct conn {
    int fd;
    _Atomic int64_t due_ns;
    /* guarded by conns.lock */
    conn *prev;
    conn *next;
};

struct conns {
    pthread_mutex_t lock;
    /* guarded by lock */
    conn *first;
    size_t n;
};

al_code conns_new(conns **ret, al_err *err)
{
    conns *c = al_zalloc(1, sizeof *c);
    if (!c)
        return al_fail(err, AL_NOMEM, "list connections");
    (void)pthread_mutex_init(&c->lock, NULL);
    *ret = c;
    return AL_OK;
}

conns *conns_free(conns *c)
{
    if (!c)
        return NULL;
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
    return NULL;
}

conn *conns_add(conns *c, int fd)
{
    conn *one = al_zalloc(1, sizeof *one);
    if (!one)
        return NULL;
    one->fd = fd;
    atomic_init(&one->due_ns, INT64_MAX);
    AL_LOCKED(&c->lock);
    one->next = c->first;
    if (c->first)
        c->first->prev = one;
    c->first = one;
    c->n++;
    return one;
}

void conns_remove(conns *c, conn *one)
{
    if (!one)
        return;
    {
        AL_LOCKED(&c->lock);
        if (one->prev)
            one->prev->next = one->next;
        else
            c->first = one->next;
        if (one->next)
            one->next->prev = one->prev;
        c->n--;
    }
    free(one);
}

void conn_due(conn *one, int64_t ms)
{
    if (one)
        atomic_store(&one->due_ns,
                     ms == CONN_NO_BOUND ? INT64_MAX : al_mono_ns() + ms * AL_NS_PER_MS);
}

size_t conns_sweep(conns *c)
{
    int64_t now_ns = al_mono_ns();
    size_t n = 0;
    AL_LOCKED(&c->lock);
    for (conn *one = c->first; one; one = one->next) {
        int64_t due_ns = atomic_load(&one->due_ns);
        /* Once: what it owes then is never due again, unless it does something new. */
        if (due_ns <= now_ns && atomic_compare_exchange_strong(&one->due_ns, &due_ns, INT64_MAX)) {
            (void)shutdown(one->fd, SHUT_RDWR); /* fails when the client was faster */
            n++;
        }
    }
    return n;
}

size_t conns_count(conns *c)
{
    AL_LOCKED(&c->lock);
    return c->n;
}
