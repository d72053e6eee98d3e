#pragma once
/* cursor.h: the rows of a scope in order of (id, index), either way, one after the other. Looks at
 * as few blocks as the rows that are taken need. One thread at a time. */
#include "store/reading.h"

typedef struct cursor cursor;

/* `after`: strictly behind this place in the order asked; NULL: from the beginning. `rd` must
 * outlive it. AL_NOMEM. */
AL_CHECK al_code cursor_new(reading *rd, bool is_descending, const eng_pos *after, cursor **ret,
                            al_err *err);
cursor *cursor_free(cursor *c);
/* The next matching row, valid until the next call. AL_NOT_FOUND: there is none, or the budget is
 * used up (reading.is_out). AL_CANCELLED. */
AL_CHECK al_code cursor_next(cursor *c, eng_row *ret, record *ret_rec, al_err *err);
/* The place behind everything that was looked at so far; false when there is nothing behind it. */
bool cursor_reached(const cursor *c, eng_pos *ret);

AL_DEFINE_CLEANUP(cursor, cursor_free);
