#pragma once
/* charset.h: which characters Sphinx puts into words, and as what: a charset_table read. */
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* What alco's own tables are made with. Letters and digits alone are of words, so that most words
 * of a text stand whole between two others. In it are also the characters that our folding takes
 * for one of these letters (the Kelvin sign for k, the long s for s, seven old Cyrillic forms):
 * where they are missing, words with such a letter cannot be looked up without case. */
#define CHARSET_TABLE                                                                              \
    "0..9, a..z, A..Z->a..z, U+430..U+44F, U+410..U+42F->U+430..U+44F, U+451, U+401->U+451, "      \
    "U+17F->s, U+212A->k, U+1C80->U+432, U+1C81->U+434, U+1C82->U+43E, U+1C83->U+441, "            \
    "U+1C84->U+442, U+1C85->U+442, U+1C86->U+44A"

#define CHARSET_ODD UINT32_MAX /* of charset_of */

typedef struct charset charset; /* immutable, any thread */

/* Reads the value of charset_table as searchd does: single characters and ranges, itself or ->
 * another one, U+hex for any. NULL and AL_INVALID: a form that is not read here (language names,
 * checkerboards), or one with which words cannot be looked up: ASCII letters and digits are not all
 * in it, without their case; a quote or a backslash is. */
AL_CHECK al_code charset_new(al_arena *arena, al_slice table, const charset **ret);
/* What the character is within a word; 0: it separates words. `ignores_case`: CHARSET_ODD when the
 * characters that are equal to it without case (base/fold.h) are not all the same to Sphinx. */
uint32_t charset_of(const charset *cs, uint32_t c, bool ignores_case);
