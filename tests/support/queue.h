#pragma once
/* queue.h: a bounded FIFO of pointers between threads: full means AL_AGAIN, and the producer stops
 * taking. */
#include "base/thread.h"

typedef struct queue queue;
/* NULL without memory. */
queue *queue_new(size_t n_max);
/* What is still in it is the caller's to drain first. */
queue *queue_free(queue *q);
/* AL_AGAIN when full or closed. Never blocks. */
AL_CHECK al_code queue_put(queue *q, void *item);
/* Waits for an item; NULL when the queue is closed and empty. */
void *queue_take(queue *q);
/* No more puts; takers get what is left, then NULL. */
void queue_close(queue *q);

AL_DEFINE_CLEANUP(queue, queue_free);
