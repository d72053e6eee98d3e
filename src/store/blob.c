/* Refcounted bytes. See blob.h for the contract. */
#include "store/blob.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mem.h"

blob *blob_new(size_t len)
{
    size_t bytes = 0;
    if (!al_add(len, sizeof(blob), &bytes))
        return NULL;
    blob *b = al_alloc(1, bytes);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->len = len;
    return b;
}

blob *blob_ref(blob *b)
{
    unsigned old = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    assert(old > 0);
    return b;
}

blob *blob_unref(blob *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
    return NULL;
}

al_slice blob_slice(const blob *b)
{
    return (al_slice){b->bytes, b->len};
}
