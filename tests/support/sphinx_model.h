#pragma once
/* sphinx_model.h: what searchd finds for an expression of MATCH, as plain code: texts are cut into
 * words each time they are asked. Only the forms that alco writes: phrases, in them words with a *
 * before or behind, AND, |, brackets, and one column at a bracket's start. Any other form ends the
 * test. */
#include "base/slice.h"

typedef struct sphinx_column {
    al_slice name;
    al_slice text;
} sphinx_column;

typedef struct sphinx_words {
    uint32_t (*char_of)(uint32_t c); /* what a character is in words; 0: it separates them */
    uint32_t min_word_len;
    uint32_t min_infix_len; /* 0: none */
} sphinx_words;

/* Of CHARSET_TABLE. */
uint32_t sphinx_char_ours(uint32_t c);
/* Of old ALCO's: also _ - . and without the Kelvin sign and the like. */
uint32_t sphinx_char_old(uint32_t c);

bool sphinx_model_matches(al_slice expression, const sphinx_words *w, const sphinx_column *columns,
                          size_t n);
