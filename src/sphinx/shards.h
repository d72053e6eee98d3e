#pragma once
/* shards.h: how many shards divide the ids of a day among each other. An id is in shard (id modulo
 * their number). The number in the settings counts from the day after the one on which it was first
 * seen, so that what is stored keeps its shard. What was decided is in a file of lines
 * "20261123 2", each for its day and those behind it. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"

enum { SHARDS_MAX = 64 };

typedef struct shards shards;

/* `dir`: of the file, which is made or grows when `n_now` (1..SHARDS_MAX) is news; `today`: a day
 * number (rec_day_of). AL_CORRUPT names the line; AL_IO, AL_NOMEM. */
AL_CHECK al_code shards_open(const al_io *io, int dir, int32_t today, uint32_t n_now, shards **ret,
                             al_err *err);
shards *shards_free(shards *s);
/* At least 1. Immutable: any thread. */
uint32_t shards_of_day(const shards *s, int32_t day);

AL_DEFINE_CLEANUP(shards, shards_free);
