#pragma once
/* filter_text.h: a text that a query looks for in the messages of a block that stands as templates:
 * each template is asked once, then the values of slots that could hold it. One thread at a time.
 */
#include "base/arena.h"
#include "store/known.h"
#include "store/msg/msg_view.h"

/* Of one leaf on one open block; zeroed before. Lives in the arena. */
typedef struct filter_text {
    bool is_open;
    bool is_any;               /* some row says more than KNOWN_NO */
    const uint16_t *templates; /* of each row; NULL unless is_any */
    const uint16_t *ranks;     /* of each row among those of its template */
    uint8_t *says;             /* KNOWN_, of each template, for rows without hits */
    uint8_t **hits;            /* KNOWN_, of each row of a template; NULL: none of them has one */
} filter_text;

/* Where else than in fixed text the literal may stand. */
typedef struct filter_text_asks {
    bool slots;   /* known_asks_slots */
    bool numbers; /* known_asks_block_numbers */
} filter_text_asks;

/* AL_CORRUPT, AL_NOMEM. */
AL_CHECK al_code filter_text_open(filter_text *f, const known_text *known, filter_text_asks asks,
                                  msg_view *split, al_arena *arena, al_err *err);
/* KNOWN_ASK: nothing but the message itself tells. Only if is_any. */
static inline uint8_t filter_text_says(const filter_text *f, uint32_t row)
{
    uint16_t i = f->templates[row];
    if (f->hits[i] && f->hits[i][f->ranks[row]])
        return f->hits[i][f->ranks[row]];
    return f->says[i];
}
