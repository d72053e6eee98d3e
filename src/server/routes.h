#pragma once
/* routes.h: every address the program answers, with the parameters it knows. The table is the truth
 * for dispatch, for "unknown parameter", and for the test of openapi.json. Immutable. */
#include <stdbool.h>
#include <stddef.h>

#include "server/url.h"

typedef struct req req;

enum { ROUTE_ARGS_MAX = 2 };

/* Instead of a list of parameters: any, read as Django does. Of old ALCO's addresses. */
#define ROUTE_OLD "*"

typedef enum route_body {
    BODY_NONE,
    BODY_PARAMS, /* form or JSON object: more parameters */
    BODY_JSON,   /* kept as it is */
    BODY_LINES,  /* an upload */
} route_body;

typedef enum route_who { /* what is forgotten in the table is for admins */
                         FOR_ADMINS,
                         FOR_READERS, /* of logs; and admins, as for writers */
                         FOR_WRITERS, /* who send logs, and can do nothing else */
                         FOR_USERS,   /* of any role */
                         FOR_ALL,
} route_who;

typedef struct route {   /* NOLINT(clang-analyzer-optin.performance.Padding): reads as a line */
    const char *method;  /* GET also answers HEAD */
    const char *path;    /* "/api/v1/indexes/{index}/search"; a * at the end is any text */
    void (*run)(req *r); /* on a worker (open ones on the HTTP thread); answers */
    route_body body;
    const char *params; /* "q from to", names of the query string */
    bool is_open;       /* needs no engine, and runs on the HTTP thread: /health, /ready */
    bool is_quick;      /* looks at counters and settings only: never waits behind queries */
    route_who who;
    bool has_password; /* may hash one: has threads of its own, few at a time */
} route;

extern const route routes[];
extern const size_t n_routes;

typedef enum route_verdict { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD } route_verdict;

/* Finds the route and the decoded {arguments}. ROUTE_NO_METHOD: *ret_allow lists what the path
 * takes, as in an Allow header (static buffer of the caller, 64 bytes). */
route_verdict route_find(al_slice method, const url_target *t, const route **ret,
                         al_slice ret_args[ROUTE_ARGS_MAX], char ret_allow[64]);
/* Is it one of old ALCO's? They are not in openapi.json. */
bool route_is_old(const route *r);
/* Is it an address of the page, where people come and not programs? */
bool route_is_page(const route *r);
/* Does the route know this parameter? */
bool route_has_param(const route *r, al_slice name);
