#pragma once
/* import_doc.h: what is read from a log -> the JSON documents that are sent. Pure. */
#include "base/buf.h"
#include "record/timezone.h"

typedef enum import_format { IMPORT_AUTO, IMPORT_JSON, IMPORT_SYSLOG, IMPORT_RAW } import_format;

/* By name: auto, logstash, jsonl, syslog, raw. */
bool import_format_of(const char *name, import_format *ret);

typedef struct import_doc { /* of one file */
    import_format format;
    const rec_zone *zone; /* in which times without offset are read; NULL is UTC */
    int64_t near_ns; /* when the file was changed: times without a year are of the year before it */
    int64_t last_ns; /* time of the record before; -1: none had one */
} import_doc;

/* Does a record take many lines, indented ones and tracebacks (inputs/line_join.h)? Of IMPORT_AUTO,
 * `first` (the file's first line that is not empty) decides, and sets the format. */
bool import_doc_joins(import_doc *d, al_slice first);
/* Appends the document of a record and a line end. What has no time of its own gets that of the
 * record before; without any the server's clock counts. */
void import_doc_put(import_doc *d, al_buf *out, al_slice text);
