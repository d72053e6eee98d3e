#pragma once
/* ing_count.h: counters of the ingest path by source, for /metrics. Any thread. */
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/decode.h"

enum { ING_SOURCES_MAX = 16, ING_NOTES = 9 };

enum { /* beside the bits of rec_note */
       ING_NOTE_NAMES =
           1 << 7, /* fields beyond CAT_FIELDS_MAX names: kept as text in more_fields */
       ING_NOTE_LONG_LINE = 1 << 8, /* a line longer than its input takes: the rest was dropped */
};

_Static_assert((int)REC_NOTE_BAD_UTF8 < (int)ING_NOTE_NAMES &&
                   ING_NOTE_LONG_LINE == 1 << (ING_NOTES - 1),
               "each note has its bit");

typedef struct ing_source {
    char name[16];
    _Atomic uint64_t records; /* durable, as the three below */
    _Atomic uint64_t bytes;
    _Atomic uint64_t batches;
    _Atomic uint64_t notes[ING_NOTES];
    _Atomic uint64_t failed;  /* records of batches that could not be stored */
    _Atomic uint64_t refused; /* batches sent back for want of room */
} ing_source;

void ing_count_text(al_buf *out, const ing_source *sources, size_t n);
