/* alco restore SRC DIR: a data directory from a backup, checked before it gets its name. */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/backup_copy.h"
#include "cli/cli.h"
#include "cli/verify.h"

static const char help[] =
    "usage: alco restore SRC DIR\n"
    "\n"
    "Makes the data directory DIR, which must not exist or be empty, from the backup SRC, checks\n"
    "every byte of it as `alco verify` does, and says what it holds. Records keep their ids. SRC "
    "is\n"
    "not changed by that, nor by a server that runs on DIR. On one file system both share the "
    "bytes\n"
    "of segments, by hard links; everything else is copied.\n"
    "\n"
    "Exit status 0 done and sound, 1 done, but damaged (each named; the rest is there) or it "
    "failed\n"
    "(DIR is not there), 2 the command line is wrong.\n";

enum { INFO_BYTES_MAX = 4096 };

typedef struct info {
    char store_id[64];
    uint64_t frame;
    uint64_t records;
} info;

static bool parse_info(const char *text, info *ret)
{
    return sscanf(text,
                  "alco backup 1\nmade %*63s\nstore %63s\nframe %" SCNu64 "\nrecords %" SCNu64,
                  ret->store_id, &ret->frame, &ret->records) == 3;
}

static al_code read_info(const char *src, info *ret, al_err *err)
{
    static const char what[] = "expected a directory that `alco backup` finished";
    const al_io *io = al_io_posix();
    AL_CLEANUP(al_closep) int dir = -1;
    AL_CLEANUP(al_closep) int fd = -1;
    char text[INFO_BYTES_MAX + 1] = "";
    uint64_t bytes = 0;
    al_code c = al_dir_open(src, false, &dir, err);
    if (c)
        return c;
    c = io->open(io, dir, BACKUP_FILE, AL_OPEN_READ, &fd, err);
    if (c == AL_NOT_FOUND && faccessat(dir, NEW_DIR_MARK, F_OK, 0) == 0)
        return al_fail(err, AL_INVALID, "%.120s was broken off: %s", src, what);
    if (c == AL_NOT_FOUND)
        return al_fail(err, AL_INVALID, "%.120s has no file %s: %s", src, BACKUP_FILE, what);
    if (!c)
        c = io->file_bytes(io, fd, &bytes, err);
    if (!c && bytes <= INFO_BYTES_MAX)
        c = io->read_at(io, fd, text, (size_t)bytes, 0, err);
    if (!c && !parse_info(text, ret))
        c = al_fail(err, AL_CORRUPT, "%.120s/" BACKUP_FILE " is damaged or of a later version: %s",
                    src, what);
    return c;
}

/* Is it all that the backup said it has? */
static void compare(const char *src, const info *said, const store_backup_sum *sum,
                    store_verified *v)
{
    if (strcmp(said->store_id, sum->store_id) != 0) {
        cli_say("restore: %s is of another store than its file " BACKUP_FILE " says", src);
        v->n_damaged++;
    }
    if (said->frame != sum->last_frame || said->records != v->n_rows + v->n_log_rows) {
        cli_say("restore: %s had %" PRIu64 " records up to frame %" PRIu64 " when it was made; now "
                "%" PRIu64 " up to frame %" PRIu64,
                src, said->records, said->frame, v->n_rows + v->n_log_rows, sum->last_frame);
        v->n_damaged++;
    }
}

static al_code run(const char *src, const char *dir, new_dir *d, store_verified *ret, al_err *err)
{
    info said = {0};
    store_backup_sum sum = {0};
    al_code c = read_info(src, &said, err);
    if (!c)
        c = new_dir_begin(dir, d, err);
    if (!c)
        c = backup_copy_all("restore", src, d, &sum, err);
    if (!c && isatty(STDERR_FILENO))
        cli_say("restore: copied; every byte is checked now");
    if (!c)
        c = cli_verify(d->partial, ret, err);
    if (c)
        return c;
    compare(src, &said, &sum, ret);
    return new_dir_finish(d, NULL, (al_slice){0}, err);
}

int cmd_restore(int argc, char **argv)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int f = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((f = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (f != 'h')
            return cli_wrong_flag("restore", argv);
        (void)fputs(help, stdout);
        return CLI_OK;
    }
    if (argc - optind != 2)
        return cli_usage("restore", "expected two directories, SRC and DIR; got %d", argc - optind);
    new_dir d = {.parent = -1, .fd = -1};
    store_verified v = {0};
    al_err err = {0};
    al_code c = run(argv[optind], argv[optind + 1], &d, &v, &err);
    new_dir_drop(&d);
    if (c) {
        cli_say("restore: %s", err.msg);
        return CLI_FAILED;
    }
    (void)printf("%" PRIu64 " records of %" PRIu64 " indexes in %s: %" PRIu64 " in %" PRIu64
                 " segments, %" PRIu64 " in the log alone; %" PRIu64 " damaged\n",
                 v.n_rows + v.n_log_rows, v.n_indexes, argv[optind + 1], v.n_rows, v.n_segments,
                 v.n_log_rows, v.n_damaged);
    return cli_printed("restore", v.n_damaged ? CLI_FAILED : CLI_OK);
}
