#pragma once
/* msg_view.h: reads what msg_builder wrote: all messages of a block, one of them, the rows of a
 * template, or a stream by itself. One thread at a time.
 *
 * Everything is AL_CORRUPT when bytes or numbers do not fit, AL_NOMEM without memory, or what the
 * lexicon returns. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/codec/packed.h"
#include "store/lex/lexicon.h"
#include "store/msg/msg_format.h"

/* The values of one slot of a template in the rows that have it, in order of rows. */
typedef struct msg_stream {
    uint8_t kind;  /* MSG_STREAM_ */
    uint8_t width; /* bits of a number; with a list, of a reference */
    uint8_t aux_width;
    uint32_t n;
    uint64_t base; /* added to each number */
    uint64_t aux_base;
    const uint8_t *numbers; /* bit-packed; lengths for MSG_STREAM_TEXT; NULL: they take no bits */
    const uint8_t *aux;   /* lengths of MSG_STREAM_DIGITS, scales of MSG_STREAM_SCALED; also NULL */
    const uint64_t *list; /* NULL, or the numbers that occur, ascending */
    uint32_t n_list;
    al_slice text;        /* of MSG_STREAM_TEXT */
    const uint32_t *ends; /* of MSG_STREAM_TEXT: where each ends in it */
} msg_stream;

/* A template that occurs in the block. */
typedef struct msg_template {
    uint32_t number; /* in the lexicon; 0: messages that are one slot */
    uint32_t n_rows;
    uint32_t n_slots; /* with what follows: once msg_view_template was asked */
    al_slice text;    /* with a MSG_MARK for each slot */
    const msg_stream *streams;
    const uint32_t *marks; /* where each slot stands in `text` */
    al_slice heads;        /* encoded */
    al_slice data;
} msg_template;

/* What the slots of a column say, when one is first asked for: bytes that stay. */
typedef al_code msg_load_fn(void *ctx, al_slice *ret_slots, al_slice *ret_text, al_err *err);

typedef struct msg_view {
    al_arena *arena; /* the caller's: what is given out lives there */
    lexicon *lex;
    uint32_t n_rows;
    uint64_t raw_bytes; /* of all messages */
    uint32_t n_templates;
    packed heads; /* encoded templates and streams */
    al_slice stored_heads;
    msg_load_fn *load; /* NULL: `data` and `text` are there */
    void *load_ctx;
    al_slice data; /* numbers of slots */
    al_slice text; /* column of texts */
    bool has_data; /* then: each template has its own */
    packer *pack;
    bool has_heads; /* then: `templates` is there */
    msg_template *templates;
    unsigned width; /* bits of a row's template */
    const uint8_t *map;
    uint16_t *row_template; /* NULL: not unpacked */
    uint16_t *row_rank;
    uint32_t *row_counts; /* of each template */
    al_slice *messages;   /* NULL: not decoded */
} msg_view;

/* Looks at a column of `n_rows` rows, slots behind the map; everything borrowed until the view is
 * not used any more. */
AL_CHECK al_code msg_view_open(msg_view *v, al_slice column, al_slice text, uint32_t n_rows,
                               lexicon *lex, packer *pack, al_arena *arena, al_err *err);
/* As msg_view_open for a column that has its slots elsewhere. */
AL_CHECK al_code msg_view_open_map(msg_view *v, al_slice map, msg_load_fn *load, void *load_ctx,
                                   uint32_t n_rows, lexicon *lex, packer *pack, al_arena *arena,
                                   al_err *err);
/* Its templates, n_templates of them. */
AL_CHECK al_code msg_view_templates(msg_view *v, const msg_template **ret, al_err *err);
/* All messages, by row. */
AL_CHECK al_code msg_view_all(msg_view *v, const al_slice **ret, al_err *err);
/* The message of one row, in the arena. */
AL_CHECK al_code msg_view_row(msg_view *v, uint32_t row, al_slice *ret, al_err *err);
/* Which of the rows of its template each row is, from 0. */
AL_CHECK al_code msg_view_row_ranks(msg_view *v, const uint16_t **ret, al_err *err);
/* The template of one row: an index into v->templates. */
AL_CHECK al_code msg_view_template_of(const msg_view *v, uint32_t row, uint32_t *ret, al_err *err);
/* Which template each row has: an index into v->templates. */
AL_CHECK al_code msg_view_row_templates(msg_view *v, const uint16_t **ret, al_err *err);
/* The rows of template `i` of the block, ascending; templates[i].n_rows of them. */
AL_CHECK al_code msg_view_rows(msg_view *v, uint32_t i, const uint32_t **ret, al_err *err);
/* Template `i` of the block with its text and streams. */
AL_CHECK al_code msg_view_template(msg_view *v, uint32_t i, const msg_template **ret, al_err *err);
/* Appends all numbers of a stream of MSG_STREAM_INTS, _DIGITS or _SCALED as they are spelled, with
 * a
 * `\n` behind each. */
AL_CHECK al_code msg_stream_spell(msg_view *v, const msg_stream *s, al_buf *out, al_err *err);
/* Appends what slot value number `k` of a stream says. */
AL_CHECK al_code msg_stream_text(msg_view *v, const msg_stream *s, uint32_t k, al_buf *out,
                                 al_err *err);
/* The numbers of values k = 0 .. s->n - 1 of a stream that is not MSG_STREAM_TEXT, in `ret`;
 * for MSG_STREAM_VALUES all are below lexicon_values. */
AL_CHECK al_code msg_stream_numbers(const msg_view *v, const msg_stream *s, uint64_t *ret,
                                    al_err *err);
