/* The server's life: its threads, the socket, the end. A request's way is in flow.c. */
#include "server/server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "server/api.h"
#include "server/flow.h"
#include "server/listen.h"
#include "server/secret.h"

/* Thousands of followers are meant to be cheap: take what descriptors there are. */
static void raise_descriptors(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = AL_MIN(l.rlim_max, (rlim_t)65536);
        (void)setrlimit(RLIMIT_NOFILE, &l); /* the old limit serves too */
    }
}

/* The pools, and what they work with. */
static al_code make_parts(server *s, al_err *err)
{
    al_code c = workers_new(SERVER_QUERY_THREADS, "query", &s->queries, err);
    if (!c)
        c = workers_new(SERVER_QUICK_THREADS, "quick", &s->quick, err);
    if (!c)
        c = workers_new(SERVER_INGEST_THREADS, "ingest", &s->ingesters, err);
    if (!c)
        c = workers_new(SERVER_PASSWORD_THREADS, "password", &s->passwords, err);
    if (!c)
        c = throttle_new(&s->logins, err);
    if (!c)
        c = conns_new(&s->conns, err);
    if (!c)
        c = watch_new(&flow_watch_calls, s, &s->watch, err);
    return c;
}

static al_code open_socket(server *s, const server_options *o, int *ret_fd, al_err *err)
{
    al_code c = listen_check(o->listen, &s->is_beyond, err);
    if (!c && s->is_beyond && !o->may_be_beyond)
        c = al_fail(err, AL_INVALID, "listen '%.100s' is beyond this machine", o->listen);
    if (!c)
        c = listen_open(o->listen, ret_fd, s->address, sizeof s->address, err);
    if (!c && strncmp(o->listen, "unix:", 5) == 0)
        (void)snprintf(s->unix_path, sizeof s->unix_path, "%s", o->listen + 5);
    return c;
}

al_code server_start(const server_options *o, server **ret, al_err *err)
{
    server *s = al_zalloc(1, sizeof *s);
    if (!s)
        return al_fail(err, AL_NOMEM, "start the HTTP server");
    (void)pthread_mutex_init(&s->lock, NULL);
    al_cond_init(&s->changed);
    s->version = o->version;
    s->is_private = o->is_private;
    s->begun_ns = al_now_ns();
    /* All that come through a proxy on this machine have one address. */
    s->connections_per_address =
        o->connections_per_address ? o->connections_per_address : SERVER_CONNECTIONS_MAX / 2;
    held_init(&s->answers, &s->uploads, o->memory_bytes);
    raise_descriptors();
    AL_CLEANUP(al_closep) int fd = -1;
    al_code c = tuning_set(&s->tuning, &o->tuning, err);
    if (!c)
        c = secret_start(err);
    if (!c)
        c = open_socket(s, o, &fd, err);
    if (!c)
        c = make_parts(s, err);
    if (!c)
        c = flow_start(s, fd, err);
    if (c) {
        (void)server_free(s);
        return c;
    }
    fd = -1; /* the daemon's */
    *ret = s;
    return AL_OK;
}

al_code server_check_listen(const char *listen, bool *ret_is_beyond, al_err *err)
{
    return listen_check(listen, ret_is_beyond, err);
}

al_code server_attach(server *s, catalog *cat, ingest *in, engine *eng, al_err *err)
{
    assert(!atomic_load(&s->is_attached));
    s->cat = cat;
    s->users = catalog_users(cat);
    s->in = in;
    s->eng = eng;
    al_code c = tails_new(s, &s->tails, err);
    if (c)
        return c;
    al_err ignored; /* a TZ that cannot be read is UTC, as it is to libc */
    if (rec_zone_open(AL_LIT("local"), &s->local_zone, &ignored))
        s->local_zone = NULL;
    ingest_on_room(in, uploads_room, s);
    atomic_store(&s->is_attached, true);
    return AL_OK;
}

void server_add_metrics(server *s, void (*fn)(void *ctx, al_buf *out), void *ctx)
{
    assert(!atomic_load(&s->is_attached));
    assert(s->n_metrics < SERVER_METRICS_MAX);
    s->metrics[s->n_metrics].fn = fn;
    s->metrics[s->n_metrics++].ctx = ctx;
}

void server_show_inputs(server *s, void (*fn)(void *ctx, const char *index, al_buf *out), void *ctx)
{
    assert(!atomic_load(&s->is_attached));
    s->put_inputs = fn;
    s->inputs_ctx = ctx;
}

void server_show_sphinx_conf(server *s, server_sphinx_conf_fn *fn, void *ctx)
{
    assert(!atomic_load(&s->is_attached));
    s->put_sphinx_conf = fn;
    s->sphinx_conf_ctx = ctx;
}

al_code server_tune(server *s, const server_tuning *t, al_err *err)
{
    return tuning_set(&s->tuning, t, err);
}

const char *server_address(const server *s)
{
    return s->address;
}

/* Wakes and cancels every request that is not ended yet; uploads only if asked to. */
static void end_requests(server *s, bool also_uploads)
{
    for (;;) {
        req *r = NULL;
        {
            AL_LOCKED(&s->lock);
            r = s->newest;
            while (r && (r->is_ended || (r->is_upload && !also_uploads) || !req_try_ref(r)))
                r = r->older;
            if (!r)
                return;
            r->is_ended = true;
        }
        flow_give_up(r);
    }
}

static void wait_for_uploads(server *s, int64_t until_ns)
{
    AL_LOCKED(&s->lock);
    while (s->n_uploads)
        if (!al_cond_wait_until(&s->changed, &s->lock, until_ns))
            return;
}

static void wait_for_all(server *s)
{
    AL_LOCKED(&s->lock);
    while (s->n_requests)
        (void)pthread_cond_wait(&s->changed, &s->lock);
}

/* Who comes while it stops is told so (is_ready), until the library stops. Not MHD_quiesce_daemon:
 * in 0.9.75 it and a worker that wakes at the same moment both take the listening socket out of the
 * worker's epoll set, and the second one aborts.
 * is_gone and is_closing forbid to suspend (req_suspend_locked), and every request is woken after
 * they are set: so nothing is suspended when the library stops, which it would not survive. */
void server_drain(server *s, int wait_ms)
{
    if (!s || !s->daemon)
        return;
    atomic_store(&s->is_stopping, true);
    end_requests(s, false);
    wait_for_uploads(s, al_mono_ns() + wait_ms * AL_NS_PER_MS);
    atomic_store(&s->is_closing, true);
    end_requests(s, true);
    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    uploads_room(s); /* those that waited for it have given up */
    wait_for_all(s); /* workers that had a cancelled request */
    tails_stop(s->tails);
}

server *server_free(server *s)
{
    if (!s)
        return NULL;
    server_drain(s, 0);
    (void)tails_free(s->tails);
    (void)watch_free(s->watch); /* looks at the workers */
    (void)workers_free(s->queries);
    (void)workers_free(s->quick);
    (void)workers_free(s->ingesters);
    (void)workers_free(s->passwords);
    (void)throttle_free(s->logins);
    (void)conns_free(s->conns);
    if (s->unix_path[0])
        (void)unlink(s->unix_path);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    tuning_done(&s->tuning);
    (void)rec_zone_free(s->local_zone);
    free(s);
    return NULL;
}
