#pragma once
/* words.h: which words of a text Sphinx can be asked for, so that every place where the text stands
 * is found. */
#include "base/arena.h"
#include "base/buf.h"
#include "sphinx/charset.h"

/* Where the text is looked for. */
typedef enum words_place {
    WORDS_PLAIN,      /* a column that holds the searched text itself (bytes that are no UTF-8, and
                         NULs, each as U+FFFD or another character that separates words) */
    WORDS_JSON,       /* one that holds JSON, in strings of which it may stand (json_escape) */
    WORDS_JSON_ASCII, /* the same, and characters beyond ASCII are escaped, too: \uXXXX */
    WORDS_EITHER,     /* a field's value: a string as in PLAIN, others as in JSON */
} words_place;

typedef struct words_text {
    al_slice text;
    bool ignores_case;
    bool frees_space; /* a run of white space matches any run */
    bool is_whole; /* before and behind it words end; else it may begin and end inside of words */
} words_text;

/* How the tables that are asked keep words. */
typedef struct words_index {
    const charset *cs;
    uint32_t min_word_len;  /* shorter words are not found */
    uint32_t min_infix_len; /* parts of words of so many characters are found, too; 0: none are */
} words_index;

enum {
    WORDS_CUT_CHARS = 42, /* what Sphinx keeps of a word */
    WORDS_PIECE_CHARS = 21,
};

/* Appends an expression for MATCH (in brackets, without a field) that holds wherever the text
 * stands. `looks_inside`: also for words that the text may have only a part of (as far as
 * min_infix_len allows); then it holds only where these words are not longer than WORDS_CUT_CHARS.
 * Returns how many words it has; 0: there is none, and nothing was appended. Errors stick to `out`,
 * AL_NOMEM too if `arena` has no memory. */
size_t words_put(const words_text *t, words_place place, const words_index *ix, bool looks_inside,
                 al_arena *arena, al_buf *out);
/* For the words that are longer: an expression that holds for the pieces (below) of a text in which
 * a longer word has the beginning or the end of this text. `is_sure`: only for what can be
 * nothing but a part of such a word; the expression then holds wherever the text stands. False:
 * there is no such part, and nothing was appended. */
bool words_put_parts(const words_text *t, const words_index *ix, bool is_sure, al_arena *arena,
                     al_buf *out);
/* Appends the pieces of the words longer than WORDS_CUT_CHARS, with a space behind each: any
 * WORDS_PIECE_CHARS characters of such a word stand together in one of its pieces. `text`: of a
 * full-text column. */
void words_put_pieces(al_slice text, const charset *cs, al_buf *out);
