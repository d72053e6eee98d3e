/* Reading without echo. A signal that would end us, or stop us, comes while the terminal is silent:
 * it only interrupts the waiting (ppoll alone lets it in, so that none is missed just before), the
 * terminal gets its echo back, and the signal is sent again. */
#include "cli/password.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_BYTES_MAX = 1024 };

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { N_SIGNALS = sizeof signals / sizeof signals[0] };

static volatile sig_atomic_t came; /* the one that interrupted us; 0: none */

static void on_signal(int number)
{
    came = number;
}

/* One byte, with `mask` while it waits. 0: the end; -1: errno. */
static ssize_t read_byte(char *ret, const sigset_t *mask)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int r = ppoll(&in, 1, NULL, mask);
    return r < 0 ? -1 : read(STDIN_FILENO, ret, 1);
}

/* One line of standard input, without its end. */
static al_code read_line(const sigset_t *mask, char line[PASSWORD_BYTES_MAX + 1], size_t *ret_n,
                         al_err *err)
{
    size_t n = 0;
    for (;;) {
        char c = 0;
        ssize_t got = read_byte(&c, mask);
        if (got < 0 && errno == EINTR && !came)
            continue;
        if (got < 0)
            return al_fail_errno(err, "read the password");
        if (got == 0 || c == '\n')
            break;
        if (n == PASSWORD_BYTES_MAX)
            return al_fail(err, AL_INVALID, "password: expected at most %d bytes",
                           PASSWORD_BYTES_MAX);
        line[n++] = c;
    }
    if (n && line[n - 1] == '\r')
        n--;
    *ret_n = n;
    return AL_OK;
}

static al_code ask(const char *user, const char *what, char line[PASSWORD_BYTES_MAX + 1],
                   size_t *ret_n, al_err *err)
{
    struct termios shown;
    struct sigaction old[N_SIGNALS];
    struct sigaction ours = {.sa_handler = on_signal};
    sigset_t before;
    sigset_t blocked;
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return al_fail_errno(err, "terminal");
    struct termios silent = shown;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ECHONL;
    came = 0;
    (void)sigemptyset(&blocked);
    for (size_t i = 0; i < N_SIGNALS; i++) {
        (void)sigaddset(&blocked, signals[i]);
        (void)sigaction(signals[i], &ours, &old[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent); /* first: what is typed from now on counts */
    (void)fprintf(stderr, "%s for user %s: ", what, user);
    (void)fflush(stderr);
    al_code c = read_line(&before, line, ret_n, err);
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &shown);
    for (size_t i = 0; i < N_SIGNALS; i++)
        (void)sigaction(signals[i], &old[i], NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* one that came only now ends us here */
    if (came) {
        (void)fputc('\n', stderr);
        (void)raise(came);
        return al_fail(err, AL_INVALID, "no password was typed"); /* it did not end us */
    }
    return c;
}

static al_code ask_twice(const char *user, char line[PASSWORD_BYTES_MAX + 1], size_t *ret_n,
                         al_err *err)
{
    char again[PASSWORD_BYTES_MAX + 1];
    size_t n_again = 0;
    al_code c = ask(user, "New password", line, ret_n, err);
    if (!c)
        c = ask(user, "The same again", again, &n_again, err);
    if (!c && (n_again != *ret_n || memcmp(line, again, n_again) != 0))
        c = al_fail(err, AL_INVALID, "these were not the same");
    explicit_bzero(again, sizeof again);
    return c;
}

al_code password_read(const char *user, al_buf *to, al_err *err)
{
    char line[PASSWORD_BYTES_MAX + 1];
    size_t n = 0;
    bool is_terminal = isatty(STDIN_FILENO);
    al_code c = is_terminal ? ask_twice(user, line, &n, err) : read_line(NULL, line, &n, err);
    if (!c && n == 0)
        c = al_fail(err, AL_INVALID,
                    is_terminal ? "expected a password"
                                : "expected the password as a line on standard input");
    if (!c)
        al_buf_put(to, line, n);
    explicit_bzero(line, sizeof line);
    return c ? c : al_buf_code(to);
}
