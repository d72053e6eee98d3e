#pragma once
/* literal_holes.h: can a literal stand in a text of which parts are not known? Any thread. */
#include "query/literal.h"

enum { HOLES_CHARS_MAX = 63 }; /* of a literal; what a longer one has behind them is a maybe */

/* A literal, ready to be looked for: all places at once, a bit each (Baeza-Yates and Gonnet, "A new
 * approach to text searching", 1992). Lives as long as the literal. */
typedef struct literal_holes {
    const literal *l;
    bool is_certain;      /* it is as long as the bits are */
    uint64_t goal;        /* the bit behind its last character */
    uint64_t fits;        /* its characters that a hole can have */
    uint64_t begins_at;   /* places of it where a hole may begin that has what follows */
    uint64_t ends_at;     /* ... may end that has what is before */
    uint64_t places[128]; /* of a character in it */
    bool begins[256];     /* bytes that may begin it, whether or not they do */
} literal_holes;

typedef enum holes_say {
    HOLES_NEVER,  /* nowhere but inside one hole */
    HOLES_MAYBE,  /* perhaps over the edge of a hole */
    HOLES_ALWAYS, /* in what is known, whatever the holes are */
} holes_say;

/* Could it stand in a number: is it made of digits, and one point at most? */
bool literal_may_be_number(const literal *l);
/* Writes it, white space that is free as one space; at most `max` bytes, whole characters. */
size_t literal_put(const literal *l, uint8_t *to, size_t max);
size_t literal_chars(const literal *l); /* how many characters it has */
/* Is this one of its characters? */
bool literal_has(const literal *l, uint32_t c);
/* Could one hole have all of it? */
bool literal_fits_hole(const literal *l);
/* Is it made of letters, digits and bytes from 0x80 only? */
bool literal_is_word(const literal *l);
void literal_holes_make(literal_holes *ret, const literal *l);
/* From now on holes stand for whole words: what touches one is no letter, digit or character from
 * U+0080 on, and neither are its own ends. */
void literal_holes_of_words(literal_holes *h);
/* ... and no hole begins (or ends) with word `i` of literal_words; `may`: one does. */
void literal_holes_begin(literal_holes *h, size_t i, bool may);
void literal_holes_end(literal_holes *h, size_t i, bool may);
/* Is there a word that no hole can have? Then a text that has the literal has that word. */
bool literal_holes_need_word(const literal_holes *h);
/* `text` has a byte `mark` where a hole is. A hole is at least one character long, each of them a
 * letter, a digit, '.', '-', a control character or one from U+0080 on. */
holes_say literal_in_holes(const literal_holes *h, al_slice text, uint8_t mark);
