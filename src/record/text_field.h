#pragma once
/* text_field.h: what cannot be a field of its own, kept as JSON text in a field of ours. Pure. */
#include "base/buf.h"
#include "record/record.h"

/* `s`, or its beginning and a marker that says how long it was, in the arena and together of at
 * most `bytes_max` bytes (at least 128). ptr NULL: no memory. */
al_slice text_cut(al_slice s, size_t bytes_max, al_arena *arena);

/* {"name":value or ,"name":value behind one that is there; the caller closes with }. */
void text_put_member(al_buf *out, const field *f);

/* `name` when none of the fields has it, else with _x until none has. ptr NULL: no memory. */
al_slice text_name(const field *fields, size_t n, al_slice name, al_arena *arena);

/* Is it a name that a field of ours has: parse_error, doubled, more_fields? */
bool text_is_ours(al_slice name);

/* Moves the fields with `is_moved[i]` into the field more_fields, as rec_decode does with what is
 * too many; the others stay as and where they are. `has_more`: rec_decode made such a field
 * (REC_NOTE_FIELDS) and it was not dropped since: it is the last one, stays it, and has
 * the moved ones before its own. The record has no more fields than before. False without memory,
 * the record unchanged. */
AL_CHECK bool text_move_fields(record *r, const bool *is_moved, bool has_more, al_arena *arena);
