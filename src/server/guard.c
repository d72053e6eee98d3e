/* Host, Origin and Sec-Fetch-Site, and the bounds of the body.
 * Why Host: a page on evil.example whose name is made to resolve to 127.0.0.1 sends Host:
 * evil.example; an IP address or `localhost` cannot be such a name. Why Origin: a page elsewhere
 * may send a form or fetch to us; browsers then say where it is from. Why Sec-Fetch-Site: requests
 * without Origin (images, scripts) are marked cross-site by browsers; only a link that somebody
 * followed may be. */
#include "server/guard.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static bool is_port(al_slice s)
{
    if (s.len > 5)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return true;
}

bool guard_split_host(al_slice text, al_slice *ret_name, al_slice *ret_port)
{
    al_slice name = {0};
    al_slice rest = {0};
    if (text.len && text.ptr && text.ptr[0] == '[') {
        size_t close = al_slice_find(text, ']', 0);
        if (close == text.len)
            return false;
        name = al_slice_sub(text, 1, close);
        rest = al_slice_sub(text, close + 1, text.len);
    } else {
        size_t colon = al_slice_find(text, ':', 0);
        name = al_slice_sub(text, 0, colon);
        rest = al_slice_sub(text, colon, text.len);
        for (size_t i = 0; i < name.len; i++)
            if (!is_name_byte(name.ptr[i]))
                return false;
    }
    if (rest.len && rest.ptr[0] != ':')
        return false;
    al_slice port = al_slice_sub(rest, 1, rest.len);
    if (name.len == 0 || !is_port(port))
        return false;
    *ret_name = name;
    *ret_port = port;
    return true;
}

static bool equal_ignoring_case(al_slice a, al_slice b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp((const char *)a.ptr, (const char *)b.ptr, a.len) == 0);
}

static bool is_ip_address(al_slice name)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr six;
    struct in_addr four;
    if (name.len >= sizeof text || memchr(name.ptr, '\0', name.len))
        return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1;
}

static bool is_listed(al_slice name, const al_slice *hosts, size_t n_hosts)
{
    for (size_t i = 0; i < n_hosts; i++)
        if (equal_ignoring_case(name, hosts[i]))
            return true;
    return false;
}

/* The port that is meant when none is written. */
static al_slice port_or_default(al_slice port, bool is_https)
{
    if (port.len)
        return port;
    return is_https ? AL_LIT("443") : AL_LIT("80");
}

static bool origin_is_ours(al_slice origin, al_slice host, const al_slice *hosts, size_t n_hosts)
{
    bool is_https = al_slice_starts(origin, AL_LIT("https://"));
    if (!is_https && !al_slice_starts(origin, AL_LIT("http://")))
        return false; /* also "null" */
    al_slice name;
    al_slice port;
    al_slice host_name;
    al_slice host_port;
    if (!guard_split_host(al_slice_sub(origin, is_https ? 8 : 7, origin.len), &name, &port))
        return false;
    if (is_listed(name, hosts, n_hosts))
        return true;
    return guard_split_host(host, &host_name, &host_port) && equal_ignoring_case(name, host_name) &&
           al_slice_eq(port_or_default(port, is_https), port_or_default(host_port, is_https));
}

/* Where the body ends must be beyond doubt (RFC 9112 section 6.3). */
static bool has_clear_frame(const guard_request *r)
{
    if (r->is_doubled || r->is_blurred || (r->content_length.ptr && r->transfer_encoding.ptr))
        return false;
    return !r->transfer_encoding.ptr ||
           equal_ignoring_case(r->transfer_encoding, AL_LIT("chunked"));
}

guard_verdict guard_check(const guard_request *r, const al_slice *hosts, size_t n_hosts)
{
    al_slice name;
    al_slice port;
    if (!has_clear_frame(r))
        return GUARD_BAD_FRAME;
    if (!guard_split_host(r->host, &name, &port)) /* none at all: HTTP/1.1 asks for one */
        return GUARD_BAD_HOST;
    if (!is_ip_address(name) && !equal_ignoring_case(name, AL_LIT("localhost")) &&
        !is_listed(name, hosts, n_hosts))
        return GUARD_BAD_HOST;
    if (r->origin.ptr && !origin_is_ours(r->origin, r->host, hosts, n_hosts))
        return GUARD_BAD_ORIGIN;
    bool is_navigation = r->is_get && al_slice_eq(r->fetch_mode, AL_LIT("navigate"));
    if (al_slice_eq(r->fetch_site, AL_LIT("cross-site")) && !is_navigation)
        return GUARD_CROSS_SITE;
    return GUARD_OK;
}

bool guard_addr_is_loopback(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    }
    if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, addr, sizeof in);
        const uint8_t *b = in.sin6_addr.s6_addr;
        static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        return IN6_IS_ADDR_LOOPBACK(&in.sin6_addr) || (memcmp(b, mapped, 12) == 0 && b[12] == 127);
    }
    return addr->sa_family == AF_UNIX;
}

bool guard_is_loopback(const guard_request *r)
{
    return !r->is_forwarded && (!r->peer || guard_addr_is_loopback(r->peer));
}
