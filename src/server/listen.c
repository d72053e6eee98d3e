/* The listening socket, and whether others than this machine's can reach it. */
#include "server/listen.h"

#include <assert.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/slice.h"
#include "server/guard.h"

enum { BACKLOG = 1024 };

static void free_infop(struct addrinfo **a)
{
    if (*a)
        freeaddrinfo(*a);
}

static al_code resolve(const char *address, struct addrinfo **ret, al_err *err)
{
    al_slice host;
    al_slice port;
    char host_text[256];
    char port_text[8];
    uint64_t number = 0;
    if (!guard_split_host(al_cstr(address), &host, &port) || port.len == 0 ||
        !al_parse_u64(port, &number) || number > 65535 || host.len >= sizeof host_text)
        return al_fail(err, AL_INVALID, "listen '%.200s': expected HOST:PORT", address);
    (void)snprintf(host_text, sizeof host_text, "%.*s", (int)host.len, (const char *)host.ptr);
    (void)snprintf(port_text, sizeof port_text, "%u", (unsigned)number);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    int r = getaddrinfo(host_text, port_text, &hints, ret);
    if (r)
        return al_fail(err, AL_INVALID, "listen '%.200s': %s", address, gai_strerror(r));
    return AL_OK;
}

static bool is_beyond(const struct addrinfo *a)
{
    for (; a; a = a->ai_next)
        if (!guard_addr_is_loopback(a->ai_addr))
            return true;
    return false;
}

al_code listen_check(const char *address, bool *ret_is_beyond, al_err *err)
{
    AL_CLEANUP(free_infop) struct addrinfo *a = NULL;
    *ret_is_beyond = false;
    if (strncmp(address, "unix:", 5) == 0)
        return AL_OK;
    al_code c = resolve(address, &a, err);
    if (!c)
        *ret_is_beyond = is_beyond(a);
    return c;
}

static al_code open_unix(const char *path, int *ret_fd, al_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    AL_CLEANUP(al_closep) int fd = -1;
    if (strlen(path) >= sizeof addr.sun_path)
        return al_fail(err, AL_INVALID, "listen 'unix:%.100s': the path is too long", path);
    (void)snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 ||
        listen(fd, BACKLOG) != 0)
        return al_fail_errno(err, "listen on unix:%.100s", path);
    *ret_fd = fd;
    fd = -1; /* not AL_TAKE, which would leave 0 */ /* NOLINT: read by the cleanup */
    return AL_OK;
}

static al_code open_tcp(const char *address, const struct addrinfo *a, int *ret_fd, al_err *err)
{
    assert(a); /* getaddrinfo gives one, or fails */
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;
    if (fd < 0)
        return al_fail_errno(err, "listen on %.100s", address);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        al_code c = al_fail_errno(err, "listen on %.100s", address);
        (void)close(fd);
        return c;
    }
    *ret_fd = fd;
    return AL_OK;
}

static void format_address(const char *address, int fd, char *ret, size_t n)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char port[8];
    al_slice host;
    al_slice old_port;
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0 ||
        getnameinfo((struct sockaddr *)&addr, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) ||
        !guard_split_host(al_cstr(address), &host, &old_port)) {
        (void)snprintf(ret, n, "%s", address);
        return;
    }
    bool is_six = memchr(host.ptr, ':', host.len);
    (void)snprintf(ret, n, is_six ? "[%.*s]:%s" : "%.*s:%s", AL_ARG(host), port);
}

al_code listen_open(const char *address, int *ret_fd, char *ret_text, size_t text_bytes,
                    al_err *err)
{
    AL_CLEANUP(free_infop) struct addrinfo *a = NULL;
    if (strncmp(address, "unix:", 5) == 0) {
        (void)snprintf(ret_text, text_bytes, "%s", address);
        return open_unix(address + 5, ret_fd, err);
    }
    al_code c = resolve(address, &a, err);
    if (!c)
        c = open_tcp(address, a, ret_fd, err);
    if (!c)
        format_address(address, *ret_fd, ret_text, text_bytes);
    return c;
}
