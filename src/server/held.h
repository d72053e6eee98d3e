#pragma once
/* held.h: how many bytes requests hold: answers on their way, bodies and half lines. Two accounts,
 * so that clients that do not read their answers cannot stop those that send logs. Any thread. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct held {
    _Atomic size_t bytes;
    size_t max; /* beyond it nothing new is begun; immutable */
} held;

/* The two shares of the memory budget; 0: the default of 256 MiB. */
void held_init(held *answers, held *uploads, uint64_t memory_bytes);
/* What one holder has, as *mine says, is now `now` bytes. */
void held_set(held *h, size_t *mine, size_t now);
size_t held_bytes(const held *h);
bool held_is_full(const held *h);
/* How long a piece of a stream should be: shorter the more is held. */
size_t held_slice_bytes(const held *h);

/* Gives memory that was freed back to the system, when it is much or questions were answered and
 * none is under way: once a second, one thread. */
typedef struct held_trim {
    size_t peak_bytes;
    size_t peak_conns;
    uint64_t answered;
    unsigned wait; /* calls until the next one may work */
} held_trim;
typedef struct held_use { /* now */
    size_t bytes;
    size_t conns;
    uint64_t answered; /* questions so far */
    bool is_asked;     /* one is under way */
} held_use;
void held_give_back(held_trim *t, const held_use *use);
