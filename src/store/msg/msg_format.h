#pragma once
/* msg_format.h: constants of a message column (doc/format.md section 4, kind 6). No code. */
#include <stdint.h>

#include "store/limits.h"

enum {
    MSG_STREAM_INTS = 0,   /* numbers without leading zeros */
    MSG_STREAM_DIGITS = 1, /* digits with their lengths */
    MSG_STREAM_SCALED = 2, /* decimals, with or without a point */
    MSG_STREAM_VALUES = 3, /* numbers of values of the lexicon */
    MSG_STREAM_TEXT = 4,   /* in the column of texts */
    MSG_STREAM_KINDS,
    MSG_STREAM_LIST = 0x80, /* with a kind: through a list of the numbers that occur */

    /* Digits of a number that is kept as one: fits 64 bits with room. */
    MSG_DIGITS_MAX = 18,
    /* Slots of all rows of a block together; a row that would need more is one slot. */
    MSG_BLOCK_SLOTS_MAX = 1 << 20,
};
