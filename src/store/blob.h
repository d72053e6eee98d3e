#pragma once
/* blob.h: immutable bytes with a reference count, such as an encoded block shared by the cache and
 * its readers. Any thread. */
#include <stdatomic.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/slice.h"

typedef struct blob {
    atomic_uint refs;
    size_t len;
    uint8_t bytes[];
} blob;

/* One reference; the bytes are the maker's to fill before anyone else sees it. NULL without memory.
 */
blob *blob_new(size_t len);
blob *blob_ref(blob *b);
blob *blob_unref(blob *b);
al_slice blob_slice(const blob *b);

AL_DEFINE_CLEANUP(blob, blob_unref);
