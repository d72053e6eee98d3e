/* alco: one program, one file a command. main finds the command and hands over; everything else is
 * in the commands, and the rooms below know nothing of them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"serve", cmd_serve, "collect, store, search and show logs"},
    {"grep", cmd_grep, "find records, as grep finds lines"},
    {"import", cmd_import, "read files of logs into an index"},
    {"index", cmd_index, "list, create, set, drop, compact indexes"},
    {"field", cmd_field, "list and set fields"},
    {"send", cmd_send, "publish lines to RabbitMQ, to try a broker's set-up"},
    {"verify", cmd_verify, "check a data directory"},
};

static void print_help(FILE *to)
{
    (void)fprintf(to, "usage: alco COMMAND [ARGUMENTS]\n\ncommands:\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        (void)fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].what);
    (void)fprintf(to, "\nalco COMMAND --help tells more; alco --version the version.\n");
}

void cli_say(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    al_buf safe;
    al_buf_init(&safe, 4 * sizeof text);
    if (isatty(STDERR_FILENO)) /* what a server or a file name says may be meant for the terminal */
        cli_put_visible(&safe, al_cstr(text));
    else
        al_buf_str(&safe, text);
    /* one call, so that lines of threads stay whole */
    (void)fprintf(stderr, "alco: %.*s\n", AL_ARG(al_buf_slice(&safe)));
    al_buf_done(&safe);
}

void cli_put_visible(al_buf *out, al_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool is_c1 = c == 0xc2 && i + 1 < text.len && text.ptr[i + 1] < 0xa0;
        if (is_c1) { /* U+0080..U+009F: U+009B begins a sequence as ESC [ does */
            al_buf_printf(out, "M-^%c", (text.ptr[++i] & 0x7f) ^ 0x40);
        } else if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
            al_buf_printf(out, "^%c", c ^ 0x40);
        } else {
            al_buf_u8(out, c);
        }
    }
}

int cli_usage(const char *command, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cli_say("%s: %s (alco %s --help tells more)", command, text, command);
    return CLI_USAGE;
}

void cli_put_escaped(al_buf *out, al_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~')
            al_buf_u8(out, c);
        else
            al_buf_printf(out, "%%%02X", c);
    }
}

int main(int argc, char **argv)
{
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
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    cli_say("there is no command '%s' (alco --help lists them)", name);
    return CLI_USAGE;
}
