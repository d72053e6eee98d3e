#pragma once
/* format.h: every byte constant of doc/format.md. No code. */

enum {
    FMT_VERSION = 4,

    /* File and part magics, as little-endian words of the letters in the comment. */
    FMT_MAGIC_ROOT = 0x52524c41,      /* "ALRR" */
    FMT_MAGIC_LOG = 0x474c4c41,       /* "ALLG" */
    FMT_MAGIC_LOG_END = 0x454c4c41,   /* "ALLE" */
    FMT_MAGIC_FRAME = 0x52464c41,     /* "ALFR" */
    FMT_MAGIC_MANIFEST = 0x464d4c41,  /* "ALMF" */
    FMT_MAGIC_SEGMENT = 0x47534c41,   /* "ALSG" */
    FMT_MAGIC_FOOTER = 0x54464c41,    /* "ALFT" */
    FMT_MAGIC_POSITIONS = 0x53504c41, /* "ALPS" */
    FMT_MAGIC_BLOCK = 0x4b424c41,     /* "ALBK" */

    FMT_HEADER_BYTES = 64,
    FMT_FRAME_HEADER_BYTES = 32,
    FMT_FOOTER_BYTES = 56,
    FMT_BLOCK_ENTRY_BYTES = 56,
    FMT_BLOCK_FIXED_BYTES = 52, /* of a block's header, before its columns */
    FMT_SUMMARY_BYTES = 112,

    FMT_FRAME_DATA = 1,
    FMT_FRAME_CHECKPOINT = 2,

    FMT_COL_IDS = 1,
    FMT_COL_TIMES = 2,
    FMT_COL_MESSAGE = 3,
    FMT_COL_SHAPES = 4,
    FMT_COL_FIELD = 5,
    FMT_COL_TEMPLATES =
        6,              /* messages with a lexicon, in place of FMT_COL_MESSAGE: which template */
    FMT_COL_TEXTS = 7,  /* ... what the lexicon did not take of them */
    FMT_COL_TUPLES = 8, /* with a lexicon: which tuple each row has */
    FMT_COL_ROW_SHAPES = 9, /* ... and which shape, in place of the end of FMT_COL_SHAPES */
    FMT_COL_HOMED = 10,     /* ... in place of FMT_COL_FIELD: strings that the lexicon has whole, */
    FMT_COL_HOMED_SPLIT = 11,   /* or as templates and slots, */
    FMT_COL_HOMED_OUTSIDE = 12, /* or other values too */
    FMT_COL_SLOTS = 13,         /* with FMT_COL_TEMPLATES: the values of slots */

    FMT_SEG_OFF = 1, /* flags of a segment summary */
    FMT_SEG_QUARANTINED = 2,
    FMT_SEG_POSITIONS = 4,

    /* Flag words this build knows; any other incompat bit: AL_TOO_NEW. */
    FMT_COMPAT_KNOWN = 0,
    FMT_INCOMPAT_KNOWN = 0,
};
