#pragma once
/* crash_io.h: an I/O table that remembers what was made durable and what was not, and can produce
 * the directory as a power cut at any call would have left it.
 *
 * The code under test runs once, on a real directory, and is never interrupted: the table only
 * records. Afterwards crash_io_cut makes the directory of a cut during call n, for any n and any
 * seed: what was synced is there; every pending write, creation, rename, unlink and truncate is
 * kept, dropped, torn or reordered as the seed says.
 *
 * What counts as durable: the content of a file by `sync` of it; the names of a directory by
 * `sync_dir` of it (not by syncing the files). Nothing else. Any thread. */
#include <stdint.h>

#include "base/cleanup.h"
#include "base/io.h"

typedef struct crash_io crash_io;

/* Records what happens in and under the directory `root`, which exists; what is in it now counts as
 * durable. */
AL_CHECK al_code crash_io_new(const char *root, crash_io **ret, al_err *err);
crash_io *crash_io_free(crash_io *c);
/* The table for the code under test; valid until crash_io_free. */
const al_io *crash_io_table(crash_io *c);

/* Calls that change something (write, sync, create, rename, …) so far. A test notes it when it is
 * told that something is durable: from a cut at this number on, that must be there. */
size_t crash_io_calls(crash_io *c);
/* Makes directory `dest` (must not exist) as a power cut during call number `at` (counted from 0)
 * would leave it: calls 0 .. at-1 have returned, call `at` was under way. at = crash_io_calls: cut
 * after the last one. */
AL_CHECK al_code crash_io_cut(crash_io *c, size_t at, uint64_t seed, const char *dest, al_err *err);
/* One line on call `at` for messages of tests: "write 01.log 4096 bytes at 512". */
void crash_io_describe(crash_io *c, size_t at, char *buf, size_t cap);

AL_DEFINE_CLEANUP(crash_io, crash_io_free);
