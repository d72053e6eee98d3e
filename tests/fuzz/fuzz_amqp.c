/* Broker URLs: any bytes are an address or refused with a sentence. Properties: every part of an
 * address is a C string within its room, the port is one, the label says host, port and virtual
 * host and nothing of the login; a refusal repeats nothing behind the scheme, where the password
 * is. */
#include "fuzz.h"

#include "inputs/amqp_url.h"

/* Is the password in the label though nothing else of the address accounts for it? */
static bool tells_password(const amqp_address *a)
{
    char public[sizeof a->host + sizeof a->vhost + 16];
    (void)snprintf(public, sizeof public, "%s:%u%s%s", a->host, (unsigned)a->port,
                   a->vhost[0] == '/' ? "" : "/", a->vhost);
    return strlen(a->password) >= 8 && strstr(a->label, a->password) &&
           !strstr(public, a->password);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy((al_slice){data, size});
    amqp_address a;
    al_err err = {0};
    memset(&a, 0x5a, sizeof a);
    al_code c = amqp_url_parse((al_slice){copy, size}, &a, &err);
    if (c) {
        CHECK(c == AL_INVALID && err.code == c && err.msg[0]);
    } else {
        CHECK(a.port >= 1 && a.port <= 65535);
        CHECK(memchr(a.host, 0, sizeof a.host) && a.host[0]);
        CHECK(memchr(a.user, 0, sizeof a.user));
        CHECK(memchr(a.password, 0, sizeof a.password));
        CHECK(memchr(a.vhost, 0, sizeof a.vhost));
        CHECK(memchr(a.label, 0, sizeof a.label));
        CHECK(!tells_password(&a));
        CHECK(memchr(a.ca_file, 0, sizeof a.ca_file));
        CHECK(memchr(a.cert_file, 0, sizeof a.cert_file));
        CHECK(memchr(a.key_file, 0, sizeof a.key_file));
        CHECK(a.is_tls || a.must_verify);
    }
    free(copy);
    return 0;
}
