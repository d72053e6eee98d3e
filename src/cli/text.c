/* What every command says and prints. Whatever comes from logs, servers and file names may hold
 * control characters that were meant for the terminal of whoever looks: none reaches it. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "record/utf8.h"

enum { VISIBLE_PER_BYTE = 6 }; /* bytes that one becomes, at most: \u001b */

void cli_say(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    al_buf safe;
    al_buf_init(&safe, VISIBLE_PER_BYTE * sizeof text);
    cli_put_visible(&safe, al_cstr(text)); /* into a file, too: somebody will look at that */
    /* one call, so that lines of threads stay whole */
    (void)fprintf(stderr, "alco: %.*s\n", (int)safe.len, (const char *)safe.ptr);
    al_buf_done(&safe);
}

/* U+202A..U+202E and U+2066..U+2069 turn around what stands behind them. */
static bool is_bidi_control(const uint8_t *p)
{
    return p[0] == 0xe2 && ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
                            (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

static unsigned bidi_control(const uint8_t *p)
{
    return 0x2000U + ((p[1] & 0x3fU) << 6) + (p[2] & 0x3fU);
}

/* The bytes of one character; *ret_shown: it may reach a terminal as it is. */
static size_t look_at(const uint8_t *p, size_t left, bool *ret_shown)
{
    bool is_good = false;
    size_t n = utf8_step(p, left, &is_good);
    bool is_c1 = n == 2 && p[0] == 0xc2 && p[1] < 0xa0; /* U+009B begins a sequence as ESC [ does */
    bool is_c0 = (p[0] < 0x20 && p[0] != '\t' && p[0] != '\n') || p[0] == 0x7f;
    *ret_shown = is_good && !is_c1 && !is_c0 && !(n == 3 && is_bidi_control(p));
    return n;
}

void cli_put_visible(al_buf *out, al_slice text)
{
    bool is_shown = false;
    for (size_t at = 0, n = 0; at < text.len; at += n) {
        const uint8_t *p = text.ptr + at;
        n = look_at(p, text.len - at, &is_shown);
        if (is_shown) {
            al_buf_put(out, p, n);
        } else if (p[0] < 0x80) {
            al_buf_printf(out, "^%c", p[0] ^ 0x40);
        } else if (n == 2 && p[0] == 0xc2) {
            al_buf_printf(out, "M-^%c", (p[1] & 0x7f) ^ 0x40);
        } else if (n == 3 && is_bidi_control(p)) {
            al_buf_printf(out, "\\u%04x", bidi_control(p));
        } else {
            for (size_t i = 0; i < n; i++)
                al_buf_printf(out, "\\x%02x", p[i]);
        }
    }
}

void cli_put_visible_json(al_buf *out, al_slice text)
{
    bool is_shown = false;
    for (size_t at = 0, n = 0; at < text.len; at += n) {
        const uint8_t *p = text.ptr + at;
        n = look_at(p, text.len - at, &is_shown);
        bool is_control = p[0] < 0x80 || (n == 2 && p[0] == 0xc2);
        if (is_shown)
            al_buf_put(out, p, n);
        else if (n == 3 && is_bidi_control(p))
            al_buf_printf(out, "\\u%04x", bidi_control(p));
        else /* of U+0080..U+009F the second byte says which */
            al_buf_printf(out, "\\u%04x", is_control ? p[n - 1] : 0xfffd);
    }
}

/* Terminals obey control characters; files get what was logged. */
static void print_by(void (*put)(al_buf *out, al_slice text), al_slice text)
{
    static int is_terminal = -1;
    if (is_terminal < 0)
        is_terminal = isatty(STDOUT_FILENO);
    if (!is_terminal) {
        (void)fwrite(text.ptr, 1, text.len, stdout);
        return;
    }
    al_buf safe;
    al_buf_init(&safe, VISIBLE_PER_BYTE * text.len + 1);
    put(&safe, text);
    (void)fwrite(safe.ptr, 1, safe.len, stdout);
    al_buf_done(&safe);
}

void cli_print(al_slice text)
{
    print_by(cli_put_visible, text);
}

void cli_print_json(al_slice text)
{
    print_by(cli_put_visible_json, text);
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

int cli_wrong_flag(const char *command, char **argv)
{
    const char *word = argv[optind - 1];
    if (strncmp(word, "--", 2) == 0 && optopt == 0)
        return cli_usage(command, "'%s': unknown flag, or short for several", word);
    if (strncmp(word, "--", 2) == 0)
        return cli_usage(command, "'%s': its value is missing, or it takes none", word);
    return cli_usage(command, "'-%c': unknown flag, or its value is missing", optopt);
}

int cli_printed(const char *command, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    cli_say("%s: write: %m", command);
    return CLI_FAILED;
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
