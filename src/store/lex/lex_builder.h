#pragma once
/* lex_builder.h: what the messages and fields of a segment repeat: templates and values get numbers
 * in order of first appearance, and which blocks use them is written down. One thread.
 *
 * Use: for each block lex_builder_block, then templates and values of its rows; lex_builder_encode
 * at the end of the segment. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/lex/lex_format.h"

typedef struct lex_builder lex_builder;

/* NULL without memory. */
lex_builder *lex_builder_new(void);
lex_builder *lex_builder_free(lex_builder *b);

/* What follows belongs to the next block; the first call begins block 0. AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code lex_builder_block(lex_builder *b);
/* The number of a template that the messages of `rows` rows of this block have; called once per
 * block and template. *ret is 0, the template that is one slot, when the lexicon does not take it.
 * AL_NOMEM. */
AL_CHECK al_code lex_builder_template(lex_builder *b, al_slice text, uint32_t rows, uint32_t *ret);
/* ... that `n` values of a field have; once per block, field and template. */
AL_CHECK al_code lex_builder_field_template(lex_builder *b, al_slice text, uint32_t n,
                                            uint32_t *ret);
/* A number in a slot of the block, that is in no lexicon, as it is spelled. */
void lex_builder_number(lex_builder *b, al_slice text);
/* A text that the lexicon did not take, in a message or a string of a field of the block. */
void lex_builder_text(lex_builder *b, al_slice text);
/* A slot of template `number` has numbers that are in no lexicon, of up to so many bytes; some of
 * them with a point. */
void lex_builder_numbers(lex_builder *b, uint32_t number, uint32_t bytes, bool has_point);
/* Rows of this block whose whole message is one slot. */
AL_CHECK al_code lex_builder_whole(lex_builder *b, uint32_t rows);
/* The number of a variable in the message of row `row` (ascending within a block); *ret is LEX_NONE
 * when the lexicon does not take it: the block then keeps text. AL_NOMEM. */
AL_CHECK al_code lex_builder_value(lex_builder *b, al_slice text, uint32_t row, uint32_t *ret);
/* The number of a field's value; of a variable in one that is taken apart. */
AL_CHECK al_code lex_builder_field(lex_builder *b, al_slice text, uint32_t *ret);
AL_CHECK al_code lex_builder_field_slot(lex_builder *b, al_slice text, uint32_t *ret);
/* This block keeps text of messages, of fields, that the lexicon does not have. */
void lex_builder_has_text(lex_builder *b);
void lex_builder_has_field_text(lex_builder *b);

/* Values so far: for tests, which fill it to the brim behind blocks of unknown values. */
uint32_t lex_builder_values(const lex_builder *b);
/* Appends the encoded lexicon. The builder stays as it is. AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code lex_builder_encode(lex_builder *b, al_buf *out, al_err *err);

AL_DEFINE_CLEANUP(lex_builder, lex_builder_free);
