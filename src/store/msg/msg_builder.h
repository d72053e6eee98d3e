#pragma once
/* msg_builder.h: the messages of a block as templates and streams of slots, one stream for each
 * slot of each template (doc/format.md section 4, kinds 6, 7 and 13). One thread; made once, used
 * for many blocks. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/lex/lex_builder.h"

typedef struct msg_builder msg_builder;

/* NULL without memory. */
msg_builder *msg_builder_new(void);
msg_builder *msg_builder_free(msg_builder *b);
/* Adds the message of the next row (copied); at most BLOCK_ROWS_MAX. AL_NOMEM, AL_LIMIT (bytes):
 * start over with msg_builder_clear. */
AL_CHECK al_code msg_builder_add(msg_builder *b, al_slice message);
/* Where the encoded parts are appended: columns of their own (unless they stay empty), so that who
 * asks which template a row has reads no slots; or `map` and `slots` are the same buffer. */
typedef struct msg_column {
    al_buf *map;   /* heads, and the template of each row */
    al_buf *slots; /* numbers */
    al_buf *text;  /* what the lexicon did not take */
} msg_column;

/* With the numbers of `lex`, on which lex_builder_block was called for this block. `ret_rows`:
 * which of the column's *ret_templates templates each row has; may be NULL. Clears the builder.
 * AL_NOMEM, AL_LIMIT. */
AL_CHECK al_code msg_builder_encode(msg_builder *b, lex_builder *lex, const msg_column *to,
                                    uint16_t *ret_rows, uint32_t *ret_templates);
/* As msg_builder_encode for values of a field in place of messages. */
AL_CHECK al_code msg_builder_encode_field(msg_builder *b, lex_builder *lex, const msg_column *to);
void msg_builder_clear(msg_builder *b);

AL_DEFINE_CLEANUP(msg_builder, msg_builder_free);
