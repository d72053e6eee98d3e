/* Query strings by Django's rules. Ours (url.c) refuse what is doubtful; scripts that were written
 * for the old ones sent such things and got answers. */
#include "server/old_form.h"

#include <stdlib.h>

#include "record/utf8.h"

/* Into `out`, which has room for text.len bytes. */
static size_t unescape(al_slice text, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '%' && i + 2 < text.len) {
            int high = url_hex_digit(text.ptr[i + 1]);
            int low = url_hex_digit(text.ptr[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (uint8_t)(high * 16 + low);
                i += 2;
            }
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    return n;
}

static al_code make_valid(al_slice text, al_arena *arena, al_slice *ret, al_err *err)
{
    uint8_t *out = al_arena_alloc(arena, text.len + 1, 3); /* a bad byte becomes three */
    size_t n = 0;
    if (!out)
        return al_fail(err, AL_NOMEM, "read address");
    for (size_t i = 0; i < text.len;) {
        bool is_good = false;
        size_t step = utf8_step(text.ptr + i, text.len - i, &is_good);
        const uint8_t *from = is_good ? text.ptr + i : (const uint8_t *)"\xef\xbf\xbd";
        for (size_t k = 0; k < (is_good ? step : 3); k++)
            out[n++] = from[k];
        i += step;
    }
    *ret = (al_slice){out, n};
    return AL_OK;
}

static al_code decode(al_slice text, al_arena *arena, al_slice *ret, al_err *err)
{
    uint8_t *out = al_arena_alloc(arena, text.len + 1, 1);
    if (!out)
        return al_fail(err, AL_NOMEM, "read address");
    *ret = (al_slice){out, unescape(text, out)};
    return utf8_is_valid(*ret) ? AL_OK : make_valid(*ret, arena, ret, err);
}

al_code old_form_set(url_params *p, al_slice name, al_slice value, al_err *err)
{
    for (size_t i = 0; i < p->n; i++) {
        if (al_slice_eq(p->items[i].name, name)) {
            p->items[i].value = value;
            return AL_OK;
        }
    }
    return url_params_add(p, name, value, err);
}

void old_form_remove(url_params *p, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (!al_slice_eq(p->items[i].name, al_cstr(name)))
            p->items[n++] = p->items[i];
    p->n = n;
}

al_code old_form_parse(al_slice text, al_arena *arena, url_params *ret, al_err *err)
{
    al_code c = AL_OK;
    al_slice name;
    al_slice value;
    for (size_t at = 0; !c && url_next_pair(text, &at, &name, &value);) {
        c = decode(name, arena, &name, err);
        if (!c)
            c = decode(value, arena, &value, err);
        if (!c)
            c = old_form_set(ret, name, value, err);
    }
    return c;
}

static int by_name(const void *a, const void *b)
{
    return al_slice_cmp(((const url_param *)a)->name, ((const url_param *)b)->name);
}

void old_form_sort(url_params *p)
{
    qsort(p->items, p->n, sizeof p->items[0], by_name);
}

static void put_escaped(al_buf *out, al_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        uint8_t letter = c | 0x20;
        if ((c >= '0' && c <= '9') || (letter >= 'a' && letter <= 'z') || c == '-' || c == '_' ||
            c == '.' || c == '~')
            al_buf_u8(out, c);
        else
            al_buf_printf(out, "%%%02X", c);
    }
}

void old_form_put(al_buf *out, const url_params *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (i)
            al_buf_u8(out, '&');
        put_escaped(out, p->items[i].name);
        al_buf_u8(out, '=');
        put_escaped(out, p->items[i].value);
    }
}
