/* alco verify DIR: reads and checks every byte of a data directory that no server owns. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "store/store.h"

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

int cmd_verify(int argc, char **argv)
{
    static const struct option flags[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (c != 'h')
            return cli_usage("verify", "a flag is wrong");
        (void)fputs(help, stdout);
        return CLI_OK;
    }
    if (argc - optind != 1)
        return cli_usage("verify", "expected one directory");
    store_verified v = {0};
    al_err err = {0};
    if (store_verify(argv[optind], NULL, print_finding, NULL, &v, &err)) {
        cli_say("%s", err.msg);
        return CLI_USAGE;
    }
    (void)printf("%" PRIu64 " indexes, %" PRIu64 " segments, %" PRIu64 " log frames, %" PRIu64
                 " records; %" PRIu64 " damaged\n",
                 v.n_indexes, v.n_segments, v.n_frames, v.n_rows, v.n_damaged);
    return v.n_damaged ? CLI_FAILED : CLI_OK;
}
