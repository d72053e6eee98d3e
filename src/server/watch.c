/* Closed sockets among the suspended ones, by an epoll of our own.
 * Shape: by_fd maps a descriptor to what was added for it. An event may be stale: its descriptor
 * was removed, closed and used anew before the thread came to look. So the thread looks again
 * (poll) under the lock: as long as an entry is there, its descriptor is open and suspended. */
#include "server/watch.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum { EVENTS_MAX = 64, TICK_MS = 1000 };

struct watch {
    int epoll;
    int wake;
    pthread_t thread;
    bool has_thread;
    watch_calls calls;
    void *ctx;
    pthread_mutex_t lock;
    /* guarded by lock */
    void **by_fd;
    size_t n_by_fd;
    bool is_ending;
};

static void *take_if_gone(watch *w, int fd)
{
    AL_LOCKED(&w->lock);
    void *what = (size_t)fd < w->n_by_fd ? w->by_fd[fd] : NULL;
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    if (!what || poll(&p, 1, 0) != 1)
        return NULL;
    w->by_fd[fd] = NULL;
    (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
    w->calls.keep(what);
    return what;
}

static bool is_ending(watch *w)
{
    AL_LOCKED(&w->lock);
    return w->is_ending;
}

static void *run(void *arg)
{
    watch *w = arg;
    struct epoll_event events[EVENTS_MAX];
    int64_t tick_ns = al_mono_ns();
    while (!is_ending(w)) {
        if (al_mono_ns() >= tick_ns) {
            w->calls.tick(w->ctx);
            tick_ns = al_mono_ns() + TICK_MS * AL_NS_PER_MS;
        }
        int n = epoll_wait(w->epoll, events, EVENTS_MAX, TICK_MS);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == w->wake)
                continue;
            void *what = take_if_gone(w, events[i].data.fd);
            if (what)
                w->calls.gone(what);
        }
    }
    return NULL;
}

al_code watch_new(const watch_calls *calls, void *ctx, watch **ret, al_err *err)
{
    watch *w = al_zalloc(1, sizeof *w);
    if (!w)
        return al_fail(err, AL_NOMEM, "watch sockets");
    (void)pthread_mutex_init(&w->lock, NULL);
    w->calls = *calls;
    w->ctx = ctx;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data = {.fd = w->wake}};
    al_code c = AL_OK;
    if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &e) != 0)
        c = al_fail_errno(err, "watch sockets");
    if (!c)
        c = al_thread_start(&w->thread, "http-watch", run, w, err);
    if (c) {
        (void)watch_free(w);
        return c;
    }
    w->has_thread = true;
    *ret = w;
    return AL_OK;
}

watch *watch_free(watch *w)
{
    if (!w)
        return NULL;
    if (w->has_thread) {
        {
            AL_LOCKED(&w->lock);
            w->is_ending = true;
        }
        uint64_t one = 1;
        ssize_t n = write(w->wake, &one, sizeof one);
        (void)n; /* a full counter wakes as well */
        (void)pthread_join(w->thread, NULL);
    }
    if (w->epoll >= 0)
        (void)close(w->epoll);
    if (w->wake >= 0)
        (void)close(w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->by_fd);
    free(w);
    return NULL;
}

static bool make_room(watch *w, size_t fd)
{
    if (fd < w->n_by_fd)
        return true;
    size_t n = w->n_by_fd ? w->n_by_fd : 256;
    while (n <= fd)
        n *= 2;
    void **grown = al_realloc(w->by_fd, n, sizeof *grown);
    if (!grown)
        return false;
    memset(grown + w->n_by_fd, 0, (n - w->n_by_fd) * sizeof *grown);
    w->by_fd = grown;
    w->n_by_fd = n;
    return true;
}

bool watch_add(watch *w, int fd, void *what)
{
    AL_LOCKED(&w->lock);
    if (fd < 0 || !make_room(w, (size_t)fd))
        return false;
    struct epoll_event e = {.events = EPOLLRDHUP, .data = {.fd = fd}};
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        return false;
    w->by_fd[fd] = what;
    return true;
}

void watch_remove(watch *w, int fd)
{
    AL_LOCKED(&w->lock);
    if (fd < 0 || (size_t)fd >= w->n_by_fd || !w->by_fd[fd])
        return;
    w->by_fd[fd] = NULL;
    (void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}
