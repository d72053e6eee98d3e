#pragma once
/* import_source.h: the bytes of a file, unpacked when it is gzip or zstd, which its first bytes
 * say. One thread. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

typedef struct import_source import_source;

/* `name`: "-" is stdin. Else a file, or whatever can be read as one; AL_INVALID: a directory. */
AL_CHECK al_code import_source_open(const char *name, import_source **ret, al_err *err);
import_source *import_source_close(import_source *s);
/* False: a pipe or terminal has nothing new for so long, and a read would wait. */
bool import_source_wait(const import_source *s, int limit_ms);
/* The next bytes, until the next call; empty: the end. AL_CORRUPT: packed bytes that are damaged or
 * end too soon; what came before is good. AL_CANCELLED: a signal came while it waited. */
AL_CHECK al_code import_source_read(import_source *s, al_slice *ret, al_err *err);
/* How much of the file was read, 0 to 100; -1: not known, it is no file. */
int import_source_percent(const import_source *s);
/* When the file was last changed; for what is no file, now. */
int64_t import_source_modified_ns(const import_source *s);

AL_DEFINE_CLEANUP(import_source, import_source_close);
