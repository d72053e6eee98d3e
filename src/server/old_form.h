#pragma once
/* old_form.h: query strings as Django reads and writes them, for old ALCO's addresses. Pure;
 * hostile input. */
#include "base/buf.h"
#include "server/url.h"

/* "a=1&b=2" decoded into the arena: of equal names the last one counts (in the place of the first),
 * a % that is no escape stands for itself, bytes that are no UTF-8 become U+FFFD. AL_INVALID: more
 * than URL_PARAMS_MAX names. AL_NOMEM. */
AL_CHECK al_code old_form_parse(al_slice text, al_arena *arena, url_params *ret, al_err *err);
/* Replaces the parameter of this name, or appends it. AL_INVALID: no room. */
AL_CHECK al_code old_form_set(url_params *p, al_slice name, al_slice value, al_err *err);
void old_form_remove(url_params *p, const char *name);
/* By name, as links of the API have them. */
void old_form_sort(url_params *p);
/* "a=1&b=2%203": for an address. */
void old_form_put(al_buf *out, const url_params *p);
