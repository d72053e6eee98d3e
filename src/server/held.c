/* What requests hold, and giving it back. The accounts say when to stop; whoever stops, and how, is
 * in flow.c (queries: 503), api_search.c, tail.c (shorter pieces) and upload.c (uploads: wait). */
#include "server/held.h"

#include "base/checked.h"
#include "base/mem.h"

enum {
    MEMORY_DEFAULT = 256 << 20,
    ANSWERS_MIN = 16 << 20,
    UPLOADS_MIN = 32 << 20, /* some lines of the longest kind at once */
    SLICE_BYTES_MAX = 256 * 1024,
    SLICE_BYTES_MIN = 16 * 1024,
    TRIM_BYTES = 8 << 20, /* fewer were given up since the last time: no reason for it */
    TRIM_CONNS = 64,
    TRIM_WAIT = 3, /* calls of held_give_back after one that did */
};

void held_init(held *answers, held *uploads, uint64_t memory_bytes)
{
    uint64_t memory = memory_bytes ? memory_bytes : MEMORY_DEFAULT;
    answers->max = (size_t)AL_MAX(memory / 8, (uint64_t)ANSWERS_MIN);
    uploads->max = (size_t)AL_MAX(memory / 4, (uint64_t)UPLOADS_MIN);
}

void held_set(held *h, size_t *mine, size_t now)
{
    if (now > *mine)
        (void)atomic_fetch_add(&h->bytes, now - *mine);
    else if (now < *mine)
        (void)atomic_fetch_sub(&h->bytes, *mine - now);
    *mine = now;
}

size_t held_bytes(const held *h)
{
    return atomic_load(&h->bytes);
}

bool held_is_full(const held *h)
{
    return held_bytes(h) > h->max;
}

size_t held_slice_bytes(const held *h)
{
    return held_bytes(h) < h->max / 4 ? SLICE_BYTES_MAX : SLICE_BYTES_MIN;
}

/* The allocator keeps what was freed between pieces still used; only trimming returns it. */
void held_give_back(held_trim *t, const held_use *use)
{
    t->peak_bytes = AL_MAX(t->peak_bytes, use->bytes);
    t->peak_conns = AL_MAX(t->peak_conns, use->conns);
    if (t->wait > 0) {
        t->wait--;
        return;
    }
    bool is_idle = use->answered != t->answered && !use->is_asked;
    if (t->peak_bytes - use->bytes < TRIM_BYTES && t->peak_conns - use->conns < TRIM_CONNS &&
        !is_idle)
        return;
    *t = (held_trim){.peak_bytes = use->bytes,
                     .peak_conns = use->conns,
                     .answered = is_idle ? use->answered : t->answered,
                     .wait = TRIM_WAIT};
    al_mem_trim();
}
