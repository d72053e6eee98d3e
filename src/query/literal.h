#pragma once
/* literal.h: looking for one text in another, with or without case, with white space exact or free.
 * The text is compiled once and then shared by any number of threads. */
#include "base/arena.h"
#include "base/slice.h"
#include "query/literal_scan.h"

/* The six ASCII characters that separate words. */
bool query_is_space(uint8_t byte);

typedef struct literal literal;

/* `frees_space`: a run of white space inside the text matches any run. NULL without memory. */
const literal *literal_new(al_arena *arena, al_slice text, bool ignores_case, bool frees_space);
/* The first place at or after byte `from` of `hay` where it stands: false when there is none (then
 * the outputs may have been written). Takes time in proportion to hay.len + the length of the text.
 */
bool literal_find(const literal *l, al_slice hay, size_t from, size_t *ret_start, size_t *ret_end);
/* Its runs of letters, digits and characters from U+0080 on, as literals; *ret_n is 0 when it is
 * one itself. Live as long as the literal. */
const literal *const *literal_words(const literal *l, size_t *ret_n);
/* For literal_scan_begin; lives as long as the literal. */
const scan_word *literal_scan_word(const literal *l);
