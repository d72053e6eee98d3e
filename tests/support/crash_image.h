#pragma once
/* crash_image.h: from a list of operations to the directory that a power cut leaves. Private to
 * crash_io.c; pure but for writing the result. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CRASH_NO_NODE UINT32_MAX

typedef enum crash_op_kind {
    CRASH_CREATE,   /* dir, node, name */
    CRASH_MKDIR,    /* dir, node, name */
    CRASH_WRITE,    /* node, bytes, off */
    CRASH_TRUNCATE, /* node, off = new length */
    CRASH_SYNC,     /* node */
    CRASH_RENAME,   /* dir, node, name, to */
    CRASH_UNLINK,   /* dir, node, name */
    CRASH_SYNC_DIR, /* dir */
} crash_op_kind;

typedef struct crash_op {
    crash_op_kind kind;
    uint32_t dir;
    uint32_t node;
    char *name; /* owned, as `to` and `bytes` */
    char *to;
    uint8_t *bytes;
    size_t n_bytes;
    uint64_t off;
} crash_op;

typedef struct crash_cut {
    const crash_op *ops;
    size_t n_done;          /* operations that have returned */
    bool has_one_under_way; /* ops[n_done] had begun */
    uint32_t n_nodes;       /* node 0 is the root directory */
    uint64_t seed;
} crash_cut;

/* Writes the tree to the new directory `dest`. */
AL_CHECK al_code crash_image_write(const crash_cut *cut, const char *dest, al_err *err);
