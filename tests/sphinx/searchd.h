#pragma once
/* searchd.h: a real searchd (Debian's sphinxsearch) of a test's own: a free port of 127.0.0.1, its
 * files in a temporary directory; it ends with the test, however that ends. Failures end the
 * test. */
#include <sys/types.h>

#include "support/tmpdir.h"

typedef struct searchd {
    tmpdir dir;
    pid_t pid;     /* 0: it does not run */
    char node[32]; /* "127.0.0.1:port" */
} searchd;

/* `tables`: sections of the configuration, "%s" in them is its directory (at most 4 of them). Runs
 * when this returns. */
void searchd_init(searchd *s, const char *tables);
/* SIGKILL, and again with all its files. */
void searchd_kill(searchd *s);
void searchd_start(searchd *s);
void searchd_done(searchd *s);
