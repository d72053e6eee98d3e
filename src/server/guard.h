#pragma once
/* guard.h: who may ask at all: no web page reads or writes logs through somebody's browser, and
 * nobody from outside passes for this machine. Pure. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/slice.h"

typedef struct guard_request {
    const struct sockaddr *peer; /* NULL or not an IP address: a local socket */
    al_slice host;               /* header fields; ptr NULL = absent */
    al_slice origin;
    al_slice fetch_site;
    al_slice fetch_mode;
    al_slice content_length;
    al_slice transfer_encoding;
    bool is_get;       /* or HEAD */
    bool is_forwarded; /* Forwarded or X-Forwarded-* is there */
    bool is_doubled;   /* one of the fields above came twice */
    bool is_blurred;   /* a name of a field has a space in or behind it */
} guard_request;

typedef enum guard_verdict {
    GUARD_OK,
    GUARD_BAD_HOST,   /* 421; also without one */
    GUARD_BAD_ORIGIN, /* 403 */
    GUARD_CROSS_SITE, /* 403 */
    GUARD_BAD_FRAME,  /* 400: a proxy before us may have seen another host or other bounds */
} guard_verdict;

/* `hosts`: the names under which browsers reach us (lower case). */
guard_verdict guard_check(const guard_request *r, const al_slice *hosts, size_t n_hosts);
/* Does the request come from this machine itself, not through a proxy? */
bool guard_is_loopback(const guard_request *r);
bool guard_addr_is_loopback(const struct sockaddr *addr);
/* "name", "name:1", "1.2.3.4:5", "[::1]:6" -> name and port text (may be empty). False when it is
 * none of these. */
bool guard_split_host(al_slice text, al_slice *ret_name, al_slice *ret_port);
