#pragma once
/* literal_scan.h: one literal in many texts that lie one behind the other, at the speed of memory:
 * which of them might hold it. literal_find has the last word on each. */
#include "base/fold.h"
#include "base/slice.h"

enum {
    SCAN_WORD_MAX = 48, /* bytes of a word that are compared */
    SCAN_OTHERS_MAX = 6,
    CHAR_SPACE_RUN = AL_CHAR_BAD + 0x100, /* in a literal: any run of white space */
};

/* Bytes to be found, each in one or two spellings. */
typedef struct scan_bytes {
    size_t n;
    uint8_t low[SCAN_WORD_MAX];
    uint8_t high[SCAN_WORD_MAX];
    uint8_t at[2];     /* the two rarest */
    uint8_t either[2]; /* bits in which the spellings of these two differ */
    uint8_t want[2];   /* these two bytes with those bits set */
} scan_bytes;

/* What is looked for: a word of the literal, and spellings of its characters that do not fit there.
 * Made once, shared by any number of threads. */
typedef struct scan_word {
    scan_bytes bytes; /* n is 0: nothing to go by, every text is asked */
    scan_bytes others[SCAN_OTHERS_MAX];
    unsigned n_others;
} scan_word;

/* The part of a literal between white space that is rarest in logs; characters as literal.c has
 * them, folded when case is ignored. `weight` tells how frequent a byte is. */
void scan_word_make(scan_word *ret, const uint32_t *chars, size_t n_chars, bool ignores_case,
                    unsigned (*weight)(uint8_t byte));

/* One pass over `texts`. */
typedef struct literal_scan {
    const scan_word *word;
    al_slice texts; /* borrowed */
    size_t next[1 + SCAN_OTHERS_MAX];
} literal_scan;

void literal_scan_begin(literal_scan *s, const scan_word *word, al_slice texts);
/* The first place at or behind `from` (which never goes back); texts.len: there is none. A text
 * that holds the literal has such a place inside it, whichever texts stand around it. word->bytes.n
 * > 0. */
size_t literal_scan_next(literal_scan *s, size_t from);
