/* alco verify DIR: reads and checks every byte of a data directory that no server owns. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include "cli/cli.h"
#include "cli/verify.h"

static const char help[] =
    "usage: alco verify DIR\n"
    "\n"
    "Reads and checks every byte under the data directory DIR and changes nothing.\n"
    "Exit status 0 all is well, 1 something is damaged (each named), 2 it cannot be checked.\n";

static void print_finding(void *ctx, const store_finding *f)
{
    (void)ctx;
    (void)printf("%s: %s%s\n", f->file, f->is_damage ? "" : "note: ", f->text);
}

/* A start opens it for writing: another thing of that name stops it. */
static void check_lock(const char *dir, uint64_t *n_damaged)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/store/lock", dir);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return;
    (void)printf("store/lock: it is no file; the next start refuses it: move it away\n");
    *n_damaged += 1;
}

static bool is_among(const char *name, const char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static al_code compare_names(const char *dir, const char **known, size_t n_known, al_arena *arena,
                             al_err *err)
{
    const char **held = NULL;
    size_t n_held = 0;
    al_code c = store_index_names(dir, arena, &held, &n_held, err);
    if (c == AL_NOT_FOUND || c == AL_CORRUPT)
        return AL_OK; /* the check of the store said so */
    for (size_t i = 0; !c && i < n_held; i++)
        if (!is_among(held[i], known, n_known))
            (void)printf("catalog.db: note: it does not know index %s of the store; the next start "
                         "gives it default settings\n",
                         held[i]);
    return c;
}

/* The catalogue's own file, and whether it knows what the store holds. */
static al_code check_catalog(const char *dir, uint64_t *n_damaged, al_err *err)
{
    AL_CLEANUP(al_arena_freep) al_arena *arena = al_arena_new(4096);
    const char **known = NULL;
    size_t n_known = 0;
    if (!arena)
        return al_fail(err, AL_NOMEM, "verify catalog.db");
    al_code c = catalog_peek(dir, arena, &known, &n_known, err);
    if (c == AL_CORRUPT) {
        (void)printf("%s; the next start refuses it: put a copy back or move it away\n", err->msg);
        *n_damaged += 1;
        return AL_OK;
    }
    return c && c != AL_NOT_FOUND ? c : compare_names(dir, known, n_known, arena, err);
}

al_code cli_verify(const char *dir, store_verified *ret, al_err *err)
{
    al_code c = store_verify(dir, NULL, print_finding, NULL, ret, err);
    if (!c)
        c = check_catalog(dir, &ret->n_damaged, err);
    if (!c)
        check_lock(dir, &ret->n_damaged);
    return c;
}

int cmd_verify(int argc, char **argv)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c != 'h')
            return cli_wrong_flag("verify", argv);
        (void)fputs(help, stdout);
        return CLI_OK;
    }
    if (argc - optind != 1)
        return cli_usage("verify", "expected one directory");
    store_verified v = {0};
    al_err err = {0};
    if (cli_verify(argv[optind], &v, &err)) {
        cli_say("%s", err.msg);
        return CLI_USAGE;
    }
    (void)printf("%" PRIu64 " records: %" PRIu64 " in %" PRIu64 " segments, %" PRIu64
                 " in the log alone (of its %" PRIu64 " frames); %" PRIu64 " indexes; %" PRIu64
                 " damaged\n",
                 v.n_rows + v.n_log_rows, v.n_rows, v.n_segments, v.n_log_rows, v.n_frames,
                 v.n_indexes, v.n_damaged);
    return v.n_damaged ? CLI_FAILED : CLI_OK;
}
