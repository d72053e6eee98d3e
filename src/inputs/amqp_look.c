/* Noticing a consumer that the broker has lost. See amqp_look.h.
 * Why: when a queue is deleted and declared again at once, RabbitMQ (seen with 3.10) may drop a
 * consumer and send no basic.cancel, while its channel still counts it: it would get nothing for
 * ever. Nothing asks a broker for one consumer; but each answer to a passive declaration counts
 * those of the queue, and they are never fewer than our sessions that read it.
 *
 * Whom this does not find: who gets messages, who shares the queue with other programs that have
 * more consumers than are lost. Whom it takes for lost, though it is not: the idle neighbours of a
 * lost one (they set up again with it), and those of a session that the broker has dropped and that
 * has not noticed yet. Hence twice in a row. And where the count is never right (a stream has no
 * consumers, a quorum queue with a single active consumer one), so that setting up again changes
 * nothing: hence no more than AMQP_LOOK_GIVEN_UP_MAX times in a row. */
#include "inputs/amqp_look.h"

#include "base/clock.h"

bool amqp_look_is_lost(amqp_look *l, unsigned *n_given_up, int64_t now_ns, uint64_t last_tag,
                       uint32_t n_consumers, int64_t n_sessions)
{
    if (l->at_ns && now_ns < l->at_ns + AMQP_LOOK_EVERY_MS * AL_NS_PER_MS)
        return false;
    bool is_short = n_consumers < n_sessions;
    bool is_quiet = last_tag == l->tag;
    l->at_ns = now_ns;
    l->tag = last_tag;
    l->n_missed = is_short && is_quiet ? l->n_missed + 1 : 0;
    if (!is_short)
        *n_given_up = 0;
    if (l->n_missed < 2 || *n_given_up >= AMQP_LOOK_GIVEN_UP_MAX)
        return false;
    (*n_given_up)++;
    return true;
}
