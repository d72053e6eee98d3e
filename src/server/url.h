#pragma once
/* url.h: request targets and forms taken apart. Pure; hostile input. */
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

enum { URL_PARAMS_MAX = 64, URL_PARTS_MAX = 32 };

typedef struct url_param {
    al_slice name;
    al_slice value;
} url_param;

typedef struct url_params {
    size_t n;
    url_param items[URL_PARAMS_MAX];
} url_params;

/* "a%20b+c" -> its bytes, in the arena; '+' is a space when `is_form`. AL_INVALID names a '%' that
 * two hexadecimal digits do not follow. */
AL_CHECK al_code url_decode(al_slice text, bool is_form, al_arena *arena, al_slice *ret,
                            al_err *err);
/* 0..15, or -1 when it is no hexadecimal digit. */
int url_hex_digit(uint8_t c);
/* The next pair of a form from *at on, not decoded yet; empty ones between two & are passed over.
 * False at the end. */
bool url_next_pair(al_slice form, size_t *at, al_slice *ret_name, al_slice *ret_value);
/* Appends the parameters of "a=1&b=2" (a query string or a form). AL_INVALID: bad escape, a name
 * twice, more than URL_PARAMS_MAX. */
AL_CHECK al_code url_parse_form(al_slice text, al_arena *arena, url_params *ret, al_err *err);
/* Appends one; AL_INVALID as above. */
AL_CHECK al_code url_params_add(url_params *p, al_slice name, al_slice value, al_err *err);
/* The value of `name` in *ret; false when it is not there. */
bool url_param_get(const url_params *p, const char *name, al_slice *ret);

/* "/a/b%2Fc?x" -> parts "a", "b/c" decoded, and the raw query behind '?'. A leading "http://host"
 * (absolute form) is skipped. AL_INVALID: no path, too many parts, bad escape. An empty last part
 * ("/grep/") is kept as an empty slice. */
typedef struct url_target {
    size_t n;
    al_slice parts[URL_PARTS_MAX];
    al_slice path; /* raw, without the query */
    al_slice query;
} url_target;
AL_CHECK al_code url_parse_target(al_slice target, al_arena *arena, url_target *ret, al_err *err);
