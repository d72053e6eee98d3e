#pragma once
/* amqp_topology.h: exchange, queue and bindings of one index at one broker. One thread per link. */
#include "base/buf.h"
#include "inputs/amqp_link.h"
#include "inputs/amqp_plan.h"

/* Declares exchange and queue and binds every key. What is there with other settings is used as it
 * is; `notes` (which holds C text, may stay empty) then says so. */
AL_CHECK al_code amqp_topology_declare(amqp_link *k, const amqp_plan *p, al_buf *notes,
                                       al_err *err);

/* Does one job. AL_EXISTS: not now, the queue is not empty or still used. What is gone already is
 * AL_OK. */
AL_CHECK al_code amqp_topology_do(amqp_link *k, const amqp_job *job, al_buf *notes, al_err *err);

/* How many messages the queue holds for delivery. AL_NOT_FOUND: there is no such queue. */
AL_CHECK al_code amqp_topology_count(amqp_link *k, al_slice queue, uint32_t *ret, al_err *err);

/* Asks the broker's management API at `base_url` for the queue's bindings to the planned exchange
 * and removes those whose key is not planned. */
AL_CHECK al_code amqp_manage_unbind_stale(const char *base_url, const amqp_address *as,
                                          amqp_link *k, const amqp_plan *p, al_buf *notes,
                                          al_err *err);
