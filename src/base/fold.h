#pragma once
/* fold.h: bytes of log text read as characters, and letters without their case (Unicode simple case
 * folding: one character becomes one character, though its length in bytes may change). Log text
 * may be bad UTF-8: each byte that is part of no well-formed character is a character of its own,
 * equal to nothing but itself. Any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AL_CHAR_BAD = 0x110000,  /* + the byte: what al_char_next gives for a bad one */
    AL_CHAR_BYTES_MAX = 4,   /* of one character */
    AL_FOLD_VARIANTS_MAX = 4 /* characters that fold to the same one, itself included */
};

/* The character at p < end; *ret_len is its length in bytes, 1..4. */
uint32_t al_char_at(const uint8_t *p, const uint8_t *end, size_t *ret_len);
/* Writes the bytes of what al_char_at gave, or of any code point (a surrogate's are its three of
 * WTF-8); returns how many. */
size_t al_char_put(uint32_t c, uint8_t out[AL_CHAR_BYTES_MAX]);
/* Without case. */
uint32_t al_fold(uint32_t c);
/* All characters that fold to `folded` (which folds to itself), itself first. Returns how many. */
size_t al_fold_variants(uint32_t folded, uint32_t ret[AL_FOLD_VARIANTS_MAX]);
/* Of general category L. */
bool al_is_letter(uint32_t c);
