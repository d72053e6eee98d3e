/* Lines of an upload.
 * Shape: `input` is what is left of the piece; `text` what is decoded and not yet split, in the
 * piece itself or in the unpacker; `carry` the beginning of a line whose end has not come. */
#include "server/lines.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/unpack.h"

enum { CARRY_BYTES_KEPT = 64 * 1024 };

struct lines {
    const atomic_bool *cancel;
    al_packing packing;
    al_unpacker *unpacker; /* NULL: the body is not packed */
    al_slice input;
    al_slice text;
    al_buf carry;
    bool is_cut;      /* the carried line has lost bytes */
    bool was_carried; /* the last line given out stands in carry */
};

static al_code packing_named(al_slice encoding, al_packing *ret, al_err *err)
{
    if (encoding.len == 0 || al_slice_eq(encoding, AL_LIT("identity")))
        *ret = AL_PACKING_NONE;
    else if (al_slice_eq(encoding, AL_LIT("gzip")) || al_slice_eq(encoding, AL_LIT("x-gzip")))
        *ret = AL_PACKING_GZIP;
    else if (al_slice_eq(encoding, AL_LIT("zstd")))
        *ret = AL_PACKING_ZSTD;
    else
        return al_fail(err, AL_INVALID, "Content-Encoding '%.*s': expected identity, gzip or zstd",
                       AL_ARG(encoding));
    return AL_OK;
}

al_code lines_new(al_slice encoding, const atomic_bool *cancel, lines **ret, al_err *err)
{
    AL_CLEANUP(lines_freep) lines *l = al_zalloc(1, sizeof *l);
    if (!l)
        return al_fail(err, AL_NOMEM, "upload");
    l->cancel = cancel;
    al_buf_init(&l->carry, LINES_LINE_BYTES_MAX);
    al_code c = packing_named(encoding, &l->packing, err);
    if (!c && l->packing != AL_PACKING_NONE)
        c = al_unpacker_new(l->packing, AL_ZSTD_WINDOW_LOG_FOREIGN, &l->unpacker, err);
    if (!c)
        *ret = AL_TAKE(l);
    return c;
}

lines *lines_free(lines *l)
{
    if (!l)
        return NULL;
    (void)al_unpacker_free(l->unpacker);
    al_buf_done(&l->carry);
    free(l);
    return NULL;
}

size_t lines_held(const lines *l)
{
    return l->carry.cap + al_unpacker_held(l->unpacker);
}

void lines_feed(lines *l, al_slice piece)
{
    l->input = piece;
}

/* Makes `text` from `input`; *ret_has false: nothing came out. */
static al_code refill(lines *l, bool *ret_has, al_err *err)
{
    while (l->text.len == 0) {
        *ret_has = l->input.len || (l->unpacker && al_unpacker_has_more(l->unpacker));
        if (!*ret_has)
            return AL_OK;
        if (!l->unpacker) {
            l->text = l->input;
            l->input = (al_slice){0};
            continue;
        }
        if (l->cancel && atomic_load(l->cancel))
            return al_fail(err, AL_CANCELLED, "upload");
        al_err why;
        al_code c = al_unpack(l->unpacker, &l->input, &l->text, &why);
        if (c == AL_CORRUPT)
            return al_fail(err, AL_INVALID, "body is not %s: %s", al_packing_name(l->packing),
                           why.msg);
        if (c)
            return al_fail(err, c, "upload: %s", why.msg);
    }
    *ret_has = true;
    return AL_OK;
}

/* ---- Splitting */

static al_code carry(lines *l, al_slice part, al_err *err)
{
    size_t room = LINES_LINE_BYTES_MAX - l->carry.len;
    if (part.len > room) {
        part.len = room;
        l->is_cut = true;
    }
    al_buf_slice_put(&l->carry, part);
    return al_buf_code(&l->carry) ? al_fail(err, AL_NOMEM, "upload") : AL_OK;
}

static void forget_carried(lines *l)
{
    if (!l->was_carried)
        return;
    al_buf_reuse(&l->carry, CARRY_BYTES_KEPT);
    l->is_cut = false;
    l->was_carried = false;
}

static al_slice without_cr(al_slice line)
{
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Empty lines at the front, of which a compressed body may have millions. */
static void skip_empty(lines *l)
{
    size_t n = 0;
    while (n < l->text.len && l->text.ptr[n] == '\n')
        n++;
    l->text = al_slice_sub(l->text, n, l->text.len);
}

al_code lines_next(lines *l, al_slice *ret, bool *ret_has, bool *ret_is_cut, al_err *err)
{
    forget_carried(l);
    for (;;) {
        al_code c = refill(l, ret_has, err);
        if (c || !*ret_has)
            return c;
        if (l->carry.len == 0)
            skip_empty(l);
        if (l->text.len == 0)
            continue;
        size_t end = al_slice_find(l->text, '\n', 0);
        al_slice line = al_slice_sub(l->text, 0, end);
        bool is_whole = end < l->text.len;
        l->text = al_slice_sub(l->text, end + 1, l->text.len);
        if (!is_whole || l->carry.len || line.len > LINES_LINE_BYTES_MAX) {
            c = carry(l, line, err);
            if (c)
                return c;
            if (!is_whole)
                continue;
            line = al_buf_slice(&l->carry);
            l->was_carried = true;
        }
        *ret = without_cr(line);
        *ret_is_cut = l->is_cut;
        if (ret->len)
            return AL_OK;
        forget_carried(l);
    }
}

al_code lines_last(lines *l, al_slice *ret, bool *ret_has, bool *ret_is_cut, al_err *err)
{
    forget_carried(l);
    if (l->unpacker && al_unpacker_is_inside(l->unpacker))
        return al_fail(err, AL_INVALID, "body ends inside its %s data",
                       al_packing_name(l->packing));
    *ret = without_cr(al_buf_slice(&l->carry));
    *ret_is_cut = l->is_cut;
    *ret_has = ret->len > 0;
    l->was_carried = true;
    return AL_OK;
}
