/* alco: one program, one file a command. main finds the command and hands over; everything else is
 * in the commands, and the rooms below know nothing of them. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"serve", cmd_serve, "collect, store, search and show logs"},
    {"grep", cmd_grep, "find records, as grep finds lines"},
    {"tail", cmd_tail, "show the newest records, and those that come"},
    {"import", cmd_import, "read files of logs into an index"},
    {"index", cmd_index, "list, create, set, drop, compact indexes"},
    {"field", cmd_field, "list and set fields"},
    {"shortcut", cmd_shortcut, "list, create and drop saved searches"},
    {"user", cmd_user, "users, their passwords and tokens"},
    {"send", cmd_send, "publish lines to RabbitMQ, to try a broker's set-up"},
    {"sphinx-conf", cmd_sphinx_conf, "the configuration of a node of Sphinx, and its directories"},
    {"verify", cmd_verify, "check a data directory"},
    {"backup", cmd_backup, "copy a data directory, also while it is written to"},
    {"restore", cmd_restore, "make a data directory from a backup"},
};

/* What the documents speak of and this build has not. */
static const char *const later[] = {"less"};

static void print_help(FILE *to)
{
    (void)fprintf(to, "usage: alco COMMAND [ARGUMENTS]\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].what);
    (void)fprintf(to, "\nalco COMMAND --help tells more; alco --version the version.\n");
}

int main(int argc, char **argv)
{
    al_mem_settle();
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(name, "--version") == 0) {
        (void)printf("alco %s\n", CLI_VERSION);
        return CLI_OK;
    }
    opterr = 0; /* cli_wrong_flag speaks */
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(name, later[i]) == 0) {
            cli_say("%s: this build (%s) does not have it yet; alco --help lists what it has", name,
                    CLI_VERSION);
            return CLI_USAGE;
        }
    }
    cli_say("there is no command '%s' (alco --help lists them)", name);
    return CLI_USAGE;
}
