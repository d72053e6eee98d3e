/* The bounded queue. Invariant: n <= n_max, items[(head + i) % n_max] for i < n are its content. */
#include "support/queue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t has_items;
    /* guarded by lock */
    size_t head;
    size_t n;
    bool is_closed;
    /* immutable */
    size_t n_max;
    void *items[];
};

queue *queue_new(size_t n_max)
{
    assert(n_max > 0);
    queue *q = al_zalloc(1, sizeof *q + n_max * sizeof(void *));
    if (!q)
        return NULL;
    q->n_max = n_max;
    (void)pthread_mutex_init(&q->lock, NULL);
    al_cond_init(&q->has_items);
    return q;
}

queue *queue_free(queue *q)
{
    if (!q)
        return NULL;
    (void)pthread_mutex_destroy(&q->lock);
    (void)pthread_cond_destroy(&q->has_items);
    free(q);
    return NULL;
}

al_code queue_put(queue *q, void *item)
{
    assert(item);
    AL_LOCKED(&q->lock);
    if (q->is_closed || q->n == q->n_max)
        return AL_AGAIN;
    q->items[(q->head + q->n) % q->n_max] = item;
    q->n++;
    (void)pthread_cond_signal(&q->has_items);
    return AL_OK;
}

void *queue_take(queue *q)
{
    AL_LOCKED(&q->lock);
    while (q->n == 0) {
        if (q->is_closed)
            return NULL;
        (void)pthread_cond_wait(&q->has_items, &q->lock);
    }
    void *item = q->items[q->head];
    q->head = (q->head + 1) % q->n_max;
    q->n--;
    return item;
}

void queue_close(queue *q)
{
    AL_LOCKED(&q->lock);
    q->is_closed = true;
    (void)pthread_cond_broadcast(&q->has_items);
}
