#pragma once
/* ledger_marks.h: the ledger's marks as bytes (which: ledger_marks.c), private to ledger.c. Pure.
 */
#include "ingest/ledger.h"

/* ---- Writing: appended. An error sticks in the buffer; marks_undo takes back what it cut off. */

/* Once, at the beginning. */
void marks_put_version(al_buf *marks);
/* What follows is of this queue and session. */
void marks_put_head(al_buf *marks, ledger_key queue, uint64_t session);
void marks_put_id(al_buf *marks, ledger_key key);
void marks_put_open(al_buf *marks, uint64_t tag, ledger_key key);
void marks_put_close(al_buf *marks, ledger_ref name);
/* Cuts `marks` back to `len`; clears and returns the error that made it necessary. */
al_code marks_undo(al_buf *marks, size_t len);

/* ---- Reading */

typedef struct mark {
    uint8_t op; /* 'I', 'O' or 'C' */
    ledger_key queue;
    ledger_key key;  /* of I and O */
    ledger_ref name; /* of O and C */
} mark;

typedef struct mark_reader {
    al_rd r;
    ledger_key queue;
    uint64_t session;
    bool has_version;
    bool has_queue;
} mark_reader;

/* The marks stay the caller's. */
mark_reader mark_reader_of(al_slice marks);
/* The next mark; false at the end, or with *ret_bad (never set to false here) where the bytes make
 * no sense: there reading ends. */
bool mark_read(mark_reader *m, mark *ret, bool *ret_bad);
