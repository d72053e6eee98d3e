#pragma once
/* lex.h: the text of a query cut into tokens. What a byte means depends on where it stands (see
 * lex.c); the tokens say it once for all. Tokens borrow from the text. */
#include "base/err.h"
#include "query/query.h"

typedef enum token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_MINUS,
    TOKEN_CASE,   /* case:yes */
    TOKEN_QUOTED, /* body: between the quotes, escapes as written */
    TOKEN_FREE,   /* ~"...": as TOKEN_QUOTED, any run of white space */
    TOKEN_REGEX,  /* body: between the slashes */
    TOKEN_FILTER,
    TOKEN_WORD, /* body: bare text up to white space */
} token_kind;

typedef enum filter_op {
    FILTER_EQUAL,
    FILTER_NOT_EQUAL,
    FILTER_CONTAINS,
    FILTER_REGEX,
    FILTER_LESS,
    FILTER_LESS_EQUAL,
    FILTER_GREATER,
    FILTER_GREATER_EQUAL,
} filter_op;

typedef enum filter_value {
    VALUE_BARE,   /* body as written */
    VALUE_QUOTED, /* body: between the quotes, escapes as written */
    VALUE_REGEX,  /* body: between the slashes */
    VALUE_LIST,   /* body: between the brackets, well-formed: see lex_element */
    VALUE_ANY,    /* * */
} filter_value;

typedef struct token {
    token_kind kind;
    size_t start; /* bytes into the text */
    size_t end;
    al_slice body;
    size_t body_at;    /* bytes into the text */
    bool ignores_case; /* TOKEN_REGEX, VALUE_REGEX: a final i */
    /* TOKEN_FILTER */
    al_slice name;
    bool is_name_escaped; /* was quoted: escapes as written */
    filter_op op;
    filter_value value;
    const char *expected; /* not NULL: the filter is wrong at wrong_at, where this was expected */
    size_t wrong_at;
} token;

typedef struct lexer {
    al_slice text;
    const query_env *env; /* may be NULL: no field is known */
    size_t at;
    bool is_pairing;   /* the first pass, inside lex_begin */
    uint32_t *partner; /* for each byte: where the bracket that closes this one stands, or 0 */
    uint32_t *open;    /* stack of open brackets: see lex.c */
    size_t n_open;
    bool *is_closed; /* for each byte: it is a `(` that some `)` closes */
} lexer;

/* Pairs the brackets. AL_NOMEM. The text must outlive the lexer. */
AL_CHECK al_code lex_begin(lexer *l, al_slice text, const query_env *env);
void lex_done(lexer *l);
/* The next token; behind TOKEN_MINUS, words are only words. */
token lex_next(lexer *l, bool after_minus);
/* The next element of a VALUE_LIST's body, from *at on; false at the end. */
bool lex_element(al_slice body, size_t *at, al_slice *ret, bool *ret_quoted);
/* Writes the body of a quoted text with \" and \\ replaced; returns its length (never more). */
size_t lex_unescape(al_slice body, uint8_t *out);
/* 1-based, in characters. */
size_t lex_column(al_slice text, size_t at);
