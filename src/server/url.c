/* Request targets and forms. The library under us decodes too, but stops at NULs and hides doubled
 * names, so we read the raw target ourselves. */
#include "server/url.h"

int url_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

al_code url_decode(al_slice text, bool is_form, al_arena *arena, al_slice *ret, al_err *err)
{
    uint8_t *out = al_arena_alloc(arena, text.len + 1, 1);
    size_t n = 0;
    if (!out)
        return al_fail(err, AL_NOMEM, "decode address");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '%') {
            int high = i + 1 < text.len ? url_hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? url_hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return al_fail(err, AL_INVALID, "'%.*s': expected two hexadecimal digits after %%",
                               AL_ARG(al_slice_sub(text, i, i + 3)));
            c = (uint8_t)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_form) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = (al_slice){out, n};
    return AL_OK;
}

bool url_param_get(const url_params *p, const char *name, al_slice *ret)
{
    for (size_t i = 0; i < p->n; i++) {
        if (al_slice_eq(p->items[i].name, al_cstr(name))) {
            *ret = p->items[i].value;
            return true;
        }
    }
    return false;
}

al_code url_params_add(url_params *p, al_slice name, al_slice value, al_err *err)
{
    if (p->n == URL_PARAMS_MAX)
        return al_fail(err, AL_INVALID, "more than %d parameters", URL_PARAMS_MAX);
    for (size_t i = 0; i < p->n; i++)
        if (al_slice_eq(p->items[i].name, name))
            return al_fail(err, AL_INVALID, "parameter '%.*s' is given twice", AL_ARG(name));
    p->items[p->n++] = (url_param){name, value};
    return AL_OK;
}

bool url_next_pair(al_slice form, size_t *at, al_slice *ret_name, al_slice *ret_value)
{
    while (*at < form.len) {
        size_t end = al_slice_find(form, '&', *at);
        al_slice pair = al_slice_sub(form, *at, end);
        size_t equals = al_slice_find(pair, '=', 0);
        *at = end + 1;
        *ret_name = al_slice_sub(pair, 0, equals);
        *ret_value = al_slice_sub(pair, equals + 1, pair.len);
        if (pair.len)
            return true;
    }
    return false;
}

al_code url_parse_form(al_slice text, al_arena *arena, url_params *ret, al_err *err)
{
    al_code c = AL_OK;
    al_slice name;
    al_slice value;
    for (size_t at = 0; !c && url_next_pair(text, &at, &name, &value);) {
        c = url_decode(name, true, arena, &name, err);
        if (!c)
            c = url_decode(value, true, arena, &value, err);
        if (!c)
            c = url_params_add(ret, name, value, err);
    }
    return c;
}

/* "http://host:1/a" -> "/a" */
static al_slice skip_authority(al_slice target)
{
    static const al_slice schemes[] = {{(const uint8_t *)"http://", 7},
                                       {(const uint8_t *)"https://", 8}};
    for (size_t i = 0; i < 2; i++) {
        if (al_slice_starts(target, schemes[i])) {
            size_t slash = al_slice_find(target, '/', schemes[i].len);
            return al_slice_sub(target, slash, target.len);
        }
    }
    return target;
}

al_code url_parse_target(al_slice target, al_arena *arena, url_target *ret, al_err *err)
{
    url_target t = {0};
    target = skip_authority(target);
    size_t question = al_slice_find(target, '?', 0);
    t.path = al_slice_sub(target, 0, question);
    t.query = al_slice_sub(target, question + 1, target.len);
    if (t.path.len == 0 || t.path.ptr[0] != '/')
        return al_fail(err, AL_INVALID, "'%.*s': expected a path that begins with /",
                       AL_ARG(t.path));
    for (size_t at = 1; at <= t.path.len;) {
        size_t slash = al_slice_find(t.path, '/', at);
        if (t.n == URL_PARTS_MAX)
            return al_fail(err, AL_INVALID, "path has more than %d parts", URL_PARTS_MAX);
        al_code c = url_decode(al_slice_sub(t.path, at, slash), false, arena, &t.parts[t.n++], err);
        if (c)
            return c;
        at = slash + 1;
    }
    *ret = t;
    return AL_OK;
}
