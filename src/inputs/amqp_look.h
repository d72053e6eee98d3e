#pragma once
/* amqp_look.h: does the broker still know this consumer?
 * No threads: the consumer's own. */
#include <stdbool.h>
#include <stdint.h>

enum {
    AMQP_LOOK_EVERY_MS = 2000,
    AMQP_LOOK_GIVEN_UP_MAX = 3, /* sessions in a row; then the broker counts otherwise than we do */
};

typedef struct amqp_look { /* of one session; zeroed when it begins */
    int64_t at_ns;         /* when an answer was looked at last */
    uint64_t tag;          /* the last one delivered then */
    unsigned n_missed;     /* answers in a row that missed a consumer while nothing was delivered */
} amqp_look;

/* The broker has answered that the queue has `n_consumers`; `n_sessions` of this process read it.
 * True: give the session up. *n_given_up is the consumer's, over its sessions. */
bool amqp_look_is_lost(amqp_look *l, unsigned *n_given_up, int64_t now_ns, uint64_t last_tag,
                       uint32_t n_consumers, int64_t n_sessions);
