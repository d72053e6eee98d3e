#pragma once
/* utf16.h: positions for browsers: bytes of a message -> UTF-16 units of the text that is sent for
 * it, in which each ill-formed piece is one U+FFFD (record/json_out.h). Pure. */
#include "base/slice.h"

typedef struct utf16_pos { /* begin with zeros */
    size_t bytes;          /* how far the text was walked */
    uint64_t units;
} utf16_pos;

/* Walks on to `to` (>= at->bytes, <= text.len) and returns the units before it. A position inside a
 * character counts that character as begun. */
uint64_t utf16_units_at(utf16_pos *at, al_slice text, size_t to);
