#pragma once
/* amqp_message.h: one message as it arrives in frames: delivery, header, pieces of its body. Keeps
 * what is stored of it and the key by which the ledger knows it. One thread. */
#include <amqp.h>
#include <amqp_framing.h>

#include "base/buf.h"
#include "ingest/ledger.h"

enum {
    AMQP_BODY_BYTES_MAX = 16 << 20, /* of one message; the rest is hashed, not kept */
    AMQP_BODY_BYTES_KEPT = 1 << 20, /* of memory, from one message to the next */
};

typedef struct amqp_message {
    /* whole from amqp_message_header or _body until the next amqp_message_deliver */
    ledger_delivery d;
    ledger_key heir_key; /* as d.key, in the heir's queue */
    al_buf body;         /* at most AMQP_BODY_BYTES_MAX */
    bool is_cut;
    /* its own */
    const ledger_session *l;
    const ledger_session *heir;
    ledger_hash *hash;
    ledger_hash *heir_hash;
    uint8_t key[256]; /* routing key, then message id: short strings */
    size_t key_len;
    uint8_t id[256];
    size_t id_len;
    uint64_t body_left;
    bool is_expected; /* a header, or more body, must come next */
    bool has_header;
} amqp_message;

/* `l`, whose queue the messages come from, and `heir` (NULL: none), in whose queue they may come a
 * second time, must outlive it. AL_NOMEM; amqp_message_done is due in any case. */
AL_CHECK al_code amqp_message_init(amqp_message *m, const ledger_session *l,
                                   const ledger_session *heir, al_err *err);
void amqp_message_done(amqp_message *m);

/* The three kinds of frames. *ret_is_whole: that was all of it; it is written on AL_OK.
 * AL_IO: the frame may not come here, the broker does not keep to the protocol. AL_NOMEM. */
AL_CHECK al_code amqp_message_deliver(amqp_message *m, const amqp_basic_deliver_t *d, al_err *err);
AL_CHECK al_code amqp_message_header(amqp_message *m, uint64_t body_bytes,
                                     const amqp_basic_properties_t *p, bool *ret_is_whole,
                                     al_err *err);
AL_CHECK al_code amqp_message_body(amqp_message *m, al_slice piece, bool *ret_is_whole,
                                   al_err *err);
/* The body was taken: gives memory back if it was large. */
void amqp_message_taken(amqp_message *m);
