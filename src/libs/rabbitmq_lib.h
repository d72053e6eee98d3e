#pragma once
/* rabbitmq_lib.h: librabbitmq, loaded when the first connection to a broker is to be made. The
 * types are those of its own headers, so that the compiler checks every call; the names lack
 * `amqp_`. Any thread. */
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

#include "base/err.h"

#define RABBITMQ_LIB_FUNCTIONS(F)                                                                  \
    F(basic_ack)                                                                                   \
    F(basic_consume)                                                                               \
    F(basic_publish)                                                                               \
    F(basic_qos)                                                                                   \
    F(channel_open)                                                                                \
    F(confirm_select)                                                                              \
    F(connection_close)                                                                            \
    F(destroy_connection)                                                                          \
    F(error_string2)                                                                               \
    F(exchange_declare)                                                                            \
    F(exchange_delete)                                                                             \
    F(get_heartbeat)                                                                               \
    F(get_rpc_reply)                                                                               \
    F(get_server_properties)                                                                       \
    F(get_sockfd)                                                                                  \
    F(login_with_properties)                                                                       \
    F(maybe_release_buffers)                                                                       \
    F(maybe_release_buffers_on_channel)                                                            \
    F(new_connection)                                                                              \
    F(queue_bind)                                                                                  \
    F(queue_declare)                                                                               \
    F(queue_delete)                                                                                \
    F(queue_unbind)                                                                                \
    F(send_frame)                                                                                  \
    F(send_method)                                                                                 \
    F(set_handshake_timeout)                                                                       \
    F(set_rpc_timeout)                                                                             \
    F(simple_wait_frame_noblock)                                                                   \
    F(socket_open_noblock)                                                                         \
    F(ssl_socket_new)                                                                              \
    F(ssl_socket_set_cacert)                                                                       \
    F(ssl_socket_set_key)                                                                          \
    F(ssl_socket_set_verify_hostname)                                                              \
    F(ssl_socket_set_verify_peer)                                                                  \
    F(tcp_socket_new)

/* NOLINTBEGIN(bugprone-macro-parentheses): it declares a member */
typedef struct rabbitmq_lib {
#define RABBITMQ_LIB_MEMBER(name) __typeof__(amqp_##name) *name;
    RABBITMQ_LIB_FUNCTIONS(RABBITMQ_LIB_MEMBER)
#undef RABBITMQ_LIB_MEMBER
} rabbitmq_lib;
/* NOLINTEND(bugprone-macro-parentheses) */

/* The library, there for the rest of the process' life. AL_NOT_FOUND as library_load. */
AL_CHECK al_code rabbitmq_lib_get(const rabbitmq_lib **ret, al_err *err);
