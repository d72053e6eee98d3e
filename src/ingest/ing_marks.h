#pragma once
/* ing_marks.h: the marks of a batch hold two things: the memory of an input (ingest_remember) and
 * the ledger's marks. Pure; any thread. */
#include "base/buf.h"

/* Appends memory; the ledger's marks follow it, if there are any. */
void ing_marks_put_memory(al_buf *marks, al_slice memory);
/* Takes marks apart: calls `fn` for each piece of memory, returns what is the ledger's. */
al_slice ing_marks_split(al_slice marks, void (*fn)(void *ctx, al_slice memory), void *ctx);
