/* Connections to a broker.
 * What librabbitmq leaves to its caller, and is done here: time limits for connecting, the
 * handshake and each call; telling the broker that we understand basic.cancel and
 * connection.blocked; answering its closes; a fresh channel after a refusal. */
#include "inputs/amqp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/checked.h"
#include "base/mem.h"

/* A host that is down answers nothing: connecting again soon beats waiting for the next SYN, which
 * the kernel would send after 1, 3 and 7 seconds. */
static const struct timeval connect_limit = {.tv_usec = 950000};
static const struct timeval connect_tls_limit = {.tv_sec = 3};
static const struct timeval call_limit = {.tv_sec = 5};

static al_code set_up_tls(const amqp_link *k, amqp_socket_t *sock, const amqp_address *to,
                          al_err *err)
{
    k->mq->ssl_socket_set_verify_peer(sock, to->must_verify);
    k->mq->ssl_socket_set_verify_hostname(sock, to->must_verify);
    if (to->must_verify && k->mq->ssl_socket_set_cacert(sock, to->ca_file))
        return al_fail(err, AL_INVALID, "%s: certificates of '%s' cannot be read", to->label,
                       to->ca_file);
    if (to->cert_file[0] && k->mq->ssl_socket_set_key(sock, to->cert_file, to->key_file))
        return al_fail(err, AL_INVALID, "%s: '%s' and '%s' are not a certificate and its key",
                       to->label, to->cert_file, to->key_file);
    return AL_OK;
}

static amqp_table_entry_t flag(const char *name)
{
    amqp_table_entry_t e = {.key = amqp_text(name)};
    e.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    e.value.value.boolean = 1;
    return e;
}

static amqp_table_entry_t text(const char *name, const char *value)
{
    amqp_table_entry_t e = {.key = amqp_text(name)};
    e.value.kind = AMQP_FIELD_KIND_UTF8;
    e.value.value.bytes = amqp_text(value);
    return e;
}

static amqp_rpc_reply_t log_in(amqp_link *k, const amqp_address *to, const char *name)
{
    amqp_table_entry_t can[] = {
        flag("consumer_cancel_notify"), flag("connection.blocked"),           flag("basic.nack"),
        flag("publisher_confirms"),     flag("authentication_failure_close"),
    };
    amqp_table_entry_t about[] = {
        {.key = amqp_text("capabilities")},
        text("product", "alco"),
        text("connection_name", name),
    };
    about[0].value.kind = AMQP_FIELD_KIND_TABLE;
    about[0].value.value.table = (amqp_table_t){AL_COUNT(can), can};
    amqp_table_t properties = {AL_COUNT(about), about};
    return k->mq->login_with_properties(k->c, to->vhost, AMQP_DEFAULT_MAX_CHANNELS,
                                        AMQP_FRAME_BYTES_MAX, AMQP_HEARTBEAT_S, &properties,
                                        AMQP_SASL_METHOD_PLAIN, to->user, to->password);
}

/* A cluster has one name, whichever node and address is used; a queue is of the cluster. */
static void name_broker(amqp_link *k, const amqp_address *to)
{
    const amqp_table_t *about = k->mq->get_server_properties(k->c);
    (void)snprintf(k->where, sizeof k->where, "%s", to->label);
    for (int i = 0; about && i < about->num_entries; i++) {
        const amqp_table_entry_t *e = &about->entries[i];
        if (!al_slice_eq(amqp_slice_of(e->key), AL_LIT("cluster_name")) ||
            e->value.kind != AMQP_FIELD_KIND_UTF8 || e->value.value.bytes.len == 0)
            continue;
        al_slice name = amqp_slice_of(e->value.value.bytes);
        (void)snprintf(k->where, sizeof k->where, "%.*s/%s", AL_ARG(name), to->vhost);
    }
}

al_code amqp_link_open(const amqp_address *to, const char *name, amqp_link **ret, al_err *err)
{
    AL_CLEANUP(amqp_link_dropp) amqp_link *k = al_zalloc(1, sizeof *k);
    if (!k)
        return al_fail(err, AL_NOMEM, "%s: no memory for a connection", to->label);
    k->is_broken = true;
    al_code c = rabbitmq_lib_get(&k->mq, err);
    if (c)
        return c;
    k->c = k->mq->new_connection();
    amqp_socket_t *sock = NULL;
    if (k->c)
        sock = to->is_tls ? k->mq->ssl_socket_new(k->c) : k->mq->tcp_socket_new(k->c);
    if (!sock)
        return al_fail(err, AL_NOMEM, "%s: no memory for a connection", to->label);
    c = to->is_tls ? set_up_tls(k, sock, to, err) : AL_OK;
    if (c)
        return c;
    int status = k->mq->set_handshake_timeout(k->c, &call_limit);
    if (status == AMQP_STATUS_OK)
        status = k->mq->set_rpc_timeout(k->c, &call_limit);
    if (status == AMQP_STATUS_OK)
        status = k->mq->socket_open_noblock(sock, to->host, to->port,
                                            to->is_tls ? &connect_tls_limit : &connect_limit);
    if (status != AMQP_STATUS_OK)
        return al_fail(err, AL_IO, "%s: connect: %s", to->label,
                       status == AMQP_STATUS_SOCKET_ERROR ? "refused or not reachable"
                                                          : k->mq->error_string2(status));
    k->is_broken = false;
    amqp_rpc_reply_t r = log_in(k, to, name);
    if (r.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        r.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *m = r.reply.decoded;
        k->is_broken = true;
        return al_fail(err, AL_INVALID, "%s: refused: %.*s", to->label,
                       AL_ARG(amqp_slice_of(m->reply_text)));
    }
    if (r.reply_type != AMQP_RESPONSE_NORMAL) {
        k->is_broken = true;
        return al_fail(err, AL_IO, "%s: log in: %s", to->label,
                       r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                           ? k->mq->error_string2(r.library_error)
                           : "the broker ended the connection");
    }
    name_broker(k, to);
    k->channel = 1;
    (void)k->mq->channel_open(k->c, k->channel);
    c = amqp_link_check(k, "open a channel", err);
    if (c)
        return c;
    *ret = AL_TAKE(k);
    return AL_OK;
}

