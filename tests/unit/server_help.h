#pragma once
/* server_help.h: the insides of a server without threads and sockets, over a real catalogue and the
 * model engine: what requests need that are made by hand. */
#include <stdlib.h>

#include "catalog/catalog.h"
#include "server/server_priv.h"
#include "support/model_engine.h"
#include "support/tmpdir.h"

typedef struct fixture {
    tmpdir dir;
    server srv;
} fixture;

static fixture *fixture_begin(const char *name)
{
    fixture *f = calloc(1, sizeof *f);
    al_err err = {0};
    assert_non_null(f);
    tmpdir_init(&f->dir, name);
    assert_int_equal(catalog_open(f->dir.path, &f->srv.cat, &err), AL_OK);
    assert_int_equal(model_engine_open(NULL, &f->srv.eng, &err), AL_OK);
    (void)pthread_mutex_init(&f->srv.lock, NULL);
    (void)pthread_cond_init(&f->srv.changed, NULL);
    held_init(&f->srv.answers, &f->srv.uploads, 0);
    return f;
}

/* A teardown of cmocka's. */
static int fixture_end(void **state)
{
    fixture *f = *state;
    (void)engine_close(f->srv.eng);
    (void)catalog_close(f->srv.cat);
    tuning_done(&f->srv.tuning);
    (void)pthread_cond_destroy(&f->srv.changed);
    (void)pthread_mutex_destroy(&f->srv.lock);
    tmpdir_done(&f->dir);
    free(f);
    return 0;
}
