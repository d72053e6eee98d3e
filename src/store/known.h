#pragma once
/* known.h: what the lexicon of a segment says about the texts that a query looks for, before any of
 * its blocks is read. Made once for a segment and a query; immutable but for known_blocks, any
 * thread. */
#include "query/literal_holes.h"
#include "store/lex/lexicon.h"
#include "store/plan.h"
#include "store/segment.h"

/* Of a template: do messages made from it hold the literal? */
enum { KNOWN_NO, /* not but inside a slot */ KNOWN_ASK, /* perhaps */ KNOWN_YES };

/* Of a block. */
enum {
    KNOWN_BLOCK_YES = 1,   /* it has templates that say KNOWN_YES */
    KNOWN_BLOCK_ELSE = 2,  /* messages of other rows may have the literal */
    KNOWN_BLOCK_HEADS = 4, /* fields that are asked may have it */
};

/* What is known about a leaf that looks for texts (plan_node.text_no). */
typedef struct known_text {
    const literal *literal; /* NULL: all messages have to be asked */
    bool is_leaf;           /* a text with the literal matches; else it has to be asked */
    /* It could stand in numbers that are in no lexicon: lexicon_numbers; NULL: it could not. */
    const uint8_t *longest;
    bool asks_message;
    uint8_t heads; /* SEG_FIELD_, of the fields that are asked */
    const uint8_t *templates;
    const literal_holes *holes; /* NULL: slots do not stand for whole words */
    const uint64_t *values;     /* a bit for each that holds it; NULL: none does */
    uint32_t first_value;       /* ... the least and the greatest of them */
    uint32_t last_value;
    /* Once known_blocks was called: */
    const uint8_t *blocks;
    const uint32_t *rows; /* of each block: how many have a template that says KNOWN_YES */
} known_text;

typedef struct known known;

/* SEG_FIELD_ of a top-level field of the segment; 0: it has none. */
typedef struct known_names {
    uint8_t (*uses)(void *ctx, al_slice name);
    void *ctx;
} known_names;

/* `plan` must outlive it; holds `lex`. AL_CORRUPT, AL_IO, AL_NOMEM. */
AL_CHECK al_code known_new(const plan *p, lexicon *lex, const known_names *names, known **ret,
                           al_err *err);
known *known_free(known *k);
const known_text *known_text_of(const known *k, uint32_t text_no);
/* Could values or texts in slots of the block hold the literal? Numbers: known_text.longest. *ret
 * may be true when they do not. As known_new. */
AL_CHECK al_code known_asks_slots(const known *k, uint32_t text_no, uint32_t block, bool *ret,
                                  al_err *err);
/* Could a number in a slot of the block? */
bool known_asks_block_numbers(const known *k, uint32_t text_no, uint32_t block);
/* Could a number in a slot of the template? */
static inline bool known_asks_numbers(const known_text *t, uint32_t template)
{
    return t->longest &&
           t->longest[2 * template + literal_has(t->literal, '.')] >= literal_chars(t->literal);
}
/* False: no field of the block that the leaf asks has the literal or value. */
bool known_asks_heads(const known *k, uint32_t text_no, uint32_t block);
/* Finds out which blocks may match, for the two below. One thread, while no other looks at them. As
 * known_new. */
AL_CHECK al_code known_blocks(known *k, al_err *err);
/* False: no row of the block makes the query true. */
bool known_may_match(const known *k, uint32_t block);
/* True: *ret of its rows do, and none of them has to be looked at for that. */
bool known_count(const known *k, uint32_t block, uint32_t *ret);

AL_DEFINE_CLEANUP(known, known_free);
