/* alco backup DIR DEST: a copy of a data directory as of one moment, while a server writes to it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/backup_copy.h"
#include "cli/cli.h"

static const char help[] =
    "usage: alco backup DIR DEST\n"
    "\n"
    "Copies the data directory DIR, which a server may own and write to meanwhile, to DEST, which\n"
    "must not exist or be empty. DEST then holds, as of one moment after the start: every record "
    "that\n"
    "was acknowledged before, once, with its id; settings, users, and what inputs remember. On "
    "the\n"
    "file system of DIR segments are hard links and take no room until DIR has given them up: a "
    "backup\n"
    "every hour costs what is new. Such a backup guards against mistakes, not against the loss of "
    "the\n"
    "disk; on another file system everything is copied.\n"
    "\n"
    "While it is made it is DEST.partial; what a killed backup left there the next one removes. It "
    "is\n"
    "on disk when this command ends. `alco verify DEST` checks it, `alco restore` brings it back.\n"
    "Exit status 0 done, 1 done, but DIR is damaged (what is, is named; the rest is in DEST) or "
    "it\n"
    "failed (DEST is not there), 2 the command line is wrong.\n";

/* DEST below DIR would be lost with it. DEST itself need not exist yet: its parent does. */
static bool is_below(const char *dir, const char *dest)
{
    char parent[PATH_MAX];
    AL_CLEANUP(al_freep) char *top = realpath(dir, NULL);
    (void)snprintf(parent, sizeof parent, "%s", dest);
    size_t n = strlen(parent);
    while (n > 1 && parent[n - 1] == '/')
        parent[--n] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    AL_CLEANUP(al_freep) char *at = realpath(slash ? parent : ".", NULL);
    size_t len = top ? strlen(top) : 0;
    return top && at && strncmp(at, top, len) == 0 && (at[len] == '/' || at[len] == '\0');
}

static void put_info(const store_backup_sum *sum, al_buf *out)
{
    time_t now = time(NULL);
    struct tm tm;
    char made[32];
    (void)gmtime_r(&now, &tm);
    (void)strftime(made, sizeof made, "%Y-%m-%dT%H:%M:%SZ", &tm);
    al_buf_printf(out, "alco backup 1\nmade %s\nstore %s\nframe %" PRIu64 "\nrecords %" PRIu64 "\n",
                  made, sum->store_id, sum->last_frame, sum->n_rows);
}

static al_code run(const char *dir, const char *dest, new_dir *d, store_backup_sum *sum,
                   al_err *err)
{
    al_buf info;
    al_buf_init(&info, 4096);
    al_code c = is_below(dir, dest)
                    ? al_fail(err, AL_INVALID,
                              "DEST %.80s is in DIR %.80s and would be lost with it: expected a "
                              "place outside",
                              dest, dir)
                    : new_dir_begin(dest, d, err);
    if (!c)
        c = backup_copy_all("backup", dir, d, sum, err);
    put_info(sum, &info);
    if (!c)
        c = al_buf_code(&info);
    if (!c)
        c = new_dir_finish(d, BACKUP_FILE, al_buf_slice(&info), err);
    al_buf_done(&info);
    return c;
}

int cmd_backup(int argc, char **argv)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int f = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((f = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (f != 'h')
            return cli_wrong_flag("backup", argv);
        (void)fputs(help, stdout);
        return CLI_OK;
    }
    if (argc - optind != 2)
        return cli_usage("backup", "expected two directories, DIR and DEST; got %d", argc - optind);
    new_dir d = {.parent = -1, .fd = -1};
    store_backup_sum sum = {0};
    al_err err = {0};
    al_code c = run(argv[optind], argv[optind + 1], &d, &sum, &err);
    new_dir_drop(&d);
    if (c) {
        cli_say("backup: %s", err.msg);
        return CLI_FAILED;
    }
    (void)printf("%" PRIu64 " records of %" PRIu64 " indexes in %s: %" PRIu64 " segments; %" PRIu64
                 " files linked, %" PRIu64 " copied; %" PRIu64 " damaged\n",
                 sum.n_rows, sum.n_indexes, argv[optind + 1], sum.n_segments, sum.n_linked,
                 sum.n_copied, sum.n_damaged);
    return cli_printed("backup", sum.n_damaged ? CLI_FAILED : CLI_OK);
}
