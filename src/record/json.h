#pragma once
/* json.h: reading JSON (RFC 8259, and NaN, Infinity, -Infinity as Python writes them) token by
 * token, without allocating. Nothing behind the text is read. One thread at a time per reader.
 *
 * A reader stands in front of a value. json_value takes all of it; or json_open steps into an array
 * or object, and json_next then leads from item to item:
 *
 *     json_open(&r);
 *     while ((step = json_next(&r, VAL_OBJECT, &name)) == JSON_ITEM)
 *         json_value(&r, &value);                     -- or json_open again
 */
#include <stdbool.h>

#include "record/record.h"

enum {
    /* Deepest nesting that is checked; what nests deeper is an error. Far above REC_DEPTH_MAX and
     * what Python reads (about 1,000); bounds the stack of json_value (one bit a level). */
    JSON_NEST_MAX = 8192,
};

typedef struct json_reader {
    const uint8_t *begin;
    const uint8_t *p;
    const uint8_t *end;
    const char *error;   /* NULL until the first error, which stood at p; then everything fails */
    bool is_just_opened; /* json_open was the last step */
} json_reader;

/* What is particular about a token. */
enum {
    JSON_ESCAPED = 1 << 0,  /* string: holds escapes; nested: some string or name does */
    JSON_SPACED = 1 << 1,   /* nested: white space between tokens */
    JSON_BAD_UTF8 = 1 << 2, /* ill-formed bytes (escaped lone surrogates are not looked for) */
    JSON_CONSTANT = 1 << 3, /* NaN or an infinity, or nested: holds one */
    JSON_DEEP = 1 << 4,     /* nested: more than REC_DEPTH_MAX levels */
};

typedef struct json_token {
    val_type type;
    unsigned flags;
    al_slice raw; /* a string without its quotes, still escaped; anything else as it stands */
} json_token;

typedef enum json_step { JSON_ITEM, JSON_CLOSE, JSON_ERROR } json_step;

/* A reader in front of the first value of `text` (white space skipped), which must outlive it. */
json_reader json_read(al_slice text);
/* The type of the value that comes next; false at an error or the end. */
bool json_peek(json_reader *r, val_type *ret);
/* Takes the next value whole; false at an error. */
bool json_value(json_reader *r, json_token *ret);
/* Steps into the array or object that json_peek has announced. */
void json_open(json_reader *r);
/* JSON_ITEM: a value stands next, in an object after its name in *ret_name; JSON_CLOSE: the array
 * or object (`type`) ended and was stepped out of. */
json_step json_next(json_reader *r, val_type type, json_token *ret_name);
/* Only white space is left; else an error. */
bool json_end(json_reader *r);

/* The end of the number at p, or NULL; not of NaN or an infinity. */
const uint8_t *json_number_end(const uint8_t *p, const uint8_t *end);

/* ---- Text of tokens (json_text.c) */

/* Decodes a string's raw text to `out` (room for raw.len bytes); returns the length. *ret_is_lone
 * is set, never cleared, when a lone surrogate was among the escapes. */
size_t json_unescape(al_slice raw, uint8_t *out, bool *ret_is_lone);
/* The canonical text (record.h) of a nested value that json_value has taken, to `out` (room for
 * raw.len bytes); returns the length. */
size_t json_compact(al_slice raw, uint8_t *out, bool *ret_is_lone);
/* Canonical text -> the same with each array or object below REC_DEPTH_MAX levels replaced by a
 * string that holds its text; `out` has room for twice the length. */
size_t json_flatten_deep(al_slice canonical, uint8_t *out);
/* A canonical string with its quotes: bytes as they are, only \" \\ and control characters escaped;
 * `out` has room for JSON_QUOTED_BYTES(text.len). */
#define JSON_QUOTED_BYTES(n) (6 * (n) + 2)
size_t json_quote(al_slice text, uint8_t *out);
/* The short or \u00xx escape of a control character, '"' or '\\': 2 or 6 bytes. */
size_t json_escape(uint8_t *out, uint8_t c);
