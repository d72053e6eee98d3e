#pragma once
/* access.h: who asks, and may they. HTTP thread; nothing here waits for a disk.
 *
 * While no user exists, whoever comes from this machine itself (guard_is_loopback) is an admin and
 * nobody else is served. From the first user on everybody shows a token (Authorization: Bearer) or
 * a session (a cookie, from POST login). A cookie comes along unasked with whatever a browser
 * sends, so a request with one that may change something also needs what only our own page can
 * read: X-CSRF-Token. */
#include "catalog/cat_users.h"
#include "server/routes.h"

#define ACCESS_SESSION_COOKIE "alco_session"
#define ACCESS_CSRF_COOKIE    "alco_csrf"

enum { ACCESS_CLIENT_BYTES_MAX = 64 };

typedef struct access_request {
    al_slice authorization; /* header fields; ptr NULL = absent */
    al_slice cookie;
    al_slice csrf;    /* X-CSRF-Token */
    bool is_loopback; /* from this machine itself */
    bool is_get;      /* or HEAD */
    bool is_private;  /* nobody but the owner of the data directory reaches this server */
} access_request;

typedef struct asker {
    enum {
        ASKER_UNKNOWN,
        ASKER_OWNER, /* of the data directory */
        ASKER_LOCAL, /* from this machine, while there are no users */
        ASKER_TOKEN,
        ASKER_SESSION,
    } how;
    cat_asker user;         /* its name is empty for the first two: they are admins */
    cat_secret_hash secret; /* of the token or session */
} asker;

typedef enum access_verdict {
    ACCESS_OK,
    ACCESS_NO_USERS,  /* 401: and it does not come from this machine */
    ACCESS_UNKNOWN,   /* 401: shows nothing */
    ACCESS_BAD_TOKEN, /* 401: shows a token that is none */
    ACCESS_NO_CSRF,   /* 403 */
    ACCESS_ROLE,      /* 403: is somebody else */
} access_verdict;

/* Who asks, as far as can be told (also of a route for all), and whether the route is for them. */
access_verdict access_check(cat_users *users, const access_request *r, const route *to,
                            asker *ret_who);
/* Is what they showed still good? For answers that go on for long. */
bool access_still(cat_users *users, const asker *who, const route *to);
/* May a user of this role use the route? Pure. */
bool access_allows(route_who who, cat_role role);
/* "readers", for people. */
const char *access_who_name(route_who who);

/* Pure. The token of "Bearer TOKEN", whose scheme is in any case. */
bool access_bearer(al_slice authorization, al_slice *ret);
/* Pure. The next value of a cookie of this name, from *at on: "a=1; b=2". */
bool access_next_cookie(al_slice cookies, const char *name, size_t *at, al_slice *ret);
/* Pure. Whose tries are counted together: the peer's address (of IPv6 the network, /64); when that
 * is a proxy on this machine, the last of X-Forwarded-For, which such a proxy has put there. */
struct sockaddr;
void access_client(const struct sockaddr *peer, al_slice forwarded_for,
                   char ret[ACCESS_CLIENT_BYTES_MAX]);
