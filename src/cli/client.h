#pragma once
/* client.h: talking to a server: the one at --server (ALCO_SERVER), or one that this process runs
 * for itself on a data directory (--data). One thread. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

typedef struct client client;

typedef struct client_options {
    const char *server; /* NULL: ALCO_SERVER, else http://127.0.0.1:8000 */
    const char *data;   /* not NULL: read this directory instead */
    const char *token;  /* NULL: ALCO_TOKEN, else none */
    bool may_create;    /* `data` may be empty or not there yet: for commands that write */
} client_options;

/* The flags --server, --token, --data of every client command, for getopt_long: numbers that are no
 * letter and no other flag's of theirs. */
enum { CLIENT_SERVER = 1001, CLIENT_TOKEN, CLIENT_DATA };
#define CLIENT_FLAGS                                                                               \
    {"server", required_argument, NULL, CLIENT_SERVER},                                            \
        {"token", required_argument, NULL, CLIENT_TOKEN},                                          \
    {                                                                                              \
        "data", required_argument, NULL, CLIENT_DATA                                               \
    }
#define CLIENT_HELP                                                                                \
    "  --server URL        the server (ALCO_SERVER, else http://127.0.0.1:8000)\n"                 \
    "  --token TOKEN       who is asking (ALCO_TOKEN)\n"                                           \
    "  --data DIR          read this data directory, which no server owns\n"
/* Takes one of CLIENT_FLAGS; false when `c` is another. */
int client_take_flag(client_options *o, int c, const char *value);

/* AL_INVALID: an address or a token that cannot be one. With `data` also as node_open;
 * AL_NOT_FOUND, with a message and before anything is written: there is no alco data in it. */
AL_CHECK al_code client_open(const client_options *o, client **ret, al_err *err);
client *client_close(client *c);

typedef struct client_call {
    const char *method;        /* NULL: GET */
    const char *path;          /* "/api/v1/…", with its query string */
    al_slice body;             /* with method POST or PATCH */
    const char *type;          /* media type of the body */
    const char *last_event_id; /* of a stream of events: go on behind it; may be NULL */
    bool is_endless;           /* a stream with heartbeats: it broke when it is silent for long */
    /* The answer's bytes as they come; false ends the call (AL_CANCELLED). NULL: into `ret_body`.
     */
    bool (*take)(void *ctx, al_slice bytes);
    void *ctx;
} client_call;

/* AL_OK: status 2xx. Else the server's own sentence and a code by its status (404 AL_NOT_FOUND, 503
 * AL_AGAIN, other 4xx AL_INVALID, rest AL_IO). AL_IO: no connection, or it broke. `ret_body` may be
 * NULL and is cleared first. */
AL_CHECK al_code client_run(client *c, const client_call *call, al_buf *ret_body, al_err *err);
/* The value of the trailer or header field of the last call, or an empty slice; valid until the
 * next. */
al_slice client_partial(const client *c); /* Alco-Partial */
al_slice client_type(const client *c);    /* Content-Type */

AL_DEFINE_CLEANUP(client, client_close);
