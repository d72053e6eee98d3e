#pragma once
/* file_places.h: how far each followed file has been read, as far as that is durable. A place
 * travels as bytes with the batch that holds the lines before it (ingest_add_memory), so a restart
 * neither loses nor doubles a line. Pure data; any thread, it has its own lock. */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum {
    FILE_PLACES_MAX = 4096, /* files remembered; the one marked longest ago is forgotten first */
    FILE_PATH_BYTES_MAX = 4096,
    FILE_PRINT_BYTES = 256, /* of a file's beginning that tell it from another with its inode */
};

/* A file is known by inode and by a hash of its beginning: names change at rotation, inodes are
 * used again, and device numbers may change at a reboot. */
typedef struct file_place {
    uint64_t inode;
    uint64_t off;         /* everything before it is stored */
    uint64_t print;       /* hash of the first print_bytes bytes */
    uint32_t print_bytes; /* <= FILE_PRINT_BYTES */
    bool is_in_long_line; /* what follows up to a line end belongs to a line that was cut */
    int64_t time_ns;      /* of the last line that had one; -1 */
} file_place;

typedef struct file_places file_places;

/* NULL without memory. */
file_places *file_places_new(void);
file_places *file_places_free(file_places *p);

uint64_t file_print(al_slice beginning);

/* Appends what file_places_apply reads: the file at `path`, followed into `index`, is at `place`.
 */
void file_place_put(al_buf *out, al_slice index, al_slice path, const file_place *place);
/* Takes in places that are durable. Bytes that cannot be read are ignored from there on. */
void file_places_apply(file_places *p, al_slice bytes);
/* Everything applied that still counts, for file_places_apply. */
AL_CHECK al_code file_places_dump(file_places *p, al_buf *out);

/* The place of the file with this inode in this index; preferably the one last seen at `path`, else
 * the one marked last. False when there is none. The caller compares the print. */
bool file_places_find(file_places *p, al_slice index, al_slice path, uint64_t inode,
                      file_place *ret);
/* The `i`-th place, in no order; false when there are not so many. Path and index are appended to
 * the buffers. */
bool file_places_at(file_places *p, size_t i, al_buf *ret_index, al_buf *ret_path, file_place *ret);

AL_DEFINE_CLEANUP(file_places, file_places_free);
