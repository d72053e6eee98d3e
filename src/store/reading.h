#pragma once
/* reading.h: what every question has in common: the pinned indexes of its scope, a filter for each,
 * its budget, and what its answer is missing. One thread at a time; lives as long as the call. */
#include "store/filter.h"
#include "store/store_priv.h"

/* What lexicons of segments say about the query. */
typedef struct reading_lexicons reading_lexicons;

typedef enum reading_stop { STOP_NOT, STOP_CANCEL, STOP_TIME, STOP_PIECE } reading_stop;

typedef struct reading {
    engine *e;
    const eng_scope *scope;
    const eng_budget *budget; /* may be NULL */
    eng_answer *answer;       /* zeroed by reading_open */
    al_arena *arena;
    store_pin *pin;
    filter **filters; /* one an index of the scope */
    bool is_resumed;  /* a budget that ran out is no reason in the answer (reading_resume) */
    bool is_out;      /* the budget is used up: look at no more rows */
    bool is_part;     /* of another that looks at rows of its own (reading_part) */
    reading_lexicons *lexicons; /* shared with parts */
    /* The rows that are being decided together, and why that has to end. */
    uint32_t piece_rows; /* most of the next piece */
    uint32_t n_in_piece;
    int64_t piece_ns; /* when it began */
    reading_stop stop;
} reading;

/* Pins the scope; the answer names the segments of it that are set aside. AL_NOT_FOUND: an index is
 * unknown. AL_INVALID: too many. AL_NOMEM. Also after a failure, and zeroed, it may be closed. */
AL_CHECK al_code reading_open(reading *rd, engine *e, const eng_scope *scope,
                              const eng_budget *budget, eng_answer *answer, al_err *err);
/* Right behind reading_open, for who asks only for rows committed behind `frame` and goes on with a
 * later call where this one ends: what is missing before the frame, and budgets, are no reason in
 * the answer then. */
void reading_resume(reading *rd, uint64_t frame);
void reading_close(reading *rd);
/* A reading for another thread that looks at some of the rows of `of`, which outlives it: with its
 * pin and scope, filters of its own, and what is missing in an answer of its own. Filters are made
 * by reading_need. */
void reading_part(reading *rd, const reading *of, eng_answer *answer);
/* The filter of an index; AL_NOMEM. */
AL_CHECK al_code reading_need(reading *rd, uint32_t index_no, al_err *err);
/* Ends a part: what it has looked at and missed goes into `of`. */
void reading_join(reading *of, reading *part);

/* AL_CANCELLED: whoever asked has left. */
AL_CHECK al_code reading_check(const reading *rd);
/* n more rows were looked at: sets is_out (with a reason in the answer) when that was the last that
 * the budget allows. AL_CANCELLED. */
AL_CHECK al_code reading_spend(reading *rd, uint64_t n);
/* Something of a unit could not be read for reason `c` (message in err). Notes it in the answer and
 * returns AL_OK, unless the failure says nothing about the unit (AL_NOMEM). */
AL_CHECK al_code reading_damage(reading *rd, const unit *u, al_code c, const al_err *err);

/* ---- Times */
static inline bool reading_has_time(const reading *rd, int64_t t)
{
    return t >= rd->scope->from_ns && (t < rd->scope->to_ns || rd->scope->to_ns == INT64_MAX);
}
/* Are all, are some times between min and max (both included) in the range? */
static inline bool reading_has_all_times(const reading *rd, int64_t min_ns, int64_t max_ns)
{
    return reading_has_time(rd, min_ns) && reading_has_time(rd, max_ns);
}
bool reading_has_some_times(const reading *rd, int64_t min_ns, int64_t max_ns);

/* Could any row of the unit match, by the names of its fields? */
bool reading_may_match(const reading *rd, uint32_t index_no, const unit *u, const unit_blocks *b);

/* What the unit's lexicon says, made at first use; *ret is NULL when it has none or is not asked
 * for anything. `with_blocks`: known_blocks was called. Valid until reading_forget and
 * reading_close. AL_CORRUPT, AL_IO, AL_NOMEM. */
AL_CHECK al_code reading_known(reading *rd, uint32_t index_no, const unit *u, const unit_blocks *b,
                               bool with_blocks, const known **ret, al_err *err);
/* Nobody asks for this unit any more: its lexicon need not stay. Any thread of the question. */
void reading_forget(reading *rd, uint32_t index_no, const unit *u);

/* Decides rows of [from, to): time range and query; spends them. *ret_n says how many, counted from
 * `from`, or from `to` downwards if `is_downwards`: all, or fewer when is_out. Nobody's first row
 * is left undecided, so whoever goes on gets further. The answer says when a regular expression
 * gave up on some. AL_CORRUPT, AL_CANCELLED, AL_NOMEM. */
AL_CHECK al_code reading_decide(reading *rd, decided *d, uint32_t from, uint32_t to,
                                bool is_downwards, uint32_t *ret_n, al_err *err);
