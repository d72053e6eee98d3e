#pragma once
/* lexicon.h: reads what lex_builder wrote (doc/format.md section 9). Parts are read when they are
XX *
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

/* A block that has a template or a value, and in how many rows' messages (0: in fields only). */
typedef struct lex_block_rows {
    uint32_t block;
    uint32_t rows;
} lex_block_rows;

/* Reads the head. When it fails, source->done is not called. */
AL_CHECK al_code lexicon_open(const lex_source *source, lexicon **ret, al_err *err);
lexicon *lexicon_ref(lexicon *l);
lexicon *lexicon_unref(lexicon *l);
size_t lexicon_bytes(const lexicon *l); /* memory it holds now */

uint32_t lexicon_templates(const lexicon *l);
uint32_t lexicon_values(const lexicon *l);
uint32_t lexicon_blocks(const lexicon *l);

/* Bytes in the file, for inspection. */
typedef struct lexicon_parts {
    uint64_t templates;
    uint64_t template_postings; /* and blocks */
    uint64_t values;
    uint64_t value_postings;
    uint64_t fingers;
} lexicon_parts;
lexicon_parts lexicon_parts_of(const lexicon *l);

/* Template i, with a MSG_MARK (split.h) for each slot; valid until the last unref. */
AL_CHECK al_code lexicon_template(lexicon *l, uint32_t i, al_slice *ret, al_err *err);
/* Value i; valid until the last unref. */
AL_CHECK al_code lexicon_value(lexicon *l, uint32_t i, al_slice *ret, al_err *err);
/* The number of a value. AL_NOT_FOUND. */
AL_CHECK al_code lexicon_find(lexicon *l, al_slice text, uint32_t *ret, al_err *err);
/* Sets bit i of `set` (lexicon_values bits, cleared by the caller) for each value that holds
 * `needle`. `fold`: letters are equal in either case; where bytes from 0x80 are in the needle or in
 * the value (case may change lengths there) the answer is yes. An empty needle is in all. */
AL_CHECK al_code lexicon_containing(lexicon *l, al_slice needle, bool fold, uint64_t *set,
                                    al_err *err);
/* The blocks that have value or template i, ascending; appended to `out` as lex_block_rows. */
AL_CHECK al_code lexicon_value_blocks(lexicon *l, uint32_t i, al_buf *out, al_err *err);
AL_CHECK al_code lexicon_template_blocks(lexicon *l, uint32_t i, al_buf *out, al_err *err);
/* LEX_BLOCK_ flags of a block. */
AL_CHECK al_code lexicon_block_flags(lexicon *l, uint32_t block, uint32_t *ret, al_err *err);
/* Reads everything once. */
AL_CHECK al_code lexicon_check(lexicon *l, al_err *err);

AL_DEFINE_CLEANUP(lexicon, lexicon_unref);
