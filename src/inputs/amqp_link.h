#pragma once
/* amqp_link.h: one connection to a broker with one open channel, over librabbitmq. One thread. */
#include "base/cleanup.h"
#include "inputs/amqp_url.h"
#include "libs/rabbitmq_lib.h"

enum {
    AMQP_HEARTBEAT_S = 30,
    AMQP_FRAME_BYTES_MAX = 131072,
    AMQP_REPLY_NOT_FOUND = 404,
    AMQP_REPLY_PRECONDITION_FAILED = 406,
};

#define AMQP_NO_TABLE ((amqp_table_t){0})
#define AMQP_NO_BYTES ((amqp_bytes_t){0})

typedef struct amqp_link {
    const rabbitmq_lib *mq;
    amqp_connection_state_t c;
    amqp_channel_t channel;
    bool is_broken;  /* nothing more can be said on this connection */
    int reply_code;  /* of the broker's last refusal, such as 404; 0: none */
    char where[640]; /* names the broker whatever address it was reached by: its cluster's name and
                        the virtual host */
} amqp_link;

/* Connects, logs in and opens a channel. `name` shows in the broker's list of connections.
 * AL_IO: it could not be reached; AL_INVALID: it was reached and refused (user, virtual host);
 * AL_NOT_FOUND: librabbitmq is missing. */
AL_CHECK al_code amqp_link_open(const amqp_address *to, const char *name, amqp_link **ret,
                                al_err *err);
/* Says good-bye if it can (`is_polite`, a round trip) and frees. NULL is fine. */
amqp_link *amqp_link_close(amqp_link *k, bool is_polite);
static inline amqp_link *amqp_link_drop(amqp_link *k)
{
    return amqp_link_close(k, false);
}

/* The outcome of the call made last on the connection. AL_NOT_FOUND and AL_EXISTS stand for 404 and
 * 406 (it is there, but different), AL_INVALID for other refusals, AL_IO for a lost connection; all
 * with a message that begins with `what`. After a refusal the channel has been opened anew. */
AL_CHECK al_code amqp_link_check(amqp_link *k, const char *what, al_err *err);
/* The next frame that came, or comes within limit_s seconds; *ret_has false: none did. What a frame
 * before it points to is gone. AL_IO: the connection is lost. */
AL_CHECK al_code amqp_link_frame(amqp_link *k, int limit_s, amqp_frame_t *ret, bool *ret_has,
                                 al_err *err);
/* The message for a negative status of a librabbitmq function; the connection is broken. */
AL_CHECK al_code amqp_link_status(amqp_link *k, int status, const char *what, al_err *err);
/* Answers a channel.close or connection.close that arrived as `method` and puts it into words. */
AL_CHECK al_code amqp_link_closed(amqp_link *k, const amqp_method_t *method, al_err *err);

static inline amqp_bytes_t amqp_bytes_of(al_slice s)
{
    return (amqp_bytes_t){s.len, (void *)(uintptr_t)s.ptr}; /* the library does not write there */
}
/* The text stays the caller's. */
static inline amqp_bytes_t amqp_text(const char *s)
{
    return amqp_bytes_of(al_cstr(s));
}
static inline al_slice amqp_slice_of(amqp_bytes_t b)
{
    return (al_slice){b.bytes, b.len};
}

AL_DEFINE_CLEANUP(amqp_link, amqp_link_drop);
