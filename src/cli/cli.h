#pragma once
/* cli.h: what the commands share. Each command is `int cmd_x(int argc, char **argv)`: argv[0] is
 * its name, the result the process' exit status. Main thread only. */
#include "base/buf.h"
#include "base/err.h"

#define CLI_VERSION ALCO_VERSION

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

int cmd_backup(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_grep(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_index(int argc, char **argv);
int cmd_field(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_shortcut(int argc, char **argv);
int cmd_sphinx_conf(int argc, char **argv);
int cmd_verify(int argc, char **argv);

/* "alco: text" on stderr, as cli_put_visible makes it. */
void cli_say(const char *fmt, ...) AL_PRINTF(1, 2);
/* As cli_say, plus where to find help; returns CLI_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) AL_PRINTF(2, 3);
/* As cli_usage, for the flag that getopt_long has just answered with '?'. It is not left to say so
 * itself (main clears opterr): it would print what was typed as it is. */
int cli_wrong_flag(const char *command, char **argv);
/* Said of an answer that has not the form of ours: a login page, another program. */
#define CLI_NOT_ALCO "the answer is not one of alco's: is the address right?"
/* Text for a terminal, so that it obeys none of it: control characters as ^X and M-^X, those that
 * change the direction of writing as \uHHHH, bytes that are no UTF-8 as \xHH; tabs and line ends
 * stay. */
void cli_put_visible(al_buf *out, al_slice text);
/* As cli_put_visible for a JSON document: as \uXXXX, so that it stays one. */
void cli_put_visible_json(al_buf *out, al_slice text);
/* To stdout: as it is, but visibly if that is a terminal. */
void cli_print(al_slice text);
void cli_print_json(al_slice text);
/* What was printed has arrived: the status as it is. Else says that it has not; CLI_FAILED. */
int cli_printed(const char *command, int status);
/* A word for an address: percent-encoded. */
void cli_put_escaped(al_buf *out, al_slice text);
