/* Marks of two owners in one blob. See ing_marks.h.
 * Shape: any number of { u8 'M', varint length, bytes }, then the ledger's marks, which begin with
 * another byte ('V', see ledger_marks.c). Memory whose length is wrong is left to the ledger, which
 * counts what it cannot read. */
#include "ingest/ing_marks.h"

enum { MEMORY = 'M' };

void ing_marks_put_memory(al_buf *marks, al_slice memory)
{
    if (!al_buf_reserve(marks, memory.len + 11)) /* all of it or nothing */
        return;
    al_buf_u8(marks, MEMORY);
    al_buf_varint(marks, memory.len);
    al_buf_slice_put(marks, memory);
}

al_slice ing_marks_split(al_slice marks, void (*fn)(void *ctx, al_slice memory), void *ctx)
{
    while (marks.len && marks.ptr[0] == MEMORY) {
        al_rd r = al_rd_of(al_slice_sub(marks, 1, marks.len));
        al_slice memory = al_rd_bytes(&r, al_rd_varint(&r));
        if (r.bad)
            break;
        fn(ctx, memory);
        marks = (al_slice){r.p, r.left};
    }
    return marks;
}
