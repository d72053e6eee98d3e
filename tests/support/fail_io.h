#pragma once
/* fail_io.h: an I/O table whose n-th call fails, over another table. Counts every call but close.
 * A failing write is torn first: its first half reaches the file. A failing read leaves rubbish in
 * the buffer. Any other failing call has no effect. Any thread. */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/io.h"

typedef enum fail_mode {
    FAIL_ONCE,     /* the n-th call, with EIO */
    FAIL_FOR_GOOD, /* the n-th and every later one, with EIO, until fail_io_heal */
    FAIL_NO_SPACE, /* from the n-th on no call finds room (ENOSPC) and free_bytes says 0, until
                      fail_io_heal; calls that need no room go on */
} fail_mode;

typedef struct fail_io {
    al_io io; /* give &f.io to the code under test */
    const al_io *below;
    atomic_int mode;
    atomic_ulong fail_at; /* 0: never */
    atomic_ulong n_calls;
    atomic_ulong n_failed;
    bool skips_sync; /* syncs that do not fail do nothing: faster, where no power cut is tested */
} fail_io;

/* `f` must not move afterwards. `fail_at` counts from 1; 0 = let everything through. */
void fail_io_init(fail_io *f, const al_io *below, unsigned long fail_at, fail_mode mode);
/* Begins to count anew with another plan. */
void fail_io_arm(fail_io *f, unsigned long fail_at, fail_mode mode);
/* From now on everything goes through. */
void fail_io_heal(fail_io *f);
/* Calls since the start or fail_io_arm. */
unsigned long fail_io_calls(const fail_io *f);
/* How many of them failed here. */
unsigned long fail_io_failed(const fail_io *f);
