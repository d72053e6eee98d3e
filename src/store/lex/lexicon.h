#pragma once
/* lexicon.h: reads what lex_builder wrote (doc/format.md section 9). Parts are read when they are
 * asked for, and kept while anybody has a reference. Any thread.
 *
 * Every function that reads: AL_CORRUPT (a checksum or a number does not fit), AL_NOMEM, and what
 * the source returns. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "store/lex/lex_format.h"

typedef struct lexicon lexicon;

/* Where its bytes come from. */
typedef struct lex_source {
    al_code (*read)(void *ctx, uint64_t off, uint8_t *to, size_t n, al_err *err); /* any thread */
    void *ctx;
    uint64_t bytes; /* all of it */
    /* NULL, or told that the lexicon takes `bytes` more memory. */
    void (*grown)(void *ctx, size_t bytes);
    void (*done)(void *ctx); /* NULL, or called at the last unref */
} lex_source;

/* Some values together: value first + k is bytes [k ? ends[k - 1] : begin, ends[k]), counted from
 * `begin` bytes before texts.ptr. */
typedef struct lex_chunk {
    uint32_t first;
    uint32_t n;
    al_slice texts; /* all of them, one behind the other */
    uint32_t begin;
    const uint32_t *ends;
} lex_chunk;

static inline al_slice lex_chunk_text(const lex_chunk *c, uint32_t k)
{
    uint32_t from = k ? c->ends[k - 1] : c->begin;
    return (al_slice){c->texts.ptr + (from - c->begin), c->ends[k] - from};
}

/* A block that has template or value `number`. */
typedef struct lex_use_in {
    uint32_t block;
    uint32_t rows; /* whose messages have it, as a slot that is stored by number if it is a value */
    uint8_t uses;  /* LEX_USE_, of its fields */
} lex_use_in;

typedef void lex_posting_fn(void *ctx, uint32_t number, const lex_use_in *use);

/* Reads the head. When it fails, source->done is not called. */
AL_CHECK al_code lexicon_open(const lex_source *source, lexicon **ret, al_err *err);
lexicon *lexicon_ref(lexicon *l);
lexicon *lexicon_unref(lexicon *l);
size_t lexicon_bytes(const lexicon *l); /* memory it holds now */
/* Forgets values and their blocks, four fifths of it, if the caller's is the only reference, and
 * nobody gets one meanwhile. The bytes that were given back; they are read again when asked for. */
size_t lexicon_shrink(lexicon *l);

uint32_t lexicon_templates(const lexicon *l);
uint32_t lexicon_values(const lexicon *l);
uint32_t lexicon_blocks(const lexicon *l);

/* Template i, with a MSG_MARK (split.h) for each slot; valid until the last unref. */
AL_CHECK al_code lexicon_template(lexicon *l, uint32_t i, al_slice *ret, al_err *err);
/* All templates, as a chunk. */
AL_CHECK al_code lexicon_all_templates(lexicon *l, lex_chunk *ret, al_err *err);
/* None has a slot right beside a letter, a digit or a byte from 0x80, none more than
 * MSG_VARIABLES_MAX of them. */
bool lexicon_is_plain(const lexicon *l);
/* Value i; valid until the last unref. */
AL_CHECK al_code lexicon_value(lexicon *l, uint32_t i, al_slice *ret, al_err *err);
/* Grams of a text (store/codec/grams.h), some of them. */
typedef struct lex_keys {
    uint32_t n; /* 0: it is too short to have one */
    uint64_t at[32];
} lex_keys;

lex_keys lex_keys_of(al_slice text);
#define LEX_TEMPLATES UINT32_MAX
/* *ret is false: none of the texts of a chunk, or none of LEX_TEMPLATES, holds what these are the
 * keys of. */
AL_CHECK al_code lexicon_may_hold(lexicon *l, uint32_t chunk, const lex_keys *k, bool *ret,
                                  al_err *err);
/* ... of its runs of at least 8 digits and of at least 5 letters. */
lex_keys lex_keys_of_runs(al_slice text);
/* *ret is false: none of the numbers and texts of the block's messages and fields that are in no
 * lexicon holds what these are the keys of. */
AL_CHECK al_code lexicon_may_have_outside(lexicon *l, uint32_t block, const lex_keys *k, bool *ret,
                                          al_err *err);
/* *ret is false: no value holds all letters of the text that stand beside each other in it. */
AL_CHECK al_code lexicon_may_have_letters(lexicon *l, al_slice text, bool *ret, al_err *err);
/* *ret is false: no value begins (`ends`: ends) with the word. */
AL_CHECK al_code lexicon_may_have_edge(lexicon *l, al_slice word, bool ends, bool *ret,
                                       al_err *err);
/* The number of a value. AL_NOT_FOUND. */
AL_CHECK al_code lexicon_find(lexicon *l, al_slice text, uint32_t *ret, al_err *err);
/* All values by chunks; what is given out is valid until the last unref. */
uint32_t lexicon_chunks(const lexicon *l);
AL_CHECK al_code lexicon_chunk(lexicon *l, uint32_t i, lex_chunk *ret, al_err *err);
/* Calls `fn` for each block of each template, of each value of a chunk: by number, then by block;
 * `wanted` has a bit for each number (of all values), NULL: all are.
 * What it was told before AL_CORRUPT is of no use. */
AL_CHECK al_code lexicon_template_blocks(lexicon *l, const uint64_t *wanted, lex_posting_fn *fn,
                                         void *ctx, al_err *err);
AL_CHECK al_code lexicon_value_blocks(lexicon *l, uint32_t chunk, const uint64_t *wanted,
                                      lex_posting_fn *fn, void *ctx, al_err *err);
/* Of each template two: bytes of the longest number that stands in a slot of it and in no lexicon
 * (0: none does; 255: or more), and of the longest with a point. Valid until the last unref. */
AL_CHECK al_code lexicon_numbers(lexicon *l, const uint8_t **ret, al_err *err);
/* LEX_BLOCK_ flags of a block. */
AL_CHECK al_code lexicon_block_flags(lexicon *l, uint32_t block, uint32_t *ret, al_err *err);
/* Reads everything once. */
AL_CHECK al_code lexicon_check(lexicon *l, al_err *err);

AL_DEFINE_CLEANUP(lexicon, lexicon_unref);
