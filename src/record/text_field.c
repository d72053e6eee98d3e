/* Fields of ours that hold text. See text_field.h for the contract, doc/records.md for the rules.
 */
#include "record/text_field.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "record/json.h"
#include "record/utf8.h"

al_slice text_cut(al_slice s, size_t bytes_max, al_arena *arena)
{
    if (s.len <= bytes_max)
        return s;
    char marker[64];
    int n = snprintf(marker, sizeof marker, " ...[cut, %zu bytes in all]", s.len);
    assert(n > 0 && (size_t)n < sizeof marker && (size_t)n < bytes_max);
    size_t keep = utf8_cut(s, bytes_max - (size_t)n);
    uint8_t *out = al_arena_alloc(arena, keep + (size_t)n, 1);
    if (!out)
        return (al_slice){0};
    memcpy(out, s.ptr, keep);
    memcpy(out + keep, marker, (size_t)n);
    return (al_slice){out, keep + (size_t)n};
}

static void put_quoted(al_buf *out, al_slice text)
{
    size_t at = out->len;
    uint8_t *to = al_buf_extend(out, JSON_QUOTED_BYTES(text.len));
    if (to)
        out->len = at + json_quote(text, to);
}

void text_put_member(al_buf *out, const field *f)
{
    al_buf_u8(out, out->len ? ',' : '{');
    put_quoted(out, f->name);
    al_buf_u8(out, ':');
    if (f->val.type == VAL_STRING)
        put_quoted(out, f->val.text);
    else
        al_buf_slice_put(out, rec_value_text(&f->val));
}

static bool is_taken(const field *fields, size_t n, al_slice name)
{
    for (size_t i = 0; i < n; i++)
        if (al_slice_eq(fields[i].name, name))
            return true;
    return false;
}

al_slice text_name(const field *fields, size_t n, al_slice name, al_arena *arena)
{
    while (is_taken(fields, n, name)) {
        uint8_t *longer = al_arena_alloc(arena, name.len + 2, 1);
        if (!longer)
            return (al_slice){0};
        memcpy(longer, name.ptr, name.len);
        longer[name.len] = '_';
        longer[name.len + 1] = 'x';
        name = (al_slice){longer, name.len + 2};
    }
    return name;
}

bool text_is_ours(al_slice name)
{
    return al_slice_eq(name, AL_LIT("parse_error")) || al_slice_eq(name, AL_LIT("doubled")) ||
           al_slice_eq(name, AL_LIT("more_fields"));
}

/* The members of what is moved, and of `more` (an object that may have been cut) behind them. */
static al_slice moved_text(const record *r, const bool *is_moved, al_slice more, al_arena *arena)
{
    al_buf text;
    al_buf_init(&text, SIZE_MAX);
    for (uint32_t i = 0; i < r->n_fields; i++)
        if (is_moved[i])
            text_put_member(&text, &r->fields[i]);
    if (more.len) {
        al_buf_u8(&text, ',');
        al_buf_slice_put(&text, al_slice_sub(more, 1, more.len));
    } else {
        al_buf_u8(&text, '}');
    }
    al_slice kept = {0};
    if (al_buf_code(&text) == AL_OK) {
        kept = text_cut(al_buf_slice(&text), REC_MESSAGE_BYTES_MAX, arena);
        if (kept.ptr == text.ptr)
            kept = al_arena_copy(arena, kept);
    }
    al_buf_done(&text);
    return kept;
}

bool text_move_fields(record *r, const bool *is_moved, bool has_more, al_arena *arena)
{
    uint32_t n_sent = r->n_fields - has_more; /* those of the sender, and others of ours */
    const field *last = has_more ? &r->fields[n_sent] : NULL;
    assert(!last || (!is_moved[n_sent] && last->val.type == VAL_STRING));
    field *kept = al_arena_alloc(arena, (size_t)r->n_fields + 1, sizeof *kept);
    if (!kept)
        return false;
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_sent; i++)
        if (!is_moved[i])
            kept[n++] = r->fields[i];
    if (n == n_sent)
        return true;
    /* A name anew: what was in the way of rec_decode's may be gone. */
    al_slice name = text_name(kept, n, AL_LIT("more_fields"), arena);
    al_slice text = moved_text(r, is_moved, last ? last->val.text : (al_slice){0}, arena);
    if (!name.ptr || !text.ptr)
        return false;
    kept[n++] = (field){name, {VAL_STRING, text}};
    r->fields = kept;
    r->n_fields = n;
    return true;
}
