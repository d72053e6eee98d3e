#pragma once
/* split.h: a message taken apart into fixed text (its template) and variables (its slots), and
 * back. Pure; any thread with its own msg_split. */
#include <stdbool.h>

#include "base/slice.h"

enum {
    /* Longer messages are not taken apart: they are one slot. */
    MSG_BYTES_MAX = 16 << 10,
    /* Variables that are told apart; what follows the last of them is one more slot. */
    MSG_VARIABLES_MAX = 200,
    MSG_SLOTS_MAX = MSG_VARIABLES_MAX + 1,
    /* Where a slot stands in a template. A message's own NUL counts as a digit, so it always stands
     * in a slot: the mark cannot be mistaken. */
    MSG_MARK = 0,
};

typedef struct msg_slot {
    uint32_t off; /* in the message */
    uint32_t len;
} msg_slot;

/* About 20 KiB: keep one and use it for every message. */
typedef struct msg_split {
    size_t template_len;
    size_t n_slots;
    uint8_t template[MSG_BYTES_MAX + 16]; /* fixed text with a MSG_MARK for each slot */
    msg_slot slots[MSG_SLOTS_MAX];
} msg_split;

/* Words are runs of letters, digits and bytes from 0x80; one with a digit is a slot. A uuid, an
 * IPv4 address and a decimal are one slot each. Putting the slots where the marks are gives the
 * message back. A message longer than MSG_BYTES_MAX is one slot. */
void msg_split_make(al_slice message, msg_split *ret);
/* All of it as one slot. */
void msg_split_whole(al_slice message, msg_split *ret);

/* A letter, a digit, or a byte from 0x80: what words of fixed text are made of. */
static inline bool msg_is_word(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c >= 0x80;
}

/* How many slots a template has. */
static inline uint32_t msg_marks(al_slice template)
{
    uint32_t n = 0;
    for (size_t i = 0; i < template.len; i++)
        n += template.ptr[i] == MSG_MARK;
    return n;
}

/* For tests: the classes of bytes as bit masks, bit i for byte i, by the portable code and by what
 * this machine uses. `words` and `digits` have room for (len + 63) / 64 numbers each. */
void msg_masks(al_slice message, uint64_t *words, uint64_t *digits);
void msg_masks_portable(al_slice message, uint64_t *words, uint64_t *digits);
