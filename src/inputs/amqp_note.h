#pragma once
/* amqp_note.h: what must be known of an index at a broker after a restart, as bytes: what was asked
 * of the broker last, and what is still to be undone there. Pure data. Any thread. */
#include "base/buf.h"
#include "base/err.h"
#include "inputs/amqp_plan.h"

typedef struct amqp_note {
    amqp_plan *plan;       /* asked of the broker last */
    bool is_on_detour;     /* its queue is being declared anew */
    bool is_dropped;       /* the index is gone, only jobs are left */
    int64_t n_maybe_known; /* so many of the next messages may have come by another queue too */
    amqp_jobs jobs;
} amqp_note;

void amqp_note_done(amqp_note *n);
/* al_buf_code tells whether it worked. */
void amqp_note_put(al_buf *out, const amqp_note *n);
/* `index`: whose note it is. A job that was begun is one whose position is not known. AL_CORRUPT,
 * AL_TOO_NEW, AL_NOMEM. */
AL_CHECK al_code amqp_note_read(al_slice text, const char *index, amqp_note *ret, al_err *err);
