#pragma once
/* decode.h: bytes from a sender -> one record, by the decisions of doc/records.md (time, seq,
 * reserved names, bad input). Nothing is refused for its shape. */
#include "record/record.h"
#include "record/timezone.h"

typedef struct rec_options {
    int64_t arrival_ns;       /* the time of records that carry none */
    const rec_zone *zone;     /* in which a time without offset, or with Z, is read; NULL = UTC */
    size_t message_bytes_max; /* of the message and of each value, marker of a cut included;
                                 0 = REC_MESSAGE_BYTES_MAX, at least 128 */
} rec_options;

/* What was unusual about one record, for the counters of /metrics. */
typedef enum rec_note {
    REC_NOTE_PARSE_ERROR = 1 << 0, /* not a JSON object: raw message + field parse_error */
    REC_NOTE_NO_TIME = 1 << 1,     /* time absent or unreadable: arrival time */
    REC_NOTE_TRUNCATED = 1 << 2,   /* message or a value cut, with a marker */
    REC_NOTE_FIELDS = 1 << 3,      /* more than REC_FIELDS_MAX, or a name over REC_NAME_BYTES_MAX:
                                      kept as text in the field more_fields */
    REC_NOTE_DEPTH = 1 << 4,       /* deeper than REC_DEPTH_MAX: kept as text */
    REC_NOTE_DOUBLED = 1 << 5,     /* a key stood twice: the earlier ones are text in `doubled` */
    REC_NOTE_BAD_UTF8 = 1 << 6,    /* ill-formed bytes, or an escaped lone surrogate */
} rec_note;

/* Decodes one document (no white space needed around it) into *ret, whose slices point into `body`
 * or `arena`: both must outlive the record. *ret_notes is a set of rec_note.
 * Fails only with AL_NOMEM. */
AL_CHECK al_code rec_decode(al_slice body, const rec_options *opt, al_arena *arena, record *ret,
                            unsigned *ret_notes);

/* A record whose message is `line` as it stands, with `opt`'s arrival time (so REC_NOTE_NO_TIME)
 * and no fields. */
AL_CHECK al_code rec_decode_raw(al_slice line, const rec_options *opt, al_arena *arena, record *ret,
                                unsigned *ret_notes);
