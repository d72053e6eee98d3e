#pragma once
/* names.h: the only place that knows how files are called (doc/format.md section 2). Pure. */
#include <stdint.h>

enum { NAME_BYTES = 40 }; /* of any name below, NUL included */

typedef enum name_kind {
    NAME_OTHER, /* none of ours */
    NAME_LOG,   /* number: log file */
    NAME_SEG,   /* number: segment */
    NAME_POS,   /* number: segment */
    NAME_INDEX, /* number: index id (a directory) */
    NAME_MANIFEST,
    NAME_ROOT,
    NAME_LOCK,
    NAME_LOG_DIR,
    NAME_LOG_END,
    NAME_TMP, /* anything.tmp */
    NAME_BAD, /* anything.bad */
} name_kind;

#define NAME_OF_STORE    "store" /* in the data directory; the others are in it */
#define NAME_OF_ROOT     "root"
#define NAME_OF_LOCK     "lock"
#define NAME_OF_LOG_DIR  "log"
#define NAME_OF_MANIFEST "manifest"
#define NAME_OF_LOG_END  "end"
#define NAME_SUFFIX_BAD  ".bad"
#define NAME_SUFFIX_TMP  ".tmp"

/* Numbers of segments are given one by one. A file with a greater one that is not a sound segment
 * is none of the store's: it is renamed to *.bad and has no say in which number comes next. */
#define NAMES_SEG_ID_USUAL (UINT64_C(1) << 48)

/* NAME_LOG, NAME_SEG, NAME_POS, NAME_INDEX. */
void names_format(char ret[NAME_BYTES], name_kind kind, uint64_t number);
/* Strict: exactly what names_format writes. *ret_number only for kinds that have one. */
name_kind names_parse(const char *name, uint64_t *ret_number);
/* The name before a .tmp or .bad at its end, and which of them it was: NAME_TMP, NAME_BAD, or
 * NAME_OTHER (then, and when it is too long to be one of ours, `ret` is empty). */
name_kind names_strip(const char *name, char ret[NAME_BYTES]);
