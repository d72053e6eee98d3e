#pragma once
/* lines.h: the body of an upload, piece by piece -> its lines. Undoes gzip and zstd on the way.
 * Memory is bounded whatever comes: a piece, LINES_LINE_BYTES_MAX of one line, the decompressor.
 * One thread at a time. */
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/slice.h"

enum { LINES_LINE_BYTES_MAX = 8 << 20 };

typedef struct lines lines;

/* `encoding`: of the header Content-Encoding; empty is identity. AL_INVALID: unknown. `cancel` ends
 * lines_next with AL_CANCELLED: few bytes may stand for many without one line. May be NULL. */
AL_CHECK al_code lines_new(al_slice encoding, const atomic_bool *cancel, lines **ret, al_err *err);
/* Bytes it holds: of half a line, and to undo compression. */
size_t lines_held(const lines *l);
lines *lines_free(lines *l);
/* The next piece of the body; borrowed until lines_next has found no more line. */
void lines_feed(lines *l, al_slice piece);
/* The next line without its end (LF or CR LF), empty ones left out; valid until the next call.
 * *ret_has false: feed more. *ret_is_cut: it was longer than LINES_LINE_BYTES_MAX, which it is now.
 * AL_INVALID: the compressed body is damaged. */
AL_CHECK al_code lines_next(lines *l, al_slice *ret, bool *ret_has, bool *ret_is_cut, al_err *err);
/* After the last piece: the line that had no end, if there is one; AL_INVALID: a compressed body
 * that is not complete. */
AL_CHECK al_code lines_last(lines *l, al_slice *ret, bool *ret_has, bool *ret_is_cut, al_err *err);

AL_DEFINE_CLEANUP(lines, lines_free);
