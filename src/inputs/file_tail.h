#pragma once
/* file_tail.h: one followed file: records from where it was read to, however it was rotated.
 * One thread at a time; the clock is passed in. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "inputs/file_places.h"
#include "inputs/line_join.h"

enum {
    FILE_TAIL_BYTES = LINE_JOIN_BYTES_MAX + 65536, /* of the buffer that reading wants */
    FILE_TAIL_JOIN_MS = 300,   /* a last record that may go on waits so long for more */
    FILE_TAIL_OVER_MS = 10000, /* a renamed or deleted file is done after so long without growth */
};

typedef struct file_tail {
    int fd;
    uint64_t device;
    file_place at;       /* what is durable */
    file_place next;     /* behind what was handed out since */
    uint64_t bytes_seen; /* at the last look */
    int64_t grown_ns;    /* al_mono_ns of the last look that saw growth, or of opening */
    int64_t due_ns;      /* when what is left may be handed out without growth; INT64_MAX */
    bool has_more;       /* stopped by the buffer or by the caller */
    bool is_over;        /* set by the caller: its name belongs to another file, or to none */
    bool is_finished;    /* is over, and everything in it has been handed out */
} file_tail;

typedef struct file_record {
    al_slice text;       /* without its last line end; valid during the call */
    int64_t modified_ns; /* when the file was last written */
    bool is_cut;
} file_record;

/* False: no more for now; this record has not been taken. */
typedef bool file_record_fn(void *ctx, file_tail *t, const file_record *r);

/* Opens a regular file. Reading starts where `places` says that this file was read to, else at its
 * beginning. AL_NOT_FOUND; AL_INVALID: not a regular file; AL_IO. */
AL_CHECK al_code file_tail_open(const char *path, al_slice index, file_places *places,
                                int64_t mono_ns, file_tail *ret, al_err *err);
void file_tail_close(file_tail *t);

/* Hands out the records behind t->next and moves it. Empty lines are passed over. Notices when the
 * file was cut and begun anew: then it is read from its beginning. `buffer` has FILE_TAIL_BYTES. */
AL_CHECK al_code file_tail_read(file_tail *t, uint8_t *buffer, int64_t mono_ns, file_record_fn *fn,
                                void *ctx, al_err *err);
