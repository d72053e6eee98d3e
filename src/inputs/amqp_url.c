/* Broker URLs, read as RabbitMQ's own URI specification does, with one difference that the contract
 * asks for: a path of "/" alone is the virtual host "/" and not the empty one. */
#include "inputs/amqp_url.h"

#include <stdio.h>
#include <string.h>

#define AMQP_CA_FILE "/etc/ssl/certs/ca-certificates.crt" /* where Debian keeps them */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into a C string. */
static al_code put_part(al_slice part, const char *what, char *to, size_t to_bytes, al_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < part.len; i++) {
        uint8_t c = part.ptr[i];
        if (c == '%') {
            int high = i + 2 < part.len ? hex_digit(part.ptr[i + 1]) : -1;
            int low = i + 2 < part.len ? hex_digit(part.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return al_fail(err, AL_INVALID,
                               "broker URL: %% in the %s must be followed by two hex digits", what);
            c = (uint8_t)(high * 16 + low);
            i += 2;
        }
        if (c == 0 || n + 1 >= to_bytes)
            return al_fail(err, AL_INVALID, "broker URL: the %s %s", what,
                           c == 0 ? "holds a NUL" : "is too long");
        to[n++] = (char)c;
    }
    to[n] = 0;
    return AL_OK;
}

/* What stands before the first `byte`, which is skipped; all of it when there is none. */
static al_slice cut_at(al_slice *rest, uint8_t byte)
{
    size_t at = al_slice_find(*rest, byte, 0);
    al_slice part = al_slice_sub(*rest, 0, at);
    *rest = al_slice_sub(*rest, at < rest->len ? at + 1 : rest->len, rest->len);
    return part;
}

static al_code parse_login(al_slice login, amqp_address *a, al_err *err)
{
    al_slice user = cut_at(&login, ':');
    al_code c = put_part(user, "user", a->user, sizeof a->user, err);
    return c ? c : put_part(login, "password", a->password, sizeof a->password, err);
}

static al_code parse_place(al_slice place, amqp_address *a, al_err *err)
{
    al_slice host;
    al_slice port;
    if (al_slice_starts(place, AL_LIT("["))) {
        size_t end = al_slice_find(place, ']', 0);
        if (end == place.len)
            return al_fail(err, AL_INVALID, "broker URL: '[' without ']' in the host");
        host = al_slice_sub(place, 1, end);
        port = al_slice_sub(place, end + 1, place.len);
        if (port.len && port.ptr[0] != ':')
            return al_fail(err, AL_INVALID, "broker URL: ':port' was expected after ']'");
        port = al_slice_sub(port, 1, port.len);
    } else {
        port = place;
        host = cut_at(&port, ':');
    }
    if (port.len) {
        uint64_t n = 0;
        if (!al_parse_u64(port, &n) || n == 0 || n > 65535)
            return al_fail(err, AL_INVALID, "broker URL: port '%.*s' is not 1 to 65535",
                           AL_ARG(port));
        a->port = (int)n;
    }
    al_code c = put_part(host, "host", a->host, sizeof a->host, err);
    if (!c && !a->host[0])
        (void)snprintf(a->host, sizeof a->host, "localhost");
    return c;
}

static al_code parse_option(al_slice option, amqp_address *a, al_err *err)
{
    al_slice name = cut_at(&option, '=');
    if (al_slice_eq(name, AL_LIT("cacertfile")))
        return put_part(option, "cacertfile", a->ca_file, sizeof a->ca_file, err);
    if (al_slice_eq(name, AL_LIT("certfile")))
        return put_part(option, "certfile", a->cert_file, sizeof a->cert_file, err);
    if (al_slice_eq(name, AL_LIT("keyfile")))
        return put_part(option, "keyfile", a->key_file, sizeof a->key_file, err);
    if (al_slice_eq(name, AL_LIT("verify")) && (al_slice_eq(option, AL_LIT("verify_peer")) ||
                                                al_slice_eq(option, AL_LIT("verify_none")))) {
        a->must_verify = al_slice_eq(option, AL_LIT("verify_peer"));
        return AL_OK;
    }
    return al_fail(err, AL_INVALID,
                   "broker URL: '%.*s=%.*s': cacertfile, certfile, keyfile or "
                   "verify=verify_peer|verify_none was expected",
                   AL_ARG(name), AL_ARG(option));
}

static al_code parse_options(al_slice query, amqp_address *a, al_err *err)
{
    if (query.len && !a->is_tls)
        return al_fail(err, AL_INVALID, "broker URL: options after '?' are for amqps only");
    while (query.len) {
        al_code c = parse_option(cut_at(&query, '&'), a, err);
        if (c)
            return c;
    }
    if (!a->cert_file[0] != !a->key_file[0])
        return al_fail(err, AL_INVALID, "broker URL: certfile and keyfile belong together");
    return AL_OK;
}

al_code amqp_url_parse(al_slice url, amqp_address *ret, al_err *err)
{
    amqp_address a = {.port = 5672,
                      .user = "guest",
                      .password = "guest",
                      .vhost = "/",
                      .must_verify = true,
                      .ca_file = AMQP_CA_FILE};
    al_slice rest;
    if (al_slice_starts(url, AL_LIT("amqp://"))) {
        rest = al_slice_sub(url, 7, url.len);
    } else if (al_slice_starts(url, AL_LIT("amqps://"))) {
        rest = al_slice_sub(url, 8, url.len);
        a.is_tls = true;
        a.port = 5671;
    } else {
        return al_fail(err, AL_INVALID, "broker URL: must begin with amqp:// or amqps://");
    }
    al_slice query = rest;
    rest = cut_at(&query, '?');
    al_slice path = rest;
    al_slice place = cut_at(&path, '/');
    size_t at = place.len; /* the last @: a password may hold one that was not encoded */
    while (at > 0 && place.ptr[at - 1] != '@')
        at--;
    al_code c = AL_OK;
    if (at > 0)
        c = parse_login(al_slice_sub(place, 0, at - 1), &a, err);
    if (!c)
        c = parse_place(al_slice_sub(place, at, place.len), &a, err);
    if (!c && path.len)
        c = put_part(path, "virtual host", a.vhost, sizeof a.vhost, err);
    if (!c)
        c = parse_options(query, &a, err);
    if (c)
        return c;
    (void)snprintf(a.label, sizeof a.label, "%s:%d%s%s", a.host, a.port,
                   a.vhost[0] == '/' ? "" : "/", a.vhost);
    *ret = a;
    return AL_OK;
}
