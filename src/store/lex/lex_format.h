#pragma once
/* lex_format.h: limits and constants of a lexicon (doc/format.md section 9). No code. */
#include <stdint.h>

enum {
    LEX_MAGIC = 0x584c4c41, /* "ALLX" */

    /* A segment's lexicon takes no more than this; what comes later stays in the blocks as text.
     * Together they bound the builder's memory: at 1 M rows of mixed services it takes a third. */
    LEX_VALUES_MAX = 512 << 10,
    LEX_TEXT_BYTES_MAX = 16 << 20, /* of all values */
    LEX_VALUE_BYTES_MAX = 256,     /* a longer one is not looked for by its whole */
    LEX_TEMPLATES_MAX = 16 << 10,
    LEX_TEMPLATES_FREE =
        8 << 10, /* behind them, only templates that a block uses twice are taken */
    LEX_TEMPLATE_BYTES_MAX = 4 << 20, /* of all templates */
    LEX_POSTINGS_MAX = 2 << 20, /* (value or template, block) pairs; then nothing new is taken */
    LEX_BLOCKS_MAX = 1 << 20,

    LEX_CHUNK_VALUES = 2048, /* decoded together: about 40 KB */
    LEX_CHUNKS_MAX = LEX_VALUES_MAX / LEX_CHUNK_VALUES,
    LEX_CHUNK_BYTES_MAX = LEX_CHUNK_VALUES * (LEX_VALUE_BYTES_MAX + 2),
    /* A pair takes a count, a block and rows at most, of five bytes each. */
    LEX_POSTING_BYTES_MAX = (LEX_POSTINGS_MAX + LEX_BLOCKS_MAX) * 15,
    LEX_SIEVE_BYTES_MAX = 32 << 20,   /* all filters together */
    LEX_OUTSIDE_BYTES_MAX = 32 << 20, /* ... of what stands in blocks alone */
    LEX_OUTSIDE_KEYS_MAX =
        32 << 10, /* of one block; with more than some three quarters of it none */
    LEX_LETTER_KEYS_MAX = 64 << 10, /* of all values; with more there is no filter of letters */
    LEX_HEAD_BYTES_MAX = 64 << 10,
    LEX_PART_BYTES_MAX = LEX_POSTING_BYTES_MAX,
    LEX_BYTES_MAX = 128 << 20, /* encoded, in all */

    LEX_IS_PLAIN = 1, /* flag of the lexicon: all templates are lex_template_is_plain */

    LEX_USE_WHOLE = 1, /* how fields of a block use a value: as it is, */
    LEX_USE_SPLIT = 2, /* or in a text that is taken apart (templates: always) */
    LEX_USE_BITS = 2,  /* below the number of rows */

    /* Flags of a block: texts that the lexicon did not take, in messages, in strings of fields. */
    LEX_BLOCK_HAS_TEXT = 1,
    LEX_BLOCK_HAS_FIELD_TEXT = 2,
};

#define LEX_NONE UINT32_MAX /* no such value */

_Static_assert(LEX_VALUES_MAX % LEX_CHUNK_VALUES == 0, "chunks are full but for the last");