amqp_link *amqp_link_close(amqp_link *k, bool is_polite)
{
    if (!k)
        return NULL;
    if (is_polite && !k->is_broken)
        (void)k->mq->connection_close(k->c, AMQP_REPLY_SUCCESS); /* we leave in any case */
    if (k->c)
        (void)k->mq->destroy_connection(k->c); /* closes the socket; nothing else can fail */
    free(k);
    return NULL;
}

al_code amqp_link_status(amqp_link *k, int status, const char *what, al_err *err)
{
    k->is_broken = true;
    return al_fail(err, AL_IO, "%s: %s", what, k->mq->error_string2(status));
}

/* The channel is gone at the broker: answer, and go on with the next number. */
static al_code reopen_channel(amqp_link *k, al_err *err)
{
    amqp_channel_close_ok_t ok = {0};
    int status = k->mq->send_method(k->c, k->channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    if (status != AMQP_STATUS_OK)
        return amqp_link_status(k, status, "answer channel.close", err);
    k->mq->maybe_release_buffers_on_channel(k->c, k->channel);
    k->channel++;
    (void)k->mq->channel_open(k->c, k->channel);
    if (k->mq->get_rpc_reply(k->c).reply_type != AMQP_RESPONSE_NORMAL) {
        k->is_broken = true;
        return al_fail(err, AL_IO, "open a channel again: refused");
    }
    return AL_OK;
}

static al_code code_of_reply(int reply_code)
{
    switch (reply_code) {
    case AMQP_REPLY_NOT_FOUND:
        return AL_NOT_FOUND;
    case AMQP_REPLY_PRECONDITION_FAILED:
        return AL_EXISTS;
    default:
        return AL_INVALID;
    }
}

al_code amqp_link_frame(amqp_link *k, int limit_s, amqp_frame_t *ret, bool *ret_has, al_err *err)
{
    struct timeval limit = {.tv_sec = limit_s};
    k->mq->maybe_release_buffers(k->c);
    int status = k->mq->simple_wait_frame_noblock(k->c, ret, &limit);
    *ret_has = status == AMQP_STATUS_OK;
    if (status == AMQP_STATUS_OK || status == AMQP_STATUS_TIMEOUT)
        return AL_OK;
    return amqp_link_status(k, status, "connection lost", err);
}

al_code amqp_link_closed(amqp_link *k, const amqp_method_t *method, al_err *err)
{
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *m = method->decoded;
        k->reply_code = m->reply_code;
        return al_fail(err, code_of_reply(m->reply_code), "%.*s",
                       AL_ARG(amqp_slice_of(m->reply_text)));
    }
    const amqp_connection_close_t *m = method->decoded;
    k->reply_code = m->reply_code;
    al_code c = al_fail(err, AL_IO, "%.*s", AL_ARG(amqp_slice_of(m->reply_text)));
    amqp_connection_close_ok_t ok = {0};
    (void)k->mq->send_method(k->c, 0, AMQP_CONNECTION_CLOSE_OK_METHOD,
                             &ok); /* it ends either way */
    k->is_broken = true;
    return c;
}

al_code amqp_link_check(amqp_link *k, const char *what, al_err *err)
{
    amqp_rpc_reply_t r = k->mq->get_rpc_reply(k->c);
    if (r.reply_type == AMQP_RESPONSE_NORMAL)
        return AL_OK;
    al_err local;
    if (!err)
        err = &local;
    if (r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return amqp_link_status(k, r.library_error, what, err);
    if (r.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) {
        k->is_broken = true;
        return al_fail(err, AL_IO, "%s: the broker ended the connection", what);
    }
    al_code c = amqp_link_closed(k, &r.reply, err);
    al_err again;
    if (c != AL_IO && reopen_channel(k, &again))
        *err = again;
    return al_wrap(err, "%s", what);
}
