#pragma once
/* amqp_url.h: where a broker is. Any thread. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

typedef struct amqp_address { /* plain data: copy it */
    char host[256];
    int port;
    char user[256];
    char password[1024];
    char vhost[256];
    bool is_tls;
    bool must_verify; /* the broker's certificate and name; true unless verify=verify_none */
    char ca_file[512];
    char cert_file[512]; /* of the client; empty = none */
    char key_file[512];
    char label[640]; /* host:port/vhost, for people: no password */
} amqp_address;

/* amqp://user:password@host:port/vhost, or amqps. Parts are percent-decoded; user and password are
 * guest, the port 5672 (5671 with TLS) by default. No path or / is the virtual host "/", /x is
 * "x", /%2F is "/". With amqps: ?cacertfile= &certfile= &keyfile= &verify=verify_peer|verify_none.
 * AL_INVALID says what was expected; it never repeats the password. */
AL_CHECK al_code amqp_url_parse(al_slice url, amqp_address *ret, al_err *err);
