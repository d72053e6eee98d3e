#pragma once
/* watch.h: notices that the other end of a socket went away while nobody reads from it (the
 * connection is suspended). Any thread. */
#include <stdbool.h>

#include "base/err.h"

typedef struct watch watch;

/* On the watch's own thread: `tick` with the ctx of watch_new, and `gone`, which is called with
 * what watch_add was given after `keep` has made a reference of it, and must not block. Each added
 * socket is reported at most once. */
typedef struct watch_calls {
    void (*tick)(void *ctx); /* about once a second */
    void (*keep)(void *what);
    void (*gone)(void *what); /* gives the reference back */
} watch_calls;

AL_CHECK al_code watch_new(const watch_calls *calls, void *ctx, watch **ret, al_err *err);
watch *watch_free(watch *w);
/* False without memory or when the system refuses: then its going is noticed at the next write. */
bool watch_add(watch *w, int fd, void *what);
/* After it returns `keep` is not called for this fd any more. Not being there is fine. */
void watch_remove(watch *w, int fd);
