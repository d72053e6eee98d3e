#pragma once
/* unpack.h: gzip and zstd undone as a stream, in pieces of any size. Several streams may stand
 * behind each other, as logs that were appended to do; zeros behind a gzip stream are padding.
 * Memory is bounded whatever comes: AL_UNPACK_BYTES and the window of the format. One thread at a
 * time. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

enum {
    AL_UNPACK_BYTES = 128 << 10,     /* given out at once, at most */
    AL_UNPACK_MAGIC_BYTES = 4,       /* what al_packing_of looks at */
    AL_ZSTD_WINDOW_LOG_FOREIGN = 23, /* 8 MiB, as RFC 8878 asks for: bytes from anyone */
    AL_ZSTD_WINDOW_LOG_OWN = 27,     /* 128 MiB, all that `zstd -d` takes: the user's own files */
};

typedef enum al_packing { AL_PACKING_NONE, AL_PACKING_GZIP, AL_PACKING_ZSTD } al_packing;

/* What the first bytes of a file say; fewer than AL_UNPACK_MAGIC_BYTES may not be enough. */
al_packing al_packing_of(al_slice beginning);
/* "gzip" or "zstd". */
const char *al_packing_name(al_packing p);

typedef struct al_unpacker al_unpacker;

/* `packing` is not AL_PACKING_NONE. A zstd frame that needs a larger window is AL_CORRUPT. */
AL_CHECK al_code al_unpacker_new(al_packing packing, int zstd_window_log_max, al_unpacker **ret,
                                 al_err *err);
al_unpacker *al_unpacker_free(al_unpacker *u);
/* Takes bytes from the front of *packed. *ret: what came out, until the next call; it may be empty
 * though bytes were taken. AL_CORRUPT: damaged, and what came before is good; the unpacker is then
 * only to be freed. */
AL_CHECK al_code al_unpack(al_unpacker *u, al_slice *packed, al_slice *ret, al_err *err);
/* More comes out though *packed be empty. */
bool al_unpacker_has_more(const al_unpacker *u);
/* A stream has begun and not ended: at the end of the input, the input was cut. */
bool al_unpacker_is_inside(const al_unpacker *u);
/* Bytes it holds; 0 of NULL. */
size_t al_unpacker_held(const al_unpacker *u);

AL_DEFINE_CLEANUP(al_unpacker, al_unpacker_free);
