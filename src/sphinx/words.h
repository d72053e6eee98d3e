#pragma once
/* words.h: which words of a text Sphinx can be asked for, so that every place where the text stands
 * is found. */
#include "base/arena.h"
#include "base/buf.h"
#include "sphinx/charset.h"

/* Where the text is looked for. */
typedef enum words_place {
    WORDS_PLAIN,     /* a column that holds the searched text itself (bytes that are no UTF-8, and
                        NULs, each as U+FFFD or another character that separates words) */
    WORDS_JSON,      /* one that holds JSON, in strings of which it may stand (json_escape) */
    WORDS_JSON_ASCII, /* the same, and characters beyond ASCII are escaped, too: \uXXXX */
    WORDS_EITHER,    /* a field's value: a string as in PLAIN, others as in JSON */
} words_place;

typedef struct words_text {
    al_slice text;
    bool ignores_case;
    bool frees_space; /* a run of white space matches any run */
    bool is_whole;    /* before and behind it words end; else it may begin and end inside of words */
} words_text;

/* Appends an expression for MATCH (in brackets, without a field) that holds wherever the text
 * stands; only words of at least min_word_len characters are in the index. Returns how many words
 * it has; 0: there is none, and nothing was appended. Errors stick to `out`, AL_NOMEM too if
 * `arena` has no memory. */
size_t words_put(const words_text *t, words_place place, const charset *cs, uint32_t min_word_len,
                 al_arena *arena, al_buf *out);
